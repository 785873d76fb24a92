"""Speaks to either database in plain SQL, its driver beneath: for what is asked and written all day long.

SQLAlchemy's own way costs a hundred calls and more for each statement, several times what SQLite does for it, and a
thread that woke up a moment ago finds none of that code in a cache. Its pool and its errors stay: a connection comes
from the one and goes back to it, and whatever a driver raises is raised as one of the others. In a statement `?`
stands for a value.
"""

from collections.abc import Sequence
from functools import lru_cache
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from wallas.storage.engine import committed, wait_for_locks
from wallas.storage.file import BUSY_SECONDS
from wallas.waits import may_wait


def ask(engine: Engine, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """Return the rows that answer one question; it keeps no writer waiting."""
    with Asking(engine) as database:
        return database.ask(sql, *values)


class Asking:
    """A connection in use, for a `with`. SQLite sees each question by itself, not all of them as of one instant."""

    def __init__(self, engine: Engine) -> None:
        """Take nothing yet."""
        self.engine = engine
        self.sqlite = engine.dialect.name == "sqlite"
        self.kept = False
        """Whether the connection stays here between uses, until ``release`` or an error."""
        self._lent: Any = None
        self._connection: Any = None
        self._cursor: Any = None

    def __enter__(self) -> Self:
        """Take a connection out of the pool; raise NotNow in the thread that must not wait."""
        may_wait()
        try:
            if self._lent is None:
                self._lent = self.engine.raw_connection()
                self._connection = self._lent.dbapi_connection
                self._cursor = self._connection.cursor()
            self._begin()
        except BaseException as error:
            self._fail(error)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Bring it to its end and give the connection back; raise what a driver raised as SQLAlchemy's error."""
        if error is not None:
            self._fail(error)
            return
        try:
            self._end()
        except BaseException as wrong:
            self._fail(wrong)
            raise
        if not self.kept:
            self.release()

    def release(self) -> None:
        """Give the connection back, which takes back what was not committed."""
        lent, self._lent = self._lent, None
        if lent is not None:
            lent.close()

    def ask(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return the rows that answer a question."""
        rows: list[tuple[Any, ...]] = self._cursor.execute(self._said(sql), values).fetchall()
        return rows

    def _said(self, sql: str) -> str:
        return sql if self.sqlite else _with_percent(sql)

    def _begin(self) -> None:
        """Begin nothing: a question needs no transaction of its own."""

    def _end(self) -> None:
        """Leave it to the pool to end what a driver has begun by itself."""

    def _fail(self, error: BaseException) -> None:
        """Give the connection back, which takes back what was done, and raise a driver's error as SQLAlchemy's."""
        dialect = self.engine.dialect
        fault: Any = dialect.loaded_dbapi.Error
        if self._lent and isinstance(error, fault) and dialect.is_disconnect(error, self._connection, self._cursor):
            self._lent.invalidate(error)
            self._lent = None
        self.release()
        if isinstance(error, fault):
            raise DBAPIError.instance(None, None, error, fault, dialect=dialect) from error


class Writing(Asking):
    """A transaction that may write, committed at the end of a `with`; of an error in it nothing is left.

    It waits ``patience`` seconds for locks, and on SQLite begins IMMEDIATE, as `engine.writing` does and says why.
    """

    def __init__(self, engine: Engine, *, patience: float = BUSY_SECONDS, keep: bool = False) -> None:
        """Begin nothing yet; with ``keep`` it is for one thread, again and again.

        Then SQLite's connection stays here. PostgreSQL's does not: the pool looks whether it still lives.
        """
        super().__init__(engine)
        self.patience = patience
        self.kept = keep and self.sqlite

    def change(self, sql: str, *values: Any) -> int:
        """Execute a statement; return how many rows it changed."""
        return int(self._cursor.execute(self._said(sql), values).rowcount)

    def change_each(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Execute a statement once with the values of each row."""
        self._cursor.executemany(self._said(sql), rows)

    def _begin(self) -> None:
        if self.sqlite:
            wait_for_locks(self._connection, self._lent.info, self.patience)
            self._cursor.execute("BEGIN IMMEDIATE")
        else:
            self._cursor.execute(f"SET LOCAL lock_timeout = {self.patience * 1000:.0f}")

    def _end(self) -> None:
        self._connection.commit()
        committed(self.engine)


@lru_cache(maxsize=256)
def _with_percent(sql: str) -> str:
    return sql.replace("%", "%%").replace("?", "%s")
