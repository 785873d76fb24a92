"""The engines of this machine, each a task of a guarded child: pictures in, words with their places out.

A task takes PNGs joined by ``packed`` and returns ``{pages: [...]}``, one for each: ``text`` as Markdown,
``confidence`` from 0 to 1, ``turned`` in degrees. It tells each page as it comes.
"""

import struct
from collections.abc import Iterator, Sequence
from typing import Any

from wallas.content.ocr.languages import RIGHT_TO_LEFT, SCRIPTS, Language, languages
from wallas.content.ocr.layout import Run, has_table, markdown

UPRIGHT = (0, 90, 180, 270)
LEAST_SURE = 2.0
"""Of Tesseract's orientation; below, it has seen too few letters."""
DOUBTFUL = 0.75
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
    """Read by Tesseract with the languages asked for, or with those installed of the script that it sees."""
    import pytesseract

    installed = set(pytesseract.get_languages(config=""))
    asked = languages(options.get("language") or "")
    pages = []
    for picture in unpacked(data):
        image, turned, script = _upright(picture, "osd" in installed)
        words = "+".join(_for_tesseract(asked, script, installed))
        runs = _tesseract_read(image, words)
        pages.append(_page(runs, turned, rtl=(asked[0].script if asked else script) in RIGHT_TO_LEFT))
        tell({"pages": len(pages)})
    return {"pages": pages}


def rapidocr(data: bytes, options: dict[str, Any], tell: Any) -> dict[str, Any]:
    """Read by RapidOCR: PP-OCR's models on onnxruntime, those inside its wheel."""
    from rapidocr import RapidOCR

    engine = RapidOCR(params={"Global.log_level": "error"})
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


def _for_tesseract(asked: Sequence[Language], script: str, installed: set[str]) -> list[str]:
    """Return the languages to read with: those asked for, else those installed of a script, English last of none."""
    from wallas.content.ocr.languages import LANGUAGES

    wanted = [one.tesseract for one in asked]
    if not wanted:
        wanted = [one.tesseract for one in LANGUAGES if one.script == (script or "latin")][:8]
    return [code for code in wanted if code in installed] or sorted(installed - {"osd"})[:1]


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
    """Return a page read upright; where little is understood of it, it is tried on its other sides too."""
    from wallas.content.ocr import image as images

    image, _ = images.levelled(images.quieted(images.opened(picture)))
    best = _page(read(image), 0)
    if _understood(best) >= DOUBTFUL:
        return best
    for turned in UPRIGHT[1:]:
        level, _ = images.levelled(image.rotate(turned, expand=True, fillcolor=255))
        page = _page(read(level), turned)
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
