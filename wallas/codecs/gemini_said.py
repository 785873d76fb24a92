"""Reads whole Gemini answers of nothing but words in one decode into a type without room for more."""

from typing import Annotated, Any

import msgspec

from wallas.codecs.gemini_words import reason_of, usage_of
from wallas.types.chat import ChatResponse, Choice, Message, Text


class Said(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A part of words."""

    text: Annotated[str, msgspec.Meta(min_length=1)]


class Content(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """One such part."""

    parts: Annotated[list[Said], msgspec.Meta(min_length=1, max_length=1)]
    role: str | None = None


class Chosen(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The one candidate."""

    content: Content
    finishReason: str | None = None
    index: int | None = None


class Whole(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The answer around it."""

    candidates: Annotated[list[Chosen], msgspec.Meta(min_length=1, max_length=1)]
    usageMetadata: dict[str, Any] | None = None
    modelVersion: str | None = None
    responseId: str | None = None


_decode = msgspec.json.Decoder(Whole).decode


def decode_words(data: bytes) -> ChatResponse | None:
    """Return a provider's whole answer, None where it is anything but words: ``decode_response`` tells what it is."""
    try:
        said = _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    choice = said.candidates[0]
    finish = choice.finishReason or None
    message = Message(role="assistant", parts=(Text(text=choice.content.parts[0].text),))
    return ChatResponse(
        id=said.responseId or "",
        model=said.modelVersion or "",
        choices=(Choice(message=message, stop_reason=reason_of(finish, called=False), stop_detail=finish),),
        usage=usage_of(said.usageMetadata) if said.usageMetadata else None,
    )
