"""The record of requests and attempts: who answered, how long it took, what it cost; never what was said."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, Engine, select

from wallas.models import ATTEMPTS, REQUESTS
from wallas.storage.engine import reading
from wallas.storage.rows import add_columns


class Requests(NamedTuple):
    """Requests of clients, one value each in every column; milliseconds, tokens, USD; None is not known."""

    request_id: Sequence[str]
    started_at: Sequence[float]
    ms: Sequence[float]
    wire: Sequence[str]
    operation: Sequence[str]
    stream: Sequence[bool]
    asked_model: Sequence[str]
    outcome: Sequence[str]
    status: Sequence[int]
    attempts: Sequence[int]
    profile: Sequence[str | None]
    ttft_ms: Sequence[float | None]
    error_class: Sequence[str | None]
    provider: Sequence[str | None]
    model: Sequence[str | None]
    key_id: Sequence[str | None]
    input_tokens: Sequence[int | None]
    output_tokens: Sequence[int | None]
    cached_tokens: Sequence[int | None]
    reasoning_tokens: Sequence[int | None]
    estimated: Sequence[bool]
    cost: Sequence[float | None]
    client_id: Sequence[str | None]


class Attempts(NamedTuple):
    """Tries at candidates, one value each in every column; ``number`` counts from 1 within the request."""

    request_id: Sequence[str]
    number: Sequence[int]
    started_at: Sequence[float]
    ms: Sequence[float]
    provider: Sequence[str]
    model: Sequence[str]
    key_id: Sequence[str]
    outcome: Sequence[str]
    ttft_ms: Sequence[float | None]
    status: Sequence[int | None]
    error_class: Sequence[str | None]
    input_tokens: Sequence[int | None]
    output_tokens: Sequence[int | None]
    cached_tokens: Sequence[int | None]
    reasoning_tokens: Sequence[int | None]
    estimated: Sequence[bool]
    cost: Sequence[float | None]
    said_model: Sequence[str | None]
    client_id: Sequence[str | None]


def add_requests(connection: Connection, columns: Requests) -> None:
    """Store requests that have ended."""
    add_columns(connection, REQUESTS, columns)


def add_attempts(connection: Connection, columns: Attempts) -> None:
    """Store attempts that have ended."""
    add_columns(connection, ATTEMPTS, columns)


def answered_since(engine: Engine, since: float) -> set[tuple[str, str]]:
    """Return the (provider, key id) pairs with which somebody was answered since an instant."""
    query = select(ATTEMPTS.c.provider, ATTEMPTS.c.key_id).where(
        ATTEMPTS.c.started_at > since, ATTEMPTS.c.outcome == "ok"
    )
    with reading(engine) as connection:
        return {(row[0], row[1]) for row in connection.execute(query.distinct().limit(10_000))}
