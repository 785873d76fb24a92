"""The laws of a codec, for whatever the Anthropic wire can say."""

import json
import string
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.codecs import laws
from wallas.codecs import anthropic
from wallas.types.events import fold

LETTERS = string.ascii_letters + string.digits + "_-"
ids = st.text(LETTERS, min_size=1, max_size=8)
words = st.text(min_size=1, max_size=12).filter(lambda text: text.strip() and "\0" not in text)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(LETTERS, max_size=5), inner, max_size=2),
    max_leaves=4,
)
objects = st.dictionaries(st.text(LETTERS, min_size=1, max_size=5), json_values, max_size=3)
cache = st.just({"cache_control": {"type": "ephemeral"}})
unknown = objects.map(lambda data: data | {"type": "novelty"})
unread = objects.map(lambda data: data | {"type": "search_result"})
citation = st.builds(
    lambda text, title: {"type": "char_location", "cited_text": text, "document_title": title, "document_index": 0},
    words,
    words | st.none(),
)


def block(kind: str, **fields: Any) -> st.SearchStrategy[dict[str, Any]]:
    made = st.fixed_dictionaries({"type": st.just(kind), **fields})
    return st.builds(lambda a, b: a | b, made, st.just({}) | cache)


def text(value: st.SearchStrategy[str] = words) -> st.SearchStrategy[dict[str, Any]]:
    return block("text", text=value) | block("text", text=value, citations=st.lists(citation, min_size=1, max_size=2))


image = block("image", source=st.just({"type": "url", "url": "https://i.example/i"}))
document = block(
    "document",
    title=words,
    source=st.just({"type": "base64", "media_type": "application/pdf", "data": "AAAA"})
    | words.map(lambda data: {"type": "text", "media_type": "text/plain", "data": data}),
)
result = block(
    "tool_result",
    tool_use_id=ids,
    content=words | st.lists(text() | image | document | unread, min_size=1, max_size=2),
    is_error=st.booleans(),
)
call = block("tool_use", id=ids, name=ids, input=objects)
thinking = block("thinking", thinking=st.text(max_size=5).filter(lambda t: "\0" not in t), signature=ids)
redacted = block("redacted_thinking", data=ids)
server = block("server_tool_use", id=ids, name=ids, input=objects)

said_by_user = words | st.lists(text() | image | document | result | unread, min_size=1, max_size=4)
said_by_model = words | st.lists(text() | thinking | redacted | call | server | unknown, min_size=1, max_size=4)
message = (
    st.builds(lambda content: {"role": "user", "content": content}, said_by_user)
    | st.builds(lambda content: {"role": "assistant", "content": content}, said_by_model)
    | st.builds(
        lambda content: {"role": "system", "content": content}, words | st.lists(text(), min_size=1, max_size=2)
    )
)
tool = st.fixed_dictionaries(
    {"name": ids, "input_schema": objects.map(lambda schema: schema | {"type": "object"})},
    optional={"description": words, "strict": st.booleans(), "defer_loading": st.booleans()},
) | objects.map(lambda data: data | {"type": "web_search_20250305", "name": "web_search"})
choices = st.sampled_from([{"type": "auto"}, {"type": "any", "disable_parallel_tool_use": True}, {"type": "none"}])

request = st.fixed_dictionaries(
    {
        "model": ids,
        "max_tokens": st.integers(0, 10000),
        "tools": st.lists(tool, min_size=1, max_size=2),
        "messages": st.lists(message, max_size=5).map(lambda rest: [{"role": "user", "content": "Hello"}, *rest]),
    },
    optional={
        "system": words | st.lists(text(), min_size=1, max_size=2),
        "tool_choice": choices,
        "stop_sequences": st.lists(words, min_size=1, max_size=2),
        "temperature": st.sampled_from([0, 0.5, 1]),
        "top_p": st.sampled_from([0.1, 1]),
        "top_k": st.integers(0, 9),
        "thinking": st.just({"type": "disabled"}),
        "output_config": st.fixed_dictionaries({}, optional={"effort": st.just("low"), "budget": json_values}),
        "metadata": st.fixed_dictionaries({"user_id": words}),
        "service_tier": st.sampled_from(["auto", "standard_only"]),
        "stream": st.booleans(),
        "container": words,
    },
)


@settings(max_examples=150, deadline=None)
@given(request)
def test_a_request_means_the_same_after_a_round_trip(body):
    ends = body["messages"][-1]
    if ends["role"] == "assistant":  # a last assistant text loses its white space: the wire refuses it
        body = body | {"messages": [*body["messages"], {"role": "user", "content": "Go on."}]}
    laws.request_survives(anthropic, body)


usage = st.fixed_dictionaries(
    {"input_tokens": st.integers(0, 99), "output_tokens": st.integers(0, 99)},
    optional={
        "cache_read_input_tokens": st.integers(0, 99),
        "cache_creation_input_tokens": st.integers(0, 99),
        "output_tokens_details": st.fixed_dictionaries({"thinking_tokens": st.integers(0, 9)}),
        "service_tier": words,
    },
)
answer = st.fixed_dictionaries(
    {
        "id": ids,
        "type": st.just("message"),
        "role": st.just("assistant"),
        "model": ids,
        "content": st.lists(text(words | st.just("")) | thinking | redacted | call | server | unknown, max_size=4),
        "stop_reason": st.sampled_from(["end_turn", "max_tokens", "tool_use", "pause_turn", "refusal", "novelty"]),
        "stop_sequence": st.none(),
        "usage": usage,
    },
    optional={"container": objects, "stop_details": objects},
)


@settings(max_examples=150, deadline=None)
@given(answer)
def test_an_answer_means_the_same_whole_and_streamed(body):
    laws.response_survives(anthropic, body)
    whole = anthropic.decode_response(body)
    data = laws.written(anthropic, whole)
    laws.stream_survives(anthropic, data)
    assert without_empty_calls(fold(laws.read(anthropic, data))) == without_empty_calls(whole)


def without_empty_calls(response: Any) -> str:
    """Return an answer as JSON in which no arguments and {} are one: a stream has no deltas for either."""
    return json.dumps(anthropic.encode_response(response), sort_keys=True)


@settings(max_examples=60, deadline=None)
@given(answer, st.integers(1, 40))
def test_a_stream_gives_the_same_events_however_it_is_cut(body, size):
    data = laws.written(anthropic, anthropic.decode_response(body))
    laws.cuts_do_not_matter(anthropic, data, (size,))


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_are_an_error_of_the_provider(data):
    error = anthropic.decode_error(500, {}, data)
    assert error.message
    assert error.status == 500
