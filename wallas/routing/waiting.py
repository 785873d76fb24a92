"""Holds a request until somebody may be called again: waiting beats an error when it is short (routing.md 3)."""

import os
import threading
from collections.abc import Callable

MOST = 256
"""Requests that may wait at once in one worker; more are refused at once, with the exact time."""


class Pause:
    """What a stream waits for when only the clock can help: it looks like a provider's body that never speaks."""

    ended = False

    def __init__(self) -> None:
        """Open a descriptor that never becomes readable."""
        self.failed: Exception | None = None
        self.let_go: Callable[[], None] | None = None
        self.descriptor = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def fileno(self) -> int:
        """Return the descriptor; -1 once closed."""
        return self.descriptor

    def pending(self) -> int:
        """Return that nothing is here."""
        return 0

    def abort(self) -> None:
        """Close the descriptor."""
        if self.descriptor >= 0:
            if self.let_go is not None:
                self.let_go()
            os.close(self.descriptor)
            self.descriptor = -1


class WaitingRoom:
    """Counts those who wait; it has a bounded number of seats."""

    def __init__(self, most: int = MOST) -> None:
        """Start empty."""
        self.most = most
        self.taken = 0
        self.lock = threading.Lock()

    def enter(self) -> bool:
        """Take a seat; return False when there is none."""
        with self.lock:
            if self.taken >= self.most:
                return False
            self.taken += 1
            return True

    def leave(self) -> None:
        """Give the seat back."""
        with self.lock:
            self.taken -= 1
