"""Every kind of file of the matrix: what makes it, and what each kind of model must get of it.

A fact stands on page 3, in row 7, or at second 12. ``as it is`` means that the bytes themselves arrive.
"""

import functools
import io
import shutil
import struct
import subprocess
import tempfile
import wave
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.content import samples
from tests.content.made import made

OFFICE = "application/vnd.openxmlformats-officedocument"
FACT, PAGE_3, SECOND_12 = samples.ANSWER, "7307 | (page 3)", "[00:12] It is 7307"
AS_IT_IS, WAVE, PICTURE, PICTURES = "as it is", "wave", "picture", "3 pictures"


class Kind(NamedTuple):
    """A kind of file: its bytes, its media type, and what a blind, a seeing and a native model get."""

    make: Callable[[], bytes]
    mime: str
    blind: str
    seeing: str
    native: str


def _document(name: str, mime: str) -> Kind:
    return Kind(samples.DOCUMENTS[name], mime, FACT, FACT, FACT)


def tone(seconds: float = 1.0) -> bytes:
    """Return a WAV file."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        count = int(8000 * seconds)
        file.writeframes(struct.pack(f"<{count}h", *(((n % 40) - 20) * 300 for n in range(count))))
    return out.getvalue()


@functools.cache
def coded(name: str, *words: str) -> bytes:
    """Return what ffmpeg makes: a tone, or a film of three colours, two seconds each, with a tone."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        subprocess.run(["ffmpeg", "-loglevel", "error", *words, str(path)], check=True)
        return path.read_bytes()


def _sound(name: str, *words: str) -> Callable[[], bytes]:
    return functools.partial(coded, name, "-f", "lavfi", "-i", "sine=440:d=1:r=48000", *words)


def _film(name: str, *words: str) -> Callable[[], bytes]:
    colours = [("-f", "lavfi", "-i", f"color={colour}:s=160x120:d=2:r=10") for colour in ("red", "blue", "green")]
    inputs = [*(word for colour in colours for word in colour), "-f", "lavfi", "-i", "sine=440:d=6:r=48000"]
    joined = ["-filter_complex", "[0][1][2]concat=n=3[v]", "-map", "[v]", "-map", "3"]
    return functools.partial(coded, name, *inputs, *joined, *words)


def _tiff() -> bytes:
    from PIL import Image

    pages = [Image.open(io.BytesIO(samples.page_picture(number, (200, 280)))) for number in (1, 2, 3)]
    out = io.BytesIO()
    pages[0].save(out, "TIFF", save_all=True, append_images=pages[1:])
    return out.getvalue()


def _heic() -> bytes:
    import pillow_heif
    from PIL import Image

    out = io.BytesIO()
    pillow_heif.from_pillow(Image.open(io.BytesIO(samples.page_picture(3, (200, 280))))).save(out, format="HEIF")
    return out.getvalue()


def _picture(form: str) -> Callable[[], bytes]:
    return functools.partial(samples.page_picture, 3, (200, 280), form)


KINDS: dict[str, Kind] = {
    "towns.pdf": Kind(samples.pdf, "application/pdf", FACT, FACT, AS_IT_IS),
    "scan.pdf": Kind(samples.scanned_pdf, "application/pdf", PAGE_3, PICTURES, AS_IT_IS),
    "towns.docx": _document("towns.docx", f"{OFFICE}.wordprocessingml.document"),
    "towns.xlsx": _document("towns.xlsx", f"{OFFICE}.spreadsheetml.sheet"),
    "towns.pptx": _document("towns.pptx", f"{OFFICE}.presentationml.presentation"),
    "towns.odt": _document("towns.odt", "application/vnd.oasis.opendocument.text"),
    "towns.ods": _document("towns.ods", "application/vnd.oasis.opendocument.spreadsheet"),
    "towns.epub": _document("towns.epub", "application/epub+zip"),
    "towns.html": _document("towns.html", "text/html"),
    "towns.csv": _document("towns.csv", "text/csv"),
    "towns.rtf": _document("towns.rtf", "application/rtf"),
    "towns.eml": _document("towns.eml", "message/rfc822"),
    "mail.msg": Kind(lambda: made("mail.msg"), "application/vnd.ms-outlook", FACT, FACT, FACT),
    "towns.py": _document("towns.py", "text/x-python"),
    "towns.ipynb": _document("towns.ipynb", "application/x-ipynb+json"),
    "towns.zip": _document("towns.zip", "application/zip"),
    "photo.png": Kind(_picture("PNG"), "image/png", FACT, AS_IT_IS, AS_IT_IS),
    "photo.jpg": Kind(_picture("JPEG"), "image/jpeg", FACT, AS_IT_IS, AS_IT_IS),
    "photo.gif": Kind(_picture("GIF"), "image/gif", FACT, AS_IT_IS, AS_IT_IS),
    "photo.webp": Kind(_picture("WEBP"), "image/webp", FACT, AS_IT_IS, AS_IT_IS),
    "photo.bmp": Kind(_picture("BMP"), "image/bmp", FACT, PICTURE, PICTURE),
    "photo.avif": Kind(_picture("AVIF"), "image/avif", FACT, PICTURE, PICTURE),
    "photo.heic": Kind(_heic, "image/heic", FACT, PICTURE, PICTURE),
    "scan.tiff": Kind(_tiff, "image/tiff", FACT, PICTURES, PICTURES),
    "note.wav": Kind(tone, "audio/wav", SECOND_12, SECOND_12, AS_IT_IS),
    "note.mp3": Kind(_sound("x.mp3"), "audio/mpeg", SECOND_12, SECOND_12, AS_IT_IS),
    "note.m4a": Kind(_sound("x.m4a"), "audio/mp4", SECOND_12, SECOND_12, WAVE),
    "note.ogg": Kind(_sound("x.ogg", "-c:a", "libopus"), "audio/ogg", SECOND_12, SECOND_12, WAVE),
    "note.flac": Kind(_sound("x.flac"), "audio/flac", SECOND_12, SECOND_12, WAVE),
    "note.webm": Kind(_sound("x.webm"), "audio/webm", SECOND_12, SECOND_12, WAVE),
    "tour.mp4": Kind(_film("x.mp4"), "video/mp4", SECOND_12, PICTURES, AS_IT_IS),
    "tour.mov": Kind(_film("x.mov"), "video/quicktime", SECOND_12, PICTURES, AS_IT_IS),
    "tour.webm": Kind(_film("x.webm"), "video/webm", SECOND_12, PICTURES, AS_IT_IS),
    "tour.mkv": Kind(_film("x.mkv"), "video/x-matroska", SECOND_12, PICTURES, PICTURES),
    "tour.avi": Kind(_film("x.avi"), "video/x-msvideo", SECOND_12, PICTURES, AS_IT_IS),
}
"""By file name."""
MODELS = ("blind", "seeing", "native")


def needs_ffmpeg(name: str) -> bool:
    """Return whether a kind cannot be made, or read, here for want of ffmpeg."""
    return KINDS[name].mime.startswith(("audio/", "video/")) and shutil.which("ffmpeg") is None
