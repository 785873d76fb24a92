"""On every wire that has a short way for whole answers of words, it reads what the long way reads, or nothing."""

import copy
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from wallas import codecs

USUAL: dict[str, dict[str, Any]] = {
    codecs.OPENAI_CHAT: {
        "id": "c1",
        "object": "chat.completion",
        "created": 1750000000,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hello", "refusal": None, "annotations": []},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
        "system_fingerprint": "fp",
    },
    codecs.ANTHROPIC: {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": [{"type": "text", "text": "Hello"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 3, "cache_read_input_tokens": 1, "output_tokens": 4, "service_tier": "standard"},
    },
    codecs.GEMINI: {
        "candidates": [
            {"content": {"parts": [{"text": "Hello"}], "role": "model"}, "finishReason": "STOP", "index": 0}
        ],
        "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 4, "totalTokenCount": 7},
        "modelVersion": "gemini-2.5-flash",
        "responseId": "r1",
    },
    codecs.OLLAMA: {
        "model": "llama",
        "created_at": "2026-11-21T10:00:00.123456789Z",
        "message": {"role": "assistant", "content": "Hello"},
        "done_reason": "stop",
        "done": True,
        "total_duration": 519,
        "prompt_eval_count": 3,
        "eval_count": 4,
        "eval_duration": 479,
    },
}
ODD = [None, "", "x", "a\0b", "max_tokens", "stop_sequence", "MAX_TOKENS", 0, -1, 2, 1.5, True, False, [], [1], {}]
ODD += [{"a": 1}, [{"text": "Hello", "thought": True}], [{"type": "text", "text": "a", "citations": []}]]


def changed(value: Any) -> Iterator[Any]:
    """Yield a JSON value with one thing in it changed, left out, or added."""
    if isinstance(value, dict):
        yield value | {"unheard_of": 1}
        for key in value:
            yield {name: other for name, other in value.items() if name != key}
            yield from (value | {key: other} for other in (*ODD, *changed(value[key])))
    elif isinstance(value, list):
        yield value + value
        for place, one in enumerate(value):
            yield from ([*value[:place], other, *value[place + 1 :]] for other in changed(one))


def long_way(wire: str, body: Any) -> Any:
    """Return what the long way makes of a body, or the kind of its failure."""
    try:
        return codecs.codec(wire).decode_response(copy.deepcopy(body))
    except codecs.ProviderError as error:
        return error.kind


@pytest.mark.parametrize("wire", sorted(codecs.SHORT))
def test_a_usual_answer_takes_the_short_way(wire):
    decode_response, decode_words = codecs.plain_readers(wire)
    short = decode_words(msgspec.json.encode(USUAL[wire]))
    assert short is not None
    assert short == decode_response(USUAL[wire])


@pytest.mark.parametrize("wire", sorted(codecs.SHORT))
def test_whatever_is_changed_both_ways_read_the_same(wire):
    _, decode_words = codecs.plain_readers(wire)
    read = 0
    for body in changed(USUAL[wire]):
        short = decode_words(msgspec.json.encode(body))
        if short is not None:
            read += 1
            assert short == long_way(wire, body), body
    assert read > 20


@pytest.mark.parametrize("wire", sorted(codecs.SHORT))
@pytest.mark.parametrize("data", [b"", b"{", b"\xef\xbb\xbf{}", b'{"id":"\xff"}', b"[" * 5000, b"<html>", b"[]", b"1"])
def test_what_is_no_answer_is_left_to_the_long_way(wire, data):
    assert codecs.plain_readers(wire)[1](data) is None
