"""Recorded traffic of Responses providers: read as the official client reads it, given back without loss."""

import json
from typing import Any

import pytest

from tests.codecs import laws
from tests.codecs import test_openai_responses_sdk as sdk
from wallas.codecs import openai_responses as codec
from wallas.errors import BadRequest, ProviderError
from wallas.types.chat import ChatResponse, Reasoning, Refusal, StopReason, Text, ToolCall
from wallas.types.events import fold

RECORDS = laws.recordings("openai_responses")

pytestmark = pytest.mark.skipif(not RECORDS, reason=f"no recordings in {laws.RECORDINGS}")

GOOD = [record for record in RECORDS if record["status"] < 400]
STREAMS = [record for record in GOOD if record["stream"]]
PLAIN = [record for record in GOOD if not record["stream"]]
REFUSED = [record for record in RECORDS if record["status"] >= 400]
STATEFUL = ("conversation", "background")
POSTED = [record for record in GOOD if record["request"] and record["method"] == "POST"]
ASKED = [record for record in POSTED if not any(record["request"].get(name) for name in STATEFUL)]


def named(records: list[dict[str, Any]]) -> Any:
    return pytest.mark.parametrize("record", records, ids=[record["id"] for record in records])


def without_nothing(value: Any) -> Any:
    """Return JSON without nulls and empty containers, at any depth."""
    if isinstance(value, dict):
        kept = {key: without_nothing(inner) for key, inner in value.items()}
        return {key: inner for key, inner in kept.items() if inner not in (None, [], {})}
    return [without_nothing(inner) for inner in value] if isinstance(value, list) else value


def missing(want: Any, have: Any, path: str = "") -> list[str]:
    """Return the paths of what ``want`` has and ``have`` lacks."""
    if isinstance(want, dict) and isinstance(have, dict):
        return [lack for key in want for lack in missing(want[key], have.get(key), f"{path}.{key}")]
    if isinstance(want, list) and isinstance(have, list) and len(want) == len(have):
        return [lack for n, inner in enumerate(want) for lack in missing(inner, have[n], f"{path}[{n}]")]
    return [] if want == have else [f"{path}: {str(want)[:80]} became {str(have)[:80]}"]


def data(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the JSON events of a recorded stream."""
    lines = record["response"].replace("\r\n", "\n").split("\n")
    found = [line[5:].strip() for line in lines if line.startswith("data:")]
    return [json.loads(text) for text in found if text != "[DONE]"]


def answer_of(record: dict[str, Any]) -> ChatResponse:
    if record["stream"]:
        return fold(laws.read(codec, record["response"].encode()))
    return codec.decode_response(record["response"])


def failed(record: dict[str, Any]) -> bool:
    return bool(record["stream"]) and any(event["type"] in ("error", "response.failed") for event in data(record))


WHOLE = [record for record in STREAMS if not failed(record)]
BROKEN = [record for record in STREAMS if failed(record)]


def expected_items(record: dict[str, Any]) -> list[Any]:
    """Return the output items as the client has them: of a stream, those that were told done, else the final ones."""
    if not record["stream"]:
        return list(sdk.plain(record["response"]).output)
    seen = sdk.events(record["response"].encode())
    done = {event.output_index: event.item for event in seen if event.type == "response.output_item.done"}
    final = next(event.response for event in seen if event.type in ("response.completed", "response.incomplete"))
    return [item for _, item in sorted((dict(enumerate(final.output)) | done).items())]


def summary(items: list[Any]) -> dict[str, Any]:
    contents = [part for item in items if item.type == "message" for part in item.content]
    thoughts = [item for item in items if item.type == "reasoning"]
    return {
        "text": [part.text for part in contents if part.type == "output_text"],
        "refusals": [part.refusal for part in contents if part.type == "refusal"],
        "summaries": ["\n\n".join(piece.text for piece in item.summary) for item in thoughts],
        "thoughts": ["\n\n".join(piece.text for piece in item.content or ()) for item in thoughts],
        "seals": [item.encrypted_content for item in thoughts if item.encrypted_content],
        "calls": [(item.call_id, item.name, item.arguments) for item in items if item.type == "function_call"],
        "others": [item.type for item in items if item.type not in ("message", "reasoning", "function_call")],
    }


def ours(answer: ChatResponse) -> dict[str, Any]:
    parts = answer.message.parts
    thoughts = [part for part in parts if isinstance(part, Reasoning)]
    return {
        "text": [part.text for part in parts if isinstance(part, Text)],
        "refusals": [part.text for part in parts if isinstance(part, Refusal)],
        "summaries": [part.summary for part in thoughts],
        "thoughts": [part.text for part in thoughts],
        "seals": [part.seal.value for part in thoughts if part.seal],
        "calls": [(part.id, part.name, part.arguments) for part in parts if isinstance(part, ToolCall)],
        "others": [part.data["type"] for part in parts if hasattr(part, "data")],
    }


CONTRADICTORY = "6dff32496133cd2a"
"""An edited fixture, whose deltas say something else than its final text: what was said cannot be taken back."""


@named([record for record in PLAIN + WHOLE if record["id"] != CONTRADICTORY])
def test_an_answer_folds_to_what_the_official_client_reads(record: dict[str, Any]) -> None:
    assert ours(answer_of(record)) == summary(expected_items(record))


@named(PLAIN + WHOLE)
def test_status_and_usage_are_those_of_the_response_object(record: dict[str, Any]) -> None:
    answer = answer_of(record)
    told = data(record)[-1]["response"] if record["stream"] else record["response"]
    usage = told.get("usage") or {}
    cached = (usage.get("input_tokens_details") or {}).get("cached_tokens")
    limited = (told.get("incomplete_details") or {}).get("reason") == "max_output_tokens"
    assert answer.model == told["model"]
    assert (answer.stop_reason is StopReason.LENGTH) == limited
    assert (answer.stop_reason in (StopReason.STOP, StopReason.TOOL_CALLS)) == (told["status"] == "completed")
    assert (answer.usage.input if answer.usage else None) == usage.get("input_tokens")
    assert (answer.usage.output if answer.usage else None) == usage.get("output_tokens")
    assert (answer.usage.cache_read if answer.usage else None) == cached


@named(PLAIN)
def test_a_plain_answer_is_given_back_with_everything_it_had(record: dict[str, Any]) -> None:
    given = codec.encode_response(codec.decode_response(record["response"]))
    assert missing(without_nothing(record["response"]), given) == []
    laws.response_survives(codec, record["response"])


@named(WHOLE)
def test_a_stream_says_the_same_when_it_is_written_again(record: dict[str, Any]) -> None:
    laws.stream_survives(codec, record["response"].encode())


@named(WHOLE)
def test_the_official_client_reads_a_rewritten_stream_as_the_same_answer(record: dict[str, Any]) -> None:
    answer = answer_of(record)
    assert (
        summary(list(sdk.streamed(laws.written(codec, answer)).output)) == ours(answer) if completed(answer) else True
    )


def completed(answer: ChatResponse) -> bool:
    return answer.stop_reason in (StopReason.STOP, StopReason.TOOL_CALLS)


@named([record for record in WHOLE if len(record["response"]) < 30_000])
def test_a_stream_may_be_cut_into_any_pieces(record: dict[str, Any]) -> None:
    laws.cuts_do_not_matter(codec, record["response"].encode(), (7, 1000))


@named(BROKEN)
def test_an_error_inside_a_stream_is_raised_with_its_message(record: dict[str, Any]) -> None:
    error = next(event for event in data(record) if event["type"] == "error")["error"]
    with pytest.raises(ProviderError) as caught:
        laws.read(codec, record["response"].encode())
    assert (caught.value.message, caught.value.code) == (error["message"], error["code"])


@named(REFUSED)
def test_a_refusal_keeps_its_code_and_the_words_of_its_message(record: dict[str, Any]) -> None:
    body = record["response"]
    error = codec.decode_error(record["status"], record["response_headers"], json.dumps(body).encode())
    said = body.get("error", body)
    told = said if isinstance(said, str) else said.get("message") or said.get("detail")
    code = body.get("code") if isinstance(said, str) else said.get("code")
    assert error.message.split()[:4] == told.split()[:4]
    assert error.code == code if code else error.code in (None, said.get("type"))


@named(ASKED)
def test_a_request_is_accepted_and_given_back_without_loss(record: dict[str, Any]) -> None:
    asked = record["request"]
    lost: list[str] = []
    given = codec.encode_request(codec.decode_request(asked), lost)
    given["include"] = [name for name in given.get("include", []) if name in (asked.get("include") or [])]
    assert missing(without_nothing(asked), given) == []
    assert lost == []


@named(ASKED)
def test_a_request_is_the_same_after_it_was_written_for_its_own_wire(record: dict[str, Any]) -> None:
    defaults = {"store": False, "include": ["reasoning.encrypted_content"]}
    laws.request_survives(codec, defaults | without_nothing(record["request"]))


@named([record for record in POSTED if record not in ASKED])
def test_what_the_gateway_does_not_keep_is_refused_by_name(record: dict[str, Any]) -> None:
    with pytest.raises(BadRequest) as caught:
        codec.decode_request(record["request"])
    assert caught.value.param in STATEFUL
