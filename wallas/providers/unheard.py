"""What of a request a provider has no place for: named to the client, never lost in silence."""

from typing import Any

from wallas.providers.operations import dialect
from wallas.providers.row import Row

OPTIONAL: dict[str, dict[str, str]] = {
    "image": {
        "quality": "quality",
        "background": "background",
        "style": "style",
        "compression": "output_compression",
        "seed": "seed",
        "user": "user",
    },
    "speech": {"instructions": "instructions"},
    "transcription": {"prompt": "prompt", "temperature": "temperature", "language": "language"},
    "video": {"seconds": "seconds", "size": "size", "negative": "negative_prompt", "seed": "seed"},
    "rerank": {"tokens_each": "max_tokens_per_doc"},
}
"""By operation: the fields that may be left out, and what clients call them."""

HEARD: dict[tuple[str, str], frozenset[str]] = {
    ("image", "openai"): frozenset(OPTIONAL["image"]),
    ("image", "pollinations"): frozenset({"quality", "background", "seed"}),
    ("image", "gemini"): frozenset({"seed"}),
    ("image", "openrouter"): frozenset({"seed"}),
    ("image", "huggingface"): frozenset({"seed"}),
    ("image", "nvidia"): frozenset({"seed"}),
    ("speech", "openai"): frozenset({"instructions"}),
    ("speech", "gemini"): frozenset({"instructions"}),
    ("transcription", "openai"): frozenset({"prompt", "temperature", "language"}),
    ("transcription", "openrouter"): frozenset({"temperature", "language"}),
    ("transcription", "cohere"): frozenset({"temperature", "language"}),
    ("transcription", "gemini"): frozenset({"prompt", "temperature", "language"}),
    ("transcription", ""): frozenset({"prompt", "temperature", "language"}),
    ("video", "openai"): frozenset({"seconds", "size"}),
    ("video", "openrouter"): frozenset({"seconds", "size", "seed"}),
    ("video", "gemini"): frozenset({"seconds", "size", "negative", "seed"}),
    ("video", "pollinations"): frozenset({"seconds", "size", "seed"}),
    ("video", "huggingface"): frozenset({"seed"}),
    ("rerank", "cohere"): frozenset({"tokens_each"}),
}
"""By operation and dialect ("" for programs of this machine): the optional fields that are sent on."""

DEAF: dict[tuple[str, str], frozenset[str]] = {
    ("speech", "groq"): frozenset({"instructions"}),
    ("image", "openai"): frozenset({"style", "seed"}),
    ("transcription", "mistral"): frozenset({"prompt"}),
}
"""By operation and provider: what it does not take although its dialect does."""


def unheard(row: Row, request: Any) -> list[str]:
    """Return the client's names of what a request says and this provider was not told."""
    operation: str = request.OPERATION
    heard = HEARD.get((operation, dialect(row, operation) or ""), frozenset())
    heard -= DEAF.get((operation, row.name), frozenset())
    told = OPTIONAL.get(operation, {})
    return [name for field, name in told.items() if field not in heard and getattr(request, field) is not None]
