"""Which model a conversation met last, as all workers share it for ten minutes."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Engine

from wallas.models import SESSIONS
from wallas.storage.plain import Writing, ask
from wallas.storage.rows import fitted

MOST = 5000


class SessionChange(NamedTuple):
    """A conversation's print, who gave its last answer with which key, the tokens that model read, and when."""

    id: str
    model: str
    tokens: int
    key_id: str
    updated_at: float


SAVE = """
INSERT INTO sessions (id, model, tokens, key_id, updated_at) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
    model = excluded.model, tokens = excluded.tokens, key_id = excluded.key_id, updated_at = excluded.updated_at
WHERE excluded.updated_at >= sessions.updated_at
"""
LOAD = f"""
SELECT id, model, tokens, key_id, updated_at FROM sessions
WHERE updated_at > ? ORDER BY updated_at DESC LIMIT {MOST}
"""


def save_sessions(to: Writing, rows: Sequence[SessionChange]) -> None:
    """Store what one worker saw, the latest word of each conversation; hand it to `Writer.put`."""
    latest = {row.id: row for row in sorted(rows, key=lambda row: row.updated_at)}
    to.change_each(SAVE, fitted(SESSIONS, [latest[id] for id in sorted(latest)]))


def load_sessions(engine: Engine, *, since: float) -> list[SessionChange]:
    """Return the conversations that went on since an instant, the latest first."""
    return [SessionChange(*row) for row in ask(engine, LOAD, since)]
