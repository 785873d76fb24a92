"""Fetches the public catalogue once a day, in bounds of size and time, and keeps it in the database."""

import logging
import time
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime
from urllib.parse import urlsplit

import msgspec
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from wallas.catalog.public import WHOLE, Public, joined, parts, read
from wallas.errors import FailureKind, ProviderError
from wallas.providers.http import AGENT
from wallas.storage.model_lists import load_public, public_stamp, save_public
from wallas.transport import Transport

log = logging.getLogger(__name__)

EVERY_SECONDS = 86400.0
LOOK_SECONDS = 3600.0
"""How often it is looked whether a day has passed; a catalogue that could not be had is asked for again then."""
FETCH_SECONDS = 60.0
FETCH_BYTES = 16 * 1024 * 1024


class PublicCatalogue:
    """The catalogue at one address; only the elected worker fetches it."""

    def __init__(
        self, url: str, engine: Engine, transport: Transport, *, wall: Callable[[], float] = time.time
    ) -> None:
        """Read it from ``url``, keep it in the database."""
        self.url = url
        self.engine = engine
        self.transport = transport
        self.wall = wall

    def refresh(self, providers: Collection[str]) -> bool:
        """Fetch and keep the catalogue if a day has passed; return whether there is a new one.

        One that cannot be had or believed leaves the old one as it is.
        """
        now = self.wall()
        if now - public_stamp(self.engine) < EVERY_SECONDS:
            return False
        try:
            page = msgspec.json.decode(fetched(self.transport, self.url))
            date = datetime.fromtimestamp(now, UTC).date().isoformat()
            public = read(
                page, source=urlsplit(self.url).hostname or "public catalogue", date=date, providers=providers
            )
        except (ProviderError, msgspec.DecodeError, ValueError, RecursionError) as error:
            log.info("no public catalogue: %s", str(error)[:200])
            return False
        pieces = {name: msgspec.json.encode(piece) for name, piece in parts(public).items()}
        save_public(self.engine, pieces, fetched_at=now)
        log.info("the public catalogue knows %d models", len(public.by_name))
        return True

    def stamp(self) -> float:
        """Return when the kept catalogue was fetched, in seconds since 1970; 0 where there is none."""
        try:
            return public_stamp(self.engine)
        except SQLAlchemyError as error:
            log.warning("no public catalogue, the database does not answer: %s", type(error).__name__)
            return 0.0

    def load(self, providers: Iterable[str]) -> Public | None:
        """Return what is kept of these providers and of all names; None where nothing is, or it cannot be read."""
        try:
            rows = load_public(self.engine, [*providers, WHOLE])
            return joined(msgspec.json.decode(row.models, type=Public) for row in rows)
        except (SQLAlchemyError, msgspec.DecodeError) as error:
            log.warning("no public catalogue: %s", type(error).__name__)
            return None


def fetched(transport: Transport, url: str) -> bytes:
    """Return the page at an address; raise ProviderError for anything but a 200 within the bounds."""
    until = time.monotonic() + FETCH_SECONDS
    headers = {"Accept": "application/json", "User-Agent": AGENT}
    answer = transport.send("GET", url, headers=headers)
    data = bytearray()
    try:
        while not answer.ended:
            left = until - time.monotonic()
            if left <= 0 or not answer.wait(left):
                raise ProviderError(FailureKind.TIMEOUT, f"no page within {FETCH_SECONDS:g} s")
            data += answer.read()
            if len(data) > FETCH_BYTES:
                raise ProviderError(FailureKind.TOO_LARGE, f"a page of more than {FETCH_BYTES} bytes")
        if answer.status != 200:
            raise ProviderError(FailureKind.MALFORMED, f"status {answer.status}", status=answer.status)
    finally:
        answer.release()
    return bytes(data)
