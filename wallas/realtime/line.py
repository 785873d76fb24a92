"""The client's end of a session: a socket that bears slow and greedy clients, and events sent one at a time."""

import contextlib
import select
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from wallas.ids import fresh

SEND_SECONDS = 30.0
"""A client that takes nothing for so long is gone."""
GOODBYE_SECONDS = 2.0
WAITING_MESSAGES, WAITING_BYTES = 256, 4 * 1024 * 1024
"""What may wait to be looked at; who sends more waits."""
OLD_NAMES = {
    f"response.output_{what}.{when}": f"response.{what}.{when}"
    for what in ("text", "audio", "audio_transcript")
    for when in ("delta", "done")
} | {"conversation.item.added": "conversation.item.created"}
"""What the beta calls events."""
NEW_ONLY = frozenset({"conversation.item.done"})


class Socket:
    """A client's socket for ``simple_websocket``, whose reader keeps everything that comes and whose ``send`` may cut.

    Here ``send`` sends all or raises OSError, a thread at a time; ``recv`` waits while too much waits to be looked at.
    """

    def __init__(self, sock: socket.socket) -> None:
        """Stand before a blocking socket."""
        self.sock = sock
        self.sending = threading.Lock()
        self.waiting: list[Any] = []
        """The reader's messages, once it has begun."""
        self.room = threading.Event()
        self.over = False

    def fileno(self) -> int:
        """Return the descriptor."""
        return self.sock.fileno()

    def send(self, data: bytes) -> int:
        """Send all of it; raise OSError for a client that takes nothing any more."""
        left = memoryview(data)
        with self.sending:
            while left:
                try:
                    left = left[self.sock.send(left, socket.MSG_DONTWAIT) :]
                except BlockingIOError:
                    poll = select.poll()
                    poll.register(self.sock, select.POLLOUT)
                    if not poll.poll(1000 * SEND_SECONDS):
                        self.cut()
                        raise TimeoutError("the client reads nothing") from None
        return len(data)

    def recv(self, size: int) -> bytes:
        """Return what has come, when there is room for it."""
        while not self.over and self._full():
            self.room.wait(1.0)
            self.room.clear()
        return self.sock.recv(size)

    def cut(self) -> None:
        """Cut the connection off; the reader wakes."""
        self.over = True
        self.room.set()
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the socket so that the last word arrives: what the client still sends is read for a moment.

        Closed over unread bytes, TCP would take that word back; and who shares the socket would keep it open.
        """
        until = time.monotonic() + GOODBYE_SECONDS
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)
            while not self.over and (left := until - time.monotonic()) > 0:
                poll = select.poll()
                poll.register(self.sock, select.POLLIN)
                if not poll.poll(1000 * left) or not self.sock.recv(65536, socket.MSG_DONTWAIT):
                    break
        self.sock.close()

    def _full(self) -> bool:
        return len(self.waiting) > WAITING_MESSAGES or sum(map(len, self.waiting)) > WAITING_BYTES


class WebSocket(Protocol):
    """What flask-sock gives a route."""

    def send(self, data: str) -> None:
        """Send a message."""

    def receive(self, timeout: float | None = None) -> str | bytes | None:
        """Return the next message, None when none came in time."""

    def close(self, reason: int | None = None, message: str | None = None) -> None:
        """Close the connection."""


class Line:
    """Sends events and receives messages; ``lock`` keeps what several threads say in order."""

    def __init__(self, websocket: WebSocket, *, beta: bool, room: Callable[[], None] = lambda: None) -> None:
        """Speak over a WebSocket, in the beta's words or the GA's; ``room`` is called when a message was taken."""
        self.websocket = websocket
        self.beta = beta
        self.room = room
        self.lock = threading.RLock()
        self.gone = False

    def say(self, kind: str, **fields: Any) -> None:
        """Send an event; a client that is gone hears nothing."""
        if self.beta:
            if kind in NEW_ONLY:
                return
            kind = OLD_NAMES.get(kind, kind)
        data = msgspec.json.encode({"type": kind, "event_id": f"event_{fresh()[:24]}"} | fields).decode()
        with self.lock:
            if self.gone:
                return
            try:
                self.websocket.send(data)
            except Exception:  # simple_websocket, wsproto and the socket each have their own word for it
                self.gone = True

    def next(self, seconds: float) -> str | bytes | None:
        """Return the next message, None when none came in time; raise ConnectionResetError when none will."""
        try:
            message = self.websocket.receive(seconds)
        except Exception as error:
            self.gone = True
            raise ConnectionResetError("the client has left") from error
        self.room()
        return message

    def close(self, code: int, reason: str) -> None:
        """Close the connection with a code and a reason."""
        with self.lock:
            if not self.gone:
                self.gone = True
                try:
                    self.websocket.close(code, reason)
                except Exception:  # as in ``say``: it is gone either way
                    return
