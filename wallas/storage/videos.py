"""Films that providers are making: begun by one worker, looked after by whichever lives."""

from typing import Any, NamedTuple

from sqlalchemy import Engine, delete, select, update

from wallas.models import VIDEOS
from wallas.storage.engine import ANSWER_SECONDS, reading, writing
from wallas.storage.plain import Writing
from wallas.storage.rows import add_rows

OPEN = ("queued", "in_progress")


class StoredVideo(NamedTuple):
    """One job; instants are seconds since 1970, ``request`` is canonical JSON."""

    id: str
    owner: str
    status: str
    progress: int
    asked_model: str
    request: str
    provider: str | None
    model: str | None
    key_id: str | None
    handle: str | None
    file_id: str | None
    error_code: str | None
    error: str | None
    created_at: float
    completed_at: float | None
    expires_at: float
    look_at: float


_COLUMNS = [VIDEOS.c[name] for name in StoredVideo._fields]


def add_video(engine: Engine, video: StoredVideo) -> None:
    """Commit a job: from now on it survives this process."""
    with Writing(engine, patience=ANSWER_SECONDS) as to:
        add_rows(to, VIDEOS, StoredVideo._fields, [video])


def find_video(engine: Engine, id: str, *, owner: str | None = None) -> StoredVideo | None:
    """Return a job, of this owner unless that is None."""
    query = select(*_COLUMNS).where(VIDEOS.c.id == id)
    if owner is not None:
        query = query.where(VIDEOS.c.owner == owner)
    with reading(engine) as connection:
        row = connection.execute(query).first()
    return None if row is None else StoredVideo(*row)


def list_videos(engine: Engine, *, owner: str, newest_first: bool = True, limit: int = 1000) -> list[StoredVideo]:
    """Return an owner's jobs by their age."""
    at, id = VIDEOS.c.created_at, VIDEOS.c.id
    order = (at.desc(), id.desc()) if newest_first else (at, id)
    query = select(*_COLUMNS).where(VIDEOS.c.owner == owner).order_by(*order).limit(limit)
    with reading(engine) as connection:
        return [StoredVideo(*row) for row in connection.execute(query)]


def claim_video(engine: Engine, id: str, *, now: float, until: float) -> StoredVideo | None:
    """Return an open job that is due, for its caller alone until ``until``; None when it is another's, or over."""
    due = (VIDEOS.c.id == id, VIDEOS.c.status.in_(OPEN), VIDEOS.c.look_at <= now)
    with writing(engine) as connection:
        done = connection.execute(update(VIDEOS).where(*due).values(look_at=until))
        row = connection.execute(select(*_COLUMNS).where(VIDEOS.c.id == id)).first() if done.rowcount else None
    return None if row is None else StoredVideo(*row)


def due_videos(engine: Engine, *, now: float, limit: int = 50) -> list[str]:
    """Return the ids of open jobs that nobody has looked after for too long."""
    query = select(VIDEOS.c.id).where(VIDEOS.c.status.in_(OPEN), VIDEOS.c.look_at <= now).limit(limit)
    with reading(engine) as connection:
        return [row[0] for row in connection.execute(query)]


def update_video(engine: Engine, id: str, **values: Any) -> bool:
    """Commit what became of an open job; return False if it is over already, or gone."""
    with writing(engine) as connection:
        done = connection.execute(update(VIDEOS).where(VIDEOS.c.id == id, VIDEOS.c.status.in_(OPEN)).values(**values))
    return bool(done.rowcount)


def delete_video(engine: Engine, id: str, *, owner: str) -> StoredVideo | None:
    """Forget a job; return what it was, None if its owner had none with this id."""
    mine = (VIDEOS.c.id == id, VIDEOS.c.owner == owner)
    with writing(engine, patience=ANSWER_SECONDS) as connection:
        row = connection.execute(select(*_COLUMNS).where(*mine)).first()
        if row is not None:
            connection.execute(delete(VIDEOS).where(VIDEOS.c.id == id))
    return None if row is None else StoredVideo(*row)
