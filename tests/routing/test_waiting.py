import pytest

from tests.routing.scenes import Clock, Hanging, refusal, streamed, text
from tests.routing.scripted import ScriptedProvider, ask, candidate, desk, stream_of
from wallas.errors import FailureKind
from wallas.health import Health
from wallas.routing.candidates import Excluded, Selection
from wallas.routing.waiting import TURN_SECONDS, Pause, WaitingRoom


def waiting(clock, *scripts, wait, seconds=3.0, at=None):
    """Return a stream whose only candidate rests for some seconds, then comes back."""
    one = candidate(ScriptedProvider("one", "anthropic", *scripts))
    back = clock.now + seconds

    def again(*, patient=True):
        if clock.now >= back:
            return Selection([one], [])
        return Selection([], [Excluded(one.model, one.key, "resting: rate_limit", back - clock.now)])

    at = at or desk(clock=clock, health=Health(clock=clock))
    stream = stream_of(ask(), [], wire="anthropic", at=at, wait=wait, again=again, excluded=again().excluded)
    return stream, at


def steps(stream, clock):
    out = stream.step()
    while stream.want != "end":
        if stream.want == "read" and isinstance(stream.body, Pause):
            clock.now = stream.alarm()
            out += stream.tick(clock.now)
        else:
            out += stream.step()
    return out


def test_a_short_wait_is_waited_and_answered():
    clock = Clock()
    stream, at = waiting(clock, streamed(text()), wait=10.0)
    assert b"message_stop" in steps(stream, clock)
    assert stream.head[0] == "200 OK" and at.room.taken == 0


@pytest.mark.parametrize("wait", [0.0, 2.0])
def test_a_wait_beyond_the_patience_is_refused_at_once_with_the_time(wait):
    clock = Clock()
    stream, _ = waiting(clock, wait=wait)
    began = clock.now
    steps(stream, clock)
    assert stream.head[0].startswith("429") and ("Retry-After", "3") in stream.head[1]
    assert clock.now == began


def test_a_full_room_is_refused_at_once():
    clock = Clock()
    at = desk(clock=clock, health=Health(clock=clock))
    at.room = WaitingRoom(most=0)
    stream, _ = waiting(clock, wait=10.0, at=at)
    steps(stream, clock)
    assert stream.head[0].startswith("429")


def test_whoever_leaves_while_waiting_gives_the_seat_back():
    clock = Clock()
    stream, at = waiting(clock, wait=10.0)
    while not isinstance(stream.body, Pause):
        stream.step()
    pause = stream.body
    assert at.room.taken == 1 and pause.pending() == 0 and pause.fileno() >= 0
    stream.close()
    assert at.room.taken == 0 and pause.fileno() == -1


def test_a_limit_met_on_the_way_is_waited_for_too():
    clock = Clock()
    at = desk(clock=clock, health=Health(clock=clock))
    one = candidate(ScriptedProvider("one", "anthropic", refusal(429, **{"retry-after": "2"}), streamed(text())))

    def again(*, patient=True):
        rest = at.health.resting(one.place, free=True)
        if rest is None:
            return Selection([one], [])
        return Selection([], [Excluded(one.model, one.key, "resting: rate_limit", rest.until - clock.now)])

    stream = stream_of(ask(), [one], wire="anthropic", at=at, wait=10.0, again=again)
    assert b"message_stop" in steps(stream, clock)
    assert [hop.outcome for hop in at.journal.records[0].hops] == [FailureKind.RATE_LIMIT.name.lower(), "ok"]


def test_what_attempts_took_is_not_taken_from_the_time_that_may_be_waited():
    clock = Clock()
    at = desk(clock=clock, health=Health(clock=clock))
    slow = candidate(ScriptedProvider("slow", "anthropic", Hanging()), capabilities=frozenset({"chat"}))
    one = candidate(ScriptedProvider("one", "anthropic", streamed(text())))
    back = clock.now + 26

    def again(*, patient=True):
        if clock.now >= back:
            return Selection([one], [])
        return Selection([], [Excluded(one.model, one.key, "quota: rpm used up", back - clock.now)])

    stream = stream_of(ask(), [slow], wire="anthropic", at=at, wait=10.0, again=again)
    while stream.want != "end":
        if stream.want == "read" and (isinstance(stream.body, Pause) or getattr(stream.body, "silent", False)):
            clock.now = stream.alarm()
            stream.tick(clock.now)
        else:
            stream.step()
    assert [(hop.outcome, round(hop.ms / 1000)) for hop in at.journal.records[0].hops] == [("timeout", 20), ("ok", 0)]


def test_a_clients_requests_go_on_in_the_order_in_which_they_came_and_clients_do_not_stand_behind_each_other():
    room = WaitingRoom()
    assert room.enter("mine", came=5.0) == 0
    assert room.enter("mine", came=7.0) == TURN_SECONDS
    assert room.enter("mine", came=9.0) == 2 * TURN_SECONDS
    assert room.enter("yours", came=8.0) == 0
    room.leave("mine", came=5.0)
    assert room.enter("mine", came=6.0) == 0  # it has waited before: its turn is by when it came
    for client, came in (("mine", 6.0), ("mine", 7.0), ("mine", 9.0), ("yours", 8.0)):
        room.leave(client, came=came)
    assert room.taken == 0 and room.lines == {}
