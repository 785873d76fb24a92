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
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cached_property, lru_cache
from itertools import chain
from typing import Protocol

from wallas.errors import FailureKind, ProviderError
from wallas.transport_body import NOTHING_NOW, Body, Link, Origin
from wallas.transport_dial import Dialler, Resolver, parse_proxy
from wallas.transport_http import Address
from wallas.waits import here, may_wait

IDLE_SECONDS = 60.0
IDLE_CONNECTIONS = 64
WRITE_SECONDS = 30.0
COPIED_BYTES = 262_144
"""A smaller body is sent in one piece with the head; to join a larger one costs more than a second call."""
FETCH_BYTES = 64 * 1024 * 1024


@lru_cache(maxsize=4)
def _tls(cafile: str | None, *usual: str | None) -> ssl.SSLContext:
    """Make the one TLS context of all who trust the same authorities: it costs 20 to 60 ms."""
    context = ssl.create_default_context(cafile=cafile)
    context.set_alpn_protocols(["http/1.1"])
    return context


class Pieces(Protocol):
    """A body whose bytes come one after the other; its length is that of all of them."""

    def __len__(self) -> int:
        """Return the number of bytes."""

    def __iter__(self) -> Iterator[bytes | memoryview]:
        """Yield the bytes."""


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
        self._idle: dict[Origin, list[Link]] = {}
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
        """Return the TLS context; it waits for the first https target."""
        paths = ssl.get_default_verify_paths()
        cafile = self._cafile
        if cafile is None and not (paths.cafile or paths.capath):
            import certifi

            cafile = certifi.where()
        return _tls(cafile, paths.cafile, paths.capath)

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | Pieces = b"",
        connect: float | None = None,
        tls: float | None = None,
    ) -> Body:
        """Send a request and return its answer, of which nothing may be here yet; see ``deliver``."""
        return self.deliver(Address.of(method, url, headers), body, connect=connect, tls=tls)

    def deliver(
        self, address: Address, body: bytes | Pieces, *, connect: float | None = None, tls: float | None = None
    ) -> Body:
        """Send a request and return its answer, of which nothing may be here yet. May block: names, dialling, sending.

        ``connect`` overrides the limit for names and dialling, ``tls`` the handshake's, in seconds.
        Raises CONNECT (``code`` says how: an errno's name, dns_*, tls*, proxy,
        unsendable), TIMEOUT when the provider does not take the request in, and
        GATEWAY when this machine is out of descriptors or memory.
        """
        target, length = address.target, len(body)
        head = address.head(length)
        link = self._take_idle(target[:3])
        reused = link is not None
        if link is None:
            may_wait()
            link = Link(self, self._dialler.open(target, connect=connect, tls=tls), target[:3])
        try:
            parts: Iterable[bytes | memoryview]
            if isinstance(body, bytes):
                parts = (head + body,) if length < COPIED_BYTES else (head, body)
            else:
                parts = chain((head,), body)
            for part in parts:
                if not (whole := _write(link.sock, part)):
                    break
            return Body(link, address.method, reused=reused, whole=whole)
        except BaseException:
            link.close()
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
            old = [link for links in self._idle.values() for link in links if link.since <= limit]
            kept = {origin: [link for link in links if link.since > limit] for origin, links in self._idle.items()}
            self._idle = {origin: links for origin, links in kept.items() if links}
            self._sweeper = None
            self._plan_sweep()
        for link in old:
            link.close()

    def close(self) -> None:
        """Close the idle connections and keep no more of them; answers under way go on."""
        with self._idle_lock:
            self._closed = True
            idle, self._idle = self._idle, {}
            if self._sweeper is not None:
                self._sweeper.cancel()
        for link in (link for links in idle.values() for link in links):
            link.close()

    @property
    def idle(self) -> int:
        """How many connections are waiting to be used again."""
        with self._idle_lock:
            return sum(map(len, self._idle.values()))

    def _take_idle(self, origin: Origin) -> Link | None:
        """Return the connection used last, if it still lives; those that do not are closed.

        One that is in the poll of the thread that takes it would have stirred, had it died: nobody needs to look.
        """
        while True:
            with self._idle_lock:
                links = self._idle.get(origin)
                if not links:
                    return None
                link = links.pop()
            if time.monotonic() - link.since >= IDLE_SECONDS:
                link.close()
            elif link.watcher is not None and here.barred:
                return link
            else:
                link.leave()
                if link.lives():
                    return link
                link.close()

    def put_back(self, link: Link) -> None:
        """Keep a connection for the next request to the same place."""
        link.reader = None
        dropped: Link | None = link
        with self._idle_lock:
            if not (self._closed or (link.tls and link.pending())):
                links = self._idle.setdefault(link.origin, [])
                link.since = time.monotonic()
                links.append(link)
                dropped = links.pop(0) if len(links) > IDLE_CONNECTIONS else None
                if self._sweeper is None:
                    self._plan_sweep()
        if dropped is not None:
            dropped.close()

    def take_back(self, link: Link) -> bool:
        """Take a connection out of the idle ones; return False when somebody has it."""
        with self._idle_lock:
            links = self._idle.get(link.origin, [])
            if link not in links:
                return False
            links.remove(link)
            return True

    def _plan_sweep(self) -> None:
        if self._sweeper is None and self._idle and not self._closed:
            self._sweeper = threading.Timer(IDLE_SECONDS, self.sweep)
            self._sweeper.daemon = True
            with suppress(RuntimeError):  # no thread to be had: the next answer plans again
                self._sweeper.start()


def _write(sock: socket.socket, data: bytes | memoryview) -> bool:
    """Send everything; return False when the provider answers or hangs up before, which its answer will explain."""
    size, sent = len(data), 0
    while True:
        try:
            sent += sock.send(memoryview(data)[sent:] if sent else data)
        except NOTHING_NOW:
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
