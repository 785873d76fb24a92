"""Reads from a refusal how long to wait: every dialect of Retry-After, reset headers, structured and plain text."""

import re
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

LONGEST = 24 * 3600.0
"""No rest is longer: everything at rest is looked at again within a day."""

_NUMBER = r"[0-9]{1,15}(?:\.[0-9]{0,12})?"
_UNITS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "ms": 1e-3,
    "msec": 1e-3,
    "millisecond": 1e-3,
    "s": 1.0,
    "sec": 1.0,
    "second": 1.0,
    "m": 60.0,
    "min": 60.0,
    "minute": 60.0,
    "h": 3600.0,
    "hr": 3600.0,
    "hour": 3600.0,
    "d": 86400.0,
    "day": 86400.0,
}
_UNIT = "|".join(sorted(_UNITS, key=len, reverse=True))
_PART = re.compile(rf"({_NUMBER})\s*({_UNIT})s?(?![a-z])", re.I)
_PARTS = re.compile(rf"(?:{_NUMBER}\s*(?:{_UNIT})s?(?:\s*,?\s*(?:and\s+)?(?=[0-9])|(?![a-z])))+", re.I)
_CLOCK = re.compile(r"([0-9]{1,4}):([0-5][0-9]):([0-5][0-9])(?:\.[0-9]+)?")
_PLAIN = re.compile(_NUMBER)
_ISO = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.]{5,18}(?:Z|[+-][0-9]{2}:?[0-9]{2})?"
_SAID = re.compile(
    r"(?:try(?: your request)? again|retry|wait|resets?|available again|back off)\b[^0-9]{0,40}?"
    rf"(?P<value>{_ISO}|{_CLOCK.pattern}|{_PARTS.pattern}|{_NUMBER}(?=\s*(?:[,;!)]|\.(?![0-9])|$)))",
    re.I,
)
_POLICY = re.compile(r";\s*r\s*=\s*0\b.*?;\s*t\s*=\s*([0-9]{1,15})")

_MILLISECONDS = ("retry-after-ms", "x-retry-after-ms")
_STATED = ("retry-after", "x-ratelimit-retry-after")
_BODY_KEYS = frozenset({"retrydelay", "retry_after", "retry_after_seconds", "estimated_time", "resets_in_seconds"})


def retry_after(
    headers: Mapping[str, str], *, message: str = "", details: Any = None, now: float | None = None
) -> float | None:
    """Return the seconds to wait, from 0 to LONGEST; None where nothing usable is said.

    ``headers`` has lower-case names, ``details`` is any part of the body's JSON,
    ``now`` the epoch (default: the clock's). The best source wins: Retry-After,
    then the reset of a window that is empty, then the body. A date that is
    past means 0; what is negative, infinite or garbage means nothing.
    """
    moment = time.time() if now is None else now
    for seconds in _sources(headers, message, details, moment):
        if seconds is not None and seconds >= 0:
            return min(seconds, LONGEST)
    return None


def until_next_month(now: float | None = None) -> float:
    """Return the seconds until the first of the next month, UTC, at most LONGEST."""
    moment = datetime.fromtimestamp(time.time() if now is None else now, UTC)
    year, month = divmod(moment.year * 12 + moment.month, 12)
    return min((datetime(year, month + 1, 1, tzinfo=UTC) - moment).total_seconds(), LONGEST)


def seconds_of(value: str, now: float) -> float | None:
    """Return the seconds until the instant that a header names in any way of writing one; ``now`` is the epoch."""
    seconds = _seconds(value, now)
    return None if seconds is None or seconds < 0 else seconds


def _sources(headers: Mapping[str, str], message: str, details: Any, now: float) -> Iterator[float | None]:
    for name in _MILLISECONDS:
        if _PLAIN.fullmatch(headers.get(name, "").strip()):
            yield float(headers[name]) / 1000
    for name in _STATED:
        if name in headers:
            yield _seconds(headers[name], now)
    yield _resets(headers, now)
    for key, value in walk(details):
        if key in _BODY_KEYS:
            yield _seconds(str(value), now)
        elif key == "headers" and isinstance(value, dict):
            inner = {str(name).lower(): str(text) for name, text in value.items()}
            yield from _sources(inner, "", None, now)
    match = _SAID.search(message[:4000])
    yield _seconds(match["value"], now) if match else None


def _resets(headers: Mapping[str, str], now: float) -> float | None:
    """Return when the last of the empty windows fills again: others' resets say nothing about this refusal."""
    found = [
        _seconds(value, now)
        for name, value in headers.items()
        if "ratelimit" in name and "reset" in name and _is_zero(headers.get(name.replace("reset", "remaining")))
    ]
    policy = _POLICY.search(headers.get("ratelimit", ""))
    if policy:
        found.append(float(policy[1]))
    usable = [seconds for seconds in found if seconds is not None]
    return max(usable) if usable else None


def _is_zero(value: str | None) -> bool:
    text = (value or "").strip()[:32]
    return text.startswith("-") or (_PLAIN.fullmatch(text) is not None and float(text) == 0)


def _seconds(value: str, now: float) -> float | None:
    """Return a wait in seconds from any way of writing one: a count, a duration, a clock, a date, an epoch."""
    text = value.strip()[:64]
    if _PLAIN.fullmatch(text):
        return _count(float(text), now)
    if _PARTS.fullmatch(text):
        return sum(float(number) * _UNITS[unit.lower()] for number, unit in _PART.findall(text))
    if match := _CLOCK.fullmatch(text):
        hours, minutes, seconds = match[1], match[2], match[3]
        return int(hours) * 3600.0 + int(minutes) * 60.0 + int(seconds)
    return _date(text, now)


def _count(number: float, now: float) -> float:
    """Return the seconds that a bare number means: an epoch in milliseconds or seconds when it is that large."""
    if number >= 1e11:
        return max(number / 1000 - now, 0.0)
    if number >= 1e9:
        return max(number - now, 0.0)
    return number


def _date(text: str, now: float) -> float | None:
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        if not text[:1].isalnum() or not text.isascii():
            return None
        try:
            moment = parse(text)
            aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            return max(aware.timestamp() - now, 0.0)
        except (ValueError, TypeError, OverflowError, IndexError):
            continue
    return None


def walk(value: Any, depth: int = 8) -> Iterator[tuple[str, Any]]:
    """Yield the pairs of every object inside a JSON value, keys in lower case, outer ones first; bounded in depth."""
    if depth == 0:
        return
    if isinstance(value, dict):
        yield from ((str(key).lower(), inner) for key, inner in value.items())
        value = list(value.values())
    if isinstance(value, list | tuple):
        for inner in value[:200]:
            yield from walk(inner, depth - 1)
