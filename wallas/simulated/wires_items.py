"""Wires whose streams open and close numbered items: Anthropic's messages and OpenAI's responses."""

from typing import Any

from wallas.simulated.script import Call, Request
from wallas.simulated.wires_chat import CREATED, Told, arguments, dump, event

SIGNATURE = "c2ln"
"""Of thoughts for which the script has no seal: the wire has none without."""


class AnthropicWriter(Told):
    """Anthropic's messages."""

    REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}

    def __init__(self, request: Request) -> None:
        """Start with no block open."""
        super().__init__(request)
        self.open = ""
        self.blocks = 0

    def text(self, piece: str) -> list[bytes]:
        """Return a text delta, in a text block."""
        frames = self._block("text", {"type": "text", "text": ""}, self.keep(said=piece))
        return [*frames, self._delta({"type": "text_delta", "text": piece})]

    def think(self, piece: str) -> list[bytes]:
        """Return a thinking delta, in a thinking block."""
        block = {"type": "thinking", "thinking": "", "signature": ""}
        frames = self._block("thinking", block, self.keep(thought=piece))
        return [*frames, self._delta({"type": "thinking_delta", "thinking": piece})]

    def call(self, call: Call, fragments: list[str]) -> list[bytes]:
        """Return a tool_use block; closed when its arguments are whole."""
        first = self.keep(call=call, fragments=fragments)
        block: dict[str, Any] = {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}
        frames = self._block(f"tool_use {len(self.calls)}", block, first)
        frames += [self._delta({"type": "input_json_delta", "partial_json": text}) for text in fragments]
        return [*frames, *self._close()] if arguments(call) is not None else frames

    def finish(self, reason: str) -> list[bytes]:
        """Return the message's delta and its stop."""
        delta = {"stop_reason": self.REASONS.get(reason, reason), "stop_sequence": None}
        said = {"type": "message_delta", "delta": delta, "usage": {"output_tokens": self.counts()[1]}}
        start = [] if self.begun else [self._start()]
        return [*start, *self._close(), event(said, "message_delta"), event({"type": "message_stop"}, "message_stop")]

    def error(self, code: str | int, message: str, status: int) -> list[bytes]:
        """Return an error event."""
        return [b"event: error\ndata: %b\n\n" % self.plain_error(code, message, status)]

    def plain(self, reason: str | None) -> bytes:
        """Return a message."""
        content: list[dict[str, Any]] = []
        if self.thought:
            content.append({"type": "thinking", "thinking": self.thought, "signature": self.seal or SIGNATURE})
        if self.said:
            content.append({"type": "text", "text": self.said})
        for call in self.calls:
            content.append({"type": "tool_use", "id": call.id, "name": call.name, "input": arguments(call)})
        ended = {"stop_reason": self.REASONS.get(reason, reason) if reason else None, "stop_sequence": None}
        return dump(self._message(content) | ended | {"usage": self._usage()})

    def plain_error(self, code: str | int, message: str, status: int) -> bytes:
        """Return ``{"type": "error", ...}``."""
        kind = code if isinstance(code, str) and code.endswith("_error") else "api_error"
        return dump({"type": "error", "error": {"type": kind, "message": message}, "request_id": f"req_{self.id}"})

    def _message(self, content: list[dict[str, Any]]) -> dict[str, Any]:
        head = {"id": f"msg_{self.id}", "type": "message", "role": "assistant", "model": self.request.model}
        return head | {"content": content}

    def _usage(self) -> dict[str, Any]:
        prompt, completion, _, cached = self.counts()
        cache = {"cache_creation_input_tokens": 0, "cache_read_input_tokens": cached}
        return {"input_tokens": prompt, **cache, "output_tokens": completion}

    def _start(self) -> bytes:
        message = self._message([]) | {"stop_reason": None, "stop_sequence": None}
        usage = self._usage() | {"output_tokens": 1}
        return event({"type": "message_start", "message": message | {"usage": usage}}, "message_start")

    def _block(self, kind: str, block: dict[str, Any], first: bool) -> list[bytes]:
        frames = [self._start()] if first else []
        if kind == self.open:
            return frames
        frames += self._close()
        self.open = kind
        started = {"type": "content_block_start", "index": self.blocks, "content_block": block}
        self.blocks += 1
        return [*frames, event(started, "content_block_start")]

    def _close(self) -> list[bytes]:
        if not self.open:
            return []
        kind, self.open = self.open, ""
        seal = {"type": "signature_delta", "signature": self.seal or SIGNATURE}
        sealed = [self._delta(seal)] if kind == "thinking" else []
        stop = {"type": "content_block_stop", "index": self.blocks - 1}
        return [*sealed, event(stop, "content_block_stop")]

    def _delta(self, delta: dict[str, Any]) -> bytes:
        return event({"type": "content_block_delta", "index": self.blocks - 1, "delta": delta}, "content_block_delta")


class ResponsesWriter(Told):
    """OpenAI's responses: numbered events, each item opened, filled and closed."""

    def __init__(self, request: Request) -> None:
        """Start with no item open."""
        super().__init__(request)
        self.items: list[dict[str, Any]] = []
        self.open = ""
        self.sequence = 0

    def text(self, piece: str) -> list[bytes]:
        """Return a text delta, in a message item."""
        frames = self._item("message", self.keep(said=piece))
        part = self.items[-1]["content"][0]
        part["text"] += piece
        return [*frames, self._part("response.output_text.delta", content_index=0, delta=piece, logprobs=[])]

    def think(self, piece: str) -> list[bytes]:
        """Return a delta of a reasoning summary, in a reasoning item."""
        frames = self._item("reasoning", self.keep(thought=piece))
        self.items[-1]["summary"][0]["text"] += piece
        return [*frames, self._part("response.reasoning_summary_text.delta", summary_index=0, delta=piece)]

    def call(self, call: Call, fragments: list[str]) -> list[bytes]:
        """Return a function_call item; closed when its arguments are whole."""
        first = self.keep(call=call, fragments=fragments)
        frames = [*self._begin(first), *self._close()]
        item = {"type": "function_call", "id": f"fc_{self.id}_{len(self.items)}", "call_id": call.id, "name": call.name}
        frames.append(self._open("function_call", item | {"arguments": "", "status": "in_progress"}))
        for text in fragments:
            self.items[-1]["arguments"] += text
            frames.append(self._part("response.function_call_arguments.delta", delta=text))
        return [*frames, *self._close()] if arguments(call) is not None else frames

    def finish(self, reason: str) -> list[bytes]:
        """Return the open item's end and ``response.completed``, or ``incomplete``."""
        frames = [*self._begin(not self.begun), *self._close()]
        response = self._response(reason)
        return [*frames, self._event(f"response.{response['status']}", response=response)]

    def error(self, code: str | int, message: str, status: int) -> list[bytes]:
        """Return ``response.failed``."""
        failed = self._response(None) | {"status": "failed", "error": {"code": str(code), "message": message}}
        return [*self._begin(not self.begun), self._event("response.failed", response=failed)]

    def plain(self, reason: str | None) -> bytes:
        """Return the whole response."""
        self._close()
        return dump(self._response(reason))

    def plain_error(self, code: str | int, message: str, status: int) -> bytes:
        """Return ``{"error": {...}}``."""
        return dump({"error": {"message": message, "type": "server_error", "param": None, "code": code}})

    def _event(self, kind: str, **more: Any) -> bytes:
        said = event({"type": kind, "sequence_number": self.sequence, **more}, kind)
        self.sequence += 1
        return said

    def _part(self, kind: str, **more: Any) -> bytes:
        return self._event(kind, item_id=self.items[-1]["id"], output_index=len(self.items) - 1, **more)

    def _begin(self, first: bool) -> list[bytes]:
        if not first:
            return []
        response = self._response(None)
        return [
            self._event("response.created", response=response),
            self._event("response.in_progress", response=response),
        ]

    def _open(self, kind: str, item: dict[str, Any]) -> bytes:
        self.open = kind
        self.items.append(item)
        return self._event("response.output_item.added", output_index=len(self.items) - 1, item=dict(item))

    def _item(self, kind: str, first: bool) -> list[bytes]:
        frames = self._begin(first)
        if kind == self.open:
            return frames
        frames += self._close()
        at = len(self.items)
        if kind == "reasoning":
            sealed = {"encrypted_content": self.seal} if self.seal else {}
            frames.append(self._open(kind, {"type": kind, "id": f"rs_{self.id}_{at}", "summary": []} | sealed))
            part: dict[str, Any] = {"type": "summary_text", "text": ""}
            frames.append(self._part("response.reasoning_summary_part.added", summary_index=0, part=dict(part)))
            self.items[-1]["summary"] = [part]
            return frames
        item: dict[str, Any] = {
            "type": kind,
            "id": f"msg_{self.id}_{at}",
            "role": "assistant",
            "status": "in_progress",
            "content": [],
        }
        frames.append(self._open(kind, item))
        part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
        frames.append(self._part("response.content_part.added", content_index=0, part=dict(part)))
        self.items[-1]["content"] = [part]
        return frames

    def _close(self) -> list[bytes]:
        if not self.open:
            return []
        kind, self.open = self.open, ""
        item = self.items[-1]
        frames = []
        if kind == "message":
            part = item["content"][0]
            text = part["text"]
            frames.append(self._part("response.output_text.done", content_index=0, text=text, logprobs=[]))
            frames.append(self._part("response.content_part.done", content_index=0, part=part))
        elif kind == "reasoning":
            part = item["summary"][0]
            frames.append(self._part("response.reasoning_summary_text.done", summary_index=0, text=part["text"]))
            frames.append(self._part("response.reasoning_summary_part.done", summary_index=0, part=part))
        else:
            done = self._part("response.function_call_arguments.done", name=item["name"], arguments=item["arguments"])
            frames.append(done)
        if "status" in item:
            item["status"] = "completed"
        return [*frames, self._event("response.output_item.done", output_index=len(self.items) - 1, item=item)]

    def _response(self, reason: str | None) -> dict[str, Any]:
        why = {"length": "max_output_tokens", "content_filter": "content_filter"}.get(reason or "")
        status = "incomplete" if why else "completed" if reason else "in_progress"
        body = self.request.json if isinstance(self.request.json, dict) else {}
        prompt, completion, reasoning, cached = self.counts()
        usage = {
            "input_tokens": prompt,
            "input_tokens_details": {"cached_tokens": cached},
            "output_tokens": completion,
            "output_tokens_details": {"reasoning_tokens": reasoning},
            "total_tokens": prompt + completion,
        }
        return {
            "id": f"resp_{self.id}",
            "object": "response",
            "created_at": CREATED,
            "status": status,
            "error": None,
            "incomplete_details": {"reason": why} if why else None,
            "instructions": body.get("instructions"),
            "model": self.request.model,
            "output": list(self.items) if reason else [],
            "parallel_tool_calls": True,
            "tool_choice": body.get("tool_choice", "auto"),
            "tools": body.get("tools", []),
            "metadata": {},
            "usage": usage if reason else None,
        }
