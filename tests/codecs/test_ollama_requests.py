"""What Ollama clients send, and what an Ollama daemon is sent."""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.codecs import goldens, laws
from wallas.codecs import ollama
from wallas.codecs.arguments import arguments_object, arguments_text
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

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0" * 24).decode()


def chat(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"model": "qwen3:4b", "messages": list(messages)} | more


def user(content: str = "hi", **more: Any) -> dict[str, Any]:
    return {"role": "user", "content": content} | more


def refused(body: Any) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        ollama.decode_request(body)
    return caught.value


@pytest.mark.parametrize("path", goldens.cases("ollama", "request"), ids=lambda path: path.stem)
def test_a_golden_request_is_read_and_written_as_it_stands(path):
    given = goldens.load(path)["given"]
    request = ollama.decode_request(given)
    dropped: list[str] = []
    goldens.compare(path, {"request": request, "body": ollama.encode_request(request, dropped), "dropped": dropped})
    if "prompt" not in given:
        laws.request_survives(ollama, given)


def test_an_absent_stream_means_true():
    assert ollama.decode_request(chat(user())).stream is True
    assert ollama.decode_request(chat(user(), stream=None)).stream is True
    assert ollama.decode_request(chat(user(), stream=False)).stream is False


@pytest.mark.parametrize(
    "body", [chat(), {"model": "m"}, {"model": "m", "messages": None}, {"model": "m", "prompt": ""}]
)
def test_no_messages_are_legal_and_ask_to_load_the_model(body):
    assert ollama.decode_request(body).messages == ()


def test_null_is_the_same_as_absent():
    nulls = dict.fromkeys(("tools", "format", "options", "think", "keep_alive", "logprobs", "top_logprobs", "stream"))
    message = user() | dict.fromkeys(("thinking", "images", "tool_calls", "tool_name", "tool_call_id"))
    assert ollama.decode_request(chat(message, **nulls)) == ollama.decode_request(chat(user()))
    assert ollama.decode_request(chat(user(), options={"seed": None})) == ollama.decode_request(chat(user()))
    assert ollama.decode_request(chat({"role": "user", "content": None})).messages[0].parts == ()


@pytest.mark.parametrize("limit", [-2, -1, 0])
def test_an_unlimited_num_predict_is_no_limit_elsewhere_and_goes_back_as_it_came(limit):
    request = ollama.decode_request(chat(user(), options={"num_predict": limit, "top_k": limit}))
    assert (request.max_tokens, request.top_k) == (None, None)
    assert ollama.encode_request(request)["options"] == {"num_predict": limit, "top_k": limit}


def test_options_that_only_ollama_has_stay_with_ollama():
    request = ollama.decode_request(chat(user(), options={"num_ctx": 8192, "temperature": 0.5, "stop": "END"}))
    assert request.extra == {"ollama": {"options": {"num_ctx": 8192}}}
    assert (request.temperature, request.stop) == (0.5, ("END",))


@pytest.mark.parametrize(
    ("think", "thinking"),
    [
        (True, Thinking(enabled=True)),
        (False, Thinking(enabled=False)),
        ("high", Thinking(enabled=True, effort="high")),
        ("max", Thinking(enabled=True, effort="max")),
        ("", None),
        (None, None),
    ],
)
def test_think_is_a_switch_or_a_level(think, thinking):
    assert ollama.decode_request(chat(user(), think=think)).thinking == thinking


@pytest.mark.parametrize(
    ("form", "output"),
    [("", None), ("json", Output(kind="json")), ({"type": "object"}, Output(kind="schema", schema={"type": "object"}))],
)
def test_format_is_json_or_a_schema(form, output):
    assert ollama.decode_request(chat(user(), format=form)).output == output


def test_logprobs_ask_for_the_runners_up_as_well():
    assert ollama.decode_request(chat(user(), logprobs=True, top_logprobs=3)).logprobs == 3
    assert ollama.decode_request(chat(user(), logprobs=True)).logprobs == 0
    assert ollama.decode_request(chat(user(), logprobs=False, top_logprobs=3)).logprobs is None


@pytest.mark.parametrize(
    ("head", "mime"),
    [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\0\0\0\0WEBP", "image/webp"),
        (b"BM\0\0", "image/bmp"),
        (b"II*\0", "image/tiff"),
        (b"\0\0\0\x18ftypheic", "image/heic"),
        (b"\0\0\0\x18ftypavif", "image/avif"),
        (b"nobody knows", None),
    ],
)
def test_an_image_is_known_by_its_first_bytes(head, mime):
    data = base64.b64encode(head).decode()
    (media,) = ollama.decode_request(chat(user("", images=[data]))).messages[0].parts
    assert media == Media(kind="image", mime=mime, data=data)


def test_an_image_may_come_as_a_data_url_or_broken_into_lines():
    lines = f"{PNG[:20]}\n{PNG[20:]}"
    for image in (f"data:image/png;base64,{PNG}", lines):
        (media,) = ollama.decode_request(chat(user("", images=[image]))).messages[0].parts
        assert media == Media(kind="image", mime="image/png", data=PNG)


def test_a_call_without_id_gets_one_that_stays_the_same_as_the_conversation_grows():
    call = {"function": {"name": "add", "arguments": {"x": 1}}}
    turns = [user(), {"role": "assistant", "content": "", "tool_calls": [call, call]}]
    first = ollama.decode_request(chat(*turns))
    grown = ollama.decode_request(chat(*turns, {"role": "tool", "tool_name": "add", "content": "1"}, user("more")))
    assert [part.id for part in first.messages[1].parts] == ["call_1_0", "call_1_1"]
    assert grown.messages[:2] == first.messages


def test_results_without_id_answer_the_open_calls_of_their_tool_in_order():
    calls = [{"function": {"name": name, "arguments": {}}} for name in ("add", "sub", "add")]
    results = [{"role": "tool", "tool_name": name, "content": name} for name in ("sub", "add", "add")]
    request = ollama.decode_request(chat(user(), {"role": "assistant", "tool_calls": calls}, *results))
    ids = [message.parts[0].call_id for message in request.messages[2:]]
    assert ids == ["call_1_1", "call_1_0", "call_1_2"]


def test_a_result_with_neither_id_nor_name_answers_the_first_open_call():
    call = {"id": "c1", "function": {"name": "add", "arguments": {}}}
    body = chat(user(), {"role": "assistant", "tool_calls": [call]}, {"role": "tool", "content": "1"})
    assert ollama.decode_request(body).messages[2].parts == (
        ToolResult(call_id="c1", name="add", parts=(Text(text="1"),)),
    )


def test_a_result_whose_id_nobody_gave_answers_the_call_that_had_none():
    call = {"function": {"name": "add", "arguments": {}}}
    result = {"role": "tool", "tool_name": "add", "tool_call_id": "mine", "content": "1"}
    body = chat(user(), {"role": "assistant", "tool_calls": [call]}, result)
    assert ollama.decode_request(body).messages[2].parts[0].call_id == "call_1_0"


def test_a_result_without_call_keeps_its_own_id_or_gets_one():
    body = chat(
        {"role": "tool", "tool_call_id": "x", "content": "1"}, {"role": "tool", "tool_name": "f", "content": "2"}
    )
    results = [message.parts[0] for message in ollama.decode_request(body).messages]
    assert [(result.call_id, result.name) for result in results] == [("x", None), ("call_1", "f")]
    laws.request_survives(ollama, body)


def test_minted_ids_keep_clear_of_the_clients_own():
    calls = [{"id": "call_0_1", "function": {"name": "a"}}, {"function": {"name": "b"}}]
    parts = ollama.decode_request(chat({"role": "assistant", "tool_calls": calls})).messages[0].parts
    assert [part.id for part in parts] == ["call_0_1", "call_0_1_"]


def test_arguments_may_be_an_object_text_null_or_absent():
    given = [{"x": 1}, '{"x": 1}', "{broken", None, ""]
    calls = [{"id": str(number), "function": {"name": "f", "arguments": one}} for number, one in enumerate(given)]
    parts = ollama.decode_request(chat({"role": "assistant", "tool_calls": calls})).messages[0].parts
    assert [part.arguments for part in parts] == ['{"x":1}', '{"x":1}', "{broken", "{}", "{}"]


def test_what_other_roles_do_not_use_is_kept_for_ollama():
    body = chat(user(tool_name="f", mood="fine"), {"role": "tool", "content": "1", "thinking": "hm"})
    user_message, tool_message = ollama.decode_request(body).messages
    assert user_message.extra == {"ollama": {"mood": "fine", "tool_name": "f"}}
    assert tool_message.extra == {"ollama": {"thinking": "hm"}}


def test_nul_is_removed_from_text():
    body = chat(user("a\0b"), {"role": "assistant", "content": "c\0", "thinking": "\0d"})
    first, second = ollama.decode_request(body).messages
    assert first.parts == (Text(text="ab"),)
    assert second.parts == (Reasoning(text="d"), Text(text="c"))


WRONG: list[tuple[Any, str | None]] = [
    (None, None),
    ([], None),
    ("x", None),
    ({"messages": []}, "model"),
    ({"model": ""}, "model"),
    ({"model": "a\0"}, "model"),
    ({"model": 1}, "model"),
    ({"model": "m", "messages": "hi"}, "messages"),
    (chat({"content": "x"}), "messages[0].role"),
    (chat(user(), {"role": "robot", "content": "x"}), "messages[1].role"),
    (chat(user(content=[{"type": "text"}])), "messages[0].content"),
    (chat(user(), user(), user(images=["%%%"])), "messages[2].images[0]"),
    (chat(user(images=[""])), "messages[0].images[0]"),
    (chat(user(images=["é"])), "messages[0].images[0]"),
    (chat(user(images=[PNG, 1])), "messages[0].images[1]"),
    (chat(user(images=["A" * (28 * 1024 * 1024)])), "messages[0].images[0]"),
    (chat({"role": "assistant", "tool_calls": [{"id": "a"}]}), "messages[0].tool_calls[0].function"),
    (
        chat({"role": "assistant", "tool_calls": [{"function": {"name": "\0"}}]}),
        "messages[0].tool_calls[0].function.name",
    ),
    (chat(user(), tools=[{"type": "function"}]), "tools[0].function"),
    (chat(user(), tools=[{"type": "function", "function": {"name": "a\0"}}]), "tools[0].function.name"),
    (chat(user(), tools=[{"function": {"name": "f"}}] * 257), "tools"),
    (
        chat(user(), tools=[{"function": {"name": "f", "parameters": {"x": "y" * 300_000}}}]),
        "tools[0].function.parameters",
    ),
    (chat(user(), format={"x": "y" * 300_000}), "format"),
    (chat(user(), format="xml"), "format"),
    (chat(user(), think="hard"), "think"),
    (chat(user(), stream="false"), "stream"),
    (chat(user(), options={"temperature": "0.7"}), "options.temperature"),
    (chat(user(), options={"temperature": -1}), "options.temperature"),
    (chat(user(), options={"num_predict": -3}), "options.num_predict"),
    (chat(user(), options={"stop": [1]}), "options.stop[0]"),
    (chat(user(), options=[]), "options"),
    (chat(user(), top_logprobs=21), "top_logprobs"),
    (chat(*[user()] * 4001), "messages"),
    ({"model": "m", "prompt": 1}, "prompt"),
    ({"model": "m", "prompt": "x", "images": ["%"]}, "images[0]"),
]


@pytest.mark.parametrize(("body", "param"), WRONG)
def test_a_bad_request_names_the_field_that_is_wrong(body, param):
    error = refused(body)
    assert error.param == param
    assert error.status == 400
    assert param is None or param in ollama.encode_error(error)["error"]


def test_a_generate_request_is_one_user_message_and_keeps_its_own_keys():
    body = {
        "model": "m",
        "prompt": "def f(",
        "suffix": ")",
        "system": "code",
        "images": [PNG],
        "context": [1],
        "raw": False,
    }
    request = ollama.decode_generate(body)
    image = Media(kind="image", mime="image/png", data=PNG)
    assert request.messages == (
        Message(role="system", parts=(Text(text="code"),)),
        Message(role="user", parts=(image, Text(text="def f("))),
    )
    assert request.extra == {"ollama": {"suffix": ")", "context": [1]}}
    dropped: list[str] = []
    assert "suffix" not in ollama.encode_request(request, dropped)
    assert dropped == ["suffix", "context"]


def sent(request: ChatRequest) -> tuple[dict[str, Any], list[str]]:
    dropped: list[str] = []
    return ollama.encode_request(request, dropped), dropped


def asked(*parts: Any, role: Any = "user", **more: Any) -> ChatRequest:
    return ChatRequest(model="m", messages=(Message(role=role, parts=parts),), **more)


def test_media_without_place_is_dropped_by_name_and_an_emptied_message_with_it():
    request = ChatRequest(
        model="m",
        messages=(
            Message(role="user", parts=(Text(text="see"), Media(kind="image", url="https://a/b.png"))),
            Message(role="user", parts=(Media(kind="document", data=PNG), Media(kind="audio", data="AAAA"))),
            Message(role="user", parts=(Media(kind="image", file_id="f"), Media(kind="document", text="words"))),
            Message(
                role="assistant", parts=(Reasoning(redacted=True), Opaque(wire="anthropic", data={"type": "x_use"}))
            ),
            Message(role="user", parts=(Opaque(wire="gemini", data=1), Media(kind="video", url="u"))),
        ),
    )
    body, dropped = sent(request)
    assert body["messages"] == [{"role": "user", "content": "see"}, {"role": "user", "content": "words"}]
    assert dropped == [
        "messages[0].image",
        "messages[1].document",
        "messages[1].audio",
        "messages[2].image",
        "messages[3].reasoning",
        "messages[3].x_use",
        "messages[4].opaque",
        "messages[4].video",
    ]


def test_a_result_carries_the_name_of_its_tool_looked_up_by_the_id_of_the_call():
    request = ChatRequest(
        model="m",
        messages=(
            Message(role="assistant", parts=(ToolCall(id="a", name="add", arguments='{"x":1}'),)),
            Message(role="assistant", parts=(ToolCall(id="b", name="sub"),)),
            Message(
                role="user",
                parts=(
                    ToolResult(call_id="b", parts=(Text(text="1"), Text(text="2")), is_error=True),
                    ToolResult(call_id="a", parts=(Media(kind="image", data=PNG),)),
                    ToolResult(call_id="c"),
                    Text(text="go on"),
                ),
            ),
        ),
    )
    body, dropped = sent(request)
    assert body["messages"] == [
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": "a", "function": {"name": "add", "arguments": {"x": 1}}}],
        },
        {"role": "assistant", "content": "", "tool_calls": [{"id": "b", "function": {"name": "sub", "arguments": {}}}]},
        {"role": "tool", "content": "1\n\n2", "tool_call_id": "b", "tool_name": "sub"},
        {"role": "tool", "content": "", "images": [PNG], "tool_call_id": "a", "tool_name": "add"},
        {"role": "tool", "content": "", "tool_call_id": "c"},
        {"role": "user", "content": "go on"},
    ]
    assert dropped == ["messages[2].is_error"]


def test_malformed_arguments_go_under_a_key_of_their_own_and_come_back_as_they_were():
    for text in ("{broken", "[1]", '"x"'):
        assert arguments_object(text) == {"INVALID_JSON": text}
        assert arguments_text(arguments_object(text)) == text
    assert arguments_object(" ") == {}
    assert arguments_text([1]) == "[1]"


def test_a_freeform_call_carries_its_text_as_input():
    request = asked(ToolCall(id="a", name="patch", arguments="*** Begin", kind="custom"), role="assistant")
    (call,) = sent(request)[0]["messages"][0]["tool_calls"]
    assert call["function"]["arguments"] == {"input": "*** Begin"}


def test_texts_of_the_assistant_are_joined_without_a_seam_and_others_as_paragraphs():
    two = (Text(text="a"), Refusal(text="b"))
    assert sent(asked(*two, role="assistant"))[0]["messages"] == [{"role": "assistant", "content": "ab"}]
    assert sent(asked(*two, role="developer"))[0]["messages"] == [{"role": "system", "content": "a\n\nb"}]


def test_thoughts_and_summaries_go_back_as_thinking():
    request = asked(Reasoning(text="a"), Reasoning(summary="b"), Text(text="c"), role="assistant")
    assert sent(request)[0]["messages"] == [{"role": "assistant", "content": "c", "thinking": "a\n\nb"}]


TOOLS = (
    Tool(name="a"),
    Tool(name="b", strict=True),
    Tool(name="p", kind="custom"),
    Opaque(wire="x", data={"type": "web"}),
)


@pytest.mark.parametrize(
    ("more", "names", "dropped"),
    [
        ({}, ["a", "b"], ["tools.strict", "tools.p", "tools.web"]),
        ({"tool_choice": ToolChoice(mode="auto")}, ["a", "b"], ["tools.strict", "tools.p", "tools.web"]),
        ({"tool_choice": ToolChoice(mode="none")}, None, []),
        (
            {"tool_choice": ToolChoice(mode="required")},
            ["a", "b"],
            ["tool_choice", "tools.strict", "tools.p", "tools.web"],
        ),
        ({"tool_choice": ToolChoice(mode="named", name="a")}, ["a"], ["tool_choice", "tools.p", "tools.web"]),
        ({"allowed_tools": ("a",)}, ["a"], ["tools.p", "tools.web"]),
    ],
)
def test_a_tool_choice_is_said_by_what_is_offered(more, names, dropped):
    body, lost = sent(asked(Text(text="x"), tools=TOOLS, **more))
    assert [tool["function"]["name"] for tool in body["tools"]] == names if names else "tools" not in body
    assert lost == dropped


def test_tools_of_another_type_go_back_to_ollama_unread():
    tool = {"type": "retrieval", "x": 1}
    body = chat(user(), tools=[tool])
    assert ollama.decode_request(body).tools == (Opaque(wire="ollama", data=tool),)
    laws.request_survives(ollama, body)


@pytest.mark.parametrize(
    ("thinking", "think", "dropped"),
    [
        (None, None, []),
        (Thinking(), None, []),
        (Thinking(enabled=False, effort="high"), False, []),
        (Thinking(effort="none"), False, []),
        (Thinking(effort="minimal"), "low", []),
        (Thinking(effort="xhigh"), "max", []),
        (Thinking(effort="enormous"), True, []),
        (Thinking(enabled=True, budget=1024), True, ["thinking.budget"]),
        (Thinking(budget=0), False, []),
        (Thinking(budget=-1), True, []),
        (Thinking(enabled=True, visible=False, summary="auto"), True, ["thinking.summary", "thinking.visible"]),
    ],
)
def test_thinking_is_said_as_near_as_think_can(thinking, think, dropped):
    body, lost = sent(asked(Text(text="x"), thinking=thinking))
    assert (body.get("think"), lost) == (think, dropped)


def test_what_has_no_place_is_dropped_by_name_and_harmless_values_are_not():
    request = asked(
        Text(text="x", extra={"anthropic": {"cache_control": {"type": "ephemeral"}}}),
        parallel_tools=False,
        logit_bias={"1": 1.0},
        n=2,
        user="u",
        metadata={"a": "b"},
        service_tier="flex",
        previous_id="r",
        modalities=("text", "audio"),
        output=Output(kind="schema", schema={"type": "object"}, strict=True),
        extra={"openai_chat": {"verbosity": "low"}, "ollama": {"keep_alive": "5m"}},
    )
    body, dropped = sent(request)
    assert body["keep_alive"] == "5m"
    assert body["format"] == {"type": "object"}
    assert dropped == [
        "output.strict",
        "parallel_tools",
        "logit_bias",
        "modalities",
        "n",
        "user",
        "metadata",
        "service_tier",
        "previous_id",
        "verbosity",
        "cache_control",
    ]
    harmless = asked(Text(text="x"), parallel_tools=True, n=1, modalities=("text",), metadata={}, logit_bias={})
    assert sent(harmless)[1] == []
    named = ChatRequest(model="m", messages=(Message(role="user", parts=(Text(text="x"),), name="Ana"),))
    assert sent(named)[1] == ["messages[0].name"]


words = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=12)
named = words.filter(bool)
objects = st.dictionaries(words, st.none() | st.booleans() | st.integers(-(2**53), 2**53) | words, max_size=3)
pictures = st.binary(min_size=1, max_size=20).map(lambda data: base64.b64encode(data).decode())
floats = st.floats(0, 1, width=32)


def fields(required: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(required, optional=optional)


calls = fields(
    {"function": fields({"name": named}, {"arguments": objects | words, "index": st.integers(0, 3)})}, {"id": named}
)
messages = fields(
    {"role": st.sampled_from(["system", "user", "assistant", "tool"])},
    {
        "content": words,
        "thinking": words,
        "images": st.lists(pictures, max_size=2),
        "tool_calls": st.lists(calls, max_size=2),
        "tool_name": named,
        "tool_call_id": named,
    },
)
bodies = fields(
    {"model": named, "messages": st.lists(messages, max_size=5)},
    {
        "tools": st.lists(fields({"function": fields({"name": named}, {"parameters": objects})}, {}), max_size=2),
        "format": st.just("json") | objects,
        "options": fields(
            {},
            {
                "num_predict": st.integers(-2, 99),
                "top_k": st.integers(-1, 99),
                "seed": st.integers(-(2**63), 2**63 - 1),
                "temperature": floats,
                "stop": words | st.lists(words, max_size=2),
                "num_ctx": st.integers(1, 9),
            },
        ),
        "think": st.booleans() | st.sampled_from(["low", "max"]),
        "stream": st.booleans(),
        "logprobs": st.booleans(),
        "top_logprobs": st.integers(0, 20),
        "keep_alive": st.integers(0, 9) | words,
        "truncate": st.booleans(),
    },
)


@given(bodies)
def test_any_request_survives_its_own_wire(body):
    laws.request_survives(ollama, body)
