"""What a client may not reach (S13, C37), and what nobody may ever see (S23)."""

import json
import logging

import pytest

from tests.badinput.doors import DOORS
from tests.badinput.gate import CANARY, NOBODY, table
from tests.badinput.rich import RICH
from tests.fakes import error_event, hang_up, headers, say, status
from wallas.app import create_app
from wallas.settings import load_settings

CHAT = DOORS["chat"]
WISHES = {
    "api_base": "http://evil.example/v1",
    "base_url": "http://evil.example/v1",
    "api_key": "sk-evil",
    "api_version": "evil",
    "extra_headers": {"X-Evil": "evil"},
    "extra_body": {"evil": 1},
    "extra_query": {"evil": 1},
    "headers": {"X-Evil": "evil"},
    "organization": "evil-org",
    "project": "evil-project",
    "proxy": "http://evil.example",
    "proxies": {"http": "http://evil.example"},
    "custom_llm_provider": "evil",
    "litellm_params": {"api_base": "http://evil.example"},
    "mock_response": "evil",
    "aws_secret_access_key": "evil",
}
CHATS = [name for name in RICH if name not in ("count_tokens",)]


@pytest.mark.parametrize("name", CHATS)
def test_s13_nothing_in_a_body_moves_a_request_elsewhere(gate, name):
    door = DOORS[name]
    answer = gate.ask(door, door.good(**WISHES))
    assert answer.status_code == 200
    (sent,) = gate.provider.requests
    assert b"evil" not in sent.body.lower()
    assert "evil" not in json.dumps(dict(sent.headers)).lower()
    assert sent.headers["authorization"] == f"Bearer {CANARY}"
    if "X-Wallas-Dropped" in answer.headers:
        assert {"api_base", "apiBase"} & set(answer.headers["X-Wallas-Dropped"].split(", "))


def test_c28_fields_inside_messages_parts_and_tools_are_not_forwarded_either(gate):
    part = {"type": "text", "text": "hi", "evil_part": 1}
    call = {
        "id": "c",
        "type": "function",
        "function": {"name": "f", "arguments": "{}", "evil_inner": 1},
        "evil_call": 1,
    }
    messages = [
        {"role": "user", "content": [part], "evil_message": 1},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "7", "evil_result": 1},
    ]
    function = {"name": "f", "parameters": {"type": "object"}, "evil_function": 1}
    answer = gate.ask(
        CHAT, CHAT.good(messages=messages, tools=[{"type": "function", "function": function, "evil_tool": 1}])
    )
    assert answer.status_code == 200
    assert b"evil" not in gate.provider.requests[-1].body
    assert "evil_message" in answer.headers["X-Wallas-Dropped"]


@pytest.mark.parametrize("name", ["chat", "messages", "generate", "ollama_chat"])
def test_c37_a_clients_headers_are_not_copied_upstream(gate, name):
    door = DOORS[name]
    said = {
        "Authorization": "Bearer client-canary",
        "Cookie": "a=client-canary",
        "User-Agent": "client-canary",
        "Referer": "http://localhost/client-canary",
        "X-Custom": "client-canary",
        "X-Request-Id": "client-canary",
        "Accept-Language": "client-canary",
        "OpenAI-Organization": "client-canary",
        "anthropic-beta": "client-canary",
        "Accept-Encoding": "client-canary",
        "Transfer-Encoding-X": "client-canary",
    }
    answer = gate.ask(door, door.good(), headers=said)
    assert answer.status_code == 200
    (sent,) = gate.provider.requests
    assert "client-canary" not in json.dumps(dict(sent.headers))
    assert b"client-canary" not in sent.body


def test_s42_a_providers_headers_do_not_reach_the_client(gate):
    gate.provider.will(headers(Set_Cookie="a=evil", X_Evil="evil", Access_Control_Allow_Origin="*"), say("ok"))
    answer = gate.ask(CHAT, CHAT.good())
    assert answer.status_code == 200
    assert "evil" not in str(answer.headers)
    assert "Access-Control-Allow-Origin" not in answer.headers


ECHOES = {
    "401": lambda key: status(401, {"error": {"message": f"Incorrect API key provided: {key}. Find it"}}),
    "401-text": lambda key: status(401, f"key {key} is not known".encode()),
    "400": lambda key: status(400, {"error": {"message": f"bad request for {key}", "type": "invalid_request_error"}}),
    "403": lambda key: status(403, {"detail": f"the key={key} may not"}),
    "500": lambda key: status(500, f"<html><title>{key}</title></html>".encode()),
    "429": lambda key: status(429, {"error": {"message": f"{key} is over its limit", "code": "rate_limit_exceeded"}}),
    "inside-200": lambda key: error_event(message=f"the key {key} was revoked"),
    "code": lambda key: status(400, {"error": {"message": "no", "code": key, "param": key, "type": key}}),
}
"""How a provider can repeat the key that it was sent."""
PATHS = [
    "/v1/providers",
    "/v1/stats",
    "/v1/models",
    "/v1/capabilities/summary",
    "/health",
    "/health/ready",
    "/v1/usage",
]


@pytest.mark.parametrize("key", [CANARY, "plain.key/of=another+form"], ids=["canary", "plain"])
@pytest.mark.parametrize("echo", ECHOES)
def test_s23_a_provider_that_repeats_its_key_tells_it_to_nobody(tmp_path, provider, caplog, key, echo):
    (tmp_path / "wallas.toml").write_text(table(provider.url, key=key))
    caplog.set_level(logging.DEBUG)
    app = create_app(load_settings({"OLLAMA_UPSTREAM": "http://127.0.0.1:1", **NOBODY}, directory=tmp_path))
    client = app.test_client()
    seen = []
    try:
        for name in ("chat", "messages", "generate", "stream", "ollama_chat", "embeddings", "responses"):
            for _ in range(4):
                provider.will(ECHOES[echo](key))
            door = DOORS[name]
            answer = client.post(door.url(), json=door.good())
            seen.append(answer.get_data(as_text=True) + str(answer.headers))
            assert provider.requests
            provider.forget()
        for path in [*PATHS, *PATHS]:
            answer = client.get(path)
            seen.append(answer.get_data(as_text=True) + str(answer.headers))
    finally:
        app.extensions["wallas"].close()
    assert key not in "".join(seen)
    assert key not in caplog.text
    assert key not in repr(app.extensions["wallas"].settings)
    for file in tmp_path.rglob("*sqlite*"):
        assert key.encode() not in file.read_bytes()


def test_s23_a_key_inside_a_running_stream_is_told_to_nobody(gate, caplog):
    caplog.set_level(logging.DEBUG)
    for steps in (
        [say("Some words", finish=None), error_event(message=f"key {CANARY} was revoked")],
        [say("Some words that stay", finish=None), hang_up],
    ):
        gate.provider.will(*steps)
        answer = gate.client.post(CHAT.url(), json=CHAT.good(stream=True))
        assert CANARY not in answer.get_data(as_text=True) + str(answer.headers)
    assert CANARY not in gate.client.get("/v1/stats").get_data(as_text=True)
    assert CANARY not in caplog.text
