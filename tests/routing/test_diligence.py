"""One task at several providers, ranked by what the caller cares for; over real sockets."""

import time

import pytest

from tests.fakes import FakeProvider, pause, say, status, usage
from tests.routing.arena import arena, events

PATH = "/v1/diligence/compare"
TASK = {"task": "Why is the sky blue?"}
BLUE = "Because air scatters blue light far more than red light."
DEAR = """
[providers.dear]
wire = "openai"
base_url = "{url}/v1"
api_key = "sk-dear"
discover = false
[[providers.dear.models]]
id = "d"
quality = 99
price = {{ input = 2.0, output = 10.0 }}
capabilities = ["chat"]
"""
SCARCE = """
[providers.scarce]
wire = "openai"
base_url = "{url}/v1"
api_key = "sk-scarce"
discover = false
free = true
[[providers.scarce.models]]
id = "s"
quality = 99
limits = {{ rpd = 20 }}
capabilities = ["chat"]
"""


@pytest.fixture
def three(tmp_path):
    with arena(tmp_path) as found:
        yield found


def order(answer):
    return [row["provider"] for row in answer.json["rankings"]]


@pytest.mark.parametrize(
    ("criteria", "canonical", "first"),
    [
        ("calidad", "calidad", "a"),
        ("quality", "calidad", "a"),
        ("velocidad", "velocidad", "c"),
        ("speed", "velocidad", "c"),
    ],
)
def test_the_criterion_decides(three, criteria, canonical, first):
    a, b, c = three.providers
    a.will(pause(0.4), usage(9, 20), say(BLUE))
    b.will(pause(0.2), usage(9, 20), say(BLUE))
    c.will(usage(9, 20), say(BLUE))
    answer = three.post(PATH, TASK | {"criteria": criteria})
    body = answer.json
    assert answer.status_code == 200 and body["object"] == "diligence.comparison"
    assert body["criteria"] == canonical and body["winner"] == f"{first}/m"
    assert order(answer) == (["a", "b", "c"] if canonical == "calidad" else ["c", "b", "a"])
    best = body["rankings"][0]
    assert best["rank"] == 1 and best["preview"] == BLUE and best["cost"] == 0.0
    assert best["tokens"] == {"input": 9, "output": 20, "estimated": False}
    assert 0 < best["first_token_ms"] <= best["latency_ms"] and 0 < best["score"] <= 1
    assert [row["score"] for row in body["rankings"]] == sorted(
        (row["score"] for row in body["rankings"]), reverse=True
    )


def test_what_costs_less_comes_first_by_cost_and_the_dear_one_by_quality(tmp_path):
    with FakeProvider() as seller, arena(tmp_path, count=1, more=DEAR.format(url=seller.url)) as two:
        found = {}
        for criteria in ("costo", "calidad"):
            seller.will(usage(1000, 1000), say(BLUE))
            two.providers[0].will(pause(0.1), usage(1000, 1000), say(BLUE))
            body = TASK | {"criteria": criteria, "max_parallel": 2, "wallas": {"cost_mode": "allow_paid"}}
            found[criteria] = two.post(PATH, body).json["rankings"]
        assert [row["provider"] for row in found["costo"]] == ["a", "dear"]
        assert [row["provider"] for row in found["calidad"]] == ["dear", "a"]
        assert found["costo"][1]["cost"] == pytest.approx(0.012) and found["costo"][1]["parts"]["money"] == 0


def test_a_scarce_quota_weighs_by_cost(tmp_path):
    with FakeProvider() as other, arena(tmp_path, count=1, more=SCARCE.format(url=other.url)) as two:
        other.will(say(BLUE))
        two.providers[0].will(pause(0.1), say(BLUE))
        rows = two.post(PATH, TASK | {"criteria": "costo", "max_parallel": 2}).json["rankings"]
        assert [(row["provider"], row["parts"]["money"]) for row in rows] == [("a", 1.0), ("scarce", 1.0)]
        assert rows[0]["parts"]["quota"] == 1 and rows[1]["parts"]["quota"] == pytest.approx(0.2857, abs=1e-3)


def test_junk_does_not_win_for_being_quick(three):
    a, b, c = three.providers
    a.will(say("I can't help with that."))
    b.will(pause(0.2), usage(9, 20), say(BLUE))
    c.will(status(500))
    answer = three.post(PATH, TASK | {"criteria": "velocidad"})
    assert order(answer) == ["b", "a", "c"]
    assert [row["status"] for row in answer.json["rankings"]] == ["ok", "ok", "server"]
    assert answer.json["rankings"][1]["faults"] == ["refusal"]
    assert answer.json["rankings"][2]["rank"] is None and answer.json["rankings"][2]["score"] is None


def test_nobody_is_cut_off_and_all_is_written(three):
    for provider, seconds in zip(three.providers, (0.0, 0.1, 0.3), strict=True):
        provider.will(pause(seconds), say(BLUE))
    began = time.monotonic()
    assert [row["status"] for row in three.post(PATH, TASK).json["rankings"]] == ["ok"] * 3
    assert time.monotonic() - began >= 0.3
    (request,) = three.rows("select operation, attempts, outcome from requests")
    assert tuple(request.values()) == ("diligence", 3, "ok")


def test_a_stream_tells_each_branch_and_then_the_rankings(three):
    for provider in three.providers:
        provider.will(say(BLUE))
    told = events(three.post(PATH, TASK | {"stream": True}).data)
    assert [name for name, _ in told].count("diligence.branch") == 6
    assert told[-2][0] == "diligence.result" and len(told[-2][1]["rankings"]) == 3 and told[-1][1] == "[DONE]"


def test_a_model_may_be_named(three):
    three.providers[1].will(say(BLUE))
    assert order(three.post(PATH, TASK | {"model": "b/m"})) == ["b"]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "task"),
        ({"task": " "}, "task"),
        ({"task": ["x"]}, "task"),
        (TASK | {"criteria": "belleza"}, "criteria"),
        (TASK | {"criteria": []}, "criteria"),
        (TASK | {"max_parallel": -1}, "max_parallel"),
        (TASK | {"messages": []}, "messages"),
        (TASK | {"judge": True, "criteria": "velocidad"}, "judge"),
        (TASK | {"judge": "yes"}, "judge"),
    ],
)
def test_a_wrong_field_is_named(three, body, param):
    answer = three.post(PATH, body)
    assert answer.status_code == 400 and answer.json["error"]["param"] == param
    assert not any(provider.requests for provider in three.providers)


ARBITER = """
[providers.arbiter]
wire = "openai"
base_url = "{url}/v1"
api_key = "sk-arbiter"
discover = false
free = true
[[providers.arbiter.models]]
id = "umpire"
quality = 1
context = 100000
capabilities = ["chat", "json_schema"]
"""
LONGER = BLUE + " Violet is scattered even more, but the sun sends less of it and our eyes see it less."


@pytest.fixture
def judged(tmp_path):
    """Yield a gateway with two who answer, and a third whose model took no part."""
    with FakeProvider() as arbiter, arena(tmp_path, count=2, more=ARBITER.format(url=arbiter.url)) as found:
        found.providers[0].will(usage(9, 12), say(BLUE))
        found.providers[1].will(usage(9, 30), say(LONGER))
        yield found, arbiter


@pytest.mark.parametrize("stream", [True, False])
def test_a_model_that_took_no_part_judges_blind_and_in_both_orders(judged, stream):
    found, arbiter = judged
    arbiter.will(say('{"A": 2, "B": 9}'))
    arbiter.will(say('{"A": 8, "B": 3}'))
    answer = found.post(PATH, TASK | {"judge": True, "max_parallel": 2, "stream": stream})
    assert answer.status_code == 200
    if stream:
        told = events(answer.data)
        assert "diligence.judge" in [name for name, _ in told]
        body = next(value for name, value in told if name == "diligence.result")
    else:
        body = answer.json
    asked = [request.json["messages"] for request in arbiter.requests]
    assert len(asked) == 2 and all(
        "json_schema" in str(request.json["response_format"]) for request in arbiter.requests
    )
    first, second = (messages[-1]["content"] for messages in asked)
    assert sum("Answer A:\n" + LONGER in messages for messages in (first, second)) == 1
    assert "a/m" not in first + second and "provider" not in first + second
    assert body["judge"]["models"] == ["arbiter/umpire"] and body["judge"]["orders"] == 2
    assert set(body["judge"]["marks"]) == {"a/m", "b/m"}
    assert body["weights"]["judged"] == 0.6 and "judged" in body["rankings"][0]["parts"]
    best = max(body["judge"]["marks"], key=body["judge"]["marks"].get)
    assert body["winner"] == best
    until = time.monotonic() + 5
    while found.service.router.desk.ledger.open and time.monotonic() < until:
        time.sleep(0.01)
    assert found.service.router.desk.ledger.open == 0
    attempts = found.rows("select provider, outcome from attempts")
    assert sorted(row["provider"] for row in attempts) == ["a", "arbiter", "arbiter", "b"]


def test_each_answers_mark_is_the_mean_of_both_orders(judged):
    found, arbiter = judged
    arbiter.will(say('{"A": 10, "B": 0}'))
    arbiter.will(say('{"A": 10, "B": 0}'))  # a judge that always prefers the first place
    body = found.post(PATH, TASK | {"judge": True, "max_parallel": 2}).json
    assert body["judge"]["marks"] == {"a/m": 0.5, "b/m": 0.5}


def test_without_a_verdict_what_was_measured_decides_and_it_is_said(judged):
    found, arbiter = judged
    for _ in range(6):
        arbiter.will(status(500))
    body = found.post(PATH, TASK | {"judge": True, "max_parallel": 2}).json
    assert body["judge"] == {"error": "nobody gave a verdict"} and body["weights"] == {"substance": 0.7, "quality": 0.3}


def test_where_nobody_is_left_to_judge_it_is_said(tmp_path):
    with arena(tmp_path, count=2) as two:
        for provider in two.providers:
            provider.will(say(BLUE))
        body = two.post(PATH, TASK | {"judge": True}).json
        assert body["judge"]["error"] and len([row for row in body["rankings"] if row["rank"]]) == 2
