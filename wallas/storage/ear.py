"""Tells for next to nothing whether another process may have written to the database since it was last asked."""

import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine

from wallas.storage.engine import commits
from wallas.storage.library import sqlite_module
from wallas.storage.plain import ask
from wallas.storage.quota import WORKER

TICK_SECONDS = 0.4
ALONE_SECONDS = 1.0
"""How often a worker listens that has no company: each time it wakes up, into caches that others have used."""

COMPANY_SECONDS = 15.0
"""How long others are listened to after they were last seen alive: they may have told something as they left."""

ANYWAY_SECONDS = 30.0
"""How long a change may be taken for an own one: somebody without a lease may have written in the same second."""

OTHERS = f"SELECT 1 FROM leases WHERE name LIKE '{WORKER}%' AND holder <> ? AND expires_at > ? LIMIT 1"


class Ear:
    """One listener's; for one thread.

    To read all that workers share takes four questions at every tick, most of what an
    idle worker costs. SQLite says whether its file was written to (`PRAGMA data_version`,
    https://sqlite.org/pragma.html#pragma_data_version), and a worker without company
    that has written itself has nothing to learn from that. PostgreSQL is asked for company only.
    """

    def __init__(self, engine: Engine, *, me: str, clock: Callable[[], float] = time.time) -> None:
        """Listen for all workers but ``me``; ``clock`` tells the epoch's seconds, as leases do."""
        self.engine = engine
        self.me = me
        self.clock = clock
        self._path = engine.url.database if engine.dialect.name == "sqlite" else None
        self._connection: Any = None
        self._version: int | None = None
        self._unread = False
        self._company = 0.0
        """Until when others are taken to be there."""
        self._anyway = 0.0
        """When what is unread is read whoever wrote it."""
        self._own = commits(engine)
        """How many transactions this process had committed when it was last asked."""

    def __call__(self) -> bool:
        """Return whether there may be news; whatever is wrong with the database is found by who reads then."""
        try:
            return self._heard()
        except Exception:
            self.close()
            return True

    def alone(self) -> bool:
        """Return whether no other worker has been there lately: nobody waits to hear, and nobody tells."""
        return self.clock() >= self._company

    def close(self) -> None:
        """Let go of the file."""
        connection, self._connection, self._version = self._connection, None, None
        if connection is not None:
            connection.close()

    def _heard(self) -> bool:
        own, self._own = self._own, commits(self.engine)
        before, self._version = self._version, self._written()
        now = self.clock()
        if self._version is None or self._version != before:
            self._unread = True
            if self._others(now):
                self._company = now + COMPANY_SECONDS
            elif own == self._own and self._version is not None:
                self._anyway = now
        if not self._unread or self._company <= now < self._anyway:
            return False
        self._unread, self._anyway = False, now + ANYWAY_SECONDS
        return True

    def _written(self) -> int | None:
        """Return a number that changes with what others commit to the file; None where there is none."""
        if self._path is None:
            return None
        if self._connection is None:
            self._connection = sqlite_module().connect(
                self._path, timeout=0, check_same_thread=False, isolation_level=None
            )
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def _others(self, now: float) -> bool:
        if self._connection is not None:
            return self._connection.execute(OTHERS, (self.me, now)).fetchone() is not None
        return bool(ask(self.engine, OTHERS, self.me, now))


def listens(ear: Ear | None) -> float:
    """Return after how many seconds to listen again: others are to obey within a second of what one learned."""
    return ALONE_SECONDS if ear is not None and ear.alone() else TICK_SECONDS
