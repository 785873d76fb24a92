"""Canonical messages as the turns of the Anthropic wire: system apart, roles taking turns, tool results first."""

import re
import zlib
from base64 import b64decode
from collections.abc import Iterable
from typing import Any

from wallas.codecs.anthropic_blocks import WIRE, arguments_object, write_citation
from wallas.codecs.anthropic_requests import IN_PLACE
from wallas.codecs.pieces import base64_string
from wallas.types.chat import (
    Media,
    Message,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)

OPENING = "(The conversation begins with the assistant's words.)"
"""The user turn put before a conversation that begins with the assistant, which the wire does not take."""

SILENT_ERROR = "The tool failed and said nothing."

_SYSTEM = ("system", "developer")
_BAD_ID = re.compile(r"[^a-zA-Z0-9_-]")

Blocks = list[dict[str, Any]]


def write_turns(
    messages: Iterable[Message], lost: list[str], *, system_turns: bool | None = None
) -> tuple[Blocks, list[dict[str, Any]]]:
    """Return the ``system`` blocks and the ``messages``; the names of what has no place go to ``lost``.

    ``system_turns``: whether a system message among the others keeps its role
    (newer models take that); None: as the client of this wire had it. Else its
    words become the user's, between ``<system>`` marks.
    """
    messages = list(messages)
    start = next((n for n, message in enumerate(messages) if message.role not in _SYSTEM), None)
    if start is None:  # nothing but system messages: the last one is what the model shall answer
        start = max(len(messages) - 1, 0)
        messages[start:] = [Message(role="user", parts=message.parts) for message in messages[start:]]
    system = [block for message in messages[:start] for block in write_parts(message, lost)]
    lost.extend(key for message in messages[:start] for key in message.extra.get(WIRE, {}))
    turns: list[dict[str, Any]] = []
    for message in messages[start:]:
        _add(turns, _turn(message, lost, system_turns=system_turns))
    for turn in turns:
        if turn["role"] == "user" and len(turn["content"]) > 1:
            turn["content"].sort(key=lambda block: block["type"] != "tool_result")
    _trim_end(turns)
    if turns and turns[0]["role"] == "assistant" and not _has_own(messages[start].parts):
        turns.insert(0, {"role": "user", "content": [{"type": "text", "text": OPENING}]})
    return system, turns


def _has_own(parts: tuple[Part, ...]) -> bool:
    """Return whether these came from this wire, which then took a beginning like this (seen with server tools)."""
    return any(isinstance(part, Opaque) for part in parts)


def _add(turns: list[dict[str, Any]], turn: dict[str, Any]) -> None:
    if not turn["content"]:
        return
    if turns and turns[-1]["role"] == turn["role"] != "system":
        content = turns[-1]["content"] + turn["content"]
        turns[-1] = {**turns[-1], **turn, "content": content}
    else:
        turns.append(turn)


def _turn(message: Message, lost: list[str], *, system_turns: bool | None) -> dict[str, Any]:
    if message.name is not None:
        lost.append("name")
    extra = dict(message.extra.get(WIRE, {}))
    blocks = write_parts(message, lost)
    if message.role not in _SYSTEM:
        return {**extra, "role": "assistant" if message.role == "assistant" else "user", "content": blocks}
    in_place = IN_PLACE.items() <= extra.items() if system_turns is None else system_turns
    if in_place:
        return {**extra, "role": "system", "content": blocks}
    extra.pop("role", None)
    return {**extra, "role": "user", "content": [_worded(block, lost) for block in blocks if _sayable(block, lost)]}


def _sayable(block: dict[str, Any], lost: list[str]) -> bool:
    """Return whether a user can say this block of a system message; if not it is named."""
    if block["type"] != "text":
        lost.append(block["type"])
    return bool(block["type"] == "text")


def _worded(block: dict[str, Any], lost: list[str]) -> dict[str, Any]:
    return {**block, "text": f"<system>\n{block['text']}\n</system>"}


def _trim_end(turns: list[dict[str, Any]]) -> None:
    """Take the white space off a final assistant text: the wire refuses it."""
    if not turns or turns[-1]["role"] != "assistant" or turns[-1]["content"][-1]["type"] != "text":
        return
    content = turns[-1]["content"]
    content[-1] = {**content[-1], "text": content[-1]["text"].rstrip()}


def write_parts(message: Message, lost: list[str]) -> Blocks:
    """Return a message's parts as blocks, without those that have no place."""
    assistant, blocks = message.role == "assistant", []
    for part in message.parts:
        block = write_part(part, lost, assistant=assistant)
        if block is not None:
            blocks.append(block)
    return blocks


def write_part(part: Part, lost: list[str], *, assistant: bool = False) -> dict[str, Any] | None:
    """Return a part as a block of a request, or None when it is empty or has no place."""
    match part:
        case Text() | Refusal():
            return _text(part, lost)
        case Media():
            return _named(lost, part.kind) if assistant else _media(part, lost)
        case Reasoning():
            return _thought(part, lost)
        case ToolCall():
            _name_seal(part, lost)
            call = {"id": fitting_id(part.id), "name": part.name, "input": arguments_object(part)}
            return {"type": "tool_use", **call, **part.extra.get(WIRE, {})}
        case ToolResult():
            return _result(part, lost)
        case Opaque():
            if part.wire == WIRE and isinstance(part.data, dict):
                return {**part.data}
            return _named(lost, _kind(part))


def _named(lost: list[str], name: str) -> dict[str, Any] | None:
    """Name what has no place, and return nothing to send."""
    lost.append(name)
    return None


def _kind(part: Opaque) -> str:
    kind = part.data.get("type") if isinstance(part.data, dict) else None
    return kind if isinstance(kind, str) else part.wire


def _name_seal(part: Part, lost: list[str]) -> None:
    if part.seal is not None:
        lost.append("seal")


def _text(part: Text | Refusal, lost: list[str]) -> dict[str, Any] | None:
    if part.seal is not None:
        lost.append("seal")
    if not part.text or part.text.isspace():  # the wire refuses texts of white space alone
        return None
    block: dict[str, Any] = {"type": "text", "text": part.text}
    if part.extra:
        block |= part.extra.get(WIRE, {})
    if isinstance(part, Text) and part.citations:
        citations = [write_citation(citation) for citation in part.citations if WIRE in citation.extra]
        if len(citations) < len(part.citations):
            lost.append("citations")
        if citations:
            block["citations"] = citations
    return block


def _thought(part: Reasoning, lost: list[str]) -> dict[str, Any] | None:
    if part.seal is None:
        return _named(lost, "reasoning")
    mine = part.extra.get(WIRE, {})
    if part.redacted:
        return {"type": "redacted_thinking", "data": part.seal.value, **mine}
    return {"type": "thinking", "thinking": part.text, "signature": part.seal.value, **mine}


def _result(part: ToolResult, lost: list[str]) -> dict[str, Any]:
    _name_seal(part, lost)
    pieces = (write_part(piece, lost) for piece in part.parts)
    content = [piece for piece in pieces if piece is not None]
    if part.is_error and not content:  # the wire wants words with an error
        content = [{"type": "text", "text": SILENT_ERROR}]
    block: dict[str, Any] = {"type": "tool_result", "tool_use_id": fitting_id(part.call_id)}
    if content:
        block["content"] = content
    return {**block, "is_error": part.is_error, **part.extra.get(WIRE, {})}


def _media(part: Media, lost: list[str]) -> dict[str, Any] | None:
    _name_seal(part, lost)
    mine = dict(part.extra.get(WIRE, {}))
    rest = mine.pop("source", {})
    source = rest if "type" in rest else _source(part)
    if source is None or part.kind not in ("image", "document"):
        return _named(lost, part.kind)
    block: dict[str, Any] = {"type": part.kind, "source": {**source, **rest}}
    if part.name is not None and part.kind == "document":
        block["title"] = part.name
    return {**block, **mine}


def _source(part: Media) -> dict[str, Any] | None:
    """Return where the wire finds an image or a document, or None for a form that it does not take."""
    if part.url is not None:
        return {"type": "url", "url": part.url}
    if part.file_id is not None:
        return {"type": "file", "file_id": part.file_id}
    data = base64_string("", part.data) if part.data else None
    if part.kind == "image":
        return {"type": "base64", "media_type": part.mime or "image/png", "data": data} if data else None
    if data and part.mime in (None, "application/pdf"):
        return {"type": "base64", "media_type": "application/pdf", "data": data}
    text = part.text
    if part.data and (part.mime or "").startswith("text/"):
        text = b64decode(str(part.data)).decode("utf-8", "replace")
    return {"type": "text", "media_type": "text/plain", "data": text} if text and text.strip() else None


def fitting_id(id: str) -> str:
    """Return a tool-call id that the wire takes: its own as they are, others with a checksum so that they differ."""
    if id and not _BAD_ID.search(id):
        return id
    return f"{_BAD_ID.sub('_', id)}_{zlib.crc32(id.encode('utf-8', 'replace')):08x}"
