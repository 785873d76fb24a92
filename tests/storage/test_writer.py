"""Writing behind: in batches, in order, and without ever being the reason that something else fails."""

import sqlite3
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError

from wallas.storage.engine import open_database, reading, writing
from wallas.storage.migrate import upgrade
from wallas.storage.writer import Writer


def save_leases(to, rows):
    to.change_each("INSERT INTO leases VALUES (?, ?, 0)", [(name, "x") for name in rows])


def names(engine) -> list[str]:
    with reading(engine) as connection:
        return [row[0] for row in connection.execute(text("SELECT name FROM leases ORDER BY name"))]


@pytest.fixture
def sqlite(tmp_path: Path):
    url = f"sqlite:///{tmp_path / 'wallas.sqlite'}"
    upgrade(url)
    engine = open_database(url)
    yield engine
    engine.dispose()


@pytest.fixture
def start(request):
    def make(engine, **options) -> Writer:
        writer = Writer(engine, **options)
        request.addfinalizer(lambda: writer.close(timeout=1))
        return writer

    return make


class Broken:
    """Saves that fail for as long as ``error`` is set, and remember how many rows came at once."""

    def __init__(self, error: Exception | None = None):
        self.error = error
        self.tries = threading.Semaphore(0)
        self.sizes: list[int] = []

    def save(self, to, rows):
        self.tries.release()
        if self.error is not None:
            raise self.error
        self.sizes.append(len(rows))
        save_leases(to, rows)


FULL = OperationalError("INSERT", {}, sqlite3.OperationalError("database or disk is full"))


def test_rows_are_committed_within_the_batch_time(engine, start):
    writer = start(engine)
    for number in range(5):
        writer.put(save_leases, f"{number}")
    limit = time.monotonic() + 5
    while len(names(engine)) < 5 and time.monotonic() < limit:
        time.sleep(0.01)
    assert names(engine) == ["0", "1", "2", "3", "4"]


def test_flush_waits_until_all_rows_are_committed(engine, start):
    writer = start(engine, seconds=60)
    for number in range(500):
        writer.put(save_leases, f"{number:03}")
    assert writer.flush() is True
    assert (len(names(engine)), writer.waiting(), writer.dropped) == (500, 0, 0)


def test_a_full_batch_does_not_wait_for_the_batch_time(sqlite, start):
    broken = Broken()
    writer = start(sqlite, seconds=60, batch=10)
    for number in range(10):
        writer.put(broken.save, f"{number}")
    assert broken.tries.acquire(timeout=5)
    assert writer.flush()
    assert broken.sizes == [10]


def test_what_comes_while_a_batch_is_committed_waits_to_be_committed_with_others(sqlite, start):
    writer = start(sqlite, seconds=60)

    def save(to, rows):
        save_leases(to, rows)
        writer.put(save_leases, "late")

    writer.put(save, "early")
    assert writer.flush()
    assert (names(sqlite), writer.waiting()) == (["early"], 1)
    assert writer.flush()
    assert names(sqlite) == ["early", "late"]


def test_rows_of_many_threads_are_all_committed(sqlite, start):
    writer = start(sqlite, seconds=0.001, batch=7)

    def put(thread):
        for number in range(200):
            writer.put(save_leases, f"{thread}-{number:03}")

    threads = [threading.Thread(target=put, args=(thread,)) for thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert writer.flush()
    assert (len(names(sqlite)), writer.waiting(), writer.dropped) == (800, 0, 0)


def test_closing_commits_what_is_left(sqlite):
    writer = Writer(sqlite, seconds=60)
    writer.put(save_leases, "last")
    assert writer.close() is True
    assert names(sqlite) == ["last"]


def test_rows_wait_while_the_disk_is_full_and_are_written_when_it_is_not(sqlite, start):
    broken = Broken(FULL)
    writer = start(sqlite, seconds=0.01)
    writer.put(broken.save, "a")
    assert broken.tries.acquire(timeout=5)
    assert broken.tries.acquire(timeout=5)
    assert writer.trouble == "database or disk is full"
    broken.error = None
    assert writer.flush()
    assert (names(sqlite), writer.trouble, writer.dropped) == (["a"], None, 0)


def test_rows_wait_while_another_program_holds_the_lock(sqlite, start):
    with sqlite.connect() as connection:
        connection.exec_driver_sql("SELECT 1")
    writer = start(sqlite, seconds=0.01)
    with writing(sqlite):
        writer.put(save_leases, "a")
        assert writer.flush(timeout=0.2) is False
    assert writer.flush() is True
    assert names(sqlite) == ["a"]


def test_the_oldest_rows_give_way_when_the_queue_is_full_and_are_counted(sqlite, start):
    broken = Broken(FULL)
    writer = start(sqlite, seconds=0.01, limit=10, batch=4)
    writer.put(broken.save, "00")
    assert broken.tries.acquire(timeout=5)
    for number in range(1, 25):
        writer.put(broken.save, f"{number:02}")
    assert broken.tries.acquire(timeout=5)
    broken.error = None
    assert writer.flush()
    assert names(sqlite) == [f"{number:02}" for number in range(15, 25)]
    assert writer.dropped == 15


def test_putting_never_blocks_however_long_the_database_does(sqlite, start):
    writer = start(sqlite, limit=100)
    with writing(sqlite):
        started = time.monotonic()
        for number in range(1000):
            writer.put(save_leases, f"{number}")
        assert time.monotonic() - started < 1


def test_a_row_that_the_database_refuses_takes_no_other_with_it(sqlite, start, caplog):
    writer = start(sqlite, seconds=60)
    for name in ("a", "b", "a", "c"):
        writer.put(save_leases, name)
    assert writer.flush()
    assert (names(sqlite), writer.refused) == (["a", "b", "c"], 1)
    assert isinstance(caplog.records[-1].exc_info[1], IntegrityError)


def test_a_fault_in_our_own_code_does_not_end_the_thread(sqlite, start):
    broken = Broken(TypeError("ours"))
    writer = start(sqlite, seconds=0.01)
    writer.put(broken.save, "a")
    assert writer.flush()
    writer.put(save_leases, "b")
    assert writer.flush()
    assert (names(sqlite), writer.refused) == (["b"], 1)


def test_closing_with_a_broken_database_gives_up_and_counts(sqlite):
    broken = Broken(FULL)
    writer = Writer(sqlite, seconds=0.01)
    for name in "abc":
        writer.put(broken.save, name)
    assert broken.tries.acquire(timeout=5)
    assert writer.close(timeout=0.2) is False
    writer._thread.join(5)
    assert writer.dropped == 3


def test_sqlites_connection_is_kept_between_commits_and_given_back_after_a_fault_and_at_the_end(sqlite):
    broken = Broken(TypeError("ours"))
    writer = Writer(sqlite, seconds=0.01)
    kept = []
    for save in (save_leases, broken.save):
        writer.put(save, save.__name__)
        assert writer.flush()
        kept.append(sqlite.pool.checkedout())
    writer.put(save_leases, "again")
    assert writer.close()
    writer._thread.join(5)
    assert kept == [1, 0] and sqlite.pool.checkedout() == 0
    assert names(sqlite) == ["again", "save_leases"]
