"""Writes down what was said, in recordings of any kind and length, and puts the parts together."""

from collections.abc import Iterator
from functools import partial

import msgspec

from wallas.catalog.entries import Model
from wallas.codecs import GEMINI
from wallas.errors import BadRequest
from wallas.media import listening
from wallas.routing.candidates import Candidate
from wallas.routing.line import Line
from wallas.routing.operation import Run, Task
from wallas.routing.router import Router
from wallas.routing.speech import able
from wallas.types.sound import Span, TranscribeAnswer, TranscribeRequest

FOREIGN = ("whisper-*", "gpt-*whisper*", "gpt-*transcribe*", "distil-whisper*", "nova-*")
MOST_SECONDS = 300.0
TOKENS_A_BYTE = 1 / 500
"""Sixteen kilobytes of sound, a second, are some 32 tokens to models that count them."""
REMEMBERED = 200
"""Characters of what was said before that help with what comes next."""


def task(router: Router) -> Task:
    """Return the task of writing down what was said."""

    def hears(model: Model) -> bool:
        provider = router.providers.get(model.provider)
        if provider is not None and provider.wire == GEMINI and model.kind == "chat":
            return "audio" in model.capabilities
        return able(router, "transcription", "transcription", model)

    return Task(name="transcription", noun="transcription", able=hears, foreign=FOREIGN, seconds=MOST_SECONDS)


def transcribe(run: Run, request: TranscribeRequest) -> Iterator[TranscribeAnswer]:
    """Yield what was said, a part of the recording at a time, its times counted from the beginning of the whole.

    Raises BadRequest for what is no recording, GatewayError when nobody writes a part down.
    """
    before = request.prompt
    try:
        for piece in listening.pieces(request.audio):
            asked = msgspec.structs.replace(
                request, audio=piece.data, mime=piece.mime, filename=piece.name, prompt=before
            )
            answer = run.answer(
                partial(_ask, asked=asked),
                tokens=int(len(piece.data) * TOKENS_A_BYTE),
                usage=lambda one: one.usage,
            )
            run.note_unheard(request)
            before = f"{request.prompt or ''} {answer.text[-REMEMBERED:]}".strip()
            yield moved(answer, piece.at, piece.seconds)
    except listening.Unhearable as error:
        raise BadRequest(f"file: no sound can be read from it: {error}", param="file", code="invalid_file") from error


def _ask(candidate: Candidate, line: Line, *, asked: TranscribeRequest) -> TranscribeAnswer:
    request = msgspec.structs.replace(asked, model=candidate.model.id)
    answer: TranscribeAnswer = candidate.provider.operate(request, key=candidate.key, line=line)
    return answer


def moved(answer: TranscribeAnswer, at: float, seconds: float | None) -> TranscribeAnswer:
    """Return an answer with its times counted from ``at`` seconds before; ``seconds`` long where it does not say."""
    return msgspec.structs.replace(
        answer,
        duration=seconds if seconds is not None else answer.duration,
        segments=tuple(_moved(span, at) for span in answer.segments),
        words=tuple(_moved(span, at) for span in answer.words),
    )


def _moved(span: Span, at: float) -> Span:
    return msgspec.structs.replace(span, start=round(span.start + at, 3), end=round(span.end + at, 3)) if at else span


def joined(answers: list[TranscribeAnswer]) -> TranscribeAnswer:
    """Return the parts of a recording as one."""
    if len(answers) == 1:
        return answers[0]
    lengths = [answer.duration for answer in answers]
    return TranscribeAnswer(
        text=" ".join(answer.text for answer in answers if answer.text),
        language=next((answer.language for answer in answers if answer.language), None),
        duration=None if None in lengths else round(sum(length or 0.0 for length in lengths), 3),
        segments=tuple(span for answer in answers for span in answer.segments),
        words=tuple(span for answer in answers for span in answer.words),
    )
