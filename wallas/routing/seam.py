"""Passes providers' events on to the client so that one provider can take over from another.

What the client has seen cannot be taken back. So an attempt shows nothing
until it has content, a unit is shown only when it is whole (``units.py``), and
``Shown`` remembers every word, from which the next attempt goes on.
"""

from collections.abc import Iterable, Iterator
from enum import Enum, auto

import msgspec

from wallas.errors import FailureKind, ProviderError
from wallas.routing.continuation import SHOWN_MOST, AnchorSearch, anchor_of, remainder
from wallas.types.chat import ChatRequest, Extra, Part, Reasoning, Seal, Text, ToolCall, Usage
from wallas.types.events import Event, Finished, PartDelta, PartEnded, PartStarted, Ping, Started, merged


class Mode(Enum):
    """How the next attempt relates to what the client has already seen."""

    FRESH = auto()  # nothing shown, or only thinking: the same request
    ANCHORED = auto()  # text shown: continue it from its last words
    CALLS = auto()  # too little text to anchor, and a call was due: the same request, for its calls only
    OVER = auto()  # whole calls shown: the turn is usable as it stands
    LOST = auto()  # nobody can go on from here


class Shown:
    """What the client has seen of one answer, and where it stands in it."""

    def __init__(self, *, id: str, model: str = "", created: int | None = None) -> None:
        """Start an answer that the client will know by ``id``; ``model`` is the first that answers unless given."""
        self.id = id
        self.model = model
        self.created = created
        self.started = False
        self.parts = 0
        self.calls = 0
        self.texts: list[str] = []
        self.open: int | None = None
        self.calling = False
        self.text_index: int | None = None
        self.inside_call = False

    @property
    def text(self) -> str:
        """Return the words of the last text part, the one that could be continued."""
        if len(self.texts) > 1:
            self.texts = ["".join(self.texts)]
        return self.texts[0] if self.texts else ""

    def mode(self, request: ChatRequest) -> Mode:
        """Return how another attempt could go on from here."""
        if self.calling:
            return Mode.LOST
        if self.calls:
            return Mode.OVER
        if not self.texts or not self.text.strip():
            return Mode.FRESH
        if (request.n or 1) > 1 or request.logprobs is not None or "audio" in request.modalities:
            return Mode.LOST
        if len(self.text) > SHOWN_MOST:
            return Mode.LOST
        if anchor_of(self.text) is not None:
            return Mode.ANCHORED
        return Mode.CALLS if self.inside_call else Mode.LOST

    def remainder(self, request: ChatRequest, mode: Mode) -> ChatRequest:
        """Return the request that asks for what is still missing."""
        anchor = anchor_of(self.text) if mode is Mode.ANCHORED else None
        return remainder(request, self.text, anchor) if anchor else request

    def note(self, event: Event) -> None:
        """Remember one event that goes to the client."""
        match event:
            case PartDelta():
                if event.index == self.text_index and event.text:
                    self.texts.append(event.text)
            case PartStarted(part=part):
                self.open = event.index
                self.calling = isinstance(part, ToolCall)
                self.parts = max(self.parts, event.index + 1)
                if isinstance(part, Text):
                    self.text_index = event.index
                    self.texts = [part.text] if part.text else []
            case PartEnded():
                self.calls += self.calling
                self.calling = False
                self.open = None
            case Started():
                self.started = True
            case _:
                pass


class Join:
    """One attempt's events as the client gets them: its numbers, ids and seals rewritten, its beginning spliced on."""

    def __init__(self, shown: Shown, *, mode: Mode, issuer: str, extra: Extra | None = None) -> None:
        """Join an attempt by ``issuer`` (``provider/model@account``) to what was shown, as ``mode`` says."""
        self.shown = shown
        self.mode = mode
        self.issuer = issuer
        self.extra = extra or {}
        self.first = shown.parts
        self.next = shown.parts
        self.indexes: dict[tuple[int, int], int | None] = {}
        self.pending: list[Event] = []
        self.content = False
        self.closed = False
        self.search: AnchorSearch | None = None
        if mode is Mode.ANCHORED:
            self.search = AnchorSearch(shown.text, anchor_of(shown.text) or "")

    def feed(self, events: Iterable[Event]) -> Iterator[Event]:
        """Yield what the client gets; raise NO_ANCHOR where the answer does not go on from what was shown."""
        for event in events:
            if isinstance(event, Ping):
                continue
            for joined in self._joined(event):
                if self.content or _has_content(joined):
                    yield from self._released(joined)
                else:
                    self.pending.append(joined)

    def _released(self, event: Event) -> Iterator[Event]:
        pending, self.pending, self.content = self.pending, [], True
        for held in (*pending, event):
            self.shown.note(held)
            yield held

    def _joined(self, event: Event) -> Iterator[Event]:
        match event:
            case PartDelta():
                yield from self._delta(event)
            case PartStarted():
                yield from self._part(event)
            case PartEnded():
                yield from self._ended(event)
            case Started():
                yield from self._start(event)
            case Finished():
                yield from self._finish(event)
            case _:
                yield event

    def _start(self, event: Started) -> Iterator[Event]:
        shown = self.shown
        if not shown.started:
            yield Started(
                id=shown.id,
                model=shown.model or event.model,
                created=shown.created,
                extra=merged(event.extra, self.extra),
            )

    def _part(self, event: PartStarted) -> Iterator[Event]:
        index = self._index(event)
        self.indexes[event.choice, event.index] = index
        if index is None:
            return
        if self.search is not None:
            if isinstance(event.part, Text) and event.part.text:
                yield from self._delta(PartDelta(index=event.index, text=event.part.text, choice=event.choice))
            return
        yield from self._close()
        yield PartStarted(index=index, part=self._stamped(event.part), choice=event.choice)

    def _close(self) -> Iterator[Event]:
        """Yield the end of the part that an earlier attempt left open."""
        if self.shown.open is not None and self.shown.open < self.first and not self.closed:
            self.closed = True
            yield PartEnded(index=self.shown.open)

    def _index(self, event: PartStarted) -> int | None:
        """Return the client's number for a new part; None hides it."""
        part = event.part
        if self.mode is Mode.FRESH:
            return self.first + event.index
        if self.search is not None:
            if isinstance(part, Reasoning):
                return None
            if isinstance(part, Text):
                return self.shown.text_index
            raise ProviderError(FailureKind.NO_ANCHOR, "a call where a text was to be continued")
        if self.mode is Mode.CALLS and isinstance(part, Text | Reasoning):
            return None
        self.next += 1
        return self.next - 1

    def _delta(self, event: PartDelta) -> Iterator[Event]:
        index = self.indexes.get((event.choice, event.index))
        if index is None:
            return
        if self.search is not None:
            text = self.search.feed(event.text)
            if self.search.lost:
                raise ProviderError(FailureKind.NO_ANCHOR, "the answer does not begin with the words asked for")
            if self.search.found:
                self.search = None
            if text:
                yield PartDelta(index=index, text=text)
            return
        seal = self._issued(event.seal)
        if index == event.index and seal is event.seal:
            yield event
        else:
            yield msgspec.structs.replace(event, index=index, seal=seal)

    def _ended(self, event: PartEnded) -> Iterator[Event]:
        index = self.indexes.get((event.choice, event.index))
        if index is None:
            return
        yield from self._last_words()
        self.closed = self.closed or index == self.shown.open
        yield PartEnded(index=index, choice=event.choice)

    def _last_words(self) -> Iterator[Event]:
        """Yield what the search still holds at the end of the text; the anchor and then the end is a valid answer."""
        if self.search is None:
            return
        rest = self.search.feed("", last=True)
        if not self.search.found:
            raise ProviderError(FailureKind.NO_ANCHOR, "the answer ended before the words asked for")
        self.search = None
        if rest and self.shown.text_index is not None:
            yield PartDelta(index=self.shown.text_index, text=rest)

    def _finish(self, event: Finished) -> Iterator[Event]:
        yield from self._last_words()
        if self.mode is Mode.CALLS and not self.shown.calls:
            raise ProviderError(FailureKind.NO_ANCHOR, "no call where one was due")
        yield from self._close()
        yield event

    def _issued(self, seal: Seal | None) -> Seal | None:
        return seal if seal is None or seal.issuer else Seal(issuer=self.issuer, value=seal.value)

    def _stamped(self, part: Part) -> Part:
        seal = self._issued(part.seal)
        return part if seal is part.seal else msgspec.structs.replace(part, seal=seal)


def _has_content(event: Event) -> bool:
    match event:
        case PartDelta():
            return bool(event.text or event.summary or event.data)
        case PartStarted(part=part):
            return not isinstance(part, Text | Reasoning)
        case Finished():
            return True
        case _:
            return False


def total_usage(reports: list[Usage | None], *, shown_before: int) -> Usage | None:
    """Return the usage of an answer that several attempts gave: the prompt once, and the words that were delivered.

    ``shown_before`` is the estimated tokens that earlier attempts delivered.
    """
    known = [report for report in reports if report is not None]
    if not known:
        return None
    if len(reports) == 1:
        return known[0]
    last = known[-1]
    first = reports[0] or last
    output = None if last.output is None else last.output + shown_before
    return msgspec.structs.replace(first, output=output, reasoning=last.reasoning, raw={})
