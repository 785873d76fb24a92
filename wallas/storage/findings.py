"""Findings as all workers share them: the latest word of each, and how often it was said."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Engine

from wallas.models import FINDINGS
from wallas.storage.plain import Writing, ask
from wallas.storage.rows import fitted


class FindingChange(NamedTuple):
    """What one worker saw; ``times`` is how often since it last told, 0 that it is over. Instants are epoch seconds."""

    provider: str
    model: str
    key_id: str
    kind: str
    address: str
    status: int | None
    said: str
    began_at: float
    seen_at: float
    times: int
    updated_at: float


SAVE = """
INSERT INTO findings (provider, model, key_id, kind, address, status, said, began_at, seen_at, times, updated_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (provider, model, key_id, kind) DO UPDATE SET
    times = CASE
        WHEN excluded.times = 0 OR findings.times = 0 OR findings.address <> excluded.address THEN excluded.times
        WHEN excluded.began_at > findings.seen_at THEN findings.times + excluded.times
        ELSE findings.times END,
    address = excluded.address, status = excluded.status, said = excluded.said, began_at = excluded.began_at,
    seen_at = CASE WHEN excluded.seen_at > findings.seen_at THEN excluded.seen_at ELSE findings.seen_at END,
    updated_at = excluded.updated_at
"""
LOAD = """
SELECT provider, model, key_id, kind, address, status, said, began_at, seen_at, times, updated_at FROM findings
WHERE updated_at > ? ORDER BY updated_at DESC LIMIT 5000
"""


def save_findings(to: Writing, rows: Sequence[FindingChange]) -> None:
    """Add what one worker saw to what all have seen; hand it to `Writer.put`."""
    to.change_each(SAVE, fitted(FINDINGS, rows))


def load_findings(engine: Engine, *, since: float = 0) -> list[FindingChange]:
    """Return the findings that changed since an instant; all of them without one."""
    return [FindingChange(*row) for row in ask(engine, LOAD, since)]
