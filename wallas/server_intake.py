"""Cuts a client's bytes into requests: where a head ends, where its body ends. No sockets and no clock.

The loop thread only frames. What is odd in any way is handed on as it came, for
gunicorn's own parser to judge in a pool thread, so that both workers answer
it alike. Read off gunicorn 27.0.1 and gunicorn_h1c 0.6.9.
"""

import re
from io import BytesIO
from typing import Any, Literal, NamedTuple, cast

from gunicorn.http.errors import InvalidHeader, LimitRequestHeaders, ObsoleteFolding
from gunicorn_h1c import IncompleteError, parse_request_fast, parse_to_wsgi_environ
from gunicorn_h1c._parser_fast import IncompleteError as FastIncompleteError

from wallas.types.flow import Heading

BUFFER_BYTES = 32 * 1024 * 1024
"""Bodies up to here are read whole before a thread is lent; the app reads longer ones itself, or refuses them."""
HEAD_BYTES = 256 * 1024
KNOWN_BYTES = 4096
"""Longer heads are not remembered; usual ones are a tenth of that."""
DIGITS = 12
"""Digits of a body's length, at most, in a head that is known again."""
TRIES = 8
"""So many strange heads in a row, and a connection's heads are not remembered any more: each differs."""
CHUNK_LINE = 8192
TRAILER_BYTES = 64 * 1024

_CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,16}")
_LENGTH = re.compile(rb"\r\nContent-Length:[ \t]*([0-9]+)[ \t]*\r\n", re.IGNORECASE)
_UNDERSCORE = re.compile(rb"\n[^:\r\n]*_")
_DELICATE = frozenset(
    {
        "HTTP_",
        "HTTP_EXPECT",
        "HTTP_TRANSFER_ENCODING",
        "HTTP_UPGRADE",
        "HTTP_X_FORWARDED_PROTO",
        "HTTP_X_FORWARDED_PROTOCOL",
        "HTTP_X_FORWARDED_SSL",
    }
)
"""What in an environ asks for gunicorn's own policy; ``HTTP_`` is what gunicorn_h1c makes of a folded line."""
_INCOMPLETE = (IncompleteError, FastIncompleteError)


End = Literal["here", "more", "cut", "late", "broken"]
"""What follows the bytes of a request: nothing of it; more, to be read from the socket; or why no more came."""


class Limits(NamedTuple):
    """How large a head may be, in gunicorn's words."""

    line: int
    fields: int
    field_size: int


class Raw:
    """One request as it came. ``heading`` is None where gunicorn's parser must have a look at ``head``."""

    __slots__ = ("body", "end", "fault", "head", "heading", "upgrade")

    def __init__(self, head: bytes, heading: Heading | None = None) -> None:
        """Start with a head."""
        self.head = head
        self.body = b""
        self.heading = heading
        self.fault: Exception | None = None
        """What is wrong with the head, should gunicorn's parser let it pass."""
        self.end: End = "here"
        self.upgrade = False

    @property
    def whole(self) -> bool:
        """Return whether where it ends is known, so that another may follow."""
        return self.fault is None and self.end == "here"


class Known:
    """A head that has been read, to be known again by its bytes before and behind the length of the body."""

    __slots__ = ("after", "before", "heading", "rest", "start", "until")

    def __init__(self, heading: Heading, *, before: bytes, after: bytes) -> None:
        """Know a head that says this before and this behind the length."""
        self.heading = heading
        self.before = before
        self.after = after
        self.rest = len(after)
        self.start = len(before)
        self.until = self.start + DIGITS + self.rest
        """Where it must be over, however long the body is."""

    @classmethod
    def of(cls, head: bytes, heading: Heading, *, field_size: int) -> "Known | None":
        """Return how to know a head again; None for one that says no length, or two, or might pass a limit."""
        match = _LENGTH.search(head)
        if match is None or len(head) > KNOWN_BYTES or head.lower().count(b"content-length") != 1:
            return None
        if 0 < field_size < len(match[0]) + DIGITS:
            return None
        return cls(heading, before=head[: match.start(1)], after=head[match.end(1) :])


class Intake:
    """Takes one client's bytes; ``feed`` gives a request as soon as it is whole, or is past hope."""

    __slots__ = (
        "buffer",
        "careful",
        "chunks",
        "client",
        "counted",
        "expects",
        "known",
        "limits",
        "looked",
        "need",
        "raw",
        "server",
        "size",
        "strange",
    )

    def __init__(self, limits: Limits, *, server: tuple[str, str], client: Any, careful: bool) -> None:
        """Read requests of one connection; ``careful`` leaves all of them to gunicorn's parser."""
        self.limits = limits
        self.server = server
        self.client = client
        self.careful = careful
        self.buffer = b""
        """What belongs to no request yet."""
        self.looked = 0
        self.raw: Raw | None = None
        """The request whose body is awaited."""
        self.counted: BytesIO | None = None
        """What has come of a body that says its length; it gives its bytes away without a copy."""
        self.size = self.need = 0
        self.chunks: Chunks | None = None
        self.expects = False
        """Whether the client waits for ``100 Continue`` before it sends the body."""
        self.known: Known | None = None
        """The last head, where it is worth remembering."""
        self.strange = 0
        """How many heads in a row were not known."""

    @property
    def begun(self) -> bool:
        """Return whether there are bytes of a request that is not whole yet."""
        return bool(self.buffer) or self.raw is not None

    @property
    def received(self) -> int:
        """Return how many bytes of the awaited body have come."""
        return len(self.chunks.data) if self.chunks is not None else self.size

    def feed(self, data: bytes = b"") -> Raw | None:
        """Take bytes; return a request, or None while more must come. Without any, look at what is left of the last."""
        if self.raw is not None:
            return self._more(self.raw, data)
        buffer = self.buffer + data if self.buffer else data
        known = self.known
        if known is not None and buffer.startswith(known.before):
            end = buffer.find(known.after, known.start, known.until)
            said = buffer[known.start : end]
            if end > 0 and said.isdigit():
                self.strange = self.looked = 0
                end += known.rest
                raw, over = Raw(buffer[:end], known.heading), end + int(said)
                if over <= len(buffer):
                    raw.body, self.buffer = buffer[end:over], buffer[over:]
                    return raw
                self.buffer = buffer[end:]
                return self._await(raw, over - end)
        self.buffer = buffer
        return self._next(buffer) if buffer else None

    def _more(self, raw: Raw, data: bytes) -> Raw | None:
        """Take more of the body of a request that is not whole yet."""
        if self.chunks is not None:
            return self._chunked(raw, self.chunks, data)
        assert self.counted is not None
        self.counted.write(data)
        self.size += len(data)
        return self._counted(raw, self.counted) if self.size >= self.need else None

    def _next(self, buffer: bytes) -> Raw | None:
        """Return the request whose head, not known yet, is at the beginning of what is left."""
        end = buffer.find(b"\r\n\r\n", self.looked)
        if end < 0:
            return self._partial(buffer)
        self.looked = 0
        end += 4
        if end == len(buffer):
            head, self.buffer = buffer, b""
        else:
            head, self.buffer = buffer[:end], buffer[end:]
        environ = None if self.careful else self._environ(head)
        if environ is None:
            return self._delicate(head)
        length = int(environ.get("CONTENT_LENGTH", 0))
        heading = Heading(environ)
        if self.strange:  # the first head of a connection is often its last
            self.known = None
            if self.strange < TRIES:
                self.known = Known.of(head, heading, field_size=self.limits.field_size)
        self.strange += 1
        return self._await(Raw(head, heading), length)

    def give_up(self, end: End) -> Raw | None:
        """Return the request whose body does not come whole, as far as it has come; None where no head has."""
        raw = self.raw
        if raw is None:
            return None
        raw.body = bytes(self.chunks.data) if self.chunks is not None else cast(BytesIO, self.counted).getvalue()
        raw.end = end
        raw.heading = None
        self._forget()
        return raw

    def _environ(self, head: bytes) -> dict[str, Any] | None:
        """Return a head's WSGI environ; None where gunicorn's own parser might see it otherwise.

        gunicorn_h1c keeps %20, takes X_Under for X-Under, accepts bare LF and bytes above 127, and adds ``_consumed``.
        """
        if not head.isascii() or head.count(b"\n") != head.count(b"\r\n") or head[0] == 13:
            return None
        if b"_" in head and _UNDERSCORE.search(head):
            return None
        try:
            environ: dict[str, Any] = parse_to_wsgi_environ(head, self.server, self.client, "http", *self.limits)
        except ValueError:
            return None
        if not _DELICATE.isdisjoint(environ):
            return None
        path, length = environ["PATH_INFO"], environ.get("CONTENT_LENGTH", "0")
        if path[:1] != "/" or path[:2] == "//" or "%" in path or "#" in path or "#" in environ["QUERY_STRING"]:
            return None
        if not length.isdecimal() or "," in environ.get("CONTENT_TYPE", "") or environ["REQUEST_METHOD"] == "CONNECT":
            return None
        del environ["_consumed"]
        return environ

    def _delicate(self, head: bytes) -> Raw:
        """Frame a request that gunicorn's parser will read."""
        raw = Raw(head)
        try:
            request = parse_request_fast(head, 0, *self.limits)
        except (ValueError, *_INCOMPLETE) as error:
            return self._hopeless(raw, error)
        if head.count(b"\n") != head.count(b"\r\n"):
            return self._hopeless(raw, InvalidHeader("bare LF as line terminator"))
        if b"\n " in head or b"\n\t" in head:
            return self._hopeless(raw, ObsoleteFolding("folded line"))
        coding = request.get_header("transfer-encoding")
        raw.upgrade = (request.get_header("upgrade") or b"").lower() == b"websocket"
        if coding is not None and coding.strip(b" \t").lower() != b"chunked":
            return self._hopeless(raw, InvalidHeader("TRANSFER-ENCODING"))
        if request.content_length <= 0 and not request.has_chunked:
            return raw
        expects = (request.get_header("expect") or b"").lower() == b"100-continue" and request.minor_version > 0
        if request.has_chunked:
            self.raw, self.chunks = raw, Chunks()
            rest, self.buffer = self.buffer, b""
            found = self._chunked(raw, self.chunks, rest)
        else:
            found = self._await(raw, request.content_length)
        self.expects = expects and found is None and not self.received
        return found  # type: ignore[return-value]

    def _await(self, raw: Raw, length: int) -> Raw | None:
        rest = self.buffer
        if len(rest) >= length:
            raw.body, self.buffer = rest[:length], rest[length:]
            return raw
        self.buffer = b""
        self.raw, self.need, self.size = raw, length, len(rest)
        self.counted = BytesIO()
        self.counted.write(rest)
        return self.give_up("more") if length > BUFFER_BYTES else None

    def _counted(self, raw: Raw, counted: BytesIO) -> Raw:
        data = counted.getvalue()
        need = self.need
        self._forget()
        if len(data) > need:
            data, self.buffer = data[:need], data[need:]
        raw.body = data
        return raw

    def _chunked(self, raw: Raw, chunks: "Chunks", data: bytes) -> Raw | None:
        state = chunks.feed(data)
        if state == "more":
            return None
        raw.body = bytes(chunks.data)
        self._forget()
        if state == "whole":
            self.buffer, raw.body = raw.body[chunks.position :], raw.body[: chunks.position]
        else:
            raw.end = "more" if state == "large" else "broken"
        return raw

    def _partial(self, buffer: bytes) -> Raw | None:
        """Return a request whose head can never become whole."""
        self.looked = max(len(buffer) - 3, 0)
        if len(buffer) > HEAD_BYTES:
            return self._hopeless(Raw(buffer), LimitRequestHeaders("max buffer headers"))
        try:
            parse_request_fast(buffer, 0, *self.limits)
        except _INCOMPLETE:
            return None
        except ValueError as error:
            return self._hopeless(Raw(buffer), error)
        return self._hopeless(Raw(buffer), InvalidHeader("bare LF as line terminator"))

    def _hopeless(self, raw: Raw, fault: Exception) -> Raw:
        raw.fault = fault
        self.buffer, self.looked = b"", 0
        return raw

    def _forget(self) -> None:
        self.raw, self.chunks, self.counted, self.size, self.need = None, None, None, 0, 0
        self.expects = False


class Chunks:
    """Finds the end of a chunked body; whether it is a good one, gunicorn's reader says afterwards."""

    def __init__(self) -> None:
        """Start before the first chunk's size."""
        self.data = bytearray()
        self.position = 0
        """Where the next line or the rest of a chunk begins; after the end, where the body ends."""
        self.left = 0
        self.total = 0
        self.trailers = False

    def feed(self, data: bytes) -> str:
        """Take bytes; return ``whole``, ``more``, ``large`` or ``broken``."""
        self.data += data
        while True:
            if self.trailers:
                return self._end()
            if self.left:
                if len(self.data) - self.position < self.left:
                    return "more"
                self.position += self.left
                self.left = 0
                if self.data[self.position - 2 : self.position] != b"\r\n":
                    return "broken"
            if state := self._line():
                return state

    def _line(self) -> str:
        """Take in a chunk's size; return "" to go on."""
        end = self.data.find(b"\r\n", self.position, self.position + CHUNK_LINE)
        if end < 0:
            waits = len(self.data) - self.position < CHUNK_LINE and b"\n" not in self.data[self.position :]
            return "more" if waits and self._sizable() else "broken"
        size = self.data[self.position : end].partition(b";")[0].rstrip(b" \t")
        if not _CHUNK_SIZE.fullmatch(size):
            return "broken"
        count = int(size, 16)
        self.position = end + 2
        self.total += count
        self.left = count + 2 if count else 0
        self.trailers = not count
        return "large" if self.total > BUFFER_BYTES else ""

    def _sizable(self) -> bool:
        """Return whether what is here of a line may become a chunk's size."""
        said = self.data[self.position :].partition(b";")[0].rstrip(b" \t\r")
        return not said or _CHUNK_SIZE.fullmatch(said) is not None

    def _end(self) -> str:
        start = self.position
        if self.data.startswith(b"\r\n", start):
            self.position = start + 2
            return "whole"
        end = self.data.find(b"\r\n\r\n", start)
        if end >= 0:
            self.position = end + 4
            return "whole"
        return "more" if len(self.data) - start < TRAILER_BYTES else "broken"
