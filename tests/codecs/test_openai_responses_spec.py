"""What is written for clients and providers of the Responses wire fits OpenAI's own OpenAPI document."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
import yaml

from tests.codecs import laws
from tests.codecs import test_openai_responses_requests as requests
from tests.codecs import test_openai_responses_sdk as sdk
from tests.codecs.goldens import FOLDER, load
from wallas.codecs import openai_responses as codec
from wallas.errors import AllAttemptsFailed
from wallas.types.events import Started, fold

SPEC = Path(laws.RECORDINGS).parent / "specs" / "openai.yaml"

pytestmark = pytest.mark.skipif(not SPEC.exists(), reason=f"no {SPEC}")

EVENTS = {
    "response.created": "ResponseCreatedEvent",
    "response.in_progress": "ResponseInProgressEvent",
    "response.output_item.added": "ResponseOutputItemAddedEvent",
    "response.output_item.done": "ResponseOutputItemDoneEvent",
    "response.content_part.added": "ResponseContentPartAddedEvent",
    "response.content_part.done": "ResponseContentPartDoneEvent",
    "response.output_text.delta": "ResponseTextDeltaEvent",
    "response.output_text.done": "ResponseTextDoneEvent",
    "response.output_text.annotation.added": "ResponseOutputTextAnnotationAddedEvent",
    "response.refusal.delta": "ResponseRefusalDeltaEvent",
    "response.refusal.done": "ResponseRefusalDoneEvent",
    "response.function_call_arguments.delta": "ResponseFunctionCallArgumentsDeltaEvent",
    "response.function_call_arguments.done": "ResponseFunctionCallArgumentsDoneEvent",
    "response.custom_tool_call_input.delta": "ResponseCustomToolCallInputDeltaEvent",
    "response.custom_tool_call_input.done": "ResponseCustomToolCallInputDoneEvent",
    "response.reasoning_summary_part.added": "ResponseReasoningSummaryPartAddedEvent",
    "response.reasoning_summary_part.done": "ResponseReasoningSummaryPartDoneEvent",
    "response.reasoning_summary_text.delta": "ResponseReasoningSummaryTextDeltaEvent",
    "response.reasoning_summary_text.done": "ResponseReasoningSummaryTextDoneEvent",
    "response.reasoning_text.delta": "ResponseReasoningTextDeltaEvent",
    "response.reasoning_text.done": "ResponseReasoningTextDoneEvent",
    "response.completed": "ResponseCompletedEvent",
    "response.incomplete": "ResponseIncompleteEvent",
    "response.failed": "ResponseFailedEvent",
    "error": "ResponseErrorEvent",
}


def needed(schemas: dict[str, str], name: str) -> set[str]:
    """Return the names of all schemas that one refers to, from the document's text alone: parsing all of it is slow."""
    found: set[str] = set()
    wanted = [name]
    while wanted:
        one = wanted.pop()
        if one not in found and one in schemas:
            found.add(one)
            wanted += [line.rpartition("/")[2].strip(" \"'") for line in schemas[one].split("\n") if "$ref" in line]
    return found


@cache
def components() -> dict[str, str]:
    """Return the text of each schema by its name."""
    text = SPEC.read_text("utf-8")
    start = text.index("\n  schemas:\n") + len("\n  schemas:\n")
    blocks: dict[str, list[str]] = {}
    name = ""
    for line in text[start:].split("\n"):
        if line and not line.startswith("   "):
            break
        if line.startswith("    ") and line[4:5].strip() and line.endswith(":"):
            name = line.strip(" :")
        blocks.setdefault(name, []).append(line)
    return {name: "\n".join(lines) for name, lines in blocks.items()}


@cache
def validator(name: str) -> jsonschema.Draft202012Validator:
    """Return a validator for one schema of the document; its unions overlap, so one member that fits is enough."""
    schemas = components()
    text = "\n".join(schemas[one] for one in sorted(needed(schemas, name))).replace("oneOf:", "anyOf:")
    parsed = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    whole = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": parsed}}
    return jsonschema.Draft202012Validator(whole)


def fits(name: str, value: Any) -> None:
    error = jsonschema.exceptions.best_match(validator(name).iter_errors(value))
    assert error is None, f"{error.json_path}: {error.message[:300]}"


def told(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in data.decode().split("\n") if line.startswith("data: ")]


def answers() -> list[Any]:
    """Return answers whose words the document knows: ``steered`` is newer."""
    paths = [FOLDER / "openai_responses" / f"answer_{name}.json" for name in ("everything", "limited")]
    return [sdk.ANSWER, *(codec.decode_response(load(path)["given"]) for path in paths)]


def test_whole_answers_fit_the_response_schema() -> None:
    for answer in answers():
        fits("Response", codec.encode_response(answer, sdk.REQUEST))
        fits("Response", codec.encode_response(answer))


@pytest.mark.parametrize("read", ["once", "again"])
def test_every_event_of_a_stream_fits_its_schema(read: str) -> None:
    for answer in answers():
        again = fold(laws.read(codec, sdk.written(answer, None))) if read == "again" else answer
        for event in told(sdk.written(again, sdk.REQUEST)):
            fits(EVENTS[event["type"]], event)


def test_errors_fit_their_schemas() -> None:
    encoder = codec.Encoder(None)
    data = encoder.encode(Started(id="resp_1", model="m"))
    data += encoder.error(AllAttemptsFailed("nobody", code="server_error"))
    for event in told(data):
        fits(EVENTS[event["type"]], event)
    fits("ErrorResponse", codec.encode_error(AllAttemptsFailed("nobody")))


@pytest.mark.parametrize("name", ["request_coding_agent", "request_everything", "request_string"])
def test_a_request_of_this_wire_is_written_as_the_schema_wants_it(name: str) -> None:
    body = codec.encode_request(codec.decode_request(load(FOLDER / "openai_responses" / f"{name}.json")["given"]))
    fits("CreateResponse", completed(body))


def completed(body: dict[str, Any]) -> dict[str, Any]:
    """Return a request with what its client left out though the schema wants it, without what the schema lacks."""
    if isinstance(body["input"], list):
        body["input"] = [{"id": "rs_1"} | made if made["type"] == "reasoning" else made for made in body["input"]]
        for made in body["input"]:
            if made["type"] == "message" and made["role"] == "assistant" and isinstance(made["content"], list):
                made |= {"id": "msg_1", "status": "completed"}
                made["content"] = [part | ({"logprobs": []} if "text" in part else {}) for part in made["content"]]
            if isinstance(made.get("content"), list):
                made["content"] = [part for part in made["content"] if part["type"] != "input_audio"]
    body["tools"] = [{"strict": None} | tool if tool["type"] == "function" else tool for tool in body.get("tools", [])]
    return body


def test_a_foreign_request_is_written_as_the_schema_wants_it() -> None:
    messages = tuple(message for message in requests.FOREIGN.messages if message.role != "assistant")
    spoken = msgspec.structs.replace(requests.FOREIGN, messages=messages)
    body = codec.encode_request(spoken)
    fits("CreateResponse", completed(body))
