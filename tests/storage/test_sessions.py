"""What workers tell each other of conversations, over one database."""

import pytest

from tests.routing.scenes import Clock
from wallas.routing.sessions import SESSION_SECONDS, Sessions, print_of
from wallas.sharing_sessions import SessionSharing
from wallas.storage.engine import reading
from wallas.storage.sessions import load_sessions
from wallas.storage.writer import Writer


@pytest.fixture
def workers(engine):
    """Yield two workers' sessions and a function that lets both tell and hear."""
    writer = Writer(engine)
    sharings = [SessionSharing(Sessions(Clock()), engine, writer) for _ in range(2)]

    def talk():
        for one in (*sharings, *sharings):
            one.step()
            writer.flush()

    yield sharings[0].sessions, sharings[1].sessions, talk
    writer.close()


def test_a_second_worker_knows_a_conversations_model(workers):
    here, there, talk = workers
    here.remember("named:mine", "groq/llama", 9000)
    assert there.bonus("named:mine", 9000) is None
    talk()
    assert (
        there.bonus("named:mine", 9000) == here.bonus("named:mine", 9000) and there.bonus("named:other", 9000) is None
    )


def test_the_latest_word_holds_wherever_it_was_said(workers):
    here, there, talk = workers
    here.remember("k", "groq/llama", 9000)
    talk()
    for one in (here, there):
        one.clock.now += 60  # the wall goes on too, as long as writing takes
    there.remember("k", "gemini/flash", 9000)
    talk()
    assert here.bonus("k", 9000).model == there.bonus("k", 9000).model == "gemini/flash"
    for one in (here, there):
        one.clock.now += 60  # the wall goes on too, as long as writing takes
    here.remember("k", "groq/llama", 9000)
    assert here.bonus("k", 9000).model == "groq/llama"


def test_what_was_told_is_forgotten_after_ten_minutes(workers):
    here, there, talk = workers
    here.remember("k", "groq/llama", 9000)
    talk()
    there.clock.now += SESSION_SECONDS + 5
    assert there.bonus("k", 9000) is None


def test_only_a_print_of_the_name_is_stored_and_nothing_of_a_fork(workers, engine):
    here, _, talk = workers
    here.remember("named:my secret name", "groq/llama", 9000)
    here.remember("fork:r1", "groq/llama", 9000)
    talk()
    (row,) = load_sessions(engine, since=0)
    assert row.id == print_of("named:my secret name") and "secret" not in row.id
    with reading(engine) as connection:
        assert connection.exec_driver_sql("select count(*) from sessions").scalar() == 1
