"""Which form of a file a candidate gets: as it is, smaller, as pictures, or in words; and what that is called."""

import logging
from urllib.parse import urlsplit

from wallas import codecs
from wallas.catalog.entries import Model
from wallas.content.contents import Contents, Form, Item
from wallas.content.forms import instant, make
from wallas.content.guarded import MEGABYTE, Unreadable
from wallas.content.works import Job
from wallas.errors import WallasError
from wallas.types.chat import ChatRequest, Media, Part

log = logging.getLogger(__name__)

PICTURES = frozenset({"png", "jpeg", "gif", "webp"})
NATIVE: dict[str, frozenset[str]] = {
    codecs.OPENAI_CHAT: PICTURES | {"wav", "mp3", "pdf", "mp4", "webm", "mov", "mpeg", "avi"},
    codecs.OPENAI_RESPONSES: PICTURES | {"pdf"},
    codecs.ANTHROPIC: PICTURES | {"pdf"},
    codecs.GEMINI: frozenset(
        {"png", "jpeg", "webp", "heic", "heif", "pdf", "wav", "mp3", "aiff", "aac", "ogg", "flac", "mp4", "m4a", "mpeg",
         "mov", "avi", "flv", "webm", "asf"}
    ),
    codecs.OLLAMA: frozenset({"png", "jpeg"}),
    codecs.COHERE: PICTURES,
}  # fmt: skip
"""By a provider's wire: the sorts of files that have a place there, by ``sniff``'s words (vendors' pages, 2026-11)."""
BY_URL: dict[str, frozenset[str]] = {
    codecs.OPENAI_CHAT: frozenset({"image", "video", "document"}),
    codecs.OPENAI_RESPONSES: frozenset({"image", "document"}),
    codecs.ANTHROPIC: frozenset({"image", "document"}),
    codecs.COHERE: frozenset({"image"}),
}
"""What a wire's providers fetch themselves."""
GOOGLE = ("generativelanguage.googleapis.com", "youtube.com", "www.youtube.com", "youtu.be", "storage.googleapis.com")
"""Hosts whose addresses Gemini reads; any other file it is sent whole."""
ABILITY = {"image": "vision", "audio": "audio", "video": "video", "document": "pdf"}
LIMITS: dict[str, tuple[int, int]] = {
    "anthropic": (8000, 5 * MEGABYTE),
    "groq": (5700, 3 * MEGABYTE),
    "ollama": (4096, 18 * MEGABYTE),
}
USUAL_LIMITS = (8000, 18 * MEGABYTE)
"""Pixels of a picture's long side and bytes, by provider (vendors' pages, 2026-11; Groq's 4 MB are of base64)."""
REFIT = 2048
"""Pixels of the long side to which a picture that is too large is made smaller: more is not looked at."""


class Fitting:
    """What one candidate gets of a request's files."""

    def __init__(self, contents: Contents, *, model: Model, wire: str) -> None:
        """Fit files to this model on this wire."""
        self.contents = contents
        self.model = model
        self.wire = wire
        self.trusted = model.key in contents.trusted
        self.converted: list[str] = []

    def form(self, item: Item) -> str | None:
        """Return the form in which this candidate gets a file; None: as it is."""
        if item.kind == "document" and item.look is not None and item.look.sort.word != "pdf":
            return "text"
        if item.kind == "document" and self.contents.engine in ("text", "ocr"):
            return self.contents.engine
        able = ABILITY[item.kind] in self.model.capabilities or self.trusted
        if able and item.look is None:
            return None if self._reaches(item.media) else "raw"
        if able and (found := self._native(item)) != "":
            return found
        if item.kind == "video" and "vision" in self.model.capabilities:
            return "frames"
        pictured = item.look is not None and bool(item.look.scanned or item.look.figures)
        return "pages" if pictured and "vision" in self.model.capabilities else "text"

    def _reaches(self, media: Media) -> bool:
        """Return whether the provider gets at a file by its address, or by an id that is its own."""
        if media.url is None:
            return True
        if self.wire == codecs.GEMINI:
            parts = urlsplit(media.url)
            return parts.scheme not in ("http", "https") or (parts.hostname or "") in GOOGLE
        return media.kind in BY_URL.get(self.wire, ())

    def _native(self, item: Item) -> str | None:
        """Return the form for a model with the ability: None as it is, another that it takes; "" for none."""
        assert item.look is not None
        sort, known = item.look.sort, NATIVE.get(self.wire, frozenset())
        if sort.kind == "image":
            long, most = LIMITS.get(self.model.provider, USUAL_LIMITS)
            large = item.look.size > most or (item.look.pixels is not None and max(item.look.pixels) > long)
            if large or sort.word not in known:
                return f"image:{min(long, REFIT)}:{most}"
        if sort.word in known:
            return None if item.media.url is None or self._reaches(item.media) else "raw"
        if sort.kind == "audio" and "wav" in known:
            return "sound"
        return ""

    def missing(self, request: ChatRequest) -> list[tuple[Item, str]]:
        """Return the files that have to be waited for, with the forms they shall have."""
        wanted = ((item, self.form(item)) for item in self.contents.items.values())
        return [(item, form) for item, form in wanted if form is not None and instant(item, form) is None]

    def parts(self, media: Media) -> tuple[Part, ...]:
        """Return what stands for a file in this candidate's request, and note what was made of it."""
        item = self.contents.of(media)
        if item is None:
            return (media,)
        form = self.form(item)
        if form is None:
            return (_called_right(item, media),)
        made = instant(item, form)
        if made is None:
            self.converted.append(f"{item.title}: {_word(item)} to {form.partition(':')[0]}")
            return ()
        self.converted.append(named(item, form, made))
        return made.parts


def ready(contents: Contents, wanted: list[tuple[Item, str]], job: Job) -> None:
    """Make the forms that are wanted; a failure is kept with its file, and raised. Blocks; for content's threads."""
    for item, form in wanted:
        if form in item.failed:
            raise item.failed[form]
        try:
            item.forms[form] = make(contents, item, form, job)
        except Unreadable as error:
            if error.code != "cancelled":
                item.failed[form] = error
            raise
        except WallasError:
            raise
        except Exception as error:  # a file that breaks us is no reason to fail without a word of it
            log.exception("making %s of a file failed", form)
            item.failed[form] = unread = Unreadable(f"reading it failed here ({type(error).__name__})", code="failed")
            raise unread from error


def named(item: Item, form: str, made: Form) -> str:
    """Return what ``X-Wallas-Converted`` says of one file."""
    facts = "; ".join((made.converter, *made.warnings))
    return f"{item.title}: {_word(item)} to {form.partition(':')[0]} ({facts})"


def _word(item: Item) -> str:
    return item.look.sort.word if item.look is not None else item.media.kind


def _called_right(item: Item, media: Media) -> Media:
    """Return a file as its bytes say it is: a picture sent as a file is a picture, and a JPEG no PNG."""
    look = item.look
    if look is None:
        return media
    if media.data is None and media.file_id is not None:
        return item.filled(kind=look.sort.kind, mime=look.sort.mime)
    wrong = media.mime is not None and media.mime != look.sort.mime and look.sort.kind in ("image", "document")
    if media.kind != look.sort.kind or wrong:
        return item.filled(kind=look.sort.kind, mime=look.sort.mime, extra={})
    return media
