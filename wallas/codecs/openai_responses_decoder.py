"""Reads a Responses stream. What was said counts item by item; the final response object may be empty.

Of each part is noted what its deltas said, so that a ``done`` event, which
repeats the whole, adds only what they did not say.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from wallas.codecs.framing import JsonEvents, Plain, Sse
from wallas.codecs.openai_responses_answer import (
    checked,
    created,
    decode_response,
    decode_usage,
    ending,
    remaining,
)
from wallas.codecs.openai_responses_errors import cut, failure
from wallas.codecs.openai_responses_items import BETWEEN, CALLS, annotated, decode_item, edges, named
from wallas.codecs.openai_responses_parts import decode_citation, decode_logprob, decode_part
from wallas.codecs.words import Reader
from wallas.errors import FailureKind, ProviderError
from wallas.types.chat import Citation, Logprob, Opaque, Part, Reasoning, Refusal, Text, ToolCall
from wallas.types.events import (
    Event,
    Finished,
    PartDelta,
    PartEnded,
    PartStarted,
    Ping,
    Started,
    halved,
    unfold,
)

Value = dict[str, Any]


class Growing:
    """A part on its way: what its deltas said so far, by piece (a thought has several)."""

    def __init__(self, index: int, part: Part) -> None:
        """Begin."""
        self.index = index
        self.part = part
        self.said: dict[tuple[str, int], list[str]] = {}
        self.citations = 0
        self.logprobs = 0
        self.ended = False

    def rest(self, whole: Any, piece: tuple[str, int] = ("text", 0)) -> str:
        """Return what of a whole text was not said yet; nothing when the deltas said something else."""
        said = "".join(self.said.get(piece, ()))
        return whole[len(said) :] if isinstance(whole, str) and whole.startswith(said) else ""


class Incoming:
    """An output item on its way: a message has several parts, any other item is one."""

    def __init__(self, item: Value) -> None:
        """Begin with what ``output_item.added`` says."""
        self.item = item
        self.kind = item.get("type") or "message"
        self.parts: dict[int, Growing] = {}
        self.index: int | None = None
        self.done = False


class Decoder:
    """Reads a provider's stream. Used once."""

    def __init__(self) -> None:
        """Start before the first byte."""
        self.frames = JsonEvents(Sse())
        self.done = False
        self.complete = False
        self.items: dict[int, Incoming] = {}
        self.count = 0
        self.started = False
        self.called = False
        self.plain: Plain | None = Plain()

    def feed(self, data: bytes) -> Iterator[Event]:
        """Yield the events in these bytes."""
        if self.plain is not None:
            self.plain.add(data)
        for name, value in self.frames.feed(data):
            yield from self._read(name, value)

    def words(self, index: int, choice: int) -> "Words | None":
        """Return what reads more words of this text, if it is open."""
        for place, incoming in self.items.items():
            for number, growing in incoming.parts.items():
                if growing.index == index and type(growing.part) is Text and not growing.ended:
                    return Words(place, number, growing) if self.frames.between and not self.done else None
        return None

    def end(self) -> Iterator[Event]:
        """Yield what the end of the body completes; raise ProviderError(CUT) when no response was completed.

        A body that held no event at all may be an answer, or an error, in plain JSON.
        """
        try:
            last = list(self.frames.end())
        except ProviderError as error:
            raise cut("the stream ended inside an event") from error
        for name, value in last:
            yield from self._read(name, value)
        if self.done:
            return
        if self.plain is not None and self.plain.data.lstrip()[:1] in (b"{", b"<"):
            response = decode_response(self.plain.value())
            self.done = self.complete = True
            yield from unfold(response)
            return
        raise cut("the stream ended before the response was completed")

    def _read(self, name: str, value: Any) -> Iterator[Event]:
        self.plain = None
        if self.done or not isinstance(value, dict):
            return
        kind = value.get("type") or name
        if kind in ("error", "response.failed") or (value.get("error") and "response" not in value):
            raise failure(value)
        if kind == "response.cancelled":
            raise cut("the provider cancelled the response")
        read = READERS.get(kind)
        if read is None:
            yield Ping()
            return
        yield from read(self, value)

    def _begin(self, value: Value) -> Iterator[Event]:
        if not self.started:
            self.started = True
            response = value.get("response") or {}
            yield Started(id=response.get("id") or "", model=response.get("model") or "", created=created(response))

    def _added(self, value: Value) -> Iterator[Event]:
        yield from self._begin({})
        item = value.get("item")
        if not isinstance(item, dict):
            return
        incoming = self.items[value.get("output_index") or 0] = Incoming(item)
        if incoming.kind == "message":
            return
        if incoming.kind != "reasoning" and incoming.kind not in CALLS:
            incoming.index = self._next()
            yield Ping()
            return
        yield from self._start(incoming, 0, begun(incoming))

    def _start(self, incoming: Incoming, number: int, part: Part) -> Iterator[Event]:
        for earlier in incoming.parts.values():
            yield from self._stop(earlier)
        growing = incoming.parts[number] = Growing(self._next(), part)
        self.called = self.called or isinstance(part, ToolCall)
        yield PartStarted(growing.index, part)

    def _stop(self, growing: Growing) -> Iterator[Event]:
        if not growing.ended:
            growing.ended = True
            yield PartEnded(growing.index)

    def _next(self) -> int:
        self.count += 1
        return self.count - 1

    def _of(self, value: Value) -> Incoming | None:
        """Return the item that an event is about, by its place, else by its id."""
        place = value.get("output_index")
        if place is None:
            wanted = value.get("item_id")
            return next((known for known in self.items.values() if known.item.get("id") == wanted), None)
        return self.items.get(place)

    def _content(self, value: Value, kind: Any, whole: Value | None = None) -> Iterator[Event]:
        """Yield the start of a message's part if it has not begun; an item that was never announced begins too."""
        yield from self._begin({})
        incoming = self._of(value)
        if incoming is None:
            item = {"type": "message", "id": value.get("item_id")}
            incoming = self.items[value.get("output_index") or 0] = Incoming(item)
        number = value.get("content_index") or 0
        if incoming.kind == "message" and number not in incoming.parts:
            part = decode_part(whole or {"type": kind}, words="output_text")
            if not incoming.parts:
                part = annotated(part, {"_item": edges(incoming.item)[0]})
            yield from self._start(incoming, number, part)

    def _growing(self, value: Value, kinds: type[Part]) -> Growing | None:
        incoming = self._of(value)
        growing = incoming.parts.get(value.get("content_index") or 0) if incoming else None
        return growing if growing and not growing.ended and isinstance(growing.part, kinds) else None

    def _part_added(self, value: Value) -> Iterator[Event]:
        part = value.get("part")
        kind = part.get("type") if isinstance(part, dict) else None
        if kind in ("output_text", "refusal"):
            yield from self._content(value, kind)
        else:
            yield Ping()

    def _part_done(self, value: Value) -> Iterator[Event]:
        """Yield a message's part of a kind that has no deltas known here; of others the item's end tells the rest."""
        part = value.get("part")
        kind = part.get("type") if isinstance(part, dict) else None
        incoming = self._of(value)
        if kind in (None, "output_text", "refusal") or incoming is None or incoming.kind != "message":
            yield Ping()
        else:
            yield from self._content(value, kind, part)

    def _text(self, value: Value) -> Iterator[Event]:
        yield from self._content(value, "output_text")
        if (growing := self._growing(value, Text)) is not None:
            logprobs = tuple(decode_logprob(row) for row in value.get("logprobs") or ())
            yield from say(growing, value.get("delta") or "", logprobs=logprobs)

    def _refusal(self, value: Value) -> Iterator[Event]:
        yield from self._content(value, "refusal")
        incoming = self._of(value)
        growing = incoming.parts.get(value.get("content_index") or 0) if incoming else None
        if growing is not None and not growing.ended:
            yield from say(growing, value.get("delta") or "")

    def _whole(self, value: Value) -> Iterator[Event]:
        kind = "refusal" if "refusal" in value else "output_text"
        yield from self._content(value, kind)
        incoming = self._of(value)
        growing = incoming.parts.get(value.get("content_index") or 0) if incoming else None
        if growing is not None and not growing.ended:
            yield from say(growing, growing.rest(value.get("refusal", value.get("text"))))

    def _annotation(self, value: Value) -> Iterator[Event]:
        note = value.get("annotation")
        growing = self._growing(value, Text)
        if growing is not None and isinstance(note, dict):
            yield from say(growing, "", citations=(decode_citation(note),))

    def _arguments(self, value: Value) -> Iterator[Event]:
        if (growing := self._growing(value, ToolCall)) is not None:
            whole = value.get("arguments", value.get("input"))
            yield from say(growing, value.get("delta") or growing.rest(whole))

    def _thought(self, value: Value) -> Iterator[Event]:
        """Yield more of a thought's summary or text; a further piece of either is set off by a blank line."""
        place = "summary" if "summary_index" in value else "text"
        piece = (place, value.get(f"{'summary' if place == 'summary' else 'content'}_index") or 0)
        if (incoming := self._of(value)) and (growing := incoming.parts.get(0)) and not growing.ended:
            yield from think(growing, piece, value.get("delta") or growing.rest(value.get("text"), piece))

    def _finish_item(self, value: Value) -> Iterator[Event]:
        yield from self._begin({})
        item = value.get("item")
        if not isinstance(item, dict):
            return
        place = value.get("output_index") or 0
        incoming = self.items.setdefault(place, Incoming(item))
        if not incoming.done:
            incoming.done = True
            yield from self._finish(incoming, item)

    def _finish(self, incoming: Incoming, item: Value) -> Iterator[Event]:
        """Yield what a finished item says beyond its deltas, and its end.

        Bedrock counts the content of a message from 1, hence the shift.
        """
        parts = decode_item(item, item.get("type") or "message")
        shift = max(0, max(incoming.parts, default=0) + 1 - len(parts))
        for number, part in enumerate(parts, shift):
            growing = incoming.parts.get(number)
            if growing is None and isinstance(part, Opaque) and incoming.kind != "message":
                index = self._next() if incoming.index is None else incoming.index
                yield PartStarted(index, part)
                yield PartEnded(index)
                continue
            if growing is None:
                yield from self._start(incoming, number, halved(part, index=0)[0])
                growing = incoming.parts[number]
            if not growing.ended:
                yield from rest_of(growing, part)
                yield from self._stop(growing)
        for growing in incoming.parts.values():
            yield from self._stop(growing)

    def _completed(self, value: Value) -> Iterator[Event]:
        response = value.get("response")
        if not isinstance(response, dict):
            raise ProviderError(FailureKind.MALFORMED, "a completed response without a response")
        checked(response)
        yield from self._begin(value)
        yield from self._remaining_items(response.get("output") or [])
        status = value["type"].rpartition(".")[2] if value.get("type") else "completed"
        end = ending({"status": status} | response, called=self.called)
        self.done = self.complete = True
        usage = decode_usage(response.get("usage"))
        yield Finished(end.reason, end.detail, usage, extra=end.extra, response_extra=remaining(response))

    def _remaining_items(self, output: list[Any]) -> Iterator[Event]:
        """Yield items that only the final response tells whole, and the ends of those that nothing does."""
        told = dict(enumerate(item for item in output if isinstance(item, dict)))
        for place in sorted(self.items or told):
            incoming = self.items.get(place) or Incoming(told[place])
            final = told.get(place, {})
            if not incoming.done:
                incoming.done = True
                if final and (final.get("type") or "message") == incoming.kind:
                    yield from self._finish(incoming, final)
                elif incoming.parts:
                    for growing in incoming.parts.values():
                        yield from self._stop(growing)
                else:
                    yield from self._finish(incoming, incoming.item)


def begun(incoming: Incoming) -> Part:
    """Return a thought or call as it begins: with its id, without what only its end tells."""
    part = decode_item(incoming.item, incoming.kind)[0]
    note = {key: value for key, value in named(incoming.item).items() if key == "id"}
    match part:
        case Reasoning():
            return Reasoning(redacted=part.redacted, extra=annotated(Reasoning(), {"_item": note}).extra)
        case ToolCall():
            call = replace(part, arguments="", extra={})
            return annotated(call, {"_item": note} if note else {})
    raise TypeError(part)


def say(
    growing: Growing,
    text: str,
    *,
    citations: tuple[Citation, ...] = (),
    logprobs: tuple[Logprob, ...] = (),
) -> Iterator[Event]:
    """Yield more of a text, refusal or call, unless there is nothing."""
    growing.said.setdefault(("text", 0), []).append(text)
    growing.citations += len(citations)
    growing.logprobs += len(logprobs)
    if text or citations or logprobs:
        yield PartDelta(growing.index, text, citations=citations, logprobs=logprobs)
    else:
        yield Ping()


def think(growing: Growing, piece: tuple[str, int], text: str) -> Iterator[Event]:
    """Yield more of a thought."""
    if not text:
        return
    place, _ = piece
    between = piece not in growing.said and any(known[0] == place for known in growing.said)
    growing.said.setdefault(piece, []).append(text)
    for words in (BETWEEN, text) if between else (text,):
        if place == "summary":
            yield PartDelta(growing.index, summary=words)
        else:
            yield PartDelta(growing.index, words)


def rest_of(growing: Growing, whole: Part) -> Iterator[Event]:
    """Yield what the finished part says beyond its deltas: words, sources, its seal and its notes."""
    more = PartDelta(
        growing.index,
        unsaid(growing, whole, "text"),
        summary=unsaid(growing, whole, "summary"),
        seal=whole.seal,
        citations=whole.citations[growing.citations :] if isinstance(whole, Text) else (),
        logprobs=whole.logprobs[growing.logprobs :] if isinstance(whole, Text) else (),
        extra=whole.extra if whole.extra != growing.part.extra else {},
    )
    if more != PartDelta(growing.index):
        yield more


def unsaid(growing: Growing, whole: Part, place: str) -> str:
    """Return what of a finished part's text, arguments or summary was not said yet."""
    match whole:
        case ToolCall(arguments=text) if place == "text":
            pass
        case Reasoning(summary=text) if place == "summary":
            pass
        case Text(text=text) | Refusal(text=text) | Reasoning(text=text) if place == "text":
            pass
        case _:
            return ""
    said = BETWEEN.join("".join(words) for known, words in growing.said.items() if known[0] == place)
    return text[len(said) :] if text.startswith(said) else ""


class TextDelta(Struct, gc=False):
    """A usual event: words for an open text."""

    type: str
    delta: str
    output_index: int
    content_index: int
    logprobs: list[Any] | None = None
    error: Any = None


class Words(Reader):
    """Reads more words of one open text."""

    __slots__ = ("growing", "number", "place")
    head = b"event: response.output_text.delta\ndata: "
    decode = staticmethod(msgspec.json.Decoder(TextDelta).decode)

    def __init__(self, place: int, number: int, growing: Growing) -> None:
        """Read for this part of the item at this place."""
        self.place = place
        self.number = number
        self.growing = growing

    def take(self, event: TextDelta) -> str | None:
        """Return the words of an event for this text."""
        ours = event.output_index == self.place and event.content_index == self.number
        usual = event.type == "response.output_text.delta" and not (event.logprobs or event.error)
        return event.delta if ours and usual else None

    def keep(self, said: Sequence[str]) -> None:
        """Note what was said, which the end of the text says again."""
        self.growing.said.setdefault(("text", 0), []).extend(said)


READERS = {
    "response.created": Decoder._begin,
    "response.queued": Decoder._begin,
    "response.in_progress": Decoder._begin,
    "response.output_item.added": Decoder._added,
    "response.content_part.added": Decoder._part_added,
    "response.content_part.done": Decoder._part_done,
    "response.output_text.delta": Decoder._text,
    "response.output_text.done": Decoder._whole,
    "response.output_text.annotation.added": Decoder._annotation,
    "response.refusal.delta": Decoder._refusal,
    "response.refusal.done": Decoder._whole,
    "response.function_call_arguments.delta": Decoder._arguments,
    "response.function_call_arguments.done": Decoder._arguments,
    "response.custom_tool_call_input.delta": Decoder._arguments,
    "response.custom_tool_call_input.done": Decoder._arguments,
    "response.reasoning_summary_text.delta": Decoder._thought,
    "response.reasoning_summary_text.done": Decoder._thought,
    "response.reasoning_text.delta": Decoder._thought,
    "response.reasoning_text.done": Decoder._thought,
    "response.output_item.done": Decoder._finish_item,
    "response.completed": Decoder._completed,
    "response.incomplete": Decoder._completed,
}
"""What reads each event; any other only shows that the provider is alive."""
