"""Plain SQL on both databases: whole transactions, SQLAlchemy's errors, connections that are good again afterwards."""

import threading
import time

import pytest
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from wallas import waits
from wallas.storage.engine import commits, open_database
from wallas.storage.plain import Writing, ask

ADD = "INSERT INTO leases VALUES (?, ?, 0)"
only_sqlite = pytest.mark.parametrize("empty_database", ["sqlite"], indirect=True)
only_postgresql = pytest.mark.parametrize("empty_database", ["postgresql"], indirect=True)


def names(engine):
    return [name for (name,) in ask(engine, "SELECT name FROM leases ORDER BY name")]


def test_what_was_changed_is_committed_and_counted(engine):
    before = commits(engine)
    with Writing(engine) as to:
        to.change_each(ADD, [("a", "x"), ("b", "x")])
        assert to.change("UPDATE leases SET expires_at = ? WHERE holder = ?", 1.5, "x") == 2
        assert to.ask("SELECT expires_at FROM leases WHERE name LIKE 'a%' AND holder = ?", "x") == [(1.5,)]
    assert names(engine) == ["a", "b"] and commits(engine) != before


def test_a_fault_of_ours_leaves_nothing_and_is_no_commit(engine):
    before = commits(engine)
    with pytest.raises(ZeroDivisionError), Writing(engine) as to:
        to.change(ADD, "a", "x")
        raise ZeroDivisionError
    assert names(engine) == [] and commits(engine) == before
    with Writing(engine) as to:
        to.change(ADD, "b", "x")
    assert names(engine) == ["b"]


def test_what_a_driver_raises_is_sqlalchemys_error_and_takes_all_with_it(engine):
    with pytest.raises(IntegrityError) as caught, Writing(engine) as to:
        to.change(ADD, "a", "x")
        to.change(ADD, "a", "x")
    assert caught.value.orig is caught.value.__cause__ and names(engine) == []
    with pytest.raises(DBAPIError):
        ask(engine, "SELECT nothing FROM nowhere")
    assert names(engine) == []


def test_the_thread_that_must_not_wait_is_told_so_before_anything_is_asked(engine):
    waits.never_here()
    try:
        with pytest.raises(waits.NotNow):
            ask(engine, "SELECT 1")
        with pytest.raises(waits.NotNow), Writing(engine):
            pass
    finally:
        waits.anywhere()
    assert engine.pool.checkedout() == 0


@only_sqlite
def test_a_lock_is_waited_for_as_long_as_was_said_whoever_had_the_connection_before(engine, database):
    other = open_database(database)
    set_to = []
    event.listen(other, "connect", lambda connection, entry: connection.set_trace_callback(set_to.append))
    with Writing(engine):
        for patience in (0, 0.01, 0.01, 0):
            with pytest.raises(OperationalError, match="locked"), Writing(other, patience=patience):
                pass
    with Writing(other):
        pass
    assert [said for said in set_to if "busy_timeout" in said] == [
        f"PRAGMA busy_timeout = {ms}" for ms in (0, 10, 0, 5000)
    ]
    assert other.pool.checkedout() == 0
    other.dispose()


@only_postgresql
def test_a_lock_of_postgresql_is_waited_for_as_long_as_was_said(engine):
    with Writing(engine) as to:
        to.change(ADD, "a", "x")
    with Writing(engine) as to:
        to.change("UPDATE leases SET holder = 'y'")
        with pytest.raises(OperationalError, match="lock timeout"), Writing(engine, patience=0.05) as late:
            late.change("UPDATE leases SET holder = 'z'")
    assert ask(engine, "SELECT holder FROM leases") == [("y",)]


@only_sqlite
def test_a_database_that_cannot_be_written_says_so_and_is_read_on(engine):
    with Writing(engine) as to:
        to.change(ADD, "a", "x")
        to.change("PRAGMA query_only = 1")
    with pytest.raises(OperationalError, match="readonly"), Writing(engine) as to:
        to.change(ADD, "b", "x")
    assert names(engine) == ["a"]


@only_postgresql
def test_a_connection_that_is_cut_off_is_not_used_again(engine):
    with pytest.raises(OperationalError), Writing(engine) as to:
        to.change(ADD, "a", "x")
        (mine,) = to.ask("SELECT pg_backend_pid()")
        ask(engine, "SELECT pg_terminate_backend(?)", *mine)
        to.change(ADD, "b", "x")
    with Writing(engine) as to:
        to.change(ADD, "c", "x")
    assert names(engine) == ["c"]


def test_writers_in_many_threads_take_turns(engine):
    with Writing(engine) as to:
        to.change(ADD, "count", "0")

    def add():
        for _ in range(20):
            with Writing(engine) as to:
                to.change("UPDATE leases SET expires_at = expires_at + 1")

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ask(engine, "SELECT expires_at FROM leases") == [(80.0,)]


def test_a_question_keeps_no_writer_waiting(engine):
    began = time.monotonic()
    with Writing(engine) as to:
        to.change(ADD, "a", "x")
        assert names(engine) == []
    assert names(engine) == ["a"] and time.monotonic() - began < 4
