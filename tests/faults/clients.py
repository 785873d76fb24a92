"""The six ways a client speaks, read from their bytes with no help of the gateway's own codecs."""

import http.client
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

QUESTION = "Tell me a tale"
ROOMY = 1000


@dataclass
class Heard:
    """What an answer says, as a client of its protocol reads it."""

    text: str = ""
    thoughts: str = ""
    calls: list[tuple[str, str]] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    roles: int = 0
    """How often the answer begins: role chunks, ``message_start``, ``response.created``; 1 where a wire has none."""
    ends: int = 0
    """How many end marks there are."""
    error: Any = None
    usage: Any = None
    wrong: list[str] = field(default_factory=list)
    """What a strict client would stumble over."""


@dataclass
class Answer(Heard):
    """What came over a connection."""

    id: str = ""
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    data: bytes = b""
    cut: bool = False
    """Whether the body ended before its framing did."""
    seconds: float = 0.0


@dataclass(frozen=True)
class Protocol:
    """One way to ask, and how its answers are read."""

    name: str
    wire: str
    path: Callable[[str, bool], str]
    body: Callable[[], dict[str, Any]]
    stream: Callable[[bytes], Heard]
    plain: Callable[[Any], Heard]
    own_stream_field: bool = True

    def asks(self, model: str, stream: bool) -> tuple[str, dict[str, Any]]:
        """Return path and body of a request."""
        fields = {"model": model, "stream": stream} if self.own_stream_field else {}
        return self.path(model, stream), self.body() | fields


def frames(data: bytes) -> Iterator[tuple[str, str]]:
    """Yield (event name, data) of server-sent events, leaving comments out."""
    for block in data.decode().split("\n\n"):
        lines = block.split("\n")
        name = "".join(line[7:] for line in lines if line.startswith("event: "))
        said = "\n".join(line[6:] for line in lines if line.startswith("data: "))
        if said:
            yield name, said


def chat_stream(data: bytes) -> Heard:
    """Read chat completion chunks."""
    heard, calls = Heard(), {}
    for _, said in frames(data):
        if said == "[DONE]":
            heard.ends += 1
            continue
        chunk = json.loads(said)
        heard.error = chunk.get("error") or heard.error
        heard.usage = chunk.get("usage") or heard.usage
        for choice in chunk.get("choices", ()):
            delta = choice["delta"]
            heard.roles += "role" in delta
            heard.text += delta.get("content") or ""
            heard.thoughts += delta.get("reasoning_content") or ""
            for call in delta.get("tool_calls") or ():
                known = calls.setdefault(call["index"], ["", ""])
                known[0] += call["function"].get("name") or ""
                known[1] += call["function"].get("arguments") or ""
            if choice.get("finish_reason"):
                heard.reasons.append(choice["finish_reason"])
    heard.calls = [(name, text) for name, text in calls.values()]
    return heard


def chat_plain(body: Any) -> Heard:
    """Read a chat completion."""
    if "error" in body:
        return Heard(error=body["error"])
    (choice,) = body["choices"]
    message = choice["message"]
    calls = [(call["function"]["name"], call["function"]["arguments"]) for call in message.get("tool_calls") or ()]
    return Heard(
        text=message.get("content") or "",
        thoughts=message.get("reasoning_content") or "",
        calls=calls,
        reasons=[choice["finish_reason"]],
        roles=1,
        ends=1,
        usage=body.get("usage"),
    )


def responses_stream(data: bytes) -> Heard:
    """Read a response's events; the whole at the end must say what the deltas said."""
    heard, numbers = Heard(), []
    for name, said in frames(data):
        event = json.loads(said)
        if event["type"] != name:
            heard.wrong.append(f"{name} is named {event['type']}")
        numbers.append(event["sequence_number"])
        match event["type"]:
            case "response.created":
                heard.roles += 1
            case "response.output_text.delta":
                heard.text += event["delta"]
            case "response.reasoning_text.delta" | "response.reasoning_summary_text.delta":
                heard.thoughts += event["delta"]
            case "error":
                heard.error = event
            case "response.failed":
                heard.error = event["response"]["error"]
            case "response.completed" | "response.incomplete":
                heard.ends += 1
                whole = responses_plain(event["response"])
                heard.reasons += whole.reasons
                heard.calls, heard.usage = whole.calls, whole.usage
                if whole.text != heard.text:
                    heard.wrong.append("the whole differs from its deltas")
    if numbers != sorted(set(numbers)):
        heard.wrong.append("sequence numbers repeat")
    return heard


def responses_plain(body: Any) -> Heard:
    """Read a whole response."""
    if body.get("error"):
        return Heard(error=body["error"])
    heard = Heard(roles=1, ends=1, reasons=[body["status"]], usage=body.get("usage"))
    for item in body["output"]:
        match item["type"]:
            case "message":
                heard.text += "".join(part["text"] for part in item["content"] if part["type"] == "output_text")
            case "function_call":
                heard.calls.append((item["name"], item["arguments"]))
            case "reasoning":
                heard.thoughts += "".join(part["text"] for part in item.get("content") or ())
    return heard


def anthropic_stream(data: bytes) -> Heard:  # noqa: C901 - one flat match over events
    """Read a message's events; blocks must open and close one after the other."""
    heard, blocks, open_ = Heard(), [], None
    for name, said in frames(data):
        event = json.loads(said)
        if event["type"] != name:
            heard.wrong.append(f"{name} is named {event['type']}")
        match event["type"]:
            case "message_start":
                heard.roles += 1
            case "content_block_start":
                if open_ is not None or event["index"] != len(blocks):
                    heard.wrong.append(f"block {event['index']} begins in {open_}, as number {len(blocks)}")
                open_ = event["index"]
                blocks.append([event["content_block"], ""])
            case "content_block_delta":
                if event["index"] != open_:
                    heard.wrong.append(f"a delta for {event['index']} in {open_}")
                    continue
                delta = event["delta"]
                heard.text += delta.get("text", "")
                heard.thoughts += delta.get("thinking", "")
                blocks[-1][1] += delta.get("partial_json", "")
            case "content_block_stop":
                if event["index"] != open_:
                    heard.wrong.append(f"{event['index']} ends in {open_}")
                open_ = None
            case "message_delta":
                heard.reasons.append(event["delta"]["stop_reason"])
                heard.usage = event["usage"]
            case "message_stop":
                heard.ends += 1
                if open_ is not None:
                    heard.wrong.append("the message ends in a block")
            case "error":
                heard.error = event["error"]
    heard.calls = [(block["name"], text) for block, text in blocks if block["type"] == "tool_use"]
    return heard


def anthropic_plain(body: Any) -> Heard:
    """Read a whole message."""
    if body["type"] == "error":
        return Heard(error=body["error"])
    heard = Heard(roles=1, ends=1, reasons=[body["stop_reason"]], usage=body.get("usage"))
    for block in body["content"]:
        heard.text += block.get("text", "")
        heard.thoughts += block.get("thinking", "")
        if block["type"] == "tool_use":
            heard.calls.append((block["name"], json.dumps(block["input"], separators=(",", ":"))))
    return heard


def _ollama(key: str) -> Callable[[bytes], Heard]:
    def read(data: bytes) -> Heard:
        heard = Heard(roles=1)
        lines = [line for line in data.split(b"\n") if line]
        for number, line in enumerate(lines):
            row = json.loads(line)
            if row.get("error"):
                heard.error = row["error"]
                continue
            message = row["message"] if key == "message" else {"content": row["response"]} | row
            heard.text += message.get("content") or ""
            heard.thoughts += message.get("thinking") or ""
            for call in message.get("tool_calls") or ():
                text = json.dumps(call["function"]["arguments"], separators=(",", ":"))
                heard.calls.append((call["function"]["name"], text))
            if row.get("done"):
                heard.ends += 1
                heard.reasons.append(row["done_reason"])
                heard.usage = row
                if number != len(lines) - 1:
                    heard.wrong.append("lines behind the end")
        return heard

    return read


def _ollama_plain(key: str) -> Callable[[Any], Heard]:
    read = _ollama(key)
    return lambda body: read(json.dumps(body).encode())


def gemini_stream(data: bytes) -> Heard:
    """Read server-sent answers."""
    heard = Heard(roles=1)
    for _, said in frames(data.replace(b"\r\n", b"\n")):
        _gemini(json.loads(said), heard)
    return heard


def gemini_plain(body: Any) -> Heard:
    """Read a whole answer."""
    heard = Heard(roles=1)
    _gemini(body, heard)
    return heard


def _gemini(chunk: Any, heard: Heard) -> None:
    heard.error = chunk.get("error") or heard.error
    heard.usage = chunk.get("usageMetadata") or heard.usage
    for candidate in chunk.get("candidates", ()):
        for part in (candidate.get("content") or {}).get("parts", ()):
            if part.get("thought"):
                heard.thoughts += part.get("text", "")
            else:
                heard.text += part.get("text", "")
            if call := part.get("functionCall"):
                heard.calls.append((call["name"], json.dumps(call["args"], separators=(",", ":"))))
        if candidate.get("finishReason"):
            heard.ends += 1
            heard.reasons.append(candidate["finishReason"])


def _messages() -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": QUESTION}]}


PROTOCOLS = {
    one.name: one
    for one in (
        Protocol("openai", "openai_chat", lambda m, s: "/v1/chat/completions", _messages, chat_stream, chat_plain),
        Protocol(
            "responses",
            "openai_responses",
            lambda m, s: "/v1/responses",
            lambda: {"input": QUESTION, "store": False},
            responses_stream,
            responses_plain,
        ),
        Protocol(
            "anthropic",
            "anthropic",
            lambda m, s: "/v1/messages",
            lambda: _messages() | {"max_tokens": ROOMY},
            anthropic_stream,
            anthropic_plain,
        ),
        Protocol("ollama", "ollama", lambda m, s: "/api/chat", _messages, _ollama("message"), _ollama_plain("message")),
        Protocol(
            "generate",
            "ollama",
            lambda m, s: "/api/generate",
            lambda: {"prompt": QUESTION},
            _ollama("response"),
            _ollama_plain("response"),
        ),
        Protocol(
            "gemini",
            "gemini",
            lambda m, s: f"/v1beta/models/{m}:" + ("streamGenerateContent?alt=sse" if s else "generateContent"),
            lambda: {"contents": [{"role": "user", "parts": [{"text": QUESTION}]}]},
            gemini_stream,
            gemini_plain,
            own_stream_field=False,
        ),
    )
}
"""What a client can speak, by a short name."""

ENDED = {
    "openai": "stop",
    "responses": "completed",
    "anthropic": "end_turn",
    "ollama": "stop",
    "generate": "stop",
    "gemini": "STOP",
}
"""How each protocol says that an answer is whole."""
CALLED = ENDED | {"openai": "tool_calls", "anthropic": "tool_use"}
"""How each protocol says that calls are to be answered."""


def complaint(heard: Heard, protocol: str, *, reason: str | None = None) -> str | None:
    """Return what keeps this from being one whole answer, None when it is one."""
    due = reason or ENDED[protocol]
    found = (heard.error, heard.wrong, heard.roles, heard.ends, heard.reasons)
    return None if found == (None, [], 1, 1, [due]) else f"error, wrong, roles, ends, reasons: {found}"


def dishonest(heard: Heard) -> str | None:
    """Return what keeps this from being an honest end of a broken answer, an error and no end mark; None: it is one."""
    if heard.error is None or heard.ends or heard.reasons or heard.wrong:
        return f"error, ends, reasons, wrong: {(heard.error, heard.ends, heard.reasons, heard.wrong)}"
    return None


def talk(
    port: int,
    path: str,
    body: Mapping[str, Any],
    *,
    spoken: Protocol,
    stream: bool,
    headers: Mapping[str, str],
    timeout: float,
) -> Answer:
    """Ask over a connection of its own and return the whole answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    began = time.monotonic()
    cut = False
    try:
        fields = {"Content-Type": "application/json", **headers}
        connection.request("POST", path, json.dumps(body), fields)
        got = connection.getresponse()
        try:
            data = got.read()
        except http.client.IncompleteRead as error:
            data, cut = error.partial, True
    finally:
        connection.close()
    took = time.monotonic() - began
    kind = got.headers.get("Content-Type", "")
    streamed = stream and ("event-stream" in kind or "ndjson" in kind)
    heard = spoken.stream(data) if streamed else spoken.plain(json.loads(data))
    return Answer(
        **vars(heard),
        id=str(headers["X-Request-Id"]),
        status=got.status,
        headers={name.lower(): value for name, value in got.headers.items()},
        data=data,
        cut=cut,
        seconds=took,
    )
