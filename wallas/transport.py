"""Speaks HTTP/1.1 to providers: idle connections, limits, and answers that can be waited for without a thread.

An answer is a ``Body``: its head and bytes come with non-blocking reads, so
that a server may park it in its own poll. Nothing here retries, follows
redirects, reads ~/.netrc or proxy variables, or keeps cookies.
"""

import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property
from typing import NoReturn

from wallas.errors import FailureKind, ProviderError
from wallas.transport_dial import Dialler, Resolver, connect_failure, parse_proxy
from wallas.transport_http import Address, Answer, Target
from wallas.waits import may_wait

READ_BYTES = 65536
"""At least a TLS record (16 kB), so that none is left where no poll sees it."""
IDLE_SECONDS = 60.0
IDLE_CONNECTIONS = 64
WRITE_SECONDS = 30.0
COPIED_BYTES = 262_144
"""A smaller body is sent in one piece with the head; to join a larger one costs more than a second call."""
FETCH_BYTES = 64 * 1024 * 1024

_NOTHING_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Body:
    """A provider's answer as it comes: head first, then body bytes without their framing.

    One thread at a time reads; ``abort`` may come from any other.
    """

    __slots__ = (
        "_answer",
        "_lock",
        "_sock",
        "_target",
        "_transport",
        "_whole",
        "begun",
        "ended",
        "failed",
        "headers",
        "let_go",
        "reused",
        "status",
    )

    def __init__(
        self, transport: "Transport", sock: socket.socket, target: Target, method: str, *, reused: bool, whole: bool
    ) -> None:
        """Take over a connection on which a request was just sent, ``whole`` or as far as the provider took it."""
        self.reused = reused
        self.begun = False
        """Whether anything has come."""
        self.failed: Exception | None = None
        self.let_go: Callable[[], None] | None = None
        self.ended = False
        self.status: int | None = None
        self.headers: dict[str, str] = {}
        self._transport = transport
        self._sock: socket.socket | None = sock
        self._target = target
        self._answer = Answer(method)
        self._whole = whole
        self._lock = threading.Lock()

    def fileno(self) -> int:
        """Return the socket's descriptor to wait on; -1 once closed."""
        sock = self._sock
        return -1 if sock is None else sock.fileno()

    def pending(self) -> int:
        """Return how many bytes, or faults, are already here that no poll would tell of."""
        if self._answer.pending or self._answer.fault is not None or self.failed is not None:
            return 1
        sock = self._sock
        return sock.pending() if isinstance(sock, ssl.SSLSocket) else 0

    def read(self) -> bytes:
        """Return the next body bytes; b"" when nothing is here now, or nothing more will come (``ended``).

        At most one ``recv``. Raises what a deadline's keeper left in ``failed``;
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
            received = self._receive()
            if received is None:
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

    def _receive(self) -> bytes | None:
        """Return what one ``recv`` gives (b"": the connection's end), None when nothing is here."""
        with self._lock:
            if self._sock is None:
                kind = FailureKind.CONNECT if self.status is None else FailureKind.CUT
                raise ProviderError(kind, "the connection was given up", code="aborted")
            try:
                return self._sock.recv(READ_BYTES)
            except _NOTHING_NOW:
                return None
            except OSError as error:
                return self._lost(error)

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
            raise connect_failure(error, self._target.host) from error
        raise ProviderError(FailureKind.CONNECT, f"{self._target.host}: closed before an answer", code="closed")

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
        with self._lock:
            sock, self._sock = self._sock, None
        if sock is None:
            return
        if self.let_go is not None:
            self.let_go()
        if self.ended and self._whole and self._answer.keep_alive and self.failed is None:
            self._transport._put_back(self._target, sock)
        else:
            sock.close()

    def abort(self) -> None:
        """Cut the connection off now, whoever is waiting for it.

        ``close`` alone would leave a waiting thread where it is, and an
        ``SSLSocket``'s own ``shutdown`` drops its TLS layer, so that a reader
        would get ciphertext: the plain socket is shut down.
        """
        with self._lock:
            sock, self._sock = self._sock, None
            if sock is None:
                return
            if self.let_go is not None:
                self.let_go()
            with suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
            sock.close()

    def __repr__(self) -> str:
        """Return where it comes from and how far it is; never headers or bytes."""
        state = "ended" if self.ended else "closed" if self._sock is None else "open"
        return f"<Body {self._target.netloc} {self.status} {state}>"


class Transport:
    """The way out to all providers: one per process, used by many threads."""

    def __init__(
        self,
        *,
        connect: float = 3.0,
        tls: float = 5.0,
        cafile: str | None = None,
        proxy: str | None = None,
        no_proxy: str = "",
        resolver: Resolver | None = None,
    ) -> None:
        """Keep the limits (seconds), the authorities to trust (None: the system's) and the proxy for https."""
        self._cafile = cafile
        self._idle: dict[tuple[str, str, int], list[tuple[float, socket.socket]]] = {}
        self._idle_lock = threading.Lock()
        self._sweeper: threading.Timer | None = None
        self._closed = False
        self._dialler = Dialler(
            connect=connect,
            tls=tls,
            context=lambda: self._context,
            proxy=parse_proxy(proxy),
            no_proxy=tuple(no_proxy.split(",")),
            resolver=resolver or Resolver(),
        )
        if cafile is not None:
            _ = self._context  # a wrong path shall fail at the start

    @cached_property
    def _context(self) -> ssl.SSLContext:
        """Make the one TLS context: it costs 20 ms, so it waits for the first https target."""
        paths = ssl.get_default_verify_paths()
        cafile = self._cafile
        if cafile is None and not (paths.cafile or paths.capath):
            import certifi

            cafile = certifi.where()
        context = ssl.create_default_context(cafile=cafile)
        context.set_alpn_protocols(["http/1.1"])
        return context

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes = b"",
        connect: float | None = None,
        tls: float | None = None,
    ) -> Body:
        """Send a request and return its answer, of which nothing may be here yet; see ``deliver``."""
        return self.deliver(Address.of(method, url, headers), body, connect=connect, tls=tls)

    def deliver(self, address: Address, body: bytes, *, connect: float | None = None, tls: float | None = None) -> Body:
        """Send a request and return its answer, of which nothing may be here yet. May block: names, dialling, sending.

        ``connect`` overrides the limit for names and dialling, ``tls`` the handshake's, in seconds.
        Raises CONNECT (``code`` says how: an errno's name, dns_*, tls*, proxy,
        unsendable), TIMEOUT when the provider does not take the request in, and
        GATEWAY when this machine is out of descriptors or memory.
        """
        target, length = address.target, len(body)
        head = address.head(length)
        sock = self._take_idle(target)
        reused = sock is not None
        if sock is None:
            may_wait()
            sock = self._dialler.open(target, connect=connect, tls=tls)
        try:
            parts = (head + body,) if length < COPIED_BYTES else (head, body)
            for part in parts:
                if not (whole := _write(sock, part)):
                    break
            return Body(self, sock, target, address.method, reused=reused, whole=whole)
        except BaseException:
            sock.close()
            raise

    def fetch(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes = b"", timeout: float = 30.0
    ) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and the whole body, waiting at most ``timeout`` seconds in all.

        For small calls off the hot path. A stale idle connection is tried anew once.
        """
        may_wait()
        until = time.monotonic() + timeout
        for last in (False, True):
            answer = self.send(method, url, headers=headers, body=body, connect=min(timeout, self._dialler.connect))
            try:
                data = _whole(answer, until)
                return answer.status or 0, answer.headers, data
            except ProviderError as error:
                if error.code != "stale" or last:
                    raise
            finally:
                answer.release()
        raise AssertionError("unreachable")  # pragma: no cover

    def sweep(self, now: float | None = None) -> None:
        """Close the connections that have been idle too long; runs by itself once a minute while there are any."""
        limit = (time.monotonic() if now is None else now) - IDLE_SECONDS
        with self._idle_lock:
            old = [sock for rows in self._idle.values() for since, sock in rows if since <= limit]
            kept = {key: [row for row in rows if row[0] > limit] for key, rows in self._idle.items()}
            self._idle = {key: rows for key, rows in kept.items() if rows}
            self._sweeper = None
            self._plan_sweep()
        for sock in old:
            sock.close()

    def close(self) -> None:
        """Close the idle connections and keep no more of them; answers under way go on."""
        with self._idle_lock:
            self._closed = True
            rows, self._idle = self._idle, {}
            if self._sweeper is not None:
                self._sweeper.cancel()
        for _, sock in (row for origin in rows.values() for row in origin):
            sock.close()

    @property
    def idle(self) -> int:
        """How many connections are waiting to be used again."""
        with self._idle_lock:
            return sum(map(len, self._idle.values()))

    def _take_idle(self, target: Target) -> socket.socket | None:
        """Return the connection used last, if it still lives; those that do not are closed."""
        while True:
            with self._idle_lock:
                rows = self._idle.get(target[:3])
                if not rows:
                    return None
                since, sock = rows.pop()
            if time.monotonic() - since < IDLE_SECONDS and _lives(sock):
                return sock
            sock.close()

    def _put_back(self, target: Target, sock: socket.socket) -> None:
        dropped: socket.socket | None = sock
        with self._idle_lock:
            if not self._closed:
                rows = self._idle.setdefault(target[:3], [])
                rows.append((time.monotonic(), sock))
                dropped = rows.pop(0)[1] if len(rows) > IDLE_CONNECTIONS else None
                self._plan_sweep()
        if dropped is not None:
            dropped.close()

    def _plan_sweep(self) -> None:
        if self._sweeper is None and self._idle and not self._closed:
            self._sweeper = threading.Timer(IDLE_SECONDS, self.sweep)
            self._sweeper.daemon = True
            with suppress(RuntimeError):  # no thread to be had: the next answer plans again
                self._sweeper.start()


def _write(sock: socket.socket, data: bytes) -> bool:
    """Send everything; return False when the provider answers or hangs up before, which its answer will explain."""
    size, sent = len(data), 0
    while True:
        try:
            sent += sock.send(memoryview(data)[sent:] if sent else data)
        except _NOTHING_NOW:
            pass
        except OSError:
            return False
        if sent >= size:
            return True
        if not _writable(sock):
            return False


def _writable(sock: socket.socket) -> bool:
    """Wait until more can be sent; return False when an early answer is here instead. Raise TIMEOUT for neither."""
    may_wait()
    poll = select.poll()
    poll.register(sock, select.POLLOUT | (0 if isinstance(sock, ssl.SSLSocket) else select.POLLIN))
    for _, event in poll.poll(1000 * WRITE_SECONDS):
        return bool(event & (select.POLLOUT | select.POLLERR | select.POLLHUP))
    raise ProviderError(FailureKind.TIMEOUT, "the provider does not take the request in", code="write_timeout")


def _lives(sock: socket.socket) -> bool:
    """Return whether an idle connection is still open and silent; TLS session tickets are silence."""
    try:
        sock.recv(1)
    except _NOTHING_NOW:
        return True
    except OSError:
        return False
    return False


def _whole(answer: Body, until: float) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while not answer.ended:
        if not answer.wait(until - time.monotonic()):
            raise ProviderError(FailureKind.TIMEOUT, "no whole answer in time")
        data = answer.read()
        size += len(data)
        if size > FETCH_BYTES:
            raise ProviderError(FailureKind.MALFORMED, "a body of more than 64 MB")
        if data:
            pieces.append(data)
    return b"".join(pieces)
