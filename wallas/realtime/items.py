"""Items of a conversation: what a client adds, what an answer is made of, and the request that they amount to."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from typing import Any, Literal

import msgspec

from wallas.errors import BadRequest
from wallas.ids import fresh
from wallas.realtime.fields import ContentIn, ItemIn

BETA = {"output_text": "text", "output_audio": "audio"}
"""What the beta calls parts of answers."""
GA = {old: new for new, old in BETA.items()}
ALLOWED = {
    "system": frozenset({"input_text"}),
    "user": frozenset({"input_text", "input_audio", "input_image"}),
    "assistant": frozenset({"output_text", "output_audio"}),
}
CHARS_A_MS = 0.015
WORDS = {"input_text": "text", "output_text": "text", "output_audio": "transcript"}
"""Where a part of this type keeps its words, if a client must say them."""


class Mark(msgspec.Struct, frozen=True):
    """So many characters of a transcript were spoken within so many milliseconds."""

    chars: int
    ms: float


class Content(msgspec.Struct, kw_only=True):
    """A part of a message; ``words`` is its text or transcript, None while nobody knows what was said."""

    type: str
    words: str | None = ""
    image_url: str | None = None
    detail: str | None = None
    marks: list[Mark] = []
    sound_ms: float = 0.0
    """How much of an answer's sound was sent."""

    @property
    def size(self) -> int:
        """Return what it costs to keep."""
        return len(self.words or "") + len(self.image_url or "")

    def told(self, *, beta: bool) -> dict[str, Any]:
        """Return the part as it is sent; sound is never repeated."""
        kind = BETA.get(self.type, self.type) if beta else self.type
        if self.type == "input_image":
            return {"type": kind, "image_url": self.image_url, "detail": self.detail or "auto"}
        return {"type": kind, "transcript" if self.type.endswith("audio") else "text": self.words}

    def truncate(self, ms: int) -> None:
        """Forget the words that were not heard within ``ms``: the part of a spoken piece ends with a whole word.

        How much was said of a piece that was cut off while it was spoken is reckoned by a usual pace.
        """
        text = self.words or ""
        whole = list(takewhile(lambda mark: mark.ms <= ms, self.marks))
        done = whole[-1] if whole else Mark(0, 0.0)
        rest = self.marks[len(whole) :]
        kept = done.chars
        pace = CHARS_A_MS
        if rest and rest[0].ms > done.ms:
            pace = (rest[0].chars - done.chars) / (rest[0].ms - done.ms)
        end = done.chars + int((ms - done.ms) * pace)
        if rest or end < len(text):
            kept += max(text[done.chars : end].rfind(" "), 0)
        elif ms > done.ms:
            kept = len(text)
        self.words = text[:kept].rstrip()
        self.marks = [*whole, *([Mark(kept, float(ms))] if kept > done.chars else [])]
        self.sound_ms = min(self.sound_ms, float(ms))


class Item(msgspec.Struct, kw_only=True):
    """One item; ``status`` is in_progress while it grows."""

    id: str
    type: Literal["message", "function_call", "function_call_output"]
    status: str = "completed"
    role: str | None = None
    content: list[Content] = []
    call_id: str = ""
    name: str = ""
    arguments: str = ""
    output: str = ""

    @property
    def size(self) -> int:
        """Return what it costs to keep."""
        return len(self.arguments) + len(self.output) + sum(part.size for part in self.content)

    def told(self, *, beta: bool = False) -> dict[str, Any]:
        """Return the item as it is sent."""
        head = {"id": self.id, "object": "realtime.item", "type": self.type, "status": self.status}
        match self.type:
            case "message":
                return head | {"role": self.role, "content": [part.told(beta=beta) for part in self.content]}
            case "function_call":
                return head | {"name": self.name, "call_id": self.call_id, "arguments": self.arguments}
            case _:
                return head | {"call_id": self.call_id, "output": self.output}


def new_id() -> str:
    """Return an id for an item."""
    return f"item_{fresh()[:24]}"


def item_of(said: ItemIn, *, at: str = "item") -> tuple[Item, list[tuple[Content, str]]]:
    """Return the item that a client describes, and its parts that are sound, in base64; raise BadRequest.

    An answer's sound cannot be given, only its transcript.
    """
    id = said.id or new_id()
    if said.type == "function_call":
        name, arguments = _needed(said, "name", at), _needed(said, "arguments", at)
        call_id = said.call_id or f"call_{fresh()[:24]}"
        return Item(id=id, type="function_call", name=name, arguments=arguments, call_id=call_id), []
    if said.type == "function_call_output":
        call_id, output = _needed(said, "call_id", at), _needed(said, "output", at)
        return Item(id=id, type="function_call_output", call_id=call_id, output=output), []
    role = _needed(said, "role", at)
    if said.content is None:
        raise BadRequest(f"{at}.content is missing", param=f"{at}.content", code="missing_required_parameter")
    sounds: list[tuple[Content, str]] = []
    parts = [_content(part, role, sounds, at=f"{at}.content[{number}]") for number, part in enumerate(said.content)]
    return Item(id=id, type="message", role=role, content=parts), sounds


def _needed(said: ItemIn, name: str, at: str) -> str:
    value = getattr(said, name)
    if value is None:
        raise BadRequest(f"{at}.{name} is missing", param=f"{at}.{name}", code="missing_required_parameter")
    return str(value)


def _content(said: ContentIn, role: str, sounds: list[tuple[Content, str]], *, at: str) -> Content:
    kind = GA.get(said.type, said.type)
    if kind not in ALLOWED[role]:
        allowed = ", ".join(sorted(ALLOWED[role]))
        raise BadRequest(f"{at}.type: a {role} message holds {allowed}, not {said.type}", param=f"{at}.type")
    if kind == "input_image":
        if not said.image_url:
            raise BadRequest(f"{at}.image_url is missing", param=f"{at}.image_url", code="missing_required_parameter")
        return Content(type=kind, image_url=said.image_url, detail=said.detail)
    if kind == "input_audio":
        if said.transcript is None and said.audio is None:
            raise BadRequest(f"{at}.audio is missing", param=f"{at}.audio", code="missing_required_parameter")
        part = Content(type=kind, words=said.transcript)
        if said.transcript is None:
            sounds.append((part, said.audio or ""))
        return part
    words = getattr(said, WORDS[kind])
    if words is None:
        param = f"{at}.{WORDS[kind]}"
        raise BadRequest(f"{param} is missing", param=param, code="missing_required_parameter")
    return Content(type=kind, words=words)


def input_of(items: Sequence[Item]) -> list[dict[str, Any]]:
    """Return items as the Responses wire has them, which is nearly how they are.

    Sound is what was understood of it. A call without its result, or a result without its call, is left out: no
    provider takes one.
    """
    calls = {item.call_id for item in items if item.type == "function_call" and item.status == "completed"}
    results = {item.call_id for item in items if item.type == "function_call_output"}
    paired = calls & results
    return [row for item in items if (row := _row(item, paired)) is not None]


def _row(item: Item, paired: set[str]) -> dict[str, Any] | None:
    if item.type == "function_call":
        told = {"type": item.type, "call_id": item.call_id, "name": item.name, "arguments": item.arguments}
        return told if item.call_id in paired else None
    if item.type == "function_call_output":
        told = {"type": item.type, "call_id": item.call_id, "output": item.output}
        return told if item.call_id in paired else None
    words = "output_text" if item.role == "assistant" else "input_text"
    parts = list(_parts(item.content, words))
    return {"type": "message", "role": item.role, "content": parts} if parts else None


def _parts(content: Iterable[Content], words: str) -> Iterator[dict[str, Any]]:
    for part in content:
        if part.type == "input_image":
            yield {"type": "input_image", "image_url": part.image_url, "detail": part.detail or "auto"}
        elif part.words:
            yield {"type": words, "text": part.words}
