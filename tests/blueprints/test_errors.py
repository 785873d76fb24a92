"""Unknown routes and wrong methods, in the shape of whoever asks."""

import pytest
from flask import Flask

from tests.badinput.doors import DOORS
from wallas.blueprints.respond import on_fault, on_gateway_error
from wallas.errors import AllAttemptsFailed, GatewayError

NOWHERE = {
    "/": "openai",
    "/v1": "openai",
    "/v1/nowhere": "openai",
    "/v1/chat": "openai",
    "/v1/chat/completions/x": "openai",
    "/v1/responses/a/b": "openai",
    "/v1/messages/nowhere": "anthropic",
    "/v1/messages/batches/x/results": "anthropic",
    "/v1beta/nowhere": "gemini",
    "/v1beta/models/acme/m:nothing": "gemini",
    "/v1beta/models/acme/m": "gemini",
    "/v1/models/acme/m:nothing": "gemini",
    "/api/nowhere": "ollama",
    "/api/": "ollama",
    "/api": "openai",
}


@pytest.mark.parametrize(("path", "protocol"), NOWHERE.items(), ids=NOWHERE)
def test_a_route_that_is_not_there_is_told_in_its_protocols_shape(gate, path, protocol):
    answer = gate.client.post(path, json={})
    assert answer.status_code in (404, 405)
    refusal = gate.read(protocol, answer)
    assert refusal.told.code in ("not_found", "method_not_allowed", None)
    assert gate.errors.said == []


@pytest.mark.parametrize(
    ("headers", "protocol"),
    [
        ({"anthropic-version": "2023-06-01"}, "anthropic"),
        ({"x-goog-api-key": "k"}, "gemini"),
        ({"anthropic-version": "2023-06-01", "x-goog-api-key": "k"}, "anthropic"),
        ({"x-api-key": "k"}, "openai"),
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["/v1/nowhere", "/v1/models/nobody", "/v1/models/nobody:7b", "/nowhere"])
def test_where_protocols_share_a_path_their_headers_tell_the_shape(gate, path, headers, protocol):
    gate.read(protocol, gate.client.get(path, headers=headers))


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses", "/v1/embeddings", "/v1/completions"])
def test_openais_own_paths_answer_in_its_shape_whatever_headers_come(gate, path):
    headers = {"anthropic-version": "2023-06-01", "x-goog-api-key": "k"}
    gate.read("openai", gate.client.post(path, json={}, headers=headers))


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "BREW"])
def test_c39_a_wrong_method_is_a_405_that_tells_the_right_ones(gate, door, method):
    answer = gate.client.open(door.url(), method=method, json=door.good())
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]
    gate.read(door.protocol, answer)
    assert gate.provider.requests == []


GETS = ["/v1/models", "/v1/providers", "/v1/stats", "/v1/capabilities/summary", "/health", "/health/ready", "/api/tags"]


@pytest.mark.parametrize("path", [*GETS, "/api/version", "/api/ps", "/", "/v1/models/auto", "/v1/usage"])
def test_c39_head_is_get_without_a_body(gate, path):
    answer, whole = gate.client.head(path), gate.client.get(path)
    assert (answer.status_code, answer.data) == (200, b"")
    assert answer.content_type == whole.content_type


@pytest.mark.parametrize("path", [*GETS, "/v1/chat/completions", "/v1/messages", "/api/chat"])
def test_c39_options_tells_the_methods_and_nothing_else(gate, path):
    answer = gate.client.options(path)
    assert (answer.status_code, answer.data) == (204, b"")
    assert "OPTIONS" in answer.headers["Allow"]


@pytest.mark.parametrize("path", [*GETS, "/api/version", "/v1/models/auto"])
def test_c40_a_slash_at_the_end_changes_nothing(gate, path):
    assert gate.client.get(path + "/").status_code == 200


@pytest.mark.parametrize("name", ["chat", "messages", "responses", "ollama_chat"])
def test_c40_a_slash_at_the_end_of_a_door_changes_nothing(gate, name):
    assert gate.client.post(DOORS[name].url() + "/", json=DOORS[name].good()).status_code == 200


@pytest.mark.parametrize("path", ["/v1//models", "/v1/models//", "/V1/models", "/v1/models;x=1", "/v1/%00", "/v1/\n"])
def test_c40_odd_paths_lead_nowhere(gate, path):
    answer = gate.client.get(path)
    assert answer.status_code == 404
    assert gate.read("openai", answer).told.message.isprintable()


def test_a_request_id_of_the_clients_own_is_kept_if_it_is_one(gate):
    answer = gate.client.get("/v1/nowhere", headers={"X-Request-Id": "mine-1"})
    assert answer.headers["X-Request-Id"] == "mine-1"
    answer = gate.client.post("/v1/messages", json={}, headers={"X-Request-Id": "mine-2"})
    assert (answer.json["request_id"], answer.headers["request-id"]) == ("mine-2", "mine-2")
    for odd in ("", "x" * 101, "a\x7fb", "ñ"):
        answer = gate.client.get("/v1/nowhere", headers={"X-Request-Id": odd})
        assert answer.headers["X-Request-Id"] not in ("", odd)


def test_an_answers_id_is_the_clients_too(gate):
    door = DOORS["messages"]
    answer = gate.client.post(door.url(), json=door.good(), headers={"X-Request-Id": "mine-3"})
    assert (answer.headers["X-Request-Id"], answer.headers["request-id"]) == ("mine-3", "mine-3")


def raising(error: Exception) -> Flask:
    """Return an app whose routes raise this error."""
    app = Flask("broken")
    app.register_error_handler(GatewayError, on_gateway_error)
    app.register_error_handler(Exception, on_fault)

    @app.get("/<path:path>")
    def broken(path: str) -> str:
        raise error

    return app


def test_a_fault_of_our_own_shows_nothing_of_its_inside():
    answer = raising(RuntimeError("sk-canary-inside")).test_client().get("/v1/messages")
    assert answer.status_code == 500
    assert answer.json["error"] == {"type": "api_error", "message": "the gateway failed; see its log"}
    assert b"canary" not in answer.data


@pytest.mark.parametrize(("seconds", "told"), [(0.2, "1"), (7.1, "8"), (3600.0, "3600")])
def test_how_long_to_wait_is_told_in_whole_seconds(seconds, told):
    error = AllAttemptsFailed("all rest", status=429, retry_after=seconds)
    answer = raising(error).test_client().get("/v1/chat/completions")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, told)
    assert "x-should-retry" not in answer.headers


@pytest.mark.parametrize(("path", "status"), [("/v1/messages", 529), ("/v1/chat/completions", 503), ("/api/chat", 503)])
def test_anthropics_clients_are_told_of_an_overload_where_others_are_told_503(path, status):
    answer = raising(AllAttemptsFailed("all down")).test_client().get(path)
    assert answer.status_code == status
    if status == 529:
        assert answer.json["error"]["type"] == "overloaded_error"
