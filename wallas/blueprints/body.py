"""Reads a request's body whole and as JSON, or refuses it in the client's words before anyone is asked."""

import contextlib
import socket
from collections.abc import Callable
from functools import partial
from io import SEEK_CUR, BytesIO
from typing import Any, Protocol, TypeVar, cast

import msgspec

from wallas.blueprints.again import FIELD, LEAST_BYTES, Again
from wallas.blueprints.cut import Places, cut_out
from wallas.errors import BadRequest, GatewayError, TooLarge

BODY_BYTES = 32 * 1024 * 1024
DEPTH = 64
LARGE = 65_536
"""Bytes from which on a body is searched for its brackets, not counted through."""
FIELDS = 1_000
"""Fields of a body itself; no protocol has a tenth of them."""
SMALL = 4 * FIELDS
"""Bytes in which so many fields have no room."""

CODED = frozenset({"HTTP_CONTENT_ENCODING", "HTTP_TRANSFER_ENCODING", "gunicorn.socket"})
"""What in an environ tells that a body is not simply so many bytes, or comes from a socket."""

T = TypeVar("T")

SILENCE = 10.0
"""Seconds without a byte after which a body is given up."""

_HOLDERS = frozenset({dict, list})

_decode = msgspec.json.Decoder().decode
_tools = Again()

UNREADABLE = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)


class Asking(Protocol):
    """A request, as far as reading its body is concerned: Flask's, or any other that has an environ."""

    @property
    def environ(self) -> dict[str, Any]:
        """Return the WSGI environ."""


def guarded_body(
    request: Asking, *, most: int = BODY_BYTES, data: bytes | None = None, places: Places | None = None
) -> dict[str, Any]:
    """Return the body's JSON object; raise a 4xx for anything else, whatever content type it claims."""
    return json_object(raw_body(request, most=most) if data is None else data, places)


def json_object(data: bytes, places: Places | None = None) -> dict[str, Any]:
    """Return the JSON object that a body is; raise BadRequest for anything else, and for one too wide or too deep.

    Large files in the ``places`` that its reader knows of are ``DataUrl``s, which refer to the data.
    """
    if data[:1] != b"{":
        data = data.removeprefix(b"\xef\xbb\xbf")
    size = len(data)
    if places is not None and size > LARGE and (cut := cut_out(data)) is not None:
        with contextlib.suppress(BadRequest):  # the fault is told as it stands in the whole
            body = json_object(cut.rest)
            if cut.fills(places(body)):
                return body
    found = _tools.find(data) if size > LEAST_BYTES else None
    if found is not None:
        with contextlib.suppress(*UNREADABLE):  # the fault is told as it stands in the whole
            body = _decode(found.data)
            if found.fits(body):
                _bounded(body, found.data)
                body[FIELD] = found.items
                return cast(dict[str, Any], body)
    try:
        body = _decode(data)
    except UNREADABLE as error:
        what = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise BadRequest(f"the body is no valid JSON: {what}", code="invalid_json") from error
    if type(body) is not dict:
        raise BadRequest("the body must be a JSON object", code="invalid_json")
    if size > SMALL or data.count(b"{") + data.count(b"[") > DEPTH:
        _bounded(body, data)
    if size > LEAST_BYTES and FIELD in body:
        _tools.learn(data, body)
    return body


def _bounded(body: dict[str, Any], data: bytes) -> None:
    """Raise BadRequest for a body of too many fields, or nested too deeply."""
    if len(body) > FIELDS:
        raise BadRequest(f"the body has {len(body)} fields, at most {FIELDS} are taken", code="invalid_json")
    if _opens(data) and nested_deeper(body, DEPTH):
        raise BadRequest(f"the body is nested deeper than {DEPTH} levels", code="invalid_json")


def _opens(data: bytes) -> bool:
    """Return whether so many brackets are opened that the body may be nested too deeply.

    A large body that holds files has few, one with many tools has many at its beginning: both are told soon.
    """
    if len(data) < LARGE:
        return data.count(b"{") + data.count(b"[") > DEPTH
    many = 0
    for bracket in (b"{", b"["):
        at = data.find(bracket)
        while at >= 0 and many <= DEPTH:
            many += 1
            at = data.find(bracket, at + 1)
    return many > DEPTH


def raw_body(request: Asking, *, most: int = BODY_BYTES, silence: float = SILENCE) -> bytes:
    """Return the body's bytes; raise TooLarge before reading more than ``most``, 415 for a packed body.

    One that stops for ``silence`` seconds is a 408.
    """
    environ = request.environ
    stream = environ["wsgi.input"]
    if type(stream) is BytesIO and environ.keys().isdisjoint(CODED):  # it is here whole already
        said = environ.get("CONTENT_LENGTH")
        if said is not None and said.isdecimal() and int(said) <= most:
            data = stream.read(most + 1)
            if len(data) == int(said):
                return data
            stream.seek(-len(data), SEEK_CUR)
    data = read_body(request, lambda stream: bytes(stream.read(most + 1)), most=most, silence=silence)
    length = _length(request.environ)
    if len(data) > most:
        raise TooLarge(f"the body has more than {most} bytes")
    if length is not None and len(data) < length:
        raise BadRequest(f"the body ended after {len(data)} of {length} bytes", code="invalid_body", status=408)
    return data


def read_body(request: Asking, read: Callable[[Any], T], *, most: int, silence: float = SILENCE) -> T:
    """Return what ``read`` makes of the body's stream; raise TooLarge for one that says more than ``most``.

    Whoever reads counts what chunks bring. A packed body is a 415, one that stops for ``silence`` seconds a 408.
    """
    environ = request.environ
    packed = environ.get("HTTP_CONTENT_ENCODING", "identity").lower()
    if packed not in ("", "identity"):
        raise GatewayError(
            f"Content-Encoding: {packed[:20]!r} is not taken; send the body as it is",
            param="Content-Encoding",
            code="unsupported_media_type",
            status=415,
        )
    length = _length(environ)
    if length is not None and length > most:
        raise TooLarge(f"the body has {length} bytes, {most} are taken")
    try:
        return _patiently(environ, read, most, silence)
    except TimeoutError as error:
        raise BadRequest(f"the body stopped for {silence:g} s", code="invalid_body", status=408) from error
    except OSError as error:
        raise BadRequest("the body could not be read", code="invalid_body") from error
    except Exception as error:  # gunicorn raises its own parse errors (ChunkMissingTerminator, ...) from read()
        if type(error).__module__.startswith("gunicorn"):
            raise BadRequest("the body is not sent as HTTP wants it", code="invalid_body") from error
        raise


def _length(environ: dict[str, Any]) -> int | None:
    """Return how long the body says it is, None where it comes in chunks; raise 400 for any other coding."""
    coding = environ.get("HTTP_TRANSFER_ENCODING")
    if coding is not None:
        if coding.strip().lower() != "chunked":  # gunicorn_h1c 0.6.9 lets "gzip, chunked" through
            raise BadRequest(f"Transfer-Encoding: {coding[:20]!r} is not taken", param="Transfer-Encoding")
        return None
    said = environ.get("CONTENT_LENGTH") or ""
    return int(said) if said.isdecimal() else None


def _patiently(environ: dict[str, Any], read: Callable[[Any], T], most: int, silence: float) -> T:
    """Return what is read; raise TimeoutError when nothing comes for a while, and TooLarge by the chunks' own word.

    A body that stops holds a thread, and gunicorn waits for it forever.
    """
    stream, client = environ["wsgi.input"], environ.get("gunicorn.socket")
    reader = getattr(stream, "reader", None)
    if reader is not None and hasattr(reader, "parse_chunk_size"):
        reader.parse_chunk_size = partial(_chunk_size, reader.parse_chunk_size, most)
    if client is None:
        return read(stream)
    before = client.gettimeout()
    client.settimeout(silence)
    try:
        return read(stream)
    except BaseException:
        # What comes after a body that failed is not taken for the next request.
        with contextlib.suppress(OSError):
            socket.socket.shutdown(client, socket.SHUT_RD)
        raise
    finally:
        client.settimeout(before)


def _chunk_size(parse: Callable[..., tuple[int, bytes]], most: int, *said: Any, **named: Any) -> tuple[int, bytes]:
    """Return a chunk's size and what follows, as gunicorn's ``parse`` does, unless it says more than is taken."""
    size, rest = parse(*said, **named)
    if size >= 2**63:
        raise BadRequest("the body is not sent as HTTP wants it", code="invalid_body")
    if size > most:
        raise TooLarge(f"the body has a chunk of {size} bytes, {most} are taken in all")
    return size, rest


def nested_deeper(value: Any, depth: int) -> bool:
    """Return whether a JSON value is nested more than ``depth`` levels deep."""
    level = [value]
    for _ in range(depth):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) in _HOLDERS
        ]
        if not level:
            return False
    return True
