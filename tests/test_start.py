"""The server as a process: what it says, refuses, survives, and how it ends."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.live import children, serving
from wallas import grace
from wallas.settings import ROOT
from wallas.storage.migrate import is_current


def in_background(call):
    """Start ``call`` in a thread; return a function that waits for its result."""
    results: list[object] = []

    def run():
        try:
            results.append(call())
        except Exception as error:
            results.append(error)

    thread = threading.Thread(target=run)
    thread.start()

    def result():
        thread.join(60)
        return results[0]

    return result


def wait_until(true, *, seconds: float = 15.0) -> None:
    limit = time.monotonic() + seconds
    while not true() and time.monotonic() < limit:
        time.sleep(0.02)
    assert true()


def test_a_first_start_makes_the_database_and_says_in_three_lines_what_works(tmp_path):
    with serving(tmp_path) as server:
        wait_until(lambda: server.said().count("\n") >= 3)
        lines = server.said().splitlines()
    assert is_current(f"sqlite:///{tmp_path / 'wallas.sqlite'}")
    assert len(lines) == 3
    assert "No provider key" in lines[0] and "wallas demo" in lines[1] and "instance/.env" in lines[2]


def test_a_start_with_a_key_says_who_answers_and_shows_no_key(tmp_path):
    with serving(tmp_path, GROQ_API_KEY="gsk_hush") as server:
        wait_until(lambda: "Groq" in server.said())
        assert "hush" not in server.said() and "No provider key" not in server.said()


def test_a_port_open_to_others_without_a_client_key_does_not_start_and_says_the_ways_out(tmp_path):
    with serving(tmp_path, wait=False, WALLAS_HOST="0.0.0.0") as server:
        assert server.process.wait(30) == 78
        assert "PROXY_API_KEY" in server.said() and "WALLAS_ALLOW_ANON" in server.said()
        assert "Traceback" not in server.said()


def test_wrong_settings_do_not_start_and_are_named(tmp_path):
    with serving(tmp_path, wait=False, WALLAS_THREADS="many") as server:
        assert server.process.wait(30) == 78
        assert re.search(r"^wallas: WALLAS_THREADS: 'many'", server.said(), re.M)
        assert "Traceback" not in server.said()


def test_a_damaged_database_does_not_start_and_its_path_is_named(tmp_path):
    (tmp_path / "wallas.sqlite").write_bytes(b"no database at all, whatever it seems " * 200)
    with serving(tmp_path, wait=False) as server:
        assert server.process.wait(30) == 78
        assert str(tmp_path / "wallas.sqlite") in server.said()
        assert "Traceback" not in server.said()


def test_a_stream_that_is_open_at_a_reload_goes_on_to_its_end_while_new_workers_serve(tmp_path):
    with serving(tmp_path) as server:
        old = server.get()
        stream = in_background(lambda: server.get("/drip/30"))
        time.sleep(0.3)
        os.kill(server.process.pid, signal.SIGHUP)
        wait_until(lambda: server.get() != old)
        assert {int(old), int(server.get())} <= children(server.process.pid)
        assert stream() == "".join(f"{number} " for number in range(30))
        wait_until(lambda: int(old) not in children(server.process.pid))


def test_a_reload_takes_new_keys_and_no_request_fails_meanwhile(tmp_path):
    config = tmp_path / "wallas.toml"
    config.write_text("")
    with serving(tmp_path, WALLAS_CONFIG=str(config), GROQ_API_KEY="one") as server:
        failures, stop = [], threading.Event()

        def ask():
            while not stop.is_set():
                try:
                    server.get("/key")
                except OSError as error:
                    failures.append(error)

        asking = [threading.Thread(target=ask) for _ in range(2)]
        for thread in asking:
            thread.start()
        for _ in range(3):
            before = server.get()
            os.kill(server.process.pid, signal.SIGHUP)
            wait_until(lambda before=before: server.get() != before)
        stop.set()
        for thread in asking:
            thread.join()
        assert failures == []


def test_a_reload_with_wrong_settings_leaves_everything_as_it_was_and_says_why(tmp_path):
    config = tmp_path / "wallas.toml"
    config.write_text("")
    with serving(tmp_path, WALLAS_CONFIG=str(config)) as server:
        before = server.get()
        config.write_text("[providers.acme]\nwyre = 1\n")
        os.kill(server.process.pid, signal.SIGHUP)
        wait_until(lambda: "Not reloaded" in server.said())
        assert server.get() == before
        assert "[providers.acme]" in server.said() and "wyre" in server.said()


def test_the_master_listens_to_signals_while_old_workers_finish_after_a_reload(tmp_path):
    with serving(tmp_path) as server:
        old = server.get()
        in_background(lambda: server.get("/drip/600"))
        time.sleep(0.2)
        os.kill(server.process.pid, signal.SIGHUP)
        wait_until(lambda: server.get() != old)
        second = server.get()
        os.kill(server.process.pid, signal.SIGHUP)
        wait_until(lambda: server.get() not in (old, second), seconds=10)


def test_a_new_worker_that_dies_is_replaced_although_an_old_one_still_finishes(tmp_path):
    with serving(tmp_path) as server:
        old = server.get()
        stream = in_background(lambda: server.get("/drip/40"))
        time.sleep(0.2)
        os.kill(server.process.pid, signal.SIGHUP)
        wait_until(lambda: server.get() != old)
        victim = server.get()
        os.kill(int(victim), signal.SIGKILL)
        wait_until(lambda: int(victim) not in children(server.process.pid))
        assert server.get() not in (old, victim)
        assert str(stream()).endswith("39 ")


def test_a_stop_lets_open_streams_finish_and_then_ends(tmp_path):
    with serving(tmp_path) as server:
        stream = in_background(lambda: server.get("/drip/20"))
        time.sleep(0.3)
        server.process.send_signal(signal.SIGTERM)
        assert str(stream()).endswith("19 ")
        assert server.process.wait(10) == 0


def test_a_worker_that_is_killed_is_replaced_and_the_others_serve_on(tmp_path):
    with serving(tmp_path, WALLAS_WORKERS="2") as server:
        wait_until(lambda: len(children(server.process.pid)) == 2)
        victim = children(server.process.pid).pop()
        os.kill(victim, signal.SIGKILL)
        assert server.get()
        wait_until(lambda: len(children(server.process.pid) - {victim}) == 2, seconds=3)


def test_the_workers_end_when_the_master_is_killed(tmp_path):
    with serving(tmp_path) as server:
        worker = int(server.get())
        server.process.kill()
        server.process.wait()
        wait_until(lambda: not Path(f"/proc/{worker}").exists(), seconds=10)


def test_no_control_socket_is_opened(tmp_path):
    with serving(tmp_path):
        assert not (tmp_path / ".gunicorn").exists()


def test_the_master_stays_small(tmp_path):
    with serving(tmp_path) as server:
        loaded = Path(f"/proc/{server.process.pid}/maps").read_text()
    assert "sqlalchemy" not in loaded


def test_what_several_workers_share_is_code_only_and_starts_nothing():
    """Threads, descriptors and drawn names that a master had made would be every worker's."""
    said = """
import os, threading
from wallas import master
before = len(os.listdir("/proc/self/fd"))
master.share_code()
from wallas import ids
print(threading.active_count(), len(os.listdir("/proc/self/fd")) - before, len(ids._ready))
"""
    done = subprocess.run([sys.executable, "-c", said], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "0", "0"]


def test_the_end_is_known_to_every_process_that_shares_the_page():
    assert grace.seconds_left() is None
    child = os.fork()
    if child == 0:
        grace.announce_end(100)
        os._exit(0)
    os.waitpid(child, 0)
    left = grace.seconds_left()
    grace.take_back()
    assert left is not None and 99 < left < 100
    assert grace.seconds_left() is None


def test_the_scripts_are_well_formed():
    for script in ("start.sh", "test.sh", ".ci/run"):
        subprocess.run(["bash", "-n", str(ROOT / script)], check=True)
        assert os.access(ROOT / script, os.X_OK)


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock", "requirements-postgres.lock"])
def test_a_lock_file_holds_exact_versions_and_hashes_and_no_address(lock):
    text = re.sub(r"\\\n\s*", "", (ROOT / lock).read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert lines
    assert [
        line
        for line in lines
        if not re.fullmatch(r"[\w.\[\],-]+==[\w.+!-]+( ; [^\\]+?)?( ?--hash=sha256:[0-9a-f]{64})+", line)
    ] == []


def test_the_locks_agree_with_each_other():
    pins = {
        lock: dict(re.findall(r"^([\w.-]+)(?:\[\w+\])?==(\S+)", (ROOT / lock).read_text(), re.M))
        for lock in ("requirements.lock", "requirements-dev.lock", "requirements-postgres.lock")
    }
    everything = pins["requirements-dev.lock"]
    for lock, pinned in pins.items():
        assert {name: version for name, version in pinned.items() if everything.get(name) != version} == {}, lock
    assert "litellm" not in everything


def test_start_works_from_any_folder_and_a_second_time_it_changes_nothing(tmp_path):
    """Install into a copy of this checkout whose environment is borrowed, so that nothing is downloaded."""
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("start.sh", "requirements.lock", ".env.example", "wallas"):
        source = ROOT / name
        subprocess.run(["cp", "-r", str(source), str(copy / name)], check=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(copy / ".venv")], check=True)
    digest = subprocess.run(["sha256sum", str(copy / "requirements.lock")], capture_output=True, text=True, check=True)
    (copy / ".venv" / ".installed-requirements.lock").write_text(digest.stdout.split()[0] + "\n")

    def start() -> dict[str, tuple[int, int]]:
        done = subprocess.run(
            [str(copy / "start.sh"), "--install-only"],
            cwd="/",
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        assert (done.returncode, done.stderr) == (0, "")
        kept = [path for path in copy.rglob("*") if "__pycache__" not in path.parts]
        return {str(path): (path.lstat().st_mtime_ns, path.lstat().st_mode) for path in kept}

    first = start()
    assert start() == first
    assert (copy / "instance").stat().st_mode & 0o777 == 0o700
    assert (copy / "instance" / ".env").stat().st_mode & 0o777 == 0o600
