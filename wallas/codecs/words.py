"""More words of a part that is open, which most of a stream is: read and written without the events between.

Each decoder and encoder gives one of these out with ``words``, for one part at a
time; whatever else is said goes through ``feed`` and ``encode``.
"""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from wallas.codecs.framing import Sse, encode

MARK = "\ue000"
"""Stands where the words go while a chunk is made."""


class Reader:
    """Reads what is nothing but more words of one open part, as most reads of a stream are; for one wire a subclass.

    Good between two events and until the decoder is fed again. ``take`` returns
    a usual event's words, None for any that says more; ``keep`` tells the
    decoder what was read.
    """

    __slots__ = ()
    head = b""
    """What stands before the JSON of a usual event."""
    apart = staticmethod(Sse.apart)
    decode: Callable[[bytes], Any]
    """Returns a usual event as a type; raises msgspec.DecodeError for any other."""

    def read(self, data: bytes) -> Sequence[str] | None:
        """Return the words of each event in these bytes; None, and nothing is read, if any of them says more."""
        texts = self.apart(data, self.head)
        if texts is None:
            return None
        said: list[str] = []
        try:
            for text in texts:
                words = self.take(self.decode(text))
                if not words:
                    return None
                said.append(words)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        self.keep(said)
        return said

    def take(self, event: Any) -> str | None:
        """Return an event's words, None if it says anything else."""
        raise NotImplementedError

    def keep(self, said: Sequence[str]) -> None:
        """Tell the decoder what was read."""


class Writer:
    """Writes more words of one open part, between bytes that were made when it began."""

    __slots__ = ("after", "before")

    def __init__(self, chunk: bytes) -> None:
        """Write what this chunk says, with other words where it says MARK."""
        self.before, self.after = chunk.split(encode(MARK))

    def write(self, text: str) -> bytes:
        """Return the chunk for these words."""
        return self.before + encode(text) + self.after
