"""Children that read strangers' files: their limits hold, and the worker never notices."""

import os
import threading
import time
from pathlib import Path

import pytest

from wallas.content.guarded import MEGABYTE, Limits, Unreadable, run

HERE = "tests.content.tasks"


def failure(task: str, data: bytes = b"", options=None, **limits) -> Unreadable:
    with pytest.raises(Unreadable) as caught:
        run(f"{HERE}:{task}", data, options, limits=Limits(**({"seconds": 10, "cpu": 5} | limits)))
    return caught.value


def test_a_task_gets_bytes_and_options_and_returns_a_value_and_bytes():
    told: list[object] = []
    result = run(f"{HERE}:echo", b"abc", {"times": 2}, tell=told.append)
    assert result.value == {"size": 3} and result.blobs == [b"abc", b"abc"]
    assert told == [{"done": 0}, {"done": 1}]


def test_a_task_runs_in_another_process_with_nothing_of_ours(monkeypatch):
    monkeypatch.setenv("GROQ_API_KEY", "gsk-canary")
    value = run(f"{HERE}:surroundings", b"").value
    assert value["pid"] != os.getpid()
    assert "GROQ_API_KEY" not in value["environ"] and "canary" not in str(value)
    assert value["cwd"] != str(Path.cwd()) and not Path(value["cwd"]).exists()


def test_a_task_that_wants_too_much_memory_is_refused():
    assert failure("swell", memory=200 * MEGABYTE).code == "too_large"


def test_a_task_that_computes_for_too_long_is_killed():
    started = time.monotonic()
    assert failure("spin", cpu=1).code == "too_slow"
    assert time.monotonic() - started < 9


def test_a_task_that_waits_for_too_long_is_killed_with_what_it_started(tmp_path):
    assert failure("sleep", options={"file": str(tmp_path / "pid")}, seconds=1).code == "too_slow"
    pid = int((tmp_path / "pid").read_text())
    until = time.monotonic() + 2
    while Path(f"/proc/{pid}").exists() and "Z" not in _state(pid) and time.monotonic() < until:
        time.sleep(0.01)
    assert not Path(f"/proc/{pid}").exists() or "Z" in _state(pid)


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2]
    except OSError:
        return "Z"


def test_a_task_that_says_too_much_is_refused():
    assert failure("chatter", answer=MEGABYTE).code == "too_large"


def test_a_task_that_writes_too_much_is_refused():
    assert failure("fill", file=MEGABYTE).code == "broken"


@pytest.mark.parametrize(
    ("task", "code"), [("crash", "broken"), ("fault", "broken"), ("nest", "broken"), ("refuse", "odd")]
)
def test_a_task_that_breaks_is_told_of_in_words(task, code):
    error = failure(task)
    assert error.code == code and error.message and "Traceback" not in error.message


def test_a_task_has_no_network():
    assert run(f"{HERE}:network", b"").value == "none"


def test_a_task_that_nobody_wants_any_more_is_killed():
    gone = threading.Event()
    threading.Timer(0.3, gone.set).start()
    started = time.monotonic()
    with pytest.raises(Unreadable, match="nobody"):
        run(f"{HERE}:sleep", b"", {}, wanted=lambda: not gone.is_set())
    assert time.monotonic() - started < 5
