"""Probes: one token a day and key, where it costs nothing and is not missed; what they show counts."""

import contextlib
import json
import time

import pytest

from tests.fakes import FakeProvider, say, status
from tests.state.kit import provider
from tests.storage.kit import attempt, save_attempts
from wallas.app import create_app
from wallas.refresh_probes import DAY, SUSPECT_SECONDS, Probes
from wallas.settings import load_settings
from wallas.storage.plain import Writing


class Wall:
    """The time of day, moved by hand."""

    def __init__(self):
        self.ahead = 0.0

    def __call__(self):
        return time.time() + self.ahead


@contextlib.contextmanager
def probing(folder, config, **variables):
    """Yield a worker's service and its probes, with a clock that can be moved."""
    (folder / "wallas.toml").write_text(config)
    usual = {"WALLAS_KEYLESS": "off", "WALLAS_CATALOG": "off", "OLLAMA_UPSTREAM": "http://127.0.0.1:1"}
    service = create_app(load_settings(usual | variables, directory=folder)).extensions["wallas"]
    wall = Wall()
    findings = service.upkeep.findings
    findings.wall = wall
    probes = Probes(
        service.engine,
        service.providers,
        service.router.desk,
        catalog=lambda: service.upkeep.base,
        findings=findings,
        wall=wall,
    )
    try:
        yield service, probes, wall
    finally:
        service.close()


def models(fake):
    """Return the models that were asked, and by how many tokens each."""
    asked = [json.loads(request.body) for request in fake.requests if request.path.endswith("/chat/completions")]
    return [(body["model"], body.get("max_tokens", body.get("max_completion_tokens"))) for body in asked]


@pytest.fixture
def fake():
    with FakeProvider(otherwise=lambda request: (say("Hi"),)) as made:
        yield made


def test_each_key_is_asked_one_token_of_the_least_model_once_a_day_and_the_ledger_knows(tmp_path, fake):
    config = provider("acme", fake.url, models=("big-70b", "tiny-1b"), api_keys=["sk-one", "sk-two"], api_key="sk-one")
    with probing(tmp_path, config) as (service, probes, wall):
        assert probes.run() == 2
        assert models(fake) == [("tiny-1b", 1), ("tiny-1b", 1)]
        assert len({request.headers["authorization"] for request in fake.requests}) == 2
        assert sum(one.calls for one in service.quota.ledger.settled.values()) == 2 and service.quota.ledger.open == 0
        assert probes.run() == 0
        wall.ahead += DAY + 1
        assert probes.run() == 2
        (told, _) = next(row for row in service.provider_rows() if row["id"] == "acme")["evidence"]
        assert (told["what"], told["said"], told["status"]) == ("probe", "answered", 200)
    with probing(tmp_path, config) as (_, again, later):
        later.ahead = wall.ahead
        assert again.run() == 0


def test_who_was_answered_today_is_not_asked(tmp_path, fake):
    with probing(tmp_path, provider("acme", fake.url)) as (service, probes, _):
        (key,) = service.providers["acme"].keys
        used = attempt(provider="acme", key_id=key.id, started_at=time.time())
        with Writing(service.engine) as to:
            save_attempts(to, [used])
        assert probes.run() == 0 and models(fake) == []


@pytest.mark.parametrize(
    "more",
    [
        {"free": False},
        {"limits": {"rpd": 20}},
        {"limits": {"rpmonth": 900}},
    ],
)
def test_nobody_is_asked_where_it_costs_or_would_be_missed(tmp_path, fake, more):
    limits = more.pop("limits", None)
    config = provider("acme", fake.url, models=(), **more)
    model = '[[providers.acme.models]]\nid = "m"\n'
    if limits:
        model += "limits = { " + ", ".join(f"{name} = {value}" for name, value in limits.items()) + " }\n"
    with probing(tmp_path, config + model) as (_, probes, _wall):
        assert probes.run() == 0 and models(fake) == []


def test_a_window_that_is_half_used_is_left_to_the_user(tmp_path, fake):
    model = '[[providers.acme.models]]\nid = "m"\nlimits = { rpm = 10, rpd = 200 }\n'
    with probing(tmp_path, provider("acme", fake.url, models=()) + model) as (service, probes, _):
        ledger, (key,) = service.quota.ledger, service.providers["acme"].keys
        for _ in range(6):
            ledger.reserve(ledger.seat(service.router.catalog.find("acme", "m"), key))
        assert probes.run() == 0 and models(fake) == []


def test_a_model_that_was_retired_comes_back_by_a_probe_and_is_left_alone_before(tmp_path, fake):
    gone = status(404, {"error": {"message": "no such model m", "code": "model_not_found"}})
    config = provider("acme", fake.url, never_rest=True)
    with probing(tmp_path, config) as (service, probes, wall):
        fake.will(gone)
        assert probes.run() == 1
        wall.ahead += SUSPECT_SECONDS
        assert probes.run() == 0
        wall.ahead += DAY
        fake.will(gone)
        assert probes.run() == 1
        service.upkeep.share()
        assert service.router.catalog.find("acme", "m").status == "retired"
        wall.ahead += DAY + 1
        assert probes.run() == 1
        service.upkeep.share()
        assert service.router.catalog.find("acme", "m").status == "working"


def test_a_secret_that_a_provider_repeats_is_in_no_evidence(tmp_path, fake):
    with probing(tmp_path, provider("acme", fake.url)) as (service, probes, _):
        fake.will(status(401, {"error": {"message": "the key sk-canary-acme is wrong"}}))
        assert probes.run() == 1
        told = json.dumps(service.provider_rows(), default=str)
        assert "canary" not in told and "credential: the key *** is wrong" in told


def test_the_switch_ends_it(tmp_path, fake):
    for said, there in (("off", False), ("on", True)):
        with probing(tmp_path, provider("acme", fake.url), WALLAS_PROBES=said) as (service, _, _wall):
            assert ("probes" in service.jobs.jobs) is there
    assert load_settings({}, directory=tmp_path).probes
