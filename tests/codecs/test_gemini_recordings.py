"""Recorded traffic of Gemini providers: read as google-genai reads it, and given back with everything in it."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.codecs import gemini_sdk, laws
from wallas.codecs import gemini
from wallas.codecs.gemini_keys import respelled
from wallas.errors import FailureKind, ProviderError
from wallas.types.chat import ChatResponse, Media, Reasoning, Text, ToolCall
from wallas.types.events import fold

RECORDS = laws.recordings("gemini")
pytestmark = pytest.mark.skipif(not RECORDS, reason="the recordings are not beside this checkout")

ANSWERS = [record for record in RECORDS if record["status"] < 400]
PLAIN = [record for record in ANSWERS if not record["stream"]]
STREAMS = [record for record in ANSWERS if record["stream"]]
REFUSALS = [record for record in RECORDS if record["status"] >= 400]
REQUESTS = [record for record in RECORDS if record["request"] and record["status"] != 400]


def each(records: list[dict[str, Any]]):
    return pytest.mark.parametrize("record", records, ids=[record["id"] for record in records])


def chunks(record: dict[str, Any]) -> list[Any]:
    response = record["response"]
    if record["framing"] == "sse":
        return [json.loads(line) for line in re.findall(r"^data: ?(.*)", response, re.MULTILINE)]
    body = json.loads(response) if isinstance(response, str) else response
    return body if isinstance(body, list) else [body]


def data(record: dict[str, Any]) -> bytes:
    response = record["response"]
    return response.encode() if isinstance(response, str) else json.dumps(response).encode()


def ends(record: dict[str, Any]) -> bool:
    """Tell whether a record says how it ended: two test files among them do not."""
    return any(
        chunk.get("promptFeedback", {}).get("blockReason")
        or any(candidate.get("finishReason") for candidate in chunk.get("candidates", []))
        for chunk in chunks(record)
    )


def in_pieces(record: dict[str, Any]) -> bool:
    return "partialArgs" in str(record["response"])


def found(response: ChatResponse) -> dict[int, dict[str, Any]]:
    """Return what a client reads, from our values."""
    return {
        number: {
            "text": "".join(part.text for part in choice.message.parts if isinstance(part, Text)),
            "thoughts": "".join(part.text for part in choice.message.parts if isinstance(part, Reasoning)),
            "calls": [
                (part.name, json.loads(part.arguments)) for part in choice.message.parts if isinstance(part, ToolCall)
            ],
            "files": sum(isinstance(part, Media) for part in choice.message.parts),
            "finish": choice.stop_detail,
        }
        for number, choice in enumerate(response.choices)
    }


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Yield each place in JSON that holds something."""
    match value:
        case dict():
            for key, inner in value.items():
                yield from leaves(inner, (*path, key))
        case list():
            for number, inner in enumerate(value):
                yield from leaves(inner, (*path, number))
        case None:
            pass
        case _:
            yield path, value


def test_there_are_recordings_of_every_kind():
    assert len(PLAIN) > 100 and len(STREAMS) > 100 and len(REFUSALS) > 10 and len(REQUESTS) > 200


@each(PLAIN)
def test_a_recorded_answer_is_read_and_given_back_with_everything(record: dict[str, Any]):
    body = record["response"]
    laws.response_survives(gemini, body)
    response = gemini.decode_response(body)
    assert set(leaves(body)) <= set(leaves(gemini.encode_response(response)))
    if ends(record):
        assert fold(laws.read(gemini, laws.written(gemini, response))) == response


@pytest.fixture(scope="module")
def official() -> Iterator[gemini_sdk.Official]:
    """Google's client, whose server answers with what a test hands in."""
    with gemini_sdk.official() as client:
        yield client


@each([record for record in ANSWERS if ends(record) and not in_pieces(record)])
def test_a_recorded_answer_says_what_googles_client_finds_in_it(record: dict[str, Any], official: gemini_sdk.Official):
    told = chunks(record)
    response = fold(laws.read(gemini, data(record))) if record["stream"] else gemini.decode_response(told[0])
    theirs = official.read(told, stream=record["stream"])
    assert [found(response)[number] for number in theirs] == list(theirs.values())
    assert bool(theirs) == any("candidates" in chunk for chunk in told)
    assert official.read([gemini.encode_response(response)], stream=False) == theirs
    assert official.heard(laws.written(gemini, response)) == theirs
    usage: dict[str, Any] = {}
    for chunk in told:
        usage |= chunk.get("usageMetadata", {})
    if "promptTokenCount" in usage:
        assert response.usage.input == usage["promptTokenCount"] + usage.get("toolUsePromptTokenCount", 0)
        assert response.usage.reasoning == usage.get("thoughtsTokenCount")
        billed = usage.get("candidatesTokenCount", 0) + usage.get("thoughtsTokenCount", 0)
        assert (response.usage.output or 0) == billed


@each([record for record in STREAMS if ends(record)])
def test_a_recorded_stream_survives_and_may_be_cut_anywhere(record: dict[str, Any]):
    laws.stream_survives(gemini, data(record))
    laws.cuts_do_not_matter(gemini, data(record), (1, 7, 1000))


@each([record for record in STREAMS if not ends(record)])
def test_a_recorded_stream_without_an_end_is_a_cut(record: dict[str, Any]):
    with pytest.raises(ProviderError) as caught:
        laws.read(gemini, data(record))
    assert caught.value.kind is FailureKind.CUT


@each([record for record in STREAMS if in_pieces(record)])
def test_a_recorded_call_in_pieces_is_whole(record: dict[str, Any]):
    parts = fold(laws.read(gemini, data(record))).message.parts
    calls = [part for part in parts if isinstance(part, ToolCall)]
    said = {
        piece["stringValue"] for piece in pieces_of(record) if not piece.get("willContinue") and piece["stringValue"]
    }
    assert calls and all(json.loads(call.arguments) for call in calls)
    assert said <= {value for call in calls for _, value in leaves(json.loads(call.arguments))}


def pieces_of(record: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for chunk in chunks(record):
        for part in chunk["candidates"][0]["content"]["parts"]:
            yield from part.get("functionCall", {}).get("partialArgs", [])


@each(REFUSALS)
def test_a_recorded_refusal_keeps_its_message_and_its_word(record: dict[str, Any]):
    error = gemini.decode_error(record["status"], record["response_headers"], json.dumps(record["response"]).encode())
    said = record["response"]["error"]
    assert (error.status, error.message, error.code) == (record["status"], said["message"], said["status"])


def canonical(path: tuple[Any, ...], value: Any) -> tuple[tuple[Any, ...], Any]:
    """Return a place in a request in one spelling: enumerations in capitals, base64 in the standard alphabet."""
    if path[-1] in ("mode", "thinkingLevel"):
        return path, value.upper()
    if path[-1] == "data" and path[-2] == "inlineData":
        return path, value.replace("-", "+").replace("_", "/").replace("=", "")
    return path, value


def spelled(body: dict[str, Any]) -> Counter[tuple[tuple[Any, ...], Any]]:
    """Return what a request holds, wherever its part stands in its turn, and without words that say nothing."""
    body = respelled(body)
    turns = [body.get("systemInstruction", {}), *body["contents"]]
    for content in turns:
        parts = content.get("parts", [])
        content["parts"] = [parts] if isinstance(parts, dict) else parts
        content["parts"] = [part for part in content["parts"] if part and part != {"text": ""}]
    return Counter(canonical(path, value) for path, value in leaves(body))


@each(REQUESTS)
def test_a_recorded_request_is_accepted_and_given_back_without_loss(record: dict[str, Any]):
    body = record["request"]
    laws.request_survives(gemini, body)
    again = gemini.encode_request(gemini.decode_request(body))
    assert not spelled(body) - spelled(again)
