"""Reads providers' own model lists, one reader a shape; the shapes have little in common."""

from collections.abc import Callable, Iterator
from typing import Any, cast
from urllib.parse import quote

import msgspec

from wallas.catalog.entries import Kind, Model
from wallas.catalog.listing import checked
from wallas.catalog.quantization import level_of
from wallas.providers.list_entries import (
    INPUTS,
    Json,
    entry_of,
    kind_by,
    kind_of,
    modalities,
    number,
    openai_entry,
    price_of,
    text_of,
)
from wallas.providers.row import Row


def parse_list(row: Row, value: Any) -> list[Model]:
    """Return the models that one page of a provider's list names; garbage in it is skipped, never raised (U64)."""
    reader = READERS.get(row.list_format, openai_entry)
    return list(checked(model for entry in _entries(value) if (model := _safely(reader, row, entry)) is not None))


def _safely(reader: Callable[[Row, Json], Model | None], row: Row, entry: Json) -> Model | None:
    if not isinstance(entry.get("id", entry.get("name")), str):
        return None
    try:
        return reader(row, entry)
    except (TypeError, ValueError, KeyError, AttributeError, IndexError):
        return None


def _entries(value: Any) -> Iterator[Json]:
    """Yield the rows: of a bare array, or of ``data``, ``models`` or ``result``."""
    if isinstance(value, dict):
        value = next((value[key] for key in ("data", "models", "result") if isinstance(value.get(key), list)), [])
    if isinstance(value, list):
        yield from (entry for entry in value if isinstance(entry, dict))


def next_page(format: str, address: str, value: Any) -> str | None:
    """Return the address of a list's next page, None after the last."""
    if not isinstance(value, dict):
        return None
    base, _, rest = address.partition("?")
    kept = "&".join(
        word for word in rest.split("&") if word and not word.startswith(("pageToken=", "after_id=", "page_token="))
    )
    for key, word, more in PAGING.get(format, ()):
        token = value.get(key)
        if isinstance(token, str) and token and value.get(more, True):
            return f"{base}?{kept}{'&' if kept else ''}{word}={quote(token[:2000], safe='')}"
    return None


PAGING: dict[str, tuple[tuple[str, str, str], ...]] = {
    "gemini": (("nextPageToken", "pageToken", "nextPageToken"),),
    "cohere": (("next_page_token", "page_token", "next_page_token"),),
    "anthropic": (("last_id", "after_id", "has_more"),),
}
"""By format: the key that holds the token, the parameter that takes it, the key that says there is more."""


def _llm7(row: Row, entry: Json) -> Model | None:
    """Read LLM7's list, whose ``tier`` tells free from paid."""
    model = openai_entry(row, entry)
    if model is None or entry.get("tier") == "pro":
        return None
    free = entry_of(row, model.id, model.kind, entry, context=model.context, capabilities=model.capabilities)
    tier = entry.get("tier")
    return free if tier is None else msgspec.structs.replace(free, free=True, guessed=free.guessed - {"free"})


def _gemini(row: Row, entry: Json) -> Model | None:
    """Read Gemini's native list: the methods tell the kind, modalities are not said."""
    id = text_of(entry, "name").removeprefix("models/")
    methods = set(entry.get("supportedGenerationMethods") or ())
    kind = kind_of(id)
    if methods & {"embedContent", "batchEmbedContents"} and "generateContent" not in methods:
        kind = "embedding"
    elif "predictLongRunning" in methods:
        kind = "video"
    elif not methods & {"generateContent", "predict"}:
        return None
    if kind is None:
        return None
    return entry_of(
        row,
        id,
        kind,
        entry,
        context=number(entry.get("inputTokenLimit")),
        max_output=number(entry.get("outputTokenLimit")) if kind == "chat" else None,
    )


def _anthropic(row: Row, entry: Json) -> Model | None:
    """Read Anthropic's list; older entries have no limits and no capabilities."""
    can = entry.get("capabilities")
    capabilities: frozenset[str] = frozenset()
    if isinstance(can, dict):
        capabilities = frozenset({"chat", "tools", "parallel_tools"}) | {
            word
            for key, word in ANTHROPIC_CAN.items()
            if isinstance(can.get(key), dict) and can[key].get("supported") is True
        }
    retires = entry.get("retires_at")
    return entry_of(
        row,
        text_of(entry, "id"),
        "chat",
        entry,
        context=number(entry.get("max_input_tokens")),
        max_output=number(entry.get("max_tokens")),
        retires_on=retires[:10] if isinstance(retires, str) else None,
        capabilities=capabilities,
    )


ANTHROPIC_CAN = {
    "image_input": "vision",
    "pdf_input": "pdf",
    "structured_outputs": "json_schema",
    "thinking": "reasoning",
}


def _cohere(row: Row, entry: Json) -> Model | None:
    """Read Cohere's list: its endpoints tell the kind, its features the rest."""
    endpoints = set(entry.get("endpoints") or ())
    kind = next((kind for word, kind in COHERE_KINDS.items() if word in endpoints), None)
    if kind is None or entry.get("is_deprecated") is True or entry.get("finetuned") is True:
        return None
    features = set(entry.get("features") or ())
    can = {COHERE_CAN[word] for word in features if word in COHERE_CAN}
    capabilities = frozenset({"chat"} | can) if kind == "chat" and features else frozenset()
    return entry_of(
        row, text_of(entry, "name"), kind, entry, context=number(entry.get("context_length")), capabilities=capabilities
    )


COHERE_KINDS: dict[str, Kind] = {
    "chat": "chat",
    "embed": "embedding",
    "rerank": "rerank",
    "transcribe": "transcription",
    "parse": "ocr",
}
COHERE_CAN = {
    "tools": "tools",
    "vision": "vision",
    "json_schema": "json_schema",
    "json_mode": "json_object",
    "reasoning": "reasoning",
}


def _mistral(row: Row, entry: Json) -> Model | None:
    """Read Mistral's list: one row an alias, capabilities as flags, a date of deprecation."""
    can = entry.get("capabilities") or {}
    kind = next((kind for flag, kind in MISTRAL_KINDS.items() if can.get(flag) is True), None)
    if kind is None:
        kind = kind_of(text_of(entry, "id"))
    if kind is None or (kind == "chat" and can.get("completion_chat") is False):
        return None
    retires = entry.get("deprecation")
    capabilities = frozenset(
        {"chat", "json_object", "json_schema"} | {word for flag, word in MISTRAL_CAN.items() if can.get(flag) is True}
    )
    aliases = entry.get("aliases")
    return entry_of(
        row,
        text_of(entry, "id"),
        kind,
        entry,
        context=number(entry.get("max_context_length")),
        retires_on=retires[:10] if isinstance(retires, str) else None,
        capabilities=capabilities if kind == "chat" else frozenset(),
        aliases=tuple(str(word) for word in aliases[:20]) if isinstance(aliases, list) else (),
    )


MISTRAL_KINDS: dict[str, Kind] = {
    "completion_chat": "chat",
    "ocr": "ocr",
    "moderation": "moderation",
    "audio_transcription": "transcription",
    "audio_speech": "speech",
}
MISTRAL_CAN = {"function_calling": "tools", "vision": "vision", "reasoning": "reasoning", "audio": "audio"}


def _huggingface(row: Row, entry: Json) -> Model | None:
    """Read the router's list: what the best of a model's live hosts offers, at the lowest price."""
    hosts = [host for host in entry.get("providers") or () if host.get("status") == "live"]
    inputs, outputs = modalities(entry)
    id = text_of(entry, "id")
    kind = kind_by(id, inputs, outputs)
    if not hosts or kind is None:
        return None
    can = {"chat"} | {INPUTS[word] for word in inputs if word in INPUTS}
    can |= {"tools"} if any(host.get("supports_tools") for host in hosts) else set()
    can |= {"json_schema"} if any(host.get("supports_structured_output") for host in hosts) else set()
    prices = [price for host in hosts if (price := price_of(host.get("pricing"))) is not None]
    windows = [size for host in hosts if (size := number(host.get("context_length"))) is not None]
    return entry_of(
        row,
        id,
        kind,
        entry,
        context=max(windows, default=None),
        price=min(prices, key=lambda price: (price.output or 0, price.input or 0), default=None),
        capabilities=frozenset(can) if kind == "chat" else frozenset(),
    )


def _ollama(row: Row, entry: Json) -> Model | None:
    """Read ``/api/tags``: recent daemons tell capabilities and context, older ones only names."""
    id = str(entry.get("model") or entry["name"])
    said = entry.get("capabilities")
    details = entry.get("details") if isinstance(entry.get("details"), dict) else {}
    capabilities: frozenset[str] = frozenset()
    kind: Kind | None = kind_of(id)
    if isinstance(said, list):
        words = {str(word) for word in said}
        kind = "embedding" if "embedding" in words and "completion" not in words else "chat"
        can = {OLLAMA_CAN[word] for word in words if word in OLLAMA_CAN}
        capabilities = frozenset({"chat", "json_object", "json_schema"} | can) if kind == "chat" else frozenset()
    remote = bool(entry.get("remote_host"))
    stored = cast(Json, details).get("quantization_level")
    return kind and entry_of(
        row,
        id,
        kind,
        entry,
        context=number(cast(Json, details).get("context_length")),
        capabilities=capabilities,
        trains_on_data=None if remote else row.trains_on_data,
        quantization=level_of(stored) if isinstance(stored, str) else None,
        aliases=(id.removesuffix(":latest"),) if id.endswith(":latest") else (),
        note="served by Ollama's cloud through the local daemon" if remote else "",
    )


OLLAMA_CAN = {"tools": "tools", "vision": "vision", "thinking": "reasoning", "audio": "audio"}


def _pollinations(row: Row, entry: Json) -> Model | None:
    """Read Pollinations' OpenAI-shaped list; ``supported_endpoints`` tells chat from the rest."""
    endpoints = entry.get("supported_endpoints")
    model = openai_entry(row, entry)
    if model is None or not isinstance(endpoints, list):
        return model
    chats = any("chat" in str(word) for word in endpoints)
    return model if chats == (model.kind == "chat") else None


def _github(row: Row, entry: Json) -> Model | None:
    """Read the catalog of GitHub Models, as it was until 2026-07-30."""
    outputs = set(entry.get("supported_output_modalities") or ())
    limits = entry.get("limits") or {}
    can = {"chat"} | {INPUTS[word] for word in entry.get("supported_input_modalities") or () if word in INPUTS}
    can |= {"tools"} if "tool-calling" in (entry.get("capabilities") or ()) else set()
    kind = kind_by(text_of(entry, "id"), set(), outputs)
    return kind and entry_of(
        row,
        text_of(entry, "id"),
        kind,
        entry,
        context=number(limits.get("max_input_tokens")),
        max_output=number(limits.get("max_output_tokens")),
        capabilities=frozenset(can) if kind == "chat" else frozenset(),
    )


READERS: dict[str, Callable[[Row, Json], Model | None]] = {
    "openai": openai_entry,
    "gemini": _gemini,
    "anthropic": _anthropic,
    "cohere": _cohere,
    "mistral": _mistral,
    "huggingface": _huggingface,
    "ollama": _ollama,
    "pollinations": _pollinations,
    "llm7": _llm7,
    "github": _github,
}
