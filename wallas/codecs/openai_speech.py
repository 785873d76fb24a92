"""OpenAI's speech requests, with the shorter ones of ``/v1/tts``."""

from typing import Annotated, Any, Literal

import msgspec

from wallas.codecs.fields import convert
from wallas.errors import BadRequest
from wallas.types.sound import SpeechRequest

TEXT_CHARS = 100_000
Format = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]
Short = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class VoiceIn(msgspec.Struct):
    """A voice by its id."""

    id: Short


class SpeechIn(msgspec.Struct):
    """A body of /v1/audio/speech; /v1/tts says ``text`` and needs neither model nor voice."""

    input: str
    model: Short | None = None
    voice: Short | VoiceIn | None = None
    instructions: Annotated[str, msgspec.Meta(max_length=4096)] | None = None
    response_format: Format | None = None
    speed: Annotated[float, msgspec.Meta(ge=0.25, le=4.0)] | None = None
    stream_format: Literal["audio", "sse"] | None = None
    language: Annotated[str, msgspec.Meta(min_length=2, max_length=12)] | None = None


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A speech request and how its sound is wanted."""

    request: SpeechRequest
    model: str | None
    format: str
    events: bool


def decode_request(body: dict[str, Any], *, short: bool = False) -> Asked:
    """Return a client's request; raise BadRequest naming the field that is wrong. ``short`` is ``/v1/tts``."""
    named = "input"
    if short and "input" not in body and "text" in body:
        body, named = {("input" if key == "text" else key): value for key, value in body.items()}, "text"
    try:
        fields = convert(body, SpeechIn)
    except BadRequest as error:
        if error.param == "input" and named == "text":
            raise BadRequest(error.message.replace("input", "text", 1), param="text", code=error.code) from error
        raise
    if not short:
        for name in ("model", "voice"):
            if getattr(fields, name) is None:
                raise BadRequest(f"{name} is missing", param=name, code="missing_required_parameter")
    if not fields.input.strip():
        raise BadRequest(f"{named}: there is nothing to say", param=named)
    if len(fields.input) > TEXT_CHARS:
        raise BadRequest(
            f"{named}: at most {TEXT_CHARS} characters are spoken", param=named, code="string_above_max_length"
        )
    form = fields.response_format or "mp3"
    voice = fields.voice.id if isinstance(fields.voice, VoiceIn) else fields.voice
    request = SpeechRequest(
        model=fields.model or "auto",
        text=fields.input.strip(),
        voice=voice,
        language=fields.language.partition("-")[0].lower() if fields.language else None,
        instructions=fields.instructions or None,
        speed=fields.speed or 1.0,
        format=form,
    )
    return Asked(request=request, model=fields.model, format=form, events=fields.stream_format == "sse")
