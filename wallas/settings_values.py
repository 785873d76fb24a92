"""What a user can set, as values: every setting with its type and its default."""

import hashlib
import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from wallas.errors import WallasError

ROOT = Path(__file__).resolve().parent.parent
"""The folder that holds the package: the checkout, with `migrations/`, `wsgi.py` and `instance/`."""

CAPABILITIES = frozenset(
    {
        "chat",
        "tools",
        "parallel_tools",
        "json_object",
        "json_schema",
        "reasoning",
        "logprobs",
        "prefill",
        "vision",
        "audio",
        "video",
        "pdf",
        "embeddings",
        "rerank",
        "moderation",
        "image_generation",
        "image_edit",
        "video_generation",
        "speech",
        "transcription",
        "ocr",
        "realtime",
    }
)
"""The words for what a model can do, the same everywhere (catalog, `wallas.toml`, `/v1/models?capability=`)."""


CATALOG_URL = "https://models.dev/api.json"


class SettingsError(WallasError):
    """A setting is wrong. The message names the file or variable, the table and the key, and never shows a secret."""


class Secret:
    """A text that shows itself to nobody who does not ask by name.

    ``repr``, ``str``, ``format``, JSON and pickle give ``***``, so that a
    log line, a traceback or an export cannot leak it by accident.
    """

    __slots__ = ("__value",)

    def __init__(self, value: str) -> None:
        """Keep ``value``."""
        self.__value = value

    def reveal(self) -> str:
        """Return the text itself; the caller sees to it that it goes nowhere else."""
        return self.__value

    def __bool__(self) -> bool:
        return bool(self.__value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other.reveal() == self.__value

    def __hash__(self) -> int:
        return hash(self.__value)

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "***"

    def __reduce__(self) -> tuple[type["Secret"], tuple[str]]:
        return (Secret, ("***",))


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One credential of one provider. ``id`` is public; keys of one ``account`` share its quota."""

    secret: Secret
    account: str
    id: str


def make_key(text: str) -> Key:
    """Return the key that ``text`` stands for: the secret alone, or ``secret@account``."""
    secret, at, account = text.rpartition("@")
    if not (at and secret and account):
        secret, account = text, ""
    name = hashlib.sha256(secret.encode()).hexdigest()[:8]
    return Key(secret=Secret(secret), account=account or name, id=name)


def each_once(keys: Iterable[Key]) -> tuple[Key, ...]:
    """Return ``keys`` in their order without repetitions."""
    found: dict[str, Key] = {}
    for key in keys:
        found.setdefault(key.id, key)
    return tuple(found.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long to wait for a provider, in seconds; ``reasoning`` is for models that think first."""

    connect: float = 3.0
    tls: float = 5.0
    first_token: float = 20.0
    first_token_reasoning: float = 90.0
    gap: float = 30.0
    gap_reasoning: float = 120.0
    whole: float = 120.0
    whole_reasoning: float = 300.0


LIMIT_WORDS = {"h5": "5h", "d7": "7d"}
"""Names of limits that Python cannot spell, and how everybody else writes them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSettings:
    """What a user says a key may use; None is not said. ``reset`` is `utc` or a time zone's name."""

    rpm: int | None = None
    rph: int | None = None
    rpd: int | None = None
    rpw: int | None = None
    rpmonth: int | None = None
    h5: int | None = None
    d7: int | None = None
    tpm: int | None = None
    tph: int | None = None
    tpd: int | None = None
    tpw: int | None = None
    tpmonth: int | None = None
    usd_month: float | None = None
    concurrent: int | None = None
    scope: str | None = None
    reset: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceSettings:
    """USD per million tokens; None is not said."""

    input: float | None = None
    output: float | None = None
    cache_read: float | None = None
    cache_write: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """One `[[providers.NAME.models]]` table; None is not said."""

    id: str
    kind: str | None = None
    context: int | None = None
    max_output: int | None = None
    capabilities: tuple[str, ...] | None = None
    limits: LimitSettings | None = None
    price: PriceSettings | None = None
    free: bool | None = None
    quality: float | None = None
    trains_on_data: bool | None = None
    status: str | None = None
    retires_on: str | None = None
    quantization: str | None = None
    aliases: tuple[str, ...] = ()
    dimensions: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSettings:
    """One `[providers.NAME]` table: a provider of the user's own, or changes to a known one; None is not said."""

    wire: str | None = None
    base_url: str | None = None
    keys: tuple[Key, ...] = ()
    """Those of `api_key` and `api_keys`, then those of the variable that ``key_env`` names."""
    key_env: str | None = None
    free: bool | None = None
    status: str | None = None
    trains_on_data: bool | None = None
    discover: bool | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeouts: Timeouts | None = None
    limits: LimitSettings | None = None
    never_rest: bool = False
    models: tuple[ModelSettings, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileSettings:
    """A virtual model of the user's own: exact ids, globs or `*`; ``strategy`` is `order` or a built-in one."""

    models: tuple[str, ...]
    strategy: str = "order"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings of one run. Load them again to see a change; a value never changes under its reader."""

    host: str = "127.0.0.1"
    port: int = 8001
    workers: int = 1
    threads: int = 64
    worker_class: str = "wallas"
    """``wallas``, the worker of our own, or ``gthread``."""
    instance: Path
    database_url: str = field(repr=False)
    proxy_api_key: Secret | None = None
    allow_paid: bool = False
    request_timeout: float = 600.0
    model_refresh_seconds: float = 21600.0
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    fetch_hosts: tuple[str, ...] = ()
    """Hosts, `host` or `host:port`, from which files are fetched though their addresses be private."""
    demo: bool = False
    allow_anon: bool = False
    probes: bool = True
    catalog: bool = True
    """Whether the public catalogue is read."""
    catalog_url: str = CATALOG_URL
    keyless: bool = True
    """Whether providers that need no key are used."""
    auxiliary: bool = True
    file_megabytes: int = 512
    """What one uploaded file may have."""
    files_megabytes: int = 10240
    """What all files of one client key may have."""
    media_hours: int = 24
    """How long pictures, sound and films are kept that were made here."""
    whisper_models: Path | None = None
    """Where Whisper's models lie; None: in `instance/whisper`."""
    ollama_upstream: str = "http://localhost:11434"
    ollama_version: str = "0.12.0"
    https_proxy: str | None = field(default=None, repr=False)
    no_proxy: str | None = None
    ssl_cert_file: str | None = None
    camofox_url: str | None = None
    searxng_url: str | None = None
    obsidian_vault_path: str | None = None
    google_cse_id: str | None = None
    keys: Mapping[str, tuple[Key, ...]] = field(default_factory=dict)
    """By environment variable, in the singular: `GROQ_API_KEY` also holds what `GROQ_API_KEYS` said."""
    base_urls: Mapping[str, str] = field(default_factory=dict)
    """By provider in lower case with underscores: `groq` from `GROQ_BASE_URL`."""
    providers: Mapping[str, ProviderSettings] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    profiles: Mapping[str, ProfileSettings] = field(default_factory=dict)
    timeouts: Timeouts = Timeouts()
    config_file: Path | None = None
    """The `wallas.toml` that was read."""
    warnings: tuple[str, ...] = ()
    """What the user should be told at start: a file mode that was narrowed, a name that nothing reads."""

    def keys_for(self, names: tuple[str, ...]) -> tuple[Key, ...]:
        """Return the keys of all variables in ``names``, in that order, each secret once."""
        return each_once(key for name in names for key in self.keys.get(name, ()))

    def base_url_for(self, name: str) -> str | None:
        """Return where the user moved provider ``name``: by `<NAME>_BASE_URL`, else by its table; None if nowhere.

        Raise SettingsError if that is no address. (Unrelated programs have such
        variables too, so only a provider's own name shows that one is meant for us.)
        """
        variable = name.replace("-", "_")
        moved = self.base_urls.get(variable.lower())
        if moved is not None:
            check_url(moved, f"{variable.upper()}_BASE_URL")
            return moved
        table = self.providers.get(name)
        return table.base_url if table else None


def check_url(url: str, where: str) -> None:
    """Raise SettingsError unless ``url`` is a plain http(s) address without user, query or fragment."""
    if not re.fullmatch(r"https?://(\[[0-9a-fA-F:.]+\]|[^\s/?#@\\:\[\]]+)(:\d{1,5})?(/[^\s?#\\]*)?", url):
        shown = re.sub(r"(?<=[?#]).*", "***", re.sub(r"//[^/]*@", "//***@", url))  # both may hold a secret
        raise SettingsError(f"{where}: {shown!r} is not an address like https://host/v1")


@lru_cache(maxsize=256)
def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach a socket bound to ``host``."""
    if host.startswith("unix:") or host.lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host.strip("[]"))
        mapped = getattr(address, "ipv4_mapped", None)  # how an IPv6 socket shows a caller by IPv4
        return (mapped or address).is_loopback
    except ValueError:
        return False


def check_bind(settings: Settings) -> None:
    """Raise SettingsError if the port would be open to other machines with nobody having to show a key."""
    if is_loopback(settings.host) or settings.proxy_api_key or settings.allow_anon:
        return
    raise SettingsError(
        f"WALLAS_HOST={settings.host} lets other machines in, and no client key is set, so Wallas does not start.\n"
        "Ways out:\n"
        "  - leave WALLAS_HOST at 127.0.0.1 to serve this machine only, or\n"
        "  - set PROXY_API_KEY to a long random text that clients must send, or\n"
        "  - set WALLAS_ALLOW_ANON=1 if everyone who can reach the port may use your keys."
    )
