"""Real processes on one window, on both databases: never one call too many, whoever dies."""

import datetime
import subprocess
import sys
import time

import pytest

from tests.quota.kit import FakeKey, model
from wallas.quota.authority import DatabaseAuthority
from wallas.quota.ledger import Ledger, Reservation
from wallas.quota.spool import Spool
from wallas.settings import ROOT
from wallas.storage.engine import open_database
from wallas.storage.migrate import upgrade


def hammer(url, tmp_path, seconds):
    """Start a process that calls as often as it may."""
    command = [sys.executable, "-m", "tests.quota.hammer", url, str(tmp_path / "quota"), str(tmp_path / "calls")]
    return subprocess.Popen([*command, str(seconds)], cwd=ROOT, stdout=subprocess.DEVNULL)


def calls(tmp_path):
    path = tmp_path / "calls"
    return path.stat().st_size if path.exists() else 0


@pytest.fixture
def whole_day():
    """Wait for the next UTC day when this one ends within the test: a new day is a new hundred."""
    now = datetime.datetime.now(datetime.UTC)
    left = 86400 - (now.hour * 3600 + now.minute * 60 + now.second)
    if left < 30:
        time.sleep(left + 1)


def test_processes_that_hammer_one_window_of_100_make_exactly_100_calls(database, tmp_path, whole_day):
    processes = [hammer(database, tmp_path, 1.2) for _ in range(3)]
    assert [process.wait(30) for process in processes] == [0, 0, 0]
    assert calls(tmp_path) == 100


def test_what_was_spent_outlives_kill_9_and_what_was_not_returns(database, tmp_path, whole_day):
    first = hammer(database, tmp_path, 30)
    while calls(tmp_path) < 30:
        time.sleep(0.002)
    first.kill()
    first.wait()
    before = calls(tmp_path)
    second = hammer(database, tmp_path, 1.5)
    assert second.wait(30) == 0
    assert before < 100
    assert calls(tmp_path) in (99, 100)


def test_a_dead_worker_whose_spool_is_lost_costs_little_of_a_day_and_nothing_twice(tmp_path):
    url = f"sqlite:///{tmp_path / 'wallas.sqlite'}"
    upgrade(url)
    engine = open_database(url)
    limited = model(rpd=100, rpm=20, reset="utc")
    clock = {"now": 1_790_000_000.0}
    from wallas.quota.clocks import Steady

    def ledger(worker):
        now = Steady(lambda: clock["now"], lambda: clock["now"])
        return Ledger(DatabaseAuthority(engine, worker=worker), now=now)

    dead, heir = ledger("dead"), ledger("heir")
    assert all(isinstance(dead.reserve(dead.seat(limited, FakeKey())), Reservation) for _ in range(5))
    dead.tick()
    clock["now"] += 60
    seat = heir.seat(limited, FakeKey())
    got = sum(isinstance(heir.reserve(seat), Reservation) for _ in range(200))
    assert got == 0
    clock["now"] += 62
    got = sum(isinstance(heir.reserve(seat), Reservation) for _ in range(20))
    assert got == 20
    for _ in range(10):
        clock["now"] += 62
        got += sum(isinstance(heir.reserve(seat), Reservation) for _ in range(20))
    assert 90 <= got <= 95
    engine.dispose()


def test_a_spool_tells_of_the_living_and_of_the_dead(tmp_path):
    mine, other = Spool(tmp_path, "host:1:a"), Spool(tmp_path, "host:2:b")
    other[7] = 41.0
    assert mine.spent("host:2:b", 7) == 41.0
    assert mine.spent("host:2:b", 10**6) is None and mine.spent("nobody", 0) is None
    assert not mine.dead("host:2:b") and not mine.dead("nobody") and not mine.dead("host:1:a")
    code = (
        "import os, signal; from pathlib import Path; from wallas.quota.spool import Spool; "
        f"spool = Spool(Path({str(tmp_path)!r}), 'host:3:c'); spool[2] = 9; os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == -9
    assert mine.dead("host:3:c") and mine.spent("host:3:c", 2) == 9
    mine.sweep(frozenset({"host:2:b"}))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["host_1_a.spool", "host_2_b.spool"]
    other.close(whole=True)
    mine.close(whole=False)
    assert [path.name for path in tmp_path.iterdir()] == ["host_1_a.spool"]
