"""The Cohere v2 chat wire, plain and as server-sent events.

Reading requests, writing requests and reading answers have files of their own;
here are the names of a codec, and what clients of this wire would get.
"""

from collections.abc import Callable
from typing import Any

from wallas.codecs import COHERE as WIRE
from wallas.codecs.cohere_answers import Decoder, decode_response
from wallas.codecs.cohere_bodies import call_item, encode_request, text_item, thinking_item
from wallas.codecs.cohere_pieces import REASONS
from wallas.codecs.cohere_requests import PLAN, decode_request
from wallas.codecs.framing import comment, encode, sse
from wallas.codecs.refusals import decode_error, sentence
from wallas.codecs.words import MARK, Writer
from wallas.errors import GatewayError
from wallas.types.chat import (
    ChatRequest,
    ChatResponse,
    Choice,
    Citation,
    Logprob,
    Message,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    StopReason,
    Text,
    ToolCall,
    Usage,
)
from wallas.types.events import Event, Finished, PartDelta, PartEnded, PartStarted, Started

__all__ = [
    "WIRE",
    "Decoder",
    "Encoder",
    "decode_error",
    "decode_request",
    "decode_response",
    "encode_error",
    "encode_request",
    "encode_response",
]

WORDS = {reason: word for word, reason in REASONS.items()}

Body = dict[str, Any]


def encode_response(response: ChatResponse) -> dict[str, Any]:
    """Return the whole answer for a client."""
    choice = response.choices[0] if response.choices else Choice(message=Message(role="assistant"))
    spare = dict(choice.extra.get(WIRE, {}))
    parts = choice.message.parts
    texts = [part for part in parts if isinstance(part, Text)]
    logprobs = [raw for text in texts for raw in _logprobs(text)] or spare.pop("logprobs", [])
    citations = [_citation(one) for text in texts for one in text.citations] + spare.pop("citations", [])
    found = {
        "tool_plan": "".join(part.text for part in parts if isinstance(part, Reasoning) and _is_plan(part)),
        "content": [item for part in parts for item in _items(part)],
        "tool_calls": [call_item(part, empty="") for part in parts if isinstance(part, ToolCall)],
        "citations": citations,
    }
    message = spare | {"role": "assistant"} | {key: value for key, value in found.items() if value}
    body = response.extra.get(WIRE, {}) | {"id": response.id, "message": message}
    told = {
        "finish_reason": finish_reason(choice.stop_reason, choice.stop_detail),
        "usage": _usage(response.usage),
        "logprobs": logprobs,
    }
    return body | {key: value for key, value in told.items() if value}


def finish_reason(reason: StopReason | None, detail: str | None) -> str | None:
    """Return the wire's word for a reason: its own if it gave one, else the nearest, else what was said."""
    if detail in REASONS and reason in (REASONS[detail], StopReason.TOOL_CALLS):
        return detail
    return WORDS.get(reason or StopReason.UNKNOWN) or detail


def encode_error(error: GatewayError) -> dict[str, Any]:
    """Return Cohere's error body: one sentence with the field at fault and what each attempt came to."""
    return {"message": sentence(error)}


class Encoder:
    """Writes a client's server-sent events; the wire has one choice only."""

    content_type = "text/event-stream"

    def __init__(self, request: ChatRequest | None = None) -> None:
        """Write an answer; nothing in a request changes its form on this wire."""
        self.parts: dict[int, tuple[Part, int]] = {}
        self.content = 0
        self.calls = 0
        self.citations = 0

    def encode(self, event: Event) -> bytes:
        """Return the events for this event."""
        write = self.WRITERS.get(type(event))
        return write(self, event) if write and getattr(event, "choice", 0) == 0 else b""

    def words(self, index: int, choice: int) -> Writer | None:
        """Return what writes more words of this text."""
        if index not in self.parts or choice != 0 or not isinstance(self.parts[index][0], Text | Refusal):
            return None
        return Writer(self._message("content-delta", index, content={"text": MARK}))

    def ping(self) -> bytes:
        """Return a comment."""
        return comment("ping")

    def note(self, text: str) -> bytes:
        """Return a comment."""
        return comment(text)

    def error(self, error: GatewayError) -> bytes:
        """Return the event that ends a stream with an error."""
        return _event("message-end", delta={"finish_reason": "ERROR", "error": sentence(error)})

    def _start(self, event: Started) -> bytes:
        empty = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
        return _event("message-start", event.extra.get(WIRE, {}) | {"id": event.id}, delta={"message": empty})

    def _open(self, event: PartStarted) -> bytes:
        part = event.part
        if isinstance(part, ToolCall):
            self.parts[event.index] = part, self.calls
            self.calls += 1
            return self._message("tool-call-start", event.index, tool_calls=call_item(part, empty=""))
        if isinstance(part, Reasoning) and _is_plan(part):
            self.parts[event.index] = part, 0
            return _message("tool-plan-delta", {}, tool_plan=part.text) if part.text else b""
        items = _items(part)
        if not items:
            return b""
        self.parts[event.index] = part, self.content
        self.content += 1
        started = self._message("content-start", event.index, content=items[0])
        return started + self._logprobs(event.index, _kept_logprobs(part))

    def _more(self, event: PartDelta) -> bytes:
        part = self.parts[event.index][0] if event.index in self.parts else None
        match part:
            case ToolCall() if event.text:
                function = {"function": {"arguments": event.text}}
                return self._message("tool-call-delta", event.index, tool_calls=function)
            case Reasoning() if event.text or event.summary:
                text = event.text or event.summary
                if _is_plan(part):
                    return _message("tool-plan-delta", {}, tool_plan=text)
                return self._message("content-delta", event.index, content={"thinking": text})
            case Text() | Refusal():
                return self._words(event, part)
            case _:
                return b""

    def _words(self, event: PartDelta, part: Text | Refusal) -> bytes:
        told = b""
        if event.text:
            told += self._message("content-delta", event.index, content={"text": event.text})
        if not _kept_logprobs(part):
            told += self._logprobs(event.index, [_logprob(one) for one in event.logprobs])
        return told + b"".join(self._cite(_citation(one)) for one in event.citations)

    def _cite(self, raw: Body) -> bytes:
        place = {"index": self.citations}
        self.citations += 1
        return _message("citation-start", place, citations=raw) + _event("citation-end", place)

    def _logprobs(self, index: int, logprobs: list[Body]) -> bytes:
        """Return log probabilities as deltas without text: a delta holds those of one chunk only."""
        place = {"index": self.parts[index][1]}
        return b"".join(_message("content-delta", place | {"logprobs": one}, content={"text": ""}) for one in logprobs)

    def _close(self, event: PartEnded) -> bytes:
        part, number = self.parts.pop(event.index, (None, 0))
        if part is None or (isinstance(part, Reasoning) and _is_plan(part)):
            return b""
        return _event("tool-call-end" if isinstance(part, ToolCall) else "content-end", {"index": number})

    def _finish(self, event: Finished) -> bytes:
        unended = b"".join(self._close(PartEnded(index)) for index in list(self.parts))
        spare = b"".join(self._cite(raw) for raw in event.extra.get(WIRE, {}).get("citations", ()))
        told = {"finish_reason": finish_reason(event.reason, event.detail), "usage": _usage(event.usage)}
        end = _event("message-end", delta={key: value for key, value in told.items() if value})
        return unended + spare + end + sse(b"[DONE]")

    def _message(self, kind: str, index: int, **message: Any) -> bytes:
        return _message(kind, {"index": self.parts[index][1]}, **message)

    WRITERS: dict[type[Event], Callable[["Encoder", Any], bytes]] = {
        Started: _start,
        PartStarted: _open,
        PartDelta: _more,
        PartEnded: _close,
        Finished: _finish,
    }


def _event(kind: str, place: Body | None = None, **said: Any) -> bytes:
    return sse(encode({"type": kind} | (place or {}) | said), kind)


def _message(kind: str, place: Body, **message: Any) -> bytes:
    return _event(kind, place, delta={"message": message})


def _is_plan(part: Reasoning) -> bool:
    return part.extra.get(WIRE) == PLAN[WIRE]


def _items(part: Part) -> list[Body]:
    match part:
        case Text() | Refusal():
            item = text_item(part)
            item.pop("logprobs", None)
            return [item]
        case Reasoning(redacted=False) if not _is_plan(part):
            return [thinking_item(part)]
        case Opaque(wire=wire, data=data) if wire == WIRE:
            return [data]
        case _:
            return []


def _citation(one: Citation) -> Body:
    own = dict(one.extra.get(WIRE, {}))
    told = {"start": one.start, "end": one.end, "text": one.text}
    if "sources" not in own and (one.url or one.title):
        document = {key: value for key, value in (("title", one.title), ("url", one.url)) if value}
        own["sources"] = [{"type": "document", "id": one.url or one.title, "document": document}]
    return own | {key: value for key, value in told.items() if value is not None}


def _kept_logprobs(part: Part) -> list[Body]:
    kept: list[Body] = part.extra.get(WIRE, {}).get("logprobs", [])
    return kept


def _logprobs(text: Text) -> list[Body]:
    return _kept_logprobs(text) or [_logprob(one) for one in text.logprobs]


def _logprob(one: Logprob) -> Body:
    return {"text": one.token, "token_ids": [], "logprobs": [one.logprob]}


def _usage(usage: Usage | None) -> Body:
    """Return usage in this wire's words: what the provider said, and our counts where they are known."""
    if usage is None:
        return {}
    told = dict(usage.raw.get(WIRE, {}))
    counts = {"input_tokens": usage.input, "output_tokens": usage.output, "reasoning_tokens": usage.reasoning}
    known = {key: value for key, value in counts.items() if value is not None}
    if known:
        told["tokens"] = (told.get("tokens") or {}) | known
    if usage.cache_read is not None:
        told["cached_tokens"] = usage.cache_read
    return told
