import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from tests.routing.scenes import WEATHER, Clock
from tests.routing.scripted import Notes, ask
from tests.routing.stations import ABLE, Station, model, router
from wallas import codecs
from wallas.catalog.entries import Limits, Price
from wallas.errors import BadRequest, FailureKind, ProviderError
from wallas.health import Health, Place
from wallas.quota.ledger import Ledger, Reservation
from wallas.routing.desk import Desk
from wallas.routing.difficulty import LEVELS
from wallas.routing.explain import explain, profiles
from wallas.routing.options import Options
from wallas.routing.selector import EXPLORE_EVERY, Group, Room, Session, Sort
from wallas.routing.strategies import PROFILES

NAMES = ("a", "b", "c")
PROFILE = some.sampled_from(sorted(PROFILES))


def planned(at, request, **options):
    codec = codecs.codec("openai_chat")
    return at.plan(request, Options(**options), codec=codec, out=codec.Encoder(request), request_id="r")


def here(tmp_path, models, *, clock=None, quota=None):
    clock = clock or Clock()
    desk = Desk(
        health=Health(clock=clock, jitter=lambda: 0.5), ledger=Ledger(), journal=Notes(), quota=quota, clock=clock
    )
    at = router(tmp_path, models, *(Station(name, keys=2) for name in NAMES), desk=desk)
    at.selector.clock = clock
    return at


@given(data=some.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_explained_is_what_is_then_done(tmp_path, data):
    models = [
        model(
            data.draw(some.sampled_from(NAMES)),
            f"m{number}",
            quality=data.draw(some.floats(0, 100)),
            free=data.draw(some.booleans()),
            context=data.draw(some.sampled_from([500, 8000, 100_000])),
            capabilities=ABLE | data.draw(some.sampled_from([frozenset(), frozenset({"reasoning", "vision"})])),
        )
        for number in range(data.draw(some.integers(1, 14)))
    ]
    at = here(tmp_path, models)
    for one in models:
        kind = data.draw(some.sampled_from([None, *(k for k in FailureKind if k is not FailureKind.GATEWAY)]))
        if kind is not None:
            at.desk.health.failed(Place(one.provider, one.id, "k0"), ProviderError(kind))
    at.selector.served = data.draw(some.integers(0, 2 * EXPLORE_EVERY))
    request = ask("x" * data.draw(some.integers(0, 40_000)), model=data.draw(PROFILE))
    told = explain(at, request, Options(), wire="openai_chat")
    plan = planned(at, request)
    assert told["decision"] == (plan.candidates[0].model.key if plan.candidates else None)
    listed = [(row["id"], row["key"]) for row in told["candidates"]]
    assert [(one.model.key, one.key.id) for one in plan.candidates[:4]] == listed[:4]
    everybody = {row["id"] for row in told["candidates"]} | {row["id"] for row in told["excluded"]}
    floor = PROFILES[told["profile"]].floor
    assert everybody >= {one.key for one in models if one.quality >= floor}


def test_every_candidate_tells_its_parts_and_their_sum(tmp_path):
    at = here(
        tmp_path, [model("a", "m", quality=70), model("b", "paid", free=False, price=Price(input=1.0, output=2.0))]
    )
    told = explain(at, ask(model="auto", max_tokens=100), Options(cost_mode="allow_paid"), wire="openai_chat")
    for row in told["candidates"]:
        assert row["score"] == pytest.approx(sum(row["parts"].values()), abs=1e-3)
    costs = {row["id"]: row["expected_cost"] for row in told["candidates"]}
    assert costs["a/m"] == 0.0 and costs["b/paid"] == pytest.approx((told["needs"]["input_tokens"] + 200) / 1e6)
    assert told["needs"]["difficulty"]["level"] == 0


def test_exclusions_tell_their_reason_and_their_end(tmp_path):
    at = here(tmp_path, [model("a", "m"), model("b", "paid", free=False), model("c", "gone", status="retired")])
    for key in ("k0", "k1"):
        at.desk.health.failed(Place("a", "m", key), ProviderError(FailureKind.RATE_LIMIT, retry_after=40.0))
    told = {row["id"]: row for row in explain(at, ask(model="auto"), Options(), wire="openai_chat")["excluded"]}
    assert told["a/m"]["retry_after_seconds"] == 40.0 and "rate_limit" in told["a/m"]["reason"]
    assert told["b/paid"]["reason"] == "costs money" and told["c/gone"]["reason"] == "retired"


def test_what_a_candidate_would_leave_out_is_told(tmp_path):
    at = here(tmp_path, [model("a", "m")])
    from wallas.types.chat import Thinking

    told = explain(at, ask(model="auto", thinking=Thinking(effort="high")), Options(), wire="openai_chat")
    assert told["candidates"][0]["dropped"] == ["thinking"]


def test_explaining_moves_nothing_on(tmp_path):
    at = here(tmp_path, [model("a", "m")])
    first = [explain(at, ask(model="auto"), Options(), wire="openai_chat")["candidates"][0]["key"] for _ in range(3)]
    assert first == ["k0"] * 3


def test_contradictions_name_both(tmp_path):
    at = here(tmp_path, [model("a", "m")])
    with pytest.raises(BadRequest, match=r"provider\.only and provider\.ignore"):
        explain(at, ask(model="auto"), Options(only=frozenset({"a"}), ignore=frozenset({"a"})), wire="openai_chat")


def test_a_warm_cache_brings_a_session_back_unless_others_are_much_better(tmp_path):
    models = [model("a", "m", quality=62), model("b", "n", quality=60)]
    at = here(tmp_path, models)
    groups = [Group(at.selector.best("standard", frozenset({"chat"})))]
    needs, sort = planned(at, ask(model="standard")).needs, Sort(groups, at.sayings.terms([], Options()))
    first = lambda **more: at.selector.select(sort, needs, **more).candidates[0].model.key  # noqa: E731
    assert first() == "a/m"
    assert first(session=Session("b/n", 2.0)) == "b/n"
    assert first(session=Session("b/n", 0.01)) == "a/m"


def test_a_conversation_with_tools_begins_where_prompts_are_kept_and_leaves_where_they_are_not(tmp_path):
    clock = Clock()
    at = here(tmp_path, [model("a", "m", quality=61), model("b", "n", quality=60)], clock=clock)
    agent = ask("x " * 4000, model="auto", tools=(WEATHER,))
    first = lambda request=agent: planned(at, request).candidates[0].model.key  # noqa: E731
    assert first() == "a/m"
    for _ in range(5):
        at.desk.health.caches.heard("b/n", tokens=5000, cached=4000, again=True)
        at.desk.health.caches.heard("a/m", tokens=5000, cached=0, again=True)
    clock.now += 0.3
    assert first() == "b/n" and first(ask("Hi", model="auto", tools=(WEATHER,))) == "a/m", "too short for a cache"
    assert at.selector.worth("b/n") == 1.0 and at.selector.worth("a/m") < 0.5


def test_what_is_left_of_a_quota_is_kept_for_agents_that_will_be_back_at_once(tmp_path):
    clock, quota = Clock(), Rooms(m=Room(headroom=0.2))
    at = here(tmp_path, [model("a", "m", quality=65), model("b", "n", quality=60)], quota=quota, clock=clock)
    first = lambda: planned(at, ask(model="standard")).candidates[0].model.key  # noqa: E731
    assert first() == "a/m"
    for name in ("one", "two"):
        at.desk.sessions.remember(name, "a/m", 9000, calls=True)
    assert first() == "b/n"
    at.desk.sessions.remember("one", "a/m", 9000)
    at.desk.sessions.remember("two", "a/m", 9000)
    clock.now += 0.6
    assert first() == "a/m", "they have their answers"


def test_a_model_that_nobody_asked_for_long_gets_its_chance_in_one_of_fifty(tmp_path):
    clock = Clock()
    at = here(tmp_path, [model("a", "known", quality=70), model("b", "new", quality=65)], clock=clock)
    at.desk.health.succeeded(Place("a", "known", "k0"), ttft=1.0)
    decisions = []
    for _ in range(EXPLORE_EVERY):
        decisions.append(planned(at, ask(model="standard")).candidates[0].model.key)
        at.selector.advance()
    assert decisions.count("b/new") == 1 and decisions[-1] == "b/new"


class Rooms:
    """A quota as a table."""

    def __init__(self, **rooms):
        self.known = rooms

    def rooms(self, *, tokens, output, sure=False):
        return lambda place, model, key: self.known.get(model.id, Room())


def test_an_empty_window_excludes_and_a_short_one_costs(tmp_path):
    rooms = Rooms(empty=Room(seconds=60.0, reason="rpd used up"), short=Room(headroom=0.01))
    models = [model("a", "empty", quality=99), model("b", "short", quality=71), model("c", "ample", quality=70)]
    plan = planned(here(tmp_path, models, quota=rooms), ask(model="standard"))
    assert [one.model.id for one in plan.candidates] == ["ample", "ample", "short", "short"]
    assert [(row.reason, row.seconds) for row in plan.excluded] == [("quota: rpd used up", 60.0)] * 2


def test_auxiliary_calls_go_to_small_models_with_room(tmp_path):
    models = [
        model("a", "big", quality=90),
        model("b", "small", quality=30),
        model("c", "scarce", quality=20, limits=Limits(rpd=20)),
    ]
    plan = planned(here(tmp_path, models), ask("### Task:\nGenerate a title", model="auto"))
    assert plan.auxiliary == "task" and plan.candidates[0].model.id == "small"
    assert planned(here(tmp_path, models), ask("### Task:\nGenerate a title", model="a/big")).auxiliary is None


def test_profiles_are_told_with_the_users_own():
    told = {row["id"]: row for row in profiles({"mine": {"models": ["a/*"], "strategy": "order"}})}
    assert told["mine"]["own"] and told["auto"]["seconds_per_point"] == list(LEVELS)
    assert told["agentico"]["hold"] == "turn" and told["agentico"]["session_factor"] == 2.0


def test_between_two_beats_of_the_ledger_explaining_asks_what_a_reservation_would(tmp_path):
    clock = Clock()
    models = [model("a", "best", quality=90, limits=Limits(rpm=1, scope="account")), model("b", "next", quality=50)]
    at = here(tmp_path, models, clock=clock)
    seat = at.desk.ledger.seat(models[0], at.providers["a"].keys[0])
    assert isinstance(at.desk.ledger.reserve(seat), Reservation)
    assert at.desk.ledger.available(seat) is None  # as far as is known here
    told = explain(at, ask(model="a/best"), Options(models=("b/next",)), wire="openai_chat")
    assert told["decision"] == "b/next" and at.desk.ledger.open == 1
    why = {row["id"]: row for row in told["excluded"]}["a/best"]
    assert why["reason"] == "quota: rpm used up" and why["retry_after_seconds"] > 0
