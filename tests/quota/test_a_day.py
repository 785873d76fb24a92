"""A stranger's day: three pretended providers in ``wallas.toml``, an injected clock, and every word of it true."""

import math
import random
from collections import Counter
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from tests.fakes import FakeProvider, say, status
from wallas.app import create_app
from wallas.settings import load_settings

DAY = 86400.0
MORNING = datetime(2026, 11, 21, 5, 0, tzinfo=ZoneInfo("America/Los_Angeles")).timestamp()
ANSWER = "Yes."
USED = 60
"""Tokens that every answer claims to have cost."""


class Time:
    """The clock that everything here goes by, in epoch seconds."""

    now = MORNING

    def __call__(self):
        return self.now


class Truth:
    """What one provider really allows: by the minute or the hour rolling, by the day from midnight where it lives."""

    def __init__(self, clock, zone, **limits):
        self.clock, self.zone, self.limits = clock, ZoneInfo(zone), limits
        self.uses = []
        self.refused = 0

    def used(self, kind):
        now = self.clock()
        if kind == "rpd":
            today = datetime.fromtimestamp(now, self.zone).date()
            return sum(datetime.fromtimestamp(at, self.zone).date() == today for at in self.uses)
        seconds = {"m": 60.0, "h": 3600.0}[kind[-1]]
        return sum(at > now - seconds for at in self.uses) * (USED if kind[0] == "t" else 1)

    def answer(self, request):
        full = [kind for kind, most in self.limits.items() if self.used(kind) + (USED if kind[0] == "t" else 1) > most]
        if full:
            self.refused += 1
            return (status(429, {"error": {"message": f"limit of {full[0]}", "type": "x"}}),)
        self.uses.append(self.clock())
        return (claimed, say(ANSWER))


def claimed(exchange):
    exchange.writer.usage = (USED - 10, 10, 0, 0)


def table(name, url, truth, wire, more=""):
    limits = ", ".join(f"{kind} = {most}" for kind, most in truth.limits.items())
    return (
        f'[providers.{name}]\nwire = "{wire}"\nbase_url = "{url}"\napi_key = "sk-{name}"\nfree = true\n'
        f'discover = false\nlimits = {{ {limits}, scope = "account", reset = "{truth.zone.key}" }}\n'
        f'[[providers.{name}.models]]\nid = "m"\ncontext = 32000\ncapabilities = ["chat"]\n{more}\n'
    )


@pytest.fixture
def day(tmp_path):
    """Yield the clock, the truths by provider, and a client of a gateway that knows all three."""
    clock = Time()
    truths = {
        "morning": Truth(clock, "UTC", rpm=4, rpd=60),
        "pacific": Truth(clock, "America/Los_Angeles", rpm=3, rpd=25),
        "tokens": Truth(clock, "UTC", tpm=5 * USED, rph=30),
    }
    wires = {"morning": ("openai", "/v1"), "pacific": ("gemini", "/v1beta"), "tokens": ("anthropic", "/v1")}
    fakes = {name: FakeProvider(models=["m"], otherwise=truth.answer) for name, truth in truths.items()}
    config = "".join(table(n, fakes[n].start().url + wires[n][1], t, wires[n][0]) for n, t in truths.items())
    (tmp_path / "wallas.toml").write_text(config)
    settings = load_settings(
        {
            "WALLAS_DATABASE_URL": f"sqlite:///{tmp_path / 'w.sqlite'}",
            "OLLAMA_UPSTREAM": "http://127.0.0.1:1",
            "WALLAS_KEYLESS": "off",
        },
        directory=tmp_path,
    )
    app = create_app(settings)
    service = app.extensions["wallas"]
    service.jobs.close()  # a new catalog would come with a selector that goes by the real clock
    ledger = service.quota.ledger
    ledger.now.monotonic = ledger.now.wall = clock
    ledger.now.offset = 0.0
    for one in (service.health, service.router.selector):
        one.clock = clock
    service.health.wall = clock
    ledger.tick()
    yield clock, truths, app.test_client(), service
    service.close()
    for fake in fakes.values():
        fake.close()


BODY = {"model": "auto", "messages": [{"role": "user", "content": "Is it so?"}], "max_tokens": 10}


def told(client):
    rows = client.get("/v1/quota").get_json()["data"]
    return {(row["provider"], row["window"]): row for row in rows if row["limit"] is not None}


def test_a_strangers_day_has_no_429_that_was_to_be_known_and_no_word_that_is_not_true(day):
    clock, truths, client, service = day
    rng = random.Random(8001)
    served, waited = Counter(), 0
    end = MORNING + DAY
    while clock.now < end:
        service.quota.ledger.tick()
        clock.now += rng.random() * (2.0 if rng.random() < 0.9 else 7200.0)
        service.quota.ledger.tick()
        rows = told(client)
        for (name, kind), row in rows.items():
            left = row["limit"] - truths[name].used(kind)
            assert row["limit"] == truths[name].limits[kind]
            assert row["remaining"] <= left, (name, kind)
            if kind == "rpd":
                assert row["remaining"] == left, (name, kind)
        explained = client.post("/v1/route/explain", json=BODY).get_json()
        answer = client.post("/v1/chat/completions", json=BODY, headers={"X-Wallas-Wait": "0"})
        if explained["decision"] is None:
            assert answer.status_code == 429
            soonest = min(row["retry_after_seconds"] for row in explained["excluded"])
            assert float(answer.headers["Retry-After"]) == math.ceil(max(soonest, 1.0))
            waited += 1
            service.quota.ledger.tick()
            clock.now += float(answer.headers["Retry-After"])
            service.quota.ledger.tick()
            answer = client.post("/v1/chat/completions", json=BODY, headers={"X-Wallas-Wait": "0"})
        else:
            made = f"{answer.headers['X-Wallas-Provider']}/{answer.headers['X-Wallas-Model']}"
            assert made == explained["decision"]
        assert answer.status_code == 200, answer.get_data()
        assert answer.get_json()["choices"][0]["message"]["content"] == ANSWER
        assert answer.headers["X-Wallas-Attempts"] == "1"
        served[answer.headers["X-Wallas-Provider"]] += 1
    assert [truth.refused for truth in truths.values()] == [0, 0, 0]
    assert sum(served.values()) > 80 and set(served) == set(truths)
    assert waited > 0
