"""Requests and attempts as rows, which tests write with the columns that they care for."""

from collections.abc import Mapping, Sequence
from typing import Any

from wallas.storage import requests as stored
from wallas.storage.plain import Writing

REQUEST: Mapping[str, Any] = {
    "request_id": "r1", "started_at": 1000.5, "ms": 12.5, "wire": "openai", "operation": "chat", "stream": True,
    "asked_model": "auto", "outcome": "ok", "status": 200, "attempts": 1, "estimated": False,
}  # fmt: skip
ATTEMPT: Mapping[str, Any] = {
    "request_id": "r1", "number": 1, "started_at": 1000.5, "ms": 3.5, "provider": "groq", "model": "m", "key_id": "k",
    "outcome": "ok", "estimated": False,
}  # fmt: skip


def request(**other: Any) -> dict[str, Any]:
    """Return a request's row; what is not named is as in most tests, or NULL."""
    return {**REQUEST, **other}


def attempt(**other: Any) -> dict[str, Any]:
    """Return an attempt's row, as `request` does."""
    return {**ATTEMPT, **other}


def save_requests(to: Writing, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store the rows of requests."""
    stored.add_requests(to, alike(rows))


def save_attempts(to: Writing, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store the rows of attempts."""
    stored.add_attempts(to, alike(rows))


def alike(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return rows of the same names in the same order; None where one has no value."""
    names = dict.fromkeys(name for row in rows for name in row)
    return [{name: row.get(name) for name in names} for row in rows]
