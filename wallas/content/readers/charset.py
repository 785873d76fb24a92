"""Bytes of any charset as text: by its mark, by what a page says of itself, by trying, by likeness."""

import codecs
import re

from wallas.content.language import SETS, language_of
from wallas.content.sniff import is_text

MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
SAMPLE = 200_000
_SAID = re.compile(rb"(?:charset|encoding)\s*=\s*[\"']?\s*([A-Za-z0-9_:.-]{2,40})", re.IGNORECASE)


def decoded(data: bytes, *, html: bool = False, said: str | None = None) -> tuple[str, str]:
    """Return text and the charset in which it was read; ``said`` is what its sender claims."""
    for mark, name in MARKS:
        if data.startswith(mark):
            return data.decode(name, "replace"), name.removesuffix("-sig")
    try:
        if b"\0" not in data:
            return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        pass
    found = _SAID.search(data[:4096]) if html else None
    for claim in (found[1].decode() if found else None, said):
        if claim and (text := _tried(data, claim)) is not None:
            return text, claim.lower()
    if b"\0" in data and not is_text(data[:SAMPLE]):
        return decoded(data.replace(b"\0", b""), html=html, said=said)
    if b"\0" in data[:SAMPLE]:
        wide = "utf-16-be" if data[:SAMPLE:2].count(0) > data[1:SAMPLE:2].count(0) else "utf-16-le"
        return data.decode(wide, "replace"), wide
    return _guessed(data)


def _tried(data: bytes, name: str) -> str | None:
    try:
        return data.decode(codecs.lookup(name).name)
    except (LookupError, UnicodeError, ValueError):
        return None


def _guessed(data: bytes) -> tuple[str, str]:
    from charset_normalizer import from_bytes

    western = data[:SAMPLE].decode("cp1252", "replace")
    if language_of(western) in SETS:  # else Spanish is taken for Polish: they share all letters but a few
        return data.decode("cp1252", "replace"), "cp1252"
    best = from_bytes(data[:SAMPLE]).best()
    name = best.encoding if best is not None else "cp1252"
    text = _tried(data, name)
    return (text, name) if text is not None else (data.decode("cp1252", "replace"), "cp1252")
