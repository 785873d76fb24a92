"""Expects how soon a model's first token comes: what is usual there, what was worst of late, and who waits already."""

import math
from typing import NamedTuple

import msgspec

HALF_LIFE = 120.0
WEIGHT = 0.3
CALM_WEIGHT = 0.05
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
    calm: float | None = None
    """What is usual in good times: quick to learn of better, slow to believe in worse."""
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
        if self.calm is None:
            self.calm = sample
        self.calm += (sample - self.calm) * (WEIGHT if sample < self.calm else CALM_WEIGHT)
        self.peak, self.at = (sample if sample >= expected else sample + (expected - sample) * 0.7), now


class Waits(NamedTuple):
    """A call without a first word yet: since when, what reading and writing before it take, and when it is late."""

    model: str
    began: float
    before: float
    late: float


class Speeds:
    """The paces of all models that were called; any thread may ask, one at a time may tell."""

    def __init__(self) -> None:
        """Start with nothing known."""
        self.paces: dict[tuple[str, str], Pace] = {}
        self.calls: dict[str, dict[int, Waits]] = {}
        """Calls without a first word, by provider."""
        self.places: dict[int, str] = {}
        self.heard: dict[str, float] = {}
        """When each provider gave a first token last."""
        self.count = 0

    def first(self, provider: str, model: str, prior: float, now: float) -> float:
        """Return the seconds to expect to the first token, never less than who is late already has waited."""
        pace = self.paces.get((provider, model))
        expected = prior if pace is None else pace.first(prior, now)
        for call in tuple(self.calls.get(provider, {}).values()):
            if call.model == model or self._is_late(provider, call, now):
                expected = max(expected, now - call.began - call.before)
        return expected

    def late(self, provider: str, now: float) -> int:
        """Return how many calls are late at a provider from which nothing has come since they began."""
        calls = self.calls.get(provider)
        return sum(self._is_late(provider, call, now) for call in tuple(calls.values())) if calls else 0

    def drift(self, provider: str, model: str, now: float) -> float:
        """Return by how many seconds a second what is expected of a model moves by time alone, while nobody waits."""
        pace = self.paces.get((provider, model))
        return 0.0 if pace is None else pace.drift(now)

    def growing(self, now: float) -> set[tuple[str, str | None]]:
        """Return where calls wait, by provider and model, and by a provider and None where one of its calls is late."""
        found: set[tuple[str, str | None]] = set()
        for provider in set(tuple(self.places.values())):
            for call in tuple(self.calls.get(provider, {}).values()):
                found.add((provider, call.model))
                if now >= call.late:
                    found.add((provider, None))
        return found

    def _is_late(self, provider: str, call: Waits, now: float) -> bool:
        return now >= call.late and call.began >= self.heard.get(provider, -math.inf)

    def sent(
        self,
        provider: str,
        model: str,
        *,
        tokens: int,
        prior: float,
        now: float,
        writing: float = 0.0,
        least: float = 0.0,
    ) -> int:
        """Note a call that waits for its first word from now on; return its number.

        Of an answer that comes whole nothing is heard before its end: ``writing``
        seconds later. It is late after ``least`` seconds at the earliest.
        """
        self.count += 1
        before = tokens / PREFILL_SPEED + writing
        wait = (self.first(provider, model, prior, now) + writing) * LATE_TIMES + LATE_SECONDS
        late = now + before - writing + max(wait, least)
        self.calls.setdefault(provider, {})[self.count] = Waits(model, now, before, late)
        self.places[self.count] = provider
        return self.count

    def spoke(self, call: int, now: float) -> None:
        """Note that a call has its first word."""
        provider = self.places.get(call)
        if provider is not None:
            self.ended(call)
            self.heard[provider] = now

    def ended(self, call: int) -> None:
        """Note that a call is over, with a first word or without."""
        provider = self.places.pop(call, None)
        if provider is not None:
            self.calls[provider].pop(call, None)

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
    return math.exp2(-seconds / half_life) if seconds > 0 else 1.0
