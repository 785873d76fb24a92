"""What was used, what it cost, and what it would have cost elsewhere."""

import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Request, Response, current_app, request

from wallas.blueprints.listing import number
from wallas.blueprints.respond import json_response, router
from wallas.catalog.entries import Model
from wallas.catalog.snapshot import Catalog
from wallas.errors import BadRequest

bp = Blueprint("usage", __name__, url_prefix="/v1")

DAYS_USUAL = 30
DAYS_MOST = 366
SECONDS = 86400.0
BY = ("day", "provider", "model", "client")
BY_USUAL = ("day", "provider", "model")
COUNTS = ("requests", "failed", "attempts", "input", "output", "cached", "reasoning", "unpriced")


@bp.get("/usage")
def usage() -> Response:
    """Tell requests, tokens, money and money saved of all workers, by day, provider, model and client key."""
    days = number(request, "days", DAYS_USUAL)
    if not 1 <= days <= DAYS_MOST:
        raise BadRequest(f"days: expected 1 to {DAYS_MOST}", param="days")
    by = wanted(request)
    service = current_app.extensions["wallas"]
    service.writer.flush(1.0)
    today = int(time.time() // SECONDS)
    used = service.load_usage((today - days + 1) * SECONDS)
    told = added(used, by, router().catalog)
    return json_response(
        {
            "object": "usage",
            "days": days,
            "since": date(today - days + 1),
            "by": list(by),
            "currency": "USD",
            "total": next(iter(added(used, (), router().catalog)), counted(())),
            "data": told,
        }
    )


def wanted(asked: Request) -> tuple[str, ...]:
    """Return what to add up by, in the order of ``BY``; raise BadRequest for another word."""
    words = {word for value in asked.args.getlist("by") for word in value.split(",") if word}
    if unknown := words - set(BY):
        raise BadRequest(f"by: expected {', '.join(BY)}, not {min(unknown)[:50]!r}", param="by")
    return tuple(word for word in BY if word in words) or BY_USUAL


def added(used: Iterable[Any], by: tuple[str, ...], catalog: Catalog) -> list[dict[str, Any]]:
    """Return a row for each combination of what is asked ``by``, the newest day first, then who was used most."""
    groups: dict[tuple[Any, ...], list[tuple[Any, float | None]]] = {}
    for one in used:
        groups.setdefault(tuple(getattr(one, word) for word in by), []).append((one, saved(one, catalog)))
    rows = [dict(zip(by, key, strict=True)) | counted(members) for key, members in groups.items()]
    rows.sort(key=lambda row: (-(row.get("day") or 0), -row["requests"], -row["attempts"]))
    return [row | ({"day": date(row["day"])} if "day" in row else {}) for row in rows]


def counted(members: Iterable[tuple[Any, float | None]]) -> dict[str, Any]:
    """Return the sums of some rows; ``saved_unknown`` says how many attempts nobody can price."""
    members = list(members)
    sums = {name: sum(getattr(one, name) for one, _ in members) for name in COUNTS}
    return {
        "requests": sums["requests"],
        "failed_requests": sums["failed"],
        "attempts": sums["attempts"],
        "tokens": {name: sums[name] for name in ("input", "output", "cached", "reasoning")}
        | {"total": sums["input"] + sums["output"]},
        "cost": round(sum(one.cost for one, _ in members), 9),
        "cost_unknown": sums["unpriced"],
        "saved": round(sum(money or 0.0 for _, money in members), 9),
        "saved_unknown": sum(one.attempts for one, money in members if money is None and one.input + one.output),
    }


def saved(one: Any, catalog: Catalog) -> float | None:
    """Return what the tokens would have cost at the paid price of the same model, less what they did; None: unknown."""
    model = catalog.find(one.provider, one.model) if one.provider and one.model else None
    price = paid_price(model, catalog) if model is not None else None
    if price is None:
        return None
    listed = (one.input * price[0] + one.output * price[1]) / 1e6
    return max(float(listed - one.cost), 0.0)


def paid_price(model: Model, catalog: Catalog) -> tuple[float, float] | None:
    """Return USD per million tokens in and out: the model's own list price, else the lowest for the same elsewhere."""
    for models in ((model,), catalog.same(model)):
        prices = [
            (known.input, known.output)
            for one in models
            if (known := one.price) is not None
            and known.input is not None
            and known.output is not None
            and known.input + known.output > 0
        ]
        if prices:
            return min(prices, key=sum)
    return None


def date(day: int) -> str:
    """Return a day, counted since 1970, as YYYY-MM-DD."""
    return datetime.fromtimestamp(day * SECONDS, UTC).strftime("%Y-%m-%d")
