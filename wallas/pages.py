"""Gathers a process's memory into large pages, so that waking up touches fewer of them (docs/performance.md).

A worker of one's own sleeps between chunks, and the processor forgets meanwhile where its
pages of 4 kB are; of 2 MB it has thirty to remember instead of fifteen thousand. Linux makes
them of what is there when it is asked to (`MADV_COLLAPSE`, Linux 6.1 and later, madvise(2));
anywhere else nothing happens. Not for workers that share a master's pages: they would lose them.
"""

import ctypes
import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path

log = logging.getLogger(__name__)

COLLAPSE = 25
LARGE = 2 * 1024 * 1024
MAPS = Path("/proc/self/maps")
MOMENTS = (2.0, 60.0)
"""Seconds after the start: when all is loaded, and when what the first requests needed has been made."""


def gather_soon() -> None:
    """Gather this process's pages at these moments, in a thread of its own; returns at once."""
    threading.Thread(target=_gather_at_moments, name="wallas-pages", daemon=True).start()


def gather() -> int:
    """Gather this process's pages now; return how many bytes are in large ones of what was asked for."""
    try:
        madvise = ctypes.CDLL(None, use_errno=True).madvise
        spans = list(_spans(MAPS.read_text()))
    except (OSError, AttributeError, TypeError):  # no Linux, no /proc
        return 0
    madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    return sum(end - start for start, end in spans if madvise(start, end - start, COLLAPSE) == 0)


def _gather_at_moments() -> None:
    began = time.monotonic()
    for moment in MOMENTS:
        time.sleep(max(began + moment - time.monotonic(), 0.0))
        log.debug("%.1f MB are in large pages", gather() / 1e6)


def _spans(maps: str) -> Iterator[tuple[int, int]]:
    """Yield from where to where whole large pages fit into memory that is this process's own and no file's."""
    for line in maps.splitlines():
        fields = line.split(maxsplit=5)
        if fields[1] == "rw-p" and (len(fields) == 5 or fields[5] == "[heap]"):
            begin, end = (int(address, 16) for address in fields[0].split("-"))
            begin, end = -(-begin // LARGE) * LARGE, end // LARGE * LARGE
            if begin < end:
                yield begin, end
