"""Makes names that nobody can guess: one question to the system's random source is enough for many.

They begin with the second in which they were made ready. So those of one time are neighbours in the indexes of the
database, and a batch of rows touches few of an index's pages, not one for each row: half of what it writes.
"""

import os
import time
from collections import deque

SECOND = 0xFFFFFF
"""What is taken of the second: six digits, which come again after half a year."""

BYTES = 11
MANY = 256

_ready: deque[str] = deque()
os.register_at_fork(after_in_child=_ready.clear)


def fresh() -> str:
    """Return 28 hex digits that nobody had before, the last 22 of them random; any thread may ask."""
    try:
        return _ready.popleft()
    except IndexError:
        digits = os.urandom(BYTES * MANY).hex()
        second = f"{int(time.time()) & SECOND:06x}"
        first, *others = (second + digits[start : start + 2 * BYTES] for start in range(0, len(digits), 2 * BYTES))
        _ready.extend(others)
        return first
