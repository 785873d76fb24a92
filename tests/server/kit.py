"""A gunicorn with our own worker around ``app.py``, and bare sockets to talk to it."""

import contextlib
import json
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.live import children
from tests.postgres import free_port
from wallas.settings import ROOT


class Server:
    """A running server."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int, folder: Path) -> None:
        """Know where it is."""
        self.process = process
        self.port = port
        self.folder = folder

    @property
    def address(self) -> tuple[str, int]:
        """Return where it listens."""
        return ("127.0.0.1", self.port)

    def connect(self, *, unix: bool = False) -> socket.socket:
        """Return a new connection."""
        if not unix:
            return socket.create_connection(self.address, timeout=10)
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(10)
        sock.connect(str(self.folder / "socket"))
        return sock

    def talk(self, data: bytes, *, end: bool = False, unix: bool = False) -> bytes:
        """Return all that comes for these bytes until the other side closes."""
        with self.connect(unix=unix) as sock:
            sock.sendall(data)
            if end:
                sock.shutdown(socket.SHUT_WR)
            return rest(sock)

    def get(self, path: str, *headers: str) -> bytes:
        """Return the whole answer to a GET on a connection of its own."""
        return self.talk(request("GET", path, "Connection: close", *headers))

    def json(self, path: str, *headers: str) -> Any:
        """Return the JSON of an answer."""
        return json.loads(self.get(path, *headers).partition(b"\r\n\r\n")[2])

    def ends(self) -> list[bool]:
        """Return, for each stream that was closed so far, whether its client had left."""
        found: list[bool] = self.json("/ends")
        return found

    def said(self) -> str:
        """Return what it has written so far."""
        return (self.folder / "log").read_text()

    def worker(self) -> int:
        """Return the number of the one worker."""
        (number,) = children(self.process.pid)
        return number


def request(method: str, path: str, *headers: str, body: bytes = b"", version: str = "1.1") -> bytes:
    """Return a request as bytes."""
    lines = [f"{method} {path} HTTP/{version}", "Host: localhost", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def rest(sock: socket.socket) -> bytes:
    """Return what comes until the other side closes."""
    got = []
    with contextlib.suppress(ConnectionResetError):
        while piece := sock.recv(65536):
            got.append(piece)
    return b"".join(got)


def until(sock: socket.socket, mark: bytes) -> bytes:
    """Return what comes up to a mark, and what came with it."""
    got = b""
    while mark not in got:
        piece = sock.recv(65536)
        assert piece, got
        got += piece
    return got


def wait_until(true: Any, *, seconds: float = 5.0) -> Any:
    """Wait until something holds and return it; fail if it never does."""
    limit = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < limit, "it never came"
        time.sleep(0.01)
    return found


@contextlib.contextmanager
def serving(folder: Path, *, files: int = 0, **variables: str) -> Iterator[Server]:
    """Run the server with extra environment; ``files`` limits its descriptors; end it afterwards."""
    port = free_port()
    environ = {"PATH": os.environ["PATH"], "PORT": str(port), "FOLDER": str(folder), **variables}
    command = [sys.executable, "-m", "gunicorn", "-c", str(ROOT / "tests/server/quick.conf.py"), "tests.server.app:app"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=(lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))) if files else None,
        )
    server = Server(process, port, folder)
    try:
        wait_until(lambda: answers(server), seconds=30)
        yield server
    finally:
        workers = children(process.pid) if process.poll() is None else set()
        if process.poll() is None:
            process.kill()
        process.wait()
        for number in workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, 9)


def answers(server: Server) -> bool:
    """Return whether it serves; raise with what it wrote if it has ended."""
    if server.process.poll() is not None:
        raise RuntimeError(server.said())
    try:
        return b"200 OK" in server.get("/unread")
    except OSError:
        return False
