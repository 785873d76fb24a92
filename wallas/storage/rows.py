"""Makes values fit their columns: what is too long is cut, what PostgreSQL cannot hold is taken out."""

from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import Connection, String, Table, insert

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


def add_rows(connection: Connection, table: Table, rows: Sequence[Any]) -> None:
    """Insert named tuples of one kind, their texts fitted.

    SQLAlchemy's own way costs as much for each row as a good part of the answer that the row tells of, so where the
    driver takes plain tuples it gets them.
    """
    if connection.dialect.paramstyle != "qmark":
        connection.execute(insert(table), fitted(table, rows))
        return
    names = rows[0]._fields
    quoted = map(connection.dialect.identifier_preparer.quote, names)
    statement = f"INSERT INTO {table.name} ({', '.join(quoted)}) VALUES ({', '.join('?' * len(names))})"
    kinds = [table.columns[name].type for name in names]
    lengths = [(place, kind.length) for place, kind in enumerate(kinds) if isinstance(kind, String)]
    connection.exec_driver_sql(statement, [_fitted(row, lengths) for row in rows])


def _fitted(row: Any, lengths: Sequence[tuple[int, int | None]]) -> tuple[Any, ...]:
    values: list[Any] | None = None
    for place, length in lengths:
        value = row[place]
        if value is not None and (fits := text(value, length)) != value:
            values = values or list(row)
            values[place] = fits
    return tuple(values or row)


def text(value: str, length: int | None = None) -> str:
    """Return ``value`` without NUL and lone surrogates, cut to ``length`` characters."""
    if not value.isascii() or "\0" in value:
        value = value.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
    return value[:length]
