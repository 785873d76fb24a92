"""Adds up what was used, from the record of requests and attempts of all workers."""

from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Engine, Select, Table, case, cast, func, select

from wallas.models import ATTEMPTS, REQUESTS
from wallas.storage.engine import reading

DAY = 86400.0


class Used(NamedTuple):
    """What one model at one provider was used for on one day: ``day`` counts days since 1970 in UTC, ``cost`` is USD.

    ``requests`` are those it was the last to be asked for, ``attempts`` all it was asked, losers and failures too.
    ``unpriced`` answers cost what nobody knows. ``client`` is the id of who asked, None where no key was shown.
    """

    day: int
    provider: str | None
    model: str | None
    requests: int = 0
    failed: int = 0
    attempts: int = 0
    input: int = 0
    output: int = 0
    cached: int = 0
    reasoning: int = 0
    cost: float = 0.0
    unpriced: int = 0
    client: str | None = None


class _Place(NamedTuple):
    day: int
    provider: str | None
    model: str | None
    client: str | None


def load_usage(engine: Engine, *, since: float) -> list[Used]:
    """Return what was used since an instant, by day, provider, model and client; one walk of each index by time."""
    found: dict[_Place, Used] = {}
    with reading(engine) as connection:
        sqlite = connection.dialect.name == "sqlite"
        asked = _query(REQUESTS, [func.count(), _count(REQUESTS.c.outcome != "ok")], since=since, sqlite=sqlite)
        for day, *place, count, failed in connection.execute(asked):
            key = _Place(int(day), *place)
            found[key] = Used(*key[:3], requests=int(count), failed=int(failed), client=key.client)
        tried = _query(ATTEMPTS, _sums(ATTEMPTS), since=since, sqlite=sqlite)
        for day, provider, model, client, count, *tokens, cost, unpriced in connection.execute(tried):
            key = _Place(int(day), provider, model, client)
            read, written, cached, reasoning = (int(number or 0) for number in tokens)
            found[key] = found.get(key, Used(*key[:3], client=client))._replace(
                attempts=int(count),
                input=read,
                output=written,
                cached=cached,
                reasoning=reasoning,
                cost=float(cost or 0.0),
                unpriced=int(unpriced),
            )
    return [found[key] for key in sorted(found, key=lambda key: (key[0], *(word or "" for word in key[1:])))]


def _query(table: Table, columns: list[ColumnElement[Any]], *, since: float, sqlite: bool) -> Select[Any]:
    days = table.c.started_at / DAY
    # SQLite's cast cuts the fraction off, PostgreSQL's rounds; SQLite has floor() only where it was built so
    day = cast(days if sqlite else func.floor(days), BigInteger).label("day")
    place: list[ColumnElement[Any]] = [day, table.c.provider, table.c.model, table.c.client_id]
    statement: Select[Any] = select(*place, *columns)
    return statement.where(table.c.started_at >= since).group_by(
        "day", table.c.provider, table.c.model, table.c.client_id
    )


def _sums(table: Table) -> list[ColumnElement[Any]]:
    tokens = (table.c.input_tokens, table.c.output_tokens, table.c.cached_tokens, table.c.reasoning_tokens)
    unpriced = _count((table.c.outcome == "ok") & table.c.cost.is_(None))
    return [func.count(), *(func.sum(column) for column in tokens), func.sum(table.c.cost), unpriced]


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.sum(case((condition, 1), else_=0))
