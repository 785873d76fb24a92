"""Reads whole answers of /api/chat that are nothing but words in one decode into a type without room for more."""

from typing import Annotated

import msgspec

from wallas.codecs.ollama_answers import REASONS, Counts, kept, seconds, usage
from wallas.types.chat import ChatResponse, Choice, Message, StopReason, Text


class Said(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A message of words."""

    content: Annotated[str, msgspec.Meta(min_length=1)]
    role: str | None = None
    thinking: None = None
    images: None = None
    tool_calls: None = None


class Whole(Counts, forbid_unknown_fields=True, kw_only=True, gc=False):
    """The answer around it."""

    message: Said
    model: str | None = None
    created_at: str | None = None
    done: bool | None = None
    done_reason: str | None = None


_decode = msgspec.json.Decoder(Whole).decode


def decode_words(data: bytes) -> ChatResponse | None:
    """Return a provider's whole answer, None where it is anything but words: ``decode_response`` tells what it is."""
    try:
        said = _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if said.done is False:
        return None
    word = said.done_reason or None
    message = Message(role="assistant", parts=(Text(text=said.message.content),))
    reason = REASONS.get(word or "", StopReason.UNKNOWN)
    return ChatResponse(
        model=said.model or "",
        created=seconds(said.created_at or ""),
        choices=(Choice(message=message, stop_reason=reason, stop_detail=word),),
        usage=usage(said),
        extra=kept({"created_at": said.created_at} if said.created_at else {}),
    )
