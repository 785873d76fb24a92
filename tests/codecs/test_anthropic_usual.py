"""What the short way of usual blocks reads is what the long one would have, faults included."""

import itertools
from typing import Any

from wallas.codecs import anthropic
from wallas.errors import BadRequest

WORDS = ["words", "", "a\0b", 7, None, [{"type": "text", "text": "x"}], [{"type": "tool_use"}], [7]]
NAMES = ["n", "", "a\0b", 7, None]
BESIDE: list[dict[str, Any]] = [{}, {"cache_control": {"type": "ephemeral"}}, {"is_error": True}, {"is_error": None}]


def blocks() -> list[dict[str, Any]]:
    """Return blocks, usual and others, right and wrong."""
    texts = [{"type": "text", "text": words} for words in WORDS]
    calls = [
        {"type": "tool_use", "id": id, "name": name, "input": given}
        for id, name, given in itertools.product(NAMES, NAMES, ({}, {"a": 1}, {"INVALID_JSON": "{"}, None, "x"))
    ]
    results = [
        {"type": "tool_result", "tool_use_id": id, "content": words} for id, words in itertools.product(NAMES, WORDS)
    ]
    some = [block | beside for block, beside in itertools.product([*texts, *calls, *results], BESIDE)]
    return [*some, {"type": "text"}, {"type": 7, "text": "x"}, {"type": "tool_use", "id": "a"}, {"text": "x"}, {}]


def outcome(role: str, block: dict[str, Any]) -> Any:
    """Return what is read of a turn, or the fault as its caller is told it."""
    try:
        body = {"model": "m", "max_tokens": 5, "messages": [{"role": role, "content": [block]}]}
        return anthropic.decode_request(body).messages
    except BadRequest as error:
        return (error.param, error.message)


def test_blocks_are_read_alike(monkeypatch):
    asked = list(itertools.product(("user", "assistant", "system"), blocks()))
    short = [outcome(*one) for one in asked]
    monkeypatch.setattr("wallas.codecs.anthropic_blocks.usual_part", lambda block, role: None)
    assert short == [outcome(*one) for one in asked]
