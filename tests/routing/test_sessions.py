import pytest

from tests.routing.scenes import Clock, Scene, provider, streamed, text
from tests.routing.scripted import ask
from wallas.routing import sessions
from wallas.routing.sessions import (
    CACHE_SECONDS,
    LONG,
    SESSION_SECONDS,
    SESSION_TOKENS,
    TOOL_SECONDS,
    Sessions,
    session_key,
)
from wallas.types.chat import Message, Text, Usage


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


@pytest.mark.parametrize(("tokens", "kept"), [(SESSION_TOKENS - 1, False), (SESSION_TOKENS, True)])
def test_a_conversation_is_remembered_once_a_cache_may_keep_its_beginning(tokens, kept):
    scene = Scene(ask("Tell me a tale"), provider("one", streamed(text(usage=Usage(input=tokens, output=5)))))
    scene.play()
    assert list(scene.desk.sessions.met) == [session_key(ask("Tell me a tale"), None)] * kept


def test_a_conversation_that_others_wait_for_is_met_again_however_short_it_is():
    scene = Scene(ask(), provider("one", streamed(text())), session="s")
    scene.desk.sessions.remember("s", "other/m", 9000, calls=True)
    scene.play()
    assert scene.desk.sessions.expected("other/m") == 0


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
