"""Books (epub): the chapters in the order of the spine."""

import posixpath
from typing import Any
from urllib.parse import unquote

from wallas.content.guarded import Tell, Unreadable
from wallas.content.readers.charset import decoded
from wallas.content.readers.html import markdown_of
from wallas.content.readers.markdown import heading, reading
from wallas.content.readers.packages import Package, attribute, each

CONTAINER = "META-INF/container.xml"


def read(data: bytes, options: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """Return a book as Markdown."""
    package = Package(data)
    place = next((attribute(row, "full-path") for row in each(package.xml(CONTAINER), "rootfile")), None)
    if not place:
        raise Unreadable("it is damaged: it does not say where its chapters are", code="broken")
    if "META-INF/rights.xml" in package:
        raise Unreadable("it is locked by its seller", code="locked")
    root = package.xml(place)
    items = {attribute(row, "id"): attribute(row, "href") or "" for row in each(root, "item")}
    folder = posixpath.dirname(place)
    parts: list[str] = []
    warnings: list[str] = []
    title = next(("".join(row.itertext()).strip() for row in each(root, "title")), "")
    if title:
        parts.append(heading(1, title))
    spine = [items.get(attribute(row, "idref"), "") for row in each(root, "itemref")]
    for number, href in enumerate(href for href in spine if href):
        name = posixpath.normpath(posixpath.join(folder, unquote(href.partition("#")[0])))
        if name not in package:
            warnings.append(f"chapter {number + 1} is missing")
            continue
        parts.append(markdown_of(decoded(package.bytes(name), html=True)[0]).text)
        tell({"page": number + 1, "of": len(spine)})
    pictures = sum(name.lower().endswith((".png", ".jpg", ".jpeg", ".gif", ".webp")) for name in package.infos)
    if pictures:
        warnings.append(f"{pictures} pictures in it were left out")
    return reading("\n\n".join(parts), converter="epub", pages=len(spine), warnings=warnings)
