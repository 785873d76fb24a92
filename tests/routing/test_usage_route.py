"""What a gateway tells of its use, after real requests at scripted providers."""

import time

import pytest

from tests.fakes import pause, say, status, usage
from tests.routing.arena import arena

HELLO = {"model": "auto", "messages": [{"role": "user", "content": "Hello"}]}
PRICED = """
[providers.dear]
wire = "openai"
base_url = "http://127.0.0.1:1/v1"
api_key = "sk-dear"
discover = false
[[providers.dear.models]]
id = "m"
price = { input = 2.0, output = 10.0 }
capabilities = ["chat"]
"""


@pytest.fixture
def used(tmp_path):
    """Yield a gateway that answered two requests and forked a third, beside a priced provider of the same model."""
    with arena(tmp_path, count=2, more=PRICED) as two:
        a, b = two.providers
        for model in ("a/m", "b/m"):
            (a if model == "a/m" else b).will(usage(1000, 500), say("Good morning."))
            shown = {"Authorization": f"Bearer sk-of-{model}"}
            assert two.post("/v1/chat/completions", HELLO | {"model": model}, headers=shown).status_code == 200
        a.will(status(500))
        b.will(pause(0.1), usage(2000, 100), say("Good evening."))
        assert two.post("/v1/chat/completions/fork", HELLO | {"max_parallel": 2}).status_code == 200
        until = time.monotonic() + 10
        while len(two.rows("select 1 from requests")) < 3 and time.monotonic() < until:
            time.sleep(0.02)  # a fork is booked when its last branch has ended, a moment after the answer
        yield two


def test_requests_tokens_money_and_money_saved_are_told(used):
    told = used.client.get("/v1/usage").json
    assert (told["object"], told["days"], told["by"]) == ("usage", 30, ["day", "provider", "model"])
    total = told["total"]
    assert (total["requests"], total["attempts"], total["failed_requests"]) == (3, 4, 0)
    assert total["tokens"] == {"input": 4000, "output": 1100, "cached": 0, "reasoning": 0, "total": 5100}
    assert total["cost"] == 0 and total["saved"] == pytest.approx((4000 * 2 + 1100 * 10) / 1e6)
    assert [(row["provider"], row["model"], row["requests"]) for row in told["data"]] == [("b", "m", 2), ("a", "m", 1)]
    assert all(len(row["day"]) == 10 for row in told["data"]) and total["saved_unknown"] == 0


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("by=provider", [{"provider": "b"}, {"provider": "a"}]),
        ("by=model", [{"model": "m"}]),
        ("by=provider&by=model", [{"provider": "b", "model": "m"}, {"provider": "a", "model": "m"}]),
        ("by=model,provider&days=1", [{"provider": "b", "model": "m"}, {"provider": "a", "model": "m"}]),
    ],
)
def test_it_adds_up_by_what_is_asked(used, query, keys):
    told = used.client.get(f"/v1/usage?{query}").json
    found = [{name: row[name] for name in ("day", "provider", "model") if name in row} for row in told["data"]]
    assert found == keys and sum(row["attempts"] for row in told["data"]) == 4


def test_it_adds_up_by_client_and_tells_an_id_of_its_key_and_never_the_key(used):
    answer = used.client.get("/v1/usage?by=client")
    rows = {row["client"]: row for row in answer.json["data"]}
    assert len(rows) == 3 and rows[None]["attempts"] == 2
    known = [row for client, row in rows.items() if client]
    assert all(row["requests"] == 1 and row["tokens"]["total"] == 1500 and row["saved"] > 0 for row in known)
    assert all(len(client) == 12 for client in rows if client) and "sk-of" not in answer.text
    total = answer.json["total"]
    assert total["saved"] == pytest.approx(sum(row["saved"] for row in rows.values())) and total["requests"] == 3


def test_a_model_that_nobody_sells_saves_nothing_that_is_known(tmp_path):
    with arena(tmp_path, count=1) as one:
        one.providers[0].will(usage(10, 5), say("Hi."))
        one.post("/v1/chat/completions", HELLO)
        total = one.client.get("/v1/usage").json["total"]
        assert (total["saved"], total["saved_unknown"], total["requests"]) == (0, 1, 1)


def test_nothing_used_is_told_as_nothing(tmp_path):
    with arena(tmp_path, count=1) as one:
        told = one.client.get("/v1/usage").json
        assert told["data"] == [] and told["total"]["requests"] == 0 and told["total"]["tokens"]["total"] == 0


@pytest.mark.parametrize(("query", "param"), [("days=0", "days"), ("days=x", "days"), ("by=week", "by")])
def test_a_wrong_filter_is_named(tmp_path, query, param):
    with arena(tmp_path, count=1) as one:
        answer = one.client.get(f"/v1/usage?{query}")
        assert answer.status_code == 400 and answer.json["error"]["param"] == param
