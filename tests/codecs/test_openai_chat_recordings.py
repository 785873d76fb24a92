"""Recorded traffic of chat completions providers: read as the official client reads it, given back without loss."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from tests.codecs import laws
from wallas.codecs import openai_chat as codec
from wallas.codecs import pulled
from wallas.errors import BadRequest, ProviderError
from wallas.types.chat import ChatResponse, Choice, Reasoning, Refusal, StopReason, Text, ToolCall
from wallas.types.events import fold

RECORDS = laws.recordings("openai_chat")

pytestmark = pytest.mark.skipif(not RECORDS, reason=f"no recordings in {laws.RECORDINGS}")

GOOD = [record for record in RECORDS if record["status"] < 400]
REFUSED = [record for record in RECORDS if record["status"] >= 400]
BROKEN = {"5b71ff45d8fc6863": "Token limit reached"}
"""Errors inside a 200."""
UNENDED = frozenset({"f3bbb1705c88d9f3", "c9ee501f270655b6"})
"""Streams with ``[DONE]`` and without any ``finish_reason``."""
ANSWERS = [record for record in GOOD if record["id"] not in BROKEN]
STREAMS = [record for record in ANSWERS if record["stream"]]
PLAIN = [record for record in ANSWERS if not record["stream"]]
ASKED = [record for record in RECORDS if isinstance(record["request"], dict) and record["status"] not in (400, 422)]

REASONS = {"stop": "stop", "": "stop", "eos": "stop", "length": "length", "content_filter": "content_filter"}
REASONS |= {"tool_calls": "tool_calls", "function_call": "tool_calls"}


def named(records: list[dict[str, Any]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("record", records, ids=[record["id"] for record in records])


def answer_of(record: dict[str, Any]) -> ChatResponse:
    if not record["stream"]:
        return codec.decode_response(record["response"])
    decoder = codec.Decoder(sloppy_end=record["id"] in UNENDED)
    return fold(pulled(decoder, [record["response"].encode()]))


class Read:
    """What the official client finds in one choice."""

    def __init__(self) -> None:
        self.text = ""
        self.reasoning = ""
        self.refusal = ""
        self.calls: list[list[Any]] = []
        self.places: dict[Any, list[Any]] = {}
        self.finish: str | None = None
        self.native: str | None = None

    def message(self, message: Any) -> None:
        self.text += text_of(getattr(message, "content", None))
        extra = getattr(message, "model_extra", None) or {}
        thoughts = extra.get("reasoning") or extra.get("reasoning_content") or thoughts_of(message)
        details = extra.get("reasoning_details") or []
        self.reasoning += thoughts or "".join(row.get("text") or row.get("summary") or "" for row in details)
        self.refusal += getattr(message, "refusal", None) or ""
        legacy = getattr(message, "function_call", None)
        if legacy is not None and legacy.name:
            self.calls.append([legacy.name, arguments_of(legacy.arguments), ""])
        for call in getattr(message, "tool_calls", None) or []:
            self.call(call)

    def call(self, call: Any) -> None:
        said = getattr(call, "function", None) or call.custom
        arguments = arguments_of(getattr(said, "arguments", None) or getattr(said, "input", None))
        row = self.places.get(getattr(call, "index", None))
        if row is None or (call.id and said.name and call.id != row[2]):
            row = self.places[getattr(call, "index", None)] = [said.name, "", call.id]
            self.calls.append(row)
        row[1] += arguments


def text_of(content: Any) -> str:
    if isinstance(content, list):
        return "".join(part.get("text") or "" for part in content if isinstance(part, dict))
    return json.dumps(content) if isinstance(content, dict) else content or ""


def thoughts_of(message: Any) -> str:
    content = getattr(message, "content", None)
    parts = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    return "".join(piece["text"] for part in parts for piece in part.get("thinking") or ())


def arguments_of(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value)


def client_for(record: dict[str, Any]) -> openai.OpenAI:
    body = record["response"] if record["stream"] else json.dumps(record["response"])
    kind = "text/event-stream" if record["stream"] else "application/json"

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"content-type": kind}, content=body.encode())

    return openai.OpenAI(
        api_key="k", base_url="http://x/v1", http_client=httpx.Client(transport=httpx.MockTransport(answer))
    )


def told(record: dict[str, Any]) -> tuple[dict[int, Read], dict[str, int]]:
    """Return what the official client reads, by choice, and the usage it finds, later reports winning by field."""
    with client_for(record) as client:
        answer = client.chat.completions.create(model="m", messages=[], stream=record["stream"])
        reads: dict[int, Read] = {}
        usage: dict[str, int] = {}
        for chunk in answer if record["stream"] else [answer]:
            for place, choice in enumerate(chunk.choices or []):
                index = choice.index if record["stream"] else place
                read = reads.setdefault(index or 0, Read())
                read.message(getattr(choice, "delta" if record["stream"] else "message", None))
                read.finish = choice.finish_reason if choice.finish_reason is not None else read.finish
                read.native = (choice.model_extra or {}).get("native_finish_reason") or read.native
            for name in ("prompt_tokens", "completion_tokens"):
                if (count := getattr(chunk.usage, name, None)) is not None:
                    usage[name] = count
    return reads, usage


def texts(choice: Choice, kind: type[Text] | type[Reasoning] | type[Refusal]) -> str:
    return "".join(part.text for part in choice.message.parts if isinstance(part, kind))


def due_reason(read: Read) -> str | None:
    if read.finish is None:
        return None
    reason = REASONS[read.finish]
    broken = any(not whole(arguments) for _, arguments, _ in read.calls)
    if read.calls and broken and read.native in ("length", "max_output_tokens"):
        return "length"
    return "tool_calls" if reason == "stop" and read.calls else reason


def whole(arguments: str) -> bool:
    try:
        json.loads(arguments or "{}")
    except ValueError:
        return False
    return True


@named(ANSWERS)
def test_an_answer_says_what_the_official_client_reads(record: dict[str, Any]) -> None:
    reads, usage = told(record)
    answer = answer_of(record)
    assert len(answer.choices) == len(reads)
    for choice, (_, read) in zip(answer.choices, sorted(reads.items()), strict=True):
        text = texts(choice, Text)
        assert text == read.text or json.loads(text) == json.loads(read.text)
        assert texts(choice, Reasoning) == read.reasoning
        assert texts(choice, Refusal) == read.refusal
        calls = [part for part in choice.message.parts if isinstance(part, ToolCall)]
        assert [[call.name, call.arguments] for call in calls] == [row[:2] for row in read.calls]
        assert len({call.id for call in calls}) == len(calls)
        if record["id"] not in UNENDED and read.finish is not None:
            assert choice.stop_reason == due_reason(read)
    found = answer.usage
    if usage:
        assert found is not None
        assert (found.input, found.output) == (usage.get("prompt_tokens"), usage.get("completion_tokens"))


@named(PLAIN)
def test_a_plain_answer_survives_and_nothing_of_it_is_lost(record: dict[str, Any]) -> None:
    laws.response_survives(codec, record["response"])
    encoded = codec.encode_response(codec.decode_response(record["response"]))
    assert list(missing(record["response"], encoded)) == []


@named(STREAMS)
def test_a_stream_survives_however_it_is_cut(record: dict[str, Any]) -> None:
    if record["id"] not in UNENDED:
        laws.stream_survives(codec, record["response"].encode())
        laws.cuts_do_not_matter(codec, record["response"].encode(), (1, 7, 64))


@pytest.mark.parametrize("id_", sorted(UNENDED))
def test_a_stream_without_an_end_is_a_cut_unless_its_provider_is_known_for_that(id_: str) -> None:
    record = next(record for record in STREAMS if record["id"] == id_)
    with pytest.raises(ProviderError) as caught:
        laws.read(codec, record["response"].encode())
    assert caught.value.kind.name == "CUT"
    assert answer_of(record).stop_reason is StopReason.STOP


@pytest.mark.parametrize("id_", sorted(BROKEN))
def test_an_error_inside_a_200_is_raised(id_: str) -> None:
    record = next(record for record in GOOD if record["id"] == id_)
    with pytest.raises(ProviderError, match=BROKEN[id_]):
        laws.read(codec, record["response"].encode())


@named(REFUSED)
def test_a_refusal_keeps_its_message_and_code(record: dict[str, Any]) -> None:
    body = record["response"]
    data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    error = codec.decode_error(record["status"], record["response_headers"], data)
    inner = body.get("error", body) if isinstance(body, dict) else body
    inner = {"message": inner} if isinstance(inner, str) else inner
    message = inner.get("message") or inner.get("detail")
    assert error.message == message or ("key" in message and error.message.split("***")[0] in message)
    assert error.status == record["status"]
    if inner.get("code") is not None:
        assert error.code == str(inner["code"])


@named(ASKED)
def test_a_request_is_accepted_and_given_back(record: dict[str, Any]) -> None:
    request = record["request"]
    laws.request_survives(codec, request)
    lost: list[str] = []
    encoded = codec.encode_request(codec.decode_request(request), lost)
    assert lost == []
    assert list(gone(request, encoded)) == []


def test_every_request_that_was_served_is_accepted() -> None:
    refused = []
    for record in ASKED:
        try:
            codec.decode_request(record["request"])
        except BadRequest as error:
            refused.append((record["id"], error.param))
    assert refused == []


def empty(value: Any) -> bool:
    """Return whether JSON says nothing: null, "", 0, or only such."""
    if isinstance(value, dict | list):
        return all(empty(inner) for inner in (value.values() if isinstance(value, dict) else value))
    return value in (None, "", 0)


def missing(want: Any, have: Any, path: str = "") -> Iterator[str]:
    """Yield what an answer had and lost.

    Known: padding, the object's name, token numbers in llama.cpp's log
    probabilities, the marks of Mistral's content lists; and a finish reason
    that another word tells better keeps the provider's beside it.
    """
    name = path.rpartition(".")[2]
    if empty(want) or name in ("object", "padding") or ("logprobs" in path and name == "id"):
        return
    if isinstance(want, dict) and isinstance(have, dict):
        if want.get("finish_reason") and want["finish_reason"] != have["finish_reason"]:
            assert have["native_finish_reason"] in (want["finish_reason"], want.get("native_finish_reason"))
            want = {key: value for key, value in want.items() if key != "finish_reason"}
        for key, value in want.items():
            if key == "content" and isinstance(value, dict | list) and isinstance(have.get(key), str):
                assert have[key] == text_of(value) or json.loads(have[key]) == value
            else:
                yield from missing(value, have.get(key), f"{path}.{key}")
    elif isinstance(want, list) and isinstance(have, list) and len(want) == len(have):
        for number, value in enumerate(want):
            yield from missing(value, have[number], f"{path}[{number}]")
    elif want != have:
        yield f"{path}: {str(want)[:80]} became {str(have)[:80]}"


SAID_OTHERWISE = {
    "stream": lambda value, body: value is False,
    "stop": lambda value, body: body["stop"] == [value],
    "max_tokens": lambda value, body: body["max_completion_tokens"] == value,
    "top_logprobs": lambda value, body: value == 0,
    "logprobs": lambda value, body: value is False,
    "response_format": lambda value, body: value == {"type": "text"},
    "tool_choice": lambda value, body: value == "any" and body["tool_choice"] == "required",
    "functions": lambda value, body: [tool["function"] for tool in body["tools"]] == value,
    "function_call": lambda value, body: body["tool_choice"] == value,
}
"""What is given back in other words, and how to see that it is."""


def gone(request: dict[str, Any], body: dict[str, Any]) -> Iterator[str]:
    for key, value in request.items():
        if key in SAID_OTHERWISE and body.get(key) != value and value not in (None, []):
            if not SAID_OTHERWISE[key](value, body):
                yield key
        elif key == "messages":
            for number, message in enumerate(value):
                yield from lost_of(message, body["messages"][number], f"messages[{number}]")
        else:
            yield from lost_of(value, body.get(key), key)


def lost_of(want: Any, have: Any, path: str) -> Iterator[str]:
    if want in (None, [], {}, "") or (isinstance(have, str) and want == [{"type": "text", "text": have}]):
        return
    if isinstance(have, dict) and have == {"url": want}:
        return
    if isinstance(want, dict) and isinstance(have, dict):
        for key, value in want.items():
            yield from lost_of(value, have.get(key), f"{path}.{key}")
    elif isinstance(want, list) and isinstance(have, list) and len(want) == len(have):
        for number, value in enumerate(want):
            yield from lost_of(value, have[number], f"{path}[{number}]")
    elif want != have:
        yield f"{path}: {str(want)[:80]} became {str(have)[:80]}"
