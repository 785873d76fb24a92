"""OpenAI's films: what a request may say, and how a job is told."""

from typing import Annotated, Any

import msgspec

from wallas.codecs.fields import convert
from wallas.codecs.openai_images import Short, size_of
from wallas.errors import BadRequest
from wallas.types.image import Picture
from wallas.types.video import VideoRequest

SECONDS_MOST = 60


class VideoIn(msgspec.Struct):
    """A body of /v1/videos or /v1/videos/generations."""

    prompt: Annotated[str, msgspec.Meta(min_length=1, max_length=32_000)]
    model: Short | None = None
    seconds: int | str | None = None
    duration: int | str | None = None
    size: Short | None = None
    negative_prompt: Annotated[str, msgspec.Meta(max_length=10_000)] | None = None
    seed: int | str | None = None
    wait: bool | None = None


class Asked(msgspec.Struct, frozen=True):
    """A request, the model by its name, and whether the film is waited for (None: not said)."""

    request: VideoRequest
    model: str | None
    wait: bool | None


def decode_request(said: dict[str, Any], *, image: Picture | None = None) -> Asked:
    """Return a client's request; raise BadRequest naming the field that is wrong. Forms' numbers may be texts."""
    said = {key: value for key, value in said.items() if value is not None}
    if isinstance(said.get("wait"), str):
        said["wait"] = {"true": True, "false": False}.get(said["wait"].lower(), said["wait"])
    fields = convert(said, VideoIn)
    named = "seconds" if fields.seconds is not None else "duration"
    request = VideoRequest(
        model=fields.model or "auto",
        prompt=fields.prompt,
        seconds=_whole(fields.seconds if fields.seconds is not None else fields.duration, named, 1, SECONDS_MOST),
        size=size_of(fields.size),
        image=image,
        negative=fields.negative_prompt or None,
        seed=_whole(fields.seed, "seed", 0, 2**31 - 1),
    )
    return Asked(request, fields.model, fields.wait)


def _whole(value: int | str | None, name: str, least: int, most: int) -> int | None:
    if value is None:
        return None
    text = str(value)
    if not text.isdecimal() or len(text) > 10 or not least <= int(text) <= most:
        raise BadRequest(f"{name}: expected a whole number from {least} to {most}", param=name)
    return int(text)


def encode_video(video: Any, *, url: str | None = None) -> dict[str, Any]:
    """Return a job (``storage.videos.StoredVideo``) as OpenAI's clients know it; ``url`` is where its film is here."""
    asked = msgspec.json.decode(video.request, type=VideoRequest)
    error = {"code": video.error_code, "message": video.error} if video.error is not None else None
    told: dict[str, Any] = {
        "id": video.id,
        "object": "video",
        "model": video.model or video.asked_model,
        "provider": video.provider,
        "status": video.status,
        "progress": video.progress,
        "created_at": int(video.created_at),
        "completed_at": int(video.completed_at) if video.completed_at and video.status == "completed" else None,
        "expires_at": int(video.expires_at),
        "prompt": asked.prompt,
        "size": str(asked.size) if asked.size else None,
        "seconds": str(asked.seconds) if asked.seconds else None,
        "remixed_from_video_id": None,
        "error": error,
    }
    return told if url is None else told | {"url": url}
