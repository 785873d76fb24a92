"""The process that serves this instance: its number in a file, believed only if the process looks like ours."""

import contextlib
import os
import subprocess
from pathlib import Path

from wallas.settings import ROOT, Settings

CONFIG = ROOT / "gunicorn.conf.py"


def pid_path(settings: Settings) -> Path:
    """Return the file for this instance and port."""
    return settings.instance / f"wallas-{settings.port}.pid"


def write_pid(settings: Settings) -> None:
    """Leave this process's number for `wallas stop` and its kin; without a writable folder they cannot find it."""
    with contextlib.suppress(OSError):
        settings.instance.mkdir(mode=0o700, parents=True, exist_ok=True)
        pid_path(settings).write_text(f"{os.getpid()}\n")


def remove_pid(settings: Settings) -> None:
    """Take the file away if it is this process's."""
    path = pid_path(settings)
    with contextlib.suppress(OSError, ValueError):
        if int(path.read_text()) == os.getpid():
            path.unlink()


def running_pid(settings: Settings) -> int | None:
    """Return the number of the gunicorn master that serves this instance, None if there is none.

    Numbers are given out again: a stale file may name somebody else's process by now.
    """
    try:
        pid = int(pid_path(settings).read_text())
        os.kill(pid, 0)
    except (OSError, ValueError):
        return None
    return pid if is_ours(pid) else None


def is_ours(pid: int) -> bool:
    """Return whether process ``pid`` is a gunicorn that was started with this checkout's configuration."""
    words, folder = command_line(pid)
    if not any("gunicorn" in word for word in words):
        return False
    return any(Path(folder, word).resolve() == CONFIG for word in words if word.endswith(CONFIG.name))


def command_line(pid: int) -> tuple[list[str], str]:
    """Return a process's command line and working directory; empty if there is no such process."""
    proc = Path("/proc") / str(pid)
    try:
        words = (proc / "cmdline").read_bytes().decode(errors="replace").split("\0")
        return words, str((proc / "cwd").readlink())
    except OSError:
        if Path("/proc/self").exists():
            return [], ""
    done = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return done.stdout.split(), str(ROOT)
