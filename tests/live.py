"""A real gunicorn with the project's own configuration, around any small WSGI app."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.postgres import free_port
from wallas.settings import ROOT

APP = """
import os, time

def app(environ, start_response):
    path = environ["PATH_INFO"].strip("/").split("/")
    start_response("200 OK", [("Content-Type", "text/plain")])
    if path[0] == "drip":
        return drip(int(path[1]))
    if path[0] == "key":
        from wallas.master import current_settings
        keys = current_settings().keys_for(("GROQ_API_KEY",))
        return [",".join(key.secret.reveal() for key in keys).encode()]
    return [str(os.getpid()).encode()]

def drip(count):
    from wallas import grace
    for number in range(count):
        left = grace.seconds_left()
        if left is not None and left < 2:
            yield b"ended"
            return
        yield b"%d " % number
        time.sleep(0.1)
"""
"""Answers with its process's number; `/drip/N` streams for N tenths of a second; `/key` tells the Groq keys."""


class Live:
    """A running server."""

    def __init__(self, process: "subprocess.Popen[str]", port: int, log: Path) -> None:
        """Know the process, its port and what it writes to."""
        self.process = process
        self.port = port
        self.log = log

    def get(self, path: str = "/", *, timeout: float = 30) -> str:
        """Return the body of an answer."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=timeout) as answer:
            return str(answer.read().decode())

    def said(self) -> str:
        """Return what the server has written so far."""
        return self.log.read_text()

    def wait(self, seconds: float = 30) -> None:
        """Wait until it answers; raise with what it wrote if it ends instead."""
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            if self.process.poll() is not None:
                raise RuntimeError(f"exit status {self.process.returncode}: {self.said()}")
            with contextlib.suppress(OSError):
                self.get(timeout=5)
                return
            time.sleep(0.02)
        raise RuntimeError(f"no answer: {self.said()}")


def environment(folder: Path, port: int, more: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which nothing of the machine's own settings counts."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "WALLAS_PORT": str(port),
        "WALLAS_DATABASE_URL": f"sqlite:///{folder / 'wallas.sqlite'}",
        "OLLAMA_UPSTREAM": "http://127.0.0.1:1",
        "WALLAS_CATALOG": "off",
        **chosen_worker(),
        **more,
    }


def chosen_worker() -> dict[str, str]:
    """Return the setting for the worker class that these tests shall run on: WALLAS_TEST_WORKER_CLASS names it."""
    name = os.environ.get("WALLAS_TEST_WORKER_CLASS")
    return {"WALLAS_WORKER_CLASS": name} if name else {}


@contextlib.contextmanager
def serving(folder: Path, *, wait: bool = True, **more: str) -> Iterator[Live]:
    """Serve the small app from ``folder`` with extra environment ``more``; end it afterwards."""
    (folder / "small.py").write_text(APP)
    port, log = free_port(), folder / "log"
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "-c",
        str(ROOT / "gunicorn.conf.py"),
        "--chdir",
        str(folder),
        "small:app",
    ]
    with log.open("w") as file:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment(folder, port, more),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            text=True,
        )
    server = Live(process, port, log)
    try:
        if wait:
            server.wait()
        yield server
    finally:
        workers = children(process.pid) if process.poll() is None else set()
        if process.poll() is None:
            process.kill()
            process.wait()
        for worker in workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)


def children(parent: int) -> set[int]:
    """Return the numbers of a process's children."""
    return {int(number) for number in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()}
