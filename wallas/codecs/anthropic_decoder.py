"""A provider's Anthropic stream as events."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from wallas.codecs.anthropic_answers import malformed, read_answer_block, read_stop, read_usage, untyped, word
from wallas.codecs.anthropic_blocks import INVALID, read_citation
from wallas.codecs.anthropic_errors import failure
from wallas.codecs.framing import JsonEvents, Sse
from wallas.codecs.words import Reader, string_of
from wallas.errors import FailureKind, ProviderError
from wallas.types.chat import Citation, Extra, Opaque, Part, Reasoning, Seal, Text, ToolCall
from wallas.types.events import Event, Finished, PartDelta, PartEnded, PartStarted, Ping, Started


class Growing:
    """A block whose end has not come: its part as it started, and what cannot be told before the end.

    ``late`` is JSON text of a tool's input: for a block carried unread, which is
    told whole; for a call, the input that came at its start and counts only
    when no delta brings another.
    """

    def __init__(self, index: int, part: Part) -> None:
        """Start a part."""
        self.index = index
        self.part = part
        self.late: list[str] = []


class Decoder:
    """Reads a provider's stream; server tools' blocks and others carried unread are told when they are whole."""

    def __init__(self) -> None:
        """Start before the first byte."""
        self.events = JsonEvents(Sse())
        self.done = False
        self.complete = False
        self.started = False
        self.finished = False
        self.count = 0
        self.blocks: dict[Any, Growing] = {}
        self.stop: dict[str, Any] = {}
        self.usage: dict[str, Any] = {}
        self.steps: dict[Any, Callable[[dict[str, Any]], Iterator[Event]]] = {
            "message_start": self._message_start,
            "content_block_start": self._block_start,
            "content_block_stop": self._block_stop,
            "message_delta": self._message_delta,
            "message_stop": self._message_stop,
            "ping": self._ping,
        }

    def feed(self, data: bytes) -> Iterator[Event]:
        """Yield the events in these bytes; what follows the end mark is not read."""
        if self.done:
            return
        for name, value in self.events.feed(data):
            if type(value) is dict and value.get("type") == "content_block_delta":
                event = self._delta(value)
                if event is not None:
                    yield event
            else:
                yield from self._step(name, value)
            if self.done:
                return

    def words(self, index: int, choice: int) -> "Words | None":
        """Return what reads more words of this text, thought or call, if it is open."""
        number = next((number for number, block in self.blocks.items() if block.index == index), None)
        kind = WORDS.get(type(self.blocks[number].part)) if number is not None else None
        return Words(number, kind) if kind is not None and self.events.between and not self.done else None

    def end(self) -> Iterator[Event]:
        """Yield what the end of the body completes; raise CUT when ``message_stop`` was not seen.

        Once ``complete`` is True that cut has lost nothing.
        """
        for name, value in self.events.end():
            yield from self._step(name, value)
        if not self.done:
            raise ProviderError(FailureKind.CUT, "the stream ended without message_stop")

    def _step(self, name: str, value: Any) -> Iterator[Event]:
        if value == "[DONE]":  # OpenRouter's last word; before a stop reason it means nothing
            self.done = self.complete
            return
        if not isinstance(value, dict) or self.done:
            return
        kind = value.get("type", name)
        if kind == "content_block_delta":
            event = self._delta(value)
            if event is not None:
                yield event
        elif kind == "error" or value.get("error"):
            raise failure(value)
        elif isinstance(kind, str) and kind in self.steps:
            yield from self.steps[kind](value)

    def _message_start(self, value: dict[str, Any]) -> Iterator[Event]:
        message = _object(value, "message")
        self.stop = {key: message.get(key) for key in ("stop_reason", "stop_sequence", "stop_details")}
        self._count(message)
        if self.started:
            return
        self.started = True
        yield Started(id=word(message, "id"), model=word(message, "model"), extra=untyped(message))
        # A turn that goes on after a pause may tell its blocks here and never again.
        for block in message.get("content") or ():
            part = read_answer_block(block)
            yield PartStarted(index=self.count, part=part)
            yield PartEnded(index=self.count)
            self.count += 1

    def _count(self, value: dict[str, Any]) -> None:
        usage = value.get("usage")
        if isinstance(usage, dict):
            self.usage |= {key: count for key, count in usage.items() if count is not None}

    def _block_start(self, value: dict[str, Any]) -> Iterator[Event]:
        if not self.started:
            self.started = True
            yield Started()
        part = read_answer_block(_object(value, "content_block"))
        block = Growing(self.count, part)
        self.count += 1
        if isinstance(part, ToolCall):
            if part.arguments != "{}":
                block.late.append(part.arguments)
            part = msgspec.structs.replace(part, arguments="")
        number = value.get("index")
        before = self.blocks.pop(number, None)
        if before is not None:
            yield from self._ended(before)
        self.blocks[number] = block
        if not isinstance(part, Opaque):
            yield PartStarted(index=block.index, part=part)

    def _delta(self, value: dict[str, Any]) -> PartDelta | None:
        """Return what a delta adds, or None for an empty one, one carried unread and one not known here."""
        block = self.blocks.get(value.get("index"))
        delta = value.get("delta")
        if block is None or type(delta) is not dict:
            raise malformed("a delta for a content block that is not open")
        part = block.part
        if type(part) is Opaque:
            self._grow(block, part, delta)
            return None
        grown = GROWS.get((type(part), delta.get("type")))
        if grown is None:
            return None
        text = delta.get(grown)
        if text == "":
            return None
        if grown == "citation":
            return PartDelta(block.index, citations=(_citation(text),))
        if type(text) is not str:
            raise malformed(f"a delta whose {grown} is no text")
        if grown == "signature":
            return PartDelta(block.index, seal=Seal(value=text))
        if type(part) is ToolCall:
            block.late.clear()
        return PartDelta(block.index, text)

    def _grow(self, block: Growing, part: Opaque, delta: dict[str, Any]) -> None:
        """Add a delta to a block carried unread: texts and lists grow, anything else is replaced."""
        data = {**part.data}
        for key, more in delta.items():
            known = data.get(key)
            if key == "partial_json" and isinstance(more, str):
                block.late.append(more)
            elif key == "citation":
                data["citations"] = [*(data.get("citations") or ()), more]
            elif key != "type" and more is not None:
                grows = isinstance(known, str | list) and type(known) is type(more)
                data[key] = known + more if grows else more
        block.part = msgspec.structs.replace(part, data=data)

    def _block_stop(self, value: dict[str, Any]) -> Iterator[Event]:
        block = self.blocks.pop(value.get("index"), None)
        if block is not None:
            yield from self._ended(block)

    def _ended(self, block: Growing) -> Iterator[Event]:
        late = "".join(block.late)
        if isinstance(block.part, Opaque):
            part = block.part
            if late:
                part = msgspec.structs.replace(part, data={**part.data, "input": _input(late)})
            yield PartStarted(index=block.index, part=part)
        elif late:
            yield PartDelta(block.index, late)
        yield PartEnded(index=block.index)

    def _message_delta(self, value: dict[str, Any]) -> Iterator[Event]:
        delta = _object(value, "delta")
        self.stop |= {key: told for key, told in delta.items() if told is not None}
        self._count(value)
        if delta.get("stop_reason") is not None and not self.finished:
            beside = {key: told for key, told in value.items() if key not in ("delta", "usage")}
            yield from self._finish(untyped(beside | delta))

    def _message_stop(self, value: dict[str, Any]) -> Iterator[Event]:
        if not self.finished:
            yield from self._finish({})
        self.done = True

    def _finish(self, extra: Extra) -> Iterator[Event]:
        for number in list(self.blocks):
            yield from self._ended(self.blocks.pop(number))
        reason, detail, beside = read_stop(self.stop)
        self.finished = self.complete = True
        usage = read_usage(self.usage) if self.usage else None
        yield Finished(reason, detail, usage, extra=beside, response_extra=extra)

    def _ping(self, value: dict[str, Any]) -> Iterator[Event]:
        yield Ping()


class TextDelta(msgspec.Struct, gc=False):
    """``delta`` of a usual event."""

    type: str
    text: str | None = None
    thinking: str | None = None
    partial_json: str | None = None


class BlockDelta(msgspec.Struct, gc=False):
    """A usual event: words for an open block."""

    type: str
    index: Any
    delta: TextDelta


class Words(Reader):
    """Reads more words of one open block."""

    __slots__ = ("key", "kind", "number")
    head = b"event: content_block_delta\ndata: "
    decode = staticmethod(msgspec.json.Decoder(BlockDelta).decode)
    string = string_of("text", "thinking", "partial_json")

    def __init__(self, number: Any, kind: tuple[str, str]) -> None:
        """Read for the block of this number, deltas of this ``kind``: their type and its key."""
        self.number = number
        self.kind, self.key = kind

    def take(self, event: BlockDelta) -> str | None:
        """Return the words of an event for this block."""
        usual = event.type == "content_block_delta" and event.delta.type == self.kind
        return getattr(event.delta, self.key) if usual and event.index == self.number else None


WORDS: dict[type, tuple[str, str]] = {
    Text: ("text_delta", "text"),
    Reasoning: ("thinking_delta", "thinking"),
    ToolCall: ("input_json_delta", "partial_json"),
}
"""The usual deltas of a part of words."""
GROWS: dict[tuple[type, Any], str] = {
    (Text, "text_delta"): "text",
    (Text, "citations_delta"): "citation",
    (Reasoning, "thinking_delta"): "thinking",
    (Reasoning, "signature_delta"): "signature",
    (ToolCall, "input_json_delta"): "partial_json",
}
"""Which key of a delta adds to a part; other pairs mean nothing, to the SDK too."""


def _object(value: dict[str, Any], key: str) -> dict[str, Any]:
    found = value.get(key)
    if isinstance(found, dict):
        return found
    raise malformed(f"an event {value.get('type')} without {key}")


def _citation(value: Any) -> Citation:
    if isinstance(value, dict):
        return read_citation(value)
    raise malformed("a citation that is no object")


def _input(text: str) -> Any:
    """Return a server tool's streamed input, or its text under ``INVALID_JSON`` when it is no JSON."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return {INVALID: text}
