"""What ``GET /v1/quota`` tells: each window's limit, use and forecast, as rows."""

import math
from collections.abc import Iterable
from typing import Any

from wallas.quota.forecast import forecast
from wallas.quota.ledger import Ledger
from wallas.quota.windows import SLOTS, Window


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


def _plain(value: float) -> float | int:
    return int(value) if value == int(value) else round(value, 6)
