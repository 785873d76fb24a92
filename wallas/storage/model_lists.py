"""The model lists that providers last gave, so that a restart without network knows them at once."""

import time
from typing import NamedTuple

from sqlalchemy import Engine, delete, insert, select

from wallas.models import ModelListRow
from wallas.storage.engine import reading, writing
from wallas.storage.rows import table_of, text


class StoredModels(NamedTuple):
    """One provider's list: ``models`` is JSON, ``fetched_at`` seconds since 1970."""

    provider: str
    models: bytes
    fetched_at: float


def save_models(engine: Engine, provider: str, models: bytes, *, fetched_at: float | None = None) -> None:
    """Commit a provider's list in place of the one before."""
    table = table_of(ModelListRow)
    row = {
        "provider": provider,
        "models": text(models.decode()),
        "fetched_at": time.time() if fetched_at is None else fetched_at,
    }
    with writing(engine) as connection:
        connection.execute(delete(ModelListRow).where(table.c.provider == provider))
        connection.execute(insert(ModelListRow), row)


def load_models(engine: Engine, *, since: float = 0) -> list[StoredModels]:
    """Return the lists fetched after ``since``, one row a provider."""
    table = table_of(ModelListRow)
    query = select(table.c.provider, table.c.models, table.c.fetched_at).where(table.c.fetched_at > since)
    with reading(engine) as connection:
        return [StoredModels(row[0], row[1].encode(), row[2]) for row in connection.execute(query.limit(1000))]
