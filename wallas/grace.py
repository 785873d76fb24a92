"""How much time is left before this process must end, known to every worker the moment the master is told to stop.

gunicorn ends old workers in the same way at a reload and at a stop. At a
reload their streams may take minutes; at a stop they may not. So the master
writes the end's instant into memory that all workers share.
"""

import mmap
import struct
import time

_page = mmap.mmap(-1, 8)
"""Anonymous and shared: made before the fork, one page for the master and all of its workers."""


NEVER = bytes(8)


def announce_end(seconds: float) -> None:
    """Tell all workers that this program ends in ``seconds``."""
    _page[:8] = struct.pack("d", time.monotonic() + seconds)


def seconds_left() -> float | None:
    """Return the seconds until this program ends, None if nobody has told it to.

    A stream that is open when less than two are left should end with its
    protocol's own error event.
    """
    if _page[:8] == NEVER:
        return None
    end: float = struct.unpack("d", _page[:8])[0]
    return end - time.monotonic()


def take_back() -> None:
    """Forget an announced end."""
    _page[:8] = bytes(8)
