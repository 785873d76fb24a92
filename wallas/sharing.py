"""Shares health between workers through the database: what one learns, the others obey within a second."""

import logging
import threading
import time
from collections.abc import Callable
from functools import partial

from sqlalchemy import Engine

from wallas.health import LIFTED, Circuit, Health, Place, Rest
from wallas.storage.circuits import CircuitChange, RestChange, load_circuits, load_rests, save_circuits, save_rests
from wallas.storage.ear import Ear, listens
from wallas.storage.writer import Writer

log = logging.getLogger(__name__)

SELDOM_SECONDS = 30.0
OVERLAP_SECONDS = 10.0
"""How late a worker's news may be committed and still be found."""

KNOWN_MOST = 5000


class HealthSharing:
    """One thread a worker: tells what is new, a rest at once, and takes in what the others told."""

    def __init__(
        self,
        health: Health,
        engine: Engine,
        writer: Writer,
        *,
        ear: Ear | None = None,
        beside: Callable[[bool], object] = lambda heard: None,
        seldom: Callable[[], object] = lambda: None,
        seldom_seconds: float = SELDOM_SECONDS,
    ) -> None:
        """Start sharing; what an earlier run knew is taken in at once.

        ``ear`` tells before each tick whether others may have told anything; without one they always may have.
        ``beside`` is called with that at every tick, ``seldom`` every half minute: what else is shared in this thread.
        """
        self.beside = beside
        self.ear = ear
        self.health = health
        self.engine = engine
        self.writer = writer
        self.seldom = seldom
        self.seldom_seconds = seldom_seconds
        self.since = 0.0
        self.known: dict[Place, float] = {}
        """By place the end of its rest as it was last stored: what is no news is not taken in again."""
        self.trouble: str | None = None
        """Why workers do not hear of each other at the moment; None while they do."""
        self.news = threading.Event()
        self.stopping = threading.Event()
        self._guarded(self._remember)
        self._guarded(self.take_in)
        self.health.news = self.news.set
        self.thread = threading.Thread(target=self._run, name="wallas-health", daemon=True)
        self.thread.start()

    def close(self) -> None:
        """Tell the last news and stop."""
        self.stopping.set()
        self.news.set()
        self.thread.join(2)
        self.tell()
        self._guarded(lambda: self.beside(False))

    def tell(self) -> None:
        """Hand what is new to the writer."""
        opened, changed = self.health.drain()
        now = time.time()
        for place, rest in opened:
            self.writer.put(save_rests, self._rest_row(place, rest, now))
        for circuit in changed:
            self.writer.put(save_circuits, self._circuit_row(circuit, now))

    def take_in(self) -> None:
        """Learn the rests that other workers opened, and end those that they lifted."""
        now = time.time()
        for row in load_rests(self.engine, now=now, since=self.since):
            place, until = Place(row.provider, row.model, row.key_id), row.rest_until
            before = self.known.get(place)
            if before == until:
                continue
            self.known[place] = until
            if until > now:
                self.health.learn(place, seconds=until - now, reason=row.rest_reason, breaker=row.rest_breaker)
            elif before is not None and before > until:
                self.health.lift(place)
        self.since = now - OVERLAP_SECONDS
        if len(self.known) > KNOWN_MOST:
            self.known = {place: until for place, until in dict(self.known).items() if until > now}

    def _remember(self) -> None:
        for row in load_circuits(self.engine):
            if row.avg_latency_ms is not None or row.ttft_ms is not None:
                place = Place(row.provider, row.model, row.key_id)
                latency, ttft = _seconds(row.avg_latency_ms), _seconds(row.ttft_ms)
                self.health.remember(place, latency=latency, ttft=ttft, speed=row.tokens_per_second)

    def _run(self) -> None:
        tick = seldom = time.monotonic()
        while not self.stopping.is_set():
            now = time.monotonic()
            self._guarded(self.tell)
            if now >= tick:
                heard = self.ear is None or self.ear() or self.trouble is not None
                tick = now + listens(self.ear)
                if heard:
                    self._guarded(self.take_in)
                self._guarded(partial(self.beside, heard))
            if now >= seldom + self.seldom_seconds:
                seldom = now
                self._guarded(self.seldom)
            self.news.wait(max(tick - time.monotonic(), 0.0))
            self.news.clear()

    def _guarded(self, step: Callable[[], object]) -> None:
        try:
            step()
        except Exception as error:
            cause = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
            if self.trouble is None:
                log.warning("workers do not hear of each other: %s", cause)
            self.trouble = cause
        else:
            if step == self.take_in:
                self.trouble = None

    def _rest_row(self, place: Place, rest: Rest, now: float) -> RestChange:
        if rest == LIFTED:
            self.known[place] = now
            return RestChange(place.provider, place.model, place.key, now, rest.reason, rest.breaker, now)
        until = now + max(rest.until - self.health.clock(), 0.0)
        return RestChange(place.provider, place.model, place.key, until, rest.reason, rest.breaker, now)

    def _circuit_row(self, circuit: Circuit, now: float) -> CircuitChange:
        """Return how fast and how well a circuit answers; its counts are added with the attempts themselves."""
        failed_at = None if circuit.failed_at is None else now - (self.health.clock() - circuit.failed_at)
        return CircuitChange(
            provider=circuit.place.provider,
            model=circuit.place.model,
            key_id=circuit.place.key,
            successes=0,
            failures=0,
            avg_latency_ms=_ms(circuit.latency),
            ttft_ms=_ms(circuit.ttft),
            tokens_per_second=circuit.speed,
            failed_at=failed_at,
            last_error=circuit.last_error,
            updated_at=now,
        )


def _seconds(ms: float | None) -> float | None:
    return None if ms is None else ms / 1000


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000
