"""Holds a request until somebody may be called again: waiting beats an error when it is short (routing.md 3)."""

import os
import threading
from bisect import bisect_left

from wallas.types.flow import Inlet

MOST = 256
"""Requests that may wait at once in one worker; more are refused at once, with the exact time."""


TURN_SECONDS = 0.02
"""How much later each next one in a line looks whether somebody may be called."""


class Pause:
    """What a stream waits for when only the clock can help: it looks like a provider's body that never speaks."""

    ended = False

    def __init__(self) -> None:
        """Open a descriptor that never becomes readable."""
        self.failed: Exception | None = None
        self.descriptor = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.inlet = Inlet(self.descriptor)

    def fileno(self) -> int:
        """Return the descriptor; -1 once closed."""
        return self.descriptor

    def pending(self) -> int:
        """Return that nothing is here."""
        return 0

    def abort(self) -> None:
        """Close the descriptor."""
        if self.descriptor >= 0:
            self.inlet.end()
            os.close(self.descriptor)
            self.descriptor = -1


class WaitingRoom:
    """Counts those who wait; it has a bounded number of seats, and each client's requests stand in a line."""

    def __init__(self, most: int = MOST) -> None:
        """Start empty."""
        self.most = most
        self.taken = 0
        self.lines: dict[str, list[float]] = {}
        """By client, when each of its waiting requests came."""
        self.lock = threading.Lock()

    def enter(self, client: str = "", *, came: float = 0.0) -> float | None:
        """Take a seat for a request that ``came`` at an instant; return None when there is none.

        Else return by how many seconds it shall be later than the time it waits
        for: whoever came before it in its client's line goes first.
        """
        with self.lock:
            if self.taken >= self.most:
                return None
            self.taken += 1
            line = self.lines.setdefault(client, [])
            before = bisect_left(line, came)
            line.insert(before, came)
            return before * TURN_SECONDS

    def leave(self, client: str = "", *, came: float = 0.0) -> None:
        """Give the seat back."""
        with self.lock:
            self.taken -= 1
            line = self.lines[client]
            line.remove(came)
            if not line:
                del self.lines[client]
