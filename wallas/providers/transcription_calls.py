"""Asks providers what was said, each in its own dialect."""

import base64
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from wallas.codecs.forms import Attached, encode_form
from wallas.codecs.framing import decode_body
from wallas.errors import FailureKind, ProviderError
from wallas.providers.gemini_media import generate, inline, parts_of, text_of, usage_of
from wallas.settings import Key
from wallas.types.chat import Usage
from wallas.types.sound import Span, TranscribeAnswer, TranscribeRequest

if TYPE_CHECKING:
    from wallas.providers.base import Line
    from wallas.providers.http import HttpProvider

TELLS_TIMES = ("whisper",)
"""Words in the ids of models that tell when something was said; others of OpenAI's dialect tell only what."""
FACTS = ("seek", "tokens", "temperature", "avg_logprob", "compression_ratio", "no_speech_prob")
ORDERS = {
    False: "Transcribe this audio verbatim, in the language that is spoken. Answer with the words alone.",
    True: "Translate what is said in this audio into English. Answer with the translation alone.",
}
TIMES = " Give each sentence with the seconds at which it begins and ends."
SEGMENTS = {
    "type": "object",
    "properties": {
        "language": {"type": "string", "description": "two letters"},
        "segments": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"start": {"type": "number"}, "end": {"type": "number"}, "text": {"type": "string"}},
                "required": ["start", "end", "text"],
            },
        },
    },
    "required": ["segments"],
}


def openai(provider: "HttpProvider", request: TranscribeRequest, key: Key, line: "Line") -> TranscribeAnswer:
    """Ask ``/audio/transcriptions`` or ``/audio/translations`` with a form."""
    timed = any(word in request.model for word in TELLS_TIMES) or provider.row.source == "wallas.toml"
    mistral = provider.name == "mistral"
    if request.translate and (mistral or not timed):
        raise _unable(f"{request.model} does not translate", "model")
    if (request.times or request.words) and not (timed or mistral):
        raise _unable(f"{request.model} does not tell when something was said", "response_format")
    fields: list[tuple[str, str | Attached]] = [("model", request.model)]
    if not mistral:
        fields.append(("response_format", "verbose_json" if request.times or request.words else "json"))
    for name, value in (
        ("language", None if request.translate else request.language),
        ("prompt", None if mistral else request.prompt),
        ("temperature", None if request.temperature is None else f"{request.temperature:g}"),
    ):
        if value:
            fields.append((name, value))
    if not request.translate:
        wanted = [word for word, asked in (("segment", request.times), ("word", request.words)) if asked]
        fields += [("timestamp_granularities[]", word) for word in wanted]
    fields.append(("file", Attached(request.filename, request.mime, request.audio)))
    kind, data = encode_form(fields)
    url = f"{provider.base(key)}/audio/{'translations' if request.translate else 'transcriptions'}"
    return read(decode_body(line.reply(lambda: provider.post(url, data, kind=kind, key=key)).data))


def openrouter(provider: "HttpProvider", request: TranscribeRequest, key: Key, line: "Line") -> TranscribeAnswer:
    """Ask OpenRouter, which takes base64 in JSON."""
    if request.translate:
        raise _unable("OpenRouter does not translate", "model")
    sound = {"data": base64.b64encode(request.audio).decode(), "format": _extension(request)}
    body: dict[str, Any] = {"model": request.model, "input_audio": sound}
    if request.times or request.words:
        body["response_format"] = "verbose_json"
    if request.language:
        body["language"] = request.language
    if request.temperature is not None:
        body["temperature"] = request.temperature
    url = f"{provider.base(key)}/audio/transcriptions"
    return read(decode_body(line.reply(lambda: provider.send(url, body, headers=provider.headers(key))).data))


def cohere(provider: "HttpProvider", request: TranscribeRequest, key: Key, line: "Line") -> TranscribeAnswer:
    """Ask Cohere, which must be told the language."""
    if request.translate or request.times or request.words:
        raise _unable("Cohere transcribes only, and without times", "response_format")
    fields: list[tuple[str, str | Attached]] = [("model", request.model), ("language", request.language or "en")]
    if request.temperature is not None:
        fields.append(("temperature", f"{request.temperature:g}"))
    fields.append(("file", Attached(request.filename, request.mime, request.audio)))
    kind, data = encode_form(fields)
    url = f"{provider.base(key)}/v2/audio/transcriptions"
    return read(decode_body(line.reply(lambda: provider.post(url, data, kind=kind, key=key)).data))


def huggingface(provider: "HttpProvider", request: TranscribeRequest, key: Key, line: "Line") -> TranscribeAnswer:
    """Ask Hugging Face's own inference, which takes the sound as it is."""
    if request.translate or request.times or request.words:
        raise _unable("Hugging Face transcribes only, and without times", "response_format")
    url = f"{provider.base(key).removesuffix('/v1')}/hf-inference/models/{request.model}"
    return read(decode_body(line.reply(lambda: provider.post(url, request.audio, kind=request.mime, key=key)).data))


def gemini(provider: "HttpProvider", request: TranscribeRequest, key: Key, line: "Line") -> TranscribeAnswer:
    """Ask a Gemini model in words; the times are its own reckoning, of words it knows none."""
    if request.words:
        raise _unable("Gemini does not tell when each word was said", "timestamp_granularities")
    order = ORDERS[request.translate] + (TIMES if request.times else "")
    if request.language and not request.translate:
        order += f" The language is {request.language}."
    if request.prompt:
        order += f" It may help to know: {request.prompt}"
    config: dict[str, Any] = {"temperature": request.temperature or 0}
    if request.times:
        config |= {"responseMimeType": "application/json", "responseJsonSchema": SEGMENTS}
    parts = [inline(request.audio, request.mime), {"text": order}]
    value = generate(provider, request.model, parts, config, key, line)
    words = text_of(parts_of(value))
    if not request.times:
        return TranscribeAnswer(text=words.strip(), usage=usage_of(value))
    answer = read(decode_body(words.encode()), usage=usage_of(value))
    text = " ".join(segment.text.strip() for segment in answer.segments)
    return msgspec.structs.replace(answer, text=text)


def read(value: Any, *, usage: Usage | None = None) -> TranscribeAnswer:
    """Return what an answer in OpenAI's shape says, as far as it says it; raise MALFORMED for one without text."""
    if not isinstance(value, dict) or not (isinstance(value.get("text"), str) or value.get("segments")):
        raise ProviderError(FailureKind.MALFORMED, "an answer without text")
    language, duration = value.get("language"), value.get("duration")
    told = value.get("usage")
    counts = [told.get(name) if isinstance(told, dict) else None for name in ("input_tokens", "output_tokens")]
    counted = Usage(input=counts[0], output=counts[1]) if all(isinstance(count, int) for count in counts) else None
    return TranscribeAnswer(
        text=str(value.get("text") or "").strip(),
        language=language if isinstance(language, str) else None,
        duration=float(duration) if isinstance(duration, int | float) else None,
        segments=spans(value.get("segments"), "text"),
        words=spans(value.get("words"), "word"),
        usage=usage or counted,
    )


def spans(rows: Any, name: str) -> tuple[Span, ...]:
    """Return the rows that say what was said when; those that do not are left out."""
    if not isinstance(rows, list):
        return ()
    return tuple(
        Span(
            start=float(row["start"]),
            end=float(row["end"]),
            text=str(row[name]),
            facts={fact: row[fact] for fact in FACTS if row.get(fact) is not None},
        )
        for row in rows
        if isinstance(row, dict)
        and isinstance(row.get(name), str)
        and all(isinstance(row.get(end), int | float) for end in ("start", "end"))
    )


def _extension(request: TranscribeRequest) -> str:
    return request.filename.rpartition(".")[2].lower() or "wav"


def _unable(message: str, param: str) -> ProviderError:
    return ProviderError(FailureKind.UNSUPPORTED, message, param=param)


DIALECTS: dict[str, Callable[..., TranscribeAnswer]] = {
    "openai": openai,
    "openrouter": openrouter,
    "cohere": cohere,
    "huggingface": huggingface,
    "gemini": gemini,
}
