"""U51 to U54: calls without ids or numbers, half told, or to tools that nobody offered."""

import json
import re
from typing import Any

import pytest

from tests.faults.checks import tidy
from tests.faults.clients import CALLED, PROTOCOLS, complaint
from tests.faults.families import CALLS, tools
from tests.faults.gateway import Gateway
from tests.faults.test_answers import DONE, chunk, said, whole
from wallas.simulated.script import Step, call, finish, hang_up, pause

TOOLED = [name for name in PROTOCOLS if name != "generate"]
CALLING = chunk({}, finish_reason="tool_calls")


def ask_for_calls(gateway: Gateway, *steps: Step, protocol: str = "openai", stream: bool = True) -> Any:
    """Return what comes of a provider that calls tools so, and who answered."""
    one, two = gateway.provider(), gateway.provider(kind="steady")
    one.will(*steps)
    two.will(*(call(name, arguments, finish=False) for name, arguments in CALLS), finish("tool_calls"))
    answer = gateway.ask(one, two, protocol=protocol, stream=stream, body=tools(protocol))
    tidy(gateway)
    assert complaint(answer, protocol, reason=CALLED[protocol]) is None
    made = [(name, json.loads(arguments)) for name, arguments in answer.calls]
    assert made == [(name, json.loads(arguments)) for name, arguments in CALLS]
    return answer, [outcome for _, outcome in gateway.attempts(answer)]


def rows(*ids: str | None) -> list[dict[str, Any]]:
    """Return both calls under these ids; None leaves an id out."""
    both = [{"type": "function", "function": {"name": name, "arguments": arguments}} for name, arguments in CALLS]
    return [row if id is None else row | {"id": id} for row, id in zip(both, ids, strict=True)]


def told(*ids: str | None, index: int | None = -1) -> list[Step]:
    """Call both tools whole, under these ids; ``index`` -1 numbers them, None leaves it out."""
    steps = []
    for number, row in enumerate(rows(*ids)):
        place = {} if index is None else {"index": number if index == -1 else index}
        steps.append(chunk({"tool_calls": [row | place]}))
    return [*steps, CALLING, DONE]


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    "ids", [("call_1", "call_1"), (None, None), ("", "")], ids=["U51-equal", "U51-none", "U51-empty"]
)
def test_calls_get_ids_of_their_own(gateway: Gateway, ids: tuple[str | None, ...], stream: bool) -> None:
    steps = told(*ids)
    if not stream:
        steps = [whole(said("tool_calls", tool_calls=rows(*ids)))]
    answer, outcomes = ask_for_calls(gateway, *steps, stream=stream)
    assert outcomes == ["ok"]
    assert len(set(re.findall(r'"id":"(call_[^"]+)"', answer.data.decode()))) == 2


@pytest.mark.parametrize("index", [None, 0], ids=["U54-no-index", "U54-all-zero"])
def test_calls_without_numbers_are_told_apart_by_their_ids(gateway: Gateway, index: int | None) -> None:
    _, outcomes = ask_for_calls(gateway, *told("call_1", "call_2", index=index))
    assert outcomes == ["ok"]


HALF = call("weather", '{"city":"Li', finish=False)
BAD_CALLS: dict[str, tuple[tuple[Step, ...], str]] = {
    "U52-arguments-that-are-no-JSON": ((HALF, finish("tool_calls")), "unusable"),
    "U52-RST-inside-the-arguments": ((HALF, pause(0.03), hang_up), "cut"),
    "U53-a-tool-that-was-not-offered": ((call("delete_everything", "{}"),), "unusable"),
    "U53-behind-one-that-was": (
        (call(*CALLS[0], finish=False), call("delete_everything", '{"path":"/"}', finish=False), finish("tool_calls")),
        "unusable",
    ),
}


@pytest.mark.parametrize("protocol", TOOLED)
@pytest.mark.parametrize("row", BAD_CALLS)
def test_a_call_that_cannot_be_used_is_never_shown(gateway: Gateway, row: str, protocol: str) -> None:
    steps, kind = BAD_CALLS[row]
    if row == "U53-behind-one-that-was":
        one, two = gateway.provider(), gateway.provider(kind="steady")
        one.will(*steps)
        answer = gateway.ask(one, two, protocol=protocol, body=tools(protocol))
        assert [name for name, _ in answer.calls] == ["weather"]
        assert complaint(answer, protocol, reason=CALLED[protocol]) is None
    else:
        answer, outcomes = ask_for_calls(gateway, *steps, protocol=protocol)
        assert outcomes == [kind, "ok"]
    assert b"delete_everything" not in answer.data


@pytest.mark.parametrize("row", ["U52-arguments-that-are-no-JSON", "U53-a-tool-that-was-not-offered"])
def test_a_plain_answer_with_a_call_that_cannot_be_used_is_asked_for_elsewhere(gateway: Gateway, row: str) -> None:
    _, outcomes = ask_for_calls(gateway, *BAD_CALLS[row][0], stream=False)
    assert outcomes == ["unusable", "ok"]
