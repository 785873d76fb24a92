"""What the short way reads of a whole chat completion is what the long way reads."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wallas.codecs.openai_chat import decode_response, decode_words
from wallas.errors import ProviderError

ODD: st.SearchStrategy[Any] = st.sampled_from(
    [None, "", "x", 0, 1, -1, 1.5, True, False, [], [1], {}, {"a": None}, {"content": [{"token": "a", "logprob": 0}]}]
)
MESSAGE = st.fixed_dictionaries(
    {"content": st.sampled_from(["Hello", "Ab é", "", None, [], 7])},
    optional={
        name: ODD
        for name in (
            "role",
            "refusal",
            "reasoning",
            "reasoning_details",
            "annotations",
            "tool_calls",
            "function_call",
            "audio",
            "p",
            "name",
        )
    },
)
WORDS = ["stop", "length", "tool_calls", "eos", "", "error", "abort", "function_call", "made_up", None, 5]
CHOICE = st.fixed_dictionaries(
    {"message": MESSAGE, "finish_reason": st.sampled_from(WORDS)},
    optional={
        name: ODD
        for name in (
            "index",
            "logprobs",
            "error",
            "native_finish_reason",
            "stop_reason",
            "matched_stop",
            "padding",
            "z",
        )
    },
)
COUNTS = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
BODY = st.fixed_dictionaries(
    {"id": st.sampled_from(["c1", "", None, 5]), "choices": st.lists(CHOICE, max_size=2)},
    optional={
        "model": st.sampled_from(["m", "", None, 4]),
        "created": st.sampled_from([1750000000, 0, -3, 1.5, None, True]),
        "usage": st.one_of(ODD, st.sampled_from([COUNTS, COUNTS | {"total_tokens": 9}, COUNTS | {"cost": 0.1}])),
        "x_groq": st.sampled_from([None, {"id": "r"}, {"usage": COUNTS}]),
        **{name: ODD for name in ("object", "error", "system_fingerprint", "service_tier", "provider", "timings", "z")},
    },
)


def usual(**more: Any) -> dict[str, Any]:
    """Return an answer as OpenAI gives it."""
    message = {"role": "assistant", "content": "Hello", "refusal": None, "annotations": []}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return {"id": "c1", "object": "chat.completion", "created": 1750000000, "model": "m", "choices": [choice]} | more


@settings(max_examples=600, deadline=None)
@given(body=BODY)
def test_both_ways_read_the_same(body):
    short = decode_words(msgspec.json.encode(body))
    if short is not None:
        assert short == decode_response(body)


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"usage": COUNTS, "system_fingerprint": "fp", "service_tier": "default"},
        {"usage": COUNTS | {"completion_tokens_details": {"reasoning_tokens": 2, "audio_tokens": 0}}},
        {"usage": COUNTS, "x_groq": {"id": "r"}, "usage_breakdown": None},
    ],
)
def test_usual_answers_take_the_short_way_and_lose_nothing(more):
    short = decode_words(msgspec.json.encode(usual(**more)))
    assert short is not None
    assert short == decode_response(usual(**more))


@pytest.mark.parametrize("data", [b"", b"{", b'\xef\xbb\xbf{"id":"a"}', b'{"id":"\xff"}', b"[" * 5000, b"<html>"])
def test_what_is_no_answer_is_left_to_the_long_way(data):
    assert decode_words(data) is None


def test_a_field_that_nobody_knows_is_left_to_the_long_way_which_keeps_it():
    body = usual(new_field={"a": 1})
    assert decode_words(msgspec.json.encode(body)) is None
    assert decode_response(body).extra == {"openai_chat": {"new_field": {"a": 1}}}


def test_an_end_that_is_a_failure_is_told_as_one():
    body = usual()
    body["choices"][0]["finish_reason"] = "error"
    assert decode_words(msgspec.json.encode(body)) is None
    with pytest.raises(ProviderError):
        decode_response(body)
