"""Migrations: on both databases, whole or not at all, and cheap when there is nothing to do."""

import subprocess
import sys
import threading

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event, inspect, text

from wallas.models import METADATA
from wallas.settings import ROOT
from wallas.storage import migrate
from wallas.storage.engine import open_database, reading, writing
from wallas.storage.file import HEAD, StorageError


def tables(url: str) -> set[str]:
    engine = open_database(url)
    with reading(engine) as connection:
        found = set(inspect(connection).get_table_names())
    engine.dispose()
    return found


def test_the_revision_known_without_alembic_is_the_newest():
    config = Config()
    config.set_main_option("script_location", str(migrate.FOLDER))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_an_empty_database_gets_all_tables_and_a_second_time_nothing_happens(empty_database):
    assert not migrate.is_current(empty_database)
    assert migrate.upgrade(empty_database) is True
    assert tables(empty_database) == {*METADATA.tables, "alembic_version"}
    assert migrate.is_current(empty_database)
    assert migrate.upgrade(empty_database) is False


def test_the_migrations_make_what_the_rows_describe(database):
    engine = open_database(database)
    with writing(engine) as connection:
        differences = compare_metadata(MigrationContext.configure(connection), METADATA)
    engine.dispose()
    assert differences == []


def test_asking_for_the_revision_creates_nothing(tmp_path):
    assert migrate.revision(f"sqlite:///{tmp_path / 'none.sqlite'}") is None
    assert list(tmp_path.iterdir()) == []


def test_the_master_knows_that_all_is_current_without_loading_alembic_or_sqlalchemy(tmp_path):
    path = tmp_path / "wallas.sqlite"
    migrate.upgrade(f"sqlite:///{path}")
    code = (
        "import sys; from pathlib import Path; from wallas import master; from wallas.storage.file import *; "
        f"print(sqlite_revision(Path({str(path)!r})) == HEAD, 'alembic' in sys.modules, 'sqlalchemy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("True False False", "")


class Killed(BaseException):
    """Stands for a kill -9 in the middle of a migration: nothing of ours catches it."""


def test_a_migration_that_dies_at_any_statement_leaves_the_old_schema_or_the_new_one(empty_database, monkeypatch):
    counts = {"now": 0, "stop": -1}

    def opened(url):
        engine = open_database(url)

        @event.listens_for(engine, "before_cursor_execute")
        def count(*_):
            counts["now"] += 1
            if counts["now"] == counts["stop"]:
                raise Killed

        return engine

    monkeypatch.setattr(migrate, "open_database", opened)
    for stop in range(1, 200):
        counts.update(now=0, stop=stop)
        try:
            migrate.upgrade(empty_database)
        except Killed:
            assert tables(empty_database) == set()
        else:
            assert tables(empty_database) == {*METADATA.tables, "alembic_version"}
            return
    raise AssertionError("the migration never came to its end")


def test_a_migration_that_is_killed_outright_leaves_the_old_schema(tmp_path):
    url = f"sqlite:///{tmp_path / 'wallas.sqlite'}"
    code = f"""
import os, signal
from sqlalchemy import event, Engine
from wallas.storage.migrate import upgrade
seen = []
@event.listens_for(Engine, "before_cursor_execute")
def count(*_):
    seen.append(1)
    if len(seen) == 15:
        os.kill(os.getpid(), signal.SIGKILL)
upgrade({url!r})
"""
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == -9
    assert tables(url) == set()
    assert migrate.upgrade(url) is True


def test_two_programs_started_at_once_migrate_one_after_the_other(empty_database):
    outcomes: list[object] = []

    def run():
        try:
            outcomes.append(migrate.upgrade(empty_database))
        except Exception as error:
            outcomes.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, outcomes)) == ["False", "False", "False", "True"]


def test_the_database_of_a_newer_version_is_refused(database):
    engine = open_database(database)
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(StorageError, match="9999"):
        migrate.upgrade(database)
