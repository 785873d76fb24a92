"""What most programs send and most providers answer is read on a shorter way; it says the same as the long one."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallas.blueprints.options import options
from wallas.codecs import openai_chat
from wallas.codecs.openai_chat_words import decode_usage
from wallas.errors import BadRequest, ProviderError

TEXTS = st.sampled_from(["", "hello", "a\0b", "ñ", 5, None])
MESSAGES = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "developer", "user", "assistant", "tool", "judge"]), "content": TEXTS},
    optional={"name": st.just("ann"), "refusal": st.none()},
)
BODIES = st.fixed_dictionaries(
    {"messages": st.lists(MESSAGES, max_size=3)},
    optional={
        "model": st.sampled_from(["m", "", None]),
        "max_tokens": st.sampled_from([1, 0, 2**60, None, "4"]),
        "max_completion_tokens": st.sampled_from([7, None]),
        "temperature": st.sampled_from([0, 0.5, 3, None]),
        "top_p": st.sampled_from([1, 1.5]),
        "seed": st.integers(),
        "presence_penalty": st.sampled_from([-2, 5]),
        "user": st.sampled_from(["u", 3]),
        "stream": st.sampled_from([True, False, None, "yes"]),
    },
)
COUNTS = st.sampled_from([0, 3, 4, 7, -1, True, None, "3", 2.0, 10**10])


def read(body: dict[str, Any]) -> Any:
    """Return the request, or what is wrong with it."""
    try:
        return openai_chat.decode_request(body)
    except BadRequest as error:
        return error.message, error.param


@given(BODIES)
def test_a_conversation_of_words_says_the_same_on_both_ways(body):
    assert read(body) == read(body | {"n": None})


def answered(message: Any, usage: Any, **choice: Any) -> Any:
    """Return an answer, or what is wrong with it."""
    row = {"index": 0, "message": message, "finish_reason": "stop"} | choice
    body = {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [row], "usage": usage}
    try:
        return openai_chat.decode_response(body)
    except ProviderError as error:
        return error.message


@given(
    st.fixed_dictionaries(
        {"role": st.just("assistant")},
        optional={
            "content": TEXTS,
            "refusal": st.sampled_from([None, "no"]),
            "annotations": st.sampled_from([[], None]),
            "tool_calls": st.sampled_from([[], None]),
            "other": st.sampled_from([[], None, 1]),
        },
    ),
    st.sampled_from(["stop", "length", "tool_calls", "", "odd", "error", None]),
)
def test_an_answer_of_words_says_the_same_on_both_ways(message, word):
    padded = message | {"obfuscation": "xx"}
    assert answered(message, None, finish_reason=word) == answered(padded, None, finish_reason=word)


@given(st.fixed_dictionaries({"prompt_tokens": COUNTS, "completion_tokens": COUNTS, "total_tokens": COUNTS}))
def test_usage_of_three_counts_says_the_same_on_both_ways(raw):
    assert decode_usage(raw) == decode_usage(raw | {"other": None})


@pytest.mark.parametrize("environ", [{}, {"HTTP_AUTHORIZATION": "Bearer sk-1"}, {"HTTP_X_API_KEY": "sk-2"}])
def test_who_says_nothing_beside_the_request_gets_the_same_options_on_both_ways(environ):
    assert options(environ, {"model": "m"}) == options(environ, {"model": "m", "models": None})
