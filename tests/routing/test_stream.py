"""One answer as a stream: its clocks, its client's departure, and how stock servers iterate it."""

import socket
import threading
import time

import pytest

from tests.routing.scenes import (
    TALE,
    Clock,
    Hanging,
    Scene,
    answer,
    asks,
    call,
    cut,
    frames,
    going_on,
    provider,
    refusal,
    streamed,
    text,
    thought,
    until,
    whole,
)
from tests.routing.scripted import ScriptedBody, ScriptedProvider, ask, candidate
from wallas.errors import FailureKind, ProviderError
from wallas.health import Place
from wallas.routing.stream import PROBE
from wallas.settings import Timeouts
from wallas.types.chat import StopReason, Text

HERE = Place("one", "m", "k1")
QUICK = frozenset({"chat", "tools"})


def quick(name, *scripts):
    """Return a candidate that does not think."""
    return candidate(ScriptedProvider(name, "anthropic", *scripts), capabilities=QUICK)


def begun(words="the 6th"):
    """Return what a provider says up to some words."""
    return b"".join(frames(text())[: until(words, text())])


def test_a_waiting_client_hears_something_after_ten_seconds_and_the_content_is_still_free():
    scene = Scene(ask(), provider("one", Hanging()), provider("two", streamed(text())), wire="openai_chat")
    scene.stream.step()
    scene.stream.step()
    start = scene.clock.now
    assert scene.stream.alarm() == start + 10 and scene.stream.head is None
    assert scene.stream.tick(start + 9.9) == b""
    scene.clock.now = start + 10
    assert scene.stream.tick(scene.clock.now) == b": keep-alive\n\n"
    assert scene.status == 200 and "X-Wallas-Provider" not in scene.headers
    scene.play()
    assert scene.words == TALE and scene.outcomes == ["timeout", "ok"]
    assert scene.out.pings == 8


@pytest.mark.parametrize(("wire", "event"), [("openai_chat", b'"code":"timeout"'), ("anthropic", b"event: error")])
def test_once_a_keep_alive_has_fixed_the_status_an_error_is_the_wires_event(wire, event):
    scene = Scene(ask(), provider("one", Hanging()), wire=wire)
    data = scene.play()
    assert scene.status == 200 and event in data and scene.record.status == 504


@pytest.mark.parametrize(
    ("capabilities", "stream", "limit"),
    [(QUICK, True, 5), (QUICK | {"reasoning"}, True, 90), (QUICK, False, 46), (QUICK | {"reasoning"}, False, 300)],
)
def test_a_first_word_is_due_within_its_limit(capabilities, stream, limit):
    late = candidate(ScriptedProvider("one", "anthropic", Hanging()), capabilities=capabilities)
    scene = Scene(ask(stream=stream), late, provider("two", streamed(text()) if stream else whole(text())))
    start = scene.clock.now
    scene.play()
    assert scene.clock.now == pytest.approx(start + limit, abs=0.01)
    assert scene.outcomes == ["timeout", "ok"] and scene.record.hops[0].ms == pytest.approx(limit * 1000, rel=0.001)
    assert scene.health.circuits[HERE].failures == 1


def test_a_first_word_is_waited_for_longer_where_nobody_else_could_answer():
    scene = Scene(ask(), quick("one", Hanging()))
    start = scene.clock.now
    scene.play()
    assert scene.clock.now == pytest.approx(start + 20) and scene.record.status == 504


def test_a_provider_may_have_limits_of_its_own():
    one = provider("one", Hanging())
    one.provider.timeouts = Timeouts(first_token_reasoning=3)
    scene = Scene(ask(), one, provider("two", streamed(text())))
    start = scene.clock.now
    scene.play()
    assert scene.clock.now == start + 3


def test_silence_in_mid_stream_is_a_stall_and_the_text_goes_on_elsewhere():
    scene = Scene(ask(), quick("one", Hanging(begun())), quick("two", going_on(text(""))))
    start = scene.clock.now
    scene.play()
    assert scene.words == TALE and scene.outcomes == ["stalled", "ok"]
    assert scene.clock.now == start + 30 and scene.out.pings == 2


class Dripping(ScriptedBody):
    """A body that says something every second, and never anything that counts."""

    def __init__(self, clock, data, drop):
        super().__init__(data, fault=cut())
        self.clock = clock
        self.drop = drop

    def pending(self):
        return 0

    def read(self):
        if self.failed is None and not self.chunks:
            self.clock.now += 1
            return self.drop
        return super().read()


@pytest.mark.parametrize("drop", [b": comment\n\n", b'event: ping\ndata: {"type":"ping"}\n\n', b""])
def test_only_content_puts_a_limit_off(drop):
    clock = Clock()
    scene = Scene(ask(), quick("one", Dripping(clock, begun(), drop)), quick("two", going_on(text(""))), clock=clock)
    start = clock.now
    while scene.attempts.record.hops[-1:] == [] or scene.attempts.record.hops[-1].provider == "one":
        scene.data += scene.stream.step()
        scene.data += scene.stream.tick(clock.now) if clock.now >= scene.stream.alarm() else b""
        assert clock.now <= start + 31
    scene.play()
    assert scene.words == TALE and scene.outcomes == ["stalled", "ok"]


def test_arguments_that_are_held_back_are_content():
    said = answer(call('{"city":"' + "x" * 200 + '"}'), reason=StopReason.TOOL_CALLS)
    clock = Clock()

    class Slow(ScriptedBody):
        def read(self):
            clock.now += 25
            return super().read()

    body = Slow(b"".join(frames(said)), size=300)
    scene = Scene(asks(), quick("one", body), quick("two"), clock=clock)
    scene.play()
    assert scene.outcomes == ["ok"]


def test_out_of_time_before_content_is_504_and_nobodys_fault():
    second = provider("two")
    scene = Scene(ask(), provider("one", Hanging()), second, wire="openai_chat", total=5.0)
    start = scene.clock.now
    scene.play()
    assert scene.clock.now == start + 5 and scene.status == 504 and scene.error["code"] == "timeout"
    assert second.provider.requests == [] and not scene.health.circuits


def test_out_of_time_in_mid_stream_is_an_error_event():
    scene = Scene(ask(), provider("one", Hanging(begun())), provider("two"), total=50.0)
    scene.play()
    assert scene.record.outcome == "stream_interrupted" and not scene.health.circuits
    assert b"message_stop" not in scene.data


def test_out_of_time_of_a_plain_request_is_504():
    scene = Scene(ask(stream=False), provider("one", Hanging()), wire="openai_chat", total=50.0)
    scene.play()
    assert scene.status == 504


def test_a_continuation_that_would_come_too_late_is_not_begun():
    second = quick("two")
    scene = Scene(ask(), quick("one", Hanging(begun())), second, total=33.0)
    scene.play()
    assert second.provider.requests == [] and scene.outcomes == ["stalled"]


def test_an_answer_ends_before_the_process_does():
    left = [None]
    scene = Scene(ask(), provider("one", Hanging(begun())), provider("two"), ending=lambda: left[0])
    scene.stream.step()
    scene.data += scene.stream.step()
    left[0] = 1.0
    scene.data += scene.stream.tick(scene.clock.now)
    scene.play()
    assert b"event: error" in scene.data and b"message_stop" not in scene.data and not scene.health.circuits


@pytest.mark.parametrize("steps", range(12))
@pytest.mark.parametrize("hold", ["part", "turn"])
def test_a_client_that_leaves_ends_it_at_once_and_nobody_is_blamed(steps, hold):
    body = ScriptedBody(b"".join(frames(text())), size=120)
    body.pending = lambda: 0
    second = provider("two")
    scene = Scene(ask(), provider("one", body), second, hold=hold)
    scene.play(cancel_after=steps)
    assert scene.record.outcome == "cancelled" and scene.record.status == 499
    assert scene.outcomes == (["cancelled"] if steps else [])
    assert body.aborted or steps < 2
    assert second.provider.requests == [] and not scene.health.circuits and not scene.health.rests


def test_a_probe_that_a_leaving_client_carried_is_given_back():
    one = provider("one", Hanging())
    scene = Scene(ask(), one)
    for _ in range(5):
        scene.health.failed(one.place, ProviderError(FailureKind.SERVER))
    scene.clock.now += 31
    scene.play(cancel_after=2)
    assert scene.health.claim(one.place)


def test_a_stream_may_be_closed_before_it_began_and_twice():
    scene = Scene(ask(), provider("one"))
    scene.stream.close()
    scene.stream.close()
    scene.check()
    assert scene.record.outcome == "cancelled" and scene.record.hops == []


def test_closing_never_raises_what_a_body_raises():
    class Stuck(Hanging):
        def abort(self):
            super().abort()
            raise OSError("already closed")

    scene = Scene(ask(), provider("one", Stuck()))
    scene.play(cancel_after=2)
    assert scene.record.outcome == "cancelled"


def test_a_connection_is_kept_when_the_body_has_ended():
    body = streamed(text())
    Scene(ask(), provider("one", body)).play()
    assert body.released and not body.aborted


class Trailing(ScriptedBody):
    """A body whose end comes after its end mark, or not at all."""

    def __init__(self, data, *tail):
        super().__init__(data)
        self.tail = list(tail)
        self.ended = False

    def pending(self):
        return 0

    @property
    def silent(self):
        return not self.chunks and not self.tail and self.failed is None

    def read(self):
        if self.failed:
            raise self.failed
        if self.chunks:
            return self.chunks.pop(0)
        if not self.tail:
            return b""
        said = self.tail.pop(0)
        if isinstance(said, Exception):
            raise said
        self.ended = said == b"0"
        return said


@pytest.mark.parametrize(
    ("tail", "kept"),
    [([b"", b": bye\n\n", b"0"], True), ([b"", cut()], False), ([b": bye\n\n"], False)],
)
def test_after_its_end_mark_a_body_is_read_out_for_a_moment(tail, kept):
    body = Trailing(b"".join(frames(text())), *tail)
    scene = Scene(ask(), provider("one", body))
    start = scene.clock.now
    scene.play()
    assert scene.words == TALE and scene.record.outcome == "ok" and scene.outcomes == ["ok"]
    assert body.released is kept and body.aborted is not kept
    assert scene.clock.now <= start + 1


def test_a_client_that_leaves_after_its_answer_is_whole_changes_nothing():
    body = Trailing(b"".join(frames(text())), b"more")
    scene = Scene(ask(), provider("one", body))
    scene.play(cancel_after=3)
    assert scene.record.outcome == "ok" and body.aborted


class SocketBody:
    """A provider's answer over a real socket: what is written into ``far`` is read here."""

    def __init__(self):
        self.near, self.far = socket.socketpair()
        self.near.setblocking(False)
        self.status = 200
        self.headers = {"content-type": "text/event-stream"}
        self.failed = None
        self.ended = self.aborted = self.released = False

    def fileno(self):
        return self.near.fileno()

    def pending(self):
        return 0

    def tap(self):
        return None

    def read(self):
        if self.failed:
            raise self.failed
        try:
            data = self.near.recv(65536)
        except BlockingIOError:
            return b""
        self.ended = not data
        return data

    def release(self):
        self.released = True
        self.close()

    def abort(self):
        self.aborted = True
        self.close()

    def close(self):
        self.near.close()
        self.far.close()


class Server:
    """A stock WSGI server: it iterates a stream in one thread and hears ``start_response``."""

    def __init__(self, scene, client=None, **bind):
        self.scene = scene
        self.heads = []
        self.stream = scene.stream.bind(lambda *head: self.heads.append(head), client, **bind)

    def serve(self):
        for data in self.stream:
            assert len(self.heads) == 1
            self.scene.data += data
        self.scene.check()
        return self.scene.data


def tell(body, data, *, after=0.02, end=True):
    """Write into a body's socket a moment later."""

    def write():
        body.far.sendall(data)
        if end:
            body.far.shutdown(socket.SHUT_WR)

    timer = threading.Timer(after, write)
    timer.start()
    return timer


def live(*bodies, request=None, timeouts=None, **plan):
    """Return a scene whose providers answer over sockets, in real time."""
    candidates = [quick(f"p{number}", body) for number, body in enumerate(bodies)]
    for one in candidates:
        one.provider.timeouts = timeouts or Timeouts()
    return Scene(request or ask(), *candidates, clock=time.monotonic, **plan)


def test_a_stock_server_iterates_it_and_learns_the_head_with_the_first_bytes():
    body = SocketBody()
    server = Server(live(body))
    timer = tell(body, b"".join(frames(text())))
    server.serve()
    timer.join()
    ((status, headers),) = server.heads
    assert status == "200 OK" and ("X-Wallas-Provider", "p0") in headers
    assert server.scene.words == TALE and body.released


def test_headers_of_hooks_go_into_the_head():
    scene = Scene(ask(), provider("one", streamed(text())))
    scene.stream.extra_headers = [("X-Own", "1")]
    server = Server(scene)
    server.serve()
    assert server.heads[0][1][-1] == ("X-Own", "1")


def test_waiting_in_a_thread_keeps_the_deadlines_too():
    first, second = SocketBody(), SocketBody()
    server = Server(live(first, second, timeouts=Timeouts(first_token=0.05)))
    timer = tell(second, b"".join(frames(text())), after=0.0)
    server.serve()
    timer.join()
    assert server.scene.outcomes == ["timeout", "ok"] and first.aborted and server.scene.words == TALE


@pytest.fixture
def client():
    near, far = socket.socketpair()
    yield near, far
    near.close()
    far.close()


def test_a_client_that_is_gone_is_noticed_while_the_provider_is_silent(client):
    near, far = client
    body = SocketBody()
    server = Server(live(body), near)
    timer = threading.Timer(0.02, far.close)
    timer.start()
    began = time.monotonic()
    server.serve()
    timer.join()
    assert time.monotonic() - began < 1 and server.stream.cancelled
    assert server.scene.record.outcome == "cancelled" and body.aborted
    assert [status for status, _ in server.heads] == ["499 Client Closed Request"]


def test_a_client_that_only_stopped_sending_is_probed_and_answered(client):
    near, far = client
    far.shutdown(socket.SHUT_WR)
    body = SocketBody()
    server = Server(live(body), near)
    timer = tell(body, b"".join(frames(text())), after=0.05)
    server.serve()
    timer.join()
    assert server.scene.words == TALE and far.recv(100) == PROBE


def test_a_half_closed_client_is_asked_once_and_then_left_in_peace(client):
    near, far = client
    far.shutdown(socket.SHUT_WR)
    body = SocketBody()
    scene = live(body)
    server = Server(scene, near)
    timers = [tell(body, begun(), after=1.1, end=False)]
    timers.append(tell(body, b"".join(frames(text()))[len(begun()) :], after=1.2))
    server.serve()
    for timer in timers:
        timer.join()
    assert scene.words == TALE and server.stream.half_closed and far.recv(100) == PROBE


@pytest.mark.parametrize(("http10", "probe"), [(False, b"1c\r\n"), (True, b"event: ping")])
def test_after_the_head_the_probe_is_the_protocols_own_ping(client, http10, probe):
    near, far = client
    body = SocketBody()
    scene = live(body)
    server = Server(scene, near, http10=http10)
    timers = [tell(body, begun(), after=0.0, end=False)]
    timers.append(threading.Timer(0.05, lambda: far.shutdown(socket.SHUT_WR)))
    timers[-1].start()
    timers.append(tell(body, b"".join(frames(text()))[len(begun()) :], after=0.12))
    server.serve()
    for timer in timers:
        timer.join()
    said = far.recv(100)
    assert scene.words == TALE and b"event: ping" in said and (said.startswith(probe) or not http10)


def test_an_old_client_is_sent_nothing_before_the_head(client):
    near, far = client
    far.shutdown(socket.SHUT_WR)
    body = SocketBody()
    server = Server(live(body), near, http10=True)
    timer = tell(body, b"".join(frames(text())), after=0.05)
    server.serve()
    timer.join()
    far.setblocking(False)
    with pytest.raises(BlockingIOError):
        far.recv(100)


def test_a_probe_that_cannot_be_written_means_that_the_client_is_gone():
    class Deaf:
        def __init__(self, real):
            self.real = real

        def fileno(self):
            return self.real.fileno()

        def sendall(self, data):
            raise BrokenPipeError

    near, far = socket.socketpair()
    far.shutdown(socket.SHUT_WR)
    body = SocketBody()
    server = Server(live(body), Deaf(near))
    server.serve()
    near.close()
    far.close()
    assert server.scene.record.outcome == "cancelled"


def test_a_client_socket_that_is_closed_already_is_not_watched():
    near, far = socket.socketpair()
    near.close()
    far.close()
    body = SocketBody()
    server = Server(live(body), near)
    timer = tell(body, b"".join(frames(text())))
    server.serve()
    timer.join()
    assert server.scene.words == TALE


def test_a_server_that_stops_iterating_cancels():
    body = SocketBody()
    scene = live(body)
    timer = tell(body, begun(), after=0.0, end=False)
    iterator = iter(Server(scene).stream)
    assert next(iterator)
    iterator.close()
    timer.join()
    scene.check()
    assert scene.record.outcome == "cancelled" and body.aborted


def test_a_thread_that_waits_sends_keep_alives():
    body = SocketBody()
    scene = live(body)
    scene.attempts.deadlines.ping_at = time.monotonic() + 0.03
    timer = tell(body, b"".join(frames(text())), after=0.1)
    Server(scene).serve()
    timer.join()
    assert scene.out.pings == 1 and scene.words == TALE


def test_refusals_and_thoughts_pass_through_a_stock_server_too():
    scene = Scene(ask(), provider("one", refusal(500)), provider("two", streamed(answer(thought(), Text(text=TALE)))))
    Server(scene).serve()
    assert scene.words == TALE


def patient(scene, *, latency):
    """Let the first of a scene have taken so long for its last whole answers."""
    place = Place("one", "m", "k1")
    scene.health.succeeded(place, latency=latency, tokens=50)
    return scene


@pytest.mark.parametrize(("latency", "limit"), [(1.0, 15), (5.0, 30)])
def test_a_whole_answer_is_waited_for_by_how_long_they_take_there_while_another_stands_by(latency, limit):
    scene = Scene(ask(stream=False), quick("one", Hanging()), quick("two", whole(text())))
    start = patient(scene, latency=latency).clock.now
    scene.play()
    assert scene.outcomes == ["timeout", "ok"]
    assert scene.clock.now - start == pytest.approx(limit, abs=0.5)


def test_a_whole_answer_is_not_given_up_early_where_nobody_stands_by():
    scene = Scene(ask(stream=False), quick("one", Hanging()))
    start = patient(scene, latency=1.0).clock.now
    scene.play()
    assert scene.clock.now - start >= 120
