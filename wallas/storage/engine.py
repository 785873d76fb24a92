"""Opens the database: SQLite by default, PostgreSQL by its address; the same rules of use for both."""

import logging
import os
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import ConnectionPoolEntry

from wallas.storage.file import BUSY_SECONDS, StorageError, is_sqlite, sqlite_path
from wallas.storage.library import is_fixed, journal_mode, sqlite_module
from wallas.waits import may_wait

log = logging.getLogger(__name__)

READ_ONLY = "wallas_read_only"
OPENED_READ_ONLY = "wallas_opened_read_only"
PATIENCE = "wallas_patience"

ANSWER_SECONDS = 2.0
"""How long the end of an answer waits for a commit: other writers keep a lock for milliseconds."""

_commits: WeakKeyDictionary[Engine, int] = WeakKeyDictionary()


def open_database(url: str) -> Engine:
    """Return an engine for ``url``; nothing is connected yet. Call it after the fork, once per process."""
    if is_sqlite(url):
        return _open_sqlite(url)
    return _open_postgres(url)


@contextmanager
def writing(engine: Engine, *, patience: float = BUSY_SECONDS) -> Iterator[Connection]:
    """Yield a connection in a transaction that may write, committed at the end; wait ``patience`` seconds for locks.

    On SQLite it begins IMMEDIATE: a transaction that reads first and writes
    later fails at once, whatever the busy timeout, when another has committed between.
    Never hold one across a network call.
    """
    may_wait()
    with engine.connect() as connection:
        connection.execution_options(**{PATIENCE: patience})
        with connection.begin():
            yield connection
    committed(engine)


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Yield a connection that only reads and keeps no writer waiting."""
    may_wait()
    with engine.connect() as connection:
        connection.execution_options(**{READ_ONLY: True})
        yield connection
        connection.rollback()


def committed(engine: Engine) -> None:
    """Count a transaction that was committed; called by what has committed it."""
    _commits[engine] = commits(engine) + 1


def commits(engine: Engine) -> int:
    """Return a number that changes with each transaction that this process commits with ``engine``."""
    return _commits.get(engine, 0)


def wait_for_locks(connection: Any, known: MutableMapping[Any, Any], patience: float) -> None:
    """Let a connection of SQLite's driver wait so many seconds for locks; ``known`` is what the pool knows of it."""
    if known.get(PATIENCE) != patience:
        connection.execute(f"PRAGMA busy_timeout = {patience * 1000:.0f}")
        known[PATIENCE] = patience


def _open_sqlite(url: str) -> Engine:
    path = sqlite_path(url)
    module = sqlite_module()
    if not is_fixed(module):
        log.warning(
            "SQLite %s can damage its file when several connections write (fixed in 3.51.3): %s runs without a "
            "write-ahead log, which is slower. `pip install pysqlite3` or a newer SQLite puts that right",
            module.sqlite_version,
            path,
        )
    engine = create_engine(
        f"sqlite:///{path}",
        module=module,
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
        pool_size=4,
        pool_use_lifo=True,  # the connection used last: what it keeps of the file is still true
        max_overflow=28,
        pool_timeout=BUSY_SECONDS,
    )
    mode = journal_mode(module)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, entry: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # the module's own BEGIN would come too late and not be IMMEDIATE
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA journal_mode = {mode}")
        cursor.execute("PRAGMA synchronous = NORMAL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA journal_size_limit = 67108864")
        cursor.close()
        wait_for_locks(connection, entry.info, BUSY_SECONDS)
        entry.info[OPENED_READ_ONLY] = not os.access(path, os.W_OK)

    @event.listens_for(engine, "checkin")
    def leave(connection: Any, entry: ConnectionPoolEntry) -> None:
        if entry.info.get(OPENED_READ_ONLY, False):
            entry.invalidate()  # it would never write, not even when the file can be written to again

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        if options.get(READ_ONLY, False):
            connection.exec_driver_sql("BEGIN")
            return
        wait_for_locks(connection.connection.driver_connection, connection.info, options.get(PATIENCE, BUSY_SECONDS))
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _open_postgres(url: str) -> Engine:
    scheme, _, rest = url.partition("://")
    if scheme in ("postgres", "postgresql"):
        url = f"postgresql+psycopg://{rest}"
    try:
        engine = create_engine(
            url,
            connect_args={"connect_timeout": 3, "tcp_user_timeout": 10_000},
            pool_size=4,
            max_overflow=12,
            pool_timeout=BUSY_SECONDS,
            pool_pre_ping=True,
            pool_recycle=600,
        )
    except ModuleNotFoundError as error:
        raise StorageError(
            f"WALLAS_DATABASE_URL names PostgreSQL, and the Python package {error.name!r} is not installed: "
            "pip install --require-hashes -r requirements-postgres.lock"
        ) from error
    except ArgumentError as error:
        raise StorageError("WALLAS_DATABASE_URL is not an address like postgresql://user:password@host/name") from error

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        patience = connection.get_execution_options().get(PATIENCE, BUSY_SECONDS)
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {patience * 1000:.0f}")

    return engine
