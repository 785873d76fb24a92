"""Remembers how providers have behaved: who rests until when, and how fast and how well each one answers.

A rest belongs to a scope: a model, a key, a key at a model, a provider. A
circuit belongs to a model at a provider with a key and counts what happened.
Each worker keeps its own memory; what it learns is handed to whoever shares
it (``drain``), what others learned is taken in (``learn``).
"""

import math
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec

from wallas.errors import FailureKind, ProviderError, Scope
from wallas.quota.clocks import next_midnight

ANY = "*"
PAID = "$paid"
FREE = "$free"

BREAKER_RUN = 5
BREAKER_MINIMUM = 10
BREAKER_WINDOW = 60.0
BREAKER_REST = 30.0
BREAKER_MOST = 300.0
LONGEST_REST = 24 * 3600.0
LIMIT_MOST = 300.0
HALF_LIFE = 60.0
PRIOR_SUCCESSES = 8.0
PRIOR_FAILURES = 1.0


class Place(NamedTuple):
    """Where something rests: a model id, ``*``, ``$paid`` or ``$free`` at a provider, with a key id or ``*``."""

    provider: str
    model: str = ANY
    key: str = ANY


class Rest(NamedTuple):
    """A place rests until ``until`` (the clock's seconds), for a reason; ``breaker`` rests yield to the panic rule."""

    until: float
    reason: str
    breaker: bool


class Circuit(msgspec.Struct):
    """What happened at one (provider, model, key); times in seconds, instants on the health clock."""

    place: Place
    successes: int = 0
    failures: int = 0
    latency: float | None = None
    ttft: float | None = None
    speed: float | None = None
    failed_at: float | None = None
    last_error: str | None = None
    new_successes: int = 0
    new_failures: int = 0
    changed: bool = False


class Breaker(msgspec.Struct):
    """The recent past of one model at one provider, for every key alike."""

    run: int = 0
    recent: deque[tuple[float, bool]] = msgspec.field(default_factory=lambda: deque(maxlen=200))
    opened: int = 0
    limits: int = 0
    good: float = 0.0
    bad: float = 0.0
    at: float = 0.0
    ttft: float | None = None
    ttft_at: float = 0.0
    probing: bool = False


class Health:
    """Rests, circuits and breakers of this worker; safe to use from many threads."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        jitter: Callable[[], float] = random.random,
        zones: dict[str, str] | None = None,
        never_rest: Iterable[str] = (),
    ) -> None:
        """Start with nothing known; ``zones`` says where each provider's day begins, UTC unless told."""
        self.clock = clock
        self.wall = wall
        self.jitter = jitter
        self.zones = zones or {}
        self.never_rest = frozenset(never_rest)
        self.rests: dict[Place, Rest] = {}
        self.circuits: dict[Place, Circuit] = {}
        self.breakers: dict[Place, Breaker] = {}
        self.opened: list[tuple[Place, Rest]] = []
        self.lock = threading.Lock()

    def resting(self, place: Place, *, free: bool) -> Rest | None:
        """Return the rest that keeps this (provider, model, key) out longest, or None."""
        if not self.rests:
            return None
        provider, model, key = place
        money = FREE if free else PAID
        found: Rest | None = None
        for scope in (
            place,
            Place(provider, model),
            Place(provider, ANY, key),
            Place(provider, money, key),
            Place(provider),
        ):
            rest = self.rests.get(scope)
            if rest is not None and (found is None or rest.until > found.until):
                found = rest
        if found is None or found.until <= self.clock():
            return None
        return found

    def succeeded(
        self, place: Place, *, ttft: float | None = None, latency: float | None = None, tokens: int | None = None
    ) -> None:
        """Count a whole answer; seconds to its first content and to its end, and its output tokens."""
        now = self.clock()
        with self.lock:
            breaker = self._breaker(place, now)
            breaker.run = breaker.limits = breaker.opened = 0
            breaker.probing = False
            breaker.good += 1
            breaker.recent.append((now, True))
            if ttft is not None:
                self._first_token(breaker, ttft, now)
            self.rests.pop(Place(place.provider, place.model), None)
            circuit = self._circuit(place)
            circuit.successes += 1
            circuit.new_successes += 1
            circuit.changed = True
            circuit.ttft = _average(circuit.ttft, ttft)
            circuit.latency = _average(circuit.latency, latency)
            if tokens and latency is not None and latency - (ttft or 0) > 0.01:
                circuit.speed = _average(circuit.speed, tokens / (latency - (ttft or 0)))

    def failed(self, place: Place, error: ProviderError) -> None:
        """Count a failed attempt and rest what its verdict says, for as long as the provider or the table says."""
        now = self.clock()
        verdict = error.verdict
        with self.lock:
            circuit = self._circuit(place)
            circuit.failures += 1
            circuit.new_failures += 1
            circuit.changed = True
            circuit.failed_at = now
            circuit.last_error = error.kind.name.lower()
            breaker = self._breaker(place, now)
            breaker.probing = False
            if verdict.strike:
                self._strike(place, breaker, error, now)
            elif verdict.scope is not Scope.NOTHING:
                until = now + self._rest_seconds(place, breaker, error)
                self._rest(_resting_place(place, error.scope or verdict.scope), until, error.kind, breaker=False)

    def claim(self, place: Place) -> bool:
        """Return whether this attempt may go ahead: a circuit that is half open lets one probe through at a time."""
        breaker = self.breakers.get(Place(place.provider, place.model))
        if breaker is None or not breaker.opened:
            return True
        with self.lock:
            if breaker.probing:
                return False
            breaker.probing = True
            return True

    def release(self, place: Place) -> None:
        """Give a claim back without an outcome: the client left, or the fault was ours."""
        breaker = self.breakers.get(Place(place.provider, place.model))
        if breaker is not None:
            breaker.probing = False

    def probability(self, provider: str, model: str) -> float:
        """Return how likely the next call there succeeds: a prior of 8 to 1, and what the last minutes showed."""
        breaker = self.breakers.get(Place(provider, model))
        if breaker is None:
            return PRIOR_SUCCESSES / (PRIOR_SUCCESSES + PRIOR_FAILURES)
        fade = _fade(self.clock() - breaker.at, 10 * HALF_LIFE)
        good, bad = breaker.good * fade + PRIOR_SUCCESSES, breaker.bad * fade + PRIOR_FAILURES
        return good / (good + bad)

    def first_token(self, provider: str, model: str, prior: float) -> float:
        """Return the expected seconds to the first content: quick to learn of worse, slow to forget it."""
        breaker = self.breakers.get(Place(provider, model))
        if breaker is None or breaker.ttft is None:
            return prior
        fade = _fade(self.clock() - breaker.ttft_at, HALF_LIFE)
        return prior + (breaker.ttft - prior) * fade

    def speed(self, place: Place) -> float | None:
        """Return the observed output tokens per second, or None."""
        circuit = self.circuits.get(place)
        return circuit.speed if circuit else None

    def drain(self) -> tuple[list[tuple[Place, Rest]], list[Circuit]]:
        """Return what is new since the last call: rests that opened, and copies of circuits that changed."""
        with self.lock:
            opened, self.opened = self.opened, []
            changed = [circuit for circuit in self.circuits.values() if circuit.changed]
            copies = [msgspec.structs.replace(circuit) for circuit in changed]
            for circuit in changed:
                circuit.changed = False
                circuit.new_successes = circuit.new_failures = 0
            return opened, copies

    def learn(self, place: Place, *, seconds: float, reason: str, breaker: bool) -> None:
        """Take in a rest that another worker opened and that has ``seconds`` left."""
        with self.lock:
            self._rest(place, self.clock() + seconds, reason, breaker=breaker, tell=False)

    def _strike(self, place: Place, breaker: Breaker, error: ProviderError, now: float) -> None:
        breaker.run += 1
        breaker.bad += 1
        breaker.recent.append((now, False))
        seconds = error.retry_after or 0.0
        if breaker.run >= BREAKER_RUN or self._half_failed(breaker, now):
            breaker.opened += 1
            spread = 0.8 + 0.4 * self.jitter()
            seconds = max(seconds, min(BREAKER_REST * breaker.opened, BREAKER_MOST) * spread)
        if seconds > 0:
            self._rest(Place(place.provider, place.model), now + min(seconds, LONGEST_REST), error.kind, breaker=True)

    def _half_failed(self, breaker: Breaker, now: float) -> bool:
        recent = [good for at, good in breaker.recent if now - at <= BREAKER_WINDOW]
        return len(recent) >= BREAKER_MINIMUM and recent.count(False) * 2 >= len(recent)

    def _rest_seconds(self, place: Place, breaker: Breaker, error: ProviderError) -> float:
        if error.kind is FailureKind.DAY_LIMIT and error.retry_after is None:
            now = self.wall()
            return next_midnight(now, self.zones.get(place.provider, "UTC")) - now
        if error.retry_after is not None:
            return min(max(error.retry_after, 0.05), LONGEST_REST)
        if error.kind is FailureKind.RATE_LIMIT:
            breaker.limits += 1
            doubled = error.verdict.rest * float(1 << min(breaker.limits - 1, 16))
            return min(doubled, LIMIT_MOST) * (0.8 + 0.4 * self.jitter())
        return error.verdict.rest

    def _rest(self, place: Place, until: float, why: FailureKind | str, *, breaker: bool, tell: bool = True) -> None:
        if place.provider in self.never_rest:
            return
        old = self.rests.get(place)
        if old is not None and old.until >= until:
            return
        rest = Rest(until, why if isinstance(why, str) else why.name.lower(), breaker)
        self.rests[place] = rest
        if tell:
            self.opened.append((place, rest))

    def _circuit(self, place: Place) -> Circuit:
        circuit = self.circuits.get(place)
        if circuit is None:
            circuit = self.circuits[place] = Circuit(place)
        return circuit

    def _breaker(self, place: Place, now: float) -> Breaker:
        where = Place(place.provider, place.model)
        breaker = self.breakers.get(where)
        if breaker is None:
            breaker = self.breakers[where] = Breaker(at=now)
        fade = _fade(now - breaker.at, 10 * HALF_LIFE)
        breaker.good, breaker.bad, breaker.at = breaker.good * fade, breaker.bad * fade, now
        return breaker

    def _first_token(self, breaker: Breaker, ttft: float, now: float) -> None:
        known = breaker.ttft
        if known is not None and ttft < known:
            fade = _fade(now - breaker.ttft_at, HALF_LIFE)
            ttft = max(ttft, ttft + (known - ttft) * fade * 0.7)
        breaker.ttft, breaker.ttft_at = ttft, now


def _fade(seconds: float, half_life: float) -> float:
    return math.exp2(-max(seconds, 0.0) / half_life)


def _average(old: float | None, new: float | None, weight: float = 0.2) -> float | None:
    if new is None:
        return old
    return new if old is None else old + (new - old) * weight


def _resting_place(place: Place, scope: Scope) -> Place:
    match scope:
        case Scope.MODEL:
            return Place(place.provider, place.model)
        case Scope.KEY:
            return Place(place.provider, ANY, place.key)
        case Scope.KEY_PAID:
            return Place(place.provider, PAID, place.key)
        case Scope.ACCOUNT:
            return Place(place.provider, FREE, place.key)
        case Scope.PROVIDER:
            return Place(place.provider)
        case _:
            return place
