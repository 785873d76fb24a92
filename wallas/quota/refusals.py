"""What the body of a refusal says of quotas: structures first, then the sentences of each dialect."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from wallas.codecs.retry_after import retry_after, seconds_of, walk
from wallas.quota.windows import Said

_N = r"([0-9][0-9_,.]*)"
BODY_BYTES = 65_536


class Sentence(NamedTuple):
    """One way of naming a limit; groups: the limit, and as far as said what is used."""

    pattern: re.Pattern[str]
    kind: str
    """A kind of window; ``?`` stands for what ``WORDS`` makes of the pattern's group ``window``."""
    scope: str | None = None
    empty: bool = True
    """Whether the window is used up, rather than too small for this request."""


def _say(pattern: str, kind: str, scope: str | None = None, *, empty: bool = True) -> Sentence:
    return Sentence(re.compile(pattern, re.I | re.S), kind, scope, empty)


SENTENCES: tuple[Sentence, ...] = (
    # Groq 413: the request alone is larger than the window.
    _say(rf"too large.*\((?P<window>[RT]P[MHD])\): ?limit {_N}, ?requested", "?", empty=False),
    # Groq 429, OpenAI 429: "on tokens per day (TPD): Limit 200000, Used 199000, Requested 2000".
    _say(rf"\((?P<window>[RT]P[MHD])\): ?limit:? {_N}(?:, ?used:? {_N})?", "?"),
    _say(
        rf"\bon (?P<window>(?:requests|tokens) per (?:min|minute|hour|day))\b.{{0,40}}limit:? {_N}"
        rf"(?:.{{0,6}}used:? {_N})?",
        "?",
    ),
    _say(r"free-models-per-day", "rpd", "account"),
    _say(r"free-models-per-min", "rpm", "account"),
    # Cohere's trial keys.
    _say(rf"limited to {_N} api calls? ?/ ?month", "rpmonth", "account"),
    _say(rf"limited to {_N} api calls? ?/ ?minute", "rpm"),
    _say(rf"limit is {_N} tokens per minute", "tpm"),
    # GitHub's and Azure's: "Rate limit of 50 per 86400s exceeded".
    _say(rf"rate limit of {_N} per 86400s", "rpd"),
    _say(rf"rate limit of {_N} per 60s", "rpm"),
    # Anthropic: "would exceed your organization's rate limit of 40,000 input tokens per minute".
    _say(rf"rate limit of {_N} (?P<window>(?:input |output )?tokens per minute|requests per (?:minute|day|hour))", "?"),
    _say(rf"limit:? {_N} ?(?P<window>requests? ?(?:/|per) ?(?:minute|min|hour|day))", "?"),
    # Ollama's cloud: usage by session (five hours) and by week, without figures (providers.md 9, unpublished).
    _say(r"\b(?:session|5[- ]?h(?:ours?)?) (?:usage )?(?:limit|quota)", "5h", "account"),
    _say(r"\bweekly (?:usage )?(?:limit|quota)", "7d", "account"),
    _say(r"token_quota_exceeded.{0,200}\bday\b|\btokens per day\b|daily token", "tpd"),
    _say(r"\btokens per minute\b|token_quota_exceeded", "tpm"),
    _say(r"\brequests per day\b|\bdaily (?:request )?(?:limit|quota)|per[- ]day\b|userbymodelbyday", "rpd"),
    _say(r"\bmonthly (?:limit|quota|request)|\bper[- ]month\b", "rpmonth"),
)

WORDS = (
    (re.compile(r"^([RT]P[MHD])$", re.I), None),
    (re.compile(r"tokens? ?(?:/|per) ?min", re.I), "tpm"),
    (re.compile(r"tokens? ?(?:/|per) ?hour", re.I), "tph"),
    (re.compile(r"tokens? ?(?:/|per) ?day", re.I), "tpd"),
    (re.compile(r"requests? ?(?:/|per) ?min", re.I), "rpm"),
    (re.compile(r"requests? ?(?:/|per) ?hour", re.I), "rph"),
    (re.compile(r"requests? ?(?:/|per) ?day", re.I), "rpd"),
)

GEMINI_KINDS = (
    (("Token", "PerMinute"), "tpm"),
    (("Token", "PerDay"), "tpd"),
    (("PerDay",), "rpd"),
    (("PerMinute",), "rpm"),
)
"""Parts of a ``quotaId`` (or ``quotaMetric``) that tell the window, the narrow before the wide."""


def refused(
    provider: str, status: int, headers: Mapping[str, str], body: bytes, *, message: str = "", now: float
) -> list[Said]:
    """Return what a refusal's body says of the windows that it met; nothing for what is no matter of quota.

    Only 402, 413, 429 and errors inside a stream (status 200 or none) are read.
    """
    if status not in (0, 200, 402, 413, 429):
        return []
    details = _json(body)
    said = _gemini(details, now)
    if said:
        return said
    text = " ".join([message, *_texts(details)])[:8000] if details is not None else message or _plain(body)
    wait = retry_after(headers, message=text, details=details, now=now)
    said = [*_openrouter(provider, details, text, now), *_sentences(text, wait)]
    kinds: dict[str, Said] = {}
    for one in said:
        kinds.setdefault(one.kind, one)
    return list(kinds.values())


def _gemini(details: Any, now: float) -> list[Said]:
    """Read Google's ``violations``: for a day's window the ``retryDelay`` misleads and is not used."""
    said: list[Said] = []
    delay = next((value for key, value in walk(details) if key == "retrydelay"), None)
    wait = seconds_of(str(delay), now) if delay is not None else None
    for key, value in walk(details):
        if key != "violations" or not isinstance(value, list):
            continue
        for one in value[:20]:
            if not isinstance(one, dict):
                continue
            name = f"{one.get('quotaId', '')}"
            kind = next((kind for parts, kind in GEMINI_KINDS if all(part in name for part in parts)), None)
            if kind is None:
                continue
            limit = _number(str(one.get("quotaValue", "")))
            long = kind.endswith("d")
            said.append(
                Said(
                    kind=kind,
                    limit=limit,
                    remaining=0.0,
                    resets_in=None if long or limit == 0 else max(wait or 1.0, 1.0),
                    scope="model" if "PerModel" in name or not name else "account",
                    source="body",
                )
            )
    return said


def _openrouter(provider: str, details: Any, text: str, now: float) -> list[Said]:
    """Read the headers that OpenRouter puts into ``metadata``: an account's day or minute of its free models."""
    if provider != "openrouter":
        return []
    for key, value in walk(details):
        if key == "headers" and isinstance(value, dict):
            inner = {str(name).lower(): str(one) for name, one in value.items()}
            reset = seconds_of(inner.get("x-ratelimit-reset", ""), now)
            kind = "rpd" if "per-day" in text or (reset or 0.0) > 120 else "rpm"
            return [
                Said(
                    kind=kind,
                    limit=_number(inner.get("x-ratelimit-limit", "")),
                    remaining=_number(inner.get("x-ratelimit-remaining", "")) or 0.0,
                    resets_in=reset,
                    scope="account",
                    source="body",
                )
            ]
    return []


def _sentences(text: str, wait: float | None) -> list[Said]:
    for sentence in SENTENCES:
        match = sentence.pattern.search(text)
        if match is None:
            continue
        named = match.groupdict().get("window")
        kind = sentence.kind if named is None else _kind(named)
        if kind is None:
            continue
        numbers = [_number(group) for group in match.groups() if group is not None and group != named]
        return [
            Said(
                kind=kind,
                limit=numbers[0] if numbers else None,
                remaining=0.0 if sentence.empty else None,
                used=numbers[1] if len(numbers) > 1 else None,
                resets_in=wait,
                scope=sentence.scope,
                source="body",
            )
        ]
    return []


def _kind(words: str) -> str | None:
    for pattern, kind in WORDS:
        match = pattern.search(words)
        if match:
            return kind or match[1].lower()
    return None


def _texts(details: Any) -> list[str]:
    keys = ("message", "error", "raw", "detail", "code", "type")
    return [value for key, value in walk(details) if key in keys and isinstance(value, str)]


def _json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body[:BODY_BYTES])
    except (msgspec.DecodeError, RecursionError, ValueError):
        return None


def _plain(body: bytes) -> str:
    return body[:2000].decode("utf-8", "replace")


def _number(text: str) -> float | None:
    digits = text.replace(",", "").replace("_", "").rstrip(".")[:18]
    try:
        return float(digits) if digits[:1].isdigit() else None
    except ValueError:
        return None
