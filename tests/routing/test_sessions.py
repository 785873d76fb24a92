import pytest

from tests.routing.scenes import Clock
from tests.routing.scripted import ask
from wallas.routing import sessions
from wallas.routing.sessions import SESSION_SECONDS, Sessions, session_key
from wallas.types.chat import Message, Text


def test_a_long_beginning_is_worth_the_seconds_its_cache_saves():
    met = Sessions(Clock())
    met.remember("s", "a/m", 6000, credential="k1")
    assert met.bonus("s", 9000) == ("a/m", pytest.approx(4.0), "k1")
    assert met.bonus("s", 3000) == ("a/m", pytest.approx(2.0), "k1")
    assert met.bonus("s", 1_000_000) == ("a/m", pytest.approx(4.0), "k1")


def test_a_short_or_unknown_or_old_session_is_worth_nothing():
    clock = Clock()
    met = Sessions(clock)
    met.remember("s", "a/m", 100)
    assert met.bonus("s", 100) is None and met.bonus("t", 9000) is None
    met.remember("s", "a/m", 9000)
    clock.now += SESSION_SECONDS + 1
    assert met.bonus("s", 9000) is None


def test_the_oldest_session_is_forgotten_first(monkeypatch):
    monkeypatch.setattr(sessions, "SESSIONS_MOST", 2)
    met = Sessions(Clock())
    for name in "abc":
        met.remember(name, "m", 9000)
    assert [met.bonus(name, 9000) is not None for name in "abc"] == [False, True, True]


def test_a_conversation_keeps_its_key_as_it_grows():
    request = ask("Tell me a tale")
    more = (*request.messages, Message(role="assistant", parts=(Text(text="Once"),)), *ask("go on").messages)
    assert session_key(request, None) == session_key(ask(messages=more), None)
    assert session_key(request, None) != session_key(ask("Another tale"), None)
    assert session_key(request, None) != session_key(ask("Tell me a tale", user="u1"), None)


def test_a_name_for_the_session_comes_first():
    cached = ask(extra={"openai_chat": {"prompt_cache_key": "k"}})
    assert session_key(cached, "mine") == "named:mine"
    assert session_key(cached, None) == "cache:k"
