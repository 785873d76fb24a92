"""The model lists that providers last gave, so that a restart without network knows them at once."""

import time
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Engine, delete, func, insert, select

from wallas.models import MODEL_LISTS
from wallas.storage.engine import reading, writing
from wallas.storage.rows import text


class StoredModels(NamedTuple):
    """One provider's list: ``models`` is JSON, ``fetched_at`` seconds since 1970."""

    provider: str
    models: bytes
    fetched_at: float


def save_models(engine: Engine, provider: str, models: bytes, *, fetched_at: float | None = None) -> None:
    """Commit a provider's list in place of the one before."""
    row = {
        "provider": provider,
        "models": text(models.decode()),
        "fetched_at": time.time() if fetched_at is None else fetched_at,
    }
    with writing(engine) as connection:
        connection.execute(delete(MODEL_LISTS).where(MODEL_LISTS.c.provider == provider))
        connection.execute(insert(MODEL_LISTS), row)


PUBLIC = "public:"
"""How the name begins under which a piece of the public catalogue is kept beside the providers' own lists."""


def load_models(engine: Engine, *, since: float = 0) -> list[StoredModels]:
    """Return the lists fetched after ``since``, one row a provider."""
    query = select(MODEL_LISTS.c.provider, MODEL_LISTS.c.models, MODEL_LISTS.c.fetched_at).where(
        MODEL_LISTS.c.fetched_at > since, ~MODEL_LISTS.c.provider.startswith(PUBLIC)
    )
    return _rows(engine, query)


def load_public(engine: Engine, providers: Iterable[str]) -> list[StoredModels]:
    """Return those pieces of the public catalogue that are about these providers."""
    names = [PUBLIC + name for name in providers]
    return _rows(
        engine,
        select(MODEL_LISTS.c.provider, MODEL_LISTS.c.models, MODEL_LISTS.c.fetched_at).where(
            MODEL_LISTS.c.provider.in_(names)
        ),
    )


def public_stamp(engine: Engine) -> float:
    """Return when the public catalogue was last fetched, in seconds since 1970; 0 for never."""
    with reading(engine) as connection:
        return float(
            connection.execute(
                select(func.max(MODEL_LISTS.c.fetched_at)).where(MODEL_LISTS.c.provider.startswith(PUBLIC))
            ).scalar()
            or 0.0
        )


def save_public(engine: Engine, pieces: Mapping[str, bytes], *, fetched_at: float) -> None:
    """Commit a public catalogue, in pieces by provider, in place of the one before."""
    rows = [
        {"provider": (PUBLIC + name)[:64], "models": text(piece.decode()), "fetched_at": fetched_at}
        for name, piece in pieces.items()
    ]
    with writing(engine) as connection:
        connection.execute(delete(MODEL_LISTS).where(MODEL_LISTS.c.provider.startswith(PUBLIC)))
        connection.execute(insert(MODEL_LISTS), rows)


def _rows(engine: Engine, query: Any) -> list[StoredModels]:
    with reading(engine) as connection:
        return [StoredModels(row[0], row[1].encode(), row[2]) for row in connection.execute(query.limit(1000))]
