"""Responses that clients may name later (`previous_response_id`), committed before their end mark is sent."""

import time
from typing import NamedTuple

from sqlalchemy import Engine, delete, insert, select

from wallas.models import RESPONSES
from wallas.storage.engine import ANSWER_SECONDS, reading, writing


class StoredResponse(NamedTuple):
    """A response as it was stored: ``request`` and ``response`` are canonical JSON."""

    id: str
    owner: str
    created_at: float
    expires_at: float
    previous_id: str | None
    request: bytes
    response: bytes


def save_response(
    engine: Engine,
    id: str,
    *,
    request: bytes,
    response: bytes,
    expires_at: float,
    owner: str = "",
    previous_id: str | None = None,
    created_at: float | None = None,
) -> None:
    """Commit a response with the request it answered; when this returns, every worker finds it."""
    row = {
        "id": id,
        "owner": owner,
        "created_at": time.time() if created_at is None else created_at,
        "expires_at": expires_at,
        "previous_id": previous_id,
        "request": request.decode(),
        "response": response.decode(),
    }
    with writing(engine, patience=ANSWER_SECONDS) as connection:
        connection.execute(insert(RESPONSES), row)


def load_response(engine: Engine, id: str, *, owner: str = "", now: float | None = None) -> StoredResponse | None:
    """Return the response with this id if it is its owner's and has not expired, else None."""
    columns = [RESPONSES.c[name] for name in StoredResponse._fields]
    query = select(*columns).where(
        RESPONSES.c.id == id, RESPONSES.c.owner == owner, RESPONSES.c.expires_at > (time.time() if now is None else now)
    )
    with reading(engine) as connection:
        row = connection.execute(query).first()
    if row is None:
        return None
    return StoredResponse(row[0], row[1], row[2], row[3], row[4], row[5].encode(), row[6].encode())


def delete_response(engine: Engine, id: str, *, owner: str = "") -> bool:
    """Delete the response; return whether its owner had one with this id."""
    with writing(engine, patience=ANSWER_SECONDS) as connection:
        done = connection.execute(delete(RESPONSES).where(RESPONSES.c.id == id, RESPONSES.c.owner == owner))
    return bool(done.rowcount)
