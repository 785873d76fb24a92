import pytest

from tests.routing.scripted import ask
from tests.routing.stations import model
from wallas.catalog.entries import Price
from wallas.errors import FailureKind, ProviderError
from wallas.health import Health, Place
from wallas.routing.strategies import PROFILE_ALIASES, PROFILES, STRATEGIES, profile_name


def ranked(strategy, *models, health=None):
    return [row.model.id for row in STRATEGIES[strategy](ask(), models, health or Health())]


def test_every_profile_has_its_strategy_and_every_alias_its_profile():
    assert set(PROFILES) < set(STRATEGIES)
    assert set(PROFILE_ALIASES.values()) <= set(PROFILES)
    assert [profile_name(name) for name in ("fast", "rapido", "nothing")] == ["rapido", "rapido", None]


@pytest.mark.parametrize(
    ("strategy", "first"), [("rapido", "quick"), ("razonamiento", "deep"), ("agentico", "deep"), ("standard", "deep")]
)
def test_profiles_weigh_quality_against_seconds(strategy, first):
    able = frozenset({"chat", "tools", "reasoning", "vision"})
    quick = model("cerebras", "quick", quality=50, capabilities=able)
    deep = model("nvidia", "deep", quality=95, capabilities=able)
    if strategy == "standard":
        deep = model("gemini", "deep", quality=95, capabilities=able)
    assert ranked(strategy, quick, deep)[0] == first


@pytest.mark.parametrize(
    ("strategy", "needs"), [("razonamiento", "reasoning"), ("agentico", "tools"), ("vista", "vision")]
)
def test_a_profile_leaves_out_who_cannot(strategy, needs):
    able, unable = model("a", "able", capabilities=frozenset({needs})), model("a", "un", capabilities=frozenset())
    assert ranked(strategy, unable, able) == ["able"]


def test_speed_alone_is_not_enough():
    assert ranked("rapido", model("cerebras", "tiny", quality=20), model("nvidia", "fair", quality=40)) == ["fair"]


def test_code_has_a_prior_of_its_own():
    poet, coder = model("a", "poet", quality=90, coding=40), model("a", "coder", quality=60, coding=90)
    assert ranked("codigo", poet, coder) == ["coder", "poet"]
    assert ranked("standard", poet, coder) == ["poet", "coder"]


def test_failures_and_slow_first_tokens_cost():
    health = Health()
    for _ in range(20):
        health.failed(Place("a", "m", "k"), ProviderError(FailureKind.SERVER))
    assert ranked("standard", model("a", "m"), model("b", "n"), health=health) == ["n", "m"]
    health.succeeded(Place("b", "n", "k"), ttft=500.0)
    assert ranked("standard", model("a", "m"), model("b", "n"), health=health) == ["m", "n"]


def test_equals_keep_one_order():
    assert ranked("auto", model("a", "z"), model("a", "b")) == ranked("auto", model("a", "b"), model("a", "z"))


def test_a_list_is_its_own_order():
    assert ranked("order", model("a", "z"), model("a", "b")) == ["z", "b"]


def test_the_cheapest_comes_first_and_the_unknown_last():
    models = [
        model("a", "unknown", free=False),
        model("a", "half", free=False, price=Price(input=1.0)),
        model("a", "dear", free=False, price=Price(input=3.0, output=15.0)),
        model("a", "cheap", free=False, price=Price(input=0.1, output=0.2)),
        model("a", "free"),
    ]
    assert ranked("price", *models) == ["free", "cheap", "dear", "half", "unknown"]
