"""Which model a conversation met last, as all workers share it for ten minutes."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, Engine, bindparam, select, text

from wallas.models import SESSIONS
from wallas.storage.engine import reading
from wallas.storage.rows import fitted

MOST = 5000


class SessionChange(NamedTuple):
    """A conversation's print, who gave its last answer with which key, the tokens that model read, and when."""

    id: str
    model: str
    tokens: int
    key_id: str
    updated_at: float


SAVE = text("""
INSERT INTO sessions (id, model, tokens, key_id, updated_at) VALUES (:id, :model, :tokens, :key_id, :updated_at)
ON CONFLICT (id) DO UPDATE SET
    model = excluded.model, tokens = excluded.tokens, key_id = excluded.key_id, updated_at = excluded.updated_at
WHERE excluded.updated_at >= sessions.updated_at
""")
LOAD = (
    select(*(SESSIONS.c[name] for name in SessionChange._fields))
    .where(SESSIONS.c.updated_at > bindparam("since"))
    .order_by(SESSIONS.c.updated_at.desc())
    .limit(MOST)
)


def save_sessions(connection: Connection, rows: Sequence[SessionChange]) -> None:
    """Store what one worker saw, the latest word of each conversation; hand it to `Writer.put`."""
    latest = {row.id: row for row in sorted(rows, key=lambda row: row.updated_at)}
    connection.execute(SAVE, fitted(SESSIONS, [latest[id] for id in sorted(latest)]))


def load_sessions(engine: Engine, *, since: float) -> list[SessionChange]:
    """Return the conversations that went on since an instant, the latest first."""
    with reading(engine) as connection:
        return [SessionChange(*row) for row in connection.execute(LOAD, {"since": since})]
