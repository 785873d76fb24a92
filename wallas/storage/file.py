"""The SQLite file before it is served from: where it is, whether it is healthy, how old its schema is.

The gunicorn master asks this at every start, so nothing heavy is imported here.
"""

import os
import re
import time
from pathlib import Path
from types import ModuleType
from typing import Any

from wallas.errors import WallasError
from wallas.storage.library import sqlite_module

HEAD = "0007"
"""The newest revision in `migrations/versions`; kept here so that a start need not load Alembic to know it."""

BUSY_SECONDS = 5
CHECK_SECONDS = 0.2


class StorageError(WallasError):
    """The database cannot be used. The message names the file or server and what to do."""


def is_sqlite(url: str) -> bool:
    """Return whether ``url`` is an address of SQLite."""
    return url.startswith("sqlite")


def sqlite_path(url: str) -> Path:
    """Return the file of an SQLite address; raise StorageError if it names none."""
    found = re.fullmatch(r"sqlite(\+\w+)?://(/([^?]*))?(\?.*)?", url)
    if found is None:
        raise StorageError("WALLAS_DATABASE_URL is not an address like sqlite:////path/wallas.sqlite")
    database = found[3]
    if not database or database == ":memory:" or database.startswith("file:"):
        raise StorageError("WALLAS_DATABASE_URL: SQLite needs a file here, because workers share the database")
    return Path(database)


def make_private(path: Path) -> None:
    """Make sure that the file exists and, if it is new, that only its owner can read it: it holds stored answers."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDONLY, 0o600))


def check_database(url: str, *, seconds: float = CHECK_SECONDS) -> None:
    """Raise StorageError naming the file and a way out if the SQLite file is corrupt, unreadable or unwritable.

    A file that takes longer than ``seconds`` passes unless its head is wrong: a start must not wait for a large one
    (70 MB take a tenth of a second).
    """
    if not is_sqlite(url):
        return
    path = sqlite_path(url)
    module = sqlite_module()
    try:
        make_private(path)
        connection = module.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    except (OSError, module.Error) as error:
        raise StorageError(f"{path}: the database cannot be opened: {error}") from error
    try:
        problem = _problem(connection, module, seconds)
    finally:
        connection.close()
    if problem is not None:
        raise StorageError(f"{path}: {problem}")


def sqlite_revision(path: Path) -> str | None:
    """Return the revision that the file's schema is at, None for an empty or absent file; create nothing."""
    if not path.exists():
        return None
    module = sqlite_module()
    try:
        connection = module.connect(path, timeout=BUSY_SECONDS)
    except module.Error as error:
        raise StorageError(f"{path}: the database cannot be opened: {error}") from error
    try:
        row: Any = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        return None if row is None else str(row[0])
    except module.OperationalError as error:
        if "no such table" in str(error):
            return None
        raise StorageError(f"{path}: the database cannot be read: {error}") from error
    except module.DatabaseError as error:
        raise StorageError(f"{path}: the database is damaged: {error}") from error
    finally:
        connection.close()


def _problem(connection: Any, module: ModuleType, seconds: float) -> str | None:
    limit = time.monotonic() + seconds
    connection.set_progress_handler(lambda: int(time.monotonic() > limit), 10_000)
    try:
        rows = connection.execute("PRAGMA quick_check(3)").fetchall()
        if rows != [("ok",)]:
            return _corrupt("; ".join(str(row[0]).replace("\n", "; ") for row in rows))
    except module.OperationalError as error:
        if "interrupt" not in str(error):
            return f"the database cannot be read: {error}"
    except module.DatabaseError as error:
        return _corrupt(str(error))
    finally:
        connection.set_progress_handler(None, 0)
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("PRAGMA user_version = 0")
        connection.execute("ROLLBACK")
    except module.OperationalError as error:
        if "locked" in str(error):
            return None
        return f"the database cannot be written: {error}. Check the owner and the mode of the file and its folder"
    return None


def _corrupt(what: str) -> str:
    return (
        f"the database is damaged ({what}). Stop Wallas, move the file away and put a backup in its place, or start "
        "without: a new one is made. `sqlite3 FILE .recover` may save what is in it"
    )
