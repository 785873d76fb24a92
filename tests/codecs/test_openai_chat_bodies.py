"""What the chat completions wire writes for providers, and what it names as left out."""

from typing import Any

import pytest

from tests.codecs import laws
from tests.codecs.test_openai_chat_requests import PIXEL, asked, turn
from wallas.codecs import openai_chat as codec
from wallas.types.chat import (
    ChatRequest,
    Media,
    Message,
    Opaque,
    Output,
    Reasoning,
    Refusal,
    Seal,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
)

EFFORTS: dict[str, tuple[Thinking, dict[str, Any], list[str]]] = {
    "small budget": (Thinking(budget=500), {"reasoning_effort": "low"}, ["thinking.budget"]),
    "middling budget": (Thinking(budget=5000), {"reasoning_effort": "medium"}, ["thinking.budget"]),
    "large budget": (Thinking(budget=50_000), {"reasoning_effort": "high"}, ["thinking.budget"]),
    "no budget": (Thinking(budget=0), {"reasoning_effort": "none"}, ["thinking.budget"]),
    "dynamic budget": (Thinking(budget=-1), {}, ["thinking.budget"]),
    "off": (Thinking(enabled=False), {"reasoning_effort": "none"}, []),
    "on": (Thinking(enabled=True), {"reasoning_effort": "medium"}, []),
    "hidden": (Thinking(effort="low", visible=False), {"reasoning_effort": "low"}, ["thinking.visible"]),
    "summarised": (Thinking(effort="low", summary="auto"), {"reasoning_effort": "low"}, ["thinking.summary"]),
}


@pytest.mark.parametrize(("thinking", "said", "lacking"), EFFORTS.values(), ids=EFFORTS)
def test_thinking_of_other_wires_becomes_an_effort(
    thinking: Thinking, said: dict[str, Any], lacking: list[str]
) -> None:
    lost: list[str] = []
    body = codec.encode_request(plain(thinking=thinking), lost)
    assert {key: value for key, value in body.items() if key not in ("model", "messages")} == said
    assert lost == lacking


def plain(*messages: Message, **more: Any) -> ChatRequest:
    default = (Message(role="user", parts=(Text(text="hi"),)),)
    return ChatRequest(model="m", messages=messages or default, **more)


def test_a_provider_that_takes_reasoning_or_thinking_gets_it_in_that_form() -> None:
    request = plain(thinking=Thinking(budget=500, visible=False))
    body = codec.encode_request(request, accepts=frozenset({"reasoning", "thinking"}))
    assert body["reasoning"] == {"max_tokens": 500, "exclude": True}
    body = codec.encode_request(plain(thinking=Thinking(effort="high")), accepts=frozenset({"thinking"}))
    assert (body["thinking"], body["reasoning_effort"]) == ({"type": "enabled"}, "high")
    off = codec.encode_request(plain(thinking=Thinking(enabled=False)), accepts=frozenset({"thinking"}))
    assert off["thinking"] == {"type": "disabled"}


def test_a_control_that_the_provider_does_not_take_is_said_in_its_own_words_and_named() -> None:
    request = codec.decode_request(asked(reasoning={"max_tokens": 500, "summary": "auto"}, top_k=3, store=True))
    lost: list[str] = []
    body = codec.encode_request(request, lost, accepts=frozenset({"store"}))
    assert body == asked(reasoning_effort="low", store=True)
    assert sorted(lost) == ["reasoning", "thinking.budget", "top_k"]


def test_top_k_goes_where_it_is_taken_and_is_named_elsewhere() -> None:
    lost: list[str] = []
    assert "top_k" not in codec.encode_request(plain(top_k=3), lost)
    assert lost == ["top_k"]
    assert codec.encode_request(plain(top_k=3), accepts=frozenset({"top_k"}))["top_k"] == 3


def test_extras_that_a_provider_does_not_take_are_named_with_their_place() -> None:
    body = asked(
        messages=[
            {"role": "user", "content": [{"type": "text", "text": "x", "cache_control": 1}]},
            {"role": "assistant", "content": "y", "prefix": True, "reasoning_details": [{"type": "t"}]},
        ],
        tools=[{"type": "function", "function": {"name": "f"}, "eager": True}],
        stream=True,
        stream_options={"include_usage": True},
    )
    lost: list[str] = []
    encoded = codec.encode_request(codec.decode_request(body), lost, accepts=frozenset(), reasoning_field="")
    assert encoded["messages"] == [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]
    assert encoded["tools"] == [{"type": "function", "function": {"name": "f"}}]
    assert sorted(lost) == [
        "messages[0].cache_control",
        "messages[1].prefix",
        "messages[1].reasoning_details",
        "tools.f.eager",
    ]


def test_other_wires_extras_and_blocks_are_named() -> None:
    request = plain(
        Message(role="user", parts=(Text(text="a", extra={"anthropic": {"cache_control": {}}}),)),
        Message(role="assistant", parts=(Opaque(wire="anthropic", data={"type": "server_tool_use"}), Text(text="b"))),
        Message(role="user", parts=(Opaque(wire="gemini", data=4), Media(kind="image", file_id="f"))),
        tools=(Opaque(wire="anthropic", data={"type": "web_search_20250305"}), Opaque(wire="gemini", data=[])),
        previous_id="resp_1",
        extra={"anthropic": {"context_management": {}}},
    )
    lost: list[str] = []
    body = codec.encode_request(request, lost)
    assert body["messages"][1] == {"role": "assistant", "content": "b"}
    assert body["messages"][2] == {"role": "user", "content": ""}
    assert "tools" not in body
    assert sorted(lost) == [
        "cache_control",
        "context_management",
        "messages[1].server_tool_use",
        "messages[2].gemini",
        "messages[2].image",
        "previous_id",
        "tools.gemini",
        "tools.web_search_20250305",
    ]


def test_own_blocks_go_back_unread() -> None:
    block = {"type": "input_hologram", "x": 1}
    message = Message(role="user", parts=(Opaque(wire="openai_chat", data=block),))
    assert codec.encode_request(plain(message))["messages"] == [{"role": "user", "content": [block]}]


def test_pictures_in_tool_results_follow_in_a_user_turn() -> None:
    picture = Media(kind="image", mime="image/gif", data=PIXEL)
    request = plain(
        Message(role="assistant", parts=(ToolCall(id="a", name="f"), ToolCall(id="b", name="f"))),
        Message(role="tool", parts=(ToolResult(call_id="a", parts=(Text(text="one"), picture)),)),
        Message(role="user", parts=(ToolResult(call_id="b", parts=(picture,), is_error=True), Text(text="well?"))),
    )
    lost: list[str] = []
    rows = codec.encode_request(request, lost)["messages"]
    assert [row["role"] for row in rows] == ["assistant", "tool", "tool", "user", "user"]
    assert rows[0]["tool_calls"][0]["function"] == {"name": "f", "arguments": "{}"}
    assert rows[1] == {"role": "tool", "tool_call_id": "a", "content": "one"}
    assert rows[2]["tool_call_id"] == "b"
    assert rows[2]["content"]
    shown = [row["type"] for row in rows[3]["content"]]
    assert shown == ["text", "image_url", "text", "image_url"]
    assert rows[4]["content"] == "well?"
    assert lost == ["messages[2].is_error"]


def test_pictures_in_the_last_tool_result_are_not_lost() -> None:
    picture = Media(kind="image", url="https://e.org/a.png")
    rows = codec.encode_request(plain(Message(role="tool", parts=(ToolResult(call_id="a", parts=(picture,)),))))
    assert rows["messages"][-1]["content"][-1] == {"type": "image_url", "image_url": {"url": "https://e.org/a.png"}}


FIELDS: dict[str, tuple[str | None, dict[str, Any], list[str]]] = {
    "as it came": (None, {"content": "x"}, ["messages[0].reasoning"]),
    "nowhere": ("", {"content": "x"}, ["messages[0].reasoning"]),
    "reasoning": ("reasoning", {"content": "x", "reasoning": "hm\n\nsum"}, []),
    "reasoning_content": ("reasoning_content", {"content": "x", "reasoning_content": "hm\n\nsum"}, []),
    "reasoning_details": ("reasoning_details", {"content": "x", "reasoning": "hm\n\nsum"}, []),
    "content": (
        "content",
        {
            "content": [
                {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
                {"type": "thinking", "thinking": [{"type": "text", "text": "sum"}]},
                {"type": "text", "text": "x"},
            ]
        },
        [],
    ),
}


@pytest.mark.parametrize(("field", "said", "lacking"), FIELDS.values(), ids=FIELDS)
def test_thoughts_of_other_wires_go_where_the_provider_wants_them(
    field: str | None, said: dict[str, Any], lacking: list[str]
) -> None:
    parts = (Reasoning(text="hm"), Reasoning(summary="sum"), Text(text="x"))
    lost: list[str] = []
    body = codec.encode_request(plain(Message(role="assistant", parts=parts)), lost, reasoning_field=field)
    assert body["messages"] == [{"role": "assistant"} | said]
    assert lost == lacking


def test_sealed_details_go_to_who_wants_them_and_the_thoughts_in_them_are_not_said_twice() -> None:
    details = [{"type": "reasoning.text", "text": "hm", "signature": "s"}]
    body = turn("assistant", content="x", reasoning="hm", reasoning_details=details)
    request = codec.decode_request(body)
    wanted = codec.encode_request(request, reasoning_field="reasoning_details")["messages"][1]
    assert wanted == {"role": "assistant", "content": "x", "reasoning_details": details}
    lost: list[str] = []
    elsewhere = codec.encode_request(request, lost, reasoning_field="reasoning_content")["messages"][1]
    assert elsewhere == {"role": "assistant", "content": "x", "reasoning_content": "hm"}
    assert lost == ["messages[1].reasoning_details"]


def test_thoughts_told_twice_come_back_twice_and_different_ones_are_kept() -> None:
    same = turn("assistant", content="x", reasoning="hm", reasoning_content="hm")
    other = turn("assistant", content="x", reasoning="hm", reasoning_content="other")
    for body in (same, other):
        assert codec.encode_request(codec.decode_request(body)) == body
        laws.request_survives(codec, body)


def test_refusals_among_words_keep_their_place() -> None:
    content = [{"type": "text", "text": "a"}, {"type": "refusal", "refusal": "no"}, {"type": "text", "text": "b"}]
    body = turn("assistant", content=content)
    assert codec.encode_request(codec.decode_request(body)) == body
    one = codec.decode_request(turn("assistant", content=[{"type": "refusal", "refusal": "no"}]))
    assert one.messages[1].parts == (Refusal(text="no"),)
    assert codec.encode_request(one)["messages"][1] == {"role": "assistant", "content": None, "refusal": "no"}


def test_media_in_an_assistant_turn_is_named() -> None:
    parts = (Media(kind="image", url="https://e.org"), Media(kind="audio", file_id="a1"), Text(text="x"))
    lost: list[str] = []
    body = codec.encode_request(plain(Message(role="assistant", parts=parts)), lost)
    assert body["messages"] == [{"role": "assistant", "content": "x", "audio": {"id": "a1"}}]
    assert lost == ["messages[0].image"]


def test_a_seal_goes_back_into_the_call_it_came_with_and_nowhere_else() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    sealed = call | {"extra_content": {"google": {"thought_signature": "gemini/g@k:sig"}}}
    request = codec.decode_request(turn("assistant", content=None, tool_calls=[sealed]))
    assert request.messages[1].parts[0].seal == Seal(issuer="gemini/g@k", value="sig")
    given = codec.encode_request(request)["messages"][1]["tool_calls"][0]
    assert given["extra_content"] == {"google": {"thought_signature": "sig"}}
    other = ToolCall(id="c", name="f", arguments="{}", seal=Seal(value="sig"))
    body = codec.encode_request(plain(Message(role="assistant", parts=(other,))))
    assert body["messages"][0]["tool_calls"] == [call]


def test_arguments_as_an_object_become_text_and_none_are_an_empty_object() -> None:
    calls = [
        {"id": "a", "function": {"name": "f", "arguments": {"x": 1}}},
        {"id": "b", "type": "function", "function": {"name": "f", "arguments": None, "z": 1}},
        {"id": "c", "custom": {"name": "g"}},
    ]
    request = codec.decode_request(turn("assistant", tool_calls=calls))
    assert [part.arguments for part in request.messages[1].parts] == ['{"x":1}', "{}", ""]
    assert request.messages[1].parts[2].kind == "custom"
    laws.request_survives(codec, turn("assistant", tool_calls=calls))


def test_a_schema_of_another_wire_gets_the_name_that_this_one_wants() -> None:
    body = codec.encode_request(plain(output=Output(kind="schema", schema={"type": "object"})))
    assert body["response_format"]["json_schema"] == {"name": "answer", "schema": {"type": "object"}}


def test_documents_of_other_wires_are_said_as_well_as_can_be() -> None:
    parts = (
        Media(kind="document", text="whole text"),
        Media(kind="document", mime="application/pdf", data="AAAA", name="a.pdf"),
        Media(kind="video", mime="video/mp4", data="AAAA"),
        Media(kind="image", data=PIXEL),
    )
    content = codec.encode_request(plain(Message(role="user", parts=parts)))["messages"][0]["content"]
    assert content == [
        {"type": "text", "text": "whole text"},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA", "filename": "a.pdf"}},
        {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AAAA"}},
        {"type": "image_url", "image_url": {"url": f"data:image/gif;base64,{PIXEL}"}},
    ]


def test_what_cannot_be_said_is_named_by_its_kind() -> None:
    parts = (
        Media(kind="audio", url="https://e.org/a"),
        Media(kind="document"),
        Media(kind="image", data="A"),
        ToolCall(id="a", name="f"),
    )
    lost: list[str] = []
    codec.encode_request(plain(Message(role="user", parts=parts)), lost)
    assert lost == ["messages[0].audio", "messages[0].document", "messages[0].tool_call"]


def test_custom_tools_and_their_results_come_back() -> None:
    body = asked(
        tools=[{"type": "custom", "custom": {"name": "sh", "format": {"type": "text"}}, "x": 1}],
        tool_choice={"type": "custom", "custom": {"name": "sh"}},
    )
    request = codec.decode_request(body)
    assert request.tools == (
        Tool(name="sh", kind="custom", extra={"openai_chat": {"x": 1, "custom": {"format": {"type": "text"}}}}),
    )
    assert codec.encode_request(request) == body


def test_the_voice_may_be_an_object() -> None:
    body = asked(modalities=["audio"], audio={"voice": {"id": "v"}, "format": "mp3", "z": 1})
    assert codec.encode_request(codec.decode_request(body)) == body


def test_an_orphaned_function_result_gets_an_id_of_its_own() -> None:
    request = codec.decode_request(turn("function", name="f", content="x"))
    result = request.messages[1].parts[0]
    assert isinstance(result, ToolResult)
    assert (result.call_id, result.name) == ("call_function_1", "f")


def test_thoughts_that_are_no_text_stay_as_they_are() -> None:
    body = turn("assistant", content="x", reasoning={"a": 1})
    assert codec.encode_request(codec.decode_request(body)) == body
