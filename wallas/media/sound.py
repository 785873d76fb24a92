"""Turns sound into sound: any format into samples, samples into the format a client wants, by ffmpeg where it must."""

import queue
import subprocess
import threading
from contextlib import suppress
from typing import NamedTuple

from wallas.media import pcm, programs
from wallas.media.kinds import sniff

MOST_SECONDS = 4 * 3600
PROBLEM_CHARS = 200


class Format(NamedTuple):
    """A format: its media type, and what tells ffmpeg to write it (nothing: we write it ourselves)."""

    mime: str
    options: tuple[str, ...] = ()


FORMATS: dict[str, Format] = {
    "mp3": Format("audio/mpeg", ("-c:a", "libmp3lame", "-b:a", "64k", "-write_xing", "0", "-f", "mp3")),
    "opus": Format("audio/ogg", ("-c:a", "libopus", "-b:a", "32k", "-f", "ogg")),
    "aac": Format("audio/aac", ("-c:a", "aac", "-b:a", "64k", "-f", "adts")),
    "flac": Format("audio/flac", ("-c:a", "flac", "-f", "flac")),
    "wav": Format("audio/wav"),
    "pcm": Format("audio/pcm"),
}
SAMPLES = ("-f", "s16le", "-ar", str(pcm.RATE), "-ac", "1")
SPOKEN = ("-vn", "-ar", "16000", "-ac", "1", "-c:a", "flac", "-f", "flac")
"""What speech is read in: everything whisper hears, at a tenth of the bytes."""


class Unplayable(programs.ProgramFailed):
    """These bytes are no sound that can be read."""


def samples(data: bytes, *, rate: int | None = None, tempo: float = 1.0, seconds: float = 60.0) -> bytes:
    """Return sound of any format as samples (``pcm``); ``rate`` says that it is bare samples of so many a second.

    ``tempo`` makes it faster or slower at the same pitch, which takes ffmpeg. Raises Unplayable.
    """
    wave = pcm.Wave(rate, 1, data) if rate is not None else pcm.read_wave(data)
    if wave is not None and tempo == 1.0:
        return pcm.mono(wave)
    given = ("-f", "s16le", "-ar", str(rate), "-ac", "1") if rate is not None else ()
    faster = ("-af", ",".join(f"atempo={step:g}" for step in steps(tempo))) if tempo != 1.0 else ()
    return convert(data, (*faster, *SAMPLES), given=given, seconds=seconds)


def steps(tempo: float) -> list[float]:
    """Return factors that ffmpeg takes (0.5 to 2 each) whose product is ``tempo``."""
    found: list[float] = []
    while not 0.5 <= tempo <= 2.0:
        step = 2.0 if tempo > 2.0 else 0.5
        found.append(step)
        tempo /= step
    return [*found, round(tempo, 4)]


def convert(
    data: bytes, options: tuple[str, ...], *, given: tuple[str, ...] = (), seconds: float = 60.0, quiet: bool = True
) -> bytes:
    """Return what ffmpeg makes of sound or film with these options; raise Unplayable, or Missing without ffmpeg."""
    ffmpeg = programs.required("ffmpeg", "turning one sound format into another")
    level = "error" if quiet else "info"
    common = ("-hide_banner", "-nostdin", "-loglevel", level, "-protocol_whitelist", "pipe,fd")
    target = ("-t", str(MOST_SECONDS), *options, "pipe:1")
    try:
        return programs.run([ffmpeg, *common, *given, "-i", "pipe:0", *target], data, seconds=seconds, quiet=quiet)
    except programs.ProgramFailed as error:
        raise Unplayable(str(error)[-PROBLEM_CHARS:]) from error


def encoded(data: bytes, form: str) -> bytes:
    """Return samples in a format, whole."""
    if form == "pcm":
        return data
    if form == "wav":
        return pcm.wave_header(len(data)) + data
    return convert(data, FORMATS[form].options, given=SAMPLES, seconds=120.0)


def is_format(data: bytes, form: str) -> bool:
    """Return whether bytes are sound of this format already."""
    return form != "pcm" and sniff(data[:64]) == FORMATS[form].mime and not (form == "wav" and _unfinished(data))


def _unfinished(data: bytes) -> bool:
    wave = pcm.read_wave(data)
    return wave is None or int.from_bytes(data[4:8], "little") not in (len(data) - 8, len(data) - 7)


class Encoder:
    """Writes samples in a format as they come; ``close`` it at the end, whatever happened."""

    def __init__(self, form: str) -> None:
        """Write this format; raise Missing where it takes ffmpeg and there is none."""
        self.form = form
        self.begun = False
        self.child: subprocess.Popen[bytes] | None = None
        self.out: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        options = FORMATS[form].options
        if options:
            ffmpeg = programs.required("ffmpeg", f"writing {form}")
            quiet = ("-hide_banner", "-nostdin", "-loglevel", "error")
            self.child = programs.start(
                [ffmpeg, *quiet, *SAMPLES, "-i", "pipe:0", *options, "-flush_packets", "1", "pipe:1"]
            )
            self.reader = threading.Thread(target=self._read, daemon=True)
            self.reader.start()

    def feed(self, data: bytes) -> bytes:
        """Return what can be sent after these samples, perhaps nothing yet."""
        if self.child is None:
            head = pcm.wave_header() if self.form == "wav" and not self.begun else b""
            self.begun = True
            return head + data
        assert self.child.stdin is not None
        with suppress(BrokenPipeError):  # what went wrong is told by finish
            self.child.stdin.write(data)
            self.child.stdin.flush()
        return self._ready()

    def finish(self) -> bytes:
        """Return what is left; raise ProgramFailed when it could not be written."""
        if self.child is None:
            return b"" if self.begun else self.feed(b"")
        assert self.child.stdin is not None and self.child.stderr is not None
        with suppress(BrokenPipeError):
            self.child.stdin.close()
        self.reader.join(60.0)
        if self.child.wait(10.0) != 0:
            raise programs.ProgramFailed(self.child.stderr.read()[-PROBLEM_CHARS:].decode("utf-8", "replace"))
        return self._ready()

    def close(self) -> None:
        """End what still runs."""
        if self.child is not None:
            programs.end(self.child)

    def _ready(self) -> bytes:
        pieces = []
        with suppress(queue.Empty):
            while True:
                pieces.append(self.out.get_nowait())
        return b"".join(pieces)

    def _read(self) -> None:
        assert self.child is not None and self.child.stdout is not None
        with suppress(OSError, ValueError):
            while data := self.child.stdout.read1(65536):  # type: ignore[attr-defined]
                self.out.put(data)
