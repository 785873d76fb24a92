"""Tells from a provider's refusal who is to blame: one classifier for every wire, as tables of words and codes."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from wallas.codecs.blame_fields import ALIASES, LIMITS, PARAMS, SECRETS, WINDOW_LEFT
from wallas.codecs.blame_words import DAY, HUNDREDS, INNER, MONTH, NO_QUOTA, RULES, STATUS, Rule
from wallas.codecs.retry_after import retry_after, until_next_month, walk
from wallas.errors import FailureKind, ProviderError

MESSAGE_CHARACTERS = 2000

_TIMED = frozenset(
    {
        FailureKind.RATE_LIMIT,
        FailureKind.DAY_LIMIT,
        FailureKind.OVERLOADED,
        FailureKind.SERVER,
        FailureKind.TRANSIENT,
        FailureKind.MONEY,
    }
)
"""Kinds whose refusal may say when to come back."""

_NAMED = frozenset({FailureKind.UNSUPPORTED, FailureKind.MAX_TOKENS, FailureKind.CALLER_FAULT})
_WORD_KEYS = frozenset({"type", "code", "reason", "error_type", "provider_code", "error_code", "status"})
_HTML = re.compile(r"<!doctype html|<html|cloudflare", re.I)


class _Said(NamedTuple):
    """A refusal with everything in it that the tables ask for."""

    status: int
    headers: Mapping[str, str]
    text: str
    words: frozenset[str]
    details: Any


def status_of(word: str | int | None) -> int:
    """Return the HTTP status that an inner code or type stands for; 200 when it says none."""
    if isinstance(word, str) and word.isascii() and word.isdigit() and len(word) == 3:
        word = int(word)
    if isinstance(word, int):
        return word if 400 <= word < 600 else 200
    return INNER.get(_normal(word), 200) if word else 200


def classify(
    status: int,
    headers: Mapping[str, str],
    *,
    message: str = "",
    code: str | int | None = None,
    type: str | None = None,
    param: str | None = None,
    details: Any = None,
) -> ProviderError:
    """Return what a refusal means, from its status and from what its body says.

    ``status`` is the HTTP status, or for an error inside a 200 the status that
    its inner code stands for (200 when it says none). ``headers`` has lower-case
    names; ``details`` is any part of the body, at best all of it. The message
    is kept, without keys.
    """
    if status < 300:
        status = max(status_of(code), status_of(type), status)
    said = _Said(status, headers, _text(message, details), _words(code, type, details), details)
    rule = _gemini(said) or _empty_plan(said) or _first(said) or _by_status(said)
    kind = rule.kind
    return ProviderError(
        kind,
        SECRETS.sub("***", message)[:MESSAGE_CHARACTERS],
        status=status,
        code=str(code) if code is not None else type,
        param=_param(said, param) if kind in _NAMED else param,
        retry_after=_wait(said, rule),
        limit=_limit(said, kind),
        scope=rule.scope,
    )


def _normal(word: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", word.lower()).strip("_")


def _words(code: str | int | None, type: str | None, details: Any) -> frozenset[str]:
    inner = [value for key, value in walk(details) if key in _WORD_KEYS and isinstance(value, str)]
    said = [word for word in (code, type, *inner) if isinstance(word, str)]
    return frozenset(_normal(word) for word in said if len(word) < 100)


def _text(message: str, details: Any) -> str:
    """Return the message with what hides behind it: OpenRouter's ``metadata.raw`` and ``reasons``."""
    hidden = [value for key, value in walk(details) if key in ("raw", "reasons", "msg") and value]
    return " ".join([message, *(str(value) for value in hidden)])[:8000]


def _first(said: _Said) -> Rule | None:
    """Return the first rule that holds, refined where a window of days is meant."""
    for rule in RULES:
        if rule.statuses is not None and said.status not in rule.statuses:
            continue
        bare = not rule.words and rule.says is None
        if bare or not rule.words.isdisjoint(said.words) or (rule.says and rule.says.search(said.text)):
            return rule
    return None


def _by_status(said: _Said) -> Rule:
    status = said.status
    if status == 403 and _HTML.search(said.text):
        return Rule(FailureKind.SERVER)  # an edge's block page, not the API's word on this key
    kind = STATUS.get(status) or HUNDREDS.get(status // 100, FailureKind.SERVER)
    if kind is FailureKind.RATE_LIMIT and _is_day(said):
        return Rule(FailureKind.DAY_LIMIT)
    return Rule(kind)


def _is_day(said: _Said) -> bool:
    if DAY.search(said.text):
        return True
    return any("remaining" in name and "day" in name and value.strip() == "0" for name, value in said.headers.items())


def _gemini(said: _Said) -> Rule | None:
    """Read Google's ``QuotaFailure``: its structure tells the window, while its text and ``retryDelay`` mislead."""
    if said.status != 429:
        return None
    pairs = [(key, str(value)) for key, value in walk(said.details)]
    values = [value for key, value in pairs if key in ("quotavalue", "quota_limit_value")]
    if "0" in values or NO_QUOTA.search(said.text):
        return Rule(FailureKind.NO_QUOTA)
    windows = [value for key, value in pairs if key in ("quotaid", "quota_limit")]
    if any("PerDay" in window for window in windows):
        return Rule(FailureKind.DAY_LIMIT)
    return Rule(FailureKind.RATE_LIMIT) if windows else None


def _empty_plan(said: _Said) -> Rule | None:
    """Read Mistral's headers: a limit of 0 means that this plan has no such model, for ever."""
    if said.status != 429:
        return None
    none = any(name.startswith("x-ratelimit-limit-") and value.strip() == "0" for name, value in said.headers.items())
    return Rule(FailureKind.NO_QUOTA) if none else None


def _wait(said: _Said, rule: Rule) -> float | None:
    """Return the seconds that the provider asks for, where it can be believed."""
    if rule.kind not in _TIMED:
        return None
    if rule.kind is FailureKind.DAY_LIMIT:
        if any(key == "quotaid" for key, _ in walk(said.details)):
            return None
        if MONTH.search(said.text):
            return until_next_month()
    seconds = retry_after(said.headers, message=said.text, details=said.details)
    if seconds is None:
        return rule.retry_after
    google = any(key == "retrydelay" for key, _ in walk(said.details))
    return max(seconds, 1.0) if google and rule.kind is FailureKind.RATE_LIMIT else seconds


def _limit(said: _Said, kind: FailureKind) -> int | None:
    stated = _structured(said, kind)
    if stated is not None:
        return stated
    if kind is FailureKind.MAX_TOKENS:
        for pattern in WINDOW_LEFT:
            if match := pattern.search(said.text):
                *_, window = numbers = [_number(group) for group in match.groups()]
                left = window - numbers[0] if "window" not in pattern.groupindex else numbers[0] - window
                return max(left, 0)
    for pattern in LIMITS.get(kind, ()):
        if match := pattern.search(said.text):
            return _number(match[1])
    return None


def _structured(said: _Said, kind: FailureKind) -> int | None:
    """Return a limit that stands in a field of its own."""
    keys = {
        FailureKind.DAY_LIMIT: ("quotavalue", "quota_limit_value"),
        FailureKind.RATE_LIMIT: ("quotavalue", "quota_limit_value"),
        FailureKind.CONTEXT_LENGTH: ("n_ctx",),
    }.get(kind, ())
    for key, value in walk(said.details):
        if key in keys and str(value).isascii() and str(value).isdigit():
            return int(str(value)[:18])
    return 0 if kind is FailureKind.NO_QUOTA else None


def _number(text: str) -> int:
    return int(text.replace(",", "").replace("_", "")[:18])


def _param(said: _Said, param: str | None) -> str | None:
    """Return the field that is refused: as given, by a validator's ``loc``, or from the sentence."""
    if param:
        return param
    for key, value in walk(said.details):
        if key == "param" and isinstance(value, str) and value:
            return value
        if key == "loc" and isinstance(value, list):
            steps = [str(step) for step in value if step not in ("body", "query")]
            return ".".join(steps) or None
    for pattern in PARAMS:
        if match := pattern.search(said.text):
            return ALIASES.get(match[1].lower(), match[1])
    return None
