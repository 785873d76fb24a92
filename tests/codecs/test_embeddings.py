"""Embeddings on four wires: what clients ask, what providers are sent, and vectors that can be trusted."""

import base64
import json
import math
import struct
from typing import Any

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ollama import EmbeddingsResponse as LegacyAnswer
from ollama import EmbedResponse as OllamaAnswer

from tests.codecs import goldens, laws
from wallas.codecs import COHERE, GEMINI, OLLAMA, OPENAI_CHAT
from wallas.codecs.embeddings import (
    EMBEDDINGS,
    MISTRAL,
    NVIDIA,
    VOYAGE,
    decode_error,
    decode_prompt,
    encode_prompt_response,
    gemini_action,
)
from wallas.errors import BadRequest, FailureKind, ProviderError
from wallas.types.chat import Media, Text, Usage
from wallas.types.media import EmbedRequest, EmbedResponse, Mixed

RECORDS = laws.recordings("embeddings")
needs_recordings = pytest.mark.skipif(not RECORDS, reason="the folder shared/recordings is not here")

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0" * 8).decode()
IMAGE = Mixed(parts=(Media(kind="image", mime="image/png", data=PNG),))
OPENAI = EMBEDDINGS[OPENAI_CHAT]
COHERES = {"model": "embed-v4.0", "input_type": "search_query"}


def packed(*values: float) -> str:
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()


def survives(wire: str, body: dict[str, Any]) -> EmbedRequest:
    """Assert that a request decodes to the same value after it was encoded for its own wire."""
    once = EMBEDDINGS[wire].decode_request(body)
    assert EMBEDDINGS[wire].decode_request(EMBEDDINGS[wire].encode_request(once)) == once
    return once


def refused(wire: str, body: Any) -> str | None:
    with pytest.raises(BadRequest) as caught:
        EMBEDDINGS[wire].decode_request(body)
    return caught.value.param


def failure(wire: str, body: Any, **asked: int) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        EMBEDDINGS[wire].decode_response(body, **asked)
    return caught.value


@pytest.mark.parametrize("path", goldens.cases("embeddings", "request"), ids=lambda path: path.stem)
def test_a_golden_request_is_read_and_written_for_every_wire(path):
    wire, body = goldens.load(path)["given"]
    request = EMBEDDINGS[wire].decode_request(body)
    written = {}
    for other, row in EMBEDDINGS.items():
        dropped: list[str] = []
        written[other] = {"body": row.encode_request(request, dropped), "dropped": dropped}
    goldens.compare(path, {"request": request, "written": written})
    survives(wire, body)


@pytest.mark.parametrize("path", goldens.cases("embeddings", "response"), ids=lambda path: path.stem)
def test_a_golden_answer_is_read_and_written_for_every_wire(path):
    wire, body = goldens.load(path)["given"]
    response = EMBEDDINGS[wire].decode_response(body)
    written = {other: row.encode_response(response, None) for other, row in EMBEDDINGS.items()}
    goldens.compare(path, {"response": response, "written": written})
    assert EMBEDDINGS[wire].decode_response(written[wire]) == response


@pytest.mark.parametrize(
    ("given", "inputs"),
    [
        ("a", ("a",)),
        ("", ("",)),
        (["a", "b\0"], ("a", "b")),
        ([1, 2], ((1, 2),)),
        ([[1], [2, 3]], ((1,), (2, 3))),
        (["a", [1]], ("a", (1,))),
    ],
)
def test_openai_input_is_text_or_tokens_or_a_list_of_either(given, inputs):
    assert survives(OPENAI_CHAT, {"model": "m", "input": given}).inputs == inputs


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (None, None),
        ({"input": "x"}, "model"),
        ({"model": "m"}, "input"),
        ({"model": "m", "input": None}, "input"),
        ({"model": "m", "input": []}, "input"),
        ({"model": "m", "input": {}}, "input"),
        ({"model": "m", "input": 7}, "input"),
        ({"model": "m", "input": [[]]}, "input[0]"),
        ({"model": "m", "input": ["a", None]}, "input[1]"),
        ({"model": "m", "input": [True]}, "input[0]"),
        ({"model": "m", "input": [1, "a"]}, "input[1]"),
        ({"model": "m", "input": [[1, -1]]}, "input[0][1]"),
        ({"model": "m", "input": ["a"] * 2049}, "input"),
        ({"model": "m", "input": "x", "dimensions": 0}, "dimensions"),
        ({"model": "m", "input": "x", "dimensions": "8"}, "dimensions"),
        ({"model": "m", "input": "x", "encoding_format": "hex"}, "encoding_format"),
    ],
)
def test_a_bad_openai_request_names_the_field(body, param):
    assert refused(OPENAI_CHAT, body) == param


@pytest.mark.parametrize(
    ("wire", "body", "param"),
    [
        (OLLAMA, {"model": "m"}, "input"),
        (OLLAMA, {"model": "m", "input": []}, "input"),
        (OLLAMA, {"model": "m", "input": ["a", 1]}, "input[1]"),
        (OLLAMA, {"model": "m", "input": 1}, "input"),
        (OLLAMA, {"model": "m", "input": "x", "truncate": "yes"}, "truncate"),
        (GEMINI, {}, "content"),
        (GEMINI, {"requests": {}}, "requests"),
        (GEMINI, {"requests": []}, "requests"),
        (GEMINI, {"requests": [{"content": {"parts": []}}]}, "requests[0].content.parts"),
        (GEMINI, {"content": {"parts": [{}]}}, "content.parts[0]"),
        (GEMINI, {"content": {"parts": [{"inline_data": {"data": "%"}}]}}, "content.parts[0].inlineData.data"),
        (GEMINI, {"requests": [{"content": {"parts": [{"text": "a"}]}}, {}]}, "requests[1].content"),
        (COHERE, {"model": "m", "texts": ["a"]}, "input_type"),
        (COHERE, COHERES, "texts"),
        (COHERE, COHERES | {"texts": ["a"], "images": ["b"]}, "texts"),
        (COHERE, COHERES | {"texts": [1]}, "texts[0]"),
        (COHERE, COHERES | {"texts": ["a"] * 2049}, "texts"),
        (COHERE, COHERES | {"images": ["data:image/png;base64,%"]}, "images[0]"),
        (COHERE, COHERES | {"inputs": [{"content": [{"type": "image_url"}]}]}, "inputs[0].content[0].image_url"),
        (COHERE, COHERES | {"inputs": [{"content": [{"type": "x"}]}]}, "inputs[0].content[0].type"),
    ],
)
def test_a_bad_request_names_the_field_on_the_other_wires(wire, body, param):
    assert refused(wire, body) == param


def test_requests_of_one_gemini_batch_must_agree_on_what_is_not_the_input():
    one = {"content": {"parts": [{"text": "a"}]}}
    assert refused(GEMINI, {"requests": [one, one | {"taskType": "CLUSTERING"}]}) == "requests"


def test_the_legacy_prompt_of_ollama_is_one_input():
    request = decode_prompt({"model": "m", "prompt": "a\0", "keep_alive": 0})
    assert request == EmbedRequest(model="m", inputs=("a",), extra={"ollama": {"keep_alive": 0}})
    with pytest.raises(BadRequest) as caught:
        decode_prompt({"model": "m"})
    assert caught.value.param == "prompt"


def test_gemini_takes_one_content_or_a_batch_in_either_spelling():
    one = {"content": {"role": "user", "parts": [{"text": "a"}]}, "task_type": "RETRIEVAL_QUERY", "title": "T"}
    single = survives(GEMINI, one | {"model": "models/g"})
    assert (single.model, single.inputs, single.task) == ("g", ("a",), "query")
    assert gemini_action(single) == "embedContent"
    batch = survives(GEMINI, {"requests": [one, one]})
    assert EMBEDDINGS[GEMINI].decode_request({"requests": [one]}, model="h").model == "h"
    assert gemini_action(batch) == "batchEmbedContents"
    odd = survives(GEMINI, {"content": {"parts": [{"text": "a"}]}, "taskType": "TASK_TYPE_UNSPECIFIED"})
    assert (odd.task, EMBEDDINGS[GEMINI].encode_request(odd)["taskType"]) == (None, "TASK_TYPE_UNSPECIFIED")


def test_images_go_to_the_wires_that_embed_them_and_are_refused_by_the_others():
    parts = [
        {"inlineData": {"mimeType": "image/png", "data": PNG}},
        {"inlineData": {"data": PNG}},
        {"inlineData": {"mimeType": "application/pdf", "data": PNG}},
        {"fileData": {"fileUri": "https://a/b.mp4", "mimeType": "video/mp4"}},
        {"fileData": {"fileUri": "https://a/b"}},
        {"text": "words"},
    ]
    mixed = survives(GEMINI, {"content": {"parts": parts}}).inputs[0]
    assert [part.kind for part in mixed.parts[:5]] == ["image", "image", "document", "video", "document"]
    url = f"data:image/png;base64,{PNG}"
    assert survives(COHERE, COHERES | {"images": [url]}).inputs == (IMAGE,)
    content = [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": url}}]
    assert len(survives(COHERE, COHERES | {"inputs": [{"content": content}]}).inputs[0].parts) == 2
    beside = EmbedRequest(model="m", inputs=("a", IMAGE))
    assert EMBEDDINGS[COHERE].encode_request(beside)["inputs"][0] == {"content": [{"type": "text", "text": "a"}]}
    unplaced = [
        (OPENAI_CHAT, IMAGE),
        (OLLAMA, IMAGE),
        (OLLAMA, (1, 2)),
        (GEMINI, (1, 2)),
        (GEMINI, Mixed(parts=(Media(kind="image", file_id="f"),))),
        (COHERE, Mixed(parts=(Media(kind="image", url="https://a"),))),
    ]
    for wire, one in unplaced:
        with pytest.raises(ProviderError) as caught:
            EMBEDDINGS[wire].encode_request(EmbedRequest(model="m", inputs=(one,)))
        assert (caught.value.kind, caught.value.param) == (FailureKind.UNSUPPORTED, "input")


def test_words_in_pieces_are_one_text_elsewhere():
    pieces = Mixed(parts=(Text(text="a"), Text(text="b")))
    assert OPENAI.encode_request(EmbedRequest(model="m", inputs=(pieces,)))["input"] == ["a\nb"]


def test_dialects_of_openai_name_tasks_and_dimensions_in_their_own_way():
    request = EmbedRequest(model="m", inputs=("a",), dimensions=8, task="query", truncate="end")

    def written(dialect: Any, asked: EmbedRequest = request) -> tuple[dict[str, Any], list[str]]:
        dropped: list[str] = []
        body = OPENAI.encode_request(asked, dropped, dialect=dialect)
        return {key: value for key, value in body.items() if key not in ("model", "input")}, dropped

    assert written(NVIDIA) == ({"dimensions": 8, "input_type": "query", "truncate": "END"}, [])
    assert written(VOYAGE) == ({"output_dimension": 8, "input_type": "query"}, ["truncate"])
    assert written(MISTRAL) == ({"output_dimension": 8}, ["task", "truncate"])
    plain = EmbedRequest(model="m", inputs=("a",))
    assert written(NVIDIA, plain) == ({"input_type": "passage"}, [])
    assert written(VOYAGE, plain) == ({}, [])
    assert written(NVIDIA, EmbedRequest(model="m", inputs=("a",), task="clustering"))[1] == ["task"]
    asked = OPENAI.decode_request({"model": "m", "input": "a", "input_type": "passage"})
    assert asked.task == "document"
    assert written(VOYAGE, asked) == ({"input_type": "document"}, [])


def test_what_has_no_place_is_dropped_by_name():
    request = EmbedRequest(
        model="m", inputs=("a",), task="similarity", truncate="start", user="u", extra={"openai_chat": {"x": 1}}
    )
    dropped: dict[str, list[str]] = {wire: [] for wire in EMBEDDINGS}
    bodies = {wire: row.encode_request(request, dropped[wire]) for wire, row in EMBEDDINGS.items()}
    assert dropped == {
        OPENAI_CHAT: ["task", "truncate"],
        OLLAMA: ["truncate", "task", "user", "x"],
        GEMINI: ["truncate", "user", "x"],
        COHERE: ["task", "user", "x"],
    }
    assert (bodies[COHERE]["input_type"], bodies[COHERE]["truncate"]) == ("search_document", "START")
    image: list[str] = []
    EMBEDDINGS[GEMINI].encode_request(EmbedRequest(model="m", inputs=("a",), task="image"), image)
    assert image == ["task"]


def openai_body(*data: Any, **more: Any) -> dict[str, Any]:
    return {"object": "list", "data": list(data), "model": "m"} | more


def item(embedding: Any, index: int | None = None) -> dict[str, Any]:
    return {"object": "embedding", "embedding": embedding} | ({} if index is None else {"index": index})


def test_vectors_come_in_the_order_of_their_index():
    body = openai_body(item([2.0], 1), item([1.0], 0))
    assert OPENAI.decode_response(body, count=2).vectors == ((1.0,), (2.0,))
    for same in (0, None):
        body = openai_body(item([2.0], same), item([1.0], same))
        assert OPENAI.decode_response(body, count=2).vectors == ((2.0,), (1.0,))
    assert OPENAI.decode_response(openai_body(item([2], 7))).vectors == ((2.0,),)
    assert failure(OPENAI_CHAT, openai_body(item([1.0], 1), item([2.0], 2))).kind is FailureKind.MALFORMED


BAD_VECTORS = [[], [None], ["1"], [True], [math.nan], [math.inf], [1e39], ["x"], "%", "AAA=", 7, [[1.0]]]


@pytest.mark.parametrize("vector", BAD_VECTORS)
def test_u62_a_vector_with_anything_but_finite_numbers_is_a_failure(vector):
    assert failure(OPENAI_CHAT, openai_body(item(vector, 0))).kind is FailureKind.MALFORMED
    if isinstance(vector, list):
        assert failure(OLLAMA, {"embeddings": [vector]}).kind is FailureKind.MALFORMED
        assert failure(GEMINI, {"embedding": {"values": vector}}).kind is FailureKind.MALFORMED
        assert failure(COHERE, {"embeddings": {"float": [vector]}}).kind is FailureKind.MALFORMED


def test_u62_base64_that_hides_nan_or_infinity_is_a_failure():
    for value in (math.nan, math.inf, -math.inf):
        assert failure(OPENAI_CHAT, openai_body(item(packed(1.0, value), 0))).kind is FailureKind.MALFORMED


@pytest.mark.parametrize(
    ("wire", "body"),
    [
        (OPENAI_CHAT, openai_body(item([1.0, 2.0], 0))),
        (OLLAMA, {"embeddings": [[1.0, 2.0]]}),
        (GEMINI, {"embeddings": [{"values": [1.0, 2.0]}]}),
        (COHERE, {"embeddings": {"float": [[1.0, 2.0]]}}),
    ],
)
def test_u62_a_wrong_count_and_wrong_dimensions_are_failures_on_every_wire(wire, body):
    assert EMBEDDINGS[wire].decode_response(body, count=1, dimensions=2).vectors == ((1.0, 2.0),)
    assert failure(wire, body, count=2).kind is FailureKind.MALFORMED
    assert failure(wire, body, dimensions=3).kind is FailureKind.MALFORMED


def test_u62_vectors_of_different_lengths_are_a_failure():
    assert failure(OLLAMA, {"embeddings": [[1.0], [1.0, 2.0]]}).kind is FailureKind.MALFORMED


@pytest.mark.parametrize("wire", EMBEDDINGS)
def test_a_body_without_vectors_is_malformed_and_one_with_an_error_is_that_error(wire):
    for body in (None, [], {}, {"data": {}, "embeddings": 7}):
        assert failure(wire, body).kind is FailureKind.MALFORMED
    assert failure(wire, {"error": {"message": "boom"}}).message == "boom"
    assert failure(wire, {"id": "x", "message": "boom"}).message == "boom"


def test_base64_is_little_endian_float32_both_ways():
    body = openai_body(item(packed(0.5, -2.0), 0))
    response = OPENAI.decode_response(body)
    assert response.vectors == ((0.5, -2.0),)
    base64ed = EmbedRequest(model="m", inputs=("a",), encoding_format="base64")
    assert OPENAI.encode_response(response, base64ed)["data"][0]["embedding"] == packed(0.5, -2.0)
    assert OPENAI.encode_response(response, None)["data"][0]["embedding"] == packed(0.5, -2.0)
    floats = EmbedRequest(model="m", inputs=("a",))
    assert OPENAI.encode_response(response, floats)["data"][0]["embedding"] == [0.5, -2.0]


def test_the_official_openai_client_reads_what_we_write():
    response = EmbedResponse(model="m", vectors=((0.5, 0.25), (1.0, 0.0)), usage=Usage(input=3), provider="groq")
    body = OPENAI.encode_response(response, EmbedRequest(model="m", inputs=("a", "b"), encoding_format="base64"))
    for one in body["data"]:
        one["embedding"] = list(struct.unpack("<2f", base64.b64decode(one["embedding"])))
    read = openai.types.CreateEmbeddingResponse.model_validate(body)
    assert [one.embedding for one in read.data] == [[0.5, 0.25], [1.0, 0.0]]
    assert (read.usage.prompt_tokens, read.usage.total_tokens) == (3, 3)
    assert body["provider"] == "groq"
    assert OPENAI.encode_response(EmbedResponse(), None)["usage"] == {"prompt_tokens": 0, "total_tokens": 0}


def test_the_official_ollama_client_reads_what_we_write_on_both_routes():
    response = EmbedResponse(model="m", vectors=((0.5, 0.25),), usage=Usage(input=3))
    read = OllamaAnswer.model_validate(EMBEDDINGS[OLLAMA].encode_response(response, None))
    assert (read.model, list(read.embeddings[0]), read.prompt_eval_count) == ("m", [0.5, 0.25], 3)
    assert LegacyAnswer.model_validate(encode_prompt_response(response)).embedding == [0.5, 0.25]
    assert encode_prompt_response(EmbedResponse()) == {"embedding": []}
    plain = EMBEDDINGS[OLLAMA].encode_response(EmbedResponse(model="m", vectors=((1.0,),)), None)
    assert plain == {"model": "m", "embeddings": [[1.0]]}


@pytest.mark.parametrize(
    ("wire", "body"),
    [
        (OLLAMA, {"model": "m", "embeddings": [[1.0]], "total_duration": 5, "prompt_eval_count": 2, "x": 1}),
        (OLLAMA, {"embedding": [1.0]}),
        (GEMINI, {"embedding": {"values": [1.0]}}),
        (GEMINI, {"embeddings": [{"values": [1.0]}], "usageMetadata": {"promptTokenCount": 2}, "x": 1}),
        (COHERE, {"embeddings": {"int8": [[1, -2]], "ubinary": [[3]]}, "id": "x", "texts": ["a"]}),
        (COHERE, {"embeddings": [[0.5]]}),
        (COHERE, {"model": "m", "embeddings": {"base64": [packed(0.5)]}, "meta": {"billed_units": {}}}),
        (OPENAI_CHAT, openai_body(item([1.0], 0), usage={"total_tokens": 4}, provider="x", id="y")),
    ],
)
def test_an_answer_goes_back_with_everything_it_had(wire, body):
    response = EMBEDDINGS[wire].decode_response(body)
    written = EMBEDDINGS[wire].encode_response(response, None)
    assert EMBEDDINGS[wire].decode_response(written) == response
    assert goldens.missing(written, body) == []


def test_gemini_answers_in_the_form_of_the_action_that_was_asked():
    response = EmbedResponse(vectors=((1.0,),), usage=Usage(input=3))
    single = EMBEDDINGS[GEMINI].decode_request({"content": {"parts": [{"text": "a"}]}})
    batch = EMBEDDINGS[GEMINI].decode_request({"requests": [{"content": {"parts": [{"text": "a"}]}}]})
    write = EMBEDDINGS[GEMINI].encode_response
    assert write(response, single) == {"embedding": {"values": [1.0]}, "usageMetadata": {"promptTokenCount": 3}}
    assert write(response, batch)["embeddings"] == [{"values": [1.0]}]
    assert write(EmbedResponse(vectors=((1.0,),), usage=Usage()), batch) == {"embeddings": [{"values": [1.0]}]}


def test_cohere_is_told_what_it_would_have_billed():
    body = EMBEDDINGS[COHERE].encode_response(EmbedResponse(vectors=((1.0,),), usage=Usage(input=3)), None)
    assert body == {"embeddings": {"float": [[1.0]]}, "meta": {"billed_units": {"input_tokens": 3}}}


def wire_of(record: dict[str, Any]) -> str:
    return {"cohere": COHERE, "google": GEMINI, "vertex": GEMINI}.get(record["provider"], OPENAI_CHAT)


@needs_recordings
@pytest.mark.parametrize("record", RECORDS, ids=lambda one: f"{one['provider']}-{one['id']}")
def test_a_recorded_exchange_is_read_and_goes_back_whole(record):
    row = EMBEDDINGS[wire_of(record)]
    count = None
    if record["request"] and record["status"] != 400:
        count = len(survives(wire_of(record), record["request"]).inputs)
    if record["status"] >= 400:
        error = decode_error(record["status"], {}, json.dumps(record["response"]).encode())
        said = record["response"].get("error", record["response"])
        assert error.message == (said if isinstance(said, str) else said["message"])
        code = None if isinstance(said, str) else said.get("code")
        assert code is None or error.code == str(code)
        return
    response = row.decode_response(record["response"], count=count)
    written = row.encode_response(response, None)
    assert row.decode_response(written) == response
    assert goldens.missing(written, record["response"]) == []


words = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=12)
named = words.filter(bool)
texts = st.lists(words, min_size=1, max_size=3)
sizes = st.integers(1, 4096)
components = st.floats(-1e9, 1e9, width=32)


@given(
    st.fixed_dictionaries(
        {"model": named, "input": words | texts | st.lists(st.integers(0, 99), min_size=1, max_size=3)},
        optional={
            "dimensions": sizes,
            "encoding_format": st.sampled_from(["float", "base64"]),
            "user": words,
            "input_type": words | st.just("query"),
        },
    )
)
def test_any_openai_request_survives_its_own_wire(body):
    survives(OPENAI_CHAT, body)


@given(
    st.fixed_dictionaries(
        {"model": named, "input": words | texts},
        optional={"dimensions": sizes, "truncate": st.booleans(), "keep_alive": words},
    )
)
def test_any_ollama_request_survives_its_own_wire(body):
    survives(OLLAMA, body)


@given(
    st.fixed_dictionaries(
        {"model": named, "texts": texts, "input_type": st.sampled_from(["search_query", "clustering"])},
        optional={
            "output_dimension": sizes,
            "truncate": st.sampled_from(["NONE", "START", "END"]),
            "embedding_types": st.just(["float", "int8"]) | st.just(["float"]),
        },
    )
)
def test_any_cohere_request_survives_its_own_wire(body):
    survives(COHERE, body)


@given(st.lists(st.lists(components, min_size=3, max_size=3), min_size=1, max_size=3), st.booleans())
def test_any_vectors_survive_every_wire(vectors, as_text):
    response = EmbedResponse(vectors=tuple(tuple(vector) for vector in vectors), usage=Usage(input=1))
    request = EmbedRequest(model="m", inputs=("a",), encoding_format="base64" if as_text else "float")
    for row in EMBEDDINGS.values():
        assert row.decode_response(row.encode_response(response, request)).vectors == response.vectors
