"""A database that is locked, full or read-only costs rows at worst, never an answer."""

import contextlib
import json
import os
import resource
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tests.fakes import FakeProvider, say
from tests.state.kit import Gateway, Line, gateway, profile, provider, sqlite_file
from wallas.storage.file import is_sqlite
from wallas.storage.library import sqlite_module
from wallas.storage.migrate import upgrade

NORMAL = 0.5
"""Seconds within which a chat is answered here, also on a busy machine; the lock is held for six times as long."""


@pytest.fixture
def running(database: str, tmp_path: Path) -> Iterator[Gateway]:
    """Yield a gateway of one worker."""
    with served(database, tmp_path) as running:
        yield running


@contextlib.contextmanager
def served(url: str, folder: Path) -> Iterator[Gateway]:
    with FakeProvider(otherwise=lambda request: (say("from one"),)) as one:
        config = provider("one", one.url) + profile("one/m")
        with gateway(folder, url, config, WALLAS_WORKERS="1") as running:
            yield running


@contextlib.contextmanager
def locked(url: str) -> Iterator[None]:
    """Hold a lock that keeps all others from writing."""
    if is_sqlite(url):
        with contextlib.closing(sqlite_module().connect(sqlite_file(url), isolation_level=None)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            yield
            connection.execute("ROLLBACK")
        return
    with psycopg.connect(url) as connection:
        connection.execute("LOCK TABLE requests, attempts, circuits, responses, seals IN EXCLUSIVE MODE")
        yield
        connection.rollback()


def timed(call: Callable[[], object]) -> tuple[float, object]:
    started = time.monotonic()
    told = call()
    return time.monotonic() - started, told


def chats(line: Line, count: int) -> float:
    """Chat; return how long the slowest answer took."""
    slowest = 0.0
    for _ in range(count):
        seconds, told = timed(line.chat)
        assert told["choices"][0]["message"]["content"] == "from one"
        slowest = max(slowest, seconds)
    return slowest


def recorded(running: Gateway) -> int:
    return int(running.rows("SELECT count(*) FROM requests")[0][0])


def healthy(line: Line) -> bool:
    return line.get("/health")["status"] == "ok"


def test_a_locked_database_delays_no_answer_and_loses_no_row(running):
    line, other = running.line(), running.line()
    chats(line, 2)
    with locked(running.url):
        until = time.monotonic() + 3
        storing = Answer(lambda: other.respond())
        asked = 2
        while time.monotonic() < until:
            assert chats(line, 3) < NORMAL
            asked += 3
            time.sleep(0.1)
        health = line.get("/health")
        assert health["status"] == "degraded" and health["trouble"].startswith("database: ")
        seconds, told = storing.result()
        assert told["store"] is False and told["output"][0]["content"][0]["text"] == "from one"
        assert seconds < 2.5
        assert timed(lambda: line.get("/v1/stats"))[0] < 2
    running.wait_until(lambda: recorded(running) == asked + 1, seconds=10)
    assert line.get(f"/v1/responses/{told['id']}").status == 404
    running.wait_until(lambda: healthy(line))
    assert line.respond()["store"] is True


class Answer:
    """A call in a thread of its own, timed."""

    def __init__(self, call: Callable[[], object]) -> None:
        self.call = call
        self.found: list[tuple[float, object]] = []
        self.thread = threading.Thread(target=lambda: self.found.append(timed(self.call)))
        self.thread.start()

    def result(self) -> tuple[float, object]:
        self.thread.join(30)
        return self.found[0]


def suffers(running: Gateway, trouble: Callable[[], contextlib.AbstractContextManager[None]]) -> None:
    """Check all that holds while nothing can be written, and that it is made up for afterwards."""
    line = running.line()
    chats(line, 1)
    running.wait_until(lambda: recorded(running) == 1)
    with trouble():
        assert chats(line, 5) < NORMAL
        running.wait_until(lambda: not healthy(line))
        assert line.get("/health")["trouble"].startswith("database: ")
        seconds, told = timed(line.respond)
        assert (told["store"], seconds < 2.5) == (False, True)
        assert streamed(line)["store"] is False
        assert chats(line, 5) < NORMAL
        assert line.get(f"/v1/responses/{told['id']}").status == 404
    running.wait_until(lambda: recorded(running) == 13, seconds=15)
    running.wait_until(lambda: healthy(line))
    assert line.respond()["store"] is True
    assert "rows_dropped" not in line.get("/health")


def streamed(line: Line) -> dict[str, object]:
    """Return the response object at the end of a stream."""
    answer = line.request("POST", "/v1/responses", {"model": "mine", "input": "Hello", "stream": True})
    rows = [json.loads(row[6:]) for row in answer.read().split(b"\n") if row.startswith(b"data: {")]
    assert rows[-1]["type"] == "response.completed"
    return rows[-1]["response"]


def test_a_full_disk_costs_no_answer_and_rows_come_when_there_is_room(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a small disk can be had by root only; the next test fills it by another way")
    try:
        url = f"sqlite:///{disk / 'wallas.sqlite'}"
        upgrade(url)
        with served(url, tmp_path) as running:
            suffers(running, lambda: filled(disk))
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


@contextlib.contextmanager
def filled(disk: Path) -> Iterator[None]:
    """Leave no byte of a disk free."""
    with (disk / "junk").open("wb", buffering=0) as junk:
        for size in (65536, 4096, 1):
            with contextlib.suppress(OSError):
                while junk.write(b"x" * size) == size:
                    pass
    yield
    (disk / "junk").unlink()


def test_a_file_that_may_not_grow_costs_no_answer(tmp_path):
    url = f"sqlite:///{tmp_path / 'wallas.sqlite'}"
    upgrade(url)
    with served(url, tmp_path) as running:
        (worker,) = running.workers()
        suffers(running, lambda: limited(worker))


@contextlib.contextmanager
def limited(pid: int) -> Iterator[None]:
    """Let a process write nothing into any file; its log fails too."""
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
    yield
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))


def test_a_file_that_was_made_read_only_costs_no_answer(tmp_path):
    url = f"sqlite:///{tmp_path / 'wallas.sqlite'}"
    upgrade(url)
    probe = tmp_path / "probe"
    probe.touch()
    if subprocess.run(["chattr", "+i", str(probe)], capture_output=True, check=False).returncode:
        pytest.skip("chattr +i, which also binds files that are open, needs root and a file system that knows it")
    subprocess.run(["chattr", "-i", str(probe)], check=True)
    with served(url, tmp_path) as running:
        suffers(running, lambda: immutable(sqlite_file(url)))


@contextlib.contextmanager
def immutable(file: Path) -> Iterator[None]:
    """Make a database's file and log unchangeable; doing so to its shared memory would be a bus error."""
    files = [str(file), f"{file}-wal"]
    subprocess.run(["chattr", "+i", *files], check=True)
    try:
        yield
    finally:
        subprocess.run(["chattr", "-i", *files], check=True)


def test_a_read_only_server_costs_no_answer(postgres, tmp_path):
    url = postgres.new()
    upgrade(url)
    with served(url, tmp_path) as running:
        suffers(running, lambda: read_only(url))


@contextlib.contextmanager
def read_only(url: str) -> Iterator[None]:
    """Have a PostgreSQL database refuse to be changed; connections that were open are lost, as at a failover."""
    name = url.rpartition("/")[2]
    switch(url, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    yield
    switch(url, f"ALTER DATABASE {name} SET default_transaction_read_only = off")


def switch(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True, options="-c default_transaction_read_only=off") as connection:
        connection.execute(statement)
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_a_server_that_has_gone_costs_no_answer_not_even_to_a_worker_that_starts_meanwhile(tmp_path):
    from tests.postgres import running as postgres_running

    with postgres_running() as server:
        url = server.new()
        upgrade(url)
        with served(url, tmp_path) as running:
            line = running.line()
            chats(line, 1)
            running.wait_until(lambda: recorded(running) == 1)
            server.stop()
            try:
                assert chats(line, 5) < NORMAL
                running.wait_until(lambda: not healthy(line))
                seconds, told = timed(line.respond)
                assert (told["store"], seconds < 3.5) == (False, True)
                os.kill(line.pid, signal.SIGKILL)
                new = running.wait_until(lambda: running.workers() - {line.pid})
                line = running.line()
                assert line.pid in new
                assert chats(line, 5) < 2 * NORMAL
                missing = line.get("/v1/responses/resp_x")
                assert (missing.status, missing["error"]["code"]) == (503, "storage_unavailable")
            finally:
                server.begin()
            running.wait_until(lambda: recorded(running) == 6, seconds=15)
            running.wait_until(lambda: healthy(line))
