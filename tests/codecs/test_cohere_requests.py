"""Cohere v2 chat requests: what is read, what is sent, and what is dropped by name."""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.codecs import goldens, laws
from wallas.codecs import cohere
from wallas.errors import BadRequest
from wallas.types.chat import (
    ChatRequest,
    Media,
    Message,
    Opaque,
    Output,
    Reasoning,
    Refusal,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0" * 8).decode()
HUGE = {"x": "y" * 300_000}


def chat(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"model": "command-a-03-2025", "messages": list(messages) or [{"role": "user", "content": "hi"}]} | more


def sent(request: ChatRequest) -> tuple[dict[str, Any], list[str]]:
    dropped: list[str] = []
    return cohere.encode_request(request, dropped), dropped


def asked(*parts: Any, role: Any = "user", **more: Any) -> ChatRequest:
    return ChatRequest(model="m", messages=(Message(role=role, parts=parts or (Text(text="x"),)),), **more)


@pytest.mark.parametrize("path", goldens.cases("cohere", "request"), ids=lambda path: path.stem)
def test_a_golden_request_is_read_and_written_as_it_stands(path):
    given = goldens.load(path)["given"]
    request = cohere.decode_request(given)
    body, dropped = sent(request)
    goldens.compare(path, {"request": request, "body": body, "dropped": dropped})
    laws.request_survives(cohere, given)


def test_a_tool_plan_is_reasoning_that_remembers_where_it_stood():
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}
    body = chat({"role": "assistant", "tool_plan": "I will", "tool_calls": [call]})
    (message,) = cohere.decode_request(body).messages
    assert message.parts == (
        Reasoning(text="I will", extra={"cohere": {"tool_plan": True}}),
        ToolCall(id="a", name="f", arguments='{"x": 1}'),
    )
    assert cohere.encode_request(cohere.decode_request(body))["messages"] == body["messages"]


def test_documents_stay_with_cohere_and_a_documents_words_are_text_for_others():
    document = {"id": "d1", "data": {"title": "T", "snippet": "S"}}
    content = [
        {"type": "document", "document": document},
        {"type": "document", "document": {"data": "plain"}},
        {"type": "text", "text": "t"},
    ]
    body = chat({"role": "tool", "tool_call_id": "a", "content": content}, documents=["one"])
    request = cohere.decode_request(body)
    texts = [part.text for part in request.messages[0].parts[0].parts]
    assert texts == ['{"title":"T","snippet":"S"}', "plain", "t"]
    assert request.extra == {"cohere": {"documents": ["one"]}}
    written = cohere.encode_request(request)
    assert (written["messages"], written["documents"]) == (body["messages"], ["one"])


@pytest.mark.parametrize(
    ("form", "output"),
    [
        ({"type": "text"}, None),
        ({"type": "json_object"}, Output(kind="json")),
        ({"type": "json_object", "json_schema": {"a": 1}}, Output(kind="schema", schema={"a": 1})),
        ({"type": "json_object", "schema": {"a": 1}}, Output(kind="schema", schema={"a": 1})),
    ],
)
def test_a_response_format_may_carry_a_schema_under_either_name(form, output):
    assert cohere.decode_request(chat(response_format=form)).output == output


def test_strict_tools_holds_for_every_tool():
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    request = cohere.decode_request(chat(tools=[tool], strict_tools=True))
    assert request.tools == (Tool(name="f", parameters={"type": "object"}, strict=True),)
    assert cohere.encode_request(request)["strict_tools"] is True
    alone = cohere.decode_request(chat(strict_tools=False))
    assert alone.extra == {"cohere": {"strict_tools": False}}
    mixed = asked(tools=(Tool(name="a", strict=True), Tool(name="b")))
    assert sent(mixed)[1] == ["tools.strict"]


def test_null_is_the_same_as_absent():
    keys = ("tools", "tool_choice", "p", "k", "seed", "thinking", "logprobs", "stream", "documents")
    assert cohere.decode_request(chat(**dict.fromkeys(keys))) == cohere.decode_request(chat())


def test_text_may_be_null_or_empty_and_nul_is_removed():
    body = chat({"role": "assistant", "content": [{"type": "text", "text": ""}]}, {"role": "user", "content": "a\0b"})
    first, second = cohere.decode_request(body).messages
    assert first.parts == ()
    assert second.parts == (Text(text="ab"),)


IMAGE = {"type": "image_url", "image_url": {}}
CALL = {"id": "a", "function": {"name": "f"}}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (None, None),
        ([], None),
        ({"messages": []}, "model"),
        ({"model": "m"}, "messages"),
        ({"model": "m", "messages": []}, "messages"),
        (chat({"role": "robot"}), "messages[0].role"),
        (chat({"role": "tool", "content": "x"}), "messages[0].tool_call_id"),
        (chat({"role": "user", "content": [{"text": "x"}]}), "messages[0].content[0].type"),
        (chat({"role": "user", "content": [{"type": "video"}]}), "messages[0].content[0].type"),
        (chat({"role": "user", "content": [{"type": "text"}]}), "messages[0].content[0].text"),
        (chat({"role": "user", "content": [IMAGE]}), "messages[0].content[0].image_url.url"),
        (
            chat({"role": "user", "content": [IMAGE | {"image_url": {"url": "data:image/png;base64,%"}}]}),
            "messages[0].content[0].image_url.url",
        ),
        (chat({"role": "assistant", "tool_calls": [CALL | {"id": ""}]}), "messages[0].tool_calls[0].id"),
        (chat(tools=[{"type": "function", "function": {}}]), "tools[0].function.name"),
        (chat(tools=[{"function": {"name": "f", "parameters": HUGE}}]), "tools[0].function.parameters"),
        (chat(response_format={"type": "json_object", "json_schema": HUGE}), "response_format.json_schema"),
        (chat(tool_choice="auto"), "tool_choice"),
        (chat(presence_penalty=2), "presence_penalty"),
        (chat(p=7), "p"),
        (chat(max_tokens=-1), "max_tokens"),
        (chat(stream="false"), "stream"),
    ],
)
def test_a_bad_request_names_the_field_that_is_wrong(body, param):
    with pytest.raises(BadRequest) as caught:
        cohere.decode_request(body)
    assert caught.value.param == param


def test_a_message_with_several_results_becomes_several_tool_messages():
    results = (
        ToolResult(call_id="a", parts=(Text(text="1"),)),
        ToolResult(call_id="b", parts=(Text(text="2"), Text(text="3")), is_error=True),
        ToolResult(call_id="c", parts=(Media(kind="image", data=PNG),)),
    )
    body, dropped = sent(asked(*results, Text(text="go on"), role="tool"))
    assert body["messages"] == [
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        {
            "role": "tool",
            "tool_call_id": "b",
            "content": [{"type": "text", "text": "2"}, {"type": "text", "text": "3"}],
        },
        {"role": "tool", "tool_call_id": "c", "content": ""},
        {"role": "user", "content": "go on"},
    ]
    assert dropped == ["messages[0].is_error", "messages[0].image"]


def test_media_goes_where_cohere_has_a_place_for_it_and_is_dropped_by_name_where_not():
    note = base64.b64encode(b"words").decode()
    parts = (
        Media(kind="image", data=PNG, mime="image/png", detail="low"),
        Media(kind="image", url="https://a/b.png"),
        Media(kind="document", text="given", name="a.txt"),
        Media(kind="document", data=note, mime="text/plain"),
        Media(kind="document", data="%", mime="text/plain"),
        Media(kind="document", data=PNG, mime="application/pdf"),
        Media(kind="audio", data="AAAA"),
        Media(kind="image", file_id="f"),
        Opaque(wire="gemini", data={"type": "odd"}),
        Opaque(wire="gemini", data=1),
        Reasoning(redacted=True),
    )
    body, dropped = sent(asked(*parts))
    assert body["messages"][0]["content"] == [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://a/b.png"}},
    ]
    assert body["documents"] == [{"data": {"title": "a.txt", "text": "given"}}, {"data": {"text": "words"}}]
    kinds = ("document", "audio", "image", "odd", "opaque", "reasoning")
    assert dropped == [f"messages[0].{kind}" for kind in kinds]


def test_a_message_whose_parts_are_all_dropped_is_dropped_and_an_empty_one_is_not():
    request = ChatRequest(
        model="m",
        messages=(
            Message(role="user", parts=(Media(kind="audio", data="AAAA"),)),
            Message(role="developer", parts=(), name="Ana"),
            Message(role="assistant", parts=(Refusal(text="no"), Reasoning(summary="why"))),
        ),
    )
    body, dropped = sent(request)
    assert body["messages"] == [
        {"role": "system", "content": ""},
        {
            "role": "assistant",
            "content": [{"type": "text", "text": "no"}, {"type": "thinking", "thinking": "why"}],
        },
    ]
    assert dropped == ["messages[0].audio", "messages[1].name"]


TWO = (Tool(name="a"), Tool(name="b"))
CUSTOM = (Tool(name="p", kind="custom"),)


@pytest.mark.parametrize(
    ("more", "choice", "names", "dropped"),
    [
        ({}, None, ["a", "b"], []),
        ({"tool_choice": ToolChoice(mode="auto")}, None, ["a", "b"], []),
        ({"tool_choice": ToolChoice(mode="none")}, "NONE", ["a", "b"], []),
        ({"tool_choice": ToolChoice(mode="required")}, "REQUIRED", ["a", "b"], []),
        ({"tool_choice": ToolChoice(mode="named", name="b")}, "REQUIRED", ["b"], ["tool_choice"]),
        ({"tool_choice": ToolChoice(mode="named", name="z")}, None, [], ["tool_choice"]),
        ({"tool_choice": ToolChoice(mode="named", name="a"), "tools": TWO[:1]}, "REQUIRED", ["a"], []),
        ({"tool_choice": ToolChoice(mode="required"), "tools": CUSTOM}, None, [], ["tools.p", "tool_choice"]),
        ({"allowed_tools": ("a",)}, None, ["a"], []),
    ],
)
def test_a_tool_choice_is_required_or_none_and_a_named_tool_is_the_only_one_offered(more, choice, names, dropped):
    body, lost = sent(asked(**{"tools": TWO} | more))
    assert body.get("tool_choice") == choice
    assert [tool["function"]["name"] for tool in body.get("tools", [])] == names
    assert lost == dropped


def test_tools_of_other_kinds_are_dropped_by_name_or_go_home():
    own = Opaque(wire="cohere", data={"type": "connector"})
    tools = (Tool(name="p", kind="custom"), Opaque(wire="x", data={"type": "web"}), own)
    body, dropped = sent(asked(tools=tools))
    assert body["tools"] == [{"type": "connector"}]
    assert dropped == ["tools.p", "tools.web"]
    laws.request_survives(cohere, chat(tools=[{"type": "connector"}]))


@pytest.mark.parametrize(
    ("thinking", "said", "dropped"),
    [
        (None, None, []),
        (Thinking(), None, []),
        (Thinking(enabled=False, budget=9), {"type": "disabled"}, []),
        (Thinking(effort="none"), {"type": "disabled"}, []),
        (Thinking(effort="high"), {"type": "enabled"}, []),
        (Thinking(effort="low"), {"type": "enabled"}, ["thinking.effort"]),
        (Thinking(budget=1000), {"type": "enabled", "token_budget": 1000}, []),
        (Thinking(budget=-1), {"type": "enabled"}, []),
        (Thinking(enabled=True, visible=False, summary="auto"), {"type": "enabled"}, ["summary", "visible"]),
    ],
)
def test_thinking_is_a_switch_with_a_budget(thinking, said, dropped):
    body, lost = sent(asked(thinking=thinking))
    assert body.get("thinking") == said
    assert [name.removeprefix("thinking.") for name in lost] == [name.removeprefix("thinking.") for name in dropped]


def test_what_has_no_place_is_dropped_by_name_and_penalties_are_kept_in_range():
    request = asked(
        frequency_penalty=-0.5,
        presence_penalty=1.5,
        logprobs=3,
        n=2,
        parallel_tools=False,
        output=Output(kind="json", strict=True),
        extra={"cohere": {"safety_mode": "OFF"}, "gemini": {"cachedContent": "c"}},
    )
    body, dropped = sent(request)
    assert (body["frequency_penalty"], body["presence_penalty"], body["logprobs"]) == (0.0, 1.0, True)
    assert (body["safety_mode"], body["response_format"]) == ("OFF", {"type": "json_object"})
    assert sorted(dropped) == [
        "cachedContent",
        "frequency_penalty",
        "logprobs.top",
        "n",
        "output.strict",
        "parallel_tools",
        "presence_penalty",
    ]


def test_empty_arguments_are_an_empty_object():
    (call,) = sent(asked(ToolCall(id="a", name="f"), role="assistant"))[0]["messages"][0]["tool_calls"]
    assert call == {"type": "function", "id": "a", "function": {"name": "f", "arguments": "{}"}}


words = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=12)
named = words.filter(bool)
objects = st.dictionaries(words, st.booleans() | words, max_size=2)


def fields(required: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(required, optional=optional)


urls = st.sampled_from(["https://a/b", f"data:image/png;base64,{PNG}"])
textual = st.one_of(
    fields({"type": st.just("text"), "text": words}, {}),
    fields({"type": st.just("document"), "document": fields({"data": words | objects}, {"id": named})}, {}),
)
parts = st.one_of(
    textual,
    fields({"type": st.just("thinking"), "thinking": words}, {}),
    fields({"type": st.just("image_url"), "image_url": fields({"url": urls}, {"detail": words})}, {}),
)
calls = fields(
    {"id": named, "function": fields({"name": named}, {"arguments": words | st.none()})}, {"type": st.just("function")}
)
messages = st.one_of(
    fields({"role": st.sampled_from(["system", "user"])}, {"content": words | st.lists(parts, max_size=3)}),
    fields(
        {"role": st.just("assistant")},
        {"content": words | st.lists(parts, max_size=3), "tool_plan": words, "tool_calls": st.lists(calls, max_size=2)},
    ),
    fields({"role": st.just("tool"), "tool_call_id": named}, {"content": words | st.lists(textual, max_size=3)}),
)
share = st.floats(0, 1, width=32)
bodies = fields(
    {"model": named, "messages": st.lists(messages, min_size=1, max_size=4)},
    {
        "tools": st.lists(fields({"function": fields({"name": named}, {"parameters": objects})}, {}), max_size=2),
        "tool_choice": st.sampled_from(["REQUIRED", "NONE"]),
        "strict_tools": st.booleans(),
        "response_format": st.sampled_from([{"type": "text"}, {"type": "json_object", "json_schema": {"a": {}}}]),
        "thinking": fields({"type": st.sampled_from(["enabled", "disabled"])}, {}),
        "p": share,
        "k": st.integers(0, 9),
        "frequency_penalty": share,
        "stop_sequences": st.lists(words, max_size=2),
        "stream": st.booleans(),
        "logprobs": st.booleans(),
        "documents": st.lists(words, max_size=2),
        "safety_mode": words,
    },
)


@given(bodies)
def test_any_request_survives_its_own_wire(body):
    laws.request_survives(cohere, body)
