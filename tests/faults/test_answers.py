"""U49, U50, U55 to U57, U59, U61 and U64: answers that are filtered, malformed or odd, and lists that lie."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import FakeProvider
from tests.faults.checks import TALE, is_tale, kept, passed_over
from tests.faults.clients import PROTOCOLS, complaint
from tests.faults.gateway import Gateway, table
from wallas.catalog.listing import MODELS_MOST, checked
from wallas.providers.registry import providers
from wallas.settings import load_settings
from wallas.simulated.script import Step, finish, raw, say, status, usage
from wallas.transport import Transport

FILTERED: dict[str, str] = {
    "openai": "content_filter",
    "responses": "incomplete",
    "anthropic": "refusal",
    "ollama": "content_filter",
    "generate": "content_filter",
    "gemini": "SAFETY",
}
"""How each protocol says that a filter ended the answer."""


def chunk(delta: dict[str, Any], **more: Any) -> Step:
    """Send a chat completion chunk; ``more`` goes into its choice."""
    choice = {"index": 0, "delta": delta, "finish_reason": None} | more
    return event({"choices": [choice]})


def event(fields: dict[str, Any]) -> Step:
    """Send an event with these fields beside the usual ones."""
    head = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return raw(b"data: " + json.dumps(head | fields).encode() + b"\n\n")


def whole(*choices: dict[str, Any], **head: Any) -> Step:
    """Answer plainly with these choices, each a message with its finish reason."""
    rows = [{"index": number, **choice} for number, choice in enumerate(choices)]
    return status(200, {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": rows} | head)


def said(reason: str = "stop", **message: Any) -> dict[str, Any]:
    """Return a plain answer's choice."""
    return {"message": {"role": "assistant", "content": None} | message, "finish_reason": reason}


DONE = raw(b"data: [DONE]\n\n")
STOP = chunk({}, finish_reason="stop")


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_U49_a_filter_before_the_first_word_is_told_and_nobody_else_is_asked(
    gateway: Gateway, protocol: str, stream: bool
) -> None:
    answer = kept(gateway, finish("content_filter"), protocol=protocol, stream=stream)
    assert answer.text == ""
    assert complaint(answer, protocol, reason=FILTERED[protocol]) is None


BLOCKED: dict[str, tuple[str, int, Any]] = {
    "U49-OpenAI-policy": (
        "openai",
        400,
        {"error": {"message": "The response was filtered", "type": "invalid_request_error", "code": "content_filter"}},
    ),
    "U49-Groq-policy": (
        "openai",
        400,
        {"error": {"message": "Your request was flagged by our moderation policy", "code": "content_policy_violation"}},
    ),
}


@pytest.mark.parametrize("row", BLOCKED)
def test_a_policy_that_refuses_the_request_is_told_and_nobody_else_is_asked(gateway: Gateway, row: str) -> None:
    wire, code, refusal = BLOCKED[row]
    one, two = gateway.provider(wire), gateway.provider()
    one.will(status(code, refusal))
    answer = gateway.ask(one, two)
    assert (answer.status, answer.error["code"]) == (400, "content_filter")
    assert gateway.attempts(answer) == [(one.name, "content_filter")]
    assert one.rest() is None and one.counts() == (0, 0) and not two.requests


@pytest.mark.parametrize("stream", [True, False])
def test_U49_a_prompt_that_gemini_blocks_is_a_filtered_answer(gateway: Gateway, stream: bool) -> None:
    blocked = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 4}}
    steps = raw(b"data: " + json.dumps(blocked).encode() + b"\r\n\r\n") if stream else status(200, blocked)
    answer = kept(gateway, steps, wire="gemini", stream=stream)
    assert complaint(answer, "openai", reason="content_filter") is None


@pytest.mark.parametrize("stream", [True, False])
def test_U49_a_refusal_is_an_answer(gateway: Gateway, stream: bool) -> None:
    steps: tuple[Step, ...] = (chunk({"role": "assistant", "refusal": "I cannot help with that."}), STOP, DONE)
    if not stream:
        steps = (whole(said(refusal="I cannot help with that.")),)
    answer = kept(gateway, *steps, stream=stream)
    assert b"I cannot help with that." in answer.data
    assert complaint(answer, "openai") is None


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("wire", ["openai", "anthropic", "gemini"])
def test_U50_a_filter_in_mid_stream_ends_the_answer(gateway: Gateway, protocol: str, wire: str) -> None:
    answer = kept(gateway, say(TALE[:60], finish=None), finish("content_filter"), protocol=protocol, wire=wire)
    assert answer.text == TALE[:60]
    due = "refusal" if wire == "anthropic" and protocol in ("ollama", "generate") else FILTERED[protocol]
    assert complaint(answer, protocol, reason=due) is None


def test_U55_one_answer_where_two_were_asked_for_is_filled_up(gateway: Gateway) -> None:
    one, two = gateway.provider(), gateway.provider(kind="steady")
    one.will(say(TALE))
    one.will(say(TALE))
    spoken = PROTOCOLS["openai"]
    counting = type(spoken)(
        **vars(spoken) | {"plain": lambda body: spoken.plain(body | {"choices": body["choices"][:1]})}
    )
    body = {**spoken.body(), "model": one.model, "models": [two.model], "n": 2}
    answer = gateway.call(counting, "/v1/chat/completions", body, stream=False)
    assert len(json.loads(answer.data)["choices"]) == 2
    assert gateway.attempts(answer) == [(one.name, "ok"), (one.name, "ok")]
    assert "n" not in one.requests[1].json and not two.requests


def test_U55_a_wire_without_several_answers_is_asked_for_each(gateway: Gateway) -> None:
    one = gateway.provider("anthropic")
    one.will(say(TALE))
    one.will(say(TALE))
    spoken = PROTOCOLS["openai"]
    body = {**spoken.body(), "model": one.model, "n": 2, "stream": True}
    answer = gateway.call(spoken, "/v1/chat/completions", body, stream=True)
    assert answer.status == 200 and answer.error is None and len(one.requests) == 2
    told = [json.loads(line[6:]) for line in answer.data.splitlines() if line.startswith(b"data: {")]
    rows = [row for chunk in told for row in chunk["choices"]]
    assert {row["index"] for row in rows if row["finish_reason"]} == {0, 1}


USAGES: dict[str, tuple[list[Any], tuple[int | None, int | None]]] = {
    "U56-missing": ([], (None, None)),
    "U56-zero": ([{"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}], (0, 0)),
    "U56-in-each-chunk": (
        [{"prompt_tokens": 9, "completion_tokens": count, "total_tokens": 9 + count} for count in (1, 2, 7)],
        (9, 7),
    ),
    "U56-negative": ([{"prompt_tokens": -9, "completion_tokens": -1, "total_tokens": -10}], (None, None)),
    "U56-too-large": ([{"prompt_tokens": 10**12, "completion_tokens": 2 * 10**9, "total_tokens": 1}], (None, None)),
    "U56-text": ([{"prompt_tokens": "nine", "completion_tokens": [1], "total_tokens": {}}], (None, None)),
}


@pytest.mark.parametrize("row", USAGES)
def test_usage_is_believed_where_it_can_be(gateway: Gateway, row: str) -> None:
    reports, due = USAGES[row]
    steps = [event({"choices": [{"index": 0, "delta": {}, "finish_reason": None}], "usage": one}) for one in reports]
    answer = kept(gateway, chunk({"role": "assistant", "content": TALE}), *steps, STOP, DONE)
    is_tale(answer)
    found = gateway.outcome(answer.id)
    assert found is not None
    for count, booked in zip(due, (found["input_tokens"], found["output_tokens"]), strict=True):
        assert booked == count if count is not None else 0 < booked < 1000
    assert bool(found["estimated"]) == (None in due)


def test_U56_scripted_counts_reach_the_client(gateway: Gateway) -> None:
    answer = kept(gateway, usage(11, 22, cached=5), say(TALE), stream=False)
    assert (answer.usage["prompt_tokens"], answer.usage["completion_tokens"]) == (11, 22)


STRANGE: dict[str, Any] = {
    "U57-another-model": {"model": "something-else-entirely"},
    "U57-another-object": {"object": "text.banana"},
    "U57-no-id": {"id": None},
    "U57-created-as-text": {"created": "yesterday"},
    "U59-unknown-fields": {"x_secret_lab": {"a": [1, 2]}, "system_fingerprint": "fp", "service_tier": "flex"},
}


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("row", STRANGE)
def test_what_is_odd_around_an_answer_does_no_harm(gateway: Gateway, row: str, stream: bool) -> None:
    head = {"id": "x", "object": "chat.completion", "created": 1, "model": "m"} | STRANGE[row]
    whole = {"index": 0, "message": {"role": "assistant", "content": TALE}, "finish_reason": "stop"}
    piece = {"index": 0, "delta": {"role": "assistant", "content": TALE}, "finish_reason": "stop"}
    streamed = raw(b"data: " + json.dumps(head | {"choices": [piece]}).encode() + b"\n\n")
    answer = kept(
        gateway, *((streamed, DONE) if stream else (status(200, head | {"choices": [whole]}),)), stream=stream
    )
    is_tale(answer)
    assert b"banana" not in answer.data


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    "choices", [[], None, "none", {"a": 1}], ids=["U57-empty", "U57-null", "U57-text", "U57-object"]
)
def test_an_answer_without_choices_is_none(gateway: Gateway, choices: Any, stream: bool) -> None:
    one, two = gateway.provider(), gateway.provider(kind="steady")
    body = {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": choices}
    one.will(*((event(body), DONE) if stream else (status(200, body),)))
    two.will(say(TALE))
    answer = gateway.ask(one, two, stream=stream)
    is_tale(answer)
    assert [outcome for _, outcome in gateway.attempts(answer)][1] == "ok"


def test_U57_chunks_without_choices_are_passed_over(gateway: Gateway) -> None:
    odd = event({"choices": []}), event({"choices": None, "usage": {"prompt_tokens": 3}}), raw(b"data: null\n\n")
    is_tale(kept(gateway, odd[0], say(TALE[:40], finish=None), *odd, say(TALE[40:])))


def test_U59_logprobs_reach_who_asked_for_them_and_nobody_else(gateway: Gateway) -> None:
    one = gateway.provider()
    logprobs = {"content": [{"token": "Hi", "logprob": -0.25, "bytes": [72, 105], "top_logprobs": []}]}
    one.always(lambda request: (chunk({"content": "Hi"}, logprobs=logprobs), STOP, DONE))
    asked = gateway.ask(one, body={"logprobs": True})
    assert '"logprob":-0.25' in asked.data.decode().replace(" ", "")
    assert asked.text == "Hi"
    assert gateway.ask(one, protocol="anthropic").text == "Hi"


def test_U61_without_a_daemon_the_rest_is_listed_at_once(gateway: Gateway) -> None:
    took = []
    for _ in range(2):
        began = time.monotonic()
        assert gateway.get("/api/tags")["models"]
        took.append(time.monotonic() - began)
    assert took[0] - took[1] < 0.3
    assert gateway.get("/api/ps")["models"] == []
    assert gateway.get("/v1/models")["data"]


def test_U64_a_list_of_a_hundred_thousand_models_or_of_garbage_is_capped_and_checked(tmp_path: Path) -> None:
    bad = ["<script>alert(1)</script>", "../../etc/passwd", "x" * 10_000, "a b", "a\nb", "", None, {"id": 1}, "ü"]
    rows = [{"id": name, "object": "model"} for name in bad]
    rows += [{"id": f"chat-{number}", "object": "model"} for number in range(100_000)]
    with FakeProvider() as server:
        server.on("/models", status(200, {"object": "list", "data": rows}))
        config = tmp_path / "wallas.toml"
        config.write_text(table("one", "openai", f"{server.url}/v1", discover=True))
        transport = Transport()
        one = providers(load_settings({"WALLAS_CONFIG": str(config)}), transport, keyless=False)["one"]
        began = time.monotonic()
        models = checked(one.list_models(one.keys[0]))
        assert time.monotonic() - began < 5
        transport.close()
    assert len(models) == MODELS_MOST
    assert [model.id for model in models if not model.id.startswith("chat-")] == []


def test_passing_over_keeps_the_callers_own_model_name_out_of_trouble(gateway: Gateway) -> None:
    _, answer = passed_over(gateway, status(503), kind="overloaded", protocol="anthropic")
    assert answer.headers["x-wallas-attempts"] == "2"
    assert "overloaded" in answer.headers["x-wallas-trail"]
