"""The simulator itself, and what it must go on showing of the router: a few seeds, a few seconds."""

import pytest

from bench.routing import dialects
from bench.routing.clock import Clock
from bench.routing.fleet import Plan, fleet
from bench.routing.jobs import WORKLOADS
from bench.routing.limits import Meter
from bench.routing.results import Figures
from bench.routing.rivals import RIVALS
from bench.routing.run import SCENARIOS, STRATEGIES, Scenario, run
from bench.routing.world import World
from wallas.codecs.openai_errors import decode_error
from wallas.errors import FailureKind

SHORT = Scenario("chat", Plan(180), "three minutes of conversations")


@pytest.fixture
def short(monkeypatch):
    """Let conversations go on for three minutes only."""
    monkeypatch.setitem(WORKLOADS, "chat", lambda seed, chat=WORKLOADS["chat"]: chat(seed, 180.0))


def achieved(scenario, strategy, seed=5):
    figures = Figures()
    run(scenario, seed, strategy, figures)
    return figures.row()


def test_a_fleet_follows_from_its_seed():
    one, same, other = (fleet(seed, SCENARIOS["mixed"].plan) for seed in (1, 1, 2))
    told = [
        [(brain.key, brain.limits, brain.lie, brain.dies) for house in made for brain in house.models]
        for made in (one, same, other)
    ]
    assert told[0] == told[1] != told[2]
    assert len(one) == 14 and sum(len(house.models) for house in one if house.free) == 41


def test_the_catalogue_knows_some_limits_and_lies_now_and_then():
    made = [
        brain
        for seed in range(20)
        for house in fleet(seed, SCENARIOS["mixed"].plan)
        if house.free
        for brain in house.models
    ]
    assert 0.5 < sum(brain.told["limits"] is not None for brain in made) / len(made) < 0.7
    assert 0.05 < sum(bool(brain.lie) for brain in made) / len(made) < 0.15


def test_a_meter_counts_as_its_provider_does():
    minute, day = Meter("groq", "rpm", 2), Meter("gemini", "rpd", 1)
    for at in (0.0, 20.0):
        minute.take(1, at, 1.0)
    assert minute.wait(1, 30.0) == pytest.approx(30.0) and minute.wait(1, 60.0) == 0
    day.take(1, 1_794_204_000.0, 1.0)
    assert 0 < day.wait(1, 1_794_204_001.0) <= 86_400


@pytest.mark.parametrize("dialect", sorted(dialects.SAYINGS))
def test_every_dialect_is_read_as_a_limit(dialect):
    meter = Meter("a", "rpm", 5)
    said = dialects.refusal(dialect, meter, model="m", wait=7.0, asked=1, now=1_794_204_000.0)
    assert decode_error(said.status, said.headers, said.body).kind is FailureKind.RATE_LIMIT


def test_the_same_seed_gives_the_same_figures(short):
    assert achieved(SHORT, "wallas") == achieved(SHORT, "wallas")


@pytest.mark.parametrize("name", [*RIVALS, "oracle"])
def test_every_rule_serves_most_of_an_easy_load(short, name):
    assert name in STRATEGIES
    assert achieved(SHORT, name)["served %"] > 90


def test_conversations_are_served_as_well_as_by_who_knows_everything(short):
    ours, best = achieved(SHORT, "wallas"), achieved(SHORT, "oracle")
    assert ours["served %"] == best["served %"] == 100.0
    assert ours["429s/request"] <= 0.005 and ours["paid"] == 0
    assert ours["first p50"] <= 1.25 * best["first p50"] and ours["first p95"] <= 4 * best["first p95"]
    assert ours["hard quality"] >= best["hard quality"] - 4


def test_a_lying_catalogue_outages_and_deaths_cost_little(monkeypatch):
    monkeypatch.setitem(WORKLOADS, "mixed", lambda seed, mixed=WORKLOADS["mixed"]: mixed(seed, 120.0, 460))
    hard_times = Scenario("mixed", Plan(120, deaths=True, known=0.6, lies=0.1), "two minutes of everything")
    ours = achieved(hard_times, "wallas", seed=1)
    assert ours["served %"] >= 99.5 and ours["429s/request"] <= 0.1
    assert ours["dead calls"] <= 5 and ours["paid"] == 0 and ours["cache hits %"] >= 20


def test_nobody_in_the_world_answers_for_the_dead():
    made = fleet(3, SCENARIOS["mixed"].plan)
    dead = next(house for house in made if house.dies < 1e9)
    world = World(made, Clock(), 3)
    job = next(job for job in WORKLOADS["mixed"](3) if job.kind == "chat")
    world.clock.now += dead.dies + 1
    secret, account = dead.keys[0]
    assert world.call(job, dead.models[0], secret, account).how in ("connect", "status")
    assert world.counts.dead[dead.name] == 1
