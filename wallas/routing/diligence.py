"""One task at several providers, their answers ranked by what the caller cares for (routing.md 8)."""

from collections.abc import Iterator, Sequence
from typing import Any

from wallas.routing.attempts import Plan
from wallas.routing.branch import Branch
from wallas.routing.contest import Contest, row
from wallas.routing.desk import Desk
from wallas.routing.judging import FEW, Score, prior, substance

CRITERIA = {
    "calidad": "calidad",
    "quality": "calidad",
    "velocidad": "velocidad",
    "speed": "velocidad",
    "costo": "costo",
    "cost": "costo",
}
WEIGHTS: dict[str, dict[str, float]] = {
    "calidad": {"substance": 0.7, "quality": 0.3},
    "velocidad": {"first_token": 0.5, "speed": 0.5},
    "costo": {"money": 0.7, "quota": 0.3},
}
"""What each part counts for under each criterion."""
QUOTA_HALF = 0.02
"""A call that takes this share of a day's limit has half of what is to be had for quota."""


class Comparison(Contest):
    """All branches to their end, ranked by one criterion."""

    kind = "diligence"

    def __init__(self, plan: Plan, desk: Desk, *, most: int, criterion: str, task: str) -> None:
        """Compare by a criterion of ``WEIGHTS``."""
        super().__init__(plan, desk, most=most)
        self.criterion = criterion
        self.task = task

    def score(self, branch: Branch) -> Score:
        """Return what an answer is worth by the criterion, beside the others."""
        others = self.whole()
        worth, faults = substance(branch, others, self.plan.request)
        known = {"calidad": _quality, "velocidad": _speed, "costo": _cost}[self.criterion](branch, others)
        parts = {"substance": worth, **known}
        total = sum(weight * parts[name] for name, weight in WEIGHTS[self.criterion].items())
        return Score(total=total, parts=parts, faults=faults)

    def result(self, winner: Branch) -> dict[str, Any]:
        """Return the rankings, best first, then those that failed."""
        ranked = self.ranked()
        good = [{"rank": place, **row(branch, score)} for place, (score, branch) in enumerate(ranked, 1)]
        bad = [{"rank": None, **row(branch, None)} for branch in self.branches if not branch.whole]
        return {
            "object": "diligence.comparison",
            "criteria": self.criterion,
            "task": self.task,
            "weights": WEIGHTS[self.criterion],
            "rankings": good + bad,
            "winner": winner.id,
            "elapsed_ms": round(self.elapsed * 1000, 1),
        }

    def ending(self, winner: Branch) -> Iterator[bytes]:
        """Yield the rankings as the last event."""
        yield self.event("result", self.result(winner)) + b"data: [DONE]\n\n"


def _quality(branch: Branch, others: Sequence[Branch]) -> dict[str, float]:
    return {"quality": prior(branch)}


def _speed(branch: Branch, others: Sequence[Branch]) -> dict[str, float]:
    """Return first token and words a second, each against the best of all."""
    firsts = [max(other.first_seconds or other.seconds, 1e-4) for other in others]
    own = max(branch.first_seconds or branch.seconds, 1e-4)
    rate = tokens_a_second(branch)
    return {"first_token": min(firsts) / own, "speed": rate / max(tokens_a_second(other) for other in others)}


def tokens_a_second(branch: Branch) -> float:
    """Return the tokens a second of the whole answer, its wait for the first token included."""
    return max(branch.hops[-1].output or 0, 1) / max(branch.seconds, 1e-4)


def _cost(branch: Branch, others: Sequence[Branch]) -> dict[str, float]:
    """Return money against the cheapest of all (an unknown price counts as the worst), and what quota it took."""
    spent, least = branch.hops[-1].cost, min((other.hops[-1].cost or 0.0 for other in others), default=0.0)
    money = 0.0 if spent is None else 1.0 if spent <= least else least / spent
    return {"money": money, "quota": QUOTA_HALF / (QUOTA_HALF + quota_share(branch))}


def quota_share(branch: Branch) -> float:
    """Return the share of its model's day that a call took: of requests or of tokens, whichever is more."""
    limits, hop = branch.candidate.model.limits, branch.hops[-1]
    usual = 0.0 if branch.candidate.provider.row.local else FEW
    if limits is None:
        return usual
    shares = [1 / limits.rpd] if limits.rpd else []
    if limits.tpd:
        shares.append(((hop.input or 0) + (hop.output or 0)) / limits.tpd)
    if limits.rpmonth:
        shares.append(30 / limits.rpmonth)
    return max(shares, default=usual)
