"""What a request takes: abilities, and tokens estimated from bytes."""

from typing import NamedTuple

import msgspec

from wallas.types.chat import ChatRequest, Media, Reasoning, Refusal, Text, ToolCall, ToolResult

BYTES_PER_TOKEN = 3.6
TOKENS_PER_MEDIA = 800
MARGIN = 1.1
"""How much longer than estimated a request may turn out."""
MEDIA_NEEDS = {"image": "vision", "audio": "audio", "video": "video", "document": "pdf"}


class Needs(NamedTuple):
    """What a request takes: capabilities, and estimated tokens in and wanted tokens out."""

    capabilities: frozenset[str]
    tokens: int
    output: int


def needs_of(request: ChatRequest) -> Needs:
    """Return what the request takes; tokens are estimated from bytes (routing.md 2), never from a tokenizer."""
    wanted = {"chat"}
    size = 0
    media = 0
    for message in request.messages:
        for part in message.parts:
            size, media = _weigh(part, wanted, size, media)
    if request.tools:
        wanted.add("tools")
        size += sum(len(msgspec.json.encode(tool)) for tool in request.tools)
    tokens = int(size / BYTES_PER_TOKEN) + media * TOKENS_PER_MEDIA + 8 * len(request.messages)
    return Needs(frozenset(wanted), tokens, request.max_tokens or 0)


def _weigh(part: object, wanted: set[str], size: int, media: int) -> tuple[int, int]:
    match part:
        case Text(text=text) | Refusal(text=text):
            size += len(text) if text.isascii() else len(text.encode())
        case Reasoning(text=text, summary=summary):
            size += len(text) + len(summary)
        case ToolCall(arguments=arguments, name=name):
            size += len(arguments) + len(name)
        case ToolResult(parts=parts):
            for inner in parts:
                size, media = _weigh(inner, wanted, size, media)
        case Media(kind="document", text=str(text)):
            size += len(text)
        case Media(kind=kind):
            wanted.add(MEDIA_NEEDS[kind])
            media += 1
        case _:
            pass
    return size, media
