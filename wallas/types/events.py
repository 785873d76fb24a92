"""A streamed answer as typed events, and the two ways between a stream and a whole answer.

``fold(unfold(response)) == response``: streaming and plain answers are one code path.
"""

from collections.abc import Iterable, Iterator

import msgspec

from wallas.types.chat import (
    ChatResponse,
    Choice,
    Citation,
    Extra,
    Logprob,
    Media,
    Message,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Seal,
    StopReason,
    Text,
    ToolCall,
    ToolResult,
    Usage,
)


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """Base of all events; ``choice`` numbers the answer when several were asked for."""


class Started(Event, frozen=True):
    """The answer has an id and a model. Comes first, once; ``extra`` is response-level."""

    id: str = ""
    model: str = ""
    created: int | None = None
    extra: Extra = {}


class PartStarted(Event, frozen=True):
    """A part begins with what is known of it (a tool call: id and name); ``index`` is unique within its choice."""

    index: int
    part: Part
    choice: int = 0


class PartDelta(Event, frozen=True):
    """More of an open part: ``text`` goes to its text, arguments or refusal, ``data`` to a Media's base64.

    ``summary`` grows a Reasoning's summary; ``seal`` replaces; citations and
    logprobs are appended; ``extra`` is merged, a later key replacing an earlier one.
    """

    index: int
    text: str = ""
    choice: int = 0
    summary: str = ""
    data: str = ""
    seal: Seal | None = None
    citations: tuple[Citation, ...] = ()
    logprobs: tuple[Logprob, ...] = ()
    extra: Extra = {}


class PartEnded(Event, frozen=True):
    """The part is whole."""

    index: int
    choice: int = 0


class Finished(Event, frozen=True):
    """A choice is whole. Comes once a choice, last; usage rides on the last one; ``extra`` is the choice's."""

    reason: StopReason | None = None
    detail: str | None = None
    usage: Usage | None = None
    choice: int = 0
    extra: Extra = {}
    response_extra: Extra = {}


class Ping(Event, frozen=True):
    """The provider is alive and has nothing to say."""


PING = Ping()


def before(events: Iterable[Event], fault: Exception) -> Iterator[Event]:
    """Yield the events that precede a fault, and raise it."""
    yield from events
    raise fault


def merged(extra: Extra, more: Extra) -> Extra:
    """Return both extras as one; per wire, later keys replace earlier ones."""
    if not more:
        return extra
    if not extra:
        return more
    both = dict(extra)
    for wire, own in more.items():
        both[wire] = both[wire] | own if wire in both else own
    return both


def extended(part: Part, delta: PartDelta) -> Part:
    """Return the part with a delta applied."""
    seal = delta.seal or part.seal
    extra = merged(part.extra, delta.extra)
    match part:
        case Text():
            return msgspec.structs.replace(
                part,
                text=part.text + delta.text,
                citations=part.citations + delta.citations,
                logprobs=part.logprobs + delta.logprobs,
                seal=seal,
                extra=extra,
            )
        case Reasoning():
            return msgspec.structs.replace(
                part, text=part.text + delta.text, summary=part.summary + delta.summary, seal=seal, extra=extra
            )
        case ToolCall():
            return msgspec.structs.replace(part, arguments=part.arguments + delta.text, seal=seal, extra=extra)
        case Refusal():
            return msgspec.structs.replace(part, text=part.text + delta.text, seal=seal, extra=extra)
        case Media():
            data = f"{part.data or ''}{delta.data}" or None
            text = (part.text or "") + delta.text or None
            return msgspec.structs.replace(part, data=data, text=text, seal=seal, extra=extra)
        case ToolResult() | Opaque():
            return msgspec.structs.replace(part, seal=seal, extra=extra)


class Fold:
    """Collects events into the whole answer; ``result`` may be asked for at any time, also of a broken stream."""

    def __init__(self) -> None:
        """Start with nothing."""
        self.started = Started()
        self.parts: dict[int, dict[int, Part]] = {}
        self.pending: dict[tuple[int, int], list[PartDelta]] = {}
        self.finished: dict[int, Finished] = {}
        self.usage: Usage | None = None
        self.extra: Extra = {}

    def add(self, event: Event) -> None:
        """Take one event in."""
        match event:
            case PartDelta():
                self.pending.setdefault((event.choice, event.index), []).append(event)
            case PartStarted():
                self.parts.setdefault(event.choice, {})[event.index] = event.part
            case Finished():
                self.finished[event.choice] = event
                self.extra = merged(self.extra, event.response_extra)
                if event.usage is not None:
                    self.usage = self.usage.updated(event.usage) if self.usage else event.usage
            case Started():
                self.started = event
                self.extra = merged(event.extra, self.extra)

    def part(self, index: int, choice: int = 0) -> Part | None:
        """Return a part as far as it has come, or None when it was never started."""
        self._settle(choice, index)
        return self.parts.get(choice, {}).get(index)

    def result(self) -> ChatResponse:
        """Return the answer as far as it has come."""
        for choice, index in list(self.pending):
            self._settle(choice, index)
        numbers = sorted(self.parts.keys() | self.finished.keys())
        return ChatResponse(
            id=self.started.id,
            model=self.started.model,
            created=self.started.created,
            choices=tuple(self._choice(number) for number in numbers),
            usage=self.usage,
            extra=self.extra,
        )

    def _choice(self, number: int) -> Choice:
        parts = self.parts.get(number, {})
        end = self.finished.get(number, Finished())
        message = Message(role="assistant", parts=tuple(parts[index] for index in sorted(parts)))
        return Choice(message=message, stop_reason=end.reason, stop_detail=end.detail, extra=end.extra)

    def _settle(self, choice: int, index: int) -> None:
        deltas = self.pending.pop((choice, index), None)
        parts = self.parts.get(choice, {})
        if deltas and index in parts:
            parts[index] = extended(parts[index], joined(deltas))


def joined(deltas: list[PartDelta]) -> PartDelta:
    """Return several deltas of one part as one."""
    if len(deltas) == 1:
        return deltas[0]
    extra: Extra = {}
    for delta in deltas:
        extra = merged(extra, delta.extra)
    return PartDelta(
        index=deltas[0].index,
        choice=deltas[0].choice,
        text="".join(delta.text for delta in deltas),
        summary="".join(delta.summary for delta in deltas),
        data="".join(delta.data for delta in deltas),
        seal=next((delta.seal for delta in reversed(deltas) if delta.seal), None),
        citations=tuple(citation for delta in deltas for citation in delta.citations),
        logprobs=tuple(logprob for delta in deltas for logprob in delta.logprobs),
        extra=extra,
    )


def fold(events: Iterable[Event]) -> ChatResponse:
    """Return the whole answer that a stream of events tells."""
    whole = Fold()
    for event in events:
        whole.add(event)
    return whole.result()


def unfold(response: ChatResponse) -> Iterator[Event]:
    """Yield the events of a whole answer: each part is started whole-but-empty, filled by one delta and ended.

    The choices end together, after all parts: who writes them knows then that no other choice will begin.
    """
    yield Started(id=response.id, model=response.model, created=response.created, extra=response.extra)
    last = len(response.choices) - 1
    for number, choice in enumerate(response.choices):
        for index, part in enumerate(choice.message.parts):
            start, delta = halved(part, index=index, choice=number)
            yield PartStarted(index=index, part=start, choice=number)
            if delta is not None:
                yield delta
            yield PartEnded(index=index, choice=number)
    for number, choice in enumerate(response.choices):
        yield Finished(
            reason=choice.stop_reason,
            detail=choice.stop_detail,
            usage=response.usage if number == last else None,
            choice=number,
            extra=choice.extra,
        )


def halved(part: Part, *, index: int, choice: int = 0) -> tuple[Part, PartDelta | None]:
    """Return a part's beginning and the delta that completes it: what a stream would have said."""
    match part:
        case Text() if part.text or part.citations or part.logprobs:
            start = msgspec.structs.replace(part, text="", citations=(), logprobs=())
            delta = PartDelta(
                index=index, text=part.text, choice=choice, citations=part.citations, logprobs=part.logprobs
            )
            return start, delta
        case Reasoning() if part.text or part.summary:
            thought = msgspec.structs.replace(part, text="", summary="", seal=None)
            return thought, PartDelta(index=index, text=part.text, summary=part.summary, choice=choice, seal=part.seal)
        case ToolCall() if part.arguments:
            call = msgspec.structs.replace(part, arguments="")
            return call, PartDelta(index=index, text=part.arguments, choice=choice)
        case Refusal() if part.text:
            return msgspec.structs.replace(part, text=""), PartDelta(index=index, text=part.text, choice=choice)
        case _:
            return part, None
