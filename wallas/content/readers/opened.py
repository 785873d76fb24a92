"""OpenDocument texts and presentations (odt, odp, odg): headings, lists, tables, notes, in their order."""

from typing import Any
from xml.etree.ElementTree import Element

from wallas.content.guarded import Tell
from wallas.content.readers.markdown import heading, reading, table
from wallas.content.readers.packages import Package, attribute, each, local

REPEATED = 200
DEPTH = 60
SKIPPED = frozenset({"tracked-changes", "settings", "sequence-decls", "forms", "variable-decls", "date-time-decl"})


def read(data: bytes, options: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """Return an OpenDocument text or presentation as Markdown."""
    package = Package(data)
    package.refuse_locked()
    root = package.xml("content.xml")
    body = next((element for element in root.iter() if local(element.tag) == "body"), root)
    writer = _Writer()
    head, foot = (_around(package, writer, what) for what in ("header", "footer"))
    text = "\n".join([*head, *writer.blocks(body, 0), *foot])
    pictures = len(package.names("Pictures/"))
    warnings = [f"{pictures} pictures in it were left out"] if pictures else []
    facts = {"pages": writer.slides} if writer.slides else {}
    return reading(text, converter="opendocument", warnings=warnings, **facts)


def _around(package: Package, writer: "_Writer", what: str) -> list[str]:
    """Return what stands in a document's headers or footers, each text once."""
    if "styles.xml" not in package:
        return []
    texts = ("\n".join(writer.blocks(element, 0)).strip() for element in each(package.xml("styles.xml"), what))
    return [f"{text}\n" for text in dict.fromkeys(texts) if text]


class _Writer:
    """Writes blocks, counting slides and notes."""

    def __init__(self) -> None:
        self.slides = 0

    def blocks(self, root: Element, depth: int) -> list[str]:
        out: list[str] = []
        for element in root if depth < DEPTH else ():
            name = local(element.tag)
            match name:
                case "h":
                    level = attribute(element, "outline-level") or "1"
                    out.append(f"\n{heading(int(level) if level.isdecimal() else 1, self.words(element))}\n")
                case "p":
                    out.append(self.words(element).strip() + "\n")
                case "list":
                    out += [*self.items(element, 0), ""]
                case "table":
                    out += ["", self.table(element, depth), ""]
                case "page":
                    self.slides += 1
                    out.append(f"\n{heading(2, f'Slide {self.slides}')}\n")
                    out += self.blocks(element, depth + 1)
                case _ if name not in SKIPPED:
                    out += self.blocks(element, depth + 1)
        return out

    def items(self, element: Element, depth: int) -> list[str]:
        lines = []
        for item in element:
            for inner in item:
                if local(inner.tag) == "list" and depth < 8:
                    lines += self.items(inner, depth + 1)
                elif text := self.words(inner).strip():
                    lines.append(f"{'    ' * depth}- {text}")
        return lines

    def table(self, element: Element, depth: int) -> str:
        rows: list[list[str]] = []
        for row in (row for row in element.iter() if local(row.tag) == "table-row"):
            cells: list[str] = []
            for cell in row:
                if local(cell.tag) not in ("table-cell", "covered-table-cell"):
                    continue
                said = attribute(cell, "number-columns-repeated") or "1"
                times = min(int(said) if said.isdecimal() else 1, REPEATED)
                cells += ["\n".join(self.blocks(cell, depth + 1)).strip()] * times
            rows.append(cells)
        return table(rows)

    def words(self, element: Element) -> str:
        """Return the words in an element, spaces and line ends as they are meant."""
        out = [element.text or ""]
        for inner in element:
            match local(inner.tag):
                case "s":
                    count = attribute(inner, "c") or "1"
                    out.append(" " * min(int(count) if count.isdecimal() else 1, REPEATED))
                case "tab":
                    out.append("\t")
                case "line-break":
                    out.append("\n")
                case "note":
                    out.append(f" [note: {' '.join(''.join(inner.itertext()).split())}]")
                case "annotation":
                    out.append(f" [comment: {' '.join(''.join(inner.itertext()).split())}]")
                case _:
                    out.append(self.words(inner))
            out.append(inner.tail or "")
        return "".join(out)
