"""What we write for Ollama clients, against the official client, Ollama's own document and recorded daemons."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jsonschema
import ollama as sdk
import pytest
import yaml

from tests.codecs import goldens, laws
from wallas.codecs import ollama
from wallas.errors import AllAttemptsFailed
from wallas.types.chat import (
    ChatRequest,
    ChatResponse,
    Choice,
    Logprob,
    Media,
    Message,
    Output,
    Reasoning,
    StopReason,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    Usage,
)
from wallas.types.events import PartDelta, PartStarted, Started, fold, unfold

SPEC = Path(__file__).resolve().parents[3] / "shared" / "specs" / "ollama.yaml"
RECORDS = laws.recordings("ollama")

needs_spec = pytest.mark.skipif(not SPEC.exists(), reason="the folder shared/specs is not here")
needs_recordings = pytest.mark.skipif(not RECORDS, reason="the folder shared/recordings is not here")

ANSWER = ChatResponse(
    model="groq/x",
    created=1795248000,
    choices=(
        Choice(
            message=Message(
                role="assistant",
                parts=(
                    Reasoning(text="hm"),
                    Text(text="Grüße", logprobs=(Logprob(token="Gr", logprob=-0.5, bytes=[71, 114]),)),
                    ToolCall(id="c1", name="f", arguments='{"a": 1}'),
                    ToolCall(id="c2", name="g", arguments="{broken"),
                ),
            ),
            stop_reason=StopReason.TOOL_CALLS,
        ),
    ),
    usage=Usage(input=7, output=3),
)
REQUEST = ChatRequest(
    model="m",
    messages=(
        Message(role="system", parts=(Text(text="s"),)),
        Message(role="user", parts=(Text(text="u"), Media(kind="image", data="AAAA"))),
        Message(role="assistant", parts=(Reasoning(text="r"), ToolCall(id="c", name="f"))),
        Message(role="tool", parts=(ToolResult(call_id="c", parts=(Text(text="1"),)),)),
    ),
    tools=(Tool(name="f", description="d"),),
    output=Output(kind="json"),
    thinking=Thinking(effort="xhigh"),
    max_tokens=9,
    stop=("E",),
    logprobs=2,
)


def problems(value: Any, name: str) -> list[str]:
    document = yaml.safe_load(SPEC.read_text("utf-8"))
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    return [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(value)]


@needs_spec
def test_what_a_daemon_is_sent_is_what_its_document_describes():
    assert problems(ollama.encode_request(REQUEST), "ChatRequest") == []


@needs_spec
def test_what_clients_get_is_what_the_document_describes():
    assert problems(ollama.encode_response(ANSWER), "ChatResponse") == []
    assert problems(ollama.encode_generate_response(ANSWER), "GenerateResponse") == []
    assert problems(ollama.encode_error(AllAttemptsFailed("no")), "ErrorResponse") == []
    for generate, name in ((False, "ChatStreamEvent"), (True, "GenerateStreamEvent")):
        encoder = ollama.Encoder(None, generate=generate)
        lines = b"".join([encoder.ping(), *(encoder.encode(event) for event in unfold(ANSWER))]).splitlines()
        assert [problem for line in lines for problem in problems(json.loads(line), name)] == []


@contextmanager
def serving(status: int, kind: str, body: bytes) -> Iterator[tuple[sdk.Client, list[Any]]]:
    """Answer every POST on a loopback port with the same bytes; the list gets the request bodies."""
    received: list[Any] = []

    class Answering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    client = sdk.Client(host=f"http://127.0.0.1:{server.server_port}", trust_env=False)
    try:
        yield client, received
    finally:
        client._client.close()
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_official_client_reads_a_stream_and_sends_what_we_read():
    body = laws.written(ollama, ANSWER)
    with serving(200, "application/x-ndjson", body) as (client, received):
        parts = list(
            client.chat(
                "m",
                messages=[{"role": "user", "content": "hi", "images": [b"\x89PNG\r\n\x1a\n"]}],
                stream=True,
                think="high",
                options={"num_predict": 5},
                logprobs=True,
            )
        )
    assert "".join(part.message.content or "" for part in parts) == "Grüße"
    assert "".join(part.message.thinking or "" for part in parts) == "hm"
    calls = [call.function for part in parts for call in part.message.tool_calls or ()]
    assert [(call.name, call.arguments) for call in calls] == [("f", {"a": 1}), ("g", {"INVALID_JSON": "{broken"})]
    assert (parts[-1].done, parts[-1].done_reason, parts[-1].eval_count) == (True, "stop", 3)
    request = ollama.decode_request(received[0])
    assert request.stream
    assert (request.max_tokens, request.logprobs, request.thinking) == (5, 0, Thinking(enabled=True, effort="high"))
    assert request.messages[0].parts[0] == Media(kind="image", mime="image/png", data="iVBORw0KGgo=")


def test_the_official_client_reads_a_plain_answer_and_a_generated_one():
    with serving(200, "application/json", json.dumps(ollama.encode_response(ANSWER)).encode()) as (client, received):
        answer = client.chat("m", messages=[{"role": "user", "content": "hi"}])
    assert (answer.message.content, answer.message.thinking, answer.prompt_eval_count) == ("Grüße", "hm", 7)
    assert received[0]["tools"] == []
    assert ollama.decode_request(received[0]).stream is False
    plain = json.dumps(ollama.encode_generate_response(ANSWER)).encode()
    with serving(200, "application/json", plain) as (client, received):
        generated = client.generate("m", "say", suffix="end", system="s")
    assert (generated.response, generated.thinking) == ("Grüße", "hm")
    request = ollama.decode_generate(received[0])
    assert [message.role for message in request.messages] == ["system", "user"]
    assert request.extra["ollama"]["suffix"] == "end"


def test_the_official_client_raises_our_errors_before_and_inside_a_stream():
    error = AllAttemptsFailed("nobody answered", details=[{"model": "groq/x", "outcome": "timeout"}])
    with serving(503, "application/json", json.dumps(ollama.encode_error(error)).encode()) as (client, _):
        with pytest.raises(sdk.ResponseError, match="nobody answered") as caught:
            client.chat("m", messages=[])
        assert caught.value.status_code == 503
    encoder = ollama.Encoder(None)
    begun = [Started(model="m"), PartStarted(0, Text(text="")), PartDelta(0, "Hel")]
    broken = b"".join(encoder.encode(event) for event in begun) + encoder.error(error)
    said = []
    with serving(200, "application/x-ndjson", broken) as (client, _), pytest.raises(sdk.ResponseError, match="groq/x"):
        for part in client.chat("m", messages=[], stream=True):
            said.append(part.message.content)
    assert said == ["Hel"]


@needs_recordings
@pytest.mark.parametrize("record", [one for one in RECORDS if one["request"]], ids=lambda one: one["id"])
def test_a_recorded_request_survives(record):
    laws.request_survives(ollama, record["request"])
    dropped: list[str] = []
    ollama.encode_request(ollama.decode_request(record["request"]), dropped)
    assert dropped == []


def read_by_sdk(record: dict[str, Any]) -> dict[str, Any]:
    """Return what the official client's types find in a recorded answer."""
    kind = sdk.GenerateResponse if record["url"].endswith("generate") else sdk.ChatResponse
    given = record["response"]
    lines = given.splitlines() if record["stream"] else [json.dumps(given)]
    parts = [kind.model_validate_json(line) for line in lines if line]
    said = [part if isinstance(part, sdk.GenerateResponse) else part.message for part in parts]
    last = parts[-1]
    calls = [call.function for one in said for call in getattr(one, "tool_calls", None) or ()]
    return {
        "text": "".join((one.response if isinstance(one, sdk.GenerateResponse) else one.content) or "" for one in said),
        "thinking": "".join(one.thinking or "" for one in said),
        "calls": [(call.name, dict(call.arguments)) for call in calls],
        "end": (last.done, last.done_reason, last.prompt_eval_count, last.eval_count, last.total_duration),
        "model": last.model,
    }


def told_by(response: ChatResponse) -> dict[str, Any]:
    """Return the same of our own reading."""
    parts = response.message.parts
    usage = response.usage or Usage()
    return {
        "text": "".join(part.text for part in parts if isinstance(part, Text)),
        "thinking": "".join(part.text for part in parts if isinstance(part, Reasoning)),
        "calls": [(part.name, json.loads(part.arguments)) for part in parts if isinstance(part, ToolCall)],
        "end": (
            True,
            response.choices[0].stop_detail,
            usage.input,
            usage.output,
            usage.raw["ollama"]["total_duration"],
        ),
        "model": response.model,
    }


@needs_recordings
@pytest.mark.parametrize("record", RECORDS, ids=lambda one: one["id"])
def test_a_recorded_answer_says_what_the_official_client_reads_and_goes_back_whole(record):
    if record["stream"]:
        data = record["response"].encode()
        response = fold(laws.read(ollama, data))
        laws.stream_survives(ollama, data)
        laws.cuts_do_not_matter(ollama, data, sizes=(1, 7, 1000))
    else:
        response = ollama.decode_response(record["response"])
        laws.response_survives(ollama, record["response"])
        assert goldens.missing(ollama.encode_response(response), record["response"]) == []
    assert told_by(response) == read_by_sdk(record)
    called = any(isinstance(part, ToolCall) for part in response.message.parts)
    expected = {"stop": StopReason.TOOL_CALLS if called else StopReason.STOP, "length": StopReason.LENGTH}
    assert response.stop_reason == expected[response.choices[0].stop_detail]
