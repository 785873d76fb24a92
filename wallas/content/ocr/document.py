"""Takes documents apart for engines that read pictures: PDF by pdfium, TIFF and others by pillow. In a child."""

from typing import Any

from wallas.content.ocr import image
from wallas.content.readers.pdf import opened

DPI = 200
MOST_PIXELS = 24_000_000


def count(data: bytes, options: dict[str, Any], tell: Any) -> dict[str, Any]:
    """Return ``{pages}``: how many a file has."""
    if data[:1024].lstrip().startswith(b"%PDF-") or b"%PDF-" in data[:1024]:
        with opened(data) as pdf:
            return {"pages": len(pdf)}
    return {"pages": len(image.frames(data))}


def show(data: bytes, options: dict[str, Any], tell: Any) -> tuple[dict[str, Any], list[bytes]]:
    """Return the ``pages`` of the options (from 0) as PNG, and ``{page, width, height, blank}`` of each."""
    if b"%PDF-" not in data[:1024]:
        return image.show(data, options, tell)
    told, blobs = [], []
    with opened(data) as pdf:
        for number in options["pages"]:
            page = pdf[number]
            width, height = page.get_size()
            scale = min(DPI / 72, (MOST_PIXELS / max(width * height, 1)) ** 0.5)
            picture = image.fitted(page.render(scale=scale, grayscale=True).to_pil().convert("L"))
            page.close()
            blank = image.ink(picture) <= image.BLANK_INK
            told.append({"page": number, "width": picture.width, "height": picture.height, "blank": blank})
            blobs.append(image.png(picture))
    return {"pages": told}, blobs
