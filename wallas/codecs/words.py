"""More words of a part that is open, which most of a stream is: read and written without the events between.

Each decoder and encoder gives one of these out with ``words``, for one part at a
time; whatever else is said goes through ``feed`` and ``encode``.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from wallas.codecs.framing import Sse, encode

MARK = "\ue000"
"""Stands where the words go while a chunk is made."""

words_in = msgspec.json.Decoder(str).decode
"""Returns what a JSON string says; raises msgspec.DecodeError or UnicodeDecodeError for anything else."""


def string_of(*keys: str) -> re.Pattern[bytes]:
    """Return what finds the JSON string behind one of these keys, its first group."""
    return re.compile(rb'"(?:%b)": ?("(?:[^"\\]|\\.)*")' % "|".join(keys).encode())


class Mould(NamedTuple):
    """What stands around the words of an event, quotes included: events that are alike in both differ in words only."""

    head: bytes
    tail: bytes


class Reader:
    """Reads what is nothing but more words of one open part, as most reads of a stream are; for one wire a subclass.

    Good between two events and until the decoder is fed again. ``take`` returns
    a usual event's words, None for any that says more, and asks nothing of the
    words but whether there are any; ``keep`` tells the decoder what was read.
    """

    __slots__ = ()
    head = b""
    """What stands before the JSON of a usual event."""
    apart = staticmethod(Sse.apart)
    decode: Callable[[bytes], Any]
    """Returns a usual event as a type; raises msgspec.DecodeError for any other."""
    string: re.Pattern[bytes] | None = None
    """Finds the words of an event, for a wire whose usual events differ in nothing else."""

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
        return said

    def mould(self, event: bytes, words: str) -> Mould | None:
        """Return what stands around these words of an event that was read; None where that cannot be told.

        Other words in the same place are read as those words. So the place is where the words are, it begins and ends
        with their quotes, and any JSON string there makes an event that says these words and nothing else.
        """
        place = self.string.search(event) if self.string is not None else None
        if place is None or words == MARK:
            return None
        mould = Mould(event[: place.start(1) + 1], event[place.end(1) - 1 :])
        return mould if self.read(mould.head + MARK.encode() + mould.tail) == [MARK] else None

    def take(self, event: Any) -> str | None:
        """Return an event's words, None if it says anything else."""
        raise NotImplementedError

    def keep(self, said: Sequence[str]) -> None:
        """Tell the decoder what was read, each word once."""


class Writer:
    """Writes more words of one open part, between bytes that were made when it began."""

    __slots__ = ("after", "before")

    def __init__(self, chunk: bytes) -> None:
        """Write what this chunk says, with other words where it says MARK."""
        self.before, self.after = chunk.split(encode(MARK))

    @property
    def around(self) -> tuple[bytes, bytes]:
        """Return the bytes around the words."""
        return self.before, self.after

    def note(self, text: str) -> None:
        """Note nothing."""

    def write(self, text: str) -> bytes:
        """Return the chunk for these words."""
        return self.before + encode(text) + self.after
