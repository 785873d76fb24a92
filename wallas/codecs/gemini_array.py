"""Finds the objects of a JSON array in bytes as they come: Gemini's stream without ``alt=sse``."""

import re
from collections.abc import Iterator
from typing import Any

from wallas.codecs.framing import EVENT_BYTES, decode_body
from wallas.errors import FailureKind, ProviderError

_OUTSIDE = re.compile(rb'["{}\[\]]')
_INSIDE = re.compile(rb'["\\]')


class JsonArray:
    """Yields each object of one array as soon as its last byte is here."""

    def __init__(self) -> None:
        """Start before the first byte."""
        self.buffer = b""
        self.at = 0
        self.start = 0
        self.depth = 0
        self.quoted = False

    def feed(self, data: bytes) -> Iterator[Any]:
        """Yield the objects that these bytes complete; raise MALFORMED for no JSON, or for more than 8 MB of it."""
        self.buffer += data
        while match := (_INSIDE if self.quoted else _OUTSIDE).search(self.buffer, self.at):
            mark = match[0]
            if mark == b"\\":
                if match.end() == len(self.buffer):
                    break
                self.at = match.end() + 1
                continue
            self.at = match.end()
            if mark == b'"':
                self.quoted = not self.quoted
            elif mark in b"{[":
                self.depth += 1
                if self.depth == 2:
                    self.start = match.start()
            else:
                self.depth -= 1
                if self.depth == 1:
                    yield self._taken()
        else:
            self.at = len(self.buffer)
        if len(self.buffer) > EVENT_BYTES:
            raise ProviderError(FailureKind.MALFORMED, "an event of more than 8 MB")

    def _taken(self) -> Any:
        element, self.buffer = self.buffer[self.start : self.at], self.buffer[self.at :]
        self.at = self.start = 0
        return decode_body(element)
