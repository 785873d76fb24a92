import msgspec
import pytest

from tests.routing.scenes import TALE, Scene, answer, asks, call, provider, refusal, streamed, text, thought, whole
from tests.routing.scripted import Notes, ask
from wallas.types.chat import Seal, StopReason, Text
from wallas.types.events import Finished

SIGNED = answer(thought(seal=Seal(value="sig")), call(), reason=StopReason.TOOL_CALLS)


class Full(Notes):
    """A journal whose disk is full."""

    def keep_response(self, request, response):
        raise OSError("disk full")

    def keep_seals(self, kept):
        raise OSError("disk full")


@pytest.mark.parametrize("stream", [True, False])
def test_a_response_is_committed_before_the_end_of_its_answer(stream):
    body = streamed(text()) if stream else whole(text())
    scene = Scene(ask(stream=stream), provider("one", body), keep_response=True)
    while not scene.notes.responses:
        scene.data += scene.stream.step()
        assert b"message_stop" not in scene.data or scene.notes.responses
    scene.play()
    ((request, response),) = scene.notes.responses
    assert request == scene.request and response.message.parts == (Text(text=TALE),) and response.id == "id1"


@pytest.mark.parametrize("hold", ["part", "turn"])
def test_seals_are_committed_by_tool_call(hold):
    scene = Scene(asks(), provider("one", streamed(SIGNED)), keep_seals=True, hold=hold)
    scene.play()
    (kept,) = scene.notes.kept.values()
    assert kept.thinking[0].seal == Seal(issuer="one/m@acc", value="sig")


def test_without_seals_nothing_is_committed():
    scene = Scene(asks(), provider("one", streamed(text())), keep_seals=True)
    scene.play()
    assert scene.notes.kept == {} and scene.notes.responses == []


@pytest.mark.parametrize("stream", [True, False])
def test_an_answer_that_cannot_be_kept_goes_out_and_says_so(stream, caplog):
    body = streamed(text()) if stream else whole(text())
    scene = Scene(ask(stream=stream), provider("one", body), wire="openai_responses", notes=Full(), keep_response=True)
    scene.play()
    assert scene.status == 200 and scene.record.outcome == "ok" and "could not be kept" in caplog.text
    assert b'"store":false' in scene.data
    if stream:
        assert isinstance(scene.out.events[-1], Finished)


def test_seals_that_cannot_be_kept_cost_no_answer(caplog):
    scene = Scene(asks(), provider("one", streamed(SIGNED)), notes=Full(), keep_seals=True)
    scene.play()
    assert scene.heard.message.parts[-1] == call() and scene.record.outcome == "ok"


def test_an_answer_of_several_attempts_is_kept_as_the_client_saw_it():
    scene = Scene(ask(), provider("one", refusal(500)), provider("two", streamed(text())), keep_response=True)
    scene.play()
    assert scene.notes.responses[0][1].message.parts == (Text(text=TALE),)


def test_a_failed_request_keeps_nothing():
    scene = Scene(ask(), provider("one", refusal(400)), keep_response=True)
    scene.play()
    assert scene.notes.responses == []


def test_the_head_tells_what_a_client_may_want_to_know():
    scene = Scene(
        ask(), provider("one", refusal(500)), provider("two", streamed(text())), profile="añil", dropped=("x",)
    )
    scene.play()
    head = scene.headers
    assert head["Content-Type"].startswith("text/event-stream") and head["Cache-Control"] == "no-cache"
    assert (head["X-Request-Id"], head["request-id"], head["X-Wallas-Profile"]) == ("req", "req", "a?il")
    assert head["X-Wallas-Dropped"] == "x" and head["X-Wallas-Trail"].startswith("one/m server 0ms, two/m answering")
    assert float(head["X-Wallas-Overhead-Ms"]) == 0


@pytest.mark.parametrize(
    ("wire", "status", "told"),
    [("anthropic", 529, 529), ("openai_chat", 503, 503), ("ollama", 503, 503), ("gemini", 503, 503)],
)
def test_when_all_are_down_each_wire_has_its_own_status(wire, status, told):
    scene = Scene(ask(), provider("one", refusal(503, retry_after="20")), wire=wire)
    scene.play()
    assert scene.status == told and scene.record.status == 503 and scene.headers["Retry-After"] == "20"
    assert scene.headers["Content-Length"] == str(len(scene.data))
    assert msgspec.json.decode(scene.data)


def test_a_status_that_has_no_name_is_an_error():
    from wallas.errors import GatewayError

    scene = Scene(ask(), provider("one", GatewayError("odd", status=599)))
    scene.play()
    assert scene.stream.head[0] == "599 Error"


def test_a_request_is_booked_once_with_its_time():
    scene = Scene(ask(), provider("one", streamed(text())))
    scene.stream.step()
    scene.clock.now += 2
    scene.play()
    assert scene.record.ms == 2000
    scene.attempts.closing.book("again", 1)
    assert len(scene.notes.records) == 1
