"""Writes behind: rows are handed over without waiting, and one thread commits them in batches.

Serving never depends on the database. When it is locked, full or gone, rows
wait in a bounded queue; when that is full the oldest go, and are counted.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, TypeAlias

from sqlalchemy import Engine
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from wallas.storage.plain import Writing

log = logging.getLogger(__name__)

Save: TypeAlias = Callable[[Writing, Sequence[Any]], None]
"""Writes rows of one kind inside the transaction it is given."""

LIMIT = 10_000
BATCH = 200
SECONDS = 0.1
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 5.0
CLOSE_SECONDS = 5.0


Item: TypeAlias = tuple[Save, Any]
"""A row and the function that writes it."""


class Writer:
    """One thread and a bounded queue before one database. Make it after the fork."""

    def __init__(self, engine: Engine, *, limit: int = LIMIT, batch: int = BATCH, seconds: float = SECONDS) -> None:
        """Start the thread; it commits what came in within ``seconds``, or sooner once there are ``batch`` rows."""
        self.engine = engine
        self.limit = limit
        self.batch = batch
        self.seconds = seconds
        self.dropped = 0
        """Rows that gave way to newer ones because the database took none for too long."""
        self.refused = 0
        """Rows that the database will never take: a fault of ours."""
        self.trouble: str | None = None
        """Why nothing can be written at the moment, for `/health`; None while all is well."""
        self._items: deque[Item] = deque()
        self._since: float | None = None
        self._lock = threading.Lock()
        """Held while rows are taken out of the queue; they are put in without."""
        self._called = False
        """Whether the thread was told of a row since its last round began."""
        self._bells: SimpleQueue[threading.Event | None] = SimpleQueue()
        """Wakes the thread: a row has come, there are enough of them, or somebody waits until all are committed."""
        self._closing = threading.Event()
        self._to = Writing(engine, keep=True)
        self._thread = threading.Thread(target=self._run, name="wallas-writer", daemon=True)
        self._thread.start()

    def put(self, save: Save, row: Any) -> None:
        """Hand over one row; never blocks and never raises."""
        self._items.append((save, row))
        waiting = len(self._items)
        if not self._called:
            self._called = True
            self._bells.put(None)
        if waiting == self.batch:
            self._bells.put(None)
        elif waiting > self.limit:
            self._shed()

    def flush(self, timeout: float = CLOSE_SECONDS) -> bool:
        """Wait until everything handed over so far is committed; return False if that took longer than ``timeout``."""
        done = threading.Event()
        self._bells.put(done)
        if not self._thread.is_alive():
            return not self._items
        return done.wait(timeout)

    def close(self, timeout: float = CLOSE_SECONDS) -> bool:
        """Flush and end the thread; return whether all rows were committed."""
        flushed = self.flush(timeout)
        self._closing.set()
        self._bells.put(None)
        self._bells.put(None)
        self._thread.join(timeout)
        return flushed

    def waiting(self) -> int:
        """Return how many rows are queued behind those being written."""
        return len(self._items)

    def late(self) -> float:
        """Return for how many seconds the rows now being written have been tried, 0.0 when there are none."""
        since = self._since
        return 0.0 if since is None else time.monotonic() - since

    def _run(self) -> None:
        while not self._closing.is_set():
            asked = self._woken()
            self._called = False
            self._take_all()
            for done in asked:
                if done is not None:
                    done.set()
        self._to.release()

    def _woken(self) -> list[threading.Event | None]:
        """Wait for a row, and then for others to be committed with it, unless somebody waits; return who does."""
        asked = [self._bells.get()]
        if asked[0] is None:
            with suppress(Empty):
                asked.append(self._bells.get(timeout=self.seconds))
        while not self._bells.empty():
            asked.append(self._bells.get())
        return asked

    def _take_all(self) -> None:
        """Commit the rows that are there now: those that come meanwhile wait for others to be committed with."""
        due = len(self._items)
        while due > 0 and (items := self._take(due)):
            due -= len(items)
            self._since = time.monotonic()
            self._commit(items)
            self._since = None

    def _take(self, most: int) -> list[Item]:
        with self._lock:
            return [self._items.popleft() for _ in range(min(self.batch, most, len(self._items)))]

    def _shed(self) -> None:
        """Let the oldest rows go that are more than the limit."""
        with self._lock:
            while len(self._items) > self.limit:
                self._items.popleft()
                self.dropped += 1

    def _commit(self, items: list[Item]) -> None:
        """Write ``items``, trying again for as long as the database cannot take anything."""
        pause = FIRST_PAUSE
        while True:
            try:
                self._write(items)
                self._well()
                return
            except Exception as error:
                if not _may_pass(error):
                    self._one_by_one(items, error)
                    return
                self._ill(error)
            if self._closing.wait(pause):
                self._forget(items)
                return
            pause = min(pause * 2, LONGEST_PAUSE)
            items = self._make_room(items)

    def _write(self, items: list[Item]) -> None:
        groups: dict[Save, list[Any]] = {}
        for save, row in items:
            groups.setdefault(save, []).append(row)
        with self._to as to:
            for save, rows in groups.items():
                save(to, rows)

    def _one_by_one(self, items: list[Item], error: Exception) -> None:
        """Find the row that the database refuses, so that it takes none with it."""
        if len(items) == 1:
            self.refused += 1
            log.error("a row for %s was refused: %s", items[0][0].__name__, type(error).__name__, exc_info=error)
            return
        for item in items:
            self._commit([item])

    def _make_room(self, items: list[Item]) -> list[Item]:
        """Return the part of ``items``, the oldest rows, that still fits into the limit."""
        with self._lock:
            over = max(0, min(len(items), len(items) + len(self._items) - self.limit))
            self.dropped += over
        return items[over:]

    def _forget(self, items: list[Item]) -> None:
        with self._lock:
            self.dropped += len(items) + len(self._items)
            self._items.clear()

    def _ill(self, error: Exception) -> None:
        cause = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        if self.trouble is None:
            log.warning("the database takes no rows, they wait: %s", cause)
        self.trouble = cause

    def _well(self) -> None:
        if self.trouble is not None:
            log.warning("the database takes rows again; %d were dropped meanwhile", self.dropped)
        self.trouble = None


PASSING = frozenset({"OperationalError", "InterfaceError", "InternalError", "DatabaseError", "DBAPIError"})
"""Errors after which the same rows may be taken: locked, full, read-only, damaged, gone; a driver's or SQLAlchemy's."""


def _may_pass(error: Exception) -> bool:
    return type(error).__name__ in PASSING or isinstance(error, PoolTimeoutError)
