"""What looks odd and is legal: null for absent, schemas that refer to themselves, any order of roles."""

import json

import msgspec
import pytest

from tests.badinput.doors import DOORS, SCHEMA
from tests.badinput.test_fields import IMAGE, LOOP, function, user
from wallas.codecs import (
    anthropic_requests,
    gemini_body,
    ollama_requests,
    openai_chat_fields,
    openai_completions,
    openai_responses_fields,
)

SHAPES = {
    "chat": openai_chat_fields.Request,
    "completions": openai_completions.Request,
    "responses": openai_responses_fields.Body,
    "messages": anthropic_requests.BodyIn,
    "count_tokens": anthropic_requests.BodyIn,
    "generate": gemini_body.Body,
    "ollama_chat": ollama_requests.ChatIn,
    "ollama_generate": ollama_requests.GenerateIn,
}
"""What each door reads of its body."""


@pytest.mark.parametrize("name", SHAPES)
def test_c27_null_is_the_same_as_absent_in_every_field(gate, name):
    door = DOORS[name]
    fields = [field.encode_name for field in msgspec.structs.fields(SHAPES[name])]
    nulls = {field: None for field in fields if field not in door.body}
    answer = gate.ask(door, door.good(**nulls))
    assert len(nulls) > 2
    assert answer.status_code == 200, answer.data


def test_c27_null_is_the_same_as_absent_in_a_tool_and_in_options(gate):
    tool = {"type": None, "function": {"name": "f", "description": None, "parameters": None, "strict": None}}
    assert gate.ask(DOORS["chat"], DOORS["chat"].good(tools=[tool])).status_code == 200
    options = dict.fromkeys(("num_predict", "temperature", "top_p", "top_k", "seed", "stop"))
    door = DOORS["ollama_chat"]
    assert gate.ask(door, door.good(options=options)).status_code == 200


SCHEMAS = {
    "chat": lambda: {"tools": function(parameters=LOOP)},
    "responses": lambda: {"tools": [{"type": "function", "name": "f", "parameters": LOOP}]},
    "messages": lambda: {"tools": [{"name": "f", "input_schema": LOOP}]},
    "generate": lambda: {"tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": LOOP}]}]},
    "ollama_chat": lambda: {"tools": function(parameters=LOOP)},
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_c29_a_schema_that_refers_to_itself_goes_on_as_it_is(gate, name):
    door = DOORS[name]
    assert gate.ask(door, door.good(**SCHEMAS[name]())).status_code == 200
    (sent,) = gate.provider.requests
    assert json.loads(sent.body)["tools"][0]["function"]["parameters"]["$defs"] == LOOP["$defs"]


@pytest.mark.parametrize("name", ["chat", "messages", "ollama_chat"])
def test_c29_the_most_messages_and_tools_are_taken(gate, name):
    door = DOORS[name]
    messages = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}] * 1_999
    tools = [{"name": f"f{number}", "input_schema": SCHEMA} for number in range(256)]
    if name != "messages":
        tools = [function(name=f"f{number}")[0] for number in range(256)]
    body = door.good(messages=[*messages, {"role": "user", "content": "c"}], tools=tools)
    assert gate.ask(door, body).status_code == 200


SAID = {
    "two-system": [
        {"role": "system", "content": "a"},
        {"role": "system", "content": "b"},
        {"role": "user", "content": "c"},
    ],
    "late-system": [{"role": "user", "content": "a"}, {"role": "system", "content": "b"}],
    "only-system": [{"role": "system", "content": "a"}],
    "ends-with-assistant": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}],
    "begins-with-assistant": [{"role": "assistant", "content": "a"}, {"role": "user", "content": "b"}],
    "twice-user": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}],
    "empty-words": [{"role": "user", "content": ""}, {"role": "user", "content": "b"}],
}


@pytest.mark.parametrize("name", ["chat", "messages", "count_tokens", "ollama_chat", "responses"])
@pytest.mark.parametrize("said", SAID.values(), ids=SAID)
def test_c30_roles_in_any_order_are_taken(gate, name, said):
    door = DOORS[name]
    body = door.good(input=said) if name == "responses" else door.good(messages=said)
    assert gate.ask(door, body).status_code == 200


def test_c30_a_result_without_its_call_is_taken(gate):
    result = {"role": "tool", "tool_call_id": "call_x", "content": "7"}
    body = DOORS["chat"].good(messages=[{"role": "user", "content": "a"}, result])
    assert gate.ask(DOORS["chat"], body).status_code == 200
    door = DOORS["ollama_chat"]
    body = door.good(messages=[{"role": "user", "content": "a"}, {"role": "tool", "tool_name": "f", "content": "7"}])
    assert gate.ask(door, body).status_code == 200
    item = {"type": "function_call_output", "call_id": "call_x", "output": "7"}
    door = DOORS["responses"]
    assert gate.ask(door, door.good(input=[{"role": "user", "content": "a"}, item])).status_code == 200


def test_c31_an_image_that_is_one_goes_on(gate):
    door = DOORS["chat"]
    body = door.good(messages=user({"type": "image_url", "image_url": {"url": IMAGE}}))
    assert gate.ask(door, body).status_code == 200
    (sent,) = gate.provider.requests
    assert IMAGE in sent.body.decode()


@pytest.mark.parametrize("kind", ["server_tool_use", "web_search_tool_result", "search_result", "tool_addition"])
def test_blocks_that_only_anthropic_knows_are_taken_from_a_user(gate, kind):
    block = {"type": kind, "id": "x", "name": "y", "input": {}, "content": []}
    door = DOORS["messages"]
    assert gate.ask(door, door.good(messages=user({"type": "text", "text": "hi"}, block))).status_code == 200


def test_blocks_that_nobody_knows_are_taken_where_the_model_said_them(gate):
    said = [{"role": "user", "content": "a"}, {"role": "assistant", "content": [{"type": "hologram", "x": 1}]}]
    door = DOORS["messages"]
    assert gate.ask(door, door.good(messages=[*said, {"role": "user", "content": "b"}])).status_code == 200
    turns = [
        {"role": "user", "parts": [{"text": "a"}]},
        {"role": "model", "parts": [{"hologram": {"x": 1}}]},
        {"role": "user", "parts": [{"text": "b"}]},
    ]
    assert gate.ask(DOORS["generate"], {"contents": turns}).status_code == 200
