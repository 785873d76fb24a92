"""Asks providers whether something is harmful, each in its own dialect."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from wallas.codecs.framing import decode_body
from wallas.errors import FailureKind, ProviderError
from wallas.settings import Key
from wallas.types.judging import ModerationAnswer, ModerationRequest, Verdict

if TYPE_CHECKING:
    from wallas.providers.base import Line
    from wallas.providers.http import HttpProvider

MISTRAL_WORDS = {
    "hate_and_discrimination": "hate",
    "violence_and_threats": "violence",
    "dangerous_and_criminal_content": "illicit",
    "selfharm": "self-harm",
}
"""OpenAI's words for Mistral's kinds; those that OpenAI has not (``pii``, ``law``, ...) keep their name."""


def openai(provider: "HttpProvider", request: ModerationRequest, key: Key, line: "Line") -> ModerationAnswer:
    """Ask ``/moderations``: texts all at once, parts one after the other, for OpenAI judges a list of parts as one."""
    inputs = request.inputs
    if provider.name == "mistral" and not all(isinstance(one, str) for one in inputs):
        raise ProviderError(FailureKind.UNSUPPORTED, "Mistral judges texts only", param="input")
    calls = [list(inputs)] if all(isinstance(one, str) for one in inputs) else list(inputs)
    verdicts: list[Verdict] = []
    for given in calls:
        body = {"model": request.model, "input": given}
        verdicts += _asked(provider, body, key, line)
    if len(verdicts) != len(inputs):
        raise ProviderError(FailureKind.MALFORMED, f"{len(verdicts)} verdicts where {len(inputs)} were asked for")
    return ModerationAnswer(verdicts=tuple(verdicts))


def _asked(provider: "HttpProvider", body: Any, key: Key, line: "Line") -> list[Verdict]:
    url = f"{provider.base(key)}/moderations"
    value = decode_body(line.reply(lambda: provider.send(url, body, headers=provider.headers(key))).data)
    rows = value.get("results") if isinstance(value, dict) else None
    if not isinstance(rows, list):
        raise ProviderError(FailureKind.MALFORMED, "an answer without verdicts")
    return [_verdict(row) for row in rows]


def _verdict(row: Any) -> Verdict:
    categories = row.get("categories") if isinstance(row, dict) else None
    if not isinstance(categories, dict) or not all(isinstance(value, bool | None) for value in categories.values()):
        raise ProviderError(FailureKind.MALFORMED, "a verdict without categories")
    scores = row.get("category_scores") or {}
    applied = row.get("category_applied_input_types")
    named = {str(MISTRAL_WORDS.get(name, name)): bool(value) for name, value in categories.items() if value is not None}
    flagged = row.get("flagged")
    return Verdict(
        flagged=flagged if isinstance(flagged, bool) else any(named.values()),
        categories=named,
        scores={
            MISTRAL_WORDS.get(name, name): float(value)
            for name, value in scores.items()
            if isinstance(value, int | float)
        },
        applied=applied if isinstance(applied, dict) else None,
    )


DIALECTS: dict[str, Callable[..., ModerationAnswer]] = {"openai": openai}
