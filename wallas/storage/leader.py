"""Elects one worker of all: a lease that is claimed, renewed and, when its holder dies, expires."""

import os
import socket
import time
import uuid
from collections.abc import Callable

from sqlalchemy import Engine

from wallas.storage.plain import Writing

CLAIM = """
INSERT INTO leases (name, holder, expires_at) VALUES (?, ?, ?)
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
WHERE leases.holder = excluded.holder OR leases.expires_at <= ?
"""

RELEASE = "DELETE FROM leases WHERE name = ? AND holder = ?"


class Lease:
    """The claim of this worker to one office. Each ``claim`` is one atomic statement; nobody waits for anybody."""

    def __init__(
        self, engine: Engine, name: str, *, seconds: float = 30.0, clock: Callable[[], float] = time.time
    ) -> None:
        """Stand for the office of ``name``; a holder that falls silent loses it after ``seconds``.

        The clocks of machines that share a database must agree to a few seconds.
        """
        self.engine = engine
        self.name = name
        self.seconds = seconds
        self.clock = clock
        self.holder = f"{socket.gethostname()[:64]}:{os.getpid()}:{uuid.uuid4().hex[:8]}"

    def claim(self) -> bool:
        """Take the office if it is free, keep it if it is ours; return whether it is ours now."""
        now = self.clock()
        with Writing(self.engine) as to:
            return to.change(CLAIM, self.name, self.holder, now + self.seconds, now) == 1

    def release(self) -> None:
        """Give the office up, so that the next one need not wait for it to expire."""
        with Writing(self.engine) as to:
            to.change(RELEASE, self.name, self.holder)
