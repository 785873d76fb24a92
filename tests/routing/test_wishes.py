"""What OpenRouter's ``provider`` object asks for: order, ceilings, parameters and speeds, each as documented there."""

import pytest

from tests.routing.scripted import ask
from tests.routing.stations import Station, model, router
from wallas import codecs
from wallas.catalog.entries import Price
from wallas.errors import BadRequest
from wallas.health import Place
from wallas.routing.explain import explain
from wallas.routing.options import Options
from wallas.routing.wishes import Wishes, nearest, preferred_of

PAID = {"free": False}
MODELS = [
    model("slow", "llama", quality=90, **PAID, price=Price(input=0.1, output=0.2)),
    model("quick", "llama", quality=90, **PAID, price=Price(input=1.0, output=3.0)),
    model("middling", "llama", quality=90, **PAID, price=Price(input=0.5, output=0.5)),
    model("secret", "llama", quality=90, **PAID),
    model("gift", "llama", quality=90),
    model("gift", "tiny", quality=30),
    model("painter", "llama", quality=90, **PAID, price=Price(input=0.1, output=0.1, unit=0.05, per="image")),
]
SPEEDS = {"slow": (4.0, 20), "quick": (0.2, 400), "middling": (1.0, 100), "secret": (1.5, 50), "gift": (2.0, 30)}


@pytest.fixture
def here(tmp_path):
    names = ("slow", "quick", "middling", "secret", "gift", "painter")
    at = router(tmp_path, MODELS, *(Station(name) for name in names))
    for name, (first, speed) in SPEEDS.items():
        for _ in range(4):
            place = Place(name, "llama", "k0")
            at.desk.health.succeeded(place, ttft=first, latency=first + 1, tokens=speed)
    return at


def planned(at, name="llama", request=None, **wishes):
    codec = codecs.codec("openai_chat")
    request = request or ask(model=name)
    said = Options(cost_mode="allow_paid", wishes=Wishes(**wishes))
    return at.plan(request, said, codec=codec, out=codec.Encoder(request), request_id="r1")


def chosen(plan):
    return [one.model.provider for one in plan.candidates]


@pytest.mark.parametrize(
    ("sort", "first"),
    [
        ("price", ["gift", "painter", "slow", "middling"]),
        ("throughput", ["quick", "middling"]),
        ("latency", ["quick"]),
    ],
)
def test_a_sort_orders_the_providers_of_a_model(here, sort, first):
    assert chosen(planned(here, sort=sort))[: len(first)] == first


def test_a_sort_stays_within_each_asked_model_unless_it_goes_across_all(here):
    request = ask(model="llama")
    codec = codecs.codec("openai_chat")

    def keys(**wishes):
        said = Options(cost_mode="allow_paid", models=("tiny",), wishes=Wishes(**wishes))
        plan = here.plan(request, said, codec=codec, out=codec.Encoder(request), request_id="r1")
        return [one.model.key for one in plan.candidates]

    assert keys(sort="price")[-1] == "gift/tiny"
    assert keys(sort="price", across=True).index("gift/tiny") <= 1


def test_a_virtual_model_is_sorted_too(here):
    assert chosen(planned(here, "auto", sort="throughput"))[0] == "quick"
    assert chosen(planned(here, "auto", sort="price"))[0] == "gift"


@pytest.mark.parametrize(
    ("ceilings", "left"),
    [
        ({"prompt": 0.5}, {"slow", "middling", "gift", "painter"}),
        ({"completion": 0.4}, {"slow", "gift", "painter"}),
        ({"prompt": 0.0}, {"gift"}),
        ({"image": 0.01}, {"slow", "quick", "middling", "secret", "gift"}),
        ({"image": 0.1, "request": 0.0}, {"slow", "quick", "middling", "secret", "gift", "painter"}),
    ],
)
def test_whoever_costs_more_than_the_ceiling_or_nobody_knows_what_is_left_out_with_the_reason(here, ceilings, left):
    plan = planned(here, max_price=tuple(ceilings.items()))
    assert set(chosen(plan)) == left
    out = {row.model.provider: row.reason for row in plan.excluded}
    assert all("max_price." in out[name] for name in {one.provider for one in MODELS} - left)


def test_a_slow_provider_stands_behind_those_that_are_quick_enough(here):
    order = chosen(planned(here, sort="price", latency=1.2))
    assert order.index("middling") < order.index("slow") and order.index("quick") < order.index("gift")
    order = chosen(planned(here, sort="price", throughput=90))
    assert set(order[:2]) == {"middling", "quick"} and len(order) == 7


def test_of_percentiles_the_strictest_counts():
    assert preferred_of({"p50": 1, "p90": 3}, "x", strictest=min) == 1
    assert preferred_of({"p50": 100, "p90": "50"}, "x", strictest=max) == 100
    assert preferred_of(2.5, "x", strictest=min) == 2.5
    with pytest.raises(BadRequest, match="p51"):
        preferred_of({"p51": "soon"}, "provider.p51", strictest=min)


def test_whoever_would_not_get_a_parameter_is_left_out_where_all_are_required(tmp_path):
    from tests.routing.arena import arena, table

    more = table("z", "http://127.0.0.1:1", quality=99).replace('"openai"', '"anthropic"')
    with arena(tmp_path, count=1, more=more) as found:
        body = {"model": "auto", "seed": 7, "messages": [{"role": "user", "content": "Hello"}]}
        plain = found.post("/v1/route/explain", body).json
        assert plain["decision"] == "z/m" and "seed" in plain["candidates"][0]["dropped"]
        told = found.post("/v1/route/explain", body | {"provider": {"require_parameters": True}}).json
        assert told["decision"] == "a/m"
        (left,) = [row for row in told["excluded"] if row["id"] == "z/m"]
        assert "does not take: seed" in left["reason"]
        alone = body | {"model": "z/m", "provider": {"require_parameters": True}}
        answer = found.post("/v1/chat/completions", alone)
        assert answer.status_code == 400 and "seed" in answer.json["error"]["message"]


def test_explain_says_what_the_router_does_whatever_is_wished(here):
    for wishes in (
        {"sort": "price"},
        {"latency": 0.5},
        {"max_price": (("prompt", 0.2),)},
        {"require_parameters": True},
    ):
        said = Options(cost_mode="allow_paid", wishes=Wishes(**wishes))
        told = explain(here, ask(model="llama"), said, wire="openai_chat")
        assert told["decision"] == planned(here, **wishes).candidates[0].model.key


def test_the_nearest_names_are_told_or_the_first_there_are():
    assert nearest("grok", ["groq", "gemini"]) == "; near: groq"
    assert nearest("zzz", ["groq", "gemini"]) == "; here: groq, gemini"
    assert nearest("zzz", []) == ""
