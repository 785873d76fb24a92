"""Names: never the same twice, never to be guessed, and neighbours where their rows are."""

import os
import time

from sqlalchemy import event

from wallas.ids import MANY, fresh
from wallas.journal import add_records
from wallas.routing.trail import Hop, Record
from wallas.storage.engine import open_database
from wallas.storage.file import sqlite_path
from wallas.storage.migrate import upgrade
from wallas.storage.plain import Writing

PAGE = 4096 + 24
"""What SQLite's log takes for each page that a transaction changed."""


def test_no_name_comes_twice_and_each_is_28_hex_digits():
    names = [fresh() for _ in range(20 * MANY)]
    assert len(set(names)) == len(names) and len({name[6:] for name in names}) == len(names)
    assert all(len(name) == 28 and int(name, 16) >= 0 for name in names)


def test_names_begin_with_the_second_they_were_made_in():
    [fresh() for _ in range(MANY)]
    before = int(time.time()) - 1
    names = [fresh() for _ in range(2 * MANY)][MANY:]
    assert all(before - 60 <= int(name[:6], 16) + (before & ~0xFFFFFF) <= before + 60 for name in names)


def test_a_forked_process_makes_names_of_its_own():
    fresh()
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.write(write, fresh().encode())
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(read, 28).decode()
    os.close(read)
    os.close(write)
    assert theirs not in [fresh() for _ in range(2 * MANY)]


def test_a_batch_of_rows_changes_few_pages_however_many_rows_there_are(tmp_path, monkeypatch):
    upgrade(url := f"sqlite:///{tmp_path / 'wallas.sqlite'}")
    engine = open_database(url)
    event.listen(engine, "connect", lambda connection, entry: connection.execute("PRAGMA wal_autocheckpoint = 0"))
    log = sqlite_path(url).with_suffix(".sqlite-wal")
    clock = {"now": 1e9}
    monkeypatch.setattr("time.time", lambda: clock["now"])
    for number in range(200):
        clock["now"] += 0.1
        before = log.stat().st_size if number else 0
        with Writing(engine) as to:
            add_records(to, [_record(number) for _ in range(10)])
    pages = (log.stat().st_size - before) / PAGE
    engine.dispose()
    assert pages <= 18, "names at random took 24 to 28"


def _record(at):
    hop = Hop(provider="acme", model="m", key="k", outcome="ok", ms=1.0)
    return Record(
        id=fresh(), at=float(at), wire="openai", asked="auto", profile="auto", stream=False, outcome="ok", hops=[hop]
    )
