"""Lists that follow health instead of being ranked anew, and what a walk down one need not look at twice."""

import random

import pytest

from tests.routing.scenes import Clock
from tests.routing.scripted import ask
from tests.routing.stations import Station, model, router
from wallas import codecs
from wallas.catalog.entries import Limits
from wallas.errors import FailureKind, ProviderError
from wallas.health import Health, Place
from wallas.quota.clocks import Steady
from wallas.quota.ledger import Ledger, Reservation
from wallas.routing import choice
from wallas.routing.candidates import Terms
from wallas.routing.costs import SLACK_SECONDS
from wallas.routing.desk import Desk
from wallas.routing.difficulty import features
from wallas.routing.needs import Needs, needs_of
from wallas.routing.options import Options
from wallas.routing.ranking import Nearest
from wallas.routing.selector import Group, Selector, Sort
from wallas.routing.strategies import STRATEGIES
from wallas.types.chat import Message, Text

ABLE = frozenset({"chat"})
CHAT = Needs(ABLE, 10, 0)
FAULTS = (FailureKind.SERVER, FailureKind.RATE_LIMIT, FailureKind.EMPTY, FailureKind.CALLER_FAULT)


def many(count=60):
    return [model("abc"[n % 3], f"m{n:02}", quality=20.0 + n) for n in range(count)]


def selector_of(models, clock, **parts):
    stations = {name: Station(name, keys=2) for name in "abc"}
    return Selector(models, stations, Health(clock=clock, jitter=lambda: 0.5), clock=clock, **parts)


@pytest.mark.parametrize("seed", range(3))
def test_a_list_that_follows_health_is_the_list_ranked_anew(seed):
    dice, clock, models = random.Random(seed), Clock(), many()
    selector = selector_of(models, clock)
    health, waiting = selector.health, []
    for _ in range(100):
        clock.now += dice.choice([0.3, 0.3, 2.0, 40.0, 900.0])
        for _ in range(dice.randrange(4)):
            one = dice.choice(models)
            place = Place(one.provider, one.id, "k0")
            if dice.random() < 0.2:
                waiting.append((place, health.sent(place, tokens=100)))
            elif dice.random() < 0.3:
                health.failed(place, ProviderError(dice.choice(FAULTS)))
            else:
                health.succeeded(place, ttft=dice.random() * 9, latency=9.5, tokens=dice.randrange(500))
        if waiting and dice.random() < 0.3:
            place, call = waiting.pop()
            health.spoke(place, call)
        for profile in ("standard", "rapido", "auxiliary"):
            kept = selector.best(profile, ABLE).rows
            fresh = STRATEGIES[profile](None, models, health)
            assert list(kept) == sorted(kept) and {row.key for row in kept} == {row.model.key for row in fresh}
            totals = {row.model.key: row.total for row in fresh}
            assert all(abs(row.total - totals[row.key]) <= 2 * SLACK_SECONDS for row in kept)


def test_only_what_moved_is_made_again():
    clock, models = Clock(), many()
    selector = selector_of(models, clock)
    before = {row.key: row for row in selector.best("standard", ABLE).rows}
    selector.health.succeeded(Place("a", "m00", "k0"), ttft=8.0, latency=9.0, tokens=90)
    clock.now += 0.3
    after = {row.key: row for row in selector.best("standard", ABLE).rows}
    assert [key for key, row in after.items() if row is not before[key]] == ["a/m00"]


def test_sorts_of_requests_are_forgotten_when_there_are_too_many(tmp_path, monkeypatch):
    monkeypatch.setattr(choice, "SORTS_MOST", 10)
    at = router(tmp_path, many(6), *(Station(name) for name in "abc"))
    for length in (2**power for power in range(4, 16)):
        for name in ("standard", "codigo"):
            request = ask("x" * length, model=name)
            assert at.chooser.select(at.chooser.choose(request, Options(), needs_of(request))).candidates
            assert sum(len(said.sorts) for said in at.sayings.said.values()) <= 10


def test_the_nearest_follow_the_list_that_they_are_taken_from():
    clock = Clock()
    models = [model("abc"[n], f"m{n}", quality=quality) for n, quality in enumerate((70.0, 70.0, 90.0))]
    selector = selector_of(models, clock)
    near = Nearest(selector.best("standard", ABLE), lambda one: abs(one.quality - 71.0), most=2)
    assert [row.key for row in near.rows] == ["a/m0", "b/m1"]
    second = near.view("all but a/m0", lambda stand: stand.key != "a/m0")
    assert [row.key for row in second.rows] == ["b/m1"]
    for _ in range(5):
        selector.health.succeeded(Place("a", "m0", "k0"), ttft=9.0, latency=9.5, tokens=90)
    clock.now += 0.3
    selector.best("standard", ABLE)
    assert [row.key for row in near.rows] == ["b/m1", "a/m0"]
    assert [row.key for row in near.view("all but b/m1", lambda stand: stand.key != "b/m1").rows] == ["a/m0"]


def test_after_more_outcomes_than_are_remembered_everything_is_looked_at():
    clock, models = Clock(), many()
    selector = selector_of(models, clock)
    selector.best("standard", ABLE)
    for _ in range(50):
        for one in models:
            selector.health.succeeded(Place(one.provider, one.id, "k0"), ttft=30.0)
    clock.now += 0.3
    kept = {row.key: row.parts.first_token for row in selector.best("standard", ABLE).rows}
    assert min(kept.values()) > 20.0


def desk_of(clock):
    ledger = Ledger(now=Steady(clock, lambda: 1.8e9 + clock.now))
    return Desk(health=Health(clock=clock, jitter=lambda: 0.5), ledger=ledger, journal=None, clock=clock)


def first_of(at, **options):
    request = ask(model="standard")
    needs = needs_of(request)
    found = at.chooser.select(at.chooser.choose(request, Options(**options), needs))
    return found.candidates[0].model.key if found.candidates else None


def test_who_is_out_is_back_as_soon_as_its_window_holds_more_or_its_rest_ends(tmp_path):
    clock = Clock()
    desk = desk_of(clock)
    models = [model("a", "best", quality=99, limits=Limits(rpm=1)), *many(30)]
    at = router(tmp_path, models, *(Station(name) for name in "abc"), desk=desk)
    at.selector.clock = clock
    assert first_of(at) == "a/best"
    taken = desk.ledger.reserve(desk.ledger.seat(models[0], at.providers["a"].keys[0]))
    assert isinstance(taken, Reservation)
    desk.ledger.refresh()
    assert first_of(at) != "a/best"
    desk.ledger.settle(taken, counted=False)
    clock.now += 0.3
    assert first_of(at) == "a/best"
    place = Place("a", "best", "k0")
    desk.health.learn(place, seconds=3.0, reason="server", breaker=True)
    assert first_of(at) != "a/best"
    clock.now += 1.0
    assert first_of(at) != "a/best"
    desk.health.lift(place)
    assert first_of(at) == "a/best"
    desk.health.learn(place, seconds=3.0, reason="server", breaker=True)
    assert first_of(at) != "a/best"
    clock.now += 3.1
    assert first_of(at) == "a/best"


def test_a_larger_request_of_the_same_sort_goes_past_whose_window_is_too_small():
    clock = Clock()
    models = [model("a", "short", quality=99, context=1100), *many(30)]
    selector = selector_of(models, clock)
    sort = Sort([Group(selector.best("standard", ABLE))], Terms())
    small, large = Needs(ABLE, 600, 0), Needs(ABLE, 1020, 0)
    for needs, best in ((small, True), (large, False), (small, True), (large, False)):
        first = selector.select(sort, needs).candidates[0].model.id
        assert (first == "short") is best


def test_what_was_learned_of_a_first_candidate_a_moment_ago_counts_at_once():
    clock = Clock()
    models = [model("a", "best", quality=99, context=100_000), *many(30)]
    selector = selector_of(models, clock)
    sort = Sort([Group(selector.best("standard", ABLE))], Terms())
    assert selector.select(sort, Needs(ABLE, 5000, 0)).candidates[0].model.id == "best"
    selector.windows = {("a", "best"): 4096}
    assert selector.select(sort, Needs(ABLE, 5000, 0)).candidates[0].model.id != "best"


def test_whoever_looks_again_finds_nobody_who_is_out_by_now(tmp_path):
    clock = Clock()
    desk = desk_of(clock)
    models = [model("a", "best", quality=99), model("b", "next", quality=98, limits=Limits(rpm=5)), *many(30)]
    at = router(tmp_path, models, *(Station(name) for name in "abc"), desk=desk)
    at.selector.clock = clock
    request, codec = ask(model="standard"), codecs.codec("openai_chat")
    plan = at.plan(request, Options(), codec=codec, out=codec.Encoder(request), request_id="r")
    seat = desk.ledger.seat(models[1], at.providers["b"].keys[0])
    for _ in range(5):
        assert isinstance(desk.ledger.reserve(seat), Reservation)
    desk.ledger.refresh()
    assert plan.again is not None
    found = plan.again()
    assert [one.model.key for one in found.candidates][:1] == ["a/best"]
    assert "b/next" not in {one.model.key for one in found.candidates}
    assert "b/next" in {row.model.key for row in found.excluded}


def test_keys_take_turns_while_the_first_candidates_are_kept():
    clock = Clock()
    selector = selector_of([model("a", "best", quality=99), *many(30)], clock)
    sort = Sort([Group(selector.best("standard", ABLE))], Terms())
    keys = []
    for _ in range(4):
        keys.append(selector.select(sort, CHAT).candidates[0].key.id)
        selector.advance()
    assert keys == ["k0", "k1", "k0", "k1"]


@pytest.mark.parametrize(
    ("words", "code", "mathematics"),
    [
        ("Good morning", 0, 0),
        ("```\nx\n```", 1, 0),
        ("def f(x):", 1, 0),
        ("undef f(x)", 0, 0),
        ("a class of its own", 1, 0),
        ("SELECT a, b FROM t", 1, 0),
        ("SELECT the best", 0, 0),
        ("if (a) {  \n b;", 1, 0),
        ("a; b", 0, 0),
        ("x => y", 1, 0),
        (r"\frac{1}{2}", 0, 1),
        (r"a \ b", 0, 0),
        ("∑ of all", 0, 1),
        ("the naïve 3-4", 0, 0),
        ("12 * 3 - 4", 0, 1),
        ("a12 * 3 - 4", 0, 0),
        ("on 2026-11-21", 0, 1),
    ],
)
def test_code_and_mathematics_are_seen_by_their_signs(words, code, mathematics):
    seen = features(ask(messages=(Message(role="user", parts=(Text(text=words),)),)), tokens=5)
    assert (seen.code, seen.mathematics) == (code, mathematics)
