"""What chat completions streams mean, in all dialects and with all faults."""

import json
from typing import Any

import pytest

from tests.codecs import laws
from wallas.codecs import openai_chat as codec
from wallas.codecs import pulled
from wallas.errors import FailureKind, ProviderError
from wallas.types.chat import (
    ChatResponse,
    StopReason,
    Text,
    ToolCall,
    Usage,
)
from wallas.types.events import Event, Finished, PartDelta, PartEnded, PartStarted, fold


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    choice = {"index": more.pop("index", 0), "delta": delta or {}, "finish_reason": finish}
    choice |= more.pop("choice", {})
    return {"id": "c-1", "object": "chat.completion.chunk", "created": 9, "model": "m", "choices": [choice]} | more


def sse(*chunks: Any, done: bool = True) -> bytes:
    rows = [row if isinstance(row, str) else json.dumps(row) for row in chunks]
    return "".join(f"data: {row}\n\n" for row in (*rows, *(("[DONE]",) if done else ()))).encode()


def read(*chunks: Any, done: bool = True) -> ChatResponse:
    return fold(laws.read(codec, sse(*chunks, done=done)))


def calls(*entries: Any, finish: str = "tool_calls") -> list[tuple[str, str]]:
    answer = read(*(chunk({"tool_calls": [entry]}) for entry in entries), chunk({}, finish))
    parts = [part for part in answer.message.parts if isinstance(part, ToolCall)]
    assert len({part.id for part in parts}) == len(parts)
    return [(part.name, part.arguments) for part in parts]


def entry(name: str | None = None, arguments: Any = None, **more: Any) -> dict[str, Any]:
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    return {"function": function} | more


def fault(stream: bytes, *, sloppy_end: bool = False) -> tuple[ProviderError, list[Event]]:
    seen: list[Event] = []
    with pytest.raises(ProviderError) as caught:
        for event in pulled(codec.Decoder(sloppy_end=sloppy_end), [stream]):
            seen.append(event)
    return caught.value, seen


CALLS: dict[str, tuple[list[Any], list[tuple[str, str]]]] = {
    "in pieces": (
        [entry("f", "", index=0, id="a"), entry(None, '{"x"', index=0), entry(None, ":1}", index=0)],
        [("f", '{"x":1}')],
    ),
    "whole": ([entry("f", "{}", index=0, id="a")], [("f", "{}")]),
    "arguments absent": ([entry("f", index=0, id="a")], [("f", "")]),
    "arguments as an object": ([entry("f", {"x": 1}, index=0, id="a")], [("f", '{"x":1}')]),
    "two, interleaved": (
        [
            entry("f", "{", index=0, id="a"),
            entry("g", "{", index=1, id="b"),
            entry(None, "}", index=0),
            entry(None, "}", index=1),
        ],
        [("f", "{}"), ("g", "{}")],
    ),
    "U51 one id twice": (
        [entry("f", "{}", index=0, id="a"), entry("f", "[]", index=1, id="a")],
        [("f", "{}"), ("f", "[]")],
    ),
    "U51 no ids": ([entry("f", "{}", index=0), entry("f", "[]", index=1)], [("f", "{}"), ("f", "[]")]),
    "U54 all index 0, by id": (
        [entry("f", "{", index=0, id="a"), entry("f", "{}", index=0, id="b")],
        [("f", "{"), ("f", "{}")],
    ),
    "U54 all index 0, by name": ([entry("f", "{}", index=0), entry("g", "{}", index=0)], [("f", "{}"), ("g", "{}")]),
    "U54 all index 0, same name": ([entry("f", "{}", index=0), entry("f", "[]", index=0)], [("f", "{}"), ("f", "[]")]),
    "U54 no index, by id": ([entry("f", "{}", id="a"), entry("f", "[]", id="b")], [("f", "{}"), ("f", "[]")]),
    "U54 no index, one id": ([entry("f", "{", id="a"), entry("f", "}", id="a")], [("f", "{}")]),
    "U54 no index, pieces": ([entry("f", "{", id="a"), entry(None, "}")], [("f", "{}")]),
    "U54 no index, by name": ([entry("f", "{}"), entry("g", "{}")], [("f", "{}"), ("g", "{}")]),
    "name and id repeated": (
        [entry("f", '{"x"', index=0, id="a"), entry("f", ":1}", index=0, id="a")],
        [("f", '{"x":1}')],
    ),
    "a new id with each piece": ([entry("f", "{", index=0, id="a"), entry(None, "}", index=0, id="b")], [("f", "{}")]),
    "a wrong index later": ([entry("f", "{", index=1, id="a"), entry(None, "}", index=0)], [("f", "{}")]),
    "blank after the end": (
        [entry("f", "{}", index=0, id="a"), entry("g", "{}", index=1, id="b"), entry(None, " ", index=0)],
        [("f", "{}"), ("g", "{}")],
    ),
    "custom": (
        [
            {"index": 0, "id": "a", "type": "custom", "custom": {"name": "sh", "input": "l"}},
            {"index": 0, "type": "custom", "custom": {"input": "s"}},
        ],
        [("sh", "ls")],
    ),
}


@pytest.mark.parametrize(("entries", "expected"), CALLS.values(), ids=CALLS)
def test_calls_are_told_apart_whatever_the_provider_gives(entries: list[Any], expected: list[tuple[str, str]]) -> None:
    assert calls(*entries) == expected
    stream = sse(*(chunk({"tool_calls": [row]}) for row in entries), chunk({}, "tool_calls"))
    laws.stream_survives(codec, stream)
    laws.cuts_do_not_matter(codec, stream)


def test_a_call_is_ended_as_soon_as_the_next_begins_if_it_is_whole() -> None:
    events = laws.read(
        codec,
        sse(
            chunk({"tool_calls": [entry("f", "{}", index=0, id="a")]}),
            chunk({"tool_calls": [entry("g", "{", index=1, id="b")]}),
            chunk({"tool_calls": [entry("h", "", index=2, id="c")]}),
            chunk({}, "length"),
        ),
    )
    told = [(type(event).__name__, event.index) for event in events if isinstance(event, PartStarted | PartEnded)]
    assert told == [
        ("PartStarted", 0),
        ("PartEnded", 0),
        ("PartStarted", 1),
        ("PartStarted", 2),
        ("PartEnded", 1),
        ("PartEnded", 2),
    ]


def test_a_call_that_goes_on_after_its_end_is_malformed() -> None:
    entries = (entry("f", "{}", index=0, id="a"), entry("g", "{}", index=1, id="b"), entry(None, "{}", index=0))
    error, _ = fault(sse(*(chunk({"tool_calls": [row]}) for row in entries)))
    assert error.kind is FailureKind.MALFORMED


STOPS: dict[str, tuple[dict[str, Any], StopReason, str]] = {
    "stop": (chunk({"content": "x"}, "stop"), StopReason.STOP, "stop"),
    "length": (chunk({"content": "x"}, "length"), StopReason.LENGTH, "length"),
    "model_length": (chunk({"content": "x"}, "model_length"), StopReason.LENGTH, "model_length"),
    "eos": (chunk({"content": "x"}, "eos"), StopReason.STOP, "eos"),
    "content_filter": (chunk({"content": "x"}, "content_filter"), StopReason.CONTENT_FILTER, "content_filter"),
    "an unknown word": (chunk({"content": "x"}, "boredom"), StopReason.UNKNOWN, "boredom"),
    "stop with calls": (chunk({"tool_calls": [entry("f", "{}", id="a")]}, "stop"), StopReason.TOOL_CALLS, "stop"),
    "a call that was cut": (
        chunk(
            {"tool_calls": [entry("f", "{", id="a")]},
            "tool_calls",
            choice={"native_finish_reason": "max_output_tokens"},
        ),
        StopReason.LENGTH,
        "max_output_tokens",
    ),
    "a native word": (
        chunk({"content": "x"}, "stop", choice={"native_finish_reason": "end_turn"}),
        StopReason.STOP,
        "end_turn",
    ),
    "the same native word": (
        chunk({"content": "x"}, "stop", choice={"native_finish_reason": "stop"}),
        StopReason.STOP,
        "stop",
    ),
    "a native refusal": (
        chunk({"content": "x"}, "content_filter", choice={"native_finish_reason": "refusal"}),
        StopReason.REFUSAL,
        "refusal",
    ),
    "a native stop sequence": (
        chunk({"content": "x"}, "stop", choice={"native_finish_reason": "stop_sequence"}),
        StopReason.STOP_SEQUENCE,
        "stop_sequence",
    ),
    "a stop sequence that matched": (
        chunk({"content": "x"}, "stop", choice={"stop_reason": "END"}),
        StopReason.STOP_SEQUENCE,
        "END",
    ),
    "a native pause": (
        chunk({"content": "x"}, "stop", choice={"native_finish_reason": "pause_turn"}),
        StopReason.PAUSE,
        "pause_turn",
    ),
    "an unknown word with a native one": (
        chunk({"content": "x"}, "boredom", choice={"native_finish_reason": "stop"}),
        StopReason.UNKNOWN,
        "boredom",
    ),
}


@pytest.mark.parametrize(("last", "reason", "detail"), STOPS.values(), ids=STOPS)
def test_every_end_is_understood_and_survives(last: dict[str, Any], reason: StopReason, detail: str) -> None:
    choice = read(last).choices[0]
    assert (choice.stop_reason, choice.stop_detail) == (reason, detail)
    laws.stream_survives(codec, sse(last))
    whole = fold(laws.read(codec, sse(last)))
    assert codec.decode_response(codec.encode_response(whole)) == whole


FAILURES: dict[str, tuple[bytes, FailureKind, str]] = {
    "U12 nothing": (b"", FailureKind.CUT, "finish_reason"),
    "U12 blank lines": (b"\n\n", FailureKind.CUT, "finish_reason"),
    "U13 no end": (sse(chunk({"content": "x"}), done=False), FailureKind.CUT, "finish_reason"),
    "U15 [DONE] without finish_reason": (sse(chunk({"content": "x"})), FailureKind.CUT, "[DONE]"),
    "U15 [DONE] alone": (sse(), FailureKind.CUT, "[DONE]"),
    "U20 HTML": (b"<!doctype html><html>no</html>", FailureKind.MALFORMED, "HTML"),
    "U21 an error as a plain body": (
        b'{"error": {"message": "slow down", "code": 429}}',
        FailureKind.RATE_LIMIT,
        "slow down",
    ),
    "U22 an error first": (sse({"error": {"message": "busy", "code": 503}}), FailureKind.OVERLOADED, "busy"),
    "an error in a list": (b'[{"error": {"message": "busy", "code": 503}}]', FailureKind.OVERLOADED, "busy"),
    "an error chunk": (
        sse(chunk({"content": ""}, "error", error={"code": 429, "message": "slow down"})),
        FailureKind.RATE_LIMIT,
        "slow down",
    ),
    "an error event": (
        b'event: error\ndata: {"error": {"message": "bad call", "code": "tool_use_failed", "status_code": 400}}\n\n',
        FailureKind.UNUSABLE,
        "bad call",
    ),
    "an error event without error": (
        b'event: error\ndata: {"message": "down", "code": 503}\n\n',
        FailureKind.OVERLOADED,
        "down",
    ),
    "an error in x_groq": (
        sse(chunk({}, None, x_groq={"error": {"message": "down", "code": 503}})),
        FailureKind.OVERLOADED,
        "down",
    ),
    "an error in the choice": (
        sse(chunk({}, None, choice={"error": {"message": "down", "code": 503}})),
        FailureKind.OVERLOADED,
        "down",
    ),
    "a flat error": (
        sse({"message": "wait", "type": "too_many_requests_error", "code": 429}),
        FailureKind.RATE_LIMIT,
        "wait",
    ),
    "an error list in the stream": (sse([{"error": {"message": "down", "code": 503}}]), FailureKind.OVERLOADED, "down"),
    "finish_reason error": (sse(chunk({"content": "x"}, "error")), FailureKind.SERVER, "error"),
    "no resources": (
        sse(chunk({"content": "x"}, "insufficient_system_resource")),
        FailureKind.OVERLOADED,
        "insufficient_system_resource",
    ),
    "U57 choices null": (sse({"id": "c", "choices": None}), FailureKind.MALFORMED, "choices"),
    "a choice that is no object": (sse({"id": "c", "choices": [4]}), FailureKind.MALFORMED, "choice"),
    "calls that are no list": (sse(chunk({"tool_calls": {"a": 1}})), FailureKind.MALFORMED, "calls"),
    "a call that is no object": (sse(chunk({"tool_calls": [4]})), FailureKind.MALFORMED, "call"),
    "a call that names no function": (
        sse(chunk({"tool_calls": [{"index": 0, "function": 4}]})),
        FailureKind.MALFORMED,
        "function",
    ),
    "a call without a name": (
        sse(chunk({"tool_calls": [{"index": 0, "function": {"arguments": "{"}}]})),
        FailureKind.MALFORMED,
        "name",
    ),
    "audio that is no object": (sse(chunk({"audio": 4})), FailureKind.MALFORMED, "audio"),
    "an image without a URL": (sse(chunk({"images": [{"type": "image_url"}]})), FailureKind.MALFORMED, "image"),
    "garbage at the end": (sse(chunk({"content": "x"}), "{broken", done=False), FailureKind.MALFORMED, "JSON"),
}


@pytest.mark.parametrize(("stream", "kind", "words"), FAILURES.values(), ids=FAILURES)
def test_a_stream_that_fails_says_how(stream: bytes, kind: FailureKind, words: str) -> None:
    error, _ = fault(stream)
    assert (error.kind, words in error.message) == (kind, True)


def test_what_came_before_a_fault_is_told_first() -> None:
    stream = sse(chunk({"content": "Hel"}), chunk({"content": "lo"}), {"error": {"message": "down", "code": 503}})
    error, seen = fault(stream)
    assert error.kind is FailureKind.OVERLOADED
    assert "".join(event.text for event in seen if isinstance(event, PartDelta)) == "Hello"
    _, seen = fault(sse(chunk({"content": "Hel"}, "error")))
    assert "".join(event.text for event in seen if isinstance(event, PartDelta)) == "Hel"


def test_u14_a_finish_without_done_is_an_end() -> None:
    answer = read(chunk({"content": "x"}, "stop"), done=False)
    assert answer.stop_reason is StopReason.STOP
    tail = b'data: {"id": "c-1", "choices": [], "usa'
    assert fold(laws.read(codec, sse(chunk({"content": "x"}, "stop"), done=False) + tail)) == answer


def test_u15_a_sloppy_provider_may_leave_the_finish_out_but_not_the_content() -> None:
    stream = sse(chunk({"content": "x"}))
    answer = fold(pulled(codec.Decoder(sloppy_end=True), [stream]))
    assert (answer.stop_reason, answer.choices[0].stop_detail) == (StopReason.STOP, None)
    assert fault(sse(chunk({})), sloppy_end=True)[0].kind is FailureKind.CUT
    assert fault(sse(chunk({"content": "x"}), done=False), sloppy_end=True)[0].kind is FailureKind.CUT


def test_a_decoder_is_complete_at_the_finish_and_done_at_the_end() -> None:
    decoder = codec.Decoder()
    list(decoder.feed(sse(chunk({"content": "x"}), done=False)))
    assert (decoder.complete, decoder.done) == (False, False)
    events = list(decoder.feed(sse(chunk({}, "stop"), done=False)))
    assert (decoder.complete, decoder.done) == (True, False)
    assert not any(isinstance(event, Finished) for event in events)
    events = list(decoder.feed(sse({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}})))
    assert (decoder.complete, decoder.done) == (True, True)
    assert events == [Finished(StopReason.STOP, "stop", Usage(input=1, output=2))]
    assert list(decoder.feed(sse(chunk({"content": "late"})))) == []


def test_with_several_choices_all_must_finish_unless_done_says_so() -> None:
    rows = (chunk({"content": "a"}), chunk({"content": "b"}, index=1), chunk({}, "stop"))
    decoder = codec.Decoder()
    list(decoder.feed(sse(*rows, done=False)))
    assert not decoder.complete
    with pytest.raises(ProviderError):
        list(decoder.end())
    assert [choice.stop_reason for choice in read(*rows).choices] == [StopReason.STOP, None]
    list((more := codec.Decoder()).feed(sse(*rows, chunk({}, "length", index=1), done=False)))
    assert more.complete


def test_a_plain_body_where_a_stream_was_due_is_read() -> None:
    body = {"id": "c", "model": "m", "choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]}
    decoder = codec.Decoder()
    answer = fold([*decoder.feed(b"\n " + json.dumps(body).encode()), *decoder.end()])
    assert answer == codec.decode_response(body)
    assert (decoder.done, decoder.complete) == (True, True)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_marks_comments_and_line_ends_do_not_matter(size: int) -> None:
    plain = sse(chunk({"content": "é\u2028x"}), chunk({}, "stop"))
    odd = b'\xef\xbb\xbf: hello\n\nevent: ping\ndata: {"type": "ping"}\n\ndata: 4\n\n' + plain
    odd = odd.replace(b"\n", b"\r\n")
    assert laws.read(codec, odd, size) == laws.read(codec, plain)


def test_u25_one_event_of_garbage_is_skipped_where_no_content_can_be_lost() -> None:
    rows = (chunk({"content": "a"}), "{garbage", chunk({"content": "b"}), chunk({}, "stop"))
    assert read(*rows).message.parts == (Text(text="ab"),)
