"""Pictures by Pillow: measured before they are decoded, turned upright, made small enough, in a format models take."""

import contextlib
import io
from typing import Any

from wallas.content.guarded import MEGABYTE, Tell, Unreadable

PIXELS = 120_000_000
"""A page of A3 scanned at 600 dpi, a phone's best photo; 480 MB at most where each takes four bytes."""
QUICK = (b"\x89PNG", b"\xff\xd8", b"GIF8")
"""Beginnings of files that need no plugins."""
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "ICO", "MPO", "JPEG2000", "PPM", "AVIF", "HEIF", "PSD", "DIB")


def opened(data: bytes) -> Any:
    """Return a picture, not yet decoded; raise Unreadable for what is none and for one with too many pixels."""
    from PIL import Image, UnidentifiedImageError

    Image.preinit()
    if not data.startswith(QUICK):
        Image.init()
        with contextlib.suppress(ImportError):
            import pillow_heif

            pillow_heif.register_heif_opener()
    Image.MAX_IMAGE_PIXELS = PIXELS
    try:
        picture = Image.open(io.BytesIO(data), formats=[name for name in FORMATS if name in Image.OPEN])
    except UnidentifiedImageError as error:
        raise Unreadable("it is damaged, or no picture that is known here", code="broken") from error
    except Image.DecompressionBombError as error:
        raise Unreadable("it has too many pixels", code="too_large") from error
    measured(picture)
    return picture


def measured(picture: Any) -> None:
    """Raise Unreadable for a picture with too many pixels; they are counted before they are decoded."""
    width, height = picture.size
    if width * height > PIXELS:
        told = f"it has {width} x {height} pixels, at most {PIXELS // 1_000_000} million are taken"
        raise Unreadable(told, code="too_large")


def frames_of(picture: Any, most: int) -> list[int]:
    """Return the frames that stand for all: those of a document one after the other, of what moves some, spread out."""
    count = int(getattr(picture, "n_frames", 1))
    if picture.format == "TIFF" or count <= most:
        return list(range(min(count, most)))
    return [number * (count - 1) // max(most - 1, 1) for number in range(most)]


def fit(data: bytes, options: dict[str, Any], tell: Tell) -> tuple[dict[str, Any], list[bytes]]:
    """Return a picture as PNG or JPEG with at most ``long`` pixels on its long side and ``most`` bytes.

    A TIFF of several pages becomes as many pictures, ``pages`` at most.
    """
    picture = opened(data)
    long, most = int(options.get("long", 2048)), int(options.get("most", 5 * MEGABYTE))
    count = int(getattr(picture, "n_frames", 1))
    pages = min(count, int(options.get("pages", 1))) if picture.format == "TIFF" else 1
    rows, blobs = [], []
    for number in range(pages):
        if number:
            picture = opened(data)
            picture.seek(number)
            measured(picture)
        fitted = _fitted(picture, long)
        blob, mime = _small(fitted, most)
        rows.append({"mime": mime, "width": fitted.width, "height": fitted.height})
        blobs.append(blob)
    what = "pages" if picture.format == "TIFF" else "frames"
    first = f"{pages}" if pages > 1 else ""
    lost = [f"only the first {first} of its {count} {what} was taken".replace("  ", " ")] if count > pages else []
    return {"pictures": rows, "warnings": lost}, blobs


def _fitted(picture: Any, long: int) -> Any:
    """Return a picture decoded, upright and small enough; raise Unreadable where it breaks off."""
    from PIL import Image, ImageOps

    if picture.format in ("JPEG", "MPO") and max(picture.size) > 2 * long:
        picture.draft("RGB", (long, long))
    try:
        picture.load()
        if max(picture.size) > long:  # smaller first: what is turned is copied
            picture.thumbnail((long, long), Image.Resampling.LANCZOS)
        picture = ImageOps.exif_transpose(picture)
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise Unreadable("it is damaged: the picture breaks off", code="broken") from error
    clear = picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info
    return picture.convert("RGBA" if clear else "L" if picture.mode in ("1", "L") else "RGB")


def _small(picture: Any, most: int) -> tuple[bytes, str]:
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=6)
    if out.tell() <= min(most, 1_500_000):
        return out.getvalue(), "image/png"
    if picture.mode == "RGBA":
        from PIL import Image

        under = Image.new("RGB", picture.size, "white")
        under.paste(picture, mask=picture.getchannel("A"))
        picture = under
    for quality in (90, 80, 65, 45):
        out = io.BytesIO()
        picture.save(out, "JPEG", quality=quality)
        if out.tell() <= most:
            return out.getvalue(), "image/jpeg"
    picture.thumbnail((picture.width // 2, picture.height // 2))
    return _small(picture, most)
