"""What runs in a guarded child: limits first, then one task, then its result on the standard output."""

import importlib
import json
import os
import resource
import sys
from collections.abc import Mapping
from typing import Any

from wallas.content.guarded import BLOB, FAILED, FRAME, RESULT, TOLD, Unreadable

NEW_USER, NEW_NET = 0x10000000, 0x40000000
DEATH_SIGNAL, NO_NEW_PRIVILEGES = 1, 38
"""Of ``prctl``: who is told when the parent dies, and that no program gains rights."""
KILL = 9
FILES = 64


def main() -> None:
    """Do the task that the command line names with the bytes of the standard input."""
    asked = json.loads(sys.argv[-1])
    out = os.dup(1)
    os.dup2(2, 1)  # whatever a library prints is noise
    try:
        limit(asked["limits"])
        module, _, name = asked["task"].partition(":")
        task = getattr(importlib.import_module(module), name)
        with os.fdopen(0, "rb", closefd=False) as file:
            data = file.read()
        result = task(data, asked["options"], lambda said: send(out, TOLD, said))
        value, blobs = result if isinstance(result, tuple) else (result, [])
        for blob in blobs:
            write(out, BLOB, blob)
        send(out, RESULT, value)
    except MemoryError:
        fail(out, "reading it takes more memory than any file may", "too_large")
    except Unreadable as error:
        fail(out, error.message, error.code)
    except RecursionError:
        fail(out, "it is nested too deeply", "broken")
    except ModuleNotFoundError as error:
        fail(out, str(error.name), "missing")
    except Exception as error:
        fail(out, f"it is damaged, or not what it looks like ({type(error).__name__})", "broken")
        print(f"{type(error).__name__}: {error}"[:500], file=sys.stderr)
    os._exit(0)


def limit(limits: Mapping[str, Any]) -> None:
    """Give up what a reader of files does not need: memory, time, descriptors, rights, the network."""
    wanted = {
        resource.RLIMIT_AS: int(limits["memory"]),
        resource.RLIMIT_CPU: int(limits["cpu"]),
        resource.RLIMIT_FSIZE: int(limits["file"]),
        resource.RLIMIT_NOFILE: FILES,
        resource.RLIMIT_CORE: 0,
    }
    for what, most in wanted.items():
        hard = resource.getrlimit(what)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (most, most))
    os.nice(15)
    if sys.platform == "linux":
        _enclose()


def _enclose() -> None:
    import ctypes

    system = ctypes.CDLL(None, use_errno=True)
    system.prctl(DEATH_SIGNAL, KILL, 0, 0, 0)
    system.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    if system.unshare(NEW_NET):  # where only root may, a namespace of our own makes us one
        system.unshare(NEW_USER | NEW_NET)


def send(out: int, kind: bytes, value: Any) -> None:
    """Say something of JSON's kind to the gateway."""
    write(out, kind, json.dumps(value).encode())


def write(out: int, kind: bytes, data: bytes) -> None:
    """Write one frame whole."""
    rest = memoryview(FRAME.pack(kind, len(data)) + data)
    while rest:
        rest = rest[os.write(out, rest) :]


def fail(out: int, message: str, code: str) -> None:
    """Tell the gateway why there is no result."""
    send(out, FAILED, {"message": message, "code": code})
