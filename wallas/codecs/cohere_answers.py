"""Reads the answers of Cohere's v2 chat, whole and as server-sent events."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from wallas.codecs import COHERE as WIRE
from wallas.codecs.cohere_pieces import (
    call,
    citation,
    content_part,
    logprob,
    refuse_fault,
    stop_reason,
    text_of,
    usage,
)
from wallas.codecs.cohere_requests import PLAN, Schema, own
from wallas.codecs.fields import leftover
from wallas.codecs.framing import JsonEvents, Sse
from wallas.codecs.reading import read
from wallas.codecs.refusals import refusal
from wallas.codecs.words import Reader, string_of
from wallas.errors import FailureKind, ProviderError
from wallas.types.chat import ChatResponse, Choice, Message, Part, Reasoning, Text
from wallas.types.events import Event, Finished, PartDelta, PartEnded, PartStarted, Started


class MessageOut(msgspec.Struct):
    """``message``; ``content`` is a list, or null beside tool calls."""

    role: str | None = None
    content: list[Schema] | str | None = None
    tool_plan: str | None = None
    tool_calls: list[Schema] | None = None
    citations: list[Schema] | None = None


class AnswerOut(msgspec.Struct):
    """A whole answer."""

    message: MessageOut
    id: str | None = None
    finish_reason: str | None = None
    usage: Schema | None = None
    logprobs: list[Schema] | None = None


def decode_response(body: Any) -> ChatResponse:
    """Return a whole answer; raise ProviderError for an error that came with a 200 or as its finish reason."""
    if isinstance(body, dict) and not isinstance(body.get("message"), dict):
        raise refusal(200, {}, body)
    answer = read(body, AnswerOut)
    refuse_fault(answer.finish_reason, body)
    said = answer.message
    parts = list(_parts(said, answer=answer.id or ""))
    spare: Schema = {key: value for key, value in leftover(body["message"], MessageOut).items()}
    _cite(parts, said.citations or [], plan=bool(said.tool_plan), spare=spare)
    _weigh(parts, answer.logprobs or [], spare=spare)
    choice = Choice(
        message=Message(role="assistant", parts=tuple(parts)),
        stop_reason=stop_reason(answer.finish_reason, called=bool(said.tool_calls)),
        stop_detail=answer.finish_reason,
        extra=own(spare),
    )
    return ChatResponse(
        id=answer.id or "",
        choices=(choice,),
        usage=usage(answer.usage),
        extra=own(leftover(body, AnswerOut)),
    )


def _parts(said: MessageOut, *, answer: str) -> Iterator[Part]:
    if said.tool_plan:
        yield Reasoning(text=said.tool_plan, extra=PLAN)
    content = [{"type": "text", "text": said.content}] if isinstance(said.content, str) else said.content
    for raw in content or ():
        yield content_part(raw)
    taken: set[str] = set()
    for raw in said.tool_calls or ():
        yield call(raw, taken=taken, answer=answer)


def _cite(parts: list[Part], citations: list[Schema], *, plan: bool, spare: Schema) -> None:
    """Give each citation to the text it speaks of; what cites something else stays beside the answer."""
    texts = [number for number, part in enumerate(parts) if isinstance(part, Text)]
    for raw in citations:
        asked = raw.get("content_index")
        place = (asked + plan) if isinstance(asked, int) else None
        place = place if place in texts else next(iter(texts), None)
        if place is None or raw.get("type") not in (None, "TEXT_CONTENT"):
            spare.setdefault("citations", []).append(raw)
            continue
        text = parts[place]
        assert isinstance(text, Text)
        parts[place] = msgspec.structs.replace(text, citations=(*text.citations, citation(raw)))


def _weigh(parts: list[Part], logprobs: list[Schema], *, spare: Schema) -> None:
    if not logprobs:
        return
    place = next((number for number, part in enumerate(parts) if isinstance(part, Text)), None)
    if place is None:
        spare["logprobs"] = logprobs
        return
    text = parts[place]
    assert isinstance(text, Text)
    extra = own(text.extra.get(WIRE, {}) | {"logprobs": logprobs})
    parts[place] = msgspec.structs.replace(text, logprobs=tuple(logprob(raw) for raw in logprobs), extra=extra)


class TextOut(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """``content`` of a usual event."""

    text: str


class SaidOut(msgspec.Struct, gc=False):
    """``message`` of a usual event."""

    content: TextOut


class DeltaOut(msgspec.Struct, gc=False):
    """``delta`` of a usual event."""

    message: SaidOut


class Usual(msgspec.Struct, gc=False):
    """A usual event: words for an open text."""

    type: str
    index: int
    delta: DeltaOut
    logprobs: None = None


class Words(Reader):
    """Reads more words of one open text."""

    __slots__ = ("number",)
    head = b"event: content-delta\ndata: "
    decode = staticmethod(msgspec.json.Decoder(Usual).decode)
    string = string_of("text")

    def __init__(self, number: int) -> None:
        """Read for the content of this number."""
        self.number = number

    def take(self, event: Usual) -> str | None:
        """Return the words of an event for this text."""
        return event.delta.message.content.text if (event.type, event.index) == ("content-delta", self.number) else None


class Decoder:
    """Reads a stream; ``message-end`` is its end mark, and ``[DONE]`` after it changes nothing."""

    def __init__(self) -> None:
        """Start before the first event."""
        self.done = False
        self.complete = False
        self.frames = Sse()
        self.events = JsonEvents(self.frames)
        self.begun = False
        self.id = ""
        self.ids: set[str] = set()
        self.called = False
        self.next = 0
        self.content: dict[int, int] = {}
        self.calls: dict[int, int] = {}
        self.open: dict[int, Part] = {}
        self.logprobs: list[Schema] = []
        self.spare: Schema = {}

    def feed(self, data: bytes) -> Iterator[Event]:
        """Yield the events in these bytes."""
        if not self.done:
            for _, value in self.events.feed(data):
                yield from self._event(value)

    def words(self, index: int, choice: int) -> "Words | None":
        """Return what reads more words of this text, if it is open."""
        opened = isinstance(self.open.get(index), Text) and self.events.between and not self.done
        number = next((number for number, place in self.content.items() if place == index), None)
        return Words(number) if opened and number is not None else None

    def end(self) -> Iterator[Event]:
        """Yield what the end of the body completes; raise CUT when ``message-end`` was not seen."""
        if self.done:
            return
        left = b"".join(self.frames.data) or self.frames.buffer.removeprefix(b"data:")
        try:
            values = [value for _, value in self.events.end()]
        except ProviderError as error:
            if self.begun or left.lstrip().startswith(b"{"):
                raise ProviderError(FailureKind.CUT, "the stream broke off inside an event") from error
            raise
        for value in values:
            yield from self._event(value)
        if not self.done:
            raise ProviderError(FailureKind.CUT, "the stream ended before message-end")

    def _event(self, value: Any) -> Iterator[Event]:
        if self.done or value == "[DONE]":
            return
        if not isinstance(value, dict):
            raise ProviderError(FailureKind.MALFORMED, "an event that is no object")
        kind = value.get("type")
        reader = self.READERS.get(kind) if isinstance(kind, str) else None
        if reader is not None:
            yield from reader(self, value)
        elif kind is None:
            raise refusal(200, {}, value)

    def _start(self, value: Schema) -> Iterator[Event]:
        if not self.begun:
            self.begun = True
            self.id = text_of(value, "id")
            known = ("id", "type", "delta")
            rest = {key: told for key, told in value.items() if key not in known and told is not None}
            yield Started(id=self.id, extra=own(rest))

    def _begin(self, part: Part) -> Iterator[Event]:
        """Yield the end of the part that is open, if any, and the beginning of this one."""
        yield from self._close()
        self.open = {self.next: part}
        yield PartStarted(self.next, part)
        self.next += 1

    def _close(self) -> Iterator[Event]:
        for index in self.open:
            if self.logprobs:
                yield PartDelta(index, extra=own({"logprobs": self.logprobs}))
                self.logprobs = []
            yield PartEnded(index)
        self.open = {}

    def _content_start(self, value: Schema) -> Iterator[Event]:
        raw = message_of(value).get("content")
        part = content_part(read(raw, dict))
        self.content[_index(value)] = self.next
        if isinstance(part, Text | Reasoning) and part.text:
            yield from self._begin(msgspec.structs.replace(part, text=""))
            yield PartDelta(self.next - 1, part.text)
        else:
            yield from self._begin(part)

    def _content_delta(self, value: Schema) -> Iterator[Event]:
        raw = read(message_of(value).get("content"), dict)
        kind: type[Part] = Reasoning if raw.get("thinking") is not None else Text
        text = text_of(raw, "thinking" if kind is Reasoning else "text")
        index = self.content.get(_index(value))
        if index is None or index not in self.open:
            self.content[_index(value)] = index = self.next
            yield from self._begin(Reasoning() if kind is Reasoning else Text(text=""))
        told = value.get("logprobs")
        if isinstance(told, dict) and kind is Text:
            self.logprobs.append(told)
            yield PartDelta(index, text, logprobs=(logprob(told),))
        elif text:
            yield PartDelta(index, text)

    def _plan(self, value: Schema) -> Iterator[Event]:
        text = text_of(message_of(value), "tool_plan")
        if text:
            if not any(part.extra == PLAN for part in self.open.values()):
                yield from self._begin(Reasoning(extra=PLAN))
            yield PartDelta(self.next - 1, text)

    def _call_start(self, value: Schema) -> Iterator[Event]:
        made = call(read(message_of(value).get("tool_calls"), dict), taken=self.ids, answer=self.id)
        self.called = True
        self.calls[_index(value)] = self.next
        yield from self._begin(msgspec.structs.replace(made, arguments=""))
        if made.arguments:
            yield PartDelta(self.next - 1, made.arguments)

    def _call_delta(self, value: Schema) -> Iterator[Event]:
        index = self.calls.get(_index(value))
        if index is None or index not in self.open:
            raise ProviderError(FailureKind.MALFORMED, "arguments of a call that was not started")
        function = read(read(message_of(value).get("tool_calls"), dict).get("function"), dict)
        text = text_of(function, "arguments")
        if text:
            yield PartDelta(index, text)

    def _call_end(self, value: Schema) -> Iterator[Event]:
        yield from self._close()

    def _citation(self, value: Schema) -> Iterator[Event]:
        raw = read(message_of(value).get("citations"), dict)
        text = next((index for index, part in self.open.items() if isinstance(part, Text)), None)
        if text is None or raw.get("type") not in (None, "TEXT_CONTENT"):
            self.spare.setdefault("citations", []).append(raw)
        else:
            yield PartDelta(text, citations=(citation(raw),))

    def _finish(self, value: Schema) -> Iterator[Event]:
        delta = read(value.get("delta") or {}, dict)
        word = text_of(delta, "finish_reason") or None
        refuse_fault(word, delta)
        if delta.get("error"):
            raise refusal(200, {}, {"message": delta["error"]})
        yield from self._start(value)
        yield from self._close()
        self.done = self.complete = True
        yield Finished(
            reason=stop_reason(word, called=self.called),
            detail=word,
            usage=usage(read(delta.get("usage"), dict) if delta.get("usage") else None),
            extra=own(self.spare),
        )

    READERS: dict[str, Callable[["Decoder", Schema], Iterator[Event]]] = {
        "message-start": _start,
        "content-start": _content_start,
        "content-delta": _content_delta,
        "tool-plan-delta": _plan,
        "tool-call-start": _call_start,
        "tool-call-delta": _call_delta,
        "tool-call-end": _call_end,
        "citation-start": _citation,
        "message-end": _finish,
    }


def message_of(value: Schema) -> Schema:
    """Return the ``delta.message`` of an event; raise MALFORMED when there is none."""
    return read(read(value.get("delta"), dict).get("message"), dict)


def _index(value: Schema) -> int:
    index = value.get("index")
    return index if isinstance(index, int) else 0
