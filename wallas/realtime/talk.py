"""Keeps a session going from its first word to its last: messages, time limits, and a server that stops."""

import threading
import time
from collections.abc import Callable

from wallas import grace
from wallas.errors import GatewayError
from wallas.realtime.session import Session

LOOK_SECONDS = 1.0
"""How often a session without messages looks at its clocks."""
LAST_SECONDS = 2.0
"""So long before its process ends a session ends, whatever goes on."""
NORMAL, GOING_AWAY = 1000, 1001


class Rooms:
    """How many sessions there may be at once in this process: each holds threads."""

    def __init__(self, most: int) -> None:
        """Let so many in."""
        self.most = most
        self.taken = 0
        self.lock = threading.Lock()

    def enter(self) -> bool:
        """Take a room; return False where all are taken."""
        with self.lock:
            if self.taken >= self.most:
                return False
            self.taken += 1
            return True

    def leave(self) -> None:
        """Give a room back."""
        with self.lock:
            self.taken -= 1


class _Over(Exception):
    """The session ends, with what its client is told."""

    def __init__(self, error: GatewayError, code: int) -> None:
        super().__init__(error.message)
        self.error = error
        self.code = code


def talk(session: Session, *, leaving: Callable[[], bool] = lambda: False) -> None:
    """Serve a session until it ends; ``leaving`` tells whether this process takes no new work."""
    line = session.line
    began = heard = time.monotonic()
    session.greet()
    try:
        while not line.gone:
            message = line.next(LOOK_SECONDS)
            now = time.monotonic()
            if message is not None:
                session.heed(message)
            if message is not None or session.busy:
                heard = now
            _check(session, now - began, now - heard, leaving)
    except _Over as over:
        session.end(over.error)
        line.close(over.code, over.error.code or "")
    except ConnectionResetError:
        pass
    finally:
        session.close()


def _check(session: Session, age: float, silence: float, leaving: Callable[[], bool]) -> None:
    """Raise _Over where a session must end now."""
    limits = session.limits
    left = grace.seconds_left()
    if (left is not None and left < LAST_SECONDS) or ((left is not None or leaving()) and not session.busy):
        raise _Over(GatewayError("the gateway is stopping; connect again", code="server_stopping"), GOING_AWAY)
    if age > limits.whole:
        minutes = limits.whole / 60
        message = f"Your session hit the maximum duration of {minutes:g} minutes."
        raise _Over(GatewayError(message, code="session_expired"), NORMAL)
    if silence > limits.idle:
        message = f"nothing was said for {limits.idle / 60:g} minutes"
        raise _Over(GatewayError(message, code="session_idle"), NORMAL)
