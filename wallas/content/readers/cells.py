"""What calamine does not tell of an xlsx sheet: formulas that nobody has reckoned yet, and notes on cells."""

import posixpath
import re
from collections.abc import Iterator
from typing import NamedTuple

from wallas.content.readers.packages import Package, attribute, child, each

BOOK = "xl/workbook.xml"
_UNRECKONED = re.compile(rb"</f>\s*(?:<v\s*/>|<v>\s*</v>)?\s*</c>|<f[^>]*/>\s*(?:<v\s*/>|<v>\s*</v>)?\s*</c>")
_PLACE = re.compile(r"([A-Z]{1,3})(\d{1,7})")


class Cells(NamedTuple):
    """Of one sheet: formulas without a result by (row, column) from 0, and notes as (cell, words)."""

    formulas: dict[tuple[int, int], str]
    notes: list[tuple[str, str]]


def cells_of(package: Package) -> dict[str, Cells]:
    """Return what is known beside the values, by the sheets' names; {} for what is no xlsx."""
    if BOOK not in package:
        return {}
    links = package.relations(BOOK)
    found = {}
    for sheet in each(package.xml(BOOK), "sheet"):
        name = next((links[value] for key, value in sheet.attrib.items() if key.endswith("}id") and value in links), "")
        if name in package:
            found[sheet.get("name", "")] = Cells(dict(_formulas(package, name)), list(_notes(package, name)))
    return found


def _formulas(package: Package, name: str) -> Iterator[tuple[tuple[int, int], str]]:
    if not _UNRECKONED.search(package.bytes(name)):
        return
    for cell in each(package.xml(name), "c"):
        formula, value = child(cell, "f"), child(cell, "v")
        if formula is None or (value is not None and (value.text or "").strip()):
            continue
        place = _PLACE.fullmatch(cell.get("r", ""))
        if place is not None and (formula.text or "").strip():
            yield (int(place[2]) - 1, _column(place[1])), f"={formula.text}"


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1


def _notes(package: Package, name: str) -> Iterator[tuple[str, str]]:
    for target in package.relations(name).values():
        if posixpath.basename(target).startswith("comment") and target in package:
            for note in each(package.xml(target), "comment"):
                text = " ".join("".join(part.text or "" for part in each(note, "t")).split())
                if text:
                    yield attribute(note, "ref") or "", text
