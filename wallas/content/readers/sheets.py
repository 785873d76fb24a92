"""Workbooks (xlsx, xlsb, xls, ods) as tables, one a sheet, by calamine: values as they were last calculated."""

import datetime
from collections.abc import Iterator
from typing import Any

from wallas.content.guarded import Tell, Unreadable
from wallas.content.readers.markdown import heading, reading, table
from wallas.content.readers.packages import Package

ROWS = 50_000


def read(data: bytes, options: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """Return a workbook's sheets as tables."""
    import io

    from python_calamine import CalamineError, CalamineWorkbook, PasswordError

    warnings: list[str] = []
    if data[:2] == b"PK":
        warnings += _inspected(Package(data))
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(data))
        names = book.sheet_names
        parts = [part for name in names for part in _sheet(book, name, warnings)]
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


def _sheet(book: Any, name: str, warnings: list[str]) -> Iterator[str]:
    rows = [[_text(value) for value in row] for row in book.get_sheet_by_name(name).to_python(skip_empty_area=True)]
    rows = [row for row in rows if any(row)]
    if len(rows) > ROWS:
        warnings.append(f"only the first {ROWS} of {len(rows)} rows of sheet {name} were taken")
    yield heading(2, name)
    yield table(rows[:ROWS]) if rows else "(empty)"


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
