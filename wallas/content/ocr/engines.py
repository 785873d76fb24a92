"""The engines of this machine, each a task of a guarded child: pictures in, words with their places out.

A task takes PNGs joined by ``packed`` and returns ``{pages: [...]}``, one for each: ``text`` as Markdown,
``confidence`` from 0 to 1, ``turned`` in degrees. It tells each page as it comes.
"""

import struct
from collections.abc import Iterator, Sequence
from typing import Any

from wallas.content.language import language_of
from wallas.content.ocr.languages import LANGUAGES, RIGHT_TO_LEFT, SCRIPTS, Language, language, languages
from wallas.content.ocr.layout import Run, has_table, markdown

UPRIGHT = (0, 90, 180, 270)
LEAST_SURE = 2.0
"""Of Tesseract's orientation; below, it has seen too few letters."""
DOUBTFUL = 0.75
SCORE = 0.5
"""Of RapidOCR's words: what it is less sure of is no word."""
SURER = 0.03
"""By which reading in one language may be less sure than in several: it tells accents apart that they do not."""
MOST_LANGUAGES = 8
AUTOMATIC, ONE_BLOCK = 3, 6
"""Of Tesseract's page segmentation modes."""
SPLIT = 1.5
"""Line heights between two words that do not belong to one cell."""

_SIZE = struct.Struct(">I")


def packed(pictures: Sequence[bytes]) -> bytes:
    """Return several pictures as one string of bytes."""
    return b"".join(_SIZE.pack(len(picture)) + picture for picture in pictures)


def unpacked(data: bytes) -> Iterator[bytes]:
    """Yield the pictures of ``packed``."""
    at = 0
    while at < len(data):
        (size,) = _SIZE.unpack_from(data, at)
        at += _SIZE.size + size
        yield data[at - size : at]


def tesseract(data: bytes, options: dict[str, Any], tell: Any) -> dict[str, Any]:
    """Read by Tesseract in the languages asked for, or in those that a page seems to be in.

    A ``hint`` says which language is likely, no more: the words of the request that the file came with are in it.
    """
    import pytesseract

    installed = set(pytesseract.get_languages(config=""))
    detects, installed = "osd" in installed, installed - {"osd"}
    asked = languages(options.get("language") or "")
    likely = language(options.get("hint") or "")
    pages = []
    for picture in unpacked(data):
        image, turned, script = _upright(picture, detects)
        if asked:
            pages.append(_in(image, [one.tesseract for one in asked], turned, installed))
        else:
            page, likely = _found_out(image, script, likely, turned, installed)
            pages.append(page)
        tell({"pages": len(pages)})
    return {"pages": pages}


def _found_out(
    image: Any, script: str, likely: Language | None, turned: int, installed: set[str]
) -> tuple[dict[str, Any], Language | None]:
    """Return a page read in whatever language it is in, and which that is, for the next page.

    The likely one first. A sparse page's script is often seen wrong: where little is understood in it, the page is
    read in Latin letters too. What was read in another language, or in several, is read again in its own.
    """
    best: dict[str, Any] | None = None
    codes: list[str] = []
    for several in _guesses(script, likely, installed):
        page = _in(image, several, turned, installed)
        if best is None or _worth(page) > _worth(best):
            best, codes = page, several
        if _understood(best) >= DOUBTFUL:
            break
    assert best is not None
    told = language(language_of(best["text"]) or "")
    if told is None or told.tesseract not in installed:
        return best, likely
    if codes != [told.tesseract]:
        alone = _in(image, [told.tesseract], turned, installed)
        if alone["confidence"] >= best["confidence"] - SURER:
            best = alone
    return best, told


def _guesses(script: str, likely: Language | None, installed: set[str]) -> list[list[str]]:
    """Return the languages to read a page in, and those to read it in where that fails: none twice, at least some."""
    guesses = [[likely.tesseract]] if likely is not None and likely.tesseract in installed else []
    guesses += [_of_script(one, installed) for one in (script, "latin")]
    return [guess for at, guess in enumerate(guesses) if guess and guess not in guesses[:at]] or [sorted(installed)[:1]]


def _in(image: Any, codes: Sequence[str], turned: int, installed: set[str]) -> dict[str, Any]:
    """Return a page read in some of Tesseract's languages."""
    known = [code for code in codes if code in installed]
    rtl = any(one.script in RIGHT_TO_LEFT for one in LANGUAGES if one.tesseract in known[:1])
    return _page(_tesseract_read(image, "+".join(known)), turned, rtl=rtl)


def _of_script(script: str, installed: set[str]) -> list[str]:
    """Return the installed languages of a script."""
    return [one.tesseract for one in LANGUAGES if one.script == script and one.tesseract in installed][:MOST_LANGUAGES]


def rapidocr(data: bytes, options: dict[str, Any], tell: Any) -> dict[str, Any]:
    """Read by RapidOCR: PP-OCR's models on onnxruntime, those inside its wheel."""
    from rapidocr import RapidOCR

    engine = RapidOCR(params={"Global.log_level": "error", "Global.text_score": 0.0})
    pages = []
    for picture in unpacked(data):
        pages.append(_best_turn(picture, lambda image: _rapid_runs(engine, image)))
        tell({"pages": len(pages)})
    return {"pages": pages}


def easyocr(data: bytes, options: dict[str, Any], tell: Any) -> dict[str, Any]:
    """Read by EasyOCR with models that are on this machine already; none is fetched."""
    import numpy
    from easyocr import Reader

    codes = [one.easyocr for one in languages(options.get("language") or "en") if one.easyocr] or ["en"]
    reader = Reader(codes, gpu=False, download_enabled=False, verbose=False)

    def read(image: Any) -> list[Run]:
        found = reader.readtext(numpy.asarray(image))
        return [_boxed(text, corners, sure) for corners, text, sure in found]

    pages = []
    for picture in unpacked(data):
        pages.append(_best_turn(picture, read))
        tell({"pages": len(pages)})
    return {"pages": pages}


def _tesseract_read(image: Any, words: str) -> list[Run]:
    """Return what Tesseract finds; its own look at a page loses lone figures of tables: these are read as one block."""
    import pytesseract

    def read(mode: int) -> list[Run]:
        told = pytesseract.image_to_data(image, lang=words, config=f"--psm {mode}", output_type=pytesseract.Output.DICT)
        return _tesseract_runs(told)

    runs = read(AUTOMATIC)
    if has_table(runs):
        block = read(ONE_BLOCK)
        if sum(len(run.text) for run in block) > sum(len(run.text) for run in runs):
            return block
    return runs


def _upright(picture: bytes, detects: bool) -> tuple[Any, int, str]:
    """Return a picture turned upright and level, by how many degrees, and the script on it ("" when not known)."""
    import pytesseract

    from wallas.content.ocr import image as images

    image, turned, script = images.quieted(images.opened(picture)), 0, ""
    if detects:
        try:
            seen = pytesseract.image_to_osd(image, output_type=pytesseract.Output.DICT)
        except pytesseract.TesseractError:  # too few letters
            seen = {}
        if float(seen.get("orientation_conf", 0.0)) >= LEAST_SURE and seen["rotate"]:
            turned = int(seen["rotate"])
            image = image.rotate(-turned, expand=True, fillcolor=255)
        script = SCRIPTS.get(str(seen.get("script", "")), "")
    level, _ = images.levelled(image)
    return level, turned, script


def _tesseract_runs(table: dict[str, list[Any]]) -> list[Run]:
    """Return words joined to runs: those of one line that stand close to each other."""
    runs: list[Run] = []
    line: Any = None
    for at, text in enumerate(table["text"]):
        sure = float(table["conf"][at])
        if not str(text).strip() or sure < 0:
            continue
        left, top = float(table["left"][at]), float(table["top"][at])
        word = Run(str(text), left, top, left + table["width"][at], top + table["height"][at], sure / 100)
        here = tuple(table[key][at] for key in ("block_num", "par_num", "line_num"))
        last = runs[-1] if runs else None
        if last is not None and here == line and _close(last, word):
            runs[-1] = _joined(last, word)
        else:
            runs.append(word)
        line = here
    return runs


def _close(one: Run, other: Run) -> bool:
    space = max(other.left - one.right, one.left - other.right)
    return space < SPLIT * max(one.height, other.height)


def _joined(one: Run, other: Run) -> Run:
    """Return two runs of a line as one; Chinese and Japanese have no spaces between their words."""
    space = "" if _wide(one.text[-1:]) and _wide(other.text[:1]) else " "
    size = len(one.text) + len(other.text)
    sure = (one.confidence * len(one.text) + other.confidence * len(other.text)) / size
    return Run(
        one.text + space + other.text,
        min(one.left, other.left),
        min(one.top, other.top),
        max(one.right, other.right),
        max(one.bottom, other.bottom),
        sure,
    )


def _wide(character: str) -> bool:
    return "\u2e80" <= character <= "\u9fff" or "\uff00" <= character <= "\uffef"


def _best_turn(picture: bytes, read: Any) -> dict[str, Any]:
    """Return a page read upright; where little is understood of it, it is tried on its other sides too.

    Where nothing looks like words, no side is better than another.
    """
    from wallas.content.ocr import image as images

    image, _ = images.levelled(images.quieted(images.opened(picture)))
    seen = read(image)
    best = _page([run for run in seen if run.confidence >= SCORE], 0)
    if not seen or _understood(best) >= DOUBTFUL:
        return best
    for turned in UPRIGHT[1:]:
        level, _ = images.levelled(image.rotate(turned, expand=True, fillcolor=255))
        page = _page([run for run in read(level) if run.confidence >= SCORE], turned)
        if _worth(page) > _worth(best):
            best = page
    return best


def _understood(page: dict[str, Any]) -> float:
    return float(page["confidence"]) if page["text"] and page["level"] else 0.0


def _worth(page: dict[str, Any]) -> float:
    return float(page["confidence"]) * len(page["text"]) * (1.0 if page["level"] else 0.5)


def _rapid_runs(engine: Any, image: Any) -> list[Run]:
    import numpy

    found = engine(numpy.asarray(image.convert("RGB")))
    if found.txts is None:
        return []
    return [_boxed(*row) for row in zip(found.txts, found.boxes, found.scores, strict=True)]


def _boxed(text: str, corners: Any, sure: float) -> Run:
    across, down = [float(corner[0]) for corner in corners], [float(corner[1]) for corner in corners]
    return Run(text, min(across), min(down), max(across), max(down), float(sure))


def _page(runs: list[Run], turned: int, *, rtl: bool = False) -> dict[str, Any]:
    size = sum(len(run.text) for run in runs)
    sure = sum(run.confidence * len(run.text) for run in runs) / size if size else 0.0
    lying = sum(run.right - run.left >= run.height for run in runs if len(run.text) > 2)
    level = 2 * lying >= sum(len(run.text) > 2 for run in runs)
    return {"text": markdown(runs, rtl=rtl), "confidence": round(sure, 4), "turned": turned, "level": level}
