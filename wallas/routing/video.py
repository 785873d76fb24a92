"""Has films made: the job is begun by whoever takes it, looked after and fetched at that provider alone."""

import time
from functools import partial

import msgspec

from wallas.errors import FailureKind, ProviderError
from wallas.media.kinds import sniff
from wallas.providers.base import Provider
from wallas.routing.candidates import Candidate
from wallas.routing.image import Fetch, content_of
from wallas.routing.line import Line
from wallas.routing.operation import Run, Task
from wallas.routing.router import Router
from wallas.routing.speech import able
from wallas.settings import Key
from wallas.types.video import VideoCancel, VideoLook, VideoRequest, VideoState

FOREIGN = ("sora*", "veo-*")
BEGIN_SECONDS = 60.0
LOOK_SECONDS = 30.0
FETCH_SECONDS = 300.0


def task(router: Router) -> Task:
    """Return the task of having a film made."""
    return Task(
        name="video",
        noun="video",
        able=partial(able, router, "video", "video_generation"),
        foreign=FOREIGN,
        seconds=BEGIN_SECONDS,
    )


def begin_film(run: Run, request: VideoRequest) -> tuple[VideoState, Candidate]:
    """Return a job that somebody has taken, and who; raise GatewayError when nobody takes it."""

    def ask(candidate: Candidate, line: Line) -> VideoState:
        asked = msgspec.structs.replace(request, model=candidate.model.id)
        state: VideoState = candidate.provider.operate(asked, key=candidate.key, line=line)
        if state.status in ("failed", "cancelled"):
            raise ProviderError(FailureKind.SERVER, state.error or f"the job is {state.status}")
        return state

    state = run.answer(ask)
    run.note_unheard(request)
    assert run.last is not None
    return state, run.last


def look(provider: Provider, key: Key, *, model: str, handle: str, seconds: float = LOOK_SECONDS) -> VideoState:
    """Return how far a job is; raise ProviderError when its provider does not say."""
    line = Line(provider, until=time.monotonic() + seconds, seconds=seconds)
    state: VideoState = provider.operate(VideoLook(model=model, handle=handle), key=key, line=line)
    return state


def call_off(provider: Provider, key: Key, *, model: str, handle: str) -> None:
    """Tell a provider that a job is not wanted any more; raise ProviderError when it does not hear."""
    line = Line(provider, until=time.monotonic() + LOOK_SECONDS, seconds=LOOK_SECONDS)
    provider.operate(VideoCancel(model=model, handle=handle), key=key, line=line)


def film_of(candidate: Candidate, state: VideoState, fetch: Fetch) -> bytes:
    """Return a completed film's bytes; raise MALFORMED for what is none."""
    if state.data:
        data = state.data
    elif state.url is not None:
        line = Line(candidate.provider, until=time.monotonic() + FETCH_SECONDS, seconds=FETCH_SECONDS)
        data = content_of(candidate, line, state.url, fetch)
    else:
        raise ProviderError(FailureKind.MALFORMED, "a film without bytes and without an address")
    if not sniff(data[:64]).startswith("video/"):
        raise ProviderError(FailureKind.MALFORMED, f"{sniff(data[:64])} where a film was asked for")
    return data
