"""Adds to a request, once, what the gateway knows and the client could not send: earlier turns, and seals."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import takewhile

import msgspec

from wallas.errors import NotFound
from wallas.types.chat import ChatRequest, Message, Reasoning, Seal, ToolCall


class Kept(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was kept for one tool call: its own seal, and the sealed thinking that came before it."""

    seal: Seal | None = None
    thinking: tuple[Reasoning, ...] = ()


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """How to look up what was kept: whole conversations by response id, seals by tool-call id."""

    conversation: Callable[[str], Sequence[Message] | None]
    seals: Callable[[Iterable[str]], Mapping[str, Kept]]


def enrich(request: ChatRequest, memory: Memory) -> ChatRequest:
    """Return the request with the conversation it goes on from, and with the seals its wire could not carry."""
    if request.previous_id is not None:
        earlier = memory.conversation(request.previous_id)
        if earlier is None:
            raise NotFound(
                f"no response {request.previous_id[:100]!r} is stored here",
                param="previous_response_id",
                code="previous_response_not_found",
            )
        first = sum(1 for _ in takewhile(lambda message: message.role == "system", request.messages))
        messages = (*request.messages[:first], *earlier, *request.messages[first:])
        request = msgspec.structs.replace(request, messages=messages, previous_id=None)
    bare = [
        part.id
        for message in request.messages
        if message.role == "assistant"
        for part in message.parts
        if isinstance(part, ToolCall) and part.seal is None
    ]
    if not bare:
        return request
    kept = memory.seals(bare)
    if not kept:
        return request
    messages = tuple(_sealed(message, kept) for message in request.messages)
    return msgspec.structs.replace(request, messages=messages)


def kept_of(messages: Iterable[Message]) -> dict[str, Kept]:
    """Return what should be kept of an answer, by tool-call id: seals that the client's wire may not carry."""
    found: dict[str, Kept] = {}
    for message in messages:
        thinking: tuple[Reasoning, ...] = ()
        for part in message.parts:
            if isinstance(part, Reasoning) and part.seal is not None:
                thinking = (*thinking, part)
            elif isinstance(part, ToolCall):
                if part.seal is not None or thinking:
                    found[part.id] = Kept(seal=part.seal, thinking=thinking)
                thinking = ()
    return found


def _sealed(message: Message, kept: Mapping[str, Kept]) -> Message:
    if message.role != "assistant" or not any(isinstance(p, ToolCall) and p.id in kept for p in message.parts):
        return message
    parts: list[object] = []
    has_thinking = any(isinstance(part, Reasoning) and part.seal is not None for part in message.parts)
    for part in message.parts:
        if isinstance(part, ToolCall) and part.seal is None and part.id in kept:
            own = kept[part.id]
            if own.thinking and not has_thinking:
                parts = [earlier for earlier in parts if not isinstance(earlier, Reasoning)]
                parts.extend(own.thinking)
            part = msgspec.structs.replace(part, seal=own.seal)
        parts.append(part)
    return msgspec.structs.replace(message, parts=tuple(parts))
