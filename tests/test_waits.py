"""In the thread that must not wait nothing does: it is told so at once, and another thread does the same again."""

import threading

import pytest

from tests.fakes import FakeProvider, say
from tests.routing.scenes import frames, text
from tests.routing.scripted import ScriptedBody, ScriptedProvider, ask, candidate, desk, stream_of
from wallas import waits
from wallas.quota.authority import MemoryAuthority
from wallas.quota.ledger import Ledger
from wallas.storage.engine import open_database, reading, writing
from wallas.transport import Transport
from wallas.waits import NotNow, may_wait


@pytest.fixture
def here():
    """Let nothing wait in this thread."""
    waits.never_here()
    yield
    waits.anywhere()


def elsewhere(call):
    """Return what a call returns in a thread that may wait."""
    found = []
    thread = threading.Thread(target=lambda: found.append(call()))
    thread.start()
    thread.join(5)
    return found[0]


def test_only_one_thread_is_barred(here):
    assert waits.here.barred and not elsewhere(lambda: waits.here.barred)


def test_nobody_is_dialled_and_nothing_waited_for(here):
    transport = Transport()
    with FakeProvider() as provider:
        provider.will(say("Hello."), say("Hello again."))
        url = f"{provider.url}/v1/chat/completions"

        def send():
            return transport.send("POST", url, headers={"Content-Type": "application/json"}, body=b'{"messages":[]}')

        with pytest.raises(NotNow):
            send()
        with pytest.raises(NotNow):
            transport.fetch("GET", provider.url, headers={})
        body = elsewhere(send)
        with pytest.raises(NotNow):
            body.wait(1)
        assert elsewhere(lambda: drained(body)).status == 200
        second = send()  # over the connection that is idle now
        assert second.reused
        elsewhere(lambda: drained(second))
    transport.close()


def drained(body):
    """Return a body after all of it was read."""
    while not body.ended:
        body.wait(5)
        body.read()
    body.release()
    return body


def test_the_database_is_not_asked(here, tmp_path):
    engine = open_database(f"sqlite:///{tmp_path}/x.sqlite")
    for way in (reading, writing):
        with pytest.raises(NotNow), way(engine):
            pass


def answered(provider):
    """Return (what a stream wants after its first step here, its bytes, the desk)."""
    at = desk()
    stream = stream_of(ask(), [candidate(provider)], wire="openai_chat", at=at)
    assert stream.brief
    first = stream.step()
    wanted = stream.want

    def rest():
        told = b""
        while stream.want != "end":
            told += stream.step()
        return told

    return wanted, first + elsewhere(rest), at


def test_a_call_that_needs_no_wait_is_made_with_the_first_step(here):
    body = ScriptedBody(b"".join(frames(text("Hello."), wire="openai_chat")))
    wanted, data, at = answered(ScriptedProvider("p", "openai_chat", body))
    assert wanted == "end" and b"[DONE]" in data
    assert at.ledger.open == 0 and not any(at.health.speeds.calls.values())


def test_a_call_that_has_to_wait_begins_again_in_another_thread(here):
    body = ScriptedBody(b"".join(frames(text("Hello."), wire="openai_chat")))
    provider = ScriptedProvider("p", "openai_chat", lambda request: NotNow(), body)
    wanted, data, at = answered(provider)
    assert wanted == "block" and b"[DONE]" in data
    assert at.ledger.open == 0 and not any(at.health.speeds.calls.values())
    (record,) = at.journal.records
    assert [hop.outcome for hop in record.hops] == ["ok"]


def test_elsewhere_a_stream_says_first_that_its_step_may_block():
    stream = stream_of(ask(), [candidate(ScriptedProvider("p", "openai_chat"))], wire="openai_chat")
    stream.step()
    assert stream.want == "block"
    stream.close()


class Slow(MemoryAuthority):
    """An authority behind a database."""

    def note(self, key, source, *, now):
        may_wait()
        super().note(key, source, now=now)


def test_that_two_accounts_are_one_is_stored_by_a_thread_that_may_wait(here):
    ledger = Ledger(Slow())
    ledger.merge("p", "a", "b")
    assert ledger.same == {("p", "a"): "b"} and ledger.authority.entries == {}
    elsewhere(ledger.refresh)
    assert [key.account for key in ledger.authority.entries] == ["a"]
    ledger.refresh()
    assert ledger.untold == []
