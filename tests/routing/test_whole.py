"""An answer that comes whole gets by one look what the stages would give it event by event."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.routing.scenes import TALE, WEATHER, answer
from tests.routing.scripted import ScriptedBody, ScriptedProvider, ask, candidate, desk, stream_of
from wallas import codecs
from wallas.routing.waiting import Pause
from wallas.types.chat import Output, Reasoning, Refusal, Seal, StopReason, Text, Tool, ToolCall, Usage

WORDS = st.sampled_from(
    [
        "",
        " \n",
        "Hello.",
        TALE,
        "forty characters that come again and so on " * 12,
        "round and round and round it goes, for ever " * 80,
        "0" * 17_000,
        "The model is currently overloaded. Please try again later.",
        "You have run out of credits.",
        '{"city": "Lima"}',
    ]
)
LOOPED = '{"a":"' + "forty characters that come again ok? " * 90 + '"}'
ARGUMENTS = st.sampled_from(["", "{}", '{"city":"Lima"}', '{"city":"Li', LOOPED])
PARTS = st.one_of(
    st.builds(Text, text=WORDS, seal=st.sampled_from([None, Seal(value="s")])),
    st.builds(Reasoning, text=WORDS, summary=WORDS, seal=st.sampled_from([None, Seal(value="s")])),
    st.builds(Refusal, text=WORDS),
    st.builds(ToolCall, id=st.just("call_1"), name=st.sampled_from(["weather", "draw", "other"]), arguments=ARGUMENTS),
)
USAGES = st.sampled_from([None, Usage(), Usage(input=3), Usage(input=3, output=4, reasoning=1)])
REQUESTS = st.sampled_from(
    [
        {},
        {"tools": (WEATHER, Tool(name="draw", kind="custom"))},
        {"output": Output(kind="json")},
        {"output": Output(kind="schema", schema={"type": "object", "required": ["town"]})},
    ]
)


def told(response: Any, asked: dict[str, Any], *, wire: str, whole: bool, plan: dict[str, Any]) -> Any:
    """Return what a client gets and what is booked, looked at whole or event by event."""
    codec = codecs.codec(wire)
    body = msgspec.json.encode(codec.encode_response(response))
    provider = ScriptedProvider("p", wire, *[lambda request: ScriptedBody(body)] * 8)
    at = desk(clock=lambda: 5.0)
    stream = stream_of(ask(stream=False, **asked), [candidate(provider)], wire="openai_chat", at=at, **plan)
    assert stream.attempts.keeps_whole
    stream.attempts.keeps_whole = whole
    data = b""
    while stream.want != "end":
        data += stream.tick(stream.alarm()) if isinstance(stream.body, Pause) else stream.step()
    (record,) = at.journal.records
    for hop in record.hops:
        hop.ms = hop.after = 0.0
        hop.ttft_ms = hop.ttft_ms and 1.0
    circuits = {place: (one.successes, one.failures, one.last_error) for place, one in at.health.circuits.items()}
    return data, stream.head[0], record.outcome, record.hops, circuits


@pytest.mark.parametrize("wire", ["openai_chat", "anthropic"])
@settings(max_examples=120, deadline=None)
@given(
    parts=st.lists(PARTS, max_size=3),
    reason=st.sampled_from([StopReason.STOP, StopReason.LENGTH, StopReason.TOOL_CALLS, StopReason.UNKNOWN]),
    usage=USAGES,
    asked=REQUESTS,
    plan=st.sampled_from([{}, {"hold": "event"}]),
)
def test_one_look_gives_what_the_stages_give(wire, parts, reason, usage, asked, plan):
    response = answer(*parts, reason=reason, usage=usage)
    both = [told(response, asked, wire=wire, whole=whole, plan=plan) for whole in (True, False)]
    assert both[0] == both[1]


def test_an_answer_that_passes_is_never_told_as_events(monkeypatch):
    def broken(response: Any) -> Any:
        raise AssertionError("told as events")

    monkeypatch.setattr("wallas.routing.attempt.unfold", broken)
    data, status, outcome, *_ = told(answer(Text(text=TALE)), {}, wire="openai_chat", whole=True, plan={})
    assert status == "200 OK" and outcome == "ok" and b"the 11th bird sang" in data
