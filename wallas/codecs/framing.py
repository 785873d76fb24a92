"""Bytes to frames and back: server-sent events, lines of JSON, whole bodies. No sockets, no meaning.

Frames are found in bytes, never by splitting text into lines: JSON strings
may hold U+2028 and its kin, which text line-splitting takes for line ends.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from wallas.errors import FailureKind, ProviderError

EVENT_BYTES = 8 * 1024 * 1024
BODY_BYTES = 64 * 1024 * 1024

_LINE_END = re.compile(rb"\r\n|\n|\r")
_GAP = (b"delta", b"content", b"text", b"parts", b"message", b"response", b"thinking", b"choices", b"candidates")
_HEADS = ('{"id"', '{"object"', '{"created', '{"model', '{"type"', '{"provider"', '{"system_fingerprint"', '{"usage')
"""How events with a piece of the answer begin, on one wire or another, before a word of ``_GAP``."""

_decode = msgspec.json.Decoder().decode
encode = msgspec.json.Encoder().encode


class Frame(NamedTuple):
    """One server-sent event: its name ("" when none was given) and its data lines joined."""

    event: str
    data: str


class Sse:
    """Finds server-sent events in bytes, however they are cut; comments and unknown fields are skipped."""

    def __init__(self) -> None:
        """Start before the first byte."""
        self.buffer = b""
        self.event = ""
        self.data: list[bytes] = []
        self.size = 0
        self.searched = 0
        self.started = False

    @property
    def between(self) -> bool:
        """Return whether the next byte begins an event."""
        return self.started and not (self.buffer or self.data or self.event)

    @staticmethod
    def apart(data: bytes, head: bytes) -> Sequence[bytes] | None:
        """Return the data of each event of bytes that are whole events of one line behind ``head``; None for others."""
        if b"\r" in data:
            data = data.replace(b"\r\n", b"\n")
        if b"\r" in data or not data.endswith(b"\n\n"):
            return None
        size = len(head)
        end = data.find(b"\n", size)
        if end == len(data) - 2 and data.startswith(head):
            return (data[size:end],)
        blocks = data[:-2].split(b"\n\n")
        if data.count(b"\n") != (head.count(b"\n") + 2) * len(blocks):
            return None
        told = [block[size:] for block in blocks if block.startswith(head)]
        return told if len(told) == len(blocks) else None

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Yield the events that these bytes complete; raise MALFORMED for one of more than EVENT_BYTES."""
        if not self.started and data[:1] not in (b"", b"\xef") and not self.buffer:
            self.started = True  # it begins with no byte order mark
        if self.between and data.endswith(b"\n\n") and b"\r" not in data:
            yield from self._whole(data[:-2])
            return
        self.buffer += data
        if not self.started:
            if b"\xef\xbb\xbf".startswith(self.buffer[:3]) and len(self.buffer) < 3:
                return
            self.started = True
            self.buffer = self.buffer.removeprefix(b"\xef\xbb\xbf")
        yield from self._frames(final=False)

    def _whole(self, data: bytes) -> Iterator[Frame]:
        """Yield the events of bytes that hold nothing but whole ones, as most reads do."""
        for block in data.split(b"\n\n"):
            if block.startswith(b"data: ") and b"\n" not in block:
                yield Frame("", block[6:].decode("utf-8", "replace"))
                continue
            for line in block.split(b"\n"):
                self._field(line)
            if self.data:
                yield self._frame()
            self.event = ""

    def end(self) -> Iterator[Frame]:
        """Yield the event that the end of the body completes, if any."""
        self.started = True
        yield from self._frames(final=True)
        if self.buffer:
            self._field(self.buffer)
            self.buffer = b""
        if self.data:
            yield self._frame()

    def _frames(self, *, final: bool) -> Iterator[Frame]:
        start, begin = 0, self.searched
        buffer, self.searched = self.buffer, 0
        while match := _LINE_END.search(buffer, max(start, begin)):
            if match.end() == len(buffer) and match[0] == b"\r" and not final:
                break
            line = buffer[start : match.start()]
            start = match.end()
            if line:
                self._field(line)
            elif self.data:
                self.buffer = buffer[start:]
                yield self._frame()
            else:
                self.event = ""
        self.buffer = buffer[start:]
        self.searched = len(self.buffer) - self.buffer.endswith(b"\r")
        if len(self.buffer) + self.size > EVENT_BYTES:
            raise ProviderError(FailureKind.MALFORMED, "an event of more than 8 MB")

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        if name == b"data":
            self.data.append(value.removeprefix(b" "))
            self.size += len(value)
        elif name == b"event":
            self.event = value.removeprefix(b" ").decode("utf-8", "replace")

    def _frame(self) -> Frame:
        frame = Frame(self.event, b"\n".join(self.data).decode("utf-8", "replace"))
        self.event, self.data, self.size = "", [], 0
        return frame


class Lines:
    """Finds lines of JSON in bytes; a line that the end of the body cuts is given by ``end`` as it is."""

    def __init__(self) -> None:
        """Start before the first byte."""
        self.buffer = b""

    @property
    def between(self) -> bool:
        """Return whether the next byte begins a line."""
        return not self.buffer

    @staticmethod
    def apart(data: bytes, head: bytes) -> Sequence[bytes] | None:
        """Return the lines of bytes that are whole ones, None for others; ``head`` is empty."""
        return data[:-1].split(b"\n") if data.endswith(b"\n") else None

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Yield the lines that these bytes complete."""
        *lines, self.buffer = (self.buffer + data).split(b"\n")
        if len(self.buffer) > EVENT_BYTES:
            raise ProviderError(FailureKind.MALFORMED, "a line of more than 8 MB")
        for line in lines:
            if line.strip():
                yield Frame("", line.decode("utf-8", "replace"))

    def end(self) -> Iterator[Frame]:
        """Yield the last line, if it had no line end."""
        line, self.buffer = self.buffer, b""
        if line.strip():
            yield Frame("", line.decode("utf-8", "replace"))


class JsonEvents:
    """Frames' data as JSON values, forgiving one bad event where it cannot have held content.

    Some providers send a line of garbage in the middle of a good stream. It is
    skipped once; two in a row, one at the end, or one that looks like a piece
    of the answer is a fault, because skipping that would lose text silently.
    """

    def __init__(self, frames: Sse | Lines) -> None:
        """Read from a framing."""
        self.frames = frames
        self.bad = ""
        self.skipped = 0

    @property
    def between(self) -> bool:
        """Return whether the next byte begins an event, and nothing is to be forgiven."""
        return self.frames.between and not self.bad

    def feed(self, data: bytes) -> Iterator[tuple[str, Any]]:
        """Yield (event name, JSON value) pairs; ``[DONE]`` comes as the string it is."""
        for frame in self.frames.feed(data):
            pair = self._value(frame)
            if pair is not None:
                yield pair

    def end(self) -> Iterator[tuple[str, Any]]:
        """Yield what the end of the body completes; raise MALFORMED when it ends in garbage."""
        for frame in self.frames.end():
            pair = self._value(frame)
            if pair is not None:
                yield pair
        if self.bad:
            raise ProviderError(FailureKind.MALFORMED, "the stream ended in an event that is no JSON")

    def _value(self, frame: Frame) -> tuple[str, Any] | None:
        """Return an event's name and value; None for one that says nothing, or is forgiven."""
        text = frame.data.strip()
        if text == "[DONE]":
            return frame.event, text
        if not text:
            return None
        try:
            value = _decode(text)
        except (msgspec.DecodeError, RecursionError) as error:
            if self.bad or _may_hold_content(text):
                raise ProviderError(FailureKind.MALFORMED, "an event that is no JSON") from error
            self.bad = text
            self.skipped += 1
            return None
        self.bad = ""
        return frame.event, value


def _may_hold_content(text: str) -> bool:
    """Return whether a bad event could have been a piece of the answer, whole or cut short."""
    data = text.encode()
    start = text.replace(" ", "")[:24]
    begun = any(start.startswith(head) or head.startswith(start) for head in _HEADS)
    return begun or any(word in data for word in _GAP)


class Plain:
    """Collects a whole body and decodes it as JSON at its end."""

    def __init__(self) -> None:
        """Start before the first byte."""
        self.pieces: list[bytes] = []
        self.size = 0

    def add(self, data: bytes) -> None:
        """Take bytes in; raise MALFORMED for more than BODY_BYTES of them."""
        self.pieces.append(data)
        self.size += len(data)
        if self.size > BODY_BYTES:
            raise ProviderError(FailureKind.MALFORMED, "a body of more than 64 MB")

    @property
    def data(self) -> bytes:
        """Return all of them."""
        return b"".join(self.pieces)

    def value(self) -> Any:
        """Return the JSON value; raise MALFORMED for an empty body, HTML or anything else that is no JSON."""
        return decode_body(self.data)


def decode_body(data: bytes) -> Any:
    """Return a provider's JSON body, tolerating a BOM, blank lines before it and bad UTF-8 in its strings."""
    text = data.removeprefix(b"\xef\xbb\xbf").strip()
    if not text:
        raise ProviderError(FailureKind.MALFORMED, "an empty body")
    try:
        return _decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        pass
    try:
        return _decode(text.decode("utf-8", "replace"))
    except (msgspec.DecodeError, RecursionError) as error:
        what = "HTML" if text[:1] == b"<" else "a body that is no JSON"
        raise ProviderError(FailureKind.MALFORMED, f"{what} where JSON was due") from error


def sse(data: bytes, event: str = "") -> bytes:
    """Return one server-sent event; ``data`` is JSON without line ends."""
    return b"event: %b\ndata: %b\n\n" % (event.encode(), data) if event else b"data: %b\n\n" % data


def comment(text: str) -> bytes:
    """Return a server-sent comment, which clients ignore."""
    return b": %b\n\n" % text.encode()
