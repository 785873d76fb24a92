"""Further answers to one request, where its provider gives one at a time: asked for beside the first, all at once.

Each is a branch with its own way through the candidates, its own failover and
its own reservations; its words come with the number of its choice. The first
answer waits for them, and they all make one record.
"""

from collections import deque
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from wallas.errors import AllAttemptsFailed, BadRequest, FailureKind, GatewayError, ProviderError, StreamInterrupted
from wallas.routing.branch import Bell, Branch, Heard, Sheaf
from wallas.routing.candidates import Candidate, gives_n
from wallas.types.chat import COUNTS, Usage
from wallas.types.events import Event, Finished, PartDelta, PartEnded, PartStarted
from wallas.types.flow import READ, Want

if TYPE_CHECKING:
    from wallas.routing.attempts import Attempts
    from wallas.routing.plan import Plan

MOST = 16
"""Answers that are asked for beside a first one."""

CREW = ThreadPoolExecutor(40, thread_name_prefix="wallas-other")
"""Apart from the forks' own, whose branches may wait for these."""


class Voice(Heard):
    """What stands in the client's place for one further answer: its events are handed on under their own number."""

    def __init__(self, others: "Others", choice: int) -> None:
        """Speak as this choice."""
        super().__init__()
        self.others = others
        self.choice = choice

    def encode(self, event: Event) -> bytes:
        """Hand an event on."""
        super().encode(event)
        if isinstance(event, PartStarted | PartDelta | PartEnded):
            self.others.say(msgspec.structs.replace(event, choice=self.choice))
        return b""


class Other(Branch):
    """One further answer."""

    def __init__(self, others: "Others", candidate: Candidate, *, choice: int) -> None:
        """Stand by to give this choice."""
        super().__init__(candidate, number=choice)
        self.heard: Heard = Voice(others, choice)

    def plan_of(self, plan: "Plan") -> "Plan":
        """Return the plan of one ordinary answer."""
        request = msgspec.structs.replace(plan.request, n=None, stream=True)
        return msgspec.structs.replace(plan, request=request, out=self.heard, keep_response=False)

    def ending(self) -> Finished:
        """Return the end of a whole answer under its own number, without its usage."""
        return msgspec.structs.replace(self.heard.whole.finished[0], choice=self.number, usage=None)


class Others:
    """The answers that one attempt does not give; for the thread of the first answer."""

    def __init__(self, attempts: "Attempts") -> None:
        """Stand by: nobody is asked before it is known who answers first."""
        self.attempts = attempts
        self.bell: Bell | None = None
        self.said: deque[Event] = deque()
        self.branches: list[Other] = []
        self.sheaf: Sheaf | None = None

    def stand_in(self, candidate: Candidate) -> None:
        """Ask for all answers but the first where the candidate gives one only."""
        single = candidate.model.key in self.attempts.desk.single
        if not self.branches and (single or not gives_n(candidate.provider)):
            self._ask(1)

    def complete(self, candidate: Candidate, given: int) -> None:
        """Ask for those that a candidate has left out; raise UNUSABLE where they are too many."""
        if given < (self.attempts.request.n or 1):
            self.attempts.desk.single.add(candidate.model.key)
            self._ask(given)

    def _ask(self, first: int) -> None:
        attempts = self.attempts
        wanted = attempts.request.n or 1
        if wanted - first > MOST and first == 1 and not attempts.record.hops:
            raise BadRequest(f"n: {MOST + 1} answers at most where a provider gives one at a time", param="n")
        if wanted - first > MOST:
            raise ProviderError(FailureKind.UNUSABLE, f"{first} answers where {wanted} were asked for")
        attempts.request = msgspec.structs.replace(attempts.request, n=None)
        bell = self.bell = Bell()
        plan = msgspec.structs.replace(attempts.plan, total=max(attempts.deadlines.left(), 0.001))
        sheaf = self.sheaf = Sheaf(attempts.desk.journal, attempts.record, branches=wanted - first)
        self.branches = [Other(self, plan.candidates[0], choice=choice) for choice in range(first, wanted)]
        for branch in self.branches:
            job = CREW.submit(branch.run, plan, attempts.desk, sheaf, bell.ring)
            job.add_done_callback(partial(self._left, branch, sheaf))

    def _left(self, branch: Branch, sheaf: Sheaf, job: object) -> None:
        branch.close()
        sheaf.leave()

    def say(self, event: Event) -> None:
        """Take what one of the others says; from its own thread."""
        self.said.append(event)
        if self.bell is not None:
            self.bell.ring()

    def news(self) -> bytes:
        """Return what the client gets of the others by now."""
        attempts = self.attempts
        if attempts.whole_turn or not attempts.shown.started:
            return b""
        told = []
        while self.said:
            event = self.said.popleft()
            attempts.closing.watch(event)
            told.append(attempts.out.encode(event))
        return b"".join(told)

    def ends(self, held: list[Event], ending: list[Finished]) -> Generator[bytes | Want, None, list[Finished]]:
        """Yield the rest of the others, or add it to ``held``; return all ends, the first one's usage on the last.

        Raise GatewayError when one of them could not be had.
        """
        if self.bell is None or self.sheaf is None:
            return ending
        attempts, body = self.attempts, self.attempts.body
        attempts.body = self.bell
        attempts.deadlines.wake(attempts.deadlines.left())
        try:
            while not self._over() and self.bell.failed is None:
                yield READ
                self.bell.quiet()
                yield self.news()
        finally:
            attempts.body = body
        if not all(branch.whole for branch in self.branches):
            raise self._error()
        yield self.news()
        held.extend(self.said)
        self.sheaf.gather(before=True)
        first = Usage()
        for event in ending:
            first = first.updated(event.usage)
        ends = [
            *(msgspec.structs.replace(event, usage=None) for event in ending),
            *(branch.ending() for branch in self.branches),
        ]
        return [*ends[:-1], msgspec.structs.replace(ends[-1], usage=first)]

    def _over(self) -> bool:
        failed = any(branch.over and not branch.whole for branch in self.branches)
        return failed or all(branch.over for branch in self.branches)

    def _error(self) -> GatewayError:
        """Return the client's error for the first of them that failed, or for their being late."""
        faults = [branch.heard.fault for branch in self.branches if branch.over and not branch.whole]
        late = AllAttemptsFailed("the answers did not come in time", status=504, code="timeout")
        error = next((fault for fault in faults if fault is not None), late)
        if self.attempts.shown.started and not self.attempts.whole_turn:
            return StreamInterrupted(f"the answers broke off: {error.message}", details=error.details)
        return error

    def added(self, usage: Usage) -> Usage:
        """Return the usage of the first answer and of all these together."""
        for branch in self.branches:
            usage = _sum(usage, branch.heard.whole.usage or Usage())
        return usage

    def book(self) -> bool:
        """Let the last of them write the record; return False where nobody was asked."""
        if self.sheaf is None:
            return False
        self.sheaf.leave()
        return True

    def close(self) -> None:
        """Cut off whoever still answers."""
        for branch in self.branches:
            if not branch.over:
                branch.cut()
        if self.bell is not None:
            self.bell.abort()


def _sum(one: Usage, other: Usage) -> Usage:
    counts = {
        name: (getattr(one, name) or 0) + (getattr(other, name) or 0)
        for name in COUNTS
        if getattr(one, name) is not None or getattr(other, name) is not None
    }
    mine, more = one.raw.get("openai_chat", {}), other.raw.get("openai_chat", {})
    told: dict[str, Any] = {}
    if mine.get("estimated") or more.get("estimated"):
        told["estimated"] = True
    if mine.get("cost") is not None and more.get("cost") is not None:
        told["cost"] = round(mine["cost"] + more["cost"], 9)
    return Usage(**counts, raw={"openai_chat": told} if told else {})
