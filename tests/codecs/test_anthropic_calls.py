"""What an Anthropic provider is sent for requests that came over any wire."""

from typing import Any

import pytest

from wallas.codecs import anthropic
from wallas.types.chat import (
    ChatRequest,
    Citation,
    Media,
    Message,
    Opaque,
    Output,
    Part,
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

TOOL = Tool(name="f", parameters={"type": "object", "properties": {}})
CALL = ToolCall(id="c1", name="f", arguments='{"a": 1}')
RESULT = Message(role="tool", parts=(ToolResult(call_id="c1", parts=(Text(text="r"),)),))
SEALED = Reasoning(text="hm", seal=Seal(issuer="anthropic/m@a", value="c2ln"))


def say(role: str, *parts: Part | str) -> Message:
    return Message(role=role, parts=tuple(Text(text=part) if isinstance(part, str) else part for part in parts))


def encoded(*messages: Message, **more: Any) -> tuple[dict[str, Any], list[str]]:
    style = {key: more.pop(key) for key in ("thinking_style", "system_turns") if key in more}
    dropped: list[str] = []
    request = ChatRequest(model="m", messages=messages or (say("user", "Hi"),), **more)
    return anthropic.encode_request(request, dropped, **style), dropped


def contents(body: dict[str, Any]) -> list[tuple[str, list[Any]]]:
    """Return the turns as (role, texts or types)."""
    return [
        (turn["role"], [block.get("text", block["type"]) for block in turn["content"]]) for turn in body["messages"]
    ]


def test_leading_system_and_developer_messages_become_the_system_prompt():
    body, dropped = encoded(say("system", "a"), say("developer", "b", "c"), say("user", "Hi"))
    assert [block["text"] for block in body["system"]] == ["a", "b", "c"]
    assert contents(body) == [("user", ["Hi"])]
    assert dropped == []


def test_a_later_system_message_becomes_the_users_words_unless_the_model_takes_it():
    messages = say("user", "Hi"), say("assistant", "Yes?"), say("developer", "Hurry."), say("user", "Go")
    body, dropped = encoded(*messages)
    assert contents(body)[2] == ("user", ["<system>\nHurry.\n</system>", "Go"])
    assert dropped == []
    body, _ = encoded(*messages, system_turns=True)
    assert contents(body)[2:] == [("system", ["Hurry."]), ("user", ["Go"])]


def test_what_a_user_cannot_say_of_a_later_system_message_is_named():
    addition = Opaque(wire="anthropic", data={"type": "tool_addition", "tool": {}})
    body, dropped = encoded(say("user", "Hi"), say("system", addition), say("user", "Go"))
    assert contents(body) == [("user", ["Hi", "Go"])]
    assert dropped == ["tool_addition"]


def test_a_conversation_of_system_messages_alone_still_asks_something():
    body, _ = encoded(say("system", "Be brief."), say("system", "Say hello."))
    assert [block["text"] for block in body["system"]] == ["Be brief."]
    assert contents(body) == [("user", ["Say hello."])]


def test_no_messages_stay_no_messages():
    assert anthropic.encode_request(ChatRequest(model="m"))["messages"] == []


def test_turns_of_one_role_are_merged_with_tool_results_first():
    body, _ = encoded(
        say("user", "a"),
        say("user", "b"),
        say("assistant", CALL),
        say("assistant", ToolCall(id="c2", name="f")),
        RESULT,
        Message(role="tool", parts=(ToolResult(call_id="c2", is_error=True),)),
        say("user", "c"),
    )
    assert contents(body) == [
        ("user", ["a", "b"]),
        ("assistant", ["tool_use", "tool_use"]),
        ("user", ["tool_result", "tool_result", "c"]),
    ]
    results = body["messages"][2]["content"]
    assert results[0] == {
        "type": "tool_result",
        "tool_use_id": "c1",
        "content": [{"type": "text", "text": "r"}],
        "is_error": False,
    }
    assert results[1]["is_error"] is True
    assert results[1]["content"][0]["text"]


def test_a_conversation_that_begins_with_the_assistant_gets_a_user_turn_before_it():
    body, _ = encoded(say("assistant", "Welcome."), say("user", "Hi"))
    assert [role for role, _ in contents(body)] == ["user", "assistant", "user"]
    own = Opaque(wire="anthropic", data={"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}})
    body, _ = encoded(say("assistant", own), say("user", "Hi"))
    assert [role for role, _ in contents(body)] == ["assistant", "user"]


def test_empty_texts_and_messages_and_a_last_assistants_white_space_are_left_out():
    body, dropped = encoded(
        say("user", "", "a", " \n"), say("assistant", ""), say("user", "b "), say("assistant", "So \n")
    )
    assert contents(body) == [("user", ["a", "b "]), ("assistant", ["So"])]
    assert dropped == []


def test_a_name_of_a_speaker_has_no_place():
    _, dropped = encoded(Message(role="user", name="Ann", parts=(Text(text="Hi"),)))
    assert dropped == ["name"]


@pytest.mark.parametrize(
    ("arguments", "input"),
    [
        ("", {}),
        (" ", {}),
        ("null", {}),
        ('{"b": 1, "a": [1.5, null]}', {"b": 1, "a": [1.5, None]}),
        ('{"a": ', {"INVALID_JSON": '{"a": '}),
        ("[1]", {"INVALID_JSON": "[1]"}),
        ("[" * 5000, {"INVALID_JSON": "[" * 5000}),
    ],
)
def test_arguments_become_an_object_and_bad_ones_are_passed_on_as_text(arguments, input):
    body, _ = encoded(say("user", "Hi"), say("assistant", ToolCall(id="c", name="f", arguments=arguments)))
    assert body["messages"][1]["content"][0]["input"] == input


def test_a_freeform_tool_is_offered_and_called_with_one_text():
    call = ToolCall(id="c", name="patch", arguments="*** Begin", kind="custom")
    body, _ = encoded(say("user", "Hi"), say("assistant", call), tools=(Tool(name="patch", kind="custom"),))
    assert body["tools"][0]["input_schema"]["required"] == ["input"]
    assert body["messages"][1]["content"][0]["input"] == {"input": "*** Begin"}


def test_ids_of_other_wires_are_made_to_fit_and_stay_apart():
    ids = ["functions.f:0", "functions_f.0", "", "toolu_1"]
    calls = tuple(ToolCall(id=id, name="f") for id in ids)
    results = tuple(ToolResult(call_id=id) for id in ids)
    body, _ = encoded(say("user", "Hi"), say("assistant", *calls), Message(role="tool", parts=results))
    used = [block["id"] for block in body["messages"][1]["content"]]
    assert used == [block["tool_use_id"] for block in body["messages"][2]["content"]]
    assert len(set(used)) == 4
    assert used[3] == "toolu_1"
    assert all(id.replace("_", "").isalnum() for id in used)


def test_thoughts_go_back_to_their_issuer_and_others_are_named():
    redacted = Reasoning(redacted=True, seal=Seal(value="eHg="))
    body, dropped = encoded(say("user", "Hi"), say("assistant", SEALED, redacted, Reasoning(text="mine"), "So."))
    assert body["messages"][1]["content"][:2] == [
        {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "eHg="},
    ]
    assert len(body["messages"][1]["content"]) == 3
    assert dropped == ["reasoning"]


def test_parts_without_a_place_are_named_each_once():
    foreign = Opaque(wire="openai_responses", data={"type": "web_search_call"})
    nameless = Opaque(wire="gemini", data=[1])
    parts = (
        Media(kind="audio", data="AAAA"),
        Media(kind="video", url="https://v.example/v"),
        Media(kind="image"),
        Media(kind="document", data="AAAA", mime="application/zip"),
        foreign,
        nameless,
        Text(text="a", seal=Seal(value="x")),
        Text(text="b", seal=Seal(value="y")),
    )
    body, dropped = encoded(say("user", *parts), say("assistant", Media(kind="image", url="https://i.example/i")))
    assert contents(body) == [("user", ["a", "b"])]
    assert sorted(dropped) == ["audio", "document", "gemini", "image", "seal", "video", "web_search_call"]


def test_a_refusal_is_text():
    body, _ = encoded(say("user", "Hi"), say("assistant", Refusal(text="No.")))
    assert contents(body)[1] == ("assistant", ["No."])


@pytest.mark.parametrize(
    ("media", "source"),
    [
        (Media(kind="image", data="AAAA"), {"type": "base64", "media_type": "image/png", "data": "AAAA"}),
        (Media(kind="image", url="https://i.example"), {"type": "url", "url": "https://i.example"}),
        (Media(kind="document", file_id="f1"), {"type": "file", "file_id": "f1"}),
        (Media(kind="document", data="AAAA"), {"type": "base64", "media_type": "application/pdf", "data": "AAAA"}),
        (
            Media(kind="document", data="w6k=", mime="text/plain"),
            {"type": "text", "media_type": "text/plain", "data": "é"},
        ),
        (Media(kind="document", text="t"), {"type": "text", "media_type": "text/plain", "data": "t"}),
    ],
)
def test_images_and_documents_find_their_source(media, source):
    body, _ = encoded(say("user", media))
    assert body["messages"][0]["content"][0]["source"] == source


def test_a_document_has_its_title():
    body, _ = encoded(say("user", Media(kind="document", text="t", name="n")))
    assert body["messages"][0]["content"][0]["title"] == "n"


def test_citations_go_back_only_to_the_wire_they_came_from():
    own = Citation(text="t", extra={"anthropic": {"type": "char_location", "document_index": 0}})
    text = Text(text="a", citations=(own, Citation(url="https://c.example")))
    body, dropped = encoded(say("user", "Hi"), say("assistant", text, Text(text="b", citations=(Citation(),))))
    first, second = body["messages"][1]["content"]
    assert [citation["type"] for citation in first["citations"]] == ["char_location"]
    assert "citations" not in second
    assert dropped == ["citations"]


def test_fields_without_a_place_are_named():
    _, dropped = encoded(
        seed=1,
        frequency_penalty=0.5,
        presence_penalty=0.5,
        logit_bias={"1": 1.0},
        logprobs=0,
        n=2,
        modalities=("text", "audio"),
        voice=Voice(name="v"),
        previous_id="resp_1",
        metadata={"a": "b"},
        service_tier="flex",
        output=Output(kind="json"),
        stop=("END", "\n"),
        tool_choice=ToolChoice(mode="required"),
    )
    assert sorted(dropped) == [
        "frequency_penalty",
        "logit_bias",
        "logprobs",
        "metadata",
        "modalities",
        "n",
        "output",
        "presence_penalty",
        "previous_id",
        "seed",
        "service_tier",
        "stop",
        "tool_choice",
        "voice",
    ]


def test_values_that_ask_for_nothing_are_not_named():
    _, dropped = encoded(
        n=1,
        frequency_penalty=0,
        presence_penalty=0.0,
        logit_bias={},
        metadata={},
        modalities=("text",),
        tool_choice=ToolChoice(mode="auto"),
    )
    assert dropped == []


def test_a_name_already_dropped_is_not_repeated():
    dropped = ["seed"]
    anthropic.encode_request(ChatRequest(model="m", seed=1, n=2), dropped)
    assert dropped == ["seed", "n"]


def test_temperatures_above_one_are_lowered_by_name():
    body, dropped = encoded(temperature=1.5)
    assert (body["temperature"], dropped) == (1.0, ["temperature"])


def test_the_rest_finds_its_place():
    body, dropped = encoded(
        max_tokens=7, temperature=0.5, top_p=0.5, top_k=3, stop=("a",), user="u", service_tier="default", stream=True
    )
    assert {key: body[key] for key in body if key not in ("messages", "model")} == {
        "max_tokens": 7,
        "temperature": 0.5,
        "top_p": 0.5,
        "top_k": 3,
        "stop_sequences": ["a"],
        "metadata": {"user_id": "u"},
        "service_tier": "standard_only",
        "stream": True,
    }
    assert dropped == []


def test_max_tokens_has_a_default():
    assert encoded()[0]["max_tokens"] == 4096


@pytest.mark.parametrize(
    ("choice", "parallel", "written"),
    [
        (None, None, None),
        (None, True, None),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
        (ToolChoice(mode="required"), False, {"type": "any", "disable_parallel_tool_use": True}),
        (ToolChoice(mode="named", name="f"), None, {"type": "tool", "name": "f"}),
        (ToolChoice(mode="none"), False, {"type": "none"}),
    ],
)
def test_tool_choices_are_written(choice, parallel, written):
    body, dropped = encoded(tools=(TOOL,), tool_choice=choice, parallel_tools=parallel)
    assert body.get("tool_choice") == written
    assert dropped == []


def test_tools_are_offered_as_far_as_they_are_allowed_and_known():
    own = Opaque(wire="anthropic", data={"type": "web_search_20250305", "name": "web_search"})
    foreign = Opaque(wire="gemini", data={"google_search": {}})
    typed = Opaque(wire="openai_responses", data={"type": "file_search"})
    plain = Tool(name="g", description="d", strict=True)
    body, dropped = encoded(tools=(TOOL, own, foreign, typed, plain), allowed_tools=("web_search", "g"))
    assert body["tools"] == [
        own.data,
        {"name": "g", "input_schema": {"type": "object"}, "description": "d", "strict": True},
    ]
    assert dropped == ["tools", "file_search"]


def test_a_choice_among_tools_of_a_server_needs_no_tools():
    body, dropped = encoded(tool_choice=ToolChoice(mode="required"), extra={"anthropic": {"mcp_servers": [{}]}})
    assert (body["tool_choice"], dropped) == ({"type": "any"}, [])
    assert "tools" not in body


def enabled(budget: int, **more: str) -> dict[str, Any]:
    return {"type": "enabled", "budget_tokens": budget} | more


OFF = {"type": "disabled"}
ADAPTIVE = {"type": "adaptive"}


@pytest.mark.parametrize(
    ("style", "thinking", "asked", "limit", "written", "effort"),
    [
        ("asked", Thinking(), None, 4096, None, None),
        ("asked", Thinking(visible=True), None, 4096, None, None),
        ("asked", Thinking(effort="minimal"), None, 4096, None, "low"),
        ("asked", Thinking(effort="none"), 9, 9, OFF, None),
        ("asked", Thinking(budget=0), 9, 9, OFF, None),
        ("asked", Thinking(budget=100), 9, 1033, enabled(1024), None),
        ("asked", Thinking(budget=5000), 5000, 10000, enabled(5000), None),
        ("asked", Thinking(budget=-1), None, 4096, ADAPTIVE, None),
        ("asked", Thinking(enabled=True, effort="low"), None, 6144, enabled(2048), None),
        ("asked", Thinking(budget=2000, visible=False), 3000, 3000, enabled(2000, display="omitted"), None),
        ("budget", Thinking(effort="high"), None, 20480, enabled(16384), None),
        ("budget", Thinking(effort="high"), 4000, 4000, enabled(2000), None),
        ("budget", Thinking(effort="high"), 500, 1524, enabled(1024), None),
        ("budget", Thinking(budget=-1), None, 12288, enabled(8192), None),
        ("budget", Thinking(budget=2000, effort="low"), 3000, 3000, enabled(2000), None),
        ("budget", Thinking(enabled=False, effort="low"), 9, 9, OFF, None),
        ("budget", Thinking(visible=True), 9, 9, None, None),
        ("adaptive", Thinking(effort="high"), 9, 9, ADAPTIVE, "high"),
        ("adaptive", Thinking(budget=2000, visible=True), 9, 9, ADAPTIVE | {"display": "summarized"}, None),
        ("adaptive", Thinking(visible=True), 9, 9, None, None),
    ],
)
def test_thinking_is_asked_for_as_the_model_understands_it(style, thinking, asked, limit, written, effort):
    body, dropped = encoded(thinking=thinking, max_tokens=asked, thinking_style=style)
    told = (body["max_tokens"], body.get("thinking"), body.get("output_config", {}).get("effort"))
    assert (told, dropped) == ((limit, written, effort), [])


THINK = Thinking(enabled=True, budget=2000)


def test_a_forced_tool_choice_turns_a_thinking_budget_off_by_name():
    forced = {"tools": (TOOL,), "tool_choice": ToolChoice(mode="required")}
    body, dropped = encoded(thinking=THINK, max_tokens=3000, **forced)
    assert ("thinking" in body, body["max_tokens"], dropped) == (False, 3000, ["thinking"])
    body, dropped = encoded(thinking=Thinking(enabled=True, budget=-1), **forced)
    assert (body["thinking"], dropped) == (ADAPTIVE, [])


HI, MORE = say("user", "Hi"), say("user", "And now?")


@pytest.mark.parametrize(
    ("messages", "on", "names"),
    [
        ((HI, say("assistant", SEALED, CALL), RESULT), True, []),
        ((HI, say("assistant", SEALED, CALL), RESULT, say("assistant", CALL), RESULT), True, []),
        ((HI, say("assistant", Reasoning(text="lost"), CALL), RESULT), False, ["reasoning", "thinking"]),
        ((HI, say("assistant", CALL), RESULT, say("user", "hurry")), False, ["thinking"]),
        ((HI, say("assistant", CALL), RESULT, say("assistant", "Done."), MORE), True, []),
        ((HI, say("assistant", "The answer is")), False, ["thinking"]),
    ],
    ids=["kept", "kept at its start", "lost", "lost with words", "earlier loop", "prefill"],
)
def test_a_tool_loop_that_lost_its_thought_turns_thinking_off_by_name(messages, on, names):
    body, dropped = encoded(*messages, thinking=THINK, max_tokens=3000)
    assert (body.get("thinking"), dropped) == (enabled(2000) if on else None, names)


def test_sampling_gives_way_to_thinking_by_name():
    body, dropped = encoded(thinking=THINK, temperature=0.3, top_p=0.5, top_k=4)
    assert not {"temperature", "top_p", "top_k"} & body.keys()
    assert dropped == ["temperature", "top_p", "top_k"]
    body, dropped = encoded(thinking=THINK, temperature=1, top_p=0.97)
    assert (body["temperature"], body["top_p"], dropped) == (1, 0.97, [])


def test_a_kept_rest_of_thinking_is_not_sent_without_it():
    body, dropped = encoded(
        thinking=THINK,
        tools=(TOOL,),
        tool_choice=ToolChoice(mode="required"),
        extra={"anthropic": {"thinking": {"display": "sung"}}},
    )
    assert "thinking" not in body
    assert dropped == ["thinking"]


def test_an_output_schema_and_what_is_kept_share_output_config():
    body, _ = encoded(
        output=Output(kind="schema", name="n", schema={"type": "object"}),
        thinking=Thinking(effort="high"),
        extra={"anthropic": {"output_config": {"task_budget": 5}}},
    )
    assert body["output_config"] == {
        "task_budget": 5,
        "effort": "high",
        "format": {"type": "json_schema", "schema": {"type": "object"}},
    }


def test_an_output_form_taken_back_is_not_sent_under_its_old_name():
    assert "output_format" not in encoded(extra={"anthropic": {"output_format": {"type": "json_schema"}}})[0]


def test_keys_of_a_leading_system_message_have_no_place():
    message = Message(role="system", parts=(Text(text="a"),), extra={"anthropic": {"x": 1}})
    assert encoded(message, HI)[1] == ["x"]
