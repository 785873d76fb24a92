"""The Ollama daemon on this machine: which models it has, which are loaded, and calls passed to it unread."""

import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec

from wallas.errors import ProviderError
from wallas.transport import Transport
from wallas.transport_body import Body

KNOWN_SECONDS = 5.0
MISSING_SECONDS = 5.0
LIMIT_SECONDS = 0.25


class Daemon:
    """What is known of the daemon at one address, for a few seconds each time; a missing one costs 250 ms at most."""

    def __init__(self, transport: Transport, upstream: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Ask the daemon at ``upstream`` when first needed."""
        self.transport = transport
        self.upstream = upstream.rstrip("/")
        self.clock = clock
        self.known: list[dict[str, Any]] = []
        self.until = 0.0
        self.lock = threading.Lock()

    def tags(self) -> list[dict[str, Any]]:
        """Return the daemon's models as its own ``/api/tags`` rows; none when it does not answer in time."""
        if self.clock() < self.until:
            return self.known
        with self.lock:
            if self.clock() < self.until:
                return self.known
            rows = self._get("/api/tags")
            self.known = rows or []
            self.until = self.clock() + (MISSING_SECONDS if rows is None else KNOWN_SECONDS)
            return self.known

    def loaded(self) -> list[dict[str, Any]]:
        """Return the rows of the daemon's ``/api/ps``."""
        return (self._get("/api/ps") or []) if self.tags() else []

    def has(self, name: object) -> bool:
        """Return whether a model name is one of the daemon's own, with or without ``:latest``."""
        if not isinstance(name, str) or not name:
            return False
        names = {row.get("name") for row in self.tags()}
        return name in names or f"{name}:latest" in names

    def send(self, path: str, data: bytes) -> Body:
        """Send a body to the daemon as it is; return its answer, still to be read. May block."""
        headers = {"content-type": "application/json"}
        return self.transport.send("POST", self.upstream + path, headers=headers, body=data)

    def _get(self, path: str) -> list[dict[str, Any]] | None:
        try:
            status, _, body = self.transport.fetch(
                "GET", self.upstream + path, headers={}, body=b"", timeout=LIMIT_SECONDS
            )
            value = msgspec.json.decode(body) if status == 200 else None
        except (ProviderError, msgspec.DecodeError):
            return None
        rows = value.get("models") if isinstance(value, dict) else None
        return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else None
