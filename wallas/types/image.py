"""Requests and answers of pictures."""

from typing import ClassVar, NamedTuple

from wallas.types.chat import Usage, Value


class Size(NamedTuple):
    """Width and height in pixels."""

    width: int
    height: int

    def __str__(self) -> str:
        """Return it as OpenAI writes it."""
        return f"{self.width}x{self.height}"


class Picture(Value, frozen=True, kw_only=True):
    """A picture: its bytes, or where a provider has put it."""

    data: bytes = b""
    mime: str = "image/png"
    url: str | None = None
    prompt: str | None = None
    """What its maker made of the caller's words."""


class ImageRequest(Value, frozen=True, kw_only=True):
    """Words that shall become pictures, with ``images`` to change; None is "not said"."""

    OPERATION: ClassVar[str] = "image"

    model: str
    prompt: str
    n: int = 1
    size: Size | None = None
    quality: str | None = None
    background: str | None = None
    style: str | None = None
    format: str | None = None
    compression: int | None = None
    seed: int | None = None
    user: str | None = None
    images: tuple[Picture, ...] = ()
    mask: Picture | None = None


class ImageAnswer(Value, frozen=True, kw_only=True):
    """Pictures, at least one, perhaps fewer than were asked for; ``text`` is what was said beside them."""

    pictures: tuple[Picture, ...]
    text: str = ""
    size: Size | None = None
    """The size that was asked for, where the provider has not the caller's."""
    usage: Usage | None = None
