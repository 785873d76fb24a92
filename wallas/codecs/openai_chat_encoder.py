"""Writes a chat completions stream for a client, each delta between bytes that were made when its part began."""

import secrets
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from wallas.codecs.framing import comment, encode, sse
from wallas.codecs.openai_chat_fields import WIRE
from wallas.codecs.openai_chat_parts import overlaid, own
from wallas.codecs.openai_chat_response import encode_audio, encode_call, encode_image, reasoning_fields
from wallas.codecs.openai_chat_words import encode_citation, encode_logprob, encode_stopped, encode_usage
from wallas.codecs.openai_errors import encode_error
from wallas.codecs.words import MARK
from wallas.errors import GatewayError
from wallas.types.chat import ChatRequest, Media, Part, Reasoning, Refusal, Text, ToolCall, Usage
from wallas.types.events import Event, Finished, PartDelta, PartEnded, PartStarted, Started

DONE = b"data: [DONE]\n\n"
AFTER = b"]}\n\n"
"""How a chunk ends that is about a choice."""
ROLE = ("role",)
"""The fields of a choice's first chunk, which says no words."""
KEEP_ALIVE = b": keep-alive\n\n"
EVERYWHERE = ("system_fingerprint", "service_tier", "provider")
"""Extras that every chunk carries, as OpenAI's and OpenRouter's do; the others are in the first."""


class Slot:
    """An open part: the bytes around a text delta, once for each field that tells it."""

    __slots__ = ("after", "before", "between", "length", "offset", "part", "position")

    def __init__(
        self, before: bytes, between: bytes, after: bytes, part: Part, *, position: int = 0, offset: int = 0
    ) -> None:
        """Open a part; ``offset`` is how many characters its choice said before it."""
        self.before = before
        self.between = between
        self.after = after
        self.part = part
        self.position = position
        self.offset = offset
        self.length = 0
        """How many characters it has."""

    @property
    def around(self) -> tuple[bytes, bytes] | None:
        """Return the bytes around a text that one field tells."""
        return None if self.between else (self.before, self.after)

    def note(self, text: str) -> None:
        """Count the characters of a text that was put between what is ``around``."""
        self.length += len(text)

    def write(self, text: str) -> bytes:
        """Return the chunk for more text."""
        self.length += len(text)
        data = encode(text)
        if self.between:
            return self.before + data + self.between + data + self.after
        return self.before + data + self.after


class Encoder:
    """Writes events as chunks: the role first, one finish chunk a choice, usage where it was asked for, ``[DONE]``.

    Without a request usage is always told. The end comes with the last choice
    that began, once as many as were asked for have ended or usage has come.
    """

    content_type = "text/event-stream"

    def __init__(self, request: ChatRequest | None = None) -> None:
        """Write for the client who sent ``request``."""
        options = own(request.extra).get("stream_options") or {} if request is not None else {"include_usage": True}
        self.usage_wanted = bool(options.get("include_usage"))
        self.expected = request.n or 1 if request is not None else 1
        self.head: dict[str, Any] = {}
        self.before = b""
        """How a chunk begins that is about a choice and says nothing else."""
        self.first: dict[str, Any] = {}
        self.slots: dict[tuple[int, int], Slot] = {}
        self.begun: set[int] = set()
        self.finished: set[int] = set()
        self.calls: dict[int, int] = {}
        self.lengths: dict[int, int] = {}
        self.usage: Usage | None = None
        self.done = False

    def encode(self, event: Event) -> bytes:
        """Return the chunks for an event; parts may come whole or in pieces."""
        match event:
            case PartDelta():
                return self._delta(event)
            case PartStarted():
                role = b"" if event.choice in self.begun else self._begin(event.choice)
                return role + self._part(event)
            case PartEnded():
                self._end(event)
                return b""
            case Started():
                self._start(event)
                return self._begin(0)
            case Finished():
                return (b"" if event.choice in self.begun else self._begin(event.choice)) + self._finish(event)
            case _:
                return b""

    def words(self, index: int, choice: int) -> Slot | None:
        """Return what writes more words of a part that is made of nothing else."""
        slot = self.slots.get((choice, index))
        return slot if slot is not None and isinstance(slot.part, Text | Refusal | Reasoning | ToolCall) else None

    def ping(self) -> bytes:
        """Return a comment, which clients skip."""
        return KEEP_ALIVE

    def note(self, text: str) -> bytes:
        """Return a comment."""
        return comment(text)

    def error(self, error: GatewayError) -> bytes:
        """Return the error chunk, which has no choices and is followed by nothing."""
        return sse(encode(encode_error(error)))

    def end(self) -> bytes:
        """Return what ends the stream, once: usage where it was asked for, and ``[DONE]``."""
        if self.done:
            return b""
        self.done = True
        if not self.usage_wanted or self.usage is None:
            return DONE
        return self._chunk({"choices": [], "usage": encode_usage(self.usage)}) + DONE

    def _start(self, event: Started) -> None:
        self.head = {
            "id": event.id or f"chatcmpl-{secrets.token_hex(12)}",
            "object": "chat.completion.chunk",
            "created": event.created or 0,
            "model": event.model,
        }
        said = own(event.extra)
        for key in EVERYWHERE:
            if key in said:
                self.head[key] = said[key]
        self.first = {key: said[key] for key in said if key not in EVERYWHERE}
        self.before = b"data: " + encode(self.head)[:-1] + b',"choices":['

    def _begin(self, choice: int) -> bytes:
        """Return the role chunk of a choice, the first time it is spoken of."""
        if choice in self.begun:
            return b""
        if not self.head:
            self._start(Started())
        self.begun.add(choice)
        first, self.first = self.first, {}
        if not first:
            return self.before + _cut(choice, ROLE)[0]
        return self._chunk(overlaid(first, {"choices": [_choice(choice, {"role": "assistant", "content": ""})]}))

    def _chunk(self, body: Mapping[str, Any]) -> bytes:
        return sse(encode({**self.head, **body}))

    def _say(self, choice: int, delta: Mapping[str, Any], logprobs: list[dict[str, Any]] | None = None) -> bytes:
        row = _choice(choice, delta)
        if logprobs:
            row["logprobs"] = {"content": logprobs, "refusal": None}
        return self.before + encode(row) + AFTER

    def _slot(self, event: PartStarted, *fields: str) -> Slot:
        """Return a part's place: the bytes of its chunks are cut where the text goes."""
        before, *others, after = _cut(event.choice, fields)
        offset = self.lengths.get(event.choice, 0)
        if self.slots:
            for (choice, _), slot in self.slots.items():
                if choice == event.choice and type(slot.part) is Text:
                    offset += slot.length
        return Slot(self.before + before, others[0] if others else b"", after, event.part, offset=offset)

    def _part(self, event: PartStarted) -> bytes:
        part, place = event.part, (event.choice, event.index)
        match part:
            case Text():
                self.slots[place] = self._slot(event, "content")
                if not (part.text or part.citations or part.logprobs):
                    return b""
                whole = PartDelta(
                    event.index, part.text, event.choice, citations=part.citations, logprobs=part.logprobs
                )
                return self._delta(whole)
            case Reasoning():
                self.slots[place] = self._slot(event, *reasoning_fields(part))
                return self._delta(PartDelta(event.index, part.text, event.choice, part.summary))
            case Refusal():
                self.slots[place] = self._slot(event, "refusal")
                return self._delta(PartDelta(event.index, part.text, event.choice))
            case ToolCall():
                return self._call(event, part)
            case Media(kind="image"):
                return self._say(event.choice, {"images": [encode_image(part)]})
            case Media(kind="audio"):
                self.slots[place] = Slot(b"", b"", b"", part)
                said = encode_audio(part) if part.data or part.text or part.extra else {}
                return self._say(event.choice, {"audio": said}) if said else b""
            case _:
                return b""

    def _call(self, event: PartStarted, call: ToolCall) -> bytes:
        position = self.calls.get(event.choice, 0)
        self.calls[event.choice] = position + 1
        row = {**encode_call(call), "index": position}
        if own(call.extra).get("_legacy"):
            self.slots[event.choice, event.index] = self._around(event, {"function_call": {"arguments": MARK}})
            return self._say(event.choice, {"function_call": row["function"]})
        key, text = ("custom", "input") if call.kind == "custom" else ("function", "arguments")
        piece = {"index": position, key: {text: MARK}}
        if call.kind == "custom":
            piece["type"] = "custom"
        self.slots[event.choice, event.index] = self._around(event, {"tool_calls": [piece]}, position=position)
        return self._say(event.choice, {"tool_calls": [row]})

    def _around(self, event: PartStarted, delta: Mapping[str, Any], *, position: int = 0) -> Slot:
        before, after = self._say(event.choice, delta).split(encode(MARK))
        return Slot(before, b"", after, event.part, position=position)

    def _delta(self, event: PartDelta) -> bytes:
        slot = self.slots.get((event.choice, event.index))
        if slot is None:
            return b""
        if type(slot.part) is Text:
            if event.citations or event.logprobs:
                return self._cited(event, slot)
        elif type(slot.part) is not Refusal:
            write = OTHERS.get(type(slot.part))
            if write is not None and (data := write(self, event, slot)):
                return data
        return slot.write(event.text) if event.text else b""

    def _end(self, event: PartEnded) -> None:
        slot = self.slots.pop((event.choice, event.index), None)
        if slot is not None and type(slot.part) is Text:
            self.lengths[event.choice] = self.lengths.get(event.choice, 0) + slot.length

    def _cited(self, event: PartDelta, slot: Slot) -> bytes:
        slot.length += len(event.text)
        rows = [encode_citation(citation, slot.offset) for citation in event.citations]
        annotations = [row for row in rows if row is not None]
        delta: dict[str, Any] = {"content": event.text} if event.text else {}
        delta |= {"annotations": annotations} if annotations else {}
        logprobs = [encode_logprob(row) for row in event.logprobs]
        return self._say(event.choice, delta, logprobs) if delta or logprobs else b""

    def _thought(self, event: PartDelta, slot: Slot) -> bytes:
        return slot.write(event.summary) if event.summary and not event.text else b""

    def _called(self, event: PartDelta, slot: Slot) -> bytes:
        more = {key: value for key, value in own(event.extra).items() if not key.startswith("_")}
        if event.seal is not None and "extra_content" in more:
            more = overlaid(more, {"extra_content": {"google": {"thought_signature": str(event.seal)}}})
        if not more:
            return b""
        said = self._say(event.choice, {"tool_calls": [{**more, "index": slot.position}]})
        return said + (slot.write(event.text) if event.text else b"")

    def _heard(self, event: PartDelta, slot: Slot) -> bytes:
        said = {"data": event.data, "transcript": event.text}
        audio = {**own(event.extra), **{key: value for key, value in said.items() if value}}
        return self._say(event.choice, {"audio": audio}) if audio else b""

    def _finish(self, event: Finished) -> bytes:
        self.finished.add(event.choice)
        self.usage = event.usage or self.usage
        row = _choice(event.choice, {})
        if event.extra:
            more = dict(own(event.extra))
            row["delta"], logprobs = more.pop("message", {}), more.pop("logprobs", None)
            if logprobs:
                row["logprobs"] = {"content": None, "refusal": None} | logprobs
            row = overlaid(more, row | encode_stopped(event.reason, event.detail))
        else:
            row |= encode_stopped(event.reason, event.detail)
        late = own(event.response_extra) if event.response_extra else {}
        data = self._chunk(overlaid(late, {"choices": [row]})) if late else self.before + encode(row) + AFTER
        whole = len(self.finished) >= max(self.expected, 1) or event.usage is not None
        return data + self.end() if whole and self.finished >= self.begun else data


OTHERS: dict[type, Callable[[Encoder, PartDelta, Slot], bytes]] = {
    Reasoning: Encoder._thought,
    ToolCall: Encoder._called,
    Media: Encoder._heard,
}
"""Parts whose deltas may hold more than text."""


@lru_cache(maxsize=64)
def _cut(number: int, fields: tuple[str, ...]) -> list[bytes]:
    """Return what a chunk says of a choice with words in these fields, cut where they go; with the role for ROLE."""
    delta = dict.fromkeys(fields, MARK) if fields is not ROLE else {"role": "assistant", "content": ""}
    return (encode(_choice(number, delta)) + AFTER).split(encode(MARK))


def _choice(number: int, delta: Mapping[str, Any]) -> dict[str, Any]:
    return {"index": number, "delta": delta, "finish_reason": None}


__all__ = ["WIRE", "Encoder"]
