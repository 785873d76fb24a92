"""What one worker learns, stores or seals, another one knows."""

import json
import time

import pytest

from tests.fakes import FakeProvider, call, say, sealed, status
from tests.state.kit import TOOL, gateway, profile, provider, wait_until


def said(line, pair, prompt="Hello", **more):
    return line.chat(prompt, model=more.pop("model", pair.model), **more)["choices"][0]["message"]["content"]


def circuit(line, key):
    rows = {row["key"]: row for row in line.get("/v1/stats")["circuits"]}
    return rows.get(key, {})


def test_a_rest_opened_in_one_worker_is_obeyed_by_the_other_within_a_second(pair, lines):
    one, other = lines
    pair.first.will(status(429, None, {"Retry-After": "60"}))
    assert said(one, pair) == "from two"
    opened = time.monotonic()
    wait_until(lambda: said(other, pair) == "from two")
    assert time.monotonic() - opened < 1.0
    asked = len(pair.first.requests)
    assert {said(line, pair) for line in lines} == {"from two"}
    assert len(pair.first.requests) == asked


def test_a_success_in_one_worker_ends_the_breakers_rest_in_the_other(pair, lines):
    one, other = lines
    name = pair.names[0]
    usual, pair.first.otherwise = pair.first.otherwise, lambda request: (status(500),)
    while (
        len(pair.first.requests) < 5
    ):  # asked for by name: where somebody else is there, two failures make it doubtful
        assert one.chat(model=name).status >= 500
    pair.first.otherwise = usual
    wait_until(lambda: said(other, pair) == "from two")
    assert circuit(other, name)["state"] == "open"
    assert said(one, pair, model=name) == "from one"
    wait_until(lambda: said(other, pair) == "from one", seconds=5)
    assert circuit(other, name)["state"] == "closed"


def test_statistics_are_those_of_all_workers(pair, lines):
    one, other = lines
    for line in (one, one, other):
        assert said(line, pair) == "from one"
    wait_until(lambda: circuit(one, pair.names[0]).get("success_count") == 3)
    told = circuit(other, pair.names[0])
    assert (told["success_count"], told["fail_count"]) == (3, 0)
    wait_until(lambda: circuit(other, pair.names[0])["avg_latency_ms"] is not None)


def test_a_response_stored_by_one_worker_is_found_by_the_other_at_once(pair, lines):
    one, other = lines
    stored = one.respond("What is the word?", model=pair.model)
    found = other.get(f"/v1/responses/{stored['id']}")
    assert found == stored and stored["store"] is True
    going_on = other.respond("And again?", model=pair.model, previous_response_id=stored["id"])
    turns = pair.first.requests[-1]["messages"]
    assert [turn["content"] for turn in turns] == ["What is the word?", "from one", "And again?"]
    assert one.get(f"/v1/responses/{going_on['id']}") == going_on
    assert going_on["previous_response_id"] == stored["id"]
    assert one.call("DELETE", f"/v1/responses/{stored['id']}")["deleted"] is True
    assert other.get(f"/v1/responses/{stored['id']}").status == 404


def test_a_streamed_response_is_found_by_the_other_worker_the_moment_it_ends(pair, lines):
    one, other = lines
    answer = one.request("POST", "/v1/responses", {"model": pair.model, "input": "Hello", "stream": True})
    told = {}
    for row in answer.read().split(b"\n"):
        if row.startswith(b"data: {"):
            event = json.loads(row[6:])
            told[event["type"]] = event
    whole = told["response.completed"]["response"]
    assert other.get(f"/v1/responses/{whole['id']}") == whole


def test_nothing_is_stored_where_the_client_says_so(pair, lines):
    one, other = lines
    told = one.respond("Hush", model=pair.model, store=False)
    assert told["store"] is False
    assert other.get(f"/v1/responses/{told['id']}").status == 404


@pytest.mark.parametrize("stream", [False, True])
def test_a_seal_kept_by_one_worker_goes_home_through_the_other(folder, database, stream):
    with FakeProvider() as gemini:
        gemini.will(sealed("SEAL-1"), call("weather", '{"city":', '"Lima"}'))
        config = provider("gem", gemini.url, wire="gemini") + profile("gem/m")
        with gateway(folder, database, config) as running:
            one, other = running.lines()
            turn = called(one, stream=stream)
            messages = [
                {"role": "user", "content": "Weather?"},
                {"role": "assistant", "content": None, "tool_calls": turn},
                {"role": "tool", "tool_call_id": turn[0]["id"], "content": "sunny"},
            ]
            gemini.will(say("It is sunny."))
            told = other.chat(messages=messages, tools=[TOOL])
            assert told["choices"][0]["message"]["content"] == "It is sunny."
    parts = [part for content in gemini.requests[-1]["contents"] for part in content["parts"]]
    assert [part.get("thoughtSignature") for part in parts if "functionCall" in part] == ["SEAL-1"]


def called(line, *, stream):
    """Return the tool calls of an answer, as the client keeps them: without anything that its protocol lacks."""
    if not stream:
        message = line.chat("Weather?", tools=[TOOL])["choices"][0]["message"]
        return [{key: each[key] for key in ("id", "type", "function")} for each in message["tool_calls"]]
    body = {"model": "mine", "stream": True, "tools": [TOOL], "messages": [{"role": "user", "content": "Weather?"}]}
    made: dict[str, str] = {"name": "", "arguments": ""}
    id = ""
    for row in line.request("POST", "/v1/chat/completions", body).read().split(b"\n"):
        if row.startswith(b"data: {"):
            for choice in json.loads(row[6:])["choices"]:
                for each in choice["delta"].get("tool_calls", []):
                    id = each.get("id") or id
                    for key in made:
                        made[key] += each["function"].get(key) or ""
    return [{"id": id, "type": "function", "function": made}]
