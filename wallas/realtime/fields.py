"""What a Realtime client may send, as types: each event, item and setting, in the GA shape and the beta's.

Read off OpenAI's OpenAPI document (``RealtimeClientEvent*``, ``RealtimeBeta*``), 2026-09. Fields of both shapes stand
beside each other: a session takes either, whichever it speaks.
"""

from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

Id: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=r"^[!-~]+\Z")]
Word: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
Modalities: TypeAlias = Annotated[list[Literal["text", "audio"]], msgspec.Meta(min_length=1, max_length=2)]
Most: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=2**31)] | Literal["inf"]
Milliseconds: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=10_000)]
OldFormat: TypeAlias = Literal["pcm16", "g711_ulaw", "g711_alaw"]
Eagerness: TypeAlias = Literal["low", "medium", "high", "auto"]
Language: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]+)*$")]
Speed: TypeAlias = Annotated[float, msgspec.Meta(ge=0.25, le=1.5)]


class Strict(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Base of what is refused with a field that nobody knows."""


class FormatIn(Strict, kw_only=True):
    """How sound is written: 16 bit at 24 kHz, or telephone sound at 8 kHz."""

    type: Literal["audio/pcm", "audio/pcmu", "audio/pcma"]
    rate: int | None = None


class TranscriptionIn(Strict, kw_only=True):
    """Who writes down what was said, and what helps; ``delay`` is for models that write while they listen."""

    model: Word | None = None
    language: Language | None = None
    languages: list[Language] | None = None
    keywords: list[Word] | None = None
    prompt: Annotated[str, msgspec.Meta(max_length=10_000)] | None = None
    delay: str | None = None


class TurnDetectionIn(Strict, kw_only=True):
    """When the user has begun and ended to speak."""

    type: Literal["server_vad", "semantic_vad"] = "server_vad"
    threshold: Annotated[float, msgspec.Meta(ge=0.0, le=1.0)] | None = None
    prefix_padding_ms: Milliseconds | None = None
    silence_duration_ms: Milliseconds | None = None
    create_response: bool | None = None
    interrupt_response: bool | None = None
    idle_timeout_ms: None = None
    eagerness: Eagerness | None = None


class VoiceIn(Strict, kw_only=True):
    """A voice by its id."""

    id: Word


class InputIn(Strict, kw_only=True):
    """``audio.input``."""

    format: FormatIn | UnsetType | None = UNSET
    transcription: TranscriptionIn | UnsetType | None = UNSET
    noise_reduction: dict[str, Any] | UnsetType | None = UNSET
    turn_detection: TurnDetectionIn | UnsetType | None = UNSET


class OutputIn(Strict, kw_only=True):
    """``audio.output``."""

    format: FormatIn | UnsetType | None = UNSET
    voice: Word | VoiceIn | UnsetType | None = UNSET
    speed: Speed | UnsetType | None = UNSET


class AudioIn(Strict, kw_only=True):
    """``audio``."""

    input: InputIn | None = None
    output: OutputIn | None = None


class ReasoningIn(Strict, kw_only=True):
    """How hard to think."""

    effort: Literal["none", "minimal", "low", "medium", "high", "xhigh"] | None = None


class Shared(Strict, kw_only=True):
    """What a session says for all responses, and a response for itself."""

    output_modalities: Modalities | UnsetType | None = UNSET
    instructions: str | UnsetType | None = UNSET
    audio: AudioIn | None = None
    tools: list[dict[str, Any]] | UnsetType | None = UNSET
    tool_choice: str | dict[str, Any] | UnsetType | None = UNSET
    parallel_tool_calls: bool | UnsetType | None = UNSET
    reasoning: ReasoningIn | UnsetType | None = UNSET
    max_output_tokens: Most | UnsetType | None = UNSET
    prompt: None = None
    modalities: Modalities | UnsetType | None = UNSET
    voice: Word | VoiceIn | UnsetType | None = UNSET
    output_audio_format: OldFormat | UnsetType | None = UNSET
    temperature: Annotated[float, msgspec.Meta(ge=0.0, le=2.0)] | UnsetType | None = UNSET
    max_response_output_tokens: Most | UnsetType | None = UNSET


class SessionIn(Shared, kw_only=True):
    """``session`` of ``session.update``."""

    type: Literal["realtime", "transcription"] | UnsetType = UNSET
    model: Word | None = None
    include: list[Any] | None = None
    tracing: Any = None
    truncation: Any = None
    input_audio_format: OldFormat | UnsetType | None = UNSET
    input_audio_transcription: TranscriptionIn | UnsetType | None = UNSET
    input_audio_noise_reduction: dict[str, Any] | None = None
    turn_detection: TurnDetectionIn | UnsetType | None = UNSET
    speed: Speed | UnsetType | None = UNSET


class ContentIn(Strict, kw_only=True):
    """A part of a message."""

    type: Literal["input_text", "input_audio", "input_image", "output_text", "output_audio", "text", "audio"]
    text: str | None = None
    audio: str | None = None
    transcript: str | None = None
    image_url: str | None = None
    detail: Literal["auto", "low", "high"] | None = None


class ItemIn(Strict, kw_only=True):
    """An item that a client adds; which fields it needs depends on its type."""

    type: Literal["message", "function_call", "function_call_output", "item_reference"]
    id: Id | None = None
    object: Literal["realtime.item"] | None = None
    status: Literal["completed", "incomplete", "in_progress"] | None = None
    role: Literal["system", "user", "assistant"] | None = None
    content: list[ContentIn] | None = None
    call_id: Id | None = None
    name: Word | None = None
    arguments: str | None = None
    output: str | None = None


class ResponseIn(Shared, kw_only=True):
    """``response`` of ``response.create``."""

    conversation: str | None = None
    metadata: dict[str, str] | None = None
    input: list[ItemIn] | None = None


class Event(Strict, kw_only=True):
    """Base of all client events."""

    type: str
    event_id: Annotated[str, msgspec.Meta(max_length=512)] | None = None


class SessionUpdate(Event, kw_only=True):
    """Change the session."""

    session: SessionIn


class ItemCreate(Event, kw_only=True):
    """Add an item, at the end or behind ``previous_item_id``; ``root`` is the beginning."""

    item: ItemIn
    previous_item_id: str | None = None


class ItemNamed(Event, kw_only=True):
    """Read or delete an item."""

    item_id: str


class ItemTruncate(Event, kw_only=True):
    """Forget what of an answer was not heard."""

    item_id: str
    content_index: Annotated[int, msgspec.Meta(ge=0)]
    audio_end_ms: Annotated[int, msgspec.Meta(ge=0)]


class AudioAppend(Event, kw_only=True):
    """More sound, in base64."""

    audio: str


class ResponseCreate(Event, kw_only=True):
    """Answer now."""

    response: ResponseIn | None = None


class ResponseCancel(Event, kw_only=True):
    """Stop answering."""

    response_id: str | None = None


EVENTS: dict[str, type[Event]] = {
    "session.update": SessionUpdate,
    "conversation.item.create": ItemCreate,
    "conversation.item.retrieve": ItemNamed,
    "conversation.item.delete": ItemNamed,
    "conversation.item.truncate": ItemTruncate,
    "input_audio_buffer.append": AudioAppend,
    "input_audio_buffer.commit": Event,
    "input_audio_buffer.clear": Event,
    "response.create": ResponseCreate,
    "response.cancel": ResponseCancel,
}
"""Every event that a client may send, and what it says."""
