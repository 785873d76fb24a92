"""One answer as a stream that can be parked: the WSGI iterable around the attempt loop.

A server that knows ``step`` drives it without a thread (``types/flow.py``); any
other WSGI server iterates it in its own thread, where ``_wait`` watches the
provider's socket, the client's, and the clock.
"""

import contextlib
import logging
import select
import socket
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from wallas.errors import ProviderError
from wallas.routing.deadlines import Deadlines
from wallas.routing.shortcut import Move, Shortcut
from wallas.types.flow import BLOCK, END, READ, Want

log = logging.getLogger(__name__)

POLLRDHUP = getattr(select, "POLLRDHUP", 0x2000)
GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL
GONE_HEAD = ("499 Client Closed Request", [("Content-Length", "0"), ("Connection", "close")])
"""What WSGI is told of an answer whose client left before its head; nobody reads it."""
PROBE = b"HTTP/1.1 100 Continue\r\n\r\n"
PROBE_SECONDS = 1.0
LOOK_SECONDS = 1.0
"""How often a waiting thread looks whether the process is about to end."""


class Source(Protocol):
    """What a stream drives: an answer's attempts, or a relay."""

    body: Any
    brief: bool
    """Whether the first step may be made by a thread that must not wait: it stops where it would."""
    deadlines: Deadlines
    out: Any

    @property
    def head(self) -> tuple[str, list[tuple[str, str]]] | None:
        """Return status and headers, once the first bytes are known."""

    def moves(self) -> Iterator[Move]:
        """Yield bytes for the client, and what the next step will do; a shortcut is a READ that knows its way.

        What is still open at their end is abandoned.
        """

    def ping(self) -> bytes:
        """Return a keep-alive, which fixes the status."""

    def abandon(self) -> None:
        """Cut off what is still open."""


class Stream:
    """The answer to one request; ``step`` never blocks unless ``want`` is BLOCK."""

    want: Want = BLOCK
    shortcut: Shortcut | None = None
    nonblock = cancelled = closed = half_closed = http10 = False
    extra_headers: Sequence[tuple[str, str]] = ()
    start_response: Any = None
    client: socket.socket | None = None
    probed_at: float | None = None
    waited: Any = None
    """The body that ``poll`` waits for, beside ``watched``, the client's descriptor; a loop needs none of them."""
    poll: Any = None
    watched: int | None = None

    def __init__(self, attempts: Source) -> None:
        """Stream what the attempts give."""
        self.attempts = attempts
        self.moves: Iterator[Move] = attempts.moves()
        self.brief = attempts.brief

    @property
    def body(self) -> Any:
        """Return the provider's body that is read now, or None."""
        return self.attempts.body

    @property
    def head(self) -> tuple[str, list[tuple[str, str]]] | None:
        """Return status and headers, once the first bytes are known."""
        head = self.attempts.head
        return (head[0], [*head[1], *self.extra_headers]) if head else None

    def step(self) -> bytes:
        """Advance to the next wait and return what the client gets now."""
        data = b""
        shortcut = self.shortcut
        if shortcut is not None:
            data = b"" if shortcut.over else shortcut.step(self.attempts.deadlines.clock())
            if not shortcut.over:
                return data
            self._leave_shortcut()
        for move in self.moves:
            if type(move) is bytes:
                data = data + move if data else move
            elif type(move) is Shortcut:
                self.want, self.shortcut = READ, move
                break
            else:
                self.want = move  # type: ignore[assignment]
                break
        else:
            self.want = END
            return data
        if data:
            self.attempts.deadlines.sent()
        return data

    def alarm(self) -> float:
        """Return the monotonic time by which ``tick`` wants to be called."""
        deadlines = self.attempts.deadlines if self.shortcut is None else self._deadlines()
        return deadlines.alarm()

    def tick(self, now: float) -> bytes:
        """Keep the deadlines: fail the body that is late, or return the keep-alive that is due."""
        deadlines = self._deadlines()
        late = deadlines.lateness(now)
        if late is not None:
            if self.body is not None:
                self.body.failed = late
            self._leave_shortcut()
            return self.step()
        if deadlines.ping_due(now):
            deadlines.sent()
            return self.attempts.ping()
        return b""

    def _deadlines(self) -> Deadlines:
        """Return the deadlines, told of the words that went the shortest way since they were looked at."""
        deadlines, shortcut = self.attempts.deadlines, self.shortcut
        if shortcut is not None and shortcut.heard:
            deadlines.passed(shortcut.heard, shown=shortcut.shows)
            shortcut.heard = 0.0
        return deadlines

    def _leave_shortcut(self) -> None:
        """Take the whole way from here on, where everybody knows what went the shortest one."""
        self._deadlines()
        shortcut, self.shortcut = self.shortcut, None
        if shortcut is not None:
            shortcut.note()

    def quiet(self) -> bytes:
        """Return a keep-alive of a stream whose head is out, b"" where the wire has none."""
        quiet: bytes = b"" if self.attempts.head is None else self.attempts.out.ping()
        return quiet

    def bind(self, start_response: Any, client: socket.socket | None, *, http10: bool = False) -> "Stream":
        """Return this stream, ready to be iterated for one WSGI call."""
        self.start_response = start_response
        self.client = client
        self.http10 = http10
        return self

    def __iter__(self) -> Iterator[bytes]:
        """Yield the answer's bytes, waiting in this thread; status and headers go out with the first of them."""
        started = False
        try:
            while self.want is not END and not self.cancelled:
                data = self._wait() if self.want is READ else self.step()
                if data:
                    if not started:
                        started = True
                        assert self.head is not None
                        self.start_response(*self.head)
                    yield data
            if not started:
                self.start_response(*GONE_HEAD)
        finally:
            self.close()

    def _wait(self) -> bytes:
        """Return the next bytes for the client, after waiting for the provider, the client or the clock."""
        body = self.attempts.body
        if body is not self.waited:
            self._watch(body)
        poll, watched, deadlines = self.poll, self.watched, self.attempts.deadlines
        while not self.cancelled:
            now = deadlines.clock()
            due = min(self.alarm(), now + LOOK_SECONDS)
            if self.probed_at is not None:
                due = min(due, self.probed_at + PROBE_SECONDS)
            ready = dict(poll.poll(max(due - now, 0.0) * 1000 + 1))
            if watched is not None and watched in ready and self._departed(ready.pop(watched)):
                self.cancelled = True
                return b""
            if self.probed_at is not None and deadlines.clock() >= self.probed_at + PROBE_SECONDS:
                self.probed_at = None
                self.half_closed = True
            if watched is not None and (self.half_closed or self.probed_at is not None):
                poll.modify(watched, 0)
            if ready and not deadlines.overdue:
                return self.step()
            data = self.tick(deadlines.clock())
            if data or self.want is not READ or self.body is not body:
                return data
        return b""

    def _watch(self, body: Any) -> None:
        """Wait from now on for this body, and for the client's departure."""
        poll = self.poll = select.poll()
        self.waited, self.watched = body, None
        poll.register(body.fileno(), select.POLLIN)
        if self.client is None:
            return
        with contextlib.suppress(OSError, ValueError):
            descriptor = self.client.fileno()
            if descriptor >= 0:
                quiet = self.half_closed or self.probed_at is not None
                poll.register(descriptor, 0 if quiet else POLLRDHUP)
                self.watched = descriptor

    def _departed(self, events: int) -> bool:
        """Return whether the client is gone; a close and a half-close look the same until something is written."""
        if events & GONE:
            return True
        if self.probed_at is None and not self.half_closed:
            self.probed_at = self.attempts.deadlines.clock()
            return not self._probe()
        return False

    def _probe(self) -> bool:
        """Write something that means nothing; return False when the client is known to be gone."""
        assert self.client is not None
        data: bytes = self._quiet_bytes()
        if not data:
            return True
        try:
            self.client.sendall(data)
        except OSError:
            return False
        return True

    def _quiet_bytes(self) -> bytes:
        if self.attempts.head is None:
            return b"" if self.http10 else PROBE
        ping: bytes = self.attempts.out.ping()
        if not ping or self.http10:
            return ping
        return b"%x\r\n%b\r\n" % (len(ping), ping)

    def close(self) -> None:
        """End the stream wherever it is; the provider's connection is cut off and nobody is blamed."""
        if self.closed:
            return
        self.closed = True
        if self.shortcut is not None:
            self._leave_shortcut()
        self.start_response = None  # it may know the server's own part of this answer, which knows this
        if self.want is END:
            return  # the moves are over, and have abandoned what was left
        try:
            self.moves.close()  # type: ignore[attr-defined]
        except (ProviderError, OSError) as error:
            log.warning("closing a stream: %s", error)
        finally:
            self.attempts.abandon()
