"""Windows of quota as all workers share them: read, changed by a function and written back in one transaction."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import Connection, Engine, Row, bindparam, delete, or_, select, text, tuple_

from wallas.models import LEASES, QUOTA
from wallas.storage.engine import reading, writing
from wallas.storage.rows import fitted

WORKER = "quota/"
"""How the row of ``leases`` begins in which a worker says that it lives."""


class QuotaEntry(NamedTuple):
    """One window: whose, its clock, the limit that holds with its source and time, and the state as JSON."""

    provider: str
    account: str
    key_id: str
    model: str
    kind: str
    clock: str
    most: float | None
    source: str | None
    learned_at: float | None
    state: str
    updated_at: float


QuotaKey: TypeAlias = tuple[str, str, str, str, str]
"""(provider, account, key id, model, kind)."""
Change: TypeAlias = Callable[[dict[QuotaKey, QuotaEntry], frozenset[str]], Iterable[QuotaEntry]]
"""Returns the windows as they shall be, from those that were found and from the names of the workers that live."""

ALIVE = text("""
INSERT INTO leases (name, holder, expires_at) VALUES (:name, :holder, :until)
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
""")

SAVE = text("""
INSERT INTO quota (provider, account, key_id, model, kind, clock, most, source, learned_at, state, updated_at)
VALUES (:provider, :account, :key_id, :model, :kind, :clock, :most, :source, :learned_at, :state, :updated_at)
ON CONFLICT (provider, account, key_id, model, kind) DO UPDATE SET
    clock = excluded.clock, most = excluded.most, source = excluded.source, learned_at = excluded.learned_at,
    state = excluded.state, updated_at = excluded.updated_at
""")

LOAD = select(QUOTA).where(QUOTA.c.updated_at > bindparam("since")).limit(20_000)
LIVE = select(LEASES.c.holder).where(LEASES.c.name.like(WORKER + "%"), LEASES.c.expires_at > bindparam("now"))

PATIENCE = 1.0
"""How long an exchange waits for the database; then the worker goes on with what it knows."""

LOCK = 5_710_425_003
"""The advisory lock under which PostgreSQL's workers take turns: a row that does not exist cannot be locked."""


def change_quota(
    engine: Engine, keys: Sequence[QuotaKey], change: Change, *, worker: str, now: float, alive_until: float
) -> None:
    """Change the windows of ``keys`` in one transaction; ``worker`` is noted as alive until then."""
    with writing(engine, patience=PATIENCE) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        connection.execute(ALIVE, {"name": WORKER + worker, "holder": worker, "until": alive_until})
        live = frozenset(_live(connection, now))
        found = {entry[:5]: entry for entry in _find(connection, keys)}
        rows = fitted(QUOTA, list(change(found, live)))
        if rows:
            connection.execute(SAVE, rows)


def load_quota(engine: Engine, *, since: float = 0.0) -> list[QuotaEntry]:
    """Return the windows that changed after ``since``."""
    with reading(engine) as connection:
        return [_entry(row) for row in connection.execute(LOAD, {"since": since})]


def live_workers(engine: Engine, *, now: float) -> frozenset[str]:
    """Return the names of the workers that live."""
    with reading(engine) as connection:
        return frozenset(_live(connection, now))


def leave_quota(engine: Engine, worker: str, *, now: float) -> None:
    """Note that a worker is gone, and forget those that have been for an hour."""
    gone = LEASES.c.name.like(WORKER + "%") & (LEASES.c.expires_at < now - 3600)
    with writing(engine) as connection:
        connection.execute(delete(LEASES).where(or_(LEASES.c.name == WORKER + worker, gone)))


def _live(connection: Connection, now: float) -> list[str]:
    return [str(row[0]) for row in connection.execute(LIVE, {"now": now})]


def _find(connection: Connection, keys: Sequence[QuotaKey]) -> list[QuotaEntry]:
    columns = tuple_(QUOTA.c.provider, QUOTA.c.account, QUOTA.c.key_id, QUOTA.c.model, QUOTA.c.kind)
    found: list[QuotaEntry] = []
    for start in range(0, len(keys), 100):
        some = select(QUOTA).where(columns.in_(keys[start : start + 100]))
        found += [_entry(row) for row in connection.execute(some)]
    return found


def _entry(row: Row[Any]) -> QuotaEntry:
    return QuotaEntry(*row)  # type: ignore[call-arg]
