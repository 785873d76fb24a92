"""Drives the real gateway through a simulated world: router, attempt loop, health and ledger on a simulated clock."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

from bench.routing.clock import Clock
from bench.routing.jobs import Job
from bench.routing.results import Result
from bench.routing.wire import SimTransport
from bench.routing.world import World
from wallas import codecs
from wallas.catalog.build import build
from wallas.catalog.snapshot import Catalog
from wallas.codecs import retry_after
from wallas.codecs.plain import PlainEncoder
from wallas.health import Health
from wallas.providers.registry import provider_terms, providers
from wallas.quota.clocks import ZONES, Steady
from wallas.quota.ledger import Ledger
from wallas.routing.desk import Desk
from wallas.routing.enrich import Memory
from wallas.routing.options import Options
from wallas.routing.router import Router
from wallas.routing.stream import Stream
from wallas.routing.trail import Record
from wallas.settings import load_settings
from wallas.types.flow import END, READ

TICK_SECONDS = 0.4


class Notes:
    """A journal that keeps nothing."""

    def record(self, record: Record) -> None:
        """Forget it."""

    def keep_seals(self, kept: Any) -> None:
        """Forget it."""

    def keep_response(self, request: Any, response: Any) -> None:
        """Forget it."""


@contextmanager
def simulated(clock: Clock) -> Iterator[None]:
    """Let refusals that name an instant be read by the simulated clock: it is the one place that asks for the time."""
    real = retry_after.time
    retry_after.time = SimpleNamespace(time=clock.wall)  # type: ignore[assignment]
    try:
        yield
    finally:
        retry_after.time = real


class Gateway:
    """Wallas as a worker runs it, but for sockets and the database."""

    def __init__(self, world: World, *, seed: int) -> None:
        """Put it together from a ``wallas.toml`` that says what the fleet's catalogue says."""
        self.world, self.clock = world, world.clock
        clock = self.clock
        self.transport = SimTransport(world)
        with tempfile.TemporaryDirectory(prefix="wallas-sim-") as folder:
            (Path(folder) / "wallas.toml").write_text(toml(world))
            settings = load_settings({}, directory=Path(folder))
        made = providers(settings, self.transport, keyless=False)  # type: ignore[arg-type]
        made = {name: one for name, one in made.items() if name in world.houses}
        known = build(providers=settings.providers, terms=provider_terms(settings, made), today="2026-11-09")
        catalog = Catalog(model for model in known.models if model.key in world.brains)
        health = Health(clock=clock, wall=clock.wall, jitter=Random(f"jitter {seed}").random, zones=ZONES)
        self.ledger = Ledger(now=Steady(clock, clock.wall))
        self.desk = Desk(health=health, ledger=self.ledger, journal=Notes(), clock=clock)
        memory = Memory(conversation=lambda id: None, seals=lambda ids: {})
        self.router = Router(settings, catalog=catalog, providers=made, desk=self.desk, memory=memory)
        self.ticked = -TICK_SECONDS
        self.options = Options()

    def start(self, job: Job, result: Result) -> None:
        """Take a request in."""
        self._tick()
        codec = codecs.codec(codecs.OPENAI_CHAT)
        request = job.request()
        out = codec.Encoder(request) if request.stream else PlainEncoder(codec.encode_response, codec.encode_error)
        self.transport.asking = job
        stream = self.router.chat(request, self.options, codec=codec, out=out, request_id=f"r{job.id}")
        _Visit(self, job, stream, result).go()

    def _tick(self) -> None:
        """Do what a worker's quota thread does, whenever anybody could notice."""
        if self.clock.now - self.ticked >= TICK_SECONDS:
            self.ticked = self.clock.now
            self.ledger.tick()


class _Visit:
    """One stream under way, moved whenever its provider or its own alarm is due."""

    def __init__(self, gateway: Gateway, job: Job, stream: Stream, result: Result) -> None:
        self.gateway = gateway
        self.clock = gateway.clock
        self.job = job
        self.stream = stream
        self.result = result
        self.waiting = 0

    def go(self) -> None:
        """Step until the stream waits or ends."""
        gateway, stream = self.gateway, self.stream
        gateway._tick()
        gateway.transport.asking = self.job
        while stream.want is not END:
            if stream.want is READ and not stream.body.pending():
                self._wait()
                return
            self._heard(stream.step())
        self._ended()

    def _wait(self) -> None:
        self.waiting += 1
        turn, stream = self.waiting, self.stream
        due = min(getattr(stream.body, "due", float("inf")), stream.alarm())
        self.clock.at(due, lambda: self._wake(turn))

    def _wake(self, turn: int) -> None:
        if turn != self.waiting:
            return
        stream, now = self.stream, self.clock.now
        self.gateway.transport.asking = self.job
        if not stream.body.pending() and stream.alarm() <= now:
            data = stream.tick(now)
            self._heard(data if stream.attempts.shown.started else b"")  # type: ignore[attr-defined]
        self.go()

    def _heard(self, data: bytes) -> None:
        if data and self.result.first is None and self.stream.attempts.shown.started:  # type: ignore[attr-defined]
            self.result.first = self.clock.now - self.result.began

    def _ended(self) -> None:
        attempts: Any = self.stream.attempts
        result = self.result
        record = attempts.record
        result.attempts = len(record.hops)
        result.outcome = record.outcome
        result.ended = self.clock.now
        if record.outcome == "ok" and self.job.id in self.gateway.transport.answered:
            result.brain, fate = self.gateway.transport.answered[self.job.id]
            result.served = fate.how == "ok"
            result.cached = fate.cached
            if not self.job.stream:
                result.first = None
        self.stream.close()
        result.finished()


def toml(world: World) -> str:
    """Return the ``wallas.toml`` in which the catalogue's lines stand."""
    lines: list[str] = []
    for house in world.houses.values():
        keys = ", ".join(f'"{secret}@{account}"' for secret, account in house.keys)
        base = f"http://{house.name}.sim/v1" + ("beta" if house.wire == "gemini" else "")
        lines += [f"[providers.{house.name}]", f'wire = "{house.wire}"', f'base_url = "{base}"', f"api_keys = [{keys}]"]
        lines += [f"free = {str(house.free).lower()}", "discover = false"]
        for brain in house.models:
            told = brain.told
            abilities = ", ".join(f'"{word}"' for word in sorted(told["abilities"]))
            lines += [f"[[providers.{house.name}.models]]", f'id = "{brain.id}"', f"context = {told['context']}"]
            lines += [f"quality = {told['quality']}", f"capabilities = [{abilities}]"]
            if not house.free:
                lines.append("price = { input = 3.0, output = 15.0 }")
            if told["limits"]:
                scope = "account" if set(house.limits) & set(told["limits"]) else "model"
                named = ", ".join(f"{kind} = {most}" for kind, most in told["limits"].items())
                reset = ZONES.get(house.name, "utc")
                lines.append(f'limits = {{ {named}, scope = "{scope}", reset = "{reset}" }}')
    return "\n".join(lines)
