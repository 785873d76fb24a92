"""What a client of the Anthropic wire gets streamed, and what its official SDK reads from that."""

import json
from typing import Any

import anthropic as vendor
import pytest

from tests.codecs import anthropic_sdk as sdk
from tests.codecs import laws
from wallas.codecs import anthropic
from wallas.errors import StreamInterrupted
from wallas.types.chat import (
    ChatRequest,
    Citation,
    Media,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Seal,
    StopReason,
    Text,
    Thinking,
    ToolCall,
    Usage,
)
from wallas.types.events import Finished, PartDelta, PartEnded, PartStarted, Ping, Started, fold


def written(*events: Any, request: ChatRequest | None = None) -> bytes:
    encoder = anthropic.Encoder(request)
    return b"".join(encoder.encode(event) for event in events)


def told(data: bytes) -> list[tuple[Any, ...]]:
    """Return a stream's events in short: type, index, and what was added."""
    short = []
    for chunk in data.decode().split("\n\n")[:-1]:
        event = json.loads(chunk.split("data: ", 1)[1])
        added = event.get("delta", {})
        content = event.get("content_block", {}).get("type") or next(
            (added[key] for key in ("text", "thinking", "partial_json", "signature", "stop_reason") if key in added),
            None,
        )
        short.append((event["type"].removeprefix("content_"), event.get("index"), content))
    return short


def part(index: int, part: Part, *deltas: PartDelta) -> list[Any]:
    return [PartStarted(index, part), *deltas, PartEnded(index)]


BEGIN = Started(id="msg_1", model="m")
END = Finished(StopReason.STOP, usage=Usage(input=3, output=4))
LAST = [("message_delta", None, "end_turn"), ("message_stop", None, None)]


def test_overlapping_parts_wait_for_the_open_one():
    data = written(
        BEGIN,
        PartStarted(0, Text(text="a")),
        PartStarted(1, ToolCall(id="t", name="f")),
        PartDelta(1, '{"x":'),
        PartDelta(0, "b"),
        PartStarted(2, Text(text="")),
        PartDelta(1, "1}"),
        PartEnded(1),
        PartDelta(2, "late"),
        PartEnded(0),
        PartDelta(2, "r"),
        END,
    )
    assert told(data) == [
        ("message_start", None, None),
        ("block_start", 0, "text"),
        ("block_delta", 0, "a"),
        ("block_delta", 0, "b"),
        ("block_stop", 0, None),
        ("block_start", 1, "tool_use"),
        ("block_delta", 1, '{"x":'),
        ("block_delta", 1, "1}"),
        ("block_stop", 1, None),
        ("block_start", 2, "text"),
        ("block_delta", 2, "late"),
        ("block_delta", 2, "r"),
        ("block_stop", 2, None),
        ("message_delta", None, "tool_use"),
        ("message_stop", None, None),
    ]


def test_parts_still_waiting_at_the_end_are_told_then():
    data = written(BEGIN, PartStarted(0, Text(text="a")), *part(1, Text(text="b")), PartStarted(2, Text(text="c")), END)
    assert [content for kind, _, content in told(data) if kind == "block_delta"] == ["a", "b", "c"]
    assert told(data)[-2:] == LAST


def test_thinking_is_closed_when_text_begins_and_later_thoughts_are_a_block_of_their_own():
    data = written(
        BEGIN,
        PartStarted(0, Reasoning(text="a")),
        PartStarted(1, Text(text="")),
        PartDelta(1, "x"),
        PartDelta(0, "b"),
        PartDelta(0, seal=Seal(issuer="g/m@a", value="s")),
        PartDelta(0, extra={"x": {"y": 1}}),
        PartEnded(0),
        PartEnded(1),
        END,
    )
    assert told(data)[1:-2] == [
        ("block_start", 0, "thinking"),
        ("block_delta", 0, "a"),
        ("block_delta", 0, ""),
        ("block_stop", 0, None),
        ("block_start", 1, "text"),
        ("block_delta", 1, "x"),
        ("block_stop", 1, None),
        ("block_start", 2, "thinking"),
        ("block_delta", 2, "b"),
        ("block_delta", 2, "g/m@a:s"),
        ("block_stop", 2, None),
    ]


def test_a_late_thought_is_told_at_once_when_nothing_is_open():
    data = written(
        BEGIN,
        PartStarted(0, Reasoning()),
        *part(1, Text(text="x")),
        PartDelta(0, extra={"x": {}}),
        PartDelta(0, "b"),
        END,
    )
    assert ("block_delta", 2, "b") in told(data)
    laws.read(anthropic, data)


def test_thinking_is_hidden_from_clients_that_did_not_ask():
    thoughts = (Reasoning(text="a"), Reasoning(redacted=True, seal=Seal(value="x")))
    events = [BEGIN, *part(0, thoughts[0]), *part(1, thoughts[1]), *part(2, Text(text="b")), END]
    assert [content for kind, _, content in told(written(*events)) if kind == "block_start"] == [
        "thinking",
        "redacted_thinking",
        "text",
    ]
    hidden = told(written(*events, request=ChatRequest(model="m")))
    assert hidden[1:-2] == [("block_start", 0, "text"), ("block_delta", 0, "b"), ("block_stop", 0, None)]
    open_thought = [BEGIN, PartStarted(0, Reasoning(text="a")), PartDelta(0, "b"), *part(1, Text(text="b")), END]
    assert told(written(*open_thought, request=ChatRequest(model="m"))) == hidden


def test_quiet_thinking_shows_its_signature_only():
    request = ChatRequest(model="m", thinking=Thinking(enabled=True, visible=False))
    thought = part(0, Reasoning(text="a"), PartDelta(0, "b"), PartDelta(0, seal=Seal(value="s")))
    assert told(written(BEGIN, *thought, END, request=request))[1:-2] == [
        ("block_start", 0, "thinking"),
        ("block_delta", 0, "s"),
        ("block_stop", 0, None),
    ]


def test_summaries_are_thoughts_where_nothing_else_is():
    data = written(BEGIN, *part(0, Reasoning(), PartDelta(0, summary="short")), END)
    assert ("block_delta", 0, "short") in told(data)


def test_refusals_media_and_foreign_blocks_become_what_the_wire_has():
    data = written(
        BEGIN,
        *part(0, Refusal(text="No"), PartDelta(0, ".")),
        *part(1, Opaque(wire="gemini", data={})),
        *part(2, Media(kind="image", url="https://i.example"), PartDelta(2)),
        *part(3, ToolCall(id="t", name="p", kind="custom"), PartDelta(3, "free"), PartDelta(3, " text")),
        END,
    )
    assert told(data)[1:] == [
        ("block_start", 0, "text"),
        ("block_delta", 0, "No"),
        ("block_delta", 0, "."),
        ("block_stop", 0, None),
        ("block_start", 1, "text"),
        ("block_stop", 1, None),
        ("block_start", 2, "tool_use"),
        ("block_delta", 2, '{"input":"free text"}'),
        ("block_stop", 2, None),
        ("message_delta", None, "refusal"),
        ("message_stop", None, None),
    ]


def test_only_the_first_answer_is_told_and_only_once():
    data = written(
        BEGIN,
        Started(id="other"),
        PartStarted(0, Text(text="a")),
        PartStarted(0, Text(text="b"), choice=1),
        PartDelta(0, "b", choice=1),
        PartEnded(0, choice=1),
        PartDelta(9, "nobody's"),
        PartEnded(9),
        Ping(),
        END,
        END,
        Finished(StopReason.STOP, choice=1),
    )
    assert told(data) == [
        ("message_start", None, None),
        ("block_start", 0, "text"),
        ("block_delta", 0, "a"),
        ("block_stop", 0, None),
        *LAST,
    ]


@pytest.mark.parametrize("events", [[*part(0, Text(text="a")), END], [END]], ids=["part", "end"])
def test_a_message_starts_even_if_nobody_said_so(events):
    first = json.loads(written(*events).split(b"\n\n")[0].split(b"data: ")[1])
    assert first["type"] == "message_start"
    assert first["message"]["id"].startswith("msg_")


def test_what_only_this_wire_knows_is_told_where_it_stands():
    container = {"id": "c", "expires_at": "2026-12-01T00:00:00Z"}
    finished = Finished(
        StopReason.STOP,
        extra={"anthropic": {"stop_details": {"type": "x"}}},
        response_extra={"anthropic": {"container": container, "context_management": {"applied_edits": []}}},
    )
    data = written(BEGIN, finished)
    last = json.loads(data.split(b"\n\n")[1].split(b"data: ")[1])
    assert last["delta"]["container"] == container
    assert last["delta"]["stop_details"] == {"type": "x"}
    assert last["context_management"] == {"applied_edits": []}
    assert fold(laws.read(anthropic, data)).extra["anthropic"]["container"] == container


def test_keep_alive_notes_and_errors_have_the_wires_form():
    encoder = anthropic.Encoder()
    assert encoder.content_type == "text/event-stream"
    assert encoder.ping() == b'event: ping\ndata: {"type": "ping"}\n\n'
    assert encoder.note("wallas\n{}") == b": wallas {}\n\n"
    encoder.encode(BEGIN)
    error = encoder.error(StreamInterrupted("broken off"))
    body = b'{"type":"error","error":{"type":"api_error","message":"broken off"}}'
    assert error == b"event: error\ndata: " + body + b"\n\n"
    assert encoder.encode(END) == b""


def test_the_official_client_reads_thinking_tools_and_citations():
    citation = Citation(url="https://c.example", title="T", text="t")
    seal = Seal(issuer="anthropic/m@a", value="c2ln")
    data = written(
        BEGIN,
        *part(0, Reasoning(), PartDelta(0, "First, "), PartDelta(0, "think."), PartDelta(0, seal=seal)),
        *part(1, Text(text=""), PartDelta(1, "Ça \u2028va"), PartDelta(1, citations=(citation,))),
        *part(2, ToolCall(id="t1", name="f"), PartDelta(2, '{"a": '), PartDelta(2, '"b"}')),
        *part(3, ToolCall(id="t2", name="g")),
        Finished(StopReason.TOOL_CALLS, usage=Usage(input=10, output=4, cache_read=7)),
    )
    message = sdk.streamed(anthropic.Encoder().ping() + data)
    thinking, text, first, second = message["content"]
    assert (thinking["thinking"], thinking["signature"]) == ("First, think.", "anthropic/m@a:c2ln")
    assert (text["text"], text["citations"][0]["url"]) == ("Ça \u2028va", "https://c.example")
    assert (first["id"], first["name"], first["input"]) == ("t1", "f", {"a": "b"})
    assert (second["name"], second["input"]) == ("g", {})
    assert message["stop_reason"] == "tool_use"
    usage = message["usage"]
    assert (usage["input_tokens"], usage["cache_read_input_tokens"], usage["output_tokens"]) == (3, 7, 4)


def test_the_official_client_raises_our_error_event():
    encoder = anthropic.Encoder()
    data = encoder.encode(BEGIN) + encoder.error(StreamInterrupted("broken off"))
    broken = pytest.raises(vendor.APIStatusError, match="broken off")
    with sdk.client(data, kind="text/event-stream") as client, broken, client.messages.stream(**sdk.ASK) as stream:
        stream.get_final_message()


def test_the_official_clients_plain_stream_reads_every_event():
    data = written(BEGIN, *part(0, Text(text="a"), PartDelta(0, "b")), END)
    with sdk.client(data, kind="text/event-stream") as client:
        kinds = [event.type for event in client.messages.create(**sdk.ASK, stream=True)]
    assert kinds == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


def test_a_whole_answer_is_read_by_the_official_client():
    body = anthropic.encode_response(fold([BEGIN, *part(0, Text(text="a")), END]))
    message = sdk.plain(body)
    assert (message["content"][0]["text"], message["stop_reason"]) == ("a", "end_turn")
