"""The dialects of chat completions streams: where providers say what, and what becomes of the rest."""

from typing import Any

import pytest

from tests.codecs import laws
from tests.codecs.test_openai_chat_streams import chunk, entry, read, sse
from wallas.codecs import openai_chat as codec
from wallas.types.chat import (
    Citation,
    Logprob,
    Media,
    Part,
    Reasoning,
    Refusal,
    Seal,
    Text,
    ToolCall,
    Usage,
)
from wallas.types.events import fold

DIALECTS: dict[str, tuple[list[dict[str, Any]], tuple[Part, ...]]] = {
    "roles and nothing": (
        [
            chunk({"role": "assistant", "content": None}),
            chunk({"role": "assistant", "content": ""}),
            chunk({"content": "x"}),
        ],
        (Text(text="x"),),
    ),
    "<think> stays text": ([chunk({"content": "<think>a</think>b"})], (Text(text="<think>a</think>b"),)),
    "thoughts between words": (
        [chunk({"content": "a"}), chunk({"reasoning_content": "b"}), chunk({"content": "c"})],
        (Text(text="a"), Reasoning(text="b", extra={"openai_chat": {"_field": "reasoning_content"}}), Text(text="c")),
    ),
    "thoughts and words in one chunk": (
        [chunk({"content": "b", "reasoning": "a"})],
        (Reasoning(text="a", extra={"openai_chat": {"_field": "reasoning"}}), Text(text="b")),
    ),
    "thoughts only in the details": (
        [
            chunk({"content": "", "reasoning_details": [{"type": "reasoning.text", "text": "a", "index": 0}]}),
            chunk({"content": "", "reasoning_details": [{"type": "reasoning.text", "text": "b", "index": 0}]}),
        ],
        (Reasoning(text="ab", extra={"openai_chat": {"_field": "reasoning_content"}}),),
    ),
    "content as an object": ([chunk({"content": {"a": 1}})], (Text(text='{"a":1}'),)),
    "content as a list": (
        [
            chunk(
                {
                    "content": [
                        "a",
                        {"type": "text", "text": "b"},
                        {"type": "image_url", "image_url": {"url": "https://e.org"}},
                        {"type": "x"},
                        4,
                    ]
                }
            )
        ],
        (Text(text="ab"), Media(kind="image", url="https://e.org")),
    ),
    "a message in place of a delta": (
        [{"id": "c-1", "model": "m", "created": 9, "choices": [{"message": {"role": "assistant", "content": "x"}}]}],
        (Text(text="x"),),
    ),
    "a refusal": ([chunk({"refusal": "N"}), chunk({"refusal": "o"})], (Refusal(text="No"),)),
    "a legacy function call": (
        [chunk({"function_call": {"name": "f", "arguments": "{"}}), chunk({"function_call": {"arguments": "}"}})],
        (
            ToolCall(
                id="call_d0f93ab6a2a8a3f1b5ddc2ea", name="f", arguments="{}", extra={"openai_chat": {"_legacy": True}}
            ),
        ),
    ),
    "calls and functions that are empty": (
        [
            chunk(
                {"content": "x", "tool_calls": [], "function_call": {"name": "", "arguments": ""}, "audio": {"id": ""}}
            )
        ],
        (Text(text="x"),),
    ),
    "a sealed call": (
        [
            chunk(
                {
                    "tool_calls": [
                        entry("f", "{}", index=0, id="a", extra_content={"google": {"thought_signature": "s"}})
                    ]
                }
            )
        ],
        (
            ToolCall(
                id="a",
                name="f",
                arguments="{}",
                seal=Seal(value="s"),
                extra={"openai_chat": {"extra_content": {"google": {}}}},
            ),
        ),
    ),
    "a call sealed late": (
        [
            chunk({"tool_calls": [entry("f", "{", index=0, id="a")]}),
            chunk({"tool_calls": [entry(None, "}", index=0, extra_content={"google": {"thought_signature": "s"}})]}),
        ],
        (
            ToolCall(
                id="a",
                name="f",
                arguments="{}",
                seal=Seal(value="s"),
                extra={"openai_chat": {"extra_content": {"google": {}}}},
            ),
        ),
    ),
    "log probabilities before the words": (
        [
            chunk({"content": ""}, choice={"logprobs": {"content": [{"token": "", "logprob": 0}]}}),
            chunk({"content": "x"}, choice={"logprobs": {"content": [{"token": "x", "logprob": -1}], "refusal": []}}),
        ],
        (Text(text="x", logprobs=(Logprob(token="", logprob=0), Logprob(token="x", logprob=-1))),),
    ),
    "a source before the words": (
        [
            chunk({"content": "", "annotations": [{"type": "url_citation", "url_citation": {"url": "u"}}]}),
            chunk({"content": "x"}),
        ],
        (Text(text="x", citations=(Citation(url="u"),)),),
    ),
    "a source in the second text": (
        [
            chunk({"content": "abc"}),
            chunk({"reasoning": "r"}),
            chunk(
                {
                    "content": "def",
                    "annotations": [
                        {"type": "url_citation", "url_citation": {"url": "u", "start_index": 3, "end_index": 6}}
                    ],
                }
            ),
        ],
        (
            Text(text="abc"),
            Reasoning(text="r", extra={"openai_chat": {"_field": "reasoning"}}),
            Text(text="def", citations=(Citation(url="u", start=0, end=3),)),
        ),
    ),
}


@pytest.mark.parametrize(("rows", "parts"), DIALECTS.values(), ids=DIALECTS)
def test_a_dialect_is_understood_and_survives(rows: list[dict[str, Any]], parts: tuple[Part, ...]) -> None:
    stream = sse(*rows, chunk({}, "stop"))
    found = fold(laws.read(codec, stream)).message.parts
    if isinstance(parts[0], ToolCall) and parts[0].extra.get("openai_chat", {}).get("_legacy"):
        assert [(part.name, part.arguments, part.extra) for part in found] == [
            (part.name, part.arguments, part.extra) for part in parts
        ]
    else:
        assert found == parts
    laws.stream_survives(codec, stream)
    laws.cuts_do_not_matter(codec, stream)


LEFT: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {
    "sources without words": (
        [chunk({"annotations": [{"type": "url_citation", "url_citation": {"url": "u"}}, {"type": "file"}]})],
        {"message": {"annotations": [{"type": "file"}, {"type": "url_citation", "url_citation": {"url": "u"}}]}},
    ),
    "log probabilities without words": (
        [chunk({}, choice={"logprobs": {"content": [{"token": "x", "logprob": -1}]}})],
        {"logprobs": {"content": [{"token": "x", "logprob": -1}]}},
    ),
    "log probabilities after the words": (
        [
            chunk({"content": "x"}),
            chunk({"tool_calls": [entry("f", "{", id="a")]}),
            chunk(
                {"tool_calls": [entry(None, "}")]},
                choice={"logprobs": {"content": [{"token": "}", "logprob": -1}]}},
            ),
        ],
        {"logprobs": {"content": [{"token": "}", "logprob": -1}]}},
    ),
    "log probabilities of thoughts": (
        [
            chunk({"reasoning_content": "a"}, choice={"logprobs": {"reasoning_content": [{"token": "a"}]}}),
            chunk({"reasoning_content": "b"}, choice={"logprobs": {"reasoning_content": [{"token": "b"}]}}),
        ],
        {"logprobs": {"reasoning_content": [{"token": "a"}, {"token": "b"}]}},
    ),
    "log probabilities of another shape": (
        [chunk({"content": "x"}, choice={"logprobs": {"tokens": ["x"], "content": [{"z": 1}], "ignored": None}})],
        {"logprobs": {"tokens": ["x"], "content": [{"z": 1}]}},
    ),
    "log probabilities that are no object": ([chunk({"content": "x"}, choice={"logprobs": 4})], {}),
    "encrypted details": (
        [
            chunk({"reasoning_details": [{"type": "reasoning.encrypted", "data": "a", "index": 0}]}),
            chunk({"reasoning_details": [{"type": "reasoning.encrypted", "data": "b", "index": 0}, 4]}),
        ],
        {
            "message": {
                "reasoning_details": [
                    {"type": "reasoning.encrypted", "data": "a", "index": 0},
                    {"type": "reasoning.encrypted", "data": "b", "index": 0},
                    4,
                ]
            }
        },
    ),
    "parts of another kind": (
        [
            chunk({"content": [{"type": "reference", "ids": [1]}]}),
            chunk({"content": [{"type": "reference", "ids": [2]}]}),
        ],
        {"message": {"content_parts": [{"type": "reference", "ids": [1]}, {"type": "reference", "ids": [2]}]}},
    ),
    "padding": ([chunk({"content": "x", "padding": "abc"}, p="abc", obfuscation="x")], {}),
}


@pytest.mark.parametrize(("rows", "extra"), LEFT.values(), ids=LEFT)
def test_what_has_no_part_stays_with_its_choice(rows: list[dict[str, Any]], extra: dict[str, Any]) -> None:
    stream = sse(*rows, chunk({}, "stop"))
    answer = fold(laws.read(codec, stream))
    assert answer.choices[0].extra.get("openai_chat", {}) == extra
    assert answer.extra == {}
    laws.stream_survives(codec, stream)


USAGES: dict[str, tuple[list[dict[str, Any]], Usage | None]] = {
    "none": ([], None),
    "empty": ([{"choices": [], "usage": {}}], None),
    "only in x_groq": (
        [{"choices": [], "x_groq": {"usage": {"prompt_tokens": 1, "completion_tokens": 2}}}],
        Usage(input=1, output=2),
    ),
    "in every chunk": (
        [
            {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1}},
            {"choices": [], "usage": {"prompt_tokens": None, "completion_tokens": 2, "cost": 1}},
        ],
        Usage(input=1, output=2, raw={"openai_chat": {"cost": 1}}),
    ),
    "impossible": (
        [{"choices": [], "usage": {"prompt_tokens": -5, "completion_tokens": 10**12, "total_tokens": True}}],
        None,
    ),
    "choices null beside it": ([{"choices": None, "usage": {"prompt_tokens": 1}}], Usage(input=1)),
    "cached": (
        [{"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 1, "prompt_cache_hit_tokens": 2}}],
        Usage(input=3, output=1, cache_read=2, raw={"openai_chat": {"prompt_cache_hit_tokens": 2}}),
    ),
    "odd details": (
        [{"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 1.0, "prompt_tokens_details": 4}}],
        Usage(input=3, output=1, raw={"openai_chat": {"prompt_tokens_details": 4}}),
    ),
}


@pytest.mark.parametrize(("rows", "usage"), USAGES.values(), ids=USAGES)
def test_u56_usage_is_found_wherever_it_is(rows: list[dict[str, Any]], usage: Usage | None) -> None:
    answer = read(chunk({"content": "x"}), *rows, chunk({}, "stop"))
    assert answer.usage == usage
    laws.stream_survives(codec, sse(chunk({"content": "x"}), *rows, chunk({}, "stop")))


def test_an_answer_without_an_id_gets_the_same_one_however_it_is_read() -> None:
    rows = [chunk({"content": "x"}) | {"id": ""}, chunk({}, "stop") | {"id": ""}]
    answer = read(*rows)
    assert answer.id.startswith("chatcmpl-")
    laws.cuts_do_not_matter(codec, sse(*rows))
    laws.stream_survives(codec, sse(*rows))
