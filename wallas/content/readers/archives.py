"""Archives: what is in them, by name and size. Nothing is unpacked, and nothing is written to disk."""

import gzip
import io
import lzma
import shutil
import subprocess
import tarfile
from bz2 import BZ2File
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wallas.content.guarded import MEGABYTE, Tell, Unreadable
from wallas.content.readers.markdown import reading, table
from wallas.content.readers.packages import Package

LISTED = 2_000
READ = 256 * MEGABYTE
"""How much of a packed tar is unpacked to see its list."""
OPENERS: dict[str, Callable[[io.BytesIO], Any]] = {
    "gz": lambda file: gzip.GzipFile(fileobj=file),
    "bz2": BZ2File,
    "xz": lzma.LZMAFile,
}


class _Bounded(io.RawIOBase):
    """A packed file's inside, of which not more than so much is read."""

    def __init__(self, file: Any, most: int) -> None:
        self.file = file
        self.left = most

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self.file.read(min(len(buffer), self.left))
        self.left -= len(data)
        buffer[: len(data)] = data
        return len(data)


def read(data: bytes, options: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """Return the list of an archive's members."""
    word = options["word"]
    if word == "zip":
        rows = [(info.filename, info.file_size) for info in Package(data).infos.values()]
        return _listed(rows, word)
    try:
        return _packed(data, word, str(options.get("name") or ""))
    except (OSError, EOFError, tarfile.TarError, lzma.LZMAError, ValueError) as error:
        raise Unreadable("it is damaged: the archive cannot be read", code="broken") from error


def _packed(data: bytes, word: str, name: str) -> dict[str, Any]:
    inside: Any = io.BytesIO(data) if word == "tar" else OPENERS[word](io.BytesIO(data))
    bounded = _Bounded(inside, READ)
    head = bounded.file.read(512) if word != "tar" else b""
    if word != "tar" and head[257:262] != b"ustar":
        inner = name.rpartition(".")[0] or "its one file"
        return _listed([(inner, -1)], word)
    inside.seek(0)
    rows = []
    with tarfile.open(fileobj=io.BufferedReader(bounded), mode="r|") as archive:
        for member in archive:
            rows.append((member.name, member.size))
            if len(rows) > 20 * LISTED:
                raise Unreadable("it has too many parts", code="too_large")
    return _listed(rows, word)


def read_foreign(data: bytes, options: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """Return the list of an archive's members as bsdtar tells it (7z, rar, zst); raise Unreadable without bsdtar."""
    word = options["word"]
    program = shutil.which("bsdtar")
    if program is None:
        told = f"listing a {word} archive needs bsdtar, which is not installed: apt-get install libarchive-tools"
        raise Unreadable(f"{told}; or send a zip", code="missing_extra")
    Path("in").write_bytes(data)
    done = subprocess.run([program, "-tvf", "in"], capture_output=True, check=False, env={"LANG": "C.UTF-8"})
    rows = [_bsdtar_row(line) for line in done.stdout.decode("utf-8", "replace").splitlines()[: 20 * LISTED]]
    if done.returncode and not rows:
        what = "it is protected by a password" if b"ncrypt" in done.stderr or b"assphrase" in done.stderr else ""
        code = "locked" if what else "broken"
        raise Unreadable(what or "it is damaged: the archive cannot be read", code=code)
    value = _listed(rows, word)
    if done.returncode:
        value["warnings"].append("it is damaged: the list breaks off")
    return value


def _bsdtar_row(line: str) -> tuple[str, int]:
    """Return name and size from a line such as ``-rw-r--r--  0 root root  544 Nov 21 15:09 a b.csv``."""
    words = line.split(None, 8)
    return (words[8], int(words[4])) if len(words) == 9 and words[4].isdecimal() else (line, -1)


def _listed(rows: list[tuple[str, int]], word: str) -> dict[str, Any]:
    warnings = ["an archive: only the list of its members was taken, not what is in them"]
    if len(rows) > LISTED:
        warnings.append(f"only the first {LISTED} of {len(rows)} members are listed")
    told = [[name.encode("utf-8", "replace").decode(), "" if size < 0 else str(size)] for name, size in rows[:LISTED]]
    text = f"An archive of {len(rows)} members.\n\n{table([['Member', 'Bytes'], *told])}"
    return reading(text, converter=f"{word} listing", warnings=warnings, members=len(rows))
