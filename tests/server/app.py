"""A WSGI app that does what a server must bear: echoes, drips, sleeps, breaks, upgrades, parks."""

import gc
import hashlib
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from wsgiref.validate import validator

from flask import Flask
from flask_sock import Sock

from wallas.server_intake import Raw
from wallas.types.flow import Heading, Inlet
from wallas.waits import here

TEXT = [("Content-Type", "text/plain")]
tried: list[str] = []
"""What was asked of ``at_once``."""
closed: list[bool] = []
"""Whether each stream that was closed had lost its client."""

sockets = Flask("sockets")
sock = Sock(sockets)


@sock.route("/ws")
def repeat(ws: Any) -> None:
    """Say everything twice, until told to end."""
    while (said := ws.receive()) != "end":
        ws.send(said + said)


class Line:
    """What a stream reads from: a socket that somebody writes to later."""

    def __init__(self, here: socket.socket) -> None:
        """Read from ``here``."""
        here.setblocking(False)
        self.here = here
        self.failed: Exception | None = None
        self.inlet = Inlet(here.fileno())

    def fileno(self) -> int:
        """Return the descriptor."""
        return self.here.fileno()

    def pending(self) -> int:
        """Return that a poll tells all."""
        return 0

    def close(self) -> None:
        """Let the socket go."""
        self.inlet.end()
        self.here.close()


class Parked:
    """A stream in the shape of ``types/flow.py``: ``count`` pieces of ``size`` bytes, one each ``gap`` seconds."""

    def __init__(self, *, count: int, size: int, gap: float, dial: float, length: bool) -> None:
        """Plan."""
        self.want = "block"
        self.shortcut = None
        self.body: Line | None = None
        self.head: tuple[str, list[tuple[str, str]]] | None = None
        self.nonblock = self.cancelled = self.closed = False
        self.count, self.size, self.gap, self.dial = count, size, gap, dial
        self.headers = [*TEXT, *([("Content-Length", str(count * size))] if length else [])]
        self.late = time.monotonic() + 1e6

    def step(self) -> bytes:
        """Move on."""
        if self.want == "block":
            time.sleep(self.dial)
            here, there = socket.socketpair()
            self.body = Line(here)
            threading.Thread(target=self._write, args=(there,), daemon=True).start()
            self.want = "read"
            return b""
        assert self.body is not None
        if self.body.failed is not None:
            return self._end(b"late")
        try:
            data = self.body.here.recv(65536)
        except BlockingIOError:
            return b""
        self.head = self.head or ("200 OK", self.headers)
        return data if data else self._end(b"")

    def _end(self, data: bytes) -> bytes:
        self.head = self.head or ("504 Late", self.headers)
        self.want = "end"
        return data

    def _write(self, there: socket.socket) -> None:
        with there:
            for number in range(self.count):
                time.sleep(self.gap)
                try:
                    there.sendall(bytes([65 + number % 26]) * self.size)
                except OSError:
                    return

    def alarm(self) -> float:
        """Return when it is late."""
        return self.late

    def tick(self, now: float) -> bytes:
        """Fail the body that is late."""
        if now < self.late or self.body is None:
            return b""
        self.late = now + 1e6
        self.body.failed = TimeoutError()
        return self.step()

    def quiet(self) -> bytes:
        """Return a comment."""
        return b":" if len(self.headers) == 1 else b""

    def close(self) -> None:
        """Note whether the client was lost."""
        if not self.closed:
            self.closed = True
            closed.append(self.cancelled)
            if self.body is not None:
                self.body.close()


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
    """Answer by the path: ``/what/number/number...``."""
    what, *given = environ["PATH_INFO"].strip("/").split("/")
    if what == "ws":
        return sockets(environ, start_response)
    if what == "valid":
        return validator(plain)(environ, start_response)
    if what == "parked":
        count, size, gap, dial, length = (float(one) for one in given)
        return Parked(count=int(count), size=int(size), gap=gap, dial=dial, length=bool(length))
    if what == "late":
        stream = Parked(count=1, size=1, gap=60, dial=0, length=False)
        stream.late = time.monotonic() + float(given[0])
        return stream
    return PAGES.get(what, plain)(environ, start_response)


def plain(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """Tell what came."""
    try:
        data = environ["wsgi.input"].read(1 << 30)
    except TimeoutError:
        start_response("408 Request Timeout", [*TEXT, ("Content-Length", "0")])
        return [b""]
    told = {name: value for name, value in environ.items() if isinstance(value, str | bool | int)}
    told |= {
        "tried": tried.count(environ["PATH_INFO"].strip("/")),
        "size": len(data),
        "sha": hashlib.sha256(data).hexdigest(),
        "pid": os.getpid(),
    }
    body = json.dumps(told).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


def unread(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """Answer without a look at the body."""
    start_response("200 OK", [*TEXT, ("Content-Length", "6")])
    return [b"unread"]


def unfreed(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """Tell how many bodies are in memory while nobody collects garbage."""
    gc.disable()
    many = str(sum(isinstance(one, Raw) and bool(one.body) for one in gc.get_objects())).encode()
    start_response("200 OK", [*TEXT, ("Content-Length", str(len(many)))])
    return [many]


def drip(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
    """Yield ten pieces, one each twentieth of a second."""
    start_response("200 OK", TEXT)
    for number in range(10):
        yield b"%d " % number
        time.sleep(0.05)


def large(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
    """Yield 30 MB."""
    start_response("200 OK", TEXT)
    for _ in range(30):
        yield b"x" * 1_000_000


def slow(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """Hold a thread for half a second."""
    time.sleep(0.5)
    return unread(environ, start_response)


def hinted(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """Give an early hint."""
    environ["wsgi.early_hints"]([("Link", "</style.css>; rel=preload")])
    return unread(environ, start_response)


def broken(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """Raise."""
    raise ValueError("the app broke")


def halfway(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
    """Raise behind the first words."""
    start_response("200 OK", TEXT)
    yield b"half"
    raise ValueError("the app broke")


def split(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """Try to break out of a header."""
    start_response("200 OK", [("X-A", "b\r\nX-C: d")])
    return [b""]


def ends(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """Tell which streams were closed."""
    body = json.dumps(closed).encode()
    start_response("200 OK", [*TEXT, ("Content-Length", str(len(body)))])
    return [body]


PAGES: dict[str, Any] = {
    "unread": unread,
    "unfreed": unfreed,
    "drip": drip,
    "large": large,
    "slow": slow,
    "hinted": hinted,
    "broken": broken,
    "halfway": halfway,
    "split": split,
    "ends": ends,
}


class Swift(Parked):
    """A stream whose first step needs no wait, or finds out that it does; its head tells in which threads it went."""

    brief = True

    def __init__(self, *, dial: float) -> None:
        """Plan; ``dial`` seconds are waited, where that is allowed."""
        super().__init__(count=2, size=4, gap=0.0, dial=dial, length=True)

    def step(self) -> bytes:
        """Move on, but not where that would keep everybody waiting."""
        self.headers.append(("X-Step", threading.current_thread().name))
        if self.want == "block" and self.dial and here.barred:
            return b""
        return super().step()


def at_once(heading: Heading, body: bytes) -> Any:
    """Answer ``/swift/SECONDS`` in the thread that must not wait; None for all else."""
    what, _, given = heading.environ["PATH_INFO"].strip("/").partition("/")
    tried.append(what)
    return Swift(dial=float(given)) if what == "swift" and here.barred else None


app.at_once = at_once  # type: ignore[attr-defined]
