"""Whole answers and errors of the Anthropic wire."""

import json
from typing import Any

import pytest

from wallas.codecs import anthropic
from wallas.errors import (
    AllAttemptsFailed,
    BadRequest,
    FailureKind,
    GatewayError,
    NotFound,
    ProviderError,
    StreamInterrupted,
    TooLarge,
    Unauthorized,
)
from wallas.types.chat import (
    ChatRequest,
    ChatResponse,
    Choice,
    Citation,
    Media,
    Message,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Seal,
    StopReason,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Usage,
)

THOUGHT = Reasoning(text="hm", seal=Seal(issuer="anthropic/m@a", value="c2ln"))


def answer(*content: Any, **more: Any) -> dict[str, Any]:
    start = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": list(content)}
    return start | {"stop_reason": "end_turn", "usage": {"input_tokens": 1, "output_tokens": 2}} | more


def response(*parts: Part, **more: Any) -> ChatResponse:
    known = {key: more.pop(key) for key in ("stop_reason", "stop_detail") if key in more}
    choice = Choice(message=Message(role="assistant", parts=parts), **known)
    return ChatResponse(id="x", model="m", choices=(choice,), **more)


def failed(body: Any) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        anthropic.decode_response(body)
    return caught.value


def test_an_error_with_status_200_is_an_error():
    error = failed({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})
    assert (error.kind, error.status, error.message) == (FailureKind.OVERLOADED, 529, "Overloaded")
    assert failed({"error": "something"}).message == "something"
    assert failed({"type": "error"}).kind is not None


@pytest.mark.parametrize("body", [None, [], "text", 3])
def test_a_body_that_is_no_object_is_no_answer(body):
    assert failed(body).verdict.next_candidate


@pytest.mark.parametrize(
    "body",
    [
        {},
        answer() | {"content": None},
        answer("text"),
        answer({"text": "no type"}),
        answer({"type": "text", "text": 1}),
        answer({"type": "tool_use", "id": "a", "name": "f", "input": "{}"}),
    ],
)
def test_an_answer_that_breaks_the_wire_is_malformed(body):
    assert failed(body).kind is FailureKind.MALFORMED


def test_what_sloppy_providers_leave_out_is_made_up_or_left_out():
    whole = anthropic.decode_response(
        {"content": [{"type": "text"}, {"type": "tool_use", "name": "f"}, {"type": "thinking", "thinking": "x"}]}
    )
    text, call, thought = whole.message.parts
    assert (text, thought) == (Text(text=""), Reasoning(text="x"))
    assert call.id.startswith("toolu_")
    assert (whole.id, whole.model, whole.usage, whole.stop_reason) == ("", "", None, None)


def test_a_signature_is_the_providers_own_whatever_it_looks_like():
    whole = anthropic.decode_response(answer({"type": "thinking", "thinking": "x", "signature": "a/b@c:d"}))
    assert whole.message.parts[0].seal == Seal(value="a/b@c:d")


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("end_turn", StopReason.STOP),
        ("max_tokens", StopReason.LENGTH),
        ("model_context_window_exceeded", StopReason.LENGTH),
        ("tool_use", StopReason.TOOL_CALLS),
        ("pause_turn", StopReason.PAUSE),
        ("refusal", StopReason.REFUSAL),
        ("solar_flare", StopReason.UNKNOWN),
    ],
)
def test_stop_reasons_keep_the_wires_word(said, reason):
    whole = anthropic.decode_response(answer(stop_reason=said, stop_details={"type": "x"}))
    assert (whole.stop_reason, whole.choices[0].stop_detail) == (reason, said)
    again = anthropic.encode_response(whole)
    assert (again["stop_reason"], again["stop_details"]) == (said, {"type": "x"})


def test_a_stop_sequence_is_told_by_name():
    whole = anthropic.decode_response(answer(stop_reason="stop_sequence", stop_sequence="END"))
    assert (whole.stop_reason, whole.choices[0].stop_detail) == (StopReason.STOP_SEQUENCE, "END")
    odd = anthropic.decode_response(answer(stop_reason="end_turn", stop_sequence="END"))
    assert anthropic.encode_response(odd)["stop_sequence"] == "END"


CALL = ToolCall(id="c", name="f")


@pytest.mark.parametrize(
    ("reason", "detail", "parts", "written"),
    [
        (StopReason.STOP, "stop", (), "end_turn"),
        (StopReason.STOP, "stop", (CALL,), "tool_use"),
        (StopReason.STOP, "end_turn", (CALL,), "end_turn"),
        (StopReason.STOP, None, (Refusal(text="No."),), "refusal"),
        (StopReason.LENGTH, "length", (CALL,), "max_tokens"),
        (StopReason.TOOL_CALLS, "tool_calls", (CALL,), "tool_use"),
        (StopReason.CONTENT_FILTER, "content_filter", (), "refusal"),
        (StopReason.PAUSE, None, (), "pause_turn"),
        (StopReason.UNKNOWN, "eos", (), "end_turn"),
        (None, None, (), None),
    ],
)
def test_stop_reasons_of_other_wires_get_this_ones_word(reason, detail, parts, written):
    body = anthropic.encode_response(response(*parts, stop_reason=reason, stop_detail=detail))
    assert (body["stop_reason"], body["stop_sequence"]) == (written, None)


def test_input_tokens_include_the_cached_ones_here_and_leave_them_out_there():
    raw = {
        "input_tokens": 5,
        "cache_read_input_tokens": 20,
        "cache_creation_input_tokens": 3,
        "output_tokens": 9,
        "output_tokens_details": {"thinking_tokens": 4, "x": 1},
        "service_tier": "standard",
        "server_tool_use": None,
    }
    usage = anthropic.decode_response(answer(usage=raw)).usage
    assert (usage.input, usage.output, usage.cache_read, usage.cache_write, usage.reasoning) == (28, 9, 20, 3, 4)
    assert anthropic.encode_response(response(usage=usage))["usage"] == {
        key: value for key, value in raw.items() if value is not None
    }


def test_usage_of_other_wires_is_counted_this_wires_way():
    usage = Usage(input=10, output=3, cache_read=4, cache_write=0, reasoning=2, raw={"openai_chat": {"x": 1}})
    assert anthropic.encode_response(response(usage=usage))["usage"] == {
        "input_tokens": 6,
        "output_tokens": 3,
        "cache_read_input_tokens": 4,
        "cache_creation_input_tokens": 0,
        "output_tokens_details": {"thinking_tokens": 2},
    }
    assert anthropic.encode_response(response())["usage"] == {"input_tokens": 0, "output_tokens": 0}


def test_counts_that_are_none_are_not_said():
    usage = anthropic.decode_response(answer(usage={"input_tokens": -1, "output_tokens": "9"})).usage
    assert (usage.input, usage.output) == (None, None)


def test_an_answer_without_an_id_gets_one_and_the_provider_is_named():
    body = anthropic.encode_response(ChatResponse(model="m", provider="groq"))
    assert body["id"].startswith("msg_")
    assert (body["provider"], body["content"], body["stop_reason"]) == ("groq", [], None)


def contents(*parts: Part, request: ChatRequest | None = None) -> list[dict[str, Any]]:
    return anthropic.encode_response(response(*parts), request)["content"]


def test_only_clients_that_asked_for_thinking_get_it():
    asked = ChatRequest(model="m", thinking=Thinking(enabled=True))
    quiet = ChatRequest(model="m", thinking=Thinking(enabled=True, visible=False))
    shown = {"type": "thinking", "thinking": "hm", "signature": "anthropic/m@a:c2ln"}
    assert contents(THOUGHT) == contents(THOUGHT, request=asked) == [shown]
    assert contents(THOUGHT, request=quiet) == [shown | {"thinking": ""}]
    assert contents(THOUGHT, request=ChatRequest(model="m")) == []


def test_every_part_has_a_block_or_is_known_to_have_none():
    parts = (
        Reasoning(summary="short"),
        Reasoning(redacted=True, seal=Seal(issuer="google/g@a", value="x")),
        Reasoning(redacted=True),
        Refusal(text="No."),
        ToolCall(id="", name="f", arguments="[1]"),
        Media(kind="image", url="https://i.example/a.png"),
        Media(kind="image", data="AAAA"),
        Media(kind="audio", data="AAAA", text="spoken"),
        Opaque(wire="anthropic", data={"type": "compaction", "content": "c"}),
        Opaque(wire="gemini", data={}),
        ToolResult(call_id="c"),
    )
    made = contents(*parts)
    assert made[3].pop("id").startswith("toolu_")
    assert made == [
        {"type": "thinking", "thinking": "short", "signature": ""},
        {"type": "redacted_thinking", "data": "google/g@a:x"},
        {"type": "text", "text": "No."},
        {"type": "tool_use", "name": "f", "input": {"INVALID_JSON": "[1]"}},
        {"type": "text", "text": "![image](https://i.example/a.png)"},
        {"type": "text", "text": "spoken"},
        {"type": "compaction", "content": "c"},
    ]


def test_citations_of_other_wires_get_this_ones_form():
    web = Citation(url="https://c.example", title="T", text="t", start=0, end=3)
    document = Citation(title="Doc", text="d")
    (block,) = contents(Text(text="abc", citations=(web, document, Citation())))
    assert block["citations"][0] == {
        "type": "web_search_result_location",
        "url": "https://c.example",
        "encrypted_index": "",
        "cited_text": "t",
        "title": "T",
    }
    assert [citation["type"] for citation in block["citations"][1:]] == ["search_result_location"] * 2
    assert block["citations"][1]["source"] == "Doc"


@pytest.mark.parametrize(
    ("status", "body", "kind", "message", "code"),
    [
        (529, {"type": "error", "error": {"type": "overloaded_error", "message": "Busy"}}, "OVERLOADED", "Busy", None),
        (429, {"error": {"type": "rate_limit_error", "message": "Slow"}}, "RATE_LIMIT", "Slow", None),
        (402, {"error": {"type": "billing_error", "message": "Pay"}}, "MONEY", "Pay", None),
        (500, {"error": {"message": "Oops", "code": 13}}, "SERVER", "Oops", "13"),
        (500, {"error": "plain"}, "SERVER", "plain", None),
        (500, {"detail": "flat"}, "SERVER", "flat", None),
        (500, {"error": {}}, "SERVER", "server", None),
        (500, ["x"], "SERVER", "server", None),
        (500, "text", "SERVER", "text", None),
        (502, b"<html><title>502 Bad\n Gateway</title></html>", "SERVER", "502 Bad\n Gateway", None),
        (502, b"<html>", "SERVER", "an HTML page", None),
        (500, b"", "SERVER", "server", None),
        (500, b"\xff\xfe broken", "SERVER", "\ufffd\ufffd broken", None),
    ],
)
def test_any_refusal_is_understood(status, body, kind, message, code):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    error = anthropic.decode_error(status, {}, data)
    assert (error.kind.name, error.message, error.status) == (kind, message, status)
    assert code is None or error.code == code


def test_a_refusal_names_its_field():
    body = {"type": "error", "error": {"type": "invalid_request_error", "message": "tools.0.custom.x: Wrong."}}
    assert anthropic.decode_error(400, {}, json.dumps(body).encode()).param == "tools.0.custom.x"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (BadRequest("no"), "invalid_request_error"),
        (Unauthorized("no"), "authentication_error"),
        (GatewayError("no", status=402), "billing_error"),
        (GatewayError("no", status=403), "permission_error"),
        (NotFound("no"), "not_found_error"),
        (GatewayError("no", status=405), "invalid_request_error"),
        (TooLarge("no"), "request_too_large"),
        (GatewayError("no", status=429), "rate_limit_error"),
        (GatewayError("no"), "api_error"),
        (StreamInterrupted("no"), "api_error"),
        (AllAttemptsFailed("no"), "overloaded_error"),
        (GatewayError("no", status=529), "overloaded_error"),
        (GatewayError("no", status=504), "timeout_error"),
    ],
)
def test_errors_have_the_wires_type(error, kind):
    assert anthropic.encode_error(error) == {"type": "error", "error": {"type": kind, "message": "no"}}


def test_an_error_names_its_field_once_and_lists_the_attempts():
    rows = [{"provider": "p", "kind": "TIMEOUT"}]
    told = anthropic.encode_error(AllAttemptsFailed("nobody answered", details=rows))
    assert told["error"]["attempts"] == rows
    assert anthropic.encode_error(BadRequest("bad", param="a.b"))["error"]["message"] == "a.b: bad"
    assert anthropic.encode_error(BadRequest("a.b is bad", param="a.b"))["error"]["message"] == "a.b is bad"
