"""Requests and attempts as rows, which tests write one by one and the record takes by columns."""

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
    stored.add_requests(to, [[row.get(name) for name in stored.REQUEST] for row in rows])


def save_attempts(to: Writing, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store the rows of attempts."""
    stored.add_attempts(to, [[row.get(name) for name in stored.ATTEMPT] for row in rows])
