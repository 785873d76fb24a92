"""What tests of several folders share: a database of each kind, fresh for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from wallas.storage.engine import open_database
from wallas.storage.migrate import upgrade


@pytest.fixture(scope="session")
def postgres() -> Iterator[object]:
    """Yield a PostgreSQL server, started when the first test asks; missing programs fail the test."""
    from tests.postgres import running

    with running() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the address of an empty database, once for each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'wallas.sqlite'}"
    return request.getfixturevalue("postgres").new()


@pytest.fixture
def database(empty_database: str) -> str:
    """Return the address of a migrated database without rows, once for each kind."""
    upgrade(empty_database)
    return empty_database


@pytest.fixture
def engine(database: str) -> Iterator[object]:
    """Yield an engine on a migrated database, once for each kind."""
    engine = open_database(database)
    yield engine
    engine.dispose()
