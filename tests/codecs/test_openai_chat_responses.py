"""Whole chat completions: what providers send and mean, and what clients get."""

import json
from typing import Any

import pytest

from tests.codecs import laws
from wallas.codecs import openai_chat as codec
from wallas.errors import FailureKind, ProviderError
from wallas.types.chat import (
    ChatResponse,
    Choice,
    Citation,
    Extra,
    Media,
    Message,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Seal,
    StopReason,
    Text,
    ToolCall,
    Usage,
)


def body(message: Any = None, finish: str | None = "stop", **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": message or {"content": "x"}, "finish_reason": finish} | more.pop("choice", {})
    return {"id": "c", "object": "chat.completion", "created": 9, "model": "m", "choices": [choice]} | more


def own(**values: Any) -> Extra:
    return {"openai_chat": values}


def parts(message: dict[str, Any]) -> tuple[Part, ...]:
    laws.response_survives(codec, body(message))
    return codec.decode_response(body(message)).message.parts


MESSAGES: dict[str, tuple[dict[str, Any], tuple[Part, ...]]] = {
    "nothing": ({"content": None}, ()),
    "text": ({"role": "assistant", "content": "x", "refusal": None, "tool_calls": []}, (Text(text="x"),)),
    "<think>": ({"content": "<think>a</think>b"}, (Text(text="<think>a</think>b"),)),
    "reasoning": (
        {"content": "x", "reasoning": "hm", "reasoning_content": "hm"},
        (Reasoning(text="hm", extra=own(_field="reasoning")), Text(text="x")),
    ),
    "reasoning_content": (
        {"content": "x", "reasoning": "", "reasoning_content": "hm"},
        (Reasoning(text="hm", extra=own(_field="reasoning_content")), Text(text="x")),
    ),
    "reasoning as an object": ({"content": "x", "reasoning": {"a": 1}}, (Text(text="x"),)),
    "two different thoughts": (
        {"content": "x", "reasoning": "a", "reasoning_content": "b"},
        (Reasoning(text="a", extra=own(_field="reasoning")), Text(text="x")),
    ),
    "details without text": (
        {"content": "x", "reasoning_details": [{"type": "reasoning.encrypted", "data": "a"}, 4]},
        (Text(text="x"),),
    ),
    "details alone": (
        {"content": "x", "reasoning_details": [{"type": "reasoning.summary", "summary": "s"}]},
        (Reasoning(text="s", extra=own(_field="reasoning_content")), Text(text="x")),
    ),
    "a list": (
        {"content": [{"type": "thinking", "thinking": "a"}, {"type": "text", "text": "b"}, "c", 4]},
        (Reasoning(text="a", extra=own(_field="reasoning_content")), Text(text="bc")),
    ),
    "an image in a list": (
        {"content": [{"type": "image_url", "image_url": {"url": "https://e.org", "detail": "low"}}]},
        (Media(kind="image", url="https://e.org", extra=own(image_url={"detail": "low"})),),
    ),
    "an object": ({"content": {"a": 1}}, (Text(text='{"a":1}'),)),
    "a number": ({"content": 4}, (Text(text="4"),)),
    "images that are no list": ({"content": "x", "images": 4}, (Text(text="x"),)),
    "a bare image": (
        {"content": "", "images": [{"image_url": "https://e.org"}]},
        (Media(kind="image", url="https://e.org"),),
    ),
    "a refusal": ({"content": None, "refusal": "No."}, (Refusal(text="No."),)),
    "an odd refusal": ({"content": "x", "refusal": ["No."]}, (Text(text="x"),)),
    "audio by id": ({"content": None, "audio": {"id": "a1"}}, (Media(kind="audio", file_id="a1", extra=own(id="a1")),)),
    "audio that says nothing": ({"content": "x", "audio": {"id": "", "expires_at": 0}}, (Text(text="x"),)),
    "annotations that are no list": ({"content": "x", "annotations": 4}, (Text(text="x"),)),
    "a citation": (
        {"content": "x", "annotations": [{"type": "url_citation", "url_citation": {"url": "u", "z": 1}, "y": 2}]},
        (Text(text="x", citations=(Citation(url="u", extra=own(y=2, url_citation={"z": 1})),)),),
    ),
    "a call": (
        {"content": None, "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{", "z": 1}}]},
        (ToolCall(id="a", name="f", arguments="{", extra=own(function={"z": 1})),),
    ),
    "a nameless call": ({"tool_calls": [{"id": "a", "function": {}}]}, (ToolCall(id="a", name=""),)),
    "a sealed call": (
        {
            "tool_calls": [
                {"id": "a", "function": {"name": "f"}, "extra_content": {"google": {"thought_signature": "s"}}}
            ]
        },
        (ToolCall(id="a", name="f", seal=Seal(value="s"), extra=own(extra_content={"google": {}})),),
    ),
    "a function call that says nothing": ({"content": "x", "function_call": {"name": ""}}, (Text(text="x"),)),
}


@pytest.mark.parametrize(("message", "expected"), MESSAGES.values(), ids=MESSAGES)
def test_a_message_is_taken_apart_and_survives(message: dict[str, Any], expected: tuple[Part, ...]) -> None:
    assert parts(message) == expected


FAILURES: dict[str, tuple[Any, FailureKind]] = {
    "U18 text": ("x", FailureKind.MALFORMED),
    "U18 an empty list": ([], FailureKind.MALFORMED),
    "U18 an empty object": ({}, FailureKind.MALFORMED),
    "U57 no choices": (body() | {"choices": []}, FailureKind.MALFORMED),
    "U57 choices null": (body() | {"choices": None}, FailureKind.MALFORMED),
    "U21 an error": ({"error": {"message": "wait", "code": 429}}, FailureKind.RATE_LIMIT),
    "U21 an error as text": ({"error": "the model is overloaded", "code": 503}, FailureKind.OVERLOADED),
    "U21 an error in a list": ([{"error": {"message": "wait", "code": 429}}], FailureKind.RATE_LIMIT),
    "U21 a flat error": ({"message": "wait", "code": 429}, FailureKind.RATE_LIMIT),
    "an error in the choice": (body(choice={"error": {"message": "wait", "code": 429}}), FailureKind.RATE_LIMIT),
    "finish_reason error": (body(finish="error"), FailureKind.SERVER),
    "calls that are no list": (body({"tool_calls": {"a": 1}}), FailureKind.MALFORMED),
    "a call that is no object": (body({"tool_calls": [4]}), FailureKind.MALFORMED),
    "a call without a function": (body({"tool_calls": [{"id": "a"}]}), FailureKind.MALFORMED),
    "an image that is no object": (body({"images": [4]}), FailureKind.MALFORMED),
}


@pytest.mark.parametrize(("value", "kind"), FAILURES.values(), ids=FAILURES)
def test_an_answer_that_is_none_says_how(value: Any, kind: FailureKind) -> None:
    with pytest.raises(ProviderError) as caught:
        codec.decode_response(value)
    assert caught.value.kind is kind


ENDS: dict[str, tuple[dict[str, Any], StopReason | None, str | None]] = {
    "empty": (body(finish=""), StopReason.STOP, "stop"),
    "missing": (body(finish=None), None, None),
    "only in the details": (
        body(finish=None, choice={"finish_details": {"type": "max_tokens"}}),
        StopReason.LENGTH,
        "max_tokens",
    ),
    "function_call": (body({"function_call": {"name": "f"}}, "function_call"), StopReason.TOOL_CALLS, "function_call"),
    "stop with calls and the same native word": (
        body({"tool_calls": [{"id": "a", "function": {"name": "f"}}]}, choice={"native_finish_reason": "stop"}),
        StopReason.TOOL_CALLS,
        "stop",
    ),
    "cut calls, native length": (
        body(
            {"tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{"}}]},
            "tool_calls",
            choice={"native_finish_reason": "length"},
        ),
        StopReason.LENGTH,
        "length",
    ),
    "whole calls, native length": (
        body(
            {"tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{}"}}]},
            "tool_calls",
            choice={"native_finish_reason": "length"},
        ),
        StopReason.TOOL_CALLS,
        "length",
    ),
}


@pytest.mark.parametrize(("value", "reason", "detail"), ENDS.values(), ids=ENDS)
def test_the_end_is_understood_and_survives(
    value: dict[str, Any], reason: StopReason | None, detail: str | None
) -> None:
    choice = codec.decode_response(value).choices[0]
    assert (choice.stop_reason, choice.stop_detail) == (reason, detail)
    laws.response_survives(codec, value)


def test_choices_are_read_in_their_order_and_need_no_message() -> None:
    rows = [
        {"index": 1, "message": {"content": "b"}, "finish_reason": "stop"},
        {"index": 0, "finish_reason": "content_filter"},
    ]
    answer = codec.decode_response(body() | {"choices": rows})
    assert [choice.message.parts for choice in answer.choices] == [(), (Text(text="b"),)]
    assert answer.stop_reason is StopReason.CONTENT_FILTER
    unnumbered = codec.decode_response(body() | {"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}]})
    assert unnumbered.message.parts == (Text(text="a"),)


def test_log_probabilities_without_text_stay_with_the_choice() -> None:
    rows = {"content": [{"token": "x", "logprob": -1}], "refusal": None}
    value = body({"content": None}, choice={"logprobs": rows})
    assert codec.decode_response(value).choices[0].extra == own(logprobs={"content": rows["content"]})
    laws.response_survives(codec, value)


def test_usage_that_only_groqs_own_field_has_is_found() -> None:
    value = body(x_groq={"usage": {"prompt_tokens": 1, "completion_tokens": 2}})
    assert codec.decode_response(value).usage == Usage(input=1, output=2)
    laws.response_survives(codec, value)


def test_ids_are_made_up_from_the_answer_where_they_are_missing() -> None:
    value = body({"tool_calls": [{"function": {"name": "f"}}, {"function": {"name": "f"}}]}) | {"id": None}
    answer = codec.decode_response(value)
    assert answer == codec.decode_response(value)
    assert answer.id.startswith("chatcmpl-")
    ids = [part.id for part in answer.message.parts if isinstance(part, ToolCall)]
    assert len(set(ids)) == 2
    laws.response_survives(codec, value)


def said(*content: Part, **more: Any) -> dict[str, Any]:
    choice = Choice(message=Message(role="assistant", parts=content), stop_reason=StopReason.STOP)
    message: dict[str, Any] = codec.encode_response(ChatResponse(choices=(choice,), **more))["choices"][0]["message"]
    return message


def test_an_answer_of_another_wire_gets_what_every_client_expects() -> None:
    choice = Choice(message=Message(role="assistant"), stop_reason=StopReason.STOP, stop_detail="end_turn")
    usage = Usage(input=1, output=2, cache_read=1, cache_write=1, reasoning=1)
    encoded = codec.encode_response(ChatResponse(choices=(choice,), provider="p", usage=usage))
    assert encoded.pop("id").startswith("chatcmpl-")
    assert encoded == {
        "object": "chat.completion",
        "created": 0,
        "model": "",
        "provider": "p",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
                "native_finish_reason": "end_turn",
            }
        ],
        "usage": {
            "prompt_tokens": 1,
            "completion_tokens": 2,
            "total_tokens": 3,
            "prompt_tokens_details": {"cached_tokens": 1, "cache_write_tokens": 1},
            "completion_tokens_details": {"reasoning_tokens": 1},
        },
    }


def test_counts_that_nobody_said_are_left_out() -> None:
    assert codec.encode_response(ChatResponse(usage=Usage(output=2)))["usage"] == {"completion_tokens": 2}


def test_thoughts_and_words_in_turns_are_joined() -> None:
    message = said(
        Reasoning(text="a"),
        Text(text="one ", citations=(Citation(url="u", start=0, end=3),)),
        Reasoning(text="b", extra=own(_field="reasoning")),
        Text(text="two", citations=(Citation(url="v", start=0, end=3), Citation(title="no url"))),
        Refusal(text="No"),
        Refusal(text="."),
        Opaque(wire="anthropic", data={}),
    )
    spans = [note["url_citation"] for note in message.pop("annotations")]
    assert [(span["start_index"], span["end_index"]) for span in spans] == [(0, 3), (4, 7)]
    assert message == {
        "role": "assistant",
        "content": "one two",
        "refusal": "No.",
        "reasoning": "b",
        "reasoning_content": "ab",
    }


def test_an_answer_of_calls_or_media_has_no_content() -> None:
    assert said(ToolCall(id="a", name="f", arguments="{}"))["content"] is None
    message = said(Media(kind="audio", data="AAAA"), Media(kind="audio", data="BBBB"), Media(kind="image", url="u"))
    assert message["content"] is None
    assert message["audio"] == {"id": "", "expires_at": 0, "data": "AAAA", "transcript": ""}
    assert message["images"] == [{"type": "image_url", "image_url": {"url": "u"}}]


def test_a_seal_is_told_with_its_issuer_where_the_wire_has_a_place() -> None:
    call = ToolCall(id="a", name="f", seal=Seal(issuer="g/m@k", value="s"), extra=own(extra_content={"google": {}}))
    assert said(call)["tool_calls"][0]["extra_content"] == {"google": {"thought_signature": "g/m@k:s"}}
    bare = ToolCall(id="a", name="f", seal=Seal(issuer="g/m@k", value="s"))
    assert "extra_content" not in said(bare)["tool_calls"][0]


ERRORS: dict[str, tuple[bytes, str, str | None]] = {
    "OpenAI": (b'{"error": {"message": "m", "type": "t", "param": "p", "code": "c"}}', "m", "c"),
    "a number as code": (b'{"error": {"message": "m", "code": 429}}', "m", "429"),
    "text": (b'{"error": "m"}', "m", None),
    "text beside a code": (b'{"code": "c", "error": "m"}', "m", "c"),
    "flat": (b'{"code": "c", "message": "m", "type": "t"}', "m", "c"),
    "Cohere": (b'{"id": "1", "message": "m"}', "m", None),
    "detail": (b'{"detail": "m"}', "m", None),
    "a list": (b'[{"error": {"message": "m", "code": "c"}}]', "m", "c"),
    "no JSON": (b"m", "m", None),
    "HTML": (b"<html><title>m</title></html>", "m", None),
}


@pytest.mark.parametrize(("data", "message", "code"), ERRORS.values(), ids=ERRORS)
def test_a_refusal_keeps_its_message_and_code(data: bytes, message: str, code: str | None) -> None:
    error = codec.decode_error(418, {}, data)
    assert (error.message, error.status) == (message, 418)
    assert code is None or error.code == code


def test_a_refusal_may_say_nothing() -> None:
    for data in (b"", b'{"error": {}}', b"null"):
        assert isinstance(codec.decode_error(500, {}, data), ProviderError)


def test_an_answer_can_be_written_as_json() -> None:
    assert json.loads(json.dumps(codec.encode_response(codec.decode_response(body()))))["choices"]
