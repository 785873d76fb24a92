"""Pictures by Pillow: measured before they are decoded, turned upright, made small enough, in a format models take."""

import contextlib
import io
from typing import Any

from wallas.content.guarded import MEGABYTE, Tell, Unreadable

PIXELS = 24_000_000
LARGEST = 120_000_000
"""Pixels of a JPEG that may be decoded at a fraction of its size; of any other format 24 million is the most."""
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
    Image.MAX_IMAGE_PIXELS = LARGEST
    try:
        picture = Image.open(io.BytesIO(data), formats=[name for name in FORMATS if name in Image.OPEN])
    except UnidentifiedImageError as error:
        raise Unreadable("it is damaged, or no picture that is known here", code="broken") from error
    except Image.DecompressionBombError as error:
        raise Unreadable("it has too many pixels", code="too_large") from error
    width, height = picture.size
    if width * height > (LARGEST if picture.format in ("JPEG", "MPO") else PIXELS):
        raise Unreadable(f"it has {width} x {height} pixels, at most 24 million are taken", code="too_large")
    return picture


def fit(data: bytes, options: dict[str, Any], tell: Tell) -> tuple[dict[str, Any], list[bytes]]:
    """Return a picture as PNG or JPEG with at most ``long`` pixels on its long side and ``most`` bytes."""
    from PIL import Image, ImageOps

    picture = opened(data)
    long, most = int(options.get("long", 2048)), int(options.get("most", 5 * MEGABYTE))
    before = picture.size
    frames = int(getattr(picture, "n_frames", 1))
    if picture.format in ("JPEG", "MPO") and max(before) > 2 * long:
        picture.draft("RGB", (long, long))
    try:
        picture = ImageOps.exif_transpose(picture)
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise Unreadable("it is damaged: the picture breaks off", code="broken") from error
    if max(picture.size) > long:
        picture.thumbnail((long, long), Image.Resampling.LANCZOS)
    clear = picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info
    picture = picture.convert("RGBA" if clear else "L" if picture.mode in ("1", "L") else "RGB")
    blob, mime = _small(picture, most)
    warnings = [f"only the first of its {frames} frames was taken"] if frames > 1 else []
    return {"mime": mime, "width": picture.width, "height": picture.height, "warnings": warnings}, [blob]


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
