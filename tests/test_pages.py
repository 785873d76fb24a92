"""Memory in large pages: gathered where the system can, untouched where it cannot."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from wallas import pages

HELD = """
from wallas import pages
held = [bytes([n % 251]) * 4000 for n in range(10_000)]
gathered = pages.gather()
assert all(held[n] == bytes([n % 251]) * 4000 for n in range(10_000))
large = sum(int(line.split()[1]) for line in open("/proc/self/smaps_rollup") if line.startswith("AnonHugePages"))
print(gathered // 1024, large)
"""
LINES = """\
400000-401000 r-xp 00000000 fe:00 26933 /usr/bin/python3
5000000-5a00000 rw-p 00000000 00:00 0                  [heap]
7f0000100000-7f0000700000 rw-p 00000000 00:00 0 
7f0001100000-7f0001300000 rw-p 00000000 00:00 0 
7f0002000000-7f0003000000 rw-s 00000000 00:01 5 /memfd:shared (deleted)
7f0004000000-7f0005000000 rw-p 00000000 fe:00 26933 /usr/lib/libpython3.11.so.1.0
7f0006000000-7f0007000000 ---p 00000000 00:00 0 
7ffd00000000-7ffd00400000 rw-p 00000000 00:00 0 [stack]
"""


KERNEL = tuple(int(number) for number in platform.release().split("-")[0].split(".")[:2])


@pytest.mark.skipif(
    not Path("/sys/kernel/mm/transparent_hugepage").exists() or KERNEL < (6, 1),
    reason="this kernel makes no large pages when it is asked to: that came with Linux 6.1",
)
def test_what_a_process_holds_is_gathered_and_stays_as_it_is():
    run = subprocess.run([sys.executable, "-c", HELD], capture_output=True, text=True, check=True)
    gathered, large = map(int, run.stdout.split())
    assert gathered >= 20_000 and large >= 20_000, "kB of 40 MB"


def test_only_whole_large_pages_of_the_process_own_memory_are_asked_for():
    assert list(pages._spans(LINES)) == [(0x5000000, 0x5A00000), (0x7F0000200000, 0x7F0000600000)]


def test_nothing_happens_where_nothing_is_known_of_memory(monkeypatch, tmp_path):
    monkeypatch.setattr(pages, "MAPS", tmp_path / "none")
    assert pages.gather() == 0
