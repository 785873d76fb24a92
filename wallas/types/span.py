"""Base64 that stays in the bytes it came in: a file of megabytes is neither decoded nor copied to be passed on."""

from typing import TYPE_CHECKING, TypeAlias


class Span:
    """A stretch of a request's bytes, known to be base64; it has the length, the slices and the look of its text.

    ``str`` copies it. Whoever expects a text and was not told gets an error, never something else.
    """

    __slots__ = ("body", "end", "start")

    def __init__(self, body: bytes, start: int, end: int) -> None:
        """Stand for these of the bytes."""
        self.body = body
        self.start = start
        self.end = end

    def __len__(self) -> int:
        """Return the number of characters."""
        return self.end - self.start

    def __str__(self) -> str:
        """Return the text, which copies it."""
        return str(self.view, "ascii")

    def __getitem__(self, place: slice) -> str:
        """Return a part of the text."""
        return str(self.view[place], "ascii")

    def __eq__(self, other: object) -> bool:
        """Return whether it is the same text."""
        if isinstance(other, Span) and other.body is self.body and other.start == self.start and other.end == self.end:
            return True
        return isinstance(other, str | Span) and len(other) == len(self) and str(self) == str(other)

    def __hash__(self) -> int:
        """Return the text's hash."""
        return hash(str(self))

    @property
    def view(self) -> memoryview:
        """Return the bytes where they are."""
        return memoryview(self.body)[self.start : self.end]


def spelled(value: object) -> str:
    """Return a span's text, for an encoder that stores it; raise TypeError for what is none."""
    if isinstance(value, Span):
        return str(value)
    raise TypeError(f"no JSON: {type(value).__name__}")


class DataUrl(str):
    """A data URL without its file, which stayed where it came: ``data:image/png;base64,``."""

    __slots__ = ("file",)
    file: Span

    def __new__(cls, head: str, file: Span) -> "DataUrl":
        """Stand for both together, and be a text, so that whoever checks a body's fields finds one."""
        url = super().__new__(cls, head)
        url.file = file
        return url


if TYPE_CHECKING:
    Base64: TypeAlias = str | Span
    """A file's text: as such, or where it came."""
else:
    Base64 = str  # msgspec, which reads what is stored, knows no union with a class of ours; what is stored is text
