"""Turns one file into the form that a candidate can take: words, pictures of pages, a smaller picture, a transcript."""

from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Sequence

from wallas.content.contents import Contents, Form, Item, Look
from wallas.content.guarded import MEGABYTE, Limits, Unreadable, run
from wallas.content.hooks import Description, PageText, Transcript
from wallas.content.opening import require
from wallas.content.works import Job
from wallas.types.chat import Media, Part, Text

READERS = "wallas.content.readers"
PAGE_PICTURES = 20
"""Pictures of pages that one model is given at most; the other pages are read by OCR."""
PICTURE_LIMITS = Limits(seconds=30.0, cpu=20, memory=1536 * MEGABYTE)
FILM_LIMITS = Limits(seconds=120.0, cpu=120, memory=2048 * MEGABYTE)
LONG_PAGE = 1568
PLAIN = frozenset({"png", "jpeg"})
PLAIN_LONG, PLAIN_MOST = 2048, 3 * MEGABYTE
"""What every model that sees takes: sorts, pixels of the long side, bytes."""
FIGURES = "pictures on page"
"""How the warning begins that a PDF's text is not all of it."""


def make(contents: Contents, item: Item, form: str, job: Job) -> Form:
    """Return a file in a form of ``MAKERS`` (``image:2048:3000000`` names its limits too); raise Unreadable. Blocks."""
    if item.error is not None and item.look is None:
        raise item.error
    word, _, limits = form.partition(":")
    contents.bring(item)
    if item.look is None:
        contents.look_at(item, job)
    known = contents.works.known(("form", item.hash, item.name, form))
    if isinstance(known, Form):
        return known
    made = MAKERS[word](contents, item, limits, job)
    if item.hash:
        contents.works.keep(("form", item.hash, item.name, form), made, size=_size(made))
    return made


def convert(contents: Contents, item: Item, job: Job) -> Form:
    """Return a file in words, whatever it is, fetched or found first; raise Unreadable. Blocks."""
    form = item.forms["text"] = make(contents, item, "text", job)
    return form


def worded(item: Item, text: str, converter: str, warnings: Iterable[str] = ()) -> Form:
    """Return the form of a file that is words."""
    return Form((quoted(item, text),), converter, tuple(warnings), text)


def instant(item: Item, form: str) -> Form | None:
    """Return a form that is here already, or costs nothing to make; None for one that has to be waited for."""
    if form in item.forms:
        return item.forms[form]
    if form == "text" and item.error is None and item.look is not None and item.kind == "document":
        look = item.look
        if look.markdown is not None and not look.scanned:
            return worded(item, look.markdown, look.converter, look.warnings)
    return None


def quoted(item: Item, text: str, *, made_by: str = "") -> Text:
    """Return a file's words as a part that says where they begin and end; the mark cannot be in a file that has it."""
    look = item.look
    mark = item.hash[:12] or "file"
    facts = [item.name or item.kind]
    if look is not None:
        facts.append(look.sort.mime)
        if look.pages:
            facts.append(f"{look.pages} pages")
    by = f", {made_by}" if made_by else ""
    return Text(text=f"[Begin of attached file {mark}: {', '.join(facts)}{by}]\n{text}\n[End of attached file {mark}]")


def _text(contents: Contents, item: Item, limits: str, job: Job) -> Form:
    """Return the words of a document, a picture, a sound or a video."""
    match item.kind:
        case "document":
            return _document(contents, item, job)
        case "image":
            return _seen(contents, item, job)
        case "audio":
            return _heard(contents, item, job)
        case "video":
            from wallas.content.film import told

            return told(contents, item, job)


def _ocr(contents: Contents, item: Item, limits: str, job: Job) -> Form:
    """Return a PDF as OCR reads it, every page."""
    look = item.look
    if look is None or not look.numbers:
        return _text(contents, item, limits, job)
    pages = read_pages(contents, item, look.numbers, job)
    return worded(item, joined(look, pages), _by(look, pages), unread(look.numbers, pages))


def _document(contents: Contents, item: Item, job: Job) -> Form:
    look = item.look
    if look is None or look.markdown is None:
        raise item.error or Unreadable("it could not be opened")
    if not look.scanned:
        return worded(item, look.markdown, look.converter, look.warnings)
    pages = read_pages(contents, item, look.scanned, job)
    return worded(item, joined(look, pages), _by(look, pages), (*look.warnings, *unread(look.scanned, pages)))


def joined(look: Look, pages: Sequence[PageText], *, pictured: Sequence[int] = ()) -> str:
    """Return a document's pages in their order, from the text layer or as they were read."""
    seen = {page.page: page.text for page in pages}
    rows = []
    for number, text in zip(look.numbers, look.texts, strict=True):
        text = "(see the picture of this page)" if number in pictured else seen.get(number, text)
        rows.append(f"## Page {number}\n\n{text}".strip())
    return "\n\n".join(rows)


def unread(wanted: Sequence[int], pages: Sequence[PageText]) -> tuple[str, ...]:
    """Return a warning for the pages that nobody could read anything on."""
    said = {page.page for page in pages if page.text.strip()}
    lost = [str(number) for number in wanted if number not in said]
    return (f"no words were found on page {', '.join(lost)}",) if lost else ()


def _by(look: Look, pages: Sequence[PageText]) -> str:
    engines = sorted({page.engine for page in pages if page.engine})
    return f"{look.converter}, {len(pages)} pages by ocr{f' ({chr(43).join(engines)})' if engines else ''}"


def read_pages(contents: Contents, item: Item, pages: Sequence[int] | None, job: Job) -> Sequence[PageText]:
    """Return pages as OCR reads them; raise Unreadable where nobody can."""
    read = contents.hooks.read_pages
    if read is None:
        what = f"page {pages[0]} is a picture" if pages else "it is a picture"
        raise Unreadable(f"{what}, and reading pictures needs OCR: pip install 'wallas[ocr]'", code="missing_extra")
    look = item.look
    language = (look.language if look is not None else None) or contents.spoken
    mime = look.sort.mime if look is not None else item.claimed or ""
    key = ("pages", item.hash, tuple(pages or ()))
    known: Sequence[PageText] | None = contents.works.known(key)
    if known is None:  # whatever the file is called, its pages are read once
        known = read(contents.bring(item), mime=mime, pages=pages, language=language, caller=contents.caller(job))
        contents.works.keep(key, known, size=200 + sum(2 * len(page.text) for page in known))
    return known


def _seen(contents: Contents, item: Item, job: Job) -> Form:
    """Return what a model that cannot see is told of a picture: the words in it, and what it shows."""
    contents.bring(item)
    frames = (item.look.frames if item.look is not None else None) or 1
    pages: Sequence[PageText] = ()
    failures: list[Unreadable] = []
    parts: list[str] = []
    makers: list[str] = []
    try:
        pages = read_pages(contents, item, None, job)
        told = [(f"## Page {page.page}\n\n" if pages[1:] else "") + page.text for page in pages if page.text.strip()]
        words = "\n\n".join(told)
        if words:
            parts.append(f"Words in the picture, read by OCR:\n{words}")
            makers.append("ocr" + "".join(f" ({page.engine})" for page in pages[:1] if page.engine))
    except Unreadable as error:
        failures.append(error)
    described = _described(contents, item, job)
    if described is not None:
        parts.append(f"Description of the picture:\n{described.text}")
        makers.append(f"description ({described.engine})")
    if not parts:
        raise failures[0] if failures else Unreadable("there are no words in it, and no model here could describe it")
    warnings = [] if described is not None else ["only the words in the picture were taken, not what it shows"]
    if frames > 1:
        warnings.append(f"it moves: {min(frames, len(pages))} of its frames were looked at")
    return worded(item, "\n\n".join(parts), " and ".join(makers), warnings)


def _described(contents: Contents, item: Item, job: Job) -> Description | None:
    """Return what a model sees in a picture; it is given one that it can take, and never one that is a bomb."""
    if contents.hooks.describe is None:
        return None
    key = ("description", item.hash)
    known: Description | None = contents.works.known(key)
    if known is None:
        try:
            data, mime = _shown(contents, item, job)
        except Unreadable as error:
            if error.code == "cancelled":
                raise
            return None
        if (known := contents.hooks.describe(data, mime=mime, caller=contents.caller(job))) is not None:
            contents.works.keep(key, known, size=200 + 2 * len(known.text))
    return known


def _shown(contents: Contents, item: Item, job: Job) -> tuple[bytes, str]:
    """Return a picture as any model that sees takes it: as it is where it is small, else made smaller."""
    data, look = contents.bring(item), item.look
    small = look is not None and look.pixels is not None and max(look.pixels) <= PLAIN_LONG and look.size <= PLAIN_MOST
    if look is not None and small and look.sort.word in PLAIN:
        return data, look.sort.mime
    form = make(contents, item, f"image:{PLAIN_LONG}:{PLAIN_MOST}", job)
    picture = next(part for part in form.parts if isinstance(part, Media))
    return b64decode(str(picture.data or "")), picture.mime or "image/png"


def _heard(contents: Contents, item: Item, job: Job) -> Form:
    heard = contents.hooks.transcribe
    if heard is None:
        raise Unreadable("it is a sound, and nobody here writes down what is said", code="no_transcription")
    data = contents.bring(item)
    mime = item.look.sort.mime if item.look is not None else item.claimed or "audio/mpeg"
    key = ("transcript", item.hash)
    transcript: Transcript | None = contents.works.known(key)
    if transcript is None:
        transcript = heard(data, mime=mime, name=item.name, caller=contents.caller(job))
        contents.works.keep(key, transcript, size=200 + 4 * len(transcript.text))
    lines = [f"[{clock(start)}] {words.strip()}" for start, _, words in transcript.segments] or [
        transcript.text.strip()
    ]
    text = "\n".join(lines).strip() or "(nothing is said)"
    by = f"transcript ({transcript.engine})" if transcript.engine else "transcript"
    return worded(item, f"What is said in it:\n{text}", by)


def clock(seconds: float) -> str:
    """Return a time in a recording as people write it."""
    whole = int(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes:02}:{whole % 60:02}"


def _pages(contents: Contents, item: Item, limits: str, job: Job) -> Form:
    """Return a document whose scanned pages are pictures for a model that sees; the others are words."""
    look = item.look
    if look is None or look.markdown is None:
        raise item.error or Unreadable("it could not be opened")
    pictured = list(look.scanned or look.figures or look.numbers)[:PAGE_PICTURES]
    rest = [number for number in look.scanned if number not in pictured]
    read = read_pages(contents, item, rest, job) if rest else ()
    require("PIL", what="making pictures of pages")
    with contents.works.children:
        options = {"pages": pictured, "long": LONG_PAGE}
        result = run(f"{READERS}.pdf:render", contents.bring(item), options, tell=job.tell, wanted=job.wanted)
    shown = [number for number in pictured if number in look.scanned]
    parts: list[Part] = [quoted(item, joined(look, read, pictured=shown))]
    for row, blob in zip(result.value, result.blobs, strict=True):
        parts.append(Text(text=f"[Picture of page {row['page']} of {item.name or 'the file'}]"))
        parts.append(Media(kind="image", mime=row["mime"], data=b64encode(blob).decode()))
    warnings = tuple(
        told for told in look.warnings if not told.startswith(FIGURES) or len(look.figures) > PAGE_PICTURES
    )
    return Form(tuple(parts), f"{look.converter}, {len(pictured)} pages as pictures", warnings)


def _image(contents: Contents, item: Item, limits: str, job: Job) -> Form:
    """Return a picture as PNG or JPEG within limits: pixels of its long side, and bytes."""
    require("PIL", what="changing pictures")
    if item.look is not None and item.look.sort.word in ("heic", "heif"):
        require("pillow_heif", what="reading HEIC pictures")
    long, _, most = limits.partition(":")
    data = contents.bring(item)
    with contents.works.children:
        options = {"long": int(long), "most": int(most), "pages": PAGE_PICTURES}
        result = run(f"{READERS}.images:fit", data, options, limits=PICTURE_LIMITS, wanted=job.wanted)
    rows = result.value["pictures"]
    parts: list[Part] = []
    for number, (row, blob) in enumerate(zip(rows, result.blobs, strict=True), 1):
        if rows[1:]:
            parts.append(Text(text=f"[Page {number} of {item.name or 'the picture'}]"))
        parts.append(item.filled(kind="image", mime=row["mime"], data=b64encode(blob).decode()))
    size = f"{rows[0]['width']}x{rows[0]['height']} {rows[0]['mime'].partition('/')[2]}"
    told = f"{len(rows)} pages, {size}" if rows[1:] else size
    return Form(tuple(parts), told, tuple(result.value["warnings"]))


def _raw(contents: Contents, item: Item, limits: str, job: Job) -> Form:
    """Return a file with its bytes in the request, for who does not fetch addresses; called what it is."""
    kind = item.kind
    return Form((item.filled(kind=kind, mime=item.look.sort.mime if item.look is not None else None),), "fetched")


def _film(contents: Contents, item: Item, limits: str, job: Job) -> Form:
    from wallas.content.film import frames

    return frames(contents, item, job)


def _sound(contents: Contents, item: Item, limits: str, job: Job) -> Form:
    from wallas.content.film import as_wav

    return as_wav(contents, item, job)


MAKERS: dict[str, Callable[[Contents, Item, str, Job], Form]] = {
    "text": _text,
    "ocr": _ocr,
    "pages": _pages,
    "image": _image,
    "raw": _raw,
    "frames": _film,
    "sound": _sound,
}


def _size(form: Form) -> int:
    """Return roughly how many bytes a form takes in memory."""
    size = 200
    for part in form.parts:
        match part:
            case Text(text=text):
                size += 2 * len(text)
            case Media(data=data) if data is not None:
                size += len(data)
            case _:
                pass
    return size
