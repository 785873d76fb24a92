"""Streams of the Responses wire: odd providers read, broken ones told, answers of other wires written."""

import json
from typing import Any

import pytest

from tests.codecs import laws
from wallas.codecs import openai_responses as codec
from wallas.errors import BadRequest, FailureKind, ProviderError
from wallas.types.chat import (
    ChatRequest,
    ChatResponse,
    Choice,
    Citation,
    Media,
    Message,
    Opaque,
    Reasoning,
    Refusal,
    Seal,
    StopReason,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    Usage,
)
from wallas.types.events import (
    Event,
    Finished,
    PartDelta,
    PartEnded,
    PartStarted,
    Ping,
    Started,
    fold,
    unfold,
)


def sent(*events: dict[str, Any]) -> bytes:
    return b"".join(b"data: %b\n\n" % json.dumps(event).encode() for event in events)


def on(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}"} | fields


def completed(*output: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return on("completed", response={"id": "resp_1", "model": "m", "status": "completed", "output": [*output]} | fields)


def parts(*events: dict[str, Any]) -> tuple[Any, ...]:
    return fold(laws.read(codec, sent(*events))).message.parts


def told(data: bytes) -> list[dict[str, Any]]:
    """Return the JSON of the events in a client's stream."""
    return [json.loads(line[6:]) for line in data.decode().split("\n") if line.startswith("data: ")]


def of(*events: Event, request: ChatRequest | None = None) -> list[dict[str, Any]]:
    encoder = codec.Encoder(request)
    return told(b"".join(encoder.encode(event) for event in events))


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in events]


MESSAGE = {
    "type": "message",
    "id": "msg_1",
    "role": "assistant",
    "status": "completed",
    "content": [{"type": "output_text", "text": "Hello"}],
}
CALL = {
    "type": "function_call",
    "id": "fc_1",
    "call_id": "c1",
    "name": "f",
    "arguments": '{"a":1}',
    "status": "completed",
}
SEARCH = {"type": "web_search_call", "id": "ws_1", "status": "completed"}


@pytest.mark.parametrize("cut", [0, 3, 40])
def test_a_stream_that_ends_before_the_response_is_complete_is_cut(cut: int) -> None:
    whole = sent(on("created", response={"id": "r"}), on("output_text.delta", delta="Hel", output_index=0))
    decoder = codec.Decoder()
    events = list(decoder.feed(whole[: len(whole) - cut]))
    with pytest.raises(ProviderError) as caught:
        events += list(decoder.end())
    assert caught.value.kind is FailureKind.CUT
    assert (decoder.done, decoder.complete) == (False, False)


def test_done_marks_and_whatever_follows_the_end_change_nothing() -> None:
    decoder = codec.Decoder()
    stream = sent(completed(MESSAGE)) + b"data: [DONE]\n\n" + sent(on("output_text.delta", delta="more"))
    whole = fold([*decoder.feed(stream), *decoder.end()])
    assert (decoder.done, decoder.complete) == (True, True)
    assert [part.text for part in whole.message.parts] == ["Hello"]


def test_an_end_mark_alone_completes_nothing() -> None:
    with pytest.raises(ProviderError) as caught:
        laws.read(codec, sent(on("created", response={})) + b"data: [DONE]\n\n")
    assert caught.value.kind is FailureKind.CUT


@pytest.mark.parametrize(
    ("event", "message", "code"),
    [
        ({"type": "error", "message": "flat", "code": "server_error", "param": None}, "flat", "server_error"),
        ({"type": "error", "error": {"message": "nested", "code": "c"}}, "nested", "c"),
        ({"error": {"message": "bare", "code": 503}}, "bare", "503"),
        (
            on("failed", response={"status": "failed", "error": {"code": "rate_limit_exceeded", "message": "slow"}}),
            "slow",
            "rate_limit_exceeded",
        ),
        (on("failed", response={"status": "failed", "error": None}), "the answer failed without a reason", None),
    ],
)
def test_an_error_in_the_stream_is_raised_after_what_came_before_it(event: Any, message: str, code: str | None) -> None:
    seen: list[Event] = []
    with pytest.raises(ProviderError) as caught:
        for one in codec.Decoder().feed(sent(on("output_text.delta", delta="Hel", output_index=0), event)):
            seen.append(one)
    assert (caught.value.message, caught.value.code) == (message, code)
    assert PartDelta(0, "Hel") in seen


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("rate_limit_exceeded", 429),
        ("server_error", 500),
        ("invalid_prompt", 400),
        ("429", 429),
        (503, 503),
        ("odd", 200),
        (None, 200),
    ],
)
def test_an_error_inside_a_200_is_judged_by_its_code(code: Any, status: int) -> None:
    with pytest.raises(ProviderError) as caught:
        codec.decode_response({"error": {"message": "m", "code": code}})
    assert caught.value.status == status


@pytest.mark.parametrize("body", [None, [], {"output": "x"}, {"id": "r", "output": 3}, "x"])
def test_an_answer_without_output_is_malformed(body: Any) -> None:
    with pytest.raises(ProviderError) as caught:
        codec.decode_response(body)
    assert caught.value.kind is FailureKind.MALFORMED


def test_a_cancelled_answer_is_a_cut() -> None:
    for broken in (
        lambda: codec.decode_response({"status": "cancelled", "output": []}),
        lambda: parts(on("cancelled")),
    ):
        with pytest.raises(ProviderError) as caught:
            broken()
        assert caught.value.kind is FailureKind.CUT


def test_a_completed_event_without_a_response_is_malformed() -> None:
    with pytest.raises(ProviderError) as caught:
        parts(on("completed"))
    assert caught.value.kind is FailureKind.MALFORMED


def test_a_plain_answer_where_a_stream_was_due_is_read_as_what_it_is() -> None:
    body = json.dumps(completed(MESSAGE)["response"], indent=1).encode()
    assert fold(laws.read(codec, body)).message.parts[0].text == "Hello"


@pytest.mark.parametrize(
    ("body", "kind"), [(b"<html>no</html>", FailureKind.MALFORMED), (b'{"error":{"message":"m","code":429}}', None)]
)
def test_a_page_or_an_error_where_a_stream_was_due_is_told_as_such(body: bytes, kind: FailureKind | None) -> None:
    with pytest.raises(ProviderError) as caught:
        laws.read(codec, body)
    assert caught.value.kind is not FailureKind.CUT
    assert kind in (None, caught.value.kind)


def test_event_names_stand_in_for_types_and_unknown_events_are_signs_of_life() -> None:
    stream = b'event: response.output_text.delta\ndata: {"delta": "Hi"}\n\nevent: keepalive\ndata: {}\n\ndata: 3\n\n'
    events = list(codec.Decoder().feed(stream))
    assert [type(event) for event in events] == [Started, PartStarted, PartDelta, Ping]


def test_deltas_that_were_never_sent_are_taken_from_the_events_that_repeat_the_whole() -> None:
    made = parts(
        on("output_item.added", output_index=0, item={"type": "reasoning", "id": "rs_1"}),
        on("reasoning_summary_text.delta", output_index=0, summary_index=0, delta="a"),
        on("reasoning_summary_text.delta", output_index=0, summary_index=1, delta="b"),
        on("reasoning_text.done", output_index=0, content_index=0, text="raw"),
        on("reasoning_text.done", output_index=0, content_index=0, text="raw"),
        on("output_item.added", output_index=1, item={"type": "message", "id": "msg_1"}),
        on("output_text.done", output_index=1, content_index=0, text="Hello"),
        on("output_item.added", output_index=2, item=CALL | {"arguments": ""}),
        on("function_call_arguments.done", item_id="fc_1", arguments='{"a":1}'),
        on("output_item.done", output_index=3, item=CALL | {"id": "fc_2", "call_id": "c2"}),
        on("output_item.done", output_index=3, item=CALL),
        completed(),
    )
    assert [type(part).__name__ for part in made] == ["Reasoning", "Text", "ToolCall", "ToolCall"]
    assert (made[0].summary, made[0].text, made[1].text) == ("a\n\nb", "raw", "Hello")
    assert [call.arguments for call in made[2:]] == ['{"a":1}'] * 2


def test_a_repetition_that_contradicts_the_deltas_is_not_added_to_them() -> None:
    made = parts(
        on("output_text.delta", output_index=0, delta="Hello"),
        on("output_text.done", output_index=0, text="Goodbye"),
        on("output_item.done", output_index=0, item=MESSAGE),
        completed(),
    )
    assert made[0].text == "Hello"


def test_items_that_nobody_finished_are_taken_from_the_final_response_or_end_as_they_are() -> None:
    made = parts(
        on("output_item.added", output_index=0, item=SEARCH | {"status": "in_progress"}),
        on("output_item.added", output_index=1, item=SEARCH | {"id": "ws_2"}),
        on("output_text.delta", output_index=2, delta="Hi"),
        on("output_item.added", output_index=3, item=MESSAGE | {"content": []}),
        completed(SEARCH),
    )
    assert [getattr(part, "data", None) for part in made] == [SEARCH, SEARCH | {"id": "ws_2"}, None, None]
    assert [part.text for part in made[2:]] == ["Hi", ""]


def test_content_that_is_counted_from_one_is_not_told_twice() -> None:
    made = parts(
        on("output_item.added", output_index=0, item=MESSAGE | {"content": []}),
        on("content_part.added", output_index=0, content_index=1, part={"type": "output_text", "text": ""}),
        on("output_text.delta", output_index=0, content_index=1, delta="Hel"),
        on("output_item.done", output_index=0, item=MESSAGE),
        completed(),
    )
    assert [part.text for part in made] == ["Hello"]


def test_events_about_nothing_known_are_ignored() -> None:
    made = parts(
        on("output_item.added", output_index=0, item=None),
        on("output_item.done", output_index=0, item=None),
        on("content_part.added", output_index=0, part={"type": "reasoning_text"}),
        on("content_part.added", output_index=0, part=None),
        on("function_call_arguments.delta", output_index=7, delta="x"),
        on("reasoning_text.delta", output_index=7, content_index=0, delta="x"),
        on("output_text.annotation.added", output_index=7, annotation={}),
        on("output_item.added", output_index=1, item=CALL),
        on("output_text.delta", output_index=1, delta="not a message"),
        on("refusal.delta", output_index=1, delta="not a refusal", content_index=4),
        on("refusal.done", output_index=1, refusal="not a refusal", content_index=4),
        on("output_text.annotation.added", output_index=1, annotation={}),
        on("output_item.done", output_index=1, item=CALL),
        on("function_call_arguments.delta", output_index=1, delta="late"),
        completed(CALL),
    )
    assert [(part.id, part.arguments) for part in made] == [("c1", '{"a":1}')]


def test_sources_and_log_probabilities_that_only_the_end_tells_are_kept() -> None:
    note = {"type": "url_citation", "url": "https://e.org"}
    row = {"token": "Hello", "logprob": -0.5, "top_logprobs": [{"token": "Hi", "logprob": -1.0}]}
    text = {"type": "output_text", "text": "Hello", "annotations": [note], "logprobs": [row]}
    for before in ((), (on("output_text.delta", output_index=0, delta="Hello", logprobs=[row]),)):
        made = parts(*before, on("output_item.done", output_index=0, item=MESSAGE | {"content": [text]}), completed())
        assert [citation.url for citation in made[0].citations] == ["https://e.org"]
        assert [(entry.token, entry.top[0].token) for entry in made[0].logprobs] == [("Hello", "Hi")]


def test_content_of_a_kind_that_nobody_knows_is_given_back_as_it_is() -> None:
    odd = {"type": "hologram", "data": 1}
    body = completed(MESSAGE | {"content": [odd, MESSAGE["content"][0]]})["response"]
    laws.response_survives(codec, body)
    assert codec.encode_response(codec.decode_response(body))["output"][0]["content"][0] == odd
    laws.stream_survives(codec, sent(completed(*body["output"])))


def test_calls_of_sloppy_providers_are_read() -> None:
    made = codec.decode_response(
        {
            "output": [
                {"type": "function_call", "id": "fc_1", "name": "f", "arguments": {"a": 1}},
                3,
                CALL | {"arguments": None},
            ]
        }
    ).message.parts
    assert [(call.id, call.arguments) for call in made] == [("fc_1", '{"a":1}'), ("c1", "")]


@pytest.mark.parametrize("number", [-1, 2 * 10**9, True, "3", None, 1.5])
def test_a_count_of_tokens_that_is_none_is_not_taken_for_one(number: Any) -> None:
    usage = codec.decode_response({"output": [], "usage": {"input_tokens": number, "output_tokens": 4}}).usage
    assert usage is not None
    assert (usage.input, usage.output) == (None, 4)


@pytest.mark.parametrize(
    ("reason", "extra", "status", "word"),
    [
        (StopReason.STOP, {}, "completed", None),
        (StopReason.TOOL_CALLS, {}, "completed", None),
        (StopReason.UNKNOWN, {}, "completed", None),
        (None, {}, "completed", None),
        (StopReason.LENGTH, {}, "incomplete", "max_output_tokens"),
        (StopReason.CONTENT_FILTER, {}, "incomplete", "content_filter"),
        (StopReason.PAUSE, {}, "incomplete", "pause"),
        (
            StopReason.UNKNOWN,
            {"openai_responses": {"status": "incomplete", "incomplete_details": {"reason": "steered"}}},
            "incomplete",
            "steered",
        ),
    ],
)
def test_the_status_tells_why_the_answer_ended(reason: Any, extra: Any, status: str, word: str | None) -> None:
    end = of(Started(), Finished(reason, extra=extra))[-1]
    assert end["type"] == f"response.{status}"
    assert (end["response"]["status"], (end["response"]["incomplete_details"] or {}).get("reason")) == (status, word)


def test_a_queued_answer_is_no_finished_one() -> None:
    answer = codec.decode_response({"status": "queued", "output": None})
    assert (answer.stop_reason, answer.choices[0].stop_detail) == (StopReason.UNKNOWN, "queued")


def test_the_usage_of_another_wire_gets_every_field_that_clients_read() -> None:
    answer = ChatResponse(usage=Usage(input=3, output=4, cache_read=1))
    made = codec.encode_response(answer)
    assert made["id"].startswith("resp_")
    assert made["usage"] == {
        "input_tokens": 3,
        "output_tokens": 4,
        "total_tokens": 7,
        "input_tokens_details": {"cached_tokens": 1, "cache_write_tokens": 0},
        "output_tokens_details": {"reasoning_tokens": 0},
    }


def test_a_text_that_goes_on_while_a_call_is_told_stays_one_message() -> None:
    events = of(
        Started(),
        PartStarted(0, Text(text="a")),
        PartStarted(1, ToolCall(id="c", name="f")),
        PartDelta(0, "b"),
        PartDelta(1, "{}"),
        PartEnded(0),
        PartEnded(1),
        Finished(StopReason.TOOL_CALLS),
    )
    message, call = events[-1]["response"]["output"]
    assert (message["content"][0]["text"], message["status"], call["arguments"]) == ("ab", "completed", "{}")
    assert [event["output_index"] for event in events if event["type"] == "response.output_item.done"] == [0, 1]


def test_parts_that_were_never_ended_end_with_the_answer() -> None:
    events = of(
        Started(),
        PartStarted(0, Reasoning()),
        PartDelta(0, summary="sum"),
        PartDelta(9, "nobody's"),
        PartStarted(1, Text(text="")),
        PartDelta(1, "a"),
        Finished(StopReason.STOP),
    )
    assert [item["status"] if "status" in item else item["type"] for item in events[-1]["response"]["output"]] == [
        "reasoning",
        "completed",
    ]
    assert kinds(events).count("output_item.done") == 2


def test_a_summary_is_told_in_the_parts_that_blank_lines_set_off() -> None:
    events = of(
        Started(),
        PartStarted(0, Reasoning()),
        *(PartDelta(0, summary=words) for words in ("a", "\n\n", "b", "c")),
        PartDelta(0, seal=Seal(issuer="p/m@a", value="s")),
        PartEnded(0),
        Finished(StopReason.STOP),
    )
    item = events[-1]["response"]["output"][0]
    assert [piece["text"] for piece in item["summary"]] == ["a", "bc"]
    assert item["encrypted_content"] == "p/m@a:s"
    assert (
        kinds(events).count("reasoning_summary_part.added") == kinds(events).count("reasoning_summary_part.done") == 2
    )


def test_a_redacted_thought_is_told_by_its_id() -> None:
    thought = Reasoning(redacted=True, seal=Seal(issuer="anthropic/claude@a", value="s"))
    answer = ChatResponse(choices=(Choice(message=Message(role="assistant", parts=(thought,))),))
    again = fold(laws.read(codec, laws.written(codec, answer)))
    assert (again.message.parts[0].redacted, again.message.parts[0].seal) == (True, thought.seal)


CUSTOM = ChatRequest(model="m", tools=(Tool(name="apply_patch", kind="custom"), Tool(name="f")))


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ('{"input": "*** Begin"}', "*** Begin"),
        ('"*** Begin"', "*** Begin"),
        ('{"patch": 1}', '{"patch": 1}'),
        ("*** Begin", "*** Begin"),
        ("", ""),
    ],
)
def test_a_custom_tool_that_was_called_as_a_function_is_called_as_the_client_knows_it(
    arguments: str, text: str
) -> None:
    events = of(
        Started(),
        PartStarted(0, ToolCall(id="c", name="apply_patch")),
        *(PartDelta(0, letter) for letter in arguments),
        PartEnded(0),
        Finished(StopReason.TOOL_CALLS),
        request=CUSTOM,
    )
    item = events[-1]["response"]["output"][0]
    assert (item["type"], item["call_id"], item["input"]) == ("custom_tool_call", "c", text)
    deltas = [event["delta"] for event in events if event["type"] == "response.custom_tool_call_input.delta"]
    assert "".join(deltas) == text
    assert not any("function_call" in event["type"] for event in events)
    call = ToolCall(id="c", name="apply_patch", arguments=arguments)
    answer = ChatResponse(choices=(Choice(message=Message(role="assistant", parts=(call,))),))
    assert codec.responder(CUSTOM)(answer)["output"][0]["input"] == text


def test_a_custom_call_is_told_as_its_text_comes() -> None:
    events = of(
        Started(),
        PartStarted(0, ToolCall(id="c", name="apply_patch", kind="custom")),
        PartDelta(0, "*** "),
        PartDelta(0, "Begin"),
        PartEnded(0),
        Finished(StopReason.TOOL_CALLS),
        request=CUSTOM,
    )
    deltas = [event["delta"] for event in events if event["type"] == "response.custom_tool_call_input.delta"]
    assert deltas == ["*** ", "Begin"]


def test_what_has_no_place_in_the_answer_is_named_in_a_comment() -> None:
    encoder = codec.Encoder(None)
    odd = (
        Opaque(wire="anthropic", data={"type": "server_tool_use"}),
        Opaque(wire="gemini", data="x"),
        Media(kind="video", url="https://e.org/v"),
        ToolResult(call_id="c"),
    )
    data = b"".join(encoder.encode(PartStarted(index, part)) for index, part in enumerate(odd))
    data += b"".join(encoder.encode(PartEnded(index)) for index in range(len(odd)))
    assert data == b": dropped server_tool_use\n\n: dropped gemini\n\n: dropped video\n\n: dropped toolresult\n\n"


def test_a_picture_is_an_image_generation_call_and_a_spoken_answer_its_words() -> None:
    spoken = Media(kind="audio", data="UklGRg==", text="Hello")
    picture = Media(kind="image", mime="image/png", data="iVBOR")
    answer = ChatResponse(choices=(Choice(message=Message(role="assistant", parts=(spoken, picture))),))
    events = of(*unfold(answer))
    message, image = events[-1]["response"]["output"]
    assert message["content"][0]["text"] == "Hello"
    assert (image["type"], image["result"]) == ("image_generation_call", "iVBOR")


def test_only_the_first_of_several_answers_is_told() -> None:
    events = of(Started(), PartStarted(0, Text(text="b"), choice=1), Finished(choice=1), Finished(StopReason.STOP))
    assert events[-1]["response"]["output"] == []
    assert kinds(events) == ["created", "in_progress", "completed"]


def test_the_response_object_repeats_what_the_client_asked_for_not_what_the_provider_was_asked() -> None:
    asked = codec.decode_request(
        {
            "model": "auto",
            "instructions": "Be brief.",
            "input": "x",
            "tools": [{"type": "custom", "name": "c"}, {"type": "web_search"}],
            "temperature": 0.5,
            "max_output_tokens": 9,
            "metadata": {"k": "v"},
            "previous_response_id": "resp_0",
            "reasoning": {"effort": "low"},
            "prompt_cache_key": "key",
            "truncation": "auto",
        }
    )
    answer = codec.decode_response(
        completed(MESSAGE, instructions="Adapted.", top_p=0.98, tools=[{"type": "function"}], store=False)["response"]
    )
    made = codec.encode_response(answer, asked)
    assert {key: made[key] for key in ("instructions", "temperature", "top_p", "max_output_tokens", "store")} == {
        "instructions": "Be brief.",
        "temperature": 0.5,
        "top_p": 0.98,
        "max_output_tokens": 9,
        "store": True,
    }
    assert [tool["type"] for tool in made["tools"]] == ["custom", "web_search"]
    assert (made["previous_response_id"], made["metadata"], made["truncation"]) == ("resp_0", {"k": "v"}, "auto")
    assert (made["reasoning"], made["prompt_cache_key"]) == ({"effort": "low", "summary": None}, "key")
    assert codec.encode_response(answer, CUSTOM)["instructions"] is None


def test_ids_of_ours_are_forgotten_when_a_client_sends_them_back() -> None:
    answer = ChatResponse(
        choices=(
            Choice(
                message=Message(
                    role="assistant",
                    parts=(Reasoning(summary="s"), Text(text="a"), ToolCall(id="c", name="f", arguments="{}")),
                )
            ),
        )
    )
    output = codec.encode_response(answer)["output"]
    assert [item["id"].split("_")[:2] for item in output] == [["rs", "wallas"], ["msg", "wallas"], ["fc", "wallas"]]
    lost: list[str] = []
    body = codec.encode_request(codec.decode_request({"model": "m", "input": output}), lost)
    assert ([item.get("id") for item in body["input"]], lost) == ([None, None], ["reasoning"])


def test_sources_that_are_no_web_pages_and_refusals_of_others_are_told() -> None:
    citation = Citation(start=1, text="quoted", title="A book")
    answer = ChatResponse(
        choices=(
            Choice(message=Message(role="assistant", parts=(Text(text="ab", citations=(citation,)), Refusal(text="")))),
        )
    )
    text, refusal = codec.encode_response(answer)["output"][0]["content"]
    assert text["annotations"] == [
        {"type": "url_citation", "start_index": 1, "title": "A book", "cited_text": "quoted"}
    ]
    assert refusal == {"type": "refusal", "refusal": ""}


def test_an_error_body_is_openais_and_names_the_field() -> None:
    error = BadRequest("input is missing", param="input", details=[{"provider": "x"}])
    assert codec.encode_error(error) == {
        "error": {
            "message": "input is missing",
            "type": "invalid_request_error",
            "param": "input",
            "code": "invalid_value",
            "details": [{"provider": "x"}],
        }
    }
    assert "details" not in codec.encode_error(BadRequest("x"))["error"]
