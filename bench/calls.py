"""Counts the function calls that a request and a streamed chunk take, by place: exact where times are noise.

usage: python bench/calls.py plain|chunk|worker [LEAST]    (LEAST: leave out what takes fewer calls; default 8)

``plain`` is the app alone, as stock gthread calls it; ``worker`` the same request in our own worker's loop.
"""

import contextlib
import io
import os
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import CodeType, FrameType, SimpleNamespace
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import scenarios  # noqa: E402
import servers  # noqa: E402

REPEATS = 12
CHUNKS = 200


class Node:
    """A function under its caller: how often it was called, and what it called."""

    def __init__(self) -> None:
        """Start uncalled."""
        self.count = 0
        self.under: dict[str, Node] = {}

    def total(self) -> int:
        """Return the calls of this and all below."""
        return self.count + sum(node.total() for node in self.under.values())

    def lines(self, name: str, *, per: int, least: float, depth: int = 0) -> Iterator[str]:
        """Yield the tree, the dearest branch first."""
        total = self.total() / per
        if total >= least:
            yield f"{total:9.1f} {'  ' * depth}{name}"
            for below, node in sorted(self.under.items(), key=lambda pair: -pair[1].total()):
                yield from node.lines(below, per=per, least=least, depth=depth + 1)


def counted(call: Callable[[], object]) -> Node:
    """Return the tree of calls of Python and C functions that one call makes in this thread."""
    root = Node()
    stack = [root]

    def note(frame: FrameType, event: str, argument: Any) -> None:
        if event == "call":
            stack.append(child(place(frame.f_code)))
        elif event == "return" and len(stack) > 1:
            stack.pop()
        elif event == "c_call":
            child(f"C {argument.__qualname__}")

    def child(name: str) -> Node:
        node = stack[-1].under.setdefault(name, Node())
        node.count += 1
        return node

    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
    return root


def place(code: CodeType) -> str:
    """Return where a function is, as far as it matters."""
    path = code.co_filename.rpartition("site-packages/")[2].removeprefix(f"{HERE.parent}/")
    return f"{path}:{code.co_qualname}"


def request(app: Any, scenario: scenarios.Scenario) -> bytes:
    """Return the body of the app's answer to a scenario's request."""
    body = scenarios.request_body(scenario)
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/v1/chat/completions",
        "SCRIPT_NAME": "",
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8001",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1:8001",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.url_scheme": "http",
    }
    return b"".join(app(environ, lambda status, headers: None))


def loop(app: Any) -> tuple[Any, socket.socket]:
    """Return our worker around the app, whose loop is turned by whoever has it, and a client's connection to it."""
    from gunicorn.config import Config
    from gunicorn.glogging import Logger

    from wallas.server import Worker

    class Inside(Worker):
        """A worker that leaves this process's signals alone, and only begins."""

        def init_signals(self) -> None:
            """Do nothing."""

        def run(self) -> None:
            """Begin."""
            self.begin()

    cfg = Config()
    cfg.set("worker_connections", 8)
    cfg.set("keepalive", 75)
    listener = socket.create_server(("127.0.0.1", 0))
    application = SimpleNamespace(wsgi=lambda: app)
    worker = Inside(0, os.getppid(), [listener], application, 60, cfg, Logger(cfg))
    worker.init_process()
    return worker, socket.create_connection(listener.getsockname())


def turned(worker: Any, client: socket.socket) -> None:
    """Have a plain request answered in the worker's loop."""
    body = scenarios.request_body(scenarios.SCENARIOS["plain"])
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:8001\r\nContent-Length: {len(body)}\r\n\r\n"
    client.sendall(head.encode() + body)
    client.setblocking(False)
    while True:
        worker._turn()
        with contextlib.suppress(BlockingIOError):
            client.recv(65536)
            return


@contextlib.contextmanager
def app_here() -> Iterator[Any]:
    """Yield the gateway's app in this process, before an upstream of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        upstream = servers.mock(folder, servers.compiled(folder)["mock"])
        try:
            os.environ.update(servers.settings(folder, upstream, port=8001))
            from wallas import create_app
            from wallas.waits import anywhere

            app = create_app()
            yield app
            anywhere()
            app.extensions["wallas"].close()
        finally:
            upstream.end()


def main(what: str, least: float) -> None:
    """Print the tree of one plain request, or of one chunk of a stream."""
    with app_here() as app:
        tokens = CHUNKS if what == "chunk" else 0
        scenario = scenarios.Scenario("", 1, 1, tokens=tokens, gap=3000, first=3000)  # a chunk a read
        asked = partial(request, app, scenario) if what != "worker" else partial(turned, *loop(app))
        for _ in range(REPEATS):
            asked()
        tree = counted(asked)
    print("\n".join(tree.lines(what, per=tokens or 1, least=least)))


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3) or sys.argv[1] not in ("plain", "chunk", "worker"):
        sys.exit(__doc__)
    main(sys.argv[1], float(sys.argv[2]) if len(sys.argv) == 3 else 8.0)
