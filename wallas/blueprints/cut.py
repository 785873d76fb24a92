"""Cuts large files out of a body's bytes before it is decoded: they stay where they are, and a ``Span`` tells where.

A file is only cut out where it is known to be good, and a field that the caller names holds it. All else, whatever is
wrong among it, is decoded whole and told of as it stands there.
"""

import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeAlias

from wallas.codecs.limits import MEDIA_BYTES, is_base64
from wallas.types.span import DataUrl, Span

LEAST_BYTES = 65_536
"""Shorter files are decoded as quickly."""
MOST_CHARS = MEDIA_BYTES * 4 // 3 + 4
MOST_URLS = 256
"""After so many data URLs, large or small, what is left is decoded with the rest."""
HEAD_BYTES = 200

MARK = b";base64,"
_HEAD = re.compile(rb'"data:[ !#-+\--\[\]-~]*;base64,')
"""A JSON string's beginning, without escapes and with no comma but the one before the file."""

Places: TypeAlias = Callable[[dict[str, Any]], Iterable[tuple[dict[str, Any], str]]]
"""Gives the objects of a decoded body, and their fields, in which files may be."""


class Cut(NamedTuple):
    """A body without its files: what is left to decode, and what goes where a name stands in it."""

    rest: bytes
    files: dict[str, DataUrl]

    def fills(self, places: Iterable[tuple[dict[str, Any], str]]) -> bool:
        """Put the files in their places; return False unless all of them have one, and each its own."""
        filled = 0
        for holder, field in places:
            value = holder.get(field)
            if type(value) is str and value in self.files:
                holder[field] = self.files[value]
                filled += 1
        return filled == len(self.files)


def cut_out(data: bytes) -> Cut | None:
    """Return a body without its large files, None where there are none.

    A string begins at a quote that no backslash stands before, and ends at the next one, for base64 has no
    backslash: what is left is JSON if the whole was. The names cannot be known to who wrote the body.
    """
    name, done = secrets.token_hex(16), 0
    files: dict[str, DataUrl] = {}
    around: list[bytes] = []
    for start, file in _files(data):
        files[stand_in := f"{name}{len(files)}"] = DataUrl(data[start + 1 : file.start].decode("ascii"), file)
        around += (data[done : start + 1], stand_in.encode())
        done = file.end
    return Cut(b"".join((*around, data[done:])), files) if files else None


def _files(data: bytes) -> Iterator[tuple[int, Span]]:
    """Yield the large files in data URLs, and where the quote before each URL is."""
    end = 0
    for _ in range(MOST_URLS):
        mark = data.find(MARK, end)
        if mark < 0:
            return
        begins = mark + len(MARK)
        start = data.rfind(b'"', max(end, mark - HEAD_BYTES), mark)
        end = data.find(b'"', begins)
        if end < 0:
            return
        if LEAST_BYTES <= end - begins <= MOST_CHARS and start > 0 and _HEAD.fullmatch(data, start, begins):
            file = Span(data, begins, end)
            if data[start - 1] != 0x5C and is_base64(file):
                yield start, file
