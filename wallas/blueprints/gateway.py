"""What the gateway tells of itself: its providers, its health, its statistics, whether it is up."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from flask import Blueprint, Response, current_app

from wallas.blueprints.listing import usable, virtual
from wallas.blueprints.respond import json_response, router
from wallas.catalog.entries import Model
from wallas.providers.row import PROGRAM
from wallas.routing.strategies import PROFILE_ALIASES
from wallas.version import VERSION

bp = Blueprint("gateway", __name__)


def service() -> Any:
    """Return this worker's service."""
    return current_app.extensions["wallas"]


def services() -> int:
    """Return how many providers can be asked; programs of this machine that only speak or read do not count."""
    return sum(provider.row.wire != PROGRAM for provider in router().providers.values())


@bp.get("/health")
def health() -> Response:
    """Say that this worker answers, and what of it does not work."""
    told = service().trouble()
    state = {"status": "degraded" if "trouble" in told else "ok", "version": VERSION}
    return json_response(state | {"providers": services()} | told)


@bp.get("/health/ready")
def ready() -> Response:
    """Say whether requests can be served: 200 with a provider, 503 without."""
    count = services()
    return json_response({"ready": count > 0, "providers": count}, 200 if count else 503)


@bp.get("/v1/providers")
def providers() -> Response:
    """List every provider that is known, configured or not; keys are counted, never shown."""
    here = router()
    known = here.catalog.by_provider
    rows = [row | offered(known.get(str(row["id"]), ()), row) for row in service().provider_rows()]
    return json_response({"object": "list", "data": rows, "total": len(rows)})


def offered(models: Sequence[Model], row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a provider's models add to its row: how many are in which state, what they can, who retires next."""
    states = Counter(model.status for model in models)
    days = sorted(model.retires_on for model in models if model.retires_on and model.status != "retired")
    can = {word for model in models if model.status != "retired" for word in model.capabilities}
    return {
        "models": sum(states.values()) - states["retired"],
        "free_models": sum(model.free for model in models if model.status != "retired"),
        "states": dict(sorted(states.items())),
        "missing": sum(model.missing_since is not None for model in models),
        "capabilities": sorted(can | set(row["capabilities"])),
        "next_retirement": days[0] if days else None,
    }


@bp.get("/v1/capabilities/summary")
def capabilities() -> Response:
    """Count the usable models by provider, pricing and capability."""
    models = usable()
    by_provider: dict[str, int] = {}
    by_capability: dict[str, int] = {}
    for model in models:
        by_provider[model.provider] = by_provider.get(model.provider, 0) + 1
        for word in model.capabilities:
            by_capability[word] = by_capability.get(word, 0) + 1
    free = sum(model.free for model in models)
    return json_response(
        {
            "total": len(models),
            "by_provider": by_provider,
            "by_status": dict(sorted(Counter(model.status for model in models).items())),
            "by_pricing": {"free": free, "paid": len(models) - free},
            "by_capability": by_capability,
            "virtual_models": [
                {"id": name, "aliases": sorted(alias for alias, target in PROFILE_ALIASES.items() if target == name)}
                for name in virtual()
            ],
        }
    )


@bp.get("/v1/quota")
def quota() -> Response:
    """Tell how every window of quota stands: its limit, what is used and left, when it resets or runs out."""
    told = service().quota_rows()
    return json_response({"object": "list", "data": told["data"], "merged": told["merged"], "total": len(told["data"])})


@bp.get("/v1/stats")
def stats() -> Response:
    """Tell what happened at every (provider, model), in all workers, since the database was made."""
    service().sharing.tell()
    service().writer.flush(1.0)
    told = [_doubted(row) for row in circuits(service().load_circuits(), now=time.time())]
    others = service().answered_as()
    return json_response({"circuits": [row | others.get(row["key"], {}) for row in told]})


def _doubted(row: dict[str, Any]) -> dict[str, Any]:
    """Return a circuit's row; who is passed over for failures in a row is told as open, as long as this worker does."""
    provider, _, model = str(row["key"]).partition("/")
    doubt = router().desk.health.doubted(provider, model)
    if doubt is None or row["state"] == "open":
        return row
    return row | {"state": "open", "cooldown_seconds_remaining": round(doubt.seconds, 3)}


def circuits(rows: Any, *, now: float) -> list[dict[str, Any]]:
    """Return the stored circuits as ``/v1/stats`` tells them, keys of one model added up."""
    told: dict[str, dict[str, Any]] = {}
    for row in rows:
        one = told.setdefault(
            row.key,
            {
                "key": row.key,
                "success_count": 0,
                "fail_count": 0,
                "avg_latency_ms": None,
                "ttft_ms": None,
                "tokens_per_second": None,
                "failed_at": None,
                "cooldown_seconds_remaining": 0.0,
                "state": "closed",
                "last_error": None,
            },
        )
        one["success_count"] += row.success_count
        one["fail_count"] += row.fail_count
        for name in ("avg_latency_ms", "ttft_ms", "tokens_per_second"):
            value = getattr(row, name)
            one[name] = one[name] if value is None else round(value, 3)
        if row.failed_at is not None and row.failed_at >= (one["failed_at"] or 0):
            one["failed_at"], one["last_error"] = row.failed_at, row.last_error
        left = max(row.rest_until - now, 0.0)
        if left > one["cooldown_seconds_remaining"]:
            one["cooldown_seconds_remaining"], one["state"] = round(left, 3), "open"
    return list(told.values())
