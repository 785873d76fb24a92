"""Several answers where providers give one at a time: each with its own failover, all in one answer and one record."""

import itertools

import pytest

from tests.fakes import hang_up, pause, say, status, think, usage
from tests.routing.arena import arena, events

PATH = "/v1/chat/completions"
ASKED = {"model": "auto", "n": 3, "messages": [{"role": "user", "content": "Name a colour."}]}
COLOURS = ["Green, like the leaves.", "Blue, like the sea.", "Red, like a lamp."]


@pytest.fixture
def two(tmp_path):
    with arena(tmp_path, count=2) as found:
        for name in ("a", "b"):
            found.service.router.desk.single.add(f"{name}/m")
        yield found


def said(answer):
    return [choice["message"]["content"] for choice in answer.json["choices"]]


def settled(arena):
    desk = arena.service.router.desk
    arena.rows("select 1")
    return desk.ledger.open == 0


def test_each_is_asked_for_by_itself_and_usage_is_that_of_all(two):
    a, b = two.providers
    for words in COLOURS:
        a.will(usage(10, 4), say(words))
    answer = two.post(PATH, ASKED)
    assert answer.status_code == 200 and sorted(said(answer)) == sorted(COLOURS)
    assert [choice["index"] for choice in answer.json["choices"]] == [0, 1, 2]
    assert [choice["finish_reason"] for choice in answer.json["choices"]] == ["stop"] * 3
    spent = answer.json["usage"]
    assert (spent["prompt_tokens"], spent["completion_tokens"], spent["total_tokens"]) == (30, 12, 42)
    assert all("n" not in request.json for request in a.requests) and not b.requests
    assert answer.headers["X-Wallas-Attempts"] == "3" and answer.headers["X-Wallas-Trail"].count("a/m ok") == 3
    (request,) = two.rows("select attempts, outcome, provider, operation from requests")
    assert tuple(request.values()) == (3, "ok", "a", "chat")
    assert len(two.rows("select * from attempts where outcome = 'ok'")) == 3 and settled(two)


def test_a_stream_shows_them_as_they_come_and_ends_them_together(two):
    a, _ = two.providers
    a.will(usage(10, 4), say(COLOURS[0], gap=0.01))
    a.will(usage(10, 4), say(COLOURS[1], gap=0.01))
    a.will(usage(10, 4), think("Hm."), say(COLOURS[2], gap=0.01))
    answer = two.post(PATH, ASKED | {"stream": True, "stream_options": {"include_usage": True}})
    told = [value for _, value in events(answer.data)]
    assert told[-1] == "[DONE]" and told[-2]["usage"]["prompt_tokens"] == 30
    words, ended, order = ["", "", ""], [], []
    for chunk in told[:-1]:
        for choice in chunk["choices"]:
            words[choice["index"]] += choice["delta"].get("content") or ""
            order.append(choice["index"])
            ended += [choice["index"]] if choice["finish_reason"] else []
    assert sorted(words) == sorted(COLOURS) and ended == [0, 1, 2]
    assert sum(one != other for one, other in itertools.pairwise(order)) > 4
    assert {chunk["id"] for chunk in told[:-1]} == {told[0]["id"]}


@pytest.mark.parametrize("stream", [True, False])
def test_one_that_fails_is_had_elsewhere(two, stream):
    a, b = two.providers
    a.will(say(COLOURS[0]))
    a.will(status(500))
    a.will(say("Red, like a lamp that burns all", finish=None), hang_up)
    b.will(say(COLOURS[1]))
    b.will(say("x" * 10))
    answer = two.post(PATH, ASKED | {"stream": stream, "n": 2})
    assert answer.status_code == 200
    if stream:
        assert b'"error"' not in answer.data and answer.data.endswith(b"data: [DONE]\n\n")
    else:
        assert sorted(said(answer)) == sorted(COLOURS[:2])
    assert settled(two)


@pytest.mark.parametrize("stream", [True, False])
def test_one_that_nobody_can_give_is_an_error_and_never_a_shorter_answer(two, stream):
    a, b = two.providers
    a.will(say(COLOURS[0]))
    for _ in range(8):
        a.will(status(500))
        b.will(status(500))
    answer = two.post(PATH, ASKED | {"stream": stream, "n": 2})
    if stream:
        assert b'"error"' in answer.data and b"[DONE]" not in answer.data
    else:
        assert answer.status_code in (502, 503) and "choices" not in answer.json
    (request,) = two.rows("select outcome from requests")
    assert request["outcome"] != "ok" and settled(two)


def test_a_client_that_leaves_takes_all_with_it(two):
    a, _ = two.providers
    for _ in range(3):
        a.will(say("Green", finish=None), pause(30))
    answer = two.post(PATH, ASKED | {"stream": True}, buffered=False)
    next(answer.response)
    assert a.wait_until(lambda: len(a.requests) == 3)
    answer.close()
    assert a.wait_until(lambda: len(a.cancelled) == 3, 2.0)
    (request,) = two.rows("select outcome, status from requests")
    assert tuple(request.values()) == ("cancelled", 499) and settled(two)


def test_a_provider_that_leaves_answers_out_is_asked_one_by_one_from_then_on(tmp_path):
    with arena(tmp_path, count=1) as alone:
        (a,) = alone.providers
        for words in COLOURS * 2:
            a.will(say(words))
        assert sorted(said(alone.post(PATH, ASKED))) == sorted(COLOURS)
        assert [request.json.get("n") for request in a.requests] == [3, None, None]
        assert sorted(said(alone.post(PATH, ASKED))) == sorted(COLOURS)
        assert [request.json.get("n") for request in a.requests[3:]] == [None] * 3


def test_more_than_can_be_asked_for_one_by_one_is_an_honest_error(two):
    for provider in two.providers:
        for _ in range(4):
            provider.will(say(COLOURS[0]))
    answer = two.post(PATH, ASKED | {"n": 100})
    assert answer.status_code == 400 and answer.json["error"]["param"] == "n"
    assert not any(provider.requests for provider in two.providers)


def test_a_fork_may_ask_for_several_too(two):
    for provider in two.providers:
        for words in COLOURS:
            provider.will(say(words))
    answer = two.post(PATH + "/fork", ASKED | {"n": 2, "return_all": True})
    assert answer.status_code == 200
    assert all(len(one["response"]["choices"]) == 2 for one in answer.json["fork_results"])
