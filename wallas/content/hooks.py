"""What content asks of others: who reads pages by eye, who hears, who describes, who keeps uploaded files.

The service hands these in; without one, what it would do is said to be missing. All of them block, and are called
on content's own threads.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

Tell = Callable[[dict[str, Any]], None]
Terms = Callable[[], object]


class Caller(NamedTuple):
    """For whom something is done: who hears of its progress, whether they still wait, and whom they allow to see it.

    ``terms`` returns the routing's own word for that, of which content knows nothing; None: anybody.
    """

    tell: Tell
    wanted: Callable[[], bool] = lambda: True
    terms: Terms | None = None


class PageText(NamedTuple):
    """What was read of one page, counted from 1, as Markdown; ``confidence`` from 0 to 1, None when not said."""

    page: int
    text: str
    confidence: float | None = None
    engine: str = ""


class Transcript(NamedTuple):
    """What was heard; ``segments`` are (start seconds, end seconds, words), none when not told apart."""

    text: str
    engine: str = ""
    language: str | None = None
    segments: Sequence[tuple[float, float, str]] = ()


class Description(NamedTuple):
    """What a model saw in a picture, and which model."""

    text: str
    engine: str = ""


class Kept(NamedTuple):
    """An uploaded file."""

    data: bytes
    name: str | None = None
    mime: str | None = None


class ReadPages(Protocol):
    """Reads the words of a picture, or of a PDF's pages; raises Unreadable when no engine can."""

    def __call__(
        self,
        data: bytes,
        *,
        mime: str,
        pages: Sequence[int] | None = None,
        language: str | None = None,
        caller: Caller,
    ) -> Sequence[PageText]:
        """Return the text of the pages asked for (None: all), each with its number from 1; ``language`` is likely."""


class Transcribe(Protocol):
    """Writes down what is said in a sound; raises Unreadable when nobody can."""

    def __call__(self, data: bytes, *, mime: str, name: str | None = None, caller: Caller) -> Transcript:
        """Return what is said."""


class Describe(Protocol):
    """Has a picture described by a model that sees; returns None when there is none."""

    def __call__(self, data: bytes, *, mime: str, caller: Caller) -> Description | None:
        """Return what is to be seen."""


class Stored(Protocol):
    """Finds an uploaded file by its id, of this owner only; returns None for one that is not kept here."""

    def __call__(self, file_id: str, *, owner: str) -> Kept | None:
        """Return the file."""


@dataclass(slots=True, kw_only=True)
class Hooks:
    """Who does what content cannot do itself; None: nobody does."""

    read_pages: ReadPages | None = None
    transcribe: Transcribe | None = None
    describe: Describe | None = None
    stored: Stored | None = None
