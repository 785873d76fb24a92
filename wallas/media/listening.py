"""Makes sound ready to be transcribed: what providers take as it is, the rest as FLAC, long ones cut at silences."""

import re
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from wallas.media import programs
from wallas.media.kinds import sniff

TAKEN = {
    "audio/mpeg": "mp3",
    "audio/wav": "wav",
    "audio/flac": "flac",
    "audio/ogg": "ogg",
    "audio/mp4": "m4a",
    "audio/webm": "webm",
}
"""What every provider takes, with its name's usual ending."""
MOST_BYTES = 19 * 1024 * 1024
"""Groq's free tier takes 25 MB, Gemini 20 in a whole request."""
PIECE_SECONDS = 600.0
LOOK_BACK = 120.0
"""A cut may come so much earlier than a piece's full length, for the sake of a silence."""
SILENCE = "silencedetect=noise=-35dB:d=0.4"
SPOKEN = ("-vn", "-sn", "-dn", "-ar", "16000", "-ac", "1", "-c:a", "flac", "-f", "flac")
DECODE_SECONDS = 300.0
MOST_HOURS = 12
_SILENCE = re.compile(rb"silence_(start|end): (-?\d+(?:\.\d+)?)")
_LENGTH = re.compile(rb"Duration: (\d+):(\d+):(\d+(?:\.\d+)?)")
_TIME = re.compile(rb"time=(\d+):(\d+):(\d+(?:\.\d+)?)")


class Piece(NamedTuple):
    """Some sound to be transcribed, and at which second of the whole it begins; ``seconds`` is None if not known."""

    data: bytes
    mime: str
    name: str
    at: float = 0.0
    seconds: float | None = None


class Unhearable(programs.ProgramFailed):
    """These bytes are no sound or film that can be read."""


def pieces(data: bytes) -> Iterator[Piece]:
    """Yield sound in pieces that any provider takes; raise Unhearable, or Missing where it takes ffmpeg."""
    mime = sniff(data[:64])
    if mime in TAKEN and len(data) <= MOST_BYTES:
        yield Piece(data, mime, f"audio.{TAKEN[mime]}")
        return
    programs.required("ffmpeg", "a recording of this kind or length")
    with tempfile.TemporaryDirectory(prefix="wallas-") as folder:
        path = Path(folder) / "sound"
        path.write_bytes(data)
        length, silences = heard(path)
        cuts = cut_points(length, silences)
        for start, end in zip([0.0, *cuts], [*cuts, None], strict=True):
            seconds = None if end is None else end - start
            window = ["-ss", f"{start:.3f}"] + ([] if seconds is None else ["-t", f"{seconds:.3f}"])
            made = _ffmpeg(path, [*SPOKEN, "pipe:1"], before=window)
            yield Piece(made, "audio/flac", "audio.flac", start, (end or length) - start)


def heard(path: Path) -> tuple[float, list[float]]:
    """Return how long a file sounds and the middles of its silences, in seconds."""
    said = _ffmpeg(path, ["-vn", "-af", SILENCE, "-f", "null", "-"], messages=True)
    times = _TIME.findall(said) or _LENGTH.findall(said)
    length = max((int(h) * 3600 + int(m) * 60 + float(s) for h, m, s in times), default=0.0)
    if length > MOST_HOURS * 3600:
        raise Unhearable(f"more than {MOST_HOURS} hours of sound")
    marks = [(kind, float(at)) for kind, at in _SILENCE.findall(said)]
    middles = [
        (start + end) / 2 for (first, start), (second, end) in pairwise(marks) if (first, second) == (b"start", b"end")
    ]
    return length, middles


def cut_points(length: float, silences: list[float]) -> list[float]:
    """Return where to cut: at the last silence before a piece is full, else where it is."""
    cuts: list[float] = []
    at = 0.0
    while length - at > PIECE_SECONDS:
        full = at + PIECE_SECONDS
        quiet = [place for place in silences if full - LOOK_BACK <= place <= full]
        at = quiet[-1] if quiet else full
        cuts.append(at)
    return cuts


def _ffmpeg(path: Path, options: list[str], *, before: list[str] | None = None, messages: bool = False) -> bytes:
    level = "info" if messages else "error"
    common = ["ffmpeg", "-hide_banner", "-nostdin", "-loglevel", level, "-protocol_whitelist", "file,pipe,fd"]
    try:
        return programs.run(
            [*common, *(before or []), "-i", path, *options], seconds=DECODE_SECONDS, quiet=not messages
        )
    except programs.ProgramFailed as error:
        raise Unhearable(str(error)[-200:]) from error
