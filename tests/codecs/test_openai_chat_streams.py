"""What chat completions streams mean, in all dialects and with all faults, and how a client's stream is written."""

import json
from typing import Any

import pytest

from tests.codecs import laws
from wallas.codecs import openai_chat as codec
from wallas.codecs import pulled
from wallas.errors import AllAttemptsFailed, FailureKind, ProviderError, StreamInterrupted
from wallas.types.chat import (
    ChatRequest,
    ChatResponse,
    Choice,
    Citation,
    Logprob,
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
from wallas.types.events import Event, Finished, PartDelta, PartEnded, PartStarted, Ping, Started, fold, unfold


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


DIALECTS: dict[str, tuple[list[dict[str, Any]], tuple[Part, ...]]] = {
    "roles and nothing": (
        [
            chunk({"role": "assistant", "content": None}),
            chunk({"role": "assistant", "content": ""}),
            chunk({"content": "x"}),
        ],
        (Text(text="x"),),
    ),
    "<think> stays text": ([chunk({"content": "<think>a</think>b"})], (Text(text="<think>a</think>b"),)),
    "thoughts between words": (
        [chunk({"content": "a"}), chunk({"reasoning_content": "b"}), chunk({"content": "c"})],
        (Text(text="a"), Reasoning(text="b", extra={"openai_chat": {"_field": "reasoning_content"}}), Text(text="c")),
    ),
    "thoughts and words in one chunk": (
        [chunk({"content": "b", "reasoning": "a"})],
        (Reasoning(text="a", extra={"openai_chat": {"_field": "reasoning"}}), Text(text="b")),
    ),
    "thoughts only in the details": (
        [
            chunk({"content": "", "reasoning_details": [{"type": "reasoning.text", "text": "a", "index": 0}]}),
            chunk({"content": "", "reasoning_details": [{"type": "reasoning.text", "text": "b", "index": 0}]}),
        ],
        (Reasoning(text="ab", extra={"openai_chat": {"_field": "reasoning_content"}}),),
    ),
    "content as an object": ([chunk({"content": {"a": 1}})], (Text(text='{"a":1}'),)),
    "content as a list": (
        [
            chunk(
                {
                    "content": [
                        "a",
                        {"type": "text", "text": "b"},
                        {"type": "image_url", "image_url": {"url": "https://e.org"}},
                        {"type": "x"},
                        4,
                    ]
                }
            )
        ],
        (Text(text="ab"), Media(kind="image", url="https://e.org")),
    ),
    "a message in place of a delta": (
        [{"id": "c-1", "model": "m", "created": 9, "choices": [{"message": {"role": "assistant", "content": "x"}}]}],
        (Text(text="x"),),
    ),
    "a refusal": ([chunk({"refusal": "N"}), chunk({"refusal": "o"})], (Refusal(text="No"),)),
    "a legacy function call": (
        [chunk({"function_call": {"name": "f", "arguments": "{"}}), chunk({"function_call": {"arguments": "}"}})],
        (
            ToolCall(
                id="call_d0f93ab6a2a8a3f1b5ddc2ea", name="f", arguments="{}", extra={"openai_chat": {"_legacy": True}}
            ),
        ),
    ),
    "calls and functions that are empty": (
        [
            chunk(
                {"content": "x", "tool_calls": [], "function_call": {"name": "", "arguments": ""}, "audio": {"id": ""}}
            )
        ],
        (Text(text="x"),),
    ),
    "a sealed call": (
        [
            chunk(
                {
                    "tool_calls": [
                        entry("f", "{}", index=0, id="a", extra_content={"google": {"thought_signature": "s"}})
                    ]
                }
            )
        ],
        (
            ToolCall(
                id="a",
                name="f",
                arguments="{}",
                seal=Seal(value="s"),
                extra={"openai_chat": {"extra_content": {"google": {}}}},
            ),
        ),
    ),
    "a call sealed late": (
        [
            chunk({"tool_calls": [entry("f", "{", index=0, id="a")]}),
            chunk({"tool_calls": [entry(None, "}", index=0, extra_content={"google": {"thought_signature": "s"}})]}),
        ],
        (
            ToolCall(
                id="a",
                name="f",
                arguments="{}",
                seal=Seal(value="s"),
                extra={"openai_chat": {"extra_content": {"google": {}}}},
            ),
        ),
    ),
    "log probabilities before the words": (
        [
            chunk({"content": ""}, choice={"logprobs": {"content": [{"token": "", "logprob": 0}]}}),
            chunk({"content": "x"}, choice={"logprobs": {"content": [{"token": "x", "logprob": -1}], "refusal": []}}),
        ],
        (Text(text="x", logprobs=(Logprob(token="", logprob=0), Logprob(token="x", logprob=-1))),),
    ),
    "a source before the words": (
        [
            chunk({"content": "", "annotations": [{"type": "url_citation", "url_citation": {"url": "u"}}]}),
            chunk({"content": "x"}),
        ],
        (Text(text="x", citations=(Citation(url="u"),)),),
    ),
    "a source in the second text": (
        [
            chunk({"content": "abc"}),
            chunk({"reasoning": "r"}),
            chunk(
                {
                    "content": "def",
                    "annotations": [
                        {"type": "url_citation", "url_citation": {"url": "u", "start_index": 3, "end_index": 6}}
                    ],
                }
            ),
        ],
        (
            Text(text="abc"),
            Reasoning(text="r", extra={"openai_chat": {"_field": "reasoning"}}),
            Text(text="def", citations=(Citation(url="u", start=0, end=3),)),
        ),
    ),
}


@pytest.mark.parametrize(("rows", "parts"), DIALECTS.values(), ids=DIALECTS)
def test_a_dialect_is_understood_and_survives(rows: list[dict[str, Any]], parts: tuple[Part, ...]) -> None:
    stream = sse(*rows, chunk({}, "stop"))
    found = fold(laws.read(codec, stream)).message.parts
    if isinstance(parts[0], ToolCall) and parts[0].extra.get("openai_chat", {}).get("_legacy"):
        assert [(part.name, part.arguments, part.extra) for part in found] == [
            (part.name, part.arguments, part.extra) for part in parts
        ]
    else:
        assert found == parts
    laws.stream_survives(codec, stream)
    laws.cuts_do_not_matter(codec, stream)


LEFT: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {
    "sources without words": (
        [chunk({"annotations": [{"type": "url_citation", "url_citation": {"url": "u"}}, {"type": "file"}]})],
        {"message": {"annotations": [{"type": "file"}, {"type": "url_citation", "url_citation": {"url": "u"}}]}},
    ),
    "log probabilities without words": (
        [chunk({}, choice={"logprobs": {"content": [{"token": "x", "logprob": -1}]}})],
        {"logprobs": {"content": [{"token": "x", "logprob": -1}]}},
    ),
    "log probabilities after the words": (
        [
            chunk({"content": "x"}),
            chunk({"tool_calls": [entry("f", "{", id="a")]}),
            chunk(
                {"tool_calls": [entry(None, "}")]},
                choice={"logprobs": {"content": [{"token": "}", "logprob": -1}]}},
            ),
        ],
        {"logprobs": {"content": [{"token": "}", "logprob": -1}]}},
    ),
    "log probabilities of thoughts": (
        [
            chunk({"reasoning_content": "a"}, choice={"logprobs": {"reasoning_content": [{"token": "a"}]}}),
            chunk({"reasoning_content": "b"}, choice={"logprobs": {"reasoning_content": [{"token": "b"}]}}),
        ],
        {"logprobs": {"reasoning_content": [{"token": "a"}, {"token": "b"}]}},
    ),
    "log probabilities of another shape": (
        [chunk({"content": "x"}, choice={"logprobs": {"tokens": ["x"], "content": [{"z": 1}], "ignored": None}})],
        {"logprobs": {"tokens": ["x"], "content": [{"z": 1}]}},
    ),
    "log probabilities that are no object": ([chunk({"content": "x"}, choice={"logprobs": 4})], {}),
    "encrypted details": (
        [
            chunk({"reasoning_details": [{"type": "reasoning.encrypted", "data": "a", "index": 0}]}),
            chunk({"reasoning_details": [{"type": "reasoning.encrypted", "data": "b", "index": 0}, 4]}),
        ],
        {
            "message": {
                "reasoning_details": [
                    {"type": "reasoning.encrypted", "data": "a", "index": 0},
                    {"type": "reasoning.encrypted", "data": "b", "index": 0},
                    4,
                ]
            }
        },
    ),
    "parts of another kind": (
        [
            chunk({"content": [{"type": "reference", "ids": [1]}]}),
            chunk({"content": [{"type": "reference", "ids": [2]}]}),
        ],
        {"message": {"content_parts": [{"type": "reference", "ids": [1]}, {"type": "reference", "ids": [2]}]}},
    ),
    "padding": ([chunk({"content": "x", "padding": "abc"}, p="abc", obfuscation="x")], {}),
}


@pytest.mark.parametrize(("rows", "extra"), LEFT.values(), ids=LEFT)
def test_what_has_no_part_stays_with_its_choice(rows: list[dict[str, Any]], extra: dict[str, Any]) -> None:
    stream = sse(*rows, chunk({}, "stop"))
    answer = fold(laws.read(codec, stream))
    assert answer.choices[0].extra.get("openai_chat", {}) == extra
    assert answer.extra == {}
    laws.stream_survives(codec, stream)


USAGES: dict[str, tuple[list[dict[str, Any]], Usage | None]] = {
    "none": ([], None),
    "empty": ([{"choices": [], "usage": {}}], None),
    "only in x_groq": (
        [{"choices": [], "x_groq": {"usage": {"prompt_tokens": 1, "completion_tokens": 2}}}],
        Usage(input=1, output=2),
    ),
    "in every chunk": (
        [
            {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1}},
            {"choices": [], "usage": {"prompt_tokens": None, "completion_tokens": 2, "cost": 1}},
        ],
        Usage(input=1, output=2, raw={"openai_chat": {"cost": 1}}),
    ),
    "impossible": (
        [{"choices": [], "usage": {"prompt_tokens": -5, "completion_tokens": 10**12, "total_tokens": True}}],
        Usage(input=0, output=10**9),
    ),
    "choices null beside it": ([{"choices": None, "usage": {"prompt_tokens": 1}}], Usage(input=1)),
    "cached": (
        [{"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 1, "prompt_cache_hit_tokens": 2}}],
        Usage(input=3, output=1, cache_read=2, raw={"openai_chat": {"prompt_cache_hit_tokens": 2}}),
    ),
    "odd details": (
        [{"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 1.0, "prompt_tokens_details": 4}}],
        Usage(input=3, output=1, raw={"openai_chat": {"prompt_tokens_details": 4}}),
    ),
}


@pytest.mark.parametrize(("rows", "usage"), USAGES.values(), ids=USAGES)
def test_u56_usage_is_found_wherever_it_is(rows: list[dict[str, Any]], usage: Usage | None) -> None:
    answer = read(chunk({"content": "x"}), *rows, chunk({}, "stop"))
    assert answer.usage == usage
    laws.stream_survives(codec, sse(chunk({"content": "x"}), *rows, chunk({}, "stop")))


def test_an_answer_without_an_id_gets_the_same_one_however_it_is_read() -> None:
    rows = [chunk({"content": "x"}) | {"id": ""}, chunk({}, "stop") | {"id": ""}]
    answer = read(*rows)
    assert answer.id.startswith("chatcmpl-")
    laws.cuts_do_not_matter(codec, sse(*rows))
    laws.stream_survives(codec, sse(*rows))


def written(*events: Event, request: ChatRequest | None = None) -> list[dict[str, Any]]:
    encoder = codec.Encoder(request)
    text = b"".join(encoder.encode(event) for event in events).decode()
    rows = [line.removeprefix("data: ") for line in text.split("\n\n") if line.startswith("data: ")]
    assert text == "".join(f"data: {row}\n\n" for row in rows)
    return [json.loads(row) if row != "[DONE]" else row for row in rows]


def answer(*parts: Part, **more: Any) -> ChatResponse:
    choice = Choice(message=Message(role="assistant", parts=parts), stop_reason=StopReason.STOP, stop_detail="stop")
    return ChatResponse(id="c", model="m", created=7, choices=(choice,), **more)


def streamed(**options: Any) -> ChatRequest:
    return codec.decode_request({"messages": [{"role": "user", "content": "x"}], "stream": True} | options)


def test_usage_is_told_only_to_those_who_ask() -> None:
    whole = answer(Text(text="x"), usage=Usage(input=1, output=2))
    rows = written(*unfold(whole), request=streamed(stream_options={"include_usage": True}))
    assert rows[-2:] == [
        {
            "id": "c",
            "object": "chat.completion.chunk",
            "created": 7,
            "model": "m",
            "choices": [],
            "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
        },
        "[DONE]",
    ]
    rows = written(*unfold(whole), request=streamed())
    assert rows[-1] == "[DONE]"
    assert not any("usage" in row for row in rows[:-1])
    assert [row["choices"][0]["delta"] for row in rows[:-1]] == [
        {"role": "assistant", "content": ""},
        {"content": "x"},
        {},
    ]


def test_the_role_comes_first_and_once_for_each_choice() -> None:
    rows = written(
        Started("c", "m"), Started("c", "m"), PartStarted(0, Text(text="x"), 1), Finished(StopReason.STOP, choice=1)
    )
    assert [(row["choices"][0]["index"], "role" in row["choices"][0]["delta"]) for row in rows] == [
        (0, True),
        (1, True),
        (1, False),
        (1, False),
    ]


def test_a_stream_ends_when_all_choices_that_were_asked_for_have() -> None:
    request = streamed(n=2)
    events = [Started("c", "m"), PartStarted(0, Text(text="a")), PartStarted(0, Text(text="b"), 1)]
    assert written(*events, Finished(StopReason.STOP), request=request)[-1] != "[DONE]"
    assert (
        written(*events, Finished(StopReason.STOP), Finished(StopReason.STOP, choice=1), request=request)[-1]
        == "[DONE]"
    )
    fewer = written(*events[:2], Finished(StopReason.STOP, usage=Usage(input=1)), request=request)
    assert fewer[-1] == "[DONE]"


def test_an_encoder_that_never_saw_the_last_choice_can_be_ended_once() -> None:
    encoder = codec.Encoder(streamed(n=2))
    encoder.encode(Finished(StopReason.STOP))
    assert encoder.end() == b"data: [DONE]\n\n"
    assert encoder.end() == b""


def test_events_without_a_start_get_an_id_and_a_role() -> None:
    rows = written(PartStarted(0, Text(text="")), PartDelta(0, "x"), PartEnded(0), PartDelta(0, "lost"))
    assert rows[0]["id"].startswith("chatcmpl-")
    assert [row["choices"][0]["delta"] for row in rows] == [{"role": "assistant", "content": ""}, {"content": "x"}]


def test_whole_parts_are_written_as_well_as_pieces() -> None:
    parts: tuple[Part, ...] = (
        Reasoning(text="r"),
        Reasoning(summary="s"),
        Text(
            text="t",
            citations=(Citation(url="u", start=0), Citation(title="no url")),
            logprobs=(Logprob(token="t", logprob=-1),),
        ),
        Refusal(text="n"),
        Media(kind="image", mime="image/png", data="AAAA"),
        Media(kind="audio", data="AAAA", text="hey"),
        ToolCall(id="a", name="f", arguments="{}"),
        ToolCall(id="b", name="sh", arguments="ls", kind="custom"),
        ToolCall(id="c", name="f", arguments="{}", extra={"openai_chat": {"_legacy": True}}),
        Media(kind="document", url="https://e.org"),
        Opaque(wire="anthropic", data={}),
    )
    whole = written(Started("c", "m"), *(PartStarted(n, part) for n, part in enumerate(parts)))
    deltas = [row["choices"][0]["delta"] for row in whole[1:]]
    assert deltas == [
        {"reasoning_content": "r"},
        {"reasoning_content": "s"},
        {"content": "t", "annotations": [{"type": "url_citation", "url_citation": {"url": "u", "start_index": 0}}]},
        {"refusal": "n"},
        {"images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]},
        {"audio": {"id": "", "expires_at": 0, "data": "AAAA", "transcript": "hey"}},
        {"tool_calls": [{"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"tool_calls": [{"index": 1, "id": "b", "type": "custom", "custom": {"name": "sh", "input": "ls"}}]},
        {"function_call": {"name": "f", "arguments": "{}"}},
    ]
    assert whole[3]["choices"][0]["logprobs"]["content"][0]["token"] == "t"
    in_pieces = written(*unfold(answer(*parts)))
    said = fold(laws.read(codec, sse(*(row for row in in_pieces if row != "[DONE]"))))
    assert [part.text for part in said.message.parts if isinstance(part, Text | Reasoning | Refusal)] == [
        "rs",
        "t",
        "n",
    ]


def test_a_late_seal_and_late_sources_are_written() -> None:
    sealed = PartDelta(
        0, "}", seal=Seal(issuer="g/m@k", value="s"), extra={"openai_chat": {"extra_content": {"google": {}}}}
    )
    rows = written(
        PartStarted(0, ToolCall(id="a", name="f", arguments="{")),
        sealed,
        PartStarted(1, Text(text="ab")),
        PartDelta(1, citations=(Citation(url="u", start=1),)),
        PartDelta(1, citations=(Citation(title="nowhere"),)),
        PartDelta(1),
    )
    deltas = [row["choices"][0]["delta"] for row in rows]
    assert {"tool_calls": [{"index": 0, "extra_content": {"google": {"thought_signature": "g/m@k:s"}}}]} in deltas
    assert deltas[-1] == {"annotations": [{"type": "url_citation", "url_citation": {"url": "u", "start_index": 1}}]}


def test_summaries_and_sounds_that_come_in_pieces_are_written() -> None:
    rows = written(
        PartStarted(0, Reasoning()),
        PartDelta(0, summary="why"),
        PartStarted(1, Media(kind="audio")),
        PartDelta(1, "hey", data="AAAA"),
        PartDelta(1),
    )
    assert [row["choices"][0]["delta"] for row in rows[1:]] == [
        {"reasoning_content": "why"},
        {"audio": {"data": "AAAA", "transcript": "hey"}},
    ]


def test_thoughts_are_told_in_both_fields_where_the_provider_has_the_other() -> None:
    part = Reasoning(text="", extra={"openai_chat": {"_field": "reasoning"}})
    rows = written(PartStarted(0, part), PartDelta(0, "hm"))
    assert rows[-1]["choices"][0]["delta"] == {"reasoning": "hm", "reasoning_content": "hm"}


ENDS: dict[str, tuple[StopReason | None, str | None, dict[str, Any]]] = {
    "stop": (StopReason.STOP, None, {"finish_reason": "stop"}),
    "end_turn": (StopReason.STOP, "end_turn", {"finish_reason": "stop", "native_finish_reason": "end_turn"}),
    "sequence": (StopReason.STOP_SEQUENCE, "END", {"finish_reason": "stop", "stop_reason": "END"}),
    "some sequence": (
        StopReason.STOP_SEQUENCE,
        None,
        {"finish_reason": "stop", "native_finish_reason": "stop_sequence"},
    ),
    "length": (StopReason.LENGTH, "MAX_TOKENS", {"finish_reason": "length", "native_finish_reason": "MAX_TOKENS"}),
    "refusal": (StopReason.REFUSAL, None, {"finish_reason": "content_filter", "native_finish_reason": "refusal"}),
    "pause": (StopReason.PAUSE, None, {"finish_reason": "stop", "native_finish_reason": "pause_turn"}),
    "unknown": (StopReason.UNKNOWN, None, {"finish_reason": "unknown"}),
    "not said": (None, None, {"finish_reason": None}),
}


@pytest.mark.parametrize(("reason", "detail", "said"), ENDS.values(), ids=ENDS)
def test_an_end_is_never_made_up(reason: StopReason | None, detail: str | None, said: dict[str, Any]) -> None:
    row = written(Finished(reason, detail))[1]["choices"][0]
    assert row == {"index": 0, "delta": {}} | said


def test_keep_alives_notes_and_errors_are_what_clients_expect() -> None:
    encoder = codec.Encoder(None)
    assert encoder.content_type == "text/event-stream"
    assert encoder.ping() == b": keep-alive\n\n"
    assert encoder.note('wallas {"a":1}') == b': wallas {"a":1}\n\n'
    assert encoder.encode(Ping()) == b""
    row = json.loads(encoder.error(StreamInterrupted("gone")).removeprefix(b"data: "))
    assert row == {"error": {"message": "gone", "type": "server_error", "param": None, "code": "stream_interrupted"}}


def test_an_error_lists_the_attempts() -> None:
    error = AllAttemptsFailed("nobody", details=[{"provider": "a"}])
    assert codec.encode_error(error)["error"]["attempts"] == [{"provider": "a"}]
