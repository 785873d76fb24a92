"""What is known of the files in `instance/media/`: whose they are, what they are, until when they are kept."""

import time
from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import ColumnElement, Engine, and_, delete, func, or_, select

from wallas.models import FILES
from wallas.storage.engine import ANSWER_SECONDS, reading, writing
from wallas.storage.plain import Writing
from wallas.storage.rows import add_rows

CLOSE = 500


class StoredFile(NamedTuple):
    """One file; instants are seconds since 1970, ``expires_at`` None: never."""

    id: str
    kind: str
    owner: str
    purpose: str
    filename: str
    mime: str
    bytes: int
    sha256: str
    created_at: float
    expires_at: float | None


_COLUMNS = [FILES.c[name] for name in StoredFile._fields]


def add_file(engine: Engine, file: StoredFile) -> None:
    """Commit a file's row."""
    with Writing(engine, patience=ANSWER_SECONDS) as to:
        add_rows(to, FILES, StoredFile._fields, [file])


def find_file(
    engine: Engine, id: str, *, kind: str, owner: str | None = None, now: float | None = None
) -> StoredFile | None:
    """Return a file that has not expired, of this owner unless that is None; else None."""
    query = select(*_COLUMNS).where(FILES.c.id == id, FILES.c.kind == kind, _alive(now))
    if owner is not None:
        query = query.where(FILES.c.owner == owner)
    with reading(engine) as connection:
        row = connection.execute(query).first()
    return None if row is None else StoredFile(*row)


def list_files(
    engine: Engine,
    *,
    owner: str,
    purpose: str | None = None,
    newest_first: bool = True,
    after: StoredFile | None = None,
    limit: int = 10_000,
    now: float | None = None,
) -> list[StoredFile]:
    """Return an owner's uploaded files by their age, those behind ``after`` only."""
    query = select(*_COLUMNS).where(FILES.c.owner == owner, FILES.c.kind == "file", _alive(now))
    if purpose is not None:
        query = query.where(FILES.c.purpose == purpose)
    if after is not None:
        query = query.where(_behind(after, newest_first))
    at, id = FILES.c.created_at, FILES.c.id
    order = (at.desc(), id.desc()) if newest_first else (at, id)
    with reading(engine) as connection:
        return [StoredFile(*row) for row in connection.execute(query.order_by(*order).limit(limit))]


def delete_file(engine: Engine, id: str, *, owner: str, kind: str = "file") -> StoredFile | None:
    """Delete a file's row; return what it was, None if its owner had none."""
    mine = select(*_COLUMNS).where(FILES.c.id == id, FILES.c.owner == owner, FILES.c.kind == kind)
    with writing(engine, patience=ANSWER_SECONDS) as connection:
        row = connection.execute(mine).first()
        if row is not None:
            connection.execute(delete(FILES).where(FILES.c.id == id))
    return None if row is None else StoredFile(*row)


def used_bytes(engine: Engine, *, owner: str | None = None, now: float | None = None) -> int:
    """Return how many bytes the files of an owner have, or all files."""
    query = select(func.coalesce(func.sum(FILES.c.bytes), 0)).where(_alive(now))
    if owner is not None:
        query = query.where(FILES.c.owner == owner)
    with reading(engine) as connection:
        return int(connection.execute(query).scalar_one())


def named_hashes(engine: Engine, hashes: Iterable[str]) -> set[str]:
    """Return those of ``hashes`` that some file, expired or not, still has."""
    wanted = list(hashes)
    found: set[str] = set()
    with reading(engine) as connection:
        for start in range(0, len(wanted), CLOSE):
            part = select(FILES.c.sha256).where(FILES.c.sha256.in_(wanted[start : start + CLOSE]))
            found |= {row[0] for row in connection.execute(part)}
    return found


def _alive(now: float | None) -> ColumnElement[bool]:
    return or_(FILES.c.expires_at.is_(None), FILES.c.expires_at > (time.time() if now is None else now))


def _behind(file: StoredFile, newest_first: bool) -> ColumnElement[bool]:
    at, id = FILES.c.created_at, FILES.c.id
    same = and_(at == file.created_at, id < file.id if newest_first else id > file.id)
    return or_(at < file.created_at if newest_first else at > file.created_at, same)
