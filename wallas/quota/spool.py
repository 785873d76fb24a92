"""Remembers what a worker has spent in a file that outlives its kill -9: the pages are the kernel's, not the worker's.

One number a window: writing it is a store into memory. Whoever reclaims the
share of a dead worker reads from here what it spent without having told.
"""

import contextlib
import mmap
import os
import re
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

SLOTS = 16_384
WIDTH = 8


class NoSpool:
    """Remembers nothing: for one process that shares with nobody."""

    def __setitem__(self, slot: int, spent: float) -> None:
        """Forget it."""

    def spent(self, worker: str, slot: int) -> float | None:
        """Return None: nobody knows."""
        return None

    def dead(self, worker: str) -> bool:
        """Return False: nobody knows."""
        return False

    def close(self, *, whole: bool) -> None:
        """Do nothing."""


class Spool:
    """The file of one worker, and a look into the files of others on this machine."""

    def __init__(self, folder: Path, worker: str, *, slots: int = SLOTS) -> None:
        """Create the file, readable by its owner only; windows beyond ``slots`` are not remembered."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder = folder
        self.worker = worker
        self.slots = slots
        self.path = folder / _name(worker)
        self.file = os.open(self.path, os.O_CREAT | os.O_TRUNC | os.O_RDWR, 0o600)
        os.ftruncate(self.file, slots * WIDTH)
        if fcntl is not None:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.map = mmap.mmap(self.file, slots * WIDTH)
        self.view = memoryview(self.map).cast("d")

    def __setitem__(self, slot: int, spent: float) -> None:
        """Remember what was spent of a window in all."""
        if slot < self.slots:
            self.view[slot] = spent

    def spent(self, worker: str, slot: int) -> float | None:
        """Return what another worker had spent of the window in its ``slot``, None if there is no word of it."""
        if slot >= self.slots:
            return None
        try:
            with (self.folder / _name(worker)).open("rb") as file:
                file.seek(slot * WIDTH)
                data = file.read(WIDTH)
        except OSError:
            return None
        return memoryview(data).cast("d")[0] if len(data) == WIDTH else None

    def dead(self, worker: str) -> bool:
        """Return whether another worker of this machine is known to have died: the kernel has let go of its lock."""
        if fcntl is None or worker == self.worker:
            return False
        try:
            file = os.open(self.folder / _name(worker), os.O_RDONLY)
        except OSError:
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return True
        except OSError:
            return False
        finally:
            os.close(file)

    def close(self, *, whole: bool) -> None:
        """End; the file goes when the authority knows the ``whole`` of it."""
        self.view.release()
        self.map.close()
        os.close(self.file)
        if whole:
            self.path.unlink(missing_ok=True)

    def sweep(self, needed: frozenset[str]) -> None:
        """Remove the files of all workers that neither live nor have left anything untold."""
        names = {_name(worker) for worker in needed | {self.worker}}
        for path in self.folder.glob("*.spool"):
            if path.name not in names:
                with contextlib.suppress(OSError):
                    path.unlink()


def _name(worker: str) -> str:
    return re.sub(r"[^\w.-]", "_", worker) + ".spool"
