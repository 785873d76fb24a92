"""Draws pictures: by whoever can, in as many calls as it takes, fetched from wherever a provider has put them."""

from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urljoin, urlsplit

import msgspec

from wallas.content.fetch import Fetched, FetchError
from wallas.errors import FailureKind, ProviderError
from wallas.media import programs
from wallas.media.kinds import sniff
from wallas.providers.image_calls import picture_of
from wallas.routing.candidates import Candidate
from wallas.routing.line import Line
from wallas.routing.needs import BYTES_PER_TOKEN
from wallas.routing.operation import Run, Task
from wallas.routing.router import Router
from wallas.routing.speech import able
from wallas.types.image import ImageAnswer, ImageRequest, Picture

FOREIGN = ("dall-e*", "gpt-image*", "chatgpt-image*")
MOST_SECONDS = 180.0
PICTURE_TOKENS = 1000
CODERS = {"png": "png", "jpeg": "mjpeg", "webp": "libwebp"}

Fetch = Callable[[str], Fetched]


def task(router: Router, *, edit: bool) -> Task:
    """Return the task of drawing pictures, or of changing some."""
    capability = "image_edit" if edit else "image_generation"
    return Task(
        name="image_edit" if edit else "image",
        noun="image",
        able=partial(able, router, "image", capability),
        foreign=FOREIGN,
        seconds=MOST_SECONDS,
    )


def draw(run: Run, request: ImageRequest, fetch: Fetch) -> ImageAnswer:
    """Return as many pictures as were asked for, in the format that was; raise GatewayError when nobody draws them.

    ``fetch`` gets those for which a provider gives only an address.
    """
    answers: list[ImageAnswer] = []
    left = request.n
    while left > 0:
        asked = msgspec.structs.replace(request, n=left, seed=_seed(request, len(answers)))
        answer = run.answer(
            partial(_ask, asked=asked, fetch=fetch),
            tokens=int(len(request.prompt) / BYTES_PER_TOKEN) + PICTURE_TOKENS * (1 + len(request.images)),
            usage=lambda one: one.usage,
        )
        run.note_unheard(asked)
        if answer.size is not None:
            run.dropped.append(f"size>{answer.size}")
        answers.append(answer)
        left -= len(answer.pictures)
    pictures = tuple(picture for answer in answers for picture in answer.pictures)[: request.n]
    if request.format is not None:
        pictures = tuple(_converted(run, picture, request.format) for picture in pictures)
    return msgspec.structs.replace(answers[0], pictures=pictures)


def _seed(request: ImageRequest, number: int) -> int | None:
    return None if request.seed is None else request.seed + number


def _ask(candidate: Candidate, line: Line, *, asked: ImageRequest, fetch: Fetch) -> ImageAnswer:
    request = msgspec.structs.replace(asked, model=candidate.model.id)
    answer: ImageAnswer = candidate.provider.operate(request, key=candidate.key, line=line)
    pictures = tuple(fetched(candidate, line, picture, fetch) for picture in answer.pictures)
    return msgspec.structs.replace(answer, pictures=pictures)


def fetched(candidate: Candidate, line: Line, picture: Picture, fetch: Fetch) -> Picture:
    """Return a picture with its bytes; raise MALFORMED for an address that gives none."""
    if picture.url is None:
        return picture
    return picture_of(content_of(candidate, line, picture.url, fetch), prompt=picture.prompt)


def content_of(candidate: Candidate, line: Line, url: str, fetch: Fetch) -> bytes:
    """Return what lies where a provider says: at its own address asked for directly, anywhere else safely."""
    provider: Any = candidate.provider
    if origin(url) == origin(provider.base_url):
        reply = line.reply(lambda: provider.get(url, key=candidate.key), moved=True)
        if reply.status < 300:
            return reply.data
        url = urljoin(url, reply.headers["location"])
        if origin(url) == origin(provider.base_url):
            return line.reply(lambda: provider.get(url, key=candidate.key)).data
    try:
        return fetch(url).data
    except FetchError as error:
        raise ProviderError(FailureKind.MALFORMED, f"the provider's address gives nothing: {error}") from error


def origin(url: str) -> tuple[str, str]:
    """Return scheme and host of an address."""
    parts = urlsplit(url)
    return parts.scheme.lower(), parts.netloc.lower()


def _converted(run: Run, picture: Picture, wanted: str) -> Picture:
    """Return a picture in the format that was asked for; where that cannot be had here, as it came, and named so."""
    if picture.mime == f"image/{wanted}":
        return picture
    if programs.found("ffmpeg"):
        options = ["-frames:v", "1", "-c:v", CODERS[wanted], "-f", "image2pipe", "pipe:1"]
        common = ["ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "error", "-protocol_whitelist", "pipe,fd"]
        try:
            made = programs.run([*common, "-i", "pipe:0", *options], picture.data, seconds=30.0)
        except programs.ProgramFailed:
            made = b""
        if sniff(made[:64]) == f"image/{wanted}":
            return msgspec.structs.replace(picture, data=made, mime=f"image/{wanted}")
    run.dropped.append("output_format")
    return picture
