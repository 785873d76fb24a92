"""OpenAI's transcription and translation: a form in, and words out in five formats."""

import re
from typing import Annotated, Any, Literal

import msgspec

from wallas.codecs.fields import convert
from wallas.errors import BadRequest
from wallas.types.sound import Span, TranscribeAnswer, TranscribeRequest

Format = Literal["json", "text", "srt", "verbose_json", "vtt"]
TIMED = ("srt", "verbose_json", "vtt")
TYPES = {"text": "text/plain", "srt": "application/x-subrip", "vtt": "text/vtt"}
SUBTITLE_WORDS = 12
"""Words of one subtitle where only the times of words are known."""
LISTS = ("timestamp_granularities", "include")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


class FormIn(msgspec.Struct):
    """The texts of a form."""

    model: Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
    language: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]+)*$")] | None = None
    prompt: Annotated[str, msgspec.Meta(max_length=10_000)] | None = None
    response_format: Format = "json"
    temperature: Annotated[float, msgspec.Meta(ge=0.0, le=1.0)] | None = None
    timestamp_granularities: list[Literal["word", "segment"]] = []
    stream: bool = False


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request and how its answer is wanted."""

    request: TranscribeRequest
    model: str
    format: str
    stream: bool
    words: bool
    segments: bool


def decode_request(said: dict[str, Any], audio: bytes, filename: str, *, translate: bool) -> Asked:
    """Return a client's request; raise BadRequest naming the field that is wrong."""
    said = {key: value for key, value in said.items() if value != "" or key == "model"}
    if isinstance(said.get("temperature"), str) and _NUMBER.fullmatch(said["temperature"]):
        said["temperature"] = float(said["temperature"])
    if str(said.get("stream")).lower() in ("true", "false", "1", "0"):
        said["stream"] = str(said["stream"]).lower() in ("true", "1")
    fields = convert(said, FormIn)
    granularities = fields.timestamp_granularities
    if granularities and fields.response_format != "verbose_json":
        message = "timestamp_granularities: only verbose_json tells times"
        raise BadRequest(message, param="timestamp_granularities")
    if fields.stream and fields.response_format not in ("json", "text"):
        raise BadRequest("stream: only json and text can be streamed", param="stream")
    words = "word" in granularities
    segments = fields.response_format in TIMED and (not granularities or "segment" in granularities)
    request = TranscribeRequest(
        model=fields.model,
        audio=audio,
        mime="application/octet-stream",
        filename=filename,
        language=fields.language.partition("-")[0].lower() if fields.language else None,
        prompt=fields.prompt,
        temperature=fields.temperature,
        translate=translate,
        words=words,
        times=segments,
    )
    return Asked(
        request=request,
        model=fields.model,
        format=fields.response_format,
        stream=fields.stream,
        words=words,
        segments=segments,
    )


def encode_answer(answer: TranscribeAnswer, asked: Asked) -> dict[str, Any] | str:
    """Return an answer as its client wants it: an object for the JSON formats, a text for the others."""
    match asked.format:
        case "text":
            return answer.text + "\n"
        case "srt":
            return "".join(
                f"{number}\n{clock(span.start, ',')} --> {clock(span.end, ',')}\n{span.text.strip()}\n\n"
                for number, span in enumerate(subtitles(answer), 1)
            )
        case "vtt":
            rows = (
                f"{clock(span.start, '.')} --> {clock(span.end, '.')}\n{span.text.strip()}\n\n"
                for span in subtitles(answer)
            )
            return "WEBVTT\n\n" + "".join(rows)
        case "verbose_json":
            return _verbose(answer, asked)
        case _:
            return {"text": answer.text} | _usage(answer)


def _verbose(answer: TranscribeAnswer, asked: Asked) -> dict[str, Any]:
    told: dict[str, Any] = {
        "task": "translate" if asked.request.translate else "transcribe",
        "language": answer.language or asked.request.language or "",
        "duration": length(answer),
        "text": answer.text,
    }
    if asked.segments:
        told["segments"] = [_segment(number, span) for number, span in enumerate(answer.segments)]
    if asked.words:
        told["words"] = [{"word": span.text, "start": span.start, "end": span.end} for span in answer.words]
    return told | _usage(answer)


def _segment(number: int, span: Span) -> dict[str, Any]:
    unsaid = dict.fromkeys(("temperature", "avg_logprob", "compression_ratio", "no_speech_prob"))
    known = {"seek": 0, "tokens": []} | unsaid | span.facts
    return {"id": number, "start": span.start, "end": span.end, "text": span.text} | known


def _usage(answer: TranscribeAnswer) -> dict[str, Any]:
    usage = answer.usage
    if usage is not None and usage.input is not None:
        made = usage.output or 0
        total = usage.input + made
        told = {"type": "tokens", "input_tokens": usage.input, "output_tokens": made, "total_tokens": total}
        return {"usage": told}
    seconds = length(answer)
    return {"usage": {"type": "duration", "seconds": round(seconds)}} if seconds else {}


def length(answer: TranscribeAnswer) -> float:
    """Return how long a recording is: as was said, else to the end of the last word."""
    if answer.duration is not None:
        return answer.duration
    return max((span.end for span in (*answer.segments, *answer.words)), default=0.0)


def subtitles(answer: TranscribeAnswer) -> list[Span]:
    """Return what is shown when: the segments, or words put together where only their times are known."""
    if answer.segments or not answer.words:
        return list(answer.segments)
    rows = [answer.words[start : start + SUBTITLE_WORDS] for start in range(0, len(answer.words), SUBTITLE_WORDS)]
    return [Span(start=row[0].start, end=row[-1].end, text=" ".join(span.text.strip() for span in row)) for row in rows]


def clock(seconds: float, mark: str) -> str:
    """Return an instant as subtitles have it: ``00:01:02,345``."""
    thousandths = round(seconds * 1000)
    whole, rest = divmod(thousandths, 1000)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}{mark}{rest:03d}"
