"""Makes names that nobody can guess: one question to the system's random source is enough for many."""

import os
from collections import deque

BYTES = 14
MANY = 256

_ready: deque[str] = deque()
os.register_at_fork(after_in_child=_ready.clear)


def fresh() -> str:
    """Return 28 hex digits that nobody had before; any thread may ask."""
    try:
        return _ready.popleft()
    except IndexError:
        digits = os.urandom(BYTES * MANY).hex()
        first, *others = (digits[start : start + 2 * BYTES] for start in range(0, len(digits), 2 * BYTES))
        _ready.extend(others)
        return first
