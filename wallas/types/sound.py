"""Requests and answers of speech and transcription. Instants and lengths are seconds."""

from typing import Any, ClassVar

from wallas.types.chat import Usage, Value


class SpeechRequest(Value, frozen=True, kw_only=True):
    """A text to be spoken; None is "not said". ``format`` is the one that would be best, any other will do."""

    OPERATION: ClassVar[str] = "speech"

    model: str
    text: str
    voice: str | None = None
    language: str | None = None
    """Two letters; None: whatever the text seems to be in."""
    instructions: str | None = None
    speed: float = 1.0
    format: str = "wav"


class SpeechAnswer(Value, frozen=True, kw_only=True):
    """Spoken text: a file of any format, or bare samples of 16 bit, one channel, ``rate`` a second."""

    audio: bytes
    rate: int | None = None
    speed: float = 1.0
    """What of the wanted speed is still to be done."""
    strange_voice: bool = False
    """Whether another voice than the one asked for speaks, because nobody here has that one."""
    usage: Usage | None = None


class TranscribeRequest(Value, frozen=True, kw_only=True):
    """Sound whose words are wanted, or with ``translate`` their English; None is "not said"."""

    OPERATION: ClassVar[str] = "transcription"

    model: str
    audio: bytes
    mime: str
    filename: str = "audio"
    language: str | None = None
    prompt: str | None = None
    temperature: float | None = None
    translate: bool = False
    words: bool = False
    """Whether the time of each word is wanted."""
    times: bool = False
    """Whether the time of each segment is wanted."""


class Span(Value, frozen=True, kw_only=True):
    """Something said: a word or a segment, and when."""

    start: float
    end: float
    text: str
    facts: dict[str, Any] = {}
    """What else its provider said of it, in OpenAI's words (``avg_logprob``, ...)."""


class TranscribeAnswer(Value, frozen=True, kw_only=True):
    """What was said. ``segments`` and ``words`` are empty where nobody told their times."""

    text: str
    language: str | None = None
    duration: float | None = None
    segments: tuple[Span, ...] = ()
    words: tuple[Span, ...] = ()
    usage: Usage | None = None
