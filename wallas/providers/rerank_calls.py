"""Asks providers to rank documents, each in its own dialect."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from wallas.codecs.framing import decode_body
from wallas.errors import FailureKind, ProviderError
from wallas.settings import Key
from wallas.types.chat import Usage
from wallas.types.judging import Ranked, RerankAnswer, RerankRequest

if TYPE_CHECKING:
    from wallas.providers.base import Line
    from wallas.providers.http import HttpProvider

NVIDIA_HOST = "https://ai.api.nvidia.com/v1"


def jina(provider: "HttpProvider", request: RerankRequest, key: Key, line: "Line") -> RerankAnswer:
    """Ask ``/rerank``, as Jina, Voyage, OpenRouter and local servers have it."""
    body: dict[str, Any] = {"model": request.model, "query": request.query, "documents": list(request.documents)}
    if request.top is not None:
        body["top_k" if provider.name == "voyage" else "top_n"] = request.top
    return _read(_asked(provider, f"{provider.base(key)}/rerank", body, key, line), request)


def cohere(provider: "HttpProvider", request: RerankRequest, key: Key, line: "Line") -> RerankAnswer:
    """Ask Cohere."""
    body: dict[str, Any] = {"model": request.model, "query": request.query, "documents": list(request.documents)}
    optional = {"top_n": request.top, "max_tokens_per_doc": request.tokens_each}
    body |= {name: value for name, value in optional.items() if value is not None}
    return _read(_asked(provider, f"{provider.base(key)}/v2/rerank", body, key, line), request)


def nvidia(provider: "HttpProvider", request: RerankRequest, key: Key, line: "Line") -> RerankAnswer:
    """Ask NVIDIA, which gives logits."""
    body = {
        "model": request.model,
        "query": {"text": request.query},
        "passages": [{"text": document} for document in request.documents],
    }
    base = NVIDIA_HOST if provider.base_url == provider.row.base_url else provider.base(key)
    value = _asked(provider, f"{base}/retrieval/{request.model}/reranking", body, key, line)
    return _read(value, request, rows="rankings", score="logit")


def _asked(provider: "HttpProvider", url: str, body: Any, key: Key, line: "Line") -> Any:
    return decode_body(line.reply(lambda: provider.send(url, body, headers=provider.headers(key))).data)


def _read(value: Any, request: RerankRequest, *, rows: str = "results", score: str = "relevance_score") -> RerankAnswer:
    """Return the ranking of an answer; raise MALFORMED for places or numbers that cannot be."""
    found = value.get(rows, value.get("data")) if isinstance(value, dict) else None
    if not isinstance(found, list):
        raise ProviderError(FailureKind.MALFORMED, "an answer without a ranking")
    ranked = []
    for row in found:
        place, how = (row.get("index"), row.get(score)) if isinstance(row, dict) else (None, None)
        if not isinstance(place, int) or not 0 <= place < len(request.documents):
            raise ProviderError(FailureKind.MALFORMED, "a ranking of documents that nobody sent")
        if isinstance(how, bool) or not isinstance(how, int | float) or not math.isfinite(how):
            raise ProviderError(FailureKind.MALFORMED, "a ranking without numbers")
        ranked.append(Ranked(index=place, score=float(how)))
    if len({one.index for one in ranked}) < len(ranked) or not ranked:
        raise ProviderError(FailureKind.MALFORMED, "a ranking that names a document twice, or none")
    ranked.sort(key=lambda one: -one.score)
    told = value.get("usage")
    spent = told.get("total_tokens") if isinstance(told, dict) else None
    usage = Usage(input=spent) if isinstance(spent, int) else None
    return RerankAnswer(ranked=tuple(ranked[: request.top]), usage=usage)


DIALECTS: dict[str, Callable[..., RerankAnswer]] = {"jina": jina, "cohere": cohere, "nvidia": nvidia}
