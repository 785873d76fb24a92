"""Usual events, read by their type, mean what they mean when they come byte by byte and take the long way."""

import json
from typing import Any

import pytest

from tests.codecs.test_openai_chat_streams import chunk, sse
from wallas.codecs import openai_chat as codec
from wallas.codecs.openai_chat_usual import usual
from wallas.types.events import Event

USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
WORDS = chunk({"content": "Hi"})
END = chunk({}, "stop")
NULLS = {"refusal": None, "reasoning_content": None, "tool_calls": None}


def read(reads: list[bytes]) -> list[Event]:
    decoder = codec.Decoder()
    events = [event for data in reads for event in decoder.feed(data)]
    return [*events, *decoder.end()]


STREAMS: dict[str, list[dict[str, Any]]] = {
    "role first": [chunk({"role": "assistant", "content": ""}), WORDS, END],
    "nulls": [chunk(NULLS | {"content": "Hi"}, choice={"logprobs": None}, usage=None), END],
    "usage with the end": [WORDS, chunk({}, "length", usage=USAGE)],
    "usage behind the end": [WORDS, END, chunk(usage=USAGE, choices=[])],
    "usage all along": [chunk({"content": "Hi"}, usage=USAGE), chunk({}, "stop", usage=USAGE | {"total_tokens": 6})],
    "fingerprint and tier": [
        chunk({"content": "Hi"}, system_fingerprint="fp", service_tier="flex"),
        chunk({}, "stop", system_fingerprint="fp", service_tier="default", provider="P"),
    ],
    "a filter's report first": [chunk(choices=[], id="c-0"), WORDS, END],
    "no time": [chunk({"content": "Hi"}, created=0), END],
    "half a second": [chunk({"content": "Hi"}, created=9.5), END],
    "words with the end": [chunk({"content": "Hi", "obfuscation": "xx"}, "stop")],
    "the end twice": [WORDS, END, chunk({}, "length")],
    "words behind the end": [WORDS, END, WORDS],
}


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("name", STREAMS)
def test_usual_events_are_read_the_same_on_both_ways(name, together):
    rows = [sse(row, done=False) for row in STREAMS[name]] + [sse()]
    whole = b"".join(rows)
    assert all(usual(row) for row in rows)
    assert read([whole] if together else rows) == read([bytes([byte]) for byte in whole])


@pytest.mark.parametrize(
    "odd",
    [
        WORDS | {"x_groq": {"id": "req"}},
        WORDS | {"unheard_of": 1},
        WORDS | {"id": ""},
        WORDS | {"error": {"message": "no"}},
        WORDS | {"choices": None},
        WORDS | {"choices": [*WORDS["choices"], *END["choices"]]},
        chunk({"content": "Hi"}, "content_filter"),
        chunk({"content": "Hi"}, choice={"index": 1}),
        chunk({"content": "Hi"}, choice={"logprobs": {"content": []}}),
        chunk({"content": "Hi"}, choice={"stop_reason": 7}),
        chunk({"content": [{"type": "text", "text": "Hi"}]}),
        chunk({"content": "Hi", "reasoning": "Hm"}),
        chunk({"content": "Hi", "annotations": []}),
        chunk({"tool_calls": [{"index": 0}]}),
    ],
)
def test_what_says_more_is_no_usual_event(odd):
    assert usual(sse(odd, done=False)) is None
    assert usual(sse(WORDS, odd)) is None


def test_a_comment_a_name_or_half_an_event_is_no_usual_event():
    data = b"data: " + json.dumps(WORDS).encode()
    assert usual(data + b"\n\n") == usual(data + b"\r\n\r\n") != []
    for other in (
        data,
        data + b"\n",
        b": ping\n\n" + data + b"\n\n",
        b"event: x\n" + data + b"\n\n",
        b"data: \xff\n\n",
    ):
        assert usual(other) is None
