"""Workbooks (xlsx, xlsb, xls, ods) as tables, one a sheet, by calamine: values as they were last calculated.

A formula that was never calculated stands as it is written, and that is said.
"""

import datetime
from collections.abc import Iterator
from typing import Any

from wallas.content.guarded import Tell, Unreadable
from wallas.content.readers.cells import Cells, cells_of
from wallas.content.readers.markdown import heading, reading, table
from wallas.content.readers.packages import Package

ROWS = 50_000
BEYOND = 1000
"""Rows and columns after the last value up to which a formula without one is shown."""
NOTHING = Cells({}, [])


def read(data: bytes, options: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """Return a workbook's sheets as tables."""
    import io

    from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetVisibleEnum

    warnings: list[str] = []
    cells: dict[str, Cells] = {}
    if data[:2] == b"PK":
        package = Package(data)
        package.refuse_locked()
        warnings += _inspected(package)
        cells = cells_of(package)
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(data))
        names = book.sheet_names
        hidden = {sheet.name for sheet in book.sheets_metadata if sheet.visible != SheetVisibleEnum.Visible}
        parts = []
        for name in names:
            parts.append(heading(2, f"{name} (hidden)" if name in hidden else name))
            parts += _sheet(book, name, cells.get(name, NOTHING), warnings)
    except PasswordError as error:
        raise Unreadable("it is protected by a password", code="locked") from error
    except CalamineError as error:
        raise Unreadable("it is damaged: no workbook can be read from it", code="broken") from error
    return reading("\n\n".join(parts), converter="calamine", pages=len(names), warnings=warnings)


def _inspected(package: Package) -> list[str]:
    """Return what of a workbook is no table; raise Unreadable for one that is a bomb."""
    for name in package.names(end=".xml"):
        package.bytes(name)
    pictures = len(package.names("xl/media/")) + len(package.names("Pictures/"))
    charts = len(package.names("xl/charts/chart", ".xml"))
    found = [(pictures, "pictures"), (charts, "charts")]
    return [f"{count} {what} in it were left out" for count, what in found if count]


def _sheet(book: Any, name: str, cells: Cells, warnings: list[str]) -> Iterator[str]:
    sheet = book.get_sheet_by_name(name)
    rows = [[_text(value) for value in row] for row in sheet.to_python(skip_empty_area=not cells.formulas)]
    if cells.formulas:
        _add(rows, cells.formulas)
        count = len(cells.formulas)
        warnings.append(f"formulas of sheet {name} without a result in the file stand as they are written ({count})")
    rows = [row for row in rows if any(row)]
    if len(rows) > ROWS:
        warnings.append(f"only the first {ROWS} of {len(rows)} rows of sheet {name} were taken")
    yield table(rows[:ROWS]) if rows else "(empty)"
    if cells.notes:
        yield "\n".join(["Notes:", *(f"- {place}: {text}" for place, text in cells.notes)])


def _add(rows: list[list[str]], formulas: dict[tuple[int, int], str]) -> None:
    """Put formulas where they stand, as far as there is no value; beyond the values only next to them."""
    width = max((len(row) for row in rows), default=0)
    for (row, column), text in formulas.items():
        if row > len(rows) + BEYOND or column > width + BEYOND:
            continue
        while len(rows) <= row:
            rows.append([])
        rows[row] += [""] * (column + 1 - len(rows[row]))
        rows[row][column] = rows[row][column] or text


def _text(value: Any) -> str:
    match value:
        case bool():
            return "TRUE" if value else "FALSE"
        case float() if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        case float():
            return f"{value:.15g}"
        case datetime.datetime() if value.time() == datetime.time():
            return value.date().isoformat()
        case datetime.datetime():
            return value.isoformat(sep=" ")
        case _:
            return str(value)
