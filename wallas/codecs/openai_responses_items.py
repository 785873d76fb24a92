"""Items of the Responses wire and canonical messages, both ways.

A conversation is a flat list of items here. What the assistant's side says in
a row becomes one message; where its message items began and ended is noted on
their first part (``_item``) and last part (``_end``), so that the same items
come out again. ``_form`` notes content that was a list where a string would
do, or the other way round.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from msgspec.structs import replace

from wallas.codecs.framing import encode
from wallas.codecs.openai_responses_parts import (
    WIRE,
    decode_part,
    encode_part,
    kept,
    name_of,
    noted,
    own,
    unmarked,
    without,
)
from wallas.types.chat import (
    Message,
    Opaque,
    Part,
    Reasoning,
    Role,
    Seal,
    Text,
    ToolCall,
    ToolResult,
)

MINTED = "wallas"
"""Stands in the ids of items that the gateway named: no provider knows them."""

REDACTED = "redacted"
"""Stands in the minted id of a thought that had nothing but a seal, so that it comes back as such."""

CALLS = {"function_call": "arguments", "custom_tool_call": "input"}
"""Call items, and where each keeps what the model wrote."""
RESULTS = ("function_call_output", "custom_tool_call_output")
TOOL_SIDE = ("mcp_approval_response", "named_output")
SERVER_SIDE = ("program_output",)
BETWEEN = "\n\n"
"""Stands between the pieces of a summary or of a thought once they are one text."""

ItemPart = Reasoning | ToolCall | ToolResult | Opaque


def side(item: dict[str, Any], kind: str) -> Role:
    """Return whose turn an item belongs to; what a provider's own tools returned is the assistant's."""
    if kind == "message":
        role: Role = item["role"]
        return role
    if kind == "additional_tools":
        return "developer"
    if item.get("execution") == "server" or kind in SERVER_SIDE:
        return "assistant"
    return "tool" if kind.endswith("_output") or kind in TOOL_SIDE else "assistant"


def decode_items(items: Iterable[tuple[str, dict[str, Any]]]) -> tuple[Message, ...]:
    """Return items, each with its type, as messages; the assistant's and the tools' are grouped, users' are not."""
    messages: list[Message] = []
    role: Role | None = None
    parts: list[Part] = []
    for kind, item in items:
        whose = side(item, kind)
        if parts and role and whose != role:
            messages.append(Message(role=role, parts=tuple(parts)))
            parts = []
        role = whose
        if whose in ("assistant", "tool"):
            parts += decode_item(item, kind)
        elif kind == "message":
            messages.append(decode_message(item))
        else:
            messages.append(Message(role=whose, parts=decode_item(item, kind)))
    if parts and role:
        messages.append(Message(role=role, parts=tuple(parts)))
    return tuple(messages)


def decode_message(item: dict[str, Any]) -> Message:
    """Return a user's, system's or developer's message."""
    parts, form = decode_content(item.get("content"), words="input_text", listed=bool(item.get("id")))
    notes = without(item, "type", "role", "content", "id") | named(item) | {"_form": form}
    return Message(role=item["role"], parts=parts, extra=kept(notes))


def decode_content(content: Any, *, words: str, listed: bool = False) -> tuple[tuple[Part, ...], str | None]:
    """Return content as parts, with its form where that is not the one that ``encode_content`` would choose."""
    parts: tuple[Part, ...] = (Text(text=content),) if isinstance(content, str) else ()
    form = "string"
    if not isinstance(content, str):
        parts = tuple(decode_part(part, words=words) for part in content or ())
        form = "list" if parts else "empty"
    usual = "string" if plain(parts) and not listed else "list"
    return parts, None if form == usual else form


def plain(parts: Sequence[Part]) -> bool:
    """Tell whether parts may be written as a string: one text with nothing but words."""
    match parts:
        case [Text(citations=(), logprobs=()) as text]:
            return not {key for key in own(text.extra) if key not in ("_item", "_end")}
    return False


def decode_item(item: dict[str, Any], kind: str) -> tuple[Part, ...]:
    """Return an item of the assistant's or the tools' as parts."""
    if kind == "message":
        return decode_answer(item)
    if kind == "reasoning":
        return (decode_reasoning(item),)
    if kind in CALLS:
        return (decode_call(item, kind),)
    if kind in RESULTS:
        return (decode_result(item, kind),)
    return (Opaque(wire=WIRE, data=without(item, "id") if minted(item.get("id")) else item),)


def decode_answer(item: dict[str, Any]) -> tuple[Part, ...]:
    """Return an assistant's message: its id and phase are noted on the first part, its status on the last."""
    parts, form = decode_content(item.get("content"), words="output_text", listed=bool(item.get("id")))
    parts = parts or (Text(text=""),)
    begun, ended = edges(item)
    notes: list[dict[str, Any]] = [{} for _ in parts]
    notes[0]["_item"] = begun | ({"_form": form} if form else {})
    if ended:
        notes[-1]["_end"] = ended
    return tuple(annotated(part, note) for part, note in zip(parts, notes, strict=True))


def edges(item: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what a message item says when it begins, and what only when it ends."""
    begun = named(item) | without({"phase": item.get("phase")})
    begun.pop("status", None)
    return begun, without(item, "type", "role", "content", "id", "phase")


def annotated(part: Part, note: dict[str, Any]) -> Part:
    """Return a part with more in this wire's extra."""
    if not note:
        return part
    return replace(part, extra=part.extra | {WIRE: own(part.extra) | note})


def decode_reasoning(item: dict[str, Any]) -> Reasoning:
    """Return a thought. ``_sealed`` notes that no provider knows it without its seal."""
    sealed = item.get("encrypted_content")
    notes = without(item, "type", "id", "status", "summary", "content", "encrypted_content")
    notes["_item"] = named(item)
    told = {}
    for place, word in (("summary", "summary_text"), ("content", "reasoning_text")):
        pieces = item.get(place) or []
        told[place] = BETWEEN.join(piece.get("text") or "" for piece in pieces)
        if pieces != split(told[place], word):
            notes[f"_{place}"] = pieces
    return Reasoning(
        text=told["content"],
        summary=told["summary"],
        redacted=REDACTED in (item.get("id") or "").split("_"),
        seal=Seal.parse(sealed) if sealed else None,
        extra=kept(notes | ({"_sealed": True} if sealed or minted(item.get("id")) else {})),
    )


def split(text: str, word: str) -> list[dict[str, Any]]:
    """Return a text as the pieces of a summary or thought: one, unless it is empty."""
    return [{"type": word, "text": text}] if text else []


def decode_call(item: dict[str, Any], kind: str) -> ToolCall:
    """Return a call. Its id is ``call_id``, which results answer to; the item's own is only noted."""
    said = item.get(CALLS[kind])
    notes = without(item, "type", "id", "status", "call_id", "name", CALLS[kind])
    notes["_item"] = named(item) or None
    return ToolCall(
        id=item.get("call_id") or item.get("id") or "",
        name=item.get("name") or "",
        arguments=said if isinstance(said, str) else "" if said is None else encode(said).decode(),
        kind="custom" if kind == "custom_tool_call" else "function",
        extra=kept(notes),
    )


def decode_result(item: dict[str, Any], kind: str) -> ToolResult:
    """Return what a tool gave back."""
    parts, form = decode_content(item.get("output"), words="input_text")
    notes = without(item, "type", "id", "status", "call_id", "output")
    return ToolResult(
        call_id=item["call_id"],
        parts=parts,
        name=item.get("name"),
        kind="custom" if kind == "custom_tool_call_output" else "function",
        extra=kept(notes | {"_form": form, "_item": named(item) or None}),
    )


def named(item: dict[str, Any]) -> dict[str, Any]:
    """Return an item's own id and status; an id of ours means nothing to any provider, and is forgotten."""
    marks = {"id": None if minted(item.get("id")) else item.get("id"), "status": item.get("status")}
    return without(marks)


def minted(value: Any) -> bool:
    """Tell whether this is an id that the gateway gave."""
    return isinstance(value, str) and MINTED in value.split("_")


class Writing(NamedTuple):
    """For whom items are written: a client, or a ``provider``, who gets its own seals bare and only what it knows."""

    provider: bool = False
    lost: list[str] = []


def encode_items(
    messages: Iterable[Message],
    *,
    provider: bool = False,
    dropped: list[str] | None = None,
    stem: str | None = None,
) -> list[dict[str, Any]]:
    """Return messages as input items, as a client sees them or for a ``provider``.

    ``dropped`` collects what has no place. ``stem`` (a response's id) gives every item without
    an id one that is the same each time, as a listing of stored items needs.
    """
    way = Writing(provider, [])
    items = [item for message in messages for item in encode_message(message, way)]
    if dropped is not None:
        known = set(dropped)
        dropped += [name for name in dict.fromkeys(way.lost) if name not in known]
    if stem is None:
        return items
    return [{"id": f"{prefix(item['type'])}_{MINTED}_{stem}_{place}"} | item for place, item in enumerate(items)]


PREFIXES = {
    "message": "msg",
    "reasoning": "rs",
    "function_call": "fc",
    "function_call_output": "fco",
    "custom_tool_call": "ctc",
    "custom_tool_call_output": "ctco",
    "image_generation_call": "ig",
}
"""How the ids of items begin, by type."""


def prefix(kind: str) -> str:
    """Return how ids of an item's type begin."""
    return PREFIXES.get(kind, "item")


def encode_message(message: Message, way: Writing) -> Iterator[dict[str, Any]]:
    """Yield the items of one message, in order."""
    if message.name:
        way.lost.append("name")
    role = "user" if message.role == "tool" else message.role
    content: list[Part] = []
    for part in message.parts:
        alone = isinstance(part, ItemPart) and "_part" not in own(part.extra)
        if content and (alone or begins(part, content[-1])):
            yield from wrapped(content, role=role, extra=own(message.extra), way=way)
            content = []
        if alone:
            yield from encode_item(part, way)
        else:
            content.append(part)
    if content or own(message.extra).get("_form") == "empty":
        yield from wrapped(content, role=role, extra=own(message.extra), way=way)


def begins(part: Part, previous: Part) -> bool:
    """Tell whether a message item begins with a part."""
    return "_item" in own(part.extra) or "_end" in own(previous.extra)


def wrapped(parts: list[Part], *, role: str, extra: dict[str, Any], way: Writing) -> Iterator[dict[str, Any]]:
    """Yield the message item that holds these parts; none when nothing of them has a place."""
    words = "output_text" if role == "assistant" else "input_text"
    notes = own(parts[0].extra).get("_item", {}) if role == "assistant" else extra
    ended = own(parts[-1].extra).get("_end", {}) if role == "assistant" else {}
    content = encode_content(parts, notes.get("_form"), words=words, way=way, listed="id" in notes)
    if content == [] and notes.get("_form") != "empty":
        return
    yield {"type": "message", "role": role, **unmarked(notes), "content": content, **ended}


def encode_content(
    parts: Sequence[Part], form: str | None, *, words: str, way: Writing, listed: bool = False
) -> str | list[dict[str, Any]]:
    """Return content in the form it came in: a string where it is one text, unless ``listed``, else a list."""
    if form == "empty":
        return []
    if parts and (form == "string" or (form is None and plain(parts) and not listed)):
        return "".join(part.text for part in parts if isinstance(part, Text))
    told = (encode_part(part, words=words, lost=way.lost) for part in parts)
    return [part for part in told if part is not None]


def encode_item(part: Part, way: Writing) -> Iterator[dict[str, Any]]:
    """Yield the item of a part that is one by itself."""
    match part:
        case Reasoning() if way.provider and not known(part):
            way.lost.append("reasoning")
        case Reasoning():
            yield encode_reasoning(part, way)
        case ToolCall():
            yield encode_call(part)
        case ToolResult():
            yield encode_result(part, way)
        case Opaque(wire=wire, data=data) if wire == WIRE:
            yield data
        case _:
            way.lost.append(name_of(part))


def known(part: Reasoning) -> bool:
    """Tell whether a provider would know a thought: by its seal, or as one that it gave without."""
    if part.seal is not None:
        return True
    notes = own(part.extra)
    return "_item" in notes and "_sealed" not in notes


def encode_reasoning(part: Reasoning, way: Writing) -> dict[str, Any]:
    """Return a ``reasoning`` item."""
    notes = own(part.extra)
    item = {"type": "reasoning", **notes.get("_item", {}), "summary": pieces(part, "summary")}
    if content := pieces(part, "content"):
        item["content"] = content
    if part.seal is not None:
        item["encrypted_content"] = part.seal.value if way.provider else str(part.seal)
    return item | noted(part.extra)


def pieces(part: Reasoning, place: str) -> list[dict[str, Any]]:
    """Return a summary or thought in the pieces it came in, if it still is what they said, else as one."""
    text, word = (part.summary, "summary_text") if place == "summary" else (part.text, "reasoning_text")
    raw: list[dict[str, Any]] = own(part.extra).get(f"_{place}", [])
    if raw and BETWEEN.join(piece.get("text") or "" for piece in raw) == text:
        return raw
    return split(text, word)


def encode_call(part: ToolCall) -> dict[str, Any]:
    """Return a ``function_call`` or ``custom_tool_call`` item."""
    kind = "custom_tool_call" if part.kind == "custom" else "function_call"
    item = {"type": kind, **own(part.extra).get("_item", {}), "call_id": part.id, "name": part.name}
    return item | {CALLS[kind]: part.arguments} | noted(part.extra)


def encode_result(part: ToolResult, way: Writing) -> dict[str, Any]:
    """Return a ``function_call_output`` or ``custom_tool_call_output`` item."""
    notes = own(part.extra)
    if part.is_error:
        way.lost.append("is_error")
    output = encode_content(part.parts, notes.get("_form"), words="input_text", way=way)
    kind = "custom_tool_call_output" if part.kind == "custom" else "function_call_output"
    item = {"type": kind, **notes.get("_item", {}), "call_id": part.call_id}
    return item | {"output": output if output or "_form" in notes else ""} | noted(part.extra)
