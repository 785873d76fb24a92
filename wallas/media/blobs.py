"""Keeps bytes in a folder under the name of their hash: the same bytes once, whole or not at all."""

import hashlib
import os
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from wallas.errors import TooLarge
from wallas.ids import fresh

PIECE = 1024 * 1024
GRACE_SECONDS = 3600.0
"""A blob that no row names is left alone so long: its row may be on its way."""


class Blob(NamedTuple):
    """What was kept: the hash that is its name, and how long it is."""

    sha256: str
    size: int


class Blobs:
    """A folder of bytes; several processes may use it at once."""

    def __init__(self, folder: Path) -> None:
        """Use ``folder``; it is made when something is kept."""
        self.folder = folder

    def path(self, sha256: str) -> Path:
        """Return where the bytes of this hash lie, if they are kept."""
        return self.folder / sha256[:2] / sha256

    def keep(self, pieces: Iterable[bytes], *, most: int | None = None) -> Blob:
        """Keep bytes; raise TooLarge, keeping nothing, for more than ``most``."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self.folder / f"draft-{fresh()}"
        digest = hashlib.sha256()
        size = 0
        try:
            with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
                for piece in pieces:
                    size += len(piece)
                    if most is not None and size > most:
                        raise TooLarge(f"more than {most} bytes", param="file")
                    digest.update(piece)
                    file.write(piece)
            name = digest.hexdigest()
            place = self.path(name)
            place.parent.mkdir(mode=0o700, exist_ok=True)
            draft.replace(place)
        finally:
            draft.unlink(missing_ok=True)
        return Blob(name, size)

    def has(self, sha256: str) -> bool:
        """Return whether these bytes are kept."""
        return self.path(sha256).is_file()

    def read(self, sha256: str) -> bytes:
        """Return the bytes; raise FileNotFoundError when they are gone."""
        return self.path(sha256).read_bytes()

    def pieces(self, sha256: str, *, start: int = 0, size: int | None = None) -> Iterator[bytes]:
        """Return the bytes from ``start`` on, at most ``size``, a piece at a time; raise FileNotFoundError at once.

        What is deleted meanwhile is still read to its end.
        """
        file = self.path(sha256).open("rb")

        def read() -> Iterator[bytes]:
            left = size
            with file:
                file.seek(start)
                while left is None or left > 0:
                    piece = file.read(PIECE if left is None else min(PIECE, left))
                    if not piece:
                        return
                    left = None if left is None else left - len(piece)
                    yield piece

        return read()

    def drop(self, sha256: str) -> None:
        """Delete the bytes of this hash."""
        self.path(sha256).unlink(missing_ok=True)

    def hashes(self, *, now: float | None = None) -> Iterator[str]:
        """Yield the names of blobs older than an hour, and delete drafts that nobody finished."""
        before = (time.time() if now is None else now) - GRACE_SECONDS
        if not self.folder.is_dir():
            return
        for entry in sorted(self.folder.iterdir()):
            if entry.is_dir():
                yield from (file.name for file in sorted(entry.iterdir()) if _older(file, before))
            elif entry.name.startswith("draft-") and _older(entry, before):
                entry.unlink(missing_ok=True)

    def sweep(self, named: Collection[str], candidates: Iterable[str]) -> int:
        """Delete those candidates that nobody names; return how many."""
        gone = [name for name in candidates if name not in named]
        for name in gone:
            self.drop(name)
        return len(gone)


def _older(path: Path, before: float) -> bool:
    with suppress(OSError):
        return path.stat().st_mtime < before
    return False
