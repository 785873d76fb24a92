"""Who has the last word on what is left: the database that all workers share, or this process's memory alone."""

import logging
import os
import socket
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

import msgspec

from wallas.quota.clocks import Rolling
from wallas.quota.shares import Ask, Grant, State, exchange
from wallas.quota.spool import NoSpool, Spool
from wallas.quota.windows import Limit, WindowKey, effective, stronger
from wallas.storage.ear import Ear
from wallas.storage.quota import QuotaEntry, QuotaKey, change_quota, leave_quota, live_workers, load_quota

if TYPE_CHECKING:
    from sqlalchemy import Engine

log = logging.getLogger(__name__)

ALIVE_SECONDS = 15.0
"""A worker that has not been heard of for this long is dead, and what is left of its shares returns."""
MERGED = "merged"


class View(msgspec.Struct, frozen=True):
    """One window as it is stored, for those who only look."""

    key: WindowKey
    clock: str
    learned: Limit | None
    state: State
    text: str
    updated_at: float


class Authority(Protocol):
    """Divides windows; every call may block on the database."""

    worker: str

    def exchange(self, asks: Sequence[Ask], *, now: float) -> tuple[list[Grant], int]:
        """Book and grant, all in one transaction; return the grants in the order of the asks, and the live workers."""

    def heard(self) -> bool:
        """Return whether others may have changed anything since this was last asked; for one thread."""

    def views(self, *, since: float) -> list[View]:
        """Return the windows that changed since then."""

    def note(self, key: WindowKey, source: str, *, now: float) -> None:
        """Keep a fact that is no window of its own, such as two accounts that share everything."""

    def leave(self, *, now: float) -> None:
        """Say that this worker is gone."""


class MemoryAuthority:
    """One process that shares with nobody: what tests and the demo use, and the stand-in while a database is away."""

    worker = "me"

    def __init__(self) -> None:
        """Start with nothing used."""
        self.entries: dict[WindowKey, QuotaEntry] = {}

    def exchange(self, asks: Sequence[Ask], *, now: float) -> tuple[list[Grant], int]:
        """Book and grant in memory."""
        grants = []
        for ask in asks:
            entry, grant = answer(
                self.entries.get(ask.key), ask, worker=self.worker, live=frozenset({self.worker}), now=now
            )
            self.entries[ask.key] = entry
            grants.append(grant)
        return grants, 1

    def heard(self) -> bool:
        """Return True: to look costs nothing."""
        return True

    def views(self, *, since: float) -> list[View]:
        """Return what changed."""
        return [view(entry) for entry in self.entries.values() if entry.updated_at > since]

    def note(self, key: WindowKey, source: str, *, now: float) -> None:
        """Keep a fact."""
        self.entries[key] = fact(key, source, now)

    def leave(self, *, now: float) -> None:
        """Do nothing: nobody else is there."""


class DatabaseAuthority:
    """The database's word: each exchange is one transaction, under which nobody else divides anything."""

    def __init__(
        self,
        engine: "Engine",
        *,
        worker: str | None = None,
        spool: Spool | NoSpool | None = None,
        ear: Ear | None = None,
    ) -> None:
        """Speak for ``worker``, by default a name that no other process has; ``spool`` knows of the dead.

        ``ear`` tells whether others may have written since it was last asked; without one they always may have.
        """
        self.engine = engine
        self.worker = worker or worker_name()
        self.spool = spool or NoSpool()
        self.ear = ear

    def exchange(self, asks: Sequence[Ask], *, now: float) -> tuple[list[Grant], int]:
        """Book and grant in one transaction of the database, and note that this worker lives."""
        grants: dict[WindowKey, Grant] = {}
        workers = 1

        def change(found: dict[QuotaKey, QuotaEntry], live: frozenset[str]) -> Iterable[QuotaEntry]:
            nonlocal workers
            live = frozenset(name for name in live if not self.spool.dead(name))
            workers = len(live | {self.worker})
            for ask in asks:
                entry, grants[ask.key] = answer(
                    found.get(ask.key), ask, worker=self.worker, live=live, now=now, spooled=self.spool.spent
                )
                yield entry

        keys = [ask.key for ask in asks]
        change_quota(self.engine, keys, change, worker=self.worker, now=now, alive_until=now + ALIVE_SECONDS)
        return [grants[ask.key] for ask in asks], workers

    def heard(self) -> bool:
        """Ask the ear."""
        return self.ear is None or self.ear()

    def views(self, *, since: float) -> list[View]:
        """Return what changed."""
        return [view(entry) for entry in load_quota(self.engine, since=since)]

    def note(self, key: WindowKey, source: str, *, now: float) -> None:
        """Keep a fact."""

        def change(found: dict[QuotaKey, QuotaEntry], live: frozenset[str]) -> Iterable[QuotaEntry]:
            return [fact(key, source, now)]

        change_quota(self.engine, [key], change, worker=self.worker, now=now, alive_until=now + ALIVE_SECONDS)

    def sweep(self, *, now: float) -> None:
        """Remove the spools that nobody needs any more."""
        if isinstance(self.spool, Spool):
            states = [one.state for one in self.views(since=0.0)]
            untold = {name for state in states for name, share in state.shares.items() if share.granted > share.spent}
            self.spool.sweep(live_workers(self.engine, now=now) | untold)

    def leave(self, *, now: float) -> None:
        """Take this worker off the list of the living."""
        leave_quota(self.engine, self.worker, now=now)


def worker_name() -> str:
    """Return a name that no other process has, on any machine."""
    return f"{socket.gethostname()[:24]}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


def answer(
    entry: QuotaEntry | None,
    ask: Ask,
    *,
    worker: str,
    live: frozenset[str],
    now: float,
    spooled: Callable[[str, int], float | None] = lambda worker, slot: None,
) -> tuple[QuotaEntry, Grant]:
    """Return a window as it is to be stored after one worker's ask, and what that worker gets."""
    state = msgspec.json.decode(entry.state, type=State) if entry is not None else State()
    stored = _learned(entry)
    asked = ask._replace(learned=None if ask.stubborn else stronger(stored, ask.learned, now))
    grant = exchange(state, asked, worker=worker, live=live, now=now, spooled=spooled)
    limit = grant.learned or effective(ask.declared, None, now)
    text = msgspec.json.encode(state).decode()
    return (
        QuotaEntry(
            *ask.key,
            clock=str(ask.clock),
            most=limit.value if limit else None,
            source=limit.source if limit else None,
            learned_at=limit.at if limit else None,
            state=text,
            updated_at=now,
        ),
        grant,
    )


def view(entry: QuotaEntry) -> View:
    """Return a stored window for those who only look."""
    key = WindowKey(*entry[:5])
    state = msgspec.json.decode(entry.state, type=State) if key.kind != MERGED else State()
    return View(key, entry.clock, _learned(entry), state, entry.source or "", entry.updated_at)


def fact(key: WindowKey, source: str, now: float) -> QuotaEntry:
    """Return the row of a fact that is no window."""
    return QuotaEntry(*key, clock=str(Rolling(1)), most=None, source=source, learned_at=now, state="{}", updated_at=now)


def _learned(entry: QuotaEntry | None) -> Limit | None:
    """Return what was learned; what the user or the catalog said is read anew, not from here."""
    if entry is None or entry.most is None or entry.source in (None, "user", "catalog"):
        return None
    return Limit(entry.most, str(entry.source), entry.learned_at or 0.0)
