"""Videos and sounds for models that do not take them: pictures with their times, what is said, another kind of file."""

import shutil
from base64 import b64encode
from typing import Any

from wallas.content.contents import Contents, Form, Item
from wallas.content.forms import FILM_LIMITS, READERS, clock, quoted, worded
from wallas.content.guarded import Result, Unreadable, run
from wallas.content.opening import require
from wallas.content.works import Job
from wallas.types.chat import Media, Part, Text

FRAMES = 16
TOLD_FRAMES = 8
"""Of a video whose pictures have to be read one by one for a model that does not see."""


def require_ffmpeg() -> None:
    """Raise Unreadable, naming what to install, unless ffmpeg is here."""
    if shutil.which("ffmpeg") is None:
        raise Unreadable(
            "reading sound and video needs ffmpeg, which is not installed: apt install ffmpeg", code="missing_extra"
        )


def _taken_apart(contents: Contents, item: Item, job: Job, **options: Any) -> tuple[Result, bytes]:
    """Return a video's pictures with their times, and its sound, empty where it has none."""
    require_ffmpeg()
    with contents.works.children:
        result = run(
            f"{READERS}.film:frames",
            contents.bring(item),
            options,
            limits=FILM_LIMITS,
            tell=job.tell,
            wanted=job.wanted,
        )
    return result, result.blobs.pop() if result.value["has_sound"] else b""


def frames(contents: Contents, item: Item, job: Job) -> Form:
    """Return a video as pictures, each with its time, and what is said in it."""
    result, sound = _taken_apart(contents, item, job, most=FRAMES)
    said, warnings, by = _said(contents, sound, job)
    if not result.blobs:
        return worded(item, *_sound_alone(result, said, warnings, by))
    parts: list[Part] = [quoted(item, f"A video of {result.value['seconds']:.1f} seconds, as pictures. {said}")]
    for time, blob in zip(result.value["times"], result.blobs, strict=False):
        parts.append(Text(text=f"[Picture at {clock(time)} ({time:.1f} s)]"))
        parts.append(Media(kind="image", mime="image/jpeg", data=b64encode(blob).decode()))
    return Form(tuple(parts), f"ffmpeg, {len(result.blobs)} pictures{by}", warnings)


def told(contents: Contents, item: Item, job: Job) -> Form:
    """Return in words what a video shows and what is said in it; the same film is taken apart once."""
    key = ("told", item.hash)
    known: tuple[str, str, tuple[str, ...]] | None = contents.works.known(key)
    if known is None:
        known = _told(contents, item, job)
        contents.works.keep(key, known, size=200 + 2 * len(known[0]))
    return worded(item, *known)


def _told(contents: Contents, item: Item, job: Job) -> tuple[str, str, tuple[str, ...]]:
    """Return a video in words, what made them, and what was lost."""
    require("PIL", what="reading the words in a video's pictures")
    result, sound = _taken_apart(contents, item, job, most=TOLD_FRAMES, stacked=True)
    said, warnings, by = _said(contents, sound, job)
    if not result.blobs:
        return _sound_alone(result, said, warnings, by)
    lines = []
    last = ""
    for number, words in _words(contents, result.blobs[0], job):
        if words != last:
            lines.append(f"[{clock(result.value['times'][number - 1])}] {words}")
            last = words
    if not lines and not (sound and not warnings):
        raise Unreadable(
            "nobody here can see a video, there are no words in its pictures, and nothing said was written down"
        )
    seen = "Words in its pictures, with their times:\n" + "\n".join(lines) if lines else "No words are in its pictures."
    text = f"A video of {result.value['seconds']:.1f} seconds. {said}\n\n{seen}"
    lost = "only the words in its pictures were taken, not what they show"
    return text, f"ffmpeg, ocr of {len(result.value['times'])} pictures{by}", (*warnings, lost)


def _sound_alone(result: Result, said: str, warnings: tuple[str, ...], by: str) -> tuple[str, str, tuple[str, ...]]:
    """Return in words what is called a video and has no pictures; raise Unreadable where nobody wrote it down."""
    if warnings:
        raise Unreadable(f"it is a video without pictures, and {warnings[0]}")
    return f"A recording of {result.value['seconds']:.1f} seconds. {said}", f"ffmpeg{by}", ()


def _said(contents: Contents, sound: bytes, job: Job) -> tuple[str, tuple[str, ...], str]:
    """Return the words of a sound track, what was lost, and what the converter's name says of it."""
    if not sound:
        return "It has no sound.", (), ""
    heard = contents.hooks.transcribe
    if heard is None:
        return "It has sound, which was not written down.", ("its sound was left out: nobody here transcribes",), ""
    try:
        transcript = heard(sound, mime="audio/wav", name="sound.wav", caller=contents.caller(job))
    except Unreadable as error:
        return "It has sound, which was not written down.", (f"its sound was left out: {error.message}",), ""
    lines = [f"[{clock(start)}] {words.strip()}" for start, _, words in transcript.segments] or [
        transcript.text.strip()
    ]
    return "What is said in it:\n" + "\n".join(lines), (), " and a transcript"


def _words(contents: Contents, pictures: bytes, job: Job) -> list[tuple[int, str]]:
    """Return the words in a video's pictures, by their numbers from 1."""
    read_pages = contents.hooks.read_pages
    if read_pages is None:
        return []
    try:
        read = read_pages(pictures, mime="image/tiff", language=contents.spoken, caller=contents.caller(job))
    except Unreadable as error:
        if error.code == "cancelled":
            raise
        return []
    return [(page.page, " ".join(page.text.split())) for page in read if page.text.strip()]


def as_wav(contents: Contents, item: Item, job: Job) -> Form:
    """Return a sound as WAV, which all models that hear take."""
    require_ffmpeg()
    with contents.works.children:
        result = run(f"{READERS}.film:wav", contents.bring(item), limits=FILM_LIMITS, wanted=job.wanted)
    media = item.filled(kind="audio", mime="audio/wav", data=b64encode(result.blobs[0]).decode())
    return Form((media,), "ffmpeg, wav")
