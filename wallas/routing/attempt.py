"""One try at one candidate: what it sends, how its events are staged, and how it is booked."""

import logging
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from wallas.errors import FailureKind, ProviderError
from wallas.health_cache import LEAST_TOKENS
from wallas.quota.learning import listen, settle_failure
from wallas.quota.ledger import Reservation
from wallas.routing.adapt import NO_LESSONS, adapt
from wallas.routing.admission import Held, book_failure, reserve
from wallas.routing.candidates import Candidate
from wallas.routing.deadlines import OUT_OF_TIME
from wallas.routing.patience import further, patience, stands_by
from wallas.routing.reading import Reading
from wallas.routing.seam import Mode
from wallas.routing.sessions import SESSION_TOKENS
from wallas.routing.shortcut import Shortcut
from wallas.routing.stages import Stages, said_by
from wallas.routing.strategies import expected_first
from wallas.routing.talk import Talk, talk_of
from wallas.routing.tally import price
from wallas.routing.trail import Hop
from wallas.routing.whole import passed
from wallas.types.chat import ChatResponse, Usage
from wallas.types.events import PING, Event, PartDelta, unfold
from wallas.waits import NotNow

if TYPE_CHECKING:
    from wallas.routing.attempts import Attempts

log = logging.getLogger(__name__)

ALARMING = frozenset({FailureKind.CREDENTIAL, FailureKind.MONEY, FailureKind.REGION})
"""Failures that only the operator can end; each is told once, for what it concerns rests then."""


class Attempt:
    """One try at one candidate: its stages, its hop, its reservation."""

    made: Stages | None = None
    """The stages that have looked at its events, if any had to."""
    talk: Talk | None = None
    """Its words, while it says nothing else."""
    answer: ChatResponse | None = None
    """The whole answer, where it came so and passed."""
    passed: PartDelta | None = None
    """The last event of a read, if it was words that passed every stage."""
    said_model = ""
    """The model in whose name it answers."""
    lessons = NO_LESSONS
    call = 0
    heard = 0
    """How many events with words had come when that was looked at last."""
    ttft: float | None = None
    whole_at: float | None = None
    """When an answer was here that came whole."""
    reservation: Reservation | None = None
    reading: Reading | None = None

    def __init__(self, attempts: "Attempts", candidate: Candidate, mode: Mode) -> None:
        """Begin now to ask a candidate for what is missing, as ``mode`` says."""
        self.attempts = attempts
        self.candidate = candidate
        self.place = candidate.place
        self.mode = mode
        self.held: list[Event] = []
        self.started = attempts.asked_at
        after = self.started - attempts.deadlines.started
        self.began_at = attempts.record.at + after
        """The same in seconds since 1970."""
        provider, model, key = candidate.place
        self.hop = Hop(provider=provider, model=model, key=key, after=after * 1000)
        attempts.record.hops.append(self.hop)

    @property
    def stages(self) -> Stages:
        """Return what looks at this attempt's events; made when the first of them needs it."""
        if self.made is None:
            talk, self.talk = self.talk, None
            self.made = Stages(self.attempts, self.candidate, self.mode, talk=talk)
        return self.made

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
        if type(taken) is Reservation:
            self.reservation = taken
            return None
        assert isinstance(taken, Held)
        attempts.record.hops.pop()
        attempts.desk.health.release(candidate.place)
        return taken

    def send(self) -> Reading:
        """Fit, encode and send the request; return what reads the answer. May block."""
        attempts, candidate, asked = self.attempts, self.candidate, self.attempts.request
        if not attempts.shown.started:
            attempts.shown.model = candidate.model.id
        if self.mode is not Mode.FRESH:
            asked = attempts.shown.remainder(asked, self.mode)
        if attempts.lessons is not None or attempts.desk.lessons:
            self.lessons, attempts.lessons = attempts.lessons or attempts.desk.lessons_of(candidate), None
        fitted = adapt(
            asked,
            model=candidate.model,
            wire=candidate.provider.wire,
            issuer=candidate.issuer,
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
            attempts.dropped = tuple(dict.fromkeys([*attempts.plan.dropped, *fitted.dropped]))
        else:
            attempts.dropped = ()
        if attempts.closing.overhead is None:
            attempts.closing.overhead = (attempts.desk.clock() - attempts.deadlines.started) * 1000
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

    def feed(self, reading: Reading) -> Iterable[Event]:
        """Return the events of one read, as the client gets them."""
        return self.stages.feed(reading.feed()) if self.attempts.plain else self._parts(reading)

    def _parts(self, reading: Reading) -> Iterable[Event]:
        """Return what a client of a stream gets, at once or with all of its turn."""
        self.passed, events = None, reading.feed()
        if self.made is None:
            talk = self.talk
            if talk is None:
                talk = self.talk = talk_of(self)
            if talk is not None:
                return self._talked(talk, events)
        return self._staged(iter(events))

    def _talked(self, talk: Talk, events: Iterable[Event]) -> Iterable[Event]:
        """Return what the client gets of events as long as they are a text's beginning, its words and its end."""
        if talk.begun:
            return self._more(talk, iter(events))
        listed = type(events) is list
        told = talk.opened(events, said_by(self.candidate)) if listed else None  # type: ignore[arg-type]
        if told is None:
            return self._staged(chain(talk.waiting, () if listed else events))
        if not told:
            return told
        self.passed, self.said_model = told[2], talk.model  # type: ignore[assignment]
        return told if len(told) == 3 else chain(told[:3], self._more(talk, iter(told[3:])))

    def _more(self, talk: Talk, events: Iterator[Event]) -> Iterator[Event]:
        """Yield the words of a text, and its end; whatever else comes is left to the stages."""
        for event in events:
            if type(event) is PartDelta and talk.is_plain(event):
                if talk.passes(event):
                    self.passed = event
                    yield event
            elif talk.ends(event):
                self.passed = None
                yield event
            elif event != PING:
                yield from self._staged(chain((event,), events))

    def _staged(self, events: Iterator[Event]) -> Iterator[Event]:
        """Yield what the stages pass on."""
        stages = self.stages
        for event in events:
            if type(event) is not PartDelta or not stages.is_plain(event):
                yield from stages.feed(chain((event,), events))
                self.passed = stages.followed()
            elif stages.passes(event):
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
        return self.stages.feed(events) if events else ()

    def shortcut(self, reading: Reading) -> Shortcut | None:
        """Return the way of more words like the last, shown or kept; None where each is to be looked at."""
        words, attempts, talk = self.passed, self.attempts, self.talk
        if words is None or attempts.others is not None:
            return None
        unit, watch = None, talk.watch if talk is not None else None
        if watch is None:
            unit, watch = self.stages.keeps(words), self.stages.loops.watches[words.choice, words.index]
        if unit is None and attempts.closing.whole is not None:
            return None
        reader = reading.words(words)
        return Shortcut(attempts, self, reader, words, watch=watch, unit=unit) if reader is not None else None

    def content(self) -> None:
        """Note that content has come, if any has since this was asked last."""
        talk, made = self.talk, self.made
        heard = talk.heard if talk is not None else made.units.heard if made is not None else 0
        if heard == self.heard:
            return
        self.heard = heard
        self.attempts.deadlines.content()
        if self.ttft is None:
            self.ttft = self.attempts.desk.clock() - self.started
            self.hop.ttft_ms = self.hop.ms = self.ttft * 1000
            self.attempts.desk.health.spoke(self.place, self.call)

    def content_whole(self) -> None:
        """Note that content has come, and all of it."""
        self.whole_at = now = self.attempts.desk.clock()
        self.hop.ttft_ms = (now - self.started) * 1000
        if self.call:
            self.attempts.desk.health.spoke(self.place, self.call)

    def succeeded(self, usage: Usage, *, calls: bool = False) -> None:
        """Book a whole answer, whose usage its provider tells; ``calls``: the client is to run tools."""
        attempts, hop, model, key = self.attempts, self.hop, self.candidate.model, self.candidate.key.id
        desk = attempts.desk
        now = desk.clock() if self.whole_at is None else self.whole_at
        latency = now - self.started
        if self.call:
            desk.health.speeds.ended(self.call)
        hop.outcome, hop.ms = "ok", latency * 1000
        attempts.tally.own(usage, hop)
        prompt, output, cached = hop.input or 0, hop.output or 0, hop.cached or 0
        hop.cost = price(model, prompt, output)
        ttft, read = None if attempts.plain else self.ttft, prompt - cached if prompt > cached else 0
        desk.health.succeeded(self.place, ttft=ttft, latency=latency, tokens=output, read=read, now=now)
        desk.ledger.settle(self.reservation, input=prompt, output=output, cost=hop.cost, alive=True)
        said_model = self.said_model if self.made is None else self.said_model or self.made.join.said_model
        if desk.findings.answered(model, key, said_model, began_at=self.began_at):
            hop.said_model = said_model
        if prompt >= SESSION_TOKENS or calls or desk.sessions.due:
            self._remember(prompt, cached, calls=calls, now=now)

    def _remember(self, prompt: int, cached: int, *, calls: bool, now: float) -> None:
        """Note whom the conversation met, and what of it the cache held; for what is too short there is none."""
        desk, name, key = self.attempts.desk, self.candidate.model.key, self.candidate.key.id
        session = self.attempts.plan.conversation
        if prompt >= LEAST_TOKENS:
            again = desk.sessions.again(session, name, credential=key)
            desk.health.caches.heard(name, tokens=prompt, cached=cached, again=again)
        desk.sessions.remember(session, name, prompt, credential=key, calls=calls, now=now)

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
