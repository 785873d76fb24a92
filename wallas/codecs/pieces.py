"""Writes JSON with files in it in pieces: a file of megabytes is read out where it is, not copied into its body."""

import re
import secrets
from collections.abc import Iterator
from typing import Any

import msgspec

from wallas.types.span import Base64, Span

LARGE = 65_536
"""Characters of base64 from which on a copy costs more than pieces of its own."""
PIECE_BYTES = 131_072
"""What is read out at once: it stays in the cache until it is sent."""

_HEAD = re.compile(r"[ !#-\[\]-~]*")
_MARK = secrets.token_hex(16)
"""Stands for a file in the JSON around it; nobody can know it."""
_GAP = f'"{_MARK}"'.encode()


class Verbatim:
    """A JSON string of ASCII that needs no escapes: a file's base64 behind its ``head``."""

    __slots__ = ("head", "text")

    def __init__(self, head: str, text: Base64) -> None:
        """Stand for both together."""
        self.head = head
        self.text = text

    def __str__(self) -> str:
        """Return the string, which copies the file."""
        return f"{self.head}{self.text}"

    def __eq__(self, other: object) -> bool:
        """Return whether it is the same string."""
        return isinstance(other, str | Verbatim) and str(self) == str(other)

    def __hash__(self) -> int:
        """Return the string's hash."""
        return hash(str(self))


class Pieces:
    """JSON as the bytes that are sent one after the other; its length is that of all of them."""

    def __init__(self, around: list[bytes], files: list[Verbatim]) -> None:
        """Be what stands around the files, and these between."""
        self.around = around
        self.files = files

    def __len__(self) -> int:
        """Return the number of bytes."""
        return sum(map(len, self.around)) + sum(2 + len(file.head) + len(file.text) for file in self.files)

    def __iter__(self) -> Iterator[bytes | memoryview]:
        """Yield the bytes; those of a request's body are read where they are."""
        before = self.around[0]
        for after, file in zip(self.around[1:], self.files, strict=True):
            yield b'%b"%b' % (before, file.head.encode("ascii"))
            text = file.text
            if isinstance(text, Span):
                yield text.view
            else:
                for at in range(0, len(text), PIECE_BYTES):
                    yield text[at : at + PIECE_BYTES].encode("ascii")
            before = b'"' + after
        yield before


class _Met(Exception):
    """There is a file: no JSON in one piece."""


def base64_string(head: str, text: Base64) -> Any:
    """Return base64 behind a head of ASCII as a value for ``written``: a string, or what stands for a large one."""
    if len(text) < LARGE or not _HEAD.fullmatch(head) or not (isinstance(text, Span) or _plain(text)):
        return f"{head}{text}"
    return Verbatim(head, text)


def _plain(text: str) -> bool:
    """Return whether JSON has the text as it is."""
    return text.isascii() and '"' not in text and "\\" not in text


def written(body: Any) -> bytes | Pieces:
    """Return a body as JSON, in pieces where there are large files in it."""
    try:
        return _whole(body)
    except _Met:
        files: list[Verbatim] = []

        def stand_in(file: Verbatim | Span) -> str:
            files.append(Verbatim("", file) if isinstance(file, Span) else file)
            return _MARK

        around = msgspec.json.Encoder(enc_hook=stand_in).encode(body)
        return Pieces(around.split(_GAP), files)


def _met(value: object) -> Any:
    if type(value) is Verbatim or type(value) is Span:
        raise _Met
    raise TypeError(f"no JSON: {type(value).__name__}")


_whole = msgspec.json.Encoder(enc_hook=_met).encode
