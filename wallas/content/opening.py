"""Finds the reader for a file and has it read in a guarded child."""

import importlib.util
from collections.abc import Callable
from typing import Any, NamedTuple

from wallas.content.guarded import LIMITS, Limits, Tell, Unreadable, run
from wallas.content.sniff import Sort

SMALL = 256 * 1024
NO_WORDS = "there are no words in it"
PACKAGE = "wallas.content.readers"


class Reader(NamedTuple):
    """Which task reads a sort of file, and which packages it needs that not everybody has."""

    task: str
    needs: tuple[str, ...] = ()


READERS = {
    "pdf": Reader("pdf:read", ("pypdfium2",)),
    "docx": Reader("word:read"),
    "pptx": Reader("slides:read"),
    "xlsx": Reader("sheets:read", ("python_calamine",)),
    "xlsb": Reader("sheets:read", ("python_calamine",)),
    "xls": Reader("sheets:read", ("python_calamine",)),
    "ods": Reader("sheets:read", ("python_calamine",)),
    "odt": Reader("opened:read"),
    "odp": Reader("opened:read"),
    "odg": Reader("opened:read"),
    "epub": Reader("book:read"),
    "html": Reader("html:read"),
    "csv": Reader("plain:read_table"),
    "rtf": Reader("plain:read_rtf", ("striprtf",)),
    "ipynb": Reader("plain:read_notebook"),
    "eml": Reader("mail:read"),
    "msg": Reader("mail:read_msg", ("olefile",)),
    "text": Reader("plain:read"),
    "markdown": Reader("plain:read"),
    "zip": Reader("archives:read"),
    "tar": Reader("archives:read"),
    "gz": Reader("archives:read"),
    "bz2": Reader("archives:read"),
    "xz": Reader("archives:read"),
    "7z": Reader("archives:read_foreign"),
    "rar": Reader("archives:read_foreign"),
    "zst": Reader("archives:read_foreign"),
    "doc": Reader("office:read"),
    "ppt": Reader("office:read"),
}
"""By the word that ``sniff`` has for a file."""
UNREAD = {
    "locked": "it is an Office file that is protected by a password",
    "ole": "it is an old Office file of a kind that cannot be read",
    "binary": "its bytes are no kind of file that can be read",
}


def require(*packages: str, extra: str = "documents", what: str = "reading such a file") -> None:
    """Raise Unreadable, naming what to install, unless these packages are here."""
    if any(importlib.util.find_spec(name) is None for name in packages):
        raise Unreadable(
            f"{what} needs a part that is not installed: pip install 'wallas[{extra}]'", code="missing_extra"
        )


def opened(
    data: bytes,
    sort: Sort,
    *,
    name: str | None = None,
    options: dict[str, Any] | None = None,
    limits: Limits = LIMITS,
    tell: Tell | None = None,
    wanted: Callable[[], bool] = lambda: True,
) -> dict[str, Any]:
    """Return what a document's reader returns (``readers/markdown.py``); raise Unreadable. Blocks."""
    if not data:
        raise Unreadable("it is empty", code="empty")
    reader = READERS.get(sort.word)
    if reader is None:
        raise Unreadable(UNREAD.get(sort.word, f"files of type {sort.mime} cannot be read as text"), code="unsupported")
    require(*reader.needs)
    said = {"name": name, "word": sort.word} | (options or {})
    try:
        value: dict[str, Any] = run(
            f"{PACKAGE}.{reader.task}", data, said, limits=limits, tell=tell, wanted=wanted
        ).value
    except Unreadable as error:
        if error.code == "missing":
            raise Unreadable(
                f"reading it needs {error.message}: pip install 'wallas[documents]'", code="missing_extra"
            ) from error
        raise
    return value


def plain(data: bytes, sort: Sort) -> dict[str, Any] | None:
    """Return a short plain text at once, without a child; None for anything that has to be parsed or guessed."""
    if sort.word not in ("text", "markdown") or not 0 < len(data) <= SMALL or b"\0" in data:
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    warnings = [] if text.strip() else [NO_WORDS]
    return {"markdown": text.replace("\r\n", "\n"), "converter": "text", "warnings": warnings}
