"""Notices an answer that goes round in circles, holds its repetitions back and cuts it off (routing.md 6).

The second time that the same words come, they wait for what follows: words
that go on otherwise are shown, and those that come eight times in a row are
the end of the attempt. So a client sees hardly more than one repetition.
"""

from collections.abc import Iterable, Iterator

from wallas.errors import FailureKind, ProviderError
from wallas.types.chat import ToolCall
from wallas.types.events import Event, Finished, PartDelta, PartEnded, PartStarted

LEAST = 40
"""Characters of the shortest repetition that counts."""
TIMES = 8
CALL_TIMES = 64
"""How often an answer, and a call's arguments, may say the same: files that tools write do repeat themselves."""
SHORT_RUN = 16_000
"""Characters that a shorter repetition, or one of fewer than four different signs, may fill: lines, lists of zeros."""
FEW_SIGNS = 4
HELD_FROM = 2
LOOKED_AT = 20_000
WINDOW = 10 * LEAST
STEP = BLOCK = 4 * LEAST
BLOCKS = LOOKED_AT // BLOCK + 2
TRIES = 4
LOOP = "loop"
"""The code of the failure."""


def period_of(text: str) -> int | None:
    """Return after how many characters the end of a text repeats itself; None if no 40 of them do."""
    needle = text[-LEAST:]
    if len(needle) < LEAST:
        return None
    end = len(text) - 1
    for _ in range(TRIES):
        found = text.rfind(needle, 0, end)
        if found < 0:
            return None
        period = len(text) - LEAST - found
        if text[-period:] == text[-2 * period : -period]:
            return period
        end = found + LEAST - 1
    return None


def run_of(text: str, period: int) -> int:
    """Return how many characters at the end of a text repeat themselves with this period."""
    run, last = period, text[-period:]
    while text[-run - period : -run] == last:
        run += period
    while run < len(text) and text[-run - 1] == text[-run - 1 + period]:
        run += 1
    return run


def once(text: str) -> str:
    """Return a text whose end repeats itself with one repetition only."""
    period = period_of(text)
    return text if period is None else text[: len(text) - (run_of(text, period) // period - 1) * period]


def looped(text: str) -> bool:
    """Return whether a text says the same 40 characters or more eight times in a row, anywhere."""
    return Watch(short_run=TIMES * LEAST).loops_in(text)


class Watch:
    """One part's words: whether they have begun to repeat themselves, and for how long."""

    __slots__ = ("fresh", "held", "length", "period", "run", "said", "short_run", "times")

    def __init__(self, times: int = TIMES, *, short_run: int = SHORT_RUN) -> None:
        """Call it a loop after so many repetitions, or so many characters of repetitions shorter than 40."""
        self.times = times
        self.short_run = short_run
        self.fresh = ""
        """The last words, which are too few yet to be looked at."""
        self.said: list[str] = []
        """The words before them, BLOCK characters and a little more each but the last."""
        self.length = 0
        self.period = 0
        self.run = 0
        self.held: list[Event] = []

    def loops_in(self, text: str) -> bool:
        """Take words in, a few at a time; return whether they became a loop."""
        return any(self.looped_by(text[start : start + STEP]) for start in range(0, len(text), STEP))

    def shows(self, text: str) -> bool:
        """Take words in; return whether they need not wait for what follows. Raise UNUSABLE for an endless loop."""
        size = len(text)
        if not self.period and len(self.fresh) + size < LEAST:
            self.fresh += text
            return True
        if self.looped_by(text) if size <= STEP else self.loops_in(text):
            raise ProviderError(FailureKind.UNUSABLE, "an endless loop: the same words again and again", code=LOOP)
        return self.period < LEAST and not self.held

    def looped_by(self, text: str) -> bool:
        """Take more words in; return whether they are a loop by now. ``period`` is 0 while nothing repeats itself."""
        self.fresh = new = self.fresh + text
        size, period = len(new), self.period
        if size < LEAST and period < LEAST:
            return False
        self.fresh = ""
        goes_on = period and new == (self._end(period) * (size // period + 1))[:size]
        before = self.length // LEAST
        self.length += size
        self._add(new)
        if goes_on:
            self.run += size
        elif period:
            self._search(LOOKED_AT)
        else:  # every other time twice as far, every fourth time four times: soon found for its length, at little cost
            further = (before ^ self.length // LEAST).bit_length() - 1
            self._search(WINDOW << further if further > 0 else WINDOW)
        return self.run >= self.times * LEAST and self.run >= self._most()

    def _add(self, new: str) -> None:
        said = self.said
        if said and len(said[-1]) < BLOCK:
            said[-1] += new
        else:
            said.append(new)
            if len(said) > 2 * BLOCKS:
                del said[:-BLOCKS]

    def _end(self, size: int) -> str:
        """Return so many of the last characters, as far as they are known."""
        return "".join(self.said[-(size // BLOCK) - 2 :])[-size:]

    def _search(self, size: int) -> None:
        """Look whether the last words repeat themselves within so many characters, LOOKED_AT at most."""
        self.period = period_of(self._end(size if size < LOOKED_AT else LOOKED_AT)) or 0
        if not self.period:
            self.run = 0
            return
        self.run = run_of(self._end(LOOKED_AT), self.period)
        if self.run < HELD_FROM * self.period:
            self.period = self.run = 0

    @property
    def holds(self) -> bool:
        """Return whether what comes now had better wait for what follows."""
        return self.period >= LEAST

    def _most(self) -> int:
        if len(set(self._end(self.period))) < FEW_SIGNS:
            return SHORT_RUN
        return self.times * self.period if self.period >= LEAST else self.short_run

    def released(self) -> list[Event]:
        """Return what was held back, which was no loop."""
        held, self.held = self.held, []
        return held


class Loops:
    """Pass events on as they come, but hold repetitions back; raise UNUSABLE for an endless loop."""

    def __init__(self) -> None:
        """Start with nothing said."""
        self.watches: dict[tuple[int, int], Watch] = {}
        self.last: Event | None = None
        """The event that came last."""

    def feed(self, events: Iterable[Event]) -> Iterator[Event]:
        """Yield the events that may be shown."""
        for event in events:
            self.last = event
            if type(event) is PartDelta:
                text = event.text or event.summary
                watch = self.watches.get((event.choice, event.index))
                if watch is None or not text or watch.shows(text):
                    yield event
                    continue
                watch.held.append(event)
                if not watch.holds:
                    yield from watch.released()
                continue
            if type(event) is PartStarted:
                times = CALL_TIMES if isinstance(event.part, ToolCall) else TIMES
                self.watches[event.choice, event.index] = Watch(times)
            elif type(event) is PartEnded:
                yield from self._over(event.choice, event.index)
            elif type(event) is Finished:
                for choice, index in list(self.watches):
                    if choice == event.choice:
                        yield from self._over(choice, index)
            yield event

    def _over(self, choice: int, index: int) -> Iterable[Event]:
        watch = self.watches.pop((choice, index), None)
        return watch.released() if watch else ()
