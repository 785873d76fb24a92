"""The usual events of a chat completions stream as a type: its first words, its plain end, its usage and ``[DONE]``.

Whatever has no field here, or another type, makes an event an unusual one,
which ``openai_chat_decoder`` reads with all that dialects may say.
"""

from typing import Annotated, Any, Literal

import msgspec

from wallas.codecs.framing import Sse


class Delta(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """``delta``: words or none. What many servers send as null all the same, is null."""

    content: str | None = None
    role: Any = None
    refusal: None = None
    reasoning: None = None
    reasoning_content: None = None
    tool_calls: None = None
    function_call: None = None
    audio: None = None
    annotations: None = None
    obfuscation: Any = None
    p: Any = None
    padding: Any = None


class Choice(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The one of ``choices``, and an end that leaves no question."""

    delta: Delta
    finish_reason: Literal["stop", "length", "tool_calls"] | None = None
    index: Literal[0] = 0
    logprobs: None = None
    native_finish_reason: None = None
    stop_reason: None = None
    matched_stop: None = None
    error: None = None


class Chunk(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A chunk; ``system_fingerprint`` and the two below it are kept."""

    choices: Annotated[list[Choice], msgspec.Meta(max_length=1)]
    id: Annotated[str, msgspec.Meta(min_length=1)]
    object: Any = None
    created: int | float | None = None
    model: str | None = None
    system_fingerprint: str | None = None
    service_tier: str | None = None
    provider: str | None = None
    usage: dict[str, Any] | None = None
    error: None = None
    obfuscation: Any = None
    p: Any = None
    padding: Any = None


_decode = msgspec.json.Decoder(Chunk).decode


def usual(data: bytes) -> list[Chunk | Literal["[DONE]"]] | None:
    """Return what bytes say that are whole usual events and nothing else; None for all others."""
    texts = Sse.apart(data, b"data: ")
    if texts is None:
        return None
    try:
        return ["[DONE]" if text == b"[DONE]" else _decode(text) for text in texts]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
