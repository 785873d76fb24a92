"""Requests of the Responses wire: what is accepted, what is refused by name, what a provider gets."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.codecs import laws
from wallas.codecs import openai_responses as codec
from wallas.errors import BadRequest
from wallas.types.chat import (
    ChatRequest,
    Citation,
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
    ToolChoice,
    ToolResult,
    Voice,
)

WIRE = "openai_responses"
PNG = "iVBORw0KGgoAAAANSUhEUg=="
EXPLICIT = {"model": "m", "store": False, "include": ["reasoning.encrypted_content"]}


def user(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"model": "m", "input": [{"role": "user", "content": list(parts)}]}


def item(**fields: Any) -> dict[str, Any]:
    return {"model": "m", "input": [{"role": "user", "content": "x"}, fields]}


def tool(**fields: Any) -> dict[str, Any]:
    return {"model": "m", "input": "x", "tools": [fields]}


def said(**fields: Any) -> dict[str, Any]:
    return {"model": "m", "input": "x"} | fields


def schema(**fields: Any) -> dict[str, Any]:
    return said(text={"format": {"type": "json_schema"} | fields})


WRONG = [
    (None, None),
    ([], None),
    ({}, "model"),
    ({"model": "m"}, "input"),
    ({"model": "m", "input": None}, "input"),
    ({"model": "m", "input": []}, "input"),
    ({"model": "m", "input": 3}, "input"),
    ({"model": 3, "input": "x"}, "model"),
    ({"model": "m", "input": ["x"]}, "input[0]"),
    ({"model": "m", "input": [{}]}, "input[0].type"),
    ({"model": "m", "input": [{"type": 3}]}, "input[0].type"),
    ({"model": "m", "input": [{"role": "robot", "content": "x"}]}, "input[0].role"),
    ({"model": "m", "input": [{"role": "user"}]}, "input[0].content"),
    (user({"type": "hologram"}), "input[0].content[0].type"),
    ({"model": "m", "input": [{"role": "user", "content": ["x"]}]}, "input[0].content[0].type"),
    (user({"type": "input_text"}), "input[0].content[0].text"),
    (user({"type": "input_text", "text": "a"}, {"type": "input_text", "text": 3}), "input[0].content[1].text"),
    (user({"type": "input_image"}), "input[0].content[0].image_url"),
    (user({"type": "input_image", "image_url": {"url": "x"}}), "input[0].content[0].image_url"),
    (user({"type": "input_image", "image_url": "file:///etc/passwd"}), "input[0].content[0].image_url"),
    (user({"type": "input_image", "image_url": "data:image/png;base64,%%"}), "input[0].content[0].image_url"),
    (user({"type": "input_image", "image_url": "data:text/plain;base64,aGk="}), "input[0].content[0].image_url"),
    (user({"type": "input_file"}), "input[0].content[0].file_data"),
    (user({"type": "input_file", "file_data": "data:application/pdf;base64,a"}), "input[0].content[0].file_data"),
    (user({"type": "input_audio", "input_audio": {"data": "UklGRg=="}}), "input[0].content[0].input_audio.format"),
    (
        user({"type": "input_audio", "input_audio": {"data": "?", "format": "wav"}}),
        "input[0].content[0].input_audio.data",
    ),
    (item(type="function_call", name="f"), "input[1].call_id"),
    (item(type="function_call", call_id="a\0", name="f"), "input[1].call_id"),
    (item(type="function_call", call_id="a", name="f\0"), "input[1].name"),
    (item(type="function_call_output", output="x"), "input[1].call_id"),
    (item(type="function_call_output", call_id="c"), "input[1].output"),
    (item(type="function_call_output", call_id="c", output=[{"type": "x"}]), "input[1].output[0].type"),
    (item(type="message", role="user", content="x", id="a\0"), "input[1].id"),
    (item(type="reasoning", summary=[{"type": "summary_text"}]), "input[1].summary[0].text"),
    (tool(), "tools[0].type"),
    (tool(type="function"), "tools[0].name"),
    (tool(type="function", name=""), "tools[0].name"),
    (tool(type="function", name="f", parameters=[]), "tools[0].parameters"),
    (tool(type="function", name="f", parameters={"x": "y" * 300_000}), "tools[0].parameters"),
    (tool(type="custom"), "tools[0].name"),
    (said(tools=[{"type": "web_search"}] * 257), "tools"),
    (said(tool_choice="maybe"), "tool_choice"),
    (said(tool_choice={"type": "function"}), "tool_choice.name"),
    (said(tool_choice={"name": "f"}), "tool_choice.type"),
    (said(temperature="0.7"), "temperature"),
    (said(temperature=3), "temperature"),
    (said(max_output_tokens=-1), "max_output_tokens"),
    (said(stream="false"), "stream"),
    (said(top_logprobs=99), "top_logprobs"),
    (said(truncation="middle"), "truncation"),
    (said(reasoning={"effort": "heroic"}), "reasoning.effort"),
    (said(text={"format": {"type": "xml"}}), "text.format.type"),
    (schema(schema={}), "text.format.name"),
    (said(conversation="conv_1"), "conversation"),
    (said(background=True), "background"),
    ({"model": "m", "input": [{"role": "user", "content": "x"}] * 4001}, "input"),
]


@pytest.mark.parametrize(("body", "param"), WRONG, ids=[str(param) for _, param in WRONG])
def test_a_wrong_field_is_named_by_its_path(body: Any, param: str | None) -> None:
    with pytest.raises(BadRequest) as caught:
        codec.decode_request(body)
    assert caught.value.param == param


def test_nulls_are_the_same_as_nothing() -> None:
    nulls = dict.fromkeys(("instructions", "tools", "tool_choice", "text", "reasoning", "include", "metadata", "x"))
    assert codec.decode_request(said(**nulls)) == codec.decode_request(said())


def test_nul_is_removed_from_words_and_refused_in_names() -> None:
    body = {
        "model": "m",
        "instructions": "a\0b",
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "a\0b"}]},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"a\0": 1}'},
        ],
    }
    system, asked, called = codec.decode_request(body).messages
    assert (system.parts[0], called.parts[0].arguments) == (Text(text="ab"), '{"a": 1}')
    assert asked.parts[0].text == "ab"


def test_the_assistants_items_are_one_message_in_order_and_so_are_the_tools_outputs() -> None:
    refusal = {"type": "refusal", "refusal": "no"}
    items = [
        {"type": "reasoning", "summary": []},
        {"type": "message", "id": "msg_1", "role": "assistant", "content": [refusal]},
        {"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"},
        {"type": "web_search_call", "id": "ws_1"},
        {"type": "tool_search_output", "execution": "server", "tools": []},
        {"type": "function_call", "call_id": "2", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "1", "output": "x"},
        {"type": "local_shell_call_output", "id": "l", "output": "y"},
        {"type": "function_call_output", "name": "f", "output": "z"},
        {"type": "mcp_approval_response", "approve": True},
        {"role": "user", "content": "go on"},
        {"role": "assistant", "content": "b"},
    ]
    messages = codec.decode_request({**EXPLICIT, "input": items}).messages
    assert [(message.role, len(message.parts)) for message in messages] == [
        ("assistant", 6),
        ("tool", 4),
        ("user", 1),
        ("assistant", 1),
    ]
    assert codec.encode_items(messages) == [{"type": "message"} | item for item in items]


def test_instructions_are_the_first_message_and_remembered_as_such() -> None:
    request = codec.decode_request(said(instructions="Be brief."))
    assert request.messages[0].parts == (Text(text="Be brief."),)
    assert codec.carried(request.messages) == request.messages[1:]
    assert codec.encode_request(request)["instructions"] == "Be brief."


def test_a_system_item_that_leads_stays_an_item() -> None:
    body = codec.encode_request(codec.decode_request(item(role="system", content="Rules.")))
    led = {"model": "m", "input": [{"role": "system", "content": "Rules."}, {"role": "user", "content": "x"}]}
    again = codec.encode_request(codec.decode_request(led))
    assert "instructions" not in body and "instructions" not in again
    assert again["input"][0] == {"type": "message", "role": "system", "content": "Rules."}


@pytest.mark.parametrize(
    ("choice", "mode", "allowed"),
    [
        ("auto", ToolChoice(mode="auto"), None),
        ("none", ToolChoice(mode="none"), None),
        ("required", ToolChoice(mode="required"), None),
        ({"type": "function", "name": "f"}, ToolChoice(mode="named", name="f"), None),
        ({"type": "custom", "name": "c"}, ToolChoice(mode="named", name="c"), None),
        (
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]},
            ToolChoice(mode="required"),
            ("f",),
        ),
        (
            {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "custom", "name": "c"}, {"type": "mcp"}]},
            ToolChoice(mode="auto"),
            ("c",),
        ),
        ({"type": "web_search"}, None, None),
        ({"type": "mcp", "server_label": "s", "name": "t"}, None, None),
    ],
)
def test_every_tool_choice_is_read_and_given_back(choice: Any, mode: Any, allowed: Any) -> None:
    request = codec.decode_request({**EXPLICIT, "input": "x", "tool_choice": choice})
    assert (request.tool_choice, request.allowed_tools) == (mode, allowed)
    assert codec.encode_request(request)["tool_choice"] == choice


@pytest.mark.parametrize(
    ("fields", "asked"),
    [
        ({}, None),
        ({"top_logprobs": 0}, None),
        ({"top_logprobs": 3}, 3),
        ({"include": ["message.output_text.logprobs"]}, 0),
        ({"include": ["message.output_text.logprobs"], "top_logprobs": 2}, 2),
    ],
)
def test_log_probabilities_are_asked_for_in_two_places(fields: dict[str, Any], asked: int | None) -> None:
    request = codec.decode_request(said(**fields))
    assert request.logprobs == asked
    body = codec.encode_request(request)
    assert ("message.output_text.logprobs" in body["include"]) == (asked is not None)
    assert body.get("top_logprobs") == (fields.get("top_logprobs") or None if asked else fields.get("top_logprobs"))


def test_a_prompt_template_stands_for_model_and_input() -> None:
    request = codec.decode_request({"prompt": {"id": "pmpt_1"}})
    assert (request.model, request.messages) == ("", ())
    assert codec.encode_request(request)["prompt"] == {"id": "pmpt_1"}


def test_a_previous_response_stands_for_input_and_is_sent_on_if_nobody_resolved_it() -> None:
    request = codec.decode_request({"model": "m", "previous_response_id": "resp_1"})
    assert (request.previous_id, request.messages) == ("resp_1", ())
    assert codec.encode_request(request)["previous_response_id"] == "resp_1"


def test_a_request_is_stateless_towards_the_provider_unless_the_client_spoke_of_it() -> None:
    silent = codec.encode_request(codec.decode_request(said()))
    assert (silent["store"], silent["include"]) == (False, ["reasoning.encrypted_content"])
    spoken = codec.encode_request(codec.decode_request(said(store=True, include=[])))
    assert (spoken["store"], spoken.get("include")) == (True, None)


FOREIGN = ChatRequest(
    model="gpt-5",
    messages=(
        Message(role="system", parts=(Text(text="One."), Text(text="Two."))),
        Message(role="user", name="ann", parts=(Text(text="Hi"),)),
        Message(role="assistant", parts=()),
        Message(
            role="assistant",
            parts=(
                Reasoning(text="unsealed"),
                Reasoning(text="sealed", seal=Seal(issuer="openai/gpt-5@a", value="gAAA")),
                Text(text="a"),
                Text(text="b", citations=(Citation(start=0, end=1, url="https://e.org"),)),
                Refusal(text="no"),
                Media(kind="audio", data="UklGRg==", text="spoken"),
                Media(kind="image", data=PNG),
                ToolCall(id="call_1", name="f", arguments='{"a":1}'),
                ToolCall(id="call_2", name="c", arguments="raw", kind="custom"),
                Opaque(wire="anthropic", data={"type": "server_tool_use"}),
                Opaque(wire="gemini", data="x"),
            ),
        ),
        Message(
            role="user",
            parts=(
                ToolResult(call_id="call_1", parts=(Media(kind="image", mime="image/png", data=PNG),), is_error=True),
                ToolResult(call_id="call_2", kind="custom", name="c", parts=(Opaque(wire="gemini", data="y"),)),
                Text(text="see"),
                Media(kind="image", url="https://e.org/a.png", detail="high"),
                Media(kind="image", file_id="file_1"),
                Media(kind="document", mime="application/pdf", data="JVBERi0=", detail="high"),
                Media(kind="document", url="https://e.org/b.pdf", name="b.pdf"),
                Media(kind="document", file_id="file_2"),
                Media(kind="document", mime="text/plain", text="words"),
                Media(kind="audio", mime="audio/mpeg", data="UklGRg=="),
                Media(kind="audio", url="https://e.org/a.mp3"),
                Media(kind="video", url="https://e.org/a.mp4"),
                Refusal(text="odd"),
            ),
        ),
        Message(role="user", parts=(Media(kind="video", url="https://e.org/a.mp4"),)),
        Message(role="tool", parts=(Text(text="loose"),)),
        Message(role="system", parts=(Text(text="Later."),)),
    ),
    tools=(
        Tool(name="f", description="d", parameters={"type": "object"}),
        Tool(name="s", parameters={"type": "object"}, strict=True),
        Tool(name="c", kind="custom"),
        Opaque(wire="anthropic", data={"type": "web_search_20250305"}),
    ),
    tool_choice=ToolChoice(mode="named", name="c"),
    output=Output(kind="schema", schema={"type": "object"}),
    thinking=Thinking(budget=4000, visible=True),
    logprobs=0,
    max_tokens=50,
    stop=("x",),
    top_k=4,
    seed=1,
    frequency_penalty=0.1,
    presence_penalty=0.2,
    logit_bias={"1": 2.0},
    n=2,
    modalities=("audio",),
    voice=Voice(name="ash"),
    extra={"anthropic": {"container": "c"}},
    stream=True,
)


def test_a_foreign_request_is_written_with_all_that_has_a_place_and_the_rest_is_named() -> None:
    lost: list[str] = []
    body = codec.encode_request(FOREIGN, lost)
    assert body["instructions"] == "One.\n\nTwo."
    assert [made["type"] for made in body["input"]] == [
        "message",
        "reasoning",
        "message",
        "function_call",
        "custom_tool_call",
        "function_call_output",
        "custom_tool_call_output",
        "message",
        "message",
        "message",
    ]
    asked, thought, answer, call, patch, result, empty, seen, loose, later = body["input"]
    assert asked["content"] == "Hi"
    assert (thought["encrypted_content"], thought["content"][0]["text"]) == ("gAAA", "sealed")
    assert [part["type"] for part in answer["content"]] == ["output_text", "output_text", "refusal", "output_text"]
    assert (call["call_id"], call["arguments"], patch["input"]) == ("call_1", '{"a":1}', "raw")
    assert result["output"][0]["image_url"] == f"data:image/png;base64,{PNG}"
    assert empty["output"] == ""
    assert [part["type"] for part in seen["content"]] == [
        "input_text",
        "input_image",
        "input_image",
        "input_file",
        "input_file",
        "input_file",
        "input_text",
        "input_audio",
        "input_text",
    ]
    assert seen["content"][3]["filename"] == "document.pdf"
    assert seen["content"][7]["input_audio"]["format"] == "mp3"
    assert (loose["role"], later["role"]) == ("user", "system")
    assert [made.get("strict") for made in body["tools"]] == [False, True, None]
    assert body["tool_choice"] == {"type": "custom", "name": "c"}
    assert body["text"] == {"format": {"type": "json_schema", "name": "answer", "schema": {"type": "object"}}}
    assert body["reasoning"] == {"effort": "medium", "summary": "auto"}
    assert body["include"] == ["reasoning.encrypted_content", "message.output_text.logprobs"]
    assert (body["max_output_tokens"], body["store"], body["stream"]) == (50, False, True)
    assert set(lost) == {
        "top_k",
        "seed",
        "frequency_penalty",
        "presence_penalty",
        "logit_bias",
        "modalities",
        "voice",
        "n",
        "stop",
        "container",
        "name",
        "reasoning",
        "audio",
        "image",
        "video",
        "server_tool_use",
        "gemini",
        "is_error",
        "web_search_20250305",
        "thinking.budget",
    }


@pytest.mark.parametrize(
    ("thinking", "told"),
    [
        (Thinking(enabled=False), {"effort": "none"}),
        (Thinking(enabled=True), None),
        (Thinking(budget=0), {"effort": "none"}),
        (Thinking(budget=-1), None),
        (Thinking(budget=100_000), {"effort": "high"}),
        (Thinking(effort="xhigh", summary="detailed"), {"effort": "xhigh", "summary": "detailed"}),
    ],
)
def test_a_foreign_way_of_thinking_becomes_the_nearest_effort(thinking: Thinking, told: Any) -> None:
    request = msgspec.structs.replace(FOREIGN, thinking=thinking)
    assert codec.encode_request(request).get("reasoning") == told


def test_allowed_tools_of_another_wire_become_a_tool_choice() -> None:
    request = msgspec.structs.replace(FOREIGN, tool_choice=None, allowed_tools=("f", "c"))
    assert codec.encode_request(request)["tool_choice"] == {
        "type": "allowed_tools",
        "mode": "auto",
        "tools": [{"type": "function", "name": "f"}, {"type": "custom", "name": "c"}],
    }


def test_a_thought_whose_seal_was_taken_away_is_not_sent_for_no_provider_knows_it() -> None:
    body = {
        **EXPLICIT,
        "input": [
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x/m@a:s"},
            {"type": "reasoning", "id": "rs_wallas_1", "summary": [{"type": "summary_text", "text": "ours"}]},
            {"type": "reasoning", "id": "rs_2", "summary": [], "content": [{"type": "reasoning_text", "text": "raw"}]},
            {"role": "user", "content": "x"},
        ],
    }
    request = codec.decode_request(body)
    thoughts, asked = request.messages
    assert thoughts.parts[0].seal == Seal(issuer="x/m@a", value="s")
    bare = tuple(msgspec.structs.replace(part, seal=None) for part in thoughts.parts)
    lost: list[str] = []
    stripped = msgspec.structs.replace(request, messages=(msgspec.structs.replace(thoughts, parts=bare), asked))
    sent = codec.encode_request(stripped, lost)["input"]
    assert ([made.get("id") for made in sent], lost) == (["rs_2", None], ["reasoning"])


def test_items_are_listed_for_a_client_with_ids_that_stay_the_same() -> None:
    messages = codec.decode_request(
        {**EXPLICIT, "input": [{"role": "user", "content": "x"}, {"type": "item_reference", "id": "msg_9"}]}
    ).messages
    items = codec.encode_items(messages, stem="resp_1")
    assert [made["id"] for made in items] == ["msg_wallas_resp_1_0", "msg_9"]
    assert items == codec.encode_items(messages, stem="resp_1")


def test_a_redacted_thought_comes_back_redacted() -> None:
    body = {**EXPLICIT, "input": [{"type": "reasoning", "id": "rs_redacted_wallas_1", "encrypted_content": "a/b@:s"}]}
    thought = codec.decode_request(body).messages[0].parts[0]
    assert (thought.redacted, thought.seal) == (True, Seal(issuer="a/b@", value="s"))


words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8)
ids = st.from_regex(r"[a-z]{1,4}_[0-9a-f]{1,6}", fullmatch=True)
input_part = st.one_of(
    st.fixed_dictionaries({"type": st.just("input_text"), "text": words}),
    st.fixed_dictionaries(
        {"type": st.just("input_image"), "image_url": st.just(f"data:image/png;base64,{PNG}")},
        optional={"detail": st.sampled_from(["low", "high", "auto"])},
    ),
    st.fixed_dictionaries({"type": st.just("input_file"), "file_id": ids}, optional={"filename": words}),
)
citation = st.fixed_dictionaries(
    {"type": st.just("url_citation"), "url": words},
    optional={"start_index": st.integers(0, 9), "end_index": st.integers(0, 9), "title": words},
)
output_part = st.one_of(
    st.fixed_dictionaries(
        {"type": st.just("output_text"), "text": words}, optional={"annotations": st.lists(citation, max_size=2)}
    ),
    st.fixed_dictionaries({"type": st.just("refusal"), "refusal": words}),
)
pieces = st.lists(st.fixed_dictionaries({"type": st.just("summary_text"), "text": words}), max_size=3)
output_item = st.one_of(
    st.fixed_dictionaries(
        {
            "type": st.just("message"),
            "id": ids,
            "role": st.just("assistant"),
            "status": st.sampled_from(["completed", "incomplete"]),
            "content": st.lists(output_part, max_size=3),
        },
        optional={"phase": st.sampled_from(["commentary", "final_answer"])},
    ),
    st.fixed_dictionaries(
        {"type": st.just("reasoning"), "id": ids, "summary": pieces},
        optional={"encrypted_content": st.from_regex(r"[A-Za-z0-9_-]{1,9}", fullmatch=True)},
    ),
    st.fixed_dictionaries(
        {"type": st.just("function_call"), "call_id": ids, "name": ids, "arguments": words, "status": words},
        optional={"id": ids, "namespace": words},
    ),
    st.fixed_dictionaries(
        {"type": st.just("custom_tool_call"), "call_id": ids, "name": ids, "input": words}, optional={"id": ids}
    ),
    st.fixed_dictionaries({"type": st.just("web_search_call"), "id": ids, "status": words}),
)
input_item = st.one_of(
    st.fixed_dictionaries(
        {
            "role": st.sampled_from(["user", "system", "developer"]),
            "content": words | st.lists(input_part, max_size=3),
        },
        optional={"type": st.just("message"), "id": ids, "status": words},
    ),
    st.fixed_dictionaries({"role": st.just("assistant"), "content": words | st.lists(output_part, max_size=3)}),
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(["function_call_output", "custom_tool_call_output"]),
            "call_id": ids,
            "output": words | st.lists(input_part, max_size=2),
        },
        optional={"id": ids, "status": words},
    ),
    output_item,
)


@given(st.lists(input_item, min_size=1, max_size=6), st.none() | words)
def test_any_conversation_is_the_same_after_it_was_written_for_its_own_wire(items: Any, told: str | None) -> None:
    laws.request_survives(codec, {**EXPLICIT, "input": items, "instructions": told})


@given(st.lists(output_item, max_size=5), st.booleans())
def test_any_answer_is_the_same_after_it_was_written_plain_or_as_a_stream(items: Any, limited: bool) -> None:
    body = {"id": "resp_1", "model": "m", "created_at": 1, "status": "completed", "output": items}
    if limited:
        body |= {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    laws.response_survives(codec, body)
    whole = codec.decode_response(body)
    assert laws.fold(laws.read(codec, laws.written(codec, whole))) == whole
