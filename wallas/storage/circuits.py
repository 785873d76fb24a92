"""Health as all workers share it: counts add up, the latest rest counts."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, Row, bindparam, select, text

from wallas.models import CIRCUITS
from wallas.storage.engine import reading
from wallas.storage.rows import fitted


class CircuitChange(NamedTuple):
    """What one worker saw at one (provider, model, key id) since it last told; None is nothing new.

    ``failures`` are all, ``run`` those behind the last success.
    """

    provider: str
    model: str
    key_id: str
    successes: int
    failures: int
    avg_latency_ms: float | None
    ttft_ms: float | None
    tokens_per_second: float | None
    failed_at: float | None
    last_error: str | None
    updated_at: float
    run: int | None = None


class RestChange(NamedTuple):
    """A rest that opened, or whose end was moved to now because it was lifted; `*` for model or key means any."""

    provider: str
    model: str
    key_id: str
    rest_until: float
    rest_reason: str
    rest_breaker: bool
    updated_at: float


ADD = text("""
INSERT INTO circuits (provider, model, key_id, key, state, failures, rest_until, rest_breaker, success_count,
    fail_count, avg_latency_ms, ttft_ms, tokens_per_second, failed_at, last_error, updated_at)
VALUES (:provider, :model, :key_id, :key, 'closed', :run, 0, :no, :successes, :failures,
    :avg_latency_ms, :ttft_ms, :tokens_per_second, :failed_at, :last_error, :updated_at)
ON CONFLICT (provider, model, key_id) DO UPDATE SET
    success_count = circuits.success_count + excluded.success_count,
    fail_count = circuits.fail_count + excluded.fail_count,
    failures = CASE WHEN excluded.success_count > 0 THEN excluded.failures
        ELSE circuits.failures + excluded.failures END,
    avg_latency_ms = COALESCE(excluded.avg_latency_ms, circuits.avg_latency_ms),
    ttft_ms = COALESCE(excluded.ttft_ms, circuits.ttft_ms),
    tokens_per_second = COALESCE(excluded.tokens_per_second, circuits.tokens_per_second),
    failed_at = COALESCE(excluded.failed_at, circuits.failed_at),
    last_error = COALESCE(excluded.last_error, circuits.last_error),
    updated_at = excluded.updated_at
""")

REST = text("""
INSERT INTO circuits (provider, model, key_id, key, state, failures, rest_until, rest_reason, rest_breaker,
    success_count, fail_count, updated_at)
VALUES (:provider, :model, :key_id, :key, :state, 0, :rest_until, :rest_reason, :rest_breaker, 0, 0, :updated_at)
ON CONFLICT (provider, model, key_id) DO UPDATE SET
    state = excluded.state,
    rest_until = excluded.rest_until,
    rest_reason = excluded.rest_reason,
    rest_breaker = excluded.rest_breaker,
    updated_at = excluded.updated_at
""")
RESTS = (
    select(*(CIRCUITS.c[name] for name in RestChange._fields))
    .where((CIRCUITS.c.rest_until > bindparam("now")) | (CIRCUITS.c.updated_at > bindparam("since")))
    .limit(10_000)
)
"""Made once: to build a question costs more than to answer it."""


def save_circuits(connection: Connection, rows: Sequence[CircuitChange]) -> None:
    """Add what one worker saw to what all have seen."""
    connection.execute(ADD, _ready(rows))


def save_rests(connection: Connection, rows: Sequence[RestChange]) -> None:
    """Store rests for the other workers and for the next start."""
    connection.execute(REST, _ready(rows))


def load_circuits(engine: Engine) -> list[Row[Any]]:
    """Return every circuit with its counts, one row each, named as the columns; for `/v1/stats` and a start."""
    with reading(engine) as connection:
        rows = connection.execute(
            select(CIRCUITS).order_by(CIRCUITS.c.provider, CIRCUITS.c.model, CIRCUITS.c.key_id).limit(10_000)
        )
        return list(rows)


def load_rests(engine: Engine, *, now: float, since: float | None = None) -> list[RestChange]:
    """Return the rests that hold at ``now``; with ``since`` also those lifted since then.

    Cheap enough for every 500 ms: only what rests at the moment is read.
    """
    asked = {"now": now, "since": math.inf if since is None else since}
    with reading(engine) as connection:
        return [
            RestChange(row[0], row[1], row[2], row[3], row[4] or "", row[5], row[6])
            for row in connection.execute(RESTS, asked)
        ]


def _ready(rows: Sequence[CircuitChange] | Sequence[RestChange]) -> list[dict[str, object]]:
    """Return rows for the statement, in one order everywhere, so that two workers cannot wait for each other."""
    dicts = fitted(CIRCUITS, sorted(rows, key=lambda row: row[:3]))
    for row in dicts:
        row["key"] = f"{row['provider']}/{row['model']}"
        row["no"] = False
        row["state"] = "open" if row.get("rest_until", 0) > row["updated_at"] else "closed"
        row["run"] = row.get("failures") if row.get("run") is None else row["run"]
    return dicts
