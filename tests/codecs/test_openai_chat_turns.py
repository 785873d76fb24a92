"""What the short way of an agent's turns reads and writes is what the long one would have."""

import itertools
from typing import Any

import pytest

from wallas.catalog.entries import Model
from wallas.codecs import openai_chat
from wallas.codecs.openai_chat_turns import usual_row, usual_turn
from wallas.routing.adapt import adapt
from wallas.types.chat import ChatRequest, Media, Message, Reasoning, Refusal, Seal, Text, ToolCall, ToolResult

CALL = {"id": "c1", "type": "function", "function": {"name": "read", "arguments": '{"a": 1}'}}
CALLS: list[Any] = [
    None,
    [],
    [CALL],
    [CALL, CALL | {"id": "c2", "function": {"name": "read", "arguments": ""}}],
    [CALL | {"function": {"name": "read", "arguments": {"a": 1}}}],
    [CALL | {"function": {"name": "read", "arguments": None}}],
    [CALL | {"function": {"name": "read", "arguments": "a\0"}}],
    [CALL | {"function": {"name": "read"}}],
    [CALL | {"function": {"name": "read", "arguments": "{}", "more": 1}}],
    [CALL | {"index": 0}],
    [CALL | {"extra_content": {"google": {"thought_signature": "s"}}}],
    [{"id": "c1", "function": {"name": "read", "arguments": "{}"}}],
    [{"id": "c1", "type": "custom", "custom": {"name": "patch", "input": "x"}}],
]
WORDS: list[Any] = ["words", "", "a\0b", [{"type": "text", "text": "words"}], []]
BESIDE: list[dict[str, Any]] = [{}, {"name": "n"}, {"name": None}, {"x": 1}, {"reasoning_content": "hm"}]


def turns() -> list[dict[str, Any]]:
    """Return turns of a client's, usual and others."""
    said = [
        {"role": role, "content": words} | beside
        for role, words, beside in itertools.product(("system", "developer", "user"), WORDS, BESIDE)
    ]
    spoken = [
        {"role": "assistant", "content": words, "tool_calls": calls} | beside
        for words, calls, beside in itertools.product([None, *WORDS], CALLS, BESIDE)
    ]
    results = [
        {"role": "tool", "tool_call_id": "c1", "content": words} | beside
        for words, beside in itertools.product([None, *WORDS], BESIDE)
    ]
    return [*said, *spoken, *results, {"role": "tool", "tool_call_id": "c1"}, {"role": "function", "name": "f"}]


def test_turns_are_read_alike(monkeypatch):
    asked = [{"model": "m", "messages": [turn]} for turn in turns()]
    short = [openai_chat.decode_request(one) for one in asked]
    monkeypatch.setattr("wallas.codecs.openai_chat_request.usual_turn", lambda raw: None)
    monkeypatch.setattr("wallas.codecs.openai_chat_request._talk", lambda body: None)
    assert short == [openai_chat.decode_request(one) for one in asked]
    usual = [turn for turn in turns() if usual_turn(turn) is not None]
    assert {turn["role"] for turn in usual} == {"system", "developer", "user", "assistant", "tool"}
    assert len(usual) < len(asked) // 3


def messages() -> list[Message]:
    """Return canonical turns, usual and others."""
    words, sealed = Text(text="words"), Text(text="words", seal=Seal(value="s"))
    note: dict[str, Any] = {"openai_chat": {"x": 1}}
    call = ToolCall(id="c1", name="read", arguments='{"a": 1}')
    calls = [call, ToolCall(id="c2", name="read"), ToolCall(id="c3", name="p", kind="custom", arguments="x")]
    calls += [ToolCall(id="c4", name="r", extra=note), ToolCall(id="c5", name="r", seal=Seal(value="s"))]
    picture = Media(kind="image", mime="image/png", data="QUJD")
    results = [ToolResult(call_id="c1", parts=parts) for parts in ((), (words,), (words, words), (picture,), (sealed,))]
    results += [ToolResult(call_id="c1", is_error=True), ToolResult(call_id="c1", extra=note)]
    parts = [
        words,
        Text(text=""),
        Text(text="w", extra=note),
        picture,
        Reasoning(text="hm"),
        Refusal(text="no"),
        *calls,
    ]
    some = [(), *itertools.permutations(parts, 1), *itertools.permutations(parts, 2), (words, *calls), (*calls, words)]
    told = [Message(role=role, parts=one) for role in ("user", "assistant", "system") for one in some]
    told += [Message(role="tool", parts=(one,)) for one in results]
    told += [Message(role="tool", parts=(results[0], results[1])), Message(role="tool", parts=(words,))]
    return [*told, *(Message(role=one.role, parts=one.parts, extra=note) for one in told)]


@pytest.mark.parametrize("wire", ["openai_chat", "openai_responses"])
def test_turns_are_written_alike(wire, monkeypatch):
    asked = [ChatRequest(model="m", messages=(turn, *messages()[:2])) for turn in messages()]
    short = [written(one, wire) for one in asked]
    monkeypatch.setattr("wallas.codecs.openai_chat_messages.usual_row", lambda message: None)
    monkeypatch.setattr("wallas.routing.adapt._fits_everywhere", lambda parts: False)
    assert short == [written(one, wire) for one in asked]
    assert {turn.role for turn in messages() if usual_row(turn)} == {"user", "assistant", "system", "tool"}


def written(request: ChatRequest, wire: str) -> tuple[Any, list[str]]:
    """Return the body for a provider of a wire, as this wire would write it, and what was left out."""
    fitted = adapt(request, model=Model(provider="p", id="m"), wire=wire, issuer="p/m@", asked_on="openai_chat")
    return openai_chat.encode_request(fitted.request, fitted.dropped), fitted.dropped
