"""The chat completions wire against OpenAI's own OpenAPI document, and against the official client."""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import openai
import pytest
import yaml

from tests.codecs import laws
from tests.codecs.goldens import cases, load
from tests.codecs.test_openai_chat_encoder import answer, written
from wallas.codecs import openai_chat as codec
from wallas.codecs import openai_completions
from wallas.errors import StreamInterrupted
from wallas.types.chat import (
    ChatResponse,
    Citation,
    Logprob,
    Reasoning,
    Refusal,
    StopReason,
    Text,
    ToolCall,
    Usage,
)
from wallas.types.events import fold, unfold

DOCUMENT = laws.RECORDINGS.parent / "specs" / "openai.yaml"

documented = pytest.mark.skipif(not DOCUMENT.exists(), reason=f"no {DOCUMENT}")

USAGE = Usage(input=3, output=4, cache_read=1, cache_write=0, reasoning=2)
SOURCE = Citation(start=0, end=2, url="https://e.org", title="E")
ROWS = (Logprob(token="Hi", logprob=-0.5, bytes=[72, 105], top=(Logprob(token="Yo", logprob=-2),)),)
ANSWERS = {
    "text": answer(Text(text="Hi there", citations=(SOURCE,), logprobs=ROWS), usage=USAGE),
    "thoughts": answer(Reasoning(text="hm"), Text(text="x")),
    "calls": answer(ToolCall(id="a", name="f", arguments="{}"), ToolCall(id="b", name="g"), usage=USAGE),
    "refusal": answer(Refusal(text="No.")),
    "nothing": answer(),
}


@cache
def schemas() -> dict[str, Any]:
    """Return the document's schemas, in JSON Schema's words for null."""
    document = yaml.load(DOCUMENT.read_bytes(), Loader=yaml.CSafeLoader)
    plain: dict[str, Any] = with_null(document["components"]["schemas"])
    return plain


def with_null(node: Any) -> Any:
    if isinstance(node, list):
        return [with_null(inner) for inner in node]
    if not isinstance(node, dict):
        return node
    node = {key: with_null(inner) for key, inner in node.items()}
    if node.pop("nullable", None) is True:
        return {"anyOf": [node, {"type": "null"}]}
    return node


@cache
def validator(name: str) -> jsonschema.Draft202012Validator:
    schema = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas()}}
    return jsonschema.Draft202012Validator(schema)


def faults(name: str, value: Any) -> list[str]:
    return [f"{error.json_path}: {error.message[:200]}" for error in validator(name).iter_errors(value)]


def named(answers: dict[str, ChatResponse]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("whole", answers.values(), ids=answers)


@documented
@named(ANSWERS)
def test_a_whole_answer_is_what_the_document_says(whole: ChatResponse) -> None:
    assert faults("CreateChatCompletionResponse", codec.encode_response(whole)) == []


@documented
@named(ANSWERS)
def test_every_chunk_is_what_the_document_says(whole: ChatResponse) -> None:
    chunks = written(*unfold(whole))
    assert chunks[-1] == "[DONE]"
    assert [fault for chunk in chunks[:-1] for fault in faults("CreateChatCompletionStreamResponse", chunk)] == []


@documented
@pytest.mark.parametrize("path", cases("openai_chat", "request"), ids=lambda path: path.stem)
def test_a_request_is_what_the_document_says_where_it_knows_the_words(path: Path) -> None:
    """Dialects are sent to those who speak them; without them what is left is OpenAI's."""
    given = codec.decode_request(load(path)["given"])
    body = codec.encode_request(given, accepts=frozenset(), reasoning_field="")
    rows = [row for row in body["messages"] if not in_dialect(row)]
    body["tools"] = [tool for tool in body.get("tools", []) if tool["type"] in ("function", "custom")]
    assert faults("CreateChatCompletionRequest", body | {"messages": rows}) == []


def in_dialect(row: dict[str, Any]) -> bool:
    content = row.get("content")
    parts = content if isinstance(content, list) else []
    return any(part["type"] in ("video_url", "document_url") for part in parts)


@documented
def test_the_validator_sees_what_is_wrong() -> None:
    whole = codec.encode_response(ANSWERS["text"])
    del whole["choices"][0]["finish_reason"]
    assert faults("CreateChatCompletionResponse", whole)


@documented
def test_text_completions_are_what_the_document_says() -> None:
    whole = ANSWERS["text"]
    assert faults("CreateCompletionResponse", openai_completions.encode_response(whole)) == []


def client(body: bytes, kind: str) -> openai.OpenAI:
    def play(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"content-type": kind}, content=body)

    transport = httpx.Client(transport=httpx.MockTransport(play))
    return openai.OpenAI(api_key="k", base_url="http://x/v1", http_client=transport, max_retries=0)


@named(ANSWERS)
def test_the_official_client_takes_a_whole_answer_by_its_strict_types(whole: ChatResponse) -> None:
    kind = openai.types.chat.ChatCompletion
    read = kind.model_validate(codec.encode_response(whole), strict=True)
    assert (read.choices[0].message.content or "") == "".join(texts(whole))


@named(ANSWERS)
def test_the_official_client_puts_a_stream_together(whole: ChatResponse) -> None:
    encoder = codec.Encoder(None)
    stream = b"".join(encoder.encode(event) + encoder.ping() for event in unfold(whole))
    with (
        client(stream, "text/event-stream") as sdk,
        sdk.chat.completions.stream(model="m", messages=[{"role": "user", "content": "x"}]) as running,
    ):
        read = running.get_final_completion()
    message = read.choices[0].message
    assert (message.content or "") == "".join(texts(whole))
    calls = [(call.id, call.function.name, call.function.arguments) for call in message.tool_calls or []]
    asked = [part for part in whole.message.parts if isinstance(part, ToolCall)]
    assert calls == [(call.id, call.name, call.arguments) for call in asked]
    assert read.choices[0].finish_reason == "stop"
    assert (read.usage.prompt_tokens if read.usage else None) == (3 if whole.usage else None)


def test_the_official_client_raises_on_our_error_event() -> None:
    encoder = codec.Encoder(None)
    begun = b"".join(encoder.encode(event) for event in list(unfold(ANSWERS["text"]))[:3])
    stream = begun + encoder.error(StreamInterrupted("nobody could go on"))
    with client(stream, "text/event-stream") as sdk:
        running = sdk.chat.completions.create(model="m", messages=[], stream=True)
        with pytest.raises(openai.APIError, match="nobody could go on"):
            list(running)


def texts(whole: ChatResponse) -> Iterator[str]:
    return (part.text for part in whole.message.parts if isinstance(part, Text))


FROM_THE_CLIENT: dict[str, Callable[[openai.OpenAI], Any]] = {
    "plain": lambda sdk: sdk.chat.completions.create(
        model="m", messages=[{"role": "user", "content": "x"}], max_completion_tokens=5, stop=["a"], seed=1
    ),
    "tools": lambda sdk: sdk.chat.completions.create(
        model="m",
        messages=[{"role": "user", "content": "x"}],
        tools=[{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}],
        tool_choice="auto",
        parallel_tool_calls=True,
    ),
}


@pytest.mark.parametrize("ask", FROM_THE_CLIENT.values(), ids=FROM_THE_CLIENT)
def test_what_the_official_client_sends_is_accepted_and_its_answer_read(ask: Callable[[openai.OpenAI], Any]) -> None:
    seen: list[bytes] = []

    def play(request: httpx.Request) -> httpx.Response:
        seen.append(request.content)
        return httpx.Response(200, json=codec.encode_response(ANSWERS["text"]))

    transport = httpx.Client(transport=httpx.MockTransport(play))
    with openai.OpenAI(api_key="k", base_url="http://x/v1", http_client=transport) as sdk:
        read = ask(sdk)
    assert read.choices[0].message.content == "Hi there"
    laws.request_survives(codec, yaml.safe_load(seen[0]))


@named(ANSWERS)
def test_an_answer_read_back_from_either_form_is_the_same(whole: ChatResponse) -> None:
    plain = codec.decode_response(codec.encode_response(whole))
    streamed = fold(laws.read(codec, laws.written(codec, whole)))
    assert streamed == plain
    calls = any(isinstance(part, ToolCall) for part in whole.message.parts)
    assert plain.stop_reason is (StopReason.TOOL_CALLS if calls else StopReason.STOP)
