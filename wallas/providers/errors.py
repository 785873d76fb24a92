"""What a refusal means at one provider in particular, where the general reading of it would be too mild or too hard."""

import re
from typing import NamedTuple

from wallas.errors import FailureKind, ProviderError, Scope


class Word(NamedTuple):
    """At ``statuses`` (empty: any), a body that says ``says`` means ``kind``; ``scope`` overrides what rests."""

    statuses: frozenset[int]
    says: re.Pattern[str]
    kind: FailureKind
    scope: Scope | None = None


def _word(pattern: str, kind: FailureKind, *statuses: int, scope: Scope | None = None) -> Word:
    return Word(frozenset(statuses), re.compile(pattern, re.IGNORECASE), kind, scope)


WORDS: dict[str, tuple[Word, ...]] = {
    "openrouter": (
        _word(r"free-models-per-day", FailureKind.DAY_LIMIT, 429, scope=Scope.ACCOUNT),
        _word(r"free-models-per-min", FailureKind.RATE_LIMIT, 429, scope=Scope.ACCOUNT),
        _word(r"insufficient credits|negative|never purchased", FailureKind.MONEY, 402, scope=Scope.KEY),
        _word(r"no endpoints found", FailureKind.MODEL_GONE, 404),
    ),
    "ollama-cloud": (
        _word(r"requires? a subscription|upgrade", FailureKind.FORBIDDEN_MODEL, 403),
        _word(r"weekly|session", FailureKind.DAY_LIMIT, 429, scope=Scope.KEY),
    ),
    "nvidia": (
        _word(r"degraded function", FailureKind.SERVER, 400),
        _word(r"not found for account", FailureKind.MODEL_GONE, 404),
        _word(r"single tool-calls at once", FailureKind.UNSUPPORTED, 400),
    ),
    "huggingface": (
        _word(r"monthly included credits", FailureKind.MONEY, 402, scope=Scope.KEY),
        _word(r"not supported by any provider you have enabled", FailureKind.MODEL_GONE, 400),
        _word(r"sufficient permissions to call inference providers", FailureKind.CREDENTIAL, 403),
    ),
    "sambanova": (_word(r"payment_method_required", FailureKind.MONEY, 402, scope=Scope.KEY),),
    "cerebras": (
        _word(r"queue_exceeded|experiencing high traffic", FailureKind.OVERLOADED, 429),
        _word(r"payment", FailureKind.MONEY, 402, scope=Scope.KEY),
    ),
    "pollinations": (_word(r"payment_required|pollen", FailureKind.MONEY, 402, scope=Scope.KEY),),
    "mistral": (_word(r"service tier capacity exceeded", FailureKind.OVERLOADED, 429),),
    "groq": (
        _word(r"model_terms_required", FailureKind.FORBIDDEN_MODEL, 400),
        _word(r"json_validate_failed|tool_use_failed", FailureKind.UNUSABLE, 400),
    ),
    "kilo": (_word(r"sign[- ]in|log ?in", FailureKind.FORBIDDEN_MODEL, 401),),
    "vlmrun": (_word(r"model_not_entitled", FailureKind.FORBIDDEN_MODEL, 403),),
    "modelscope": (_word(r"insufficient balance \(1008\)", FailureKind.MODEL_GONE, 429),),
    "cloudflare": (
        _word(r"neurons", FailureKind.DAY_LIMIT, 429, 403, 402, scope=Scope.ACCOUNT),
        _word(r"agree|licen[cs]e", FailureKind.FORBIDDEN_MODEL, 403),
    ),
    "deepseek": (_word(r"reasoning_content.{0,60}passed back", FailureKind.UNSUPPORTED, 400),),
    "openai": (_word(r"only supported in v1/responses|not a chat model", FailureKind.FORBIDDEN_MODEL, 400, 404),),
}
"""By provider; the first that fits holds. Sources: providers.md 1 to 15, lessons.md 0.1, recorded bodies."""


def refined(name: str, error: ProviderError, body: bytes) -> ProviderError:
    """Return the error, or one that says more exactly who is to blame."""
    words = WORDS.get(name)
    if not words:
        return error
    text = body[:8192].decode("utf-8", "replace")
    for word in words:
        if (not word.statuses or error.status in word.statuses) and word.says.search(text):
            return ProviderError(
                word.kind,
                error.message,
                status=error.status,
                code=error.code,
                param=error.param,
                retry_after=error.retry_after,
                limit=error.limit,
                scope=word.scope or error.scope,
            )
    return error
