"""Makes values fit their columns: what is too long is cut, what PostgreSQL cannot hold is taken out."""

from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import String, Table

from wallas.models import Base


def table_of(row: type[Base]) -> Table:
    """Return the table of a row class."""
    return cast(Table, row.__table__)


def fitted(table: Table, rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Return named tuples as dictionaries whose texts fit ``table``.

    A client chooses its model's name and its request id: neither ten kilobytes nor
    a NUL in them may cost the row.
    """
    lengths = {column.name: column.type.length for column in table.columns if isinstance(column.type, String)}
    dicts: list[dict[str, Any]] = [row._asdict() for row in rows]
    for row in dicts:
        for name, length in lengths.items():
            value = row.get(name)
            if value is not None:
                row[name] = text(value, length)
    return dicts


def text(value: str, length: int | None = None) -> str:
    """Return ``value`` without NUL and lone surrogates, cut to ``length`` characters."""
    if not value.isascii() or "\0" in value:
        value = value.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
    return value[:length]
