"""Expects how soon a model's first token comes: what is usual there, what was worst of late, and who waits already."""

import math

import msgspec

HALF_LIFE = 60.0
WEIGHT = 0.15
PREFILL_SPEED = 8000.0
"""Tokens a second that a provider reads without its cache (own estimate, 2026-11)."""
LEAST_PART = 0.25


class Pace(msgspec.Struct):
    """What was seen of one model's first tokens, in seconds for a short prompt; instants are the caller's clock's."""

    usual: float | None = None
    peak: float = 0.0
    at: float = 0.0
    speed: float | None = None
    """Tokens a second, once it speaks."""
    waiting: dict[int, tuple[float, float]] = {}
    """Calls under way without a first token: when each began, and the seconds that its prompt takes to read."""

    def heard(self, seconds: float, tokens: int, now: float) -> None:
        """Take in a first token that came after so many seconds to a prompt of so many tokens that no cache held."""
        sample = max(seconds - tokens / PREFILL_SPEED, seconds * LEAST_PART)
        expected = self.first(sample, now)
        self.usual = sample if self.usual is None else self.usual + (sample - self.usual) * WEIGHT
        if sample < expected:
            sample += (expected - sample) * 0.7
        self.peak, self.at = sample, now

    def sent(self, call: int, tokens: int, now: float) -> None:
        """Note a call that waits for its first token from now on."""
        self.waiting[call] = (now, tokens / PREFILL_SPEED)

    def first(self, prior: float, now: float) -> float:
        """Return the seconds to expect: quick to learn of worse, slow to forget it, and never below who waits already."""
        usual = prior if self.usual is None else self.usual
        expected = usual if not self.at else usual + (self.peak - usual) * faded(now - self.at, HALF_LIFE)
        for began, reading in list(self.waiting.values()):
            expected = max(expected, now - began - reading)
        return expected


def faded(seconds: float, half_life: float) -> float:
    """Return what is left of a memory after so many seconds."""
    return math.exp2(-max(seconds, 0.0) / half_life)
