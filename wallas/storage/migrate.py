"""Brings the database to the schema that this version needs, whole or not at all."""

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError

from wallas.storage.engine import StorageError, is_sqlite, open_database, reading, sqlite_path, writing
from wallas.storage.library import sqlite_module

HEAD = "0001"
"""The newest revision in `migrations/versions`; kept here so that a start need not load Alembic to know it."""

FOLDER = Path(__file__).resolve().parent.parent.parent / "migrations"

LOCK = 5_710_425_001
"""The advisory lock that makes two programs started at once migrate one after the other."""


def is_current(url: str) -> bool:
    """Return whether the database has this version's schema."""
    return revision(url) == HEAD


def revision(url: str) -> str | None:
    """Return the revision that the database is at, None for an empty or absent one; create nothing."""
    if is_sqlite(url):
        return _sqlite_revision(sqlite_path(url))
    engine = open_database(url)
    try:
        with reading(engine) as connection:
            return _revision(connection)
    except ProgrammingError:
        return None
    except OperationalError as error:
        raise StorageError(f"the database server does not answer: {_first_line(error)}") from error
    finally:
        engine.dispose()


def upgrade(url: str) -> bool:
    """Migrate the database in one transaction; return whether there was anything to do.

    A program that is killed half-way leaves the old schema; two started at
    once take turns. Raise StorageError if the database is a newer version's.
    """
    if is_sqlite(url):
        sqlite_path(url).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    engine = open_database(url)
    try:
        with writing(engine) as connection:
            if not is_sqlite(url):
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
            return _migrate(connection)
    except DBAPIError as error:
        raise StorageError(f"the database could not be migrated: {_first_line(error)}") from error
    finally:
        engine.dispose()


def _migrate(connection: Connection) -> bool:
    from alembic import command
    from alembic.config import Config
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["connection"] = connection
    at = MigrationContext.configure(connection).get_current_revision()
    if at == HEAD:
        return False
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if at is not None and at not in known:
        raise StorageError(
            f"the database is at revision {at}, which this version of Wallas does not know: a newer one made it. "
            "Update Wallas, or name another database with WALLAS_DATABASE_URL"
        )
    command.upgrade(config, HEAD)
    return True


def _sqlite_revision(path: Path) -> str | None:
    if not path.exists():
        return None
    module = sqlite_module()
    connection = module.connect(path, timeout=5)
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


def _revision(connection: Connection) -> str | None:
    row = connection.execute(text("SELECT version_num FROM alembic_version")).first()
    return None if row is None else str(row[0])


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).strip().partition("\n")[0]
