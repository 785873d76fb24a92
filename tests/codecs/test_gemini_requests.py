"""What a Gemini client may say, what it is told when it says it wrong, and what a Gemini provider is sent."""

from base64 import b64encode, urlsafe_b64encode
from typing import Any

import pytest

from tests.codecs import laws
from wallas.codecs import gemini
from wallas.errors import BadRequest
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
    ToolChoice,
    ToolResult,
    Voice,
)

HI = {"role": "user", "parts": [{"text": "hi"}]}


def asked(*contents: Any, **more: Any) -> ChatRequest:
    return gemini.decode_request({"contents": list(contents) or [HI], **more})


def sent(*messages: Message, dropped: list[str] | None = None, how: Any = None, **fields: Any) -> dict[str, Any]:
    said = messages or (Message(role="user", parts=(Text(text="hi"),)),)
    return gemini.encode_request(ChatRequest(model="m", messages=said, **fields), dropped, **(how or {}))


def said(role: Any, *parts: Any) -> Message:
    return Message(role=role, parts=tuple(Text(text=part) if isinstance(part, str) else part for part in parts))


def call(name: str, id: str, **more: Any) -> ToolCall:
    return ToolCall(id=id, name=name, arguments="{}", **more)


def turn(*parts: Any, role: str = "user") -> dict[str, Any]:
    return {"role": role, "parts": list(parts)}


WRONG = {
    "no object": ([], None),
    "no contents": ({}, "contents"),
    "empty contents": ({"contents": []}, "contents"),
    "contents without a part": ({"contents": [{"role": "user", "parts": []}, {"role": "model"}]}, "contents"),
    "contents of text": ({"contents": "hi"}, "contents"),
    "a turn of a number": ({"contents": [5]}, "contents[0]"),
    "an unknown role": ({"contents": [turn({"text": "x"}, role="system")]}, "contents[0].role"),
    "text that is none": ({"contents": [HI, turn({"text": 5})]}, "contents[1].parts[0].text"),
    "a part that is none": ({"contents": [turn("hi")]}, "contents[0].parts[0]"),
    "bad base64": (
        {"contents": [HI, turn(role="model"), turn({"inline_data": {"mime_type": "image/png", "data": "a*b"}})]},
        "contents[2].parts[0].inlineData.data",
    ),
    "base64 of a wrong length": (
        {"contents": [turn({"text": "x"}, {"inlineData": {"mimeType": "image/png", "data": "abcde"}})]},
        "contents[0].parts[1].inlineData.data",
    ),
    "no data": (
        {"contents": [turn({"inlineData": {"mimeType": "image/png"}})]},
        "contents[0].parts[0].inlineData.data",
    ),
    "bad base64 in a result": (
        {"contents": [turn({"functionResponse": {"name": "f", "parts": [{"inlineData": {"data": "?"}}]}})]},
        "contents[0].parts[0].functionResponse.parts[0].inlineData.data",
    ),
    "a file without address": ({"contents": [turn({"fileData": {}})]}, "contents[0].parts[0].fileData.fileUri"),
    "a call without name": (
        {"contents": [turn({"functionCall": {"args": {}}}, role="model")]},
        "contents[0].parts[0].functionCall.name",
    ),
    "NUL in a name": (
        {"contents": [turn({"functionCall": {"name": "a\0"}}, role="model")]},
        "contents[0].parts[0].functionCall.name",
    ),
    "arguments that are no object": (
        {"contents": [turn({"functionCall": {"name": "f", "args": "{}"}}, role="model")]},
        "contents[0].parts[0].functionCall.args",
    ),
    "a call by the user": (
        {"contents": [turn({"functionCall": {"name": "f"}})]},
        "contents[0].parts[0].functionCall",
    ),
    "a result by the model": (
        {"contents": [turn({"functionResponse": {"name": "f", "response": {}}}, role="model")]},
        "contents[0].parts[0].functionResponse",
    ),
    "a result of nobody": (
        {"contents": [turn({"functionResponse": {"response": {}}})]},
        "contents[0].parts[0].functionResponse.name",
    ),
    "a result of text": (
        {"contents": [turn({"functionResponse": {"name": "f", "response": "19"}})]},
        "contents[0].parts[0].functionResponse.response",
    ),
    "too many turns": ({"contents": [HI] * 4001}, "contents"),
    "too many tools": ({"contents": [HI], "tools": [{"functionDeclarations": [{"name": "f"}] * 257}]}, "tools"),
    "a tool without name": (
        {"contents": [HI], "tools": [{"function_declarations": [{"description": "x"}]}]},
        "tools[0].functionDeclarations[0].name",
    ),
    "a large schema": (
        {
            "contents": [HI],
            "tools": [{"functionDeclarations": [{"name": "f", "parameters": {"enum": ["x" * 300_000]}}]}],
        },
        "tools[0].functionDeclarations[0].parameters",
    ),
    "a large answer schema": (
        {"contents": [HI], "generationConfig": {"responseSchema": {"enum": ["x" * 300_000]}}},
        "generationConfig.responseSchema",
    ),
    "hot": ({"contents": [HI], "generationConfig": {"temperature": 3}}, "generationConfig.temperature"),
    "a number as text": ({"contents": [HI], "generation_config": {"top_p": "0.7"}}, "generationConfig.topP"),
    "no tokens": ({"contents": [HI], "generationConfig": {"maxOutputTokens": -1}}, "generationConfig.maxOutputTokens"),
    "nine answers": ({"contents": [HI], "generationConfig": {"candidateCount": 9}}, "generationConfig.candidateCount"),
    "stop as text": ({"contents": [HI], "generationConfig": {"stopSequences": "x"}}, "generationConfig.stopSequences"),
    "a streamed word": ({"contents": [HI], "stream": "yes"}, "stream"),
    "NUL in the model": ({"contents": [HI], "model": "a\0b"}, "model"),
}


@pytest.mark.parametrize(("body", "param"), WRONG.values(), ids=WRONG)
def test_a_wrong_field_is_named(body: Any, param: str | None):
    with pytest.raises(BadRequest) as caught:
        gemini.decode_request(body)
    assert caught.value.param == param


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth):
        value = {"items": value}
    return value


@pytest.mark.parametrize(
    "body",
    [
        {"contents": [HI], "labels": "x", "safetySettings": [nested(80)]},
        {"contents": [HI], "tools": [{"functionDeclarations": [{"name": "f", "parameters": nested(80)}]}]},
        {"contents": [HI], "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": nested(3000)}]}]},
    ],
)
def test_a_body_nested_too_deep_is_refused(body: dict[str, Any]):
    with pytest.raises(BadRequest):
        gemini.decode_request(body)


def test_a_deep_list_is_refused():
    value: list[Any] = []
    for _ in range(80):
        value = [value]
    with pytest.raises(BadRequest):
        gemini.decode_request({"contents": [HI], "safetySettings": value})


def test_short_forms_of_a_turn_are_taken():
    whole = asked(turn({"text": "hi"}), systemInstruction={"parts": [{"text": "S"}]})
    assert whole == asked("hi", systemInstruction="S")
    assert whole == gemini.decode_request(
        {"contents": {"parts": {"text": "hi"}}, "system_instruction": {"parts": {"text": "S"}}}
    )


def test_null_is_the_same_as_absent():
    body = {
        "contents": [{"role": None, "parts": [{"text": "hi", "inlineData": None, "thought": None}]}],
        "systemInstruction": None,
        "tools": None,
        "generationConfig": {"temperature": None, "thinkingConfig": None},
    }
    assert gemini.decode_request(body) == asked({"parts": [{"text": "hi"}]})


def test_the_model_loses_the_prefix_of_the_path():
    assert asked(model="models/gemini-2.5-flash", stream=True).model == "gemini-2.5-flash"
    assert asked().model == ""


def test_nul_is_taken_out_of_words():
    request = asked(turn({"text": "a\0b"}), turn({"functionResponse": {"name": "f", "response": {"result": "\0c"}}}))
    assert request.messages[0].parts == (Text(text="ab"),)
    assert request.messages[1].parts[0].parts == (Text(text="c"),)


def test_empty_words_beside_others_are_left_out():
    request = asked(turn({"text": ""}, {"text": "x"}, {}), turn({"text": ""}, {"text": ""}))
    assert [message.parts for message in request.messages] == [(Text(text="x"),), (Text(text=""),)]


def test_base64_may_be_url_safe_and_is_told_in_the_standard_alphabet():
    data = bytes(range(240, 256)) + b"x"
    request = asked(
        turn({"inlineData": {"mimeType": "audio/wav", "data": urlsafe_b64encode(data).decode().rstrip("=")}})
    )
    assert request.messages[0].parts == (Media(kind="audio", mime="audio/wav", data=b64encode(data).decode()),)


def test_calls_without_an_id_are_answered_in_their_order():
    request = asked(
        HI,
        turn(
            {"functionCall": {"name": "f"}},
            {"functionCall": {"name": "g"}},
            {"functionCall": {"name": "f"}},
            role="model",
        ),
        turn(
            {"functionResponse": {"name": "g", "response": {"output": "G"}}},
            {"functionResponse": {"name": "f", "response": {"output": "1"}}},
            {"functionResponse": {"id": "unknown", "name": "f", "response": {"output": "2"}}},
        ),
        turn({"functionResponse": {"name": "f", "response": {}}}, {"functionResponse": {"id": "lost", "name": "h"}}),
    )
    calls = [part.id for part in request.messages[1].parts]
    assert calls == ["call_0_f", "call_1_g", "call_2_f"]
    results = [part.call_id for message in request.messages[2:] for part in message.parts]
    assert results == ["call_1_g", "call_0_f", "call_2_f", "call_3_f", "lost"]


def test_a_result_without_a_name_gets_that_of_its_call():
    request = asked(
        HI,
        turn({"functionCall": {"id": "c1", "name": "f"}}, role="model"),
        turn({"functionResponse": {"id": "c1", "response": {"error": {"code": 5}}}}),
    )
    assert request.messages[2].parts == (
        ToolResult(call_id="c1", name="f", parts=(Text(text='{"error":{"code":5}}'),), is_error=True),
    )


@pytest.mark.parametrize(
    "response",
    [
        {"result": "text"},
        {"output": "text"},
        {"error": "text"},
        {"result": '{"looks": "like an object"}'},
        {"output": 5},
        {"error": {"code": 1}},
        {"result": "a", "error": "b"},
        {"anything": [1, 2.5, None, {"a": "é"}]},
        {},
    ],
)
def test_a_tools_answer_is_given_back_as_it_came(response: dict[str, Any]):
    body = {
        "contents": [
            HI,
            turn({"functionCall": {"id": "c", "name": "f", "args": {}}}, role="model"),
            turn({"functionResponse": {"id": "c", "name": "f", "response": response}}),
        ]
    }
    assert gemini.encode_request(gemini.decode_request(body)) == body


@pytest.mark.parametrize(
    ("calling", "choice", "allowed", "again"),
    [
        ({"mode": "AUTO"}, ToolChoice(mode="auto"), None, {"mode": "AUTO"}),
        ({"mode": "none"}, ToolChoice(mode="none"), None, {"mode": "NONE"}),
        ({"mode": "ANY"}, ToolChoice(mode="required"), None, {"mode": "ANY"}),
        (
            {"mode": "any", "allowedFunctionNames": ["f"]},
            ToolChoice(mode="named", name="f"),
            None,
            {"mode": "ANY", "allowedFunctionNames": ["f"]},
        ),
        (
            {"mode": "ANY", "allowedFunctionNames": ["f", "g"]},
            ToolChoice(mode="required"),
            ("f", "g"),
            {"mode": "ANY", "allowedFunctionNames": ["f", "g"]},
        ),
        ({"mode": "VALIDATED"}, ToolChoice(mode="auto"), None, {"mode": "VALIDATED"}),
        (
            {"allowedFunctionNames": ["f"]},
            ToolChoice(mode="auto"),
            ("f",),
            {"mode": "VALIDATED", "allowedFunctionNames": ["f"]},
        ),
        ({"mode": "MODE_UNSPECIFIED"}, None, None, None),
    ],
)
def test_whether_to_call_travels_in_all_its_forms(calling, choice, allowed, again):
    request = asked(toolConfig={"functionCallingConfig": calling})
    assert (request.tool_choice, request.allowed_tools) == (choice, allowed)
    assert gemini.encode_request(request).get("toolConfig") == (again and {"functionCallingConfig": again})


def test_allowed_tools_of_another_wire_are_validated_calls():
    body = sent(allowed_tools=("f",))
    assert body["toolConfig"] == {"functionCallingConfig": {"mode": "VALIDATED", "allowedFunctionNames": ["f"]}}


@pytest.mark.parametrize(
    ("config", "thinking"),
    [
        ({"thinkingBudget": 0}, Thinking(enabled=False, budget=0)),
        ({"thinkingBudget": -1}, Thinking(budget=-1)),
        ({"thinkingLevel": "high"}, Thinking(effort="high")),
        ({"includeThoughts": True}, Thinking(visible=True)),
        ({"thinkingLevel": "THINKING_LEVEL_UNSPECIFIED"}, None),
        ({"thinkingLevel": "NEW", "includeThoughts": False, "newer": 1}, Thinking(visible=False)),
    ],
)
def test_how_hard_to_think_is_read_and_given_back(config: dict[str, Any], thinking: Thinking | None):
    request = asked(generationConfig={"thinkingConfig": config})
    assert request.thinking == thinking
    again = gemini.encode_request(request)["generationConfig"]["thinkingConfig"]
    assert {key: value.lower() if isinstance(value, str) else value for key, value in again.items()} == {
        key: value.lower() if isinstance(value, str) else value for key, value in config.items()
    }


@pytest.mark.parametrize(
    ("thinking", "budget", "level"),
    [
        (Thinking(effort="none"), 0, "MINIMAL"),
        (Thinking(effort="low"), 1024, "LOW"),
        (Thinking(effort="medium"), 8192, "MEDIUM"),
        (Thinking(effort="high"), 24576, "HIGH"),
        (Thinking(effort="xhigh"), 24576, "XHIGH"),
        (Thinking(effort="odd"), None, None),
        (Thinking(enabled=False), 0, "MINIMAL"),
        (Thinking(enabled=True), -1, None),
        (Thinking(budget=-1), -1, None),
        (Thinking(budget=600), 600, "LOW"),
        (Thinking(budget=30000), 30000, "HIGH"),
        (Thinking(visible=True), None, None),
    ],
)
def test_thinking_is_a_budget_for_some_models_and_a_level_for_others(thinking, budget, level):
    def config(style: str) -> dict[str, Any]:
        body = sent(thinking=thinking, how={"thinking_style": style})
        found = dict(body.get("generationConfig", {}).get("thinkingConfig", {}))
        assert found.pop("includeThoughts", None) == thinking.visible
        return found

    assert config("budget") == ({} if budget is None else {"thinkingBudget": budget})
    assert config("level") == ({} if level is None else {"thinkingLevel": level})


def test_a_seal_comes_back_to_its_issuer_through_a_client_that_respells_base64():
    seal = Seal(issuer="gemini/gemini-3-pro@acct", value="a>>b??c+/=é")
    told = b64encode(str(seal).encode()).decode()
    respelt = urlsafe_b64encode(str(seal).encode()).decode().rstrip("=")
    for text in (told, respelt):
        request = asked(HI, turn({"text": "x", "thoughtSignature": text}, role="model"))
        assert request.messages[1].parts[0].seal == seal
        assert gemini.encode_request(request)["contents"][1]["parts"][0]["thoughtSignature"] == seal.value


@pytest.mark.parametrize("text", ["QUJD", "no base64!", "////", b64encode(b"a:b").decode()])
def test_a_seal_of_nobody_we_know_stays_as_it_is(text: str):
    request = asked(turn({"thoughtSignature": text}), turn({"text": "", "thoughtSignature": text}, role="model"))
    assert request.messages[0].parts == (Text(text="", seal=Seal(value=text)),)
    assert request.messages[1].parts == (Text(text="", seal=Seal(value=text)),)


def test_an_unread_word_of_the_request_stays_with_the_wire():
    request = asked(
        {**HI, "newer": 1},
        generationConfig={"responseMimeType": "text/x.enum", "responseSchema": {"type": "STRING"}, "logprobs": 2},
        futureField={"some_key": True},
    )
    assert request.output is None
    body = gemini.encode_request(request)
    assert body["futureField"] == {"someKey": True}
    assert body["generationConfig"] == {
        "responseMimeType": "text/x.enum",
        "responseSchema": {"type": "STRING"},
        "logprobs": 2,
    }
    assert body["contents"][0]["newer"] == 1


def test_a_schema_that_was_changed_on_the_way_is_sent_as_it_is_now():
    request = asked(tools=[{"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT"}}]}])
    changed = Tool(name="f", parameters={"type": "object", "required": ["x"]}, extra=request.tools[0].extra)
    body = sent(tools=(changed,))
    assert body["tools"] == [
        {"functionDeclarations": [{"name": "f", "parametersJsonSchema": {"type": "object", "required": ["x"]}}]}
    ]
    deep = Tool(name="f", extra={"gemini": {"parameters": nested(80)}})
    assert sent(tools=(deep,))["tools"] == [{"functionDeclarations": [{"name": "f"}]}]


def test_geminis_schemas_are_read_as_json_schema():
    raw = {
        "type": "OBJECT",
        "nullable": True,
        "property_ordering": ["type"],
        "properties": {
            "type": {"type": "STRING", "enum": ["A", "B"], "nullable": True, "max_length": "5"},
            "either": {"any_of": [{"type": "INTEGER"}, {"type": "TYPE_UNSPECIFIED"}], "nullable": True},
            "any": {"nullable": True, "enum": ["x", None], "default": None},
            "kinds": {"type": ["STRING", "null"], "items": True},
        },
    }
    request = asked(tools=[{"functionDeclarations": [{"name": "f", "parameters": raw}]}])
    assert request.tools[0].parameters == {
        "type": ["object", "null"],
        "properties": {
            "type": {"type": ["string", "null"], "enum": ["A", "B", None], "maxLength": 5},
            "either": {"anyOf": [{"type": "integer"}, {}, {"type": "null"}]},
            "any": {"enum": ["x", None]},
            "kinds": {"type": ["string", "null"], "items": True},
        },
    }


def test_instructions_go_before_and_later_ones_into_the_users_turn():
    body = sent(said("system", "A"), said("developer", "B"), said("user", "hi"), said("system", "C"), said("user", "D"))
    assert body["systemInstruction"] == {"parts": [{"text": "A"}, {"text": "B"}]}
    assert body["contents"] == [turn({"text": "hi"}, {"text": "C"}, {"text": "D"})]


def test_instructions_alone_become_the_users_turn():
    assert sent(said("system", "A")) == {"contents": [turn({"text": "A"})]}


def test_a_conversation_begins_with_the_user():
    roles = [content["role"] for content in sent(said("assistant", "hi"), said("user", "yes"))["contents"]]
    assert roles == ["user", "model", "user"]


def test_a_client_that_begins_with_the_model_is_taken_at_its_word():
    body = {"contents": [turn({"text": "hi"}, role="model"), turn({"text": "a"}), turn({"text": "b"})]}
    assert gemini.encode_request(gemini.decode_request(body)) == body


def test_a_turn_that_says_nothing_is_left_out():
    body = sent(said("user", "hi"), said("assistant"), said("user", "", "x"), said("assistant", "", call("f", "c")))
    assert [part for content in body["contents"] for part in content["parts"]] == [
        {"text": "hi"},
        {"text": "x"},
        {"functionCall": {"name": "f", "args": {}, "id": "c"}},
    ]


def test_results_are_sent_with_the_name_of_their_call():
    body = sent(
        said("user", "hi"),
        said("assistant", call("f", "c1"), call("g", "c2")),
        said("tool", ToolResult(call_id="c2", parts=(Text(text="a"), Text(text="b")))),
        said("tool", ToolResult(call_id="c1", parts=(Text(text='{"x": 1}'),))),
        said("tool", ToolResult(call_id="c9", parts=(Text(text='{"x": 1}'),), is_error=True)),
        said("tool", ToolResult(call_id="", name="h", parts=(Text(text="{broken"), Text(text="[1]")))),
    )
    assert body["contents"][2]["parts"] == [
        {"functionResponse": {"name": "g", "id": "c2", "response": {"output": "a\nb"}}},
        {"functionResponse": {"name": "f", "id": "c1", "response": {"x": 1}}},
        {"functionResponse": {"name": "c9", "id": "c9", "response": {"error": '{"x": 1}'}}},
        {"functionResponse": {"name": "h", "response": {"output": "{broken\n[1]"}}},
    ]


def test_arguments_that_are_no_object_come_back_as_they_were():
    body = sent(
        said("user", "hi"),
        said(
            "assistant",
            ToolCall(id="1", name="f", arguments='{"a": '),
            ToolCall(id="2", name="f"),
            ToolCall(id="3", name="f", arguments="free text", kind="custom"),
        ),
    )
    parts = body["contents"][1]["parts"]
    assert [part["functionCall"]["args"] for part in parts] == [{"INVALID_JSON": '{"a": '}, {}, {"input": "free text"}]
    assert gemini.decode_request(body).messages[1].parts[0].arguments == '{"a": '


def test_media_goes_inline_or_by_its_address():
    dropped: list[str] = []
    body = sent(
        said(
            "user",
            Media(kind="image", data="QUJD"),
            Media(kind="document", mime="application/pdf", url="https://example.org/a.pdf", name="a.pdf"),
            Media(kind="video", url="https://example.org/v"),
            Media(kind="document", text="plain words"),
            Media(kind="image", file_id="file-1"),
        ),
        dropped=dropped,
    )
    assert body["contents"][0]["parts"] == [
        {"inlineData": {"mimeType": "image/jpeg", "data": "QUJD"}},
        {"fileData": {"fileUri": "https://example.org/a.pdf", "mimeType": "application/pdf", "displayName": "a.pdf"}},
        {"fileData": {"fileUri": "https://example.org/v"}},
        {"text": "plain words"},
    ]
    assert dropped == ["file_id"]


def test_a_lost_seal_is_replaced_on_the_first_call_of_a_turn_where_the_model_wants_one():
    history = (
        said("user", "hi"),
        said("assistant", "let me", call("f", "c1"), call("g", "c2")),
        said("tool", ToolResult(call_id="c1", name="f"), ToolResult(call_id="c2", name="g")),
        said("assistant", call("f", "c3", seal=Seal(issuer="gemini/m@", value="kept"))),
        said("tool", ToolResult(call_id="c3", name="f")),
        said("assistant", "done"),
        said("user", "more"),
    )
    body = sent(*history, how={"placeholder": "skip_thought_signature_validator"})
    found = [[part.get("thoughtSignature") for part in content["parts"]] for content in body["contents"]]
    assert found == [
        [None],
        [None, "skip_thought_signature_validator", None],
        [None, None],
        ["kept"],
        [None],
        [None],
        [None],
    ]
    assert "skip" not in str(sent(*history))


def test_what_has_no_place_is_named():
    dropped: list[str] = []
    sent(
        Message(
            role="user",
            parts=(Text(text="hi"), Opaque(wire="anthropic", data={"type": "container_upload"})),
            name="Ana",
        ),
        said("assistant", Opaque(wire="cohere", data=[1]), Refusal(text="no"), Reasoning(summary="short")),
        dropped=dropped,
        tools=(
            Tool(name="f", strict=True),
            Opaque(wire="openai_responses", data={"type": "web_search"}),
            Opaque(wire="x", data=1),
        ),
        output=Output(kind="json", strict=True),
        stop=("1", "2", "3", "4", "5", "6"),
        logit_bias={"1": 2},
        user="u",
        parallel_tools=False,
        metadata={"a": "b"},
        service_tier="flex",
        previous_id="r",
        voice=Voice(format="wav"),
        extra={"openai_chat": {"store": True}, "gemini": {"labels": {}}},
    )
    assert dropped == [
        "name",
        "container_upload",
        "cohere",
        "tools.strict",
        "tools.web_search",
        "tools.x",
        "stop",
        "output.strict",
        "voice.format",
        "parallel_tools",
        "logit_bias",
        "user",
        "metadata",
        "service_tier",
        "previous_id",
        "store",
    ]


def test_a_request_of_another_wire_is_written_with_real_json_schemas():
    body = sent(
        tools=(
            Tool(name="f", description="d", parameters={"type": "object", "additionalProperties": False}),
            Tool(name="g", kind="custom"),
        ),
        output=Output(kind="schema", name="n", schema={"type": "object"}),
        stop=("1", "2", "3", "4", "5", "6"),
        modalities=("text", "audio"),
        voice=Voice(name="Kore"),
        logprobs=0,
        parallel_tools=True,
        tool_choice=ToolChoice(mode="auto"),
    )
    declared = body["tools"][0]["functionDeclarations"]
    assert declared[0]["parametersJsonSchema"] == {"type": "object", "additionalProperties": False}
    assert declared[1]["parametersJsonSchema"]["required"] == ["input"]
    assert body["generationConfig"] == {
        "stopSequences": ["1", "2", "3", "4", "5"],
        "responseModalities": ["TEXT", "AUDIO"],
        "responseLogprobs": True,
        "responseMimeType": "application/json",
        "responseJsonSchema": {"type": "object"},
        "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}},
    }
    assert body["toolConfig"] == {"functionCallingConfig": {"mode": "AUTO"}}


@pytest.mark.parametrize(
    "config",
    [
        {"responseMimeType": "application/json"},
        {"responseJsonSchema": {"type": "object"}},
        {"responseSchema": {"type": "OBJECT"}},
        {"responseMimeType": "text/plain"},
        {"speechConfig": {"multiSpeakerVoiceConfig": {}}},
        {"speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Puck"}}, "languageCode": "en"}},
        {"responseLogprobs": True},
        {"responseLogprobs": True, "logprobs": 4},
        {"logprobs": 4},
        {"topK": 40.0, "seed": 3},
        {"imageConfig": {"aspectRatio": "16:9"}},
    ],
)
def test_a_configuration_survives(config: dict[str, Any]):
    laws.request_survives(gemini, {"contents": [HI], "generationConfig": config})
