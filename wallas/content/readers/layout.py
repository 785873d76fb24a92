"""Words with their places become Markdown: lines, paragraphs, headings and tables, in reading order.

A page's own order is kept, for it is nearly always the reading order, columns included. Pieces that follow each
other at one height make a row; rows that have several pieces, one under the other, make a table.
"""

from statistics import median
from typing import NamedTuple

from wallas.content.readers.markdown import heading, table

CELL_GAP = 1.0
"""Of a line's height: a wider gap is not one between words."""
PARAGRAPH_GAP = 0.75
HEADING = 1.25
HEADING_CHARS = 120
COLUMNS = 40


class Word(NamedTuple):
    """A word, its box in points from the page's lower left corner, and the line ends that stand before it."""

    text: str
    left: float
    right: float
    top: float
    bottom: float
    breaks: int = 0

    @property
    def height(self) -> float:
        """Return how high it is; never zero."""
        return max(self.top - self.bottom, 0.1)


class Piece(NamedTuple):
    """Words that stand together on one line."""

    text: str
    left: float
    right: float
    top: float
    bottom: float

    @property
    def height(self) -> float:
        """Return how high it is; never zero."""
        return max(self.top - self.bottom, 0.1)


def page_markdown(words: list[Word]) -> str:
    """Return a page's words as Markdown."""
    if not words:
        return ""
    rows = _rows(_pieces(words))
    usual = median(piece.height for row in rows for piece in row)
    blocks: list[str] = []
    number = 0
    previous: list[Piece] | None = None
    while number < len(rows):
        end = number
        while end < len(rows) and len(rows[end]) > 1:
            end += 1
        grid = _grid(rows[number:end]) if end - number > 1 else None
        if grid is not None:
            blocks += ["", table(grid), ""]
            previous, number = None, end
            continue
        for row in rows[number : max(end, number + 1)]:
            if previous is not None and _apart(previous, row, usual):
                blocks.append("")
            blocks.append(_line(row, usual))
            previous = row
        number = max(end, number + 1)
    return "\n".join(blocks)


def _pieces(words: list[Word]) -> list[Piece]:
    """Return words that follow each other on one line without a gap, joined."""
    pieces: list[Piece] = []
    current: list[Word] = []
    for word in words:
        if current and not _goes_on(current[-1], word):
            pieces.append(_joined(current))
            current = []
        current.append(word)
    if current:
        pieces.append(_joined(current))
    return pieces


def _goes_on(last: Word, word: Word) -> bool:
    height = max(last.height, word.height)
    gap = word.left - last.right
    return _level(last, word) and -0.5 * height <= gap <= CELL_GAP * height


def _level(one: Word | Piece, other: Word | Piece) -> bool:
    shared = min(one.top, other.top) - max(one.bottom, other.bottom)
    return shared > 0.5 * min(one.height, other.height)


def _joined(words: list[Word]) -> Piece:
    return Piece(
        " ".join(word.text for word in words),
        min(word.left for word in words),
        max(word.right for word in words),
        max(word.top for word in words),
        min(word.bottom for word in words),
    )


def _rows(pieces: list[Piece]) -> list[list[Piece]]:
    """Return pieces that follow each other at one height as rows, each from left to right."""
    rows: list[list[Piece]] = []
    for piece in pieces:
        if rows and _level(rows[-1][-1], piece) and not any(_overlaps(piece, other) for other in rows[-1]):
            rows[-1].append(piece)
        else:
            rows.append([piece])
    return [sorted(row, key=lambda piece: piece.left) for row in rows]


def _overlaps(one: Piece, other: Piece) -> bool:
    return min(one.right, other.right) - max(one.left, other.left) > 0.2 * min(one.height, other.height)


def _grid(rows: list[list[Piece]]) -> list[list[str]] | None:
    """Return rows as cells under common columns; None where they have none."""
    spans: list[list[float]] = []
    for piece in sorted((piece for row in rows for piece in row), key=lambda piece: piece.left):
        if spans and piece.left < spans[-1][1]:
            spans[-1][1] = max(spans[-1][1], piece.right)
        else:
            spans.append([piece.left, piece.right])
    if not 2 <= len(spans) <= COLUMNS:
        return None
    cells = [[""] * len(spans) for _ in rows]
    for number, row in enumerate(rows):
        for piece in row:
            column = next(index for index, span in enumerate(spans) if span[0] <= piece.left <= span[1])
            cells[number][column] = f"{cells[number][column]} {piece.text}".strip()
    return cells


def _apart(above: list[Piece], below: list[Piece], usual: float) -> bool:
    gap = min(piece.bottom for piece in above) - max(piece.top for piece in below)
    taller = above[0].height > HEADING * usual or below[0].height > HEADING * usual
    return gap > PARAGRAPH_GAP * usual or gap < -2 * usual or taller


def _line(row: list[Piece], usual: float) -> str:
    text = "   ".join(piece.text for piece in row)
    size = max(piece.height for piece in row)
    if size > HEADING * usual and len(text) <= HEADING_CHARS and any(letter.isalpha() for letter in text):
        return heading(3 if size < 1.7 * usual else 2, text)
    return text
