"""The Ollama protocol beside its chats: what editors ask, what is refused, what goes to the daemon unread."""

import json
import time
from collections.abc import Iterator

import ollama
import pytest
from flask.testing import FlaskClient

from tests.badinput.doors import DOORS, MODEL, PICTURE, VECTORS
from tests.badinput.gate import Gate, errors_kept, gateway
from tests.fakes import FakeProvider, close, say, status


@pytest.fixture(scope="module")
def daemon() -> Iterator[FakeProvider]:
    """Yield a daemon with one model."""
    with FakeProvider(models=["local:latest"]) as daemon:
        yield daemon


@pytest.fixture(scope="module")
def served(daemon, provider_all, tmp_path_factory) -> Iterator[FlaskClient]:
    """Yield a client of a gateway beside that daemon."""
    with gateway(tmp_path_factory.mktemp("local"), provider_all.url, OLLAMA_UPSTREAM=daemon.url) as app:
        yield app.test_client()


@pytest.fixture
def beside(served, daemon, provider) -> FlaskClient:
    """Return that client, with nothing left of earlier tests."""
    daemon.forget()
    return served


def test_an_ollama_client_finds_its_greeting(client):
    assert client.get("/").data == b"Ollama is running"
    assert client.head("/").status_code == 200
    assert client.get("/", headers={"Accept": "text/html"}).data == b"Ollama is running"


def test_a_browser_is_sent_to_the_dashboard_where_there_is_one(client, apps):
    pages = apps().extensions["wallas"].pages
    pages.add("dashboard")
    try:
        answer = client.get("/", headers={"Accept": "text/html"})
        assert (answer.status_code, answer.headers["Location"]) == (302, "/dashboard")
        assert client.get("/").status_code == 200
    finally:
        pages.discard("dashboard")


def test_the_version_is_one_that_clients_accept(client, apps):
    numbers = [int(part) for part in client.get("/api/version").json["version"].split(".")]
    assert numbers >= [0, 6, 4]
    assert apps(WALLAS_OLLAMA_VERSION="0.99.1").test_client().get("/api/version").json == {"version": "0.99.1"}


def test_tags_are_the_daemons_own_then_virtual_models_then_the_rest(beside):
    answer = beside.get("/api/tags").json
    ollama.ListResponse.model_validate(answer)
    names = [row["name"] for row in answer["models"]]
    assert names[0] == "local:latest"
    assert "auto" in names and MODEL in names
    assert VECTORS not in names
    assert len(names) == len(set(names))


def test_what_is_loaded_is_what_the_daemon_has(beside, client):
    ollama.ProcessResponse.model_validate(beside.get("/api/ps").json)
    assert [row["name"] for row in beside.get("/api/ps").json["models"]] == ["local:latest"]
    assert client.get("/api/ps").json == {"models": []}


def test_a_daemon_that_is_missing_costs_less_than_300_ms(apps):
    client = apps(WALLAS_OLLAMA_VERSION="0.12.1").test_client()
    started = time.perf_counter()
    answer = client.get("/api/tags")
    assert answer.status_code == 200
    assert time.perf_counter() - started < 0.3 + 0.2


def test_a_model_is_shown_with_its_abilities_and_window(client):
    answer = client.post("/api/show", json={"model": MODEL}).json
    ollama.ShowResponse.model_validate(answer)
    assert answer["capabilities"] == ["completion", "tools", "vision", "thinking"]
    assert answer["model_info"]["wallas.context_length"] == 400_000
    assert client.post("/api/show", json={"name": "auto"}).json["capabilities"][0] == "completion"


@pytest.mark.parametrize("body", [{}, {"model": ""}, {"model": 7}, {"model": None}, {"name": []}], ids=str)
def test_showing_no_model_is_a_400(gate, body):
    answer = gate.client.post("/api/show", json=body)
    assert answer.status_code == 400
    assert gate.read("ollama", answer).param == "model"


def test_showing_an_unknown_model_is_a_404(gate):
    answer = gate.client.post("/api/show", json={"model": "nobody:7b"})
    assert answer.status_code == 404
    gate.read("ollama", answer)


MANAGE = [
    ("post", "/api/pull"),
    ("post", "/api/push"),
    ("post", "/api/create"),
    ("post", "/api/copy"),
    ("delete", "/api/delete"),
    ("post", "/api/delete"),
    ("post", "/api/blobs/sha256:0"),
    ("head", "/api/blobs/sha256:0"),
]


@pytest.mark.parametrize(("method", "path"), MANAGE, ids=lambda value: value)
def test_s12_nobody_changes_the_daemon(beside, sdks, daemon, provider, method, path):
    with errors_kept() as errors:
        answer = getattr(beside, method)(path, **({} if method == "head" else {"json": {"model": "local"}}))
        assert answer.status_code == 403
        if method != "head":
            Gate(beside.application, provider, sdks, errors).read("ollama", answer)
    assert [request for request in daemon.requests if request.path == path] == []


@pytest.mark.parametrize("name", ["local", "local:latest"])
def test_a_call_to_a_local_model_goes_to_the_daemon_byte_for_byte(beside, daemon, name):
    data = (
        b'{ "model": "%b", "messages": [{"role":"user","content":"h\\u00ed"}], "odd": 1e0, "stream":false}'
        % name.encode()
    )
    daemon.will(say("from here"))
    answer = beside.post("/api/chat", data=data)
    assert answer.status_code == 200
    assert answer.json["message"]["content"] == "from here"
    assert answer.headers["X-Wallas-Provider"] == "ollama"
    assert [request.body for request in daemon.requests if request.path == "/api/chat"] == [data]


@pytest.mark.parametrize("path", ["/api/generate", "/api/embed", "/api/embeddings", "/api/show"])
def test_every_call_to_a_local_model_is_relayed(beside, daemon, path):
    daemon.otherwise = lambda request: (say("x"),)
    body = {"model": "local", "prompt": "p", "input": "i", "stream": False}
    assert beside.post(path, json=body).status_code == 200
    (sent,) = [request for request in daemon.requests if request.path == path]
    assert json.loads(sent.body) == body


def test_a_stream_of_the_daemons_comes_as_it_is(beside, daemon):
    daemon.will(say("one ", finish=None), say("two"))
    answer = beside.post("/api/chat", json={"model": "local", "messages": [{"role": "user", "content": "x"}]})
    lines = [json.loads(line) for line in answer.data.splitlines()]
    assert "".join(line["message"]["content"] for line in lines) == "one two"
    assert lines[-1]["done"] is True


def test_what_the_daemon_refuses_is_told_as_it_said_it(beside, daemon):
    daemon.will(status(404, {"error": "model 'local' not found, try pulling it first"}))
    answer = beside.post("/api/chat", json={"model": "local", "messages": []})
    assert (answer.status_code, answer.json) == (404, {"error": "model 'local' not found, try pulling it first"})


def test_a_daemon_that_hangs_up_is_told_in_ollamas_shape(beside, daemon):
    daemon.will(close)
    answer = beside.post("/api/chat", json={"model": "local", "messages": []})
    assert answer.status_code == 503
    assert "ollama does not answer" in answer.json["error"]


@pytest.mark.parametrize(
    ("path", "more"),
    [("/api/chat", {}), ("/api/chat", {"messages": []}), ("/api/generate", {}), ("/api/generate", {"prompt": ""})],
)
def test_a_request_without_words_only_loads_the_model(gate, path, more):
    answer = gate.client.post(path, json={"model": MODEL, **more})
    kind = ollama.ChatResponse if path == "/api/chat" else ollama.GenerateResponse
    told = kind.model_validate(answer.json)
    assert (told.done, told.done_reason) == (True, "load")
    assert told.created_at
    assert gate.provider.requests == []
    assert gate.client.post(path, json={"model": "nobody:7b", **more}).status_code == 404


def test_a_picture_without_words_is_a_question(gate):
    answer = gate.client.post("/api/generate", json={"model": MODEL, "images": [PICTURE], "stream": False})
    assert answer.json["response"] == "ok"


def test_a_prompt_at_the_chat_route_is_read_as_one_at_generate(gate):
    assert gate.client.post("/api/chat", json={"model": MODEL, "prompt": "hi", "stream": False}).status_code == 200


@pytest.mark.parametrize("name", ["ollama_chat", "ollama_generate"])
def test_answers_are_streams_unless_the_caller_says_otherwise(gate, name):
    door = DOORS[name]
    answer = gate.client.post(door.url(), json=door.good(stream=None))
    assert answer.content_type == "application/x-ndjson"
    assert json.loads(answer.data.splitlines()[-1])["done"] is True
