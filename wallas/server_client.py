"""One client's connection: its socket, what has been read, what is still to be sent, and who owns it at the moment.

The loop thread owns a connection, except while it is BUSY: then a pool thread
does, and the loop only raises the flags ``readable``, ``parting`` and ``gone``.
"""

import fcntl
import select
import socket
import struct
import termios
import time
from typing import TYPE_CHECKING, Any

from wallas.server_intake import Intake

if TYPE_CHECKING:
    from wallas.server_exchange import Exchange

WAITING, BUSY, PARKED, FLUSHING, LEAVING, CLOSED = range(6)
"""Waiting for a request; lent to a thread; waiting for a provider; for the client to read; for its FIN; no more."""

READ_BYTES = 65536
UNSENT_BYTES = 256 * 1024
"""More than this waits for no client: the provider is not read on."""
SEND_SECONDS = 30.0
"""A client that takes nothing for so long is dropped."""
HEAD_SECONDS = 10.0
BODY_SECONDS = 10.0
BODY_RATE = 1000.0
"""A body may take ten seconds, and a second more for each kilobyte; it may not pause for more than ten."""
LINGER_SECONDS = 2.0
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Client:
    """A connection."""

    __slots__ = (
        "address",
        "descriptor",
        "exchange",
        "gone",
        "half_closed",
        "heard",
        "intake",
        "moved",
        "number",
        "out",
        "parting",
        "queued",
        "readable",
        "server",
        "since",
        "slow",
        "sock",
        "state",
    )

    def __init__(self, sock: socket.socket, address: Any, server: Any, intake: Intake, *, now: float) -> None:
        """Take over an accepted, non-blocking socket; ``server`` is the name of the socket that listened."""
        self.sock = sock
        self.descriptor = sock.fileno()
        self.address = address
        self.server = server
        self.intake = intake
        self.state = WAITING
        self.exchange: Exchange | None = None
        self.out = bytearray()
        self.queued = 0
        self.slow = 0
        """How many of its next requests are not tried in the loop's thread."""
        self.number = 0
        """How many requests came on it."""
        self.since = now
        """When what it waits for began."""
        self.heard = self.moved = now
        """When bytes came last, and when it last took some."""
        self.readable = self.parting = self.gone = self.half_closed = False

    def receive(self) -> bytes | None:
        """Return what has come; b"" at its end, None when nothing is here."""
        try:
            data = self.sock.recv(READ_BYTES)
        except BlockingIOError:
            self.readable = False
            return None
        except OSError:
            self.gone = True
            return b""
        if len(data) < READ_BYTES:
            self.readable = False
        return data

    def write(self, data: bytes) -> None:
        """Send what can be sent now and keep the rest; a client that is gone gets ``gone``."""
        if self.out:
            self.out += data
            return
        try:
            sent = self.sock.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.gone = True
            return
        if sent < len(data):
            self._note_progress(time.monotonic())
            self.out += data[sent:] if sent else data

    def flush(self) -> None:
        """Send more of what is kept."""
        out = self.out
        while out and not self.gone:
            try:
                sent = self.sock.send(out)
            except BlockingIOError:
                return
            except OSError:
                self.gone = True
                out.clear()
                return
            del out[:sent]
            self._note_progress(time.monotonic())

    def write_patiently(self, data: bytes) -> None:
        """Send like ``write``, in a thread that may wait while too much is unsent; raise OSError for a lost client."""
        self.write(data)
        while len(self.out) > UNSENT_BYTES and not self.gone:
            poll = select.poll()
            poll.register(self.descriptor, select.POLLOUT)
            if not poll.poll(1000 * SEND_SECONDS) and not self._reads(time.monotonic()):
                self.gone = True
            self.flush()
        if self.gone:
            raise ConnectionResetError("the client has left")

    def late(self, now: float, *, keepalive: float) -> bool:
        """Return whether what it waits for has taken too long."""
        if self.state == WAITING:
            intake = self.intake
            if intake.raw is not None:
                due = min(self.since + BODY_SECONDS + intake.received / BODY_RATE, self.heard + BODY_SECONDS)
                return now > due
            return now > self.since + (HEAD_SECONDS if intake.buffer else keepalive)
        if self.state == LEAVING:
            return now > self.since + LINGER_SECONDS
        return self.state != BUSY and bool(self.out) and now > self.moved + SEND_SECONDS and not self._reads(now)

    def _note_progress(self, now: float) -> None:
        self.moved, self.queued = now, self._queue()

    def _queue(self) -> int:
        """Return how many bytes wait in the kernel: it wants no more before a third of them has left."""
        try:
            return int(struct.unpack("i", fcntl.ioctl(self.sock, termios.TIOCOUTQ, bytes(4)))[0])
        except OSError:
            return 0

    def _reads(self, now: float) -> bool:
        """Return whether the client has taken something since it was looked at last."""
        before = self.queued
        self._note_progress(now)
        return self.queued < before
