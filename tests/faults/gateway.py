"""A real gateway for the fault tests: gunicorn as users run it, and scripted providers that each have a fresh name.

What a test does to a provider (rests, breakers, lessons) stays with that
provider's name, so every test takes names that nobody has used. All of them
are one scripted server; the first step of the path tells who is asked.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.faults.clients import PROTOCOLS, Answer, Protocol, talk
from tests.live import children, environment
from tests.postgres import free_port
from wallas.routing.continuation import asked_anchor
from wallas.settings import ROOT
from wallas.simulated.script import Request, Step
from wallas.simulated.server import Provider as Server
from wallas.simulated.wires import last_user_text
from wallas.storage.library import sqlite_module

BASES = {"openai": "/v1", "responses": "/v1", "anthropic": "", "gemini": "/v1beta", "ollama": "", "cohere": ""}
"""The wires of ``wallas.toml``, and what stands behind a provider's address on each."""
CANARY = "sk-canary"
"""How every key of the scripted providers begins; none may ever be seen."""
SILENCE = 0.3
"""Seconds after which a scripted provider is late, and stalls."""
TIMEOUTS = {
    "connect": 0.3,
    "tls": 0.3,
    "first_token": SILENCE,
    "first_token_reasoning": SILENCE,
    "gap": SILENCE,
    "gap_reasoning": SILENCE,
    "whole": 2 * SILENCE,
    "whole_reasoning": 2 * SILENCE,
}


ABILITIES = ["chat", "tools", "vision", "json_schema", "json_object"]
PATIENT = dict.fromkeys(TIMEOUTS, 20.0)
SPECIAL: dict[str, dict[str, Any]] = {
    "twokeys": {"api_keys": ["sk-canary-one", "sk-canary-two"]},
    "large": {"model": {"context": 1_000_000}},
    "thinker": {"model": {"capabilities": [*ABILITIES, "reasoning"]}},
    "steady": {"timeouts": PATIENT},
    "tireless": {"timeouts": PATIENT, "never_rest": True},
}
"""Providers on the first wire that differ from the others in one thing."""
FEW = 24
COUNTS = dict.fromkeys([*BASES, *SPECIAL], FEW) | {"openai": 300, "anthropic": 100, "gemini": 100, "ollama": 100}
COUNTS |= {"steady": 900}
"""How many fresh providers there are of each kind."""


class Board(Server):
    """One server that plays all providers: scripts are queued by the provider's name."""

    def __init__(self) -> None:
        """Listen; connections are for one answer each, so that none is open when all is over."""
        super().__init__(anchor=asked_anchor, otherwise=self.steps)
        self.headers = {"Connection": "close"}
        self.queues: dict[str, deque[Sequence[Step]]] = defaultdict(deque)
        self.usual: dict[str, Callable[[Request], Sequence[Step]]] = {}

    def steps(self, request: Request) -> Sequence[Step]:
        """Return the next script of whoever is asked."""
        name = request.path.split("/")[1]
        if self.queues[name]:
            return self.queues[name].popleft()
        return self.usual[name](request)


class Place:
    """One provider with one model, and what became of it."""

    def __init__(self, gateway: "Gateway", name: str) -> None:
        """Name a provider of the gateway's."""
        self.gateway = gateway
        self.name = name

    @property
    def model(self) -> str:
        """Return the name that a client calls it by."""
        return f"{self.name}/m"

    def will(self, *steps: Step) -> None:
        """Answer one more request by these steps."""
        self.gateway.board.queues[self.name].append(steps)

    def always(self, steps: Callable[[Request], Sequence[Step]]) -> None:
        """Answer every request that no script is left for as ``steps`` says."""
        self.gateway.board.usual[self.name] = steps

    @property
    def requests(self) -> list[Request]:
        """Return what it was asked so far."""
        return [request for request in self.gateway.board.requests if request.path.split("/")[1] == self.name]

    def circuits(self) -> list[dict[str, Any]]:
        """Return what the gateway's statistics say of it."""
        told = self.gateway.get("/v1/stats")["circuits"]
        rows = told.values() if isinstance(told, dict) else told
        return [row for row in rows if str(row.get("key", "")).startswith(f"{self.name}/")]

    def rest(self) -> tuple[str, float] | None:
        """Return why it rests, and for how many more seconds, wherever the rest sits: model, key or provider."""
        self.gateway.get("/v1/stats")
        rows = self.gateway.rows("select rest_reason, rest_until from circuits where provider = ?", self.name)
        now = time.time()
        resting = [(row["rest_reason"], row["rest_until"] - now) for row in rows if row["rest_until"] > now]
        return max(resting, key=lambda row: row[1]) if resting else None

    def counts(self) -> tuple[int, int]:
        """Return how often it succeeded and failed."""
        self.gateway.get("/v1/stats")
        query = "select sum(success_count) as good, sum(fail_count) as bad from circuits where provider = ?"
        (row,) = self.gateway.rows(query, self.name)
        return row["good"] or 0, row["bad"] or 0


class Gateway:
    """A running gateway and its providers."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int, folder: Path, board: Board) -> None:
        """Know the process and where its database is."""
        self.process = process
        self.port = port
        self.folder = folder
        self.board = board
        self.taken: dict[str, int] = defaultdict(int)
        self.asked = 0

    def provider(self, wire: str = "openai", *, kind: str = "") -> Place:
        """Return a provider that no test has used; ``kind`` names another pool than the wire's own."""
        pool = kind or wire
        self.taken[pool] += 1
        place = Place(self, f"{pool}{self.taken[pool]}")
        self.board.usual.setdefault(place.name, _unscripted)
        return place

    def providers(self, *wires: str) -> list[Place]:
        """Return fresh providers on these wires."""
        return [self.provider(wire) for wire in wires]

    def ask(
        self,
        *places: Place,
        protocol: str = "openai",
        stream: bool = True,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 10.0,
    ) -> Answer:
        """Return what a client gets that names these providers, first to last."""
        spoken = PROTOCOLS[protocol]
        path, asked = spoken.asks(places[0].model, stream)
        asked = asked | {"models": [place.model for place in places[1:]]} | dict(body or {})
        return self.call(spoken, path, asked, stream=stream, headers=headers, timeout=timeout, model=places[0].model)

    def call(
        self,
        spoken: Protocol,
        path: str,
        body: Mapping[str, Any],
        *,
        stream: bool,
        headers: Mapping[str, str] | None = None,
        timeout: float = 10.0,
        model: str | None = None,
    ) -> Answer:
        """Return the answer to one request."""
        self.asked += 1
        fields = {"X-Request-Id": f"fault-{os.getpid()}-{self.asked}", **dict(headers or {})}
        if model is not None:
            fields["X-Willaku-Model"] = model
        answer = talk(self.port, path, body, spoken=spoken, stream=stream, headers=fields, timeout=timeout)
        assert CANARY not in answer.data.decode() + str(answer.headers)
        return answer

    def get(self, path: str) -> Any:
        """Return the JSON of a route."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            return json.loads(answer.read())

    def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """Return rows of the gateway's database, as sqlite3 -readonly shows them."""
        address = f"file:{self.folder / 'wallas.sqlite'}?mode=ro"
        with contextlib.closing(sqlite_module().connect(address, uri=True, timeout=5)) as database:
            cursor = database.execute(query, values)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def attempts(self, answer: Answer) -> list[tuple[str, str]]:
        """Return (provider, outcome) of every attempt at a request, in order, once the last of them is booked."""
        self.outcome(answer.id)
        query = "select provider, outcome from attempts where request_id = ? order by number"
        return [(row["provider"], row["outcome"]) for row in self.rows(query, answer.id)]

    def outcome(self, request_id: str, *, seconds: float = 3.0) -> dict[str, Any] | None:
        """Return the row of a request once it is booked."""
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            self.get("/v1/stats")
            rows = self.rows("select * from requests where request_id = ?", request_id)
            if rows:
                assert len(rows) == 1
                return rows[0]
            time.sleep(0.02)
        return None

    def renew(self) -> None:
        """Reload, so that a new worker serves, whose retry budget is full."""
        before = self.workers()
        self.process.send_signal(signal.SIGHUP)
        limit = time.monotonic() + 30
        while self.workers() & before and time.monotonic() < limit:
            time.sleep(0.02)
        _wait(self)

    def quiet(self, *, seconds: float = 2.0) -> bool:
        """Wait until no connection to any provider is open; return whether that came."""
        return self.board.wait_until(lambda: not self.board.open_connections, seconds)

    def workers(self) -> set[int]:
        """Return the numbers of the worker processes."""
        return children(self.process.pid)

    def said(self) -> str:
        """Return what the gateway has written so far."""
        return (self.folder / "log").read_text()


def _unscripted(request: Request) -> Sequence[Step]:
    raise AssertionError(f"nobody expected {request.path}")


def table(name: str, wire: str, url: str, **more: Any) -> str:
    """Return a provider's table for ``wallas.toml``, with one model; ``more`` replaces its values."""
    keys = more.pop("api_keys", [f"{CANARY}-{name}"])
    model = {"id": "m", "context": 131072, "capabilities": ABILITIES}
    model |= more.pop("model", {})
    fields = {"wire": wire, "base_url": url, "api_keys": keys, "free": True, "discover": False}
    fields |= {"timeouts": TIMEOUTS} | more
    return f"[providers.{name}]\n{_toml(fields)}[[providers.{name}.models]]\n{_toml(model)}"


def _toml(fields: Mapping[str, Any]) -> str:
    return "".join(f"{name} = {_value(value)}\n" for name, value in fields.items())


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name} = {_value(inner)}" for name, inner in value.items()) + "}"
    return json.dumps(value)


def tables(board: Board, doors: Mapping[str, str] | None = None) -> str:
    """Return a ``wallas.toml`` with all pools, one provider a wire that never rests, and those behind closed doors."""
    rows = [
        table(f"{wire}{number}", wire, f"{board.url}/{wire}{number}{base}")
        for wire, base in BASES.items()
        for number in range(1, COUNTS[wire] + 1)
    ]
    rows += [table(f"{wire}x", wire, f"{board.url}/{wire}x{base}", never_rest=True) for wire, base in BASES.items()]
    for kind, more in SPECIAL.items():
        rows += [
            table(f"{kind}{number}", "openai", f"{board.url}/{kind}{number}/v1", **more)
            for number in range(1, COUNTS[kind] + 1)
        ]
    for kind, url in (doors or {}).items():
        rows += [table(f"{kind}{number}", "openai", f"{url}/v1") for number in range(1, FEW + 1)]
    return "\n".join(rows)


@contextlib.contextmanager
def serving(folder: Path, board: Board, *, config: str, **more: str) -> Iterator[Gateway]:
    """Run the gateway from ``folder`` with this ``wallas.toml``; end it and its workers afterwards."""
    (folder / "wallas.toml").write_text(config)
    port = free_port()
    variables = {"WALLAS_CONFIG": str(folder / "wallas.toml"), "WALLAS_WORKERS": "1", "WALLAS_KEYLESS": "off", **more}
    command = [sys.executable, "-m", "gunicorn", "-c", str(ROOT / "gunicorn.conf.py"), "wsgi:app"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment(folder, port, variables),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    gateway = Gateway(process, port, folder, board)
    try:
        _wait(gateway)
        yield gateway
    finally:
        workers = gateway.workers() if process.poll() is None else set()
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(3)
        for number in (process.pid, *workers):
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        process.wait()


def _wait(gateway: Gateway) -> None:
    limit = time.monotonic() + 60
    while time.monotonic() < limit:
        if gateway.process.poll() is not None:
            raise RuntimeError(f"exit status {gateway.process.returncode}: {gateway.said()}")
        with contextlib.suppress(OSError):
            gateway.get("/health")
            return
        time.sleep(0.02)
    raise RuntimeError(f"no answer: {gateway.said()}")


def said_last(request: Request) -> str:
    """Return the last user message that a provider was sent."""
    return last_user_text(request)
