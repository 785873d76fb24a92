"""Gemini's words and numbers beside ours: finish reasons, error statuses, usage, logprobs."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from wallas.codecs.reading import tokens
from wallas.types.chat import Logprob, StopReason, Usage

WIRE = "gemini"

REASONS = {
    "STOP": StopReason.STOP,
    "MAX_TOKENS": StopReason.LENGTH,
    "SAFETY": StopReason.CONTENT_FILTER,
    "RECITATION": StopReason.CONTENT_FILTER,
    "BLOCKLIST": StopReason.CONTENT_FILTER,
    "PROHIBITED_CONTENT": StopReason.CONTENT_FILTER,
    "SPII": StopReason.CONTENT_FILTER,
    "MODEL_ARMOR": StopReason.CONTENT_FILTER,
    "IMAGE_SAFETY": StopReason.CONTENT_FILTER,
    "IMAGE_PROHIBITED_CONTENT": StopReason.CONTENT_FILTER,
    "IMAGE_RECITATION": StopReason.CONTENT_FILTER,
    "ESCALATION": StopReason.CONTENT_FILTER,
    "PUP_LIMITED_DISABLED": StopReason.CONTENT_FILTER,
}
"""``finishReason`` as in google-genai 3.4 (2026-11). What is not here ended for no reason we share: UNKNOWN."""

UNUSABLE = frozenset(
    {
        "MALFORMED_FUNCTION_CALL",
        "UNEXPECTED_TOOL_CALL",
        "TOO_MANY_TOOL_CALLS",
        "MISSING_THOUGHT_SIGNATURE",
        "MALFORMED_RESPONSE",
    }
)
"""Finish reasons after which the answer cannot be used; read them in ``stop_detail``, the reason is UNKNOWN."""

FINISHES = {
    StopReason.STOP: "STOP",
    StopReason.STOP_SEQUENCE: "STOP",
    StopReason.TOOL_CALLS: "STOP",
    StopReason.PAUSE: "STOP",
    StopReason.LENGTH: "MAX_TOKENS",
    StopReason.CONTENT_FILTER: "SAFETY",
    StopReason.REFUSAL: "SAFETY",
    StopReason.UNKNOWN: "OTHER",
}

STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    413: "INVALID_ARGUMENT",
    422: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
"""``error.status`` for an HTTP status, after google.rpc.Code."""

_WORD = re.compile(r"[A-Z][A-Z0-9_]*")


def reason_of(word: str | None, *, called: bool) -> StopReason | None:
    """Return why an answer ended; Gemini says STOP after function calls too."""
    if word is None:
        return None
    reason = REASONS.get(word, StopReason.UNKNOWN)
    return StopReason.TOOL_CALLS if called and reason is StopReason.STOP else reason


def finish_of(reason: StopReason | None, detail: str | None) -> str | None:
    """Return the ``finishReason`` for a client: Gemini's own word where one was kept, else the nearest."""
    if reason is None:
        return None
    finish = FINISHES[reason]
    if detail is None:
        return finish
    if detail in REASONS:
        return detail if FINISHES[REASONS[detail]] == finish else finish
    return detail if reason is StopReason.UNKNOWN and _WORD.fullmatch(detail) else finish


def status_of(status: int) -> str:
    """Return the status word of an HTTP status."""
    return STATUSES.get(status, "INVALID_ARGUMENT" if status < 500 else "UNAVAILABLE")


def usage_of(raw: dict[str, Any]) -> Usage:
    """Return the counts of a ``usageMetadata``; a count that is no possible number of tokens is not said."""
    counts = {key: count for key, value in raw.items() if (count := tokens(value)) is not None}
    prompt, answer = counts.get("promptTokenCount"), counts.get("candidatesTokenCount")
    tools, thoughts = counts.get("toolUsePromptTokenCount"), counts.get("thoughtsTokenCount")
    return Usage(
        input=None if prompt is None else prompt + (tools or 0),
        output=None if answer is None and thoughts is None else (answer or 0) + (thoughts or 0),
        cache_read=counts.get("cachedContentTokenCount"),
        reasoning=thoughts,
        raw={WIRE: raw},
    )


def usage_to(usage: Usage) -> dict[str, Any]:
    """Return a client's ``usageMetadata``: the provider's own where the counts are still its, else made of ours."""
    raw: dict[str, Any] = usage.raw.get(WIRE, {})
    own = usage_of(raw)
    if raw and (own.input, own.output, own.cache_read, own.reasoning) == (
        usage.input,
        usage.output,
        usage.cache_read,
        usage.reasoning,
    ):
        return raw
    answer = None if usage.output is None else max(usage.output - (usage.reasoning or 0), 0)
    counts = {
        "promptTokenCount": usage.input,
        "candidatesTokenCount": answer,
        "thoughtsTokenCount": usage.reasoning,
        "cachedContentTokenCount": usage.cache_read,
        "totalTokenCount": (usage.input or 0) + (usage.output or 0),
    }
    return {key: value for key, value in counts.items() if value is not None}


def seconds_of(time: Any) -> int | None:
    """Return a ``createTime`` as epoch seconds."""
    try:
        return int(datetime.fromisoformat(time).timestamp())
    except (TypeError, ValueError, OverflowError):
        return None


def time_of(seconds: int) -> str:
    """Return epoch seconds as a ``createTime``."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def logprobs_of(result: dict[str, Any]) -> tuple[tuple[Logprob, ...], list[Any]]:
    """Return the tokens of a ``logprobsResult`` and, beside them, their ids: ``[id, [ids of the runners-up]]``."""
    tops = [_rows(row.get("candidates")) for row in _rows(result.get("topCandidates"))]
    logprobs, ids = [], []
    for place, row in enumerate(_rows(result.get("chosenCandidates"))):
        top = tops[place] if place < len(tops) else []
        logprobs.append(_logprob(row, tuple(_logprob(other) for other in top)))
        ids.append([row.get("tokenId"), [other.get("tokenId") for other in top]])
    return tuple(logprobs), ids


def logprobs_to(logprobs: Iterable[Logprob], ids: list[Any] | None = None) -> dict[str, Any]:
    """Return a ``logprobsResult``, with the tokens' ids where they were kept."""
    known = iter(ids or ())
    chosen, tops = [], []
    for logprob in logprobs:
        first, others = next(known, (None, []))
        chosen.append(_row(logprob, first))
        rest = others + [None] * (len(logprob.top) - len(others))
        tops.append({"candidates": [_row(other, id) for other, id in zip(logprob.top, rest, strict=False)]})
    result: dict[str, Any] = {"chosenCandidates": chosen}
    if any(row["candidates"] for row in tops):
        result["topCandidates"] = tops
    return result


def _rows(value: Any) -> list[dict[str, Any]]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _logprob(row: dict[str, Any], top: tuple[Logprob, ...] = ()) -> Logprob:
    token = row.get("token")
    value = row.get("logProbability")
    return Logprob(
        token=token if isinstance(token, str) else "",
        logprob=float(value) if isinstance(value, int | float) else 0.0,
        top=top,
    )


def _row(logprob: Logprob, id: Any) -> dict[str, Any]:
    row = {"token": logprob.token, "logProbability": logprob.logprob}
    return row if id is None else row | {"tokenId": id}
