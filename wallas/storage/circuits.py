"""Health as all workers share it: counts add up, the latest rest counts."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Engine, Row, select

from wallas.models import CIRCUITS
from wallas.storage.engine import reading
from wallas.storage.plain import Writing, ask
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


ADD = """
INSERT INTO circuits (provider, model, key_id, success_count, fail_count, avg_latency_ms, ttft_ms, tokens_per_second,
    failed_at, last_error, updated_at, failures, key, state, rest_until, rest_breaker)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'closed', 0, FALSE)
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
"""

REST = """
INSERT INTO circuits (provider, model, key_id, rest_until, rest_reason, rest_breaker, updated_at, key, state,
    failures, success_count, fail_count)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0)
ON CONFLICT (provider, model, key_id) DO UPDATE SET
    state = excluded.state,
    rest_until = excluded.rest_until,
    rest_reason = excluded.rest_reason,
    rest_breaker = excluded.rest_breaker,
    updated_at = excluded.updated_at
"""
RESTS = """
SELECT provider, model, key_id, rest_until, rest_reason, rest_breaker, updated_at FROM circuits
WHERE rest_until > ? OR updated_at > ? LIMIT 10000
"""


def save_circuits(to: Writing, rows: Sequence[CircuitChange]) -> None:
    """Add what one worker saw to what all have seen."""
    to.change_each(
        ADD,
        [(*row[:11], row[4] if row[11] is None else row[11], f"{row[0]}/{row[1]}") for row in _ready(rows)],
    )


def save_rests(to: Writing, rows: Sequence[RestChange]) -> None:
    """Store rests for the other workers and for the next start."""
    to.change_each(
        REST,
        [(*row, f"{row[0]}/{row[1]}", "open" if row[3] > row[6] else "closed") for row in _ready(rows)],
    )


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
    return [
        RestChange(provider, model, key_id, until, reason or "", bool(breaker), at)
        for provider, model, key_id, until, reason, breaker, at in ask(
            engine, RESTS, now, math.inf if since is None else since
        )
    ]


def _ready(rows: Sequence[CircuitChange] | Sequence[RestChange]) -> list[Any]:
    """Return rows for the statement, in one order everywhere, so that two workers cannot wait for each other."""
    return fitted(CIRCUITS, sorted(rows, key=lambda row: row[:3]))
