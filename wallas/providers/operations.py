"""What providers do beside chat: which function asks in which dialect, imported when it is first needed."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from wallas.codecs import COHERE, GEMINI, OPENAI_CHAT
from wallas.errors import FailureKind, ProviderError
from wallas.providers.row import Row
from wallas.settings import Key

if TYPE_CHECKING:
    from wallas.providers.base import Line, Provider

BY_WIRE: dict[str, dict[str, str]] = {
    OPENAI_CHAT: {
        "image": "openai",
        "speech": "openai",
        "transcription": "openai",
        "rerank": "jina",
        "moderation": "openai",
        "video": "openai",
    },
    GEMINI: {"image": "gemini", "speech": "gemini", "transcription": "gemini", "video": "gemini"},
    COHERE: {"rerank": "cohere", "transcription": "cohere"},
}
"""The dialects of a wire's providers whose row says nothing else."""


def dialect(row: Row, operation: str) -> str | None:
    """Return the dialect in which a provider is asked for an operation, None where it has none."""
    return row.makes.get(operation, BY_WIRE.get(row.wire, {}).get(operation)) or None


def operate(provider: "Provider", request: Any, *, key: Key, line: "Line") -> Any:
    """Return the answer to a request of ``wallas.types``; raise UNSUPPORTED where the provider has no such call.

    ``request.OPERATION`` names the operation; the module ``wallas.providers.<operation>_calls`` has
    its dialects in ``DIALECTS``.
    """
    operation: str = request.OPERATION
    known = dialect(provider.row, operation)
    if known is None:
        raise ProviderError(FailureKind.UNSUPPORTED, f"{provider.row.label} has no {operation}", param="model")
    ask = import_module(f"wallas.providers.{operation}_calls").DIALECTS[known]
    return ask(provider, request, key, line)
