"""The stages between a provider's events and the client: each keeps back what it has doubts about."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from wallas.routing.candidates import Candidate
from wallas.routing.loops import Loops
from wallas.routing.namespaces import restored, spaces_of
from wallas.routing.notices import Notices
from wallas.routing.seam import Join, Mode
from wallas.routing.talk import SLOT, Talk
from wallas.routing.units import Substance, WholeUnits, custom_tools, offered_tools
from wallas.types.chat import Extra
from wallas.types.events import Event, PartDelta
from wallas.types.lasting import once

if TYPE_CHECKING:
    from wallas.routing.attempts import Attempts

NONE: frozenset[str] = frozenset()


class Stages:
    """The stages of one attempt: what goes round in circles, is not whole, is a notice, or says nothing at all."""

    def __init__(self, attempts: "Attempts", candidate: Candidate, mode: Mode, *, talk: Talk | None = None) -> None:
        """Look at this candidate's answer, which goes on from what was shown as ``mode`` says, behind its ``talk``."""
        request, plan = attempts.request, attempts.plan
        tools, output = request.tools, request.output
        self.spaces = once(tools, spaces_of) if tools else {}
        self.loops = Loops()
        self.units = WholeUnits(
            offered=once(tools, offered_tools, candidate.provider.wire) if tools else NONE,
            custom=once(tools, custom_tools) if tools else NONE,
            json=output is not None and plan.hold != "event",
            schema=output.schema if output is not None else None,
            calls=plan.hold != "event",
        )
        self.notices = Notices(request, patient=attempts.whole_turn)
        self.substance = Substance()
        self.shown, self.online = attempts.shown, plan.online
        self.join = Join(self.shown, mode=mode, issuer=candidate.issuer, extra=said_by(candidate))
        if talk is not None:
            self._heed(talk)

    def _heed(self, talk: Talk) -> None:
        """Go on where words came that no stage has looked at."""
        self.units.heard = talk.heard
        if not talk.begun:
            return
        if talk.watch is not None:
            self.loops.watches[SLOT] = talk.watch
        self.notices.certain = self.substance.seen = True
        self.join.talked(talk.model)

    def feed(self, events: Iterable[Event]) -> Iterator[Event]:
        """Yield what the client gets of these events; what has made up its mind need not look at more of them."""
        events = self.units.feed(self.loops.feed(restored(events, self.spaces)))
        if not self.notices.certain:
            events = self.notices.feed(events)
        if not self.substance.seen:
            events = self.substance.feed(events)
        joined = self.join.feed(events)
        return joined if self.online is None else self.online.cited(joined, self.shown)

    def is_plain(self, event: PartDelta) -> bool:
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

    def keeps(self, event: PartDelta) -> list[PartDelta] | None:
        """Return where the words of a unit, which is shown whole or not at all, are kept; None for other parts."""
        slot = (event.choice, event.index)
        watch = self.loops.watches.get(slot)
        if event.seal is not None or watch is None or watch.held:
            return None
        return self.units.deltas.get(slot)

    def followed(self) -> PartDelta | None:
        """Return the last event that was fed, if it was words, and more like them need not be: plain ones or kept."""
        last = self.loops.last
        return last if type(last) is PartDelta and (self.keeps(last) or self.is_plain(last)) else None

    def passes(self, event: PartDelta) -> bool:
        """Take in plain words; return whether they are shown now. Raise UNUSABLE for an endless loop."""
        text = event.text or event.summary
        watch = self.loops.watches[event.choice, event.index]
        if text and not watch.shows(text):
            watch.held.append(event)
            return False
        self.units.heard += bool(text or event.data)
        self.shown.note(event)
        return True


def said_by(candidate: Candidate) -> Extra:
    """Return what an answer says of who gave it, beside what its wire has a field for."""
    return {"openai_chat": {"provider": candidate.model.provider}}
