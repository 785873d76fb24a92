"""What a worker hears of others, on real databases: of company at once, of strangers within half a minute."""

import pytest

from tests.routing.scenes import Clock
from wallas.storage.ear import ALONE_SECONDS, ANYWAY_SECONDS, COMPANY_SECONDS, TICK_SECONDS, Ear, listens
from wallas.storage.engine import open_database, writing
from wallas.storage.quota import change_quota, leave_quota


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def other(database):
    """Yield another process's engine."""
    engine = open_database(database)
    yield engine
    engine.dispose()


@pytest.fixture
def ear(engine, clock):
    one = Ear(engine, me="me", clock=clock)
    assert one(), "what earlier runs left is news"
    yield one
    one.close()


def live(engine, name, clock):
    change_quota(engine, [], lambda found, live: [], worker=name, now=clock(), alive_until=clock() + 15)


def write(engine, name):
    with writing(engine) as connection:
        connection.exec_driver_sql(f"INSERT INTO leases (name, holder, expires_at) VALUES ('{name}', 'x', 0)")


def test_nothing_is_news_where_nothing_happened(ear, clock):
    assert not ear()
    clock.now += 3
    assert not ear() and ear.alone() and listens(ear) == ALONE_SECONDS


def test_own_writes_are_no_news_but_for_once_in_a_while(ear, engine, clock):
    for second in range(int(ANYWAY_SECONDS) - 1):
        write(engine, f"a{second}")
        live(engine, "me", clock)
        clock.now += 1
        assert not ear()
    write(engine, "b")
    clock.now += 1
    assert ear(), "somebody else may have written meanwhile"
    assert not ear()


def test_company_is_heard_at_every_change_and_for_a_while_behind_its_end(ear, engine, other, clock):
    live(other, "you", clock)
    assert ear() and not ear.alone() and listens(ear) == TICK_SECONDS
    write(engine, "mine")
    assert ear(), "whose change it is cannot be told while others live"
    leave_quota(other, "you", now=clock())
    clock.now += COMPANY_SECONDS - 1
    write(engine, "mine too")
    assert ear(), "the last words of one who left"
    clock.now += COMPANY_SECONDS
    write(engine, "alone now")
    assert not ear() and ear.alone()


def test_dead_company_is_none(ear, other, clock):
    live(other, "you", clock)
    clock.now += 16
    ear()
    assert ear.alone()


@pytest.mark.parametrize("empty_database", ["sqlite"], indirect=True)
def test_what_nobody_here_wrote_is_news_at_once(ear, engine, other, clock):
    write(engine, "mine")
    assert not ear()
    write(other, "by hand")
    assert ear() and ear.alone() and not ear()


def test_a_question_that_fails_is_news(ear, engine, other, clock):
    """So whoever reads then finds out what is wrong."""
    with writing(other) as connection:
        connection.exec_driver_sql("DROP TABLE leases")
    assert ear() and ear()
