"""What a scripted provider does with one request: steps, each a function of the running exchange.

``provider.will(say("Hel"), pause(1), hang_up)`` answers the next request so.
A step without arguments is used as it stands. Streamed and plain answers come
from the same steps.
"""

import random
import re
import socket
import struct
import zlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from wallas.simulated.server import Exchange

Step: TypeAlias = Callable[["Exchange"], None]
Framing: TypeAlias = Literal["chunked", "length", "close"]

NEVER = 3600.0
ANY = "\0any"

_MARKED = re.compile(r"(⟦[^⟧\n]+⟧)\n(.*?)\n\1", re.DOTALL)


class Over(Exception):
    """The connection is finished: no further step, no further request."""


@dataclass(eq=False)
class Request:
    """One request as it came; indexing goes into its JSON body."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    json: Any
    wire: str
    at: float
    """Monotonic time at which it was complete."""
    stream: bool = False
    cancelled: float | None = None
    """When the client was seen to leave before the answer was over."""
    done: bool = False
    sent: list[float] = field(default_factory=list)
    """Monotonic times of the pieces sent."""

    def __getitem__(self, key: Any) -> Any:
        """Return a value of the JSON body."""
        return self.json[key]

    @property
    def model(self) -> str:
        """The model asked for: in the body, or in Gemini's path."""
        inside = self.json.get("model") if isinstance(self.json, dict) else None
        match = re.search(r"/models/([^:]+)", self.path)
        return str(inside or (match[1] if match else "model"))


@dataclass
class Call:
    """A tool call in the making; an ``id`` or ``index`` of None is left out."""

    name: str
    id: str | None
    index: int | None
    fragments: list[str] = field(default_factory=list)

    @property
    def arguments(self) -> str:
        """What was said of the arguments so far."""
        return "".join(self.fragments)


def marked_anchor(text: str) -> str | None:
    """Return the words that a continuation request wants repeated: between two equal ``⟦...⟧`` lines."""
    match = _MARKED.search(text)
    return match[2] if match else None


def pieces(text: str, size: int) -> Iterable[str]:
    """Yield a text in pieces of ``size`` characters; an empty text is one empty piece."""
    return (text[start : start + size] for start in range(0, max(len(text), 1), size))


# What is said.


def say(text: str, *, size: int = 12, gap: float = 0.0, finish: str | None = "stop", done: bool = True) -> Step:
    """Say a text in pieces, ``gap`` seconds apart; then end with ``finish``, unless more is to come (None)."""

    def step(exchange: "Exchange") -> None:
        for number, piece in enumerate(pieces(text, size)):
            if gap and number:
                exchange.sleep(gap)
            exchange.put(exchange.writer.text(piece))
        if finish is not None:
            exchange.finish(finish, done=done)

    return step


def think(text: str, *, size: int = 12) -> Step:
    """Reason aloud."""

    def step(exchange: "Exchange") -> None:
        for piece in pieces(text, size):
            exchange.put(exchange.writer.think(piece))

    return step


def sealed(value: str) -> Step:
    """Seal what follows: a token that the client has to send back unread, where the wire has a place for one."""

    def step(exchange: "Exchange") -> None:
        exchange.writer.seal = value

    return step


def call(name: str, *fragments: str, id: str | None = ANY, index: int | None = -1, finish: bool = True) -> Step:
    """Call a tool, its arguments in fragments; ``finish=False``: more is to come, or to break off.

    ``id`` and ``index`` of None are left out, as some providers do; others
    stand as they are. A wire that has calls only whole breaks off inside one
    whose arguments are no whole JSON.
    """

    def step(exchange: "Exchange") -> None:
        exchange.put(exchange.writer.call(exchange.new_call(name, id, index), list(fragments) or ["{}"]))
        if finish:
            exchange.finish("tool_calls")

    return step


def finish(reason: str = "stop", *, done: bool = True) -> Step:
    """End the answer: stop, length, tool_calls, content_filter or a wire's own word; ``done``: with the end mark."""
    return lambda exchange: exchange.finish(reason, done=done)


def missing_end(exchange: "Exchange") -> None:
    """End the body cleanly, without a finish reason or an end mark."""
    exchange.end_body()


def end_mark(exchange: "Exchange") -> None:
    """Send the wire's last word alone, without a finish reason."""
    exchange.put(exchange.writer.finish("stop")[-1:])
    exchange.end_body()


def usage(prompt: int, completion: int, *, reasoning: int = 0, cached: int = 0) -> Step:
    """Claim these token counts, however wrong."""

    def step(exchange: "Exchange") -> None:
        exchange.writer.usage = (prompt, completion, reasoning, cached)

    return step


def repeat_anchor(exchange: "Exchange") -> None:
    """Begin as a continuation request wants: with the words between its marks."""
    anchored()(exchange)


def anchored(lead: str = "", *, size: int = 12) -> Step:
    """Repeat the anchor after a lead-in; say nothing where the request has none."""

    def step(exchange: "Exchange") -> None:
        anchor = exchange.anchor()
        if anchor is not None:
            say(lead + anchor, size=size, finish=None)(exchange)

    return step


def error_event(code: str | int = "server_error", message: str = "the model broke down", status: int = 500) -> Step:
    """Report an error inside the answer, in the wire's own form, and end."""

    def step(exchange: "Exchange") -> None:
        if exchange.request.stream:
            exchange.emit(b"".join(exchange.writer.error(code, message, status)))
        else:
            exchange.emit(exchange.writer.plain_error(code, message, status))
        exchange.end_body()

    return step


def raw(data: bytes) -> Step:
    """Put these bytes into the body, whatever they are."""
    return lambda exchange: exchange.emit(data)


def bad_json(exchange: "Exchange") -> None:
    """Put an event that is no JSON into the stream, or half a JSON body, and go on."""
    wire = exchange.request.wire
    framed = b'{"broken": \n' if wire == "ollama" else b'data: {"broken": \n\n'
    exchange.emit(framed if exchange.request.stream else b'{"broken": [1, 2')


def comment(text: str = "keep-alive") -> Step:
    """Send a server-sent comment."""
    return lambda exchange: exchange.emit(f": {text}\n\n".encode())


# How it is said.


def pause(seconds: float) -> Step:
    """Wait; notice meanwhile when the client leaves."""
    return lambda exchange: exchange.sleep(seconds)


def drip(seconds: float) -> Step:
    """Send what follows byte by byte, so many seconds apart."""

    def step(exchange: "Exchange") -> None:
        exchange.slice, exchange.gap = 1, seconds

    return step


def sliced(size: int) -> Step:
    """Send what follows in slices of so many bytes, each a packet and a chunk of its own."""

    def step(exchange: "Exchange") -> None:
        exchange.slice = size

    return step


def framed(framing: Framing) -> Step:
    """Frame the body so: chunked, with its length, or by the connection's end."""

    def step(exchange: "Exchange") -> None:
        exchange.framing = framing

    return step


def line_ends(ending: bytes, *, mark: bytes = b"") -> Step:
    """Write lines with this ending, after a byte order mark if there is one."""

    def step(exchange: "Exchange") -> None:
        exchange.line_end, exchange.prefix = ending, mark

    return step


def compressed(coding: str = "gzip") -> Step:
    """Compress the body, though nobody asked: gzip, deflate, raw (deflate without its head), or any name at all."""

    def step(exchange: "Exchange") -> None:
        exchange.extra["Content-Encoding"] = "deflate" if coding == "raw" else coding
        bits = {"gzip": 31, "deflate": 15, "raw": -15}.get(coding)
        exchange.compressor = zlib.compressobj(wbits=bits) if bits else None

    return step


def headers(**fields: str) -> Step:
    """Add headers to the answer; ``_`` stands for ``-``."""

    def step(exchange: "Exchange") -> None:
        exchange.extra.update({name.replace("_", "-"): value for name, value in fields.items()})

    return step


def flush(exchange: "Exchange") -> None:
    """Send the head now, before anything is said, unless it has to tell the body's length."""
    if exchange.framing != "length":
        exchange.open_body()


def interim(code: int = 103) -> Step:
    """Send an interim answer (1xx) before the real one."""
    return lambda exchange: exchange.send(b"HTTP/1.1 %d Early\r\nLink: </x>\r\n\r\n" % code)


# How it goes wrong.


def status(code: int, body: Any = None, fields: dict[str, str] | None = None) -> Step:
    """Refuse: a JSON value, or bytes as they are; without a body the wire's own error."""

    def step(exchange: "Exchange") -> None:
        said = exchange.writer.plain_error("error", f"scripted {code}", code) if body is None else body
        exchange.whole(code, said, fields or {})

    return step


def redirect(url: str, code: int = 302) -> Step:
    """Point somewhere else."""
    return status(code, b"", {"Location": url})


def html(code: int = 200) -> Step:
    """Answer with a page, as captive portals and Cloudflare do."""
    page = b"<!DOCTYPE html><html><title>Just a moment...</title><body>cloudflare</body></html>"
    return status(code, page, {"Content-Type": "text/html; charset=utf-8"})


html200 = html()


def empty(exchange: "Exchange") -> None:
    """Answer 200 with an empty body."""
    exchange.whole(200, b"", {})


def garbage(exchange: "Exchange") -> None:
    """Answer 200 with a body of noise."""
    exchange.whole(200, random.Random(8001).randbytes(300), {"Content-Type": exchange.content_type()})


def not_http(exchange: "Exchange") -> None:
    """Answer in another protocol."""
    exchange.send(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")
    close(exchange)


def never(exchange: "Exchange") -> None:
    """Say nothing more until the client leaves."""
    exchange.sleep(NEVER)


def hang_up(exchange: "Exchange") -> None:
    """Reset the connection; a plain answer is reset in its middle."""
    exchange.send_half()
    reset(exchange.sock)
    raise Over


def close(exchange: "Exchange") -> None:
    """Close the connection; a plain answer is closed in its middle."""
    exchange.send_half()
    with suppress(OSError):
        socket.socket.shutdown(exchange.sock, socket.SHUT_RDWR)
    exchange.sock.close()
    raise Over


def hang_up_after(count: int) -> Step:
    """Reset the connection once so many bytes were sent behind the head, framing included."""
    return _limited(count, hang_up)


def close_after(count: int) -> Step:
    """Close the connection once so many bytes were sent behind the head, framing included."""
    return _limited(count, close)


def _limited(count: int, then: Step) -> Step:
    def step(exchange: "Exchange") -> None:
        exchange.budget, exchange.then = count, then

    return step


def half_chunk(exchange: "Exchange") -> None:
    """Announce a chunk of 256 bytes, send seven of them and close."""
    exchange.framing = "chunked"
    exchange.open_body()
    exchange.send(b"100\r\ndata: {")
    close(exchange)


def bad_chunk_header(exchange: "Exchange") -> None:
    """Send a chunk whose size is no number."""
    exchange.framing = "chunked"
    exchange.open_body()
    exchange.send(b"zz;what\r\ndata: {}\r\n")
    never(exchange)


def lying_length(extra: int = 64) -> Step:
    """Announce so many bytes more than there will be, say everything so far, and close."""

    def step(exchange: "Exchange") -> None:
        body = exchange.writer.plain("stop")
        exchange.send_head(200, {"Content-Length": str(len(body) + extra)})
        exchange.send(body)
        exchange.opened = True
        close(exchange)

    return step


def gzip_bomb(megabytes: int = 100) -> Step:
    """Send so many megabytes of blanks, compressed a thousandfold."""

    def step(exchange: "Exchange") -> None:
        compressed("gzip")(exchange)
        for _ in range(megabytes):
            exchange.emit(b" " * 1_000_000)
        exchange.end_body()

    return step


def reset(sock: socket.socket) -> None:
    """Close a socket so that the other side gets a reset."""
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
