"""Whole answers of the Anthropic wire, in from a provider and out to a client; also usage and stop reasons."""

from collections.abc import Iterable
from typing import Any
from uuid import uuid4

import msgspec

from wallas.codecs.anthropic_blocks import WIRE, arguments_object, read_block, write_citation
from wallas.codecs.anthropic_errors import failure
from wallas.errors import BadRequest, FailureKind, ProviderError
from wallas.types.chat import (
    ChatRequest,
    ChatResponse,
    Choice,
    Extra,
    Media,
    Message,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Seal,
    StopReason,
    Text,
    ToolCall,
    ToolResult,
    Usage,
)

STOPS = {
    "end_turn": StopReason.STOP,
    "stop_sequence": StopReason.STOP_SEQUENCE,
    "max_tokens": StopReason.LENGTH,
    "model_context_window_exceeded": StopReason.LENGTH,
    "tool_use": StopReason.TOOL_CALLS,
    "pause_turn": StopReason.PAUSE,
    "refusal": StopReason.REFUSAL,
}

WORDS = {
    StopReason.STOP: "end_turn",
    StopReason.STOP_SEQUENCE: "stop_sequence",
    StopReason.LENGTH: "max_tokens",
    StopReason.TOOL_CALLS: "tool_use",
    StopReason.PAUSE: "pause_turn",
    StopReason.REFUSAL: "refusal",
    StopReason.CONTENT_FILTER: "refusal",
    StopReason.UNKNOWN: "end_turn",
}

TYPED = frozenset({"id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "stop_details", "usage"})
"""The keys of an answer that have a field; the rest is ``extra``."""


def decode_response(body: Any) -> ChatResponse:
    """Return a provider's whole answer; raise ProviderError for an error that came with a 200."""
    if not isinstance(body, dict) or body.get("error") or body.get("type") == "error":
        raise failure(body)
    if not isinstance(body.get("content"), list):
        raise malformed("an answer without content")
    reason, detail, extra = read_stop(body)
    message = Message(role="assistant", parts=tuple(read_answer_block(block) for block in body["content"]))
    return ChatResponse(
        id=word(body, "id"),
        model=word(body, "model"),
        choices=(Choice(message=message, stop_reason=reason, stop_detail=detail, extra=extra),),
        usage=read_usage(body.get("usage")),
        extra=untyped(body),
    )


def malformed(what: str) -> ProviderError:
    """Return the failure of a provider that does not keep to the wire."""
    return ProviderError(FailureKind.MALFORMED, what)


def word(body: dict[str, Any], key: str) -> str:
    """Return a text of an answer, "" where the provider gave none."""
    value = body.get(key)
    return value if isinstance(value, str) else ""


def untyped(body: dict[str, Any]) -> Extra:
    """Return what of an answer has no field, nulls left out."""
    rest = {key: value for key, value in body.items() if key not in TYPED and value is not None}
    return {WIRE: rest} if rest else {}


def read_answer_block(block: Any) -> Part:
    """Return a block of an answer as a part; raise MALFORMED for one that is none. A missing call id is made up."""
    if not isinstance(block, dict):
        raise malformed("a content block that is no object")
    if block.get("type") == "text" and "text" not in block:
        block = {**block, "text": ""}
    elif block.get("type") == "tool_use" and not block.get("id"):
        block = {**block, "id": new_id("toolu")}
    try:
        part = read_block(block)
    except BadRequest as error:
        raise malformed(f"a content block with a bad field: {error.message}") from error
    if part.seal is not None and part.seal.issuer:  # a provider's token is its own, whatever it looks like
        return msgspec.structs.replace(part, seal=Seal(value=str(part.seal)))
    return part


def read_stop(body: dict[str, Any]) -> tuple[StopReason | None, str | None, Extra]:
    """Return why an answer ended, the wire's word or the sequence that matched, and what else was said of it."""
    said, sequence, details = body.get("stop_reason"), body.get("stop_sequence"), body.get("stop_details")
    rest: dict[str, Any] = {} if details is None else {"stop_details": details}
    if not isinstance(said, str):
        return None, None, {WIRE: rest} if rest else {}
    reason = STOPS.get(said, StopReason.UNKNOWN)
    if reason is StopReason.UNKNOWN:
        rest["stop_reason"] = said
    if reason is StopReason.STOP_SEQUENCE:
        return reason, word(body, "stop_sequence") or None, {WIRE: rest} if rest else {}
    if sequence is not None:
        rest["stop_sequence"] = sequence
    return reason, said, {WIRE: rest} if rest else {}


def write_stop(
    reason: StopReason | None, detail: str | None, extra: Extra, *, called: bool = False, refused: bool = False
) -> dict[str, Any]:
    """Return ``stop_reason`` and ``stop_sequence``. ``called``: tools were called; ``refused``: a refusal was written.

    Clients run tools only at ``tool_use``, which some providers of other wires call a plain stop.
    """
    said = None if reason is None else WORDS[reason]
    if STOPS.get(detail or "") is reason and reason is not None:
        said = detail
    elif reason is StopReason.STOP and (called or refused):
        said = "refusal" if refused else "tool_use"
    sequence = detail if reason is StopReason.STOP_SEQUENCE else None
    return {"stop_reason": said, "stop_sequence": sequence, **extra.get(WIRE, {})}


def read_usage(raw: Any) -> Usage | None:
    """Return tokens in the canonical count: the wire's ``input_tokens`` leaves the cached ones out, ours has them."""
    if not isinstance(raw, dict):
        return None
    said = {key: value for key, value in raw.items() if value is not None}
    fresh, read, made = (tokens(said, f"{kind}input_tokens") for kind in ("", "cache_read_", "cache_creation_"))
    details = said.get("output_tokens_details")
    return Usage(
        input=None if fresh is None else fresh + (read or 0) + (made or 0),
        output=tokens(said, "output_tokens"),
        cache_read=read,
        cache_write=made,
        reasoning=tokens(details, "thinking_tokens") if isinstance(details, dict) else None,
        raw={WIRE: said},
    )


def tokens(counts: dict[str, Any], key: str) -> int | None:
    """Return a count, or None where none, or no count, was given."""
    value = counts.get(key)
    return value if type(value) is int and value >= 0 else None


def write_usage(usage: Usage | None) -> dict[str, Any]:
    """Return tokens as the wire counts them. It has no way to say "not known": that is 0."""
    usage = usage or Usage()
    raw = usage.raw.get(WIRE, {})
    fresh = (usage.input or 0) - (usage.cache_read or 0) - (usage.cache_write or 0)
    counts: dict[str, Any] = {**raw, "input_tokens": max(fresh, 0), "output_tokens": usage.output or 0}
    if usage.cache_read is not None:
        counts["cache_read_input_tokens"] = usage.cache_read
    if usage.cache_write is not None:
        counts["cache_creation_input_tokens"] = usage.cache_write
    if usage.reasoning is not None:
        known = raw.get("output_tokens_details")
        details = known if isinstance(known, dict) else {}
        counts["output_tokens_details"] = {**details, "thinking_tokens": usage.reasoning}
    return counts


def shows_thinking(request: ChatRequest | None) -> bool:
    """Return whether this client gets thinking blocks: those that asked for thinking, and readers without a request."""
    return request is None or bool(request.thinking and request.thinking.enabled)


def keeps_quiet(request: ChatRequest | None) -> bool:
    """Return whether the thoughts' words stay out of their blocks (``display: omitted``)."""
    return request is not None and request.thinking is not None and request.thinking.visible is False


def encode_response(response: ChatResponse, request: ChatRequest | None = None) -> dict[str, Any]:
    """Return the whole answer for a client, with thinking if its ``request`` (None: any) asked for that."""
    choice = response.choices[0] if response.choices else Choice(message=Message(role="assistant"))
    parts = choice.message.parts
    body: dict[str, Any] = {
        "id": response.id or new_id("msg"),
        "type": "message",
        "role": "assistant",
        "model": response.model,
        "content": list(write_answer(parts, request)),
        **write_stop(
            choice.stop_reason,
            choice.stop_detail,
            choice.extra,
            called=any(isinstance(part, ToolCall) for part in parts),
            refused=any(isinstance(part, Refusal) for part in parts),
        ),
        "usage": write_usage(response.usage),
        **response.extra.get(WIRE, {}),
    }
    if response.provider is not None:
        body["provider"] = response.provider
    return body


def new_id(kind: str) -> str:
    """Return a fresh id as the wire writes them: ``msg_<hex>``, ``toolu_<hex>``."""
    return f"{kind}_{uuid4().hex[:24]}"


def write_answer(parts: Iterable[Part], request: ChatRequest | None) -> Iterable[dict[str, Any]]:
    """Yield the content blocks of an answer."""
    for part in parts:
        if isinstance(part, Reasoning) and not shows_thinking(request):
            continue
        block = answer_block(part, quiet=keeps_quiet(request))
        if block is not None:
            yield block


def answer_block(part: Part, *, quiet: bool = False) -> dict[str, Any] | None:
    """Return a part as a block for a client, or None when the wire has none for it.

    An image that has a URL becomes a Markdown image, a sound its transcript;
    pictures that are bytes alone, and other wires' own blocks, have no block.
    """
    mine = part.extra.get(WIRE, {})
    match part:
        case Text():
            block: dict[str, Any] = {"type": "text", "text": part.text, **mine}
            if part.citations:
                block["citations"] = [write_citation(citation) for citation in part.citations]
            return block
        case Refusal():
            return {"type": "text", "text": part.text}
        case Reasoning(redacted=True):
            return {"type": "redacted_thinking", "data": str(part.seal), **mine} if part.seal else None
        case Reasoning():
            text = "" if quiet else part.text or part.summary
            return {"type": "thinking", "thinking": text, "signature": str(part.seal or ""), **mine}
        case ToolCall():
            call = {"id": part.id or new_id("toolu"), "name": part.name, "input": arguments_object(part)}
            return {"type": "tool_use", **call, **mine}
        case Opaque():
            return part.data if part.wire == WIRE and isinstance(part.data, dict) else None
        case Media():
            words = f"![{part.kind}]({part.url})" if part.url else part.text
            return {"type": "text", "text": words} if words else None
        case ToolResult():
            return None
