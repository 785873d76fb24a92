"""Reads model lists in OpenAI's shape, with all that its imitators add, and holds what readers of other shapes share.

An entry has only what its list said. One without stated modalities gets its
kind from its id; whatever else is missing stays unknown, and the catalog's
build fills it in as a guess.
"""

import re
from fnmatch import fnmatchcase
from typing import Any, cast

from wallas.catalog.entries import KIND_CAPABILITY, Kind, Model, Price
from wallas.catalog.quantization import level_of
from wallas.providers.row import Row

Json = dict[str, Any]

KIND_WORDS: tuple[tuple[Kind, re.Pattern[str]], ...] = tuple(
    (cast(Kind, kind), re.compile(pattern, re.IGNORECASE))
    for kind, pattern in (
        ("rerank", r"rerank"),
        ("embedding", r"embed|(^|[-_/])(bge|e5|gte|minilm|nomic)[-_]|retriev"),
        ("moderation", r"moderation|prompt-guard|llama-guard|nemoguard|shieldgemma|content-safety"),
        ("transcription", r"whisper|transcri|(^|[-_/])(asr|stt|parakeet|canary)([-_]|$)"),
        ("speech", r"(^|[-_/])tts([-_]|$)|orpheus|kokoro|(^|/)speech|playai|melotts|aura-"),
        ("ocr", r"(^|[-_/])ocr([-_]|$)|^parse-"),
        ("video", r"(^|[-_/])(veo|sora|kling|hailuo|seedance)([-_\d]|$)|text-to-video"),
        ("image", r"(^|[-_/])(dall-e|flux|imagen|sdxl|stable-diffusion|gpt-image|kontext|seedream)|-image($|-)|zimage"),
    )
)
"""Kinds by words in the id, where the list does not say; the first that fits."""

OTHER = re.compile(
    r"reward|(^|[-_/])(realtime|live|aqa|davinci-002|babbage-002)([-_]|$)|-realtime|native-audio"
    r"|^(text|code)-(search|similarity)-|turbo-instruct|^(ada|babbage|curie|davinci)$",
    re.IGNORECASE,
)
"""Ids of what is none of our kinds: left out."""

INPUTS = {"image": "vision", "audio": "audio", "video": "video", "pdf": "pdf", "file": "pdf"}

OPENROUTER_CAN = {
    "tools": "tools",
    "parallel_tool_calls": "parallel_tools",
    "response_format": "json_object",
    "structured_outputs": "json_schema",
    "reasoning": "reasoning",
    "logprobs": "logprobs",
}


def kind_of(id: str) -> Kind | None:
    """Return what the words of an id make one expect; None for what is none of our kinds."""
    if OTHER.search(id):
        return None
    return next((kind for kind, words in KIND_WORDS if words.search(id)), "chat")


def number(*values: Any) -> int | None:
    """Return the first that is a positive number of tokens."""
    for value in values:
        if isinstance(value, str) and value.isdigit():
            value = int(value)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 10**9:
            return int(value)
    return None


def text_of(entry: Json, key: str) -> str:
    """Return a text of an entry; raise TypeError for anything else, as rubbish has it (U64)."""
    value = entry[key]
    if not isinstance(value, str):
        raise TypeError(f"{key} is a {type(value).__name__}")
    return value


def dollars(value: Any, scale: float = 1.0) -> float | None:
    """Return a price as USD per million tokens; None for what is no price (-1: it varies)."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    amount = float(value)
    return round(amount * scale, 6) if 0 <= amount * scale < 1e6 else None


def price_of(pricing: Any) -> Price | None:
    """Return the price of an entry: ``prompt``/``completion`` are USD per token, ``input``/``output`` per million."""
    if not isinstance(pricing, dict):
        return None
    if "prompt" in pricing or "completion" in pricing:
        said = [
            dollars(pricing.get(key), 1e6) for key in ("prompt", "completion", "input_cache_read", "input_cache_write")
        ]
    else:
        said = [dollars(pricing.get(key)) for key in ("input", "output", "cache_read", "cache_write")]
    unit = next((amount for key in ("request", "image") if (amount := dollars(pricing.get(key)))), None)
    if said[0] is None and said[1] is None:
        return None
    return Price(
        input=said[0],
        output=said[1],
        cache_read=said[2],
        cache_write=said[3],
        unit=unit,
        per="request" if unit else None,
    )


def is_free(row: Row, id: str, price: Price | None, entry: Json) -> bool | None:
    """Return whether a model costs nothing by the provider's rule; None: the catalog knows better."""
    if any(fnmatchcase(id, glob) for glob in row.free_ids):
        return True
    match row.free_rule:
        case "all":
            return True
        case "never":
            return False
        case "zero":
            if entry.get("isFree") is True or id.endswith(":free") or id in ("openrouter/free", "kilo-auto/free"):
                return True
            return price is not None and price.zero
        case _:
            return None


def entry_of(row: Row, id: str, kind: Kind, entry: Json, **said: Any) -> Model:
    """Return an entry; a free-rule that does not decide and capabilities that were not said count as guessed."""
    guessed = set(said.pop("guessed", ()))
    free = is_free(row, id, said.get("price"), entry)
    if free is None:
        guessed.add("free")
    if not said.get("capabilities"):
        guessed.add("capabilities")
        said["capabilities"] = frozenset() if kind == "chat" else frozenset({KIND_CAPABILITY[kind]})
    status = row.status if row.status in ("trial", "unverified", "retired") else "working"
    return Model(
        provider=row.name,
        id=id,
        kind=kind,
        free=bool(free),
        status=status,
        guessed=frozenset(guessed),
        source=f"{row.name} model list",
        **said,
    )


def openai_entry(row: Row, entry: Json) -> Model | None:
    """Read OpenAI's shape with everything that its imitators add: windows, prices, modalities, features."""
    id = text_of(entry, "id")
    if entry.get("active") is False:
        return None
    inputs, outputs = modalities(entry)
    kind = kind_by(id, inputs, outputs)
    if kind is None:
        return None
    top = entry.get("top_provider") if isinstance(entry.get("top_provider"), dict) else {}
    output = number(
        cast(Json, top).get("max_completion_tokens"),
        entry.get("max_completion_tokens"),
        entry.get("max_output_length"),
        entry.get("max_output_tokens"),
    )
    retires = entry.get("shutdown_date") or entry.get("expiration_date")
    return entry_of(
        row,
        id,
        kind,
        entry,
        context=number(*(entry.get(key) for key in WINDOWS)),
        max_output=output,
        price=price_of(entry.get("pricing")),
        retires_on=str(retires)[:10] if isinstance(retires, str) else None,
        quantization=level_of(stored) if isinstance(stored := entry.get("quantization"), str) else None,
        trains_on_data=flag(entry.get("mayTrainOnYourPrompts", entry.get("data_used_for_training"))),
        capabilities=capabilities_of(kind, inputs, entry),
    )


WINDOWS = (
    "context_length",
    "context_window",
    "max_context_length",
    "max_model_len",
    "max_input_tokens",
    "max_context_window",
    "loaded_context_length",
)


def flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def modalities(entry: Json) -> tuple[set[str], set[str]]:
    place = entry.get("architecture") if isinstance(entry.get("architecture"), dict) else entry
    words = [cast(Json, place).get(key) or [] for key in ("input_modalities", "output_modalities")]
    return tuple({str(word) for word in row} if isinstance(row, list) else set() for row in words)  # type: ignore[return-value]


def kind_by(id: str, inputs: set[str], outputs: set[str]) -> Kind | None:
    """Return an entry's kind: by what it puts out where that is said, else by its id."""
    if outputs and "text" not in outputs:
        for word, kind in OUTPUT_KINDS.items():
            if word in outputs:
                return kind
    if inputs == {"audio"}:
        return "transcription"
    return kind_of(id)


OUTPUT_KINDS: dict[str, Kind] = {
    "embeddings": "embedding",
    "embedding": "embedding",
    "image": "image",
    "video": "video",
    "audio": "speech",
    "speech": "speech",
    "transcription": "transcription",
}


def capabilities_of(kind: Kind, inputs: set[str], entry: Json) -> frozenset[str]:
    """Return what an entry says it can do; empty where it says nothing of it."""
    if kind != "chat":
        return frozenset()
    said = {INPUTS[word] for word in inputs if word in INPUTS}
    features: set[str] = set()
    told = False
    for key in ("supported_parameters", "supported_features"):
        words = entry.get(key)
        if isinstance(words, list):
            told = True
            features |= {OPENROUTER_CAN[word] for word in words if isinstance(word, str) and word in OPENROUTER_CAN}
            features |= {LOOSE[word] for word in words if isinstance(word, str) and word in LOOSE}
    for key, word in FLAGS.items():
        if isinstance(entry.get(key), bool):
            told = True
            features |= {word} if entry[key] else set()
    return frozenset({"chat"} | said | features) if told else frozenset()


LOOSE = {"function_calling": "tools", "json_mode": "json_object", "tool_calling": "tools", "vision": "vision"}
FLAGS = {
    "supports_tool_calling": "tools",
    "supports_tools": "tools",
    "tools_calling": "tools",
    "json_mode": "json_object",
    "supports_vision": "vision",
    "supports_reasoning": "reasoning",
    "supports_structured_output": "json_schema",
}
