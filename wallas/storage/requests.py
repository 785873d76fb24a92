"""The record of requests and attempts: who answered, how long it took, what it cost; never what was said."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine, select

from wallas.models import ATTEMPTS, REQUESTS
from wallas.storage.engine import reading
from wallas.storage.plain import Writing
from wallas.storage.rows import add_rows

REQUEST = (
    "request_id",
    "started_at",
    "ms",
    "wire",
    "operation",
    "stream",
    "asked_model",
    "outcome",
    "status",
    "attempts",
    "profile",
    "ttft_ms",
    "error_class",
    "provider",
    "model",
    "key_id",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "reasoning_tokens",
    "estimated",
    "cost",
    "client_id",
)
"""The columns of a client's request; milliseconds, tokens, USD; None is not known."""

ATTEMPT = (
    "request_id",
    "number",
    "started_at",
    "ms",
    "provider",
    "model",
    "key_id",
    "outcome",
    "ttft_ms",
    "status",
    "error_class",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "reasoning_tokens",
    "estimated",
    "cost",
    "said_model",
    "client_id",
)
"""The columns of a try at a candidate; ``number`` counts from 1 within the request."""


def add_requests(to: Writing, rows: Sequence[Sequence[Any]]) -> None:
    """Store requests that have ended, each a row of what ``REQUEST`` names, one at least."""
    add_rows(to, REQUESTS, REQUEST, rows)


def add_attempts(to: Writing, rows: Sequence[Sequence[Any]]) -> None:
    """Store attempts that have ended, each a row of what ``ATTEMPT`` names, one at least."""
    add_rows(to, ATTEMPTS, ATTEMPT, rows)


def answered_since(engine: Engine, since: float) -> set[tuple[str, str]]:
    """Return the (provider, key id) pairs with which somebody was answered since an instant."""
    query = select(ATTEMPTS.c.provider, ATTEMPTS.c.key_id).where(
        ATTEMPTS.c.started_at > since, ATTEMPTS.c.outcome == "ok"
    )
    with reading(engine) as connection:
        return {(row[0], row[1]) for row in connection.execute(query.distinct().limit(10_000))}
