"""Sound and video by ffmpeg: pictures at scene changes, and the sound track as one plain kind of file."""

import re
import subprocess
from pathlib import Path
from typing import Any

from wallas.content.guarded import Tell, Unreadable

QUIET = (
    "ffmpeg",
    "-hide_banner",
    "-nostdin",
    "-loglevel",
    "error",
    "-protocol_whitelist",
    "file,pipe",
    "-threads",
    "2",
)
SCENE = 0.25
SMALL, ALIKE = (96, 54), 1.5
"""The size at which two pictures are compared, and the grey levels by which they differ at least."""
_TIME = re.compile(r"pts_time:(-?[0-9.]+)")
_LENGTH = re.compile(r"Duration: (\d+):(\d\d):(\d\d(?:\.\d+)?)")
_SOUND = re.compile(r"Stream #.*: Audio:")
_PICTURE = re.compile(r"Stream #.*: Video:")


def _probed(name: str) -> tuple[float, bool, bool]:
    """Return how many seconds a file lasts, and whether it has sound and pictures."""
    told = subprocess.run(
        ("ffmpeg", "-hide_banner", "-nostdin", "-protocol_whitelist", "file,pipe", "-i", name),
        capture_output=True,
        check=False,
    ).stderr.decode("utf-8", "replace")
    length = _LENGTH.search(told)
    seconds = int(length[1]) * 3600 + int(length[2]) * 60 + float(length[3]) if length else 0.0
    return seconds, bool(_SOUND.search(told)), bool(_PICTURE.search(told))


def _run(*words: str) -> None:
    done = subprocess.run((*QUIET, *words), capture_output=True, check=False)
    if done.returncode:
        raise Unreadable("it is damaged, or of a kind that ffmpeg does not know", code="broken")


def frames(data: bytes, options: dict[str, Any], tell: Tell) -> tuple[dict[str, Any], list[bytes]]:
    """Return at most ``most`` pictures of a video, at scene changes and at least every so often, and its sound.

    ``stacked``: as one TIFF, for who reads the words in them; pictures like the one before are left out of it.
    """
    Path("in").write_bytes(data)
    seconds, has_sound, has_pictures = _probed("in")
    if not has_pictures and not has_sound:
        raise Unreadable("it has neither pictures nor sound that ffmpeg can decode", code="broken")
    if not has_pictures:
        return {"seconds": seconds, "times": [], "has_sound": True}, [_sound("in")]
    most, long = int(options.get("most", 16)), int(options.get("long", 768))
    every = max(seconds / (most - 1), 0.5) if most > 1 else 1e9
    chosen = (
        f"select='isnan(prev_selected_t)+gte(t-prev_selected_t\\,{every:.3f})"
        f"+gt(scene\\,{SCENE})*gte(t-prev_selected_t\\,{every / 3:.3f})'"
    )
    scaled = f"scale='min({long}\\,iw)':'min({long}\\,ih)':force_original_aspect_ratio=decrease"
    filters = f"{chosen},metadata=print:file=times,{scaled}"
    count = most + most // 2
    _run("-i", "in", "-an", "-vf", filters, "-fps_mode", "vfr", "-frames:v", str(count), "-q:v", "4", "f%04d.jpg")
    pictures = [path.read_bytes() for path in sorted(Path().glob("f*.jpg"))]
    times = [max(float(found), 0.0) for found in _TIME.findall(Path("times").read_text())][: len(pictures)]
    if options.get("stacked") and pictures:
        kept, stack = _stacked(pictures)
        times, pictures = [times[number] for number in kept], [stack]
    tell({"frames": len(times)})
    sound = _sound("in") if has_sound and options.get("sound", True) else b""
    value = {"seconds": seconds, "times": times, "has_sound": bool(sound)}
    return value, [*pictures, *([sound] if sound else [])]


def _stacked(pictures: list[bytes]) -> tuple[list[int], bytes]:
    """Return which pictures differ from the one before, by their numbers, and these as one TIFF."""
    import io

    from PIL import Image, ImageChops, ImageStat

    kept: list[int] = []
    frames: list[Any] = []
    last: Any = None
    for number, data in enumerate(pictures):
        frame = Image.open(io.BytesIO(data)).convert("RGB")
        small = frame.convert("L").resize(SMALL)
        if last is None or ImageStat.Stat(ImageChops.difference(small, last)).rms[0] > ALIKE:
            kept.append(number)
            frames.append(frame)
            last = small
    out = io.BytesIO()
    frames[0].save(out, "TIFF", save_all=True, append_images=frames[1:])
    return kept, out.getvalue()


def wav(data: bytes, options: dict[str, Any], tell: Tell) -> tuple[dict[str, Any], list[bytes]]:
    """Return the sound of a file as WAV, 16 kHz, one channel."""
    Path("in").write_bytes(data)
    seconds, has_sound, _ = _probed("in")
    if not has_sound:
        raise Unreadable("it has no sound that ffmpeg can decode", code="broken")
    return {"seconds": seconds}, [_sound("in")]


def _sound(name: str) -> bytes:
    _run("-i", name, "-vn", "-ac", "1", "-ar", "16000", "-c:a", "pcm_s16le", "sound.wav")
    return Path("sound.wav").read_bytes()
