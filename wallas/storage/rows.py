"""Makes values fit their columns, and adds rows: what is too long is cut, what PostgreSQL cannot hold is taken out.

A client chooses its model's name and its request id: neither ten kilobytes nor a NUL in them may cost the row.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

from sqlalchemy import Boolean, String, Table

from wallas.storage.plain import Writing

SIZES = (32, 16, 8, 4, 2, 1)
"""How many rows one statement inserts: few enough sizes for the driver to keep each as SQLite has compiled it."""


def add_rows(to: Writing, table: Table, names: tuple[str, ...], rows: Sequence[Iterable[Any]]) -> None:
    """Insert rows of values in the order of ``names``, their texts fitted; there must be one row at least.

    Three things cost more on SQLite than all that it does itself: every statement lets go of the interpreter and
    waits for it again; a None or a bool is adapted, half a microsecond each; and whatever is done row by row. So
    columns without a value are left out, truth is a number, and a statement takes many rows, one behind the other.
    """
    columns = list(zip(*rows, strict=True))
    kept = [n for n, column in enumerate(columns) if column[0] is not None or column.count(None) < len(column)]
    names = tuple([names[n] for n in kept])
    shape = _shape(table, names)
    values = list(chain.from_iterable(zip(*shape.fit([columns[n] for n in kept], numbers=to.sqlite), strict=True)))
    begin, left = 0, len(rows)
    for size in SIZES:
        width = size * len(names)
        while left >= size:
            to.change(_insert(table.name, names, size), *values[begin : begin + width])
            begin, left = begin + width, left - size


def fitted(table: Table, rows: Sequence[Any]) -> list[Any]:
    """Return rows, named tuples of one type and one at least, whose texts fit the columns that are named alike."""
    shape = _shape(table, rows[0]._fields)
    return list(zip(*shape.fit(list(zip(*rows, strict=True))), strict=True))


def text(value: str, length: int | None = None) -> str:
    """Return ``value`` without NUL and lone surrogates, cut to ``length`` characters."""
    if not value.isascii() or "\0" in value:
        value = value.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
    return value[:length]


class _Shape:
    """Which columns of some rows are texts, with the length of each, and which are truths."""

    def __init__(self, table: Table, names: Sequence[str]) -> None:
        kinds = [(n, table.columns[name].type) for n, name in enumerate(names) if name in table.columns]
        self.texts = [(n, kind.length) for n, kind in kinds if isinstance(kind, String)]
        self.truths = [n for n, kind in kinds if isinstance(kind, Boolean)]

    def fit(self, columns: list[Iterable[Any]], *, numbers: bool = False) -> list[Iterable[Any]]:
        """Return columns as the table can hold them; with ``numbers`` truth is 1 or 0."""
        whole = "".join(filter(None, chain.from_iterable([columns[n] for n, _ in self.texts])))
        plain = whole.isascii() and "\0" not in whole
        for n, most in self.texts:
            if not plain or (most is not None and max(map(len, filter(None, columns[n])), default=0) > most):
                columns[n] = [value if value is None else text(value, most) for value in columns[n]]
        if numbers:
            for n in self.truths:
                columns[n] = map(int, columns[n])
        return columns


@lru_cache(maxsize=512)
def _shape(table: Table, names: tuple[str, ...]) -> _Shape:
    return _Shape(table, names)


@lru_cache(maxsize=512)
def _insert(table: str, names: tuple[str, ...], size: int) -> str:
    row = f"({', '.join('?' * len(names))})"
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES {', '.join([row] * size)}"
