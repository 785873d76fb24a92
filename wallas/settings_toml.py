"""Reads `wallas.toml`: the user's own providers, models, aliases and profiles, or says exactly what is wrong."""

import re
import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from wallas.settings_env import key_list
from wallas.settings_values import (
    CAPABILITIES,
    LIMIT_WORDS,
    LimitSettings,
    ModelSettings,
    PriceSettings,
    ProfileSettings,
    ProviderSettings,
    SettingsError,
    Timeouts,
    check_url,
)

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")


Kind = Literal[
    "chat", "embedding", "image", "video", "speech", "transcription", "ocr", "rerank", "moderation"
]  # fmt: skip


State = Literal["working", "trial", "paid", "retired", "unverified"]


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file: what it does not name is an error."""


class LimitTable(Table, frozen=True, rename=LIMIT_WORDS):
    """`limits = { ... }`; ``h5`` is written `5h`, ``d7`` is written `7d`."""

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
    scope: Literal["key", "account", "model", "provider", "ip"] | None = None
    reset: str | None = None


class PriceTable(Table, frozen=True):
    """`price = { ... }`."""

    input: float | None = None
    output: float | None = None
    cache_read: float | None = None
    cache_write: float | None = None


class TimeoutTable(Table, frozen=True):
    """`timeouts = { ... }`."""

    connect: float | None = None
    tls: float | None = None
    first_token: float | None = None
    first_token_reasoning: float | None = None
    gap: float | None = None
    gap_reasoning: float | None = None
    whole: float | None = None
    whole_reasoning: float | None = None


class ModelTable(Table, frozen=True):
    """`[[providers.NAME.models]]`."""

    id: str
    kind: Kind | None = None
    context: int | None = None
    max_output: int | None = None
    capabilities: tuple[str, ...] | None = None
    limits: LimitTable | None = None
    price: PriceTable | None = None
    free: bool | None = None
    quality: float | None = None
    trains_on_data: bool | None = None
    status: State | None = None
    retires_on: date | None = None
    quantization: Literal["int4", "int8", "fp4", "fp6", "fp8", "fp16", "bf16", "fp32"] | None = None
    aliases: tuple[str, ...] = ()
    dimensions: int | None = None


class ProviderTable(Table, frozen=True):
    """`[providers.NAME]`."""

    wire: Literal["openai", "responses", "anthropic", "gemini", "ollama", "cohere"] | None = None
    base_url: str | None = None
    api_key: str | None = None
    api_keys: tuple[str, ...] = ()
    key_env: str | None = None
    free: bool | None = None
    status: State | None = None
    trains_on_data: bool | None = None
    discover: bool | None = None
    headers: dict[str, str] = {}
    timeouts: TimeoutTable | None = None
    limits: LimitTable | None = None
    never_rest: bool = False
    models: tuple[ModelTable, ...] = ()


class ProfileTable(Table, frozen=True):
    """`[profiles.NAME]`."""

    models: tuple[str, ...]
    strategy: str = "order"


class Document(Table, frozen=True):
    """The whole file."""

    providers: dict[str, ProviderTable] = {}
    aliases: dict[str, str] = {}
    profiles: dict[str, ProfileTable] = {}


class Tables(msgspec.Struct, frozen=True, kw_only=True):
    """What the file says, as settings."""

    providers: dict[str, ProviderSettings] = {}
    aliases: dict[str, str] = {}
    profiles: dict[str, ProfileSettings] = {}


def read_toml(path: Path) -> Tables:
    """Return what the file at ``path`` sets; raise SettingsError naming file, table and key."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: is not UTF-8 text") from error
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: {error}") from error
    try:
        document = msgspec.convert(tree, Document)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{path}: {located(str(error), tree)}") from error
    for name in [*document.providers, *document.profiles]:
        if not NAME.match(name):
            raise SettingsError(f"{path}: {name!r} cannot be a name: use letters, digits, `.`, `_` and `-`")
    return Tables(
        providers={name: provider(table, f"{path}: [providers.{name}]") for name, table in document.providers.items()},
        aliases=document.aliases,
        profiles={name: profile(table, f"{path}: [profiles.{name}]") for name, table in document.profiles.items()},
    )


def provider(table: ProviderTable, where: str) -> ProviderSettings:
    """Return the settings of one provider's table; ``where`` is file and table, for messages."""
    if table.base_url is not None:
        check_url(table.base_url, f"{where} base_url")
    for name, value in table.headers.items():
        if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name) or re.search(r"[\r\n\0]", value) or not latin(value):
            raise SettingsError(f"{where} headers: {name!r} is not a header that can be sent")
    keys = [*([table.api_key] if table.api_key is not None else []), *table.api_keys]
    timeouts = {} if table.timeouts is None else said(table.timeouts)
    for name, seconds in timeouts.items():
        if not 0 < seconds <= 86400:
            raise SettingsError(f"{where} timeouts.{name}: {seconds} is not between 0 and 86400 seconds")
    return ProviderSettings(
        wire=table.wire,
        base_url=None if table.base_url is None else table.base_url.rstrip("/"),
        keys=tuple(key for text in keys for key in key_list(text, f"{where} api_key")),
        key_env=table.key_env,
        free=table.free,
        status=table.status,
        trains_on_data=table.trains_on_data,
        discover=table.discover,
        headers=table.headers,
        timeouts=Timeouts(**timeouts) if timeouts else None,
        limits=limits(table.limits, where),
        never_rest=table.never_rest,
        models=tuple(model(entry, where) for entry in table.models),
    )


def model(table: ModelTable, where: str) -> ModelSettings:
    """Return the settings of one model's table."""
    if not table.id.strip():
        raise SettingsError(f"{where} models: a model has an empty `id`")
    if table.quality is not None and not 0 <= table.quality <= 100:
        raise SettingsError(f"{where} models: quality of {table.id!r} is {table.quality}, not between 0 and 100")
    for word in table.capabilities or ():
        if word not in CAPABILITIES:
            words = ", ".join(sorted(CAPABILITIES))
            raise SettingsError(f"{where} models: {table.id!r} has the unknown capability {word!r}; known are {words}")
    return ModelSettings(
        id=table.id,
        kind=table.kind,
        context=table.context,
        max_output=table.max_output,
        capabilities=table.capabilities,
        limits=limits(table.limits, where),
        price=None if table.price is None else PriceSettings(**said(table.price)),
        free=table.free,
        quality=table.quality,
        trains_on_data=table.trains_on_data,
        status=table.status,
        retires_on=None if table.retires_on is None else table.retires_on.isoformat(),
        quantization=table.quantization,
        aliases=table.aliases,
        dimensions=table.dimensions,
    )


def limits(table: LimitTable | None, where: str) -> LimitSettings | None:
    """Return the limits of a provider's or a model's table."""
    if table is None:
        return None
    values = said(table)
    for name, value in values.items():
        if isinstance(value, int | float) and value < 0:
            raise SettingsError(f"{where} limits.{LIMIT_WORDS.get(name, name)}: {value} is negative")
    if table.reset is not None and not is_zone(table.reset):
        raise SettingsError(f"{where} limits.reset: {table.reset[:40]!r} is neither utc, rolling nor a time zone")
    return LimitSettings(**values)


def is_zone(name: str) -> bool:
    """Return whether a day can begin by this name: ``utc``, ``rolling``, or a time zone that is known here."""
    try:
        return name == "rolling" or name.lower() == "utc" or bool(ZoneInfo(name))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False


def profile(table: ProfileTable, where: str) -> ProfileSettings:
    """Return the settings of one profile's table."""
    if not table.models:
        raise SettingsError(f'{where} models: is empty; name at least one model, a glob or "*"')
    return ProfileSettings(models=table.models, strategy=table.strategy)


def said(table: Table) -> dict[str, Any]:
    """Return the keys that the user wrote into ``table``."""
    return {name: value for name, value in msgspec.structs.asdict(table).items() if value is not None}


def latin(text: str) -> bool:
    """Return whether ``text`` can be sent in an HTTP header."""
    return all(ord(letter) < 256 for letter in text)


def located(message: str, tree: Mapping[str, Any]) -> str:
    """Return msgspec's ``message`` with the TOML table and key it speaks of, in words of the file.

    msgspec names the key of a dictionary ``[...]``: which one is found by
    converting the tables of the same kind one by one.
    """
    kinds: dict[str, tuple[str, Any]] = {
        "$.providers[...]": ("providers", ProviderTable),
        "$.profiles[...]": ("profiles", ProfileTable),
        "$.aliases[...]": ("aliases", str),
    }
    said_what, _, path = message.partition(" - at `")
    path = path.rstrip("`") or "$"
    for prefix, (kind, shape) in kinds.items():
        if path.startswith(prefix):
            name = next(name for name, table in tree[kind].items() if not fits(table, shape))
            place = f"[{kind}] {name}" if shape is str else f"[{kind}.{name}]"
            rest = path.removeprefix(prefix).lstrip(".")
            return f"{place} {rest}: {said_what}" if rest else f"{place}: {said_what}"
    rest = path.removeprefix("$").lstrip(".")
    return f"{rest}: {said_what}" if rest else said_what


def fits(value: Any, shape: Any) -> bool:
    """Return whether ``value`` has the shape of a table."""
    try:
        msgspec.convert(value, shape)
    except msgspec.ValidationError:
        return False
    return True
