"""Puts what an engine read where it stood: columns in order, paragraphs, headings and tables, as Markdown.

Pure geometry on boxes in pixels, the same for every engine. A page is cut along its widest white gaps, down
and across in turn (recursive X-Y cuts); rows whose short cells stand in line are a table and are not cut.
"""

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

GUTTER = 1.4
"""Line heights of white between two columns, at least."""
GAP = 1.6
"""Line heights from one line's foot to the next one's head that end a block."""
PARAGRAPH = 0.75
HEADING = 1.35
HEADING_CHARACTERS = 90
CELL_CHARACTERS = 28
"""Cells of a table are short; columns of a text are not."""
ALIGNED = 0.6
MOST_CUTS = 40


class Run(NamedTuple):
    """Words that stand together on one line: text, box in pixels, confidence 0 to 1."""

    text: str
    left: float
    top: float
    right: float
    bottom: float
    confidence: float = 1.0

    @property
    def height(self) -> float:
        """Return the height of its letters."""
        return self.bottom - self.top

    @property
    def middle(self) -> float:
        """Return how far down its middle is."""
        return (self.top + self.bottom) / 2


def markdown(runs: Sequence[Run], *, rtl: bool = False) -> str:
    """Return a page's words as Markdown, in the order in which they are read; ``rtl``: from the right."""
    runs = [run for run in runs if run.text.strip()]
    if not runs:
        return ""
    height = median(run.height for run in runs)
    return "\n\n".join(filter(None, (_block(block, height, rtl) for block in _cut(runs, height, rtl, MOST_CUTS))))


def rows_of(runs: Sequence[Run]) -> list[list[Run]]:
    """Return runs by line, from the top, each from the left."""
    rows: list[list[Run]] = []
    for run in sorted(runs, key=lambda one: one.middle):
        row = rows[-1] if rows else None
        if row is not None and abs(run.middle - median(one.middle for one in row)) < 0.5 * min(run.height, row[0].height):
            row.append(run)
        else:
            rows.append([run])
    return [sorted(row, key=lambda one: one.left) for row in rows]


def _cut(runs: list[Run], height: float, rtl: bool, most: int) -> list[list[Run]]:
    """Return blocks in reading order: the page cut across at wide gaps, then down at gutters."""
    if most <= 0 or len(runs) < 2:
        return [runs]
    gutter = _gap(runs, GUTTER * height, down=True)
    if gutter is not None and not _is_table(runs, height):
        sides = [[run for run in runs if run.left < gutter], [run for run in runs if run.left >= gutter]]
        if rtl:
            sides.reverse()
        return [block for side in sides for block in _cut(side, height, rtl, most - 1)]
    across = _gap(runs, GAP * height, down=False)
    if across is None:
        return [runs]
    halves = [[run for run in runs if run.top < across], [run for run in runs if run.top >= across]]
    return [block for half in halves for block in _cut(half, height, rtl, most - 1)]


def _gap(runs: Sequence[Run], least: float, *, down: bool) -> float | None:
    """Return where the widest white gap of at least so many pixels ends, None where there is none."""
    spans = sorted((run.left, run.right) if down else (run.top, run.bottom) for run in runs)
    end, found, widest = spans[0][1], None, least
    for start, stop in spans[1:]:
        if start - end >= widest:
            found, widest = start, start - end
        end = max(end, stop)
    return found


def _is_table(runs: Sequence[Run], height: float) -> bool:
    """Return whether rows of short cells stand in line here."""
    rows = rows_of(runs)
    wide = [row for row in rows if len(row) > 1]
    if len(wide) < 2 or len(wide) < ALIGNED * len(rows):
        return False
    cells = [run for row in wide for run in row]
    return median(len(run.text) for run in cells) <= CELL_CHARACTERS and len(_stops(wide, height)) > 1


def _stops(rows: Sequence[Sequence[Run]], height: float) -> list[float]:
    """Return the left edges of a table's columns: gaps that no row's words cross."""
    spans = sorted((run.left, run.right) for row in rows for run in row)
    stops, end = [spans[0][0]], spans[0][1]
    for left, right in spans[1:]:
        if left - end >= 0.6 * height:
            stops.append(left)
        end = max(end, right)
    return stops


def _block(runs: list[Run], height: float, rtl: bool) -> str:
    if _is_table(runs, height):
        return _table(runs, height, rtl)
    paragraphs: list[list[str]] = []
    before: list[Run] | None = None
    for row in rows_of(runs):
        text = " ".join(run.text.strip() for run in (reversed(row) if rtl else row))
        tall = median(run.height for run in row)
        top, foot = min(run.top for run in row), max(run.bottom for run in before) if before else 0.0
        apart = before is None or top - foot > PARAGRAPH * height
        heading = tall > HEADING * height and len(text) <= HEADING_CHARACTERS
        if heading:
            paragraphs += [[f"## {text}"], []]
        elif apart or not paragraphs:
            paragraphs.append([text])
        else:
            paragraphs[-1].append(text)
        before = row
    return "\n\n".join("\n".join(lines) for lines in paragraphs if lines)


def _table(runs: list[Run], height: float, rtl: bool) -> str:
    rows = rows_of(runs)
    stops = _stops([row for row in rows if len(row) > 1], height)
    table = []
    for row in rows:
        cells = [""] * len(stops)
        for run in row:
            place = max((at for at, stop in enumerate(stops) if stop <= run.left + height / 2), default=0)
            cells[place] = f"{cells[place]} {run.text.strip()}".strip().replace("|", "\\|")
        table.append(list(reversed(cells)) if rtl else cells)
    lines = [f"| {' | '.join(cells)} |" for cells in table]
    return "\n".join([lines[0], f"|{' --- |' * len(stops)}", *lines[1:]])
