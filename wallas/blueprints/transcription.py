"""Transcription and translation: sound in, words out."""

from collections.abc import Iterator

import msgspec
from flask import Blueprint, Response, request

from wallas.blueprints.leaving import watched
from wallas.blueprints.multipart import Form, form
from wallas.blueprints.respond import json_response, request_id, router
from wallas.codecs import OPENAI_CHAT, openai_errors
from wallas.codecs.openai_transcription import LISTS, TYPES, Asked, decode_request, encode_answer
from wallas.errors import BadRequest, GatewayError
from wallas.routing.operation import Run, begin
from wallas.routing.transcription import joined, task, transcribe
from wallas.types.sound import TranscribeAnswer

bp = Blueprint("transcription", __name__)

FORM_BYTES = 200 * 1024 * 1024


@bp.post("/v1/audio/transcriptions")
def transcriptions() -> Response:
    """Write down what is said in a recording."""
    return _written(translate=False)


@bp.post("/v1/audio/translations")
def translations() -> Response:
    """Write down in English what is said in a recording."""
    return _written(translate=True)


def _written(*, translate: bool) -> Response:
    sent = form(request, most=FORM_BYTES)
    body = sent.plain(*LISTS)
    said = watched(request.environ, body)
    audio, name = _recording(sent)
    asked = decode_request(body, audio, name, translate=translate)
    here = router()
    run = begin(
        here,
        task(here),
        asked.model,
        said,
        request_id=request_id(request),
        wire=OPENAI_CHAT,
        stream=asked.stream,
    )
    if asked.stream:
        pieces = _events(run, asked)
        first = next(pieces)
        return Response(_chained(first, pieces), headers=run.headers(), content_type="text/event-stream")
    with run:
        told = encode_answer(joined(list(transcribe(run, asked.request))), asked)
    if isinstance(told, str):
        return Response(told, headers=run.headers(), content_type=f"{TYPES[asked.format]}; charset=utf-8")
    return json_response(told, headers=run.headers())


def _recording(sent: Form) -> tuple[bytes, str]:
    file = sent.file("file")
    audio = file.stream.read()
    if not audio:
        raise BadRequest("file: there is nothing in it", param="file", code="invalid_file")
    return audio, file.filename or "audio"


def _events(run: Run, asked: Asked) -> Iterator[bytes]:
    """Yield a part of the recording as an event each, and the whole at the end."""
    answers: list[TranscribeAnswer] = []
    with run:
        try:
            for answer in transcribe(run, asked.request):
                delta = answer.text if not answers else f" {answer.text}"
                answers.append(answer)
                yield _event({"type": "transcript.text.delta", "delta": delta})
        except GatewayError as error:
            if not answers:
                raise
            yield b"event: error\n" + _event(openai_errors.encode_error(error))
            raise
        whole = encode_answer(joined(answers), msgspec.structs.replace(asked, format="json"))
        assert isinstance(whole, dict)
        yield _event({"type": "transcript.text.done"} | whole)


def _event(value: object) -> bytes:
    return b"data: " + msgspec.json.encode(value) + b"\n\n"


def _chained(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    try:
        yield first
        yield from rest
    finally:
        rest.close()  # type: ignore[attr-defined]
