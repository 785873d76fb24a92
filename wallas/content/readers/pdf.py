"""PDF by PDFium: the text layer with its layout, which pages are pictures, and pages as pictures."""

import io
from typing import Any

from wallas.content.guarded import Tell, Unreadable
from wallas.content.readers.layout import Word, page_markdown
from wallas.content.readers.markdown import reading

PAGES = 1000
FEW_LETTERS = 12
"""A page with fewer that is covered by a picture, or drawn, is one to be read by eye."""
COVERED, FIGURE = 0.3, 0.04
"""Shares of a page from which a picture is the page, and from which it is worth a word."""
DRAWN = 30
WHOLE, STAMP = 0.7, 100
"""Where one picture is nearly the whole page, fewer letters than these are a stamp on a scan."""
BAD_SHARE = 0.2
PIXELS = 24_000_000
PNG_BELOW = 1_000_000
UNTELLABLE = (0xFFFD, 0xFFFE, 0xFFFF)


def opened(data: bytes) -> Any:
    """Return a PDF's document; raise Unreadable for one that is locked, damaged or empty."""
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(data)
        if not len(document):
            raise Unreadable("it has no pages", code="broken")
        return document
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower():
            raise Unreadable("it is protected by a password", code="locked") from error
        raise Unreadable("it is damaged: PDFium cannot open it", code="broken") from error


def read(data: bytes, options: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """Return a PDF as Markdown, page by page; ``scanned`` numbers the pages that have to be read by eye."""
    document = opened(data)
    wanted = options.get("pages") or range(1, min(len(document), PAGES) + 1)
    pages: list[dict[str, Any]] = []
    for number in wanted:
        if not 1 <= number <= len(document):
            raise Unreadable(f"it has no page {number}, only {len(document)}", code="no_page")
        pages.append({"page": number, **_page(document[number - 1])})
        if not number % 20:
            tell({"page": number, "of": len(document)})
    warnings = [f"page {page['page']} could not be read" for page in pages if page["broken"]]
    if len(document) > PAGES and not options.get("pages"):
        warnings.append(f"only the first {PAGES} of {len(document)} pages were read")
    if not any(page["text"] or page["scanned"] for page in pages):
        warnings.append("there are no words in it")
    figures = [page["page"] for page in pages if page["figures"] and not page["scanned"]]
    if figures:
        warnings.append(f"pictures on page {_ranges(figures)} are not in the text")
    text = "\n\n".join(f"## Page {page['page']}\n\n{page['text']}" for page in pages)
    return reading(
        text,
        converter="pdfium",
        warnings=warnings,
        pages=len(document),
        texts=[page["text"] for page in pages],
        numbers=[page["page"] for page in pages],
        scanned=[page["page"] for page in pages if page["scanned"]],
        figures=figures,
    )


def _ranges(numbers: list[int]) -> str:
    """Return numbers as people write them: ``1-3, 7``."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def _page(page: Any) -> dict[str, Any]:
    import pypdfium2

    try:
        words, bad = _words(page.get_textpage())
        covered, figures, drawn = _pictures(page)
    except (pypdfium2.PdfiumError, OSError, ValueError):
        return {"text": "", "scanned": True, "figures": 0, "broken": True}
    letters = sum(len(word.text) for word in words)
    bare = letters < FEW_LETTERS or bad > BAD_SHARE * max(letters, 1) or (covered > WHOLE and letters < STAMP)
    scanned = bare and (covered > COVERED or figures > 0 or drawn > DRAWN or bad > 0)
    text = "" if scanned and bad else page_markdown(words)
    page.close()
    return {"text": text, "scanned": scanned, "figures": figures, "broken": False}


def _words(page: Any) -> tuple[list[Word], int]:
    """Return a page's words with their places, in the order in which the page has them, and how many are garbage."""
    from ctypes import byref

    import pypdfium2.raw as raw

    box = raw.FS_RECTF()
    found: list[Word] = []
    start, letters, bad, breaks = -1, [], 0, 0
    unicode, bounds = raw.FPDFText_GetUnicode, raw.FPDFText_GetLooseCharBox
    count = page.count_chars()
    for index in range(count + 1):
        code = unicode(page, index) if index < count else 0x20
        if code > 0x20 and code not in (0xA0, 0x3000):
            if start < 0:
                start = index
            bad += code in UNTELLABLE or 0xE000 <= code < 0xF900
            letters.append(code)
            continue
        if start >= 0:
            bounds(page, start, byref(box))
            left, top, bottom = box.left, box.top, box.bottom
            bounds(page, start + len(letters) - 1, byref(box))
            text = _text(letters)
            word = Word(
                text, min(left, box.left), max(box.right, left), max(top, box.top), min(bottom, box.bottom), breaks
            )
            found.append(word)
            start, letters, breaks = -1, [], 0
        breaks += code == 0x0A
    return found, bad


def _text(codes: list[int]) -> str:
    """Return UTF-16 code units, or code points, as text; a soft hyphen at a line's end joins its word."""
    try:
        text = "".join(map(chr, codes))
        if any(0xD800 <= code < 0xE000 for code in codes):
            text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    except ValueError:
        text = ""
    return text.replace("\u00ad", "").replace("\u0002", "-")


def _pictures(page: Any) -> tuple[float, int, int]:
    """Return how much of a page its largest picture covers, how many are worth a word, and how much is drawn."""
    import pypdfium2.raw as raw

    whole = max(page.get_width() * page.get_height(), 1.0)
    covered, figures, drawn = 0.0, 0, 0
    for thing in page.get_objects(max_depth=3):
        if thing.type == raw.FPDF_PAGEOBJ_PATH:
            drawn += 1
        elif thing.type == raw.FPDF_PAGEOBJ_IMAGE:
            left, bottom, right, top = thing.get_bounds() if hasattr(thing, "get_bounds") else thing.get_pos()
            share = abs((right - left) * (top - bottom)) / whole
            covered = max(covered, share)
            figures += share > FIGURE
    return covered, figures, drawn


def render(data: bytes, options: dict[str, Any], tell: Tell) -> tuple[list[dict[str, Any]], list[bytes]]:
    """Return pages as pictures: ``pages`` by number, ``long`` pixels on the long side, or ``dpi``.

    Grey pages are told so by ``grey``; drawn ones are PNG, photographs JPEG.
    """
    document = opened(data)
    rows: list[dict[str, Any]] = []
    blobs: list[bytes] = []
    for number in options.get("pages") or range(1, len(document) + 1):
        if not 1 <= number <= len(document):
            raise Unreadable(f"it has no page {number}, only {len(document)}", code="no_page")
        page = document[number - 1]
        width, height = max(page.get_width(), 1.0), max(page.get_height(), 1.0)
        scale = options["dpi"] / 72 if options.get("dpi") else options.get("long", 1568) / max(width, height)
        scale = min(scale, (PIXELS / (width * height)) ** 0.5, 20.0)
        picture = page.render(scale=scale, grayscale=bool(options.get("grey"))).to_pil()
        data_, mime = _encoded(picture)
        rows.append({"page": number, "mime": mime, "width": picture.width, "height": picture.height})
        blobs.append(data_)
        page.close()
        tell({"page": number, "of": len(document)})
    return rows, blobs


def _encoded(picture: Any) -> tuple[bytes, str]:
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=3)
    if out.tell() <= PNG_BELOW:
        return out.getvalue(), "image/png"
    out = io.BytesIO()
    picture.convert("RGB").save(out, "JPEG", quality=88)
    return out.getvalue(), "image/jpeg"
