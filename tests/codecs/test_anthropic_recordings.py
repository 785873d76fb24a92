"""Recorded traffic of Anthropic: every record is read as the official client reads it, and given back without loss."""

import json
from typing import Any

import pytest

from tests.codecs import anthropic_sdk as sdk
from tests.codecs import laws
from wallas.codecs import anthropic
from wallas.errors import ProviderError
from wallas.types.events import fold

RECORDS = laws.recordings("anthropic")

pytestmark = pytest.mark.skipif(not RECORDS, reason=f"no recordings in {laws.RECORDINGS}")

GOOD = [record for record in RECORDS if record["status"] < 400]
STREAMS = [record for record in GOOD if record["stream"]]
PLAIN = [record for record in GOOD if not record["stream"]]
REFUSED = [record for record in RECORDS if record["status"] >= 400]
ASKED = [record for record in RECORDS if record["request"] and record["status"] != 400]


def named(records: list[dict[str, Any]]) -> Any:
    return pytest.mark.parametrize("record", records, ids=[record["id"] for record in records])


def blocks(content: Any) -> Any:
    """Return content as the list of blocks that a string is short for."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return content


def full(request: dict[str, Any]) -> dict[str, Any]:
    """Return a request with every content as blocks and neighbours of one role as the one turn that they are."""
    turns: list[dict[str, Any]] = []
    for message in request["messages"]:
        content = [full_block(block) for block in blocks(message["content"])]
        if turns and turns[-1]["role"] == message["role"] != "system":
            turns[-1]["content"] += content
        else:
            turns.append({**message, "content": content})
    written = {**request, "messages": turns}
    if "system" in request:
        written["system"] = blocks(request["system"])
    return sdk.without_nothing(written)


def full_block(block: dict[str, Any]) -> dict[str, Any]:
    return {**block, "content": blocks(block.get("content"))} if block["type"] == "tool_result" else block


def missing(want: Any, have: Any, path: str = "") -> list[str]:
    """Return the paths of what ``want`` has and ``have`` lacks."""
    if isinstance(want, dict) and isinstance(have, dict):
        return [lack for key in want for lack in missing(want[key], have.get(key), f"{path}.{key}")]
    if isinstance(want, list) and isinstance(have, list) and len(want) == len(have):
        return [lack for n, inner in enumerate(want) for lack in missing(inner, have[n], f"{path}[{n}]")]
    return [] if want == have else [f"{path}: {want!r} became {have!r}"]


@named(ASKED)
def test_a_request_is_accepted_and_given_back_without_loss(record):
    dropped: list[str] = []
    request = anthropic.decode_request(record["request"])
    again = anthropic.encode_request(request, dropped)
    assert missing(full(record["request"]), full(again)) == []
    assert dropped == []
    laws.request_survives(anthropic, record["request"])


@named(PLAIN)
def test_an_answer_is_given_back_with_everything_it_had(record):
    body = record["response"]
    again = anthropic.encode_response(anthropic.decode_response(body))
    assert missing(sdk.without_nothing(body), sdk.without_nothing(again)) == []
    laws.response_survives(anthropic, body)


@named(PLAIN)
def test_an_answer_read_as_a_stream_is_what_the_client_reads_whole(record):
    whole = anthropic.decode_response(record["response"])
    want = sdk.without_nothing(sdk.plain(record["response"]))
    have = sdk.without_nothing(sdk.streamed(laws.written(anthropic, whole)))
    assert missing(comparable(want), comparable(have)) == []


def comparable(message: dict[str, Any]) -> dict[str, Any]:
    """Return what the client's stream reader takes in; of usage these counts."""
    counts = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    usage = {key: value for key, value in message.get("usage", {}).items() if key in counts}
    told = {key: message.get(key) for key in ("id", "model", "content", "stop_reason", "stop_sequence")}
    return told | {"usage": usage}


@named([record for record in STREAMS if "[DONE]" not in record["response"]])
def test_a_stream_folds_to_what_the_client_reads(record):
    stream = record["response"].encode()
    want = comparable(sdk.without_nothing(sdk.streamed(stream)))
    whole = fold(laws.read(anthropic, stream))
    assert missing(want, comparable(sdk.without_nothing(anthropic.encode_response(whole)))) == []
    again = comparable(sdk.without_nothing(sdk.streamed(laws.written(anthropic, whole))))
    assert missing(want, again) == []


@named(STREAMS)
def test_a_stream_survives_writing_and_any_cut(record):
    stream = record["response"].encode()
    laws.stream_survives(anthropic, stream)
    laws.cuts_do_not_matter(anthropic, stream, (1, 7, 1000) if len(stream) < 20000 else (7, 1000))


@named([record for record in STREAMS if "[DONE]" in record["response"]])
def test_a_stream_that_the_client_cannot_read_for_its_last_word_is_read(record):
    whole = fold(laws.read(anthropic, record["response"].encode()))
    assert whole.message.parts
    assert whole.stop_reason is not None


@named(REFUSED)
def test_a_refusal_keeps_its_message_and_type(record):
    body = record["response"]
    data = body if isinstance(body, str) else json.dumps(body)
    error = anthropic.decode_error(record["status"], record["response_headers"], data.encode())
    assert isinstance(error, ProviderError)
    assert (error.status, error.message) == (record["status"], body["error"]["message"])
    assert error.code == body["error"]["type"]
