"""The table of providers, and the providers that a user's settings make of it.

Adding one that speaks OpenAI is one ``Row`` and one line in
``docs/providers.md``. Nothing is imported here but data; adapters and codecs
are imported when a provider is made and used.
"""

import re
import shutil
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from wallas.codecs import ANTHROPIC, COHERE, GEMINI, OLLAMA, OPENAI_CHAT, OPENAI_RESPONSES
from wallas.providers.base import Provider, Setup
from wallas.providers.extras import (
    ANTHROPIC_EXTRAS,
    COHERE_EXTRAS,
    GEMINI_EXTRAS,
    LOCAL_EXTRAS,
    OLLAMA_EXTRAS,
    RESPONSES_EXTRAS,
)
from wallas.providers.row import OWN, PROGRAM, Row
from wallas.providers.rows import MAIN
from wallas.providers.rows_further import FURTHER
from wallas.providers.rows_local import LOCAL
from wallas.providers.rows_more import MORE
from wallas.providers.rows_programs import PROGRAMS
from wallas.settings import Key, ProviderSettings, Secret, Settings, SettingsError, Timeouts, is_loopback

if TYPE_CHECKING:
    from wallas.catalog.build import Terms
    from wallas.transport import Transport

ROWS: tuple[Row, ...] = MAIN + MORE + LOCAL + PROGRAMS + FURTHER
BY_NAME: dict[str, Row] = {row.name: row for row in ROWS}


class Wire(NamedTuple):
    """A wire as a user may name it: the codec's name, the class that speaks it, and how a service of it usually is."""

    wire: str
    adapter: tuple[str, str]
    row: Row


def _own(wire: str, **facts: Any) -> Row:
    return Row(name="", label="", base_url="", wire=wire, free_rule="known", source="wallas.toml", **facts)


WIRES: dict[str, Wire] = {
    "openai": Wire(
        OPENAI_CHAT,
        ("openai_compatible", "OpenAICompatible"),
        _own(
            OPENAI_CHAT,
            accepts=LOCAL_EXTRAS,
            renames={"max_completion_tokens": "max_tokens"},
            reasoning_field=None,
            embed=True,
            offers=frozenset({"tools", "json_object", "json_schema"}),
        ),
    ),
    "responses": Wire(
        OPENAI_RESPONSES,
        ("openai_responses", "Responses"),
        _own(
            OPENAI_RESPONSES,
            path="/responses",
            accepts=RESPONSES_EXTRAS,
            developer=True,
            offers=frozenset({"tools", "parallel_tools", "json_object", "json_schema"}),
        ),
    ),
    "anthropic": Wire(
        ANTHROPIC,
        ("anthropic", "Anthropic"),
        _own(
            ANTHROPIC,
            auth="x-api-key",
            path="/messages",
            models_path="/models?limit=1000",
            list_format="anthropic",
            headers={"anthropic-version": "2023-06-01"},
            accepts=ANTHROPIC_EXTRAS,
            offers=frozenset({"tools", "parallel_tools", "json_schema"}),
        ),
    ),
    "gemini": Wire(
        GEMINI,
        ("gemini", "Gemini"),
        _own(
            GEMINI,
            auth="x-goog-api-key",
            models_path="/models?pageSize=1000",
            list_format="gemini",
            accepts=GEMINI_EXTRAS,
            embed=True,
            embed_batch=100,
            offers=frozenset({"tools", "parallel_tools", "json_object", "json_schema"}),
        ),
    ),
    "ollama": Wire(
        OLLAMA,
        ("ollama", "Ollama"),
        _own(
            OLLAMA,
            path="/api/chat",
            models_path="/api/tags",
            list_format="ollama",
            accepts=OLLAMA_EXTRAS,
            embed=True,
            offers=frozenset({"tools", "json_object", "json_schema"}),
        ),
    ),
    "cohere": Wire(
        COHERE,
        ("cohere", "Cohere"),
        _own(
            COHERE,
            path="/v2/chat",
            models_path="/v1/models?page_size=1000",
            list_format="cohere",
            accepts=COHERE_EXTRAS,
            embed=True,
            offers=frozenset({"tools", "json_object", "json_schema"}),
        ),
    ),
}
"""By the word of ``wallas.toml``; ``row`` is what is known of a provider of the user's own."""

ADAPTERS = {word.wire: word.adapter for word in WIRES.values()}
SPECIAL = {"openai": ("openai", "OpenAI")}
PROGRAM_ADAPTERS = {
    "espeak": ("espeak", "Espeak"),
    "edge-tts": ("edge", "Edge"),
    "whisper": ("whisper", "Whisper"),
} | {name: ("reader", "Reader") for name in ("tesseract", "rapidocr", "easyocr")}
"""Providers that need more than their wire's class and a row."""

DIALECT = (
    "auth",
    "path",
    "models_path",
    "list_format",
    "headers",
    "accepts",
    "renames",
    "reasoning_field",
    "developer",
    "embed",
    "embed_batch",
    "offers",
)
"""What a known provider takes over from a wire that the user gives it instead of its own."""


def rows(settings: Settings) -> dict[str, Row]:
    """Return every row: the table's, changed as the user's tables say, and the user's own."""
    known = dict(BY_NAME)
    for name, table in settings.providers.items():
        known[name] = changed(known[name], table) if name in known else own_row(name, table)
    return known


def changed(row: Row, table: ProviderSettings) -> Row:
    """Return a row of the table with what the user's table changes."""
    changes: dict[str, Any] = {}
    if table.wire is not None and WIRES[table.wire].wire != row.wire:
        word = WIRES[table.wire]
        changes = {name: getattr(word.row, name) for name in DIALECT} | {"wire": word.wire}
        changes |= {"quirks": (), "drops": frozenset(), "efforts": (), "prefill": None, "tool_ids": "any"}
    if table.key_env is not None:
        changes["keys"] = (table.key_env, *row.keys)
    if table.free is not None:
        changes["free_rule"] = "all" if table.free else "never"
    return msgspec.structs.replace(row, **changes, **facts_of(table))


def facts_of(table: ProviderSettings) -> dict[str, Any]:
    """Return what the user says of a provider itself."""
    told = {"status": table.status, "trains_on_data": table.trains_on_data}
    return {name: value for name, value in told.items() if value is not None}


def own_row(name: str, table: ProviderSettings) -> Row:
    """Return the row of a provider of the user's own; raise SettingsError where its wire or address is missing."""
    if table.wire is None or table.base_url is None:
        missing = "wire" if table.wire is None else "base_url"
        raise SettingsError(f"wallas.toml: [providers.{name}] is no provider of the table, so it needs {missing!r}")
    free = "yes" if table.free else "no"
    return msgspec.structs.replace(
        WIRES[table.wire].row,
        name=name,
        label=name,
        base_url=table.base_url,
        keys=(table.key_env,) if table.key_env else (f"{name.upper().replace('-', '_')}_API_KEY",),
        keyless=True,
        opt_in=True,
        free=free,
        free_rule="all" if table.free else "known",
        local=is_loopback(urlsplit(table.base_url).hostname or ""),
        **facts_of(table),
    )


def keys_of(row: Row, settings: Settings) -> tuple[Key, ...]:
    """Return a provider's keys: its table's, then those of its variables, each secret once."""
    table = settings.providers.get(row.name)
    found = {key.id: key for key in (*(table.keys if table else ()), *settings.keys_for(row.keys))}
    return tuple(found.values())


def no_key(row: Row) -> Key:
    """Return what stands for the key of a provider that needs none: an empty secret, so that no header is sent."""
    return Key(secret=Secret(""), account=row.name, id="keyless")


def address(row: Row, settings: Settings) -> str:
    """Return a provider's base address, as moved by the user, in the form that its wire's paths go on from."""
    if row.name == "whisper":
        return str(settings.whisper_models or settings.instance / "whisper")
    moved = settings.base_url_for(row.name)
    if row.name == "ollama" and moved is None:
        moved = settings.ollama_upstream
    return normal_base(row.wire, moved) if moved else row.base_url


VERSIONED = re.compile(r"/v\d+[a-z]*\d*$")
_TRIMMED = {OLLAMA: re.compile(r"/(v1|api)$"), COHERE: re.compile(r"/v[12]$")}
_VERSION = {GEMINI: "/v1beta", ANTHROPIC: "/v1"}


def normal_base(wire: str, url: str) -> str:
    """Return an address as this wire's paths need it: people write it with and without its version.

    Gemini's ends in ``/v1beta`` (or ``/v1``), Anthropic's in ``/v1``; Ollama's and Cohere's in neither.
    """
    base = url.rstrip("/")
    if wire in _TRIMMED:
        return _TRIMMED[wire].sub("", base)
    if wire in _VERSION and not VERSIONED.search(base):
        return base + _VERSION[wire]
    return base


def points_here(url: str, settings: Settings) -> bool:
    """Return whether an address is this gateway's own: ``ANTHROPIC_BASE_URL`` is often set for a client of ours."""
    parts = urlsplit(url)
    return parts.port == settings.port and is_loopback(parts.hostname or "")


class State(NamedTuple):
    """Whether a provider can be used, with which keys, where, and if not, why."""

    keys: tuple[Key, ...]
    base_url: str
    reason: str | None


def state(row: Row, settings: Settings, *, keyless: bool = True) -> State:
    """Return whether the settings make a provider usable; without ``keyless``, services elsewhere need a key."""
    keys = keys_of(row, settings)
    base_url = address(row, settings)
    if row.status == "retired":
        return State((), base_url, f"retired: {row.note}")
    if row.needs and not any(installed(need) for need in row.needs):
        return State((), base_url, f"not installed: {row.install}")
    if row.wire == OWN:
        return State((), base_url, "speaks a protocol of its own, which nothing here speaks yet")
    if points_here(base_url, settings):
        return State((), base_url, "its address is this gateway itself")
    if "{account}" in base_url:
        keys = tuple(key for key in keys if key.account != key.id)
    if keys:
        return State(keys, base_url, None)
    moved = settings.base_url_for(row.name) is not None
    named = moved or row.name in settings.providers
    wanted = named or (not row.opt_in and (keyless or row.local))
    if (row.keyless and wanted) or (moved and "{account}" not in base_url):
        return State((no_key(row),), base_url, None)
    return State((), base_url, missing(row))


def retired(name: str) -> str | None:
    """Return what became of the provider that a model's name begins with, None if that is none, or none that ended."""
    row = next((BY_NAME[word] for mark in "/:" if (word := name.partition(mark)[0]) in BY_NAME), None)
    if row is None or row.retired_on is None:
        return None
    return f"{row.label} was retired on {row.retired_on}: {row.note}"


def installed(need: str) -> bool:
    """Return whether a program (``espeak-ng``) or a module (``edge_tts.py``) is installed here, or all of several."""
    if "+" in need:
        return all(installed(one) for one in need.split("+"))
    if need.endswith(".py"):
        return find_spec(need.removesuffix(".py")) is not None
    return shutil.which(need) is not None


def missing(row: Row) -> str:
    """Return what a user would have to set to use a provider."""
    if row.opt_in:
        return f"not switched on: set {variable(row.name)}"
    return f"no key: set {row.keys[0]}" if row.keys else "switched off"


def variable(name: str) -> str:
    """Return the variable that moves a provider's address."""
    return f"{name.upper().replace('-', '_')}_BASE_URL"


def providers(settings: Settings, transport: "Transport", *, keyless: bool = True) -> dict[str, Provider]:
    """Return the providers that can be used: those with a key, without need of one, or in ``wallas.toml``.

    ``keyless`` False leaves out the services elsewhere that need no key, as far
    as the user has not named them. In the demo only the user's tables count.
    """
    usable: dict[str, Provider] = {}
    for name, row in rows(settings).items():
        if settings.demo and name not in settings.providers:
            continue
        now = state(row, settings, keyless=keyless)
        if now.reason is None:
            usable[name] = make(row, now, settings, transport)
    return usable


def make(row: Row, now: State, settings: Settings, transport: "Transport") -> Provider:
    """Return the provider that a row and the settings describe, its adapter imported now."""
    table = settings.providers.get(row.name, ProviderSettings())
    adapter = SPECIAL.get(row.name) if row.wire == OPENAI_CHAT else PROGRAM_ADAPTERS.get(row.name)
    module, name = adapter or ADAPTERS[row.wire]
    kind = getattr(import_module(f"wallas.providers.{module}"), name)
    provider: Provider = kind(
        Setup(
            row=row,
            base_url=now.base_url,
            keys=now.keys,
            transport=transport,
            timeouts=table.timeouts or patient(settings.timeouts, row.first_token),
            headers=checked_headers(row.name, table.headers),
            never_rest=table.never_rest,
            discover=table.discover is not False,
        )
    )
    return provider


def patient(timeouts: Timeouts, first_token: float | None) -> Timeouts:
    """Return the usual limits, with a longer one for the first token where a provider is known to be slow."""
    if first_token is None or first_token <= timeouts.first_token:
        return timeouts
    longest = max(first_token, timeouts.first_token_reasoning)
    return replace(timeouts, first_token=first_token, first_token_reasoning=longest)


HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]{0,4000}")
FRAMING = frozenset({"host", "content-length", "transfer-encoding", "connection", "content-type", "accept-encoding"})


def checked_headers(name: str, headers: Mapping[str, str]) -> dict[str, str]:
    """Return the user's own headers; raise SettingsError for what would break out of its line or break the framing."""
    for header, value in headers.items():
        where = f"wallas.toml: [providers.{name}] headers"
        if not HEADER_NAME.fullmatch(header) or header.lower() in FRAMING:
            raise SettingsError(f"{where}: {header[:40]!r} cannot be set")
        if not HEADER_VALUE.fullmatch(value):
            raise SettingsError(f"{where}: the value of {header!r} has a line break or a letter no header can carry")
    return dict(headers)


def provider_terms(settings: Settings, usable: Mapping[str, Provider]) -> "dict[str, Terms]":
    """Return what holds for all models of each provider, for building the catalog."""
    from wallas.catalog.build import Terms

    return {
        name: Terms(
            free=free_of_all(row, usable.get(name)),
            trains_on_data=row.trains_on_data,
            offers=row.offers,
            retired=row.status == "retired",
            lists=row.models_path is not None,
            moved=settings.base_url_for(row.name) is not None or row.source == "wallas.toml",
        )
        for name, row in rows(settings).items()
    }


def free_of_all(row: Row, provider: Provider | None) -> bool | None:
    """Return whether all models of a provider are free, or none; None: it depends on the model."""
    if row.billed_with_key and provider is not None and provider.keys and provider.keys[0].secret:
        return False
    if row.source == "wallas.toml":
        return True if row.free_rule == "all" else None
    return None


def provider_rows(settings: Settings, usable: Mapping[str, Provider]) -> list[dict[str, Any]]:
    """Return what ``/v1/providers`` shows of every provider; keys are counted, addresses lose what is in no table."""
    return [_shown(row, settings, usable.get(name)) for name, row in rows(settings).items()]


def _shown(row: Row, settings: Settings, provider: Provider | None) -> dict[str, Any]:
    now = state(row, settings)
    return {
        "id": row.name,
        "object": "provider",
        "name": row.label,
        "configured": provider is not None,
        "reason": None if provider is not None else now.reason or "switched off",
        "status": row.status,
        "retires_on": row.retired_on,
        "wire": row.wire,
        "base_url": now.base_url.partition("?")[0],
        "pricing": row.free,
        "limits": row.limits,
        "keys": len([key for key in provider.keys if key.secret]) if provider is not None else 0,
        "keyless": row.keyless,
        "key_env": list(row.keys),
        "key_url": row.key_url or None,
        "region": row.region or None,
        "trains_on_data": row.trains_on_data,
        "terms": list(row.terms),
        "capabilities": sorted(able(row)),
        "note": row.note or None,
        "source": row.source,
        "date": row.date or None,
        "confidence": row.confidence,
    }


def able(row: Row) -> frozenset[str]:
    """Return the capability words of what a provider's interface serves."""
    words = row.offers | row.operations | ({"embeddings"} if row.embed else frozenset())
    return words | {"chat"} if row.chats and row.wire != PROGRAM else words
