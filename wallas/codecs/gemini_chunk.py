"""The shape of what a Gemini provider answers, as far as its types matter to us."""

from typing import Any, TypeAlias

from msgspec import Struct

Json: TypeAlias = dict[str, Any]


class Call(Struct):
    """A function call, whole or a piece of one."""

    name: str | None = None
    id: str | None = None
    args: Json | None = None
    partialArgs: list[Json] | None = None
    willContinue: bool | None = None


class Blob(Struct):
    """Bytes in the answer, or elsewhere."""

    mimeType: str | None = None
    data: str | None = None
    fileUri: str | None = None
    displayName: str | None = None


class Part(Struct):
    """One part; kinds that only Gemini knows are not looked into."""

    text: str | None = None
    thought: bool | None = None
    thoughtSignature: str | None = None
    functionCall: Call | None = None
    inlineData: Blob | None = None
    fileData: Blob | None = None


class Content(Struct):
    """The parts of a candidate."""

    parts: list[Part] | None = None


class Candidate(Struct):
    """One of the answers."""

    index: int | None = None
    content: Content | None = None
    finishReason: str | None = None


class Feedback(Struct):
    """What was found in the prompt."""

    blockReason: str | None = None


class Chunk(Struct):
    """A GenerateContentResponse."""

    candidates: list[Candidate] | None = None
    promptFeedback: Feedback | None = None
    usageMetadata: Json | None = None
    modelVersion: str | None = None
    responseId: str | None = None


class UsualPart(Struct, forbid_unknown_fields=True, gc=False):
    """A part of words and nothing else."""

    text: str


class UsualContent(Struct, forbid_unknown_fields=True, gc=False):
    """Content of one such part."""

    parts: list[UsualPart]
    role: str | None = None


class UsualCandidate(Struct, forbid_unknown_fields=True, gc=False):
    """A candidate that goes on."""

    content: UsualContent
    index: int = 0
    finishReason: None = None


class Usual(Struct, forbid_unknown_fields=True, gc=False):
    """A usual chunk: words for one candidate, and counts."""

    candidates: list[UsualCandidate]
    usageMetadata: Json | None = None
    modelVersion: str | None = None
    responseId: str | None = None
