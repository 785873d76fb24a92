"""A snapshot is made of what is shipped, what was listed and what the user says; the later wins."""

import time

import pytest

from wallas.catalog.build import Terms, build, builtin_models, limit_lines
from wallas.catalog.entries import Model, Price
from wallas.catalog.families import traits
from wallas.catalog.listing import MODEL_ID, MODELS_MOST, Listing, checked
from wallas.catalog.snapshot import Catalog
from wallas.settings import CAPABILITIES, LimitSettings, ModelSettings, PriceSettings, ProviderSettings, SettingsError

DAY = "2026-11-21"


def listing(provider, *models, date=DAY):
    return Listing(provider=provider, date=date, models=models)


def test_every_shipped_model_has_a_source_a_date_and_known_words():
    for model in builtin_models():
        assert model.source and model.date[:2] == "20", model.key
        assert model.capabilities and model.capabilities <= CAPABILITIES, model.key
        assert MODEL_ID.fullmatch(model.id), model.key
        assert model.price is None or model.price.input is None or model.price.input >= 0, model.key
    assert len({model.key for model in builtin_models()}) == len(builtin_models()) > 200


def test_every_shipped_limit_has_a_source_and_bounds_something():
    lines = [limits for rows in limit_lines().values() for _, limits in rows]
    assert all(limits.source and limits.date for limits in lines)
    counted = ("rpm", "rph", "rpd", "rpmonth", "tpm", "tph", "tpd", "tpmonth", "concurrent")
    assert all(any(getattr(limits, name) is not None for name in counted) for limits in lines)


def test_free_models_have_their_providers_limits():
    catalog = build(today=DAY)
    groq = catalog.find("groq", "openai/gpt-oss-120b")
    router = catalog.find("openrouter", "google/gemma-4-31b-it:free")
    flash = catalog.find("gemini", "gemini-3.8-flash")
    assert (groq.limits.rpd, groq.limits.scope) == (1000, "model")
    assert (router.limits.rpd, router.limits.scope, router.limits.reset) == (50, "account", "utc")
    assert (flash.limits.rpd, flash.limits.reset) == (20, "America/Los_Angeles")


def test_paid_models_are_said_to_be_paid_and_have_no_free_limits():
    opus = build(today=DAY).find("anthropic", "claude-opus-5")
    assert (opus.free, opus.paid, opus.status, opus.limits) == (False, True, "paid", None)


def test_a_model_retires_on_its_day():
    before, after = (build(today=day).find("openai", "gpt-5-mini") for day in ("2026-12-10", "2026-12-11"))
    assert (before.status, after.status) == ("paid", "retired")
    assert build(today=DAY).find("groq", "groq/compound").status == "retired"


def test_a_model_that_is_still_listed_after_its_day_goes_on_working():
    listed = Model(provider="groq", id="groq/compound", free=True, guessed=frozenset({"capabilities"}))
    late, early = (build(listings=[listing("groq", listed, date=day)], today=DAY) for day in (DAY, "2026-09-01"))
    assert late.find("groq", "groq/compound").status == "working"
    assert early.find("groq", "groq/compound").status == "retired"


def test_a_retired_provider_has_retired_models_only():
    listed = listing("github", Model(provider="github", id="openai/gpt-4.1", free=True))
    catalog = build(listings=[listed], terms={"github": Terms(retired=True)}, today=DAY)
    assert catalog.find("github", "openai/gpt-4.1").status == "retired"


def test_a_list_corrects_what_is_shipped_and_keeps_what_it_does_not_tell():
    fresh = Model(
        provider="groq", id="openai/gpt-oss-120b", context=65536, free=True, guessed=frozenset({"capabilities"})
    )
    model = build(listings=[listing("groq", fresh)], today=DAY).find("groq", "openai/gpt-oss-120b")
    assert (model.context, model.max_output, model.limits.rpd) == (65536, 65536, 1000)
    assert {"tools", "reasoning", "json_schema"} <= model.capabilities


def test_what_a_list_no_longer_has_is_kept_and_marked():
    catalog = build(listings=[listing("groq", Model(provider="groq", id="new-model", free=True))], today=DAY)
    assert catalog.find("groq", "openai/gpt-oss-120b").missing_since == DAY
    assert catalog.find("groq", "new-model").missing_since is None


def test_an_empty_list_marks_nothing():
    catalog = build(listings=[listing("groq")], today=DAY)
    assert catalog.find("groq", "openai/gpt-oss-120b").missing_since is None


def test_an_unknown_model_has_its_familys_traits_marked_as_a_guess():
    catalog = build(
        listings=[listing("p", Model(provider="p", id="gpt-oss-20b"), Model(provider="p", id="m"))], today=DAY
    )
    family, unknown = catalog.find("p", "gpt-oss-20b"), catalog.find("p", "m")
    assert {"quality", "capabilities"} <= family.guessed
    assert {"chat", "tools", "reasoning"} <= family.capabilities
    assert (family.quality, unknown.quality) == (traits("gpt-oss-20b").quality, 40.0)


def test_the_user_adds_models_and_has_the_last_word():
    table = ProviderSettings(
        wire="openai",
        base_url="http://127.0.0.1:9/v1",
        free=True,
        limits=LimitSettings(rpm=7),
        models=(
            ModelSettings(
                id="m",
                context=1000,
                capabilities=("tools", "vision"),
                quality=70,
                price=PriceSettings(input=1.0, output=2.0),
                limits=LimitSettings(rpd=3, reset="utc"),
                aliases=("mine",),
            ),
            ModelSettings(id="n"),
        ),
    )
    groq = ProviderSettings(models=(ModelSettings(id="openai/gpt-oss-120b", quality=99, free=False),))
    catalog = build(providers={"acme": table, "groq": groq}, today=DAY)
    mine, other = catalog.find("acme", "mine"), catalog.find("acme", "n")
    assert (mine.id, mine.context, mine.quality, mine.free, mine.price.output) == ("m", 1000, 70, True, 2.0)
    assert (mine.capabilities, mine.limits.rpd, mine.limits.rpm) == ({"chat", "tools", "vision"}, 3, None)
    assert (other.free, other.limits.rpm) == (True, 7)
    changed = catalog.find("groq", "openai/gpt-oss-120b")
    assert (changed.quality, changed.free, changed.context) == (99, False, 131072)


@pytest.mark.parametrize(
    "said, word",
    [
        (ModelSettings(id="m", capabilities=("visoin",)), "visoin"),
        (ModelSettings(id="m", kind="chatt"), "chatt"),
        (ModelSettings(id="<script>"), "letters"),
    ],
)
def test_words_that_mean_nothing_are_refused_with_their_place(said, word):
    with pytest.raises(SettingsError, match=word) as caught:
        build(providers={"acme": ProviderSettings(models=(said,))}, today=DAY)
    assert "providers.acme.models" in str(caught.value)


def test_a_price_of_nothing_makes_a_users_model_free():
    said = ModelSettings(id="m", price=PriceSettings(input=0.0, output=0.0))
    assert build(providers={"acme": ProviderSettings(models=(said,))}, today=DAY).find("acme", "m").free


def test_a_key_that_is_billed_makes_every_model_of_its_provider_paid():
    catalog = build(terms={"ovhcloud": Terms(free=False)}, today=DAY)
    assert {model.free for model in catalog.of("ovhcloud")} == {False}
    assert {model.free for model in build(today=DAY).of("ovhcloud")} == {True}


def test_U64_a_list_of_garbage_and_of_too_many_is_cut_down():
    bad = ["<script>alert(1)</script>", "../etc/passwd", "a" * 201, "", "two words", "n\u00fcl", "x\n", "a//b"]
    models = [Model(provider="p", id=id) for id in [*bad, "good", "good", *(f"m{n}" for n in range(100_000))]]
    kept = checked(models)
    assert len(kept) == MODELS_MOST
    assert [model.id for model in kept[:2]] == ["good", "m0"]


def test_a_listing_survives_storage():
    model = Model(
        provider="p", id="m", capabilities=frozenset({"chat"}), price=Price(input=1.0), guessed=frozenset({"free"})
    )
    before = listing("p", model)
    assert Listing.parse(before.plain()) == before


def test_building_is_quick_enough_to_be_done_at_every_change():
    models = [Model(provider=f"p{n % 7}", id=f"family-{n}-instruct", free=True) for n in range(3000)]
    lists = [listing(f"p{n}", *(model for model in models if model.provider == f"p{n}")) for n in range(7)]
    build(listings=lists, today=DAY)
    start = time.thread_time()
    build(listings=lists, today=DAY)
    assert time.thread_time() - start < 0.5


def test_lookups_find_ids_aliases_names_and_neighbours():
    catalog = Catalog(
        [
            Model(provider="a", id="openai/gpt-oss-120b"),
            Model(provider="b", id="gpt-oss:120b", aliases=("big",)),
            Model(provider="c", id="gpt-oss-120b", kind="embedding"),
            Model(provider="d", id="other"),
        ]
    )
    assert [model.provider for model in catalog.named("openai/gpt-oss-120b")] == ["a", "b"]
    assert [model.provider for model in catalog.named("gpt-oss:120b")] == ["b", "a"]
    assert catalog.find("b", "big").id == "gpt-oss:120b"
    assert catalog.find("a", "big") is None
    assert [model.provider for model in catalog.same(catalog.find("a", "openai/gpt-oss-120b"))] == ["b"]
    assert catalog.nearest("gpt-oss-12b")[0] in ("gpt-oss-120b", "gpt-oss:120b")
    assert catalog.nearest("zzzzzzzz") == []
    assert [model.key for model in catalog.of("d")] == ["d/other"]


def test_a_snapshot_is_replaced_and_never_changed():
    before = Catalog([Model(provider="a", id="x"), Model(provider="b", id="y")])
    after = before.replaced("a", [Model(provider="a", id="z")])
    assert [model.key for model in before.models] == ["a/x", "b/y"]
    assert sorted(model.key for model in after.models) == ["a/z", "b/y"]


def test_families_are_tried_from_the_particular_to_the_general():
    assert (
        traits("gemini-2.5-flash-lite").quality < traits("gemini-2.5-flash").quality < traits("gemini-2.5-pro").quality
    )
    assert traits("qwen3:8b").quality < traits("qwen3.8:27b").quality
    assert traits("gpt-oss-120b").known and not traits("nobody-knows-this").known
    assert traits("tinything:1b").quality < traits("hugething:405b").quality


def test_priors_stay_within_bounds():
    assert all(0 < model.quality <= 100 and 0 < model.coding <= 100 for model in builtin_models())


def table(*models):
    return {"groq": ProviderSettings(models=models)}


def test_a_moved_provider_whose_models_the_user_lists_has_those_and_none_of_the_shipped():
    own = ModelSettings(id="openai/gpt-oss-120b")
    moved = build(providers=table(own), terms={"groq": Terms(moved=True)}, today=DAY)
    assert [model.id for model in moved.models if model.provider == "groq"] == ["openai/gpt-oss-120b"]
    assert moved.find("groq", "openai/gpt-oss-120b").limits is None
    assert len([model for model in build(providers=table(own), today=DAY).models if model.provider == "groq"]) > 1
    mirror = build(providers=table(), terms={"groq": Terms(moved=True)}, today=DAY)
    assert len([model for model in mirror.models if model.provider == "groq"]) > 1


def test_a_moved_providers_own_list_adds_to_what_the_user_says():
    listed = listing("groq", Model(provider="groq", id="new", source="groq", date=DAY))
    moved = build(
        providers=table(ModelSettings(id="own")), listings=[listed], terms={"groq": Terms(moved=True)}, today=DAY
    )
    assert sorted(model.id for model in moved.models if model.provider == "groq") == ["new", "own"]


def test_a_model_that_the_user_lists_is_there_even_where_its_providers_list_leaves_it_out():
    listed = listing("groq", Model(provider="groq", id="new", source="groq", date=DAY))
    catalog = build(providers=table(ModelSettings(id="openai/gpt-oss-120b")), listings=[listed], today=DAY)
    assert catalog.find("groq", "openai/gpt-oss-120b").missing_since is None
    assert catalog.find("groq", "openai/gpt-oss-20b").missing_since == DAY


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (("chat", "vision"), "chat"),
        (("chat", "embeddings"), "chat"),
        (("embeddings",), "embedding"),
        (("tools",), "chat"),
    ],
)
def test_the_kind_of_a_users_model_follows_from_its_capabilities(words, kind):
    catalog = build(
        providers={"acme": ProviderSettings(models=(ModelSettings(id="m", capabilities=words),))}, today=DAY
    )
    assert catalog.find("acme", "m").kind == kind


def test_a_list_that_takes_a_chat_model_for_another_kind_is_put_right_by_the_user():
    listed = listing("groq", Model(provider="groq", id="m", kind="embedding", source="groq", date=DAY))
    catalog = build(providers=table(ModelSettings(id="m", capabilities=("chat",))), listings=[listed], today=DAY)
    assert catalog.find("groq", "m").kind == "chat"


def test_the_user_says_what_state_a_model_is_in_and_until_when():
    table = ProviderSettings(
        trains_on_data=False,
        models=(
            ModelSettings(id="openai/gpt-oss-120b", status="unverified"),
            ModelSettings(id="old", retires_on="2026-11-20"),
            ModelSettings(id="new", retires_on="2026-11-22", trains_on_data=True),
            ModelSettings(id="groq/compound", status="working"),
        ),
    )
    catalog = build(providers={"groq": table}, today=DAY)
    states = {
        name: catalog.find("groq", name).status for name in ("openai/gpt-oss-120b", "old", "new", "groq/compound")
    }
    assert list(states.values()) == ["unverified", "retired", "working", "working"]
    assert (
        "status" in catalog.find("groq", "groq/compound").fixed
        and catalog.find("groq", "new").retires_on == "2026-11-22"
    )
    assert (catalog.find("groq", "old").trains_on_data, catalog.find("groq", "new").trains_on_data) == (False, True)


def test_what_a_list_has_been_without_for_thirty_days_is_retired_and_kept():
    gone = Model(provider="p", id="m", missing_since="2026-10-22")
    early, late = (
        build(listings=[listing("p", gone)], today=day).find("p", "m") for day in ("2026-11-20", "2026-11-21")
    )
    assert (early.status, late.status) == ("paid", "retired")
    again = listing("p", Model(provider="p", id="x")).after(listing("p", gone))
    assert {model.id: model.missing_since for model in again.models} == {"x": None, "m": "2026-10-22"}


def test_each_fact_is_told_with_who_says_so_when_and_how_far_it_is_believed():
    fresh = Model(
        provider="groq",
        id="openai/gpt-oss-120b",
        context=65536,
        source="groq model list",
        guessed=frozenset({"free", "capabilities"}),
    )
    model = build(listings=[listing("groq", fresh)], today=DAY).find("groq", "openai/gpt-oss-120b")
    facts = model.facts()
    assert (facts["context"].source, facts["context"].date, facts["context"].confidence) == (
        "groq model list",
        DAY,
        "high",
    )
    assert facts["max_output"].confidence == "medium" and facts["max_output"].source != "groq model list"
    assert facts["quality"].source.startswith("family:") and facts["quality"].confidence == "low"
    assert facts["limits"].source == model.limits.source and facts["limits"].date
    assert all(origin.source for origin in facts.values())
    for known in build(today=DAY).models:
        assert all(origin.source and origin.date for origin in known.facts().values()), known.key
