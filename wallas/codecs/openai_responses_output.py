"""Turns canonical events into the output items of a response and into what a client's stream is told of them.

An item keeps the id under which it began, whatever comes later: the official
SDK gives up on a stream in which an item changes its id.
"""

from collections.abc import Iterator
from typing import Any
from uuid import NAMESPACE_OID, uuid4, uuid5

import msgspec

from wallas.codecs.openai_responses_items import (
    BETWEEN,
    CALLS,
    MINTED,
    REDACTED,
    Writing,
    encode_call,
    encode_reasoning,
    prefix,
)
from wallas.codecs.openai_responses_parts import (
    WIRE,
    encode_citation,
    encode_logprob,
    encode_text,
    name_of,
    noted,
    own,
    unmarked,
)
from wallas.types.chat import (
    ChatRequest,
    Media,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    StopReason,
    Text,
    Tool,
    ToolCall,
)
from wallas.types.events import Event, Finished, Fold, PartDelta, PartEnded, PartStarted, halved

Told = dict[str, Any]
"""One event of the stream, without its sequence number."""

CLIENT = Writing()


def fresh(word: str) -> str:
    """Return a new id for a response."""
    return f"{word}_{uuid4().hex}"


class Item:
    """An output item while it is being told."""

    def __init__(self, place: int, body: dict[str, Any]) -> None:
        """Begin at a place in the output."""
        self.place = place
        self.body = body
        self.content: list[dict[str, Any]] = []
        self.open: set[int] = set()
        self.last = 0
        self.passed = False

    @property
    def at(self) -> Told:
        """Return where events on this item belong."""
        return {"item_id": self.body["id"], "output_index": self.place}


class Slot:
    """A part while it is being told: its item, and its number there when it is content of a message."""

    def __init__(self, part: Part, item: Item, number: int = 0) -> None:
        """Begin."""
        self.part = part
        self.item = item
        self.number = number
        self.summaries: list[str] = []
        self.between = True
        self.thought = False
        self.notes = 0

    @property
    def at(self) -> Told:
        """Return where events on this part belong."""
        return self.item.at | {"content_index": self.number}


class OutputItems:
    """The output of one answer as it grows. ``lost`` collects the names of what has no place on this wire."""

    def __init__(self, request: ChatRequest | None = None) -> None:
        """Start empty; the custom tools of ``request`` are called as such, also by models that know only functions."""
        tools = request.tools if request else ()
        self.custom = frozenset(tool.name for tool in tools if isinstance(tool, Tool) and tool.kind == "custom")
        self.whole = Fold()
        self.items: list[dict[str, Any]] = []
        self.slots: dict[int, Slot] = {}
        self.message: Item | None = None
        self.lost: list[str] = []

    def events(self, event: Event) -> Iterator[Told]:
        """Yield what the client is told; only the first of several answers has a place here."""
        if getattr(event, "choice", 0):
            return
        self.whole.add(event)
        match event:
            case PartStarted(index=index, part=part):
                yield from self._begin(index, part)
                _, more = halved(part, index=index)
                yield from self._grow(more) if more else ()
            case PartDelta():
                yield from self._grow(event)
            case PartEnded(index=index):
                yield from self._end(index)
            case Finished(reason=reason):
                for index in list(self.slots):
                    yield from self._end(index)
                yield from self._close(limited=reason is StopReason.LENGTH)

    def _begin(self, index: int, part: Part) -> Iterator[Told]:
        if isinstance(part, Text | Refusal) or (isinstance(part, Media) and part.kind == "audio") or inner(part):
            yield from self._content(index, part)
            return
        if (body := self._body(part)) is None:
            self.lost.append(name_of(part))
            return
        yield from self._pass()
        item = self._item(body)
        self.slots[index] = Slot(part, item)
        yield self._added(item)

    def _content(self, index: int, part: Part) -> Iterator[Told]:
        begun = own(part.extra).get("_item")
        if self.message is None or begun is not None or self._ended(self.message):
            yield from self._pass()
            blank: dict[str, Any] = {"type": "message", "role": "assistant", "status": "in_progress", "content": []}
            body = blank | unmarked(begun or {})
            self.message = self._item(body)
            yield self._added(self.message)
        item = self.message
        slot = self.slots[index] = Slot(part, item, len(item.content))
        item.open.add(index)
        item.last = index
        empty = msgspec.structs.replace(part, text="") if isinstance(part, Text | Refusal) else part
        item.content.append(encode_content_part(empty))
        yield {"type": "response.content_part.added", **slot.at, "part": item.content[-1]}

    def _body(self, part: Part) -> dict[str, Any] | None:
        match part:
            case Reasoning(redacted=redacted):
                ours = {"id": self._minted(f"rs_{REDACTED}" if redacted else "rs")}
                said: dict[str, Any] = own(part.extra).get("_item", {})
                return {"type": "reasoning"} | ours | said | {"summary": []}
            case ToolCall():
                call = encode_call(self._asked(part))
                status = {"status": "in_progress"} if call["type"] == "function_call" else {}
                return call | status | {CALLS[call["type"]]: ""}
            case Opaque(wire=wire, data=dict() as data) if wire == WIRE:
                return dict(data)
            case Media(kind="image", data=str()):
                return {"type": "image_generation_call", "status": "in_progress", "result": None}
        return None

    def _item(self, body: dict[str, Any]) -> Item:
        item = Item(len(self.items), {"id": self._minted(prefix(body["type"]))} | body)
        self.items.append(item.body)
        return item

    def _minted(self, word: str) -> str:
        return minted(word, stem=self.whole.started.id, place=len(self.items))

    def _added(self, item: Item) -> Told:
        return {"type": "response.output_item.added", "output_index": item.place, "item": item.body}

    def _done(self, item: Item, body: dict[str, Any]) -> Told:
        self.items[item.place] = body
        return {"type": "response.output_item.done", "output_index": item.place, "item": body}

    def _asked(self, call: ToolCall) -> ToolCall:
        wrapped = call.kind == "function" and call.name in self.custom
        return msgspec.structs.replace(call, kind="custom") if wrapped else call

    def _grow(self, delta: PartDelta) -> Iterator[Told]:
        slot = self.slots.get(delta.index)
        match slot and slot.part:
            case Text() | Media(kind="audio") if slot:
                yield from text_events(slot, delta)
            case Refusal() if slot and delta.text:
                yield {"type": "response.refusal.delta", **slot.at, "delta": delta.text}
            case Reasoning() if slot:
                yield from thought_events(slot, delta)
            case ToolCall() as call if slot and delta.text and self._asked(call) is call:
                kind = "custom_tool_call_input" if call.kind == "custom" else "function_call_arguments"
                yield {"type": f"response.{kind}.delta", **slot.item.at, "delta": delta.text}

    def _end(self, index: int) -> Iterator[Told]:
        slot = self.slots.pop(index, None)
        part = self.whole.part(index)
        match part:
            case _ if slot is None:
                return
            case Reasoning():
                yield from self._end_thought(slot, part)
            case ToolCall():
                yield from self._end_call(slot, part)
            case Opaque(data=data) if not inner(part):
                yield self._done(slot.item, {"id": slot.item.body["id"]} | data)
            case Media(kind="image"):
                yield self._done(slot.item, slot.item.body | {"status": "completed", "result": part.data})
            case Text() | Refusal() | Media() | Opaque():
                yield from self._end_content(index, slot, part)

    def _end_content(self, index: int, slot: Slot, part: Part) -> Iterator[Told]:
        told = encode_content_part(part)
        slot.item.content[slot.number] = told
        if told["type"] == "output_text":
            logprobs = told["logprobs"]
            yield {"type": "response.output_text.done", **slot.at, "text": told["text"], "logprobs": logprobs}
        elif told["type"] == "refusal":
            yield {"type": "response.refusal.done", **slot.at, "refusal": told["refusal"]}
        yield {"type": "response.content_part.done", **slot.at, "part": told}
        slot.item.open.discard(index)
        if slot.item.passed and not slot.item.open:
            yield self._done_message(slot.item)

    def _end_thought(self, slot: Slot, part: Reasoning) -> Iterator[Told]:
        yield from summary_done(slot)
        item = encode_reasoning(part, CLIENT) | {"id": slot.item.body["id"]}
        if slot.thought:
            thought = {"type": "reasoning_text", "text": part.text}
            yield {"type": "response.reasoning_text.done", **slot.at, "text": part.text}
            yield {"type": "response.content_part.done", **slot.at, "part": thought}
        if len(item["summary"]) == 1 < len(slot.summaries) and BETWEEN.join(slot.summaries) == part.summary:
            item["summary"] = [{"type": "summary_text", "text": text} for text in slot.summaries]
        yield self._done(slot.item, item)

    def _end_call(self, slot: Slot, part: ToolCall) -> Iterator[Told]:
        call = self._asked(part)
        if call is not part:
            call = msgspec.structs.replace(call, arguments=unwrapped(part.arguments))
            if call.arguments:
                delta = {"delta": call.arguments}
                yield {"type": "response.custom_tool_call_input.delta", **slot.item.at, **delta}
        item = encode_call(call)
        place = CALLS[item["type"]]
        kind = "custom_tool_call_input" if place == "input" else "function_call_arguments"
        named = {"name": call.name} if place == "arguments" else {}
        yield {"type": f"response.{kind}.done", **slot.item.at, **named, place: call.arguments}
        status = {"status": "completed"} if place == "arguments" and "_item" not in own(part.extra) else {}
        yield self._done(slot.item, status | item | {"id": slot.item.body["id"]})

    def _ended(self, item: Item) -> bool:
        last = self.whole.part(item.last)
        return item.last not in self.slots and last is not None and "_end" in own(last.extra)

    def _pass(self) -> Iterator[Told]:
        """Begin something else: the open message is done, or will be with its last part."""
        item, self.message = self.message, None
        if item is not None:
            item.passed = True
            if not item.open:
                yield self._done_message(item)

    def _close(self, *, limited: bool) -> Iterator[Told]:
        if self.message is not None:
            yield self._done_message(self.message, status="incomplete" if limited else "completed")
            self.message = None

    def _done_message(self, item: Item, *, status: str = "completed") -> Told:
        last = self.whole.part(item.last)
        first = item.body
        ended = own(last.extra).get("_end", {}) if last else {}
        content = [] if is_empty(last, item) else item.content
        return self._done(item, first | {"status": status, "content": content} | ended)


def is_empty(part: Part | None, item: Item) -> bool:
    """Tell whether a message came without any content."""
    return part is not None and len(item.content) == 1 and own(part.extra).get("_item", {}).get("_form") == "empty"


def minted(word: str, *, stem: str, place: int) -> str:
    """Return an id for an item, by which it is known as the gateway's own.

    The same item of the same response (``stem``) gets the same id whenever the response is told.
    """
    return f"{word}_{MINTED}_{uuid5(NAMESPACE_OID, f'{stem}/{place}').hex if stem else uuid4().hex}"


def inner(part: Part) -> bool:
    """Tell whether this is content of a message that is carried as it is."""
    return isinstance(part, Opaque) and part.wire == WIRE and "_part" in own(part.extra)


def encode_content_part(part: Part) -> dict[str, Any]:
    """Return a part of an answer's message, complete for clients that read every field."""
    match part:
        case Text():
            told = encode_text(part, words="output_text")
            return told if told["type"] != "output_text" else {"annotations": [], "logprobs": []} | told
        case Refusal(text=text):
            return {"type": "refusal", "refusal": text} | noted(part.extra)
        case Opaque(data=dict() as data):
            return data
        case Media(text=text):
            return {"type": "output_text", "text": text or "", "annotations": [], "logprobs": []}
    raise TypeError(part)


def text_events(slot: Slot, delta: PartDelta) -> Iterator[Told]:
    """Yield what a delta says of a text: words with their log probabilities, then its sources."""
    if delta.text or delta.logprobs:
        logprobs = [encode_logprob(row) for row in delta.logprobs]
        yield {"type": "response.output_text.delta", **slot.at, "delta": delta.text, "logprobs": logprobs}
    for citation in delta.citations:
        place = {"annotation_index": slot.notes, "annotation": encode_citation(citation)}
        yield {"type": "response.output_text.annotation.added", **slot.at, **place}
        slot.notes += 1


def thought_events(slot: Slot, delta: PartDelta) -> Iterator[Told]:
    """Yield what a delta says of a thought. A summary that is known in pieces is told so."""
    pieces = [piece.get("text") or "" for piece in own(slot.part.extra).get("_summary", ())]
    if delta.summary != BETWEEN.join(pieces):
        pieces = [delta.summary]
    for number, text in enumerate(pieces):
        if number:
            yield from summary_done(slot)
        yield from summary_events(slot, text)
    if delta.text:
        if not slot.thought:
            slot.thought = True
            part = {"type": "reasoning_text", "text": ""}
            yield {"type": "response.content_part.added", **slot.at, "part": part}
        yield {"type": "response.reasoning_text.delta", **slot.at, "delta": delta.text}


def summary_events(slot: Slot, text: str) -> Iterator[Told]:
    """Yield more of a summary. A blank line alone ends a part of it."""
    if text == BETWEEN and slot.summaries:
        yield from summary_done(slot)
    elif text:
        if slot.between:
            slot.between = False
            slot.summaries.append("")
            yield {"type": "response.reasoning_summary_part.added", **summary_at(slot), "part": summary_part("")}
        slot.summaries[-1] += text
        yield {"type": "response.reasoning_summary_text.delta", **summary_at(slot), "delta": text}


def summary_done(slot: Slot) -> Iterator[Told]:
    """Yield the end of the open part of a summary, if one is open."""
    if slot.between:
        return
    slot.between = True
    text = slot.summaries[-1]
    yield {"type": "response.reasoning_summary_text.done", **summary_at(slot), "text": text}
    yield {"type": "response.reasoning_summary_part.done", **summary_at(slot), "part": summary_part(text)}


def summary_at(slot: Slot) -> Told:
    """Return where events on the open part of a summary belong."""
    return slot.item.at | {"summary_index": len(slot.summaries) - 1}


def summary_part(text: str) -> dict[str, Any]:
    """Return a part of a summary."""
    return {"type": "summary_text", "text": text}


def unwrapped(arguments: str) -> str:
    """Return the text for a custom tool out of a function call's arguments: ``{"input": text}``, else all of them."""
    try:
        value = msgspec.json.decode(arguments)
    except (msgspec.DecodeError, RecursionError):
        return arguments
    match value:
        case {"input": str() as text} | str(text):
            return text
    return arguments
