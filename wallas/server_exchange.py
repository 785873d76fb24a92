"""One request and its answer on our worker: environ, the WSGI call, and an answer that may wait without a thread.

What the app returns is either parked, when it knows ``step``
(``types/flow.py``), or iterated in the pool thread, as any WSGI server does.
"""

import contextlib
import errno
import socket
from typing import TYPE_CHECKING, Any, cast

from gunicorn.http.errors import NoMoreData

from wallas.server_call import Call
from wallas.server_client import CONTINUE, Client
from wallas.server_intake import Raw
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
        "call",
        "chunked",
        "client",
        "due",
        "keep",
        "moved",
        "opened",
        "paused",
        "raw",
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
        self.asked: Any = None
        """Its method and version: the heading, or gunicorn's view of it."""
        self.call: Call | None = None
        """The app's WSGI call; None where it answers at once."""
        self.stream: Steppable | None = None
        self.sock = client.sock
        self.shortcut: Short | None = None
        """The stream's, while pieces may be sent behind each other and no clock is to be looked at in between."""
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
        worker = self.worker
        call = self.call = Call(worker, self.client, self.raw)
        try:
            call.read(self.wanted)
            self.asked, self.keep = call.asked, call.keep
            worker.counted()
            answer = worker.wsgi(call.environ, call.start_response)
            if hasattr(answer, "step"):
                self._begin(answer)
                return
            call.write_out(answer)
            self.keep = call.keep
        except (NoMoreData, StopIteration):
            self.keep = False
        except OSError as error:
            self.keep = False
            if error.errno not in QUIET_ERRORS and not isinstance(error, ConnectionResetError):
                worker.log.exception("Socket error processing request.")
        except Exception as error:
            self.keep = False
            call.failed(error, begun=self.stream is not None)
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
            stream, self.moved = self.stream, True
            assert stream is not None
            self._deliver(stream.step())
            self._settle()
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
            self.shortcut = None
            self.advance(now)

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
            data = self._opened(stream, data)
        if stream.want is END and self.chunked:
            data += b"0\r\n\r\n"
        if data:
            self.sent += size
            self.client.write(data)

    def _opened(self, stream: Steppable, data: bytes) -> bytes:
        """Return the head and the first bytes."""
        worker, asked, head = self.worker, self.asked, stream.head
        if head is None:
            self.keep = False
            return b""
        self.opened = True
        status, headers = head
        told, ends = "", len(headers)
        for name, value in headers:
            told += f"{name}: {value}\r\n"
        if told.count("\r") != ends or told.count("\n") != ends or "\n" in status or "\r" in status:
            raise ValueError("a header's value breaks its line")
        omits = asked.method == "HEAD" or status[:1] == "1" or status[:3] in BODILESS
        measured = omits or MEASURED in told or MEASURED_SMALL in f"\r\n{told}".lower()
        self.chunked = not measured and asked.version > (1, 0)
        self.keep = (
            self.keep
            and (measured or self.chunked)
            and worker.keeping
            and worker.alive
            and (self.call is None or self.call.read_whole())
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
            if self.watched is not None and self.watched.reader is self:
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
        if self.call is not None:
            self.call.told(self.stream, began=self.began, sent=self.sent)


def shut(sock: socket.socket) -> None:
    """Say that nothing more will be sent."""
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_WR)
