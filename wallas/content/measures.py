"""How large a picture is and how long a sound lasts, by a few bytes of their heads; nothing is decoded."""

import struct
from collections.abc import Callable, Iterator

JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
MP3_RATES = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0)
MP3_RATES_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0)
"""Kilobits a second by the number in an MPEG audio frame's head: version 1 layer III, and versions 2 and 2.5."""
BOXES = frozenset({b"moov", b"meta", b"iprp", b"ipco"})


def pixels(data: bytes, word: str) -> tuple[int, int] | None:
    """Return a picture's width and height; None when its head does not tell."""
    read = SIZES.get(word)
    try:
        return read(data) if read is not None else None
    except (struct.error, IndexError):
        return None


def _png(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _gif(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from("<HH", data, 6)
    return width, height


def frames(data: bytes) -> int | None:
    """Return how many pictures a GIF has; None where it breaks off."""
    try:
        at = 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)
        count = 0
        while data[at] != 0x3B:
            if data[at] == 0x2C:
                count += 1
                at += 11 + (3 << (data[at + 9] & 7) + 1 if data[at + 9] & 0x80 else 0)
            else:
                at += 2
            while data[at]:
                at += 1 + data[at]
            at += 1
        return count
    except IndexError:
        return None


def _bmp(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from("<ii", data, 18)
    return abs(width), abs(height)


def _jpeg(data: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 < len(data):
        if data[at] != 0xFF:
            at += 1
            continue
        marker = data[at + 1]
        if marker in JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        at += 2 if marker == 0xFF or 0xD0 <= marker <= 0xD9 else 2 + int(struct.unpack_from(">H", data, at + 2)[0])
    return None


def _webp(data: bytes) -> tuple[int, int] | None:
    match data[12:16]:
        case b"VP8X":
            return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
        case b"VP8L":
            bits = int.from_bytes(data[21:25], "little")
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8 ":
            width, height = struct.unpack_from("<HH", data, 26)
            return width & 0x3FFF, height & 0x3FFF
        case _:
            return None


def _tiff(data: bytes) -> tuple[int, int] | None:
    order = "<" if data[:2] == b"II" else ">"
    (at,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, at)
    found = {}
    for number in range(min(count, 100)):
        tag, kind, _ = struct.unpack_from(f"{order}HHI", data, at + 2 + 12 * number)
        form = "H" if kind == 3 else "I"
        found[tag] = struct.unpack_from(f"{order}{form}", data, at + 10 + 12 * number)[0]
    return (found[256], found[257]) if 256 in found and 257 in found else None


def _heif(data: bytes) -> tuple[int, int] | None:
    at = data.find(b"ispe", 0, 65536)
    best = None
    while at > 0:
        width, height = struct.unpack_from(">II", data, at + 8)
        if best is None or width * height > best[0] * best[1]:
            best = width, height
        at = data.find(b"ispe", at + 4, 65536)
    return best


SIZES: dict[str, Callable[[bytes], tuple[int, int] | None]] = {
    "png": _png, "gif": _gif, "jpeg": _jpeg, "webp": _webp, "bmp": _bmp, "tiff": _tiff, "heic": _heif, "heif": _heif,
    "avif": _heif,
}  # fmt: skip


def seconds(data: bytes, word: str) -> float | None:
    """Return how long a sound or a video lasts; None when its head does not tell."""
    read = LENGTHS.get(word)
    try:
        found = read(data) if read is not None else None
    except (struct.error, IndexError, ZeroDivisionError):
        return None
    return found if found is None or 0 <= found < 1_000_000 else None


def _wav(data: bytes) -> float | None:
    at, rate = 12, 0
    while at + 8 <= len(data):
        (size,) = struct.unpack_from("<I", data, at + 4)
        if data[at : at + 4] == b"fmt ":
            (rate,) = struct.unpack_from("<I", data, at + 16)
        elif data[at : at + 4] == b"data" and rate:
            return float(min(size, len(data) - at - 8) / rate)
        at += 8 + size + size % 2
    return None


def _mp3(data: bytes) -> float | None:
    at = 0
    if data[:3] == b"ID3":
        at = 10 + (data[6] << 21 | data[7] << 14 | data[8] << 7 | data[9])
    while at + 4 < len(data) and not (data[at] == 0xFF and data[at + 1] & 0xE0 == 0xE0):
        at += 1
    rates = MP3_RATES if data[at + 1] & 0x18 == 0x18 else MP3_RATES_2
    rate = rates[data[at + 2] >> 4]
    return (len(data) - at) * 8 / (rate * 1000) if rate else None


def _flac(data: bytes) -> float | None:
    bits = int.from_bytes(data[18:26], "big")
    rate, samples = bits >> 44, bits & ((1 << 36) - 1)
    return samples / rate


def _ogg(data: bytes) -> float | None:
    last = data.rfind(b"OggS")
    (samples,) = struct.unpack_from("<q", data, last + 6)
    head = data.find(b"\x01vorbis", 0, 200)
    rate = struct.unpack_from("<I", data, head + 12)[0] if head > 0 else 48000
    return float(max(samples, 0) / rate) if b"OpusHead" in data[:200] or head > 0 else None


def _mp4(data: bytes) -> float | None:
    for kind, start, _ in boxes(data, 0, len(data)):
        if kind == b"mvhd":
            wide = data[start] == 1
            scale, length = struct.unpack_from(">IQ" if wide else ">II", data, start + (20 if wide else 12))
            return float(length / scale)
    return None


def boxes(data: bytes, at: int, end: int, depth: int = 0) -> Iterator[tuple[bytes, int, int]]:
    """Yield the boxes of an ISO media file: their type, and where their content begins and ends."""
    while at + 8 <= end and depth < 8:
        size, kind = struct.unpack_from(">I4s", data, at)
        start = at + 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, at + 8)
            start += 8
        last = end if size == 0 else at + size
        if last <= at or start > last:
            return
        yield kind, start, min(last, end)
        if kind in BOXES:
            yield from boxes(data, start, min(last, end), depth + 1)
        at = last


LENGTHS: dict[str, Callable[[bytes], float | None]] = {
    "wav": _wav, "mp3": _mp3, "flac": _flac, "ogg": _ogg, "m4a": _mp4, "mp4": _mp4, "mov": _mp4,
}  # fmt: skip
