"""Adds to a request, once, what the gateway knows and the client could not send: earlier turns, and seals."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import takewhile

import msgspec

from wallas.errors import NotFound
from wallas.routing.sight import Sight, sight_of
from wallas.types.chat import ChatRequest, Message, Reasoning, Seal, Text, ToolCall


class Kept(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was kept for one tool call: its own seal, and the sealed thinking that came before it.

    ``name`` and ``mark`` find it again where the client forgets a call's id.
    """

    seal: Seal | None = None
    thinking: tuple[Reasoning, ...] = ()
    name: str = ""
    mark: str = ""


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """How to look up what was kept: whole conversations by response id, seals by calls.

    ``seals`` takes, by tool-call id, the call's name and mark, and returns what is found by id or else by those.
    """

    conversation: Callable[[str], Sequence[Message] | None]
    seals: Callable[[Mapping[str, tuple[str, str]]], Mapping[str, Kept]]


def enrich(request: ChatRequest, memory: Memory, *, sight: Sight | None = None) -> ChatRequest:
    """Return the request with the conversation it goes on from, and with the seals its wire could not carry.

    ``sight`` is what was seen of the request, if somebody looked already.
    """
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
        sight = None
    if not (sight or sight_of(request)).bare:
        return request
    bare = dict(_bare_calls(request.messages))
    kept = memory.seals(bare) if bare else {}
    if not kept:
        return request
    messages = tuple(_sealed(message, kept) for message in request.messages)
    return msgspec.structs.replace(request, messages=messages)


def kept_of(messages: Iterable[Message], *, before: Sequence[Message] = ()) -> dict[str, Kept]:
    """Return what should be kept of an answer, by tool-call id: seals that the client's wire may not carry.

    ``before`` is the conversation that it answers.
    """
    found: dict[str, Kept] = {}
    for message in messages:
        thinking: tuple[Reasoning, ...] = ()
        for part in message.parts:
            if isinstance(part, Reasoning) and part.seal is not None:
                thinking = (*thinking, part)
            elif isinstance(part, ToolCall):
                if part.seal is not None or thinking:
                    mark = mark_of(part, _heard(before))
                    found[part.id] = Kept(seal=part.seal, thinking=thinking, name=part.name, mark=mark)
                thinking = ()
    return found


def mark_of(call: ToolCall, heard: "hashlib._Hash") -> str:
    """Return a hash of a call's arguments and of what the user had said: the same call elsewhere has another."""
    try:
        arguments = msgspec.json.encode(msgspec.json.decode(call.arguments or "{}"), order="sorted")
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        arguments = call.arguments.encode("utf-8", "surrogatepass")
    digest = heard.copy()
    digest.update(arguments)
    return digest.hexdigest()


def _bare_calls(messages: Iterable[Message]) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield the id, name and mark of each call without a seal; a long conversation is hashed once."""
    heard = hashlib.sha256()
    for message in messages:
        if message.role == "user":
            heard = _heard((message,), heard)
        elif message.role == "assistant":
            for part in message.parts:
                if type(part) is ToolCall and part.seal is None:
                    yield part.id, (part.name, mark_of(part, heard))


def _heard(messages: Iterable[Message], heard: "hashlib._Hash | None" = None) -> "hashlib._Hash":
    """Return the hash of all that the user said, going on from what was ``heard`` before."""
    heard = heard or hashlib.sha256()
    for message in messages:
        if message.role == "user":
            for part in message.parts:
                if isinstance(part, Text):
                    heard.update(b"\0" + part.text.encode("utf-8", "surrogatepass"))
    return heard


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
