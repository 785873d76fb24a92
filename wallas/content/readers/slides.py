"""Presentations (pptx): the words, tables and notes of each slide, in the order of the slides."""

from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element

from wallas.content.guarded import Tell
from wallas.content.readers.markdown import heading, reading, table
from wallas.content.readers.packages import Package, attribute, child, each, local

MAIN = "ppt/presentation.xml"


def read(data: bytes, options: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """Return a presentation as Markdown."""
    package = Package(data)
    links = package.relations(MAIN)
    slides = [links.get(attribute(row, "id") or "", "") for row in _slide_ids(package)]
    parts: list[str] = []
    for number, name in enumerate((name for name in slides if name in package), 1):
        root = package.xml(name)
        parts.append(heading(2, f"Slide {number}"))
        parts += _shapes(root)
        parts += _charts(package, name)
        parts += _notes(package, name)
    pictures = len(package.names("ppt/media/"))
    warnings = [f"{pictures} pictures in it were left out"] if pictures else []
    return reading("\n\n".join(parts), converter="pptx", pages=len(slides), warnings=warnings)


def _slide_ids(package: Package) -> Iterator[Element]:
    for row in each(package.xml(MAIN), "sldId"):
        row.attrib.pop("id", None)  # its number; the id that counts has a namespace
        yield row


def _shapes(root: Element) -> Iterator[str]:
    """Yield the words of a slide's shapes, the title as a heading."""
    for element in root.iter():
        match local(element.tag):
            case "sp":
                kind = attribute(child(element, "nvSpPr", "nvPr", "ph"), "type")
                text = _text(child(element, "txBody"))
                if text:
                    yield heading(3, text) if kind in ("title", "ctrTitle") else text
            case "tbl":
                rows = [
                    [_text(child(cell, "txBody")) for cell in row if local(cell.tag) == "tc"]
                    for row in each(element, "tr")
                ]
                yield table(rows)
            case "pic":
                said = attribute(child(element, "nvPicPr", "cNvPr"), "descr")
                if said:
                    yield f"![{' '.join(said.split())}]"


def _text(body: Element | None) -> str:
    if body is None:
        return ""
    lines = []
    for paragraph in (element for element in body if local(element.tag) == "p"):
        words = "".join(_run(run) for run in paragraph.iter())
        depth = attribute(child(paragraph, "pPr"), "lvl")
        indent = "    " * min(int(depth), 8) if depth and depth.isdecimal() else ""
        if words.strip():
            lines.append(f"{indent}- {words.strip()}" if indent else words.strip())
    return "\n".join(lines)


def _run(element: Element) -> str:
    match local(element.tag):
        case "t":
            return element.text or ""
        case "br":
            return "\n"
        case _:
            return ""


def _charts(package: Package, slide: str) -> Iterator[str]:
    """Yield the figures behind a slide's charts, a column a series."""
    for target in package.relations(slide).values():
        if not target.startswith("ppt/charts/") or target not in package:
            continue
        columns: list[list[str]] = []
        for series in each(package.xml(target), "ser"):
            name = " ".join(value.text or "" for value in each(child(series, "tx") or Element("x"), "v"))
            if not columns:
                columns.append(["", *_values(child(series, "cat"))])
            columns.append([name, *_values(child(series, "val"))])
        length = max((len(column) for column in columns), default=0)
        rows = [[column[row] if row < len(column) else "" for column in columns] for row in range(length)]
        if rows:
            yield table(rows)


def _values(element: Element | None) -> list[str]:
    return [value.text or "" for value in each(element, "v")] if element is not None else []


def _notes(package: Package, slide: str) -> Iterator[str]:
    for target in package.relations(slide).values():
        if target.startswith("ppt/notesSlides/") and target in package:
            bodies = [
                _text(child(shape, "txBody"))
                for shape in each(package.xml(target), "sp")
                if attribute(child(shape, "nvSpPr", "nvPr", "ph"), "type") == "body"
            ]
            text = "\n".join(body for body in bodies if body)
            if text:
                yield f"Notes: {text}"
