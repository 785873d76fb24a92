"""Shares conversations' models between workers through the database, so that a warm cache is found by any of them."""

import time

from sqlalchemy import Engine

from wallas.routing.sessions import SESSION_SECONDS, Sessions, print_of
from wallas.storage.sessions import SessionChange, load_sessions, save_sessions
from wallas.storage.writer import Writer

OVERLAP_SECONDS = 5.0
"""How late a worker's news may be committed and still be found."""


class SessionSharing:
    """Tells what is new and takes in what others told; ``step`` is called by the thread that shares health."""

    def __init__(self, sessions: Sessions, engine: Engine, writer: Writer) -> None:
        """Share these sessions."""
        self.sessions = sessions
        self.engine = engine
        self.writer = writer
        self.since = time.time() - SESSION_SECONDS

    def step(self, *, heard: bool = True) -> None:
        """Tell once, and take in where others may have told anything."""
        now, clock = time.time(), self.sessions.clock()
        for key, met in self.sessions.drain():
            change = SessionChange(print_of(key), met.model[:270], met.tokens, met.key[:32], now - (clock - met.at))
            self.writer.put(save_sessions, change)
        if not heard:
            return
        for row in load_sessions(self.engine, since=self.since):
            seconds = max(now - row.updated_at, 0.0)
            self.sessions.learn(row.id, row.model, row.tokens, credential=row.key_id, seconds=seconds)
        self.since = now - OVERLAP_SECONDS
