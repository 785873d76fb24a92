"""What could have been had: plans made with the fleet's whole truth, in the order in which requests come."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from bench.fleet.members import PREFILL
from bench.fleet.quotas import Meter
from bench.fleet.tasks import Errand
from bench.fleet.world import House, Kind, World


@dataclass
class Plan:
    """One plan's outcome."""

    served: int = 0
    asked: int = 0
    first: list[float] = field(default_factory=list)
    quality: list[float] = field(default_factory=list)


def tokens_of(errand: Errand, turn: int) -> int:
    """Return about how many tokens one request of an errand has."""
    return (len(errand.system) + len(errand.filler)) // 4 + 60 + turn * 60 + (400 if errand.kind == "agent" else 0)


def able(kind: Kind, errand: Errand, tokens: int) -> bool:
    """Return whether a model really can do it."""
    needs = {"agent": "tools", "image": "vision"}.get(errand.kind, "chat")
    return needs in kind.can and tokens < kind.context


def plan(true: World, errands: list[Errand], *, best: Callable[[Kind, float], float]) -> Plan:
    """Return what serving each request with whoever scores ``best`` would have given, nobody ever failing."""
    rng = random.Random(true.seed + 2)
    shared = {(house.name, key): Meter(house.limits) for house in true.houses for key in range(house.keys)}
    own = {(house.name, key, kind.id): Meter(kind.limits) for house, kind in true.models() for key in range(house.keys)}
    made = Plan()
    asks = sorted(
        ((errand.at + turn * 2.0, next(_TIE), errand, turn) for errand in errands for turn in range(errand.requests)),
    )
    for at, _, errand, turn in asks:
        made.asked += 1
        tokens = tokens_of(errand, turn)
        found: tuple[float, House, int, Kind, float] | None = None
        for house, kind in true.models():
            if not house.free or not able(kind, errand, tokens):
                continue
            spell = true.spell(house.name, at)
            if spell in ("500", "reset", "hang"):
                continue
            ttft = (kind.ttft * rng.lognormvariate(0, 0.35) + tokens / PREFILL) * (
                true.slowness if spell == "slow" else 1.0
            )
            score = best(kind, ttft)
            if found is not None and score >= found[0]:
                continue
            for key in range(house.keys):
                if true.dead(house.name, kind.id, key, at) is None and all(
                    meter.free(tokens, at) for meter in (shared[house.name, key], own[house.name, key, kind.id])
                ):
                    found = (score, house, key, kind, ttft)
                    break
        if found is None:
            continue
        _, house, key, kind, ttft = found
        for meter in (shared[house.name, key], own[house.name, key, kind.id]):
            meter.take(kind.id, tokens, at)
            meter.correct(errand.specs[0].words, at)
        made.served += 1
        made.first.append(ttft)
        made.quality.append(kind.quality)
    return made


_TIE = count()


def quickest(kind: Kind, ttft: float) -> float:
    """Prefer the first word soonest."""
    return ttft


def finest(kind: Kind, ttft: float) -> float:
    """Prefer quality, whatever it takes."""
    return -kind.quality


def balanced(kind: Kind, ttft: float) -> float:
    """Weigh a point of quality as a tenth of a second."""
    return ttft - 0.1 * kind.quality
