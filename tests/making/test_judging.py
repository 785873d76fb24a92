"""Ranking and moderation by their providers' wires, asked for by Cohere's and OpenAI's clients."""

import httpx
import pytest
from openai import BadRequestError, InternalServerError

from tests.fakes import status
from wallas.catalog.entries import Model

DOCUMENTS = ["bears", "pandas", "cars"]
RANKED = {"results": [{"index": 0, "relevance_score": 0.1}, {"index": 1, "relevance_score": 0.9}]}


def rank(stage, model="one/one-rerank", **more):
    body = {"model": model, "query": "what is a panda?", "documents": DOCUMENTS} | more
    return stage.client.post("/v1/rerank", json=body)


def known(stage, name):
    provider, _, id = name.partition("/")
    router = stage.service.router
    if router.catalog.find(provider, id) is None:
        model = Model(provider=provider, id=id, kind="rerank", capabilities=frozenset({"rerank"}), free=True)
        router.reload(router.catalog.replaced(provider, [*router.catalog.of(provider), model]))


def test_documents_come_best_first(stage):
    stage.on("/one/v1/rerank", RANKED | {"usage": {"total_tokens": 13}})
    answer = rank(stage, top_n=2, return_documents=True)
    told = answer.get_json()
    assert [row["index"] for row in told["results"]] == [1, 0] and told["usage"] == {"total_tokens": 13}
    assert told["results"][0]["document"] == {"text": "pandas"} and answer.headers["X-Wallas-Provider"] == "one"
    assert stage.asked.json["top_n"] == 2


def test_coheres_own_client_ranks(stage):
    import cohere

    stage.on("/cohere/v2/rerank", RANKED | {"id": "x", "meta": {"billed_units": {"search_units": 1}}})
    http = httpx.Client(transport=httpx.WSGITransport(app=stage.app))
    client = cohere.ClientV2(api_key="any", base_url="http://localhost", httpx_client=http)
    answer = client.rerank(model="cohere/rerank-v3.5", query="q", documents=DOCUMENTS, top_n=1)
    assert [(row.index, row.relevance_score) for row in answer.results] == [(1, 0.9)]
    assert stage.asked.json["model"] == "rerank-v3.5"


def test_nvidia_ranks_passages(stage):
    known(stage, "nvidia/nvidia/rerank-qa")
    rankings = [{"index": 2, "logit": -3.5}, {"index": 0, "logit": 4.0}]
    stage.on("/nvidia/v1/retrieval/nvidia/rerank-qa/reranking", {"rankings": rankings})
    told = rank(stage, model="nvidia/nvidia/rerank-qa").get_json()
    assert [(row["index"], row["relevance_score"]) for row in told["results"]] == [(0, 4.0), (2, -3.5)]
    assert stage.asked.json["passages"][1] == {"text": "pandas"}


@pytest.mark.parametrize(
    "step",
    [
        status(500),
        status(200, {"results": []}),
        status(200, {"results": [{"index": 7, "relevance_score": 1}]}),
        status(200, {"results": [{"index": 0, "relevance_score": "high"}]}),
        status(200, {"results": [{"index": 0, "relevance_score": 1}] * 2}),
        status(200, {"ok": True}),
    ],
)
def test_the_next_provider_ranks_when_one_fails(stage, step):
    stage.will("/one/v1/rerank", step)
    stage.on("/two/v1/rerank", RANKED)
    assert rank(stage, model="one-rerank").headers["X-Wallas-Provider"] == "two"


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"query": ""}, "query"),
        ({"documents": []}, "documents"),
        ({"documents": ["a", 7]}, "documents[1]"),
        ({"documents": "a"}, "documents"),
        ({"top_n": 0}, "top_n"),
    ],
)
def test_a_wrong_field_of_a_ranking_is_named(stage, more, param):
    answer = rank(stage, **more)
    assert (answer.status_code, answer.get_json()["error"]["param"]) == (400, param)


VERDICT = {
    "flagged": True,
    "categories": {"violence": True, "hate": False, "illicit": None},
    "category_scores": {"violence": 0.9, "hate": 0.01},
}


def test_verdicts_come_for_each_text(stage):
    stage.on("/openai/v1/moderations", {"id": "modr-1", "model": "m", "results": [VERDICT, VERDICT]})
    answer = stage.sdk.moderations.create(model="openai/omni-moderation-latest", input=["a", "b"])
    assert [one.flagged for one in answer.results] == [True, True]
    assert answer.results[0].categories.violence and answer.results[0].category_scores.violence == 0.9
    assert answer.results[0].categories.illicit is None
    assert stage.asked.json == {"model": "omni-moderation-latest", "input": ["a", "b"]}


def test_parts_are_judged_together(stage):
    stage.on("/openai/v1/moderations", {"results": [VERDICT]})
    parts = [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]
    answer = stage.sdk.moderations.create(model="openai/omni-moderation-latest", input=parts)
    assert len(answer.results) == 1 and stage.asked.json["input"] == parts
    with pytest.raises(BadRequestError):
        stage.sdk.moderations.create(model="mistral/mistral-moderation-2603", input=parts)


def test_mistrals_kinds_are_told_in_openais_words(stage):
    categories = {"hate_and_discrimination": True, "selfharm": False, "pii": False}
    scores = {"hate_and_discrimination": 0.8, "selfharm": 0.1, "pii": 0.0}
    stage.on("/mistral/v1/moderations", {"results": [{"categories": categories, "category_scores": scores}]})
    told = stage.client.post("/v1/moderations", json={"model": "mistral/mistral-moderation-2603", "input": "x"})
    (row,) = told.get_json()["results"]
    assert row["flagged"] and row["categories"] == {"hate": True, "self-harm": False, "pii": False}
    assert row["category_scores"]["hate"] == 0.8


def test_verdicts_that_are_missing_are_a_failure(stage):
    stage.on("/openai/v1/moderations", {"results": [VERDICT]})
    with pytest.raises(InternalServerError):
        stage.sdk.moderations.create(model="openai/omni-moderation-latest", input=["a", "b"])


@pytest.mark.parametrize("given", [7, [], [7], [{"type": "audio"}], ["a", {"type": "text", "text": "b"}], None])
def test_a_wrong_input_is_named(stage, given):
    answer = stage.client.post("/v1/moderations", json={"input": given})
    assert answer.status_code == 400 and answer.get_json()["error"]["param"].startswith("input")


def test_without_anybody_it_is_said_whose_key_would_do(tmp_path):
    from wallas.app import create_app
    from wallas.settings import load_settings

    app = create_app(
        load_settings({"OLLAMA_UPSTREAM": "http://127.0.0.1:1", "WALLAS_KEYLESS": "0"}, directory=tmp_path)
    )
    try:
        answer = app.test_client().post("/v1/moderations", json={"input": "a"})
        error = answer.get_json()["error"]
        assert answer.status_code == 503 and error["code"] == "no_provider_configured"
        assert "moderation" in error["message"] and "openai" in error["message"] and "mistral" in error["message"]
    finally:
        app.extensions["wallas"].close()
