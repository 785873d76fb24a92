"""Windows of quota as all workers share them: read, changed by a function and written back in one transaction."""

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import NamedTuple, TypeAlias

from sqlalchemy import Engine

from wallas.models import QUOTA
from wallas.storage.plain import Asking, Writing, ask
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

ALIVE = """
INSERT INTO leases (name, holder, expires_at) VALUES (?, ?, ?)
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
"""

SAVE = """
INSERT INTO quota (provider, account, key_id, model, kind, clock, most, source, learned_at, state, updated_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (provider, account, key_id, model, kind) DO UPDATE SET
    clock = excluded.clock, most = excluded.most, source = excluded.source, learned_at = excluded.learned_at,
    state = excluded.state, updated_at = excluded.updated_at
"""

FIND = f"SELECT {', '.join(QuotaEntry._fields)} FROM quota"
LOAD = f"{FIND} WHERE updated_at > ? LIMIT 20000"
LIVE = f"SELECT holder FROM leases WHERE name LIKE '{WORKER}%' AND expires_at > ?"
LEAVE = f"DELETE FROM leases WHERE name = ? OR (name LIKE '{WORKER}%' AND expires_at < ?)"

MOST = 100
"""How many windows one question asks for."""

PATIENCE = 1.0
"""How long an exchange waits for the database; then the worker goes on with what it knows."""

LOCK = 5_710_425_003
"""The advisory lock under which PostgreSQL's workers take turns: a row that does not exist cannot be locked."""


def change_quota(
    engine: Engine, keys: Sequence[QuotaKey], change: Change, *, worker: str, now: float, alive_until: float
) -> None:
    """Change the windows of ``keys`` in one transaction; ``worker`` is noted as alive until then."""
    with Writing(engine, patience=PATIENCE) as to:
        if not to.sqlite:
            to.ask("SELECT pg_advisory_xact_lock(?)", LOCK)
        to.change(ALIVE, WORKER + worker, worker, alive_until)
        live = frozenset(name for (name,) in to.ask(LIVE, now))
        found = {entry[:5]: entry for entry in _find(to, keys)}
        if rows := list(change(found, live)):
            to.change_each(SAVE, fitted(QUOTA, rows))


def load_quota(engine: Engine, *, since: float = 0.0) -> list[QuotaEntry]:
    """Return the windows that changed after ``since``."""
    return [QuotaEntry(*row) for row in ask(engine, LOAD, since)]


def live_workers(engine: Engine, *, now: float) -> frozenset[str]:
    """Return the names of the workers that live."""
    return frozenset(name for (name,) in ask(engine, LIVE, now))


def leave_quota(engine: Engine, worker: str, *, now: float) -> None:
    """Note that a worker is gone, and forget those that have been for an hour."""
    with Writing(engine) as to:
        to.change(LEAVE, WORKER + worker, now - 3600)


def _find(database: Asking, keys: Sequence[QuotaKey]) -> list[QuotaEntry]:
    found: list[QuotaEntry] = []
    for start in range(0, len(keys), MOST):
        some = keys[start : start + MOST]
        wanted = ", ".join(["(?, ?, ?, ?, ?)"] * len(some))
        sql = f"{FIND} WHERE (provider, account, key_id, model, kind) IN (VALUES {wanted})"
        found += [QuotaEntry(*row) for row in database.ask(sql, *chain.from_iterable(some))]
    return found
