"""Looks after films that providers are making, until each is here, has failed, or is not wanted any more.

Whoever began a job follows it in a thread, and says so in its row. A job whose follower has died is taken up by the
elected worker: a restart loses nothing but time.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

import msgspec
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from wallas.errors import FailureKind, GatewayError, NotFound, ProviderError
from wallas.ids import fresh
from wallas.media.store import MediaStore
from wallas.providers.base import Provider
from wallas.routing.candidates import Candidate
from wallas.routing.image import Fetch
from wallas.routing.router import Router
from wallas.routing.video import call_off, film_of, look
from wallas.settings import Key
from wallas.storage.videos import (
    OPEN,
    StoredVideo,
    add_video,
    claim_video,
    delete_video,
    due_videos,
    find_video,
    list_videos,
    update_video,
)
from wallas.types.video import VideoRequest, VideoState

log = logging.getLogger(__name__)

FOLLOWERS = 16
KEEP_SECONDS = 7 * 86400.0
MOST_SECONDS = 3600.0
"""A film that is not made within an hour never will be."""
HOPELESS = frozenset(
    {
        FailureKind.MODEL_GONE,
        FailureKind.CALLER_FAULT,
        FailureKind.CONTENT_FILTER,
        FailureKind.CREDENTIAL,
        FailureKind.FORBIDDEN_MODEL,
        FailureKind.UNSUPPORTED,
    }
)
"""Failures of a look that another look would not change."""


class Pace(NamedTuple):
    """How often a job is looked after: at first, at most, and how late a follower may be before another takes over."""

    first: float = 2.0
    longest: float = 10.0
    grace: float = 45.0


class Videos:
    """The films of one gateway; each worker has one of these."""

    def __init__(
        self, engine: Engine, *, media: MediaStore, router: Callable[[], Router], fetch: Fetch, pace: Pace | None = None
    ) -> None:
        """Keep jobs with ``engine`` and films with ``media``; ``fetch`` gets films from where providers put them."""
        self.engine = engine
        self.media = media
        self.router = router
        self.fetch = fetch
        self.pace = pace or Pace()
        self.slots = threading.Semaphore(FOLLOWERS)
        self.stopping = threading.Event()
        self.changed = threading.Condition()

    def add(
        self, state: VideoState, candidate: Candidate, request: VideoRequest, *, owner: str, asked: str
    ) -> StoredVideo:
        """Keep a job that a provider has taken, and begin to look after it."""
        now = time.time()
        bare = request if request.image is None else msgspec.structs.replace(request, image=None)
        video = StoredVideo(
            id=f"video_{fresh()}",
            owner=owner,
            status="in_progress" if state.status == "completed" else state.status,
            progress=state.progress,
            asked_model=asked[:200],
            request=msgspec.json.encode(bare).decode(),
            provider=candidate.model.provider,
            model=candidate.model.id,
            key_id=candidate.key.id,
            handle=state.handle,
            file_id=None,
            error_code=None,
            error=None,
            created_at=now,
            completed_at=None,
            expires_at=now + KEEP_SECONDS,
            look_at=now + self.pace.first + self.pace.grace,
        )
        add_video(self.engine, video)
        self._follow_in_thread(video)
        return video

    def find(self, id: str, *, owner: str) -> StoredVideo:
        """Return an owner's job; raise NotFound."""
        video = find_video(self.engine, id, owner=owner)
        if video is None:
            raise missing(id)
        return video

    def list(self, *, owner: str, newest_first: bool = True) -> list[StoredVideo]:
        """Return an owner's jobs."""
        return list_videos(self.engine, owner=owner, newest_first=newest_first)

    def wait(self, id: str, *, owner: str, seconds: float) -> StoredVideo:
        """Return a job once it is over, or as it is after so many seconds."""
        until = time.monotonic() + seconds
        while True:
            video = self.find(id, owner=owner)
            left = until - time.monotonic()
            if video.status not in OPEN or left <= 0:
                return video
            with self.changed:
                self.changed.wait(min(left, 1.0))

    def cancel(self, id: str, *, owner: str) -> StoredVideo:
        """Call a job off, here and at its provider as far as that hears; one that is over stays as it is."""
        video = self.find(id, owner=owner)
        if video.status in OPEN and self._end(video, "cancelled", code="cancelled", error="called off by its client"):
            self._call_off(video)
        return self.find(id, owner=owner)

    def delete(self, id: str, *, owner: str) -> StoredVideo:
        """Forget a job and its film; what is still being made is called off. Raise NotFound."""
        video = delete_video(self.engine, id, owner=owner)
        if video is None:
            raise missing(id)
        if video.status in OPEN:
            self._call_off(video)
        if video.file_id is not None:
            try:
                self.media.delete(video.file_id, owner=owner, kind="media")
            except NotFound:
                log.info("the film of %s had gone before", id)
        return video

    def adopt(self) -> None:
        """Take up the jobs whose followers have died; for the elected worker, from time to time."""
        now = time.time()
        for id in due_videos(self.engine, now=now):
            video = claim_video(self.engine, id, now=now, until=now + self.pace.grace)
            if video is not None:
                self._follow_in_thread(video)

    def close(self) -> None:
        """Stop following; jobs stay for whoever comes."""
        self.stopping.set()

    def _follow_in_thread(self, video: StoredVideo) -> None:
        if not self.slots.acquire(blocking=False):
            return  # the elected worker takes it up when there is room

        def follow() -> None:
            try:
                self._follow(video)
            except SQLAlchemyError as error:
                log.warning("nobody looks after %s for now: %s", video.id, type(error).__name__)
            finally:
                self.slots.release()

        threading.Thread(target=follow, name=f"wallas-{video.id}", daemon=True).start()

    def _follow(self, video: StoredVideo) -> None:
        pause = self.pace.first
        while not self.stopping.wait(pause):
            pause = min(pause * 1.5, self.pace.longest)
            if not self._look(video, pause):
                return

    def _look(self, video: StoredVideo, pause: float) -> bool:
        """Look after a job once; return whether it goes on."""
        found = self._whose(video)
        if found is None:
            self._end(video, "failed", code="provider_gone", error=f"{video.provider} is no longer configured here")
            return False
        provider, key = found
        try:
            state = look(provider, key, model=video.model or "", handle=video.handle or "")
            if state.status == "completed":
                self._finish(video, provider, key, state)
                return False
        except ProviderError as error:
            if error.kind in HOPELESS or time.time() - video.created_at > MOST_SECONDS:
                self._end(video, "failed", code=error.kind.name.lower(), error=error.message)
                return False
            state = VideoState(status="in_progress", handle=video.handle or "", progress=-1)
        except GatewayError as error:
            self._end(video, "failed", code=error.code or "failed", error=error.message)
            return False
        if state.status in ("failed", "cancelled"):
            self._end(video, state.status, code=state.code or "failed", error=state.error or "the provider gave up")
            return False
        if time.time() - video.created_at > MOST_SECONDS:
            self._end(video, "failed", code="timeout", error="it was not made within an hour")
            return False
        values: dict[str, object] = {"look_at": time.time() + pause + self.pace.grace}
        if state.progress >= 0:
            values |= {"status": state.status, "progress": state.progress}
        return update_video(self.engine, video.id, **values)

    def _finish(self, video: StoredVideo, provider: Provider, key: Key, state: VideoState) -> None:
        """Fetch a film and keep it."""
        update_video(self.engine, video.id, look_at=time.time() + 10 * self.pace.grace)
        model = self.router().catalog.find(video.provider or "", video.model or "")
        if model is None:
            from wallas.catalog.entries import Model

            model = Model(provider=video.provider or "", id=video.model or "", kind="video")
        data = film_of(Candidate.of(model, provider, key), state, self.fetch)
        file = self.media.publish(data, owner=video.owner, purpose="video")
        now = time.time()
        kept = update_video(
            self.engine,
            video.id,
            status="completed",
            progress=100,
            file_id=file.id,
            completed_at=now,
            expires_at=file.expires_at or now + KEEP_SECONDS,
        )
        if not kept:
            self.media.delete(file.id, owner=video.owner, kind="media")
        self._tell()

    def _end(self, video: StoredVideo, status: str, *, code: str, error: str) -> bool:
        done = update_video(
            self.engine, video.id, status=status, error_code=code[:64], error=error[:1000], completed_at=time.time()
        )
        self._tell()
        return done

    def _call_off(self, video: StoredVideo) -> None:
        found = self._whose(video)
        if found is not None:
            try:
                call_off(*found, model=video.model or "", handle=video.handle or "")
            except ProviderError as error:
                log.info("%s did not hear that %s is not wanted: %s", video.provider, video.id, error.message)

    def _whose(self, video: StoredVideo) -> tuple[Provider, Key] | None:
        provider = self.router().providers.get(video.provider or "")
        key = next((key for key in provider.keys if key.id == video.key_id), None) if provider else None
        return None if provider is None or key is None else (provider, key)

    def _tell(self) -> None:
        with self.changed:
            self.changed.notify_all()


def missing(id: str) -> NotFound:
    """Return the error for a film that its asker does not have."""
    return NotFound(f"no video {id[:100]!r} is known here", param="video_id", code="video_not_found")
