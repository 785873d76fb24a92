"""HTML as Markdown: what a reader of the page sees, without scripts, styles and what is hidden."""

import re
from html.parser import HTMLParser
from typing import Any, NamedTuple

from wallas.content.guarded import Tell, Unreadable
from wallas.content.readers.charset import decoded
from wallas.content.readers.hiding import hidden_by, is_hidden
from wallas.content.readers.markdown import heading, reading, table

SILENT = frozenset({"script", "style", "template", "noscript", "svg", "math", "iframe", "object", "head", "select"})
BLOCKS = frozenset(
    {"p", "div", "section", "article", "main", "header", "footer", "nav", "aside", "figure", "figcaption", "form",
     "address", "dl", "dt", "dd", "fieldset", "details", "summary", "center", "body", "caption"}
)  # fmt: skip
MARKS = {"b": "**", "strong": "**", "i": "*", "em": "*", "code": "`", "del": "~~", "s": "~~"}
VOID = frozenset({"br", "hr", "img", "input", "meta", "link", "area", "base", "col", "source", "track", "wbr"})
DEPTH = 400
_SPACE = re.compile(r"[ \t\r\n\f\xa0]+")


class _Table:
    """A table as it is read; cells that span are repeated empty, so that columns stay columns."""

    def __init__(self) -> None:
        self.rows: list[list[str]] = []
        self.span = 1

    def cell(self, text: str) -> None:
        if not self.rows:
            self.rows.append([])
        self.rows[-1].append(text)
        self.rows[-1].extend([""] * (min(self.span, 100) - 1))


class Markdown(HTMLParser):
    """Writes Markdown while it reads HTML."""

    def __init__(self, hiding: frozenset[str] = frozenset()) -> None:
        """Start with nothing read; ``hiding`` are selectors of what is not shown."""
        super().__init__(convert_charrefs=True)
        self.hiding = hiding
        self.hidden = 0
        self.out: list[list[str]] = [[]]
        self.silent: list[str] = []
        self.open: list[str] = []
        self.links: list[str] = []
        self.lists: list[int | None] = []
        self.tables: list[_Table] = []
        self.fixed = 0
        self.title = ""
        self.in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin an element."""
        said = dict(attrs)
        if tag == "title" and "body" not in self.open and not self.title:
            self.in_title = True
        if tag == "body":
            self.silent.clear()  # a head that was never closed
        if tag not in VOID:
            if len(self.open) >= DEPTH:
                raise Unreadable("it is nested too deeply", code="broken")
            self.open.append(tag)
        hides = tag not in VOID and is_hidden(tag, said, self.hiding)
        if tag in SILENT or hides:
            if tag not in VOID:
                self.hidden += hides and tag not in SILENT and not self.silent
                self.silent.append(tag)
            return
        if not self.silent:
            self._begin(tag, said)

    def _begin(self, tag: str, said: dict[str, str | None]) -> None:
        if tag in BLOCKS:
            self._block()
        elif tag in MARKS and not self.fixed:
            self._mark(MARKS[tag])
        elif re.fullmatch(r"h[1-6]", tag) or tag == "blockquote":
            self._block()
            self.out.append([])
        elif tag in ("ul", "ol", "menu"):
            self._block() if not self.lists else None
            start = said.get("start") or "1"
            self.lists.append((int(start) if start.isdecimal() else 1) if tag == "ol" else None)
        elif tag == "li":
            self._item()
        elif tag == "a":
            self.links.append(said.get("href") or "")
            self.out.append([])
        else:
            self._begin_rest(tag, said)

    def _begin_rest(self, tag: str, said: dict[str, str | None]) -> None:
        match tag:
            case "br":
                self._say("\n")
            case "hr":
                self._say("\n\n---\n\n")
            case "pre":
                self._say("\n\n```\n")
                self.fixed += 1
            case "img" if said.get("alt"):
                self._say(f"![{said['alt']}]")
            case "table":
                self._block()
                self.tables.append(_Table())
            case "tr" if self.tables:
                self.tables[-1].rows.append([])
            case "td" | "th" if self.tables:
                span = said.get("colspan") or "1"
                self.tables[-1].span = int(span) if span.isdecimal() and int(span) else 1
                self.out.append([])

    def handle_endtag(self, tag: str) -> None:
        """End an element, and those inside it that were left open."""
        if tag == "title":
            self.in_title = False
        if tag not in self.open:
            return
        while self.open:
            last = self.open.pop()
            if self.silent and self.silent[-1] == last:
                self.silent.pop()
            elif not self.silent:
                self._end(last)
            if last == tag:
                return

    def _end(self, tag: str) -> None:
        if tag in MARKS and not self.fixed:
            self._mark(MARKS[tag])
        elif tag in BLOCKS:
            self._block()
        elif re.fullmatch(r"h[1-6]", tag):
            text = self._taken()
            self._say(f"\n\n{heading(int(tag[1]), text)}\n\n" if text.strip() else "")
        elif tag == "blockquote":
            lines = self._taken().strip().splitlines()
            self._say("\n\n" + "\n".join(f"> {line}" for line in lines) + "\n\n")
        elif tag in ("ul", "ol", "menu") and self.lists:
            self.lists.pop()
            self._say("\n\n" if not self.lists else "\n")
        elif tag == "a" and self.links:
            href, text = self.links.pop(), self._taken()
            web = href.startswith(("http://", "https://", "mailto:")) and text.strip() not in ("", href)
            self._say(f"[{text.strip()}]({href})" if web else text)
        else:
            self._end_rest(tag)

    def _end_rest(self, tag: str) -> None:
        match tag:
            case "pre":
                self.fixed -= 1
                self._say("\n```\n\n")
            case "td" | "th" if self.tables and len(self.out) > 1:
                self.tables[-1].cell(self._taken())
            case "table" if self.tables:
                rows = [row for row in self.tables.pop().rows if row]
                inner = bool(self.tables)
                self._say("; ".join(", ".join(row) for row in rows) if inner else f"\n\n{table(rows)}\n\n")

    def handle_data(self, data: str) -> None:
        """Take words in."""
        if self.in_title:
            self.title += data
        if not self.silent:
            text = data if self.fixed else _SPACE.sub(" ", data)
            if text != " " or not self._at_start():
                self._say(text)

    def result(self) -> str:
        """Return all that was written."""
        self.close()
        while self.open:
            self.handle_endtag(self.open[-1])
        while len(self.out) > 1:
            text = self._taken()
            self._say(text)
        lines = "".join(self.out[0]).split("\n")
        return "\n".join(line if line.startswith(("    ", "  -")) else line.lstrip(" ") for line in lines)

    def _item(self) -> None:
        depth = max(len(self.lists) - 1, 0)
        number = self.lists[-1] if self.lists else None
        if number is not None:
            self.lists[-1] = number + 1
        self._say(f"\n{'    ' * depth}{'-' if number is None else f'{number}.'} ")

    def _mark(self, mark: str) -> None:
        self._say(mark)

    def _block(self) -> None:
        if not self._at_start() and not (self.lists and self._text_end().endswith((" - ", "- ", ". "))):
            self._say("\n\n" if not self.lists else "\n" + "    " * len(self.lists))

    def _text_end(self) -> str:
        return self.out[-1][-1] if self.out[-1] else ""

    def _at_start(self) -> bool:
        return self._text_end().endswith("\n") or not self.out[-1]

    def _say(self, text: str) -> None:
        if text:
            self.out[-1].append(text)

    def _taken(self) -> str:
        return "".join(self.out.pop()) if len(self.out) > 1 else ""


class Page(NamedTuple):
    """An HTML page as it was read: as Markdown, its title, and what was left out of it."""

    text: str
    title: str
    lost: list[str]


def markdown_of(text: str) -> Page:
    """Return HTML as Markdown; what its styles hide is left out, and that is said."""
    parser = Markdown(hidden_by(text))
    parser.feed(text)
    lost = [f"text that the page hides was left out ({parser.hidden} places)"] if parser.hidden else []
    return Page(parser.result(), " ".join(parser.title.split()), lost)


def read(data: bytes, options: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """Return an HTML page as Markdown."""
    text, charset = decoded(data, html=True)
    page = markdown_of(text)
    body = page.text
    if page.title and page.title not in body[:500]:
        body = f"{heading(1, page.title)}\n\n{body}"
    return reading(body, converter="html", charset=charset, warnings=page.lost)
