"""The Ollama wire: chat and generate, plain and as lines of JSON (NDJSON).

Reading requests, writing requests and reading answers have files of their own;
here are the names of a codec, and what clients get.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from wallas.codecs import OLLAMA as WIRE
from wallas.codecs.framing import encode
from wallas.codecs.ollama_answers import DURATIONS, REASONS, Decoder, decode_response
from wallas.codecs.ollama_bodies import encode_request, said_by
from wallas.codecs.ollama_requests import decode_generate, decode_request
from wallas.codecs.ollama_said import decode_words
from wallas.codecs.refusals import decode_error, sentence
from wallas.codecs.words import MARK, Writer
from wallas.errors import GatewayError
from wallas.types.chat import (
    ChatRequest,
    ChatResponse,
    Choice,
    Logprob,
    Media,
    Message,
    Part,
    Reasoning,
    StopReason,
    Text,
    ToolCall,
    Usage,
)
from wallas.types.events import Event, Finished, PartDelta, PartEnded, PartStarted, Started, extended

__all__ = [
    "WIRE",
    "Decoder",
    "Encoder",
    "decode_error",
    "decode_generate",
    "decode_request",
    "decode_response",
    "decode_words",
    "encode_error",
    "encode_generate_response",
    "encode_request",
    "encode_response",
]

WORDS = {
    StopReason.STOP: "stop",
    StopReason.STOP_SEQUENCE: "stop",
    StopReason.LENGTH: "length",
    StopReason.TOOL_CALLS: "stop",
    StopReason.CONTENT_FILTER: "content_filter",
    StopReason.REFUSAL: "refusal",
    StopReason.PAUSE: "pause",
}
"""Stop reasons as ``done_reason``. A daemon has no word for the last three; calling them "stop" would be a lie."""

Body = dict[str, Any]


def encode_response(
    response: ChatResponse, *, request: ChatRequest | None = None, generate: bool = False
) -> dict[str, Any]:
    """Return the whole answer for a client of /api/chat, or of /api/generate if asked or if it came from there.

    What is not known (durations, counts, ``created_at``) is left out: Ollama's own clients take them as optional.
    """
    own = dict(response.extra.get(WIRE, {}))
    generate = bool(own.pop("generate", generate)) or generate
    choice = response.choices[0] if response.choices else Choice(message=Message(role="assistant"))
    parts = tuple(part for part in choice.message.parts if _visible(part, request))
    said = choice.extra.get(WIRE, {}).get("message", {}) | said_by(parts)
    head = _head(response.model, own.pop("created_at", None) or moment(response.created))
    logprobs = [_logprob(one) for part in parts if isinstance(part, Text) for one in part.logprobs]
    logprobs += choice.extra.get(WIRE, {}).get("logprobs", [])
    return (
        own
        | head
        | _said(said, generate=generate)
        | ({"logprobs": logprobs} if logprobs else {})
        | _end(choice.stop_reason, choice.stop_detail, response.usage)
    )


def encode_generate_response(response: ChatResponse) -> dict[str, Any]:
    """Return the whole answer for a client of /api/generate."""
    return encode_response(response, generate=True)


def encode_error(error: GatewayError) -> dict[str, Any]:
    """Return Ollama's error body: one sentence with the field at fault and what each attempt came to."""
    return {"error": sentence(error)}


class Encoder:
    """Writes a client's lines; tool calls and images leave whole, thinking only where it was not forbidden."""

    content_type = "application/x-ndjson"

    def __init__(self, request: ChatRequest | None = None, *, generate: bool = False) -> None:
        """Write what ``request`` asked for; with ``generate`` in the shape of /api/generate."""
        self.request = request
        self.generate = generate
        self.head = _head(request.model if request else "", None)
        self.parts: dict[int, Part] = {}
        self.own: Body = {}

    def encode(self, event: Event) -> bytes:
        """Return the lines for this event; only the first choice is told, for the wire has no other."""
        write = self.WRITERS.get(type(event))
        return write(self, event) if write and getattr(event, "choice", 0) == 0 else b""

    def words(self, index: int, choice: int) -> Writer | None:
        """Return what writes more words of this text."""
        return Writer(self._line({"content": MARK})) if isinstance(self.parts.get(index), Text) else None

    def ping(self) -> bytes:
        """Return a line without content, which every client reads as nothing."""
        return self._line({"content": ""})

    def note(self, text: str) -> bytes:
        """Return nothing: the wire has no comments."""
        return b""

    def error(self, error: GatewayError) -> bytes:
        """Return the line that ends a stream with an error."""
        return encode({"error": sentence(error), "done": True, "done_reason": "error"}) + b"\n"

    def _start(self, event: Started) -> bytes:
        self.own = dict(event.extra.get(WIRE, {}))
        self.generate = bool(self.own.pop("generate", False)) or self.generate
        self.head = _head(event.model or self.head["model"], self.own.pop("created_at", None) or moment(event.created))
        return b""

    def _open(self, event: PartStarted) -> bytes:
        part = event.part
        self.parts[event.index] = part
        if not _visible(part, self.request) or isinstance(part, ToolCall | Media):
            return b""
        said = said_by((part,))
        return self._line(said) if any(said.values()) else b""

    def _more(self, event: PartDelta) -> bytes:
        part = self.parts.get(event.index)
        if part is None or not _visible(part, self.request):
            return b""
        if isinstance(part, ToolCall | Media):
            self.parts[event.index] = extended(part, event)
            return b""
        text = event.text or event.summary
        said = {"content": "", "thinking": text} if isinstance(part, Reasoning) else {"content": text}
        return self._line(said, event.logprobs) if text or event.logprobs else b""

    def _close(self, event: PartEnded) -> bytes:
        part = self.parts.pop(event.index, None)
        return self._line(said_by((part,))) if isinstance(part, ToolCall | Media) else b""

    def _finish(self, event: Finished) -> bytes:
        unended = b"".join(self._close(PartEnded(index)) for index in list(self.parts))
        mine = event.extra.get(WIRE, {})
        said = mine.get("message", {}) | {"content": ""}
        line = self.own | event.response_extra.get(WIRE, {}) | self.head | _said(said, generate=self.generate)
        if "logprobs" in mine:
            line["logprobs"] = mine["logprobs"]
        return unended + encode(line | _end(event.reason, event.detail, event.usage)) + b"\n"

    def _line(self, said: Body, logprobs: tuple[Logprob, ...] = ()) -> bytes:
        line = self.head | _said(said, generate=self.generate) | {"done": False}
        if logprobs:
            line["logprobs"] = [_logprob(one) for one in logprobs]
        return encode(line) + b"\n"

    WRITERS: dict[type[Event], Callable[["Encoder", Any], bytes]] = {
        Started: _start,
        PartStarted: _open,
        PartDelta: _more,
        PartEnded: _close,
        Finished: _finish,
    }


def moment(created: int | None) -> str | None:
    """Return epoch seconds as RFC 3339, or None when they are not known or no date."""
    try:
        return None if created is None else datetime.fromtimestamp(created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return None


def _head(model: str, created_at: str | None) -> Body:
    return {"model": model, "created_at": created_at} if created_at else {"model": model}


def _said(said: Body, *, generate: bool) -> Body:
    if not generate:
        return {"message": {"role": "assistant"} | said}
    images = {"image": said["images"][0]} if said.get("images") else {}
    rest = {key: value for key, value in said.items() if key not in ("content", "images")}
    return {"response": said["content"]} | rest | images


def _end(reason: StopReason | None, detail: str | None, usage: Usage | None) -> Body:
    word = detail if REASONS.get(detail or "") == reason else WORDS.get(reason or StopReason.UNKNOWN, detail)
    end: Body = {"done": True} | ({"done_reason": word} if word else {})
    if usage is not None:
        times = usage.raw.get(WIRE, {})
        counts = {"prompt_eval_count": usage.input, "eval_count": usage.output}
        end |= {key: times[key] for key in DURATIONS if key in times}
        end |= {key: value for key, value in counts.items() if value is not None}
    return end


def _visible(part: Part, request: ChatRequest | None) -> bool:
    if not isinstance(part, Reasoning):
        return True
    asked = request.thinking if request else None
    return asked is None or not (asked.enabled is False or asked.visible is False or asked.effort == "none")


def _logprob(one: Logprob) -> Body:
    told: Body = {"token": one.token, "logprob": one.logprob}
    if one.bytes is not None:
        told["bytes"] = one.bytes
    return told | ({"top_logprobs": [_logprob(other) for other in one.top]} if one.top else {})
