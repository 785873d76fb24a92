"""Speaks texts of any length: cut where a voice pauses, each part by whoever can, joined so that nothing clicks."""

from collections.abc import Iterator
from functools import partial

import msgspec

from wallas.catalog.entries import Model
from wallas.errors import FailureKind, ProviderError
from wallas.media import pcm, sound
from wallas.media.words import cut, language_of
from wallas.providers.operations import dialect
from wallas.providers.row import PROGRAM
from wallas.providers.speech_calls import most_chars
from wallas.routing.candidates import Candidate
from wallas.routing.line import Line
from wallas.routing.needs import BYTES_PER_TOKEN
from wallas.routing.operation import Run, Task
from wallas.routing.router import Router
from wallas.types.sound import SpeechAnswer, SpeechRequest

FOREIGN = ("tts-*", "gpt-4o*-tts*", "gpt-*-tts*", "playai-*", "eleven_*")
FIRST_CHARS = 300
"""The first part of a long text is short, so that something is heard soon."""
MOST_SECONDS = 90.0
ONE_LANGUAGE = {"orpheus-v1-english": "en", "orpheus-arabic": "ar"}
"""Models that speak one language only, by a word in their id."""


def able(router: Router, operation: str, capability: str, model: Model) -> bool:
    """Return whether a model has a capability and its provider, if it can be used here, the call for it."""
    provider = router.providers.get(model.provider)
    offered = provider is None or provider.row.wire == PROGRAM or dialect(provider.row, operation) is not None
    return offered and capability in model.capabilities


def task(router: Router) -> Task:
    """Return the task of speaking."""
    return Task(
        name="speech",
        noun="speech",
        able=partial(able, router, "speech", "speech"),
        foreign=FOREIGN,
        seconds=MOST_SECONDS,
    )


def speak(run: Run, request: SpeechRequest) -> Iterator[bytes]:
    """Yield a text as sound of the wanted format, the first part as soon as it is spoken.

    Raises GatewayError when nobody speaks a part; Missing where the format needs a program that is not here.
    """
    rest = request.text
    first = next(parts := _parts(run, request, rest))
    if not first.rest and first.answer.speed == 1.0 and sound.is_format(first.answer.audio, request.format):
        yield first.answer.audio
        return
    if not first.rest:
        yield sound.encoded(_samples(first.answer), request.format)
        return
    encoder = sound.Encoder(request.format)
    try:
        yield encoder.feed(pcm.faded(_samples(first.answer)))
        for part in parts:
            yield encoder.feed(pcm.silence() + pcm.faded(_samples(part.answer)))
        yield encoder.finish()
    finally:
        encoder.close()


class Part(msgspec.Struct, frozen=True):
    """A spoken part of a text, and what is left to be spoken."""

    answer: SpeechAnswer
    rest: str


def _parts(run: Run, request: SpeechRequest, text: str) -> Iterator[Part]:
    language = request.language or language_of(text)
    most = FIRST_CHARS
    while text:
        part = run.answer(
            partial(_ask, request=request, text=text, most=most, language=language),
            tokens=int(min(len(text), most) / BYTES_PER_TOKEN),
            usage=lambda one: one.answer.usage,
        )
        run.note_unheard(request)
        if part.answer.strange_voice:
            run.dropped.append("voice")
        yield part
        text, most = part.rest, 10**6


def _ask(candidate: Candidate, line: Line, *, request: SpeechRequest, text: str, most: int, language: str) -> Part:
    """Return as much of a text, spoken, as a candidate takes at once; the whole where that is not much."""
    model = candidate.model
    only = next((code for word, code in ONE_LANGUAGE.items() if word in model.id), None)
    if only is not None and only != language and model.id not in request.model:
        raise ProviderError(FailureKind.UNSUPPORTED, f"{model.id} speaks no {language!r}", param="input")
    limit = most_chars(model.provider)
    whole = len(text) <= min(limit, 2 * FIRST_CHARS)
    head, rest = (text, "") if whole else cut(text, min(limit, most))
    asked = msgspec.structs.replace(
        request, model=model.id, text=head, language=language, format=request.format if whole else "wav"
    )
    answer: SpeechAnswer = candidate.provider.operate(asked, key=candidate.key, line=line)
    if not (whole and answer.speed == 1.0 and sound.is_format(answer.audio, request.format)):
        answer = _decoded(answer)
    return Part(answer, rest if rest.strip() else "")


def _decoded(answer: SpeechAnswer) -> SpeechAnswer:
    """Return an answer as samples, so that what is no sound is still the provider's failure."""
    try:
        samples = sound.samples(answer.audio, rate=answer.rate, tempo=answer.speed)
    except sound.Unplayable as error:
        raise ProviderError(FailureKind.MALFORMED, f"an answer that is no sound: {error}") from error
    if not samples:
        raise ProviderError(FailureKind.EMPTY, "an answer without sound")
    return msgspec.structs.replace(answer, audio=samples, rate=pcm.RATE, speed=1.0)


def _samples(answer: SpeechAnswer) -> bytes:
    return answer.audio if answer.rate == pcm.RATE else sound.samples(answer.audio, rate=answer.rate)
