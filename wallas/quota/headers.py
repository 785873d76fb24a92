"""What response headers say of quotas: one table of names, for every provider that sends any.

Sources: providers.md (each provider's "Headers"), recorded answers. A limit of
0 means that this plan has none of it, for ever.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from wallas.codecs.retry_after import seconds_of
from wallas.quota.clocks import DAY, HOUR, MINUTE
from wallas.quota.windows import Said

_NUMBER = re.compile(r"\s*([0-9]{1,15}(?:\.[0-9]{0,6})?)\s*(?:$|[,;])")
_WINDOW = re.compile(r"\bw=([0-9]{1,9})")


class Line(NamedTuple):
    """The headers of one window. ``kind`` ``r`` or ``t`` (requests, tokens): which one follows from the times."""

    kind: str
    limit: str
    remaining: str = ""
    reset: str = ""
    scope: str | None = None


def _lines(pattern: str, **kinds: str) -> tuple[Line, ...]:
    """Return lines from a pattern of names; ``%`` is limit, remaining or reset, ``{}`` the part that tells the kind."""
    made = []
    for kind, part in kinds.items():
        name = pattern.replace("{}", part)
        made.append(Line(kind.lstrip("_"), *(name.replace("%", word) for word in ("limit", "remaining", "reset"))))
    return tuple(made)


_X = "x-ratelimit-%-{}"
_EXPLICIT = _lines(
    _X,
    rpm="requests-minute",
    rph="requests-hour",
    rpd="requests-day",
    tpm="tokens-minute",
    tph="tokens-hour",
    tpd="tokens-day",
)
_BY_TIME = _lines(_X, r="requests", t="tokens")
_PLAIN = (
    Line("r", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"),
    Line("r", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"),
)

TABLE: dict[str, tuple[Line, ...]] = {
    "groq": _lines(_X, rpd="requests", tpm="tokens"),
    "cerebras": _EXPLICIT,
    "sambanova": (*_lines(_X, rpm="requests"), *_EXPLICIT),
    "mistral": (
        *_lines(_X, rpm="req-minute", tpm="tokens-minute"),
        Line("tpm", "ratelimitbysize-limit", "ratelimitbysize-remaining", "ratelimitbysize-reset"),
        Line("tpm", "x-ratelimitbysize-limit-minute", "x-ratelimitbysize-remaining-minute"),
        Line("tpmonth", "x-ratelimitbysize-limit-month", "x-ratelimitbysize-remaining-month"),
    ),
    "cohere": (
        Line("rpm", "x-trial-endpoint-call-limit", "x-trial-endpoint-call-remaining"),
        Line("rpmonth", "x-endpoint-monthly-call-limit", scope="account"),
    ),
    "anthropic": _lines("anthropic-ratelimit-{}-%", rpm="requests", tpm="tokens"),
    "openrouter": (Line("r", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", scope="account"),),
    "openai": _BY_TIME,
}
"""By provider; whoever is not here is read by ``OTHERS``."""

OTHERS = (*_EXPLICIT, *_BY_TIME, *_PLAIN)

NAMES = {
    provider: frozenset(name for line in lines for name in (line.limit, line.remaining) if name)
    for provider, lines in (*TABLE.items(), ("", OTHERS))
}
"""The headers without which nothing is said, by provider; those of whoever is not here are under ""."""

KINDS_BY_TIME = ((90.0, "m"), (1.5 * HOUR, "h"), (1.5 * DAY, "d"))
SLIDING_SECONDS = 65.0
PERIODS = {"m": MINUTE, "h": HOUR, "d": DAY}


def heard(provider: str, headers: Mapping[str, str], *, now: float) -> list[Said]:
    """Return what an answer's headers (lower-case names) say; nothing where they say nothing usable."""
    said: list[Said] = []
    kinds: set[str] = set()
    for line in TABLE.get(provider, OTHERS):
        text = headers.get(line.limit)
        if text is None and not (line.remaining and line.remaining in headers):
            continue
        one = _read(line, headers, now)
        if one is not None and one.kind not in kinds:
            kinds.add(one.kind)
            said.append(one)
    return said


def silent(provider: str, headers: Mapping[str, str]) -> bool:
    """Return whether an answer's headers (lower-case names) surely say nothing, as most do."""
    return NAMES[provider if provider in NAMES else ""].isdisjoint(headers)


def _read(line: Line, headers: Mapping[str, str], now: float) -> Said | None:
    limit = _number(headers.get(line.limit))
    remaining = _number(headers.get(line.remaining)) if line.remaining else None
    reset = seconds_of(headers[line.reset], now) if line.reset and line.reset in headers else None
    if limit is None and remaining is None:
        return None
    kind = line.kind
    if kind in ("r", "t"):
        period = _period(headers, limit, remaining, reset)
        if period is None:
            return None
        kind = f"{kind}p{period}"
    return Said(kind=kind, limit=limit, remaining=remaining, resets_in=reset, scope=line.scope)


def _period(
    headers: Mapping[str, str], limit: float | None, remaining: float | None, reset: float | None
) -> str | None:
    """Return whether a bare limit is a minute's, an hour's or a day's; None where nothing tells.

    A bucket that fills up steadily needs the part of its period that was used:
    one of 10 000 used and 8.64 s to go is a day's. Else what is full again
    within a minute or so is taken for a minute's: a window that slides shows
    the same figures as an hour's bucket that was hardly used, and nothing is
    lost by finding out with the next answers.
    """
    stated = _WINDOW.search(headers.get("ratelimit-policy", ""))
    seconds = float(stated[1]) if stated else None
    if seconds is None and reset is not None:
        seconds = reset
        used = limit - remaining if limit is not None and remaining is not None else 0.0
        whole = reset * limit / used if limit and used > 0 else 0.0
        if whole <= 1.5 * DAY and (reset > SLIDING_SECONDS or whole > 0.8 * DAY):
            seconds = max(whole, reset)
    if seconds is None:
        return None
    return next((letter for most, letter in KINDS_BY_TIME if seconds <= most), None)


def _number(text: str | None) -> float | None:
    match = _NUMBER.match(text[:64]) if text is not None else None
    return float(match[1]) if match else None
