"""What clients of the Anthropic wire may ask, and how a wrong body is refused."""

from typing import Any

import pytest

from wallas.codecs import anthropic
from wallas.errors import BadRequest
from wallas.types.chat import Media, Message, Opaque, Output, Reasoning, Seal, Text, Thinking, ToolCall, ToolResult

HELLO = [{"role": "user", "content": "Hello"}]
PNG = "iVBORw0KGgo="


def body(**more: Any) -> dict[str, Any]:
    return {"model": "m", "max_tokens": 10, "messages": HELLO} | more


def saying(*blocks: Any, role: str = "user") -> dict[str, Any]:
    return body(messages=[*HELLO, {"role": role, "content": list(blocks)}])


def refused(given: Any) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        anthropic.decode_request(given)
    return caught.value


def image(**source: Any) -> dict[str, Any]:
    return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG} | source}


@pytest.mark.parametrize("given", [None, True, "x", [], 3])
def test_a_body_that_is_no_object_is_refused(given):
    assert refused(given).status == 400


WRONG = {
    "model": body(model=None),
    "max_tokens": body(max_tokens=None),
    "messages": body(messages=[]),
    "tools[0].name": body(tools=[{"input_schema": {}}]),
    "tools[0].input_schema": body(tools=[{"name": "f"}]),
    "tools[1].name": body(tools=[{"type": "web_search_20250305"}, {"name": "a\0", "input_schema": {}}]),
    "tool_choice.type": body(tool_choice={"type": "sometimes"}),
    "tool_choice.name": body(tool_choice={"type": "tool"}),
    "temperature": body(temperature="0.7"),
    "top_p": body(top_p=1.5),
    "top_k": body(top_k=-1),
    "stream": body(stream="false"),
    "stop_sequences[1]": body(stop_sequences=["a", 1]),
    "metadata.user_id": body(metadata={"user_id": 5}),
    "thinking.budget_tokens": body(thinking={"type": "enabled"}),
    "thinking.type": body(thinking={}),
    "output_config.effort": body(output_config={"effort": 1}),
    "output_config.format.schema": body(output_config={"format": {"type": "json_schema"}}),
    "output_format.type": body(output_format={"type": "xml", "schema": {}}),
    "system[0].text": body(system=[{"type": "text"}]),
    "system[0].type": body(system=[image()]),
    "messages[0].role": body(messages=[{"role": "tool", "content": "x"}]),
    "messages[0].content": body(messages=[{"role": "user", "content": 3}]),
    "messages[1].content": body(messages=[*HELLO, {"role": "assistant"}]),
    "messages[1].content[0]": saying("x"),
    "messages[1].content[1].type": saying({"type": "text", "text": "a"}, {"text": "b"}),
    "messages[1].content[0].text": saying({"type": "text", "text": 1}),
    "messages[1].content[0].type": saying({"type": "thinking", "thinking": "x"}),
    "messages[1].content[0].input": saying(
        {"type": "tool_use", "id": "a", "name": "f", "input": "{}"}, role="assistant"
    ),
    "messages[1].content[0].id": saying({"type": "tool_use", "id": "a\0", "name": "f", "input": {}}, role="assistant"),
    "messages[1].content[0].name": saying({"type": "tool_use", "id": "a", "name": "", "input": {}}, role="assistant"),
    "messages[1].content[0].tool_use_id": saying({"type": "tool_result"}),
    "messages[1].content[0].is_error": saying({"type": "tool_result", "tool_use_id": "a", "is_error": "no"}),
    "messages[1].content[0].content[0].source.data": saying(
        {"type": "tool_result", "tool_use_id": "a", "content": [image(data="!")]}
    ),
    "messages[1].content[0].source": saying({"type": "image"}),
    "messages[1].content[0].source.type": saying({"type": "image", "source": {}}),
    "messages[1].content[0].source.media_type": saying(image(media_type="text/html")),
    "messages[1].content[1].source.data": saying(image(), image(data="data:image/png;base64,AAAA")),
    "messages[1].content[0].source.url": saying(
        {"type": "image", "source": {"type": "url", "url": "file:///etc/passwd"}}
    ),
    "messages[1].content[0].source.file_id": saying({"type": "document", "source": {"type": "file"}}),
    "messages[1].content[0].title": saying(
        {"type": "document", "title": 1, "source": {"type": "file", "file_id": "a"}}
    ),
}


@pytest.mark.parametrize(("param", "given"), WRONG.items(), ids=WRONG)
def test_the_wrong_field_is_named(param, given):
    error = refused(given)
    assert error.param == param
    assert (error.status, error.type) == (400, "invalid_request_error")
    assert param in anthropic.encode_error(error)["error"]["message"]


@pytest.mark.parametrize(
    ("param", "given"),
    {
        "messages": body(messages=HELLO * 4001),
        "tools": body(tools=[{"name": f"f{n}", "input_schema": {}} for n in range(257)]),
        "tools[0].input_schema": body(tools=[{"name": "f", "input_schema": {"description": "x" * 262144}}]),
    }.items(),
)
def test_more_than_anybody_needs_is_refused(param, given):
    assert refused(given).param == param


def test_messages_without_any_content_are_refused():
    assert refused(body(messages=[{"role": "user", "content": [{"type": "text", "text": "\0"}]}])).param == "messages"


def test_null_is_the_same_as_absent():
    optional = ["system", "tools", "tool_choice", "thinking", "temperature", "top_p", "top_k", "metadata", "stream"]
    optional += ["stop_sequences", "service_tier", "output_config", "container", "context_management"]
    assert anthropic.decode_request(body(**dict.fromkeys(optional))) == anthropic.decode_request(body())
    block = {"type": "text", "text": "a", "cache_control": None, "citations": None}
    assert anthropic.decode_request(saying(block)) == anthropic.decode_request(saying({"type": "text", "text": "a"}))


def test_a_body_to_count_needs_no_max_tokens():
    request = anthropic.decode_count_request({"model": "m", "system": "s", "messages": HELLO})
    assert (request.max_tokens, len(request.messages)) == (None, 2)


def test_a_body_of_vertex_or_bedrock_names_its_model_elsewhere():
    given = {"anthropic_version": "vertex-2023-10-16", "max_tokens": 0, "messages": HELLO}
    request = anthropic.decode_request(given)
    assert (request.model, request.max_tokens) == ("", 0)
    assert anthropic.encode_request(request)["anthropic_version"] == "vertex-2023-10-16"
    assert "model" not in anthropic.encode_request(request)


def test_nul_is_taken_out_of_texts():
    request = anthropic.decode_request(body(system="a\0b", messages=[{"role": "user", "content": "c\0d"}]))
    assert [message.parts[0].text for message in request.messages] == ["ab", "cd"]


def test_system_messages_that_come_first_join_the_system_prompt():
    messages = [{"role": "system", "content": "two"}, *HELLO]
    request = anthropic.decode_request(body(system="one", messages=messages))
    assert request.messages[0] == Message(role="system", parts=(Text(text="one"), Text(text="two")))


def test_a_system_message_among_the_others_stays_there_and_goes_back_there():
    given = body(messages=[*HELLO, {"role": "system", "content": [{"type": "text", "text": "Now French."}]}, *HELLO])
    request = anthropic.decode_request(given)
    assert [message.role for message in request.messages] == ["user", "system", "user"]
    again = anthropic.encode_request(request)["messages"]
    assert [message["role"] for message in again] == ["user", "system", "user"]
    as_user = anthropic.encode_request(request, system_turns=False)["messages"]
    assert [message["role"] for message in as_user] == ["user"]
    assert "Now French." in as_user[0]["content"][1]["text"]


def test_tool_results_become_a_message_of_their_own_before_what_else_the_user_said():
    results = [{"type": "tool_result", "tool_use_id": id, "content": id} for id in ("a", "b")]
    request = anthropic.decode_request(
        saying({"type": "text", "text": "see"}, *results, {"type": "text", "text": "so"})
    )
    tool, user = request.messages
    assert (tool.role, [part.call_id for part in tool.parts]) == ("tool", ["a", "b"])
    assert (user.role, [part.text for part in user.parts]) == ("user", ["Hello", "see", "so"])
    (turn,) = anthropic.encode_request(request)["messages"]
    assert [block["type"] for block in turn["content"]] == ["tool_result", "tool_result", "text", "text", "text"]


def test_neighbours_of_one_role_are_one_turn_and_keep_what_is_on_them():
    first, second = {"role": "user", "content": "a", "x": 1}, {"role": "user", "content": "b", "y": 2}
    (message,) = anthropic.decode_request(body(messages=[first, second])).messages
    assert message == Message(
        role="user", parts=(Text(text="a"), Text(text="b")), extra={"anthropic": {"x": 1, "y": 2}}
    )
    assert anthropic.encode_request(anthropic.decode_request(body(messages=[first])))["messages"][0]["x"] == 1


def test_thinking_that_was_answered_by_us_tells_whose_it_is():
    thinking = {"type": "thinking", "thinking": "x", "signature": "google/gemini-3@acc:c2ln"}
    redacted = {"type": "redacted_thinking", "data": "anthropic/claude-x@:ZGF0YQ=="}
    unsigned = {"type": "thinking", "thinking": "y", "signature": ""}
    message = anthropic.decode_request(saying(thinking, redacted, unsigned, role="assistant")).messages[1]
    assert message.parts == (
        Reasoning(text="x", seal=Seal(issuer="google/gemini-3@acc", value="c2ln")),
        Reasoning(redacted=True, seal=Seal(issuer="anthropic/claude-x@", value="ZGF0YQ==")),
        Reasoning(text="y"),
    )


def test_white_space_in_base64_is_taken_out():
    part = anthropic.decode_request(saying(image(data="iVBORw\n0KGgo=\n"))).messages[0].parts[1]
    assert part == Media(kind="image", mime="image/png", data=PNG)


@pytest.mark.parametrize(
    "block",
    [
        {"type": "search_result", "data": [1, {"a": None}]},
        {"type": "web_search_tool_result", "tool_use_id": "x", "content": []},
        {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "a"}, image()]}},
    ],
)
def test_blocks_not_read_here_are_carried_unread(block):
    request = anthropic.decode_request(saying(block))
    assert request.messages[0].parts[1] == Opaque(wire="anthropic", data=block)
    assert anthropic.encode_request(request)["messages"][0]["content"][1] == block


@pytest.mark.parametrize(
    ("block", "param"),
    [
        ({"type": "hologram", "data": 1}, "messages[1].content[0].type"),
        ({"type": "image", "source": {"type": "satellite"}}, "messages[1].content[0].source.type"),
        ({"type": "image", "source": {"type": "text", "data": "x"}}, "messages[1].content[0].source.type"),
        (
            {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "tool_use", "id": "x"}]},
            "messages[1].content[0].content[0].type",
        ),
    ],
)
def test_blocks_that_nobody_knows_are_refused_from_a_user(block, param):
    with pytest.raises(BadRequest) as caught:
        anthropic.decode_request(saying(block))
    assert caught.value.param == param


def test_blocks_that_nobody_knows_are_carried_in_the_models_own_turn():
    block = {"type": "hologram", "data": [1, {"a": None}]}
    request = anthropic.decode_request(saying(block, role="assistant"))
    assert request.messages[1].parts[0] == Opaque(wire="anthropic", data=block)


def test_unknown_keys_of_a_source_go_back_with_it():
    given = {**image(), "source": {**image()["source"], "scale": 2}, "transformations": {"a": "b"}}
    request = anthropic.decode_request(saying(given))
    assert anthropic.encode_request(request)["messages"][0]["content"][1] == given


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ({"type": "content", "content": "words"}, "words"),
        ({"type": "content", "content": [{"type": "text", "text": "a"}]}, "a"),
        ({"type": "text", "media_type": "text/plain", "data": "plain"}, "plain"),
    ],
)
def test_a_document_given_as_text_has_its_text(source, text):
    block = {"type": "document", "source": source}
    request = anthropic.decode_request(saying(block))
    assert request.messages[0].parts[1].text == text
    assert anthropic.encode_request(request)["messages"][0]["content"][1] == block


def test_tool_results_hold_texts_and_images_and_carry_the_rest_unread():
    reference = {"type": "tool_reference", "tool_name": "g"}
    inner = [{"type": "text", "text": "a"}, image(), reference, {"type": "search_result", "title": "x"}]
    given = {"type": "tool_result", "tool_use_id": "t", "content": inner, "toolset_name": "s"}
    part = anthropic.decode_request(saying(given)).messages[0].parts[0]
    assert isinstance(part, ToolResult)
    assert [type(piece) for piece in part.parts] == [Text, Media, Opaque, Opaque]
    assert part.extra == {"anthropic": {"toolset_name": "s"}}


def test_arguments_that_were_no_json_come_back_as_their_text():
    call = {"type": "tool_use", "id": "t", "name": "f", "input": {"INVALID_JSON": '{"a": '}}
    part = anthropic.decode_request(saying(call, role="assistant")).messages[1].parts[0]
    assert part == ToolCall(id="t", name="f", arguments='{"a": ')


@pytest.mark.parametrize(
    ("given", "thinking"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, Thinking(enabled=True, budget=2000)),
        ({"thinking": {"type": "adaptive", "display": "omitted"}}, Thinking(enabled=True, budget=-1, visible=False)),
        ({"thinking": {"type": "disabled"}}, Thinking(enabled=False)),
        ({"output_config": {"effort": "max"}}, Thinking(effort="max")),
        (
            {"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "low"}},
            Thinking(enabled=True, budget=-1, effort="low", visible=True),
        ),
        ({"thinking": {"type": "between_tools"}}, None),
        ({"thinking": {"type": "between_tools"}, "output_config": {"effort": "low"}}, Thinking(effort="low")),
        ({"thinking": {"type": "adaptive", "display": "sung", "x": 1}}, Thinking(enabled=True, budget=-1)),
        ({"thinking": {"type": "disabled"}, "output_config": {"effort": "low"}}, Thinking(enabled=False, effort="low")),
    ],
)
def test_thinking_is_read_and_goes_back_as_it_was(given, thinking):
    given = body(max_tokens=9000, **given)
    request = anthropic.decode_request(given)
    assert request.thinking == thinking
    again = anthropic.encode_request(request)
    assert {key: again.get(key) for key in ("thinking", "output_config")} == {
        key: given.get(key) for key in ("thinking", "output_config")
    }


SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}


@pytest.mark.parametrize("name", ["output_config", "output_format"])
def test_an_asked_form_is_read_from_both_places_and_goes_back_to_its_own(name):
    form = {"type": "json_schema", "schema": SCHEMA}
    given = body(**{name: {"format": form} if name == "output_config" else form})
    request = anthropic.decode_request(given)
    assert request.output == Output(kind="schema", schema=SCHEMA)
    again = anthropic.encode_request(request)
    assert again[name] == given[name]
    assert len({"output_config", "output_format"} & again.keys()) == 1


@pytest.mark.parametrize(
    ("choice", "mode", "parallel"),
    [
        ({"type": "auto"}, "auto", None),
        ({"type": "any", "disable_parallel_tool_use": True}, "required", False),
        ({"type": "tool", "name": "f", "disable_parallel_tool_use": False}, "named", True),
        ({"type": "none"}, "none", None),
        ({"type": "auto", "hint": "x"}, "auto", None),
    ],
)
def test_tool_choices_are_read_and_go_back(choice, mode, parallel):
    given = body(tools=[{"name": "f", "input_schema": SCHEMA}], tool_choice=choice)
    request = anthropic.decode_request(given)
    assert (request.tool_choice.mode, request.parallel_tools) == (mode, parallel)
    assert anthropic.encode_request(request)["tool_choice"] == choice


def test_the_user_is_named_apart_from_other_metadata():
    request = anthropic.decode_request(body(metadata={"user_id": "u\0", "team": "t"}))
    assert (request.user, request.metadata) == ("u", {"team": "t"})
    dropped: list[str] = []
    assert anthropic.encode_request(request, dropped)["metadata"] == {"user_id": "u"}
    assert dropped == ["metadata"]


def test_what_only_this_wire_knows_is_kept_where_it_stood():
    tool = {"name": "f", "input_schema": SCHEMA, "defer_loading": True, "cache_control": {"type": "ephemeral"}}
    request = anthropic.decode_request(body(tools=[tool], betas=["b"], inference_geo="eu"))
    assert request.extra == {"anthropic": {"betas": ["b"], "inference_geo": "eu"}}
    assert request.tools[0].extra == {"anthropic": {"defer_loading": True, "cache_control": {"type": "ephemeral"}}}
    again = anthropic.encode_request(request)
    assert (again["tools"], again["betas"], again["inference_geo"]) == ([tool], ["b"], "eu")
