"""What a process and its children have used of this machine, and what everybody else has; Linux's /proc."""

import os
import platform
import re
import resource
import time
from contextlib import suppress
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
CALIBRATION = 200_000


def family(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    found = [pid]
    for one in found:
        for task in tasks(one):
            found += map(int, read(task / "children").split())
    return found


def tasks(pid: int) -> list[Path]:
    """Return the folders of a process's threads, none when it has ended."""
    try:
        return list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return []


def read(path: Path) -> str:
    """Return a file of /proc, "" when its process has ended."""
    try:
        return path.read_text()
    except OSError:
        return ""


class Cpu:
    """The CPU time of a process and its children since this was made: every thread's, exact to the nanosecond."""

    def __init__(self, pid: int) -> None:
        """Start at what was used so far."""
        self.pid = pid
        self.before = self._threads()

    def seconds(self) -> float:
        """Return the user and system time since; a thread that has ended meanwhile is missing."""
        return sum(used - self.before.get(thread, 0) for thread, used in self._threads().items()) / 1e9

    def _threads(self) -> dict[str, int]:
        threads = [task for pid in family(self.pid) for task in tasks(pid)]
        return {task.name: int((read(task / "schedstat") or "0").split()[0]) for task in threads}


def memory(pid: int) -> float:
    """Return the memory of a process and its children in MB, pages shared by several counted in parts (PSS)."""
    told = (re.search(r"^Pss:\s+(\d+)", read(Path(f"/proc/{one}/smaps_rollup")), re.MULTILINE) for one in family(pid))
    return sum(int(found[1]) for found in told if found) / 1024


class HighWater:
    """How far the memory of a process and its children rises while this is entered: ``rise`` in MB, not shared out."""

    def __init__(self, pid: int) -> None:
        """Watch nothing yet."""
        self.pid, self.rise = pid, 0.0
        self.before: dict[int, int] = {}

    def __enter__(self) -> "HighWater":
        """Let the kernel forget the old high water."""
        for one in family(self.pid):
            with suppress(OSError):
                Path(f"/proc/{one}/clear_refs").write_text("5")
            self.before[one] = resident(one, "VmRSS")
        return self

    def __exit__(self, *failed: object) -> None:
        """Read the new one; processes that were started meanwhile count with all that they have."""
        rises = (resident(one, "VmHWM") - self.before.get(one, 0) for one in family(self.pid))
        self.rise = sum(max(rise, 0) for rise in rises) / 1024


def resident(pid: int, what: str) -> int:
    """Return ``VmRSS``, what a process has in memory, or ``VmHWM``, the most that it had; in kB."""
    found = re.search(rf"^{what}:\s+(\d+)", read(Path(f"/proc/{pid}/status")), re.MULTILINE)
    return int(found[1]) if found else 0


class Neighbours:
    """How busy the machine is with other things than ``own`` processes."""

    def __init__(self, own: list[int]) -> None:
        """Start counting; ``own`` processes and their children are not counted."""
        self.own = [Cpu(pid) for pid in own]
        self.busy, self.at = self._busy(), time.monotonic()

    def share(self, *, less: float) -> float:
        """Return how much of one core others took, in percent, ``less`` seconds of CPU that were ours all the same."""
        seconds = self._busy() - self.busy - less - sum(cpu.seconds() for cpu in self.own)
        return max(100 * seconds / (time.monotonic() - self.at), 0.0)

    def _busy(self) -> float:
        user, nice, system, _, _, irq, soft, steal, *_ = map(int, Path("/proc/stat").read_text().split()[1:11])
        return (user + nice + system + irq + soft + steal) / TICK


def children_cpu() -> float:
    """Return the CPU seconds of all processes that this one has started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def described() -> str:
    """Return what kind of machine this is, in a line."""
    model = re.search(r"^model name\s*:\s*(.+)$", read(Path("/proc/cpuinfo")), re.MULTILINE)
    cores = len(os.sched_getaffinity(0))
    return f"{cores} cores ({model[1] if model else platform.machine()}), Python {platform.python_version()}"


def calibration() -> float:
    """Return the CPU milliseconds of a fixed loop: when this changes, so has the machine and not the gateway."""
    start = time.process_time()
    total = 0
    for number in range(CALIBRATION):
        total += number & 7
    return (time.process_time() - start) * 1000


def workers(pid: int) -> list[int]:
    """Return the children of a process that are busy enough to be workers: not the one that greets and goes."""
    return [one for one in family(pid)[1:] if len(tasks(one)) > 1]
