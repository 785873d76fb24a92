import pytest

from wallas.catalog.entries import Model
from wallas.catalog.snapshot import Catalog
from wallas.errors import NotFound
from wallas.routing.naming import SUFFIXES, Names
from wallas.routing.strategies import PROFILE_ALIASES, PROFILES
from wallas.settings import ProfileSettings

MODELS = [
    Model(provider="groq", id="llama-3", free=True),
    Model(provider="groq", id="openai/gpt-oss-120b", free=True),
    Model(provider="cerebras", id="gpt-oss-120b", free=True),
    Model(provider="openrouter", id="openai/gpt-oss-120b"),
    Model(provider="openrouter", id="openai/gpt-oss-120b:free", free=True),
    Model(provider="openrouter", id="acme/model", free=True),
    Model(provider="ollama", id="qwen3:latest", free=True),
    Model(provider="ollama", id="llama-3", free=True),
    Model(provider="openai", id="gpt-4o"),
    Model(provider="unconfigured", id="secret-model"),
    Model(provider="groq", id="whisper", kind="transcription"),
    Model(provider="groq", id="aliased-model", aliases=("other-name",)),
    Model(provider="groq", id="fast-draft"),
]
USABLE = frozenset({"groq", "cerebras", "openrouter", "ollama", "openai"})


def names(*, aliases=None, profiles=None, usable=USABLE, models=MODELS):
    return Names(Catalog(models), usable=usable, aliases=aliases or {}, profiles=profiles or {})


def keys(asked):
    return [model.key for model in asked.models]


@pytest.mark.parametrize("name", [*PROFILES, *PROFILE_ALIASES])
def test_a_virtual_model_and_its_aliases_are_profiles(name):
    asked = names().read(name)
    assert asked.profile == PROFILE_ALIASES.get(name, name)
    assert not asked.models and not asked.exact and not asked.named


def test_a_users_own_profile_comes_before_everything():
    own = {"auto": ProfileSettings(models=("groq/llama-3",))}
    asked = names(profiles=own, aliases={"auto": "rapido"}).read("auto")
    assert (asked.profile, keys(asked), asked.strategy, asked.exact) == ("auto", ["groq/llama-3"], "order", True)


def test_an_exact_alias_comes_before_the_catalog():
    asked = names(aliases={"gpt-4o": "rapido"}).read("gpt-4o")
    assert (asked.profile, asked.alias) == ("rapido", "gpt-4o")


def test_a_glob_alias_comes_after_the_catalog():
    own = names(aliases={"gpt-*": "razonamiento"})
    assert keys(own.read("gpt-4o")) == ["openai/gpt-4o"]
    assert own.read("gpt-unknown").profile == "razonamiento"


def test_a_local_tag_comes_before_other_providers_ids():
    assert keys(names().read("llama-3")) == ["ollama/llama-3"]
    assert keys(names().read("qwen3")) == ["ollama/qwen3:latest"]
    assert keys(names().read("qwen3:latest")) == ["ollama/qwen3:latest"]


def test_a_catalog_id_is_one_model_at_all_its_providers():
    asked = names().read("openai/gpt-oss-120b")
    assert keys(asked) == ["groq/openai/gpt-oss-120b", "openrouter/openai/gpt-oss-120b"]
    assert asked.named == set(keys(asked)) and not asked.exact


def test_an_id_that_has_the_form_of_a_suffix_is_an_id_first():
    asked = names().read("openai/gpt-oss-120b:free")
    assert keys(asked) == ["openrouter/openai/gpt-oss-120b:free"] and not asked.suffixes


def test_another_name_of_a_model_means_that_model():
    assert keys(names().read("other-name")) == ["groq/aliased-model"]


@pytest.mark.parametrize("suffix", sorted(SUFFIXES))
@pytest.mark.parametrize(
    ("base", "found"),
    [
        ("auto", []),
        ("gpt-4o", ["openai/gpt-4o"]),
        ("groq/llama-3", ["groq/llama-3"]),
        ("qwen3", ["ollama/qwen3:latest"]),
    ],
)
def test_a_known_suffix_is_taken_off(base, found, suffix):
    asked = names().read(f"{base}:{suffix}")
    assert keys(asked) == found and asked.suffixes == {suffix}


def test_suffixes_may_be_several_and_follow_an_alias():
    assert names().read("auto:free:nitro").suffixes == {"free", "nitro"}
    asked = names().read("claude-sonnet-4-5:free")
    assert (asked.profile, asked.suffixes) == ("agentico", {"free"})


@pytest.mark.parametrize("name", [":free", "nothing:free", "auto:fast", "free"])
def test_a_suffix_of_nothing_or_an_unknown_one_is_no_name(name):
    with pytest.raises(NotFound):
        names().read(name)


@pytest.mark.parametrize("mark", "/:")
def test_a_provider_before_the_mark_means_that_one_only(mark):
    asked = names().read(f"groq{mark}llama-3")
    assert keys(asked) == ["groq/llama-3"] and asked.exact and asked.named == {"groq/llama-3"}
    assert keys(names().read(f"ollama{mark}qwen3")) == ["ollama/qwen3:latest"]
    assert keys(names().read(f"openrouter{mark}acme/model")) == ["openrouter/acme/model"]


@pytest.mark.parametrize(
    ("name", "profile"),
    [
        ("claude-3-5-haiku-latest", "rapido"),
        ("gpt-5-mini", "rapido"),
        ("gpt-5-mini-2026-01-01", "rapido"),
        ("claude-opus-5", "agentico"),
        ("gpt-9", "agentico"),
        ("gemini-9-pro", "agentico"),
    ],
)
def test_names_that_tools_insist_on_mean_a_fitting_profile(name, profile):
    asked = names().read(name)
    assert (asked.profile, asked.alias) == (profile, name)


def test_built_in_aliases_take_no_other_name():
    with pytest.raises(NotFound):
        names().read("acme-mini")


def test_an_alias_may_lead_to_another_and_to_a_model():
    own = names(aliases={"work": "smart", "smart": "groq/llama-3", "big-*": "gpt-4o"})
    assert keys(own.read("work")) == ["groq/llama-3"]
    assert keys(own.read("big-one")) == ["openai/gpt-4o"]


def test_aliases_that_lead_in_a_circle_lead_nowhere():
    with pytest.raises(NotFound):
        names(aliases={"a": "b", "b": "a"}).read("a")
    with pytest.raises(NotFound):
        names(aliases={"x*": "x1"}).read("xyz")
    assert keys(names(aliases={"gpt-4o": "gpt-4o"}).read("gpt-4o")) == ["openai/gpt-4o"]


def test_an_alias_of_nothing_is_told_by_what_it_stands_for():
    with pytest.raises(NotFound) as caught:
        names(aliases={"mine": "groq/llama-33"}).read("mine")
    assert "groq/llama-33" in caught.value.message


def test_only_models_that_can_be_called_are_told_as_near():
    models = [Model(provider="unconfigured", id="llama-31"), Model(provider="groq", id="llama-3", free=True)]
    with pytest.raises(NotFound, match=r"near: llama-3, groq/llama-3$"):
        names(models=models).read("llama-33")


def test_an_unknown_name_is_404_with_the_nearest():
    with pytest.raises(NotFound) as caught:
        names().read("lama-3")
    error = caught.value
    assert (error.status, error.code, error.param) == (404, "model_not_found", "model")
    assert "llama-3" in error.message


def test_a_provider_without_a_key_is_told_of():
    with pytest.raises(NotFound) as caught:
        names().read("unconfigured/secret-model")
    assert "no key" in caught.value.message
    with pytest.raises(NotFound):
        names().read("secret-model")


def test_an_ugly_name_is_told_escaped_and_short():
    with pytest.raises(NotFound) as caught:
        names().read("\x1b[31m" + "x" * 5000)
    assert "\x1b" not in caught.value.message and len(caught.value.message) < 500


def test_a_name_longer_than_any_is_looked_at_no_further():
    with pytest.raises(NotFound):
        names().read("auto" + ":free" * 200)


def test_a_profile_lists_ids_globs_and_everything_in_its_order():
    own = {"mine": ProfileSettings(models=("openai/gpt-4o", "groq/*", "*"), strategy="rapido")}
    asked = names(profiles=own).read("mine")
    assert keys(asked)[:2] == ["openai/gpt-4o", "groq/llama-3"]
    assert len(keys(asked)) == len(set(keys(asked)))
    assert "groq/whisper" not in keys(asked) and "unconfigured/secret-model" not in keys(asked)
    assert asked.named == {"openai/gpt-4o"}
    assert asked.strategy == "rapido"


def test_a_profile_of_bare_ids_and_of_itself():
    own = {"mine": ProfileSettings(models=("gpt-4o", "mine", "nothing"))}
    assert keys(names(profiles=own).read("mine")) == ["openai/gpt-4o"]


@pytest.mark.parametrize("name", ["github/openai/gpt-4.1", "github:gpt-4o-mini", "github/gpt-4o-mini:free"])
def test_a_model_of_a_provider_that_ended_is_said_to_be_retired_and_since_when(name):
    with pytest.raises(NotFound, match=r"retired on 2026-07-30") as caught:
        names(models=[*MODELS, Model(provider="github", id="openai/gpt-4.1", status="retired")]).read(name)
    assert (caught.value.status, caught.value.code) == (404, "model_not_found")


def test_a_model_that_was_retired_at_the_only_provider_that_is_asked_for_is_a_404_that_says_so():
    ended = Model(provider="groq", id="old", status="retired", retires_on="2026-09-21", note="replaced by new")
    read = names(models=[*MODELS, ended, Model(provider="openrouter", id="old")]).read
    with pytest.raises(NotFound, match=r"groq/old was retired on 2026-09-21: replaced by new"):
        read("groq/old")
    assert keys(read("old")) == ["groq/old", "openrouter/old"]
