"""Makes a picture of words fit to be read: upright, level, on white, of a size that engines like. Runs in a child."""

import io
from typing import Any

from PIL import Image, ImageChops, ImageFilter, ImageOps, ImageStat

from wallas.content.guarded import Unreadable
from wallas.content.readers import images

MOST_PAGES, MOVING = 2000, 8
"""Pages of a TIFF that are counted, and frames of a GIF that are read."""
LONGEST = 4200
"""Pixels of the longer side: an A4 page at 350 dpi."""
SHORTEST = 900
"""Below this the letters of a page are too small to be read: the picture is doubled."""
SKEW = 8.0
LEVEL_WIDTH = 700
GRAIN = 1.5
"""Grey levels by which a pixel differs from its neighbours' middle, on the average, in a bad copy."""
LARGE = 1300
"""Pixels of a page's longer side from which its letters survive a wider filter."""
BLANK_INK = 0.00012
"""Share of dark pixels up to which a page has nothing on it."""


def opened(data: bytes, frame: int = 0) -> Image.Image:
    """Return a picture in grey on white, as its camera says it is up; raise Unreadable for what is none."""
    image: Image.Image = images.opened(data)
    try:
        if frame:
            image.seek(frame)
            images.measured(image)
        image.load()
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise Unreadable("no picture that can be read", code="broken") from error
    image = ImageOps.exif_transpose(image) or image
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("L")


def fitted(image: Image.Image) -> Image.Image:
    """Return a picture whose letters are neither too small nor too many pixels; light on dark is turned round."""
    longer = max(image.size)
    if longer > LONGEST:
        image = image.resize(_scaled(image, LONGEST / longer), Image.Resampling.LANCZOS)
    elif longer < SHORTEST:
        image = image.resize(_scaled(image, 2.0), Image.Resampling.BICUBIC)
    if ImageStat.Stat(image).median[0] < 100:
        image = ImageChops.invert(image)
    return image


def quieted(image: Image.Image) -> Image.Image:
    """Return the picture without specks and grain, with black words on white; a clean one as it is."""
    middle = image.crop(_middle(image))
    grain = ImageStat.Stat(ImageChops.difference(middle, middle.filter(ImageFilter.MedianFilter(3)))).mean[0]
    if grain < GRAIN:
        return image
    image = image.filter(ImageFilter.MedianFilter(5 if max(image.size) >= LARGE else 3))
    image = image.filter(ImageFilter.GaussianBlur(1.0))
    if max(image.size) * 1.5 <= LONGEST:
        image = image.resize(_scaled(image, 1.5), Image.Resampling.BICUBIC)
    return ImageOps.autocontrast(image, cutoff=(1, 25))


def _middle(image: Image.Image) -> tuple[int, int, int, int]:
    across, down = image.width // 5, image.height // 5
    return across, down, max(image.width - across, across + 1), max(image.height - down, down + 1)


def ink(image: Image.Image) -> float:
    """Return the share of pixels that are much darker than the paper."""
    small = image.resize(_scaled(image, min(1.0, 1000 / max(image.size))), Image.Resampling.BOX)
    counts = small.histogram()
    paper = max(range(128, 256), key=lambda level: counts[level])
    return sum(counts[: max(paper - 60, 1)]) / (small.width * small.height)


def levelled(image: Image.Image) -> tuple[Image.Image, float]:
    """Return the picture with its lines level, and by how many degrees it was turned for that."""
    width = min(LEVEL_WIDTH, image.width)
    small = ImageOps.autocontrast(image.resize(_scaled(image, width / image.width), Image.Resampling.BOX))

    def sharpness(angle: float) -> float:
        turned = small.rotate(angle, resample=Image.Resampling.BILINEAR, fillcolor=255)
        return float(ImageStat.Stat(turned.resize((1, turned.height), Image.Resampling.BOX)).var[0])

    best = max((step * 1.0 for step in range(-int(SKEW), int(SKEW) + 1)), key=sharpness)
    best = max((best + step * 0.2 for step in range(-4, 5)), key=sharpness)
    if abs(best) < 0.3 or sharpness(best) < 1.02 * sharpness(0.0):
        return image, 0.0
    return image.rotate(best, resample=Image.Resampling.BICUBIC, expand=True, fillcolor=255), best


def frames(data: bytes) -> list[int]:
    """Return which pictures of a file are read: all of a TIFF, which may be a whole document; some of what moves."""
    try:
        with images.opened(data) as image:
            return images.frames_of(image, MOST_PAGES if image.format == "TIFF" else MOVING)
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise Unreadable("no picture that can be read", code="broken") from error


def png(image: Image.Image) -> bytes:
    """Return a picture as PNG, written quickly."""
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=1)
    return out.getvalue()


def _scaled(image: Image.Image, by: float) -> tuple[int, int]:
    return max(round(image.width * by), 1), max(round(image.height * by), 1)


def show(data: bytes, options: dict[str, Any], tell: Any) -> tuple[dict[str, Any], list[bytes]]:
    """Return some pictures of a file, fit to be read, as PNG; ``options["pages"]`` are their numbers from 0."""
    told, blobs = [], []
    numbers = frames(data)
    for page in options["pages"]:
        image = fitted(opened(data, numbers[page]))
        told.append({"page": page, "width": image.width, "height": image.height, "blank": ink(image) <= BLANK_INK})
        blobs.append(png(image))
    return {"pages": told}, blobs
