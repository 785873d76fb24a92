"""`wallas.toml`: providers, models, aliases and profiles of the user's own."""

from pathlib import Path

import pytest

from wallas.settings import LimitSettings, PriceSettings, Settings, SettingsError, Timeouts, load_settings

EXAMPLE = """
[providers.acme]
wire = "openai"
base_url = "http://127.0.0.1:9301/v1"
api_keys = ["k1@account1", "k2@account1", "k3"]
key_env = "ACME_API_KEY"
free = true
discover = false
headers = { "x-extra" = "1" }
timeouts = { connect = 3, first_token = 2.5, gap = 30 }
limits = { rpm = 30, rpd = 1000, tpm = 60000, concurrent = 4, scope = "account", reset = "utc" }
never_rest = true

[[providers.acme.models]]
id = "m"
context = 131072
max_output = 8192
capabilities = ["chat", "tools", "vision", "json_schema", "reasoning"]
limits = { rpm = 10, rpd = 20, reset = "America/Los_Angeles" }
price = { input = 0, output = 0.5 }
quality = 70
trains_on_data = false

[providers.groq]
base_url = "http://127.0.0.1:9302/v1"

[aliases]
"claude-*" = "agentico"

[profiles.mine]
models = ["acme/m", "groq/*"]
strategy = "order"
"""


def load(home: Path, text: str, environ: dict[str, str] | None = None) -> Settings:
    (home / "wallas.toml").write_text(text)
    return load_settings(environ or {}, directory=home)


def test_the_documented_example_is_read_whole(tmp_path):
    settings = load(tmp_path, EXAMPLE, {"ACME_API_KEY": "k4,k1"})
    acme = settings.providers["acme"]
    assert (acme.wire, acme.base_url, acme.free, acme.discover) == ("openai", "http://127.0.0.1:9301/v1", True, False)
    assert [key.secret.reveal() for key in acme.keys] == ["k1", "k2", "k3", "k4"]
    assert acme.keys[0].account == acme.keys[1].account == "account1"
    assert (acme.headers, acme.never_rest) == ({"x-extra": "1"}, True)
    assert acme.timeouts == Timeouts(connect=3, first_token=2.5, gap=30)
    assert acme.limits == LimitSettings(rpm=30, rpd=1000, tpm=60000, concurrent=4, scope="account", reset="utc")
    (model,) = acme.models
    assert (model.id, model.context, model.max_output, model.quality) == ("m", 131072, 8192, 70)
    assert model.price == PriceSettings(input=0, output=0.5)
    assert model.trains_on_data is False
    assert settings.aliases == {"claude-*": "agentico"}
    assert settings.profiles["mine"].models == ("acme/m", "groq/*")
    assert settings.base_url_for("groq") == "http://127.0.0.1:9302/v1"


def test_what_is_not_said_is_none(tmp_path):
    acme = load(tmp_path, "[providers.acme]\n").providers["acme"]
    assert (acme.wire, acme.base_url, acme.free, acme.discover, acme.timeouts, acme.limits) == (None,) * 6
    assert (acme.keys, acme.models, acme.never_rest) == ((), (), False)


def test_the_environment_moves_a_provider_that_the_file_moved_too(tmp_path):
    settings = load(tmp_path, EXAMPLE, {"GROQ_BASE_URL": "http://127.0.0.1:1/v1"})
    assert settings.base_url_for("groq") == "http://127.0.0.1:1/v1"


def test_the_file_that_wallas_config_names_is_read(tmp_path):
    other = tmp_path / "other.toml"
    other.write_text('[aliases]\na = "b"\n')
    settings = load(tmp_path, "[aliases]\n", {"WALLAS_CONFIG": str(other)})
    assert (settings.aliases, settings.config_file) == ({"a": "b"}, other)


def test_a_file_in_the_instance_folder_is_found(tmp_path):
    (tmp_path / "instance").mkdir()
    (tmp_path / "instance" / "wallas.toml").write_text('[aliases]\na = "b"\n')
    assert load_settings({}, directory=tmp_path).aliases == {"a": "b"}


def test_a_file_in_the_working_directory_is_found(tmp_path, monkeypatch):
    (tmp_path / "wallas.toml").write_text('[aliases]\nfrom-here = "b"\n')
    monkeypatch.chdir(tmp_path)
    assert "from-here" in load_settings({}).aliases


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[providers.acme\n", ["line 1"]),
        ("[provider.acme]\n", ["provider"]),
        ("[providers.ok]\n[providers.acme]\nwyre = 'openai'\n", ["[providers.acme]", "wyre"]),
        ("[providers.ok]\n[providers.acme]\nwire = 'grpc'\n", ["[providers.acme]", "wire", "grpc"]),
        ("[providers.acme]\nfree = 'yes'\n", ["[providers.acme]", "free", "bool"]),
        ("[providers.acme]\nlimits = { rpm = 'x' }\n", ["[providers.acme]", "limits.rpm"]),
        ("[providers.acme]\nlimits = { rpm = -1 }\n", ["[providers.acme]", "limits.rpm"]),
        ("[providers.acme]\nlimits = { scope = 'city' }\n", ["[providers.acme]", "limits.scope"]),
        ("[providers.acme]\nlimits = { reset = 'Mars/Phobos' }\n", ["[providers.acme]", "limits.reset", "Mars/Phobos"]),
        ("[providers.acme]\nlimits = { reset = '../etc' }\n", ["[providers.acme]", "limits.reset"]),
        ("[providers.acme]\ntimeouts = { gap = 0 }\n", ["[providers.acme]", "timeouts.gap"]),
        ("[providers.acme]\nbase_url = 'acme'\n", ["[providers.acme]", "base_url"]),
        ("[providers.acme]\nheaders = { 'a b' = '1' }\n", ["[providers.acme]", "a b"]),
        ('[providers.acme]\nheaders = { a = "1\\r\\nb: 2" }\n', ["[providers.acme]", "headers"]),
        ('[providers.acme]\napi_key = "a\\nb"\n', ["[providers.acme]", "api_key"]),
        ("[[providers.acme.models]]\ncontext = 1\n", ["[providers.acme]", "models[0]", "id"]),
        ("[[providers.acme.models]]\nid = 'm'\nsize = 1\n", ["[providers.acme]", "models[0]", "size"]),
        ("[[providers.acme.models]]\nid = 'm'\nquality = 101\n", ["[providers.acme]", "quality"]),
        ("[[providers.acme.models]]\nid = 'm'\ncapabilities = ['vison']\n", ["[providers.acme]", "vison", "vision"]),
        ("[aliases]\nok = 'b'\na = 1\n", ["[aliases]", "a"]),
        ("[profiles.mine]\nstrategy = 'order'\n", ["[profiles.mine]", "models"]),
        ("[profiles.mine]\nmodels = []\n", ["[profiles.mine]", "models"]),
        ("[profiles.mine]\nmodels = 'm'\n", ["[profiles.mine]", "models"]),
        ("[providers.'a/b']\n", ["a/b"]),
    ],
)
def test_what_is_wrong_is_named_with_its_file_table_and_key(tmp_path, text, named):
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, text)
    assert [word for word in [str(tmp_path / "wallas.toml"), *named] if word not in str(caught.value)] == []


def test_a_key_in_an_error_is_not_shown(tmp_path):
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, '[providers.acme]\napi_key = "hush\\nhush"\n')
    assert "hush" not in str(caught.value)
