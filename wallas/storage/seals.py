"""Seals without a home: kept by the tool call they belong to, found again when the call comes back."""

import time
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

from sqlalchemy import Engine

from wallas.models import SEALS
from wallas.storage.engine import ANSWER_SECONDS
from wallas.storage.plain import Writing, ask
from wallas.storage.rows import add_rows

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
        with Writing(engine, patience=ANSWER_SECONDS) as to:
            add_seals(to, rows)


def add_seals(to: Writing, rows: Sequence[StoredSeal]) -> None:
    """Store seals inside a transaction of the caller's."""
    add_rows(to, SEALS, StoredSeal._fields, rows)


def find_seals(
    engine: Engine, call_ids: Collection[str], *, calls: Collection[tuple[str, str]] = ()
) -> list[StoredSeal]:
    """Return the seals of these call ids, and of these (name, arguments hash) pairs, the newest first."""
    ids, pairs = list(call_ids)[:MOST], list(calls)[: MOST // 2]
    if not ids and not pairs:
        return []
    rows = ask(engine, _query(len(ids), len(pairs)), *ids, *chain.from_iterable(pairs))
    return [StoredSeal(*row) for row in rows]


@lru_cache(maxsize=256)
def _query(ids: int, pairs: int) -> str:
    """Return the question for so many calls as text: every turn of an agent asks it, and to build it costs as much."""
    wanted = [f"call_id IN ({', '.join('?' * ids)})"] if ids else []
    wanted += ["(name = ? AND arguments_hash = ?)"] * pairs
    columns = ", ".join(StoredSeal._fields)
    return f"SELECT {columns} FROM {SEALS.name} WHERE {' OR '.join(wanted)} ORDER BY id DESC LIMIT {4 * MOST}"


def make_seal(call_id: str, *, name: str, arguments_hash: str, issuer: str, value: str) -> StoredSeal:
    """Return a seal to save, stamped with this instant."""
    return StoredSeal(call_id, name, arguments_hash, issuer, value, time.time())
