"""Plain text, code, tables in text, notebooks and RTF."""

import csv
import io
import json
from typing import Any

from wallas.content.guarded import Tell, Unreadable
from wallas.content.readers.charset import decoded
from wallas.content.readers.markdown import reading, table

ROWS = 100_000
CODE = {
    "py": "python", "js": "javascript", "ts": "typescript", "rb": "ruby", "rs": "rust", "go": "go", "java": "java",
    "c": "c", "h": "c", "cpp": "cpp", "cs": "csharp", "php": "php", "sh": "sh", "sql": "sql", "json": "json",
    "xml": "xml", "yaml": "yaml", "yml": "yaml", "toml": "toml", "css": "css", "html": "html", "svg": "xml",
    "kt": "kotlin", "swift": "swift", "r": "r", "lua": "lua", "pl": "perl", "scala": "scala", "ini": "ini",
}  # fmt: skip
"""Ends of names, and what a fence around such text says."""


def read(data: bytes, options: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """Return a text file as it is; code stands in a fence."""
    text, charset = decoded(data)
    word = CODE.get(str(options.get("name") or "").rpartition(".")[2].lower())
    if word:
        fence = "```" if "```" not in text else "~~~~"
        text = f"{fence}{word}\n{text.rstrip()}\n{fence}"
    return reading(text, converter="text", charset=charset)


def read_table(data: bytes, options: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """Return comma-, semicolon- or tab-separated values as a table."""
    text, charset = decoded(data)
    csv.field_size_limit(1 << 20)
    sample = text[:20_000]
    try:
        dialect: Any = csv.Sniffer().sniff(sample, ",;\t|")
    except csv.Error:
        dialect = csv.excel_tab if "\t" in sample.partition("\n")[0] else csv.excel
    lost = data.count(b"\0") if not charset.startswith("utf-16") and not charset.startswith("utf-32") else 0
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), dialect) if any(row)]
    except csv.Error:
        return reading(text, converter="text", charset=charset, warnings=["it is no table: read as plain text"])
    warnings = [f"only the first {ROWS} of {len(rows)} rows were taken"] if len(rows) > ROWS else []
    warnings += [f"{lost} zero bytes in it were left out"] if lost else []
    rows = rows[:ROWS]
    return reading(table(rows), converter="csv", charset=charset, rows=len(rows), warnings=warnings)


def read_notebook(data: bytes, options: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """Return a Jupyter notebook: its texts, its code, and what the code printed."""
    try:
        book = json.loads(decoded(data)[0])
        cells = book["cells"] if "cells" in book else book["worksheets"][0]["cells"]
        parts = [part for cell in cells for part in _cell(cell)]
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise Unreadable("it is damaged: it is no notebook", code="broken") from error
    lost = sum(part == "" for part in parts)
    warnings = [f"{lost} pictures in its outputs were left out"] if lost else []
    return reading("\n\n".join(part for part in parts if part), converter="notebook", warnings=warnings)


def _cell(cell: dict[str, Any]) -> list[str]:
    text = _joined(cell.get("source", cell.get("input", "")))
    if cell.get("cell_type") != "code":
        return [text] if text.strip() else []
    parts = [f"```python\n{text}\n```"] if text.strip() else []
    for output in cell.get("outputs", ()):
        said = output.get("data", {})
        shown = _joined(output.get("text") or said.get("text/plain") or output.get("traceback") or "")
        if any(kind.startswith("image/") for kind in said):
            parts.append("")
        if shown.strip():
            parts.append(f"```\n{shown.rstrip()}\n```")
    return parts


def _joined(text: Any) -> str:
    return "".join(text) if isinstance(text, list) else str(text)


def read_rtf(data: bytes, options: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """Return a rich text file's words and tables."""
    from striprtf import striprtf

    source = data.decode("latin-1")
    pictures = source.count("\\pict")
    text: str = striprtf.rtf_to_text(source, errors="replace")  # type: ignore[no-untyped-call]
    lines = text.split("\n")
    out: list[str] = []
    rows: list[list[str]] = []
    for line in [*lines, ""]:
        if line.endswith("|"):
            rows.append(line[:-1].split("|"))
            continue
        if rows:
            out += ["", table(rows), ""]
            rows = []
        out += [line, ""]
    warnings = [f"{pictures} pictures in it were left out"] if pictures else []
    return reading("\n".join(out), converter="rtf", warnings=warnings)
