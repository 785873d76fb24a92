import re

import pytest

from tests.routing.scenes import WEATHER, Scene, answer, asks, call, provider, streamed
from tests.routing.scripted import ask
from wallas.routing.namespaces import NAME_MOST, flat_call, flat_name, flat_tools, is_namespace, restored, spaces_of
from wallas.types.chat import Message, Opaque, StopReason, ToolCall
from wallas.types.events import PartDelta, PartStarted

FIND = {"type": "function", "name": "find", "description": "Find a note", "parameters": {"type": "object"}}
NOTES = Opaque(
    wire="openai_responses",
    data={"type": "namespace", "name": "mcp__notes__", "tools": [FIND, {"type": "custom", "name": "patch"}, {}, 5]},
)
FLAT = "mcp__notes__find"
CALLED = ToolCall(id="c", name="find", arguments="{}", extra={"openai_responses": {"namespace": "mcp__notes__"}})


@pytest.mark.parametrize(
    "tool",
    [
        WEATHER,
        Opaque(wire="anthropic", data={"type": "namespace"}),
        Opaque(wire="openai_responses", data={"type": "web_search"}),
        Opaque(wire="openai_responses", data="namespace"),
    ],
)
def test_only_the_responses_wire_has_namespaces(tool):
    assert is_namespace(NOTES) and not is_namespace(tool)


def test_a_namespaces_functions_are_offered_as_tools_and_the_rest_is_named():
    dropped = []
    (tool,) = flat_tools(NOTES, dropped)
    assert (tool.name, tool.description, tool.parameters) == (FLAT, "Find a note", {"type": "object"})
    assert dropped == ["tools.mcp__notes__.patch"]
    odd = Opaque(
        wire="openai_responses",
        data={
            "type": "namespace",
            "name": "n",
            "tools": [{"type": "function", "name": "f", "description": 1, "parameters": 2}],
        },
    )
    (bare,) = flat_tools(odd, [])
    assert (bare.description, bare.parameters) == (None, None)


@pytest.mark.parametrize("data", [{"name": 5, "tools": [FIND]}, {"name": "n", "tools": {}}, {"name": "n"}])
def test_a_namespace_that_is_none_offers_nothing(data):
    assert list(flat_tools(Opaque(wire="openai_responses", data={"type": "namespace", **data}), [])) == []


@pytest.mark.parametrize(("space", "name"), [("mcp__notes__", "find"), ("ñ space", "a.b"), ("x" * 60, "y" * 60)])
def test_a_flat_name_fits_every_wire(space, name):
    flat = flat_name(space, name)
    assert re.fullmatch(r"[a-zA-Z0-9_-]+", flat) and len(flat) <= NAME_MOST
    assert flat != flat_name(space, name + "z")


def test_an_earlier_call_keeps_its_flat_name():
    assert flat_call(CALLED) == ToolCall(id="c", name=FLAT, arguments="{}")
    for other in (call(), ToolCall(id="c", name="x", extra={"openai_responses": {"namespace": ""}})):
        assert flat_call(other) is other


def test_calls_come_back_into_their_namespace():
    spaces = spaces_of((NOTES, WEATHER))
    assert spaces == {FLAT: ("mcp__notes__", "find")}
    events = [PartStarted(0, ToolCall(id="c", name=FLAT)), PartDelta(0, "{}"), PartStarted(1, call())]
    first, *others = restored(events, spaces)
    assert first.part == ToolCall(id="c", name="find", extra=CALLED.extra) and others == events[1:]
    assert restored(events, {}) is events


def test_a_namespaced_tool_is_called_at_another_wires_provider():
    flat = ToolCall(id="c", name=FLAT, arguments="{}")
    one = provider("one", streamed(answer(flat, reason=StopReason.TOOL_CALLS)))
    conversation = (Message(role="assistant", parts=(CALLED,)), *ask().messages)
    scene = Scene(ask(messages=conversation, tools=(NOTES, WEATHER)), one, wire="openai_responses")
    scene.play()
    (sent,) = one.provider.requests
    assert [tool.name for tool in sent.tools] == [FLAT, "weather"] and sent.messages[0].parts[0].name == FLAT
    assert b'"namespace":"mcp__notes__"' in scene.data and b'"name":"find"' in scene.data


def test_a_tool_of_another_wire_was_not_offered():
    searching = Opaque(wire="anthropic", data={"type": "web_search"})
    unknown = answer(call(name="web_search"), reason=StopReason.TOOL_CALLS)
    scene = Scene(asks(tools=(searching, WEATHER)), provider("one", streamed(unknown)))
    scene.play()
    assert scene.outcomes == ["ok"]
    elsewhere = provider(
        "one", streamed(unknown, wire="openai_chat"), streamed(unknown, wire="openai_chat"), wire="openai_chat"
    )
    scene = Scene(asks(tools=(searching, WEATHER)), elsewhere)
    scene.play()
    assert scene.outcomes == ["unusable", "unusable"]
