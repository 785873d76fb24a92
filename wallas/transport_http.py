"""HTTP/1.1 on the provider's side as bytes: the head we send, the answer we read. No sockets, no clock."""

import re
import zlib
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from wallas.errors import FailureKind, ProviderError

HEAD_BYTES = 64 * 1024
INFLATED_BYTES = 64 * 1024 * 1024
INFLATE_STEP = 1024 * 1024
INFLATE_RATIO = 200
"""A bomb grows a thousandfold, the most repetitive real stream some fiftyfold."""

_PORTS = {"http": 80, "https": 443}
_NETLOC = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?")
_TARGET = re.compile(r"[!-~]+")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_UNSENDABLE = re.compile(r"[\r\n\0]")
_STATUS = re.compile(r"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: |\r*(?:\n|\Z))")
_LENGTH = re.compile(r"[0-9]{1,18}")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\n]*)?\r?\n")
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_BODYLESS = frozenset({204, 304})
_INFLATED = frozenset({"gzip", "x-gzip", "deflate"})

_GZIP = zlib.MAX_WBITS | 16

# What ``Answer._left`` says where it is no count of bytes.
_UNTIL_CLOSE = -1
_CHUNKED = -2
_CHUNK_END = -3
_TRAILERS = -4


class Target(NamedTuple):
    """Where a URL leads: whom to dial and what to ask there."""

    scheme: str
    host: str
    port: int
    netloc: str
    path: str


def unsendable(what: str) -> ProviderError:
    """Return the failure of a request that cannot be put on the wire; ``what`` never holds a header's value."""
    return ProviderError(FailureKind.CONNECT, f"cannot be sent: {what}", code="unsendable")


def malformed(what: str) -> ProviderError:
    """Return the failure of an answer that is not HTTP as RFC 9112 has it."""
    return ProviderError(FailureKind.MALFORMED, what)


@lru_cache(maxsize=2048)
def split_url(url: str) -> Target:
    """Return where a URL leads; raise CONNECT for one with user info, blanks, control or non-ASCII characters."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        raise unsendable("the URL") from None
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not port or not _NETLOC.fullmatch(parts.netloc) or not _TARGET.fullmatch(path) or len(url) > 8192:
        raise unsendable("the URL")
    if not url.isascii() or not url.isprintable():  # urlsplit silently drops tabs and line ends
        raise unsendable("the URL")
    return Target(parts.scheme, parts.hostname or "", port, parts.netloc, path)


@lru_cache(maxsize=512)
def _is_token(name: str) -> bool:
    return _TOKEN.fullmatch(name) is not None


class Address(NamedTuple):
    """Where requests of one sort go, and what of their heads is the same for every body: made once for thousands."""

    method: str
    target: Target
    lines: bytes

    @classmethod
    def of(cls, method: str, url: str, headers: Mapping[str, str]) -> "Address":
        """Return the address behind a URL; raise CONNECT for names or values that would break out of their line.

        Identity is asked for, so that streams come as they are written; whoever
        wants another encoding says so in ``headers``.
        """
        target = split_url(url)
        return cls(method, target, _lines(method, target, tuple(headers.items())))

    def __repr__(self) -> str:
        """Return where it leads; never a header, which may be a key."""
        return f"<Address {self.method} {self.target.netloc}{self.target.path}>"

    def head(self, length: int) -> bytes:
        """Return the head of a request with a body of so many bytes."""
        if length or self.method in ("POST", "PUT", "PATCH"):
            return b"%bContent-Length: %d\r\n\r\n" % (self.lines, length)
        return self.lines + b"\r\n"


@lru_cache(maxsize=256)
def _lines(method: str, target: Target, headers: tuple[tuple[str, str], ...]) -> bytes:
    lines = [f"{method} {target.path} HTTP/1.1\r\nHost: {target.netloc}\r\nAccept-Encoding: identity\r\n"]
    if not _is_token(method):
        raise unsendable("the method")
    for name, value in headers:
        if not _is_token(name):
            raise unsendable("a header's name")
        if _UNSENDABLE.search(value):
            raise unsendable(f"the value of {name}")
        lines.append(f"{name}: {value}\r\n")
    try:
        return "".join(lines).encode("latin-1")
    except UnicodeEncodeError:  # its text would show the value
        raise unsendable("a header's value that is not Latin-1") from None


class Answer:
    """Reads one answer: bytes in, body bytes out; knows when it is whole and whether the connection can go on."""

    __slots__ = (
        "_buffer",
        "_inflate",
        "_left",
        "_over",
        "_reader",
        "between",
        "ended",
        "fault",
        "headers",
        "keep_alive",
        "method",
        "pending",
        "status",
    )

    def __init__(self, method: str) -> None:
        """Start before the first byte of the answer to a request of this method."""
        self.method = method
        self.status: int | None = None
        self.headers: dict[str, str] = {}
        self.ended = False
        self.keep_alive = False
        self.fault: ProviderError | None = None
        """What follows the bytes that the last ``feed`` returned."""
        self._buffer = b""
        self._left = 0
        self._over = False
        self._reader: Callable[[Answer, bytes], bytes] = Answer._read_head
        """Not bound: an answer that knew itself would be the collector's."""
        self._inflate: Inflate | None = None
        self.pending = False
        """Whether ``more`` has something to give."""
        self.between = False
        """Whether the next byte begins another chunk of a body that is not compressed."""

    def feed(self, data: bytes) -> bytes:
        """Return the body bytes in these; a fault after them is kept in ``fault``, so that good bytes come first."""
        try:
            data = self._reader(self, data)
        except ProviderError as error:
            self.fault, self.between = error, False
            return b""
        if self._inflate is not None:
            return self._inflated(self._inflate, data)
        self.ended = self._over
        self.between = self._left == _CHUNKED and not self._buffer and self.fault is None
        return data

    @staticmethod
    def one_chunk(data: bytes) -> bytes:
        """Return the bytes in what is one whole chunk, as most servers write it; b"" for anything else."""
        start = data.find(b"\n", 0, 10) + 1
        size = len(data) - start - 2
        if size > 0 and data.startswith(b"%x\r\n" % size) and data.endswith(b"\r\n"):
            return data[start:-2]
        return b""

    def more(self) -> bytes:
        """Return what ``feed`` held back of a compressed body."""
        return self._inflated(self._inflate, b"") if self._inflate else b""

    def cut(self) -> bool:
        """Take the connection's end in; return whether it came too early."""
        if self._left != _UNTIL_CLOSE or self.status is None:
            return not self.ended
        self._over = True
        self.feed(b"")
        return False

    def _read_head(self, data: bytes) -> bytes:
        buffer = self._buffer = self._buffer + data if self._buffer else data
        end = buffer.find(b"\r\n\r\n")
        if end >= 0:
            start = end + 4
        elif match := _HEAD_END.search(buffer):
            end, start = match.span()
        elif len(buffer) > HEAD_BYTES:
            raise malformed("a head of more than 64 kB")
        elif not b"HTTP/1.".startswith(buffer[:7]):
            raise malformed("an answer that is no HTTP/1.1")
        else:
            return b""
        self._buffer = b""
        if not self._parse_head(buffer[:end].decode("latin-1")):
            return self._read_head(buffer[start:]) if start < len(buffer) else b""
        if self._over:
            self.keep_alive &= start == len(buffer)
            return b""
        return self._reader(self, buffer[start:]) if start < len(buffer) else b""

    def _parse_head(self, head: str) -> bool:
        """Take a head in; return whether it is the answer's own and not an interim one (1xx)."""
        match = _STATUS.match(head)
        if match is None:
            raise malformed("an answer that is no HTTP/1.1")
        status = int(match[2])
        if status == 101:
            raise malformed("an upgrade that nobody asked for")
        if status < 200:
            return False
        self.headers = headers = _fields(head)
        self.keep_alive = match[1] == "1"
        if "connection" in headers:
            connection = headers["connection"].lower()
            self.keep_alive = "close" not in connection and (self.keep_alive or "keep-alive" in connection)
        self._frame(status)
        self.status = status
        return True

    def _frame(self, status: int) -> None:
        """Choose how the body ends: RFC 9112, section 6.3."""
        headers = self.headers
        length = headers.get("content-length")
        if self.method == "HEAD" or status in _BODYLESS:
            self._over = True
            return
        coding = headers["transfer-encoding"].lower() if "transfer-encoding" in headers else ""
        if not coding and length is not None:
            self._left = int(length) if _LENGTH.fullmatch(length) else _length(length)
            self._reader = Answer._read_counted
        elif coding.rpartition(",")[2].strip() == "chunked":
            if coding != "chunked":
                raise malformed(f"transfer-encoding {coding[:40]}")
            self._left, self._reader = _CHUNKED, Answer._read_chunks
            self.keep_alive &= length is None
        else:
            self._left, self._reader, self.keep_alive = _UNTIL_CLOSE, Answer._read_rest, False
        self._over = self._left == 0
        if "content-encoding" in headers:
            self._open_coding(headers)

    def _open_coding(self, headers: dict[str, str]) -> None:
        coding = headers["content-encoding"].strip().lower()
        if coding in ("", "identity"):
            return
        if coding not in _INFLATED:
            raise malformed(f"content-encoding {coding[:40]} where identity was asked for")
        del headers["content-encoding"]
        self._inflate = Inflate()

    def _inflated(self, inflate: "Inflate", data: bytes) -> bytes:
        try:
            data = inflate.feed(data)
        except ProviderError as error:
            self.fault, inflate.tail, self.pending = error, b"", False
            return b""
        self.pending = bool(inflate.tail)
        if self._over and not inflate.tail:
            if inflate.begun and not inflate.whole:
                self.fault = ProviderError(FailureKind.CUT, "a compressed body without its end")
            self.ended = True
        return data

    def _read_rest(self, data: bytes) -> bytes:
        return data

    def _read_counted(self, data: bytes) -> bytes:
        left = self._left - len(data)
        if left > 0:
            self._left = left
            return data
        self._over = True
        if left == 0:
            return data
        self.keep_alive = False
        return data[:left]

    def _read_chunks(self, data: bytes) -> bytes:
        """Un-chunk: ``_buffer`` is an unfinished chunk's line, data or the trailers."""
        buffer = self._buffer + data if self._buffer else data
        self._buffer = b""
        pieces: list[bytes] = []
        position, size = _whole_chunks(buffer, pieces) if self._left == _CHUNKED else 0, len(buffer)
        while position < size:
            if self._left > 0:
                piece = buffer[position : position + self._left]
                pieces.append(piece)
                position += len(piece)
                self._left = self._left - len(piece) or _CHUNK_END
                continue
            step = self._chunk_line(buffer, position)
            if not step:
                self._buffer = buffer[position:]
                break
            position += step
            if self._over:
                self.keep_alive &= position == size
                break
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _chunk_line(self, buffer: bytes, position: int) -> int:
        """Return how many bytes the line here has (0: not all of it is here); a fault ends the answer."""
        left = self._left
        if left == _CHUNK_END:
            if buffer.startswith(b"\r\n", position):
                self._left = _CHUNKED
                return 2
            if len(buffer) - position >= 2 or not buffer.startswith(b"\r", position):
                return self._broken("a chunk that is longer than it says")
            return 0
        if left == _TRAILERS:
            return self._trailer(buffer, position)
        match = _CHUNK.match(buffer, position)
        if match is None:
            if b"\n" in buffer[position:] or len(buffer) - position > 4096:
                return self._broken("a bad chunk size")
            return 0
        self._left = int(match[1], 16) or _TRAILERS
        return match.end() - position

    def _trailer(self, buffer: bytes, position: int) -> int:
        end = buffer.find(b"\n", position)
        if end < 0:
            return self._broken("trailers of more than 64 kB") if len(buffer) - position > HEAD_BYTES else 0
        if buffer[position:end] in (b"", b"\r"):
            self._over = True
        return end + 1 - position

    def _broken(self, what: str) -> int:
        self.fault = self.fault or malformed(what)
        self.keep_alive = False
        return 0


def _whole_chunks(buffer: bytes, pieces: list[bytes]) -> int:
    """Append the chunks that are here from line to end; return where something else begins."""
    position = 0
    while (match := _CHUNK.match(buffer, position)) is not None:
        start = match.end()
        end = start + int(match[1], 16)
        if end == start or buffer[end : end + 2] != b"\r\n":
            break
        pieces.append(buffer[start:end])
        position = end + 2
    return position


def _fields(head: str) -> dict[str, str]:
    """Return a head's lines as lower-case names and values; a repeated name's values are joined by commas."""
    fields: dict[str, str] = {}
    last = ""
    _, *lines = head.split("\n")
    for line in lines:
        name, colon, value = line.partition(":")
        if line[:1] in (" ", "\t") and last:
            fields[last] += " " + line.strip()
            continue
        if not colon or not name:
            raise malformed("a header line without a name")
        last = name.lower()
        value = value.strip(" \t\r")
        fields[last] = f"{fields[last]}, {value}" if last in fields else value
    return fields


def _length(value: str) -> int:
    """Return a content-length that is told several times."""
    lengths = {part.strip() for part in value.split(",")}
    length = lengths.pop()
    if lengths or not _LENGTH.fullmatch(length):
        raise malformed("a content-length that is no number")
    return int(length)


class Inflate:
    """Decompresses gzip and deflate piece by piece, so that no bomb fills the memory."""

    def __init__(self) -> None:
        """Start before the first compressed byte."""
        self.tail = b""
        self.whole = False
        self.begun = False
        self._first = b""
        self._zlib: zlib._Decompress | None = None
        self._taken = 0
        self._given = 0

    def feed(self, data: bytes) -> bytes:
        """Return at most INFLATE_STEP bytes more; the rest waits in ``tail``. Raise MALFORMED for a bomb or garbage."""
        self._taken += len(data)
        self.begun = self._taken > 0
        text = self._step(self.tail + data)
        self._given += len(text)
        if self._given > INFLATED_BYTES:
            raise malformed("a compressed body of more than 64 MB")
        if self._given > 4 * INFLATE_STEP and self._given > INFLATE_RATIO * self._taken:
            raise malformed("a compressed body that grows more than two hundredfold")
        return text

    def _step(self, data: bytes) -> bytes:
        self.tail = b""
        if self._zlib is None:
            data = self._first = self._first + data
            if len(data) < 2:
                return b""
            self._zlib = zlib.decompressobj(wbits=_window(data))
        elif self.whole:
            if not data.startswith(b"\x1f"):  # padding; else another gzip member
                return b""
            self._zlib, self.whole = zlib.decompressobj(wbits=_GZIP), False
        try:
            text = self._zlib.decompress(data, INFLATE_STEP)
        except zlib.error as error:
            raise malformed("a compressed body that cannot be read") from error
        self.whole = self._zlib.eof
        self.tail = self._zlib.unused_data if self.whole else self._zlib.unconsumed_tail
        return text


def _window(data: bytes) -> int:
    """Return zlib's window for a body's first two bytes: gzip, zlib, or the bare deflate that some servers send."""
    if data.startswith(b"\x1f\x8b"):
        return _GZIP
    zlibs = data[0] & 15 == 8 and (data[0] * 256 + data[1]) % 31 == 0
    return zlib.MAX_WBITS if zlibs else -zlib.MAX_WBITS
