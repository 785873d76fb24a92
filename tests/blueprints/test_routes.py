"""Routes beside the chats: batches, counts, framings of a stream, embeddings in every shape."""

import base64
import json
import struct

import pytest

from tests.badinput.doors import DOORS, MODEL, VECTORS
from tests.fakes import say, think

VECTOR = [0.02, 0.25, -0.5]
SHAPES = {
    "embeddings": lambda answer: [row["embedding"] for row in answer["data"]],
    "embed": lambda answer: [answer["embedding"]["values"]],
    "ollama_embed": lambda answer: answer["embeddings"],
    "ollama_embeddings": lambda answer: [answer["embedding"]],
}


def test_batches_of_messages_are_refused_in_anthropics_shape(gate):
    answer = gate.client.post("/v1/messages/batches", json={"requests": []})
    assert answer.status_code == 404
    gate.read("anthropic", answer)


@pytest.mark.parametrize("name", ["count_tokens", "count"])
def test_tokens_are_counted_without_a_call_and_never_too_low(gate, name):
    door = DOORS[name]
    words = "word " * 400
    body = door.good(messages=[{"role": "user", "content": words}])
    if name == "count":
        body = {"contents": [{"role": "user", "parts": [{"text": words}]}]}
    few = next(iter(gate.ask(door, door.good()).json.values()))
    many = next(iter(gate.ask(door, body).json.values()))
    assert 400 < many - few < 1_200
    assert gate.provider.requests == []


def test_a_count_may_hold_a_whole_request(gate):
    whole = {"generateContentRequest": {"model": f"models/{MODEL}", **DOORS["count"].good()}}
    assert gate.ask(DOORS["count"], whole).json == gate.ask(DOORS["count"], DOORS["count"].good()).json


FRAMINGS = [
    ("", b"[{", "application/json"),
    ("?alt=json", b"[{", "application/json"),
    ("?alt=sse", b"data: {", "text/event-stream"),
]


@pytest.mark.parametrize(("query", "begins", "kind"), FRAMINGS)
def test_geminis_stream_is_an_array_or_sse(gate, query, begins, kind):
    door = DOORS["stream"]
    answer = gate.ask(door, door.good(), url=door.url() + query)
    assert answer.data.startswith(begins)
    assert answer.content_type.startswith(kind)


def test_another_framing_of_geminis_stream_is_refused(gate):
    door = DOORS["stream"]
    assert gate.refuse(door, door.good(), url=door.url() + "?alt=xml").param == "alt"


@pytest.mark.parametrize("prefix", ["/v1beta/models/", "/v1/models/", "/v1beta/tunedModels/"])
def test_geminis_actions_are_found_under_every_prefix(gate, prefix):
    door = DOORS["generate"]
    answer = gate.ask(door, door.good(), url=f"{prefix}{MODEL}:generateContent")
    assert answer.json["candidates"][0]["content"]["parts"][0]["text"] == "ok"


@pytest.mark.parametrize("name", SHAPES)
def test_texts_are_embedded_in_every_shape(gate, name):
    door = DOORS[name]
    answer = gate.ask(door, door.good())
    assert SHAPES[name](answer.json) == [VECTOR]
    assert (answer.headers["X-Wallas-Provider"], answer.headers["X-Wallas-Model"]) == ("acme", "vectors")


def test_many_texts_are_embedded_at_once_in_geminis_shape(gate):
    one = {"model": f"models/{VECTORS}", **DOORS["embed"].good()}
    answer = gate.client.post(f"/v1beta/models/{VECTORS}:batchEmbedContents", json={"requests": [one, one]})
    assert [row["values"] for row in answer.json["embeddings"]] == [VECTOR, VECTOR]


def test_vectors_in_base64_hold_the_same_numbers(gate):
    answer = gate.ask(DOORS["embeddings"], DOORS["embeddings"].good(encoding_format="base64")).json
    data = base64.b64decode(answer["data"][0]["embedding"])
    assert struct.unpack("<3f", data) == pytest.approx(VECTOR)


@pytest.mark.parametrize(("name", "model"), [("embeddings", MODEL), ("embeddings", "auto"), ("ollama_embed", MODEL)])
def test_a_model_that_embeds_nothing_is_not_found(gate, name, model):
    door = DOORS[name]
    assert gate.refuse(door, door.good(model=model), 404).told.code in ("model_not_found", None)


def test_a_streamed_answer_has_its_headers_and_its_trail(gate):
    answer = gate.client.post("/v1/chat/completions", json=DOORS["chat"].good(stream=True))
    assert answer.headers["X-Wallas-Provider"] == "acme"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    lines = answer.data.decode().splitlines()
    (note,) = [line for line in lines if line.startswith(": wallas ")]
    assert json.loads(note.removeprefix(": wallas "))["attempts"] == 1


@pytest.mark.parametrize("name", ["generate", "stream"])
def test_thoughts_are_shown_only_to_who_asked_for_them(gate, name):
    door = DOORS[name]
    for shown in (False, True):
        gate.provider.will(think("Hm."), say("ok"))
        body = door.good(generationConfig={"thinkingConfig": {"includeThoughts": shown}})
        assert (b"Hm." in gate.ask(door, body).data) is shown


EXPLAINED = {
    "openai": DOORS["chat"],
    "responses": DOORS["responses"],
    "anthropic": DOORS["count_tokens"],
    "ollama": DOORS["ollama_chat"],
    "gemini": DOORS["generate"],
}


@pytest.mark.parametrize("path", ["/v1/route/explain", "/v1/routing/explain"])
@pytest.mark.parametrize("wire", EXPLAINED)
def test_the_decision_is_explained_for_a_body_of_any_protocol(gate, path, wire):
    body = EXPLAINED[wire].good(**({"model": MODEL} if wire == "gemini" else {}))
    answer = gate.client.post(f"{path}?wire={wire}", json=body)
    assert answer.status_code == 200, answer.data
    assert b"acme/m" in answer.data
    assert gate.provider.requests == []


def test_a_decision_that_cannot_be_explained_is_refused_by_name(gate):
    for query, body, param in [("?wire=morse", {}, "wire"), ("", {}, "messages"), ("?wire=ollama", {}, "model")]:
        answer = gate.client.post(f"/v1/route/explain{query}", json=body)
        assert answer.status_code == 400
        assert gate.read("openai", answer).param == param


def test_the_virtual_models_are_told_with_what_they_care_for(gate):
    rows = gate.client.get("/v1/routing/profiles").json["data"]
    assert {"auto", "rapido"} <= {row.get("id") or row.get("name") for row in rows}


BAD_FORKS = [
    ("/v1/chat/completions/fork", {"max_parallel": 0}, "max_parallel"),
    ("/v1/chat/completions/fork", {"max_parallel": "2"}, "max_parallel"),
    ("/v1/chat/completions/fork", {"return_all": "yes"}, "return_all"),
    ("/v1/chat/completions/fork", {"messages": "hi"}, "messages"),
    ("/v1/diligence/compare", {"task": ""}, "task"),
    ("/v1/diligence/compare", {"task": "x", "criteria": "smell"}, "criteria"),
    ("/v1/diligence/compare", {"task": "x", "criteria": []}, "criteria"),
    ("/v1/diligence/compare", {"task": "x", "messages": []}, "messages"),
]


@pytest.mark.parametrize(("path", "body", "param"), BAD_FORKS, ids=str)
def test_a_bad_wish_for_several_answers_is_named(gate, path, body, param):
    whole = DOORS["chat"].good(**body) if path.endswith("fork") else body
    answer = gate.client.post(path, json=whole)
    assert answer.status_code == 400, answer.data
    assert gate.read("openai", answer).param == param
    assert gate.provider.requests == []


@pytest.mark.parametrize("query", ["days=0", "days=367", "days=x", "by=moon", "by=day,%00"])
def test_a_bad_question_of_what_was_used_is_named(gate, query):
    answer = gate.client.get(f"/v1/usage?{query}")
    assert answer.status_code == 400
    assert gate.read("openai", answer).param == query.partition("=")[0]
