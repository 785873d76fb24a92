"""Wires whose streams are deltas of one message: OpenAI chat, Gemini, Ollama, Cohere v2."""

import json
from itertools import count
from typing import Any

from wallas.simulated.script import Call, Request

CREATED = 1_790_000_000
_ids = count(1)


def dump(value: Any) -> bytes:
    """Return compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def event(value: Any, name: str = "") -> bytes:
    """Return a server-sent event."""
    return b"%bdata: %b\n\n" % (f"event: {name}\n".encode() if name else b"", dump(value))


def arguments(call: Call) -> Any:
    """Return a call's arguments as a value; None when they are no whole JSON object."""
    try:
        value = json.loads(call.arguments or "{}")
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def broken(frame: bytes, call: Call) -> bytes:
    """Return a frame with a whole call as it is; else what comes before the arguments, and these as far as said."""
    if arguments(call) is not None:
        return frame
    name = b'"args":' if b'"args":' in frame else b'"arguments":'
    return frame.partition(name)[0] + name + call.arguments.encode()


class Told:
    """What a writer has said so far, and what every wire's writer shares."""

    stream_type = "text/event-stream"

    def __init__(self, request: Request) -> None:
        """Start with nothing said."""
        self.request = request
        self.id = f"sim-{next(_ids)}"
        self.said = ""
        self.thought = ""
        self.calls: list[Call] = []
        self.begun = False
        self.seal = ""
        self.pieces = 0
        self.usage = (max(len(request.body) // 4, 1), -1, 0, 0)

    def counts(self) -> tuple[int, int, int, int]:
        """Return prompt, completion, reasoning and cached tokens: as scripted, else as said."""
        prompt, completion, reasoning, cached = self.usage
        return prompt, self.pieces if completion < 0 else completion, reasoning, cached

    def keep(
        self, *, said: str = "", thought: str = "", call: Call | None = None, fragments: list[str] | None = None
    ) -> bool:
        """Remember what is said for the plain answer; return whether it is the first."""
        first, self.begun = not self.begun, True
        self.said += said
        self.thought += thought
        self.pieces += 1
        if call is not None:
            call.fragments += fragments or []
            self.calls.append(call)
        return first


def tool_call(call: Call, text: str, *, index: bool) -> dict[str, Any]:
    """Return a call as OpenAI writes it; what is None is left out."""
    function = {"name": call.name, "arguments": text} if call.name else {"arguments": text}
    row = {"index": call.index if index else None, "id": call.id, "type": "function" if call.name else None}
    return {name: value for name, value in row.items() if value is not None} | {"function": function}


class ChatWriter(Told):
    """OpenAI chat completions."""

    def text(self, piece: str) -> list[bytes]:
        """Return a content delta, after the role chunk."""
        return [*self._role(self.keep(said=piece)), self._delta({"content": piece})]

    def think(self, piece: str) -> list[bytes]:
        """Return a reasoning delta, as DeepSeek names it."""
        return [*self._role(self.keep(thought=piece)), self._delta({"reasoning_content": piece})]

    def call(self, call: Call, fragments: list[str]) -> list[bytes]:
        """Return a call's deltas: name first, then its arguments in fragments."""
        first = self.keep(call=call, fragments=fragments)
        start = self._delta({"tool_calls": [tool_call(call, "", index=True)]})
        rest = [tool_call(Call("", None, call.index), text, index=True) for text in fragments]
        return [*self._role(first), start, *(self._delta({"tool_calls": [row]}) for row in rest)]

    def finish(self, reason: str) -> list[bytes]:
        """Return the finish chunk, usage where it was asked for, and ``[DONE]``."""
        options = (self.request.json or {}).get("stream_options") or {}
        frames = [*self._role(not self.begun), event(self._chunk([{"index": 0, "delta": {}, "finish_reason": reason}]))]
        if options.get("include_usage"):
            frames.append(event(self._chunk([]) | {"usage": self._usage()}))
        return [*frames, b"data: [DONE]\n\n"]

    def error(self, code: str | int, message: str, status: int) -> list[bytes]:
        """Return an error chunk, as OpenRouter and Groq send them."""
        return [b"data: %b\n\n" % self.plain_error(code, message, status)]

    def plain(self, reason: str | None) -> bytes:
        """Return a chat.completion."""
        message: dict[str, Any] = {"role": "assistant", "content": self.said or None}
        if self.thought:
            message["reasoning_content"] = self.thought
        if self.calls:
            message["tool_calls"] = [tool_call(call, call.arguments, index=False) for call in self.calls]
        choice = {"index": 0, "message": message, "finish_reason": reason}
        return dump(self._chunk([choice], "chat.completion") | {"usage": self._usage()})

    def plain_error(self, code: str | int, message: str, status: int) -> bytes:
        """Return ``{"error": {...}}``."""
        return dump({"error": {"message": message, "type": "server_error", "param": None, "code": code}})

    def _role(self, first: bool) -> list[bytes]:
        return [self._delta({"role": "assistant", "content": ""})] if first else []

    def _delta(self, delta: dict[str, Any]) -> bytes:
        return event(self._chunk([{"index": 0, "delta": delta, "finish_reason": None}]))

    def _chunk(self, choices: list[Any], kind: str = "chat.completion.chunk") -> dict[str, Any]:
        head = {"id": f"chatcmpl-{self.id}", "object": kind, "created": CREATED, "model": self.request.model}
        return head | {"choices": choices}

    def _usage(self) -> dict[str, Any]:
        prompt, completion, reasoning, cached = self.counts()
        return {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "prompt_tokens_details": {"cached_tokens": cached},
            "completion_tokens_details": {"reasoning_tokens": reasoning},
        }


class GeminiWriter(Told):
    """Gemini's generateContent: parts come whole, the finish reason ends the answer, CRLF, no end mark."""

    REASONS = {"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP", "content_filter": "SAFETY"}

    def text(self, piece: str) -> list[bytes]:
        """Return a chunk with a text part."""
        self.keep(said=piece)
        return [self._frame([{"text": piece}])]

    def think(self, piece: str) -> list[bytes]:
        """Return a chunk with a thought."""
        self.keep(thought=piece)
        return [self._frame([{"text": piece, "thought": True}])]

    def call(self, call: Call, fragments: list[str]) -> list[bytes]:
        """Return a chunk with the whole call; half a frame for one that is not whole."""
        self.keep(call=call, fragments=fragments)
        return [broken(self._frame([self._call(call)]), call)]

    def finish(self, reason: str) -> list[bytes]:
        """Return the last chunk."""
        return [self._frame([{"text": ""}], self.REASONS.get(reason, reason))]

    def error(self, code: str | int, message: str, status: int) -> list[bytes]:
        """Return an error in place of a chunk."""
        return [b"data: %b\r\n\r\n" % self.plain_error(code, message, status)]

    def plain(self, reason: str | None) -> bytes:
        """Return a GenerateContentResponse."""
        parts: list[dict[str, Any]] = [{"text": self.thought, "thought": True}] if self.thought else []
        parts += [{"text": self.said}] if self.said else []
        parts += [self._call(call) for call in self.calls]
        return dump(self._answer(parts, self.REASONS.get(reason, reason) if reason else None))

    def plain_error(self, code: str | int, message: str, status: int) -> bytes:
        """Return Google's error body; the code is the status, the word stands beside it."""
        word = code if isinstance(code, str) else "INTERNAL"
        return dump({"error": {"code": status, "message": message, "status": word.upper()}})

    def _call(self, call: Call) -> dict[str, Any]:
        """Return a call; the seal sits on the first of a turn only."""
        inner = {"name": call.name, "args": arguments(call)} | ({"id": call.id} if call.id else {})
        sealed = {"thoughtSignature": self.seal} if self.seal and call is self.calls[0] else {}
        return {"functionCall": inner} | sealed

    def _frame(self, parts: list[dict[str, Any]], reason: str | None = None) -> bytes:
        return b"data: %b\r\n\r\n" % dump(self._answer(parts, reason))

    def _answer(self, parts: list[dict[str, Any]], reason: str | None) -> dict[str, Any]:
        prompt, completion, reasoning, cached = self.counts()
        candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": 0}
        if reason:
            candidate["finishReason"] = reason
        usage = {"promptTokenCount": prompt, "candidatesTokenCount": completion, "thoughtsTokenCount": reasoning}
        usage |= {"cachedContentTokenCount": cached, "totalTokenCount": prompt + completion + reasoning}
        head = {"modelVersion": self.request.model, "responseId": self.id}
        return {"candidates": [candidate], "usageMetadata": usage, **head}


def go_dump(value: Any) -> bytes:
    """Return JSON as Go writes it: Ollama's own client splits text lines, so a bare U+2028 would break it."""
    return dump(value).replace(b"\xe2\x80\xa8", b"\\u2028").replace(b"\xe2\x80\xa9", b"\\u2029")


class OllamaWriter(Told):
    """Ollama's chat and generate: lines of JSON, calls whole, ``done: true`` at the end."""

    stream_type = "application/x-ndjson"
    REASONS = {"tool_calls": "stop", "content_filter": "stop"}

    def text(self, piece: str) -> list[bytes]:
        """Return a line with content."""
        self.keep(said=piece)
        return [self._line({"content": piece})]

    def think(self, piece: str) -> list[bytes]:
        """Return a line with thinking."""
        self.keep(thought=piece)
        return [self._line({"content": "", "thinking": piece})]

    def call(self, call: Call, fragments: list[str]) -> list[bytes]:
        """Return a line with the whole call; half a line for one that is not whole."""
        self.keep(call=call, fragments=fragments)
        return [broken(self._line({"content": "", "tool_calls": [self._call(call)]}), call)]

    def finish(self, reason: str) -> list[bytes]:
        """Return the last line."""
        return [go_dump(self._row({"content": ""}) | self._end(reason)) + b"\n"]

    def error(self, code: str | int, message: str, status: int) -> list[bytes]:
        """Return an error line."""
        return [self.plain_error(code, message, status) + b"\n"]

    def plain(self, reason: str | None) -> bytes:
        """Return the answer as one object."""
        message: dict[str, Any] = {"content": self.said}
        if self.thought:
            message["thinking"] = self.thought
        if self.calls:
            message["tool_calls"] = [self._call(call) for call in self.calls]
        return go_dump(self._row(message) | (self._end(reason) if reason else {}))

    def plain_error(self, code: str | int, message: str, status: int) -> bytes:
        """Return ``{"error": "text"}``."""
        return go_dump({"error": message})

    def _call(self, call: Call) -> dict[str, Any]:
        inner = {"name": call.name, "arguments": arguments(call)}
        return ({"id": call.id} if call.id else {}) | {"function": inner}

    def _line(self, message: dict[str, Any]) -> bytes:
        return go_dump(self._row(message)) + b"\n"

    def _row(self, message: dict[str, Any]) -> dict[str, Any]:
        head = {"model": self.request.model, "created_at": "2026-11-21T00:00:00.000000Z"}
        if self.request.path.endswith("/generate"):
            return head | {"response": message["content"], "done": False}
        return head | {"message": {"role": "assistant", **message}, "done": False}

    def _end(self, reason: str) -> dict[str, Any]:
        prompt, completion, _, _ = self.counts()
        times = {"total_duration": 9, "load_duration": 1, "prompt_eval_duration": 1, "eval_duration": 7}
        counts = {"prompt_eval_count": prompt, "eval_count": completion}
        return {"done": True, "done_reason": self.REASONS.get(reason, reason)} | times | counts


class CohereWriter(Told):
    """Cohere's chat, version 2: named events, one block of content at a time."""

    REASONS = {"stop": "COMPLETE", "length": "MAX_TOKENS", "tool_calls": "TOOL_CALL", "content_filter": "ERROR"}

    def __init__(self, request: Request) -> None:
        """Start with no block open."""
        super().__init__(request)
        self.open = ""
        self.blocks = 0

    def text(self, piece: str) -> list[bytes]:
        """Return a content delta, in a text block."""
        return [*self._block("text", self.keep(said=piece)), self._content("text", piece)]

    def think(self, piece: str) -> list[bytes]:
        """Return a content delta, in a thinking block."""
        return [*self._block("thinking", self.keep(thought=piece)), self._content("thinking", piece)]

    def call(self, call: Call, fragments: list[str]) -> list[bytes]:
        """Return a call's start, deltas and, when its arguments are whole, its end."""
        frames = self._block("", self.keep(call=call, fragments=fragments))
        at = {"index": len(self.calls) - 1}
        start = {"message": {"tool_calls": tool_call(call, "", index=False)}}
        frames.append(self._event("tool-call-start", at | {"delta": start}))
        for text in fragments:
            delta = {"message": {"tool_calls": {"function": {"arguments": text}}}}
            frames.append(self._event("tool-call-delta", at | {"delta": delta}))
        return [*frames, self._event("tool-call-end", at)] if arguments(call) is not None else frames

    def finish(self, reason: str) -> list[bytes]:
        """Return ``message-end``."""
        delta = {"finish_reason": self.REASONS.get(reason, reason), "usage": self._usage()}
        return [*self._block("", not self.begun), self._event("message-end", {"delta": delta})]

    def error(self, code: str | int, message: str, status: int) -> list[bytes]:
        """Return the ``message-end`` of a failure."""
        delta = {"finish_reason": "ERROR", "error": message, "usage": self._usage()}
        return [*self._block("", not self.begun), self._event("message-end", {"delta": delta})]

    def plain(self, reason: str | None) -> bytes:
        """Return the whole answer."""
        content = [{"type": "thinking", "thinking": self.thought}] if self.thought else []
        content += [{"type": "text", "text": self.said}] if self.said else []
        message: dict[str, Any] = {"role": "assistant", "content": content}
        if self.calls:
            message["tool_calls"] = [tool_call(call, call.arguments, index=False) for call in self.calls]
        ended = self.REASONS.get(reason, reason) if reason else None
        return dump({"id": self.id, "finish_reason": ended, "message": message, "usage": self._usage()})

    def plain_error(self, code: str | int, message: str, status: int) -> bytes:
        """Return ``{"id", "message"}``."""
        return dump({"id": self.id, "message": message})

    def _block(self, kind: str, first: bool) -> list[bytes]:
        """Return the events that begin the message and close and open blocks, so that ``kind`` is open."""
        frames = []
        if first:
            started = {"id": self.id, "delta": {"message": {"role": "assistant", "content": []}}}
            frames.append(self._event("message-start", started))
        if kind == self.open:
            return frames
        if self.open:
            frames.append(self._event("content-end", {"index": self.blocks - 1}))
        if kind:
            inner = {"content": {"type": kind, kind: ""}}
            frames.append(self._event("content-start", {"index": self.blocks, "delta": {"message": inner}}))
            self.blocks += 1
        self.open = kind
        return frames

    def _content(self, kind: str, piece: str) -> bytes:
        delta = {"message": {"content": {kind: piece}}}
        return self._event("content-delta", {"index": self.blocks - 1, "delta": delta})

    def _event(self, kind: str, more: dict[str, Any]) -> bytes:
        return event({"type": kind, **more}, kind)

    def _usage(self) -> dict[str, Any]:
        prompt, completion, _, cached = self.counts()
        counts = {"input_tokens": prompt, "output_tokens": completion}
        return {"billed_units": counts, "tokens": counts, "cached_tokens": cached}
