"""Keeps away from whoever failed twice in a row, before its breaker opens: what is dead costs three calls, not ten.

Doubt is milder than a rest: who is doubted is passed over while there is
somebody else, or somebody will be back soon, and asked when there is not. It
belongs to a model at a provider and, where nothing at a provider has answered
since, to the whole provider.
"""

import math
from collections.abc import Hashable
from typing import NamedTuple

import msgspec

FAILURES = 2
"""In a row, until there is doubt."""
SECONDS = 45.0
TIMES = 4.0
MOST = 900.0


class Doubt(msgspec.Struct):
    """Failures in a row, and the instant of the last."""

    run: int = 0
    at: float = -math.inf
    probe_at: float = -math.inf
    """When a call was let through to find out."""


class Doubted(NamedTuple):
    """For how many more seconds somebody is doubted, and after how many failures in a row."""

    seconds: float
    run: int


class Doubts:
    """The doubts of one worker; names are whatever the caller calls its places."""

    def __init__(self) -> None:
        """Doubt nobody."""
        self.doubts: dict[Hashable, Doubt] = {}

    def struck(self, *names: Hashable, now: float) -> None:
        """Note a failure at each of these places."""
        for name in names:
            doubt = self.doubts.get(name)
            if doubt is None:
                doubt = self.doubts[name] = Doubt()
            doubt.run += 1
            doubt.at = now

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

    def doubted(self, *names: Hashable, now: float) -> Doubted | None:
        """Return how long these places are doubted still, the longest of them; None if not at all."""
        found: Doubted | None = None
        for name in names:
            doubt = self.doubts.get(name)
            if doubt is None or doubt.run < FAILURES:
                continue
            lasts = min(SECONDS * TIMES ** min(doubt.run - FAILURES, 10), MOST)
            left = max(doubt.at + lasts, doubt.probe_at + SECONDS) - now
            if left > 0 and (found is None or left > found.seconds):
                found = Doubted(left, doubt.run)
        return found
