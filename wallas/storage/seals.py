"""Seals without a home: kept by the tool call they belong to, found again when the call comes back."""

import time
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, Engine, and_, insert, or_, select

from wallas.models import SealRow
from wallas.storage.engine import ANSWER_SECONDS, reading, writing
from wallas.storage.rows import fitted, table_of

MOST = 500
"""How many calls one query asks for; SQLite takes a limited number of parameters."""


class StoredSeal(NamedTuple):
    """A seal with the tool call it sat on; ``arguments_hash`` finds it when the client renamed the call."""

    call_id: str
    name: str
    arguments_hash: str
    issuer: str
    value: str
    created_at: float


def save_seals(engine: Engine, seals: Iterable[StoredSeal]) -> None:
    """Commit seals; when this returns, every worker finds them."""
    rows = list(seals)
    if rows:
        with writing(engine, patience=ANSWER_SECONDS) as connection:
            add_seals(connection, rows)


def add_seals(connection: Connection, rows: Sequence[StoredSeal]) -> None:
    """Store seals inside a transaction of the caller's."""
    connection.execute(insert(table_of(SealRow)), fitted(table_of(SealRow), rows))


def find_seals(
    engine: Engine, call_ids: Collection[str], *, calls: Collection[tuple[str, str]] = ()
) -> list[StoredSeal]:
    """Return the seals of these call ids, and of these (name, arguments hash) pairs, the newest first."""
    table = table_of(SealRow)
    ids, pairs = list(call_ids)[:MOST], list(calls)[: MOST // 2]
    wanted: list[ColumnElement[bool]] = [table.c.call_id.in_(ids)] if ids else []
    wanted += [and_(table.c.name == name, table.c.arguments_hash == digest) for name, digest in pairs]
    if not wanted:
        return []
    columns = [table.c[name] for name in StoredSeal._fields]
    query = select(*columns).where(or_(*wanted)).order_by(table.c.id.desc()).limit(4 * MOST)
    with reading(engine) as connection:
        return [StoredSeal(*row) for row in connection.execute(query)]


def make_seal(call_id: str, *, name: str, arguments_hash: str, issuer: str, value: str) -> StoredSeal:
    """Return a seal to save, stamped with this instant."""
    return StoredSeal(call_id, name, arguments_hash, issuer, value, time.time())
