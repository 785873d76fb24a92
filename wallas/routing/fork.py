"""The same request at several providers at once; the best answer is the answer (routing.md 8)."""

from collections.abc import Iterator
from typing import Any

from wallas.codecs import openai_chat
from wallas.routing.branch import Branch
from wallas.routing.contest import Contest
from wallas.routing.desk import Desk
from wallas.routing.judging import Score, beatable_until, score
from wallas.routing.plan import Plan
from wallas.types.chat import ChatResponse
from wallas.types.events import unfold

GRACE = 2.0
"""How long an acceptable answer waits for those that may still be better."""


class Fork(Contest):
    """A fork; with ``all_of_them`` nobody is cut off and every whole answer is told."""

    kind = "fork"

    def __init__(self, plan: Plan, desk: Desk, *, most: int, all_of_them: bool = False) -> None:
        """Ask the best ``most`` providers of the plan."""
        super().__init__(plan, desk, most=most)
        self.all_of_them = all_of_them
        self.acceptable_at: float | None = None

    def score(self, branch: Branch) -> Score:
        """Return the fork's score: substance, latency, quality prior."""
        return score(branch, self.whole(), self.plan.request)

    def enough(self) -> bool:
        """Return whether an acceptable answer is here that nobody can beat any more, or the grace is over."""
        if self.all_of_them:
            return False
        best = self.ranked()[0][0]
        if not best.acceptable:
            return False
        now = self.desk.clock()
        if self.acceptable_at is None:
            self.acceptable_at = now
        left = self.acceptable_at + GRACE - now
        hopes = [self._hope(best.total, branch) for branch in self.branches if not branch.over]
        wait = min(left, max(hopes, default=0.0))
        if wait <= 0:
            return True
        self.deadlines.wake(wait)
        return False

    def result(self, winner: Branch) -> dict[str, Any]:
        """Return an ordinary completion with what became of the branches beside it."""
        return openai_chat.encode_response(winner.response()) | self._metadata(winner)

    def ending(self, winner: Branch) -> Iterator[bytes]:
        """Yield what became of the branches, then the best answer as ordinary chunks."""
        yield self.event("result", self._metadata(winner))
        yield b"".join(self.out.encode(event) for event in unfold(winner.response()))

    def _hope(self, best: float, rival: Branch) -> float:
        """Return for how many more seconds a rival may still beat the best score."""
        return beatable_until(best, rival) - rival.seconds

    def _metadata(self, winner: Branch) -> dict[str, Any]:
        told: dict[str, Any] = {
            "fork_metadata": {
                "branches": self.rows(),
                "winner": winner.id,
                "elapsed_ms": round(self.elapsed * 1000, 1),
            }
        }
        if self.all_of_them:
            told["fork_results"] = [
                {"id": branch.id, "score": round(score.total, 4), "response": encoded(branch.response())}
                for score, branch in self.ranked()
            ]
        return told


def encoded(response: ChatResponse) -> dict[str, Any]:
    """Return a whole answer in OpenAI's shape."""
    return openai_chat.encode_response(response)
