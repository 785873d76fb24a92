"""Google's own client against bytes that our codec wrote, over a real socket."""

from base64 import b64decode
from typing import Any

import pytest
from google.genai import errors, types

from tests.codecs import gemini_sdk
from wallas.codecs import gemini
from wallas.codecs.framing import encode
from wallas.errors import AllAttemptsFailed, StreamInterrupted
from wallas.types.chat import (
    ChatRequest,
    ChatResponse,
    Choice,
    Citation,
    Message,
    Reasoning,
    Seal,
    StopReason,
    Text,
    ToolCall,
    Usage,
)
from wallas.types.events import PartDelta, PartStarted, Started, unfold

SEAL = Seal(issuer="anthropic/claude-opus@a", value="sig+/=")


def answer(*parts: Any, reason: StopReason = StopReason.STOP) -> ChatResponse:
    return ChatResponse(
        id="gen-1",
        model="claude-opus",
        created=1_700_000_000,
        choices=(Choice(message=Message(role="assistant", parts=parts), stop_reason=reason, stop_detail="x"),),
        usage=Usage(input=11, output=7, reasoning=2),
    )


def streamed(response: ChatResponse, request: ChatRequest) -> bytes:
    encoder = gemini.Encoder(request)
    events = [encoder.ping() + encoder.encode(event) for event in unfold(response)]
    return b"".join(events) + encoder.note("wallas {}") + encoder.ping()


class Gateway:
    """Answers by the codec alone, remembering what it was asked."""

    def __init__(self, *responses: ChatResponse) -> None:
        self.responses = list(responses)
        self.asked: list[ChatRequest] = []

    def __call__(self, path: str, body: dict[str, Any]) -> tuple[int, str, bytes]:
        model, _, action = path.rpartition("/")[2].partition("?")[0].rpartition(":")
        request = gemini.decode_request(body | {"model": model, "stream": action.startswith("stream")})
        self.asked.append(request)
        response = self.responses.pop(0)
        if request.stream:
            return 200, "text/event-stream", streamed(response, request)
        return 200, "application/json", encode(gemini.encode_response(response))


def test_a_whole_answer_of_another_wire_is_read():
    text = Text(text="Ñandú", citations=(Citation(start=0, end=5, url="https://example.org"),))
    with gemini_sdk.client(Gateway(answer(Reasoning(text="hm"), text))) as sdk:
        read = sdk.models.generate_content(model="m", contents="hi")
    assert read.text == "Ñandú"
    assert read.response_id == "gen-1" and read.model_version == "claude-opus"
    assert read.candidates[0].finish_reason is types.FinishReason.STOP
    assert read.candidates[0].grounding_metadata.grounding_chunks[0].web.uri == "https://example.org"
    usage = read.usage_metadata
    assert (usage.prompt_token_count, usage.candidates_token_count, usage.thoughts_token_count) == (11, 5, 2)


def test_a_stream_with_pings_between_is_read_and_no_chunk_says_none():
    with gemini_sdk.client(Gateway(answer(Text(text="Hello"), reason=StopReason.LENGTH))) as sdk:
        chunks = list(sdk.models.generate_content_stream(model="m", contents="hi"))
    assert "".join(chunk.text for chunk in chunks) == "Hello"
    assert chunks[-1].candidates[0].finish_reason is types.FinishReason.MAX_TOKENS
    assert chunks[-1].usage_metadata.total_token_count == 18


def test_thoughts_come_when_asked_for():
    gateway = Gateway(answer(Reasoning(text="hm"), Text(text="a")), answer(Reasoning(text="hm"), Text(text="a")))
    config = types.GenerateContentConfig(thinking_config=types.ThinkingConfig(include_thoughts=True))
    with gemini_sdk.client(gateway) as sdk:
        shown = list(sdk.models.generate_content_stream(model="m", contents="hi", config=config))
        hidden = list(sdk.models.generate_content_stream(model="m", contents="hi"))
    assert [part.thought for chunk in shown for part in chunk.parts or []] == [True, None, None]
    assert [part.text for chunk in hidden for part in chunk.parts or []] == ["a", ""]


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_loop_brings_its_seal_and_its_result_back(stream: bool):
    def weather(city: str) -> dict[str, Any]:
        """Tell the weather."""
        return {"degrees": len(city) + 15}

    call = ToolCall(id="toolu_1", name="weather", arguments='{"city":"Lima"}', seal=SEAL)
    gateway = Gateway(answer(call, reason=StopReason.TOOL_CALLS), answer(Text(text="19 degrees")))
    with gemini_sdk.client(gateway) as sdk:
        chat = sdk.chats.create(model="m", config=types.GenerateContentConfig(tools=[weather]))
        if stream:
            words = "".join(chunk.text or "" for chunk in chat.send_message_stream("weather in Lima?"))
        else:
            words = chat.send_message("weather in Lima?").text
    assert words == "19 degrees"
    again = gateway.asked[1]
    assert gateway.asked[0].tools[0].name == "weather"
    (sent_back,) = [part for message in again.messages for part in message.parts if isinstance(part, ToolCall)]
    assert (sent_back.id, sent_back.arguments, sent_back.seal) == ("toolu_1", '{"city":"Lima"}', SEAL)
    result = again.messages[-1].parts[0]
    assert again.messages[-1].role == "tool"
    assert (result.call_id, result.name, result.parts[0].text) == ("toolu_1", "weather", '{"result":{"degrees":19}}')


def test_everything_the_client_can_configure_is_understood():
    gateway = Gateway(answer(Text(text='{"a": 1}')))
    config = types.GenerateContentConfig(
        system_instruction="Be brief.",
        temperature=0.2,
        top_p=0.9,
        top_k=40,
        candidate_count=1,
        max_output_tokens=64,
        stop_sequences=["END"],
        seed=1,
        response_mime_type="application/json",
        response_schema=types.Schema(type=types.Type.OBJECT, properties={"a": types.Schema(type=types.Type.INTEGER)}),
        tool_config=types.ToolConfig(function_calling_config=types.FunctionCallingConfig(mode="ANY")),
        tools=[types.Tool(google_search=types.GoogleSearch())],
        safety_settings=[types.SafetySetting(category="HARM_CATEGORY_HARASSMENT", threshold="BLOCK_NONE")],
    )
    picture = b"\x89PNG\r\n\x1a\n\xff\xfe\xfd"
    with gemini_sdk.client(gateway) as sdk:
        parts = ["What is this?", types.Part.from_bytes(data=picture, mime_type="image/png")]
        sdk.models.generate_content(model="models/gemini-x", contents=parts, config=config)
    (asked,) = gateway.asked
    assert asked.model == "gemini-x"
    assert asked.messages[0] == Message(role="system", parts=(Text(text="Be brief."),), extra=asked.messages[0].extra)
    assert b64decode(asked.messages[1].parts[1].data, validate=True) == picture
    assert asked.output.schema == {"type": "object", "properties": {"a": {"type": "integer"}}}
    assert (asked.temperature, asked.top_k, asked.max_tokens, asked.stop, asked.seed) == (0.2, 40, 64, ("END",), 1)
    assert asked.tool_choice.mode == "required"
    assert asked.tools[0].data == {"googleSearch": {}}


def test_an_error_is_raised_with_its_status_and_words():
    failed = AllAttemptsFailed("nobody answered", retry_after=7, details=[{"model": "a/b", "ms": 3}])

    def refuse(path: str, body: dict[str, Any]) -> tuple[int, str, bytes]:
        return failed.status, "application/json", encode(gemini.encode_error(failed))

    with gemini_sdk.client(refuse) as sdk, pytest.raises(errors.ServerError) as caught:
        sdk.models.generate_content(model="m", contents="hi")
    assert (caught.value.code, caught.value.status, caught.value.message) == (503, "UNAVAILABLE", "nobody answered")


def test_an_error_in_mid_stream_is_raised_after_the_words_before_it():
    encoder = gemini.Encoder(None)
    data = encoder.encode(Started("r", "m")) + encoder.encode(PartStarted(0, Text(text="")))
    data += encoder.encode(PartDelta(0, "Once")) + encoder.error(StreamInterrupted("it broke"))
    seen = []
    sdk = gemini_sdk.client(lambda path, body: (200, "text/event-stream", data))
    with sdk as client, pytest.raises(errors.ServerError) as caught:
        for chunk in client.models.generate_content_stream(model="m", contents="hi"):
            seen.append(chunk.text)
    assert seen == ["Once"]
    assert (caught.value.code, caught.value.message) == (502, "it broke")
