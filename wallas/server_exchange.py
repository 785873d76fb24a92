"""One request and its answer on our worker: environ, the WSGI call, and an answer that may wait without a thread.

What the app returns is either parked, when it knows ``step``
(``types/flow.py``), or iterated in the pool thread, as any WSGI server does.
"""

import contextlib
import errno
import socket
import time
from collections.abc import Iterable
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from gunicorn import util
from gunicorn.http.errors import NoMoreData, ParseException
from gunicorn.http.message import Request
from gunicorn.http.wsgi import Response, create

from wallas.server_client import CONTINUE, Client
from wallas.server_intake import Raw
from wallas.server_request import PIECE_BYTES, Asked, Feed, Outbox, environ_of
from wallas.types.flow import BLOCK, END, AtOnce, Inlet, Short, Steppable

if TYPE_CHECKING:
    from wallas.server import Worker

BODILESS = ("204", "304")
MEASURED, MEASURED_SMALL = "\r\nContent-Length: ", "\r\ncontent-length: "
QUIET_ERRORS = (errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN)


class Exchange:
    """One request being answered. ``run`` and ``block`` are for pool threads, ``advance`` and ``tick`` for the loop."""

    __slots__ = (
        "asked",
        "began",
        "chunked",
        "client",
        "due",
        "environ",
        "feed",
        "headers",
        "keep",
        "moved",
        "opened",
        "outbox",
        "paused",
        "raw",
        "response",
        "sent",
        "shortcut",
        "silent",
        "sock",
        "stream",
        "watched",
        "worker",
    )

    def __init__(self, worker: "Worker", client: Client, raw: Raw) -> None:
        """Answer a request of this client."""
        self.worker = worker
        self.client = client
        self.raw = raw
        self.outbox: Outbox | None = None
        self.asked: Any = None
        self.environ: dict[str, Any] = {}
        self.response: Any = None
        self.feed: Feed | None = None
        self.stream: Steppable | None = None
        self.sock = client.sock
        self.shortcut: Short | None = None
        """The stream's, while pieces may be sent behind each other and no clock is to be looked at in between."""
        self.headers: list[tuple[str, str]] = []
        self.opened = self.chunked = self.silent = self.keep = self.paused = False
        self.sent = 0
        self.watched: Inlet | None = None
        """What the loop waits for; None while it does not."""
        self.moved = False
        """Whether the provider has said something since its clocks were looked at."""
        self.due = 0.0
        """When the loop looks at the stream's clocks again."""
        self.began = client.heard

    def at_once(self, app: AtOnce) -> bool:
        """Answer without waiting for anything; return False, with nothing done, where a thread has to. For the loop."""
        raw, worker = self.raw, self.worker
        heading = raw.heading
        assert heading is not None
        stream = app(heading, raw.body)
        if stream is None:
            return False
        worker.counted()
        self.client.number += 1
        self.asked, self.stream, raw.body = heading, stream, b""
        self.keep = worker.keeping and worker.alive and not heading.closes
        stream.nonblock = True
        try:
            if stream.brief and ((data := stream.step()) or stream.want is END):
                self._deliver(data)
        except Exception:
            self.worker.log.exception("a stream broke")
            self.keep, self.client.gone = False, True
        self._settle()
        return True

    def run(self) -> None:
        """Call the app and answer, as far as that goes without waiting for a provider."""
        try:
            self._read()
            self.worker.counted()
            answer = self.worker.wsgi(self.environ, self._start_response)
            if hasattr(answer, "step"):
                self._begin(answer)
                return
            self._write_out(answer)
        except (NoMoreData, StopIteration):
            self.keep = False
        except OSError as error:
            self.keep = False
            if error.errno not in QUIET_ERRORS and not isinstance(error, ConnectionResetError):
                self.worker.log.exception("Socket error processing request.")
        except Exception as error:
            self._failed(error)
        self._over()

    def block(self) -> None:
        """Make the steps that may block, and those behind them that do not."""
        stream = self._stream()
        try:
            while stream.want is BLOCK and not self.client.gone:
                self._deliver(stream.step())
        except Exception:
            self.worker.log.exception("a stream broke")
            self.keep, self.client.gone = False, True
        self._settle()

    def advance(self, now: float) -> None:
        """Make a step that does not block: the provider has something."""
        shortcut = self.shortcut
        if shortcut is None:
            self._advance()
            return
        data = shortcut.step(now)
        if data:  # the usual piece of a stream
            size = len(data)
            piece = b"%x\r\n%b\r\n" % (size, data)
            self.sent += size
            try:
                sent = self.sock.send(piece)
            except OSError:
                sent = 0
            if sent != len(piece):
                self.client.write(piece[sent:])
                if not shortcut.over:
                    self._settle()
        else:
            self.moved = True
        if shortcut.over:
            self._advance()

    def _advance(self) -> None:
        """Make any step."""
        self.moved = True
        self._deliver(self._stream().step())
        self._settle()

    def tick(self, now: float) -> None:
        """Let the stream keep its deadlines."""
        data = self._stream().tick(now)
        self._deliver(data)
        self._settle()

    def probe(self) -> None:
        """Write something that means nothing: a client that is gone answers with a reset, one that half-closed not."""
        stream = self._stream()
        if stream.head is None:
            if self.asked.version > (1, 0):
                self.client.write(CONTINUE)
        elif data := stream.quiet():
            self._deliver(data)

    def wanted(self) -> bool:
        """Return whether the client still waits, for a thread that works on its answer; see ``probe``."""
        client = self.client
        if client.parting and not (client.half_closed or client.gone):
            client.half_closed = True
            if self.asked.version > (1, 0):
                client.write(CONTINUE)
        return not client.gone

    def leave(self) -> None:
        """End the answer of a client that left: the provider is cut off at once."""
        stream = self._stream()
        stream.cancelled = True
        self.keep = False
        self.worker.unwatch(self)
        self._over()

    def _stream(self) -> Steppable:
        assert self.stream is not None
        return self.stream

    def _read(self) -> None:
        """Make the environ; raise what gunicorn's parser finds wrong."""
        raw, client, worker = self.raw, self.client, self.worker
        client.number += 1
        if raw.heading is None:
            self.outbox = Outbox(client)
            self.feed = Feed(raw, client)
            self.asked = self._parsed(self.feed)
            worker.cfg.pre_request(worker, self.asked)
            self.response, self.environ = create(self.asked, self.outbox, client.address, client.server, worker.cfg)
            self.environ["wsgi.multithread"] = True
            del self.environ["gunicorn.socket"]
        else:
            self.environ = environ_of(raw, raw.heading, worker.base)
            raw.body = b""  # the environ has it, and whoever reads it there may let go of it
            self.environ["wsgi.early_hints"] = partial(early_hints, self)
            self.asked = Asked(raw.heading, self.environ)
        self.environ["wallas.wanted"] = self.wanted
        self.keep = worker.keeping and worker.alive and raw.whole and not self.asked.should_close()

    def _parsed(self, feed: Feed) -> Any:
        """Return gunicorn's view of the request; raise its own word for what is wrong, or else the intake's."""
        fault = self.raw.fault
        try:
            asked = Request(self.worker.cfg, feed, self.client.address, self.client.number)
        except NoMoreData:
            if fault is None:
                raise
        if fault is not None:
            raise fault
        return asked

    def _start_response(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        """Begin an ordinary answer, as PEP 3333 has it."""
        response = self._answer()
        write = response.start_response(status, headers, exc_info)

        def write_now(data: bytes) -> None:
            write(data)
            assert self.outbox is not None
            self.outbox.flush()

        return write_now

    def _answer(self) -> Any:
        if self.outbox is None:
            self.outbox = Outbox(self.client)
        if self.response is None:
            self.response = Response(self.asked, self.outbox, self.worker.cfg)
        if not self.keep:
            self.response.force_close()
        return self.response

    def _write_out(self, answer: Iterable[bytes]) -> None:
        """Send an ordinary answer piece by piece; go on only where its end and the request's are known."""
        try:
            response = self._answer()
            outbox = cast(Outbox, self.outbox)
            for piece in answer:
                response.write(piece)
                outbox.flush()
            response.close()
            outbox.flush()
        finally:
            if hasattr(answer, "close"):
                answer.close()
        self.keep = self.keep and not response.should_close() and self._read_whole()

    def _read_whole(self) -> bool:
        """Return whether the request ended for gunicorn's parser where it ended for the intake."""
        if self.feed is None:
            return True
        body = self.asked.body
        if body.failed:
            return False
        try:
            while body.read(PIECE_BYTES):
                pass
        except (ParseException, OSError):
            return False
        return not self.feed.take_buffered() and not self.feed.left

    def _failed(self, error: Exception) -> None:
        """Answer a request that could not be read, or whose app broke, as gunicorn does."""
        self.keep = False
        if self.stream is not None or (self.response is not None and self.response.headers_sent):
            self.worker.log.exception("Error handling request")
            return
        outbox = self.outbox or Outbox(self.client)
        self.worker.handle_error(self.asked, outbox, self.client.address, error)
        with contextlib.suppress(OSError):
            outbox.flush()

    def _begin(self, answer: Any) -> None:
        """Take over an answer that can be parked."""
        stream = self.stream = cast(Steppable, answer)
        stream.nonblock = True
        if stream.want is not BLOCK:
            self._settle()
        elif self.worker.blocking.acquire(blocking=False):
            try:
                self.block()
            finally:
                self.worker.blocking.release()
        else:
            self.worker.lend(self)

    def _deliver(self, data: bytes) -> None:
        """Send what a step gave, framed, and the end behind it."""
        stream, size = self.stream, len(data)
        assert stream is not None
        self.shortcut = None
        if self.silent:
            data = b""
        elif self.chunked:
            if data:
                data = b"%x\r\n%b\r\n" % (size, data)
        elif not self.opened and (data or stream.want is END):
            data = self._opened(data)
        if stream.want is END and self.chunked:
            data += b"0\r\n\r\n"
        if data:
            self.sent += size
            self.client.write(data)

    def _opened(self, data: bytes) -> bytes:
        """Return the head and the first bytes."""
        worker, asked = self.worker, self.asked
        head = self._stream().head
        if head is None:
            self.keep = False
            return b""
        self.opened = True
        status, self.headers = head
        lines = [f"{name}: {value}\r\n" for name, value in self.headers]
        told = "".join(lines)
        if told.count("\r") != len(lines) or told.count("\n") != len(lines) or "\n" in status or "\r" in status:
            raise ValueError("a header's value breaks its line")
        omits = asked.method == "HEAD" or status[:1] == "1" or status[:3] in BODILESS
        measured = omits or MEASURED in told or MEASURED_SMALL in f"\r\n{told}".lower()
        self.chunked = not measured and asked.version > (1, 0)
        self.keep = (
            self.keep
            and (measured or self.chunked)
            and worker.keeping
            and worker.alive
            and (self.feed is None or self._read_whole())
        )
        if omits:
            data, self.silent = b"", True
        elif self.chunked and data:
            data = b"%x\r\n%b\r\n" % (len(data), data)
        major, minor = asked.version
        kept = "Connection: keep-alive\r\n" if self.keep else "Connection: close\r\n"
        coded = "Transfer-Encoding: chunked\r\n" if self.chunked else ""
        return f"HTTP/{major}.{minor} {status}\r\n{worker.stamp}{kept}{coded}{told}\r\n".encode("latin-1") + data

    def _settle(self) -> None:
        """Hand the stream to whoever has the next move."""
        stream, client = self.stream, self.client
        assert stream is not None
        if stream.want is END or client.gone:
            if self.watched is not None:
                self.worker.unwatch(self)
            self._over()
        elif stream.want is BLOCK:
            self.worker.unwatch(self)
            if stream.body is not None and stream.body.inlet is not None:
                stream.body.inlet.leave()  # also where the loop has not waited for it yet
            self.worker.lend(self)
        else:
            self.shortcut = stream.shortcut if self.chunked and not client.out else None
            self.worker.watch(self)

    def _over(self) -> None:
        """Close the answer, tell the log, and give the connection back."""
        stream = self.stream
        if stream is not None:
            stream.cancelled = stream.cancelled or self.client.gone
            stream.close()
        self.worker.reception.finished(self)

    def told(self) -> None:
        """Tell gunicorn's hooks and access log of the answer; may write to files."""
        worker, asked = self.worker, self.asked
        if asked is None or not self.environ:
            return
        response = self.response
        if self.stream is not None:
            response = Response(asked, None, worker.cfg)
            if self._stream().head is not None:
                response.status = cast(Any, self._stream().head)[0]
                response.headers, response.sent = self.headers, self.sent
        worker.log.access(response, asked, self.environ, timedelta(seconds=time.monotonic() - self.began))
        try:
            worker.cfg.post_request(worker, asked, self.environ, response)
        except Exception:
            worker.log.exception("Exception in post_request hook")
        self.forget()

    def forget(self) -> None:
        """Let go of the request: its environ knows this exchange, a circle that waits for the collector."""
        self.raw.body, self.environ = b"", {}


def early_hints(exchange: Exchange, headers: list[tuple[str, str]]) -> None:
    """Send ``103 Early Hints`` before the answer, as ``wsgi.early_hints`` of gunicorn does."""
    response, asked = exchange._answer(), exchange.asked
    if response.headers_sent or asked.version < (1, 1):
        return
    hints = Response(asked, exchange.outbox, exchange.worker.cfg)
    hints.process_headers(headers)
    lines = "".join(f"{name}: {value}\r\n" for name, value in hints.headers)
    util.write(exchange.outbox, f"HTTP/1.1 103 Early Hints\r\n{lines}\r\n".encode("latin-1"))
    assert exchange.outbox is not None
    exchange.outbox.flush()


def shut(sock: socket.socket) -> None:
    """Say that nothing more will be sent."""
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_WR)
