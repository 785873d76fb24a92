"""The model lists: their shapes, filters and pages."""

import anthropic
import pytest
from google.genai import types
from openai.types import Model

from tests.badinput.doors import MODEL, VECTORS
from tests.badinput.gate import NOBODY, table
from wallas.app import create_app
from wallas.blueprints.listing import SORTS, epoch
from wallas.routing.strategies import PROFILES
from wallas.settings import load_settings

ANTHROPIC = {"anthropic-version": "2023-06-01"}
GEMINI = {"x-goog-api-key": "k"}


def ids(client, query=""):
    """Return the ids of OpenAI's list."""
    answer = client.get(f"/v1/models?{query}")
    assert answer.status_code == 200, answer.data
    return [row["id"] for row in answer.json["data"]]


def test_the_list_in_openais_shape_has_virtual_models_first_and_all_that_can_be_called(client):
    answer = client.get("/v1/models").json
    names = [row["id"] for row in answer["data"]]
    assert answer["object"] == "list"
    assert names[: len(PROFILES)] == list(PROFILES)
    assert {MODEL, VECTORS} <= set(names)
    assert answer["total"] == len(names) == len(set(names))
    for row in answer["data"]:
        Model.model_validate(row)


def test_a_row_tells_what_is_known_of_a_model(client):
    (row,) = [row for row in client.get("/v1/models?provider=acme").json["data"] if row["id"] == MODEL]
    assert (row["provider"], row["name"], row["kind"], row["free"]) == ("acme", "m", "chat", True)
    assert (row["context_length"], row["max_output_tokens"]) == (400_000, 200_000)
    assert {"chat", "tools", "vision"} <= set(row["capabilities"])
    assert row["modalities"] == {"input": ["text", "image", "audio", "video", "file"], "output": ["text"]}
    assert row["source"] == "wallas.toml"


def test_a_row_tells_how_long_a_model_took_lately(client):
    client.post("/v1/chat/completions", json={"model": MODEL, "messages": [{"role": "user", "content": "hi"}]})
    assert client.get(f"/v1/models/{MODEL}").json["latency_ms"] > 0


def test_filters_leave_what_they_say(client):
    assert set(ids(client, "provider=acme")) == {MODEL, VECTORS}
    assert ids(client, "provider=acme&capability=embeddings") == [VECTORS]
    assert ids(client, "provider=acme&capability=chat,tools&capability=vision") == [MODEL]
    assert ids(client, "provider=acme&capability=free") == [MODEL, VECTORS]
    assert ids(client, "provider=acme&capability=rerank") == []
    assert ids(client, "provider=acme&modality=image") == [MODEL]
    assert ids(client, "provider=acme&search=VECT") == [VECTORS]
    assert ids(client, "provider=acme&context_min=400000") == [MODEL]
    assert ids(client, "provider=acme&context_min=400001") == []
    assert set(ids(client, "provider=acme,kilo")) > {MODEL, VECTORS}
    assert ids(client, "provider=nobody") == []
    assert ids(client, "pricing=paid&provider=acme") == []
    assert ids(client, "pricing=free&provider=acme") == [MODEL, VECTORS]


def test_a_filtered_list_has_no_virtual_models(client):
    assert not set(PROFILES) & set(ids(client, "pricing=free"))


@pytest.mark.parametrize("sort", SORTS)
def test_every_order_has_all_models(client, sort):
    assert set(ids(client, f"sort={sort}&pricing=free")) == set(ids(client, "pricing=free"))


def test_orders_are_what_they_say(client):
    rows = client.get("/v1/models?sort=context&pricing=free").json["data"]
    contexts = [row["context_length"] or 0 for row in rows]
    assert contexts == sorted(contexts, reverse=True)
    qualities = [row["quality"] for row in client.get("/v1/models?sort=quality&pricing=free").json["data"]]
    assert qualities == sorted(qualities, reverse=True)


def test_a_page_is_cut_from_the_whole_list(client):
    whole = ids(client)
    assert ids(client, "limit=3") == whole[:3]
    assert ids(client, "limit=3&offset=2") == whole[2:5]
    assert ids(client, "limit=0") == []
    assert ids(client, "offset=100000") == []
    assert ids(client, "limit=999999999") == whole
    assert client.get("/v1/models?limit=1").json["total"] == len(whole)


BAD = {
    "pricing=' OR 1=1": "pricing",
    "pricing=": "pricing",
    "capability=telepathy": "capability",
    "capability=chat,%00": "capability",
    "modality=smell": "modality",
    "sort=quality;drop table": "sort",
    "sort=__class__": "sort",
    "limit=-1": "limit",
    "limit=1e9": "limit",
    "limit=ten": "limit",
    "limit=": "limit",
    "limit=%D9%A1": "limit",
    "limit=9999999999999": "limit",
    "offset=-1": "offset",
    "offset=0x1": "offset",
    "context_min=many": "context_min",
}


@pytest.mark.parametrize(("query", "param"), BAD.items(), ids=BAD)
def test_c36_a_bad_filter_is_named(gate, query, param):
    answer = gate.client.get(f"/v1/models?{query}")
    assert answer.status_code == 400
    assert gate.read("openai", answer).param == param


@pytest.mark.parametrize(("headers", "protocol"), [(ANTHROPIC, "anthropic"), (GEMINI, "gemini")])
def test_c36_a_bad_filter_is_named_in_the_callers_shape(gate, headers, protocol):
    answer = gate.client.get("/v1/models?sort=x", headers=headers)
    assert answer.status_code == 400
    assert gate.read(protocol, answer).param == "sort"


def test_c36_of_a_filter_said_twice_the_first_counts_and_texts_are_only_compared(client):
    assert set(ids(client, "pricing=free&pricing=paid")) == set(ids(client, "pricing=free"))
    for search in ("%25", "_", "' OR 1=1 --", "%3Cscript%3E", "x" * 5_000):
        assert ids(client, f"search={search}&provider=acme") == []


def test_the_list_in_anthropics_shape(client):
    answer = client.get("/v1/models", headers=ANTHROPIC).json
    assert answer.keys() == {"data", "has_more", "first_id", "last_id"}
    assert (answer["first_id"], answer["last_id"], answer["has_more"]) == (
        answer["data"][0]["id"],
        answer["data"][-1]["id"],
        False,
    )
    for row in answer["data"]:
        assert anthropic.types.ModelInfo.construct(**row).type == "model"
        assert row["created_at"].endswith("T00:00:00Z")


def test_anthropics_list_has_pages_in_both_directions(client):
    whole = [row["id"] for row in client.get("/v1/models", headers=ANTHROPIC).json["data"]]
    found, query = [], "limit=7"
    while True:
        page = client.get(f"/v1/models?{query}", headers=ANTHROPIC).json
        found += [row["id"] for row in page["data"]]
        if not page["has_more"]:
            break
        query = f"limit=7&after_id={page['last_id']}"
    assert found == whole
    page = client.get(f"/v1/models?limit=2&before_id={whole[5]}", headers=ANTHROPIC).json
    assert ([row["id"] for row in page["data"]], page["has_more"]) == (whole[3:5], True)
    page = client.get(f"/v1/models?before_id={whole[0]}", headers=ANTHROPIC).json
    assert page == {"data": [], "has_more": False, "first_id": None, "last_id": None}


@pytest.mark.parametrize("word", ["after_id", "before_id"])
def test_a_page_after_nobody_is_refused(gate, word):
    answer = gate.client.get(f"/v1/models?{word}=nobody", headers=ANTHROPIC)
    assert answer.status_code == 400
    assert gate.read("anthropic", answer).param == word


def test_the_list_in_geminis_shape_and_its_pages(client):
    whole = client.get("/v1beta/models").json["models"]
    assert client.get("/v1/models", headers=GEMINI).json["models"] == whole
    assert f"models/{MODEL}" in [row["name"] for row in whole]
    for row in whole:
        told = {key: value for key, value in row.items() if key != "supportedGenerationMethods"}
        types.Model.model_validate(told)
    found, token = [], "0"
    while token:
        page = client.get(f"/v1beta/models?pageSize=9&pageToken={token}").json
        found += page["models"]
        token = page.get("nextPageToken")
    assert found == whole


def test_a_bad_page_of_geminis_is_named(gate):
    for query, param in {"pageSize=-1": "pageSize", "pageToken=x": "pageToken"}.items():
        answer = gate.client.get(f"/v1beta/models?{query}")
        assert answer.status_code == 400
        assert gate.read("gemini", answer).param == param


def test_geminis_rows_tell_what_can_be_asked_of_a_model(client):
    rows = {row["name"]: row for row in client.get("/v1beta/models").json["models"]}
    assert rows[f"models/{MODEL}"]["supportedGenerationMethods"][0] == "generateContent"
    assert rows[f"models/{VECTORS}"]["supportedGenerationMethods"] == ["embedContent"]
    assert rows[f"models/{MODEL}"]["inputTokenLimit"] == 400_000
    assert rows["models/auto"]["supportedGenerationMethods"]


@pytest.mark.parametrize("name", [MODEL, "acme:m", "auto", "fast", f"{MODEL}:free", "m"])
def test_one_model_is_found_by_every_name_that_a_request_may_use(client, name):
    assert client.get(f"/v1/models/{name}").json["id"] == name
    assert client.get(f"/v1/models/{name}", headers=ANTHROPIC).json["type"] == "model"
    assert client.get(f"/v1beta/models/{name}").json["name"] == f"models/{name}"


@pytest.mark.parametrize(("headers", "protocol"), [({}, "openai"), (ANTHROPIC, "anthropic"), (GEMINI, "gemini")])
def test_a_model_that_is_not_there_is_told_in_the_callers_shape(gate, headers, protocol):
    answer = gate.client.get("/v1/models/nobody/has:this", headers=headers)
    assert answer.status_code == 404
    assert gate.read(protocol, answer).told.code in ("model_not_found", None)


def test_a_users_own_profile_is_listed_once_and_first(tmp_path, provider):
    own = '[profiles.mine]\nmodels = ["acme/m"]\nstrategy = "order"\n[profiles.rapido]\nmodels = ["acme/m"]\n'
    (tmp_path / "wallas.toml").write_text(table(provider.url) + own)
    app = create_app(load_settings({"OLLAMA_UPSTREAM": "http://127.0.0.1:1", **NOBODY}, directory=tmp_path))
    try:
        names = ids(app.test_client())
        assert names[:2] == ["mine", "rapido"]
        assert names.count("rapido") == 1
        summary = app.test_client().get("/v1/capabilities/summary").json["virtual_models"]
        assert [row["id"] for row in summary].count("rapido") == 1
    finally:
        app.extensions["wallas"].close()


@pytest.mark.parametrize(
    ("date", "second"),
    [("2026-11-21", 1795219200), ("2026-11", 1793491200), ("2026", 1767225600), ("", 1767225600), ("soon", 1767225600)],
)
def test_incomplete_dates_are_the_first_of_what_they_name(date, second):
    assert epoch(date) == second
