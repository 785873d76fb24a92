"""Chooses the SQLite library: one that does not corrupt its file when several connections write.

SQLite 3.7.0 to 3.51.2 can lose a checkpoint to a race between two writing
connections (fixed in 3.51.3, March 2026; https://sqlite.org/wal.html). Debian's
and Python's own libraries are older as of November 2026; the package
`pysqlite3` brings a newer one along. Why: docs/decisions/0001-sqlite-library.md.
"""

import importlib
import sqlite3
from types import ModuleType

FIXED = (3, 51, 3)
"""The first version without the race."""


def sqlite_module() -> ModuleType:
    """Return the DB-API module with the newest SQLite library there is here."""
    if sqlite3.sqlite_version_info >= FIXED:
        return sqlite3
    try:
        found = importlib.import_module("pysqlite3.dbapi2")
    except ImportError:
        return sqlite3
    return found if found.sqlite_version_info > sqlite3.sqlite_version_info else sqlite3


def is_fixed(module: ModuleType) -> bool:
    """Return whether several connections may write through ``module`` in WAL mode at once."""
    return tuple(module.sqlite_version_info) >= FIXED


def journal_mode(module: ModuleType) -> str:
    """Return `WAL`, or `DELETE` for a library with the race: slower, readers wait for writers, and safe."""
    return "WAL" if is_fixed(module) else "DELETE"
