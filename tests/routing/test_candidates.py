import pytest

from tests.routing.scenes import Clock, asks
from tests.routing.scripted import ask
from tests.routing.stations import Station, many_parts, model
from wallas.errors import FailureKind, ProviderError
from wallas.health import Health, Place
from wallas.routing.candidates import Excluded, Terms, is_shared, preferred
from wallas.routing.needs import MARGIN, TOKENS_PER_MEDIA, Needs, needs_of
from wallas.routing.selector import Group, Selector, Sort
from wallas.routing.strategies import in_order
from wallas.settings import Key, Secret
from wallas.types.chat import Message, Opaque

CHAT = Needs(frozenset({"chat"}), 10, 0)


def chosen(models, *, needs=CHAT, terms=None, stations=None, health=None, roomy=1.0, windows=None):
    stations = stations or [Station(name) for name in {one.provider for one in models}]
    health = health or Health(jitter=lambda: 0.5)
    selector = Selector(models, {one.name: one for one in stations}, health)
    selector.windows = windows or {}
    return selector.select(Sort(groups(selector, models, roomy=roomy), terms or Terms()), needs)


def groups(selector, models, *, roomy=1.0):
    return [Group(selector.rank(in_order, None, models), moves=False, roomy=roomy)]


def reasons(selection):
    return [row.reason for row in selection.excluded]


def test_needs_are_read_from_every_part():
    needs = needs_of(ask(messages=many_parts(), max_tokens=50))
    assert needs.capabilities == {"chat", "vision", "audio", "pdf"} and needs.output == 50
    said = 200 + 360 + 2 + len("weather") + 2 + 1 + 36
    assert needs.tokens == int(said / 3.6) + 3 * TOKENS_PER_MEDIA + 8 * 4


def test_tools_and_blocks_of_one_wire_weigh_too():
    plain, armed = needs_of(ask()), needs_of(asks())
    assert armed.capabilities == {"chat", "tools"} and armed.tokens > plain.tokens
    assert needs_of(ask(messages=(Message(role="user", parts=(Opaque(wire="x", data={}),)),))).tokens == 8


def test_everybody_able_may_answer_with_each_key():
    selection = chosen([model("a", "m"), model("b", "m")], stations=[Station("a", keys=2), Station("b")])
    assert [(one.model.key, one.key.id) for one in selection.candidates] == [
        ("a/m", "k0"),
        ("a/m", "k1"),
        ("b/m", "k0"),
    ]
    one = selection.candidates[0]
    assert (one.place, one.issuer) == (Place("a", "m", "k0"), "a/m@acc")


@pytest.mark.parametrize(
    ("traits", "terms", "needs", "reason"),
    [
        ({}, Terms(ignore=frozenset({"a"})), CHAT, "provider not allowed by the request"),
        ({}, Terms(only=frozenset({"b"})), CHAT, "provider not allowed by the request"),
        ({"status": "retired"}, Terms(), CHAT, "retired"),
        ({}, Terms(), Needs(frozenset({"vision", "audio"}), 1, 0), "cannot take: audio, vision"),
        ({"free": False}, Terms(), CHAT, "costs money"),
        ({"free": False}, Terms(named=frozenset({"a/m"}), may_pay=False), CHAT, "costs money"),
        ({}, Terms(private=True), CHAT, "may train on prompts"),
        (
            {"quantization": "fp8"},
            Terms(quantizations=frozenset({"bf16", "unknown"})),
            CHAT,
            "quantization fp8 is none of provider.quantizations",
        ),
        ({"trains_on_data": True}, Terms(private=True), CHAT, "may train on prompts"),
        ({"context": 1000}, Terms(), Needs(frozenset(), 910, 0), "context of 1000 tokens is too small"),
        ({"context": 1000}, Terms(), Needs(frozenset(), 500, 500), "context of 1000 tokens is too small"),
    ],
)
def test_whoever_may_not_answer_is_named_with_the_reason(traits, terms, needs, reason):
    selection = chosen([model("a", "m", **traits)], terms=terms, needs=needs)
    assert selection.candidates == [] and reasons(selection) == [reason]
    assert selection.excluded[0].row() == {"provider": "a", "model": "m", "reason": reason}


@pytest.mark.parametrize(
    ("traits", "terms", "needs"),
    [
        ({}, Terms(only=frozenset({"a"})), CHAT),
        ({"free": False}, Terms(allow_paid=True), CHAT),
        ({"free": False}, Terms(named=frozenset({"a/m"})), CHAT),
        ({"trains_on_data": False}, Terms(private=True), CHAT),
        ({"quantization": "fp8"}, Terms(quantizations=frozenset({"fp8"})), CHAT),
        ({}, Terms(quantizations=frozenset({"unknown"})), CHAT),
        ({"context": 1000}, Terms(), Needs(frozenset(), int(1000 / MARGIN), 0)),
        ({"context": 1000, "max_output": 100}, Terms(), Needs(frozenset(), 500, 90_000)),
        ({"guessed": frozenset({"capabilities"})}, Terms(named=frozenset({"a/m"})), Needs(frozenset({"vision"}), 1, 0)),
    ],
)
def test_whoever_may_answer_does(traits, terms, needs):
    assert len(chosen([model("a", "m", **traits)], terms=terms, needs=needs).candidates) == 1


def test_a_local_model_is_private():
    assert chosen([model("ollama", "m")], terms=Terms(private=True)).candidates


def test_a_roomy_profile_wants_a_larger_window():
    models = [model("a", "m", context=1000)]
    needs = Needs(frozenset(), 500, 0)
    assert chosen(models, needs=needs).candidates and not chosen(models, needs=needs, roomy=2.0).candidates


def test_a_window_that_was_learned_holds_over_the_catalogs():
    models = [model("a", "m", context=100_000)]
    selection = chosen(models, needs=Needs(frozenset(), 5000, 0), windows={("a", "m"): 4096})
    assert reasons(selection) == ["context of 4096 tokens is too small"]


def test_whoever_rests_is_named_with_the_time_that_is_left():
    clock = Clock()
    health = Health(clock=clock)
    health.failed(Place("a", "m", "k0"), ProviderError(FailureKind.RATE_LIMIT, retry_after=40.0))
    clock.now += 10
    selection = chosen([model("a", "m"), model("b", "m")], health=health)
    assert [one.model.key for one in selection.candidates] == ["b/m"]
    (row,) = selection.excluded
    assert (row.reason, row.seconds, row.breaker) == ("resting: rate_limit", pytest.approx(30), False)
    assert row.row()["retry_after_seconds"] == pytest.approx(30)


def rested(*rests):
    health = Health(clock=Clock(), jitter=lambda: 0.5)
    for provider, kind, times in rests:
        for _ in range(times):
            health.failed(Place(provider, "m", "k0"), ProviderError(kind))
    return health


def test_when_everybody_rests_for_failures_the_best_is_tried_once():
    health = rested(("a", FailureKind.SERVER, 5), ("b", FailureKind.SERVER, 5))
    selection = chosen([model("b", "m"), model("a", "m")], health=health)
    assert [one.model.key for one in selection.candidates] == ["b/m"]
    assert len(selection.excluded) == 2


def test_limits_are_never_overridden():
    health = rested(("a", FailureKind.RATE_LIMIT, 1))
    assert chosen([model("a", "m")], health=health).candidates == []
    both = rested(("a", FailureKind.RATE_LIMIT, 1), ("a", FailureKind.SERVER, 5))
    assert chosen([model("a", "m")], health=both).candidates == []


def test_nobody_panics_over_money_or_privacy():
    health = rested(("a", FailureKind.SERVER, 5))
    assert chosen([model("a", "m", free=False)], health=health).candidates == []


def test_keys_take_turns_for_each_model():
    stations = [Station("a", keys=3)]
    selector = Selector([], {"a": stations[0]}, Health())
    models = [model("a", "m"), model("a", "n")]
    first = []
    for _ in range(4):
        found = selector.select(Sort(groups(selector, models), Terms()), CHAT).candidates
        first.append({one.model.id: one.key.id for one in reversed(found)})
        selector.advance()
    assert [turn["m"] for turn in first] == ["k0", "k1", "k2", "k0"]
    assert [turn["n"] for turn in first] == ["k0", "k1", "k2", "k0"]


def test_the_best_are_ranked_anew_after_a_quarter_of_a_second():
    clock = Clock()
    health = Health(clock=clock)
    models = [model("a", "m", quality=90), model("b", "m", quality=50), model("b", "off", missing_since="2026-01-01")]
    selector = Selector(models, {"a": Station("a"), "b": Station("b")}, health, clock=clock)
    able = frozenset({"chat"})
    first = selector.best("standard", able)
    assert list(first.by_key) == ["a/m", "b/m"]
    for _ in range(5):
        health.succeeded(Place("a", "m", "k0"), ttft=60.0)
    assert selector.best("standard", able) is first
    clock.now += 0.3
    assert list(selector.best("standard", able).by_key) == ["b/m", "a/m"]
    assert selector.best("standard", able | {"vision"}).rows == []


def test_models_of_no_provider_here_or_of_another_kind_are_not_ranked():
    models = [model("a", "m"), model("x", "m"), model("a", "e", kind="embedding")]
    assert [one.key for one in Selector(models, {"a": Station("a")}, Health()).models] == ["a/m"]


def test_what_strangers_share_comes_last():
    shared = Station("a", keyless=True)
    shared.keys = (Key(secret=Secret(""), account="", id=""),)
    own = Station("b")
    assert is_shared(shared) and not is_shared(own) and not is_shared(Station("c", keyless=True, opt_in=True))
    selector = Selector([model("a", "m", quality=100), model("b", "m", quality=10)], {"a": shared, "b": own}, Health())
    assert list(selector.best("standard", frozenset({"chat"})).by_key) == ["b/m", "a/m"]


def test_the_callers_order_and_the_seals_home_come_first():
    candidates = chosen([model(name, "m") for name in "abc"]).candidates
    assert [one.model.provider for one in preferred(candidates, order=("c", "b"), issuers=frozenset())] == [
        "c",
        "b",
        "a",
    ]
    at_home = preferred(candidates, order=(), issuers=frozenset({"b/m@acc"}))
    assert [one.model.provider for one in at_home] == ["b", "a", "c"]
    assert preferred(candidates, order=(), issuers=frozenset()) == candidates


def test_an_exclusion_without_an_end_tells_none():
    assert "retry_after_seconds" not in Excluded(model("a", "m"), None, "retired").row()
