"""The demo's fleet: labelled answers, failures in character and on cue, and words that go on where another stopped."""

import json

import pytest

from tests.fakes import ask
from wallas.simulated.fleet import LABEL, Fleet, answer_text, example

TOOL = {"type": "object", "properties": {"city": {"type": "string"}}}
FUNCTION = {"type": "function", "function": {"name": "weather", "description": "w", "parameters": TOOL}}


@pytest.fixture
def fleet():
    fleet = Fleet(pace=0)
    urls = fleet.start()
    yield fleet, urls
    fleet.stop()


def chat(fleet, name, prompt, **more):
    """Return status and text (or calls) of a plain chat with a member of the fleet."""
    messages = more.pop("messages", [{"role": "user", "content": prompt}])
    got, end = ask(fleet.providers[name], body={"model": "m", "messages": messages, **more})
    head, _, body = got.partition(b"\r\n\r\n")
    if not body or b"chat.completion" not in body or end == "ConnectionResetError":
        return int(head.split(b" ")[1]), None
    message = json.loads(body)["choices"][0]["message"]
    return 200, message.get("tool_calls") or message["content"]


def test_the_fleet_labels_every_answer(fleet):
    members, urls = fleet
    assert set(urls) == {"steady", "fragile", "limited", "slow", "tools"}
    assert all(url.startswith("http://127.0.0.1:") and url.endswith("/v1") for url in urls.values())
    for name in urls:
        assert chat(members, name, "hello")[1].startswith(LABEL)
        assert members.providers[name].models == [f"simulated/{name}"]


def test_the_fleet_fails_in_character(fleet):
    members, _ = fleet
    assert [chat(members, "fragile", "hi")[1] is None for _ in range(4)] == [False, True, False, True]
    assert [chat(members, "limited", "hi")[0] for _ in range(4)] == [200, 429, 429, 200]


def test_a_member_goes_on_where_another_broke_off(fleet):
    members, _ = fleet
    whole = answer_text("tell me")
    shown = whole[: len(whole) // 2]
    anchor = shown[-40:]
    turns = [
        {"role": "user", "content": "tell me"},
        {"role": "assistant", "content": shown},
        {"role": "user", "content": f"Continue.\n⟦7f⟧\n{anchor}\n⟦7f⟧"},
    ]
    _, text = chat(members, "steady", "", messages=turns)
    assert shown + text.removeprefix(anchor) == whole
    turns[1]["content"] = turns[2]["content"] = "⟦7f⟧\nother words\n⟦7f⟧"
    assert chat(members, "steady", "", messages=turns)[1].startswith("other words")


@pytest.mark.parametrize("cue", ["die", "429", "500", "html", "garbage"])
def test_a_cue_makes_the_first_one_fail_and_the_next_one_answer(fleet, cue):
    members, _ = fleet
    prompt = f"please cue:{cue}"
    assert chat(members, "steady", prompt)[1] is None
    assert chat(members, "slow", prompt)[1].startswith(LABEL)
    assert chat(members, "steady", prompt + "!")[1] is None
    assert chat(members, "slow", prompt + "!")[1] is None


def test_cues_for_slowness_tools_hanging_and_nonsense(fleet):
    members, _ = fleet
    assert chat(members, "steady", "cue:slow")[1].startswith(LABEL)
    assert chat(members, "steady", "cue:nonsense")[1].startswith(LABEL)
    assert chat(members, "steady", "cue:tool", tools=[FUNCTION])[1][0]["function"]["name"] == "weather"
    assert ask(members.providers["steady"], body={"messages": [{"role": "user", "content": "cue:hang"}]})[0] == b""


def test_the_fleet_gives_json_to_who_asks_for_it(fleet):
    members, _ = fleet
    count = {"type": "object", "properties": {"n": {"type": "integer"}, "all": {"enum": ["yes"]}}, "required": ["n"]}
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": count}}
    assert json.loads(chat(members, "steady", "count", response_format=form)[1]) == {"n": 1}
    assert json.loads(chat(members, "slow", "count", response_format={"type": "json_object"})[1]) == {"simulated": True}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "array", "items": {"type": ["string", "null"]}}, [LABEL]),
        ({"type": "object", "properties": {"a": {"const": 3}, "b": {"type": "boolean"}}}, {"a": 3, "b": True}),
        ({"type": "number"}, 1.0),
        (None, LABEL),
    ],
)
def test_an_example_fits_its_schema(schema, value):
    assert example(schema) == value


def test_whoever_follows_a_failure_on_cue_answers_whatever_its_character(fleet):
    members, _ = fleet
    for name in ("steady", "limited", "fragile"):
        chat(members, name, "other")
    assert chat(members, "steady", "cue:429")[0] == 429
    assert chat(members, "limited", "cue:429")[0] == 200
    assert chat(members, "steady", "cue:die")[1] is None
    assert chat(members, "fragile", "cue:die")[1].startswith(LABEL)


def test_the_tool_caller_calls_once_and_then_talks(fleet):
    members, _ = fleet
    calls = chat(members, "tools", "weather?", tools=[FUNCTION])[1]
    assert calls[0]["function"] == {"name": "weather", "arguments": '{"city": "[simulated]"}'}
    turns = [{"role": "user", "content": "weather?"}, {"role": "tool", "content": "sunny", "tool_call_id": "x"}]
    assert chat(members, "tools", "", messages=turns, tools=[FUNCTION])[1].startswith(LABEL)
    assert chat(members, "tools", "no tools")[1].startswith(LABEL)
