"""Embeddings on all wires that have them: one row a wire, the same four functions in each."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from wallas.codecs import (
    COHERE,
    GEMINI,
    OLLAMA,
    OPENAI_CHAT,
    embeddings_cohere,
    embeddings_gemini,
    embeddings_ollama,
    embeddings_openai,
)
from wallas.codecs.embeddings_gemini import action as gemini_action
from wallas.codecs.embeddings_ollama import decode_prompt, encode_prompt_response
from wallas.codecs.embeddings_openai import MISTRAL, NVIDIA, OPENAI, VOYAGE, Dialect
from wallas.codecs.refusals import decode_error
from wallas.types.media import EmbedRequest, EmbedResponse

__all__ = [
    "EMBEDDINGS",
    "MISTRAL",
    "NVIDIA",
    "OPENAI",
    "VOYAGE",
    "Dialect",
    "EmbedCodec",
    "decode_error",
    "decode_prompt",
    "encode_prompt_response",
    "gemini_action",
]


class ResponseReader(Protocol):
    """Reads a provider's vectors."""

    def __call__(self, body: Any, *, count: int | None = None, dimensions: int | None = None) -> EmbedResponse:
        """Return the vectors; raise MALFORMED where there are not ``count`` of ``dimensions`` finite numbers."""


class EmbedCodec(NamedTuple):
    """The embeddings of one wire. Errors are the wire's own codec's to write; ``decode_error`` reads any."""

    decode_request: Callable[..., EmbedRequest]
    encode_request: Callable[..., dict[str, Any]]
    decode_response: ResponseReader
    encode_response: Callable[[EmbedResponse, EmbedRequest | None], dict[str, Any]]
    most: int
    """Inputs that a provider of this wire takes at once."""


def _row(module: Any, most: int) -> EmbedCodec:
    return EmbedCodec(
        module.decode_request, module.encode_request, module.decode_response, module.encode_response, most
    )


EMBEDDINGS: dict[str, EmbedCodec] = {
    OPENAI_CHAT: _row(embeddings_openai, 2_048),
    OLLAMA: _row(embeddings_ollama, 2_048),
    GEMINI: _row(embeddings_gemini, 100),
    COHERE: _row(embeddings_cohere, 96),
}
"""By wire. OpenAI's encoder takes a ``dialect`` too, Gemini's decoder the ``model`` of the path."""
