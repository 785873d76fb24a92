"""Word and PowerPoint files from before 2007 (doc, ppt), by LibreOffice, else by antiword or catdoc."""

import importlib
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wallas.content.guarded import Tell, Unreadable
from wallas.content.readers.markdown import reading

NEWER = {"doc": ("docx", "wallas.content.readers.word"), "ppt": ("pptx", "wallas.content.readers.slides")}
"""What LibreOffice saves a file as, and who reads that."""
PLAIN: dict[str, tuple[tuple[str, ...], ...]] = {
    "doc": (("antiword", "-m", "UTF-8.txt", "-w", "0"), ("catdoc", "-d", "utf-8", "-w")),
    "ppt": (("catppt", "-d", "utf-8"),),
}
"""Programs that tell a file's words and no more, with what they are called with."""
INSTALL = {
    "doc": "apt-get install libreoffice-writer, or antiword",
    "ppt": "apt-get install libreoffice-impress, or catdoc",
}
SECONDS = 50.0


def read(data: bytes, options: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """Return an old Office file as Markdown; raise Unreadable where no program for it is here, or none can."""
    word = options["word"]
    path = Path(f"in.{word}")
    path.write_bytes(data)
    tried = 0
    for find in (_by_office, _by_words):
        for read_one in find(word):
            tried += 1
            if (found := read_one(path, options, tell)) is not None:
                return found
    if tried:
        raise Unreadable("it is damaged, or protected by a password: no program here can read it", code="broken")
    told = f"reading such a file from before 2007 needs a program that is not installed: {INSTALL[word]}"
    raise Unreadable(f"{told}; or save it as .{NEWER[word][0]}", code="missing_extra")


Attempt = Callable[[Path, dict[str, Any], Tell], dict[str, Any] | None]


def _by_office(word: str) -> list[Attempt]:
    """Return the way by LibreOffice, whose result is read like any file of its newer kind."""
    office = shutil.which("soffice")
    if office is None:
        return []
    kind, module = NEWER[word]

    def read_one(path: Path, options: dict[str, Any], tell: Tell) -> dict[str, Any] | None:
        profile = f"-env:UserInstallation=file://{Path.cwd()}/profile"
        words = [office, profile, "--headless", "--norestore", "--convert-to", kind, "--outdir", "out", str(path)]
        _said(words)
        made = Path("out") / f"{path.stem}.{kind}"
        if not made.exists():
            return None
        value: dict[str, Any] = importlib.import_module(module).read(made.read_bytes(), options, tell)
        return value | {"converter": f"LibreOffice, {value['converter']}"}

    return [read_one]


def _by_words(word: str) -> list[Attempt]:
    """Return the ways by programs that tell the words alone."""

    def way(words: tuple[str, ...]) -> Attempt:
        def read_one(path: Path, options: dict[str, Any], tell: Tell) -> dict[str, Any] | None:
            said = _said([*words, str(path)])
            if said is None or not said.strip():
                return None
            text = said.decode("utf-8", "replace").replace("\f", "\n\n")
            return reading(text, converter=words[0], warnings=["only its words were taken: no headings, no pictures"])

        return read_one

    return [way(words) for words in PLAIN[word] if shutil.which(words[0]) is not None]


def _said(words: list[str]) -> bytes | None:
    """Return what a program says, None where it fails."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(Path.cwd()), "LANG": "C.UTF-8"}
    try:
        done = subprocess.run(words, capture_output=True, check=False, timeout=SECONDS, env=environ)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
