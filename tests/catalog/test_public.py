"""A public catalogue fills what nobody else has said, and is never believed further than that."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wallas.catalog.build import Terms, build
from wallas.catalog.entries import Model
from wallas.catalog.listing import MODEL_ID, Listing
from wallas.catalog.public import PROVIDERS_MOST, joined, parts, read
from wallas.settings import ModelSettings, ProviderSettings

DAY = "2026-11-21"
HERE = {"groq", "perplexity", "gemini"}


def row(**more):
    """Return a model as the catalogue writes it."""
    usual = {
        "name": "A model",
        "attachment": True,
        "reasoning": True,
        "tool_call": True,
        "temperature": True,
        "knowledge": "2026-01",
        "release_date": "2026-05-02",
        "last_updated": "2026-06-01",
        "modalities": {"input": ["text", "image", "pdf"], "output": ["text"]},
        "open_weights": False,
        "cost": {"input": 0.5, "output": 2.5, "cache_read": 0.05},
        "limit": {"context": 200000, "output": 32000},
    }
    return usual | more


def page(**providers):
    """Return a catalogue; a provider's name is written as there."""
    return {
        id.replace("_", "-"): {"id": id, "name": id, "env": [], "npm": "x", "doc": "x", "models": models}
        for id, models in providers.items()
    }


def public(**providers):
    return read(page(**providers), source="models.dev", date=DAY, providers=HERE)


def listed(provider, *models):
    return Listing(provider=provider, date=DAY, models=models)


def test_it_fills_what_a_bare_list_does_not_tell_and_says_who_said_so():
    bare = Model(provider="groq", id="acme/new-9b", free=True, guessed=frozenset({"capabilities"}))
    model = build(listings=[listed("groq", bare)], public=public(groq={"acme/new-9b": row()}), today=DAY).find(
        "groq", "acme/new-9b"
    )
    assert (model.context, model.max_output, model.price.output) == (200000, 32000, 2.5)
    assert (model.released, model.knowledge) == ("2026-05-02", "2026-01")
    assert model.capabilities >= {"chat", "tools", "reasoning", "vision", "pdf"}
    assert (model.free, model.status) == (True, "working")
    facts = model.facts()
    assert (facts["context"].source, facts["context"].date, facts["context"].confidence) == ("models.dev", DAY, "low")
    assert {"context", "price", "capabilities"} <= model.guessed
    assert (facts["free"].confidence, facts["free"].date) == ("high", DAY)


def test_it_contradicts_nobody():
    said = Model(
        provider="groq", id="m", context=8192, capabilities=frozenset({"chat"}), free=True, guessed=frozenset()
    )
    catalog = build(listings=[listed("groq", said)], public=public(groq={"m": row()}), today=DAY)
    model = catalog.find("groq", "m")
    assert (model.context, model.capabilities) == (8192, {"chat"})
    shipped = build(today=DAY).find("groq", "openai/gpt-oss-120b")
    absurd = public(groq={"openai/gpt-oss-120b": row(cost={"input": 99, "output": 99}, limit={"context": 1})})
    kept = build(public=absurd, today=DAY).find("groq", "openai/gpt-oss-120b")
    assert (kept.context, kept.price, kept.capabilities) == (shipped.context, shipped.price, shipped.capabilities)


def test_the_same_model_elsewhere_tells_its_window_but_not_its_price():
    bare = Model(provider="groq", id="acme/new-9b-instruct", free=True, guessed=frozenset({"capabilities"}))
    elsewhere = public(
        somebody={"new-9b": row(limit={"context": 100})},
        another={"acme/new-9b": row(limit={"context": 300}), "new-9b:free": row(limit={"context": 200})},
    )
    model = build(listings=[listed("groq", bare)], public=elsewhere, today=DAY).find("groq", "acme/new-9b-instruct")
    assert (model.context, model.price) == (200, None)


def test_models_that_nobody_listed_are_added_where_the_provider_has_no_list_and_are_never_free():
    free = {"sonar-9": row(cost={"input": 0, "output": 0}), "sonar-8": row()}
    terms = {"perplexity": Terms(lists=False), "groq": Terms(lists=True)}
    catalog = build(public=public(perplexity=free, groq={"invented": row()}), terms=terms, today=DAY)
    model = catalog.find("perplexity", "sonar-9")
    assert (model.status, model.free, model.confidence, model.context) == ("unverified", False, "low", 200000)
    assert len(catalog.of("perplexity")) == 2 and catalog.find("groq", "invented") is None


def test_what_the_user_said_stands_and_what_the_user_left_open_is_filled():
    table = ProviderSettings(models=(ModelSettings(id="m", context=1000),))
    model = build(providers={"groq": table}, public=public(groq={"m": row()}), today=DAY).find("groq", "m")
    assert (model.context, model.max_output) == (1000, 32000)


def test_providers_have_other_ids_there():
    assert set(public(google={"g": row()}).by_provider) == {"gemini"}
    assert set(read({"providers": page(groq={"g": row()})}, source="s", date=DAY, providers=HERE).by_provider) == {
        "groq"
    }


def test_it_is_kept_in_pieces_that_join_again():
    whole = public(groq={"a": row()}, google={"b": row(), "c": row()}, somebody={"d": row()})
    pieces = parts(whole)
    assert set(pieces) == {"*", "groq", "gemini"}
    again = joined(pieces.values())
    assert again.by_provider == whole.by_provider and again.by_name == whole.by_name
    assert joined([]) is None


BAD = [math.nan, math.inf, -1, 0, 10**12, True, "9", None, [], {}]


@pytest.mark.parametrize("bad", BAD, ids=repr)
def test_a_number_that_cannot_be_is_left_out(bad):
    odd = row(limit={"context": bad, "output": bad}, cost={"input": bad, "output": 1}, modalities=bad)
    (model,) = public(groq={"m": odd}).by_provider["groq"]
    assert (model.context, model.max_output) == (None, None)
    assert model.price is None or (bad == 0 and model.price.input == 0)


@pytest.mark.parametrize("date", ["2026-13-40", "soon", "20260502", 2026, None, "2026-05-02; DROP TABLE", "2026-02-31"])
def test_a_date_that_is_none_is_left_out(date):
    (model,) = public(groq={"m": row(release_date=date, knowledge=date)}).by_provider["groq"]
    assert (model.released, model.knowledge) == (None, None)


@pytest.mark.parametrize("id", ["<script>", "../../etc/passwd", "a b", "x" * 201, "", "a//b", "a\nb", "\u00e9"])
def test_an_id_that_could_break_out_is_left_out(id):
    assert [model.id for model in public(groq={id: row(), "good": row()}).by_provider["groq"]] == ["good"]


@pytest.mark.parametrize("value", [None, [], "x", 7, {}, {"groq": 1}, {"groq": {"models": []}}, {"providers": {}}])
def test_a_page_that_is_no_catalogue_is_refused(value):
    with pytest.raises(ValueError, match="catalogue"):
        read(value, source="s", date=DAY, providers=HERE)


def test_no_more_is_taken_than_there_is_room_for():
    huge = page(groq={f"m{number}": row() for number in range(5000)})
    huge |= {f"p{number}": {"models": {f"p{number}": row()}} for number in range(2000)}
    found = read(huge, source="s", date=DAY, providers=HERE)
    assert len(found.by_provider["groq"]) == 2000
    assert len(found.by_name) <= 2000 + PROVIDERS_MOST


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
FIELDS = st.sampled_from(
    ["modalities", "limit", "cost", "reasoning", "tool_call", "knowledge", "release_date", "input", "output", "context"]
)


@settings(max_examples=150, deadline=None)
@given(
    rows=st.dictionaries(
        st.text(max_size=6) | st.just("m"), st.dictionaries(FIELDS, JSON, max_size=6) | JSON, max_size=4
    )
)
def test_whatever_it_says_nothing_breaks_and_nothing_odd_comes_through(rows):
    found = public(groq={"good": row()} | rows)
    for model in (*found.by_provider["groq"], *found.by_name):
        assert MODEL_ID.fullmatch(model.id) or model in found.by_name
        assert model.context is None or 0 < model.context <= 10**8
        json.dumps([model.released, model.knowledge])
    build(public=found, terms={"groq": Terms(lists=False)}, today=DAY)
