"""A file that could not be written to for a while: what was opened meanwhile does not stay as it was opened."""

import subprocess

import pytest

from wallas.storage.engine import open_database, reading, writing
from wallas.storage.migrate import upgrade
from wallas.storage.plain import Writing, ask


@pytest.fixture
def file(tmp_path):
    """Yield the path of a migrated database that may be made unchangeable, and is not when the test is over."""
    path = tmp_path / "wallas.sqlite"
    upgrade(f"sqlite:///{path}")
    if subprocess.run(["chattr", "+i", str(path)], capture_output=True, check=False).returncode:
        pytest.skip("chattr +i, which also binds root, needs root and a file system that knows it")
    subprocess.run(["chattr", "-i", str(path)], check=True)
    yield path
    subprocess.run(["chattr", "-i", str(path)], check=True)


def test_a_connection_that_was_opened_to_read_only_is_not_used_again(file):
    engine = open_database(f"sqlite:///{file}")
    with engine.connect():  # so that there is a log to read
        subprocess.run(["chattr", "+i", str(file)], check=True)
        with reading(engine) as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM leases").scalar() == 0
        assert ask(engine, "SELECT count(*) FROM leases") == [(0,)]
        subprocess.run(["chattr", "-i", str(file)], check=True)
        for name in ("a", "b"):
            with writing(engine) as connection:
                connection.exec_driver_sql(f"INSERT INTO leases (name, holder, expires_at) VALUES ('{name}', 'x', 0)")
        with Writing(engine) as database:
            database.change("INSERT INTO leases (name, holder, expires_at) VALUES (?, 'x', 0)", "c")
    assert ask(engine, "SELECT count(*) FROM leases") == [(3,)]
    engine.dispose()
