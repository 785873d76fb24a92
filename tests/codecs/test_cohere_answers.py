"""Cohere v2 answers, whole and streamed, against the official client's types and recorded traffic."""

import json
from typing import Any

import cohere as sdk
import pytest
from cohere.core.unchecked_base_model import construct_type
from hypothesis import given
from hypothesis import strategies as st

from tests.codecs import goldens, laws
from wallas.codecs import cohere
from wallas.codecs.framing import Sse
from wallas.errors import AllAttemptsFailed, BadRequest, FailureKind, ProviderError
from wallas.types.chat import (
    ChatResponse,
    Choice,
    Citation,
    Logprob,
    Media,
    Message,
    Opaque,
    Reasoning,
    Refusal,
    StopReason,
    Text,
    ToolCall,
    Usage,
)
from wallas.types.events import Finished, PartDelta, PartEnded, PartStarted, Ping, fold, unfold

RECORDS = laws.recordings("cohere")
needs_recordings = pytest.mark.skipif(not RECORDS, reason="the folder shared/recordings is not here")

PLAN = {"cohere": {"tool_plan": True}}


def sse(*events: dict[str, Any]) -> bytes:
    return b"".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n".encode() for one in events)


def event(kind: str, index: int | None = None, **message: Any) -> dict[str, Any]:
    place = {} if index is None else {"index": index}
    return {"type": kind} | place | {"delta": {"message": message}}


def end(word: str | None = "COMPLETE", **delta: Any) -> dict[str, Any]:
    return {"type": "message-end", "delta": {"finish_reason": word} | delta}


START = {"type": "message-start", "id": "r1", "delta": {"message": {"role": "assistant", "content": []}}}
HI = event("content-delta", 0, content={"text": "Hi"})
OPEN = event("content-start", 0, content={"type": "text", "text": ""})
CLOSE = {"type": "content-end", "index": 0}


def failure(data: bytes) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        laws.read(cohere, data)
    return caught.value


def answer(message: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": "r1", "finish_reason": "COMPLETE", "message": {"role": "assistant"} | message} | more


@pytest.mark.parametrize("path", goldens.cases("cohere", "response"), ids=lambda path: path.stem)
def test_a_golden_answer_is_read_and_written_as_it_stands(path):
    given = goldens.load(path)["given"]
    response = cohere.decode_response(given)
    goldens.compare(path, {"response": response, "body": cohere.encode_response(response)})
    laws.response_survives(cohere, given)


@pytest.mark.parametrize("path", goldens.cases("cohere", "stream"), ids=lambda path: path.stem)
def test_a_golden_stream_is_read_and_written_as_it_stands(path):
    data = sse(*goldens.load(path)["given"]) + b"data: [DONE]\n\n"
    response = fold(laws.read(cohere, data))
    frames = [json.loads(frame.data) for frame in Sse().feed(laws.written(cohere, response)) if frame.event]
    goldens.compare(path, {"response": response, "written": frames})
    laws.stream_survives(cohere, data)
    laws.cuts_do_not_matter(cohere, data)


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("COMPLETE", StopReason.STOP),
        ("STOP_SEQUENCE", StopReason.STOP_SEQUENCE),
        ("MAX_TOKENS", StopReason.LENGTH),
        ("TOOL_CALL", StopReason.TOOL_CALLS),
        ("STRANGE", StopReason.UNKNOWN),
        (None, StopReason.UNKNOWN),
    ],
)
def test_a_finish_reason_comes_back_as_it_was(word, reason):
    body = answer({"content": "Hi"}, finish_reason=word)
    response = cohere.decode_response(body)
    assert response.stop_reason == reason
    assert cohere.encode_response(response).get("finish_reason") == word
    streamed = fold(laws.read(cohere, sse(START, OPEN, HI, CLOSE, end(word))))
    assert streamed.stop_reason == reason


@pytest.mark.parametrize(
    ("reason", "detail", "word"),
    [
        (StopReason.STOP, "stop", "COMPLETE"),
        (StopReason.STOP_SEQUENCE, "COMPLETE", "STOP_SEQUENCE"),
        (StopReason.CONTENT_FILTER, "SAFETY", "CONTENT_FILTER"),
        (StopReason.UNKNOWN, "odd", "odd"),
        (None, None, None),
    ],
)
def test_a_reason_of_another_wire_is_told_without_a_lie(reason, detail, word):
    choice = Choice(message=Message(role="assistant"), stop_reason=reason, stop_detail=detail)
    assert cohere.encode_response(ChatResponse(choices=(choice,))).get("finish_reason") == word


def test_a_plain_end_after_calls_is_for_their_sake():
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": None}}
    response = cohere.decode_response(answer({"tool_calls": [call]}))
    assert response.stop_reason == StopReason.TOOL_CALLS
    assert response.message.parts == (ToolCall(id="a", name="f"),)
    assert cohere.encode_response(response)["finish_reason"] == "COMPLETE"


def test_u51_missing_and_repeated_call_ids_are_made_anew_and_stay_the_same():
    function = {"name": "f", "arguments": "{}"}
    given = [{"id": "a", "function": function}, {"id": "a", "function": function}, {"function": function}]
    ids = [part.id for part in cohere.decode_response(answer({"tool_calls": given})).message.parts]
    assert ids[0] == "a"
    assert len(set(ids)) == 3
    assert ids == [part.id for part in cohere.decode_response(answer({"tool_calls": given})).message.parts]
    other = cohere.decode_response(answer({"tool_calls": given}, id="r2")).message.parts
    assert other[2].id not in ids
    streamed = sse(START, *(event("tool-call-start", at, tool_calls=one) for at, one in enumerate(given)), end())
    assert [part.id for part in fold(laws.read(cohere, streamed)).message.parts] == ids


@pytest.mark.parametrize("word", ["ERROR", "TIMEOUT"])
def test_error_and_timeout_are_failures_not_ends(word):
    with pytest.raises(ProviderError, match=word):
        cohere.decode_response(answer({}, finish_reason=word))
    assert word in failure(sse(START, OPEN, HI, end(word))).message
    assert "no such tool" in failure(sse(START, end(word, error="no such tool"))).message
    assert "hidden" in failure(sse(START, end("COMPLETE", error="hidden"))).message


def test_errors_inside_a_200_are_raised():
    with pytest.raises(ProviderError, match="blocked"):
        cohere.decode_response({"id": "x", "message": "blocked"})
    assert failure(b'data: {"message":"blocked"}\n\n').message == "blocked"


@pytest.mark.parametrize(
    "body",
    [[], None, answer({"content": 7}), answer({"tool_calls": [{"id": "a"}]}), answer({"tool_calls": [{"id": 7}]})],
)
def test_a_body_of_another_shape_is_malformed(body):
    with pytest.raises(ProviderError) as caught:
        cohere.decode_response(body)
    assert caught.value.kind is FailureKind.MALFORMED


@pytest.mark.parametrize(
    "events",
    [
        b"data: []\n\n",
        sse({"type": "content-delta", "index": 0}),
        sse(START, event("tool-call-delta", 0, tool_calls={"function": {"arguments": "x"}})),
        sse(START, event("content-delta", 0, content={"text": 1})),
        sse(START, event("tool-call-start", 0, tool_calls={"id": "a"})),
        sse(START, end(usage=[1])),
        b"data: <html>\n\ndata: <html>\n\n",
        b"data: <html>\n\n",
    ],
)
def test_events_of_another_shape_are_malformed(events):
    assert failure(events).kind is FailureKind.MALFORMED


WHOLE = sse(START, OPEN, HI, CLOSE, end())


@pytest.mark.parametrize("cut", range(0, len(WHOLE) - 3, 7))
def test_a_stream_cut_before_message_end_is_a_cut(cut):
    assert failure(WHOLE[:cut]).kind is FailureKind.CUT


def test_a_last_event_without_blank_line_counts_and_done_changes_nothing():
    assert fold(laws.read(cohere, WHOLE.rstrip())).message.parts == (Text(text="Hi"),)
    decoder = cohere.Decoder()
    events = [*decoder.feed(WHOLE + b"data: [DONE]\n\n" + WHOLE), *decoder.feed(WHOLE), *decoder.end()]
    assert fold(events).message.parts == (Text(text="Hi"),)
    assert decoder.complete


def test_unknown_events_and_deltas_without_start_are_borne():
    data = sse(
        {"type": "debug", "x": 1}, START, START, HI, event("content-delta", 1, content={"thinking": "hm"}), end()
    )
    assert fold(laws.read(cohere, data)).message.parts == (Text(text="Hi"), Reasoning(text="hm"))
    assert fold(laws.read(cohere, sse(end()))).stop_reason == StopReason.STOP


def test_parts_may_begin_with_words_and_empty_deltas_say_nothing():
    thinking = event("content-start", 0, content={"type": "thinking", "thinking": "h"})
    more = event("content-delta", 0, content={"thinking": "m"})
    call = event("tool-call-start", 0, tool_calls={"id": "a", "function": {"name": "f", "arguments": "{"}})
    rest = event("tool-call-delta", 0, tool_calls={"function": {"arguments": "}"}})
    nothing = event("tool-call-delta", 0, tool_calls={"function": {"arguments": None}})
    empty = event("content-delta", 0, content={"text": None})
    data = sse(
        START, event("tool-plan-delta", tool_plan=""), thinking, more, call, nothing, rest, end("TOOL_CALL"), empty
    )
    assert fold(laws.read(cohere, data)).message.parts == (
        Reasoning(text="hm"),
        ToolCall(id="a", name="f", arguments="{}"),
    )


def test_a_plan_is_reasoning_that_remembers_where_it_stood():
    plan = [event("tool-plan-delta", tool_plan=word) for word in ("I ", "will")]
    call = event("tool-call-start", 0, tool_calls={"id": "a", "type": "function", "function": {"name": "f"}})
    data = sse(START, *plan, call, {"type": "tool-call-end", "index": 0}, end("TOOL_CALL"))
    response = fold(laws.read(cohere, data))
    assert response.message.parts == (Reasoning(text="I will", extra=PLAN), ToolCall(id="a", name="f"))
    assert cohere.encode_response(response)["message"]["tool_plan"] == "I will"
    laws.stream_survives(cohere, data)


def test_usage_is_the_tokens_and_not_what_is_billed():
    told = {
        "billed_units": {"input_tokens": 1},
        "tokens": {"input_tokens": 496.0, "output_tokens": 11, "reasoning_tokens": -4},
        "cached_tokens": 3,
    }
    usage = cohere.decode_response(answer({}, usage=told)).usage
    assert usage == Usage(input=496, output=11, cache_read=3, raw={"cohere": told})
    odd = cohere.decode_response(answer({}, usage={"tokens": None, "billed_units": {"input_tokens": 1}})).usage
    assert odd == Usage(raw={"cohere": {"tokens": None, "billed_units": {"input_tokens": 1}}})


def test_citations_belong_to_the_text_they_speak_of_and_others_stand_beside_it():
    sources = [{"type": "document", "id": "d", "document": {"title": "T", "url": "https://a"}}, "odd"]
    first = {"start": 0, "end": 2, "text": "Hi", "sources": sources, "type": "TEXT_CONTENT", "content_index": 1}
    plan = {"start": 0, "end": 1, "text": "I", "type": "PLAN"}
    content = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Hi"}]
    body = answer({"content": content, "tool_plan": "I", "citations": [first, plan, {"text": "?"}]})
    response = cohere.decode_response(body)
    one, other = response.message.parts[2].citations
    assert (one.url, one.title, one.start, one.text) == ("https://a", "T", 0, "Hi")
    assert other == Citation(text="?")
    assert response.choices[0].extra == {"cohere": {"citations": [plan]}}
    assert cohere.encode_response(response)["message"]["citations"] == [first, {"text": "?"}, plan]
    laws.response_survives(cohere, body)
    alone = answer({"citations": [{"text": "x"}]}, logprobs=[{"text": "x", "logprobs": [-1.0]}])
    laws.response_survives(cohere, alone)
    cited = [event("citation-start", 0, citations=one) for one in (first, plan)]
    data = sse(START, cited[1], OPEN, HI, *cited, {"type": "citation-end", "index": 0}, CLOSE, end())
    laws.stream_survives(cohere, data)


def test_logprobs_of_a_chunk_are_the_sum_of_its_tokens_and_go_back_as_they_were():
    items = [{"text": "Hi", "token_ids": [1, 2], "logprobs": [-0.5, -0.25]}, {"text": None, "token_ids": [3]}]
    response = cohere.decode_response(answer({"content": "Hi"}, logprobs=items))
    assert response.message.parts[0].logprobs == (Logprob(token="Hi", logprob=-0.75), Logprob(token="", logprob=0.0))
    assert cohere.encode_response(response)["logprobs"] == items
    data = sse(START, OPEN, HI | {"logprobs": items[0]}, HI, CLOSE, end())
    laws.stream_survives(cohere, data)
    laws.cuts_do_not_matter(cohere, data)
    assert fold(laws.read(cohere, data)).message.parts[0].logprobs == (Logprob(token="Hi", logprob=-0.75),)


def test_content_of_an_unknown_type_is_opaque_and_goes_back():
    item = {"type": "picture", "data": "x"}
    body = answer({"content": [item]}, model_version="v")
    response = cohere.decode_response(body)
    assert response.message.parts == (Opaque(wire="cohere", data=item),)
    assert response.extra == {"cohere": {"model_version": "v"}}
    laws.response_survives(cohere, body)
    data = sse(START | {"x": 1}, event("content-start", 0, content=item), CLOSE, end())
    laws.stream_survives(cohere, data)


ANSWER = ChatResponse(
    id="r9",
    choices=(
        Choice(
            message=Message(
                role="assistant",
                parts=(
                    Reasoning(summary="hm"),
                    Text(
                        text="Hi",
                        citations=(Citation(start=0, end=2, url="https://a", title="T"),),
                        logprobs=(Logprob(token="Hi", logprob=-0.5),),
                    ),
                    Refusal(text="no"),
                    Media(kind="audio", data="AAAA"),
                    ToolCall(id="a", name="f", arguments="{}"),
                ),
            ),
            stop_reason=StopReason.TOOL_CALLS,
            stop_detail="tool_calls",
        ),
    ),
    usage=Usage(input=7, cache_read=2),
)


def test_an_answer_of_another_wire_is_written_in_cohere_words():
    body = cohere.encode_response(ANSWER)
    document = {"type": "document", "id": "https://a", "document": {"title": "T", "url": "https://a"}}
    assert body == {
        "id": "r9",
        "finish_reason": "TOOL_CALL",
        "message": {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm"},
                {"type": "text", "text": "Hi"},
                {"type": "text", "text": "no"},
            ],
            "tool_calls": [{"type": "function", "id": "a", "function": {"name": "f", "arguments": "{}"}}],
            "citations": [{"start": 0, "end": 2, "sources": [document]}],
        },
        "logprobs": [{"text": "Hi", "token_ids": [], "logprobs": [-0.5]}],
        "usage": {"tokens": {"input_tokens": 7}, "cached_tokens": 2},
    }
    read = fold(laws.read(cohere, laws.written(cohere, ANSWER)))
    texts = [part.text for part in read.message.parts if isinstance(part, Text | Reasoning)]
    assert texts == ["hm", "Hi", "no"]
    assert read.usage is not None
    assert read.usage.input == 7


def test_an_encoder_bears_what_has_no_place():
    encoder = cohere.Encoder(None)
    media = PartStarted(0, Media(kind="audio", data="AAAA"))
    events = [Ping(), media, PartDelta(0, "x"), PartEnded(0), PartDelta(5, "x"), PartDelta(0, "x", 1), PartEnded(5)]
    assert b"".join(encoder.encode(one) for one in events) == b""
    assert encoder.encode(PartStarted(1, Reasoning(text="I", extra=PLAN))).startswith(b"event: tool-plan-delta")
    encoder.encode(PartStarted(2, ToolCall(id="a", name="f")))
    assert b"tool-call-end" in encoder.encode(Finished())
    assert encoder.ping() == b": ping\n\n"
    assert encoder.note("x") == b": x\n\n"
    assert cohere.encode_response(ChatResponse()) == {"id": "", "message": {"role": "assistant"}}


def test_errors_are_said_in_cohere_form():
    assert cohere.encode_error(BadRequest("no", param="p")) == {"message": "p: no"}
    ended = cohere.Encoder(None).error(AllAttemptsFailed("nobody"))
    assert "nobody" in failure(sse(START) + ended).message


def read_by_sdk(record: dict[str, Any]) -> dict[str, Any]:
    """Return what the official client's types find in a recorded answer."""
    if not record["stream"]:
        whole = construct_type(type_=sdk.V2ChatResponse, object_=record["response"])
        content = whole.message.content or []
        return {
            "text": "".join(item.text for item in content if item.type == "text"),
            "thinking": "".join(item.thinking for item in content if item.type == "thinking"),
            "plan": whole.message.tool_plan or "",
            "calls": [
                (call.id, call.function.name, call.function.arguments) for call in whole.message.tool_calls or ()
            ],
            "citations": [(one.start, one.end, one.text) for one in whole.message.citations or ()],
            "end": whole.finish_reason,
            "usage": (whole.usage.tokens.input_tokens, whole.usage.tokens.output_tokens, whole.usage.cached_tokens),
        }
    found: dict[str, Any] = {"text": "", "thinking": "", "plan": "", "calls": [], "citations": []}
    frames = [frame for frame in Sse().feed(record["response"].encode()) if frame.data != "[DONE]"]
    for one in (construct_type(type_=sdk.V2ChatStreamResponse, object_=json.loads(frame.data)) for frame in frames):
        match one.type:
            case "content-delta":
                found["text"] += one.delta.message.content.text or ""
                found["thinking"] += one.delta.message.content.thinking or ""
            case "tool-plan-delta":
                found["plan"] += one.delta.message.tool_plan
            case "tool-call-start":
                call = one.delta.message.tool_calls
                found["calls"].append((call.id, call.function.name, call.function.arguments))
            case "tool-call-delta":
                made, name, text = found["calls"][-1]
                found["calls"][-1] = made, name, text + one.delta.message.tool_calls.function.arguments
            case "citation-start":
                cited = one.delta.message.citations
                found["citations"].append((cited.start, cited.end, cited.text))
            case "message-end":
                tokens = one.delta.usage.tokens
                found["end"] = one.delta.finish_reason
                found["usage"] = tokens.input_tokens, tokens.output_tokens, one.delta.usage.cached_tokens
    return found


def told_by(response: ChatResponse) -> dict[str, Any]:
    """Return the same of our own reading."""
    parts = response.message.parts
    usage = response.usage or Usage()
    thoughts = [part for part in parts if isinstance(part, Reasoning)]
    texts = [part for part in parts if isinstance(part, Text)]
    return {
        "text": "".join(part.text for part in texts),
        "thinking": "".join(part.text for part in thoughts if part.extra != PLAN),
        "plan": "".join(part.text for part in thoughts if part.extra == PLAN),
        "calls": [(part.id, part.name, part.arguments) for part in parts if isinstance(part, ToolCall)],
        "citations": [(one.start, one.end, one.text) for part in texts for one in part.citations],
        "end": response.choices[0].stop_detail,
        "usage": (usage.input, usage.output, usage.cache_read),
    }


@needs_recordings
@pytest.mark.parametrize("record", RECORDS, ids=lambda one: one["id"])
def test_a_recorded_answer_says_what_the_official_client_reads_and_goes_back_whole(record):
    if record["status"] >= 400:
        body = json.dumps(record["response"]).encode()
        error = cohere.decode_error(record["status"], {}, body)
        assert error.message == record["response"]["message"]
        return
    if record["stream"]:
        data = record["response"].encode()
        response = fold(laws.read(cohere, data))
        laws.stream_survives(cohere, data)
        laws.cuts_do_not_matter(cohere, data, sizes=(1, 7, 1000))
    else:
        response = cohere.decode_response(record["response"])
        laws.response_survives(cohere, record["response"])
        assert goldens.missing(cohere.encode_response(response), record["response"]) == []
    assert told_by(response) == read_by_sdk(record)


@needs_recordings
@pytest.mark.parametrize(
    "record", [one for one in RECORDS if one["request"] and one["status"] != 400], ids=lambda one: one["id"]
)
def test_a_recorded_request_survives(record):
    laws.request_survives(cohere, record["request"])
    dropped: list[str] = []
    cohere.encode_request(cohere.decode_request(record["request"]), dropped)
    assert dropped == []


words = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=8)
functions = st.fixed_dictionaries({"name": words}, optional={"arguments": words | st.none(), "strict": st.booleans()})
calls = st.fixed_dictionaries({"id": words, "type": st.just("function"), "function": functions})
items = st.one_of(
    st.fixed_dictionaries({"type": st.just("text"), "text": words}),
    st.fixed_dictionaries({"type": st.just("thinking"), "thinking": words}),
)
citations = st.fixed_dictionaries(
    {"start": st.integers(0, 9), "text": words}, optional={"content_index": st.integers(0, 2)}
)
messages = st.fixed_dictionaries(
    {"role": st.just("assistant")},
    optional={
        "content": st.lists(items, max_size=3) | st.none(),
        "tool_plan": words,
        "tool_calls": st.lists(calls, max_size=2),
        "citations": st.lists(citations, max_size=2),
    },
)


@given(messages, st.sampled_from(["COMPLETE", "MAX_TOKENS", "TOOL_CALL", "ODD"]))
def test_any_plain_answer_survives_its_own_wire_and_the_official_client(message, word):
    body = answer(message, finish_reason=word)
    laws.response_survives(cohere, body)
    whole = cohere.decode_response(body)
    assert construct_type(type_=sdk.V2ChatResponse, object_=cohere.encode_response(whole)).finish_reason == word
    data = b"".join(encoder.encode(one) for encoder in [cohere.Encoder(None)] for one in unfold(whole))
    streamed = fold(laws.read(cohere, data))
    assert [part for part in streamed.message.parts if isinstance(part, ToolCall)] == [
        part for part in whole.message.parts if isinstance(part, ToolCall)
    ]
    laws.stream_survives(cohere, data)
    laws.cuts_do_not_matter(cohere, data, sizes=(1, 3, 50))
