"""Gateways of several real processes over one database, and connections that each belong to one worker."""

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlalchemy import text

from tests.live import children, environment
from tests.postgres import free_port
from wallas.settings import ROOT
from wallas.storage.engine import open_database, reading

TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tell the weather.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


class Told(dict[str, Any]):
    """A JSON answer with its status and headers."""

    status: int
    headers: dict[str, str]


class Line:
    """A connection to one worker, kept alive; ``pid`` is the worker's."""

    def __init__(self, gateway: "Gateway") -> None:
        """Connect."""
        self.gateway = gateway
        self.connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=30)
        self.connection.connect()

    @cached_property
    def pid(self) -> int:
        """The number of the worker that took this connection, 0 if it does not keep it open."""
        answer = self.request("GET", "/health")
        answer.read()
        if answer.headers.get("Connection") == "close":
            return 0
        return holder(self.connection.sock.getsockname()[1], self.gateway)

    def request(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> http.client.HTTPResponse:
        """Send a request and return its open answer; read it whole before the next one."""
        data = None if body is None else json.dumps(body).encode()
        fields = {"Content-Type": "application/json"} if data else {}
        self.connection.request(method, path, data, fields | dict(headers or {}))
        return self.connection.getresponse()

    def call(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Told:
        """Return a JSON answer."""
        answer = self.request(method, path, body, headers)
        told = Told(json.loads(answer.read()))
        told.status, told.headers = answer.status, {name.lower(): value for name, value in answer.headers.items()}
        return told

    def get(self, path: str) -> Told:
        """GET a JSON answer."""
        return self.call("GET", path)

    def chat(self, prompt: str = "Hello", *, model: str = "mine", **more: Any) -> Told:
        """Return a chat completion."""
        body = {"model": model, "messages": [{"role": "user", "content": prompt}]}
        return self.call("POST", "/v1/chat/completions", body | more)

    def respond(self, prompt: str = "Hello", *, model: str = "mine", **more: Any) -> Told:
        """Return a response of the Responses protocol."""
        return self.call("POST", "/v1/responses", {"model": model, "input": prompt} | more)

    def models(self) -> dict[str, dict[str, Any]]:
        """Return the rows of the model list by id."""
        return {row["id"]: row for row in self.get("/v1/models")["data"]}

    def close(self) -> None:
        """Hang up."""
        self.connection.close()


class Gateway:
    """A running gunicorn with the whole gateway; ``restart`` begins another one on the same database."""

    def __init__(self, folder: Path, url: str, *, app: str, conf: Path, variables: Mapping[str, str]) -> None:
        """Prepare; ``start`` runs it."""
        self.conf = conf
        self.folder = folder
        self.url = url
        self.app = app
        self.variables = dict(variables)
        self.port = free_port()
        self.log = folder / "log"
        self.process: subprocess.Popen[bytes] | None = None
        self.opened: list[Line] = []
        self.seen: set[int] = set()

    def start(self) -> "Gateway":
        """Start it and wait until it answers."""
        environ = self.environ()
        command = [sys.executable, "-m", "gunicorn", "-c", str(self.conf), self.app]
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self.wait_until(self.answers, seconds=30)
        return self

    def environ(self) -> dict[str, str]:
        """Return the environment that it runs in."""
        variables = {"WALLAS_CONFIG": str(self.folder / "wallas.toml"), "WALLAS_KEYLESS": "false", **self.variables}
        return environment(self.folder, self.port, variables) | {"WALLAS_DATABASE_URL": self.url}

    def configure(self, config: str) -> None:
        """Write another ``wallas.toml``."""
        (self.folder / "wallas.toml").write_text(config)

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the `wallas` command in this gateway's environment."""
        command = [sys.executable, "-m", "wallas", *words]
        return subprocess.run(command, cwd=ROOT, env=self.environ(), capture_output=True, text=True, check=False)

    def answers(self) -> bool:
        """Return whether it serves; raise with what it wrote if it has ended."""
        assert self.process is not None
        if self.process.poll() is not None:
            raise RuntimeError(f"exit status {self.process.returncode}: {self.said()}")
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def kill(self) -> None:
        """Kill the master and all its workers with -9, and wait until they are gone."""
        for line in self.opened:
            line.close()
        self.opened.clear()
        if self.process is None:
            return
        master, numbers = self.process.pid, set(self.seen)
        if self.process.poll() is None:
            os.kill(master, signal.SIGSTOP)  # or it would replace the workers that are killed before it
            numbers |= self.workers()
        for number in (master, *numbers):
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        self.process.wait()
        (ROOT / "instance" / f"wallas-{self.port}.pid").unlink(missing_ok=True)
        wait_until(lambda: not any(alive(number) for number in numbers), seconds=10)
        self.process = None
        self.seen.clear()

    def restart(self) -> "Gateway":
        """Kill everything and start anew."""
        self.kill()
        return self.start()

    def workers(self) -> set[int]:
        """Return the numbers of the worker processes."""
        assert self.process is not None
        found = children(self.process.pid)
        self.seen |= found
        return found

    def line(self) -> Line:
        """Return a new connection to whichever worker takes it."""
        return self.lines(1)[0]

    @contextlib.contextmanager
    def visit(self) -> Iterator[Line]:
        """Yield a connection to any worker, and close it; workers keep few idle ones open."""
        line = Line(self)
        yield line
        line.close()

    def lines(self, count: int = 2) -> list[Line]:
        """Return one connection to each of ``count`` workers."""
        found: dict[int, Line] = {}
        limit = time.monotonic() + 15
        while len(found) < count and time.monotonic() < limit:
            for line in [Line(self) for _ in range(4)]:  # several at once: a lone one always meets the same worker
                if line.pid == 0 or found.setdefault(line.pid, line) is not line:
                    line.close()
        self.opened += found.values()
        assert len(found) >= count
        return list(found.values())

    def rows(self, query: str, **values: Any) -> list[Any]:
        """Return rows of the database."""
        engine = open_database(self.url)
        try:
            with reading(engine) as connection:
                return list(connection.execute(text(query), values))
        finally:
            engine.dispose()

    def said(self) -> str:
        """Return what it has written so far."""
        return self.log.read_text()

    def wait_until(self, true: Callable[[], Any], *, seconds: float = 5.0) -> Any:
        """Wait until something holds and return it."""
        return wait_until(true, seconds=seconds)


def wait_until(true: Callable[[], Any], *, seconds: float = 5.0) -> Any:
    """Wait until something holds and return it; fail if it never does."""
    limit = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < limit, "it never came"
        time.sleep(0.01)
    return found


def alive(pid: int) -> bool:
    """Return whether a process runs."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def holder(client_port: int, gateway: Gateway) -> int:
    """Return the number of the worker that holds the other end of a connection."""
    wanted = (f":{gateway.port:04X}", f":{client_port:04X}")
    inode = ""
    for row in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = row.split()
        if fields[1].endswith(wanted[0]) and fields[2].endswith(wanted[1]):
            inode = fields[9]
    for pid in gateway.workers():
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                if str(descriptor.readlink()) == f"socket:[{inode}]":
                    return pid
    raise AssertionError("no worker holds this connection")


def provider(name: str, url: str, *, wire: str = "openai", models: Sequence[str] = ("m",), **more: Any) -> str:
    """Return a provider's table for ``wallas.toml``; ``more`` replaces its values."""
    base = {"openai": "/v1", "responses": "/v1", "gemini": "/v1beta"}.get(wire, "")
    fields = {"wire": wire, "base_url": url + base, "api_key": f"sk-canary-{name}", "free": True, "discover": False}
    lines = [f"[providers.{name}]"] + [f"{key} = {json.dumps(value)}" for key, value in (fields | more).items()]
    for model in models:
        lines += [f"[[providers.{name}.models]]", f"id = {json.dumps(model)}", "context = 131072"]
        lines += ['capabilities = ["chat", "tools", "json_schema", "reasoning"]']
    return "\n".join(lines) + "\n"


def profile(*models: str, name: str = "mine") -> str:
    """Return a profile that tries these models in order."""
    return f'[profiles.{name}]\nmodels = {json.dumps(models)}\nstrategy = "order"\n'


@contextlib.contextmanager
def gateway(
    folder: Path,
    url: str,
    config: str,
    *,
    app: str = "tests.state.app:app",
    conf: Path = ROOT / "gunicorn.conf.py",
    **variables: str,
) -> Iterator[Gateway]:
    """Run a gateway with two workers; end all its processes afterwards."""
    (folder / "wallas.toml").write_text(config)
    running = Gateway(folder, url, app=app, conf=conf, variables={"WALLAS_WORKERS": "2"} | variables)
    try:
        yield running.start()
    finally:
        running.kill()


def sqlite_file(url: str) -> Path:
    """Return the file of an SQLite address."""
    return Path(re.sub(r"^sqlite:///", "", url))
