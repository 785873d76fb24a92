"""What a provider's own quota route says: pure readers of answers that somebody else fetched."""

from collections.abc import Callable
from typing import Any, NamedTuple

from wallas.quota.windows import Said

FREE_DAY, BOUGHT_DAY = 50.0, 1000.0
"""OpenRouter's free requests a day: before any credits were bought, and ever after (providers.md 4, 2026-08-22)."""
USD_KINDS = {"daily": "usd_day", "weekly": "usd_week", "monthly": "usd_month"}
"""OpenRouter's ``limit_reset``, as kinds of windows."""


class Route(NamedTuple):
    """Where a provider tells what is left (behind its base address), and what reads the answer."""

    path: str
    read: Callable[[Any], list[Said]]


def openrouter_key(answer: Any) -> list[Said]:
    """Return what OpenRouter's ``GET /key`` says of the free models' day, and of the money that the key may spend.

    ``limit`` is in USD, null for none; ``limit_reset`` null is a sum for ever: then this month may cost what is left
    and what it has cost so far.
    """
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, dict):
        return []
    return [*_free_day(data), *_money(data)]


def _free_day(data: dict[str, Any]) -> list[Said]:
    """Read ``free_model_daily_requests`` where it is there: newer than ``is_free_tier``, which tells the limit only."""
    day = data.get("free_model_daily_requests")
    if isinstance(day, dict):
        limit, remaining, used = (_number(day.get(name)) for name in ("limit", "remaining", "used"))
        if limit is None:
            return []
        left = remaining if remaining is not None else None if used is None else max(limit - used, 0.0)
        return [Said(kind="rpd", limit=limit, remaining=left, scope="account", source="route")]
    if isinstance(data.get("is_free_tier"), bool):
        most = FREE_DAY if data["is_free_tier"] else BOUGHT_DAY
        return [Said(kind="rpd", limit=most, scope="account", source="route")]
    return []


def _money(data: dict[str, Any]) -> list[Said]:
    limit, left, reset = _number(data.get("limit")), _number(data.get("limit_remaining")), data.get("limit_reset")
    month = _number(data.get("usage_monthly"))
    kind = USD_KINDS.get(reset) if isinstance(reset, str) else None
    said = []
    if limit is not None and kind is not None:
        said.append(Said(kind=kind, limit=limit, remaining=left, scope="key", source="route"))
    elif limit is not None and left is not None and reset is None:
        said.append(Said(kind="usd_month", limit=left + (month or 0.0), remaining=left, scope="key", source="route"))
    if month is not None and not any(one.kind == "usd_month" for one in said):
        said.append(Said(kind="usd_month", used=month, scope="key", source="route"))
    return said


def _number(value: Any) -> float | None:
    """Return an amount; a debt is nothing left."""
    return max(float(value), 0.0) if isinstance(value, int | float) and not isinstance(value, bool) else None


ROUTES = {"openrouter": Route("/key", openrouter_key)}
"""By provider."""
