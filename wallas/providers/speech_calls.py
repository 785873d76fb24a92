"""Asks providers to speak, each in its own dialect."""

import base64
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from wallas.codecs.framing import decode_body
from wallas.errors import FailureKind, ProviderError
from wallas.providers.gemini_media import blobs, generate, parts_of, usage_of
from wallas.providers.voices import pick, voices_of
from wallas.settings import Key
from wallas.types.sound import SpeechAnswer, SpeechRequest

if TYPE_CHECKING:
    from wallas.providers.base import Line
    from wallas.providers.http import HttpProvider

MOST_CHARS = {"groq": 200, "gemini": 4000, "openai": 4096}
USUAL_CHARS = 4000
"""Characters that a provider speaks in one call."""

FORMATS = {
    "groq": ("wav",),
    "openrouter": ("mp3", "pcm"),
    "pollinations": ("mp3", "wav", "opus", "flac"),
}
ALL_FORMATS = ("wav", "mp3", "opus", "aac", "flac", "pcm")
"""What OpenAI's dialect can be asked for, first what takes no decoding."""
PCM_RATE = 24_000
_RATE = re.compile(r"rate=(\d+)")


def most_chars(provider: str) -> int:
    """Return how many characters a provider speaks in one call."""
    return MOST_CHARS.get(provider, USUAL_CHARS)


def openai(provider: "HttpProvider", request: SpeechRequest, key: Key, line: "Line") -> SpeechAnswer:
    """Ask ``/audio/speech``, which answers with the sound itself."""
    voice = pick(voices_of(provider.name, request.model), request.voice or "alloy")
    offered = FORMATS.get(provider.name, ALL_FORMATS)
    form = request.format if request.format in offered else offered[0]
    body: dict[str, Any] = {
        "model": request.model,
        "input": request.text,
        "voice": voice.name,
        "response_format": form,
    }
    own_speed = provider.name != "groq" and request.speed != 1.0
    if own_speed:
        body["speed"] = request.speed
    if request.instructions and provider.name != "groq":
        body["instructions"] = request.instructions
    headers = provider.headers(key) | {"Accept": "*/*"}
    reply = line.reply(lambda: provider.send(f"{provider.base(key)}/audio/speech", body, headers=headers))
    kind = reply.headers.get("content-type", "")
    if kind.startswith(("application/json", "text/")):
        raise _no_sound(f"an answer of the type {kind[:60]!r}")
    return SpeechAnswer(
        audio=_some(reply.data),
        rate=PCM_RATE if form == "pcm" else None,
        speed=1.0 if own_speed else request.speed,
        strange_voice=voice.strange,
    )


def mistral(provider: "HttpProvider", request: SpeechRequest, key: Key, line: "Line") -> SpeechAnswer:
    """Ask Mistral, which answers with base64 in JSON; its voices have ids of their own."""
    body: dict[str, Any] = {"model": request.model, "input": request.text, "response_format": "wav"}
    own = pick(voices_of("openai", request.model), request.voice)
    if own.strange:
        body["voice_id"] = request.voice
    reply = line.reply(lambda: provider.send(f"{provider.base(key)}/audio/speech", body, headers=provider.headers(key)))
    value = decode_body(reply.data)
    data = value.get("audio_data") if isinstance(value, dict) else None
    return SpeechAnswer(audio=_decoded(data), speed=request.speed)


def gemini(provider: "HttpProvider", request: SpeechRequest, key: Key, line: "Line") -> SpeechAnswer:
    """Ask a Gemini model for sound, which comes as bare samples."""
    voice = pick(voices_of(provider.name, request.model, wire="gemini"), request.voice)
    text = f"{request.instructions.rstrip('.:')}: {request.text}" if request.instructions else request.text
    config = {
        "responseModalities": ["AUDIO"],
        "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": voice.name}}},
    }
    value = generate(provider, request.model, [{"text": text}], config, key, line)
    found = blobs(parts_of(value))
    said = [int(match[1]) for _, mime in found if (match := _RATE.search(mime))]
    return SpeechAnswer(
        audio=_some(b"".join(data for data, _ in found)),
        rate=said[0] if said else PCM_RATE,
        speed=request.speed,
        strange_voice=voice.strange,
        usage=usage_of(value),
    )


def _decoded(text: Any) -> bytes:
    try:
        return _some(base64.b64decode(text, validate=True))
    except (TypeError, ValueError) as error:
        raise _no_sound("sound that is no base64") from error


def _some(data: bytes) -> bytes:
    if not data:
        raise ProviderError(FailureKind.EMPTY, "an answer without sound")
    return data


def _no_sound(what: str) -> ProviderError:
    return ProviderError(FailureKind.MALFORMED, f"{what} where sound was asked for")


DIALECTS: dict[str, Callable[..., SpeechAnswer]] = {"openai": openai, "mistral": mistral, "gemini": gemini}
