"""What a client's request may not hold: too much of anything, NUL in names, media that is no base64."""

import binascii
import re
from collections.abc import Sized
from typing import Annotated, Any, NamedTuple

import msgspec

from wallas.codecs.framing import encode
from wallas.errors import BadRequest
from wallas.types.span import Base64

MESSAGES = 4_000
TOOLS = 256
SCHEMA_BYTES = 256 * 1024
MEDIA_BYTES = 20 * 1024 * 1024
MEDIA_CHARS = MEDIA_BYTES * 4 // 3 * 21 // 20
"""Characters of that in base64, with a line end every few dozen."""

Name = Annotated[str, msgspec.Meta(min_length=1, pattern=r"^[^\x00]*\Z")]
"""A word that is looked up or stored: not empty, and without NUL, which databases refuse."""

_SPACE = re.compile(r"\s+")
_DATA_URL = re.compile(r"data:(?P<mime>[^;,]*)(?:;[^,]*)?,", re.IGNORECASE)

IMAGES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
)
"""First bytes of image files."""
BRANDS = {b"heic": "image/heic", b"heix": "image/heic", b"mif1": "image/heif", b"avif": "image/avif"}
"""Brands of ISO media files that are images; they stand at byte 8, after ``ftyp``."""


class Payload(NamedTuple):
    """Media out of a request: clean base64 text and the media type, None when nothing tells it."""

    data: str
    mime: str | None


def without_nul(text: str) -> str:
    """Return a message's text without NUL, which no model wants and PostgreSQL refuses."""
    return text.replace("\0", "") if "\0" in text else text


def at_most(most: int, items: Sized, param: str) -> None:
    """Raise BadRequest when there are more items than a request may have."""
    if len(items) > most:
        raise BadRequest(f"{param}: {len(items)} are too many, at most {most} are taken", param=param)


def small_schema(schema: dict[str, Any], param: str) -> dict[str, Any]:
    """Return a JSON Schema as it is; raise BadRequest when it is larger than 256 kB."""
    size = len(encode(schema))
    if size > SCHEMA_BYTES:
        raise BadRequest(f"{param}: a schema of {size} bytes, at most {SCHEMA_BYTES} are taken", param=param)
    return schema


_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_STEP = 65_536


def is_base64(text: Base64) -> bool:
    """Return whether a text is base64 of something, padded and without white space.

    To look for whatever is no digit costs a fifth of what decoding does; piece by piece, it stays in the cache.
    """
    if not text or len(text) % 4 or (isinstance(text, str) and not text.isascii()):
        return False
    end = len(text) - 4
    for at in range(0, end, _STEP):
        if _bytes(text, at, min(at + _STEP, end)).translate(None, _ALPHABET):
            return False
    last = _bytes(text, end, end + 4)
    left = last.translate(None, _ALPHABET)
    return not left or (left in (b"=", b"==") and last.endswith(left))


def _bytes(text: Base64, start: int, end: int) -> bytes:
    return text[start:end].encode() if isinstance(text, str) else bytes(text.view[start:end])


def payload(text: str, param: str) -> Payload:
    """Return base64 media, given bare or as a data URL; raise BadRequest when it is empty, too large or no base64."""
    if len(text) > MEDIA_CHARS:
        raise BadRequest(f"{param}: more than {MEDIA_BYTES} bytes", param=param)
    url = _DATA_URL.match(text)
    data = _SPACE.sub("", text[url.end() :] if url else text)
    if len(data) > MEDIA_BYTES * 4 // 3 + 4:
        raise BadRequest(f"{param}: more than {MEDIA_BYTES} bytes", param=param)
    try:
        content = binascii.a2b_base64(data.encode("ascii"), strict_mode=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise BadRequest(f"{param}: expected base64, found something else", param=param) from error
    if not content:
        raise BadRequest(f"{param}: expected base64, found nothing", param=param)
    return Payload(data, image_type(content) or (url["mime"] if url else None) or None)


def image_type(content: bytes) -> str | None:
    """Return the media type that an image's first bytes tell, or None."""
    for magic, mime in IMAGES:
        if content.startswith(magic):
            return mime
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return BRANDS.get(content[8:12]) if content[4:8] == b"ftyp" else None
