"""One try at one candidate: what it sends, how its events are staged, and how it is booked."""

import logging
from collections.abc import Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from wallas.errors import FailureKind, ProviderError
from wallas.health_cache import LEAST_TOKENS
from wallas.quota.learning import listen, settle_failure
from wallas.quota.ledger import Reservation
from wallas.routing.adapt import NO_LESSONS, adapt
from wallas.routing.admission import Held, book_failure, reserve
from wallas.routing.candidates import Candidate
from wallas.routing.deadlines import OUT_OF_TIME
from wallas.routing.loops import Loops
from wallas.routing.namespaces import restored, spaces_of
from wallas.routing.notices import Notices
from wallas.routing.patience import further, patience, stands_by
from wallas.routing.reading import Reading
from wallas.routing.seam import Join, Mode
from wallas.routing.shortcut import Shortcut
from wallas.routing.strategies import expected_first
from wallas.routing.tally import price
from wallas.routing.trail import Hop
from wallas.routing.units import Substance, WholeUnits, custom_tools, offered_tools
from wallas.routing.whole import passed
from wallas.types.chat import ChatResponse, Usage
from wallas.types.events import Event, PartDelta, unfold
from wallas.types.lasting import once
from wallas.waits import NotNow

if TYPE_CHECKING:
    from wallas.routing.attempts import Attempts

log = logging.getLogger(__name__)

ALARMING = frozenset({FailureKind.CREDENTIAL, FailureKind.MONEY, FailureKind.REGION})
"""Failures that only the operator can end; each is told once, for what it concerns rests then."""


NONE: frozenset[str] = frozenset()


class Attempt:
    """One try at one candidate: its stages, its hop, its reservation."""

    def __init__(self, attempts: "Attempts", candidate: Candidate, mode: Mode) -> None:
        """Prepare the stages between the provider's events and the client."""
        self.attempts = attempts
        self.candidate = candidate
        self.place = candidate.place
        self.mode = mode
        request, plan, shown = attempts.request, attempts.plan, attempts.shown
        if not shown.started:
            shown.model = candidate.model.id
        extra = {"openai_chat": {"provider": candidate.model.provider}}
        tools = request.tools
        self.spaces = once(tools, spaces_of) if tools else {}
        self.units = WholeUnits(
            offered=once(tools, offered_tools, candidate.provider.wire) if tools else NONE,
            custom=once(tools, custom_tools) if tools else NONE,
            json=request.output is not None and plan.hold != "event",
            schema=request.output.schema if request.output is not None else None,
            calls=plan.hold != "event",
        )
        self.watched = False
        if not attempts.keeps_whole:
            self._watch()
        self.held: list[Event] = []
        self.answer: ChatResponse | None = None
        """The whole answer, where it came so and passed."""
        self.passed: PartDelta | None = None
        """The last event of a read, if it was words that passed every stage."""
        self.lessons = NO_LESSONS
        self.join = Join(shown, mode=mode, issuer=candidate.issuer, extra=extra)
        self.started = attempts.desk.clock()
        self.hop = Hop(provider=candidate.model.provider, model=candidate.model.id, key=candidate.key.id)
        self.hop.after = (self.started - attempts.first_head.started) * 1000
        attempts.record.hops.append(self.hop)
        self.ttft: float | None = None
        self.call = 0
        self.reservation: Reservation | None = None
        self.reading: Reading | None = None

    def _watch(self) -> None:
        """Watch the events of this answer: whether they go round in circles, are a notice, or say anything at all."""
        self.watched = True
        self.loops = Loops()
        self.notices = Notices(self.attempts.request, patient=self.attempts.whole_turn)
        self.substance = Substance()

    def begin(self) -> "Reading | Held | None":
        """Take the quota and send the request; return what reads the answer, or why there is no quota. May block.

        None where this thread must not wait and would have to: another begins again.
        """
        lessons = self.attempts.lessons
        try:
            return self.reserve() or self.send()
        except NotNow:
            self.attempts.lessons = lessons
            self.attempts.desk.health.speeds.ended(self.call)
            return None

    def reserve(self) -> Held | None:
        """Take the quota that the call needs; where there is none, undo this attempt and say why. May block."""
        if self.reservation is not None:
            return None
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
        asked = attempts.request
        if self.mode is not Mode.FRESH:
            asked = attempts.shown.remainder(asked, self.mode)
        if attempts.lessons is not None or attempts.desk.lessons:
            self.lessons, attempts.lessons = attempts.lessons or attempts.desk.lessons_of(candidate), None
        fitted = adapt(
            asked,
            model=candidate.model,
            wire=candidate.provider.wire,
            issuer=self.join.issuer,
            asked_on=attempts.plan.codec.WIRE,
            lessons=self.lessons,
            contents=attempts.plan.contents,
        )
        attempts.converted = fitted.converted
        reasoning = "reasoning" in candidate.model.capabilities
        attempts.deadlines.attempt(candidate.provider.timeouts, reasoning=reasoning, tokens=attempts.plan.needs.tokens)
        if attempts.queue.waiting or not attempts.plain:
            self._wait_for_it()
        attempts.body = candidate.provider.chat(fitted.request, key=candidate.key, dropped=fitted.dropped)
        if attempts.desk.local.failed:
            attempts.desk.local.answered()
        if attempts.plan.dropped or fitted.dropped:
            attempts.dropped = list(dict.fromkeys([*attempts.plan.dropped, *fitted.dropped]))
        else:
            attempts.dropped = []
        attempts.first_head.note_send()
        assert self.reservation is not None
        heard = partial(listen, attempts.desk.ledger, self.reservation.seat)
        self.reading = Reading(candidate.provider, attempts.body, fitted.request, heard=heard)
        return self.reading

    def _wait_for_it(self) -> None:
        """Note that a first token is due; where somebody else could answer, wait no longer than it makes sense."""
        attempts, candidate = self.attempts, self.candidate
        health = attempts.desk.health
        expected = expected_first(candidate.model, health)
        limits = patience(attempts, candidate, expected=expected)
        self.call = health.sent(
            candidate.place,
            tokens=attempts.plan.needs.tokens,
            prior=expected,
            writing=limits.writing,
            least=limits.least,
        )
        if self.mode is Mode.FRESH and stands_by(attempts, candidate):
            until = self.started + limits.most
            attempts.deadlines.hurry(limits.look, partial(further, attempts, candidate, until=until))

    def feed(self, reading: Reading) -> Iterator[Event]:
        """Yield the events of one read, as the client gets them."""
        if self.attempts.whole_turn:
            yield from self._staged(reading.feed())
            return
        self.passed = None
        for event in reading.feed():
            if type(event) is not PartDelta or not self._is_plain(event):
                self.passed = None
                yield from self._staged((event,))
            elif self._passes(event):
                self.passed = event
                yield event

    def gather(self, reading: Reading) -> Iterable[Event]:
        """Return what ``feed`` yields; nothing for an answer that came whole and passes as it is: it is ``answer``."""
        events: Iterable[Event] = reading.gather()
        if reading.whole is not None:
            if passed(self, reading.whole):
                self.answer = reading.whole
            else:
                events = unfold(reading.whole)
        if not events:
            return ()
        if not self.watched:
            self._watch()
        return self._staged(events)

    def _staged(self, events: Iterable[Event]) -> Iterator[Event]:
        units = self.units.feed(self.loops.feed(restored(events, self.spaces)))
        joined = self.join.feed(self.substance.feed(self.notices.feed(units)))
        online = self.attempts.plan.online
        return joined if online is None else online.cited(joined, self.attempts.shown)

    def _is_plain(self, event: PartDelta) -> bool:
        """Return whether words would pass every stage as they are, unless they repeat what was said.

        Nearly all events of a stream are such words, and six generators for each of them would be half of its cost.
        """
        slot, units, join = (event.choice, event.index), self.units, self.join
        if event.seal is not None or units.held or units.behind or slot == join.spliced:
            return False
        if not (join.content and (self.substance.seen or slot in self.substance.reasoning)):
            return False
        if not (self.notices.certain or self.notices.slot is None):
            return False
        watch = self.loops.watches.get(slot)
        return join.places.get(slot) == event.index and watch is not None and not watch.held

    def _passes(self, event: PartDelta) -> bool:
        """Take in plain words; return whether they are shown now. Raise UNUSABLE for an endless loop."""
        text = event.text or event.summary
        watch = self.loops.watches[event.choice, event.index]
        if text and not watch.shows(text):
            watch.held.append(event)
            return False
        self.units.heard += bool(text or event.data)
        self.join.shown.note(event)
        return True

    def shortcut(self, reading: Reading) -> Shortcut | None:
        """Return the way that more of the words that have just passed may take; None where each is to be looked at."""
        words, attempts = self.passed, self.attempts
        if words is None or attempts.others is not None or attempts.closing.whole is not None:
            return None
        reader = reading.words(words)
        return Shortcut(attempts, self, reader, words) if reader is not None else None

    def content(self) -> None:
        """Note that content has come."""
        self.attempts.deadlines.content()
        if self.ttft is None:
            self.ttft = self.attempts.desk.clock() - self.started
            self.hop.ttft_ms = self.hop.ms = self.ttft * 1000
            self.attempts.desk.health.spoke(self.place, self.call)

    def content_whole(self) -> None:
        """Note that content has come, and all of it."""
        self.hop.ttft_ms = (self.attempts.desk.clock() - self.started) * 1000
        if self.call:
            self.attempts.desk.health.spoke(self.place, self.call)

    def succeeded(self, usage: Usage, *, calls: bool = False) -> None:
        """Book a whole answer, whose usage its provider tells; ``calls``: the client is to run tools."""
        desk = self.attempts.desk
        latency = self._end("ok")
        hop = self.hop
        self.attempts.tally.own(usage, hop)
        prompt, output = hop.input or 0, hop.output or 0
        hop.cost = price(self.candidate.model, prompt, output)
        ttft = None if self.attempts.plain else self.ttft
        read = max(prompt - (hop.cached or 0), 0)
        desk.health.succeeded(self.place, ttft=ttft, latency=latency, tokens=output, read=read)
        desk.ledger.settle(self.reservation, input=prompt, output=output, cost=hop.cost, alive=True)
        if desk.findings.answered(self.candidate.model, self.hop.key, self.join.said_model, began_at=self.began_at):
            self.hop.said_model = self.join.said_model
        met = self.candidate
        if prompt >= LEAST_TOKENS:
            again = desk.sessions.again(self.attempts.plan.session, met.model.key, credential=met.key.id)
            desk.health.caches.heard(met.model.key, tokens=prompt, cached=hop.cached or 0, again=again)
        key, session = met.key.id, self.attempts.plan.session
        desk.sessions.remember(session, met.model.key, prompt, credential=key, calls=calls)

    def failed(self, error: ProviderError, *, count: bool = True, ours: bool = False) -> None:
        """Book a failure where it belongs; ``ours``: it is this machine's own network that fails."""
        desk = self.attempts.desk
        kind = FailureKind.GATEWAY if ours else error.kind
        self._end(OUT_OF_TIME if error.code == OUT_OF_TIME else kind.name.lower())
        self.hop.message, self.hop.status = error.message, error.status
        if not count:
            settle_failure(desk.ledger, self.reservation, error)
            desk.health.release(self.place)
            return
        book_failure(desk.ledger, self.reservation, error, self.reading)
        desk.health.failed(self.place, error)
        if not ours:
            desk.findings.refused(*self.place, error, began_at=self.began_at)
        kept = self.attempts.kept_out(self.candidate)
        self.hop.retry_after = kept.seconds if kept else error.retry_after
        hop = self.hop
        told = (self.attempts.plan.id, hop.provider, hop.model, hop.key, hop.outcome, hop.ms)
        log.info("request %s: %s/%s with key %s: %s after %.0f ms", *told)
        if error.kind in ALARMING or error.code == "tls_certificate":
            log.warning("%s/%s with key %s: %s: %s", *told[1:5], error.message[:200])

    @property
    def began_at(self) -> float:
        """Return when this attempt began, in seconds since 1970."""
        return self.attempts.record.at + self.hop.after / 1000

    def cancelled(self) -> None:
        """Book an attempt that the client left: nobody is to blame."""
        self._end("cancelled")
        self.attempts.desk.health.release(self.place)
        self.attempts.desk.ledger.settle(self.reservation)

    def _end(self, outcome: str) -> float:
        latency = self.attempts.desk.clock() - self.started
        self.attempts.desk.health.speeds.ended(self.call)
        self.hop.outcome, self.hop.ms = outcome, latency * 1000
        return latency
