"""Keeps what rests until when: a model, a key, a key at a model, a provider; and tells others of it."""

import math
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from wallas.errors import HOUR, FailureKind, Scope

ANY = "*"
PAID = "$paid"
FREE = "$free"

LONGEST_REST = 24 * HOUR
SHORTEST_REST = 0.05
FINDING_SECONDS = 0.5
FINDING_MOST = 30.0
"""One call at a time finds out whether a limit without a stated end is over; the others look again so soon."""
GONE = FailureKind.MODEL_GONE.name.lower()


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


LIFTED = Rest(-math.inf, "lifted", False)
"""What is told of a rest that a success ended."""


class Rests:
    """The rests of one worker."""

    def __init__(
        self, clock: Callable[[], float], never_rest: Iterable[str], siblings: Mapping[tuple[str, str], Sequence[str]]
    ) -> None:
        """Start without any; see ``Health`` for what these are."""
        self.clock = clock
        self.never_rest = frozenset(never_rest)
        self.siblings = siblings
        self.rests: dict[Place, Rest] = {}
        self.houses: frozenset[str] = frozenset()
        """The providers of which any rest is known, be it over."""
        self.since: dict[Place, float] = {}
        """When the rests that are kept began here."""
        self.finding: dict[Place, float] = {}
        """Where one call finds out whether a limit is over, and since when."""
        self.opened: list[tuple[Place, Rest]] = []
        """Rests to tell the others of: those that opened, and those that were lifted, which have no ``until``."""
        self.news: Callable[[], object] = lambda: None
        """Called when ``opened`` has something new; must not wait."""
        self.turns = 0
        """How often a rest began or was ended."""
        self.lock = threading.Lock()

    def resting(self, place: Place, *, free: bool) -> Rest | None:
        """Return the rest that keeps this (provider, model, key) out longest, or None.

        It is a ``breaker`` rest only if no other keeps it out: a rate limit is never overridden.
        """
        if not self.rests:
            return None
        provider, model, key = place
        now = self.clock()
        found: Rest | None = None
        for scope in (
            place,
            (provider, model, ANY),
            (provider, ANY, key),
            (provider, FREE if free else PAID, key),
            (provider, ANY, ANY),
        ):
            rest = self.rests.get(scope)  # type: ignore[call-overload]  # plain tuples are equal, and quicker to make
            if rest is not None and rest.until > now:
                found = rest if found is None else _longer(found, rest)
        if found is None and self.finding and now - self.finding.get(place, -FINDING_MOST) < FINDING_MOST:
            return Rest(now + FINDING_SECONDS, "rate_limit", False)
        return found

    def learn(self, place: Place, *, seconds: float, reason: str, breaker: bool) -> None:
        """Take in a rest that another worker opened and that has ``seconds`` left."""
        with self.lock:
            self._rest(place, self.clock() + seconds, reason, breaker=breaker, tell=False)

    def lift(self, place: Place) -> None:
        """End a breaker's rest that another worker's success has disproved."""
        with self.lock:
            rest = self.rests.get(place)
            if rest is not None and rest.breaker:
                self._end(place)

    def returned(self, place: Place) -> None:
        """End the rest of a model that was said to be gone, for its provider's list has it again."""
        with self.lock:
            rest = self.rests.get(place)
            if rest is not None and rest.reason == GONE:
                self._end(place)
                self._tell(place, LIFTED)

    def _shared(self, place: Place) -> Iterator[Place]:
        """Yield this place for every key of the account that its key belongs to."""
        for key in self.siblings.get((place.provider, place.key), (place.key,)):
            yield place._replace(key=key)

    def _rest(self, place: Place, until: float, why: FailureKind | str, *, breaker: bool, tell: bool = True) -> None:
        if place.provider in self.never_rest:
            return
        now = self.clock()
        rest = Rest(min(until, now + LONGEST_REST), why if isinstance(why, str) else why.name.lower(), breaker)
        old = self.rests.get(place)
        if old is not None and old.until > now:
            rest = _longer(old, rest)
            if rest == old:
                return
        self.rests[place], self.since[place] = rest, now
        self.houses |= {place.provider}
        self.turns += 1
        if tell:
            self._tell(place, rest)

    def _end(self, place: Place) -> None:
        del self.rests[place]
        self.houses = frozenset(other.provider for other in self.rests)
        self.turns += 1

    def _tell(self, place: Place, rest: Rest) -> None:
        self.opened.append((place, rest))
        self.news()

    def _woken(self, place: Place, now: float, *, began: float) -> None:
        """End what a success disproves: the breaker's rest, and what is remembered of a key that was refused.

        A call that was under way when the rest began says nothing about the time since.
        """
        model, key = Place(place.provider, place.model), Place(place.provider, ANY, place.key)
        rest = self.rests.get(model)
        if rest is not None and rest.breaker and began >= self.since.get(model, began):
            self._end(model)
            self._tell(model, LIFTED)
        rest = self.rests.get(key)
        if rest is not None and rest.until <= now:
            self._end(key)


def resting_place(place: Place, scope: Scope) -> Place:
    """Return what rests where a failure at a place concerns so much."""
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


def _longer(one: Rest, other: Rest) -> Rest:
    """Return the rest that both amount to: until the later end, for that one's reason."""
    longest = one if one.until >= other.until else other
    return longest._replace(breaker=one.breaker and other.breaker)
