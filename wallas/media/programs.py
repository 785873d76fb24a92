"""Runs programs of this machine: bytes in, bytes out, in a session of its own that is killed when time is over."""

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from wallas.errors import GatewayError, WallasError

MEGABYTE = 1024 * 1024
LOOK_SECONDS = 0.5
"""Between two looks whether a program's answer is still wanted."""
PACKAGES = {"ffmpeg": "ffmpeg", "ffprobe": "ffmpeg", "espeak-ng": "espeak-ng"}
"""Which Debian package has a program."""


class ProgramFailed(WallasError):
    """A program ended badly, or not in time; the text is the end of what it said."""


class Missing(GatewayError):
    """A program or package that a request needs is not installed here; the text names what to install."""

    status = 501
    code = "not_installed"


def found(program: str) -> bool:
    """Return whether a program is installed."""
    return shutil.which(program) is not None


def required(program: str, purpose: str) -> str:
    """Return a program's path; raise Missing that says for what it is wanted and how it is installed."""
    path = shutil.which(program)
    if path is None:
        package = PACKAGES.get(program, program)
        raise Missing(f"{program} is not installed here, and {purpose} needs it: apt-get install {package}")
    return path


def run(
    arguments: Sequence[str | Path],
    data: bytes = b"",
    *,
    seconds: float = 60.0,
    memory: int = 1024 * MEGABYTE,
    quiet: bool = True,
    wanted: Callable[[], bool] = lambda: True,
) -> bytes:
    """Return a program's standard output (with ``quiet`` False its messages); raise ProgramFailed.

    It may use ``memory`` bytes and ``seconds``; whatever it started ends with it, and when ``wanted`` turns false.
    """
    child = start(arguments, memory=memory)
    try:
        out, said = _talked(child, data, until=time.monotonic() + seconds, wanted=wanted)
    except subprocess.TimeoutExpired as error:
        what = f"took longer than {seconds:g} s" if wanted() else "is wanted by nobody any more"
        raise ProgramFailed(f"{Path(arguments[0]).name} {what}") from error
    finally:
        end(child)
    if child.returncode != 0:
        raise ProgramFailed(said[-500:].decode("utf-8", "replace").strip() or f"ended with {child.returncode}")
    return out if quiet else said


def _talked(
    child: "subprocess.Popen[bytes]", data: bytes, *, until: float, wanted: Callable[[], bool]
) -> tuple[bytes, bytes]:
    """Return what a program says on both pipes; raise TimeoutExpired when time is over, or nobody wants it."""
    pipe, child.stdin = child.stdin, None  # ``communicate`` cannot go on with an input after a timeout
    threading.Thread(target=_feed, args=(pipe, data), name="wallas-program", daemon=True).start()
    while True:
        try:
            return child.communicate(timeout=max(min(until - time.monotonic(), LOOK_SECONDS), 0.0))
        except subprocess.TimeoutExpired:
            if time.monotonic() >= until or not wanted():
                raise


def _feed(pipe: Any, data: bytes) -> None:
    """Write a program's input, as far as it is taken."""
    with suppress(OSError, ValueError), pipe:
        pipe.write(data)


def start(arguments: Sequence[str | Path], *, memory: int = 1024 * MEGABYTE) -> "subprocess.Popen[bytes]":
    """Start a program with pipes to it and from it; ``end`` must follow."""
    child = subprocess.Popen(
        [str(one) for one in arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", "HOME": "/nonexistent"},
        start_new_session=True,
    )
    _bound(child.pid, memory)
    return child


def end(child: "subprocess.Popen[bytes]") -> None:
    """Kill a program and whatever it started, and take note of its end."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    for pipe in (child.stdin, child.stdout, child.stderr):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()


def _bound(pid: int, memory: int) -> None:
    import resource

    if hasattr(resource, "prlimit"):
        with suppress(ProcessLookupError, PermissionError, ValueError):
            resource.prlimit(pid, resource.RLIMIT_AS, (memory, memory))
            resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
