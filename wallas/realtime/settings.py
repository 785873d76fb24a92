"""A session's settings: what clients change of them, and how they are told, in the GA shape or the beta's.

What has no effect here (noise reduction, tracing, truncation, log probabilities of transcripts) is told as null, so
``session.updated`` always shows what holds.
"""

from typing import Any, Literal

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from wallas.codecs import openai_responses
from wallas.errors import BadRequest
from wallas.realtime.fields import (
    FormatIn,
    InputIn,
    OutputIn,
    SessionIn,
    Shared,
    TranscriptionIn,
    TurnDetectionIn,
    VoiceIn,
)

PCM, ULAW, ALAW = "audio/pcm", "audio/pcmu", "audio/pcma"
OLD_FORMATS = {"pcm16": PCM, "g711_ulaw": ULAW, "g711_alaw": ALAW}
OLD_NAMES = {new: old for old, new in OLD_FORMATS.items()}
EAGERNESS = {"low": 1500, "medium": 800, "auto": 800, "high": 400}
"""Milliseconds of silence that end a turn where a client asks for ``semantic_vad``: no model judges that here."""


class Transcription(msgspec.Struct, frozen=True, kw_only=True):
    """Who writes down what was said; None is "not said"."""

    model: str = "auto"
    language: str | None = None
    prompt: str | None = None


class TurnDetection(msgspec.Struct, frozen=True, kw_only=True):
    """When the user has begun and ended to speak, by loudness; milliseconds."""

    threshold: float = 0.5
    prefix_padding_ms: int = 300
    silence_duration_ms: int = 500
    create_response: bool = True
    interrupt_response: bool = True


class Saying(msgspec.Struct, frozen=True, kw_only=True):
    """How answers are made: the session's way, or one response's."""

    audio: bool = False
    instructions: str = ""
    format: str = PCM
    voice: str = "alloy"
    speed: float = 1.0
    tools: tuple[dict[str, Any], ...] = ()
    tool_choice: str | dict[str, Any] = "auto"
    parallel_tool_calls: bool | None = None
    effort: str | None = None
    most: int | None = None
    temperature: float | None = None


class Hearing(msgspec.Struct, frozen=True, kw_only=True):
    """How a session listens; ``transcription`` None: nobody is told what was understood."""

    format: str = PCM
    transcription: Transcription | None = Transcription()
    turns: TurnDetection | None = TurnDetection()


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings of a session; a change makes new ones."""

    kind: Literal["realtime", "transcription"] = "realtime"
    model: str = "auto"
    hearing: Hearing = Hearing()
    saying: Saying = Saying()


def updated(settings: Settings, said: SessionIn, *, at: str = "session") -> Settings:
    """Return settings with what a client changes; raise BadRequest for what cannot be."""
    kind = settings.kind if said.type is UNSET else said.type
    made = saying(settings.saying, said, at=at)
    hearing = _hearing(settings.hearing, said)
    return replace(settings, model=said.model or settings.model, kind=kind, hearing=hearing, saying=made)


def saying(before: Saying, said: Shared, *, at: str) -> Saying:
    """Return how answers are made once a client has said so; raise BadRequest for what cannot be."""
    changes: dict[str, Any] = {}
    for new, names in {
        "audio": ("output_modalities", "modalities"),
        "instructions": ("instructions",),
        "tools": ("tools",),
        "tool_choice": ("tool_choice",),
        "parallel_tool_calls": ("parallel_tool_calls",),
        "effort": ("reasoning",),
        "most": ("max_output_tokens", "max_response_output_tokens"),
        "temperature": ("temperature",),
        "voice": ("voice",),
        "format": ("output_audio_format",),
        "speed": ("speed",),
    }.items():
        for name in names:
            value = getattr(said, name, UNSET)
            if value is not UNSET:
                changes[new] = _READ.get(new, _same)(value) if value is not None else getattr(Saying(), new)
    output = said.audio.output if said.audio else None
    changes |= _spoken(output) if output else {}
    made = replace(before, **changes)
    _check_tools(made, at=at)
    return made


def _spoken(output: OutputIn) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for name in ("format", "voice", "speed"):
        value = getattr(output, name)
        if value is not UNSET:
            changes[name] = _READ.get(name, _same)(value) if value is not None else getattr(Saying(), name)
    return changes


def _same(value: Any) -> Any:
    return value


def _format(value: FormatIn | str) -> str:
    if isinstance(value, str):
        return OLD_FORMATS[value]
    rate = 24_000 if value.type == PCM else 8_000
    if value.rate not in (None, rate):
        raise BadRequest(f"audio.format.rate: {value.type} has {rate}", param="audio.format.rate")
    return value.type


def _voice(value: VoiceIn | str) -> str:
    return value if isinstance(value, str) else value.id


_READ: dict[str, Any] = {
    "audio": lambda value: "audio" in value,
    "tools": tuple,
    "effort": lambda value: value.effort,
    "most": lambda value: None if value == "inf" else value,
    "format": _format,
    "voice": _voice,
}
"""How a setting is read out of what a client says for it."""


def _hearing(before: Hearing, said: SessionIn) -> Hearing:
    given = (said.audio.input if said.audio else None) or InputIn()
    sides = (
        ("format", given.format, said.input_audio_format),
        ("transcription", given.transcription, said.input_audio_transcription),
        ("turns", given.turn_detection, said.turn_detection),
    )
    changes: dict[str, Any] = {}
    for name, new, old in sides:
        value = old if new is UNSET else new
        if value is not UNSET:
            changes[name] = _HEARD[name](value)
    return replace(before, **changes)


def _transcription(said: TranscriptionIn | None) -> Transcription | None:
    if said is None:
        return None
    languages = said.languages or []
    language = said.language or (languages[0] if len(languages) == 1 else None)
    prompt = " ".join([*([said.prompt] if said.prompt else []), *([", ".join(said.keywords)] if said.keywords else [])])
    return Transcription(model=said.model or "auto", language=language, prompt=prompt or None)


def _turns(said: TurnDetectionIn | None) -> TurnDetection | None:
    if said is None:
        return None
    names = ("threshold", "prefix_padding_ms", "silence_duration_ms", "create_response", "interrupt_response")
    given = {name: value for name in names if (value := getattr(said, name)) is not None}
    if said.type == "semantic_vad":
        given["silence_duration_ms"] = EAGERNESS[said.eagerness or "auto"]
    return TurnDetection(**given)


_HEARD: dict[str, Any] = {
    "format": lambda value: PCM if value is None else _format(value),
    "transcription": _transcription,
    "turns": _turns,
}


def _check_tools(made: Saying, *, at: str) -> None:
    """Raise BadRequest for tools that no model could be given; MCP servers are nobody's here."""
    for number, tool in enumerate(made.tools):
        if tool.get("type") != "function":
            param = f"{at}.tools[{number}].type"
            raise BadRequest(f"{param}: only functions are taken here, not {tool.get('type')!r}", param=param)
    choice = made.tool_choice
    if isinstance(choice, dict) and choice.get("type") != "function":
        param = f"{at}.tool_choice.type"
        raise BadRequest(f"{param}: only a function can be named, not {choice.get('type')!r}", param=param)
    body = {"model": "m", "input": "x", "tools": list(made.tools), "tool_choice": made.tool_choice}
    try:
        openai_responses.decode_request(body)
    except BadRequest as error:
        raise BadRequest(f"{at}.{error.message}", param=f"{at}.{error.param}", code=error.code) from error


def encoded(settings: Settings, *, id: str, expires_at: int, beta: bool) -> dict[str, Any]:
    """Return the session as it is told."""
    head = {"id": id, "object": "realtime.session", "expires_at": expires_at}
    if settings.kind == "transcription":
        head |= {"type": "transcription", "object": "realtime.transcription_session"}
        return head | {"audio": {"input": _input(settings.hearing)}, "include": None}
    return head | (_beta(settings) if beta else _ga(settings))


def _ga(settings: Settings) -> dict[str, Any]:
    saying = settings.saying
    return {
        "type": "realtime",
        "model": settings.model,
        "output_modalities": ["audio" if saying.audio else "text"],
        "instructions": saying.instructions,
        "tools": list(saying.tools),
        "tool_choice": saying.tool_choice,
        "parallel_tool_calls": saying.parallel_tool_calls,
        "reasoning": {"effort": saying.effort} if saying.effort else None,
        "max_output_tokens": saying.most or "inf",
        "tracing": None,
        "truncation": "disabled",
        "prompt": None,
        "audio": {"input": _input(settings.hearing), "output": spoken(saying) | {"speed": saying.speed}},
        "include": None,
    }


def _beta(settings: Settings) -> dict[str, Any]:
    saying, hearing = settings.saying, settings.hearing
    return {
        "model": settings.model,
        "modalities": ["text", "audio"] if saying.audio else ["text"],
        "instructions": saying.instructions,
        "voice": saying.voice,
        "input_audio_format": OLD_NAMES[hearing.format],
        "output_audio_format": OLD_NAMES[saying.format],
        "input_audio_transcription": _transcribed(hearing.transcription),
        "turn_detection": _detected(hearing.turns),
        "input_audio_noise_reduction": None,
        "speed": saying.speed,
        "tracing": None,
        "tools": list(saying.tools),
        "tool_choice": saying.tool_choice,
        "temperature": saying.temperature,
        "max_response_output_tokens": saying.most or "inf",
        "prompt": None,
        "include": None,
    }


def spoken(saying: Saying) -> dict[str, Any]:
    """Return what is told of an answer's sound."""
    return {"format": _formatted(saying.format), "voice": saying.voice}


def _input(hearing: Hearing) -> dict[str, Any]:
    return {
        "format": _formatted(hearing.format),
        "transcription": _transcribed(hearing.transcription),
        "noise_reduction": None,
        "turn_detection": _detected(hearing.turns),
    }


def _formatted(name: str) -> dict[str, Any]:
    return {"type": name, "rate": 24_000} if name == PCM else {"type": name}


def _transcribed(told: Transcription | None) -> dict[str, Any] | None:
    if told is None:
        return None
    return {"model": told.model, "language": told.language, "prompt": told.prompt}


def _detected(turns: TurnDetection | None) -> dict[str, Any] | None:
    return None if turns is None else {"type": "server_vad"} | msgspec.structs.asdict(turns) | {"idle_timeout_ms": None}
