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
from wallas.routing.loops import once
from wallas.routing.units import Slot
from wallas.types.chat import ChatRequest, Citation, Extra, Part, Reasoning, Seal, Text, ToolCall
from wallas.types.events import Event, Finished, PartDelta, PartEnded, PartStarted, Ping, Started, merged


class Mode(Enum):
    """How the next attempt relates to what the client has already seen."""

    FRESH = auto()  # nothing shown, or only thinking: the same request
    ANCHORED = auto()  # text shown: continue it from its last words
    CALLS = auto()  # text shown that need not or cannot go on, and a call is due: the same request, for its calls only
    OVER = auto()  # whole calls shown: the turn is usable as it stands
    LOST = auto()  # nobody can go on from here


class Shown:
    """What the client has seen of one answer, and where it stands in it."""

    __slots__ = (
        "calls",
        "created",
        "earlier",
        "fixed",
        "fixed_last",
        "forgotten",
        "id",
        "inside_call",
        "model",
        "open",
        "parts",
        "started",
        "text_slot",
        "texts",
    )

    def __init__(self, *, id: str, model: str = "", created: int | None = None) -> None:
        """Start an answer that the client will know by ``id``; ``model`` is the first that answers unless given."""
        self.id = id
        self.model = model
        self.created = created
        self.started = False
        self.parts: dict[int, int] = {}
        """How many parts of each choice have begun."""
        self.open: dict[Slot, Part] = {}
        self.calls = 0
        self.earlier: list[str] = []
        """The text parts before the last one."""
        self.texts: list[str] = []
        self.forgotten = 0
        """Characters of the last text part that the client has and nobody shall go on from."""
        self.text_slot: Slot | None = None
        self.fixed = self.fixed_last = False
        """Whether something was shown, at all or after the last text, that can be neither continued nor said again."""
        self.inside_call = False

    @property
    def text(self) -> str:
        """Return the words of the last text part that has any: those that could be continued."""
        if len(self.texts) > 1:
            self.texts = ["".join(self.texts)]
        last = self.texts[0] if self.texts else ""
        return self.earlier[-1] + last if self.earlier and not last.strip() else last

    @property
    def said(self) -> list[str]:
        """Return the words of every text part."""
        text = self.text
        return [*(self.earlier if "".join(self.texts).strip() else self.earlier[:-1]), text]

    def mode(self, request: ChatRequest) -> Mode:
        """Return how another attempt could go on from here."""
        if not (self.started or self.parts):
            return Mode.FRESH
        if any(isinstance(part, ToolCall) for part in self.open.values()):
            return Mode.LOST
        text = self.text
        if not (self.calls or self.fixed or text.strip()):
            return Mode.FRESH
        if (request.n or 1) > 1:
            return Mode.LOST
        if self.calls:
            return Mode.OVER
        if request.tool_choice is not None and request.tool_choice.mode in ("required", "named") and not self.fixed:
            return Mode.CALLS
        if self._continuable(request) and anchor_of(text) is not None:
            return Mode.ANCHORED
        return Mode.CALLS if self.inside_call and not self.fixed else Mode.LOST

    def _continuable(self, request: ChatRequest) -> bool:
        """Return whether a text may be put together of two answers, each of which is only part of the asked form."""
        if request.logprobs is not None or request.output is not None or "audio" in request.modalities:
            return False
        return not self.fixed_last and sum(map(len, self.said)) <= SHOWN_MOST

    def remainder(self, request: ChatRequest, mode: Mode) -> ChatRequest:
        """Return the request that asks for what is still missing."""
        anchor = anchor_of(self.text) if mode is Mode.ANCHORED else None
        return remainder(request, self.said, anchor) if anchor else request

    def forget_loop(self) -> None:
        """Go on from the first of the repetitions at the end of what was shown: who reads more of them repeats them."""
        words = "".join(self.texts)
        self.texts = [once(words)]
        self.forgotten += len(words) - len(self.texts[0])

    def ends(self) -> list[Event]:
        """Return the ends of the parts that are still open."""
        return [PartEnded(index=index, choice=choice) for choice, index in self.open]

    def note(self, event: Event) -> None:
        """Remember one event that goes to the client."""
        match event:
            case PartDelta():
                if event.text and (event.choice, event.index) == self.text_slot:
                    self.texts.append(event.text)
            case PartStarted():
                self._begun(event)
            case PartEnded():
                self.calls += isinstance(self.open.pop((event.choice, event.index), None), ToolCall)
            case Started():
                self.started = True
            case _:
                pass

    def talks(self, part: Part, words: str) -> None:
        """Remember the beginning of an answer, of a text and its first words: all that is shown so far."""
        self.started = True
        self.parts[0] = 1
        self.open[0, 0] = part
        self.text_slot = (0, 0)
        self.texts = [words]

    def _begun(self, event: PartStarted) -> None:
        slot = (event.choice, event.index)
        self.open[slot] = event.part
        self.parts[event.choice] = max(self.parts.get(event.choice, 0), event.index + 1)
        match event.part:
            case Text(text=text):
                if any(piece.strip() for piece in self.texts):
                    self.earlier.append("".join(self.texts))
                self.text_slot = slot
                self.texts = [text] if text else []
                self.forgotten = 0
                self.fixed_last = False
            case Reasoning() | ToolCall():
                pass
            case _:
                self.fixed = self.fixed_last = True


class Join:
    """One attempt's events as the client gets them: its numbers, ids and seals rewritten, its beginning spliced on."""

    __slots__ = (
        "content",
        "extra",
        "issuer",
        "left",
        "mode",
        "next",
        "pending",
        "places",
        "said_model",
        "search",
        "shift",
        "shown",
        "spliced",
    )

    def __init__(self, shown: Shown, *, mode: Mode, issuer: str, extra: Extra | None = None) -> None:
        """Join an attempt by ``issuer`` (``provider/model@account``) to what was shown, as ``mode`` says."""
        self.shown = shown
        self.mode = mode
        self.issuer = issuer
        self.extra = extra or {}
        self.next = dict(shown.parts)
        self.left = list(shown.open)
        """Parts that an earlier attempt left open."""
        self.places: dict[Slot, int | None] = {}
        """The client's number of each of this attempt's parts; None for a text that begins with its first words."""
        self.pending: list[Event] = []
        self.content = False
        self.spliced: Slot | None = None
        self.shift = 0
        self.search: AnchorSearch | None = None
        self.said_model = ""
        if mode is Mode.ANCHORED:
            self.search = AnchorSearch(shown.text, anchor_of(shown.text) or "")

    def talked(self, model: str) -> None:
        """Take in that this attempt has begun the text that is shown, as this model."""
        self.content, self.said_model, self.left = True, model, []
        self.places[0, 0] = 0

    def feed(self, events: Iterable[Event]) -> Iterator[Event]:
        """Yield what the client gets; raise NO_ANCHOR where the answer does not go on from what was shown."""
        for event in events:
            if type(event) is PartDelta and self.content and event.seal is None:
                slot = (event.choice, event.index)
                if self.places.get(slot) == event.index and slot != self.spliced:
                    self.shown.note(event)
                    yield event
                    continue
            if isinstance(event, Ping):
                continue
            for joined in self._joined(event):
                if not (self.content or _has_content(joined)):
                    self.pending.append(joined)
                    continue
                if not self.content:
                    self.content, pending, self.pending = True, self.pending, []
                    for held in pending:
                        self.shown.note(held)
                        yield held
                self.shown.note(joined)
                yield joined

    def _joined(self, event: Event) -> Iterable[Event]:
        match event:
            case PartDelta():
                return self._delta(event)
            case PartStarted():
                return self._part(event)
            case PartEnded():
                return self._ended(event)
            case Started():
                return self._start(event)
            case Finished():
                return self._finish(event)
            case _:
                return (event,)

    def _start(self, event: Started) -> Iterable[Event]:
        shown = self.shown
        self.said_model = event.model
        if shown.started:
            return ()
        extra = merged(event.extra, self.extra)
        return (Started(id=shown.id, model=shown.model or event.model, created=shown.created, extra=extra),)

    def _part(self, event: PartStarted) -> Iterable[Event]:
        part = event.part
        if self._hides(part):
            return ()
        if self.search is None:
            return self._begin(event.choice, event.index, self.stamped(part))
        if not isinstance(part, Text):
            raise ProviderError(FailureKind.NO_ANCHOR, "no text where one was to be continued")
        self._splice((event.choice, event.index))
        return self._delta(PartDelta(index=event.index, text=part.text, choice=event.choice, citations=part.citations))

    def _hides(self, part: Part) -> bool:
        """Return whether a part was shown already, in another's words, or is the thinking of a continuation."""
        if self.mode is Mode.CALLS:
            return isinstance(part, Text | Reasoning)
        return self.mode is Mode.ANCHORED and isinstance(part, Reasoning)

    def _begin(self, choice: int, index: int, part: Part) -> list[Event]:
        """Return the ends of what was left open, and a part's beginning under the client's next number."""
        number = self.next.get(choice, 0)
        self.next[choice] = number + 1
        self.places[choice, index] = number
        return [*self._close(), PartStarted(index=number, part=part, choice=choice)]

    def _close(self) -> Iterable[Event]:
        if not self.left:
            return ()
        left, self.left = self.left, []
        return [PartEnded(index=index, choice=choice) for choice, index in left]

    def _splice(self, slot: Slot) -> None:
        """Let a text go on in the client's part if that is open still, else in a new one."""
        target = self.shown.text_slot
        goes_on = target is not None and target in self.left
        self.spliced = slot
        self.shift = len("".join(self.shown.texts)) + self.shown.forgotten if goes_on else 0
        self.places[slot] = target[1] if goes_on and target is not None else None

    def _delta(self, event: PartDelta, *, last: bool = False) -> Iterable[Event]:
        slot = (event.choice, event.index)
        if slot not in self.places:
            return ()
        if slot == self.spliced:
            found = self._found(event, last=last)
            if found is None:
                return ()
            event = found
        index, begun = self.places[slot], []
        if index is None:
            if not (event.text or event.citations):
                return ()
            begun = self._begin(*slot, Text(text=""))
            index = self.places[slot]
        assert index is not None
        seal = self._issued(event.seal)
        if index != event.index or seal is not event.seal:
            event = msgspec.structs.replace(event, index=index, seal=seal)
        return (*begun, event)

    def _found(self, event: PartDelta, *, last: bool) -> PartDelta | None:
        """Return what of a continued text's words is new; a seal over the whole of them would fit nobody's text."""
        text = event.text
        if self.search is not None:
            text = self.search.feed(text, last=last)
            if self.search.lost:
                raise ProviderError(FailureKind.NO_ANCHOR, "the answer does not go on from the words asked for")
            if not self.search.found:
                return None
            self.shift -= self.search.skipped
            self.search = None
        cited = tuple(moved for citation in event.citations if (moved := _moved(citation, self.shift)) is not None)
        return msgspec.structs.replace(event, text=text, seal=None, citations=cited)

    def _ended(self, event: PartEnded) -> Iterable[Event]:
        slot = (event.choice, event.index)
        if slot not in self.places:
            return ()
        words = self._last_words()
        index = self.places[slot]
        if index is None:
            return words
        if (event.choice, index) in self.left:
            self.left.remove((event.choice, index))
        return (*words, PartEnded(index=index, choice=event.choice))

    def _last_words(self) -> Iterable[Event]:
        """Return what the search still holds at the end of the text; the anchor and then the end is a valid answer."""
        if self.search is None:
            return ()
        if self.spliced is None:
            raise ProviderError(FailureKind.NO_ANCHOR, "no text where one was to be continued")
        choice, index = self.spliced
        return self._delta(PartDelta(index=index, choice=choice), last=True)

    def _finish(self, event: Finished) -> Iterable[Event]:
        words = self._last_words()
        if self.mode is Mode.CALLS and not self.shown.calls:
            raise ProviderError(FailureKind.NO_ANCHOR, "no call where one was due")
        return (*words, *self._close(), event)

    def _issued(self, seal: Seal | None) -> Seal | None:
        return seal if seal is None or seal.issuer else Seal(issuer=self.issuer, value=seal.value)

    def stamped(self, part: Part) -> Part:
        """Return a part whose seal names its issuer."""
        seal = self._issued(part.seal)
        return part if seal is part.seal else msgspec.structs.replace(part, seal=seal)


def _has_content(event: Event) -> bool:
    """Return whether an event is worth committing to; white space alone is not."""
    match event:
        case PartDelta():
            return bool(event.data or event.text.strip() or event.summary.strip())
        case PartStarted(part=Text(text=text)):
            return bool(text.strip())
        case PartStarted(part=Reasoning() as thought):
            return bool(thought.text.strip() or thought.summary.strip())
        case PartStarted() | Finished():
            return True
        case _:
            return False


def _moved(citation: Citation, by: int) -> Citation | None:
    """Return a citation whose place counts the client's characters; None where it cites what was cut away."""
    if by == 0 or citation.start is None:
        return citation
    if citation.start + by < 0:
        return None
    end = None if citation.end is None else citation.end + by
    return msgspec.structs.replace(citation, start=citation.start + by, end=end)
