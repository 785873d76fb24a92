"""Counts what happened: at one model with one key for good, and of late at one model, whichever the key."""

from collections import deque
from math import exp2

import msgspec

from wallas.health_rests import Place

BREAKER_RUN = 5
BREAKER_MINIMUM = 10
BREAKER_WINDOW = 60.0
ODDS_HALF_LIFE = 600.0


class Circuit(msgspec.Struct):
    """What happened at one (provider, model, key); times in seconds, instants on the health clock."""

    place: Place
    successes: int = 0
    failures: int = 0
    latency: float | None = None
    ttft: float | None = None
    speed: float | None = None
    limits: int = 0
    """Rate limits in a row without a word of when they end."""
    failed_at: float | None = None
    last_error: str | None = None
    changed: bool = False


class Breaker(msgspec.Struct):
    """The recent past of one model at one provider, for every key alike."""

    run: int = 0
    recent: deque[tuple[float, bool]] = msgspec.field(default_factory=lambda: deque(maxlen=200))
    opened: int = 0
    good: float = 0.0
    bad: float = 0.0
    at: float = 0.0
    probing: bool = False

    def ended(self, now: float, *, good: int) -> None:
        """Take in that a call has ended, with an answer (``good`` is 1) or not; what was before counts less by now."""
        fade = exp2((self.at - now) / ODDS_HALF_LIFE) if now > self.at else 1.0
        self.good, self.bad, self.at = self.good * fade + good, self.bad * fade, now
        self.probing = False
        if good:
            self.run = self.opened = 0
            self.recent.append((now, True))

    def half_failed(self, now: float) -> bool:
        """Return whether of late as many calls failed as not, and not just a few."""
        recent = [good for at, good in self.recent if now - at <= BREAKER_WINDOW]
        return len(recent) >= BREAKER_MINIMUM and recent.count(False) * 2 >= len(recent)
