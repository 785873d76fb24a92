"""Remembers how providers have behaved: who rests until when, and how fast and how well each one answers.

A rest belongs to a scope: a model, a key, a key at a model, a provider. A
circuit belongs to a model at a provider with a key and counts what happened.
Each worker keeps its own memory; what it learns is handed to whoever shares
it (``drain``), what others learned is taken in (``learn``).
"""

import math
import random
import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from wallas.errors import HOUR, FailureKind, ProviderError, Scope
from wallas.health_breaker import BREAKER_RUN, ODDS_HALF_LIFE, Breaker, Circuit
from wallas.health_cache import Caches
from wallas.health_doubt import CLOSED, SLOW, Doubted, Doubts
from wallas.health_rests import (
    ANY,
    FREE,
    LIFTED,
    LONGEST_REST,
    PAID,
    SHORTEST_REST,
    Place,
    Rest,
    Rests,
    resting_place,
)
from wallas.health_speed import Speeds, faded
from wallas.quota.clocks import next_midnight

__all__ = ["ANY", "FREE", "LIFTED", "LONGEST_REST", "PAID", "Circuit", "Health", "Place", "Rest"]

BREAKER_REST = 30.0
BREAKER_MOST = 300.0
LIMIT_MOST = 300.0
GONE_MODELS = 2
SHUT_DOWN = re.compile(r"\b(service|api|platform)\b.{0,40}\b(shut ?down|discontinued|closed|ended|retired)\b", re.I)
GONE_SECONDS = 1800.0
MOVES_MOST = 2000
"""Outcomes whose places are remembered, for those who keep what they made of them."""
PRIOR_SUCCESSES = 8.0
PRIOR_FAILURES = 1.0
ROLLING = "rolling"

BLAMELESS = frozenset(
    {
        FailureKind.CONTEXT_LENGTH,
        FailureKind.TOO_LARGE,
        FailureKind.MAX_TOKENS,
        FailureKind.UNSUPPORTED,
        FailureKind.SEAL,
        FailureKind.PREFILL,
        FailureKind.CONTENT_FILTER,
        FailureKind.CALLER_FAULT,
        FailureKind.GATEWAY,
    }
)
"""Failures that are the request's or our own: they say nothing of the provider."""

LENGTHS = {FailureKind.CONNECT: CLOSED, FailureKind.SERVER: CLOSED}
"""How long who failed so is doubted: who may be gone for good for longer than who was only slow."""

SOFT = {FailureKind.EMPTY: 0.5, FailureKind.UNUSABLE: 0.5, FailureKind.NO_ANCHOR: 0.5}
"""Answers that came and could not be used: how much of a failure each one is to the odds."""


class Health(Rests):
    """Rests, circuits and breakers of this worker; safe to use from many threads."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        jitter: Callable[[], float] = random.random,
        zones: dict[str, str] | None = None,
        never_rest: Iterable[str] = (),
        siblings: Mapping[tuple[str, str], Sequence[str]] | None = None,
    ) -> None:
        """Start with nothing known; ``zones`` says where each provider's day begins, UTC unless told.

        A zone ``rolling`` is a day without a beginning. Providers that ``never_rest`` are counted but not benched.
        ``siblings`` are the keys of one account by (provider, key), that key included: what rests an account rests all.
        """
        super().__init__(clock, never_rest, siblings or {})
        self.wall = wall
        self.jitter = jitter
        self.zones = zones or {}
        self.circuits: dict[Place, Circuit] = {}
        self.breakers: dict[tuple[str, str], Breaker] = {}
        self.speeds = Speeds()
        self.doubts = Doubts()
        self.caches = Caches(self._cached)
        self.limited: set[Place] = set()
        """Where a limit was met and no first token has come since."""
        self.gone: dict[str, set[str]] = {}
        """The models that each provider said are gone, since it last answered."""
        self.moves = 0
        """How often an outcome was counted; ``moved`` are the last of them, each with its number."""
        self.moved: deque[tuple[int, tuple[str, str]]] = deque(maxlen=MOVES_MOST)

    def succeeded(
        self,
        place: Place,
        *,
        ttft: float | None = None,
        latency: float | None = None,
        tokens: int | None = None,
        read: int = 0,
        now: float | None = None,
    ) -> None:
        """Count a whole answer; seconds to its first content (None: it came whole) and to its end, its output tokens.

        ``read`` are the tokens of its prompt that no cache held, ``now`` is when it was whole if not now.
        """
        now = self.clock() if now is None else now
        with self.lock:
            if self.houses or self.limited or self.finding or self.gone or self.doubts.doubts:
                self._disproved(place, now, began=now - (latency or 0.0))
            (self.breakers.get(place[:2]) or self._breaker(place, now)).ended(now, good=1)
            circuit = self.circuits.get(place) or self._circuit(place)
            circuit.limits = 0
            circuit.successes += 1
            circuit.changed = True
            circuit.latency = _average(circuit.latency, latency)
            if ttft is not None or place[:2] in self.speeds.paces:
                whole, tokens = latency or ttft or 0.0, tokens or 0
                speed = self.speeds.answered(*place[:2], first=ttft, whole=whole, tokens=tokens, read=read, now=now)
                circuit.ttft, circuit.speed = _average(circuit.ttft, ttft), _average(circuit.speed, speed)
            self._move(place)

    def _disproved(self, place: Place, now: float, *, began: float) -> None:
        """End what was held against whoever has answered now a call that began then."""
        self.doubts.cleared(place[:2], place.provider, began=began)
        self.limited.discard(place)
        self.finding.pop(place, None)
        self.gone.pop(place.provider, None)
        if place.provider in self.houses:
            self._woken(place, now, began=began)

    def failed(self, place: Place, error: ProviderError) -> None:
        """Count a failed attempt and rest what its verdict says, for as long as the provider or the table says."""
        now = self.clock()
        verdict = error.verdict
        with self.lock:
            breaker = self._breaker(place, now)
            breaker.ended(now, good=0)
            self.finding.pop(place, None)
            if error.kind in BLAMELESS:
                return
            if error.kind is FailureKind.RATE_LIMIT:
                self.limited.add(place)
            breaker.bad += SOFT.get(error.kind, 0.0)
            self._move(place)
            circuit = self._circuit(place)
            circuit.failures += 1
            circuit.changed = True
            circuit.failed_at = now
            circuit.last_error = error.kind.name.lower()
            if verdict.strike:
                self._strike(place, breaker, error, now)
            elif (error.scope or verdict.scope) is not Scope.NOTHING:
                scope = error.scope or verdict.scope
                where = resting_place(place, scope)
                until = now + self._rest_seconds(where, circuit, error, now)
                for one in self._shared(where) if scope is Scope.ACCOUNT else (where,):
                    self._rest(one, until, error.kind, breaker=False)
            if error.kind is FailureKind.MODEL_GONE:
                self._gone(place, error, now)

    def claim(self, place: Place) -> bool:
        """Return whether this attempt may go ahead: a circuit that is half open lets one probe through at a time."""
        if place.provider in self.never_rest:
            return True
        breaker = self.breakers.get(place[:2])
        with self.lock:
            if breaker is not None and breaker.opened:
                if breaker.probing:
                    return False
                breaker.probing = True
            if place in self.limited:
                self.finding[place] = self.clock()
            if self.doubts.doubts:
                self.doubts.probing(place[:2], place.provider, now=self.clock())
        return True

    def clear(self, place: Place, *, free: bool, now: float) -> bool:
        """Return whether nothing is held against a call, no rest, limit or doubt: then there is nothing to claim.

        Whose breaker has opened is doubted until it has answered.
        """
        provider, doubts = place.provider, self.doubts.doubts
        if self.finding or place in self.limited or (doubts and (place[:2] in doubts or provider in doubts)):
            return False
        if provider in self.houses and self.resting(place, free=free) is not None:
            return False
        return not (self.speeds.places and self.speeds.late(provider, now))

    def release(self, place: Place) -> None:
        """Give a claim back without an outcome: the client left, or the fault was ours."""
        breaker = self.breakers.get(place[:2])
        if breaker is not None:
            breaker.probing = False
        self.finding.pop(place, None)

    def doubted(self, provider: str, model: str) -> Doubted | None:
        """Return for how long a model is better passed over, though nothing forbids to ask it; None if it is not."""
        late = self.speeds.late(provider, self.clock()) if self.speeds.calls.get(provider) else 0
        if provider in self.never_rest or not (late or self.doubts.doubts):
            return None
        return self.doubts.doubted((provider, model), provider, now=self.clock(), late=late)

    def sent(
        self, place: Place, *, tokens: int = 0, prior: float = 1.0, writing: float = 0.0, least: float = 0.0
    ) -> int:
        """Note that a prompt of so many tokens was sent; return the call's number, for ``spoke`` and ``ended``.

        See ``Speeds.sent`` for the others.
        """
        with self.lock:
            return self.speeds.sent(
                *place[:2], tokens=tokens, prior=prior, now=self.clock(), writing=writing, least=least
            )

    def spoke(self, place: Place, call: int) -> None:
        """Note that a call's first token is here: no limit keeps others out any longer."""
        self.speeds.spoke(call, self.clock())
        self.limited.discard(place)
        self.finding.pop(place, None)

    def probability(self, provider: str, model: str) -> float:
        """Return how likely the next call there succeeds: a prior of 8 to 1, and what the last minutes showed."""
        breaker = self.breakers.get((provider, model))
        if breaker is None:
            return PRIOR_SUCCESSES / (PRIOR_SUCCESSES + PRIOR_FAILURES)
        fade = faded(self.clock() - breaker.at, ODDS_HALF_LIFE)
        good, bad = breaker.good * fade + PRIOR_SUCCESSES, breaker.bad * fade + PRIOR_FAILURES
        return good / (good + bad)

    def drift(self, provider: str, model: str) -> tuple[float, float]:
        """Return how fast ``first_token`` and the odds of a failure move by time alone, at most, from now on.

        Seconds a second, and odds (failures for a success) a second.
        """
        now, breaker = self.clock(), self.breakers.get((provider, model))
        if breaker is None:
            return self.speeds.drift(provider, model, now), 0.0
        fade = faded(now - breaker.at, ODDS_HALF_LIFE)
        good = min(breaker.good * fade, PRIOR_SUCCESSES)  # with more than that known, they move fastest later on
        fade = good / breaker.good if breaker.good else fade
        change = abs(PRIOR_SUCCESSES * breaker.bad - PRIOR_FAILURES * breaker.good) * fade
        change /= (good + PRIOR_SUCCESSES) ** 2
        return self.speeds.drift(provider, model, now), change * math.log(2) / ODDS_HALF_LIFE

    def first_token(self, provider: str, model: str, prior: float) -> float:
        """Return the expected seconds to the first content: quick to learn of worse, slow to forget it."""
        return self.speeds.first(provider, model, prior, self.clock())

    def speed(self, place: Place) -> float | None:
        """Return the observed output tokens per second, or None."""
        circuit = self.circuits.get(place)
        return circuit.speed if circuit else None

    def generation_speed(self, provider: str, model: str, prior: float) -> float:
        """Return the expected output tokens per second of a model, whichever key is used."""
        return self.speeds.speed(provider, model) or prior

    def idle(self, provider: str, model: str) -> float:
        """Return the seconds since a model was last heard of; infinite if it never was."""
        breaker = self.breakers.get((provider, model))
        return math.inf if breaker is None else self.clock() - breaker.at

    def drain(self) -> tuple[list[tuple[Place, Rest]], list[Circuit]]:
        """Return what is new since the last call: rests that opened or were lifted, copies of circuits that changed."""
        with self.lock:
            opened, self.opened = self.opened, []
            changed = [circuit for circuit in self.circuits.values() if circuit.changed]
            copies = [msgspec.structs.replace(circuit) for circuit in changed]
            for circuit in changed:
                circuit.changed = False
            return opened, copies

    def remember(self, place: Place, *, latency: float | None, ttft: float | None, speed: float | None) -> None:
        """Take up how fast a circuit was in an earlier run; seconds, tokens per second."""
        with self.lock:
            circuit = self._circuit(place)
            circuit.latency, circuit.ttft, circuit.speed = latency, ttft, speed

    def _strike(self, place: Place, breaker: Breaker, error: ProviderError, now: float) -> None:
        breaker.run += 1
        breaker.bad += 1
        self.doubts.struck(place[:2], place.provider, now=now, length=LENGTHS.get(error.kind, SLOW))
        breaker.recent.append((now, False))
        where = Place(place.provider, place.model)
        seconds = error.retry_after or 0.0
        old = self.rests.get(where)
        under_way = old is not None and old.breaker and old.until > now
        if not under_way and (breaker.run >= BREAKER_RUN or breaker.half_failed(now)):
            breaker.opened += 1
            seconds = max(seconds, self._spread(min(BREAKER_REST * breaker.opened, BREAKER_MOST)))
        if seconds > 0:
            self._rest(where, now + seconds, error.kind, breaker=True)

    def _gone(self, place: Place, error: ProviderError, now: float) -> None:
        """Rest a provider of which nothing is there any more: it says so, or two models are gone without a word."""
        gone = self.gone.setdefault(place.provider, set())
        if "model" not in error.message.lower():
            gone.add(place.model)
        if len(gone) >= GONE_MODELS or (gone and SHUT_DOWN.search(error.message)):
            self._rest(Place(place.provider), now + GONE_SECONDS, error.kind, breaker=False)

    def _rest_seconds(self, where: Place, circuit: Circuit, error: ProviderError, now: float) -> float:
        if error.retry_after:
            return max(error.retry_after, SHORTEST_REST)
        old = self.rests.get(where)
        match error.kind:
            case FailureKind.DAY_LIMIT:
                return self._until_next_day(where.provider, error.verdict.rest)
            case FailureKind.RATE_LIMIT:
                circuit.limits += old is None or old.until <= now
                doubled = error.verdict.rest * float(1 << min(max(circuit.limits - 1, 0), 16))
                return self._spread(min(doubled, LIMIT_MOST))
            case FailureKind.CREDENTIAL if old is not None and old.until <= now:
                return HOUR
            case _:
                return error.verdict.rest

    def _until_next_day(self, provider: str, rolling: float) -> float:
        zone = self.zones.get(provider, "UTC")
        now = self.wall()
        return rolling if zone == ROLLING else next_midnight(now, zone) - now

    def _spread(self, seconds: float) -> float:
        return seconds * (0.8 + 0.4 * self.jitter())

    def _cached(self, model: str) -> None:
        provider, _, id = model.partition("/")
        with self.lock:
            self._move(Place(provider, id))

    def _move(self, place: Place) -> None:
        self.moves += 1
        self.moved.append((self.moves, place[:2]))

    def _circuit(self, place: Place) -> Circuit:
        circuit = self.circuits.get(place)
        if circuit is None:
            circuit = self.circuits[place] = Circuit(place)
        return circuit

    def _breaker(self, place: Place, now: float) -> Breaker:
        breaker = self.breakers.get(place[:2])
        if breaker is None:
            breaker = self.breakers[place[:2]] = Breaker(at=now)
        return breaker


def _average(old: float | None, new: float | None, weight: float = 0.2) -> float | None:
    if new is None:
        return old
    return new if old is None else old + (new - old) * weight
