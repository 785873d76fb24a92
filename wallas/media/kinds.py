"""Tells what bytes are by how they begin, and what may be shown in a browser as it is."""

import re

SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (4, b"ftypavif", "image/avif"),
    (4, b"ftypheic", "image/heic"),
    (0, b"%PDF-", "application/pdf"),
    (8, b"WAVE", "audio/wav"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"OggS", "audio/ogg"),
    (0, b"fLaC", "audio/flac"),
    (4, b"ftypM4A", "audio/mp4"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1aE\xdf\xa3", "video/webm"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"\x1f\x8b", "application/gzip"),
)
"""Where a signature stands, what it is, and what that means; the first that fits."""

EXTENSIONS = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/gif": ".gif",
    "image/webp": ".webp",
    "image/avif": ".avif",
    "audio/wav": ".wav",
    "audio/mpeg": ".mp3",
    "audio/ogg": ".ogg",
    "audio/opus": ".opus",
    "audio/flac": ".flac",
    "audio/aac": ".aac",
    "audio/mp4": ".m4a",
    "video/mp4": ".mp4",
    "video/webm": ".webm",
    "application/pdf": ".pdf",
    "application/zip": ".zip",
    "application/json": ".json",
    "application/jsonl": ".jsonl",
    "text/plain": ".txt",
    "text/csv": ".csv",
    "text/markdown": ".md",
    "text/html": ".html",
}
BY_NAME = {extension: mime for mime, extension in EXTENSIONS.items()} | {".jpeg": "image/jpeg", ".htm": "text/html"}

SHOWN = frozenset(mime for mime in EXTENSIONS if mime.startswith(("image/", "audio/", "video/")))
"""What a browser may show under our address: media only, nothing that can hold a script."""

_MPEG = re.compile(rb"\xff[\xe2-\xe7\xf2-\xf7\xfa-\xff]")
_AAC = re.compile(rb"\xff[\xf0\xf1\xf8\xf9]")


def sniff(head: bytes, filename: str = "") -> str:
    """Return the media type of bytes that begin so; the name decides only among texts and office files."""
    for at, mark, mime in SIGNATURES:
        if head[at : at + len(mark)] == mark:
            return mime
    if _AAC.match(head):
        return "audio/aac"
    if _MPEG.match(head):
        return "audio/mpeg"
    named = BY_NAME.get("." + filename.rpartition(".")[2].lower()) if "." in filename else None
    if named is not None and named.startswith(("text/", "application/json")):
        return named
    return "text/plain" if _is_text(head) else "application/octet-stream"


def extension(mime: str) -> str:
    """Return the usual ending of a name for this type, ``.bin`` for others."""
    return EXTENSIONS.get(mime, ".bin")


def _is_text(head: bytes) -> bool:
    if not head or b"\0" in head:
        return False
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.start > len(head) - 4
    return True
