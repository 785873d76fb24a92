"""The same request at several providers at once, over real sockets."""

import time

import pytest

from tests.fakes import call, pause, say, status, usage
from tests.routing.arena import arena, events
from wallas.routing.fork import GRACE

HELLO = {"model": "auto", "messages": [{"role": "user", "content": "Why is the sky blue?"}]}
PATH = "/v1/chat/completions/fork"
BLUE = "Because air scatters blue light far more than red light."
RED = "It is blue for air scatters short waves more than long ones."


@pytest.fixture
def three(tmp_path):
    with arena(tmp_path) as found:
        yield found


def statuses(metadata):
    return {row["provider"]: row["status"] for row in metadata["branches"]}


def test_the_quickest_good_answer_wins_and_the_others_are_shut_down_at_once(three):
    a, b, c = three.providers
    a.will(usage(9, 12), pause(0.2), say(BLUE))
    b.will(say("It", finish=None), pause(30), say(" is"))
    c.will(pause(30))
    began = time.monotonic()
    answer = three.post(PATH, HELLO)
    assert time.monotonic() - began < GRACE and answer.status_code == 200
    body = answer.json
    assert body["object"] == "chat.completion" and body["provider"] == "a" and body["model"] == "m"
    assert body["choices"][0]["message"]["content"] == BLUE and body["choices"][0]["finish_reason"] == "stop"
    assert (body["usage"]["prompt_tokens"], body["usage"]["completion_tokens"]) == (9, 12)
    told = body["fork_metadata"]
    assert told["winner"] == "a/m" and statuses(told) == {"a": "ok", "b": "cancelled", "c": "cancelled"}
    assert told["branches"][0]["preview"] == BLUE and 0.6 < told["branches"][0]["score"] <= 1
    assert set(told["branches"][0]["parts"]) == {"substance", "latency", "quality"}
    assert answer.headers["X-Wallas-Provider"] == "a" and answer.headers["X-Wallas-Attempts"] == "3"
    assert "b/m cancelled" in answer.headers["X-Wallas-Trail"]
    for loser in (b, c):
        assert loser.wait_until(lambda loser=loser: loser.cancelled, 1.0)


def test_every_branch_is_settled_and_all_make_one_record_without_blame(three):
    a, b, c = three.providers
    a.will(usage(9, 12), pause(0.2), say(BLUE))
    b.will(say("It", finish=None), pause(30))
    c.will(status(500))
    assert three.post(PATH, HELLO).status_code == 200
    (request,) = three.rows("select * from requests")
    assert (request["operation"], request["provider"], request["attempts"]) == ("fork", "a", 3)
    assert (request["outcome"], request["status"], request["output_tokens"]) == ("ok", 200, 12)
    attempts = three.rows("select provider, outcome from attempts order by provider")
    assert [tuple(row.values()) for row in attempts] == [("a", "ok"), ("b", "cancelled"), ("c", "server")]
    ledger = three.service.router.desk.ledger
    assert ledger.open == 0 and sorted(place[0] for place in ledger.settled) == ["a", "b", "c"]
    assert {row["key"]: row["fail_count"] for row in three.client.get("/v1/stats").json["circuits"]} == {
        "a/m": 0,
        "c/m": 1,
    }


def test_an_answer_without_substance_does_not_end_it(three):
    a, b, c = three.providers
    a.will(say("I'm sorry, but I can't help with that."))
    b.will(pause(0.3), say(BLUE))
    c.will(pause(30))
    told = three.post(PATH, HELLO).json["fork_metadata"]
    assert told["winner"] == "b/m" and statuses(told) == {"a": "ok", "b": "ok", "c": "cancelled"}
    assert told["branches"][0]["faults"] == ["refusal"]


def test_a_good_answer_waits_no_longer_than_the_grace_for_a_better_model(tmp_path):
    with arena(tmp_path, count=2, qualities=(99, 36)) as two:
        better, quick = two.providers
        better.will(pause(30))
        quick.will(say(BLUE))
        began = time.monotonic()
        told = two.post(PATH, HELLO | {"model": "standard"}).json["fork_metadata"]
        assert told["winner"] == "b/m" and GRACE * 0.9 < time.monotonic() - began < GRACE + 1


def test_a_better_model_that_comes_within_the_grace_wins(tmp_path):
    with arena(tmp_path, count=2, qualities=(99, 36)) as two:
        better, quick = two.providers
        better.will(pause(0.3), say(RED))
        quick.will(say(BLUE))
        body = two.post(PATH, HELLO | {"model": "standard"}).json
        assert body["fork_metadata"]["winner"] == "a/m" and body["choices"][0]["message"]["content"] == RED


def test_whoever_wants_all_gets_all_whole(three):
    a, b, c = three.providers
    a.will(say(BLUE))
    b.will(pause(0.2), say(RED))
    c.will(status(429))
    body = three.post(PATH, HELLO | {"return_all": True}).json
    assert statuses(body["fork_metadata"]) == {"a": "ok", "b": "ok", "c": "rate_limit"}
    found = {row["id"]: row["response"]["choices"][0]["message"]["content"] for row in body["fork_results"]}
    assert found == {"a/m": BLUE, "b/m": RED}
    assert len({row["response"]["id"] for row in body["fork_results"]}) == 2


def test_a_stream_tells_how_the_branches_fare_and_then_the_best_answer(three):
    a, b, c = three.providers
    a.will(pause(0.2), say(BLUE))
    b.will(status(500))
    c.will(pause(30))
    answer = three.post(PATH, HELLO | {"stream": True, "stream_options": {"include_usage": True}})
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    told = events(answer.data)
    branches = [(value["provider"], value["status"]) for name, value in told if name == "fork.branch"]
    assert branches[:3] == [("a", "asked"), ("b", "asked"), ("c", "asked")]
    assert branches[3] == ("b", "server") and sorted(branches[4:]) == [("a", "ok"), ("c", "cancelled")]
    (result,) = [value for name, value in told if name == "fork.result"]
    assert result["fork_metadata"]["winner"] == "a/m"
    chunks = [value for name, value in told if not name]
    assert chunks.pop() == "[DONE]" and all(chunk["object"] == "chat.completion.chunk" for chunk in chunks)
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks if chunk["choices"]]
    assert "".join(delta.get("content") or "" for delta in deltas) == BLUE
    assert chunks[-1]["usage"]["completion_tokens"] > 0


@pytest.mark.parametrize("stream", [False, True])
def test_when_all_branches_fail_each_is_named(three, stream):
    for provider in three.providers:
        provider.will(status(429, fields={"Retry-After": "30"}))
    answer = three.post(PATH, HELLO | {"stream": stream})
    if stream:
        error = events(answer.data)[-1][1]["error"]
        assert answer.status_code == 200
    else:
        error = answer.json["error"]
        assert answer.status_code == 429 and 25 <= int(answer.headers["Retry-After"]) <= 30
    assert all(f"{name}/m: rate limit" in error["message"] for name in "abc")
    (request,) = three.rows("select outcome, status, attempts from requests")
    assert tuple(request.values()) == ("rate_limit_exceeded", 429, 3)


def test_a_request_that_everybody_refuses_is_told_to_be_wrong(three):
    for provider in three.providers:
        provider.will(status(400, {"error": {"message": "messages must not be so", "param": "messages"}}))
    answer = three.post(PATH, HELLO)
    assert answer.status_code == 400 and "must not be so" in answer.json["error"]["message"]


def test_a_client_that_leaves_takes_all_branches_with_it(three):
    for provider in three.providers:
        provider.will(say("It", finish=None), pause(30))
    answer = three.post(PATH, HELLO | {"stream": True}, buffered=False)
    next(answer.response)
    assert all(provider.wait_until(lambda provider=provider: provider.requests) for provider in three.providers)
    answer.close()
    for provider in three.providers:
        assert provider.wait_until(lambda provider=provider: provider.cancelled, 1.0)
    (request,) = three.rows("select outcome, status, attempts from requests")
    assert tuple(request.values()) == ("cancelled", 499, 3)


def test_a_tool_call_is_an_answer(three):
    for provider in three.providers:
        provider.will(call("weather", '{"town":"Lima"}'))
    weather = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
    body = three.post(PATH, HELLO | {"tools": [weather]}).json
    assert body["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] == '{"town":"Lima"}'
    assert body["fork_metadata"]["branches"][0]["preview"] == 'weather({"town":"Lima"})'


@pytest.mark.parametrize(("asked", "got"), [(None, 3), (1, 1), (5, 5), (50, 5)])
def test_so_many_different_providers_are_asked(tmp_path, asked, got):
    with arena(tmp_path, count=6) as six:
        for provider in six.providers:
            provider.will(say(BLUE))
        body = six.post(PATH, HELLO | {"return_all": True} | ({"max_parallel": asked} if asked else {})).json
        assert [row["provider"] for row in body["fork_metadata"]["branches"]] == list("abcdef")[:got]
        assert [len(provider.requests) for provider in six.providers] == [1] * got + [0] * (6 - got)


@pytest.mark.parametrize(
    "field", [{"max_parallel": 0}, {"max_parallel": True}, {"max_parallel": "3"}, {"return_all": 1}]
)
def test_a_wrong_field_is_named(three, field):
    answer = three.post(PATH, HELLO | field)
    assert answer.status_code == 400 and answer.json["error"]["param"] == next(iter(field))


def test_an_unknown_model_is_refused_before_anybody_is_asked(three):
    answer = three.post(PATH, HELLO | {"model": "nobody/knows"})
    assert answer.status_code == 404 and not any(provider.requests for provider in three.providers)


def test_the_form_that_was_asked_for_counts(three):
    a, b, c = three.providers
    schema = {"type": "object", "properties": {"colour": {"type": "string"}}, "required": ["colour"]}
    a.will(say('{"color": "blue"}'))
    b.will(pause(0.2), say('{"colour": "blue"}'))
    c.will(say("blue, I would say"))
    form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    told = three.post(PATH, HELLO | {"response_format": form}).json["fork_metadata"]
    assert told["winner"] == "b/m" and statuses(told) == {"a": "unusable", "b": "ok", "c": "unusable"}
