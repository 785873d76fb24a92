"""Reads whole chat completions of nothing but words, as most are, in one decode into a type without room for more."""

from operator import attrgetter
from typing import Annotated, Any, TypeAlias

import msgspec

from wallas.codecs.openai_chat_fields import WIRE
from wallas.codecs.openai_chat_words import decode_usage, stopped
from wallas.errors import ProviderError
from wallas.types.chat import ChatResponse, Choice, Message, Text

Empty: TypeAlias = Annotated[list[Any], msgspec.Meta(max_length=0)] | None
"""A list that says nothing."""


class Said(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A message of words, with the other fields that providers write though they are empty."""

    content: Annotated[str, msgspec.Meta(min_length=1)]
    role: Any = None
    refusal: None = None
    reasoning: None = None
    reasoning_content: None = None
    reasoning_details: Empty = None
    function_call: None = None
    audio: None = None
    annotations: Empty = None
    images: Empty = None
    tool_calls: Empty = None


class Chosen(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The one choice."""

    message: Said
    finish_reason: str | None = None
    index: Any = None
    logprobs: None = None
    error: None = None
    native_finish_reason: Any = None
    stop_reason: Any = None
    matched_stop: Any = None
    token_ids: Any = None
    content_filter_results: Any = None


class Whole(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The answer around it."""

    id: Annotated[str, msgspec.Meta(min_length=1)]
    choices: Annotated[list[Chosen], msgspec.Meta(min_length=1, max_length=1)]
    model: str = ""
    created: int = 0
    object: Any = None
    error: None = None
    usage: Any = None
    service_tier: Any = None
    system_fingerprint: Any = None
    """These two are OpenAI's own, and usual."""
    provider: Any = None
    x_groq: Any = None
    usage_breakdown: Any = None
    time_info: Any = None
    timings: Any = None
    prompt_filter_results: Any = None
    prompt_logprobs: Any = None
    prompt_token_ids: Any = None
    kv_transfer_params: Any = None


OF_CHOICE = Chosen.__struct_fields__[5:]
OF_ANSWER = Whole.__struct_fields__[9:]
"""What of the rest is kept as it is, in the extras."""

_of_choice, _of_answer = attrgetter(*OF_CHOICE), attrgetter(*OF_ANSWER)
_NOTHING_OF_CHOICE, _NOTHING_OF_ANSWER = (None,) * len(OF_CHOICE), (None,) * len(OF_ANSWER)

_decode = msgspec.json.Decoder(Whole).decode


def decode_words(data: bytes) -> ChatResponse | None:
    """Return a provider's whole answer, None where it is anything but words: ``decode_response`` tells what it is."""
    try:
        said = _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not said.usage and said.x_groq is not None:
        return None
    choice, extra = said.choices[0], {}
    if said.service_tier is not None:
        extra["service_tier"] = said.service_tier
    if said.system_fingerprint is not None:
        extra["system_fingerprint"] = said.system_fingerprint
    if (more := _of_answer(said)) != _NOTHING_OF_ANSWER:
        extra |= _told(OF_ANSWER, more)
    more = _of_choice(choice)
    kept = _told(OF_CHOICE, more) if more != _NOTHING_OF_CHOICE else {}
    try:
        reason, detail, kept = stopped(choice.finish_reason, kept, ())
    except ProviderError:
        return None
    message = Message(role="assistant", parts=(Text(text=choice.message.content),))
    return ChatResponse(
        id=said.id,
        model=said.model,
        created=said.created if said.created > 0 else None,
        choices=(Choice(message=message, stop_reason=reason, stop_detail=detail, extra={WIRE: kept} if kept else {}),),
        usage=decode_usage(said.usage),
        extra={WIRE: extra} if extra else {},
    )


def _told(names: tuple[str, ...], values: tuple[Any, ...]) -> dict[str, Any]:
    return {name: value for name, value in zip(names, values, strict=True) if value is not None}
