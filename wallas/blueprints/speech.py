"""Speech: text in, sound out, streamed as it is spoken."""

import base64
import logging
from collections.abc import Iterator

import msgspec
from flask import Blueprint, Response, request

from wallas.blueprints.body import guarded_body
from wallas.blueprints.leaving import watched
from wallas.blueprints.respond import json_response, request_id, router
from wallas.codecs import OPENAI_CHAT, openai_errors
from wallas.codecs.openai_speech import Asked, decode_request
from wallas.errors import GatewayError
from wallas.media.sound import FORMATS
from wallas.providers.espeak import known_voices
from wallas.providers.voices import EDGE, FEMALE, MALE, OPENAI, voices_of
from wallas.routing.operation import Run, begin
from wallas.routing.router import Options
from wallas.routing.speech import speak, task

bp = Blueprint("speech", __name__)
log = logging.getLogger(__name__)


@bp.post("/v1/audio/speech")
def speech() -> Response:
    """Speak a text."""
    body = guarded_body(request)
    said = watched(request.environ, body)
    return _spoken(decode_request(body), said)


@bp.post("/v1/tts")
def tts() -> Response:
    """Speak a text: ``{"text": ..., "voice": ...}`` is enough."""
    body = guarded_body(request)
    said = watched(request.environ, body)
    return _spoken(decode_request(body, short=True), said)


def _spoken(asked: Asked, said: Options) -> Response:
    here = router()
    run = begin(
        here,
        task(here),
        asked.model,
        said,
        request_id=request_id(request),
        wire=OPENAI_CHAT,
        stream=True,
    )
    pieces = _booked(run, asked)
    first = next(pieces)
    headers = run.headers() | {"X-Accel-Buffering": "no"}
    kind = "text/event-stream" if asked.events else FORMATS[asked.format].mime
    return Response(_chained(first, pieces), headers=headers, content_type=kind)


def _booked(run: Run, asked: Asked) -> Iterator[bytes]:
    """Yield what the client gets; the request is booked when that ends, however it does."""
    with run:
        sound = speak(run, asked.request)
        if not asked.events:
            yield from sound
            return
        first = next(sound)
        yield _delta(first)
        try:
            for piece in sound:
                if piece:
                    yield _delta(piece)
        except GatewayError as error:
            yield b"event: error\ndata: " + msgspec.json.encode(openai_errors.encode_error(error)) + b"\n\n"
            raise
        used = [(hop.input or 0, hop.output or 0) for hop in run.record.hops if hop.outcome == "ok"]
        spent, made = sum(one for one, _ in used), sum(one for _, one in used)
        usage = {"input_tokens": spent, "output_tokens": made, "total_tokens": spent + made}
        yield b"data: " + msgspec.json.encode({"type": "speech.audio.done", "usage": usage}) + b"\n\n"


def _delta(data: bytes) -> bytes:
    event = {"type": "speech.audio.delta", "audio": base64.b64encode(data).decode()}
    return b"data: " + msgspec.json.encode(event) + b"\n\n"


def _chained(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    try:
        yield first
        for piece in rest:
            if piece:
                yield piece
    finally:
        rest.close()  # type: ignore[attr-defined]


@bp.get("/v1/audio/voices")
def voices() -> Response:
    """List the voices that can be asked for here."""
    here = router()
    rows: list[dict[str, str | None]] = [
        {"id": name, "name": name, "provider": None, "gender": sex, "note": "stands for a like voice everywhere"}
        for name, sex in OPENAI.items()
    ]
    for model in here.catalog.models:
        if model.provider not in here.providers or "speech" not in model.capabilities or model.status == "retired":
            continue
        provider = here.providers[model.provider]
        known = voices_of(model.provider, model.id, wire=provider.wire)
        rows += [
            {"id": name, "name": name, "provider": model.provider, "model": model.id, "gender": sex}
            for name, sex in (known.own if known else {}).items()
        ]
    if "edge-tts" in here.providers:
        rows += [
            {"id": name, "name": name, "provider": "edge-tts", "model": "edge-tts", "language": language, "gender": sex}
            for language, pair in EDGE.items()
            for name, sex in zip(pair, (FEMALE, MALE), strict=True)
        ]
    if "espeak" in here.providers:
        rows += [
            {"id": name, "name": name, "provider": "espeak", "model": "espeak-ng", "language": name, "gender": None}
            for name in sorted(known_voices())
        ]
    return json_response({"object": "list", "data": rows, "voices": [row["id"] for row in rows]})
