"""Small pieces of Markdown, and the form in which a reader returns what it has read."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

CHARS = 4_000_000
"""More text of one file is cut off, and that is said: no model takes a tenth of it."""
_BLANK = re.compile(r"\n{3,}")
_TRAILING = re.compile(r"[ \t]+\n")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def reading(text: str, *, converter: str, warnings: Iterable[str] = (), **facts: Any) -> dict[str, Any]:
    """Return what a reader returns: the text, tidied and not endless, and what should be known of it."""
    told = list(warnings)
    text = tidy(text)
    if not text:
        told.append("there are no words in it")
    if len(text) > CHARS:
        told.append(f"only the first {CHARS} of {len(text)} characters were taken")
        text = text[:CHARS]
    return {"markdown": text, "converter": converter, "warnings": told, **facts}


def tidy(text: str) -> str:
    """Return a text without control characters, trailing blanks and empty lines in a row."""
    text = _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return _BLANK.sub("\n\n", _TRAILING.sub("\n", text)).strip("\n ")


def cell(text: str) -> str:
    """Return a text as it may stand in a table's cell."""
    return " ".join(text.split()).replace("|", "\\|")


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as a table, the first as its head; columns that are empty throughout are left out."""
    width = max((len(row) for row in rows), default=0)
    full = [[cell(text) for text in row] + [""] * (width - len(row)) for row in rows]
    kept = [number for number in range(width) if any(row[number] for row in full)]
    full = [[row[number] for number in kept] for row in full]
    if not kept:
        return ""
    lines = [f"| {' | '.join(row)} |" for row in full]
    return "\n".join([lines[0], f"|{' --- |' * len(kept)}", *lines[1:]])


def heading(level: int, text: str) -> str:
    """Return a heading on one line."""
    return f"{'#' * max(1, min(level, 6))} {' '.join(text.split())}"
