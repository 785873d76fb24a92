"""Seals without a home: kept by the tool call they belong to, found again when the call comes back."""

import time
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from sqlalchemy import Connection, Engine, TextClause, insert, text

from wallas.models import SEALS
from wallas.storage.engine import ANSWER_SECONDS, reading, writing
from wallas.storage.rows import fitted

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
    connection.execute(insert(SEALS), fitted(SEALS, rows))


def find_seals(
    engine: Engine, call_ids: Collection[str], *, calls: Collection[tuple[str, str]] = ()
) -> list[StoredSeal]:
    """Return the seals of these call ids, and of these (name, arguments hash) pairs, the newest first."""
    ids, pairs = list(call_ids)[:MOST], list(calls)[: MOST // 2]
    if not ids and not pairs:
        return []
    values: dict[str, str] = {f"id{n}": id for n, id in enumerate(ids)}
    for number, (name, digest) in enumerate(pairs):
        values[f"name{number}"], values[f"hash{number}"] = name, digest
    with reading(engine) as connection:
        return [StoredSeal(*row) for row in connection.execute(_query(len(ids), len(pairs)), values)]


@lru_cache(maxsize=256)
def _query(ids: int, pairs: int) -> TextClause:
    """Return the question for so many calls as text: every turn of an agent asks it, and to build it costs as much."""
    wanted = [f"call_id IN ({', '.join(f':id{n}' for n in range(ids))})"] if ids else []
    wanted += [f"(name = :name{n} AND arguments_hash = :hash{n})" for n in range(pairs)]
    columns = ", ".join(StoredSeal._fields)
    return text(f"SELECT {columns} FROM {SEALS.name} WHERE {' OR '.join(wanted)} ORDER BY id DESC LIMIT {4 * MOST}")


def make_seal(call_id: str, *, name: str, arguments_hash: str, issuer: str, value: str) -> StoredSeal:
    """Return a seal to save, stamped with this instant."""
    return StoredSeal(call_id, name, arguments_hash, issuer, value, time.time())
