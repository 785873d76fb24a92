"""Requests and answers of films, which take minutes: a job is begun, looked after, and perhaps called off."""

from typing import ClassVar, Literal, TypeAlias

from wallas.types.chat import Value
from wallas.types.image import Picture, Size

Status: TypeAlias = Literal["queued", "in_progress", "completed", "failed", "cancelled"]


class VideoRequest(Value, frozen=True, kw_only=True):
    """Words that shall become a film, from a picture if there is one; None is "not said"."""

    OPERATION: ClassVar[str] = "video"

    model: str
    prompt: str
    seconds: int | None = None
    size: Size | None = None
    image: Picture | None = None
    negative: str | None = None
    seed: int | None = None


class VideoLook(Value, frozen=True, kw_only=True):
    """The question how far the job is that its provider calls ``handle``."""

    OPERATION: ClassVar[str] = "video"

    model: str
    handle: str


class VideoCancel(Value, frozen=True, kw_only=True):
    """The job that its provider calls ``handle`` is not wanted any more."""

    OPERATION: ClassVar[str] = "video"

    model: str
    handle: str


class VideoState(Value, frozen=True, kw_only=True):
    """How far a job is. A completed one has ``data``, or ``url``: where its provider has put the film."""

    status: Status
    handle: str
    progress: int = 0
    """Per cent, where its provider says so."""
    url: str | None = None
    data: bytes = b""
    error: str | None = None
    code: str | None = None
