"""Expects how soon a model's first token comes: what is usual there, what was worst of late, and who waits already."""

import math
from typing import NamedTuple

import msgspec

HALF_LIFE = 120.0
WEIGHT = 0.3
SPEED_WEIGHT = 0.2
PREFILL_SPEED = 8000.0
"""Tokens a second that a provider reads without its cache (own estimate, 2026-11)."""
LEAST_PART = 0.25
LATE_TIMES, LATE_SECONDS = 3.0, 1.5
"""A call that waits so many times as long as expected, and so many seconds more, tells of its whole provider."""


class Pace(msgspec.Struct):
    """What was seen of one model, in seconds for a short prompt; ``at`` is an instant on the caller's clock."""

    usual: float | None = None
    peak: float = 0.0
    at: float = 0.0
    speed: float | None = None
    """Tokens a second, once it speaks."""

    def first(self, prior: float, now: float) -> float:
        """Return the seconds to expect by what was heard: quick to learn of worse, slow to forget it."""
        usual = prior if self.usual is None else self.usual
        return usual + (self.peak - usual) * faded(now - self.at, HALF_LIFE) if self.at else usual

    def drift(self, now: float) -> float:
        """Return by how many seconds a second ``first`` moves by time alone, at most."""
        if not self.at or self.usual is None:
            return 0.0
        return abs(self.peak - self.usual) * faded(now - self.at, HALF_LIFE) * math.log(2) / HALF_LIFE

    def heard(self, sample: float, now: float) -> None:
        """Take in a first token that came after so many seconds."""
        expected = self.first(sample, now)
        self.usual = sample if self.usual is None else self.usual + (sample - self.usual) * WEIGHT
        self.peak, self.at = (sample if sample >= expected else sample + (expected - sample) * 0.7), now


class Waits(NamedTuple):
    """A call without a first token yet: since when, how long its prompt takes to read, and when it is late."""

    provider: str
    model: str
    began: float
    reading: float
    late: float


class Speeds:
    """The paces of all models that were called; any thread may ask, one at a time may tell."""

    def __init__(self) -> None:
        """Start with nothing known."""
        self.paces: dict[tuple[str, str], Pace] = {}
        self.calls: dict[int, Waits] = {}
        self.heard: dict[str, float] = {}
        """When each provider gave a first token last."""
        self.count = 0

    def first(self, provider: str, model: str, prior: float, now: float) -> float:
        """Return the seconds to expect to the first token, never less than who is late already has waited."""
        pace = self.paces.get((provider, model))
        expected = prior if pace is None else pace.first(prior, now)
        if self.calls:
            for call in tuple(self.calls.values()):
                if call.provider == provider:
                    expected = max(expected, self._waited(call, model, now))
        return expected

    def _waited(self, call: Waits, model: str, now: float) -> float:
        if call.model == model:
            return now - call.began - call.reading
        silent = call.began >= self.heard.get(call.provider, -math.inf)
        return now - call.began - call.reading if silent and now >= call.late else 0.0

    def drift(self, provider: str, model: str, now: float) -> float:
        """Return by how many seconds a second what is expected of a model moves by time alone, while nobody waits."""
        pace = self.paces.get((provider, model))
        return 0.0 if pace is None else pace.drift(now)

    def growing(self, now: float) -> set[tuple[str, str | None]]:
        """Return where calls wait, by provider and model, and by a provider and None where one of its calls is late."""
        calls = tuple(self.calls.values())
        late: set[tuple[str, str | None]] = {(call.provider, None) for call in calls if now >= call.late}
        return late | {(call.provider, call.model) for call in calls}

    def sent(self, provider: str, model: str, *, tokens: int, prior: float, now: float) -> int:
        """Note a call that waits for its first token from now on; return its number."""
        self.count += 1
        reading = tokens / PREFILL_SPEED
        late = now + reading + self.first(provider, model, prior, now) * LATE_TIMES + LATE_SECONDS
        self.calls[self.count] = Waits(provider, model, now, reading, late)
        return self.count

    def spoke(self, call: int, now: float) -> None:
        """Note that a call has its first token."""
        known = self.calls.pop(call, None)
        if known is not None:
            self.heard[known.provider] = now

    def ended(self, call: int) -> None:
        """Note that a call is over, with a first token or without."""
        self.calls.pop(call, None)

    def answered(
        self, provider: str, model: str, *, first: float | None, whole: float, tokens: int, read: int, now: float
    ) -> float | None:
        """Take in an answer: seconds to its first token (None: it came whole) and to its end; return its speed.

        ``read`` are the tokens of the prompt that no cache held. Of what came
        whole, the first token is told from the speed, where that is known.
        """
        pace = self.paces.setdefault((provider, model), Pace())
        seen: float | None = None
        if first is not None and tokens and whole - first > 0.01:
            seen = tokens / (whole - first)
            pace.speed = seen if pace.speed is None else pace.speed + (seen - pace.speed) * SPEED_WEIGHT
        if first is None and pace.speed:
            first = max(whole - tokens / pace.speed, 0.0)
        if first is not None:
            pace.heard(max(first - read / PREFILL_SPEED, first * LEAST_PART), now)
        return seen

    def speed(self, provider: str, model: str) -> float | None:
        """Return the tokens a second of a model, None where no stream has shown it."""
        pace = self.paces.get((provider, model))
        return None if pace is None else pace.speed


def faded(seconds: float, half_life: float) -> float:
    """Return what is left of a memory after so many seconds."""
    return math.exp2(-max(seconds, 0.0) / half_life)
