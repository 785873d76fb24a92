"""How a client's chat completions stream is written, event by event."""

import json
from typing import Any

import pytest

from tests.codecs import laws
from tests.codecs.test_openai_chat_streams import sse
from wallas.codecs import openai_chat as codec
from wallas.errors import AllAttemptsFailed, StreamInterrupted
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
