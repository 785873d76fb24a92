"""How the database is opened: the library, the rules of transactions, and what is said when it is broken."""

import contextlib
import math
import sqlite3
import threading
import types
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from wallas.storage import engine as engine_module
from wallas.storage import file as file_module
from wallas.storage import library
from wallas.storage.engine import open_database, reading, writing
from wallas.storage.file import StorageError, check_database, sqlite_path
from wallas.storage.migrate import revision, upgrade


def pragma(engine, name):
    with engine.connect() as connection:
        return connection.exec_driver_sql(f"PRAGMA {name}").scalar()


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'wallas.sqlite'}"


@pytest.fixture
def sqlite(url: str):
    upgrade(url)
    engine = open_database(url)
    yield engine
    engine.dispose()


def test_a_library_without_the_race_is_used_here():
    assert library.is_fixed(library.sqlite_module())


def test_sqlite_runs_with_a_write_ahead_log_and_waits_for_a_lock(sqlite):
    assert [pragma(sqlite, name) for name in ("journal_mode", "synchronous", "busy_timeout", "foreign_keys")] == [
        "wal",
        1,
        5000,
        1,
    ]


def test_a_library_with_the_race_is_used_without_a_write_ahead_log_and_loudly(url, monkeypatch, caplog):
    monkeypatch.setattr(engine_module, "sqlite_module", lambda: sqlite3)
    monkeypatch.setattr(engine_module, "is_fixed", lambda module: False)
    monkeypatch.setattr(engine_module, "journal_mode", lambda module: "DELETE")
    engine = open_database(url)
    assert pragma(engine, "journal_mode") == "delete"
    engine.dispose()
    assert "fixed in 3.51.3" in caplog.text


@pytest.mark.parametrize(("version", "mode"), [((3, 51, 2), "DELETE"), ((3, 51, 3), "WAL"), ((3, 54, 0), "WAL")])
def test_the_first_version_without_the_race_is_3_51_3(version, mode):
    assert library.journal_mode(types.SimpleNamespace(sqlite_version_info=version)) == mode


def test_a_transaction_that_reads_and_then_writes_does_not_fail_when_others_write_too(engine):
    with writing(engine) as connection:
        connection.execute(text("INSERT INTO leases VALUES ('count', '0', 0)"))
    failures = []

    def add():
        try:
            for _ in range(25):
                with writing(engine) as connection:
                    lock = "" if engine.dialect.name == "sqlite" else " FOR UPDATE"
                    old = int(connection.execute(text(f"SELECT holder FROM leases{lock}")).scalar())
                    connection.execute(text("UPDATE leases SET holder = :n"), {"n": str(old + 1)})
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with reading(engine) as connection:
        assert (failures, connection.execute(text("SELECT holder FROM leases")).scalar()) == ([], "100")


def test_reading_goes_on_while_another_writes(sqlite):
    with writing(sqlite) as connection:
        connection.execute(text("INSERT INTO leases VALUES ('a', 'b', 0)"))
        with reading(sqlite) as other:
            assert other.execute(text("SELECT count(*) FROM leases")).scalar() == 0


def test_what_fails_half_way_leaves_nothing(engine):
    with pytest.raises(ZeroDivisionError), writing(engine) as connection:
        connection.execute(text("INSERT INTO leases VALUES ('a', 'b', 0)"))
        raise ZeroDivisionError
    with reading(engine) as connection:
        assert connection.execute(text("SELECT count(*) FROM leases")).scalar() == 0


def test_a_healthy_database_passes_the_check_and_a_missing_one_is_made(tmp_path):
    url = f"sqlite:///{tmp_path / 'new' / 'wallas.sqlite'}"
    check_database(url)
    upgrade(url)
    check_database(url)


def test_a_database_that_another_writes_to_passes_the_check(sqlite, url, monkeypatch):
    monkeypatch.setattr(file_module, "BUSY_SECONDS", 0)
    with writing(sqlite):
        check_database(url)


def test_a_file_that_is_no_database_is_refused_with_its_path(url):
    path = sqlite_path(url)
    path.write_bytes(b"this is not a database, it only looks like one. " * 100)
    with pytest.raises(StorageError, match=str(path)):
        check_database(url)
    with pytest.raises(StorageError, match=str(path)):
        revision(url)


def test_a_damaged_database_is_refused_with_its_path_and_what_to_do(sqlite, url):
    sqlite.dispose()
    path = sqlite_path(url)
    content = bytearray(path.read_bytes())
    content[4096 * 2 : 4096 * 6] = b"\xa5" * (4096 * 4)
    path.write_bytes(content)
    with pytest.raises(StorageError, match=r"damaged.*\.recover") as caught:
        check_database(url)
    assert str(path) in str(caught.value)


def test_damage_that_a_start_has_no_time_to_find_is_found_by_a_look_through_the_whole(url):
    path = sqlite_path(url)
    with contextlib.closing(library.sqlite_module().connect(path)) as connection, connection:
        connection.execute("PRAGMA page_size = 512")  # SQLite asks whether to go on every ten thousand pages
        connection.execute("CREATE TABLE words (word TEXT)")
        rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000)"
        connection.execute(f"INSERT INTO words {rows} SELECT hex(zeroblob(200)) FROM n")
    content = bytearray(path.read_bytes())
    content[512 * 50 : 512 * 54] = b"\xa5" * (512 * 4)
    path.write_bytes(content)
    check_database(url, seconds=0.0)
    with pytest.raises(StorageError, match="damaged"):
        check_database(url, seconds=math.inf)


def test_a_database_that_cannot_be_written_is_refused_with_its_path(sqlite, url, monkeypatch):
    sqlite.dispose()
    path = sqlite_path(url)
    read_only = types.ModuleType("read_only")
    chosen = library.sqlite_module()
    read_only.__dict__.update(vars(chosen))
    read_only.connect = lambda file, **options: chosen.connect(f"file:{file}?mode=ro", uri=True, **options)
    monkeypatch.setattr(file_module, "sqlite_module", lambda: read_only)
    with pytest.raises(StorageError, match="cannot be written") as caught:
        check_database(url)
    assert str(path) in str(caught.value)


def test_a_folder_that_cannot_be_made_is_refused_with_its_path(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"file/wallas\.sqlite"):
        check_database(f"sqlite:///{tmp_path / 'file' / 'wallas.sqlite'}")


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite:///file:x?mode=memory"])
def test_a_database_in_memory_is_refused_because_workers_share_it(url):
    with pytest.raises(StorageError, match="file"):
        sqlite_path(url)


def test_a_new_database_can_be_read_by_its_owner_only(url):
    upgrade(url)
    engine = open_database(url)
    with writing(engine) as connection:
        connection.execute(text("INSERT INTO leases VALUES ('a', 'b', 0)"))
        modes = {path.name: path.stat().st_mode & 0o777 for path in sqlite_path(url).parent.iterdir()}
    engine.dispose()
    assert modes == {"wallas.sqlite": 0o600, "wallas.sqlite-wal": 0o600, "wallas.sqlite-shm": 0o600}


def test_a_postgresql_that_does_not_answer_is_said_without_its_password():
    with pytest.raises(StorageError, match="does not answer") as caught:
        revision("postgresql://u:hush@127.0.0.1:1/wallas")
    assert "hush" not in str(caught.value)


def test_an_engine_opens_nothing_before_it_is_used(url):
    open_database(url)
    assert not sqlite_path(url).exists()


def test_a_lock_that_is_held_too_long_is_an_operational_error(sqlite, url):
    other = open_database(url)
    with writing(sqlite), other.connect() as connection:
        connection.exec_driver_sql("ROLLBACK") if connection.in_transaction() else None
        raw = connection.connection.dbapi_connection
        raw.execute("PRAGMA busy_timeout = 10")
        with pytest.raises(OperationalError, match="locked"):
            connection.execute(text("SELECT 1"))
    other.dispose()
