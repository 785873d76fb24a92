"""Runs what reads strangers' files in a child process with limits of memory, time, files and network.

A file may be a bomb, or made to break the library that reads it. So no file is parsed in the worker's own process:
a child is started for each, it limits itself before it reads a byte, and it is killed with all that it started when
its time is over. A task is a function named ``module:function`` that takes ``(data, options, tell)``; it runs in the
child, where nothing of the gateway is known: no settings, no keys, no network.
"""

import contextlib
import json
import logging
import os
import select
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from wallas.errors import WallasError

log = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parent.parent.parent
MEGABYTE = 1024 * 1024
START = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from wallas.content.child import main; main()"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
FRAME = struct.Struct(">cI")
"""What goes before each thing that a child says: its kind, and how many bytes follow."""
TOLD, BLOB, RESULT, FAILED = b"T", b"B", b"R", b"E"
SLICE = 0.1
"""Seconds after which a waiting caller looks whether it still wants the answer."""


class Limits(NamedTuple):
    """What one child may use: seconds on the clock and of computing, bytes of memory, of a file, of its answer."""

    seconds: float = 60.0
    cpu: int = 60
    memory: int = 1024 * MEGABYTE
    file: int = 256 * MEGABYTE
    answer: int = 128 * MEGABYTE


LIMITS = Limits()


class Unreadable(WallasError):
    """A file cannot be read; the text says why, in words for whoever sent it. ``code`` is one word for programs."""

    def __init__(self, message: str, *, code: str = "unreadable") -> None:
        """Say why."""
        super().__init__(message)
        self.message = message
        self.code = code


class Result(NamedTuple):
    """What a task returned: a value of JSON's kind, and bytes beside it."""

    value: Any
    blobs: list[bytes]


Tell = Callable[[dict[str, Any]], None]


def run(
    task: str,
    data: bytes,
    options: Mapping[str, Any] | None = None,
    *,
    limits: Limits = LIMITS,
    tell: Tell | None = None,
    wanted: Callable[[], bool] = lambda: True,
    environ: Mapping[str, str] | None = None,
) -> Result:
    """Return what a task makes of some bytes, in a child process; raise Unreadable. Blocks.

    ``tell`` gets what the task says of its progress. When ``wanted`` turns false the child is killed.
    """
    with _memory(data) as given, tempfile.TemporaryDirectory(prefix="wallas-") as folder:
        said = json.dumps({"task": task, "options": dict(options or {}), "limits": limits._asdict()})
        child = subprocess.Popen(
            [sys.executable, "-I", "-c", START, said],
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env={"PATH": PATH, "LANG": "C.UTF-8", "HOME": folder, "TMPDIR": folder} | dict(environ or {}),
            start_new_session=True,
        )
        try:
            return _Conversation(child, limits, tell, wanted).result()
        finally:
            _end(child)


def _memory(data: bytes) -> Any:
    """Return a file that holds the data and has no name."""
    if hasattr(os, "memfd_create"):
        file = os.fdopen(os.memfd_create("wallas", os.MFD_CLOEXEC), "w+b")
    else:
        file = tempfile.TemporaryFile()  # noqa: SIM115
    file.write(data)
    file.seek(0)
    return file


def _end(child: "subprocess.Popen[bytes]") -> None:
    """Kill a child and whatever it started, and take note of its end."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    for pipe in (child.stdout, child.stderr):
        if pipe is not None:
            pipe.close()


class _Conversation:
    """What a child says until its result."""

    def __init__(
        self, child: "subprocess.Popen[bytes]", limits: Limits, tell: Tell | None, wanted: Callable[[], bool]
    ) -> None:
        self.child = child
        self.limits = limits
        self.tell = tell
        self.wanted = wanted
        self.buffer = bytearray()
        self.blobs: list[bytes] = []
        self.size = 0
        self.noise = b""

    def result(self) -> Result:
        """Return what the child returns; raise Unreadable for its failure, its death and its time's end."""
        assert self.child.stdout is not None and self.child.stderr is not None
        out, noise = self.child.stdout.fileno(), self.child.stderr.fileno()
        poll = select.poll()
        poll.register(out, select.POLLIN)
        poll.register(noise, select.POLLIN)
        until = time.monotonic() + self.limits.seconds
        while True:
            left = until - time.monotonic()
            if left <= 0:
                raise Unreadable(f"reading it took longer than {self.limits.seconds:g} s", code="too_slow")
            if not self.wanted():
                raise Unreadable("nobody wants it any more", code="cancelled")
            for descriptor, _ in poll.poll(1000 * min(left, SLICE)):
                data = os.read(descriptor, 1 << 20)
                if descriptor == noise:
                    self.noise = (self.noise + data)[-2000:]
                    if not data:
                        poll.unregister(noise)
                elif not data:
                    raise self._death()
                elif (found := self._feed(data)) is not None:
                    return found

    def _feed(self, data: bytes) -> Result | None:
        self.size += len(data)
        if self.size > self.limits.answer:
            raise Unreadable(f"it grows to more than {self.limits.answer // MEGABYTE} MB", code="too_large")
        self.buffer += data
        while len(self.buffer) >= FRAME.size:
            kind, length = FRAME.unpack_from(self.buffer)
            if len(self.buffer) < FRAME.size + length:
                return None
            content = bytes(self.buffer[FRAME.size : FRAME.size + length])
            del self.buffer[: FRAME.size + length]
            match kind:
                case b"B":
                    self.blobs.append(content)
                case b"T":
                    if self.tell is not None:
                        self.tell(json.loads(content))
                case b"R":
                    return Result(json.loads(content), self.blobs)
                case _:
                    failure = json.loads(content)
                    raise Unreadable(failure["message"], code=failure["code"])
        return None

    def _death(self) -> Unreadable:
        code = self.child.wait()
        log.warning("a child that read a file ended with %s: %s", code, self.noise.decode("utf-8", "replace")[-500:])
        if code in (-signal.SIGXCPU, -signal.SIGKILL):
            return Unreadable(f"reading it took more than {self.limits.cpu} s of computing", code="too_slow")
        return Unreadable("the program that reads such files broke on it", code="broken")
