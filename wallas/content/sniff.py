"""What a file is, by its own first bytes and not by what its sender calls it. Reads bytes; parses nothing."""

import re
from typing import NamedTuple

from wallas.types.chat import MediaKind

HEAD = 4096
TEXT_SAMPLE = 65536
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ZIP = (b"PK\x03\x04", b"PK\x05\x06")
BINARY = "application/octet-stream"


class Sort(NamedTuple):
    """What a file is: how it is treated, its media type, and one short word for it (``pdf``, ``docx``, ``text``)."""

    kind: MediaKind
    mime: str
    word: str


def _image(word: str, mime: str | None = None) -> Sort:
    return Sort("image", mime or f"image/{word}", word)


def _audio(word: str, mime: str) -> Sort:
    return Sort("audio", f"audio/{mime}", word)


def _video(word: str, mime: str) -> Sort:
    return Sort("video", f"video/{mime}", word)


def _document(word: str, mime: str) -> Sort:
    return Sort("document", mime, word)


_OFFICE = "application/vnd.openxmlformats-officedocument"
_OPEN = "application/vnd.oasis.opendocument"

BEGINNINGS: tuple[tuple[bytes, Sort], ...] = (
    (b"\x89PNG\r\n\x1a\n", _image("png")),
    (b"\xff\xd8\xff", _image("jpeg")),
    (b"GIF87a", _image("gif")),
    (b"GIF89a", _image("gif")),
    (b"II*\0", _image("tiff")),
    (b"MM\0*", _image("tiff")),
    (b"II+\0", _image("tiff")),
    (b"MM\0+", _image("tiff")),
    (b"\0\0\1\0", _image("ico", "image/x-icon")),
    (b"8BPS", _image("psd", "image/vnd.adobe.photoshop")),
    (b"\xff\x0a", _image("jxl")),
    (b"\0\0\0\x0cJXL ", _image("jxl")),
    (b"\0\0\0\x0cjP  ", _image("jp2")),
    (b"%PDF-", _document("pdf", "application/pdf")),
    (b"{\\rtf", _document("rtf", "application/rtf")),
    (b"ID3", _audio("mp3", "mpeg")),
    (b"fLaC", _audio("flac", "flac")),
    (b"#!AMR", _audio("amr", "amr")),
    (b"MThd", _audio("midi", "midi")),
    (b"caff", _audio("caf", "x-caf")),
    (b"FLV\1", _video("flv", "x-flv")),
    (b"\0\0\1\xba", _video("mpeg", "mpeg")),
    (b"\0\0\1\xb3", _video("mpeg", "mpeg")),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", _video("asf", "x-ms-asf")),
    (b"\x1f\x8b", _document("gz", "application/gzip")),
    (b"BZh", _document("bz2", "application/x-bzip2")),
    (b"\xfd7zXZ\0", _document("xz", "application/x-xz")),
    (b"(\xb5/\xfd", _document("zst", "application/zstd")),
    (b"7z\xbc\xaf\x27\x1c", _document("7z", "application/x-7z-compressed")),
    (b"Rar!\x1a\7", _document("rar", "application/vnd.rar")),
)
"""First bytes, longest meaning first."""

RIFF = {
    b"WEBP": _image("webp"),
    b"WAVE": _audio("wav", "wav"),
    b"AVI ": _video("avi", "x-msvideo"),
}
BRANDS = {
    b"heic": _image("heic"), b"heix": _image("heic"), b"hevc": _image("heic"), b"hevx": _image("heic"),
    b"heim": _image("heic"), b"heis": _image("heic"), b"mif1": _image("heif"), b"msf1": _image("heif"),
    b"avif": _image("avif"), b"avis": _image("avif"), b"M4A ": _audio("m4a", "mp4"), b"M4B ": _audio("m4a", "mp4"),
    b"F4A ": _audio("m4a", "mp4"), b"qt  ": _video("mov", "quicktime"),
}  # fmt: skip
"""Brands of ISO media files; others are MP4."""
PACKED = (
    (b"word/", _document("docx", f"{_OFFICE}.wordprocessingml.document")),
    (b"xl/workbook.bin", _document("xlsb", "application/vnd.ms-excel.sheet.binary.macroenabled.12")),
    (b"xl/", _document("xlsx", f"{_OFFICE}.spreadsheetml.sheet")),
    (b"ppt/", _document("pptx", f"{_OFFICE}.presentationml.presentation")),
)
"""Names of members that tell what an OOXML package is."""
OPEN_DOCUMENTS = {
    "text": "odt", "spreadsheet": "ods", "presentation": "odp", "graphics": "odg",
    "text-template": "odt", "spreadsheet-template": "ods", "presentation-template": "odp",
}  # fmt: skip
STREAMS = (
    ("EncryptedPackage", _document("locked", "application/x-ole-storage")),
    ("__substg1.0_", _document("msg", "application/vnd.ms-outlook")),
    ("WordDocument", _document("doc", "application/msword")),
    ("PowerPoint Document", _document("ppt", "application/vnd.ms-powerpoint")),
    ("Workbook", _document("xls", "application/vnd.ms-excel")),
    ("Book", _document("xls", "application/vnd.ms-excel")),
)
"""Names of streams in an OLE file, in UTF-16 there."""
NAMES = {
    "csv": "text/csv", "tsv": "text/tab-separated-values", "md": "text/markdown", "markdown": "text/markdown",
    "json": "application/json", "jsonl": "application/x-ndjson", "ndjson": "application/x-ndjson",
    "xml": "application/xml", "html": "text/html", "htm": "text/html", "xhtml": "text/html",
    "svg": "image/svg+xml", "yaml": "application/yaml", "yml": "application/yaml", "eml": "message/rfc822",
    "py": "text/x-python", "js": "text/javascript", "ts": "text/x-typescript", "css": "text/css", "tex": "text/x-tex",
    "ics": "text/calendar", "vcf": "text/vcard", "srt": "application/x-subrip", "vtt": "text/vtt", "log": "text/plain",
    "txt": "text/plain", "rst": "text/x-rst", "sql": "application/sql", "sh": "text/x-shellscript",
    "ipynb": "application/x-ipynb+json",
}  # fmt: skip
"""Media types of text files by their names' ends; only where the bytes are text."""
TEXT_WORDS = {
    "text/csv": "csv", "text/tab-separated-values": "csv", "text/html": "html", "application/xhtml+xml": "html",
    "message/rfc822": "eml", "application/x-ipynb+json": "ipynb", "text/markdown": "markdown",
}  # fmt: skip
_MAIL = re.compile(rb"(?:Return-Path|Received|Delivered-To|From|Message-ID|MIME-Version|Date|Subject):", re.IGNORECASE)
_HEADER = re.compile(rb"^[A-Za-z-]{2,40}:", re.MULTILINE)
_HTML = re.compile(rb"<(?:!doctype html|html|head|body)[\s>]", re.IGNORECASE)
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_FILM = re.compile(rb"V_(?:VP|AV1|MPEG|MS/|THEORA|REAL|MJPEG|PRORES|FFV|UNCOMP|QUICKTIME)")
_PPM = re.compile(rb"P[1-6]\s[\s#\d]")
_SYNC = (0xFB, 0xFA, 0xF3, 0xF2, 0xE3, 0xE2)


def sniff(data: bytes, *, name: str | None = None, claimed: str | None = None) -> Sort:
    """Return what a file is; its name and what its sender claims count only for what text is called."""
    for magic, sort in BEGINNINGS:
        if data.startswith(magic):
            return sort
    found = _container(data)
    if found is not None:
        return found
    if b"%PDF-" in data[:1024]:
        return Sort("document", "application/pdf", "pdf")
    if is_text(data[:TEXT_SAMPLE]) or (_called_text(name, claimed) and is_text(data[:TEXT_SAMPLE].replace(b"\0", b""))):
        return _text(data, name, claimed)
    return Sort("document", BINARY, "binary")


def _container(data: bytes) -> Sort | None:
    head = data[:HEAD]
    if head[:4] == b"RIFF":
        return RIFF.get(head[8:12])
    if head[4:8] == b"ftyp":
        return _iso(data)
    if head[:4] == b"OggS":
        return _video("ogv", "ogg") if b"\x80theora" in head else _audio("ogg", "ogg")
    if head[:4] == b"\x1aE\xdf\xa3":
        word = "webm" if b"webm" in head else "x-matroska"
        return _video(word, word) if _FILM.search(data[:TEXT_SAMPLE]) else _audio("weba", "webm")
    if head.startswith(ZIP):
        return _zip(data)
    if head.startswith(OLE):
        return _ole(data)
    if head[257:262] == b"ustar":
        return _document("tar", "application/x-tar")
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in (12, 40, 56, 64, 108, 124):
        return _image("bmp")
    if _PPM.match(head):
        return _image("ppm", "image/x-portable-anymap")
    if head[:1] == b"\x47" and head[188:189] == b"\x47" and head[376:377] == b"\x47":
        return _video("ts", "mp2t")
    return _sound(head)


def _sound(head: bytes) -> Sort | None:
    """Return the sort of sound that has no container."""
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return _audio("aiff", "aiff")
    if len(head) > 4 and head[0] == 0xFF and head[1] in _SYNC and head[2] & 0xF0 not in (0x00, 0xF0):
        return _audio("mp3", "mpeg")
    return _audio("aac", "aac") if head[:2] in (b"\xff\xf1", b"\xff\xf9") else None


def _iso(data: bytes) -> Sort:
    found = BRANDS.get(data[8:12])
    if found is not None:
        return found
    sound = b"soun" in data and b"vide" not in data
    return _audio("m4a", "mp4") if sound else _video("mp4", "mp4")


def _zip(data: bytes) -> Sort:
    if data[30:38] == b"mimetype":
        said = data[38:150]
        if said.startswith(b"application/epub+zip"):
            return _document("epub", "application/epub+zip")
        if said.startswith(_OPEN.encode()):
            kind = re.match(rb"[a-z-]*", said[len(_OPEN) + 1 :])
            name = kind[0].decode() if kind else ""
            name = name.partition("PK")[0]
            word = OPEN_DOCUMENTS.get(name) or next((w for n, w in OPEN_DOCUMENTS.items() if name.startswith(n)), "zip")
            return _document(word, f"{_OPEN}.{name}")
    if b"[Content_Types].xml" in data:
        for member, sort in PACKED:
            if member in data:
                return sort
    return _document("zip", "application/zip")


def _ole(data: bytes) -> Sort:
    for name, sort in STREAMS:
        if name.encode("utf-16-le") in data:
            return sort
    return _document("ole", "application/x-ole-storage")


def _called_text(name: str | None, claimed: str | None) -> bool:
    """Return whether a file's name or its sender says that it is text: such a file may have zero bytes in it."""
    ending = (name or "").rpartition(".")[2].lower()
    return ending in NAMES or (claimed or "").startswith("text/")


def is_text(sample: bytes) -> bool:
    """Return whether bytes are text in some charset: no control characters but those of text."""
    if not sample:
        return True
    if sample.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    if b"\0" in sample:  # UTF-16 without a mark: every other byte of Western text is zero
        even, odd = sample[0::2].count(0), sample[1::2].count(0)
        half = len(sample) // 2
        return half > 3 and min(even, odd) == 0 and max(even, odd) > 0.7 * half
    return len(_CONTROLS.findall(sample)) <= len(sample) * 0.002


def _text(data: bytes, name: str | None, claimed: str | None) -> Sort:
    """Return which kind of text it is: by its beginning, by its name, by what is claimed."""
    head = data[:HEAD].lstrip(b"\xef\xbb\xbf \t\r\n")
    ending = (name or "").rpartition(".")[2].lower()
    mime = NAMES.get(ending) if name and "." in name else None
    if mime is None and claimed and (claimed.startswith("text/") or claimed in NAMES.values()):
        mime = claimed.partition(";")[0].strip().lower()
    if _HTML.search(head[:1024]) and mime in (None, "text/html", "text/plain", "application/xml"):
        mime = "text/html"
    elif mime in (None, "text/plain") and _MAIL.match(head) and len(_HEADER.findall(head)) >= 3:
        mime = "message/rfc822"
    elif mime is None and head[:1024].lstrip().startswith((b"<svg", b"<?xml")) and b"<svg" in head:
        mime = "image/svg+xml"
    elif mime is None:
        mime = "text/plain"
    return Sort("document", mime, TEXT_WORDS.get(mime, "text"))
