"""The usual chunk of a chat completions stream as a type: some words of one choice, and nothing else that counts.

Whatever has no field here, or another type, makes a chunk an unusual one,
which ``openai_chat_decoder`` reads with all that dialects may say.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from wallas.codecs import words
from wallas.codecs.openai_chat_answer import Answer
from wallas.codecs.openai_chat_calls import OpenCall


class Delta(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """``delta``: the words, or those of a thought. What many servers send as null all the same, is null."""

    content: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    role: str | None = None
    refusal: None = None
    tool_calls: None = None
    function_call: None = None
    audio: None = None
    annotations: None = None
    obfuscation: str | None = None
    p: str | None = None
    padding: str | None = None


class Choice(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The one of ``choices``; ``text`` is Together's copy of the words."""

    delta: Delta
    index: int = 0
    finish_reason: str | None = None
    logprobs: None = None
    text: str | None = None
    native_finish_reason: None = None
    stop_reason: None = None
    matched_stop: None = None
    error: None = None


class Chunk(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A chunk behind the first; ``system_fingerprint`` and the two below it are kept, so they may say no news."""

    choices: list[Choice]
    id: str | None = None
    object: str | None = None
    created: int | float | None = None
    model: str | None = None
    system_fingerprint: str | None = None
    service_tier: str | None = None
    provider: str | None = None
    usage: None = None
    error: None = None
    obfuscation: str | None = None
    p: str | None = None
    padding: str | None = None


NOTHING = (None, None, None)
"""What is kept of chunks that say none of it."""


class Words(words.Reader):
    """Reads more words of one choice's open text."""

    __slots__ = ("answer", "kept")
    head = b"data: "
    decode = staticmethod(msgspec.json.Decoder(Chunk).decode)
    string = words.string_of("content")

    def __init__(self, answer: Answer, extra: Mapping[str, Any]) -> None:
        """Read for this choice; ``extra`` is what the chunks before said beside it."""
        self.answer = answer
        said = extra.get
        self.kept = (said("system_fingerprint"), said("service_tier"), said("provider")) if extra else NOTHING

    def take(self, event: Chunk) -> str | None:
        """Return the words of a chunk that brings nothing else."""
        if len(event.choices) != 1:
            return None
        choice = event.choices[0]
        if choice.index != self.answer.number or choice.finish_reason:
            return None
        told = (event.system_fingerprint, event.service_tier, event.provider)
        if told != self.kept and any(new not in (None, old) for new, old in zip(told, self.kept, strict=True)):
            return None
        return self.words(choice.delta)

    def words(self, delta: Delta) -> str | None:
        """Return what a delta adds to the text, None if there is a thought beside."""
        return None if delta.reasoning or delta.reasoning_content else delta.content

    def keep(self, said: Sequence[str]) -> None:
        """Count the characters, from which places of citations are told."""
        for text in said:
            self.answer.length += len(text)


class Thoughts(Words):
    """Reads more words of one choice's open thought."""

    __slots__ = ()
    string = words.string_of("reasoning", "reasoning_content")

    def words(self, delta: Delta) -> str | None:
        """Return what a delta adds to the thought, None if there is text beside."""
        return None if delta.content else delta.reasoning or delta.reasoning_content

    def keep(self, said: Sequence[str]) -> None:
        """Count nothing: thoughts are not cited."""


class Function(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """``function``: a piece of the arguments; whoever tells the name again may mean another call."""

    arguments: str
    name: None = None


class Piece(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The one of ``tool_calls``."""

    function: Function
    index: int
    id: None = None
    type: Literal["function"] | None = None


class CallDelta(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """``delta`` with nothing but more of one call."""

    tool_calls: tuple[Piece]
    content: Literal[""] | None = None
    reasoning: None = None
    reasoning_content: None = None
    role: str | None = None
    refusal: None = None
    function_call: None = None
    audio: None = None
    annotations: None = None
    obfuscation: str | None = None
    p: str | None = None
    padding: str | None = None


class CallChoice(Choice, forbid_unknown_fields=True, gc=False):
    """The one of ``choices`` whose call goes on."""

    delta: CallDelta  # type: ignore[assignment]


class CallChunk(Chunk, forbid_unknown_fields=True, gc=False):
    """A chunk with more of a call."""

    choices: list[CallChoice]  # type: ignore[assignment]


class Arguments(Words):
    """Reads more of the arguments of one choice's call."""

    __slots__ = ("call", "place")
    decode = staticmethod(msgspec.json.Decoder(CallChunk).decode)
    string = words.string_of("arguments")

    def __init__(self, answer: Answer, extra: Mapping[str, Any], call: OpenCall, place: int) -> None:
        """Read for this call, which chunks name by its ``place``."""
        super().__init__(answer, extra)
        self.call = call
        self.place = place

    def words(self, delta: CallDelta) -> str | None:  # type: ignore[override]
        """Return what a delta adds to this call."""
        piece = delta.tool_calls[0]
        return piece.function.arguments if piece.index == self.place else None

    def keep(self, said: Sequence[str]) -> None:
        """Add to the arguments, by which it is known whether the call is whole."""
        self.call.pieces.extend(said)
