"""The attempt loop of everything that is no stream of words: embeddings, pictures, sound, pages.

A ``Task`` (``selection.py``) says what is wanted and who can do it; a ``Run`` is one request's way
through the candidates. It may call ``answer`` several times, once a part of
the request: whoever gave the last part is asked for the next one first.
"""

import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, TypeVar

from wallas.errors import FailureKind, GatewayError, ProviderError
from wallas.providers.unheard import unheard
from wallas.quota.learning import listen
from wallas.quota.ledger import Reservation
from wallas.routing import outcome
from wallas.routing.admission import Held, book_refusal, held, reserve
from wallas.routing.candidates import Candidate, Excluded
from wallas.routing.line import Line
from wallas.routing.needs import Needs
from wallas.routing.queue import MOST_ATTEMPTS, REMOVES
from wallas.routing.router import WAIT_PLAIN, Options, Router
from wallas.routing.selection import Chosen, Task, choose
from wallas.routing.trail import Hop, Record, trail
from wallas.types.chat import Usage

__all__ = ["Chosen", "Run", "Task", "begin"]

log = logging.getLogger(__name__)

A = TypeVar("A")
A_co = TypeVar("A_co", covariant=True)

PROBE_SECONDS = 5.0
"""What somebody is told to wait while one request at a time tries a model that had failed."""


class Asking(Protocol[A_co]):
    """Asks one candidate; raises ProviderError when it fails."""

    def __call__(self, candidate: Candidate, line: Line) -> A_co:
        """Return the answer."""


class Run:
    """One request's way through its candidates; use it in a ``with``, whose end books the request."""

    def __init__(
        self,
        router: Router,
        task: Task,
        chosen: Chosen,
        record: Record,
        *,
        options: Options,
        again: Callable[[], Chosen],
    ) -> None:
        """Try the chosen candidates, in their order; ``again`` chooses anew, for whoever was out a moment ago."""
        self.again = again
        self.wanted = options.wanted
        self.patience = WAIT_PLAIN if options.wait is None else options.wait
        self.router = router
        self.desk = router.desk
        self.task = task
        self.record = record
        self.waiting = list(chosen.selection.candidates)
        self.excluded = list(chosen.selection.excluded)
        self.dropped: list[str] = [*options.dropped, *chosen.dropped]
        self.failures: list[ProviderError] = []
        self.most = MOST_ATTEMPTS if options.fallback else 1
        self.started = self.desk.clock()
        self.total = options.timeout or router.settings.request_timeout
        self.until = time.monotonic() + self.total
        self.overhead: float | None = None
        self.last: Candidate | None = None

    def __enter__(self) -> "Run":
        """Begin: until it ends otherwise, it is a fault of our own."""
        self.desk.budget.request()
        self.router.selector.advance()
        self.record.outcome, self.record.status = "internal_error", 500
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        """Book the request."""
        if error is None:
            self.record.outcome, self.record.status = "ok", 200
        elif isinstance(error, GatewayError):
            self.record.outcome, self.record.status = error.code or error.type, error.status
        elif isinstance(error, GeneratorExit):
            self.record.outcome, self.record.status = "cancelled", 499
        self.record.ms = (self.desk.clock() - self.started) * 1000
        self.desk.journal.record(self.record)

    def answer(self, ask: Asking[A], *, tokens: int = 0, usage: Callable[[A], Usage | None] = lambda answer: None) -> A:
        """Return the first candidate's answer that comes; raise GatewayError when none does.

        ``tokens`` is what the call is expected to use, ``usage`` reads what it did use.
        """
        needs = Needs(frozenset(), tokens, 1)
        while (found := self._through(ask, needs, usage)) is None:
            if not self._waited():
                raise self._nobody()
        return found[0]

    def _through(self, ask: Asking[A], needs: Needs, usage: Callable[[A], Usage | None]) -> tuple[A] | None:
        """Return the answer of the first candidate that gives one, None when all that are left have failed."""
        failed = len(self.failures)
        while (candidate := self._next(needs, first=failed == len(self.failures))) is not None:
            reservation = reserve(self.desk.ledger, candidate.model, candidate.key, needs)
            if isinstance(reservation, Held):
                self._pass_over(candidate, reservation)
                continue
            try:
                answer = self._attempt(candidate, ask, reservation, usage)
            except ProviderError as error:
                self._failed(candidate, error)
                if not error.verdict.next_candidate:
                    return None
                continue
            self.last = candidate
            return (answer,)
        return None

    def _waited(self) -> bool:
        """Wait for the first who is out for a short time only; return whether there is somebody to be asked again."""
        last = self.failures[-1] if self.failures else None
        if (last is not None and not last.verdict.next_candidate) or len(self.failures) >= self.most:
            return False
        hops = [hop.retry_after for hop in self.record.hops if hop.outcome == "rate_limit"]
        waits = [*(row.seconds for row in self.excluded), *hops]
        soonest = min((seconds for seconds in waits if seconds is not None and seconds > 0), default=None)
        if soonest is None or soonest > self.patience or time.monotonic() + soonest >= self.until:
            return False
        self.patience -= soonest
        time.sleep(soonest)
        chosen = self.again()
        self.waiting = list(chosen.selection.candidates)
        self.excluded = list(chosen.selection.excluded)
        return bool(self.waiting)

    def note_unheard(self, request: Any) -> None:
        """Note what of a request (``wallas.types``) whoever answered last has no place for."""
        if self.last is not None:
            self.dropped += unheard(self.last.provider.row, request)

    def headers(self) -> dict[str, str]:
        """Return what is told of this request beside its answer (surface 4)."""
        told = {"X-Request-Id": self.record.id}
        if self.record.profile:
            told["X-Wallas-Profile"] = self.record.profile
        if self.overhead is not None:
            told["X-Wallas-Overhead-Ms"] = f"{self.overhead:.2f}"
        if self.last is not None:
            told |= {"X-Wallas-Provider": self.last.model.provider, "X-Wallas-Model": self.last.model.id}
        told |= {"X-Wallas-Attempts": str(len(self.record.hops)), "X-Wallas-Trail": trail(self.record.hops)[:4000]}
        if self.dropped:
            told["X-Wallas-Dropped"] = ", ".join(dict.fromkeys(self.dropped))[:2000]
        return {name: value.encode("ascii", "replace").decode() for name, value in told.items()}

    def _next(self, needs: Needs, *, first: bool) -> Candidate | None:
        """Return who is asked now: whoever answered last, else the next that does not rest; None for nobody."""
        if self.last is not None and self.last in self.waiting:
            return self.last
        over = len(self.failures) >= self.most or time.monotonic() >= self.until
        if over or (not first and not self.desk.budget.spend()):
            return None
        while self.waiting:
            candidate = self.waiting[0]
            kept = held(self.desk.health, self.desk.ledger, candidate.model, candidate.key, needs)
            if kept is not None and not (kept.breaker and len(self.waiting) == 1):
                self._leave_out(self.waiting.pop(0), kept.reason, kept.seconds)
            elif self.desk.health.claim(candidate.place) or len(self.waiting) == 1:
                return candidate
            else:
                self._leave_out(self.waiting.pop(0), "resting: another request finds out how it does", PROBE_SECONDS)
        return None

    def _leave_out(self, candidate: Candidate, reason: str, seconds: float | None) -> None:
        self.excluded.append(Excluded(candidate.model, candidate.key, reason, seconds))

    def _pass_over(self, candidate: Candidate, kept: Held) -> None:
        """Leave out who has no quota left, though a moment ago it seemed so."""
        self.desk.health.release(candidate.place)
        self.waiting.remove(candidate)
        if candidate == self.last:
            self.last = None
        self._leave_out(candidate, kept.reason, kept.seconds)

    def _failed(self, candidate: Candidate, error: ProviderError) -> None:
        self.failures.append(error)
        self.waiting.remove(candidate)
        if candidate == self.last:
            self.last = None
        if unlike := REMOVES.get(error.kind):
            self.waiting = [other for other in self.waiting if unlike(candidate, other)]
        if error.verdict.strike:
            self.waiting.sort(key=lambda other: other.model.provider == candidate.model.provider)

    def _attempt(
        self, candidate: Candidate, ask: Asking[A], reservation: Reservation, usage: Callable[[A], Usage | None]
    ) -> A:
        """Return one candidate's answer, booked with health and quota; raise ProviderError when it fails."""
        desk, model = self.desk, candidate.model
        started = desk.clock()
        if self.overhead is None:
            self.overhead = (started - self.started) * 1000
        hop = Hop(provider=model.provider, model=model.id, key=candidate.key.id, after=(started - self.started) * 1000)
        self.record.hops.append(hop)
        line = self._line(candidate, reservation)
        try:
            answer = ask(candidate, line)
            hop.outcome = "ok"
            used = usage(answer) or Usage(input=reservation.estimate)
            hop.input, hop.output = used.input, used.output
            desk.ledger.settle(reservation, input=used.input, output=used.output or 0, alive=True)
            desk.health.succeeded(candidate.place, latency=desk.clock() - started)
            desk.findings.answered(model, candidate.key.id, "", began_at=self.record.at + hop.after / 1000)
            return answer
        except ProviderError as error:
            hop.outcome, hop.message, hop.status = error.kind.name.lower(), error.message, error.status
            said = line.refusal
            book_refusal(desk.ledger, reservation, error, said.headers if said else {}, said.data if said else b"")
            desk.health.failed(candidate.place, error)
            desk.findings.refused(*candidate.place, error, began_at=self.record.at + hop.after / 1000)
            kept = held(desk.health, desk.ledger, model, candidate.key, Needs(frozenset(), reservation.estimate, 1))
            hop.retry_after = kept.seconds if kept else error.retry_after
            raise
        except BaseException:
            desk.health.release(candidate.place)
            raise
        finally:
            hop.ms = (desk.clock() - started) * 1000
            desk.ledger.settle(reservation)

    def _line(self, candidate: Candidate, reservation: Reservation) -> Line:
        limit = self.task.seconds or candidate.provider.timeouts.whole
        until = min(self.until, time.monotonic() + limit)
        heard = partial(listen, self.desk.ledger, reservation.seat)
        return Line(candidate.provider, until=until, seconds=min(limit, self.total), heard=heard, wanted=self.wanted)

    def _nobody(self) -> GatewayError:
        last = self.failures[-1] if self.failures else None
        if last is not None and not last.verdict.next_candidate and last.kind is not FailureKind.GATEWAY:
            return outcome.refused(last)
        overdue = time.monotonic() >= self.until
        return outcome.all_failed(self.failures, self.record.hops, self.excluded, overdue=overdue)


def begin(
    router: Router, task: Task, model: str | None, options: Options, *, request_id: str, wire: str, stream: bool = False
) -> Run:
    """Return the run of a request for ``model`` (None: whoever is best); raise GatewayError for a name of nobody able.

    Use it in a ``with``: nothing is booked before.
    """
    chosen = choose(router, task, model, options)
    record = Record(
        id=request_id,
        at=time.time(),
        wire=wire,
        asked=(options.model or model or "")[:200],
        profile=chosen.profile,
        stream=stream,
        operation=task.name,
        client=options.client,
    )
    again = partial(choose, router, task, model, options)
    return Run(router, task, chosen, record, options=options, again=again)
