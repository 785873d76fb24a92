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
HEADING = 1.4
MOST_HEADINGS = 0.34
"""Share of a block's rows that may be headings; where more look like it, the letters merely differ."""
HEADING_CHARACTERS = 90
CELL_CHARACTERS = 26
"""Cells of a table are short, lines of a column are not; a Chinese character counts twice."""
MOSTLY = 0.8
TABLE_ROWS = 3
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


def has_table(runs: Sequence[Run]) -> bool:
    """Return whether there is a table on a page."""
    runs = [run for run in runs if run.text.strip()]
    if len(runs) < 2:
        return False
    height = median(run.height for run in runs)
    return _is_table(runs, height) or len(_around_table(runs, height)) > 1


def rows_of(runs: Sequence[Run]) -> list[list[Run]]:
    """Return runs by line, from the top, each from the left."""
    rows: list[list[Run]] = []
    for run in sorted(runs, key=lambda one: one.middle):
        row = rows[-1] if rows else None
        if row is not None and abs(run.middle - median(one.middle for one in row)) < 0.5 * min(
            run.height, row[0].height
        ):
            row.append(run)
        else:
            rows.append([run])
    return [sorted(row, key=lambda one: one.left) for row in rows]


def _cut(runs: list[Run], height: float, rtl: bool, most: int) -> list[list[Run]]:
    """Return blocks in reading order: tables stay whole, the rest is cut down at gutters and across at wide gaps."""
    if most <= 0 or len(runs) < 2 or _is_table(runs, height):
        return [runs]
    gutter = _gap(runs, GUTTER * height, down=True)
    if gutter is not None:
        parts = [[run for run in runs if run.left < gutter], [run for run in runs if run.left >= gutter]]
        if rtl:
            parts.reverse()
    else:
        parts = _around_table(runs, height) or _across(runs, height)
    if len(parts) < 2:
        return [runs]
    return [block for part in parts for block in _cut(part, height, rtl, most - 1)]


def _across(runs: list[Run], height: float) -> list[list[Run]]:
    """Return what is above and below the widest white gap across, everything where there is none."""
    gap = _gap(runs, GAP * height, down=False)
    if gap is None:
        return [runs]
    return [[run for run in runs if run.top < gap], [run for run in runs if run.top >= gap]]


def _around_table(runs: list[Run], height: float) -> list[list[Run]]:
    """Return what is above, in and below the first rows that make a table, nothing where there are none."""
    rows = rows_of(runs)
    cells = [len(row) > 1 and _short(row) for row in rows]
    for first, begins in enumerate(cells):
        last = next((at for at in range(first, len(cells)) if not cells[at]), len(cells))
        if begins and last - first >= TABLE_ROWS and last - first < len(rows):
            bands = rows[:first], rows[first:last], rows[last:]
            parts = [[run for row in band for run in row] for band in bands]
            if _is_table(parts[1], height):
                return [part for part in parts if part]
    return []


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
    stops = _stops(wide, height)
    if any(len(row) == 1 and row[0].left < stop < row[0].right for row in rows for stop in stops):
        return False  # words that run across its columns
    return len(stops) > 1 and _short([run for row in wide for run in row])


def _short(runs: Sequence[Run]) -> bool:
    """Return whether runs are as short as cells are; the lines of a column are longer, but for the last ones."""
    lengths = sorted(sum(2 if one >= "\u2e80" else 1 for one in run.text) for run in runs)
    return lengths[int(MOSTLY * (len(lengths) - 1))] <= CELL_CHARACTERS


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
    rows = rows_of(runs)
    headings = sum(median(run.height for run in row) > HEADING * height for row in rows) <= max(
        MOST_HEADINGS * len(rows), 1
    )
    paragraphs: list[list[str]] = []
    before: list[Run] | None = None
    for row in rows:
        text = " ".join(run.text.strip() for run in (reversed(row) if rtl else row))
        tall = median(run.height for run in row)
        top, foot = min(run.top for run in row), max(run.bottom for run in before) if before else 0.0
        apart = before is None or top - foot > PARAGRAPH * height
        heading = tall > HEADING * height and len(text) <= HEADING_CHARACTERS and headings
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
