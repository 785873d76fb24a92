"""Shares health between workers through the database: what one learns, the others obey within a second."""

import logging
import threading
import time
from collections.abc import Callable

from sqlalchemy import Engine

from wallas.health import Circuit, Health, Place, Rest
from wallas.storage.circuits import CircuitChange, RestChange, load_rests, save_circuits, save_rests
from wallas.storage.writer import Writer

log = logging.getLogger(__name__)

TICK_SECONDS = 0.4
SELDOM_TICKS = 75


class HealthSharing:
    """One thread a worker: tells what is new, takes in what the others told."""

    def __init__(
        self, health: Health, engine: Engine, writer: Writer, *, seldom: Callable[[], object] = lambda: None
    ) -> None:
        """Start sharing; what an earlier run knew is taken in at once. ``seldom`` is called every half minute."""
        self.health = health
        self.engine = engine
        self.writer = writer
        self.seldom = seldom
        self.since = 0.0
        self.stopping = threading.Event()
        self.take_in()
        self.thread = threading.Thread(target=self._run, name="wallas-health", daemon=True)
        self.thread.start()

    def close(self) -> None:
        """Tell the last news and stop."""
        self.stopping.set()
        self.thread.join(2)
        self.tell()

    def tell(self) -> None:
        """Hand what is new to the writer."""
        opened, changed = self.health.drain()
        now = time.time()
        for place, rest in opened:
            self.writer.put(save_rests, self._rest_row(place, rest, now))
        for circuit in changed:
            self.writer.put(save_circuits, self._circuit_row(circuit, now))

    def take_in(self) -> None:
        """Learn the rests that other workers opened."""
        now = time.time()
        for row in load_rests(self.engine, now=now, since=self.since):
            if row.rest_until > now:
                place = Place(row.provider, row.model, row.key_id)
                self.health.learn(place, seconds=row.rest_until - now, reason=row.rest_reason, breaker=row.rest_breaker)
        self.since = now - 1

    def _run(self) -> None:
        ticks = 0
        while not self.stopping.wait(TICK_SECONDS):
            ticks += 1
            try:
                self.tell()
                self.take_in()
                if ticks % SELDOM_TICKS == 0:
                    self.seldom()
            except Exception as error:
                log.warning("health could not be shared: %s", error)

    def _rest_row(self, place: Place, rest: Rest, now: float) -> RestChange:
        until = now + max(rest.until - self.health.clock(), 0.0)
        return RestChange(place.provider, place.model, place.key, until, rest.reason, rest.breaker, now)

    def _circuit_row(self, circuit: Circuit, now: float) -> CircuitChange:
        failed_at = None if circuit.failed_at is None else now - (self.health.clock() - circuit.failed_at)
        return CircuitChange(
            provider=circuit.place.provider,
            model=circuit.place.model,
            key_id=circuit.place.key,
            successes=circuit.new_successes,
            failures=circuit.new_failures,
            avg_latency_ms=_ms(circuit.latency),
            ttft_ms=_ms(circuit.ttft),
            tokens_per_second=circuit.speed,
            failed_at=failed_at,
            last_error=circuit.last_error,
            updated_at=now,
        )


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000

