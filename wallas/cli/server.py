"""Starts, stops and reloads the server. Signals go to a process only if it is surely this instance's own."""

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

from wallas.cli.http import address, answers
from wallas.master import STOP_SECONDS, prepare_database
from wallas.master_check import check_tables
from wallas.pidfile import CONFIG, running_pid
from wallas.settings import ROOT, Settings, check_bind

START_SECONDS = 20
NOT_RUNNING = 3


def command() -> list[str]:
    """Return what serves: gunicorn with this checkout's configuration."""
    return [sys.executable, "-m", "gunicorn", "-c", str(CONFIG), "wsgi:app"]


def serve(settings: Settings, options: argparse.Namespace) -> int:
    """Become the server."""
    check_bind(settings)
    sys.stdout.flush()
    os.execv(sys.executable, command())


def demo(settings: Settings, options: argparse.Namespace) -> int:
    """Become a server of simulated providers."""
    os.environ["WALLAS_DEMO"] = "1"
    return serve(settings, options)


def start(settings: Settings, options: argparse.Namespace) -> int:
    """Start the server in the background and wait until it answers."""
    check_bind(settings)
    pid = running_pid(settings)
    if pid is not None:
        print(f"Wallas runs already on {address(settings)} (process {pid}).")
        return 0
    settings.instance.mkdir(mode=0o700, parents=True, exist_ok=True)
    with log_path(settings).open("ab") as log:
        begin = log.tell()
        child = subprocess.Popen(
            command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT, start_new_session=True
        )
    limit = time.monotonic() + START_SECONDS
    while time.monotonic() < limit and child.poll() is None:
        if running_pid(settings) == child.pid and answers(settings):
            print(f"Wallas runs on {address(settings)} (process {child.pid}); `wallas logs` shows what it writes.")
            return 0
        time.sleep(0.05)
    with log_path(settings).open("rb") as log:
        log.seek(begin)
        print(log.read().decode(errors="replace").strip(), file=sys.stderr)
    if child.poll() is None:
        print(f"wallas: process {child.pid} does not answer after {START_SECONDS} s", file=sys.stderr)
    return child.returncode or 1


def stop(settings: Settings, options: argparse.Namespace) -> int:
    """End the server and wait until it has."""
    pid = running_pid(settings)
    if pid is None:
        print("Wallas is not running.")
        return NOT_RUNNING
    os.kill(pid, signal.SIGTERM)
    limit = time.monotonic() + STOP_SECONDS + 10
    while running_pid(settings) == pid and time.monotonic() < limit:
        time.sleep(0.05)
    if running_pid(settings) == pid:
        print(f"wallas: process {pid} has not ended after {STOP_SECONDS + 10} s", file=sys.stderr)
        return 1
    print("Wallas has stopped.")
    return 0


def restart(settings: Settings, options: argparse.Namespace) -> int:
    """Stop the server if it runs, then start it."""
    if stop(settings, options) == 1:
        return 1
    return start(settings, options)


def reload(settings: Settings, options: argparse.Namespace) -> int:
    """Have the server read its settings again; refuse here already if they are wrong."""
    check_bind(settings)
    check_tables(settings)
    pid = running_pid(settings)
    if pid is None:
        print("Wallas is not running.")
        return NOT_RUNNING
    os.kill(pid, signal.SIGHUP)
    print("Wallas reads its settings again; requests in progress go on.")
    return 0


def status(settings: Settings, options: argparse.Namespace) -> int:
    """Say whether the server runs and answers."""
    pid = running_pid(settings)
    if pid is None and not answers(settings):
        print("Wallas is not running.")
        return NOT_RUNNING
    who = f"process {pid}" if pid else "started elsewhere"
    if not answers(settings):
        print(f"Wallas runs ({who}) and does not answer on {address(settings)}.")
        return 1
    print(f"Wallas runs on {address(settings)} ({who}).")
    return 0


def logs(settings: Settings, options: argparse.Namespace) -> int:
    """Show the end of the log that `wallas start` began."""
    path = log_path(settings)
    if not path.exists():
        print(
            f"There is no {path}: only `wallas start` writes it. A service's log: journalctl -u wallas", file=sys.stderr
        )
        return 1
    with path.open("rb") as log:
        show(log, last=options.lines)
        while options.follow:
            time.sleep(0.2)
            sys.stdout.buffer.write(log.read())
            sys.stdout.flush()
    return 0


def show(log: IO[bytes], *, last: int) -> None:
    """Print the last lines of ``log``, reading no more than its last megabyte."""
    log.seek(max(0, log.seek(0, os.SEEK_END) - (1 << 20)))
    for line in log.read().splitlines(keepends=True)[-last:] if last > 0 else []:
        sys.stdout.buffer.write(line)
    sys.stdout.flush()


def log_path(settings: Settings) -> Path:
    """Return the file that a server in the background writes to."""
    return settings.instance / "wallas.log"


def upgrade_database(settings: Settings, options: argparse.Namespace) -> int:
    """Bring the database's schema up to date."""
    prepare_database(settings)
    print("The database is up to date.")
    return 0
