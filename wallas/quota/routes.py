"""What a provider's own quota route says: pure readers of answers that somebody else fetched."""

from typing import Any

from wallas.quota.windows import Said


def openrouter_key(answer: Any) -> list[Said]:
    """Return what OpenRouter's ``GET /key`` says of the free models' day and of the month's money.

    ``free_model_daily_requests`` is newer than ``is_free_tier`` (true: never
    bought credits, 50 a day; else 1000; providers.md 4, 2026-08-22).
    """
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, dict):
        return []
    said: list[Said] = []
    day = data.get("free_model_daily_requests")
    if isinstance(day, dict):
        limit, remaining, used = (_number(day.get(name)) for name in ("limit", "remaining", "used"))
        if limit is not None:
            left = remaining if remaining is not None else None if used is None else max(limit - used, 0.0)
            said.append(Said(kind="rpd", limit=limit, remaining=left, scope="account", source="route"))
    elif isinstance(data.get("is_free_tier"), bool):
        most = 50.0 if data["is_free_tier"] else 1000.0
        said.append(Said(kind="rpd", limit=most, scope="account", source="route"))
    limit, left = _number(data.get("limit")), _number(data.get("limit_remaining"))
    if limit is not None and data.get("limit_reset") == "monthly":
        said.append(Said(kind="usd_month", limit=limit, remaining=left, scope="key", source="route"))
    return said


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 else None
