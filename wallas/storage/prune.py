"""Deletes what has had its time, a little at a go, so that nobody waits long for the database."""

import time
from collections.abc import Callable
from typing import NamedTuple

from sqlalchemy import Engine, Table, delete, select

from wallas.models import ATTEMPTS, FILES, REQUESTS, RESPONSES, SEALS, SESSIONS, VIDEOS
from wallas.storage.engine import writing

DAY = 86400.0
BATCH = 500


class Rule(NamedTuple):
    """Rows of ``table`` go when ``column`` lies more than ``seconds`` in the past."""

    table: Table
    column: str
    seconds: float


RULES: tuple[Rule, ...] = (
    Rule(REQUESTS, "started_at", 30 * DAY),
    Rule(ATTEMPTS, "started_at", 30 * DAY),
    Rule(RESPONSES, "expires_at", 0),
    Rule(SEALS, "created_at", 30 * DAY),
    Rule(SESSIONS, "updated_at", 3600.0),
    Rule(FILES, "expires_at", 0),
    Rule(VIDEOS, "expires_at", 0),
)


def prune(
    engine: Engine,
    *,
    now: float | None = None,
    batch: int = BATCH,
    most: int = 100,
    pause: Callable[[], object] = lambda: time.sleep(0.05),
) -> int:
    """Delete what is due, ``batch`` rows a transaction and at most ``most`` of these a table; return the rows deleted.

    What is left over waits for the next call.
    """
    now = time.time() if now is None else now
    total = 0
    for rule in RULES:
        for _ in range(most):
            gone = _delete_some(engine, rule, before=now - rule.seconds, batch=batch)
            total += gone
            if gone < batch:
                break
            pause()
    return total


def _delete_some(engine: Engine, rule: Rule, *, before: float, batch: int) -> int:
    id_column = rule.table.c.id
    due = select(id_column).where(rule.table.c[rule.column] < before).limit(batch)
    with writing(engine) as connection:
        ids = [row[0] for row in connection.execute(due)]
        if ids:
            connection.execute(delete(rule.table).where(id_column.in_(ids)))
    return len(ids)
