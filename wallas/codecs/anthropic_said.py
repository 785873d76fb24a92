"""Reads whole messages of nothing but words in one decode into a type without room for more."""

from typing import Annotated, Any, Literal

import msgspec

from wallas.codecs.anthropic_answers import STOPS, read_usage
from wallas.types.chat import ChatResponse, Choice, Message, StopReason, Text


class Said(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A block of words."""

    type: Literal["text"]
    text: Annotated[str, msgspec.Meta(min_length=1)]
    citations: None = None


class Whole(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The message around it."""

    type: Literal["message"]
    content: Annotated[list[Said], msgspec.Meta(min_length=1, max_length=1)]
    stop_reason: str
    id: str = ""
    model: str = ""
    role: Any = None
    stop_sequence: None = None
    stop_details: None = None
    container: None = None
    context_management: None = None
    usage: Any = None


_decode = msgspec.json.Decoder(Whole).decode


def decode_words(data: bytes) -> ChatResponse | None:
    """Return a provider's whole answer, None where it is anything but words: ``decode_response`` tells what it is."""
    try:
        said = _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    text, reason = said.content[0].text, STOPS.get(said.stop_reason)
    if reason is None or reason is StopReason.STOP_SEQUENCE or "\0" in text:
        return None
    message = Message(role="assistant", parts=(Text(text=text),))
    return ChatResponse(
        id=said.id,
        model=said.model,
        choices=(Choice(message=message, stop_reason=reason, stop_detail=said.stop_reason),),
        usage=read_usage(said.usage),
    )
