"""What the chat completions wire accepts from clients and what it refuses."""

from typing import Any

import pytest

from tests.codecs import laws
from wallas.codecs import openai_chat as codec
from wallas.codecs.fields import names
from wallas.codecs.openai_chat_fields import Request
from wallas.errors import BadRequest
from wallas.types.chat import (
    Media,
    Output,
    Text,
    Thinking,
    ToolChoice,
)

HI = [{"role": "user", "content": "hi"}]
PIXEL = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"


def asked(**more: Any) -> dict[str, Any]:
    return {"model": "m", "messages": HI} | more


def part(**content: Any) -> dict[str, Any]:
    return asked(messages=[{"role": "user", "content": [content]}])


def turn(role: str, **more: Any) -> dict[str, Any]:
    return asked(messages=[*HI, {"role": role} | more])


REFUSED: dict[str, tuple[Any, str | None]] = {
    "C25 a list": ([], None),
    "C25 null": (None, None),
    "C25 text": ("x", None),
    "C26 messages as text": (asked(messages="hi"), "messages"),
    "C26 temperature as text": (asked(temperature="0.7"), "temperature"),
    "C26 temperature too high": (asked(temperature=2.5), "temperature"),
    "C26 temperature below zero": (asked(temperature=-0.1), "temperature"),
    "C26 negative max_tokens": (asked(max_tokens=-1), "max_tokens"),
    "C26 negative max_completion_tokens": (asked(max_completion_tokens=-1), "max_completion_tokens"),
    "C26 stream as text": (asked(stream="false"), "stream"),
    "C26 n too large": (asked(n=1_000_000_000), "n"),
    "C26 n of zero": (asked(n=0), "n"),
    "top_logprobs too large": (asked(logprobs=True, top_logprobs=21), "top_logprobs"),
    "top_logprobs without logprobs": (asked(top_logprobs=2), "top_logprobs"),
    "top_p too large": (asked(top_p=1.1), "top_p"),
    "penalty too large": (asked(presence_penalty=3), "presence_penalty"),
    "seed as text": (asked(seed="1"), "seed"),
    "stop as a number": (asked(stop=4), "stop"),
    "stop with a number": (asked(stop=["a", 4]), "stop[1]"),
    "stream_options as text": (asked(stream_options="yes"), "stream_options"),
    "include_usage as text": (asked(stream_options={"include_usage": "yes"}), "stream_options.include_usage"),
    "an empty model": (asked(model=""), "model"),
    "C23 NUL in the model": (asked(model="a\0b"), "model"),
    "C23 NUL in a call's id": (turn("tool", tool_call_id="a\0", content="x"), "messages[1].tool_call_id"),
    "C23 NUL in a tool's name": (
        asked(tools=[{"type": "function", "function": {"name": "\0"}}]),
        "tools[0].function.name",
    ),
    "C29 too many messages": (asked(messages=HI * 4001), "messages"),
    "C29 too many tools": (asked(tools=[{"type": "function", "function": {"name": "f"}}] * 257), "tools"),
    "C29 too large a schema": (
        asked(tools=[{"type": "function", "function": {"name": "f", "parameters": {"x": "y" * 300_000}}}]),
        "tools[0].function.parameters",
    ),
    "C29 too large an answer schema": (
        asked(response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": {"x": "y" * 300_000}}}),
        "response_format.json_schema.schema",
    ),
    "C29 too large a tool of the provider": (asked(tools=[{"type": "x", "y": "z" * 300_000}]), "tools[0]"),
    "C30 no messages": (asked(messages=[]), "messages"),
    "C30 messages missing": ({"model": "m"}, "messages"),
    "C30 an unknown role": (turn("robot", content="x"), "messages[1].role"),
    "C30 no role": (asked(messages=[{"content": "x"}]), "messages[0].role"),
    "C30 a result without a call": (turn("tool", content="x"), "messages[1].tool_call_id"),
    "C30 a user without content": (turn("user"), "messages[1].content"),
    "C31 an unknown part": (part(type="hologram"), "messages[0].content[0].type"),
    "C31 a part without a type": (part(text="x"), "messages[0].content[0].type"),
    "C31 image_url missing": (part(type="image_url"), "messages[0].content[0].image_url"),
    "C31 image_url without a url": (part(type="image_url", image_url={}), "messages[0].content[0].image_url.url"),
    "C31 a file path": (
        part(type="image_url", image_url={"url": "file:///etc/passwd"}),
        "messages[0].content[0].image_url.url",
    ),
    "C31 bad base64": (
        part(type="image_url", image_url={"url": "data:image/png;base64,%%%"}),
        "messages[0].content[0].image_url.url",
    ),
    "C31 no base64 at all": (
        part(type="image_url", image_url={"url": "data:image/png;base64,"}),
        "messages[0].content[0].image_url.url",
    ),
    "C31 text for an image": (
        part(type="image_url", image_url={"url": "data:text/plain;base64,aGk="}),
        "messages[0].content[0].image_url.url",
    ),
    "C31 bad audio": (part(type="input_audio", input_audio={"data": "!"}), "messages[0].content[0].input_audio.data"),
    "C31 an empty file": (part(type="file", file={}), "messages[0].content[0].file"),
    "an image from the assistant": (
        turn("assistant", content=[{"type": "image_url", "image_url": {"url": "https://e.org"}}]),
        "messages[1].content[0].type",
    ),
    "a call without a function": (turn("assistant", tool_calls=[{"id": "a"}]), "messages[1].tool_calls[0].function"),
    "a custom call without its tool": (
        turn("assistant", tool_calls=[{"id": "a", "type": "custom"}]),
        "messages[1].tool_calls[0].custom",
    ),
    "a call without an id": (
        turn("assistant", tool_calls=[{"function": {"name": "f"}}]),
        "messages[1].tool_calls[0].id",
    ),
    "a tool without a function": (asked(tools=[{"type": "function"}]), "tools[0].function"),
    "a tool that is no object": (asked(tools=[4]), "tools[0]"),
    "an unknown tool_choice": (asked(tool_choice="maybe"), "tool_choice"),
    "a tool_choice without a name": (asked(tool_choice={"type": "function"}), "tool_choice.function"),
    "allowed tools without a name": (
        asked(tool_choice={"type": "allowed_tools", "allowed_tools": {"tools": [{"type": "function"}]}}),
        "tool_choice.allowed_tools.tools[0].function",
    ),
    "an unknown function_call": (asked(function_call="maybe"), "function_call"),
    "a schema without json_schema": (asked(response_format={"type": "json_schema"}), "response_format.json_schema"),
    "response_format as text": (asked(response_format="json"), "response_format"),
}


@pytest.mark.parametrize(("body", "param"), REFUSED.values(), ids=REFUSED)
def test_a_request_that_cannot_be_is_refused_by_the_name_of_its_field(body: Any, param: str | None) -> None:
    with pytest.raises(BadRequest) as caught:
        codec.decode_request(body)
    assert caught.value.param == param


def test_null_is_the_same_as_absent() -> None:
    nulls = dict.fromkeys(names(Request) - {"messages", "model"}, None)
    assert codec.decode_request(asked(**nulls, unknown=None)) == codec.decode_request(asked())


def test_nul_is_taken_out_of_text() -> None:
    request = codec.decode_request(asked(messages=[{"role": "user", "content": "a\0b"}]))
    assert request.messages[0].parts == (Text(text="ab"),)


def test_unknown_fields_stay_where_they_were() -> None:
    body = asked(
        store=True,
        messages=[{"role": "user", "content": [{"type": "text", "text": "x", "cache_control": {"type": "e"}}], "z": 1}],
        tools=[{"type": "function", "function": {"name": "f", "y": 2}, "x": 1}],
    )
    request = codec.decode_request(body)
    assert request.extra == {"openai_chat": {"store": True}}
    assert request.messages[0].extra == {"openai_chat": {"z": 1}}
    assert request.messages[0].parts[0].extra == {"openai_chat": {"cache_control": {"type": "e"}}}
    assert request.tools[0].extra == {"openai_chat": {"x": 1, "function": {"y": 2}}}
    assert codec.encode_request(request) == body


PLACES: dict[str, tuple[dict[str, Any], Media]] = {
    "data URL": (
        {"type": "image_url", "image_url": {"url": f"data:image/gif;base64,{PIXEL}"}},
        Media(kind="image", mime="image/gif", data=PIXEL),
    ),
    "data URL without a type": (
        {"type": "image_url", "image_url": {"url": f"data:;base64,{PIXEL}"}},
        Media(kind="image", mime="image/gif", data=PIXEL),
    ),
    "data URL with white space": (
        {"type": "image_url", "image_url": {"url": f"data:image/gif;base64,{PIXEL[:8]}\n{PIXEL[8:]}"}},
        Media(kind="image", mime="image/gif", data=PIXEL),
    ),
    "data URL that is no base64": (
        {"type": "image_url", "image_url": {"url": "data:image/svg+xml;charset=utf-8,%3Csvg/%3E"}},
        Media(kind="image", mime="image/svg+xml", data="PHN2Zy8+"),
    ),
    "unknown bytes": (
        {"type": "image_url", "image_url": {"url": "data:;base64,AAAA"}},
        Media(kind="image", data="AAAA"),
    ),
    "bare URL": ({"type": "image_url", "image_url": "https://e.org/a"}, Media(kind="image", url="https://e.org/a")),
    "audio": (
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
        Media(kind="audio", mime="audio/mpeg", data="AAAA"),
    ),
    "audio as a data URL": (
        {"type": "input_audio", "input_audio": {"data": "data:audio/ogg;base64,AAAA", "format": "ogg"}},
        Media(kind="audio", mime="audio/ogg", data="AAAA"),
    ),
    "audio without a format": (
        {"type": "input_audio", "input_audio": {"data": "AAAA"}},
        Media(kind="audio", data="AAAA"),
    ),
    "bare base64 audio": (
        {"type": "input_audio", "input_audio": "AAAA"},
        Media(kind="audio", data="AAAA", extra={"openai_chat": {"_bare": True}}),
    ),
    "bare audio URL": (
        {"type": "input_audio", "input_audio": "https://e.org/a.mp3"},
        Media(kind="audio", url="https://e.org/a.mp3", extra={"openai_chat": {"_bare": True}}),
    ),
    "bare audio data URL": (
        {"type": "input_audio", "input_audio": "data:audio/wav;base64,AAAA"},
        Media(kind="audio", mime="audio/wav", data="AAAA", extra={"openai_chat": {"_bare": True}}),
    ),
    "file as bare base64": ({"type": "file", "file": {"file_data": "AAAA"}}, Media(kind="document", data="AAAA")),
    "file by URL": (
        {"type": "file", "file": {"file_data": "https://e.org/a.pdf", "filename": "a.pdf"}},
        Media(kind="document", url="https://e.org/a.pdf", name="a.pdf"),
    ),
    "file by id": (
        {"type": "file", "file": {"file_id": "file-1", "z": 1}},
        Media(kind="document", file_id="file-1", extra={"openai_chat": {"file": {"z": 1}}}),
    ),
    "file_url as bare base64": (
        {"type": "file_url", "file_url": {"url": "AAAA"}},
        Media(kind="document", data="AAAA", extra={"openai_chat": {"_type": "file_url"}}),
    ),
    "video with more": (
        {"type": "video_url", "video_url": {"url": "https://e.org/v", "fps": 2}},
        Media(kind="video", url="https://e.org/v", extra={"openai_chat": {"video_url": {"fps": 2}}}),
    ),
}


@pytest.mark.parametrize(("content", "media"), PLACES.values(), ids=PLACES)
def test_media_is_found_wherever_it_is_and_comes_back(content: dict[str, Any], media: Media) -> None:
    body = part(**content)
    assert codec.decode_request(body).messages[0].parts == (media,)
    laws.request_survives(codec, body)


CHOICES: dict[str, tuple[Any, ToolChoice | None, tuple[str, ...] | None]] = {
    "auto": ("auto", ToolChoice(mode="auto"), None),
    "none": ("none", ToolChoice(mode="none"), None),
    "required": ("required", ToolChoice(mode="required"), None),
    "any": ("any", ToolChoice(mode="required"), None),
    "auto as an object": ({"type": "auto"}, ToolChoice(mode="auto"), None),
    "function": ({"type": "function", "function": {"name": "f"}}, ToolChoice(mode="named", name="f"), None),
    "flat function": ({"type": "function", "name": "f"}, ToolChoice(mode="named", name="f"), None),
    "custom": ({"type": "custom", "custom": {"name": "c"}}, ToolChoice(mode="named", name="c"), None),
    "allowed": (
        {
            "type": "allowed_tools",
            "allowed_tools": {"mode": "auto", "tools": [{"type": "custom", "custom": {"name": "c"}}]},
        },
        ToolChoice(mode="auto"),
        ("c",),
    ),
}


@pytest.mark.parametrize(("said", "choice", "allowed"), CHOICES.values(), ids=CHOICES)
def test_every_form_of_tool_choice_is_understood(
    said: Any, choice: ToolChoice, allowed: tuple[str, ...] | None
) -> None:
    tools = [{"type": "function", "function": {"name": "f"}}, {"type": "custom", "custom": {"name": "c"}}]
    body = asked(tools=tools, tool_choice=said)
    request = codec.decode_request(body)
    assert (request.tool_choice, request.allowed_tools) == (choice, allowed)
    laws.request_survives(codec, body)


FORMATS: dict[str, tuple[dict[str, Any], Output | None]] = {
    "text": ({"type": "text"}, None),
    "json_object": ({"type": "json_object"}, Output(kind="json")),
    "json_object with a schema": ({"type": "json_object", "schema": {"type": "object"}}, Output(kind="json")),
    "json_schema": (
        {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}, "strict": True}},
        Output(kind="schema", name="a", schema={"type": "object"}, strict=True),
    ),
    "json_schema without a name": (
        {"type": "json_schema", "json_schema": {"schema": {"type": "object"}, "value": 1}},
        Output(kind="schema", schema={"type": "object"}),
    ),
    "grammar": ({"type": "grammar", "value": "root ::= x"}, None),
}


@pytest.mark.parametrize(("said", "output"), FORMATS.values(), ids=FORMATS)
def test_every_response_format_is_understood(said: dict[str, Any], output: Output | None) -> None:
    body = asked(response_format=said)
    request = codec.decode_request(body)
    assert request.output == output
    laws.request_survives(codec, body)
    if said["type"] != "text":
        assert codec.encode_request(request)["response_format"] == said


THOUGHTS: dict[str, tuple[dict[str, Any], Thinking]] = {
    "effort": ({"reasoning_effort": "high"}, Thinking(effort="high")),
    "reasoning": (
        {"reasoning": {"effort": "low", "exclude": True}},
        Thinking(effort="low", visible=False),
    ),
    "reasoning budget": ({"reasoning": {"max_tokens": 100, "enabled": True}}, Thinking(budget=100, enabled=True)),
    "thinking on": ({"thinking": {"type": "enabled", "budget_tokens": 9}}, Thinking(enabled=True, budget=9)),
    "thinking off": ({"thinking": {"type": "disabled", "clear_thinking": False}}, Thinking(enabled=False)),
    "thinking and effort": (
        {"thinking": {"type": "enabled"}, "reasoning_effort": "max"},
        Thinking(enabled=True, effort="max"),
    ),
}


@pytest.mark.parametrize(("said", "thinking"), THOUGHTS.values(), ids=THOUGHTS)
def test_every_control_of_reasoning_is_understood_and_given_back(said: dict[str, Any], thinking: Thinking) -> None:
    request = codec.decode_request(asked(**said))
    assert request.thinking == thinking
    assert codec.encode_request(request) == asked(**said)
