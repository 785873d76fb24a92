"""What a rule made of each request, and the figures that follow."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bench.routing.fleet import Brain
from bench.routing.jobs import Job
from bench.routing.world import Counts


@dataclass
class Result:
    """One request's outcome; seconds on the simulated clock."""

    job: Job
    began: float
    finished: Callable[[], None] = lambda: None
    first: float | None = None
    ended: float = 0.0
    served: bool = False
    outcome: str = "open"
    attempts: int = 0
    cached: int = 0
    brain: Brain | None = None


@dataclass
class Figures:
    """What one rule achieved on some seeds, all their requests taken together."""

    requests: int = 0
    served: int = 0
    firsts: list[float] = field(default_factory=list)
    attempts: int = 0
    limited: int = 0
    paid: int = 0
    dead: int = 0
    """The most calls to anything dead."""
    exhausted: int = 0
    quality: list[float] = field(default_factory=list)
    hard: list[float] = field(default_factory=list)
    turns: int = 0
    hits: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)

    def add(self, results: Sequence[Result], counts: Counts) -> None:
        """Take in one run."""
        self.requests += len(results)
        self.limited += counts.limited
        self.paid += counts.paid
        self.exhausted = max(self.exhausted, counts.exhausted)
        self.dead = max([self.dead, *counts.dead.values()])
        for one in results:
            self.attempts += one.attempts
            self.outcomes[one.outcome] = self.outcomes.get(one.outcome, 0) + (not one.served)
            if one.job.kind == "agent" and one.job.turn:
                self.turns += 1
                self.hits += one.cached > 0
            if not one.served or one.brain is None:
                continue
            self.served += 1
            self.quality.append(one.brain.quality)
            if one.job.hard:
                self.hard.append(one.brain.quality)
            if one.first is not None:
                self.firsts.append(one.first)

    def take(self, other: "Figures") -> None:
        """Take in what was achieved elsewhere."""
        for name in ("requests", "served", "attempts", "limited", "paid", "turns", "hits"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("firsts", "quality", "hard"):
            getattr(self, name).extend(getattr(other, name))
        self.dead, self.exhausted = max(self.dead, other.dead), max(self.exhausted, other.exhausted)
        for outcome, count in other.outcomes.items():
            self.outcomes[outcome] = self.outcomes.get(outcome, 0) + count

    def first(self, share: float) -> float:
        """Return the seconds within which this share of the streams had a first token."""
        ordered = sorted(self.firsts)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else math.nan

    def row(self) -> dict[str, float]:
        """Return the figures by name."""
        return {
            "requests": self.requests,
            "served %": round(100 * self.served / max(self.requests, 1), 3),
            "first p50": round(self.first(0.5), 3),
            "first p95": round(self.first(0.95), 3),
            "first p99": round(self.first(0.99), 3),
            "429s/request": round(self.limited / max(self.requests, 1), 4),
            "attempts": round(self.attempts / max(self.requests, 1), 3),
            "quality": round(_mean(self.quality), 1),
            "hard quality": round(_mean(self.hard), 1),
            "cache hits %": round(100 * self.hits / self.turns, 1) if self.turns else math.nan,
            "dead calls": self.dead,
            "exhausted calls": self.exhausted,
            "paid": self.paid,
        }


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan
