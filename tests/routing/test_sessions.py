import pytest

from tests.routing.scenes import Clock
from tests.routing.scripted import ask
from wallas.routing import sessions
from wallas.routing.sessions import CACHE_SECONDS, LONG, SESSION_SECONDS, TOOL_SECONDS, Sessions, session_key
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


def test_agents_that_were_given_calls_are_expected_back_for_a_moment():
    clock = Clock()
    met = Sessions(clock)
    for name in "ab":
        met.remember(name, "a/m", 9000, calls=True)
    met.remember("c", "a/m", 9000)
    assert (met.expected("a/m"), met.expected("a/n")) == (2, 0)
    met.remember("a", "a/n", 9000, calls=True)
    assert (met.expected("a/m"), met.expected("a/n")) == (1, 1), "it went elsewhere"
    met.remember("b", "a/m", 9000)
    assert met.expected("a/m") == 0, "it has its answer"
    clock.now += TOOL_SECONDS
    assert met.expected("a/n") == 0, "it is not coming"


def test_agents_that_never_come_back_take_no_room(monkeypatch):
    monkeypatch.setattr(sessions, "DUE_MOST", 3)
    clock = Clock()
    met = Sessions(clock)
    for number in range(50):
        met.remember(str(number), "a/m", 9000, calls=True)
        clock.now += TOOL_SECONDS
    assert len(met.due["a/m"]) <= 3


def test_the_same_model_and_key_within_minutes_may_have_the_beginning_still():
    clock = Clock()
    met = Sessions(clock)
    met.remember("s", "a/m", 9000, credential="k1")
    assert met.again("s", "a/m", credential="k1")
    assert not met.again("s", "a/m", credential="k2") and not met.again("s", "a/n", credential="k1")
    clock.now += CACHE_SECONDS
    assert not met.again("s", "a/m", credential="k1")


def test_a_conversation_keeps_its_key_as_it_grows():
    request = ask("Tell me a tale")
    more = (*request.messages, Message(role="assistant", parts=(Text(text="Once"),)), *ask("go on").messages)
    assert session_key(request, None) == session_key(ask(messages=more), None)
    assert session_key(request, None) != session_key(ask("Another tale"), None)
    assert session_key(request, None) != session_key(ask("Tell me a tale", user="u1"), None)


def test_a_long_opening_is_told_by_its_ends_and_its_length():
    opening = "word " * 20_000
    again = ask(messages=(*ask(opening).messages, *ask("go on").messages))
    assert session_key(ask(opening), None) == session_key(again, None)
    for other in (opening + "x", "x" + opening[1:], opening[:-1] + "x", opening[:LONG]):
        assert session_key(ask(opening), None) != session_key(ask(other), None)


def test_a_name_for_the_session_comes_first():
    cached = ask(extra={"openai_chat": {"prompt_cache_key": "k"}})
    assert session_key(cached, "mine") == "named:mine"
    assert session_key(cached, None) == "cache:k"


def test_the_others_are_told_once_where_each_conversation_was_last():
    met = Sessions(Clock())
    for name, model in [("a", "one"), ("b", "one"), ("judge:c", "one"), ("a", "two")]:
        met.remember(name, model, 9000)
    assert [(name, one.model) for name, one in met.drain()] == [("b", "one"), ("a", "two")]
    met.remember("b", "three", 9000)
    assert [name for name, _ in met.drain()] == ["b"] and met.drain() == []
