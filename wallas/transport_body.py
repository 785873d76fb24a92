"""A connection to a provider, and the answers that come over it: bytes that a server may wait for without a thread."""

import select
import socket
import ssl
import threading
import time
from contextlib import suppress
from typing import NoReturn, Protocol, TypeAlias

from wallas.errors import FailureKind, ProviderError
from wallas.transport_dial import connect_failure
from wallas.transport_http import Answer
from wallas.types.flow import Inlet
from wallas.waits import may_wait

READ_BYTES = 65536
"""At least a TLS record (16 kB), so that none is left where no poll sees it."""
NOTHING_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)

Origin: TypeAlias = tuple[str, str, int]
"""Scheme, host and port."""


class Home(Protocol):
    """Where connections are while they are idle."""

    def put_back(self, link: "Link") -> None:
        """Keep a connection for the next request to the same place."""

    def take_back(self, link: "Link") -> bool:
        """Take a connection out of the idle ones; return False when somebody has it."""


class Link(Inlet):
    """A connection to a provider, over which answers come one after the other; between them it is idle."""

    __slots__ = ("home", "lock", "origin", "since", "sock", "tls")

    def __init__(self, home: "Home", sock: socket.socket, origin: Origin) -> None:
        """Take over an open socket to a scheme, host and port."""
        super().__init__(sock.fileno())
        self.home = home
        self.sock = sock
        self.origin = origin
        self.tls = isinstance(sock, ssl.SSLSocket)
        self.since = 0.0
        """When it became idle."""
        self.lock = threading.Lock()
        """Held while it is read from, and by whoever takes it from its answer, so that nobody closes it meanwhile."""

    def pending(self) -> int:
        """Return how many bytes are here that no poll would tell of: TLS unpacks whole records."""
        return self.sock.pending() if isinstance(self.sock, ssl.SSLSocket) else 0

    def lives(self) -> bool:
        """Return whether it is still open and silent; TLS session tickets are silence."""
        try:
            self.sock.recv(1)
        except NOTHING_NOW:
            return True
        except OSError:
            return False
        return False

    def stirred(self) -> None:
        """Give it up, unless it is in use by now or what came is TLS's own."""
        if self.home.take_back(self):
            if self.lives():
                self.home.put_back(self)
            else:
                self.close()

    def close(self) -> None:
        """Close it."""
        self.end()
        self.sock.close()


class Body:
    """A provider's answer as it comes: head first, then body bytes without their framing.

    One thread at a time reads; ``abort`` may come from any other.
    """

    __slots__ = (
        "_answer",
        "_whole",
        "begun",
        "ended",
        "failed",
        "headers",
        "inlet",
        "link",
        "reused",
        "status",
    )

    def __init__(self, link: Link, method: str, *, reused: bool, whole: bool) -> None:
        """Take over a connection on which a request was just sent, ``whole`` or as far as the provider took it."""
        self.link = link
        self.inlet: Link | None = link
        """The same while it is this answer's: None once it was let go or closed."""
        self.reused = reused
        self.begun = False
        """Whether anything has come."""
        self.failed: Exception | None = None
        self.ended = False
        self.status: int | None = None
        self.headers: dict[str, str] = {}
        self._answer = Answer(method)
        self._whole = whole

    def fileno(self) -> int:
        """Return the socket's descriptor to wait on; -1 once closed."""
        inlet = self.inlet
        return -1 if inlet is None else inlet.number

    def pending(self) -> int:
        """Return how many bytes, or faults, are already here that no poll would tell of."""
        if self._answer.pending or self._answer.fault is not None or self.failed is not None:
            return 1
        return self.link.pending() if self.link.tls and self.inlet is not None else 0

    def tap(self) -> socket.socket | None:
        """Return the socket while its next byte begins a chunk, for the one who reads this body; None elsewhere.

        A whole chunk may be taken from it; anything else that a ``recv`` gives is for ``read``.
        """
        return self.link.sock if self._answer.between and self.inlet is not None and self.failed is None else None

    def read(self, received: bytes | OSError | None = None) -> bytes:
        """Return the next body bytes; b"" when nothing is here now, or nothing more will come (``ended``).

        At most one ``recv``, none where its outcome is given. Raises what a deadline's keeper left in ``failed``;
        CONNECT when the connection broke before the head was whole (code
        ``stale`` when an idle one had been closed), CUT when it broke after,
        MALFORMED for what is not HTTP.
        """
        if self.failed is not None:
            self.abort()
            raise self.failed
        if self.ended:
            return b""
        answer = self._answer
        if answer.pending:
            data = answer.more()
        elif answer.fault is not None:
            self.abort()
            raise answer.fault
        else:
            received = self._receive() if received is None else received
            if isinstance(received, OSError):
                if not isinstance(received, NOTHING_NOW):
                    self._lost(received)
                return b""
            if answer.between and (chunk := answer.one_chunk(received)):
                return chunk
            self.begun = self.begun or bool(received)
            data = answer.feed(received) if received else self._cut()
        if self.status is None and answer.status is not None:
            self.status, self.headers = answer.status, answer.headers
        self.ended = answer.ended and answer.fault is None
        if not data and answer.fault is not None and not answer.pending:
            self.abort()
            raise answer.fault
        return data

    def _receive(self) -> bytes | OSError:
        """Return what one ``recv`` gives (b"": the connection's end), or its error."""
        with self.link.lock:
            if self.inlet is None:
                kind = FailureKind.CONNECT if self.status is None else FailureKind.CUT
                raise ProviderError(kind, "the connection was given up", code="aborted")
            try:
                return self.link.sock.recv(READ_BYTES)
            except OSError as error:
                return error

    def _cut(self) -> bytes:
        """Take the connection's end: fine for a body that ends so, else a fault."""
        if self._answer.cut():
            self._lost(None)
        return b""

    def _lost(self, error: OSError | None) -> NoReturn:
        said = "the connection broke" if error is None else f"the connection broke: {error.strerror or 'TLS'}"
        if self._answer.status is not None:
            raise ProviderError(FailureKind.CUT, said, code="cut") from error
        if self.reused and not self.begun:
            raise ProviderError(FailureKind.CONNECT, "an idle connection had been closed", code="stale") from error
        if error is not None and error.errno is not None:
            raise connect_failure(error, self.link.origin[1]) from error
        raise ProviderError(FailureKind.CONNECT, f"{self.link.origin[1]}: closed before an answer", code="closed")

    def wait(self, timeout: float) -> bool:
        """Wait until ``read`` may have something to say, at most ``timeout`` seconds; return whether it may.

        For callers that own a thread. It may still say nothing: TLS has records
        that are no data. Another thread's ``abort`` ends the wait.
        """
        may_wait()
        until = time.monotonic() + timeout
        while not (self.ended or self.pending()):
            descriptor = self.fileno()
            left = until - time.monotonic()
            if descriptor < 0:
                return True
            if left <= 0:
                return False
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            if poll.poll(1000 * min(left, 1.0)):  # in slices, should a closed descriptor's number have a new owner
                return True
        return True

    def release(self) -> None:
        """Let go: a connection whose answer ended cleanly goes to the idle list, any other is closed."""
        link = self.link
        with link.lock:
            if self.inlet is None:
                return
            self.inlet = None
        if self.ended and self._whole and self._answer.keep_alive and self.failed is None:
            link.home.put_back(link)
        else:
            link.close()

    def abort(self) -> None:
        """Cut the connection off now, whoever is waiting for it.

        ``close`` alone would leave a waiting thread where it is, and an
        ``SSLSocket``'s own ``shutdown`` drops its TLS layer, so that a reader
        would get ciphertext: the plain socket is shut down.
        """
        link = self.link
        with link.lock:
            if self.inlet is None:
                return
            self.inlet = None
            link.end()
            with suppress(OSError):
                socket.socket.shutdown(link.sock, socket.SHUT_RDWR)
            link.sock.close()

    def __repr__(self) -> str:
        """Return where it comes from and how far it is; never headers or bytes."""
        state = "ended" if self.ended else "closed" if self.inlet is None else "open"
        return f"<Body {self.link.origin[1]}:{self.link.origin[2]} {self.status} {state}>"
