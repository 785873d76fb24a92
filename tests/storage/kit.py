"""Requests and attempts as rows, which tests write one by one and the record takes by columns."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from wallas.storage.requests import Attempts, Requests, add_attempts, add_requests

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


def save_requests(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store the rows of requests."""
    add_requests(connection, Requests(**{name: [row.get(name) for row in rows] for name in Requests._fields}))


def save_attempts(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store the rows of attempts."""
    add_attempts(connection, Attempts(**{name: [row.get(name) for row in rows] for name in Attempts._fields}))
