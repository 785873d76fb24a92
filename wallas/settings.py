"""Everything a user can set, read from the environment, `.env` and `wallas.toml`, and frozen."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

from wallas.settings_env import Variables, read_env
from wallas.settings_toml import Tables, read_toml
from wallas.settings_values import (
    CAPABILITIES,
    CATALOG_URL,
    LIMIT_WORDS,
    ROOT,
    Key,
    LimitSettings,
    ModelSettings,
    PriceSettings,
    ProfileSettings,
    ProviderSettings,
    Secret,
    Settings,
    SettingsError,
    Timeouts,
    check_bind,
    check_url,
    each_once,
    is_loopback,
    make_key,
)

__all__ = [
    "CAPABILITIES",
    "LIMIT_WORDS",
    "ROOT",
    "Key",
    "LimitSettings",
    "ModelSettings",
    "PriceSettings",
    "ProfileSettings",
    "ProviderSettings",
    "Secret",
    "Settings",
    "SettingsError",
    "Timeouts",
    "check_bind",
    "is_loopback",
    "load_settings",
    "make_key",
]

NAMES = {
    "WALLAS_HOST",
    "WALLAS_PORT",
    "WALLAS_WORKERS",
    "WALLAS_THREADS",
    "WALLAS_WORKER_CLASS",
    "WALLAS_TEST_WORKER_CLASS",
    "WALLAS_DATABASE_URL",
    "WALLAS_ALLOW_PAID",
    "WALLAS_REQUEST_TIMEOUT_SECONDS",
    "WALLAS_MODEL_REFRESH_SECONDS",
    "WALLAS_ALLOWED_HOSTS",
    "WALLAS_ALLOWED_ORIGINS",
    "WALLAS_TRUSTED_PROXIES",
    "WALLAS_FETCH_HOSTS",
    "WALLAS_DEMO",
    "WALLAS_ALLOW_ANON",
    "WALLAS_PROBES",
    "WALLAS_CATALOG",
    "WALLAS_CATALOG_URL",
    "WALLAS_KEYLESS",
    "WALLAS_AUXILIARY",
    "WALLAS_CONFIG",
    "WALLAS_OLLAMA_VERSION",
    "WALLAS_FILE_MB",
    "WALLAS_FILES_MB",
    "WALLAS_MEDIA_HOURS",
    "WALLAS_WHISPER_MODELS",
    "WALLAS_GOLDEN",
}
"""All WALLAS_ variables that something reads; GOLDEN and TEST_WORKER_CLASS are the tests'."""

WORKER_CLASSES = ("wallas", "gthread")

YEAR = 365 * 86400


def load_settings(environ: Mapping[str, str] | None = None, *, directory: Path | None = None) -> Settings:
    """Read all settings anew; raise SettingsError naming what is wrong and where.

    ``environ`` defaults to the process's, which is not changed. ``directory``
    holds `instance/`, `.env` and `wallas.toml`; by default it is the
    checkout, and a `wallas.toml` of the working directory comes first.
    """
    warnings: list[str] = []
    home = (directory or ROOT).resolve()
    folders = [home] if directory else list(dict.fromkeys([Path.cwd(), home]))
    instance = home / "instance"
    files = [instance / ".env", *(folder / ".env" for folder in folders)]
    variables = Variables(
        os.environ if environ is None else environ, [(path, read_env(path, warnings)) for path in files]
    )
    config = find_config(variables, [*(folder / "wallas.toml" for folder in folders), instance / "wallas.toml"])
    tables = read_toml(config) if config else Tables()
    settings = build(variables, tables, instance=instance, config=config, warnings=warnings)
    check_values(settings, variables)
    return settings


def find_config(variables: Variables, places: list[Path]) -> Path | None:
    """Return the `wallas.toml` to read: the one that WALLAS_CONFIG names, else the first that exists."""
    named = variables.text("WALLAS_CONFIG")
    if named is None:
        return next((path for path in places if path.is_file()), None)
    path = Path(named).expanduser()
    if not path.is_file():
        raise SettingsError(f"{variables.where('WALLAS_CONFIG')}: there is no file {path}")
    return path


def build(
    variables: Variables, tables: Tables, *, instance: Path, config: Path | None, warnings: list[str]
) -> Settings:
    """Return the settings that ``variables`` and ``tables`` amount to."""
    port = variables.number("WALLAS_PORT", 8001, low=0, high=65535)
    base_urls = read_base_urls(variables, port=port, warnings=warnings)
    providers = {name: with_keys(table, variables) for name, table in tables.providers.items()}
    warnings += [f"{variables.where(name)}: nothing reads this name" for name in unknown_names(variables)]
    proxy_key = variables.secret("PROXY_API_KEY")
    if proxy_key is None and variables.text("PROXY_API_KEY"):
        warnings.append(f"{variables.where('PROXY_API_KEY')}: is a placeholder, so no client key is set")
    demo = variables.switch("WALLAS_DEMO", False)
    file = instance / ("demo.sqlite" if demo else "wallas.sqlite")  # what is simulated is kept apart
    return Settings(
        host=variables.text("WALLAS_HOST") or "127.0.0.1",
        port=port,
        workers=variables.number("WALLAS_WORKERS", 1, low=1, high=128),
        threads=variables.number("WALLAS_THREADS", 64, low=2, high=4096),
        worker_class=variables.text("WALLAS_WORKER_CLASS") or "wallas",
        instance=instance,
        database_url=variables.text("WALLAS_DATABASE_URL") or f"sqlite:///{file}",
        proxy_api_key=proxy_key,
        allow_paid=variables.switch("WALLAS_ALLOW_PAID", False),
        request_timeout=variables.seconds("WALLAS_REQUEST_TIMEOUT_SECONDS", 600, low=1, high=86400),
        model_refresh_seconds=variables.seconds("WALLAS_MODEL_REFRESH_SECONDS", 21600, low=1, high=YEAR),
        allowed_hosts=variables.list("WALLAS_ALLOWED_HOSTS"),
        allowed_origins=variables.list("WALLAS_ALLOWED_ORIGINS"),
        trusted_proxies=variables.list("WALLAS_TRUSTED_PROXIES"),
        fetch_hosts=variables.list("WALLAS_FETCH_HOSTS"),
        demo=demo,
        allow_anon=variables.switch("WALLAS_ALLOW_ANON", False),
        probes=variables.switch("WALLAS_PROBES", True),
        catalog=variables.switch("WALLAS_CATALOG", True),
        catalog_url=catalog_url(variables),
        keyless=variables.switch("WALLAS_KEYLESS", True),
        auxiliary=variables.switch("WALLAS_AUXILIARY", True),
        file_megabytes=variables.number("WALLAS_FILE_MB", 512, low=1, high=100_000),
        files_megabytes=variables.number("WALLAS_FILES_MB", 10240, low=1, high=100_000_000),
        media_hours=variables.number("WALLAS_MEDIA_HOURS", 24, low=1, high=24 * 366),
        whisper_models=Path(models).expanduser() if (models := variables.text("WALLAS_WHISPER_MODELS")) else None,
        ollama_upstream=(variables.text("OLLAMA_UPSTREAM") or "http://localhost:11434").rstrip("/"),
        ollama_version=variables.text("WALLAS_OLLAMA_VERSION") or "0.12.0",
        https_proxy=variables.text("HTTPS_PROXY") or variables.text("https_proxy"),
        no_proxy=variables.text("NO_PROXY") or variables.text("no_proxy"),
        ssl_cert_file=variables.text("SSL_CERT_FILE"),
        camofox_url=variables.text("CAMOFOX_URL"),
        searxng_url=variables.text("SEARXNG_URL"),
        obsidian_vault_path=variables.text("OBSIDIAN_VAULT_PATH"),
        google_cse_id=variables.text("GOOGLE_CSE_ID"),
        keys=MappingProxyType(dict(variables.keys())),
        base_urls=MappingProxyType(base_urls),
        providers=MappingProxyType(providers),
        aliases=MappingProxyType(dict(tables.aliases)),
        profiles=MappingProxyType(dict(tables.profiles)),
        config_file=config,
        warnings=tuple(warnings),
    )


def catalog_url(variables: Variables) -> str:
    """Return where the public catalogue is."""
    url = variables.text("WALLAS_CATALOG_URL")
    if url is not None:
        check_url(url, variables.where("WALLAS_CATALOG_URL"))
    return url or CATALOG_URL


def read_base_urls(variables: Variables, *, port: int, warnings: list[str]) -> dict[str, str]:
    """Return where providers were moved by `<NAME>_BASE_URL`; each is checked when its provider asks for it.

    Tools read ANTHROPIC_BASE_URL and its kin to find *this* gateway; taken
    as the provider's own address they would make the gateway call itself.
    """
    found = {}
    for name in sorted(variables.values):
        url = variables.text(name) if name.endswith("_BASE_URL") else None
        if url is None:
            continue
        if is_own_address(url, port=port):
            warnings.append(f"{variables.where(name)}: is this gateway's own address; left out")
            continue
        found[name.removesuffix("_BASE_URL").lower()] = url.rstrip("/")
    return found


def is_own_address(url: str, *, port: int) -> bool:
    """Return whether ``url`` leads back to the port of this gateway."""
    try:
        parts = urlsplit(url)
        return is_loopback(parts.hostname or "") and parts.port == port
    except ValueError:
        return False


def with_keys(table: ProviderSettings, variables: Variables) -> ProviderSettings:
    """Return a provider's table with the keys of the variable that its `key_env` names."""
    if table.key_env is None:
        return table
    return replace(table, keys=each_once((*table.keys, *variables.keys_of(table.key_env))))


def unknown_names(variables: Variables) -> list[str]:
    """Return the WALLAS_ variables that nothing reads: a slip of the pen, most likely."""
    return sorted(name for name in variables.values if name.startswith("WALLAS_") and name not in NAMES)


def check_values(settings: Settings, variables: Variables) -> None:
    """Raise SettingsError for values that are well-formed and yet cannot work."""
    check_url(settings.ollama_upstream, variables.where("OLLAMA_UPSTREAM"))
    if not all(part.isdigit() for part in settings.ollama_version.split(".")):
        name = variables.where("WALLAS_OLLAMA_VERSION")
        raise SettingsError(f"{name}: {settings.ollama_version[:40]!r} is not a numeric version such as 0.12.0")
    if settings.worker_class not in WORKER_CLASSES:
        name = variables.where("WALLAS_WORKER_CLASS")
        raise SettingsError(f"{name}: {settings.worker_class[:40]!r} is none of {', '.join(WORKER_CLASSES)}")
    if settings.ssl_cert_file and not Path(settings.ssl_cert_file).is_file():
        raise SettingsError(f"{variables.where('SSL_CERT_FILE')}: there is no file {settings.ssl_cert_file}")
    scheme = settings.database_url.partition(":")[0]
    if scheme.partition("+")[0] not in ("sqlite", "postgresql", "postgres"):
        name = variables.where("WALLAS_DATABASE_URL")
        raise SettingsError(f"{name}: {scheme[:40]!r} is neither sqlite nor postgresql")
