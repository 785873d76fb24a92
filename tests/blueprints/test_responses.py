"""Responses that are kept: fetched, listed, continued, counted, forgotten."""

import json

import pytest
from openai.types.responses import Response, ResponseItemList

from tests.badinput.doors import DOORS, MODEL
from tests.fakes import call, say

DOOR = DOORS["responses"]
PATH = DOOR.path
IMAGE = {"type": "input_image", "image_url": "https://e.org/i.png"}


def make(client, input="hi", **more):
    """Return a new response."""
    answer = client.post(PATH, json={"model": MODEL, "input": input, **more})
    assert answer.status_code == 200, answer.data
    return answer.json


def missing(gate, answer, param):
    """See that an answer says that a response is not stored."""
    assert answer.status_code == 404
    said = gate.read("openai", answer)
    assert (said.param, said.told.code.endswith("not_found")) == (param, True)


def test_a_response_is_kept_unless_it_shall_not_be(gate):
    kept = make(gate.client)
    assert kept["store"] is True
    again = gate.client.get(f"{PATH}/{kept['id']}")
    Response.model_validate(again.json)
    assert again.json["output"][0]["content"][0]["text"] == "ok"
    assert again.json["id"] == kept["id"]
    forgotten = make(gate.client, store=False)
    assert forgotten["store"] is False
    missing(gate, gate.client.get(f"{PATH}/{forgotten['id']}"), "response_id")
    assert make(gate.client, store=None)["store"] is True


def test_a_response_that_is_deleted_is_gone(gate):
    id = make(gate.client)["id"]
    assert gate.client.delete(f"{PATH}/{id}").json == {"id": id, "object": "response", "deleted": True}
    missing(gate, gate.client.get(f"{PATH}/{id}"), "response_id")
    missing(gate, gate.client.delete(f"{PATH}/{id}"), "response_id")
    missing(gate, gate.client.get(f"{PATH}/{id}/input_items"), "response_id")
    missing(gate, gate.client.post(f"{PATH}/{id}/cancel"), "response_id")


@pytest.mark.parametrize("id", ["resp_nobody", "..%2f..%2fx", "x" * 3_000, "%00", "' OR 1=1 --", "%F0%9F%99%82"])
def test_a_response_that_never_was_is_not_found(gate, id):
    missing(gate, gate.client.get(f"{PATH}/{id}"), "response_id") if "%2f" not in id else None
    body = DOOR.good(previous_response_id=id)
    missing(gate, gate.ask(DOOR, body), "previous_response_id")
    assert gate.provider.requests == []


def test_the_next_response_goes_on_from_the_kept_one(gate):
    first = make(gate.client, "Name a bird.", instructions="Be brief.")
    gate.provider.forget()
    second = make(gate.client, "Another?", previous_response_id=first["id"])
    assert second["previous_response_id"] == first["id"]
    (sent,) = gate.provider.requests
    said = json.loads(sent.body)["messages"]
    assert [(row["role"], row["content"]) for row in said] == [
        ("user", "Name a bird."),
        ("assistant", "ok"),
        ("user", "Another?"),
    ]
    third = make(gate.client, "And?", previous_response_id=second["id"])
    assert len(json.loads(gate.provider.requests[-1].body)["messages"]) == 5
    assert third["store"] is True


def test_a_kept_call_is_answered_by_the_next_response(gate):
    gate.provider.will(call("weather", '{"city":"Lima"}'))
    tools = [{"type": "function", "name": "weather", "parameters": {"type": "object"}}]
    first = make(gate.client, "How is Lima?", tools=tools)
    (item,) = [item for item in first["output"] if item["type"] == "function_call"]
    gate.provider.will(say("17 C"))
    result = {"type": "function_call_output", "call_id": item["call_id"], "output": "17"}
    second = make(gate.client, [result], previous_response_id=first["id"], tools=tools)
    assert second["output"][-1]["content"][0]["text"] == "17 C"
    roles = [row["role"] for row in json.loads(gate.provider.requests[-1].body)["messages"]]
    assert roles == ["user", "assistant", "tool"]


def test_what_a_response_answered_is_listed(gate):
    items = [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "two"},
        {"role": "user", "content": [{"type": "input_text", "text": "three"}, IMAGE]},
    ]
    id = make(gate.client, items)["id"]
    listed = gate.client.get(f"{PATH}/{id}/input_items?order=asc")
    ResponseItemList.model_validate(listed.json)
    rows = listed.json["data"]
    assert [row["content"][0]["text"] for row in rows] == ["one", "two", "three"]
    assert [row["content"][0]["type"] for row in rows] == ["input_text", "output_text", "input_text"]
    assert (listed.json["first_id"], listed.json["last_id"]) == (rows[0]["id"], rows[2]["id"])
    assert listed.json["has_more"] is False
    newest = gate.client.get(f"{PATH}/{id}/input_items").json["data"]
    assert newest == rows[::-1]


def test_what_a_response_answered_has_pages(gate):
    id = make(gate.client, [{"role": "user", "content": str(number)} for number in range(5)])["id"]
    path = f"{PATH}/{id}/input_items?order=asc"
    page = gate.client.get(f"{path}&limit=2").json
    assert (len(page["data"]), page["has_more"]) == (2, True)
    page = gate.client.get(f"{path}&limit=2&after={page['last_id']}").json
    assert [row["content"][0]["text"] for row in page["data"]] == ["2", "3"]
    page = gate.client.get(f"{path}&after={gate.client.get(path).json['last_id']}").json
    assert page == {"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": False}
    assert len(gate.client.get(f"{path}&limit=0").json["data"]) == 1


@pytest.mark.parametrize(
    ("query", "param"), [("order=up", "order"), ("after=nobody", "after"), ("limit=-1", "limit"), ("limit=x", "limit")]
)
def test_a_bad_page_is_named(gate, query, param):
    id = make(gate.client)["id"]
    answer = gate.client.get(f"{PATH}/{id}/input_items?{query}")
    assert answer.status_code == 400
    assert gate.read("openai", answer).param == param


def test_nothing_runs_in_the_background_to_be_cancelled(gate):
    answer = gate.client.post(f"{PATH}/{make(gate.client)['id']}/cancel")
    assert answer.status_code == 400
    assert "background" in gate.read("openai", answer).told.message


def test_input_is_counted_without_a_call(gate):
    kept = make(gate.client, "word " * 400)["id"]
    gate.provider.forget()
    few = gate.client.post(f"{PATH}/input_tokens", json={"model": MODEL, "input": "hi"}).json
    assert few["object"] == "response.input_tokens"
    long = gate.client.post(f"{PATH}/input_tokens", json={"model": MODEL, "input": "hi", "previous_response_id": kept})
    assert long.json["input_tokens"] > few["input_tokens"] + 400
    assert gate.provider.requests == []


def test_input_that_cannot_be_counted_is_refused_like_a_request(gate):
    for body, param in [({"model": MODEL}, "input"), ({"model": MODEL, "input": 7}, "input")]:
        answer = gate.client.post(f"{PATH}/input_tokens", json=body)
        assert answer.status_code == 400
        assert gate.read("openai", answer).param == param
    missing(
        gate,
        gate.client.post(f"{PATH}/input_tokens", json={"model": MODEL, "input": "x", "previous_response_id": "no"}),
        "previous_response_id",
    )
