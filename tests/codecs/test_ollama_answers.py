"""What an Ollama daemon answers, and what Ollama clients get."""

import json
from typing import Any

import ollama as sdk
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.codecs import goldens, laws
from wallas.codecs import ollama
from wallas.errors import AllAttemptsFailed, BadRequest, FailureKind, ProviderError
from wallas.types.chat import (
    ChatRequest,
    ChatResponse,
    Choice,
    Logprob,
    Media,
    Message,
    Opaque,
    Reasoning,
    Refusal,
    StopReason,
    Text,
    Thinking,
    ToolCall,
    Usage,
)
from wallas.types.events import (
    Finished,
    PartDelta,
    PartEnded,
    PartStarted,
    Ping,
    Started,
    fold,
    unfold,
)

WHEN = "2026-11-21T08:00:00.123456789Z"


def line(message: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    said = {"message": {"role": "assistant", "content": ""} | message} if message is not None else {}
    return {"model": "q", "created_at": WHEN, "done": False} | said | more


def stream(*lines: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(one, ensure_ascii=False).encode() + b"\n" for one in lines)


END = line({}, done=True, done_reason="stop", prompt_eval_count=11, eval_count=2, total_duration=5)
HI = line({"content": "Hi"})


def failure(data: bytes) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        laws.read(ollama, data)
    return caught.value


@pytest.mark.parametrize("path", goldens.cases("ollama", "response"), ids=lambda path: path.stem)
def test_a_golden_answer_is_read_and_written_as_it_stands(path):
    given = goldens.load(path)["given"]
    response = ollama.decode_response(given)
    goldens.compare(path, {"response": response, "body": ollama.encode_response(response)})
    laws.response_survives(ollama, given)


@pytest.mark.parametrize("path", goldens.cases("ollama", "stream"), ids=lambda path: path.stem)
def test_a_golden_stream_is_read_and_written_as_it_stands(path):
    data = stream(*goldens.load(path)["given"])
    response = fold(laws.read(ollama, data))
    written = [json.loads(one) for one in laws.written(ollama, response).splitlines()]
    goldens.compare(path, {"response": response, "written": written})
    laws.stream_survives(ollama, data)
    laws.cuts_do_not_matter(ollama, data)


def test_thinking_text_and_calls_are_parts_in_the_order_in_which_they_came():
    call = {"function": {"index": 0, "name": "f", "arguments": {"a": 1}}, "id": "c1"}
    data = stream(
        line({"thinking": "Let "}),
        line({"thinking": "me see"}),
        line({"content": "I "}),
        line({"content": "call"}),
        line({"tool_calls": [call, {"function": {"name": "g", "arguments": None}}]}),
        END,
    )
    response = fold(laws.read(ollama, data))
    thought, text, first, second = response.message.parts
    assert (thought, text) == (Reasoning(text="Let me see"), Text(text="I call"))
    assert first == ToolCall(id="c1", name="f", arguments='{"a":1}', extra={"ollama": {"function": {"index": 0}}})
    assert (second.name, second.arguments) == ("g", "{}")
    assert (response.stop_reason, response.choices[0].stop_detail) == (StopReason.TOOL_CALLS, "stop")
    assert response.usage == Usage(input=11, output=2, raw={"ollama": {"total_duration": 5}})
    assert (response.model, response.created) == ("q", 1795248000)


def test_a_minted_id_differs_between_answers_and_not_between_readings():
    call = {"function": {"name": "f", "arguments": {}}}
    first = line({"tool_calls": [call, call]}, done=True)
    second = first | {"created_at": "2026-11-21T08:00:01Z"}
    ids = [[part.id for part in ollama.decode_response(body).message.parts] for body in (first, first, second)]
    assert ids[0] == ids[1]
    assert len({*ids[0], *ids[2]}) == 4


def test_a_repeated_id_is_replaced():
    call = {"id": "x", "function": {"name": "f", "arguments": {}}}
    first, second = ollama.decode_response(line({"tool_calls": [call, call]}, done=True)).message.parts
    assert first.id == "x"
    assert second.id.startswith("call_")


def test_missing_counts_are_not_said_rather_than_zero():
    usage = ollama.decode_response(line({"content": "x"}, done=True, eval_count=3)).usage
    assert usage == Usage(output=3)
    assert ollama.decode_response(line({"content": "x"}, done=True)).usage is None


@pytest.mark.parametrize("count", [-1, 10**10, "7", True, None])
def test_a_count_that_cannot_be_one_is_not_said(count):
    body = line({"content": "x"}, done=True, eval_count=count, prompt_eval_count=1.0)
    assert ollama.decode_response(body).usage == Usage(input=1)


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("stop", StopReason.STOP),
        ("length", StopReason.LENGTH),
        ("load", StopReason.STOP),
        ("unload", StopReason.STOP),
        ("strange", StopReason.UNKNOWN),
        (None, StopReason.UNKNOWN),
    ],
)
def test_a_done_reason_comes_back_as_it_was(word, reason):
    body = line({"content": "x"}, done=True, done_reason=word)
    response = ollama.decode_response(body)
    assert response.stop_reason == reason
    assert ollama.encode_response(response).get("done_reason") == word


@pytest.mark.parametrize(
    ("reason", "detail", "word"),
    [
        (StopReason.STOP_SEQUENCE, "END", "stop"),
        (StopReason.LENGTH, "max_tokens", "length"),
        (StopReason.TOOL_CALLS, "tool_use", "stop"),
        (StopReason.CONTENT_FILTER, "SAFETY", "content_filter"),
        (StopReason.REFUSAL, None, "refusal"),
        (StopReason.PAUSE, None, "pause"),
        (StopReason.STOP, "load", "load"),
        (StopReason.UNKNOWN, "odd", "odd"),
        (None, None, None),
    ],
)
def test_a_reason_of_another_wire_is_told_without_a_lie(reason, detail, word):
    choice = Choice(message=Message(role="assistant"), stop_reason=reason, stop_detail=detail)
    assert ollama.encode_response(ChatResponse(choices=(choice,))).get("done_reason") == word


def test_u60_an_error_line_in_mid_stream_is_raised_after_the_text_before_it():
    decoder = ollama.Decoder()
    events = []
    with pytest.raises(ProviderError) as caught:
        for event in decoder.feed(stream(HI, {"error": "llama runner process has terminated"})):
            events.append(event)
    assert events[-1] == PartDelta(0, "Hi")
    assert "llama runner" in caught.value.message
    assert not decoder.complete


@pytest.mark.parametrize("cut", range(1, len(stream(HI, END))))
def test_u60_a_stream_cut_anywhere_before_its_last_line_is_whole_is_a_cut(cut):
    data = stream(HI, END)
    if cut == len(data) - 1:
        assert fold(laws.read(ollama, data[:cut])).stop_reason == StopReason.STOP
    else:
        assert failure(data[:cut]).kind is FailureKind.CUT


def test_an_end_without_a_done_line_is_a_cut():
    assert failure(b"").kind is FailureKind.CUT
    assert failure(stream(HI)).kind is FailureKind.CUT


def test_html_and_lines_of_another_shape_are_malformed():
    bodies = [b"<html>\n<body>\n", b"<html>", b"[]\n", b'"x"\n', stream({"message": []}), stream(line({"content": 1}))]
    bodies += [stream(line({"tool_calls": [{"function": {}}]})), stream(line({"tool_calls": [{}]})), b'{"mess"}\n']
    assert {failure(body).kind for body in bodies} == {FailureKind.MALFORMED}


def test_what_follows_the_end_is_not_read():
    decoder = ollama.Decoder()
    events = [*decoder.feed(stream(HI, END, HI)), *decoder.feed(stream(HI)), *decoder.end()]
    assert fold(events).message.parts == (Text(text="Hi"),)
    assert decoder.done
    assert decoder.complete


def test_a_done_marker_of_another_wire_and_a_bad_line_change_nothing():
    data = stream(HI) + b"data garbage\n[DONE]\n" + stream(END)
    assert fold(laws.read(ollama, data)).message.parts == (Text(text="Hi"),)


def test_a_generate_answer_is_a_message_and_goes_back_in_its_own_shape():
    body = {"model": "m", "created_at": WHEN, "response": "Hi", "thinking": "hm", "done": True, "done_reason": "stop"}
    body |= {"context": [1, 2], "prompt_eval_count": 1}
    response = ollama.decode_response(body)
    assert response.message.parts == (Reasoning(text="hm"), Text(text="Hi"))
    assert ollama.encode_response(response) == body
    laws.response_survives(ollama, body)


def test_a_plain_body_without_done_is_whole_and_one_that_denies_it_is_cut():
    body = {"model": "m", "message": {"content": "x"}}
    assert ollama.decode_response(body).message.parts == (Text(text="x"),)
    with pytest.raises(ProviderError) as caught:
        ollama.decode_response(body | {"done": False})
    assert caught.value.kind is FailureKind.CUT


@pytest.mark.parametrize("body", [None, [], "x", {"message": "x"}])
def test_a_plain_body_of_another_shape_is_malformed(body):
    with pytest.raises(ProviderError) as caught:
        ollama.decode_response(body)
    assert caught.value.kind is FailureKind.MALFORMED


def test_an_error_in_a_plain_200_is_an_error():
    with pytest.raises(ProviderError, match="boom"):
        ollama.decode_response({"error": "boom"})


def test_logprobs_belong_to_the_text_and_those_of_thinking_stand_beside_it():
    one = {"token": "Hi", "logprob": -0.5, "bytes": [72, 105], "top_logprobs": [{"token": "Ho", "logprob": -1.5}]}
    thought = {"token": "hm", "logprob": -0.1}
    data = stream(line({"thinking": "hm"}, logprobs=[thought]), line({"content": "Hi"}, logprobs=[one]), END)
    response = fold(laws.read(ollama, data))
    top = (Logprob(token="Ho", logprob=-1.5),)
    assert response.message.parts[1].logprobs == (Logprob(token="Hi", logprob=-0.5, bytes=[72, 105], top=top),)
    assert response.choices[0].extra == {"ollama": {"logprobs": [thought]}}
    assert ollama.encode_response(response)["logprobs"] == [one, thought]
    laws.stream_survives(ollama, data)


def test_images_and_unknown_keys_are_kept():
    data = stream(line({"content": "See", "images": ["AAAA"], "mood": "fine"}), END | {"remote_host": "x"})
    response = fold(laws.read(ollama, data))
    assert response.message.parts == (Text(text="See"), Media(kind="image", data="AAAA"))
    laws.stream_survives(ollama, data)
    body = ollama.encode_response(response)
    assert body["remote_host"] == "x"
    assert body["message"] == {"mood": "fine", "role": "assistant", "content": "See", "images": ["AAAA"]}
    generated = ollama.encode_generate_response(response)
    assert (generated["response"], generated["image"]) == ("See", "AAAA")


@pytest.mark.parametrize(("when", "created"), [("2026-11-21T08:00:00", 1795248000), ("yesterday", None), ("", None)])
def test_a_moment_without_zone_is_utc_and_one_that_is_none_is_not_known(when, created):
    assert ollama.decode_response(line({"content": "x"}, done=True, created_at=when)).created == created


ANSWER = ChatResponse(
    id="r1",
    model="groq/x",
    created=1795248000,
    choices=(
        Choice(
            message=Message(
                role="assistant",
                parts=(
                    Reasoning(text="hm"),
                    Text(text="Hi", logprobs=(Logprob(token="Hi", logprob=-0.5),)),
                    Refusal(text="!"),
                    ToolCall(id="c1", name="f", arguments='{"a": 1}'),
                    Opaque(wire="anthropic", data={}),
                    Media(kind="image", url="https://x/y.png"),
                ),
            ),
            stop_reason=StopReason.TOOL_CALLS,
            stop_detail="tool_calls",
        ),
    ),
    usage=Usage(input=7, output=3, raw={"openai_chat": {"x": 1}}),
)


def lines(encoder: ollama.Encoder, response: ChatResponse = ANSWER) -> list[dict[str, Any]]:
    data = b"".join(encoder.encode(event) for event in unfold(response))
    return [json.loads(one) for one in data.splitlines()]


def test_an_answer_of_another_wire_is_written_with_what_is_known_and_nothing_else():
    call = {"id": "c1", "function": {"name": "f", "arguments": {"a": 1}}}
    assert ollama.encode_response(ANSWER) == {
        "model": "groq/x",
        "created_at": "2026-11-21T08:00:00Z",
        "message": {"role": "assistant", "content": "Hi!", "thinking": "hm", "tool_calls": [call]},
        "logprobs": [{"token": "Hi", "logprob": -0.5}],
        "done": True,
        "done_reason": "stop",
        "prompt_eval_count": 7,
        "eval_count": 3,
    }


def test_a_stream_tells_the_same_as_the_whole_answer_and_calls_leave_whole():
    head = {"model": "groq/x", "created_at": "2026-11-21T08:00:00Z"}
    told = lines(ollama.Encoder(None))
    assert all(one.items() >= head.items() for one in told)
    assert [
        one["message"].get("tool_calls", [{}])[0].get("function") for one in told if "tool_calls" in one["message"]
    ] == [{"name": "f", "arguments": {"a": 1}}]
    assert "".join(one["message"]["content"] for one in told) == "Hi!"
    assert [one["done"] for one in told] == [False] * (len(told) - 1) + [True]
    assert told[-1].items() >= {"done_reason": "stop", "prompt_eval_count": 7, "eval_count": 3}.items()


@pytest.mark.parametrize(
    "thinking", [Thinking(enabled=False), Thinking(effort="none"), Thinking(enabled=True, visible=False)]
)
def test_thoughts_that_were_not_asked_for_are_not_shown(thinking):
    request = ChatRequest(model="m", thinking=thinking)
    assert not any("thinking" in one["message"] for one in lines(ollama.Encoder(request)))
    assert "thinking" not in ollama.encode_response(ANSWER, request=request)["message"]


def test_thoughts_are_shown_unless_forbidden():
    for request in (None, ChatRequest(model="m"), ChatRequest(model="m", thinking=Thinking(enabled=True))):
        assert lines(ollama.Encoder(request))[0]["message"] == {"role": "assistant", "content": "", "thinking": "hm"}


def test_a_generate_stream_has_response_in_place_of_message():
    told = lines(ollama.Encoder(None, generate=True))
    assert told[0]["thinking"] == "hm"
    assert "".join(one["response"] for one in told) == "Hi!"
    assert not any("message" in one for one in told)
    assert ollama.encode_generate_response(ANSWER)["response"] == "Hi!"


def test_an_empty_answer_is_an_empty_message():
    body = ollama.encode_response(ChatResponse(model="m"))
    assert body == {"model": "m", "message": {"role": "assistant", "content": ""}, "done": True}


@pytest.mark.parametrize("created", [10**18, -(10**18)])
def test_a_moment_that_is_no_date_is_left_out(created):
    assert "created_at" not in ollama.encode_response(ChatResponse(model="m", created=created))


def test_a_keep_alive_is_a_line_without_content_even_before_the_answer_begins():
    encoder = ollama.Encoder(ChatRequest(model="auto"))
    assert json.loads(encoder.ping()) == {
        "model": "auto",
        "message": {"role": "assistant", "content": ""},
        "done": False,
    }
    assert encoder.note("x") == b""
    assert encoder.encode(Ping()) == b""


def test_only_the_first_choice_is_told():
    encoder = ollama.Encoder(None)
    events = [Started(model="m"), PartStarted(0, Text(text=""), 1), PartDelta(0, "no", 1), PartDelta(9, "no")]
    assert b"".join(encoder.encode(event) for event in events) == b""


def test_parts_left_open_are_told_before_the_end():
    encoder = ollama.Encoder(None)
    events = [PartStarted(0, ToolCall(id="a", name="f")), PartDelta(0, '{"a":'), PartDelta(0, "1}"), Finished()]
    data = b"".join(encoder.encode(event) for event in events).splitlines()
    assert json.loads(data[0])["message"]["tool_calls"][0]["function"]["arguments"] == {"a": 1}
    assert json.loads(data[1])["done"] is True


def test_empty_deltas_and_parts_that_come_whole_are_told_once():
    encoder = ollama.Encoder(None)
    events = [PartStarted(0, Text(text="Hi")), PartDelta(0, ""), PartEnded(0)]
    data = b"".join(encoder.encode(event) for event in events)
    assert [json.loads(one)["message"]["content"] for one in data.splitlines()] == ["Hi"]


def test_errors_are_one_sentence_that_names_the_field_and_the_attempts():
    assert ollama.encode_error(BadRequest("expected a string", param="messages[2].role")) == {
        "error": "messages[2].role: expected a string"
    }
    rows = [{"provider": "groq", "model": "x", "reason": "timeout", "ms": 20000, "status": None}, {"model": "b"}]
    error = AllAttemptsFailed("nobody answered", details=[*rows, {"reason": "quota"}])
    said = "nobody answered (groq/x: reason timeout, ms 20000; b; reason quota)"
    assert ollama.encode_error(error)["error"] == said
    told_already = AllAttemptsFailed("failed (groq/x: timeout)", details=rows[:1])
    assert ollama.encode_error(told_already)["error"] == "failed (groq/x: timeout)"
    many = AllAttemptsFailed("no", details=[{"model": f"m{number}"} for number in range(10)])
    assert ollama.encode_error(many)["error"].endswith("; m7; and 2 more)")
    told = json.loads(ollama.Encoder(None).error(error))
    assert told["done"] is True
    assert "groq/x" in told["error"]


@pytest.mark.parametrize(
    ("body", "message", "code"),
    [
        (b'{"error":"model \'x\' not found"}', "model 'x' not found", None),
        (b'{"error":{"message":"m","code":"c","type":"t","param":"p"}}', "m", "c"),
        (b'[{"error":{"message":"m","code":7}}]', "m", "7"),
        (b'{"message":"m","error_type":"e"}', "m", "e"),
        (b'{"message":{"detail":[{"msg":"extra"}]}}', "extra", None),
        (b'{"detail":[{"msg":"extra"}]}', "extra", None),
        (b'{"title":"Bad","detail":"worse"}', "worse", None),
        (b"<html><title>502 Bad\n Gateway</title></html>", "502 Bad Gateway", None),
        (b"plain words", "plain words", None),
        (b'"quoted"', "quoted", None),
        (b"", "", None),
        (b"7", "", None),
        (b"[]", "", None),
        (b'{"error":', '{"error":', None),
    ],
)
def test_any_error_body_keeps_its_message_and_code(body, message, code):
    error = ollama.decode_error(500, {}, body)
    assert isinstance(error, ProviderError)
    assert message in error.message
    assert code is None or error.code == code


words = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=8)
arguments = st.dictionaries(words, st.booleans() | st.integers(0, 99) | words, max_size=2)
functions = st.fixed_dictionaries({"name": words, "arguments": arguments}, optional={"index": st.integers(0, 3)})
calls = st.lists(st.fixed_dictionaries({"function": functions}, optional={"id": words}), max_size=2)
logprobs = st.lists(st.fixed_dictionaries({"token": words, "logprob": st.floats(-9, 0)}), max_size=2)
messages = st.fixed_dictionaries(
    {"role": st.just("assistant")}, optional={"content": words, "thinking": words, "tool_calls": calls}
)
chunks = st.fixed_dictionaries({"message": messages}, optional={"logprobs": logprobs, "remote_model": words})
ends = st.fixed_dictionaries(
    {"message": messages, "done": st.just(True)},
    optional={"done_reason": st.sampled_from(["stop", "length", "odd"]), "eval_count": st.integers(0, 99)},
)


@given(st.lists(chunks, max_size=4), ends)
def test_any_stream_survives_its_own_wire_and_any_cut(middle, end):
    data = stream(*(line() | one for one in middle), line() | end)
    laws.stream_survives(ollama, data)
    laws.cuts_do_not_matter(ollama, data, sizes=(1, 3, 50))


@given(ends, logprobs)
def test_any_plain_answer_survives_its_own_wire(body, tokens):
    laws.response_survives(ollama, line() | body | {"logprobs": tokens})


@given(st.lists(chunks, max_size=3), ends)
def test_everything_that_is_written_is_read_by_the_official_client(middle, end):
    response = fold(laws.read(ollama, stream(*(line() | one for one in middle), line() | end)))
    for one in laws.written(ollama, response).splitlines():
        sdk.ChatResponse.model_validate_json(one)
    sdk.ChatResponse.model_validate(ollama.encode_response(response))
    sdk.GenerateResponse.model_validate(ollama.encode_generate_response(response))
