"""What a provider of the Anthropic wire may stream, and what becomes of it."""

import json
from typing import Any

import pytest

from tests.codecs import laws
from wallas.codecs import anthropic
from wallas.errors import FailureKind, ProviderError
from wallas.types.chat import (
    StopReason,
    Text,
    ToolCall,
)
from wallas.types.events import Finished, PartDelta, PartEnded, PartStarted, Ping, Started, fold

START = {"type": "message_start", "message": {"id": "msg_1", "model": "m", "usage": {"input_tokens": 5}}}
TEXT = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
STOP = {"type": "message_stop"}


def delta(kind: str, index: int = 0, **more: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **more}}


def block(index: int = 0, **content: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": content}


def ended(index: int = 0) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def finish(reason: str | None = "end_turn", **usage: Any) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 3} | usage}


def stream(*events: dict[str, Any] | str) -> bytes:
    texts = [event if isinstance(event, str) else json.dumps(event) for event in events]
    return "".join(f"data: {text}\n\n" for text in texts).encode()


def whole(*events: dict[str, Any] | str) -> Any:
    return fold(laws.read(anthropic, stream(*events)))


def failed(*events: dict[str, Any] | str) -> tuple[ProviderError, list[Any]]:
    """Return the failure that a stream ends in, and the events before it."""
    decoder, seen = anthropic.Decoder(), []
    with pytest.raises(ProviderError) as caught:
        for event in decoder.feed(stream(*events)):
            seen.append(event)
        for event in decoder.end():
            seen.append(event)
    return caught.value, seen


def test_an_error_event_is_the_providers_error_after_what_came_before_it():
    told = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    error, seen = failed(START, TEXT, delta("text_delta", text="Once"), told)
    assert (error.kind, error.status, error.message) == (FailureKind.OVERLOADED, 529, "Overloaded")
    assert seen[-1] == PartDelta(0, "Once")


def test_an_error_of_another_dialect_is_an_error_too():
    error, _ = failed({"error": {"message": "quota", "type": "rate_limit_error"}}, "[DONE]")
    assert error.kind is FailureKind.RATE_LIMIT


@pytest.mark.parametrize("events", [(), (START,), (START, TEXT), (START, TEXT, ended()), (START, "[DONE]")])
def test_an_end_without_its_mark_is_a_cut(events):
    assert failed(*events)[0].kind is FailureKind.CUT


def test_a_cut_after_the_stop_reason_has_lost_nothing():
    decoder = anthropic.Decoder()
    events = list(decoder.feed(stream(START, TEXT, delta("text_delta", text="a"), ended(), finish())))
    assert (decoder.complete, decoder.done) == (True, False)
    assert isinstance(events[-1], Finished)
    with pytest.raises(ProviderError) as caught:
        list(decoder.end())
    assert caught.value.kind is FailureKind.CUT


def test_a_done_mark_ends_a_whole_answer_and_nothing_follows_an_end():
    decoder = anthropic.Decoder()
    first = list(decoder.feed(stream(START, finish(), "[DONE]", START)))
    assert decoder.done
    assert [type(event) for event in first] == [Started, Finished]
    assert list(decoder.feed(stream(TEXT))) == []
    assert list(decoder.end()) == []


def test_a_last_event_without_its_blank_line_counts():
    decoder = anthropic.Decoder()
    data = stream(START, TEXT, delta("text_delta", text="a"), finish(), STOP)
    list(decoder.feed(data.rstrip()))
    assert not decoder.done
    list(decoder.end())
    assert decoder.done


def test_what_the_end_completes_comes_out_before_the_cut_is_raised():
    decoder, late = anthropic.Decoder(), []
    data = stream(START, TEXT, delta("text_delta", text="a")).rstrip()
    seen = list(decoder.feed(data))
    with pytest.raises(ProviderError):
        for event in decoder.end():
            late.append(event)
    assert (seen[-1], late) == (PartStarted(0, Text(text="")), [PartDelta(0, "a")])


@pytest.mark.parametrize(
    "bad",
    [
        {"type": "message_start"},
        delta("text_delta", text="x", index=7),
        {"type": "content_block_delta", "index": 0},
        delta("text_delta", text=5),
        delta("citations_delta", citation="x"),
        {"type": "content_block_start", "index": 1},
        block(1, type="tool_use", id="a", name=5),
        {"type": "message_delta", "usage": {}},
    ],
)
def test_events_that_break_the_wire_are_malformed(bad):
    events = (bad,) if bad["type"] == "message_start" else (START, TEXT, bad)
    assert failed(*events)[0].kind is FailureKind.MALFORMED


def test_pings_unknown_events_and_empty_deltas_change_nothing():
    noise = [{"type": "ping"}, {"type": "weather"}, {"type": 7}, "3", "null"]
    empty = [delta("text_delta", text=""), delta("aura_delta", x=1), delta("thinking_delta", thinking="no")]
    plain = whole(START, TEXT, delta("text_delta", text="a"), ended(), finish(), STOP)
    noisy = whole(*noise, START, *noise, TEXT, *empty, delta("text_delta", text="a"), ended(), ended(9), finish(), STOP)
    assert noisy == plain
    assert Ping() in laws.read(anthropic, stream(START, {"type": "ping"}, finish(), STOP))


def test_an_event_name_stands_in_for_a_missing_type():
    text = json.dumps({"index": 0, "delta": {"type": "text_delta", "text": "a"}})
    data = stream(START, TEXT) + f"event: content_block_delta\ndata: {text}\n\n".encode()
    data += b'event: content_block_delta\ndata: {"index":0,"delta":{"type":"text_delta","text":""}}\n\n'
    assert fold(laws.read(anthropic, data + stream(finish(), STOP))).message.parts == (Text(text="a"),)


def test_a_stream_without_its_start_still_starts():
    events = laws.read(anthropic, stream(TEXT, delta("text_delta", text="a"), finish(), STOP))
    assert events[0] == Started()
    assert fold(events).message.parts == (Text(text="a"),)


def test_a_start_told_twice_counts_once():
    events = laws.read(anthropic, stream(START, TEXT, START, delta("text_delta", text="a"), finish(), STOP))
    assert [type(event) for event in events].count(Started) == 1


def test_blocks_told_in_the_start_are_part_of_the_answer():
    call = {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}
    message = START["message"] | {"content": [call], "stop_reason": "tool_use"}
    answer = whole({"type": "message_start", "message": message}, STOP)
    assert answer.message.parts == (ToolCall(id="t", name="f", arguments='{"a":1}'),)
    assert answer.stop_reason is StopReason.TOOL_CALLS


def test_a_message_stop_without_any_reason_makes_none_up():
    assert whole(START, TEXT, STOP).stop_reason is None


def test_a_second_finish_is_not_told_twice():
    events = laws.read(anthropic, stream(START, finish(), finish("max_tokens"), STOP))
    assert [event.reason for event in events if isinstance(event, Finished)] == [StopReason.STOP]


def test_blocks_left_open_are_closed_at_the_end():
    events = laws.read(anthropic, stream(START, TEXT, block(0, type="text", text="b"), finish(), STOP))
    assert [event.index for event in events if isinstance(event, PartEnded)] == [0, 1]


def test_later_usage_overwrites_earlier_count_by_count():
    start = {"input_tokens": 5, "cache_read_input_tokens": 2, "output_tokens": 1, "service_tier": "standard"}
    first = {"type": "message_start", "message": START["message"] | {"usage": start}}
    early = {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 2}}
    usage = whole(first, early, finish(input_tokens=7, cache_read_input_tokens=None, output_tokens=9), STOP).usage
    assert (usage.input, usage.cache_read, usage.output) == (9, 2, 9)
    assert usage.raw["anthropic"]["service_tier"] == "standard"


def test_a_stream_may_say_nothing_of_usage():
    silent = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}
    assert whole({"type": "message_start", "message": {}}, silent, STOP).usage is None


@pytest.mark.parametrize(
    ("start", "deltas", "arguments"),
    [
        ({}, [], ""),
        ({}, [""], ""),
        ({}, ["", '{"a":', " 1}"], '{"a": 1}'),
        ({}, ['{"a":'], '{"a":'),
        ({"a": 1}, [], '{"a":1}'),
        ({"a": 1}, ['{"b":2}'], '{"b":2}'),
    ],
)
def test_arguments_are_kept_as_their_text(start, deltas, arguments):
    pieces = [delta("input_json_delta", partial_json=text) for text in deltas]
    answer = whole(START, block(type="tool_use", id="t", name="f", input=start), *pieces, ended(), finish(), STOP)
    assert answer.message.parts == (ToolCall(id="t", name="f", arguments=arguments),)


def test_blocks_carried_unread_grow_by_their_deltas():
    answer = whole(
        START,
        block(type="server_tool_use", id="s", name="x", input={}),
        delta("input_json_delta", partial_json='{"a"'),
        delta("input_json_delta", partial_json=": 1}"),
        ended(),
        block(1, type="mcp_tool_use", id="m", name="x", input={}),
        delta("input_json_delta", 1, partial_json='{"a"'),
        ended(1),
        block(2, type="novelty", content=None, words=["a"], note="n"),
        delta("novelty_delta", 2, content="One, ", words=["b"], note=3, gone=None),
        delta("novelty_delta", 2, content="two."),
        delta("citations_delta", 2, citation={"type": "x"}),
        delta("citations_delta", 2, citation={"type": "y"}),
        ended(2),
        finish(),
        STOP,
    )
    assert [part.data for part in answer.message.parts] == [
        {"type": "server_tool_use", "id": "s", "name": "x", "input": {"a": 1}},
        {"type": "mcp_tool_use", "id": "m", "name": "x", "input": {"INVALID_JSON": '{"a"'}},
        {
            "type": "novelty",
            "content": "One, two.",
            "words": ["a", "b"],
            "note": 3,
            "citations": [{"type": "x"}, {"type": "y"}],
        },
    ]
