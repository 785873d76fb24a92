"""Brings the database to the schema that this version needs, whole or not at all."""

from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError

from wallas.storage.engine import open_database, reading, writing
from wallas.storage.file import HEAD, StorageError, is_sqlite, make_private, sqlite_path, sqlite_revision

FOLDER = Path(__file__).resolve().parent.parent.parent / "migrations"

LOCK = 5_710_425_001
"""The advisory lock that makes two programs started at once migrate one after the other."""


def is_current(url: str) -> bool:
    """Return whether the database has this version's schema."""
    return revision(url) == HEAD


def revision(url: str) -> str | None:
    """Return the revision that the database is at, None for an empty or absent one; create nothing."""
    if is_sqlite(url):
        return sqlite_revision(sqlite_path(url))
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
        make_private(sqlite_path(url))
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


def _revision(connection: Connection) -> str | None:
    row = connection.execute(text("SELECT version_num FROM alembic_version")).first()
    return None if row is None else str(row[0])


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).strip().partition("\n")[0]


def main() -> int:
    """Migrate the database that the environment names, for the gunicorn master; print what is wrong."""
    import os
    import sys

    try:
        upgrade(os.environ["WALLAS_DATABASE_URL"])
    except StorageError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
