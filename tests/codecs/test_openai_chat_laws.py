"""The laws of a codec for whatever can be said in chat completions: requests, answers, streams, and any garbage."""

import base64
import contextlib
import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.codecs import laws
from wallas.codecs import openai_chat as codec
from wallas.errors import BadRequest, ProviderError

quick = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
WORD = st.text("abcdefgh_-", min_size=1, max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | TEXT,
    lambda inner: st.dictionaries(WORD, inner, max_size=2),
    max_leaves=4,
)
EXTRA = st.dictionaries(WORD.map("x_".__add__), JSON.filter(lambda value: value is not None), max_size=1)
DATA = st.binary(min_size=1, max_size=9).map(lambda data: base64.b64encode(data).decode())
PLACE = st.just("https://e.org/a") | DATA.map("data:image/png;base64,".__add__)
SCHEMA = st.dictionaries(WORD, JSON, max_size=2)


def some(required: dict[str, Any], optional: dict[str, Any] | None = None) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(lambda row, extra: extra | row, st.fixed_dictionaries(required, optional=optional or {}), EXTRA)


PART = st.one_of(
    some({"type": st.just("text"), "text": TEXT}),
    some(
        {"type": st.just("image_url"), "image_url": some({"url": PLACE}, {"detail": st.sampled_from(["low", "high"])})}
    ),
    some({"type": st.just("video_url"), "video_url": some({"url": st.just("https://e.org/v")})}),
    some(
        {
            "type": st.just("input_audio"),
            "input_audio": some({"data": DATA}, {"format": st.sampled_from(["wav", "mp3", "ogg"])}),
        }
    ),
    some({"type": st.just("file"), "file": some({"file_id": WORD}, {"filename": WORD})}),
    some({"type": st.just("file"), "file": some({"file_data": DATA}, {"filename": WORD})}),
)
CONTENT = TEXT | st.lists(PART, max_size=3)
CALL = st.one_of(
    some(
        {
            "id": WORD,
            "function": st.fixed_dictionaries({"name": WORD}, optional={"arguments": TEXT | SCHEMA | st.none()}),
        },
        {"type": st.just("function")},
    ),
    some({"id": WORD, "type": st.just("custom"), "custom": st.fixed_dictionaries({"name": WORD, "input": TEXT})}),
)
OWN = (
    TEXT
    | st.none()
    | st.lists(
        some({"type": st.just("text"), "text": TEXT}) | some({"type": st.just("refusal"), "refusal": TEXT}), max_size=3
    )
)
MESSAGE = st.one_of(
    some({"role": st.sampled_from(["system", "developer", "user"]), "content": CONTENT}, {"name": WORD}),
    some(
        {"role": st.just("assistant"), "content": OWN},
        {
            "tool_calls": st.lists(CALL, max_size=2),
            "reasoning": TEXT,
            "reasoning_content": TEXT,
            "name": WORD,
            "audio": some({"id": WORD}),
        },
    ),
    some(
        {
            "role": st.just("tool"),
            "tool_call_id": WORD,
            "content": TEXT | st.lists(some({"type": st.just("text"), "text": TEXT}), max_size=2),
        }
    ),
    some({"role": st.just("function"), "name": WORD, "content": TEXT}),
)
TOOL = st.one_of(
    some(
        {
            "type": st.just("function"),
            "function": some({"name": WORD}, {"description": TEXT, "parameters": SCHEMA, "strict": st.booleans()}),
        }
    ),
    some({"type": st.just("custom"), "custom": some({"name": WORD}, {"description": TEXT})}),
    some({"type": st.sampled_from(["web_search", "x"])}),
)
REQUEST = some(
    {"model": WORD, "messages": st.lists(MESSAGE, min_size=1, max_size=4)},
    {
        "tools": st.lists(TOOL, max_size=2),
        "tool_choice": st.sampled_from(
            ["auto", "none", "required", "any", {"type": "function", "function": {"name": "f"}}]
        ),
        "response_format": st.sampled_from(
            [{"type": "text"}, {"type": "json_object"}, {"type": "json_schema", "json_schema": {"schema": {}}}]
        ),
        "max_tokens": st.integers(1, 99),
        "max_completion_tokens": st.integers(1, 99),
        "stop": TEXT | st.lists(TEXT, max_size=2),
        "temperature": st.floats(0, 2),
        "top_p": st.floats(0, 1),
        "top_k": st.integers(0, 9),
        "seed": st.integers(-9, 9),
        "logprobs": st.booleans(),
        "n": st.integers(1, 128),
        "stream": st.booleans(),
        "reasoning_effort": st.sampled_from(["none", "low", "high"]),
        "reasoning": st.fixed_dictionaries(
            {},
            optional={"effort": st.just("low"), "max_tokens": st.integers(1, 9), "exclude": st.booleans(), "x": TEXT},
        ),
        "thinking": st.fixed_dictionaries(
            {"type": st.sampled_from(["enabled", "disabled", "adaptive"])},
            optional={"budget_tokens": st.integers(1, 9)},
        ),
        "modalities": st.lists(WORD, max_size=2),
        "audio": st.fixed_dictionaries({}, optional={"voice": WORD | st.just({"id": "v"}), "format": WORD}),
        "metadata": st.dictionaries(WORD, TEXT, max_size=2),
    },
)

ROW = st.fixed_dictionaries({"token": TEXT, "logprob": st.integers(-9, 0)})
NOTE = some(
    {
        "type": st.just("url_citation"),
        "url_citation": some({"url": WORD}, {"start_index": st.integers(0, 9), "end_index": st.integers(0, 9)}),
    }
)
ANSWER_CALL = some(
    {"function": st.fixed_dictionaries({}, optional={"name": WORD, "arguments": TEXT | SCHEMA})},
    {"id": WORD, "type": st.just("function"), "index": st.integers(0, 2)},
)
SAID = some(
    {"role": st.just("assistant")},
    {
        "content": TEXT | st.none(),
        "refusal": TEXT | st.none(),
        "reasoning": TEXT,
        "reasoning_content": TEXT,
        "annotations": st.lists(NOTE | some({"type": st.just("file")}), max_size=2),
        "tool_calls": st.lists(ANSWER_CALL, max_size=3),
        "images": st.lists(
            some({"type": st.just("image_url"), "image_url": st.fixed_dictionaries({"url": PLACE})}), max_size=2
        ),
        "audio": some({"data": DATA}, {"id": WORD, "transcript": TEXT}),
    },
)
FINISH = st.sampled_from(["stop", "length", "tool_calls", "content_filter", "eos", "", "weird"])
NATIVE = st.sampled_from(["stop", "end_turn", "length", "max_output_tokens", "refusal", "stop_sequence", "weird"])
CHOICE_MORE = {
    "native_finish_reason": NATIVE,
    "logprobs": st.fixed_dictionaries({"content": st.lists(ROW, max_size=2)}) | st.none(),
    "stop_reason": st.integers(0, 3) | WORD,
}
COUNT = st.integers(-2, 10**10) | st.none()
USAGE = some(
    {},
    {
        "prompt_tokens": COUNT,
        "completion_tokens": COUNT,
        "total_tokens": COUNT,
        "prompt_tokens_details": st.dictionaries(st.sampled_from(["cached_tokens", "audio_tokens"]), COUNT),
        "completion_tokens_details": st.dictionaries(st.sampled_from(["reasoning_tokens", "audio_tokens"]), COUNT),
        "prompt_cache_hit_tokens": COUNT,
    },
)
CHOICE = some({"message": SAID}, CHOICE_MORE | {"finish_reason": FINISH | st.none()})
RESPONSE = some(
    {"choices": st.lists(CHOICE, min_size=1, max_size=2)},
    {"id": WORD, "model": WORD, "created": st.integers(0, 9), "usage": USAGE, "provider": WORD},
)

PIECE = st.fixed_dictionaries(
    {"index": st.integers(0, 1), "function": st.fixed_dictionaries({}, optional={"arguments": TEXT})}
)
OPENING = st.fixed_dictionaries(
    {"index": st.integers(0, 1), "function": st.fixed_dictionaries({"name": WORD}, optional={"arguments": TEXT})},
    optional={"id": WORD},
)
DELTA = st.fixed_dictionaries(
    {},
    optional={
        "role": st.just("assistant"),
        "content": TEXT | st.none(),
        "reasoning": TEXT,
        "reasoning_content": TEXT,
        "refusal": TEXT,
        "tool_calls": st.lists(OPENING | PIECE, max_size=2),
        "annotations": st.lists(NOTE, max_size=1),
        "x_note": TEXT,
    },
)
CHUNK = st.builds(
    lambda index, delta, more, top: top | {"id": "c", "choices": [{"index": index, "delta": delta} | more]},
    st.integers(0, 1),
    DELTA,
    st.fixed_dictionaries({}, optional=CHOICE_MORE),
    st.fixed_dictionaries({}, optional={"usage": USAGE, "model": WORD, "system_fingerprint": WORD}),
)


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    rows = draw(st.lists(CHUNK, min_size=1, max_size=6))
    for index in sorted({row["choices"][0]["index"] for row in rows}):
        rows.append({"id": "c", "choices": [{"index": index, "delta": {"content": draw(TEXT.filter(bool))}}]})
        rows.append({"id": "c", "choices": [{"index": index, "delta": {}, "finish_reason": draw(FINISH.filter(bool))}]})
    return "".join(f"data: {json.dumps(row)}\n\n" for row in rows).encode() + b"data: [DONE]\n\n"


@quick
@given(REQUEST)
def test_a_request_survives_its_own_wire(body: dict[str, Any]) -> None:
    laws.request_survives(codec, body)


@quick
@given(REQUEST)
def test_a_request_loses_nothing_on_its_own_wire(body: dict[str, Any]) -> None:
    lost: list[str] = []
    codec.encode_request(codec.decode_request(body), lost)
    assert lost == []


@quick
@given(RESPONSE)
def test_an_answer_survives_its_own_wire(body: dict[str, Any]) -> None:
    laws.response_survives(codec, body)


@quick
@given(streams())
def test_a_stream_survives_its_own_wire(stream: bytes) -> None:
    try:
        laws.read(codec, stream)
    except ProviderError:
        return
    laws.stream_survives(codec, stream)


@quick
@given(streams(), st.integers(0, 400))
def test_a_cut_anywhere_does_not_matter(stream: bytes, place: int) -> None:
    decoder = codec.Decoder()
    try:
        whole = laws.read(codec, stream)
    except ProviderError:
        return
    assert [*decoder.feed(stream[:place]), *decoder.feed(stream[place:])] == whole


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)


def broken(whole: Any, places: list[int], values: list[Any]) -> Any:
    """Return JSON with some of its values replaced."""
    text = json.loads(json.dumps(whole))
    for place, value in zip(places, values, strict=True):
        node = text
        for _ in range(6):
            keys = list(node) if isinstance(node, dict) else list(range(len(node)))
            key = keys[place % len(keys)]
            if not isinstance(node[key], dict | list) or not node[key] or place % 3 == 0:
                node[key] = value
                break
            node, place = node[key], place // 2
    return text


BREAKS = st.lists(st.tuples(st.integers(0, 999), ANYTHING), min_size=1, max_size=2)


@quick
@given(REQUEST, BREAKS)
def test_a_broken_request_is_refused_and_never_an_accident(body: dict[str, Any], breaks: list[Any]) -> None:
    with contextlib.suppress(BadRequest):
        codec.decode_request(broken(body, [place for place, _ in breaks], [value for _, value in breaks]))


@quick
@given(RESPONSE, BREAKS)
def test_a_broken_answer_is_a_failure_and_never_an_accident(body: dict[str, Any], breaks: list[Any]) -> None:
    with contextlib.suppress(ProviderError):
        codec.decode_response(broken(body, [place for place, _ in breaks], [value for _, value in breaks]))


@quick
@given(CHUNK, BREAKS)
def test_a_broken_chunk_is_a_failure_and_never_an_accident(row: dict[str, Any], breaks: list[Any]) -> None:
    bad = broken(row, [place for place, _ in breaks], [value for _, value in breaks])
    stream = f"data: {json.dumps(row)}\n\ndata: {json.dumps(bad)}\n\ndata: [DONE]\n\n".encode()
    with contextlib.suppress(ProviderError):
        laws.read(codec, stream)


@quick
@given(st.integers(0, 599), st.binary(max_size=20) | ANYTHING.map(lambda value: json.dumps(value).encode()))
def test_any_refusal_is_a_failure_and_never_an_accident(status: int, body: bytes) -> None:
    assert isinstance(codec.decode_error(status, {}, body), ProviderError)
