"""The record of requests and attempts: who answered, how long it took, what it cost; never what was said."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, Engine, select

from wallas.models import AttemptRow, RequestRow
from wallas.storage.engine import reading
from wallas.storage.rows import add_rows, table_of


class RequestRecord(NamedTuple):
    """One request of a client; milliseconds, tokens, USD; None is not known."""

    request_id: str
    started_at: float
    ms: float
    wire: str
    operation: str
    stream: bool
    asked_model: str
    outcome: str
    status: int
    attempts: int
    profile: str | None = None
    ttft_ms: float | None = None
    error_class: str | None = None
    provider: str | None = None
    model: str | None = None
    key_id: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    estimated: bool = False
    cost: float | None = None
    client_id: str | None = None


class AttemptRecord(NamedTuple):
    """One try at one candidate; ``number`` counts from 1 within the request."""

    request_id: str
    number: int
    started_at: float
    ms: float
    provider: str
    model: str
    key_id: str
    outcome: str
    ttft_ms: float | None = None
    status: int | None = None
    error_class: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    estimated: bool = False
    cost: float | None = None
    said_model: str | None = None
    client_id: str | None = None


def add_requests(connection: Connection, rows: Sequence[RequestRecord]) -> None:
    """Store requests that have ended; hand them to `Writer.put`."""
    add_rows(connection, table_of(RequestRow), rows)


def add_attempts(connection: Connection, rows: Sequence[AttemptRecord]) -> None:
    """Store attempts that have ended; hand them to `Writer.put`."""
    add_rows(connection, table_of(AttemptRow), rows)


def answered_since(engine: Engine, since: float) -> set[tuple[str, str]]:
    """Return the (provider, key id) pairs with which somebody was answered since an instant."""
    table = table_of(AttemptRow)
    query = select(table.c.provider, table.c.key_id).where(table.c.started_at > since, table.c.outcome == "ok")
    with reading(engine) as connection:
        return {(row[0], row[1]) for row in connection.execute(query.distinct().limit(10_000))}
