"""What truly happens to a call: the same for whoever makes it, whichever rule chose it."""

import json
import math
from collections import Counter
from dataclasses import dataclass, field
from random import Random

from bench.routing.clock import Clock
from bench.routing.dialects import refusal, stated
from bench.routing.fleet import Brain, House
from bench.routing.jobs import Job
from bench.routing.limits import Meter

CACHE_SECONDS = 300.0
CACHE_LEAST = 1024
HANGS = 3600.0


@dataclass
class Fate:
    """What comes of one call: when its first and its last word come, or how it fails and when."""

    first: float
    last: float
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    how: str = "ok"
    """``ok``, ``connect``, ``hang``, ``empty``, or ``status``."""
    cached: int = 0
    input: int = 0


@dataclass
class Counts:
    """What a rule's calls cost the providers."""

    calls: int = 0
    limited: int = 0
    paid: int = 0
    dead: Counter[str] = field(default_factory=Counter)
    exhausted: int = 0
    failed: Counter[str] = field(default_factory=Counter)


class World:
    """One fleet under one strategy: true quotas, caches, spells and deaths."""

    def __init__(self, houses: list[House], clock: Clock, seed: int) -> None:
        """Begin with fresh quotas."""
        self.houses = {house.name: house for house in houses}
        self.brains = {brain.key: brain for house in houses for brain in house.models}
        self.clock = clock
        self.seed = seed
        self.began = clock.now
        self.meters: dict[tuple[str, str, str], list[Meter]] = {}
        self.shared: dict[tuple[str, str], list[Meter]] = {}
        self.caches: dict[tuple[str, str, str], tuple[int, float]] = {}
        self.tries: Counter[tuple[int, str]] = Counter()
        self.counts = Counts()

    @property
    def since(self) -> float:
        """Return the seconds since the beginning."""
        return self.clock.now - self.began

    def metered(self, brain: Brain, account: str) -> list[Meter]:
        """Return the meters that a call of this account is counted in."""
        where = (brain.house, account, brain.id)
        found = self.meters.get(where)
        if found is None:
            house = self.houses[brain.house]
            shared = self.shared.setdefault(
                (house.name, account), [Meter(house.name, kind, most) for kind, most in house.limits.items()]
            )
            own = [Meter(house.name, kind, most) for kind, most in brain.limits.items()]
            found = self.meters[where] = own + shared
        return found

    def fate(self, job: Job, brain: Brain, secret: str, account: str) -> Fate:
        """Return what would come of a call made now; changes nothing."""
        house, now = self.houses[brain.house], self.since
        random = Random(f"{self.seed} {job.id} {brain.key} {self.tries[job.id, brain.key]}")
        out = house.out(now)
        if out is not None:
            return _outage(out, random)
        tokens = int(job.tokens * brain.size)
        refused = self._refused(job, brain, house, secret, tokens, now)
        if refused is not None:
            return Fate(0.08, 0.08, *refused, how="status")
        full = self._full(brain, account, tokens + job.output)
        if full is not None:
            meter, wait = full
            said = refusal(house.dialect, meter, model=brain.id, wait=wait, asked=tokens, now=self.clock.wall())
            return Fate(0.08, 0.08, said.status, said.headers, said.body, how="limited")
        if random.random() < brain.errors:
            return _accident(random)
        cached = self.cached(job, brain, account)
        slow = house.slow(now)
        first = brain.first * random.lognormvariate(0, brain.spread) * slow + (tokens - cached) / brain.prefill
        last = first + job.output * slow**0.5 / brain.speed
        return Fate(first, last, cached=cached, input=tokens)

    def cached(self, job: Job, brain: Brain, account: str) -> int:
        """Return how many of the prompt's tokens this model has read before."""
        tokens, at = self.caches.get((job.session, brain.key, account), (0, -math.inf))
        fresh = self.clock.now - at < CACHE_SECONDS
        return int(min(tokens, job.tokens * brain.size)) if fresh and tokens >= CACHE_LEAST else 0

    def _refused(
        self, job: Job, brain: Brain, house: House, secret: str, tokens: int, now: float
    ) -> tuple[int, dict[str, str], bytes] | None:
        """Return status, headers and body of a refusal that is no matter of quota."""
        if now >= house.key_dies.get(secret, math.inf):
            return _told(401, "Invalid API key", "invalid_api_key")
        if now >= brain.dies:
            return _told(404, f"The model `{brain.id}` does not exist", "model_not_found")
        if not job.needs <= brain.abilities:
            lacks = min(job.needs - brain.abilities)
            return _told(400, f"{lacks} is not supported by this model", "unsupported_parameter", lacks)
        if tokens + job.output > brain.context:
            text = f"This model's maximum context length is {brain.context} tokens, you requested {tokens}."
            return _told(400, text, "context_length_exceeded")
        return None

    def _full(self, brain: Brain, account: str, tokens: int) -> tuple[Meter, float] | None:
        """Return the meter that refuses longest, and for how long."""
        now = self.clock.wall()
        found: tuple[Meter, float] | None = None
        for meter in self.metered(brain, account):
            wait = meter.wait(tokens if meter.tokens else 1, now)
            if wait > 0 and (found is None or wait > found[1]):
                found = (meter, wait)
        return found

    def wait(self, job: Job, brain: Brain, account: str) -> float:
        """Return the seconds until the quota holds such a call."""
        full = self._full(brain, account, int(job.tokens * brain.size) + job.output)
        return 0.0 if full is None else full[1]

    def call(self, job: Job, brain: Brain, secret: str, account: str) -> Fate:
        """Make a call: count it, and return its fate."""
        house, counts, now = self.houses[brain.house], self.counts, self.since
        fate = self.fate(job, brain, secret, account)
        self.tries[job.id, brain.key] += 1
        counts.calls += 1
        counts.paid += not house.free
        counts.limited += fate.how == "limited"
        if now >= house.dies:
            counts.dead[house.name] += 1
        elif now >= house.key_dies.get(secret, math.inf):
            counts.dead[f"key of {house.name}"] += 1
        elif now >= brain.dies:
            counts.dead[brain.key] += 1
        if brain.limits.get("rpd") == 0:
            counts.exhausted += 1
        if fate.how != "ok":
            counts.failed[fate.how if fate.how != "status" else str(fate.status)] += 1
        if fate.how in ("ok", "empty") or (house.name == "openrouter" and fate.how != "connect"):
            meters, wall = self.metered(brain, account), self.clock.wall()
            for meter in meters:
                amount = fate.input + job.output if meter.tokens else 1
                meter.take(amount, wall, fate.last)
            fate.headers = {"content-type": "text/event-stream", **stated(house.dialect, meters, wall)}
        if fate.how == "ok":
            self.caches[job.session, brain.key, account] = (fate.input, self.clock.now)
        return fate


def _told(status: int, message: str, code: str, param: str | None = None) -> tuple[int, dict[str, str], bytes]:
    body = {"error": {"message": message, "type": "invalid_request_error", "code": code, "param": param}}
    return status, {"content-type": "application/json"}, json.dumps(body).encode()


def _outage(how: str, random: Random) -> Fate:
    match how:
        case "connect":
            return Fate(0.02, 0.02, how="connect")
        case "hang":
            return Fate(HANGS, HANGS, how="hang")
        case "overloaded":
            status, headers, body = _told(503, "The service is overloaded", "overloaded")
        case _:
            status, headers, body = _told(500, "Internal error", "server_error")
    seconds = random.uniform(0.1, 0.6)
    return Fate(seconds, seconds, status, headers, body, how="status")


def _accident(random: Random) -> Fate:
    """Return how a call fails now and then at a provider in good health."""
    seconds = random.uniform(0.1, 1.5)
    draw = random.random()
    if draw < 0.5:
        return Fate(seconds, seconds, *_told(500, "Internal error", "server_error"), how="status")
    if draw < 0.75:
        return Fate(seconds, seconds, *_told(503, "Please try again later", "overloaded"), how="status")
    if draw < 0.9:
        return Fate(seconds, seconds, how="connect")
    return Fate(seconds, seconds, how="empty") if draw < 0.97 else Fate(HANGS, HANGS, how="hang")
