"""Makes values fit their columns: what is too long is cut, what PostgreSQL cannot hold is taken out."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

from sqlalchemy import Boolean, Connection, String, Table, insert
from sqlalchemy.types import TypeEngine

SIZES = (32, 16, 8, 4, 2, 1)
"""How many rows one statement inserts: few enough sizes for the driver to keep each as SQLite has compiled it."""


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


def add_columns(connection: Connection, table: Table, columns: Any) -> None:
    """Insert rows that are given as a named tuple of columns, their texts fitted; there must be one row at least."""
    kept = {
        name: _fitted(table.columns[name].type, column)
        for name, column in zip(columns._fields, columns, strict=True)
        if column[0] is not None or column.count(None) < len(column)
    }
    names, rows = tuple(kept), zip(*kept.values(), strict=True)
    if connection.dialect.paramstyle == "qmark":
        _insert(connection, table.name, names, list(chain.from_iterable(rows)))
    else:
        connection.execute(insert(table), [dict(zip(names, row, strict=True)) for row in rows])


def _insert(connection: Connection, table: str, names: tuple[str, ...], values: list[Any]) -> None:
    """Hand rows, one behind the other in ``values``, to SQLite's driver, many with each statement.

    Three things cost more there than all that SQLite does: every statement lets go of the interpreter and waits for
    it again; a None or a bool is adapted, half a microsecond each; and SQLAlchemy's own way, as much for each row as
    a good part of the answer that the row tells of. So columns without a value are left out, and truth is a number.
    """
    begin, width = 0, len(names)
    cursor = connection.connection.cursor()
    for size in SIZES:
        while len(values) - begin >= size * width:
            end = begin + size * width
            cursor.execute(_statement(table, names, size), values[begin:end])
            begin = end
    cursor.close()


@lru_cache(maxsize=512)
def _statement(table: str, names: tuple[str, ...], size: int) -> str:
    row = f"({', '.join('?' * len(names))})"
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES {', '.join([row] * size)}"


def _fitted(kind: TypeEngine[Any], column: Sequence[Any]) -> Iterable[Any]:
    """Return a column's values as it can hold them."""
    if isinstance(kind, Boolean):
        return map(int, column)
    if not isinstance(kind, String):
        return column
    texts = set(column) - {None}
    whole, longest = "".join(texts), max(map(len, texts))
    if whole.isascii() and "\0" not in whole and longest <= (kind.length or longest):
        return column
    return [value if value is None else text(value, kind.length) for value in column]


def text(value: str, length: int | None = None) -> str:
    """Return ``value`` without NUL and lone surrogates, cut to ``length`` characters."""
    if not value.isascii() or "\0" in value:
        value = value.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
    return value[:length]
