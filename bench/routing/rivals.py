"""Other rules on the same events: simple ones, and LiteLLM's three, written from its documentation of routing.

Every rule gets what its own world would give it: the catalogue's line of each
model, four tries, twenty seconds for a first token, and failover at once.
"""

import math
from collections import defaultdict, deque
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from bench.routing.clock import Clock, Life
from bench.routing.fleet import Brain
from bench.routing.jobs import Job
from bench.routing.results import Result
from bench.routing.world import Fate, World

TRIES = 4
PATIENCE = 20.0


class Option(NamedTuple):
    """A model with a key."""

    brain: Brain
    secret: str
    account: str


class Rule:
    """Chooses at random among those that are said to be able; the other rules are made of it."""

    resells_empty = False
    """Whether an empty answer is passed on as an answer."""

    def __init__(self, world: World, seed: int) -> None:
        """Know the catalogue."""
        self.world = world
        self.clock: Clock = world.clock
        self.random = Random(f"rule {seed}")
        self.options = [
            Option(brain, secret, account)
            for house in world.houses.values()
            if house.free
            for brain in house.models
            for secret, account in house.keys
        ]

    def able(self, job: Job, tried: Sequence[Option]) -> list[Option]:
        """Return who is said to be able to serve a job and was not tried for it yet."""
        room = job.tokens * 1.1 + job.output
        return [
            one
            for one in self.options
            if job.needs <= one.brain.told["abilities"] and room <= one.brain.told["context"] and one not in tried
        ]

    def choose(self, job: Job, tried: Sequence[Option]) -> Option | None:
        """Return whom to ask."""
        able = self.able(job, tried)
        return self.random.choice(able) if able else None

    def sent(self, one: Option, job: Job) -> None:
        """Note that a call was made."""

    def told(self, one: Option, job: Job, fate: Fate, seconds: float) -> None:
        """Note how a call ended, after how many seconds."""

    def start(self, job: Job, result: Result) -> None:
        """Take a request in."""
        self.clock.live(self._life(job, result))

    def _life(self, job: Job, result: Result) -> Life:
        tried: list[Option] = []
        while len(tried) < TRIES and (one := self.choose(job, tried)) is not None:
            tried.append(one)
            self.sent(one, job)
            fate = self.world.call(job, one.brain, one.secret, one.account)
            heard = fate.how == "ok" or (fate.how == "empty" and self.resells_empty)
            if fate.first < PATIENCE and heard:
                yield fate.first
                result.first = self.clock.now - result.began if job.stream else None
                self.told(one, job, fate, fate.first)
                yield fate.last - fate.first
                result.served, result.brain, result.cached = fate.how == "ok", one.brain, fate.cached
                result.outcome = "ok" if fate.how == "ok" else "empty"
                break
            yield min(fate.first, PATIENCE)
            self.told(one, job, fate, min(fate.first, PATIENCE))
        result.attempts, result.ended = len(tried), self.clock.now
        if result.outcome == "open":
            result.outcome = "failed"
        result.finished()


class RoundRobin(Rule):
    """Takes turns."""

    def __init__(self, world: World, seed: int) -> None:
        """Begin with the first."""
        super().__init__(world, seed)
        self.turn = 0

    def choose(self, job: Job, tried: Sequence[Option]) -> Option | None:
        """Return the next in turn."""
        able = self.able(job, tried)
        self.turn += 1
        return able[self.turn % len(able)] if able else None


class Quickest(Rule):
    """Asks whoever answered soonest of late: a peak-EWMA, nothing else."""

    def __init__(self, world: World, seed: int) -> None:
        """Know no latencies."""
        super().__init__(world, seed)
        self.seen: dict[str, tuple[float, float]] = {}

    def choose(self, job: Job, tried: Sequence[Option]) -> Option | None:
        """Return the one with the lowest expected time."""
        able = self.able(job, tried)
        return min(able, key=lambda one: (self._expected(one), one.brain.key), default=None)

    def _expected(self, one: Option) -> float:
        seconds, at = self.seen.get(one.brain.key + one.secret, (0.0, 0.0))
        return 1.0 + (seconds - 1.0) * 0.5 ** ((self.clock.now - at) / 60.0) if seconds else 0.5

    def told(self, one: Option, job: Job, fate: Fate, seconds: float) -> None:
        """Take worse at once, better slowly; a failure is ten seconds."""
        known = self._expected(one)
        worse = seconds if fate.how == "ok" else max(seconds, 10.0)
        self.seen[one.brain.key + one.secret] = (max(worse, worse + (known - worse) * 0.7), self.clock.now)


class Shuffle(Rule):
    """LiteLLM's ``simple-shuffle``: at random, weighed by the configured rpm where there is one; with cooldowns.

    A deployment cools down for five seconds after a 429, a 401, a 404 or a
    408, or when more than half of a minute's calls failed (docs.litellm.ai,
    "Router - Load Balancing" and "Cooldowns").
    """

    resells_empty = True
    COOL = 5.0

    def __init__(self, world: World, seed: int) -> None:
        """Begin with nobody cooling down."""
        super().__init__(world, seed)
        self.cooling: dict[Option, float] = {}
        self.calls: dict[Option, deque[tuple[float, bool]]] = defaultdict(lambda: deque(maxlen=200))

    def able(self, job: Job, tried: Sequence[Option]) -> list[Option]:
        """Return who does not cool down; a retry may meet the same deployment again."""
        return [one for one in super().able(job, ()) if self.cooling.get(one, 0.0) <= self.clock.now]

    def choose(self, job: Job, tried: Sequence[Option]) -> Option | None:
        """Return one at random."""
        able = self.able(job, tried)
        weights = [self.limit(one, "rpm") or 0 for one in able]
        if not able:
            return None
        return self.random.choices(able, weights if all(weights) else None)[0]

    def limit(self, one: Option, kind: str) -> int | None:
        """Return what the configuration says of a deployment's limit."""
        limits = one.brain.told["limits"] or {}
        return limits.get(kind)

    def told(self, one: Option, job: Job, fate: Fate, seconds: float) -> None:
        """Let it cool down when it has to."""
        now, calls = self.clock.now, self.calls[one]
        good = fate.how in ("ok", "empty")
        calls.append((now, good))
        recent = [ok for at, ok in calls if now - at <= 60]
        if good:
            return
        at_once = fate.how in ("limited", "hang") or fate.status in (401, 404, 408)
        if at_once or recent.count(False) * 2 > len(recent):
            self.cooling[one] = now + self.COOL


class ByLatency(Shuffle):
    """LiteLLM's ``latency-based-routing``: the lowest mean of ten times to the first token; the unknown first."""

    def __init__(self, world: World, seed: int) -> None:
        """Know no latencies."""
        super().__init__(world, seed)
        self.latencies: dict[Option, deque[float]] = defaultdict(lambda: deque(maxlen=10))

    def choose(self, job: Job, tried: Sequence[Option]) -> Option | None:
        """Return the one with the lowest latency, at random among equals."""
        able = self.able(job, tried)
        self.random.shuffle(able)
        return min(able, key=self._latency, default=None)

    def _latency(self, one: Option) -> float:
        seen = self.latencies[one]
        return sum(seen) / len(seen) if seen else 0.0

    def told(self, one: Option, job: Job, fate: Fate, seconds: float) -> None:
        """Keep the time of a success; a timeout counts a thousand seconds."""
        super().told(one, job, fate, seconds)
        if fate.how in ("ok", "empty"):
            self.latencies[one].append(seconds)
        elif fate.how == "hang":
            self.latencies[one].append(1000.0)


class ByUsage(Shuffle):
    """LiteLLM's ``usage-based-routing-v2``: the fewest tokens this minute, within the configured rpm and tpm."""

    def __init__(self, world: World, seed: int) -> None:
        """Begin with nothing used."""
        super().__init__(world, seed)
        self.used: dict[tuple[Option, int], list[float]] = defaultdict(lambda: [0.0, 0.0])

    def choose(self, job: Job, tried: Sequence[Option]) -> Option | None:
        """Return the one that was used least this minute."""
        able = [one for one in self.able(job, tried) if self._fits(one, job)]
        self.random.shuffle(able)
        return min(able, key=lambda one: self._now(one)[1], default=None)

    def _now(self, one: Option) -> list[float]:
        return self.used[one, int(self.clock.wall() // 60)]

    def _fits(self, one: Option, job: Job) -> bool:
        calls, tokens = self._now(one)
        rpm, tpm = self.limit(one, "rpm"), self.limit(one, "tpm")
        return calls < (rpm or math.inf) and tokens + job.tokens <= (tpm or math.inf)

    def sent(self, one: Option, job: Job) -> None:
        """Count the request."""
        self._now(one)[0] += 1

    def told(self, one: Option, job: Job, fate: Fate, seconds: float) -> None:
        """Count the tokens of a success."""
        super().told(one, job, fate, seconds)
        if fate.how == "ok":
            self._now(one)[1] += fate.input + job.output


RIVALS: dict[str, type[Rule]] = {
    "random": Rule,
    "round robin": RoundRobin,
    "latency argmin": Quickest,
    "litellm simple-shuffle": Shuffle,
    "litellm latency-based": ByLatency,
    "litellm usage-based-v2": ByUsage,
}
