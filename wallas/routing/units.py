"""Holds back what must be shown whole or not at all: tool calls, and answers that must be JSON.

What is still held when a provider fails, the client never hears of; so most
failovers are invisible by construction.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import msgspec

from wallas.codecs.gemini_words import UNUSABLE
from wallas.errors import FailureKind, ProviderError
from wallas.routing.adapt import unwrapped
from wallas.routing.namespaces import spaces_of
from wallas.routing.schema import complaint
from wallas.types.chat import Opaque, Reasoning, StopReason, Text, Tool, ToolCall
from wallas.types.events import Event, Finished, PartDelta, PartEnded, PartStarted, Started, extended, halved, joined

Slot: TypeAlias = tuple[int, int]
"""A part's place: its choice and its index."""
IN_CHOICE = (PartStarted, PartDelta, PartEnded, Finished)
FREE = frozenset({Started, PartEnded})
"""What is of no unit, while none is held."""
WHOLE_REASONS = (StopReason.STOP, StopReason.TOOL_CALLS, StopReason.UNKNOWN, None)
"""Ends after which a unit is due whole; after the others its being cut short is the model's own answer."""


class WholeUnits:
    """Pass text and reasoning on as they come; hold tool calls, and JSON answers, until they are whole and usable.

    A call whose arguments are no JSON, or to a tool that was not offered, and
    a text that is not the asked JSON, or not of its schema, are doubtful: the answer is UNUSABLE,
    unless its end explains them (cut for length, filtered; words before a
    call). What follows a doubtful unit waits behind it for that end. So does a
    JSON answer itself: one that breaks off before its end is asked for anew.
    """

    def __init__(
        self,
        *,
        offered: frozenset[str] | None = None,
        custom: frozenset[str] = frozenset(),
        json: bool = False,
        schema: Any = None,
        calls: bool = True,
    ) -> None:
        """Check names against ``offered`` (None: any); hold text if ``json``; let calls stream if not ``calls``.

        A text that is held shall fit the ``schema``. Calls to the ``custom``
        tools become freeform again, where a function had to stand for them.
        """
        self.offered = offered
        self.custom = custom
        self.json = json
        self.schema = schema
        self.calls = calls
        self.held: dict[Slot, ToolCall | Text] = {}
        self.deltas: dict[Slot, list[PartDelta]] = {}
        self.behind: dict[int, list[Event]] = {}
        """By choice, its first doubtful unit or JSON answer and all that came after it."""
        self.doubts: dict[int, list[ToolCall | Text]] = {}
        self.heard = 0

    @property
    def inside(self) -> bool:
        """Return whether a unit is held: something was said that the client does not know of."""
        return bool(self.held or self.behind)

    def feed(self, events: Iterable[Event]) -> Iterator[Event]:
        """Yield the events that may be shown; raise UNUSABLE at the end of an answer that is not."""
        for event in events:
            if type(event) is PartDelta and not (self.held or self.behind):
                self.heard += bool(event.text or event.data or event.summary)
                yield event
                continue
            if type(event) in FREE and not (self.held or self.behind):
                yield event
                continue
            for unit in self._units(event):
                behind = self.behind.get(unit.choice) if self.behind and isinstance(unit, IN_CHOICE) else None
                if behind is None:
                    yield unit
                else:
                    behind.append(unit)

    def passes(self, call: ToolCall) -> bool:
        """Return whether a whole call passes as it is."""
        return call.name not in self.custom and (not self.calls or self._checked(call) is call)

    def _units(self, event: Event) -> Iterator[Event]:
        match event:
            case PartDelta():
                self.heard += bool(event.text or event.data or event.summary)
                if (event.choice, event.index) in self.held:
                    self.deltas[event.choice, event.index].append(event)
                else:
                    yield event
            case PartStarted(part=part):
                self.heard += not isinstance(part, Text | Reasoning) or bool(part.text)
                if isinstance(part, ToolCall | Text) and self._holds(part):
                    self.held[event.choice, event.index] = part
                    self.deltas[event.choice, event.index] = []
                else:
                    yield event
            case PartEnded() if (event.choice, event.index) in self.held:
                yield from self._ended((event.choice, event.index))
            case Finished():
                yield from self._finished(event)
            case _:
                yield event

    def _holds(self, part: ToolCall | Text) -> bool:
        return self.json if isinstance(part, Text) else self.calls or part.name in self.custom

    def _ended(self, slot: Slot) -> Iterator[Event]:
        part = self.held.pop(slot)
        deltas = self.deltas.pop(slot)
        whole = extended(part, joined(deltas)) if deltas else part
        assert isinstance(whole, ToolCall | Text)
        checked = self._checked(whole)
        if checked is None:
            self.doubts.setdefault(slot[0], []).append(whole)
        if checked is None or isinstance(whole, Text):
            self.behind.setdefault(slot[0], [])
        yield from shown(slot, checked or whole)

    def _checked(self, part: ToolCall | Text) -> ToolCall | Text | None:
        if isinstance(part, Text):
            text = bare_json(part.text) if part.text.strip() else part.text
            if text is None or (self.schema is not None and text.strip() and misfit(text, self.schema)):
                return None
            return part if text == part.text else msgspec.structs.replace(part, text=text)
        if self.offered is not None and part.name not in self.offered:
            return None
        if part.kind == "custom":
            return part
        if part.arguments.strip() and not is_json(part.arguments):
            return None
        if part.name in self.custom:
            return msgspec.structs.replace(part, kind="custom", arguments=unwrapped(part.arguments))
        return part

    def _finished(self, event: Finished) -> Iterator[Event]:
        """Yield what is held of a choice and its end; raise UNUSABLE where its end does not explain a doubtful unit."""
        if event.reason is StopReason.UNKNOWN and event.detail in UNUSABLE:
            raise ProviderError(FailureKind.UNUSABLE, f"the provider says {event.detail}", code=event.detail)
        for slot in [slot for slot in self.held if slot[0] == event.choice]:
            yield from self._ended(slot)
        doubts = self.doubts.pop(event.choice, [])
        if event.reason in WHOLE_REASONS:
            for part in doubts:
                if isinstance(part, ToolCall) or event.reason is not StopReason.TOOL_CALLS:
                    raise ProviderError(FailureKind.UNUSABLE, _complaint(part, self.offered, self.schema))
        yield from self.behind.pop(event.choice, [])
        yield event


def shown(slot: Slot, part: ToolCall | Text) -> Iterator[Event]:
    """Yield a whole part as the events of a stream."""
    choice, index = slot
    start, delta = halved(part, index=index, choice=choice)
    yield PartStarted(index=index, part=start, choice=choice)
    if delta is not None:
        yield delta
    yield PartEnded(index=index, choice=choice)


def offered_tools(tools: Sequence[Tool | Opaque], wire: str | None = None) -> frozenset[str] | None:
    """Return the names a call may have, or None where a server's own tools could be called too.

    Those of other wires than the provider's own ``wire`` (None: not known) were not offered to it.
    """
    if any(isinstance(tool, Opaque) and wire in (None, tool.wire) for tool in tools):
        return None
    names = {tool.name for tool in tools if isinstance(tool, Tool)}
    return frozenset(names | {name for _, name in spaces_of(tools).values()})


def custom_tools(tools: Iterable[Tool | Opaque]) -> frozenset[str]:
    """Return the names of the freeform tools that were offered."""
    return frozenset(tool.name for tool in tools if isinstance(tool, Tool) and tool.kind == "custom")


def is_json(text: str) -> bool:
    """Return whether the text is one JSON value."""
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return False
    return True


def bare_json(text: str) -> str | None:
    """Return the text if it is JSON, what a Markdown fence around it holds if that is, else None."""
    if is_json(text):
        return text
    stripped = text.strip()
    if stripped.startswith("```") and stripped.endswith("```"):
        inner = stripped[3:-3].partition("\n")[2]
        if is_json(inner):
            return inner.strip()
    return None


def misfit(text: str, schema: Any) -> str | None:
    """Return what a JSON text lacks of a schema, None when it fits."""
    return complaint(msgspec.json.decode(text), schema)


def _complaint(part: ToolCall | Text, offered: frozenset[str] | None, schema: Any) -> str:
    if isinstance(part, Text):
        if schema is not None and (text := bare_json(part.text)) is not None:
            return f"the answer does not fit the schema that was asked for: {misfit(text, schema)}"
        return "the answer is not the JSON that was asked for"
    if offered is not None and part.name not in offered:
        return "a call to a tool that was not offered"
    return "a tool call whose arguments are no JSON"


class Substance:
    """Watches an answer for content and refuses one that ends without any (EMPTY): with thoughts at most."""

    def __init__(self) -> None:
        """Start without content."""
        self.seen = False
        """Whether anything that is no thought has come."""
        self.reasoning: set[Slot] = set()
        self.finish: Finished | None = None

    def feed(self, events: Iterable[Event]) -> Iterator[Event]:
        """Return the events as they are; raise EMPTY at a plain end after nothing."""
        return map(self._heard, events)

    def _heard(self, event: Event) -> Event:
        match event:
            case PartDelta():
                if not self.seen and (event.text.strip() or event.summary or event.data):
                    self.seen = (event.choice, event.index) not in self.reasoning
            case PartStarted(part=Reasoning()):
                self.reasoning.add((event.choice, event.index))
            case PartStarted(part=part):
                self.seen = self.seen or not isinstance(part, Text) or bool(part.text.strip())
            case Finished() if not self.seen and event.reason in WHOLE_REASONS:
                self.finish = event
                raise ProviderError(FailureKind.EMPTY, "an answer without content")
            case _:
                pass
        return event
