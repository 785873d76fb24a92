"""Settings make the table into providers: who can be used, with which keys, and where."""

from dataclasses import replace

import pytest

from wallas.providers.registry import (
    checked_headers,
    normal_base,
    provider_rows,
    provider_terms,
    providers,
    rows,
)
from wallas.providers.row import PROGRAM
from wallas.settings import ProviderSettings, SettingsError, load_settings, make_key
from wallas.transport import Transport


@pytest.fixture
def made(tmp_path):
    """Return a function that makes the services of environment variables and a ``wallas.toml``."""

    def make(environ=None, toml="", **options):
        if toml:
            (tmp_path / "wallas.toml").write_text(toml)
        settings = load_settings(environ or {}, directory=tmp_path)
        usable = providers(settings, Transport(), **options)
        return settings, {name: one for name, one in usable.items() if not one.row.program}

    return make


def services(usable):
    return {name for name, provider in usable.items() if provider.wire != PROGRAM}


def test_without_any_key_the_keyless_ones_and_the_local_daemon_are_there(made):
    _, usable = made()
    assert services(usable) == {"ollama", "kilo", "ovhcloud", "llm7"}
    asked = [usable[name] for name in services(usable)]
    assert all(provider.headers(provider.keys[0]).keys().isdisjoint({"Authorization"}) for provider in asked)


def test_keyless_services_elsewhere_can_be_left_out(made):
    _, usable = made(keyless=False)
    assert services(usable) == {"ollama"}


def test_the_demo_uses_nobody_but_its_fleet(tmp_path):
    settings = replace(load_settings({"GROQ_API_KEY": "k"}, directory=tmp_path), demo=True)
    assert providers(settings, Transport()) == {}


def test_a_key_makes_a_provider_usable_and_every_name_of_it_is_read_in_order(made):
    _, usable = made(
        {"GEMINI_API_KEY": "g1", "GOOGLE_API_KEY": "g2", "HF_TOKEN": "hf_1", "CO_API_KEY": "co1"}, keyless=False
    )
    assert services(usable) == {"ollama", "gemini", "huggingface", "cohere"}
    assert [key.secret.reveal() for key in usable["gemini"].keys] == ["g1", "g2"]


def test_several_keys_and_their_accounts(made):
    _, usable = made({"GROQ_API_KEYS": "k1@one,k2@two,k3@two"}, keyless=False)
    assert [(key.secret.reveal(), key.account) for key in usable["groq"].keys] == [
        ("k1", "one"),
        ("k2", "two"),
        ("k3", "two"),
    ]


@pytest.mark.parametrize(
    "name, header, value",
    [
        ("groq", "Authorization", "Bearer k"),
        ("gemini", "x-goog-api-key", "k"),
        ("anthropic", "x-api-key", "k"),
        ("cohere", "Authorization", "Bearer k"),
        ("ollama-cloud", "Authorization", "Bearer k"),
    ],
)
def test_the_key_travels_in_the_providers_own_header(made, name, header, value):
    variables = {"groq": "GROQ_API_KEY", "gemini": "GEMINI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}
    variables |= {"cohere": "COHERE_API_KEY", "ollama-cloud": "OLLAMA_API_KEY"}
    _, usable = made({variables[name]: "k"})
    provider = usable[name]
    assert provider.headers(provider.keys[0])[header] == value


def test_a_retired_provider_is_never_used_though_its_token_is_set(made):
    settings, usable = made({"GITHUB_TOKEN": "ghp_1"})
    assert "github" not in usable
    told = next(row for row in provider_rows(settings, usable) if row["id"] == "github")
    assert (told["configured"], told["status"], told["retires_on"]) == (False, "retired", "2026-07-30")
    assert provider_terms(settings, usable)["github"].retired


def test_every_address_can_be_moved(made):
    environ = {"GROQ_API_KEY": "k", "GROQ_BASE_URL": "http://127.0.0.1:9001/v1/", "GEMINI_API_KEY": "k"}
    _, usable = made(environ | {"GEMINI_BASE_URL": "http://127.0.0.1:9002/v1beta"})
    assert usable["groq"].base_url == "http://127.0.0.1:9001/v1"
    assert usable["gemini"].base_url == "http://127.0.0.1:9002/v1beta"


def test_a_moved_address_needs_no_key(made):
    _, usable = made({"GROQ_BASE_URL": "http://127.0.0.1:9001/v1"}, keyless=False)
    assert [key.id for key in usable["groq"].keys] == ["keyless"]


@pytest.mark.parametrize(
    "wire, given, made_of_it",
    [
        ("gemini", "http://h", "http://h/v1beta"),
        ("gemini", "http://h/v1beta", "http://h/v1beta"),
        ("gemini", "http://h/v1", "http://h/v1"),
        ("anthropic", "http://h", "http://h/v1"),
        ("anthropic", "http://h/anthropic", "http://h/anthropic/v1"),
        ("anthropic", "http://h/v1/", "http://h/v1"),
        ("ollama", "http://h:11434/v1", "http://h:11434"),
        ("ollama", "http://h:11434/api", "http://h:11434"),
        ("cohere", "http://h/v2", "http://h"),
        ("openai_chat", "http://h/any/v4", "http://h/any/v4"),
    ],
)
def test_addresses_are_taken_with_and_without_their_version(wire, given, made_of_it):
    assert normal_base(wire, given) == made_of_it


def test_an_engine_on_this_machine_is_used_once_it_is_named(made):
    _, usable = made({"LLAMACPP_BASE_URL": "http://127.0.0.1:8080/v1"}, keyless=False)
    assert services(usable) == {"ollama", "llamacpp"}
    _, usable = made({}, "[providers.vllm]\nfree = true\n", keyless=False)
    assert usable["vllm"].base_url == "http://localhost:8000/v1"


def test_the_daemon_is_where_the_settings_say(made):
    _, usable = made({"OLLAMA_UPSTREAM": "http://127.0.0.1:9999"})
    assert usable["ollama"].base_url == "http://127.0.0.1:9999"


def test_an_account_in_the_address_comes_with_the_key(made):
    _, usable = made({"CLOUDFLARE_API_KEY": "token@acc123"}, keyless=False)
    provider = usable["cloudflare"]
    assert provider.base(provider.keys[0]).endswith("/accounts/acc123/ai/v1")
    _, usable = made({"CLOUDFLARE_API_KEY": "token"}, keyless=False)
    assert "cloudflare" not in usable


@pytest.mark.parametrize("wire", ["openai", "responses", "anthropic", "gemini", "ollama", "cohere"])
def test_the_users_own_providers_of_all_wires(made, wire):
    toml = f'[providers.acme]\nwire = "{wire}"\nbase_url = "http://127.0.0.1:9301"\napi_key = "sk-a"\nfree = true\n'
    settings, usable = made({}, toml, keyless=False)
    assert usable["acme"].keys[0].secret.reveal() == "sk-a"
    assert usable["acme"].base_url.startswith("http://127.0.0.1:9301")
    assert provider_terms(settings, usable)["acme"].free


def test_a_provider_of_ones_own_without_address_is_refused_by_name(made):
    with pytest.raises(SettingsError, match=r"providers\.acme.*base_url|base_url"):
        made({}, '[providers.acme]\nwire = "openai"\n')


def test_a_table_changes_a_known_provider(made):
    toml = """
[providers.groq]
api_keys = ["a@x", "b@y"]
timeouts = { first_token = 7 }
headers = { "x-extra" = "1" }
never_rest = true
discover = false
"""
    _, usable = made({}, toml, keyless=False)
    groq = usable["groq"]
    assert [key.account for key in groq.keys] == ["x", "y"]
    assert (groq.timeouts.first_token, groq.never_rest, groq.discover) == (7, True, False)
    assert groq.headers(groq.keys[0])["x-extra"] == "1"


def test_a_known_provider_can_be_given_another_wire(made):
    toml = '[providers.deepseek]\nwire = "anthropic"\nbase_url = "http://127.0.0.1:9/anthropic"\napi_key = "k"\n'
    settings, usable = made({}, toml, keyless=False)
    row = rows(settings)["deepseek"]
    assert (row.wire, row.path, row.quirks) == ("anthropic", "/messages", ())
    assert usable["deepseek"].headers(usable["deepseek"].keys[0])["x-api-key"] == "k"


@pytest.mark.parametrize(
    "headers",
    [{"x-a": "1\r\nx-b: 2"}, {"x-a": "nul\0"}, {"x a": "1"}, {"x-a": "\u0141"}, {"Host": "elsewhere"}, {"": "1"}],
)
def test_S31_headers_that_would_break_out_are_refused_at_load(headers):
    with pytest.raises(SettingsError, match=r"providers\.acme"):
        checked_headers("acme", headers)


def test_a_slow_provider_is_given_more_time_unless_the_user_says_otherwise(made):
    _, usable = made({"NVIDIA_API_KEY": "nvapi-1", "GROQ_API_KEY": "k"})
    assert (usable["nvidia"].timeouts.first_token, usable["groq"].timeouts.first_token) == (60, 20)
    _, usable = made({"NVIDIA_API_KEY": "nvapi-1"}, "[providers.nvidia]\ntimeouts = { first_token = 5 }\n")
    assert usable["nvidia"].timeouts.first_token == 5


def test_a_billed_key_is_not_taken_for_free(made):
    settings, usable = made({"OVHCLOUD_API_KEY": "k"})
    assert provider_terms(settings, usable)["ovhcloud"].free is False
    settings, usable = made({})
    assert provider_terms(settings, usable)["ovhcloud"].free is None


def test_what_is_shown_of_providers_has_no_key(made):
    settings, usable = made({"GROQ_API_KEY": "gsk_verysecret1234", "KILO_API_KEY": "kilo_secret5678"})
    shown = provider_rows(settings, usable)
    assert "verysecret" not in repr(shown) and "secret5678" not in repr(shown)
    assert "verysecret" not in repr(usable["groq"])
    groq = next(row for row in shown if row["id"] == "groq")
    assert (groq["configured"], groq["keys"], groq["reason"]) == (True, 1, None)
    mistral = next(row for row in shown if row["id"] == "mistral")
    assert (mistral["configured"], mistral["reason"]) == (False, "no key: set MISTRAL_API_KEY")


def test_an_address_that_is_this_gateway_is_not_used(tmp_path):
    settings = load_settings({}, directory=tmp_path)
    table = ProviderSettings(wire="openai", base_url="http://localhost:8001/v1", keys=(make_key("k"),))
    settings = replace(settings, providers={"loop": table})
    assert "loop" not in providers(settings, Transport())
    told = next(row for row in provider_rows(settings, {}) if row["id"] == "loop")
    assert "this gateway itself" in told["reason"]
