"""The store of files: what clients uploaded, and what was made for them and is served by an address of its own."""

import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from wallas.errors import GatewayError, NotFound, TooLarge
from wallas.ids import fresh
from wallas.media.blobs import Blobs
from wallas.media.kinds import extension, sniff
from wallas.storage.files import (
    StoredFile,
    add_file,
    delete_file,
    find_file,
    list_files,
    named_hashes,
    used_bytes,
)

if TYPE_CHECKING:
    from sqlalchemy import Engine

MB = 1024 * 1024
SWEEP_AT_ONCE = 1000
_UNSAFE = re.compile(r"[\x00-\x1f\x7f/\\]+")


class Limits(NamedTuple):
    """How much is kept: bytes of one file, bytes of all files of one owner, seconds for what was made."""

    file: int = 512 * MB
    owner: int = 10 * 1024 * MB
    seconds: float = 24 * 3600.0


class MediaStore:
    """Files of one gateway, all its workers together: rows in the database, bytes in one folder."""

    def __init__(self, engine: "Engine", folder: Path, *, limits: Limits | None = None) -> None:
        """Keep rows with ``engine`` and bytes in ``folder``."""
        self.engine = engine
        self.blobs = Blobs(folder)
        self.limits = limits or Limits()

    def upload(
        self, pieces: Iterable[bytes], *, owner: str, purpose: str, filename: str, seconds: float | None = None
    ) -> StoredFile:
        """Keep a client's file for ``seconds`` (None: until it is deleted); raise TooLarge for more than is taken."""
        return self._keep(pieces, kind="file", owner=owner, purpose=purpose, filename=filename, seconds=seconds)

    def publish(
        self, data: bytes | Iterable[bytes], *, owner: str, purpose: str, mime: str | None = None
    ) -> StoredFile:
        """Keep what was made for a client, for a day; whoever knows its id, which nobody can guess, may have it."""
        pieces = [data] if isinstance(data, bytes) else data
        seconds = self.limits.seconds
        return self._keep(pieces, kind="media", owner=owner, purpose=purpose, filename="", seconds=seconds, mime=mime)

    def _keep(
        self,
        pieces: Iterable[bytes],
        *,
        kind: str,
        owner: str,
        purpose: str,
        filename: str,
        seconds: float | None,
        mime: str | None = None,
    ) -> StoredFile:
        room = self.limits.owner - used_bytes(self.engine, owner=owner)
        blob = self.blobs.keep(pieces, most=min(self.limits.file, max(room, 0)))
        if not room or blob.size > room:
            raise TooLarge("this key's files are as many bytes as are kept for one", code="storage_quota_exceeded")
        head = next(self.blobs.pieces(blob.sha256, size=4096), b"")
        kind_of = mime or sniff(head, filename)
        now = time.time()
        id = f"file-{fresh()[:24]}" if kind == "file" else fresh() + fresh()[:12]
        name = _UNSAFE.sub("_", filename)[-200:] or id[:12] + extension(kind_of)
        until = None if seconds is None else now + seconds
        file = StoredFile(id, kind, owner, purpose, name, kind_of, blob.size, blob.sha256, now, until)
        add_file(self.engine, file)
        return file

    def find(self, id: str, *, owner: str) -> StoredFile:
        """Return an owner's uploaded file; raise NotFound."""
        file = find_file(self.engine, id, kind="file", owner=owner)
        if file is None:
            raise missing(id)
        return file

    def made(self, id: str) -> StoredFile:
        """Return made media by the id of its address; raise NotFound."""
        file = find_file(self.engine, id, kind="media")
        if file is None:
            raise NotFound("there is nothing here, or no longer", code="media_not_found")
        return file

    def list(
        self,
        *,
        owner: str,
        purpose: str | None = None,
        newest_first: bool = True,
        after: str | None = None,
        limit: int = 10_000,
    ) -> list[StoredFile]:
        """Return an owner's uploaded files; raise NotFound for an ``after`` that is none of them."""
        behind = None if after is None else self.find(after, owner=owner)
        return list_files(
            self.engine, owner=owner, purpose=purpose, newest_first=newest_first, after=behind, limit=limit
        )

    def delete(self, id: str, *, owner: str, kind: str = "file") -> StoredFile:
        """Delete an owner's file, and its bytes where no other file has the same; raise NotFound."""
        file = delete_file(self.engine, id, owner=owner, kind=kind)
        if file is None:
            raise missing(id)
        if not named_hashes(self.engine, [file.sha256]):
            self.blobs.drop(file.sha256)
        return file

    def read(self, file: StoredFile) -> bytes:
        """Return a file's bytes."""
        return b"".join(self.pieces(file))

    def pieces(self, file: StoredFile, *, start: int = 0, size: int | None = None) -> Iterator[bytes]:
        """Return a file's bytes, from ``start`` on and at most ``size``, a piece at a time."""
        try:
            return self.blobs.pieces(file.sha256, start=start, size=size)
        except FileNotFoundError as error:
            raise GatewayError("the bytes of this file are gone", code="file_lost") from error

    def sweep(self, *, now: float | None = None) -> int:
        """Delete the bytes that no file has any more; return how many blobs went. Expired rows are pruned before."""
        names: list[str] = []
        gone = 0
        for name in self.blobs.hashes(now=now):
            names.append(name)
            if len(names) >= SWEEP_AT_ONCE:
                gone += self.blobs.sweep(named_hashes(self.engine, names), names)
                names = []
        return gone + self.blobs.sweep(named_hashes(self.engine, names), names)


def missing(id: str) -> NotFound:
    """Return the error for a file that its asker does not have."""
    return NotFound(f"no file {id[:100]!r} is stored here", param="file_id", code="file_not_found")
