"""One request's files: looked at once, before anyone is chosen, and turned into other forms as candidates need them.

What a file is and says is remembered by its hash for all requests of this process. A file that cannot be read is
told of when somebody needs it read: who takes it as it is may still answer.
"""

import hashlib
import logging
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from wallas.codecs import ANTHROPIC, GEMINI, OPENAI_RESPONSES
from wallas.content.fetch import URLS_A_REQUEST, Fetcher, FetchError
from wallas.content.guarded import Limits, Unreadable
from wallas.content.hooks import Caller, Hooks, Terms
from wallas.content.language import language_of
from wallas.content.measures import frames, pixels, seconds
from wallas.content.opening import opened, plain
from wallas.content.sniff import TEXT_WORDS, Sort, sniff
from wallas.content.works import Job, Works
from wallas.errors import WallasError
from wallas.types.chat import Media, MediaKind, Message, Part, Text, ToolCall, ToolResult
from wallas.types.span import Base64, Span

log = logging.getLogger(__name__)

OPENING = Limits(seconds=60.0)
ENOUGH, FEW = 8, 2
"""Texts of a conversation that are looked at for its language, and small words that are enough for a guess."""
PDF = "application/pdf"
HEAD_CHARS, GLIMPSE_CHARS = 4_096, 65_536
"""So much base64 of a picture is read to learn what it is and how large: its head, or a camera's notes before it."""
CALLED = frozenset(TEXT_WORDS.values()) | {"text", "gz", "bz2", "xz"}
"""Sorts that are taken for what they are by their names too, or whose names are told."""


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a file: what it is, how much it is, and, of a document, what it says.

    ``text_layer``: whether a PDF has words; ``scanned`` are the pages that have none, ``figures`` those with pictures.
    """

    sort: Sort
    size: int = 0
    pages: int | None = None
    seconds: float | None = None
    pixels: tuple[int, int] | None = None
    frames: int | None = None
    """Of a GIF: how many pictures it shows one after the other."""
    language: str | None = None
    text_layer: bool | None = None
    markdown: str | None = None
    texts: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()
    scanned: tuple[int, ...] = ()
    figures: tuple[int, ...] = ()
    converter: str = ""
    warnings: tuple[str, ...] = ()

    def told(self) -> dict[str, Any]:
        """Return what an explanation says of it."""
        facts = {
            "kind": self.sort.kind,
            "mime": self.sort.mime,
            "bytes": self.size,
            "pages": self.pages,
            "seconds": None if self.seconds is None else round(self.seconds, 2),
            "pixels": list(self.pixels) if self.pixels else None,
            "frames": self.frames,
            "language": self.language,
            "text_layer": self.text_layer,
            "scanned_pages": list(self.scanned) or None,
        }
        return {name: value for name, value in facts.items() if value is not None}


class Form(NamedTuple):
    """A file in another form: the parts that stand for it, what made them, and what was lost."""

    parts: tuple[Part, ...]
    converter: str
    warnings: tuple[str, ...] = ()
    text: str = ""
    """The words alone, where the form is words."""


class Item:
    """One file of a request, and where it stands: ``messages[1].parts[0]``."""

    def __init__(self, media: Media, where: str) -> None:
        """Know nothing of it yet."""
        self.media = media
        self.where = where
        self.data: bytes | None = None
        self.name = media.name
        self.claimed = media.mime
        self._hash = ""
        self.look: Look | None = None
        self.error: Unreadable | None = None
        self.forms: dict[str, Form] = {}
        self.failed: dict[str, Unreadable] = {}

    @property
    def hash(self) -> str:
        """Return a hash of the file, "" while its bytes are not here; made when it is first asked for."""
        if not self._hash and self.media.data is not None:
            self._hash = _hash(self.media.data)
        return self._hash

    @property
    def title(self) -> str:
        """Return what it is called in an error or a header."""
        return self.name or self.where

    @property
    def kind(self) -> MediaKind:
        """Return how it is treated: by its bytes where they are known, else as its sender says."""
        return self.look.sort.kind if self.look is not None else self.media.kind

    def hold(self, data: bytes) -> None:
        """Take the file's bytes in."""
        self.data, self._hash = data, _hash(data)

    def filled(self, **changes: Any) -> Media:
        """Return it as a part that holds its bytes, whatever it was given as."""
        media = self.media
        if media.data is None or changes:
            text = media.data or b64encode(self.data or b"").decode()
            whole: dict[str, Any] = {"data": text, "url": None, "file_id": None, "extra": {}}
            media = msgspec.structs.replace(media, **(whole | changes))
        if self.look is not None and media.mime is None:
            media = msgspec.structs.replace(media, mime=self.look.sort.mime)
        return media


class Mark:
    """Tells one file of a request from another: by all of it, but without reading it where it is the same object."""

    __slots__ = ("text",)

    def __init__(self, media: Media) -> None:
        """Take the file's base64, else its address, else its id."""
        self.text = media.data or media.url or media.file_id or ""

    def __hash__(self) -> int:
        """Return a number that costs as little for megabytes as for an id."""
        return hash((len(self.text), self.text[-64:]))

    def __eq__(self, other: object) -> bool:
        """Return whether both are the same file."""
        return isinstance(other, Mark) and self.text == other.text


FIELDS = {GEMINI: ("contents", "parts"), OPENAI_RESPONSES: ("input", "content")}
HOISTED = frozenset({ANTHROPIC, GEMINI, OPENAI_RESPONSES})
"""Wires whose system message stands apart from the others."""


def files_of(messages: Iterable[Message], wire: str = "") -> Iterator[tuple[Media, str]]:
    """Yield the files of a conversation, those in tool results too, and where they stand in the client's words."""
    outer, field = FIELDS.get(wire, ("messages", "content"))
    number = -1
    for message in messages:
        number += message.role != "system" or wire not in HOISTED
        for index, part in enumerate(message.parts):
            if type(part) is Text or type(part) is ToolCall:
                continue
            where = f"{outer}[{number}].{field}[{index}]"
            match part:
                case Media(data=None, url=None) if message.role == "assistant":
                    pass  # its provider's own memory of a sound it made
                case Media():
                    yield part, where
                case ToolResult(parts=inner):
                    for at, one in enumerate(inner):
                        if isinstance(one, Media):
                            yield one, f"{where}.{field}[{at}]"
                case _:
                    pass


class Contents:
    """The files of one request."""

    def __init__(
        self,
        messages: Sequence[Message],
        *,
        works: Works,
        fetcher: Fetcher,
        hooks: Hooks,
        owner: str = "",
        engine: str | None = None,
        wire: str = "",
        terms: Terms | None = None,
    ) -> None:
        """Find the files; a document given as plain text, or an answer's own sound, is none.

        ``engine`` is how the caller wants PDFs read: ``native``, ``text`` or ``ocr``; None: as is best. ``terms`` are
        told to whoever is asked for help with a file (``hooks.Caller``).
        """
        self.works = works
        self.fetcher = fetcher
        self.hooks = hooks
        self.owner = owner
        self.engine = engine
        self.terms = terms
        self.trusted: frozenset[str] = frozenset()
        """Models asked for by name whose abilities are only guessed: they get pictures as they are."""
        self.fetches = 0
        self.messages = messages
        self.items: dict[Mark, Item] = {}
        for media, where in files_of(messages, wire):
            key = Mark(media)
            if key.text and key not in self.items and not (media.text is not None and not media.data):
                self.items[key] = Item(media, where)

    def caller(self, job: Job) -> Caller:
        """Return for whom something is done in a job."""
        return Caller(job.tell, job.wanted, self.terms)

    @property
    def spoken(self) -> str | None:
        """Return the language that the user writes in, as far as few words tell: its files are likely in it too."""
        written = (part.text for message in reversed(self.messages) if message.role == "user" for part in message.parts
                   if isinstance(part, Text))  # fmt: skip
        return language_of(" ".join(islice(written, ENOUGH)), least=FEW)

    def of(self, media: Media) -> Item | None:
        """Return what is known of a part's file."""
        return self.items.get(Mark(media))

    def glance(self) -> bool:
        """Look at whatever can be looked at without waiting; return whether that was everything."""
        for item in self.items.values():
            if item.look is None and item.error is None:
                self._glance(item)
        return all(item.look is not None or item.error is not None for item in self.items.values() if _waits(item))

    def _glance(self, item: Item) -> None:
        media = item.media
        if media.data is None:
            if media.url is not None and media.url.lower().startswith(("http:", "https:")):
                try:
                    self.fetcher.check(media.url)
                except FetchError as error:
                    item.error = Unreadable(str(error), code="refused_url")
            return
        if media.kind == "image" and (look := glimpse(media.data, item)) is not None:
            item.look = look
            return
        known = self._known(item)
        if known is not None:
            item.look = known
            return
        self._sort(item, decoded(item))

    def _sort(self, item: Item, data: bytes) -> None:
        """Look at what costs nothing: what it is, its measures, a short plain text."""
        sort = sniff(data, name=item.name, claimed=item.claimed)
        if sort.kind != "document":
            size = pixels(data, sort.word) if sort.kind == "image" else None
            length = None if sort.kind == "image" else seconds(data, sort.word)
            moves = frames(data) if sort.word == "gif" else None
            self._keep(item, Look(sort=sort, size=len(data), pixels=size, seconds=length, frames=moves))
        elif (value := plain(data, sort)) is not None:
            self._keep(item, look_of(sort, len(data), value))

    def look(self, job: Job | None = None) -> None:
        """Look at everything that is left: fetch it, find it, open it. Blocks; for content's own threads."""
        for item in self.items.values():
            if item.look is not None or item.error is not None or (job is not None and job.gone):
                continue
            try:
                if item.media.data is None and not self._bring(item):
                    continue
                self._open(item, job)
            except Unreadable as error:
                item.error = error
            except WallasError:
                raise
            except Exception as error:  # a file that breaks us is no reason to fail without a word of it
                log.exception("a look at a file failed")
                item.error = Unreadable(f"reading it failed here ({type(error).__name__})", code="failed")

    def look_at(self, item: Item, job: Job) -> None:
        """Look at one file whose bytes were brought only now; raise Unreadable. Blocks."""
        item.look = self._known(item)
        if item.look is None:
            self._open(item, job)

    def bring(self, item: Item) -> bytes:
        """Return a file's bytes, fetched now where they were not needed before; raise Unreadable. Blocks."""
        if item.data is None:
            if item.media.data is not None:
                item.data = decoded(item)
            elif item.media.url is not None:
                self._fetch(item)
            elif not self._find(item):
                raise Unreadable("no file with this id is kept here", code="unknown_file")
        assert item.data is not None
        return item.data

    def _bring(self, item: Item) -> bool:
        """Get the bytes of what was given by address or id; return False for what only its provider can get."""
        if item.media.url is None:
            return self._find(item)
        if not must_fetch(item):
            return False
        self._fetch(item)
        return True

    def _fetch(self, item: Item) -> None:
        assert item.media.url is not None
        self.fetches += 1
        many = sum(must_fetch(one) for one in self.items.values())
        if max(self.fetches, many) > URLS_A_REQUEST:
            raise Unreadable(f"at most {URLS_A_REQUEST} files of a request are fetched by URL", code="too_many_urls")
        try:
            found = self.fetcher.fetch(item.media.url)
        except FetchError as error:
            raise Unreadable(str(error), code="not_fetched") from error
        item.name, item.claimed = item.name or found.name, item.claimed or found.mime
        item.hold(found.data)

    def _find(self, item: Item) -> bool:
        if self.hooks.stored is None or item.media.file_id is None:
            return False
        kept = self.hooks.stored(item.media.file_id, owner=self.owner)
        if kept is None:
            return False
        item.name, item.claimed = item.name or kept.name, item.claimed or kept.mime
        item.hold(kept.data)
        return True

    def _open(self, item: Item, job: Job | None) -> None:
        """Open a document, whose text is what everybody may need."""
        data = item.data if item.data is not None else decoded(item)
        if item.look is None:
            self._sort(item, data)
        if item.look is not None:
            return
        sort = sniff(data, name=item.name, claimed=item.claimed)
        try:
            with self.works.children:
                value = opened(
                    data,
                    sort,
                    name=item.name,
                    limits=OPENING,
                    tell=job.tell if job is not None else None,
                    wanted=job.wanted if job is not None else lambda: True,
                )
        except Unreadable as error:
            if sort.word != "pdf" or error.code == "cancelled":
                raise
            item.look, item.error = Look(sort=sort, size=len(data), converter="none"), error
            return
        self._keep(item, look_of(sort, len(data), value))

    def _known(self, item: Item) -> Look | None:
        """Return what is remembered of a file; only of text it matters what it is called."""
        media = item.media
        found: Look | None = self.works.known(("look", item.hash))
        return found or self.works.known(("look", item.hash, media.name, media.mime))

    def _keep(self, item: Item, look: Look) -> None:
        item.look = look
        if item.hash:
            called = (item.media.name, item.media.mime) if look.sort.word in CALLED else ()
            key = ("look", item.hash, *called)
            self.works.keep(key, look, size=500 + 2 * len(look.markdown or "") + sum(2 * len(t) for t in look.texts))


def _waits(item: Item) -> bool:
    """Return whether an item has to be looked at before somebody is chosen."""
    return item.media.data is not None or item.media.file_id is not None or must_fetch(item)


def must_fetch(item: Item) -> bool:
    """Return whether a URL has to be fetched to know what it needs; pictures and PDFs are what they are called."""
    url, media = item.media.url, item.media
    if url is None or media.kind != "document" or not url.lower().startswith(("http:", "https:")):
        return False
    return media.mime != PDF and not urlsplit(url).path.lower().endswith(".pdf")


def glimpse(data: Base64, item: Item) -> Look | None:
    """Return the look of a picture in base64 that its first bytes tell, None where more of it has to be read."""
    for most in (HEAD_CHARS, GLIMPSE_CHARS):
        begins = b64decode(data[:most])
        sort = sniff(begins, name=item.name, claimed=item.claimed)
        size = pixels(begins, sort.word) if sort.kind == "image" else None
        if size is not None:
            return Look(sort=sort, size=len(data) * 3 // 4 - data[-2:].count("="), pixels=size)
    return None


def decoded(item: Item) -> bytes:
    """Return the bytes of a part that holds them."""
    if item.data is None:
        item.data = b64decode(text.view if isinstance(text := item.media.data or "", Span) else text)
    return item.data


def _hash(data: bytes | Base64) -> str:
    if isinstance(data, Span):
        return hashlib.sha256(data.view).hexdigest()
    return hashlib.sha256(data.encode("ascii", "replace") if isinstance(data, str) else data).hexdigest()


def look_of(sort: Sort, size: int, value: dict[str, Any]) -> Look:
    """Return the look of a document from what its reader returned."""
    text = value["markdown"]
    numbers, scanned = tuple(value.get("numbers", ())), tuple(value.get("scanned", ()))
    return Look(
        sort=sort,
        size=size,
        pages=value.get("pages"),
        language=language_of(text),
        text_layer=len(scanned) < len(numbers) if numbers else None,
        markdown=text,
        texts=tuple(value.get("texts", ())),
        numbers=numbers,
        scanned=scanned,
        figures=tuple(value.get("figures", ())),
        converter=value["converter"],
        warnings=tuple(value["warnings"]),
    )
