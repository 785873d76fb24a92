"""Content parts of the chat completions wire and canonical parts: words, images, sound, video, documents."""

import binascii
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

import msgspec

from wallas.codecs.fields import leftover
from wallas.codecs.limits import MEDIA_BYTES, MEDIA_CHARS, image_type, is_base64, without_nul
from wallas.codecs.openai_chat_fields import (
    WIRE,
    AudioPart,
    Content,
    ContentPart,
    DocumentPart,
    File,
    FilePart,
    FileUrlPart,
    ImagePart,
    OwnContent,
    RefusalPart,
    Sound,
    TextPart,
    ThinkingPart,
    Url,
    VideoPart,
)
from wallas.codecs.pieces import base64_string
from wallas.errors import BadRequest
from wallas.types.chat import Extra, Media, MediaKind, Opaque, Part, Reasoning, Refusal, Text
from wallas.types.span import Base64, DataUrl

MIMES = {"mp3": "audio/mpeg", "wav": "audio/wav"}
"""Audio formats whose media type is not simply ``audio/<format>``."""
FORMATS = {mime: word for word, mime in MIMES.items()} | {"audio/mp3": "mp3", "audio/x-wav": "wav"}

_DATA_URL = re.compile(r"data:([^;,]*)(?:;(?!base64,)[^;,]*)*(;base64)?,", re.IGNORECASE)
_WEB = re.compile(r"https?://[^/\s]", re.IGNORECASE)


def own(extra: Extra) -> Mapping[str, Any]:
    """Return what this wire keeps in an extra; keys with a leading underscore are the codec's notes to itself."""
    return extra.get(WIRE, {})


def kept(values: dict[str, Any]) -> Extra:
    """Return values as this wire's extra."""
    return {WIRE: values} if values else {}


def rest(raw: dict[str, Any], kind: type[msgspec.Struct]) -> dict[str, Any]:
    """Return what of an object no field took, the word that chose its shape left out too."""
    tag = kind.__struct_config__.tag_field
    return {key: value for key, value in leftover(raw, kind).items() if key != tag}


def overlaid(under: Mapping[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Return both objects as one, ``over`` first; where both hold an object, that too is both as one."""
    if not under:
        return over
    for key in under:
        if key in over:
            break
    else:
        return {**over, **under}
    result = dict(over)
    for key, value in under.items():
        mine = over.get(key)
        if isinstance(mine, dict) and isinstance(value, dict):
            result[key] = overlaid(value, mine)
        elif key not in over:
            result[key] = value
    return result


class Source(NamedTuple):
    """Where media is, as a Media has it."""

    mime: str | None = None
    data: Base64 | None = None
    url: str | None = None


PLACES = {
    "image_url": "url",
    "video_url": "url",
    "document_url": "url",
    "file_url": "url",
    "file": "file_data",
}
"""Where a part of this type has a data URL, unless it is one itself."""


def file_places(body: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield the objects of a body, not checked yet, that may hold a data URL, and their fields that do."""
    messages = body.get("messages")
    for message in messages if isinstance(messages, list) else ():
        content = message.get("content") if isinstance(message, dict) else None
        for part in content if isinstance(content, list) else ():
            kind = part.get("type") if isinstance(part, dict) else None
            if isinstance(kind, str) and kind in PLACES:
                place = part.get(kind)
                yield (place, PLACES[kind]) if isinstance(place, dict) else (part, kind)


def source(text: str, at: str, *, major: str = "") -> Source:
    """Return a URL, or what a data URL holds; raise BadRequest for any other text, bad base64 and another type.

    ``major`` is what the media type has to begin with (``image/``).
    """
    if _WEB.match(text):
        return Source(url=text)
    match = _DATA_URL.match(text)
    if match is None:
        raise BadRequest(f"{at}: expected an http(s) URL or a data URL", param=at)
    mime = match[1].lower() or None
    if mime and mime != "application/octet-stream" and not mime.startswith(major):
        raise BadRequest(f"{at}: expected {major}*, got {mime}", param=at)
    if isinstance(text, DataUrl):
        return Source(mime=mime or sniffed(text.file), data=text.file)
    held = text[match.end() :]
    if not match[2]:
        return Source(mime=mime, data=b64encode(unquote_to_bytes(held)).decode())
    data = base64_text(held, at)
    return Source(mime=mime or sniffed(data), data=data)


def sniffed(data: Base64) -> str | None:
    """Return the media type that base64 begins like, or None."""
    try:
        return image_type(binascii.a2b_base64(data[:64]))
    except ValueError:
        return None


def base64_text(text: str, at: str) -> str:
    """Return base64 without white space; raise BadRequest when it is empty or something else."""
    if len(text) > MEDIA_CHARS:
        raise BadRequest(f"{at}: more than {MEDIA_BYTES} bytes", param=at)
    if len(text) <= MEDIA_BYTES * 4 // 3 + 4 and is_base64(text):
        return text
    data = text if text.isascii() and not re.search(r"\s", text) else "".join(text.split())
    if len(data) > MEDIA_BYTES * 4 // 3 + 4:
        raise BadRequest(f"{at}: more than {MEDIA_BYTES} bytes", param=at)
    try:
        whole = binascii.a2b_base64(data, strict_mode=True)
    except ValueError as error:
        raise BadRequest(f"{at}: expected base64, found something else", param=at) from error
    if not whole:
        raise BadRequest(f"{at}: expected base64, found nothing", param=at)
    return data


def decode_content(content: Content | OwnContent | None, raw: Any, at: str) -> tuple[Part, ...]:
    """Return the parts of a message's content; empty words are no part."""
    if content is None:
        return ()
    if isinstance(content, str):
        text = without_nul(content)
        return (Text(text=text),) if text else ()
    parts = (decode_part(part, raw[number], f"{at}[{number}]") for number, part in enumerate(content))
    return tuple(part for part in parts if not _says_nothing(part))


def _says_nothing(part: Part) -> bool:
    if isinstance(part, Text | Refusal | Reasoning) and not part.text:
        return all(key.startswith("_") for key in own(part.extra))
    return False


def decode_part(part: ContentPart, raw: dict[str, Any], at: str) -> Part:
    """Return one content part."""
    more = rest(raw, type(part))
    match part:
        case TextPart():
            return Text(text=without_nul(part.text), extra=kept(more))
        case ImagePart(image_url=place):
            return _placed("image", place, raw["image_url"], more, at=f"{at}.image_url", major="image/")
        case VideoPart(video_url=place):
            return _placed("video", place, raw["video_url"], more, at=f"{at}.video_url", major="video/")
        case DocumentPart(document_url=place):
            note = {"_type": "document_url"}
            return _placed("document", place, raw["document_url"], more | note, at=f"{at}.document_url")
        case FileUrlPart(file_url=place):
            return _placed("document", place, raw["file_url"], more | {"_type": "file_url"}, at=f"{at}.file_url")
        case AudioPart(input_audio=sound):
            return _sound(sound, raw["input_audio"], more, f"{at}.input_audio")
        case FilePart(file=file):
            return _file(file, raw["file"], more, f"{at}.file")
        case RefusalPart():
            return Refusal(text=without_nul(part.refusal), extra=kept(more))
        case ThinkingPart(thinking=thinking):
            text = thinking if isinstance(thinking, str) else "".join(piece.text for piece in thinking)
            return Reasoning(text=without_nul(text), extra=kept(more | {"_field": "content"}))


def _placed(kind: MediaKind, place: Url | str, raw: Any, more: dict[str, Any], *, at: str, major: str = "") -> Media:
    key = at.rpartition(".")[2]
    if key == "file_url" and isinstance(place, Url) and ":" not in place.url:
        return Media(kind=kind, data=base64_text(place.url, f"{at}.url"), extra=kept(more))
    if isinstance(place, str):
        found = source(place, at, major=major)
        return Media(kind=kind, mime=found.mime, data=found.data, url=found.url, extra=kept(more))
    found = source(place.url, f"{at}.url", major=major)
    inner = leftover(raw, Url)
    return Media(
        kind=kind,
        mime=found.mime,
        data=found.data,
        url=found.url,
        detail=place.detail,
        extra=kept(more | {key: inner} if inner else more),
    )


def _sound(sound: Sound | str, raw: Any, more: dict[str, Any], at: str) -> Media:
    if isinstance(sound, str):
        found = source(sound, at) if ":" in sound else Source(data=base64_text(sound, at))
        more = more | {"_bare": True}
        return Media(kind="audio", mime=found.mime, data=found.data, url=found.url, extra=kept(more))
    inner = leftover(raw, Sound)
    mime = MIMES.get(sound.format, f"audio/{sound.format}") if sound.format else None
    text = sound.data.partition(",")[2] if sound.data.startswith("data:") else sound.data
    data = base64_text(text, f"{at}.data")
    return Media(kind="audio", mime=mime, data=data, extra=kept(more | {"input_audio": inner} if inner else more))


def _file(file: File, raw: dict[str, Any], more: dict[str, Any], at: str) -> Media:
    inner = leftover(raw, File)
    extra = kept(more | {"file": inner} if inner else more)
    if file.file_data is None:
        if not file.file_id:
            raise BadRequest(f"{at}: expected file_data or file_id", param=at)
        return Media(kind="document", file_id=file.file_id, name=file.filename, extra=extra)
    here = f"{at}.file_data"
    bare = ":" not in file.file_data
    found = Source(data=base64_text(file.file_data, here)) if bare else source(file.file_data, here)
    return Media(kind="document", mime=found.mime, data=found.data, url=found.url, name=file.filename, extra=extra)


def encode_part(part: Part) -> dict[str, Any] | None:
    """Return a part as this wire has it, without its extra; None when it has no place in a message's content."""
    match part:
        case Text():
            return {"type": "text", "text": part.text}
        case Media():
            return encode_media(part)
        case Refusal():
            return {"type": "refusal", "refusal": part.text}
        case Reasoning() if own(part.extra).get("_field") == "content":
            return {"type": "thinking", "thinking": [{"type": "text", "text": part.text}]}
        case Opaque(wire="openai_chat", data=dict() as data):
            return dict(data)
        case _:
            return None


def encode_media(media: Media) -> dict[str, Any] | None:
    """Return media as this wire has it; None for what it cannot say (an uploaded image, audio by URL)."""
    data = base64_string("", media.data) if media.data else None
    place = base64_string(f"data:{_mime(media)};base64,", media.data) if media.data else media.url
    detail = {"detail": media.detail} if media.detail else {}
    match media.kind:
        case "image" | "video" as kind if place:
            return {"type": f"{kind}_url", f"{kind}_url": {"url": place, **detail}}
        case "audio" if media.data and not own(media.extra).get("_bare"):
            word = FORMATS.get(media.mime or "", (media.mime or "").removeprefix("audio/"))
            return {"type": "input_audio", "input_audio": {"data": data, **({"format": word} if word else {})}}
        case "audio" if own(media.extra).get("_bare"):
            return {"type": "input_audio", "input_audio": place if media.mime else data or media.url}
        case "document":
            return _document(media, place, data)
        case _:
            return None


def _document(media: Media, place: Any, data: Any) -> dict[str, Any] | None:
    kind = own(media.extra).get("_type")
    if kind and place:
        return {"type": kind, kind: {"url": place if media.mime or media.url else data}}
    name = {"filename": media.name} if media.name else {}
    if media.data and not media.mime:
        return {"type": "file", "file": {"file_data": data, **name}}
    if place:
        return {"type": "file", "file": {"file_data": place, **name}}
    if media.file_id:
        return {"type": "file", "file": {"file_id": media.file_id, **name}}
    return {"type": "text", "text": media.text} if media.text else None


def _mime(media: Media) -> str:
    if media.mime or not media.data or media.kind != "image":
        return media.mime or ""
    return sniffed(media.data) or ""
