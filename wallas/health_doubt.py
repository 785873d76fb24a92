"""Keeps away from whoever failed twice in a row, before its breaker opens: what is dead costs three calls, not ten.

Doubt is milder than a rest: who is doubted is passed over while there is
somebody else, or somebody will be back soon, and asked when there is not. It
belongs to a model at a provider and, where nothing at a provider has answered
since, to the whole provider. Calls that are late there count as failures while
they last: a provider that hangs is known before anybody gives up on it.
"""

import math
from collections.abc import Hashable
from typing import NamedTuple

import msgspec

FAILURES = 2
"""In a row, until there is doubt."""
LATE_SECONDS = 5.0
"""How long somebody is doubted for calls that are late, unless they come or fail meanwhile."""


class Length(NamedTuple):
    """How long doubt lasts, how many times longer after each further failure, and at most; seconds."""

    seconds: float
    times: float
    most: float


CLOSED = Length(45.0, 6.0, 900.0)
"""Nobody opens, or whoever opens fails at once: perhaps gone for good."""
SLOW = Length(15.0, 2.0, 240.0)
"""An answer was begun, or waited for: a bad spell, which is over soon."""


class Doubt(msgspec.Struct):
    """Failures in a row, and the instant of the last."""

    run: int = 0
    at: float = -math.inf
    length: Length = SLOW
    probe_at: float = -math.inf
    """When a call was let through to find out."""

    @property
    def until(self) -> float:
        """Return until when the last failure counts."""
        return self.at + min(self.length.seconds * self.length.times ** min(self.run - FAILURES, 10), self.length.most)


class Doubted(NamedTuple):
    """For how many more seconds somebody is doubted, and after how many failures in a row."""

    seconds: float
    run: int


class Doubts:
    """The doubts of one worker; names are whatever the caller calls its places."""

    def __init__(self) -> None:
        """Doubt nobody."""
        self.doubts: dict[Hashable, Doubt] = {}

    def struck(self, *names: Hashable, now: float, length: Length = SLOW) -> None:
        """Note a failure at each of these places; those of calls that were under way when doubt began add nothing."""
        for name in names:
            doubt = self.doubts.get(name)
            if doubt is None:
                doubt = self.doubts[name] = Doubt()
            if doubt.run >= FAILURES and now < doubt.until:
                continue
            doubt.run += 1
            doubt.at, doubt.length = now, length

    def cleared(self, *names: Hashable, began: float) -> None:
        """Note an answer: the row is broken, unless the call began before the last failure and so tells nothing."""
        for name in names if self.doubts else ():
            doubt = self.doubts.get(name)
            if doubt is not None and doubt.at <= began:
                del self.doubts[name]

    def probing(self, *names: Hashable, now: float) -> None:
        """Note that a call is let through: until it has ended, or is late, no other is."""
        for name in names:
            doubt = self.doubts.get(name)
            if doubt is not None and doubt.run >= FAILURES:
                doubt.probe_at = now

    def doubted(self, *names: Hashable, now: float, late: int = 0) -> Doubted | None:
        """Return how long these places are doubted still, the longest of them; None if not at all.

        ``late`` are calls that nothing was heard of yet.
        """
        found: Doubted | None = None
        for name in names:
            doubt = self.doubts.get(name)
            run = late if doubt is None else doubt.run + late
            if run < FAILURES:
                continue
            left = LATE_SECONDS if late else 0.0
            if doubt is not None and doubt.run >= FAILURES:
                left = max(left, doubt.until - now, doubt.probe_at + doubt.length.seconds - now)
            if left > 0 and (found is None or left > found.seconds):
                found = Doubted(left, run)
        return found
