"""What a user can set, where it is read from, and what is refused."""

import copy
import json
import os
import pickle
import re
from pathlib import Path

import pytest

from wallas.settings import NAMES, ROOT, Secret, Settings, SettingsError, Timeouts, check_bind, load_settings


def load(home: Path, environ: dict[str, str] | None = None, *, env: str = "", toml: str = "") -> Settings:
    (home / "instance").mkdir(exist_ok=True)
    if env:
        (home / "instance" / ".env").write_text(env)
        (home / "instance" / ".env").chmod(0o600)
    if toml:
        (home / "wallas.toml").write_text(toml)
    return load_settings(environ or {}, directory=home)


def secrets(settings: Settings, *names: str) -> list[str]:
    return [key.secret.reveal() for key in settings.keys_for(names)]


def test_with_nothing_set_it_serves_this_machine_on_port_8001(tmp_path):
    settings = load(tmp_path)
    assert (settings.host, settings.port, settings.workers, settings.threads) == ("127.0.0.1", 8001, 1, 64)
    assert settings.database_url == f"sqlite:///{tmp_path}/instance/wallas.sqlite"
    assert (settings.request_timeout, settings.model_refresh_seconds) == (600, 21600)
    assert (settings.allow_paid, settings.demo, settings.allow_anon, settings.auxiliary) == (False, False, False, True)
    assert settings.warnings == ()


def test_the_environment_comes_before_the_env_file_of_the_instance_and_that_before_the_other(tmp_path):
    (tmp_path / ".env").write_text("WALLAS_PORT=1\nWALLAS_WORKERS=2\nWALLAS_THREADS=3\n")
    (tmp_path / ".env").chmod(0o600)
    settings = load(tmp_path, {"WALLAS_THREADS": "30"}, env="WALLAS_WORKERS=20\nexport WALLAS_THREADS=5\n")
    assert (settings.port, settings.workers, settings.threads) == (1, 20, 30)


def test_reading_settings_leaves_the_environment_alone(tmp_path):
    before = dict(os.environ)
    load(tmp_path, env="GROQ_API_KEY=gsk_file\n")
    assert dict(os.environ) == before


def test_settings_loaded_again_show_what_has_changed(tmp_path):
    first = load(tmp_path, env="GROQ_API_KEY=one\n")
    second = load(tmp_path, env="GROQ_API_KEY=two\n")
    assert (secrets(first, "GROQ_API_KEY"), secrets(second, "GROQ_API_KEY")) == (["one"], ["two"])


def test_a_variable_takes_a_list_of_keys_and_its_plural_adds_to_it(tmp_path):
    settings = load(tmp_path, {"GROQ_API_KEY": "a, b,,a", "GROQ_API_KEYS": "c,b", "GOOGLE_API_KEY": "d"})
    assert secrets(settings, "GROQ_API_KEY", "GOOGLE_API_KEY") == ["a", "b", "c", "d"]


def test_a_plural_alone_is_enough(tmp_path):
    assert secrets(load(tmp_path, {"GROQ_API_KEYS": "a,b"}), "GROQ_API_KEY") == ["a", "b"]


def test_keys_of_one_account_say_so_and_a_key_alone_is_its_own(tmp_path):
    first, second, third = load(tmp_path, {"X_API_KEY": "k1@work,k2@work,k3"}).keys_for(("X_API_KEY",))
    assert (first.account, second.account, third.account) == ("work", "work", third.id)
    assert (first.secret.reveal(), len(first.id), first.id != second.id) == ("k1", 8, True)


@pytest.mark.parametrize(
    "text",
    ["", "  ", "your_key", "your-key-here", "YOUR_GROQ_API_KEY", "changeme", "change-me", "xxx", "sk-xxxx", "sk-...",
     "gsk_...", "<your key>", "${GROQ_API_KEY}", "sk-your-key-here", "placeholder", "none", "your_key@account"],
)  # fmt: skip
def test_a_placeholder_is_not_a_key(tmp_path, text):
    assert load(tmp_path, {"GROQ_API_KEY": text}).keys_for(("GROQ_API_KEY",)) == ()


@pytest.mark.parametrize("text", ["sk-a", "gsk_7xxxyyy", "test", "anything-local", "k1@account1"])
def test_what_could_be_a_key_is_one(tmp_path, text):
    assert len(load(tmp_path, {"GROQ_API_KEY": text}).keys_for(("GROQ_API_KEY",))) == 1


@pytest.mark.parametrize("text", ["a\r\nX-Evil: 1", "a\nb", "a\0b", "ключ", "a\x7f"])
@pytest.mark.parametrize("name", ["GROQ_API_KEY", "GITHUB_TOKEN", "PROXY_API_KEY", "MISTRAL_API_KEYS"])
def test_a_key_that_no_header_can_carry_is_refused_by_the_name_of_its_variable(tmp_path, name, text):
    with pytest.raises(SettingsError, match=name) as caught:
        load(tmp_path, {name: text})
    assert text not in str(caught.value)


def test_what_other_programs_keep_in_the_environment_is_no_reason_to_refuse(tmp_path):
    settings = load(tmp_path, {"DEPLOY_PRIVATE_KEY": "-----BEGIN\nabc\n", "VITE_BASE_URL": "/app", "ZED_BASE_URL": "["})
    assert (dict(settings.keys), settings.base_url_for("groq")) == ({}, None)


@pytest.mark.parametrize("show", [repr, str, "{}".format, "{:>4}".format, lambda value: json.dumps(value, default=str)])
def test_a_secret_shows_itself_to_nobody_who_does_not_ask(show):
    assert "hush" not in show(Secret("hush")) and "***" in show(Secret("hush"))


def test_a_secret_does_not_travel_in_a_pickle():
    assert pickle.loads(pickle.dumps(Secret("hush"))).reveal() == "***"
    assert copy.copy(Secret("hush")).reveal() == "***"


def test_settings_show_no_secret(tmp_path):
    settings = load(
        tmp_path,
        {
            "GROQ_API_KEY": "hush-1@work",
            "PROXY_API_KEY": "hush-2",
            "WALLAS_DATABASE_URL": "postgresql://u:hush-3@h/d",
            "HTTPS_PROXY": "http://u:hush-4@p:1",
        },
        toml='[providers.a]\napi_key = "hush-5"\nheaders = { authorization = "hush-6" }\n',
    )
    assert "hush" not in repr(settings) and "hush" not in str(settings)


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")
def test_an_env_file_that_others_can_read_is_narrowed_and_that_is_said(tmp_path):
    file = tmp_path / ".env"
    file.write_text("WALLAS_PORT=8005\n")
    file.chmod(0o644)
    settings = load(tmp_path)
    assert file.stat().st_mode & 0o777 == 0o600
    assert (settings.port, ["0644" in warning for warning in settings.warnings]) == (8005, [True])


def test_a_line_that_is_no_setting_is_named(tmp_path):
    settings = load(tmp_path, env="WALLAS_PORT=8005\nthis is = not\n'x\n")
    assert settings.port == 8005
    assert any("line 3" in warning for warning in settings.warnings)


def test_a_dollar_sign_in_a_key_is_just_a_letter(tmp_path):
    assert secrets(load(tmp_path, env="GROQ_API_KEY='a$HOME${b}c'\n"), "GROQ_API_KEY") == ["a$HOME${b}c"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("WALLAS_PORT", "eighty"),
        ("WALLAS_PORT", "65536"),
        ("WALLAS_PORT", "9" * 5000),
        ("WALLAS_WORKERS", "0"),
        ("WALLAS_THREADS", "1.5"),
        ("WALLAS_REQUEST_TIMEOUT_SECONDS", "nan"),
        ("WALLAS_MODEL_REFRESH_SECONDS", "-1"),
        ("WALLAS_ALLOW_PAID", "perhaps"),
        ("WALLAS_OLLAMA_VERSION", "latest"),
        ("WALLAS_DATABASE_URL", "mysql://h/d"),
        ("WALLAS_CONFIG", "/nowhere/wallas.toml"),
        ("SSL_CERT_FILE", "/nowhere/ca.pem"),
        ("OLLAMA_UPSTREAM", "localhost"),
        ("WALLAS_HOST", "127.0.0.1\nx"),
    ],
)
def test_a_wrong_value_is_an_error_that_names_its_variable(tmp_path, name, text):
    with pytest.raises(SettingsError, match=name):
        load(tmp_path, {name: text})


def test_a_wrong_value_of_a_file_names_the_file_too(tmp_path):
    with pytest.raises(SettingsError, match=r"instance/\.env: WALLAS_PORT"):
        load(tmp_path, env="WALLAS_PORT=x\n")


def test_a_misspelt_name_is_said(tmp_path):
    assert any("WALLAS_PROT" in warning for warning in load(tmp_path, {"WALLAS_PROT": "1"}).warnings)


def test_lists_are_split_at_commas(tmp_path):
    assert load(tmp_path, {"WALLAS_ALLOWED_HOSTS": "a.example, b.example,"}).allowed_hosts == ("a.example", "b.example")


def test_a_provider_moves_with_its_base_url(tmp_path):
    settings = load(
        tmp_path, {"GROQ_BASE_URL": "http://127.0.0.1:9001/v1/", "OLLAMA_CLOUD_BASE_URL": "https://[::1]/x"}
    )
    assert settings.base_url_for("groq") == "http://127.0.0.1:9001/v1"
    assert settings.base_url_for("ollama-cloud") == "https://[::1]/x"


@pytest.mark.parametrize(
    "url", ["groq.example/v1", "ftp://h/", "http://u:p@h/", "http://h/?q", "http://a\\@b/", "http://h:x/"]
)
def test_a_base_url_that_is_no_address_is_an_error_once_its_provider_asks(tmp_path, url):
    with pytest.raises(SettingsError, match="GROQ_BASE_URL"):
        load(tmp_path, {"GROQ_BASE_URL": url}).base_url_for("groq")


def test_a_base_url_that_leads_back_to_this_gateway_is_left_out(tmp_path):
    settings = load(tmp_path, {"ANTHROPIC_BASE_URL": "http://localhost:8001"})
    assert settings.base_url_for("anthropic") is None
    assert any("ANTHROPIC_BASE_URL" in warning for warning in settings.warnings)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "[::1]", "127.3.2.1", "unix:/run/w.sock"])
def test_a_port_that_only_this_machine_reaches_needs_no_client_key(tmp_path, host):
    check_bind(load(tmp_path, {"WALLAS_HOST": host}))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "gateway.example", "127.evil.example"])
def test_a_port_that_others_reach_refuses_to_open_without_a_client_key_and_names_the_ways_out(tmp_path, host):
    with pytest.raises(SettingsError) as caught:
        check_bind(load(tmp_path, {"WALLAS_HOST": host, "PROXY_API_KEY": "changeme"}))
    assert all(word in str(caught.value) for word in (host, "127.0.0.1", "PROXY_API_KEY", "WALLAS_ALLOW_ANON"))


@pytest.mark.parametrize("way_out", [{"PROXY_API_KEY": "long-random"}, {"WALLAS_ALLOW_ANON": "1"}])
def test_a_client_key_or_the_users_word_opens_the_port(tmp_path, way_out):
    check_bind(load(tmp_path, {"WALLAS_HOST": "0.0.0.0", **way_out}))


def test_timeouts_have_the_documented_defaults():
    assert Timeouts() == Timeouts(
        connect=3, tls=5, first_token=20, first_token_reasoning=90, gap=30, gap_reasoning=120, whole=120,
        whole_reasoning=300,
    )  # fmt: skip


def test_every_setting_has_a_line_in_the_docs():
    page = (ROOT / "docs" / "operations.md").read_text()
    named = set(re.findall(r"^#? ?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.M))
    assert sorted(name for name in named | NAMES - {"WALLAS_GOLDEN"} if f"`{name}`" not in page) == []


def test_the_example_file_sets_nothing(tmp_path):
    before = load(tmp_path)
    assert load(tmp_path, env=(ROOT / ".env.example").read_text()) == before
