"""Where a provider's embeddings are, and the dialect in which it wants to be asked for them."""

from typing import Any

import msgspec

from wallas.codecs import COHERE, GEMINI, OLLAMA, OPENAI_CHAT
from wallas.codecs.embeddings import EMBEDDINGS, MISTRAL, NVIDIA, OPENAI, Dialect, gemini_action
from wallas.codecs.embeddings_openai import encode_request as encode_openai
from wallas.errors import FailureKind, ProviderError
from wallas.providers.extras import EMBED_EXTRAS
from wallas.providers.row import Row
from wallas.types.media import EmbedRequest, EmbedResponse

PATHS = {OPENAI_CHAT: "/embeddings", OLLAMA: "/api/embed", COHERE: "/v2/embed"}
DIALECTS: dict[str, Dialect] = {"mistral": MISTRAL, "nvidia": NVIDIA}


def address(row: Row, request: EmbedRequest) -> str:
    """Return the path of a provider's embeddings, from its base address on."""
    if row.wire == GEMINI:
        return f"/models/{request.model}:{gemini_action(request)}"
    return PATHS[row.wire]


def encoded(row: Row, request: EmbedRequest) -> dict[str, Any]:
    """Return the JSON body; raise UNSUPPORTED for more inputs than the provider takes at once."""
    if len(request.inputs) > row.embed_batch:
        raise ProviderError(
            FailureKind.UNSUPPORTED, f"{row.label} takes {row.embed_batch} inputs at once", param="input"
        )
    own = {key: value for key, value in request.extra.get(row.wire, {}).items() if key in EMBED_EXTRAS}
    request = msgspec.structs.replace(request, extra={row.wire: own} if own else {})
    if row.wire == OPENAI_CHAT:
        return encode_openai(request, dialect=DIALECTS.get(row.name, OPENAI))
    return EMBEDDINGS[row.wire].encode_request(request)


def decoded(row: Row, request: EmbedRequest, value: Any) -> EmbedResponse:
    """Return the vectors of an answer, as many as were asked for; else raise MALFORMED."""
    return EMBEDDINGS[row.wire].decode_response(value, count=len(request.inputs), dimensions=request.dimensions)
