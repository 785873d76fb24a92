"""The attempt loop: candidates are tried one after the other until an answer is whole.

It is a generator and the only code that suspends. It yields bytes for the
client and two words: READ before the provider's body is read, BLOCK before a
step that may block. Nothing bound to a thread lives across a yield.
"""

import logging
import math
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from typing import Any

import msgspec

from wallas.codecs import Codec, StreamEncoder
from wallas.codecs.plain import PlainEncoder
from wallas.errors import FailureKind, GatewayError, ProviderError, StreamInterrupted
from wallas.health import Place
from wallas.health_speed import PREFILL_SPEED
from wallas.quota.learning import settle_failure
from wallas.quota.ledger import Reservation
from wallas.routing import outcome
from wallas.routing.adapt import Lessons, adapt
from wallas.routing.admission import Held, book_failure, doubtful, hear, held, reserve
from wallas.routing.candidates import Candidate, Excluded, Selection
from wallas.routing.closing import Closing, Head
from wallas.routing.deadlines import LEAST_FOR_CONTINUATION, OUT_OF_TIME, Deadlines
from wallas.routing.desk import Desk
from wallas.routing.namespaces import restored, spaces_of
from wallas.routing.needs import Needs
from wallas.routing.queue import Queue
from wallas.routing.reading import Reading
from wallas.routing.seam import Join, Mode, Shown
from wallas.routing.strategies import expected_first
from wallas.routing.tally import Tally, price
from wallas.routing.trail import Hop, Record
from wallas.routing.units import Substance, WholeUnits, custom_tools, offered_tools
from wallas.routing.waiting import Pause
from wallas.types.chat import ChatRequest, StopReason
from wallas.types.events import Event, Finished, Started
from wallas.types.flow import BLOCK, READ, Want

log = logging.getLogger(__name__)

MOST_ATTEMPTS = 4
CONTINUATIONS = 2
PAUSE_SECONDS = 0.1
LEAST_WAIT = 0.05
PATIENCE_LEAST = 8.0
PATIENCE_TIMES = 4.0
"""A first token is waited for so many seconds and so many times as long as expected, while others could answer."""
ALARMING = frozenset({FailureKind.CREDENTIAL, FailureKind.MONEY, FailureKind.REGION})
"""Failures that only the operator can end; each is told once, for what it concerns rests then."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided before the first attempt. ``hold`` is part, turn, event or off (architecture 7)."""

    id: str
    request: ChatRequest
    needs: Needs
    candidates: Sequence[Candidate]
    excluded: Sequence[Excluded]
    codec: Codec
    out: StreamEncoder | PlainEncoder
    answer_id: str
    created: int
    asked: str
    again: Callable[..., Selection] | None = None
    profile: str | None = None
    auxiliary: str | None = None
    session: str = ""
    hold: str = "part"
    fallback: bool = True
    total: float = 600.0
    wait: float = 0.0
    keep_response: bool = False
    previous_id: str | None = None
    keep_seals: bool = False
    dropped: Sequence[str] = ()


class Attempts:
    """One request's way through its candidates; ``moves`` is the generator that a ``Stream`` drives."""

    def __init__(self, plan: Plan, desk: Desk) -> None:
        """Answer as planned."""
        self.plan = plan
        self.desk = desk
        self.request = plan.request
        self.out = plan.out
        self.plain = isinstance(plan.out, PlainEncoder)
        self.whole_turn = self.plain or plan.hold == "turn"
        self.deadlines = Deadlines(clock=desk.clock, total=plan.total, stream=not self.plain, ending=desk.ending)
        self.queue = Queue(plan.candidates)
        self.body: Any = None
        self.shown = Shown(id=plan.answer_id, created=plan.created)
        self.failures: list[ProviderError] = []
        self.dropped: list[str] = []
        self.continuations = 0
        self.empty: list[Event] = []
        self.excluded = list(plan.excluded)
        self.last_name = ""
        self.repeating = False
        self.tried: set[Place] = set()
        self.attempt: Attempt | None = None
        self.lessons: Lessons | None = None
        self.stale = 0
        self.pause = 0.0
        self.tally = Tally(plan.needs)
        self.record = Record(
            id=plan.id,
            at=time.time(),
            wire=plan.codec.WIRE,
            asked=plan.asked,
            profile=plan.profile,
            stream=not self.plain,
        )
        self.first_head = Head(self)
        self.closing = Closing(self)

    @property
    def head(self) -> tuple[str, list[tuple[str, str]]] | None:
        """Return status and headers, once the first bytes are known."""
        return self.first_head.sent

    def moves(self) -> Iterator[bytes | Want]:
        """Yield bytes and waits until the client has a whole answer or an honest error."""
        self.desk.budget.request()
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
        """Return a keep-alive; the first one fixes the status, the content is still free."""
        self.first_head.open(answered=False)
        return self.out.ping()

    def abandon(self) -> None:
        """Cut off what is still open and book the request; nobody is blamed for a client that left."""
        attempt, self.attempt = self.attempt, None
        body, self.body = self.body, None
        try:
            if attempt is not None:
                attempt.cancelled()
            if body is not None:
                body.abort()
        finally:
            self.closing.book("cancelled", 499)

    def _moves(self) -> Iterator[bytes | Want]:
        while True:
            while (candidate := self._next()) is not None:
                try:
                    if (yield from self._answer(candidate)):
                        return
                    continue
                except ProviderError as error:
                    self._failed(candidate, error)
                if self.shown.mode(self.request) is Mode.OVER:
                    ending = [*self.shown.ends(), Finished(reason=StopReason.TOOL_CALLS)]
                    yield from self.closing.finish(ending, candidate.model)
                    return
                if self.pause:
                    yield from self._pause(self.pause)
            if not (yield from self._held()):
                break
        if self.empty and not self.shown.started:
            start = Started(id=self.shown.id, model=self.shown.model, created=self.shown.created)
            began = isinstance(self.empty[0], Started)
            yield from self.closing.finish(self.empty if began else [start, *self.empty], self.plan.candidates[0].model)
            return
        yield self._error(self._final_error())

    def _held(self) -> Generator[bytes | Want, None, bool]:
        """Wait until somebody may be called again, if that is soon; return whether to go on."""
        again = self.plan.again
        if again is None or not self._may_wait():
            return False
        selection = again()
        back = [one for one in selection.candidates if one.place not in self.tried]
        while not back:
            times = (row.seconds for row in selection.excluded if row.seconds is not None and not row.breaker)
            soonest = max(min(times, default=math.inf), LEAST_WAIT)
            left = self.plan.wait - (self.desk.clock() - self.deadlines.started)
            if soonest > left or not self.desk.room.enter():
                selection = again(patient=False)
                back = [one for one in selection.candidates if one.place not in self.tried]
                break
            try:
                yield from self._pause(soonest)
            finally:
                self.desk.room.leave()
            selection = again()
            back = [one for one in selection.candidates if one.place not in self.tried or not one.provider.never_rest]
        self.queue, self.excluded = Queue(back), selection.excluded
        return bool(back)

    def _may_wait(self) -> bool:
        """Return whether waiting could help: nothing was shown, and somebody else may be asked."""
        hops = len(self.record.hops)
        if self.shown.started or self.empty or self.queue.waiting or hops >= MOST_ATTEMPTS:
            return False
        return (self.plan.fallback or not hops) and all(error.verdict.next_candidate for error in self.failures)

    def _pause(self, seconds: float) -> Iterator[bytes | Want]:
        pause = self.body = Pause()
        try:
            self.deadlines.wake(seconds)
            while pause.failed is None:
                yield READ
        finally:
            pause.abort()
            self.body = None

    def _next(self) -> Candidate | None:
        """Return whom to try next, if anyone may be tried still."""
        mode, hops = self.shown.mode(self.request), self.record.hops
        if self.deadlines.overdue or mode is Mode.LOST:
            return None
        if self.repeating:
            self.repeating = False
            return self.queue.next()
        if len(hops) >= MOST_ATTEMPTS or (hops and not self._may_go_on(mode)):
            return None
        health = self.desk.health
        while (candidate := self.queue.next()) is not None:
            kept = self.kept_out(candidate) or doubtful(self.desk.health, candidate.model)
            if kept is not None and (not kept.breaker or self.queue.waiting):
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

    def _answer(self, candidate: Candidate) -> Generator[bytes | Want, None, bool]:
        """Yield one candidate's answer; return False if there is no quota for it, raise ProviderError when it fails."""
        if self.whole_turn:
            self.shown = Shown(id=self.plan.answer_id, created=self.plan.created)
        mode = self.shown.mode(self.request)
        attempt = self.attempt = Attempt(self, candidate, mode)
        yield BLOCK
        if (kept := attempt.reserve()) is not None:
            self.attempt = None
            self.excluded.append(Excluded(candidate.model, candidate.key, kept.reason, kept.seconds))
            return False
        self.last_name = candidate.model.name
        self.tried.add(candidate.place)
        reading = attempt.send()
        held_back = attempt.held
        ending: list[Finished] = []
        heard = 0
        while not reading.done:
            if reading.waits:
                yield READ
            for event in attempt.feed(reading):
                if isinstance(event, Finished):
                    ending.append(event)
                elif self.whole_turn:
                    held_back.append(event)
                    self.tally.hear(event)
                elif data := self.show(event):
                    yield data
            if attempt.units.heard != heard:
                heard = attempt.units.heard
                attempt.content()
            if reading.complete:
                self.deadlines.linger()
        if self.whole_turn and len(ending) < (self.request.n or 1):
            raise ProviderError(FailureKind.UNUSABLE, f"{len(ending)} answers where {self.request.n} were asked for")
        attempt.succeeded(ending)
        self.attempt = None
        yield from self.closing.finish([*held_back, *ending], candidate.model)
        yield from self._drain()
        return True

    def show(self, event: Event) -> bytes:
        """Return what the client gets for an event, and remember it."""
        self.closing.watch(event)
        self.tally.hear(event)
        data = self.out.encode(event)
        if data:
            self.first_head.open()
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
        error.hide(candidate.key.secret.reveal())
        if attempt.mode is Mode.ANCHORED and error.kind is FailureKind.CALLER_FAULT:
            error = ProviderError(FailureKind.PREFILL, error.message, status=error.status, code=error.code)
        if self._repeats(candidate, attempt, error):
            return
        self.failures.append(error)
        self.shown.inside_call = self.shown.inside_call or attempt.units.inside
        self.tally.broke_off(delivered=not self.whole_turn)
        if self.whole_turn:
            self.shown = Shown(id=self.plan.answer_id, created=self.plan.created)
        if error.kind is FailureKind.EMPTY and attempt.substance.finish is not None:
            if self.empty:
                self.queue.waiting.clear()
            self.empty = self.empty or [*attempt.held, attempt.substance.finish]
        if self.queue.failed(candidate, error) and error.kind is not FailureKind.NO_ANCHOR:
            self.pause = PAUSE_SECONDS * (0.5 + self.desk.health.jitter())

    def _repeats(self, candidate: Candidate, attempt: "Attempt", error: ProviderError) -> bool:
        """Return whether the same candidate is asked again at once: the fault was the line's, or taught something."""
        stale = error.code == "stale" and self.stale < MOST_ATTEMPTS
        local = self.desk.local.suspected(candidate.model.provider, error.code)
        attempt.failed(error, count=not (stale or local) and error.code != OUT_OF_TIME, ours=local)
        if stale:
            self.stale += 1
            self.record.hops.pop()
        else:
            lessons = self.desk.learn(candidate, error, request=self.request, known=attempt.lessons)
            if lessons is None or len(self.record.hops) >= MOST_ATTEMPTS:
                return False
            self.lessons = lessons
        self.queue.again(candidate)
        self.repeating = True
        return True

    def _final_error(self) -> GatewayError:
        hops, failures = self.record.hops, self.failures
        if failures and not failures[-1].verdict.next_candidate and failures[-1].kind is not FailureKind.GATEWAY:
            error = outcome.refused(failures[-1])
        else:
            overdue = self.deadlines.overdue
            error = outcome.all_failed(failures, hops, self.excluded, overdue=overdue)
        if self.shown.started and not self.whole_turn:
            return StreamInterrupted(f"the answer broke off: {error.message}", details=error.details)
        return error

    def _error(self, error: GatewayError) -> bytes:
        """Return the client's error: a status and a body, or the wire's error event once the status is out."""
        running = self.head is not None
        error.request_id = self.plan.id
        self.closing.book(error.code or error.type, error.status)
        if running:
            return self.out.error(error)
        body = msgspec.json.encode(self.plan.codec.encode_error(error))
        self.first_head.fail(error, len(body))
        return body

    def _drain(self) -> Iterator[bytes | Want]:
        """Read the rest of the body for a moment, so that its connection can be used again."""
        body = self.body
        try:
            self.deadlines.linger()
            while not body.ended:
                if not body.pending():
                    yield READ
                body.read()
            body.release()
        except ProviderError:
            body.abort()
        finally:
            if body.ended is False:
                body.abort()
            self.body = None


class Attempt:
    """One try at one candidate: its stages, its hop, its reservation."""

    def __init__(self, attempts: Attempts, candidate: Candidate, mode: Mode) -> None:
        """Prepare the stages between the provider's events and the client."""
        self.attempts = attempts
        self.candidate = candidate
        self.mode = mode
        request, plan, shown = attempts.request, attempts.plan, attempts.shown
        if not shown.started:
            shown.model = candidate.model.id
        extra = {"openai_chat": {"provider": candidate.model.provider}}
        self.spaces = spaces_of(request)
        self.units = WholeUnits(
            offered=offered_tools(request, wire=candidate.provider.wire),
            custom=custom_tools(request),
            json=request.output is not None and plan.hold != "event",
            calls=plan.hold != "event",
        )
        self.substance = Substance(strict=attempts.whole_turn)
        self.held: list[Event] = []
        self.lessons = Lessons()
        self.join = Join(shown, mode=mode, issuer=candidate.issuer, extra=extra)
        self.started = attempts.desk.clock()
        self.hop = Hop(provider=candidate.model.provider, model=candidate.model.id, key=candidate.key.id)
        self.hop.after = (self.started - attempts.first_head.started) * 1000
        attempts.record.hops.append(self.hop)
        self.ttft: float | None = None
        self.call = 0
        self.reservation: Reservation | None = None
        self.reading: Reading | None = None

    def reserve(self) -> Held | None:
        """Take the quota that the call needs; where there is none, undo this attempt and say why. May block."""
        attempts, candidate = self.attempts, self.candidate
        taken = reserve(attempts.desk.ledger, candidate.model, candidate.key, attempts.plan.needs)
        if not isinstance(taken, Held):
            self.reservation = taken
            return None
        attempts.record.hops.pop()
        attempts.desk.health.release(candidate.place)
        return taken

    def send(self) -> Reading:
        """Fit, encode and send the request; return what reads the answer. May block."""
        attempts, candidate = self.attempts, self.candidate
        asked = attempts.shown.remainder(attempts.request, self.mode)
        self.lessons, attempts.lessons = attempts.lessons or attempts.desk.lessons_of(candidate), None
        fitted = adapt(
            asked,
            model=candidate.model,
            wire=candidate.provider.wire,
            issuer=candidate.issuer,
            asked_on=attempts.plan.codec.WIRE,
            lessons=self.lessons,
        )
        reasoning = "reasoning" in candidate.model.capabilities
        attempts.deadlines.attempt(candidate.provider.timeouts, reasoning=reasoning)
        if not attempts.plain:
            self._wait_for_it()
        attempts.body = candidate.provider.chat(fitted.request, key=candidate.key, dropped=fitted.dropped)
        attempts.desk.local.answered()
        attempts.dropped = list(dict.fromkeys([*attempts.plan.dropped, *fitted.dropped]))
        attempts.first_head.note_send()
        heard = partial(hear, attempts.desk.ledger, self.reservation)
        self.reading = Reading(candidate.provider, attempts.body, fitted.request, heard=heard)
        return self.reading

    def _wait_for_it(self) -> None:
        """Note that a first token is due; where somebody else could answer, wait no longer than it makes sense."""
        attempts, model, tokens = self.attempts, self.candidate.model, self.attempts.plan.needs.tokens
        health = attempts.desk.health
        expected = expected_first(model, health)
        self.call = health.sent(self.candidate.place, tokens=tokens, prior=expected)
        if attempts.queue.waiting and self.mode is Mode.FRESH and "reasoning" not in model.capabilities:
            attempts.deadlines.hurry(max(PATIENCE_LEAST, PATIENCE_TIMES * expected) + 2 * tokens / PREFILL_SPEED)

    def feed(self, reading: Reading) -> Iterator[Event]:
        """Yield the events of one read, as the client gets them."""
        return self.join.feed(self.substance.feed(self.units.feed(restored(reading.feed(), self.spaces))))

    def content(self) -> None:
        """Note that content has come."""
        self.attempts.deadlines.content()
        if self.ttft is None:
            self.ttft = self.attempts.desk.clock() - self.started
            self.hop.ttft_ms = self.hop.ms = self.ttft * 1000
            self.attempts.desk.health.spoke(self.candidate.place, self.call)

    def succeeded(self, ending: list[Finished]) -> None:
        """Book a whole answer."""
        desk = self.attempts.desk
        latency = self._end("ok")
        usage = self.attempts.tally.own(ending, self.hop)
        self.hop.cost = price(self.candidate.model, usage.input or 0, usage.output or 0)
        ttft = None if self.attempts.plain else self.ttft
        read = max((usage.input or 0) - (usage.cache_read or 0), 0)
        desk.health.succeeded(self.candidate.place, ttft=ttft, latency=latency, tokens=usage.output, read=read)
        desk.ledger.settle(self.reservation, input=usage.input, output=usage.output, cost=self.hop.cost, alive=True)
        desk.sessions.remember(self.attempts.plan.session, self.candidate.model.key, usage.input or 0)

    def failed(self, error: ProviderError, *, count: bool = True, ours: bool = False) -> None:
        """Book a failure where it belongs; ``ours``: it is this machine's own network that fails."""
        desk = self.attempts.desk
        kind = FailureKind.GATEWAY if ours else error.kind
        self._end(OUT_OF_TIME if error.code == OUT_OF_TIME else kind.name.lower())
        self.hop.message, self.hop.status = error.message, error.status
        if not count:
            settle_failure(desk.ledger, self.reservation, error)
            desk.health.release(self.candidate.place)
            return
        book_failure(desk.ledger, self.reservation, error, self.reading)
        desk.health.failed(self.candidate.place, error)
        kept = self.attempts.kept_out(self.candidate)
        self.hop.retry_after = kept.seconds if kept else error.retry_after
        hop = self.hop
        told = (self.attempts.plan.id, hop.provider, hop.model, hop.key, hop.outcome, hop.ms)
        log.info("request %s: %s/%s with key %s: %s after %.0f ms", *told)
        if error.kind in ALARMING or error.code == "tls_certificate":
            log.warning("%s/%s with key %s: %s: %s", *told[1:5], error.message[:200])

    def cancelled(self) -> None:
        """Book an attempt that the client left: nobody is to blame."""
        self._end("cancelled")
        self.attempts.desk.health.release(self.candidate.place)
        self.attempts.desk.ledger.settle(self.reservation)

    def _end(self, outcome: str) -> float:
        latency = self.attempts.desk.clock() - self.started
        self.attempts.desk.health.speeds.ended(self.call)
        self.hop.outcome, self.hop.ms = outcome, latency * 1000
        return latency
