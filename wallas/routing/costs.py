"""Keeps what health makes of each model, and makes it again only where something moved: an outcome, a wait, time.

Thousands of models are ranked, and of most nothing is heard between two
requests. Whoever keeps a list made of these costs asks for what changed.
"""

import threading
from collections import deque
from heapq import heappop, heappush

from wallas.catalog.entries import Model
from wallas.health import MOVES_MOST, Health
from wallas.routing.strategies import FAILURE_SECONDS, Expected, expected_of

Pair = tuple[str, str]
"""A provider and its id of a model."""

SLACK_SECONDS = 0.02
"""By how much a cost may be off because time passed, until it is made again."""
SOONEST_SECONDS, LONGEST_SECONDS = 0.25, 1000.0
DUE_MOST = 50
"""Costs that time alone moved and that are made again at once; the others a moment later."""
CHANGES_MOST = 2000


class Costs:
    """What every model that is ranked here is expected to cost; any thread may ask."""

    def __init__(self, health: Health) -> None:
        """Know nobody yet."""
        self.health = health
        self.models: dict[Pair, Model] = {}
        self.houses: dict[str, list[Pair]] = {}
        self.known: dict[Pair, Expected] = {}
        self.due: list[tuple[float, Pair]] = []
        """When each cost that moves by time alone is to be made again: a heap, in which ``alarms`` tells the valid."""
        self.alarms: dict[Pair, float] = {}
        self.waited: set[Pair] = set()
        """Whose calls were waited for when that was looked at last."""
        self.heard = health.moves
        self.count = 0
        """How often a cost changed; ``changes`` are the last of them, each with its number."""
        self.changes: deque[tuple[int, Pair]] = deque(maxlen=CHANGES_MOST)
        self.lock = threading.Lock()

    def of(self, model: Model) -> Expected:
        """Return what a model is expected to cost, as of the last refresh."""
        pair = model.provider, model.id
        known = self.known.get(pair)
        if known is None:
            if pair not in self.models:
                self.houses.setdefault(model.provider, []).append(pair)
            self.models[pair] = model
            known = self.known[pair] = expected_of(model, self.health)
            self._watch(pair)
        return known

    def since(self, count: int) -> set[Pair] | None:
        """Return whose cost changed since there were so many changes; None where that is not known any more.

        Call it with the lock held.
        """
        return _later(self.changes, count) if self.count - count < CHANGES_MOST else None

    def refresh(self) -> None:
        """Make again what moved; nothing if another thread is at it."""
        if not self.lock.acquire(blocking=False):
            return
        try:
            for pair in self._moved():
                if pair in self.known:
                    self._again(pair)
        finally:
            self.lock.release()

    def _moved(self) -> set[Pair]:
        """Return whom an outcome was counted of, whose call is waited for or was until now, and whose time has come."""
        health, now = self.health, self.health.clock()
        with health.lock:
            known = health.moves - self.heard < MOVES_MOST
            found = _later(health.moved, self.heard) if known else set(self.known)
            self.heard = health.moves
        if self.waited or health.speeds.calls:
            waited = set[Pair]()
            for house, id in health.speeds.growing(now):
                waited.update(self.houses.get(house, ()) if id is None else ((house, id),))
            found |= waited | self.waited
            self.waited = waited
        for _ in range(DUE_MOST):
            if not self.due or self.due[0][0] > now:
                break
            at, pair = heappop(self.due)
            if self.alarms.get(pair) == at:
                found.add(pair)
        return found

    def _again(self, pair: Pair) -> None:
        expected = expected_of(self.models[pair], self.health)
        if expected != self.known[pair]:
            self.known[pair] = expected
            self.changes.append((self.count + 1, pair))
            self.count += 1
        self._watch(pair)

    def _watch(self, pair: Pair) -> None:
        """Note when time alone will have moved a cost by more than is let pass."""
        first, odds = self.health.drift(*pair)
        rate = first + odds * FAILURE_SECONDS
        if rate * LONGEST_SECONDS < SLACK_SECONDS:
            self.alarms.pop(pair, None)
            return
        at = self.health.clock() + max(SLACK_SECONDS / rate, SOONEST_SECONDS)
        self.alarms[pair] = at
        heappush(self.due, (at, pair))


def _later(noted: deque[tuple[int, Pair]], count: int) -> set[Pair]:
    """Return what has a number beyond ``count``; numbers grow."""
    found = set[Pair]()
    for number, pair in reversed(noted):
        if number <= count:
            break
        found.add(pair)
    return found
