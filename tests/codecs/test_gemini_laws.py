"""The laws of the codec, for whatever the wire can say."""

import json
from base64 import b64encode
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.codecs import laws
from wallas.codecs import gemini
from wallas.codecs.gemini_words import REASONS, UNUSABLE
from wallas.errors import FailureKind, GatewayError, ProviderError
from wallas.types.events import fold

words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
names = st.sampled_from(["f", "look_up", "räume.auf", "a-b"])
scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | words
json_values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3)
)
objects = st.dictionaries(words, json_values, max_size=3)
signatures = st.binary(max_size=6).map(lambda data: b64encode(data).decode())
base64 = st.binary(min_size=1, max_size=9).map(lambda data: b64encode(data).decode())


def fields(required: dict[str, Any], **optional: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(required, optional=optional)


calls = fields({"name": names}, args=objects, id=st.sampled_from(["a", "b", ""]))
files = fields({"mimeType": st.sampled_from(["image/png", "audio/L16;rate=24000", "application/pdf"]), "data": base64})
spoken = fields({"text": words}, thought=st.booleans(), thoughtSignature=signatures, partMetadata=objects)
called = fields({"functionCall": calls}, thoughtSignature=signatures)
filed = fields({"inlineData": files}, thoughtSignature=signatures)
other = fields({"executableCode": fields({"language": st.just("PYTHON"), "code": words})}, thoughtSignature=signatures)
answer_parts = st.lists(spoken | called | filed | other | st.just({}), max_size=5)
finishes = st.sampled_from([*REASONS, *sorted(UNUSABLE), "OTHER", "SOMETHING_NEW"])
counts = st.integers(-1, 2**31)
usages = fields({}, promptTokenCount=counts, candidatesTokenCount=counts, thoughtsTokenCount=counts, trafficType=words)
token = fields({"token": words, "logProbability": st.floats(-20, 0)}, tokenId=st.integers(0, 99))
sources = fields({}, startIndex=st.integers(-1, 9), endIndex=st.integers(-1, 20), uri=words, license=words)
segments = fields({}, startIndex=st.integers(0, 9), endIndex=st.integers(0, 20), text=words)
grounding = fields(
    {},
    groundingChunks=st.lists(fields({}, web=fields({}, uri=words, title=words)), max_size=2),
    groundingSupports=st.lists(
        fields({}, segment=segments, groundingChunkIndices=st.lists(st.integers(-1, 3), max_size=2)), max_size=3
    ),
)


def candidate(**more: Any) -> st.SearchStrategy[dict[str, Any]]:
    return fields(
        {"content": fields({"role": st.just("model")}, parts=answer_parts), **more},
        safetyRatings=st.lists(objects, max_size=1),
        finishMessage=words,
        citationMetadata=fields({}, citationSources=st.lists(sources, max_size=3)),
        groundingMetadata=grounding,
    )


def chunk(one: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return fields(
        {"candidates": one.map(lambda row: [row])},
        usageMetadata=usages,
        promptFeedback=st.just({"safetyRatings": []}),
    )


identities = fields(
    {}, modelVersion=words, responseId=words, createTime=st.sampled_from(["2026-03-05T22:50:32.281553Z", "later"])
)


last = chunk(candidate(finishReason=finishes))
plain = st.tuples(last, identities).map(lambda told: told[0] | told[1])
streams = st.tuples(st.lists(chunk(candidate()), max_size=4), last, identities).map(
    lambda told: [one | told[2] for one in (*told[0], told[1])]
)
logged = fields(
    {
        "candidates": st.lists(st.tuples(words.filter(bool), token), min_size=1, max_size=4).map(
            lambda rows: [
                {
                    "content": {"parts": [{"text": "".join(text for text, _ in rows)}], "role": "model"},
                    "logprobsResult": {
                        "chosenCandidates": [row for _, row in rows],
                        "topCandidates": [{"candidates": [row]} for _, row in rows],
                    },
                    "finishReason": "STOP",
                }
            ]
        )
    }
)


def sse(chunks: list[Any]) -> bytes:
    return b"".join(b"data: %b\r\n\r\n" % json.dumps(chunk).encode() for chunk in chunks)


@given(plain | logged)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_an_answer_survives_whole_and_streamed(body: dict[str, Any]):
    laws.response_survives(gemini, body)
    response = gemini.decode_response(body)
    assert fold(laws.read(gemini, laws.written(gemini, response))) == response


@given(streams)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_a_stream_survives_however_it_is_framed_or_cut(chunks: list[dict[str, Any]]):
    laws.stream_survives(gemini, sse(chunks))
    laws.cuts_do_not_matter(gemini, sse(chunks), (1, 5))
    array = json.dumps(chunks, ensure_ascii=False).encode()
    laws.cuts_do_not_matter(gemini, array, (1, 5))
    assert laws.read(gemini, array) == laws.read(gemini, sse(chunks))
    encoder = gemini.Encoder(None, array=True)
    response = fold(laws.read(gemini, array))
    again = b"".join(encoder.encode(event) for event in laws.unfold(response))
    assert fold(laws.read(gemini, again)) == response


results = fields({"name": names, "response": objects | fields({"output": words}) | fields({"error": words})})
user_parts = st.lists(spoken | filed | fields({"functionResponse": results}), max_size=4)
model_parts = st.lists(spoken | called | filed | other, max_size=4)
turns = st.lists(
    fields({"role": st.just("user"), "parts": user_parts}) | fields({"role": st.just("model"), "parts": model_parts}),
    max_size=5,
)
requests = fields(
    {"contents": turns.map(lambda rows: [*rows, {"role": "user", "parts": [{"text": "?"}]}])},
    systemInstruction=fields({"parts": st.lists(fields({"text": words}), max_size=2)}, role=st.just("user")) | words,
    tools=st.lists(
        fields({"functionDeclarations": st.lists(fields({"name": names}, description=words, parameters=objects))})
        | st.just({"googleSearch": {}}),
        max_size=3,
    ),
    toolConfig=fields(
        {
            "functionCallingConfig": fields(
                {},
                mode=st.sampled_from(["AUTO", "any", "NONE", "VALIDATED", "MODE_UNSPECIFIED"]),
                allowedFunctionNames=st.lists(names, max_size=2),
            )
        }
    ),
    generationConfig=fields(
        {},
        temperature=st.floats(0, 2),
        topK=st.integers(0, 99),
        stopSequences=st.lists(words, max_size=5),
        responseMimeType=st.sampled_from(["application/json", "text/plain"]),
        responseSchema=objects,
        responseJsonSchema=objects,
        responseModalities=st.lists(st.sampled_from(["TEXT", "IMAGE"]), max_size=2),
        thinkingConfig=fields({}, thinkingBudget=st.integers(-1, 99), includeThoughts=st.booleans())
        | fields({}, thinkingLevel=st.sampled_from(["LOW", "high", "NEW"])),
    ),
)


@given(requests)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_a_request_survives(body: dict[str, Any]):
    laws.request_survives(gemini, body)


@given(json_values | st.fixed_dictionaries({"contents": json_values | st.lists(json_values)}) | st.lists(json_values))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_any_json_is_a_request_or_the_clients_fault(body: Any):
    try:
        request = gemini.decode_request(body)
    except GatewayError as error:
        assert error.status == 400
    else:
        assert request.messages


@given(json_values | fields({"candidates": json_values | st.lists(json_values)}, usageMetadata=json_values))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_any_json_is_an_answer_or_the_providers_fault(body: Any):
    try:
        response = gemini.decode_response(body)
    except ProviderError as error:
        assert isinstance(error.kind, FailureKind)
    else:
        gemini.encode_response(response)


@given(st.binary(max_size=60))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_any_bytes_are_a_stream_or_the_providers_fault(data: bytes):
    for start in (b"", b"[", b"data: ", b"{"):
        try:
            laws.read(gemini, start + data)
        except ProviderError as error:
            assert isinstance(error.kind, FailureKind)
    assert gemini.decode_error(500, {}, data).status == 500
