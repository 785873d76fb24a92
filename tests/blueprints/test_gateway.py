"""What the gateway tells of itself."""

import time

import pytest

from tests.badinput.doors import DOORS, MODEL
from tests.badinput.gate import table
from tests.fakes import say, status
from wallas.app import create_app
from wallas.blueprints.gateway import circuits
from wallas.providers.registry import ROWS
from wallas.settings import SettingsError, load_settings
from wallas.version import VERSION

CHAT = DOORS["chat"]
FIELDS = {
    "key",
    "success_count",
    "fail_count",
    "avg_latency_ms",
    "ttft_ms",
    "tokens_per_second",
    "failed_at",
    "cooldown_seconds_remaining",
    "state",
    "last_error",
}


def test_every_provider_is_told_configured_or_not(client):
    answer = client.get("/v1/providers").json
    rows = {row["id"]: row for row in answer["data"]}
    assert answer["object"] == "list"
    assert answer["total"] == len(rows) >= len(ROWS)
    assert {row.name for row in ROWS} <= rows.keys()
    acme = rows["acme"]
    assert (acme["configured"], acme["reason"], acme["keys"], acme["models"]) == (True, None, 1, 2)
    groq = rows["groq"]
    assert (groq["configured"], groq["keys"]) == (False, 0)
    assert "GROQ_API_KEY" in groq["reason"]
    for row in rows.values():
        assert {"status", "base_url", "pricing", "limits", "capabilities", "source", "date", "wire"} <= row.keys()


@pytest.mark.parametrize("secret", ["user:pass-canary@", "pass-canary@"])
def test_an_address_with_a_password_is_refused_without_showing_it(tmp_path, secret):
    (tmp_path / "wallas.toml").write_text(table(f"http://{secret}127.0.0.1:1"))
    with pytest.raises(SettingsError) as caught:
        load_settings({}, directory=tmp_path)
    assert "base_url" in str(caught.value)
    assert "pass-canary" not in str(caught.value)


def test_the_summary_counts_what_can_be_called(client):
    answer = client.get("/v1/capabilities/summary").json
    assert answer["by_provider"]["acme"] == 2
    assert answer["total"] == sum(answer["by_provider"].values()) == sum(answer["by_pricing"].values())
    assert answer["by_capability"]["chat"] >= 1
    assert {"id": "rapido", "aliases": ["fast"]} in answer["virtual_models"]


def test_health_says_that_the_gateway_is_up_and_ready(client):
    health = client.get("/health").json
    assert (health["status"], health["version"]) == ("ok", VERSION)
    assert client.get("/health/ready").json == {"ready": True, "providers": health["providers"]}


def test_a_gateway_without_any_provider_is_up_but_not_ready(tmp_path):
    app = create_app(load_settings({"OLLAMA_UPSTREAM": "http://127.0.0.1:1"}, directory=tmp_path))
    service = app.extensions["wallas"]
    try:
        service.router.providers.clear()
        assert app.test_client().get("/health").status_code == 200
        answer = app.test_client().get("/health/ready")
        assert (answer.status_code, answer.json) == (503, {"ready": False, "providers": 0})
    finally:
        service.close()


def test_trouble_with_the_database_is_told(client, apps):
    writer = apps().extensions["wallas"].writer
    before, writer.trouble = writer.trouble, "disk full"
    try:
        health = client.get("/health").json
        assert (health["status"], health["trouble"]) == ("degraded", "database: disk full")
    finally:
        writer.trouble = before


def acme(client):
    """Return the statistics of the scripted provider's model."""
    rows = client.get("/v1/stats").json["circuits"]
    return next((row for row in rows if row["key"] == MODEL), dict.fromkeys(FIELDS, 0))


def test_statistics_count_successes_and_failures(client, provider):
    before = acme(client)
    assert b"[DONE]" in client.post(CHAT.url(), json=CHAT.good(stream=True)).data
    for _ in range(4):
        provider.will(status(500))
    provider.otherwise = lambda request: (status(500),)
    assert client.post(CHAT.url(), json=CHAT.good()).status_code >= 500
    provider.forget()
    provider.otherwise = lambda request: (say("ok"),)
    after = acme(client)
    assert after.keys() == FIELDS
    assert after["success_count"] == before["success_count"] + 1
    assert after["fail_count"] > before["fail_count"]
    assert after["avg_latency_ms"] > 0 and after["ttft_ms"] > 0
    assert abs(after["failed_at"] - time.time()) < 5
    assert "500" in after["last_error"] or "server" in after["last_error"].lower()


class Circuit:
    """A stored circuit."""

    def __init__(self, **fields):
        """Have these fields, the others as of one that never failed."""
        usual = {"key": "a/m", "success_count": 0, "fail_count": 0, "rest_until": 0.0, "last_error": None}
        usual |= dict.fromkeys(("avg_latency_ms", "ttft_ms", "tokens_per_second", "failed_at"))
        self.__dict__.update(usual | fields)


def test_keys_of_one_model_are_one_circuit_with_the_latest_failure_and_the_longest_rest():
    rows = [
        Circuit(success_count=1, fail_count=2, failed_at=10.0, last_error="old", rest_until=130.0, ttft_ms=1.23456),
        Circuit(success_count=3, fail_count=4, failed_at=20.0, last_error="new", rest_until=110.0),
        Circuit(key="b/m", rest_until=50.0),
    ]
    one, other = circuits(rows, now=100.0)
    assert (one["success_count"], one["fail_count"]) == (4, 6)
    assert (one["failed_at"], one["last_error"]) == (20.0, "new")
    assert (one["cooldown_seconds_remaining"], one["state"], one["ttft_ms"]) == (30.0, "open", 1.235)
    assert (other["state"], other["cooldown_seconds_remaining"]) == ("closed", 0.0)


@pytest.mark.parametrize("method", ["post", "delete", "put"])
@pytest.mark.parametrize("path", ["/v1/providers", "/v1/stats", "/health", "/v1/capabilities/summary"])
def test_what_only_tells_takes_no_other_method(client, path, method):
    assert getattr(client, method)(path).status_code == 405
