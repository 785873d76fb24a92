"""An answer of one text and nothing else, which most streams are: shown without a stage being made to look at it.

What the stages would make of such an answer is known before it comes. They are
made as soon as anything else does, and told how far it has come
(``Stages.__init__``); events that nobody has seen yet are theirs then.
"""

from typing import TYPE_CHECKING

from wallas.routing.loops import Watch
from wallas.routing.notices import may_be_one
from wallas.routing.seam import Mode, Shown
from wallas.types.chat import Extra, StopReason, Text
from wallas.types.events import PING, Event, Finished, PartDelta, PartEnded, PartStarted, Started, merged

if TYPE_CHECKING:
    from wallas.routing.attempt import Attempt

SLOT = (0, 0)
BEGUN = PartStarted(0, Text(text=""))
ENDED = PartEnded(0)


class Talk:
    """One attempt's words, from the first to the end of the answer."""

    __slots__ = ("begun", "heard", "model", "shown", "waiting", "watch")

    def __init__(self, shown: Shown) -> None:
        """Begin what the client has seen nothing of."""
        self.shown = shown
        self.waiting: list[Event] = []
        """What came before the first words."""
        self.begun = False
        self.model = ""
        """The model in whose name it answers."""
        self.heard = 0
        """How many events with words have come."""
        self.watch: Watch | None = None
        """None before the first words and behind the last."""

    def opened(self, events: list[Event], extra: Extra) -> list[Event] | None:
        """Return what the client gets of these events and those that wait, which are a beginning.

        Nothing while there are no words; None, and all of them wait, for one
        that the stages have to look at. ``extra`` is said beside the answer's own.
        """
        waiting = self.waiting
        waiting += events if PING not in events else [event for event in events if event != PING]
        if len(waiting) < 3:
            return [] if not waiting or (type(waiting[0]) is Started and waiting[1:] in ([], [BEGUN])) else None
        start, part, first, *more = waiting
        if type(start) is not Started or part != BEGUN or type(first) is not PartDelta:
            return None
        text, watch, shown = first.text, Watch(), self.shown
        if not text or first.index or first.choice or first.seal is not None or may_be_one(text):
            return None
        if not watch.shows(text):
            return None
        self.begun, self.watch, self.waiting, self.model = True, watch, [], start.model
        self.heard += 1
        model = shown.model or start.model
        start = Started(id=shown.id, model=model, created=shown.created, extra=merged(start.extra, extra))
        shown.talks(BEGUN.part, text)
        return [start, part, first, *more]

    def is_plain(self, event: PartDelta) -> bool:
        """Return whether words go on in this text, of which nothing is held."""
        watch = self.watch
        return watch is not None and not (watch.held or event.index or event.choice) and event.seal is None

    def passes(self, event: PartDelta) -> bool:
        """Take in more words; return whether they are shown now. Raise UNUSABLE for an endless loop."""
        text, watch = event.text, self.watch
        assert watch is not None
        if text:
            self.heard += 1
            if not watch.shows(text):
                watch.held.append(event)
                return False
            self.shown.texts.append(text)
        return True

    def ends(self, event: Event) -> bool:
        """Take in the end of the text, or of the answer; return False for anything else."""
        watch = self.watch
        if watch is None:
            return type(event) is Finished and event.choice == 0 and event.reason is not StopReason.UNKNOWN
        if watch.held or event != ENDED:
            return False
        self.watch = None
        del self.shown.open[SLOT]
        return True


def talk_of(attempt: "Attempt") -> Talk | None:
    """Return what an attempt's answer may be; None where it is not shown as it comes, or goes on from another's.

    A text that shall be JSON is held until it is whole; sources that were looked up are cited in it.
    """
    attempts, plan, shown = attempt.attempts, attempt.attempts.plan, attempt.attempts.shown
    if attempts.whole_turn or attempt.mode is not Mode.FRESH or shown.started or shown.parts:
        return None
    if attempts.others is not None or plan.online is not None or (attempts.request.n or 1) > 1:
        return None
    return None if attempts.request.output is not None and plan.hold != "event" else Talk(shown)
