"""Jobs: in one elected worker, taken over when it goes, and never the reason that something else ends."""

import threading
import time

import pytest

from wallas.jobs import Job, Jobs
from wallas.storage.engine import open_database
from wallas.storage.leader import Lease


@pytest.fixture
def worker(database):
    """Return a function that starts the jobs of one more worker; each counts into the list it is given."""
    started, engines = [], []

    def make(runs: list[str], name: str, *, seconds: float = 1.0, run=None) -> Jobs:
        engine = open_database(database)
        job = Job("count", run or (lambda: runs.append(name)), seconds=0.05, delay=0.0)
        jobs = Jobs(Lease(engine, "jobs", seconds=seconds), [job], renew=0.05)
        jobs.start()
        started.append(jobs)
        engines.append(engine)
        return jobs

    yield make
    for jobs in started:
        jobs.close()
    for engine in engines:
        engine.dispose()


def wait_until(true, *, seconds: float = 10.0) -> None:
    limit = time.monotonic() + seconds
    while not true() and time.monotonic() < limit:
        time.sleep(0.01)
    assert true()


def test_jobs_run_in_one_worker_only(worker):
    runs: list[str] = []
    first = worker(runs, "first", seconds=60)
    wait_until(lambda: first.elected)
    second = worker(runs, "second", seconds=60)
    wait_until(lambda: len(runs) >= 4)
    assert (set(runs), second.elected) == ({"first"}, False)


def test_another_worker_takes_over_at_once_when_the_elected_one_leaves(worker):
    runs: list[str] = []
    first = worker(runs, "first", seconds=60)
    wait_until(lambda: first.elected)
    worker(runs, "second", seconds=60)
    first.close()
    wait_until(lambda: "second" in runs)


def test_another_worker_takes_over_when_the_elected_one_falls_silent(worker):
    runs: list[str] = []
    first = worker(runs, "first", seconds=0.3)
    wait_until(lambda: first.elected)
    first.lease.claim = lambda: False
    first.lease.release = lambda: None
    worker(runs, "second", seconds=0.3)
    wait_until(lambda: "second" in runs)
    assert not first.elected


def test_a_job_that_fails_runs_again_and_is_logged(worker, caplog):
    tries: list[int] = []

    def fail():
        tries.append(1)
        raise ZeroDivisionError

    worker([], "first", run=fail)
    wait_until(lambda: len(tries) >= 2)
    assert "job count failed" in caplog.text


def test_a_slow_job_is_not_run_twice_at_once_and_closing_does_not_wait_for_it(worker):
    going, go_on, most = threading.Semaphore(0), threading.Event(), []
    running: list[int] = []

    def slow():
        running.append(1)
        most.append(len(running))
        going.release()
        go_on.wait(10)
        running.pop()

    jobs = worker([], "first", run=slow)
    assert going.acquire(timeout=10)
    time.sleep(0.2)
    started = time.monotonic()
    jobs.close()
    assert time.monotonic() - started < 2
    go_on.set()
    assert most == [1]


def test_a_job_can_be_run_on_request_by_any_worker(worker):
    runs: list[str] = []
    first = worker(runs, "first", seconds=60)
    wait_until(lambda: first.elected)
    second = worker(runs, "second", seconds=60)
    second.run_now("count")
    assert "second" in runs
