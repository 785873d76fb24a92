"""The attempt loop: candidates are tried one after the other until an answer is whole.

It is a generator and the only code that suspends. It yields bytes for the
client and two words: READ before the provider's body is read, BLOCK before a
step that may block. Nothing bound to a thread lives across a yield.
"""

import json
import logging
from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from wallas.catalog.entries import Model
from wallas.codecs.plain import PlainEncoder
from wallas.content.works import Job
from wallas.errors import BadRequest, FailureKind, GatewayError, ProviderError
from wallas.health import Place
from wallas.routing import outcome
from wallas.routing.adapt import Lessons
from wallas.routing.admission import Held, doubtful, held
from wallas.routing.attempt import Attempt
from wallas.routing.candidates import Candidate, Excluded
from wallas.routing.closing import Closing
from wallas.routing.deadlines import LEAST_FOR_CONTINUATION, OUT_OF_TIME, Deadlines
from wallas.routing.desk import Desk
from wallas.routing.files import looked, readied
from wallas.routing.loops import LOOP
from wallas.routing.lull import paused, until_back
from wallas.routing.plan import Plan
from wallas.routing.queue import MOST_ATTEMPTS, Queue, spent
from wallas.routing.reading import Reading
from wallas.routing.seam import Mode, Shown
from wallas.routing.shortcut import Move
from wallas.routing.tally import Tally, calls_tools, said
from wallas.routing.trail import Record
from wallas.types.chat import StopReason, Usage
from wallas.types.events import Event, Finished, PartDelta, Started
from wallas.types.flow import BLOCK, READ
from wallas.waits import here

if TYPE_CHECKING:
    from wallas.routing.others import Others

log = logging.getLogger(__name__)

CONTINUATIONS = 2
PAUSE_SECONDS = 0.1
BRIEF = 8_000
"""Tokens of a request that is fitted and encoded within a millisecond."""


def others_of(attempts: "Attempts") -> "Others":
    """Return who asks for further answers; loaded only where several are asked for."""
    from wallas.routing.others import Others

    return Others(attempts)


def hedged(*what: Any) -> Any:
    """Return the race of two providers; loaded only where it is asked for."""
    from wallas.routing.hedge import race

    return race(*what)


class Attempts:
    """One request's way through its candidates; ``moves`` is the generator that a ``Stream`` drives."""

    body: Any = None
    head: tuple[str, list[tuple[str, str]]] | None = None
    """Status and headers, once the first bytes are known."""
    attempt: Attempt | None = None
    lessons: Lessons | None = None
    unreadable: BadRequest | None = None
    continuations = stale = 0
    empty: Sequence[Event] = ()
    """An answer without content: the client gets it if another that was asked has none either."""
    empty_from: Model | None = None
    tried: frozenset[Place] = frozenset()
    """Who was asked, could be reached and has not answered."""
    dropped: Sequence[str] = ()
    converted: Sequence[str] = ()
    last_name = ""
    repeating = abandoned = False
    waited = pause = asked_at = 0.0

    def __init__(self, plan: Plan, desk: Desk) -> None:
        """Answer as planned."""
        self.plan = plan
        self.desk = desk
        self.request = plan.request
        self.out = plan.out
        self.plain = type(plan.out) is PlainEncoder
        self.whole_turn = self.plain or plan.hold == "turn"
        self.keeps_whole = self.plain and not plan.hedge and (plan.request.n or 1) == 1
        """Whether an answer that comes whole is looked at whole, and not as events."""
        self.brief = plan.look is None and plan.contents is None and not plan.hedge and plan.needs.tokens <= BRIEF
        """Whether a call can begin in a thread that must not wait: ``Attempt.begin`` stops where it would have to."""
        self.deadlines = Deadlines(clock=desk.clock, total=plan.total, stream=not self.plain, ending=desk.ending)
        self.queue = Queue(plan.candidates)
        self.shown = Shown(id=plan.answer_id, created=plan.created)
        self.failures: list[ProviderError] = []
        self.excluded = list(plan.excluded)
        self.others = others_of(self) if (plan.request.n or 1) > 1 else None
        self.tally = Tally(plan.needs)
        self.record = Record(
            id=plan.id,
            at=plan.at,
            wire=plan.codec.WIRE,
            asked=plan.asked,
            profile=plan.profile,
            stream=not self.plain,
            client=plan.client,
        )
        self.closing = Closing(self)

    def moves(self) -> Iterator[Move]:
        """Yield bytes and waits until the client has a whole answer or an honest error."""
        self.desk.budget.request()
        try:
            if self.plan.look is not None:
                yield from looked(self)
            while (candidate := self.next()) is not None or (yield from until_back(self)):
                if candidate is None or (self.plan.contents is not None and not (yield from readied(self, candidate))):
                    continue
                try:
                    if (yield from self._answer(candidate)):
                        return
                except ProviderError as error:
                    if (yield from self._ended_by(error, candidate)):
                        return
            yield from self._unanswered()
        except GatewayError as error:
            yield self._error(error)
        except Exception:
            log.exception("request %s broke", self.plan.id)
            yield self._error(GatewayError("the gateway failed; see its log", code="internal_error"))
        finally:
            self.abandon()

    def ping(self) -> bytes:
        """Return a keep-alive; the first one fixes the status, the content is still free."""
        self.closing.open(answered=False)
        progress = self.body.progress if isinstance(self.body, Job) else None
        return (progress and self.out.note(f"wallas {json.dumps({'reading': progress})}")) or self.out.ping()

    def abandon(self) -> None:
        """Let go of what is over, cut off what is not, and book the request; nobody is blamed if the client left."""
        if self.abandoned:
            return
        self.abandoned = True
        attempt, self.attempt = self.attempt, None
        body, self.body = self.body, None
        if self.others is not None:
            self.others.close()
        try:
            if attempt is not None:
                attempt.cancelled()
            if body is not None and attempt is None and body.ended:
                body.release()
            elif body is not None:
                body.abort()
        finally:
            if not self.closing.booked:
                self.closing.book("cancelled", 499)
            # a circle would keep the request's files for the collector
            del self.closing.attempts

    def _ended_by(self, error: ProviderError, candidate: Candidate) -> Generator[Move, None, bool]:
        """Book a failure; return whether it ends the answer: calls that were shown are an answer as they stand."""
        self._failed(self.attempt.candidate if self.attempt else candidate, error)
        if self.shown.mode(self.request) is Mode.OVER:
            ending = [*self.shown.ends(), Finished(reason=StopReason.TOOL_CALLS)]
            yield from self.closing.finish(ending, candidate.model)
            return True
        if self.pause:
            yield from paused(self, self.pause)
        return False

    def _unanswered(self) -> Iterator[Move]:
        """Yield what the client gets where nobody gave an answer: an empty one that was confirmed, or an error."""
        model = self.empty_from
        if not self.empty or model is None or not (self.empty_twice or self._alone(model)):
            yield self._error(outcome.unanswered(self))
            return
        start = Started(id=self.shown.id, model=self.shown.model, created=self.shown.created)
        before = self.shown.ends() if self.shown.started else [start] * (not isinstance(self.empty[0], Started))
        yield from self.closing.finish([*before, *self.empty], model)

    @property
    def empty_twice(self) -> bool:
        """Return whether two candidates had nothing to say: then that is the answer (decisions/0019)."""
        return sum(error.kind is FailureKind.EMPTY for error in self.failures) > 1

    def _alone(self, model: Model) -> bool:
        """Return whether nobody but this model could ever have answered: what it says cannot be confirmed then."""
        others = (row for row in self.excluded if row.model.provider != model.provider and row.seconds is not None)
        return len(self.failures) == 1 and not any(True for _ in others)

    def next(self) -> Candidate | None:
        """Return whom to try next, if anyone may be tried still."""
        self.asked_at = now = self.deadlines.clock()
        hops = self.record.hops
        if self.deadlines.over(now):
            return None
        mode = self.shown.mode(self.request) if hops else Mode.FRESH
        if mode is Mode.LOST:
            return None
        if self.repeating:
            self.repeating = False
            return self.queue.next()
        if hops and (spent(hops) or not self._may_go_on(mode)):
            return None
        health = self.desk.health
        while (candidate := self.queue.next()) is not None:
            if not hops and health.clear(candidate.place, free=candidate.model.free, now=now):
                return candidate  # whether there is quota, the reservation says: nobody has to be asked twice
            kept = self.kept_out(candidate)
            last = not self.queue.waiting
            if kept is None and not (last and not hops):
                kept, last = doubtful(health, candidate.model), False
            if kept is not None and not (kept.breaker and last):
                self.excluded.append(Excluded(candidate.model, candidate.key, kept.reason, kept.seconds))
            elif health.claim(candidate.place) or not self.queue.waiting:
                return candidate
        return None

    def kept_out(self, candidate: Candidate) -> Held | None:
        """Return why a candidate may not be asked now, None if it may."""
        return held(self.desk.health, self.desk.ledger, candidate.model, candidate.key, self.plan.needs)

    def _may_go_on(self, mode: Mode) -> bool:
        if not self.plan.fallback or (self.failures and not self.failures[-1].verdict.next_candidate):
            return False
        if mode is not Mode.FRESH:
            if self.plan.hold == "off" or self.continuations >= CONTINUATIONS:
                return False
            if self.deadlines.left() < LEAST_FOR_CONTINUATION:
                return False
            self.continuations += 1
            self.queue.prefer_same(self.last_name)
        elif self.plan.hold == "off" and self.shown.started:
            return False
        return self.desk.budget.spend()

    def _attempt(self, candidate: Candidate) -> Attempt:
        """Return the attempt that begins now."""
        if self.whole_turn and self.record.hops:
            self.shown = Shown(id=self.plan.answer_id, created=self.plan.created)
        if self.others is not None:
            self.others.stand_in(candidate)
        mode = Mode.FRESH if self.whole_turn else self.shown.mode(self.request)
        attempt = self.attempt = Attempt(self, candidate, mode)
        return attempt

    def _answer(self, candidate: Candidate) -> Generator[Move, None, bool]:
        """Yield one candidate's answer; return False if there is no quota for it, raise ProviderError when it fails."""
        attempt = self._attempt(candidate)
        if not (self.brief and here.barred):
            yield BLOCK
        begun = attempt.begin()
        if begun is None:
            yield BLOCK
            begun = attempt.begin()
            assert begun is not None
        if type(begun) is Held:
            self.attempt = None
            self.excluded.append(Excluded(candidate.model, candidate.key, begun.reason, begun.seconds))
            return False
        reading: Reading = begun  # type: ignore[assignment]
        if self.plan.hedge:
            candidate, attempt, reading, _ = yield from hedged(self, attempt, reading, candidate)
        ending: list[Finished] = []
        events: Iterable[Event] = ()
        if self.keeps_whole:
            if reading.waits:
                yield READ
            events = attempt.gather(reading)
        if attempt.answer is None:
            yield from self._read(attempt, reading, ending, events)
        answer = attempt.answer
        calls = bool(self.request.tools) and calls_tools(ending, answer)
        attempt.succeeded(said(ending) if answer is None else answer.usage or Usage(), calls=calls)
        self.attempt = None
        if answer is not None:
            if self.closing.whole is not None:
                yield BLOCK
            yield self.closing.give(attempt, answer)
        else:
            if self.others is not None:
                ending = yield from self.others.ends(attempt.held, ending)
            yield from self.closing.finish([*attempt.held, *ending], candidate.model)
        if not self.body.ended:
            yield from self._drain()
        return True

    def _read(
        self, attempt: Attempt, reading: Reading, ending: list[Finished], events: Iterable[Event]
    ) -> Iterator[Move]:
        """Yield what the client gets of an answer until its end; what waits for that goes into ``attempt.held``.

        ``events`` were read already.
        """
        whole = self.keeps_whole
        while events or reading.early or not reading.done:
            if not events:
                if reading.waits:
                    yield (None if whole else attempt.shortcut(reading)) or READ
                events = attempt.gather(reading) if whole else attempt.feed(reading)
            data = b""
            try:
                for event in events:
                    if type(event) is Finished:
                        ending.append(event)
                    elif self.whole_turn:
                        attempt.held.append(event)
                        self.tally.hear(event)
                    else:
                        data += self.show(event)
            except Exception:
                yield data
                raise
            if data:
                yield data
            events = ()
            if self.others is not None:
                yield self.others.news()
            attempt.content()
            if not reading.done and reading.complete:
                self.deadlines.linger()
        if self.others is not None:
            self.others.complete(attempt.candidate, len(ending))

    def show(self, event: Event) -> bytes:
        """Return what the client gets for an event, and remember it."""
        if self.closing.whole is not None:
            self.closing.watch(event)
        if type(event) is PartDelta:
            self.tally.count(event.text)
        data = self.out.encode(event)
        if data and self.head is None:
            self.closing.open()
        return data

    def _failed(self, candidate: Candidate, error: ProviderError) -> None:
        """Blame, rest, learn, and decide what comes next."""
        attempt, self.attempt = self.attempt, None
        if self.body is not None:
            self.body.abort()
            self.body = None
        self.pause = 0.0
        if attempt is None:
            return
        if attempt.reading is not None:
            self.last_name = candidate.model.name
            self.tried |= {attempt.place}
        error.hide(candidate.key.secret.reveal())
        if attempt.mode is Mode.ANCHORED and error.kind is FailureKind.CALLER_FAULT:
            error = ProviderError(FailureKind.PREFILL, error.message, status=error.status, code=error.code)
        if self._repeats(candidate, attempt, error):
            return
        self.failures.append(error)
        self.shown.inside_call = self.shown.inside_call or (attempt.made is not None and attempt.made.units.inside)
        if error.code == LOOP:
            self.shown.forget_loop()
        self.tally.broke_off(delivered=not self.whole_turn)
        if self.whole_turn:
            self.shown = Shown(id=self.plan.answer_id, created=self.plan.created)
        if error.kind is FailureKind.EMPTY and (finish := attempt.stages.substance.finish) is not None:
            if self.empty:
                self.queue.waiting.clear()
            self.empty = self.empty or [*attempt.held, finish]
            self.empty_from = self.empty_from or candidate.model
        if self.queue.failed(candidate, error) and error.kind is not FailureKind.NO_ANCHOR:
            self.pause = PAUSE_SECONDS * (0.5 + self.desk.health.jitter())

    def _repeats(self, candidate: Candidate, attempt: Attempt, error: ProviderError) -> bool:
        """Return whether the same candidate is asked again at once: the fault was the line's, or taught something."""
        stale = error.code == "stale" and self.stale < MOST_ATTEMPTS
        local = self.desk.local.suspected(candidate.model.provider, error.code)
        attempt.failed(error, count=not (stale or local) and error.code != OUT_OF_TIME, ours=local)
        if stale:
            self.stale += 1
            self.record.hops.pop()
        else:
            lessons = self.desk.learn(
                candidate, error, request=self.request, known=attempt.lessons, needs=self.plan.needs
            )
            if lessons is None or spent(self.record.hops):
                return False
            self.lessons = lessons
        self.queue.again(candidate)
        self.repeating = True
        return True

    def _error(self, error: GatewayError) -> bytes:
        """Return the client's error: a status and a body, or the wire's error event once the status is out."""
        running = self.head is not None
        error.request_id = self.plan.id
        self.closing.book(error.code or error.type, error.status)
        if running:
            return self.out.error(error)
        body = msgspec.json.encode(self.plan.codec.encode_error(error))
        self.closing.fail(error, len(body))
        return body

    def _drain(self) -> Iterator[Move]:
        """Read the rest of the body for a moment, so that its connection can be used again."""
        body = self.body
        self.deadlines.linger()
        try:
            while not body.ended:
                if not body.pending():
                    yield READ
                body.read()
        except ProviderError:
            body.abort()
        finally:
            if not body.ended:
                body.abort()
