"""Asks several providers the same at once and judges their answers; ``Fork`` and ``Comparison`` say by what.

It has the shape that a ``Stream`` drives, so a server can park it, and a
client that leaves takes all branches with it.
"""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import msgspec

from wallas.codecs.framing import encode
from wallas.codecs.plain import PlainEncoder
from wallas.errors import AllAttemptsFailed, GatewayError
from wallas.routing import outcome
from wallas.routing.branch import Bell, Branch, Sheaf, preview, said
from wallas.routing.candidates import Candidate
from wallas.routing.closing import REASONS
from wallas.routing.deadlines import Deadlines
from wallas.routing.desk import Desk
from wallas.routing.judging import Score
from wallas.routing.plan import Plan
from wallas.routing.trail import Record
from wallas.types.flow import BLOCK, READ, Want

log = logging.getLogger(__name__)

BRANCHES_MOST = 5
BRANCHES_USUAL = 3
THREADS = 40
"""Branches at once in one worker, of all requests together; more wait their turn."""

CREW = ThreadPoolExecutor(THREADS, thread_name_prefix="wallas-branch")
"""Its threads begin with the first branch, and so after the fork of a worker."""


class Contest:
    """One request at several providers. Subclasses score, say when enough is known, and tell the result."""

    kind = "fork"
    """The first half of the names of its events."""
    brief = False

    def __init__(self, plan: Plan, desk: Desk, *, most: int) -> None:
        """Ask the best ``most`` providers of the plan; raise GatewayError when there is nobody to ask."""
        self.plan = plan
        self.desk = desk
        self.out = plan.out
        self.streaming = not isinstance(plan.out, PlainEncoder)
        chosen = different(plan.candidates, most=most)
        if not chosen:
            raise outcome.all_failed([], [], list(plan.excluded), overdue=False)
        self.deadlines = Deadlines(clock=desk.clock, total=plan.total, stream=self.streaming, ending=desk.ending)
        self.body: Any = Bell()
        self.bell: Bell = self.body
        self.branches = [Branch(candidate, number=number) for number, candidate in enumerate(chosen)]
        self.judges: list[Branch] = []
        """Who decides, beside those who answer."""
        self.told: set[int] = set()
        self.record = Record(
            id=plan.id,
            at=time.time(),
            wire=plan.codec.WIRE,
            asked=plan.asked,
            profile=plan.profile,
            stream=self.streaming,
            operation=self.kind,
            client=plan.client,
        )
        self.sheaf = Sheaf(desk.journal, self.record, branches=len(chosen))
        self.begun = self.booked = False
        self.sent: tuple[str, list[tuple[str, str]]] | None = None

    def score(self, branch: Branch) -> Score:
        """Return what a whole answer is worth beside the others."""
        raise NotImplementedError

    def enough(self) -> bool:
        """Return whether the rest need not be waited for; may set the deadline at which to ask again."""
        return False

    def deciding(self) -> Iterator[bytes | Want]:
        """Yield what it takes to decide once the answers are here."""
        yield from ()

    def result(self, winner: Branch) -> dict[str, Any]:
        """Return the whole body of a plain answer."""
        raise NotImplementedError

    def ending(self, winner: Branch) -> Iterator[bytes]:
        """Yield the end of a streamed answer."""
        raise NotImplementedError

    @property
    def head(self) -> tuple[str, list[tuple[str, str]]] | None:
        """Return status and headers, once they are known."""
        return self.sent

    @property
    def elapsed(self) -> float:
        """Return the seconds since it began."""
        return self.desk.clock() - self.deadlines.started

    def moves(self) -> Iterator[bytes | Want]:
        """Yield bytes and waits until the client has the result or an honest error."""
        try:
            yield from self._moves()
        except GatewayError as error:
            yield self._error(error)
        except Exception:
            log.exception("request %s broke", self.plan.id)
            yield self._error(GatewayError("the gateway failed; see its log", code="internal_error"))
        finally:
            self.abandon()

    def ping(self) -> bytes:
        """Return a keep-alive; the first one fixes the status."""
        self._open()
        return self.out.ping()

    def abandon(self) -> None:
        """Cut off all branches that still run and book the request; nobody is blamed."""
        for branch in (*self.branches, *self.judges):
            if not branch.over:
                branch.cut()
        self._book("cancelled", 499)
        self.bell.abort()

    def whole(self) -> list[Branch]:
        """Return the branches that have a whole answer."""
        return [branch for branch in self.branches if branch.whole]

    def ranked(self) -> list[tuple[Score, Branch]]:
        """Return the whole answers with their scores, best first, sound ones before any other.

        Among equals the first asked is first.
        """
        scored = [(self.score(branch), branch) for branch in self.whole()]
        return sorted(scored, key=lambda pair: (not pair[0].sound, -pair[0].total, pair[1].number))

    def rows(self) -> list[dict[str, Any]]:
        """Return what became of each branch, in the order in which they were asked."""
        scores = {branch.number: score for score, branch in self.ranked()}
        return [row(branch, scores.get(branch.number)) for branch in self.branches]

    def event(self, name: str, value: Mapping[str, Any]) -> bytes:
        """Return a named event; its empty ``choices`` keep clients going that read chunks only."""
        return b"event: %b\ndata: %b\n\n" % (f"{self.kind}.{name}".encode(), encode({"choices": [], **value}))

    def _moves(self) -> Iterator[bytes | Want]:
        yield BLOCK
        self._begin()
        if self.streaming:
            self._open()
            yield b"".join(self.event("branch", row(branch, None) | {"status": "asked"}) for branch in self.branches)
        while not self._settled():
            yield READ
            self.bell.quiet()
            if news := self._news():
                yield news
        for branch in self.branches:
            if not branch.over:
                branch.cut()
        if not self.whole():
            raise self._nobody()
        yield from self.deciding()
        ranked = self.ranked()
        winner = ranked[0][1]
        if self.streaming:
            yield self._news(last=True)
            yield from self.ending(winner)
        else:
            yield self._whole_body(winner)
        self._book("ok", 200, winner=winner)

    def _begin(self) -> None:
        """Send the branches off."""
        self.begun = True
        self.desk.budget.request()
        self.send_off(self.branches)

    def send_off(self, branches: Sequence[Branch]) -> None:
        """Let branches ask, each in a thread of its own."""
        for branch in branches:
            job = CREW.submit(branch.run, self.plan, self.desk, self.sheaf, self.bell.ring)
            job.add_done_callback(partial(self._left, branch))

    def _left(self, branch: Branch, job: object) -> None:
        branch.close()
        self.sheaf.leave()

    def _settled(self) -> bool:
        if all(branch.over for branch in self.branches) or self.deadlines.overdue:
            return True
        return bool(self.whole()) and self.enough()

    def _news(self, *, last: bool = False) -> bytes:
        """Return the events of the branches that have ended since; at the ``last`` those that were cut off too."""
        if not self.streaming:
            return b""
        scores = {branch.number: score for score, branch in self.ranked()}
        events = []
        for branch in self.branches:
            if branch.number not in self.told and (branch.over or last):
                self.told.add(branch.number)
                events.append(self.event("branch", row(branch, scores.get(branch.number))))
        return b"".join(events)

    def _whole_body(self, winner: Branch) -> bytes:
        body = encode(self.result(winner))
        self._open(length=len(body), winner=winner)
        return body

    def _open(self, *, length: int | None = None, winner: Branch | None = None) -> None:
        """Fix the head of an answer."""
        if self.sent is not None:
            return
        kind = "application/json" if length is not None else "text/event-stream"
        headers = [("Content-Type", kind)]
        if length is not None:
            headers.append(("Content-Length", str(length)))
        else:
            headers += [("Cache-Control", "no-cache"), ("X-Accel-Buffering", "no")]
        self.sent = ("200 OK", headers + self._told(winner))

    def _told(self, winner: Branch | None) -> list[tuple[str, str]]:
        told = {"X-Request-Id": self.plan.id, "X-Wallas-Attempts": str(len(self.branches))}
        if self.plan.profile:
            told["X-Wallas-Profile"] = self.plan.profile
        if winner is not None:
            told["X-Wallas-Provider"] = winner.candidate.model.provider
            told["X-Wallas-Model"] = winner.candidate.model.id
            if winner.attempts is not None and winner.attempts.dropped:
                told["X-Wallas-Dropped"] = ", ".join(winner.attempts.dropped)[:2000]
        if self.begun and not (self.streaming and winner is None):
            trail = (f"{branch.id} {branch.status} {branch.seconds * 1000:.0f}ms" for branch in self.branches)
            told["X-Wallas-Trail"] = ", ".join(trail)
        return [(name, plain(value)) for name, value in told.items()]

    def _nobody(self) -> GatewayError:
        """Return the client's error when no branch gave a whole answer: every attempt by name."""
        attempts = [branch.attempts for branch in self.branches if branch.attempts]
        failures = [failure for one in attempts for failure in one.failures]
        hops = [hop for one in attempts for hop in one.record.hops if hop.outcome != "answering"]
        excluded = [row for one in attempts for row in one.excluded]
        faults = [branch.heard.fault for branch in self.branches if branch.heard.fault]
        if failures or excluded or self.deadlines.overdue:
            return outcome.all_failed(failures, hops, excluded, overdue=self.deadlines.overdue)
        return faults[0] if faults else AllAttemptsFailed("no branch could be asked")

    def _error(self, error: GatewayError) -> bytes:
        """Return the client's error: a status and a body, or an error event once the status is out."""
        self._book(error.code or error.type, error.status)
        if self.sent is not None:
            return self.out.error(error)
        body = msgspec.json.encode(self.plan.codec.encode_error(error))
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        if error.retry_after is not None:
            headers.append(("Retry-After", str(max(int(error.retry_after), 1))))
        if error.status < 429:
            headers.append(("x-should-retry", "false"))
        self.sent = (f"{error.status} {REASONS.get(error.status, 'Error')}", headers + self._told(None))
        return body

    def _book(self, ended: str, status: int, *, winner: Branch | None = None) -> None:
        """Book the request: the first call counts. It is written when the last branch has ended."""
        if self.booked:
            return
        self.booked = True
        self.record.outcome, self.record.status, self.record.ms = ended, status, self.elapsed * 1000
        if winner is not None and winner.attempts is not None:
            self.sheaf.last = winner.attempts.record
            self.desk.sessions.remember(self.plan.conversation, winner.id, winner.hops[-1].input or 0)
        if not self.begun:
            self.sheaf.left = 1
            for branch in self.branches:
                branch.close()
        self.sheaf.leave()


def different(candidates: Sequence[Candidate], *, most: int) -> list[Candidate]:
    """Return the first candidate of each provider, best first."""
    first: dict[str, Candidate] = {}
    for candidate in candidates:
        first.setdefault(candidate.model.provider, candidate)
    return list(first.values())[:most]


def row(branch: Branch, score: Score | None) -> dict[str, Any]:
    """Return what became of one branch, as a client is told of it."""
    model = branch.candidate.model
    told: dict[str, Any] = {
        "id": branch.id,
        "provider": model.provider,
        "model": model.id,
        "status": branch.status,
        "score": None,
        "latency_ms": round(branch.seconds * 1000, 1) if branch.hops else None,
        "first_token_ms": None if branch.first_seconds is None else round(branch.first_seconds * 1000, 1),
        "preview": preview(said(branch.response())) if branch.whole else "",
    }
    if score is not None:
        told["score"] = round(score.total, 4)
        told["parts"] = {name: round(value, 4) for name, value in score.parts.items()}
        told["faults"] = list(score.faults)
    if branch.whole:
        hop = branch.hops[-1]
        told["tokens"] = {"input": hop.input, "output": hop.output, "estimated": hop.estimated}
        told["cost"] = hop.cost
    elif branch.hops and branch.hops[-1].status is not None:
        told["http_status"] = branch.hops[-1].status
    return told


def plain(text: str) -> str:
    """Return a text that can stand in a header."""
    return text.encode("ascii", "replace").decode().replace("\r", " ").replace("\n", " ")
