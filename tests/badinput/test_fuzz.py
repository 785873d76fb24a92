"""Realistic bodies with anything in them changed: an answer or a 4xx in the protocol's own form, and nothing else.

``FUZZ_EXAMPLES=5000 pytest tests/badinput/test_fuzz.py`` tries more, and others each time.
"""

import copy
import json
import os
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.badinput.doors import DOORS
from tests.badinput.rich import RICH
from tests.fakes import say

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "150"))
MORE = "FUZZ_EXAMPLES" in os.environ

ODD: list[Any] = [
    None, True, False, 0, -1, 1, 7, 2**31, 2**53, 2**63, 2**64, -(2**64), 10**30, 0.5, -0.5, 1e308, -1e308,
    "", " ", "x", "0", "-1", "true", "null", "a\0b", "\ud7ff", "🙂", "\r\n", "{{7*7}}", "../..", "data:",
    "data:;base64,",
    "data:image/png;base64,AAAA", "http://", "https://127.0.0.1/x",
    "file:///etc/passwd", "user", "assistant", "system",
    "tool", "model", "text", "function", "tool_use", "tool_result", "tool_call", "image_url", "function_call_output",
    "message", "reasoning", "auto", "none", "required", "json_schema", "acme/m", "acme/vectors", "x" * 5_000,
    [], {}, [None], [[]], [{}], {"": None}, {"type": None}, {"type": "text"}, {"type": 7}, {"a": {"a": {"a": []}}},
    [[[[[[[[]]]]]]]], {"type": "text", "text": "x"}, {"role": "user", "content": "x"}, {"text": "x"}, {"name": "f"},
]  # fmt: skip
"""What a field is replaced with."""

Place = tuple[str | int, ...]


def places(value: Any, here: Place = ()) -> list[Place]:
    """Return the paths of everything in a JSON value, itself not counted."""
    inner: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, item in inner for place in ((*here, key), *places(item, (*here, key)))]


def held(body: Any, place: Place) -> Any:
    """Return what is at a place."""
    for step in place:
        body = body[step]
    return body


@st.composite
def changed(draw: st.DrawFn, body: dict[str, Any]) -> dict[str, Any]:
    """Draw the body with one to four changes."""
    body = copy.deepcopy(body)
    for _ in range(draw(st.integers(1, 4))):
        found = places(body)
        if not found:
            break
        place = draw(st.sampled_from(found))
        above, last = held(body, place[:-1]), place[-1]
        match draw(st.sampled_from(["drop", "replace", "retype", "nest", "move", "rename", "repeat"])):
            case "drop":
                del above[last]
            case "replace":
                above[last] = draw(
                    st.sampled_from(ODD).map(copy.deepcopy) | st.text(max_size=5) | st.integers() | st.floats(-10, 10)
                )
            case "retype":
                above[last] = retyped(above[last])
            case "nest":
                above[last] = draw(st.sampled_from([lambda value: [value], lambda value: {"x": value}]))(above[last])
            case "move":
                above[last] = copy.deepcopy(held(body, draw(st.sampled_from(found))))
            case "rename" if isinstance(above, dict):
                above[draw(st.sampled_from(["x", "", "type", f"{last}s", str(last).upper()]))] = above.pop(last)
            case "repeat" if isinstance(above, list):
                above.extend(copy.deepcopy(above))
    return body


def retyped(value: Any) -> Any:
    """Return a value as another type that says the same to whoever is careless."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case str():
            return [value]
        case list():
            return {str(number): item for number, item in enumerate(value)}
        case dict():
            return list(value.items())
    return "null"


@pytest.mark.parametrize("name", RICH)
def test_the_unchanged_body_is_served(gate, name):
    gate.provider.otherwise = lambda request: (say('{"city": "Lima"}'),)
    assert gate.ask(DOORS[name], RICH[name]).status_code == 200


@pytest.mark.parametrize("name", RICH)
def test_no_change_of_a_body_breaks_the_gateway(gate, name):
    door = DOORS[name]
    gate.provider.otherwise = lambda request: (say('{"city": "Lima"}'),)

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=not MORE,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(changed(RICH[name]))
    def holds(body: dict[str, Any]) -> None:
        before = len(gate.provider.requests)
        answer = gate.ask(door, json.dumps(body).encode())
        if answer.status_code == 200:
            return
        if answer.status_code == 502:  # more answers or other vectors were asked for than the scripted provider gives
            assert b"unusable" in answer.data or b"malformed" in answer.data
            return
        assert answer.status_code in (400, 404, 413), (answer.status_code, answer.data)
        assert len(gate.provider.requests) == before
        refusal = gate.read(door.protocol, answer)
        if answer.status_code == 400 and refusal.told.code not in ("invalid_json", "unsupported_value"):
            assert refusal.param, refusal

    holds()
