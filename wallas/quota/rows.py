"""What ``GET /v1/quota`` tells: each window's limit, use and forecast, as rows."""

import math
from collections.abc import Iterable
from typing import Any

from wallas.quota.ledger import Ledger
from wallas.quota.shares import BURN_SECONDS
from wallas.quota.windows import SLOTS, Window


def forecast(window: Window, now: float) -> tuple[float, float, float, float | None]:
    """Return what is used, what remains, the use per hour, and when the window runs out (None: not before it resets).

    A rolling window frees as much as was used a whole window ago, so only a
    use that would not fit into it as a whole runs it out.
    """
    most = window.most(now)
    if window.unit == SLOTS:
        return float(window.open), max(most - window.open, 0.0), 0.0, None
    used = sum(amount for leaves, amount in window.releases if leaves > now) + max(window.spent - window.told, 0.0)
    rate = window.rate * math.exp(-max(now - window.rated, 0.0) / BURN_SECONDS)
    remaining = 0.0 if now < window.shut else max(most - used, 0.0)
    if rate <= 0 or window.limit(now) is None:
        return used, remaining, rate * 3600, None
    out = now + remaining / rate
    resets = window.clock.ends(now)
    lasts = out >= resets if math.isfinite(resets) else rate * _seconds(window) <= most
    return used, remaining, rate * 3600, None if lasts else out


def row(window: Window, now: float) -> dict[str, Any]:
    """Return one window as the client is told of it; instants are epoch seconds, None where nothing is known."""
    limit = window.limit(now)
    used, remaining, burn, out = forecast(window, now)
    key = window.key
    return {
        "provider": key.provider,
        "account": key.account,
        "key": key.key,
        "model": key.model,
        "window": key.kind,
        "unit": window.unit,
        "clock": str(window.clock) if window.unit != SLOTS else None,
        "limit": None if limit is None else _plain(window.most(now)),
        "used": _plain(used),
        "remaining": None if limit is None else _plain(remaining),
        "resets_at": _resets(window, now),
        "shut_until": window.shut if window.shut > now else None,
        "burn_rate_per_hour": round(burn, 3),
        "runs_out_at": None if out is None else round(out, 3),
        "confidence": None if limit is None else round(limit.confidence(now), 3),
        "source": None if limit is None else limit.source,
        "learned_at": None if limit is None or not limit.at else round(limit.at, 3),
    }


def rows(ledger: Ledger, providers: Iterable[str]) -> list[dict[str, Any]]:
    """Return all windows of these providers, in the order of their names."""
    wanted = frozenset(providers)
    with ledger.lock:
        now = ledger.now()
        return [row(window, now) for key, window in sorted(ledger.windows.items()) if key.provider in wanted]


def merged(ledger: Ledger) -> list[dict[str, str]]:
    """Return which accounts turned out to share everything."""
    return [
        {"provider": provider, "account": account, "shares_with": other}
        for (provider, account), other in sorted(ledger.same.items())
    ]


def _resets(window: Window, now: float) -> float | None:
    """Return when all of it is back: the calendar's instant, or when the oldest use of a rolling window leaves."""
    if window.shut > now:
        return round(window.shut, 3)
    ends = window.clock.ends(now)
    if math.isfinite(ends):
        return round(ends, 3)
    return next((round(leaves, 3) for leaves, _ in window.releases if leaves > now), None)


def _seconds(window: Window) -> float:
    return window.clock.leaves(0.0)


def _plain(value: float) -> float | int:
    return int(value) if value == int(value) else round(value, 6)
