"""What a Gemini provider's answers mean, and what a Gemini client gets of anybody's."""

import json
from base64 import b64decode
from typing import Any

import pytest

from tests.codecs import laws
from wallas.codecs import gemini
from wallas.errors import AllAttemptsFailed, BadRequest, FailureKind, GatewayError, ProviderError
from wallas.types.chat import (
    ChatRequest,
    ChatResponse,
    Choice,
    Citation,
    Logprob,
    Media,
    Message,
    Opaque,
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
from wallas.types.events import Finished, PartDelta, PartEnded, PartStarted, Ping, Started, fold, unfold


def chunk(*parts: Any, finish: str | None = None, **more: Any) -> dict[str, Any]:
    candidate = {"content": {"parts": list(parts), "role": "model"}} | ({"finishReason": finish} if finish else {})
    return {"candidates": [candidate | more], "responseId": "r"}


def stream(*chunks: Any) -> bytes:
    return b"".join(b"data: %b\r\n\r\n" % json.dumps(chunk).encode() for chunk in chunks)


def read(*chunks: Any) -> ChatResponse:
    return fold(laws.read(gemini, stream(*chunks)))


def answer(*parts: Any, reason: StopReason | None = StopReason.STOP, **more: Any) -> ChatResponse:
    message = Message(role="assistant", parts=parts)
    return ChatResponse(choices=(Choice(message=message, stop_reason=reason, **more),))


def parts_for_client(*parts: Any) -> list[dict[str, Any]]:
    return gemini.encode_response(answer(*parts))["candidates"][0]["content"].get("parts", [])


def frames(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line.removeprefix("data: ")) for line in data.decode().split("\n") if line]


def streamed(response: ChatResponse, request: ChatRequest | None = None) -> list[dict[str, Any]]:
    encoder = gemini.Encoder(request)
    return frames(b"".join(encoder.encode(event) for event in unfold(response)))


def failure(*chunks: Any, data: bytes | None = None) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        laws.read(gemini, stream(*chunks) if data is None else data)
    return caught.value


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("STOP", StopReason.STOP),
        ("MAX_TOKENS", StopReason.LENGTH),
        ("SAFETY", StopReason.CONTENT_FILTER),
        ("RECITATION", StopReason.CONTENT_FILTER),
        ("PROHIBITED_CONTENT", StopReason.CONTENT_FILTER),
        ("MODEL_ARMOR", StopReason.CONTENT_FILTER),
        ("OTHER", StopReason.UNKNOWN),
        ("LANGUAGE", StopReason.UNKNOWN),
        ("NEVER_HEARD_OF_2", StopReason.UNKNOWN),
        *((word, StopReason.UNKNOWN) for word in sorted(gemini.UNUSABLE)),
    ],
)
def test_why_it_ended_is_told_and_given_back_in_geminis_word(word: str, reason: StopReason):
    body = chunk({"text": "x"}, finish=word)
    response = gemini.decode_response(body)
    assert (response.stop_reason, response.choices[0].stop_detail) == (reason, word)
    assert gemini.encode_response(response)["candidates"][0]["finishReason"] == word


@pytest.mark.parametrize(
    ("reason", "detail", "word"),
    [
        (StopReason.TOOL_CALLS, "tool_use", "STOP"),
        (StopReason.STOP_SEQUENCE, "END", "STOP"),
        (StopReason.LENGTH, "length", "MAX_TOKENS"),
        (StopReason.REFUSAL, None, "SAFETY"),
        (StopReason.LENGTH, "STOP", "MAX_TOKENS"),
        (StopReason.UNKNOWN, "weird", "OTHER"),
        (StopReason.CONTENT_FILTER, "JAILBREAK", "SAFETY"),
        (None, "x", None),
    ],
)
def test_other_wires_endings_are_told_in_the_nearest_word(reason, detail, word):
    body = gemini.encode_response(answer(Text(text="x"), reason=reason, stop_detail=detail))
    assert body["candidates"][0].get("finishReason") == word


def test_calls_make_a_stop_a_tool_call_but_not_a_failure():
    call = {"functionCall": {"name": "f"}}
    assert read(chunk(call, finish="STOP")).stop_reason is StopReason.TOOL_CALLS
    assert read(chunk(call, finish="MAX_TOKENS")).stop_reason is StopReason.LENGTH
    assert read(chunk(call, finish="UNEXPECTED_TOOL_CALL")).stop_reason is StopReason.UNKNOWN


def test_ids_are_unique_whatever_came():
    calls = [{"functionCall": {"name": "f", "id": id} if id else {"name": "f"}} for id in ("a", "a", "", "b", "")]
    parts = read(chunk(*calls[:2]), chunk(*calls[2:], finish="STOP")).message.parts
    assert [part.id for part in parts] == ["a", "call_1_r", "call_2_r", "b", "call_4_r"]


def test_a_minted_id_is_made_of_letters_that_every_wire_takes():
    body = {"candidates": [{"content": {"parts": [{"functionCall": {"name": "räum:auf." + "x" * 60}}]}}]}
    (call,) = gemini.decode_response(body).message.parts
    assert call.id.isascii() and call.id.replace("-", "").replace("_", "").isalnum() and len(call.id) <= 40


def test_words_of_one_kind_are_one_part_unless_one_chunk_keeps_them_apart():
    parts = read(
        chunk({"text": "a", "thought": True}),
        chunk({"text": "b", "thought": True}, {"text": "c"}),
        chunk({"text": "d"}, {"text": "e"}),
        chunk({"text": ""}, finish="STOP"),
    ).message.parts
    assert parts == (Reasoning(text="ab"), Text(text="cd"), Text(text="e"))


def test_a_last_seal_belongs_to_the_open_words_or_to_empty_ones():
    seal = {"text": "", "thoughtSignature": "QUJD"}
    assert read(chunk({"text": "a"}), chunk(seal, finish="STOP")).message.parts == (
        Text(text="a", seal=Seal(value="QUJD")),
    )
    assert read(chunk({"functionCall": {"name": "f"}}), chunk(seal, finish="STOP")).message.parts[1] == Text(
        text="", seal=Seal(value="QUJD")
    )
    assert read(chunk({"thoughtSignature": "QUJD"}, finish="STOP")).message.parts == (
        Text(text="", seal=Seal(value="QUJD")),
    )


def test_two_seals_in_one_chunk_keep_two_parts():
    body = chunk({"text": "a", "thoughtSignature": "QQ=="}, {"text": "", "thoughtSignature": "Qg=="}, finish="STOP")
    response = gemini.decode_response(body)
    assert [part.seal.value for part in response.message.parts] == ["QQ==", "Qg=="]
    assert fold(laws.read(gemini, laws.written(gemini, response))) == response


def test_empty_words_with_nothing_open_begin_no_part():
    assert read(chunk({"functionCall": {"name": "f"}}, {"text": ""}), chunk({}, finish="STOP")).message.parts == (
        ToolCall(id="call_0_r", name="f", arguments="{}"),
    )


def test_a_refused_prompt_is_a_filtered_answer_without_candidates():
    body = {"promptFeedback": {"blockReason": "JAILBREAK"}, "usageMetadata": {"promptTokenCount": 3}}
    response = read(body)
    assert (response.stop_reason, response.choices[0].stop_detail) == (StopReason.CONTENT_FILTER, "JAILBREAK")
    assert response.message.parts == ()
    assert gemini.encode_response(response) == body
    assert streamed(response) == [body]


def test_later_usage_wins_field_by_field():
    usage = read(
        chunk({"text": "a"}) | {"usageMetadata": {"promptTokenCount": 5, "thoughtsTokenCount": 7}},
        chunk({"text": "b"}, finish="STOP") | {"usageMetadata": {"promptTokenCount": 6, "candidatesTokenCount": 2}},
    ).usage
    assert (usage.input, usage.output, usage.reasoning, usage.cache_read) == (6, 9, 7, None)


@pytest.mark.parametrize("count", [-1, 10**12, "5", 2.5e10, True, None])
def test_a_count_that_cannot_be_one_is_not_said(count: Any):
    usage = read(chunk({"text": "a"}, finish="STOP") | {"usageMetadata": {"promptTokenCount": count}}).usage
    assert usage.input is None


@pytest.mark.parametrize(
    ("usage", "written"),
    [
        (
            Usage(input=10, output=7, reasoning=3, cache_read=4),
            {
                "promptTokenCount": 10,
                "candidatesTokenCount": 4,
                "thoughtsTokenCount": 3,
                "cachedContentTokenCount": 4,
                "totalTokenCount": 17,
            },
        ),
        (Usage(output=1), {"candidatesTokenCount": 1, "totalTokenCount": 1}),
        (Usage(), {"totalTokenCount": 0}),
        (
            Usage(input=9, output=2, raw={"gemini": {"promptTokenCount": 4, "candidatesTokenCount": 2}}),
            {"promptTokenCount": 9, "candidatesTokenCount": 2, "totalTokenCount": 11},
        ),
    ],
)
def test_usage_is_the_providers_own_or_made_of_ours(usage: Usage, written: dict[str, Any]):
    response = ChatResponse(choices=answer(Text(text="x")).choices, usage=usage)
    assert gemini.encode_response(response)["usageMetadata"] == written
    assert streamed(response)[-1]["usageMetadata"] == written


def test_a_stream_without_a_finish_reason_is_cut():
    error = failure(chunk({"text": "a"}))
    assert error.kind is FailureKind.CUT
    assert failure(data=b"").kind is FailureKind.CUT
    assert failure(data=b"<html>").kind is FailureKind.CUT
    assert failure(data=b"\xef\xbb\xbf").kind is FailureKind.CUT
    assert failure(data=b"[" + json.dumps(chunk({"text": "a"})).encode()).kind is FailureKind.CUT
    assert failure({"promptFeedback": {}, "candidates": []}).kind is FailureKind.CUT


def test_half_an_event_at_the_end_is_a_cut_or_nothing_once_all_is_said():
    half = b'data: {"candidates":[{"content":{"par'
    assert failure(data=stream(chunk({"text": "a"})) + half).kind is FailureKind.CUT
    assert fold(laws.read(gemini, stream(chunk({"text": "a"}, finish="STOP")) + half)).message.parts == (
        Text(text="a"),
    )


def test_what_precedes_a_fault_comes_out_before_it():
    decoder = gemini.Decoder()
    seen = []
    with pytest.raises(ProviderError):
        for event in decoder.feed(stream(chunk({"text": "a"}), {"error": {"code": 503, "status": "UNAVAILABLE"}})):
            seen.append(event)
    assert PartDelta(0, "a") in seen
    assert not decoder.complete and not decoder.done


def test_an_answer_is_complete_at_its_finish_reason_and_done_at_the_end():
    decoder = gemini.Decoder()
    list(decoder.feed(stream(chunk({"text": "a"}, finish="STOP"))))
    assert decoder.complete and not decoder.done
    list(decoder.feed(stream({"usageMetadata": {"promptTokenCount": 1}}) + b"data: [DONE]\n\n"))
    events = list(decoder.end())
    assert decoder.done and events[-1].usage.input == 1


def test_words_after_a_finish_reason_still_count():
    assert read(chunk({"text": "a"}, finish="STOP"), chunk({"text": "b"}, finish="STOP")).message.parts == (
        Text(text="ab"),
    )


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}},
        [{"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}],
    ],
)
def test_an_error_inside_a_200_is_classified_by_its_own_code(body: Any):
    data = json.dumps(body).encode()
    for error in (failure(data=data), failure(body[0] if isinstance(body, list) else body)):
        assert (error.kind, error.status, error.code) == (FailureKind.OVERLOADED, 503, "UNAVAILABLE")
        assert error.message == "The model is overloaded."
    with pytest.raises(ProviderError):
        gemini.decode_response(body)


def test_an_error_that_is_only_words_is_an_error_too():
    assert failure({"error": "broken"}).message == "broken"


@pytest.mark.parametrize("body", [{}, {"candidates": []}, {"candidates": None, "usageMetadata": {}}])
def test_an_answer_without_candidates_is_empty(body: Any):
    with pytest.raises(ProviderError) as caught:
        gemini.decode_response(body)
    assert caught.value.kind is FailureKind.EMPTY


@pytest.mark.parametrize(
    "body",
    [
        5,
        ["x"],
        {"candidates": 5},
        {"candidates": [5]},
        {"candidates": [{"content": {"parts": ["x"]}}]},
        {"candidates": [{"content": "x"}]},
        {"candidates": [{"index": [1], "content": {}}]},
        {"candidates": [{"content": {}}], "usageMetadata": 7, "responseId": []},
        chunk({"functionCall": {"partialArgs": 5}}),
        chunk({"functionCall": {"partialArgs": [{"jsonPath": "$.a[10000]", "stringValue": "x"}]}}),
        chunk({"functionCall": {"partialArgs": [{"jsonPath": "$[0]", "stringValue": "x"}]}}),
    ],
)
def test_an_answer_of_another_shape_is_malformed(body: Any):
    with pytest.raises(ProviderError) as caught:
        gemini.decode_response(body)
    assert caught.value.kind is FailureKind.MALFORMED


def test_a_plain_body_may_leave_its_reason_unsaid():
    response = gemini.decode_response(chunk({"text": "x"}))
    assert response.stop_reason is None
    assert "finishReason" not in gemini.encode_response(response)["candidates"][0]


def pieces(*told: dict[str, Any]) -> str:
    """Return the arguments that pieces of one call make."""
    parts = [{"functionCall": {"name": "f", "willContinue": True}}]
    parts += [{"functionCall": {"partialArgs": [piece], "willContinue": True}} for piece in told]
    (call,) = read(*(chunk(part) for part in parts), chunk({"functionCall": {}}, finish="STOP")).message.parts
    return call.arguments


def test_a_call_in_pieces_is_put_together_by_path():
    assert json.loads(
        pieces(
            {"jsonPath": "$.a.b[1].c", "stringValue": "x", "willContinue": True},
            {"jsonPath": "$.a.b[1].c", "stringValue": "y"},
            {"jsonPath": "$.a.b[0]", "numberValue": 1.5},
            {"jsonPath": '$["d e"]', "boolValue": True},
            {"jsonPath": "$.n", "nullValue": "NULL_VALUE"},
            {"jsonPath": "$.empty"},
            {"jsonPath": "$", "stringValue": "nowhere"},
            {"stringValue": "no path"},
        )
    ) == {"a": {"b": [1.5, {"c": "xy"}]}, "d e": True, "n": None, "empty": ""}


def test_a_piece_that_changes_its_mind_replaces_what_was_there():
    assert json.loads(
        pieces(
            {"jsonPath": "$.a", "stringValue": "x"},
            {"jsonPath": "$.a", "stringValue": "z"},
            {"jsonPath": "$.a.b", "numberValue": 1},
        )
    ) == {"a": {"b": 1}}


def test_a_new_call_ends_one_that_came_in_pieces():
    calls = read(
        chunk({"functionCall": {"name": "f", "args": {"a": 1}, "willContinue": True}}),
        chunk({"functionCall": {"willContinue": True}, "thoughtSignature": "QUJD"}),
        chunk({"functionCall": {"name": "g", "args": {"b": 2}}}),
        chunk({"functionCall": {"willContinue": True, "name": "h"}}, finish="STOP"),
    ).message.parts
    assert [(call.name, call.arguments, call.seal and call.seal.value) for call in calls] == [
        ("f", '{"a":1}', "QUJD"),
        ("g", '{"b":2}', None),
        ("h", "{}", None),
    ]


def test_logprobs_come_with_their_words_and_their_ids_at_the_end():
    result = {"chosenCandidates": [{"token": "a", "logProbability": -0.5, "tokenId": 7}]}
    events = laws.read(
        gemini,
        stream(
            chunk({"text": "a"}, logprobsResult=result),
            chunk({"text": "b"}, logprobsResult={"chosenCandidates": [{"token": "b"}, 5]}, finish="STOP"),
        ),
    )
    assert PartDelta(0, "a", logprobs=(Logprob(token="a", logprob=-0.5),)) in events
    assert events[-1].extra == {"gemini": {"logprobsResult": {"tokenIds": [[7, []], [None, []]]}}}
    laws.stream_survives(gemini, stream(chunk({"text": "a"}, logprobsResult=result, finish="STOP")))


def test_logprobs_without_words_stay_as_they_came():
    result = {"chosenCandidates": [{"token": "f", "logProbability": -0.5}]}
    response = read(chunk({"functionCall": {"name": "f"}}, logprobsResult=result, finish="STOP"))
    assert response.choices[0].extra == {"gemini": {"logprobsResult": result}}
    assert read(chunk({"text": "a"}, logprobsResult="odd", finish="STOP")).choices[0].extra == {}


def test_logprobs_of_another_wire_are_written():
    logprobs = (
        Logprob(token="a", logprob=-1.0, top=(Logprob(token="b", logprob=-2.0),)),
        Logprob(token="c", logprob=0.0),
    )
    written = {
        "chosenCandidates": [{"token": "a", "logProbability": -1.0}, {"token": "c", "logProbability": 0.0}],
        "topCandidates": [{"candidates": [{"token": "b", "logProbability": -2.0}]}, {"candidates": []}],
    }
    response = answer(Text(text="ac", logprobs=logprobs))
    assert gemini.encode_response(response)["candidates"][0]["logprobsResult"] == written
    assert streamed(response)[0]["candidates"][0]["logprobsResult"] == written


@pytest.mark.parametrize(
    "metadata",
    [
        {"groundingMetadata": 5, "citationMetadata": 5},
        {"groundingMetadata": {"groundingSupports": [{"segment": 5}, 5]}},
        {
            "groundingMetadata": {
                "groundingChunks": [{}],
                "groundingSupports": [
                    {"segment": {"startIndex": 0, "endIndex": 90, "text": 7}, "groundingChunkIndices": [0]}
                ],
            }
        },
        {"citationMetadata": {"citations": [{"endIndex": 90}, {"startIndex": 3, "endIndex": 1}]}},
    ],
)
def test_sources_that_are_nowhere_in_the_words_are_only_kept(metadata: dict[str, Any]):
    response = read(chunk({"text": "abc"}, finish="STOP", **metadata))
    assert response.message.parts == (Text(text="abc"),)
    assert response.choices[0].extra == {"gemini": metadata}


def test_a_source_without_words_is_believed_only_where_one_text_can_be_meant():
    sources = {"citationSources": [{"endIndex": 1, "uri": "https://example.org"}]}
    alone = read(chunk({"text": "abc"}, finish="STOP", citationMetadata=sources))
    assert alone.message.parts[0].citations == (Citation(start=0, end=1, url="https://example.org"),)
    among = read(chunk({"text": "abc"}, {"text": "def"}, finish="STOP", citationMetadata=sources))
    assert all(part.citations == () for part in among.message.parts)


def test_citations_of_another_wire_become_grounding_in_bytes():
    text = Text(
        text="Ñandú corre",
        citations=(
            Citation(start=0, end=5, url="https://example.org", title="Aves"),
            Citation(start=6, end=11, url="https://example.org", title="Aves"),
            Citation(title="Libro"),
        ),
    )
    grounding = {
        "groundingChunks": [{"web": {"uri": "https://example.org", "title": "Aves"}}, {"web": {"title": "Libro"}}],
        "groundingSupports": [
            {
                "segment": {"startIndex": 0, "endIndex": 7, "text": "Ñandú", "partIndex": 1},
                "groundingChunkIndices": [0],
            },
            {
                "segment": {"startIndex": 8, "endIndex": 13, "text": "corre", "partIndex": 1},
                "groundingChunkIndices": [0],
            },
        ],
    }
    response = answer(Reasoning(text="hm"), text)
    assert gemini.encode_response(response)["candidates"][0]["groundingMetadata"] == grounding
    assert streamed(response)[-1]["candidates"][0]["groundingMetadata"] == grounding
    read_again = gemini.decode_response(gemini.encode_response(response)).message.parts[1].citations
    assert [(citation.start, citation.end, citation.url) for citation in read_again] == [
        (0, 5, "https://example.org"),
        (6, 11, "https://example.org"),
    ]
    only = gemini.encode_response(answer(Text(text="x", citations=(Citation(title="Libro"),))))
    assert only["candidates"][0]["groundingMetadata"] == {"groundingChunks": [{"web": {"title": "Libro"}}]}


def test_thoughts_are_shown_to_those_who_asked():
    response = answer(Reasoning(text="hm", seal=Seal(value="QUJD")), Text(text="a"))
    shown = ChatRequest(model="m", thinking=Thinking(visible=True))
    assert "hm" in str(streamed(response, shown))
    assert "hm" in str(streamed(response))
    for request in (ChatRequest(model="m"), ChatRequest(model="m", thinking=Thinking(visible=False))):
        told = streamed(response, request)
        assert "hm" not in str(told) and "QUJD" not in str(told)
        assert told[0]["candidates"][0]["content"]["parts"] == [{"text": "a"}]


def test_a_summary_is_shown_where_the_thoughts_are_not():
    def thoughts(part: Reasoning) -> list[str]:
        parts = [part for row in streamed(answer(part)) for part in row["candidates"][0]["content"]["parts"]]
        return [part["text"] for part in parts if part.get("thought")]

    assert thoughts(Reasoning(summary="short")) == ["short"]
    assert thoughts(Reasoning(text="long", summary="short")) == ["long"]


def test_a_seal_tells_a_client_whose_it_is_in_valid_base64():
    seal = Seal(issuer="anthropic/claude@a", value="EqQB==")
    sealed = answer(Text(text="a", seal=seal), ToolCall(id="1", name="f", arguments="{}", seal=seal))
    for parts in (
        gemini.encode_response(sealed)["candidates"][0]["content"]["parts"],
        [part for row in streamed(sealed) for part in row["candidates"][0]["content"]["parts"]],
    ):
        seals = [part["thoughtSignature"] for part in parts if "thoughtSignature" in part]
        assert [b64decode(text, validate=True).decode() for text in seals] == [str(seal), str(seal)]


def test_every_part_has_its_form():
    assert parts_for_client(
        Refusal(text="no"),
        Reasoning(redacted=True, seal=Seal(value="QUJD")),
        ToolCall(id="", name="f", arguments="{}"),
        Media(kind="image", mime="image/png", url="https://example.org/i.png"),
        Opaque(wire="anthropic", data={"type": "x"}),
        Opaque(wire="gemini", data={"executableCode": {"code": "1"}, "newer": True}),
        ToolResult(call_id="c", name="f", parts=(Text(text="r"), Media(kind="image", data="QUJD"))),
    ) == [
        {"text": "no"},
        {"text": "", "thought": True, "thoughtSignature": "QUJD"},
        {"functionCall": {"name": "f", "args": {}}},
        {"fileData": {"fileUri": "https://example.org/i.png", "mimeType": "image/png"}},
        {"executableCode": {"code": "1"}, "newer": True},
        {
            "functionResponse": {
                "id": "c",
                "name": "f",
                "response": {"output": "r"},
                "parts": [{"inlineData": {"mimeType": "image/jpeg", "data": "QUJD"}}],
            }
        },
    ]


def test_keys_that_only_gemini_knows_ride_on_their_part():
    body = chunk(
        {"text": "a", "thought": False, "partMetadata": {"k": 1}},
        {"text": "t", "thought": True, "newer": 1},
        {"functionCall": {"name": "f", "args": {}, "id": "1", "newer": 2}, "mediaResolution": "X"},
        {"inlineData": {"mimeType": "image/png", "data": "QUJD", "newer": 3}, "thought": True},
        {"text": "b", "partMetadata": {"k": 2}, "thoughtSignature": "QUJD"},
        finish="STOP",
    )
    response = gemini.decode_response(body)
    assert gemini.encode_response(response)["candidates"][0]["content"] == body["candidates"][0]["content"]
    assert fold(laws.read(gemini, laws.written(gemini, response))) == response


def test_parts_that_are_open_at_once_are_written_each_in_its_time():
    events = [
        Started("r", "m", 1_700_000_000),
        PartStarted(0, Text(text="")),
        PartStarted(1, ToolCall(id="c1", name="f")),
        PartStarted(2, Media(kind="audio", mime="audio/pcm")),
        PartDelta(0, "a"),
        PartDelta(1, '{"x":'),
        PartDelta(2, "said", data="QUJD"),
        PartDelta(1, "1}"),
        PartDelta(9, "of no part"),
        PartEnded(1),
        PartEnded(9),
        PartStarted(3, Opaque(wire="x", data={})),
        PartEnded(3),
        PartStarted(4, Text(text="whole")),
        Ping(),
        Finished(StopReason.TOOL_CALLS, usage=Usage(input=1, output=1)),
    ]
    encoder = gemini.Encoder(None)
    rows = frames(b"".join(encoder.encode(event) for event in events))
    assert rows[0]["createTime"] == "2023-11-14T22:13:20Z" and "createTime" not in rows[1]
    assert [row["candidates"][0]["content"]["parts"] for row in rows] == [
        [{"text": "a"}],
        [{"functionCall": {"name": "f", "args": {"x": 1}, "id": "c1"}}],
        [{"inlineData": {"mimeType": "audio/pcm", "data": "QUJD"}}, {"text": "said"}],
        [{"text": ""}, {"text": "whole"}],
        [{"text": ""}],
    ]


def test_a_whole_answer_says_when_it_was_made():
    response = ChatResponse(id="i", model="m", created=0, choices=answer(Text(text="x")).choices)
    assert gemini.encode_response(response)["createTime"] == "1970-01-01T00:00:00Z"
    assert gemini.decode_response(chunk({"text": "x"}) | {"createTime": "never"}).created is None


@pytest.mark.parametrize("n", [1, 2])
def test_an_array_is_one_json_value_with_pings_in_it(n: int):
    choices = answer(Text(text="a")).choices * n
    request = ChatRequest(model="m", n=n)
    encoder = gemini.Encoder(request, array=True)
    data = b"".join(encoder.encode(event) + encoder.ping() for event in unfold(ChatResponse(choices=choices)))
    rows = json.loads(data)
    assert encoder.content_type == "application/json"
    assert [row["candidates"][0].get("finishReason") for row in rows] == [*[None] * n, *["STOP"] * n]
    assert encoder.end() == b"" and encoder.note("x") == b""
    assert fold(laws.read(gemini, data)).message.parts == (Text(text="a"),)


def test_an_array_of_fewer_candidates_than_asked_is_closed_by_its_usage_or_by_hand():
    request = ChatRequest(model="m", n=2)
    response = ChatResponse(choices=answer(Text(text="a")).choices, usage=Usage(input=1))
    encoder = gemini.Encoder(request, array=True)
    assert json.loads(b"".join(encoder.encode(event) for event in unfold(response)))
    assert json.loads(gemini.Encoder(request, array=True).end()) == []


def test_an_error_ends_an_array_as_an_element():
    for before in (b"", b"x"):
        encoder = gemini.Encoder(None, array=True)
        data = b""
        if before:
            data += encoder.encode(Started("r")) + encoder.encode(PartStarted(0, Text(text="")))
            data += encoder.encode(PartDelta(0, "a"))
        rows = json.loads(data + encoder.error(GatewayError("broke", status=502)))
        assert rows[-1] == {"error": {"code": 502, "message": "broke", "status": "UNAVAILABLE"}}


def test_an_error_in_a_stream_is_an_event_and_no_end_mark():
    encoder = gemini.Encoder(None)
    data = encoder.encode(Started("r")) + encoder.encode(PartStarted(0, Text(text="")))
    data += encoder.encode(PartDelta(0, "a")) + encoder.error(GatewayError("broke", status=504))
    assert failure(data=data).status == 504
    assert json.loads(data.rpartition(b"\n")[2])["error"]["status"] == "DEADLINE_EXCEEDED"


def test_pings_are_empty_lines_that_no_reader_sees():
    encoder = gemini.Encoder(None)
    whole = answer(Text(text="a"))
    data = b"".join(encoder.ping() + encoder.encode(event) for event in unfold(whole))
    assert encoder.ping() == encoder.encode(Ping()) == b"\n"
    assert fold(laws.read(gemini, data)).message.parts == (Text(text="a"),)


STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    413: "INVALID_ARGUMENT",
    418: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
    529: "UNAVAILABLE",
}


@pytest.mark.parametrize(("status", "word"), STATUSES.items())
def test_an_error_has_googles_word_for_its_status(status: int, word: str):
    error = gemini.encode_error(GatewayError("m", status=status))
    assert error == {"error": {"code": status, "message": "m", "status": word}}


def test_an_error_tells_the_field_the_wait_and_the_attempts():
    error = gemini.encode_error(BadRequest("bad", param="contents[0]"))["error"]
    assert error["details"][0]["fieldViolations"] == [{"field": "contents[0]", "description": "bad"}]
    failed = AllAttemptsFailed("all", retry_after=13.0, status=429, details=[{"model": "a/b", "ms": 12}])
    details = gemini.encode_error(failed)["error"]["details"]
    assert details[0] == {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "13s"}
    assert details[1]["metadata"] == {"model": "a/b", "ms": "12"}


QUOTA = {
    "error": {
        "code": 429,
        "message": "You exceeded your current quota",
        "status": "RESOURCE_EXHAUSTED",
        "details": [
            {
                "@type": "type.googleapis.com/google.rpc.QuotaFailure",
                "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier", "quotaValue": "20"}],
            },
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "13s"},
        ],
    }
}


@pytest.mark.parametrize("body", [QUOTA, [QUOTA]])
def test_a_refusal_keeps_its_words_and_its_details_reach_the_classifier(body: Any):
    error = gemini.decode_error(429, {}, json.dumps(body).encode())
    assert (error.status, error.code, error.message) == (429, "RESOURCE_EXHAUSTED", "You exceeded your current quota")
    assert error.kind is FailureKind.DAY_LIMIT


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"upstream connect error", "upstream connect error"),
        (b"<html><title>502 Bad Gateway</title></html>", "502 Bad Gateway"),
        (b"", ""),
        (b'{"message": "flat"}', "flat"),
        (b"[]", ""),
        (b'{"error": {"message": 5}}', ""),
    ],
)
def test_a_refusal_of_any_other_form_is_read_too(body: bytes, message: str):
    error = gemini.decode_error(502, {}, body)
    assert error.status == 502
    assert error.message == (message or ProviderError(error.kind).message)
