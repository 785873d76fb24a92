"""One task at several providers, their answers ranked by what the caller cares for (routing.md 8)."""

from collections.abc import Iterator, Sequence
from typing import Any

from wallas.routing.branch import Branch
from wallas.routing.contest import Contest, row
from wallas.routing.desk import Desk
from wallas.routing.judge import JudgeBranch, judges_of, mean, told_of
from wallas.routing.judging import FEW, Score, prior, substance
from wallas.routing.plan import Plan
from wallas.types.flow import READ, Want

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
JUDGED = {"judged": 0.6, "substance": 0.25, "quality": 0.15}
"""What counts for ``calidad`` where a model has judged."""
"""What each part counts for under each criterion."""
QUOTA_HALF = 0.02
"""A call that takes this share of a day's limit has half of what is to be had for quota."""


class Comparison(Contest):
    """All branches to their end, ranked by one criterion."""

    kind = "diligence"

    def __init__(self, plan: Plan, desk: Desk, *, most: int, criterion: str, task: str, judge: bool = False) -> None:
        """Compare by a criterion of ``WEIGHTS``; with ``judge`` a model that took no part marks the answers."""
        super().__init__(plan, desk, most=most)
        self.criterion = criterion
        self.task = task
        self.judge = judge
        self.marks: dict[int, float] = {}
        self.verdict: dict[str, Any] | None = None

    def score(self, branch: Branch) -> Score:
        """Return what an answer is worth by the criterion, beside the others."""
        others = self.whole()
        worth, faults = substance(branch, others, self.plan.request)
        known = {"calidad": _quality, "velocidad": _speed, "costo": _cost}[self.criterion](branch, others)
        parts = {"substance": worth, **known}
        if branch.number in self.marks:
            parts["judged"] = self.marks[branch.number]
        total = sum(weight * parts[name] for name, weight in self.weights.items())
        return Score(total=total, parts=parts, faults=faults)

    @property
    def weights(self) -> dict[str, float]:
        """Return what each part counts for."""
        return JUDGED if self.marks else WEIGHTS[self.criterion]

    def deciding(self) -> Iterator[bytes | Want]:
        """Yield the waits until a model has judged, if one shall; without a verdict what was measured decides."""
        answers = self.whole()
        if not self.judge or len(answers) < 2:
            self.verdict = {"error": "there were not two answers to judge"} if self.judge else None
            return
        able = judges_of(self.plan.candidates, self.branches)
        if not able:
            self.verdict = {"error": "no model is left that did not take part"}
            return
        orders = (answers, answers[::-1])
        first = len(self.branches)
        judges = [JudgeBranch(able, one, task=self.task, number=first + at) for at, one in enumerate(orders)]
        self.judges = list(judges)
        self.sheaf.join(len(judges))
        self.send_off(judges)
        while not all(one.over for one in judges) and not self.deadlines.overdue:
            yield READ
            self.bell.quiet()
        verdicts = [marks for one in judges if (marks := one.marks()) is not None]
        self.marks = mean(verdicts) if verdicts else {}
        self.verdict = told_of(judges, self.marks, answers) if verdicts else {"error": "nobody gave a verdict"}
        if self.streaming:
            yield self.event("judge", self.verdict)

    def result(self, winner: Branch) -> dict[str, Any]:
        """Return the rankings, best first, then those that failed."""
        ranked = self.ranked()
        good = [{"rank": place, **row(branch, score)} for place, (score, branch) in enumerate(ranked, 1)]
        bad = [{"rank": None, **row(branch, None)} for branch in self.branches if not branch.whole]
        return {
            "object": "diligence.comparison",
            "criteria": self.criterion,
            "task": self.task,
            "weights": self.weights,
            "rankings": good + bad,
            "winner": winner.id,
            "elapsed_ms": round(self.elapsed * 1000, 1),
        } | ({"judge": self.verdict} if self.judge else {})

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
