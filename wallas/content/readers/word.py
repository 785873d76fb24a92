"""Word documents (docx): headings, lists, tables, links, notes and comments, in their order."""

from typing import Any
from xml.etree.ElementTree import Element

from wallas.content.guarded import Tell
from wallas.content.readers.markdown import heading, reading, table
from wallas.content.readers.packages import Package, attribute, child, each, local

MAIN = "word/document.xml"
TITLES = {"title": 1, "subtitle": 2}
DEPTH = 60


def read(data: bytes, options: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """Return a Word document as Markdown."""
    package = Package(data)
    main = next((name for name in (MAIN, *package.names("word/document", ".xml")) if name in package), MAIN)
    document = _Document(package, main)
    body = child(package.xml(main), "body")
    text = document.blocks(body) if body is not None else ""
    parts = [*document.around("header"), text, *document.notes(), *document.around("footer")]
    pictures = len(package.names("word/media/"))
    warnings = [f"{pictures} pictures in it were left out"] if pictures else []
    return reading("\n\n".join(part for part in parts if part.strip()), converter="docx", warnings=warnings)


class _Document:
    """Reads the parts of one document."""

    def __init__(self, package: Package, main: str) -> None:
        self.package = package
        self.links = package.relations(main)
        self.levels = self._levels()
        self.ordered = self._ordered()
        self.counts: dict[tuple[str, int], int] = {}
        self.depth = 0

    def _levels(self) -> dict[str, int]:
        """Return the heading level of each style that is one's."""
        levels: dict[str, int] = {}
        if "word/styles.xml" not in self.package:
            return levels
        for style in each(self.package.xml("word/styles.xml"), "style"):
            name = (attribute(child(style, "name"), "val") or "").lower()
            outline = attribute(child(style, "pPr", "outlineLvl"), "val")
            id = attribute(style, "styleId") or ""
            if name in TITLES:
                levels[id] = TITLES[name]
            elif name.startswith("heading ") and name[8:].isdecimal():
                levels[id] = int(name[8:])
            elif outline and outline.isdecimal() and int(outline) < 9:
                levels[id] = int(outline) + 1
        return levels

    def _ordered(self) -> dict[tuple[str, int], bool]:
        """Return by list and level whether its items are numbered."""
        if "word/numbering.xml" not in self.package:
            return {}
        root = self.package.xml("word/numbering.xml")
        forms: dict[str, dict[int, bool]] = {}
        for abstract in each(root, "abstractNum"):
            levels = forms.setdefault(attribute(abstract, "abstractNumId") or "", {})
            for level in each(abstract, "lvl"):
                form = attribute(child(level, "numFmt"), "val")
                levels[int(attribute(level, "ilvl") or 0)] = form not in ("bullet", "none", None)
        found = {}
        for number in each(root, "num"):
            abstract_id = attribute(child(number, "abstractNumId"), "val") or ""
            for depth, is_ordered in forms.get(abstract_id, {}).items():
                found[attribute(number, "numId") or "", depth] = is_ordered
        return found

    def blocks(self, root: Element) -> str:
        """Return what stands below each other, as Markdown."""
        self.depth += 1
        out: list[str] = []
        for element in root:
            match local(element.tag):
                case "p":
                    out.append(self.paragraph(element))
                case "tbl" if self.depth < DEPTH:
                    out += ["", self.table(element), ""]
                case "sdt" if (inner := child(element, "sdtContent")) is not None and self.depth < DEPTH:
                    out.append(self.blocks(inner))
                case "customXml" | "ins" | "smartTag" if self.depth < DEPTH:
                    out.append(self.blocks(element))
        self.depth -= 1
        return "\n".join(out)

    def paragraph(self, element: Element) -> str:
        """Return a paragraph: a heading, an item or words."""
        text = self.words(element).strip()
        facts = child(element, "pPr")
        style = attribute(child(facts, "pStyle"), "val") or ""
        outline = attribute(child(facts, "outlineLvl"), "val")
        level = self.levels.get(style) or (int(outline) + 1 if outline and outline.isdecimal() else 0)
        if not text:
            return ""
        if 0 < level < 10:
            return f"\n{heading(level, text)}\n"
        list_id = attribute(child(facts, "numPr", "numId"), "val")
        if list_id and list_id != "0":
            return self._item(text, list_id, int(attribute(child(facts, "numPr", "ilvl"), "val") or 0))
        if style.lower().startswith("list"):
            return f"- {text}"
        return f"{text}\n"

    def _item(self, text: str, list_id: str, depth: int) -> str:
        indent = "    " * min(depth, 8)
        if not self.ordered.get((list_id, depth), False):
            return f"{indent}- {text}"
        count = self.counts[list_id, depth] = self.counts.get((list_id, depth), 0) + 1
        for key in [key for key in self.counts if key[0] == list_id and key[1] > depth]:
            del self.counts[key]
        return f"{indent}{count}. {text}"

    def words(self, element: Element) -> str:
        """Return the words of a paragraph, its links and marks; what was deleted in review is left out."""
        out: list[str] = []
        for inner in element:
            match local(inner.tag):
                case "t":
                    out.append(inner.text or "")
                case "tab":
                    out.append("\t")
                case "br" | "cr":
                    out.append("\n")
                case "noBreakHyphen":
                    out.append("-")
                case "hyperlink":
                    out.append(self._link(inner))
                case "footnoteReference" | "endnoteReference":
                    out.append(f"[^{attribute(inner, 'id')}]")
                case "commentReference":
                    out.append(f"[comment {attribute(inner, 'id')}]")
                case "del" | "moveFrom" | "pPr" | "rPr" | "Fallback" | "instrText":
                    pass
                case "txbxContent":
                    out.append("\n" + self.blocks(inner) + "\n")
                case "oMath" | "oMathPara":
                    out.append("".join(part.text or "" for part in each(inner, "t")))
                case _:
                    out.append(self.words(inner))
        return "".join(out)

    def _link(self, element: Element) -> str:
        text, target = self.words(element), self.links.get(attribute(element, "id") or "", "")
        web = target.startswith(("http://", "https://", "mailto:")) and text.strip() != target
        return f"[{text}]({target})" if web and text.strip() else text

    def table(self, element: Element) -> str:
        """Return a table; merged cells stand once, where they begin."""
        rows = []
        for row in element:
            if local(row.tag) != "tr":
                continue
            cells: list[str] = []
            for piece in each(row, "tc") if child(row, "sdt") is not None else row:
                if local(piece.tag) != "tc":
                    continue
                facts = child(piece, "tcPr")
                merge = child(facts, "vMerge")
                goes_on = merge is not None and attribute(merge, "val") in (None, "continue")
                cells.append("" if goes_on else self.blocks(piece))
                span = attribute(child(facts, "gridSpan"), "val")
                cells += [""] * (min(int(span), 100) - 1 if span and span.isdecimal() else 0)
            rows.append(cells)
        return table(rows)

    def notes(self) -> list[str]:
        """Return footnotes, endnotes and comments."""
        found = []
        for name in ("footnotes", "endnotes", "comments"):
            if f"word/{name}.xml" not in self.package:
                continue
            for note in self.package.xml(f"word/{name}.xml"):
                text = " ".join(self.blocks(note).split())
                id = attribute(note, "id")
                if text:
                    found.append(f"[comment {id}]: {text}" if name == "comments" else f"[^{id}]: {text}")
        return found

    def around(self, what: str) -> list[str]:
        """Return what stands in headers or footers, each text once."""
        texts = (self.blocks(self.package.xml(name)).strip() for name in self.package.names(f"word/{what}", ".xml"))
        return list(dict.fromkeys(text for text in texts if text))
