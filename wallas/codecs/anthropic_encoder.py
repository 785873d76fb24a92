"""A client's Anthropic stream: canonical events as content blocks that never overlap."""

from collections.abc import Iterator
from itertools import count
from typing import Any

from wallas.codecs.anthropic_answers import (
    answer_block,
    keeps_quiet,
    new_id,
    shows_thinking,
    write_stop,
    write_usage,
)
from wallas.codecs.anthropic_blocks import WIRE, write_citation
from wallas.codecs.anthropic_errors import encode_error
from wallas.codecs.framing import comment, encode, sse
from wallas.errors import GatewayError
from wallas.types.chat import (
    ChatRequest,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
)
from wallas.types.events import (
    Event,
    Finished,
    PartDelta,
    PartEnded,
    PartStarted,
    Started,
    extended,
)

PING = sse(b'{"type": "ping"}', "ping")


def frame(kind: str, **fields: Any) -> bytes:
    """Return one event of the wire."""
    return sse(encode({"type": kind, **fields}), kind)


class Whole:
    """A part that is shown only when it is whole, in one piece, if the wire has a block for it."""

    def __init__(self, part: Part, numbers: Iterator[int]) -> None:
        """Take the part as far as it is known."""
        self.part = part
        self.numbers = numbers

    def start(self) -> bytes:
        """Return nothing yet."""
        return b""

    def delta(self, event: PartDelta) -> bytes:
        """Take more of the part."""
        self.part = extended(self.part, event)
        return b""

    def end(self) -> bytes:
        """Return the block; a server tool's input comes as a delta, as the wire has it."""
        block = answer_block(self.part)
        if block is None:
            return b""
        index = next(self.numbers)
        given = block.get("input")
        if not (block["type"].endswith("tool_use") and isinstance(given, dict) and given):
            return opened(index, block) + closed(index)
        delta = {"type": "input_json_delta", "partial_json": encode(given).decode()}
        started = opened(index, {**block, "input": {}})
        return started + frame("content_block_delta", index=index, delta=delta) + closed(index)


class Hidden:
    """Thinking that the client did not ask for."""

    def start(self) -> bytes:
        """Return nothing."""
        return b""

    def delta(self, event: PartDelta) -> bytes:
        """Return nothing."""
        return b""

    def end(self) -> bytes:
        """Return nothing."""
        return b""


class Block:
    """An open content block; ``grow`` is the frame of its deltas up to the JSON of the added text."""

    kind = "text_delta"
    key = "text"

    def __init__(self, part: Part, index: int, *, quiet: bool = False) -> None:
        """Open the block of this index. ``quiet`` thinking shows its signature only."""
        self.part = part
        self.index = index
        self.quiet = quiet
        delta = b'"delta":{"type":"%b","%b":' % (self.kind.encode(), self.key.encode())
        self.grow = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,' % index + delta

    def start(self) -> bytes:
        """Return the frames that open the block with what is already known of it."""
        return opened(self.index, self.empty()) + self.delta(self.first())

    def empty(self) -> dict[str, Any]:
        """Return the block before its text."""
        return {"type": "text", "text": "", **self.part.extra.get(WIRE, {})}

    def first(self) -> PartDelta:
        """Return what the part held when it started."""
        assert isinstance(self.part, Text | Refusal)
        return PartDelta(0, self.part.text, citations=self.part.citations if isinstance(self.part, Text) else ())

    @property
    def around(self) -> tuple[bytes, bytes]:
        """Return the frame around more words."""
        return self.grow, b"}}\n\n"

    def note(self, text: str) -> None:
        """Note nothing."""

    def write(self, text: str) -> bytes:
        """Return the frame of more words."""
        return self.grow + encode(text) + b"}}\n\n"

    def delta(self, event: PartDelta) -> bytes:
        """Return the frames of what was added."""
        out = self.write(event.text) if event.text else b""
        for citation in event.citations:
            told = {"type": "citations_delta", "citation": write_citation(citation)}
            out += frame("content_block_delta", index=self.index, delta=told)
        return out

    def end(self) -> bytes:
        """Return the frames that close the block."""
        return closed(self.index)


class CallBlock(Block):
    """An open tool call; its arguments pass as they come, malformed ones too."""

    kind = "input_json_delta"
    key = "partial_json"

    def empty(self) -> dict[str, Any]:
        """Return the call without arguments."""
        assert isinstance(self.part, ToolCall)
        call = {"id": self.part.id or new_id("toolu"), "name": self.part.name, "input": {}}
        return {"type": "tool_use", **call, **self.part.extra.get(WIRE, {})}

    def first(self) -> PartDelta:
        """Return the arguments that came with the start."""
        assert isinstance(self.part, ToolCall)
        return PartDelta(0, self.part.arguments)


class ThinkingBlock(Block):
    """An open thought; its signature comes last."""

    kind = "thinking_delta"
    key = "thinking"

    def empty(self) -> dict[str, Any]:
        """Return the thought without words."""
        return {"type": "thinking", "thinking": "", "signature": "", **self.part.extra.get(WIRE, {})}

    def first(self) -> PartDelta:
        """Return the words that came with the start."""
        assert isinstance(self.part, Reasoning)
        return PartDelta(0, self.part.text or self.part.summary)

    def delta(self, event: PartDelta) -> bytes:
        """Return the frame of more words: the thought's own, or a summary where that is all there is."""
        if event.seal is not None:
            self.part = extended(self.part, PartDelta(0, seal=event.seal))
        text = event.text or event.summary
        return self.write(text) if text and not self.quiet else b""

    def end(self) -> bytes:
        """Return the signature (empty when the thought has no seal) and the frame that closes the block."""
        signed = {"type": "signature_delta", "signature": str(self.part.seal or "")}
        return frame("content_block_delta", index=self.index, delta=signed) + closed(self.index)


def opened(index: int, block: dict[str, Any]) -> bytes:
    """Return the frame that opens a block."""
    return frame("content_block_start", index=index, content_block=block)


def closed(index: int) -> bytes:
    """Return the frame that closes a block."""
    return frame("content_block_stop", index=index)


class Encoder:
    """Writes a client's stream, one block open at a time; parts that overlap wait their turn.

    Only thinking gives way: it is closed when another part starts, and what
    comes of it later is a thinking block of its own. ``request`` None shows thinking.
    """

    content_type = "text/event-stream"

    def __init__(self, request: ChatRequest | None = None) -> None:
        """Write as this client's request wants it."""
        self.thinking = shows_thinking(request)
        self.quiet = keeps_quiet(request)
        self.numbers = count()
        self.started = False
        self.finished = False
        self.called = False
        self.refused = False
        self.current: int | None = None
        self.block: Block | Whole | Hidden = Hidden()
        self.waiting: dict[int, list[Event]] = {}
        self.interrupted: set[int] = set()

    def encode(self, event: Event) -> bytes:
        """Return the frames for this event, perhaps none yet."""
        if type(event) is PartDelta:
            if event.index == self.current and event.choice == 0:
                return self.block.delta(event)
            return self._late(event) if event.choice == 0 else b""
        match event:
            case Started():
                return self._started(event)
            case PartStarted(choice=0):
                return self._start(event)
            case PartEnded(choice=0):
                return self._end(event)
            case Finished(choice=0) if not self.finished:
                return self._finish(event)
            case _:
                return b""

    def words(self, index: int, choice: int) -> Block | None:
        """Return what writes more words of this part, if it is the open one and is made of nothing else."""
        block = self.block
        usual = type(block) is Block or (type(block) is ThinkingBlock and not block.quiet)
        return block if usual and choice == 0 and index == self.current and isinstance(block, Block) else None

    def ping(self) -> bytes:
        """Return the wire's own keep-alive."""
        return PING

    def note(self, text: str) -> bytes:
        """Return a comment, which clients skip."""
        return comment(" ".join(text.splitlines()))

    def error(self, error: GatewayError) -> bytes:
        """Return the error event, which ends the stream: no ``message_stop`` follows."""
        self.finished = True
        return sse(encode(encode_error(error)), "error")

    def _started(self, event: Started) -> bytes:
        if self.started:
            return b""
        self.started = True
        message = {
            "id": event.id or new_id("msg"),
            "type": "message",
            "role": "assistant",
            "model": event.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": 0, "output_tokens": 0},
            **event.extra.get(WIRE, {}),
        }
        return frame("message_start", message=message)

    def _start(self, event: PartStarted) -> bytes:
        out = b"" if self.started else self._started(Started())
        if self.current is not None and isinstance(self.block, ThinkingBlock | Hidden):
            self.interrupted.add(self.current)
            out += self._close()
        if self.current is not None:
            self.waiting[event.index] = [event]
            return out
        self.current = event.index
        self.block = self._opened(event.part)
        return out + self.block.start()

    def _opened(self, part: Part) -> Block | Whole | Hidden:
        match part:
            case Reasoning() if not self.thinking:
                return Hidden()
            case Reasoning(redacted=False):
                return ThinkingBlock(part, next(self.numbers), quiet=self.quiet)
            case Text():
                return Block(part, next(self.numbers))
            case Refusal():
                self.refused = True
                return Block(part, next(self.numbers))
            case ToolCall():
                self.called = True
                return CallBlock(part, next(self.numbers)) if part.kind == "function" else Whole(part, self.numbers)
            case _:
                return Whole(part, self.numbers)

    def _late(self, event: PartDelta) -> bytes:
        """Return what a delta gives whose part is not the open one."""
        if event.index in self.waiting:
            self.waiting[event.index].append(event)
        elif event.index in self.interrupted and (event.text or event.summary or event.seal):
            if self.current is None:
                return self._start(PartStarted(event.index, Reasoning())) + self.encode(event)
            self.waiting[event.index] = [PartStarted(event.index, Reasoning()), event]
        return b""

    def _end(self, event: PartEnded) -> bytes:
        if event.index != self.current:
            if event.index in self.waiting:
                self.waiting[event.index].append(event)
            return b""
        out = self._close()
        while self.current is None and self.waiting:
            out += self._next()
        return out

    def _next(self) -> bytes:
        """Return the frames of the part that waited longest, as far as it has come."""
        first, *events = self.waiting.pop(next(iter(self.waiting)))
        out = self.encode(first)
        for event in events:
            out += self._close() if isinstance(event, PartEnded) else self.encode(event)
        return out

    def _close(self) -> bytes:
        self.current = None
        return self.block.end()

    def _finish(self, event: Finished) -> bytes:
        out = b"" if self.started else self._started(Started())
        while self.current is not None or self.waiting:
            out += self._close() if self.current is not None else self._next()
        self.finished = True
        beside = event.response_extra.get(WIRE, {})
        delta = write_stop(event.reason, event.detail, event.extra, called=self.called, refused=self.refused)
        if "container" in beside:
            delta["container"] = beside["container"]
        rest = {key: value for key, value in beside.items() if key != "container"}
        out += frame("message_delta", delta=delta, usage=write_usage(event.usage), **rest)
        return out + frame("message_stop")
