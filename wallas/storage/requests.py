"""The record of requests and attempts: who answered, how long it took, what it cost; never what was said."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine, select

from wallas.models import ATTEMPTS, REQUESTS
from wallas.storage.engine import reading
from wallas.storage.plain import Writing
from wallas.storage.rows import add_rows


def add_requests(to: Writing, rows: Sequence[dict[str, Any]]) -> None:
    """Store requests that have ended, values by their columns, the same ones in each; there must be one at least.

    Milliseconds, tokens, USD; None is not known.
    """
    add_rows(to, REQUESTS, tuple(rows[0]), list(map(dict.values, rows)))


def add_attempts(to: Writing, rows: Sequence[dict[str, Any]]) -> None:
    """Store attempts that have ended, as requests; ``number`` counts from 1 within the request."""
    add_rows(to, ATTEMPTS, tuple(rows[0]), list(map(dict.values, rows)))


def answered_since(engine: Engine, since: float) -> set[tuple[str, str]]:
    """Return the (provider, key id) pairs with which somebody was answered since an instant."""
    query = select(ATTEMPTS.c.provider, ATTEMPTS.c.key_id).where(
        ATTEMPTS.c.started_at > since, ATTEMPTS.c.outcome == "ok"
    )
    with reading(engine) as connection:
        return {(row[0], row[1]) for row in connection.execute(query.distinct().limit(10_000))}
