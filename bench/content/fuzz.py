"""``python -m bench.content.fuzz --seconds 60 --seed 1``: damages files at random and asks about them.

Every answer has to be a 200, or a 400 that says which file cannot be read and why, within 30 seconds. Files are those
of ``tests.content`` and whatever lies in ``--folder``; what is answered otherwise is kept in ``--keep`` and printed.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from bench.content.__main__ import post
from tests.content.bodies import PROTOCOLS
from tests.content.kinds import KINDS, needs_ffmpeg
from tests.content.live import gateway
from tests.fakes import FakeProvider, say

SLOWEST = 30.0
Damage = Callable[[bytes, random.Random], bytes]


def _cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(1, len(data))]


def _head(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(1, 60)]


def _flipped(data: bytes, rng: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(max(1, len(data) // rng.choice((50, 500, 5000)))):
        out[rng.randrange(len(out))] = rng.randrange(256)
    return bytes(out)


def _zeroed(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + bytes(min(2000, len(data) - at)) + data[at + 2000 :]


def _repeated(data: bytes, rng: random.Random) -> bytes:
    at, start = rng.randrange(len(data)), rng.randrange(len(data))
    return data[:at] + data[start : start + 5000] + data[at:]


def _longer(data: bytes, rng: random.Random) -> bytes:
    return data + rng.randbytes(500)


def _holed(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + data[at + rng.randrange(1, 3000) :]


def _lying(data: bytes, rng: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(4):
        out[rng.randrange(min(len(out), 300))] = rng.choice((0, 127, 128, 255))
    return bytes(out)


DAMAGES: tuple[Damage, ...] = (_cut, _head, _flipped, _zeroed, _repeated, _longer, _holed, _lying)


def main() -> int:
    """Run for so many seconds; return how many answers were none."""
    parser = argparse.ArgumentParser(prog="python -m bench.content.fuzz")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="further files")
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()))
    asked = parser.parse_args()
    rng = random.Random(asked.seed)
    files = {name: kind.make() for name, kind in KINDS.items() if not needs_ffmpeg(name)}
    if asked.folder is not None:
        files |= {path.name: path.read_bytes() for path in sorted(asked.folder.iterdir()) if path.is_file()}
    names = [name for name, data in files.items() if data]
    told: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as place, FakeProvider() as provider, gateway(Path(place), provider) as (url, _):
        provider.otherwise = lambda request: (say("read"),)
        until = time.monotonic() + asked.seconds
        while time.monotonic() < until:
            name, damage = rng.choice(names), rng.choice(DAMAGES)
            data, protocol = damage(files[name], rng), rng.choice(list(PROTOCOLS))
            called = name if rng.random() < 0.8 else rng.choice(names)
            mime = KINDS[called].mime if called in KINDS else "application/octet-stream"
            path, body, headers = PROTOCOLS[protocol]("acme/blind", called, mime, data)
            began = time.monotonic()
            status, _, text = post(url, path, body, headers)
            seconds = time.monotonic() - began
            named = status == 400 and "cannot be read: " in text
            well = (status == 200 or named) and seconds < SLOWEST
            told[f"{status}" if well else "WRONG"] += 1
            if not well:
                kept = asked.keep / f"fuzz-{asked.seed}-{sum(told.values())}-{called}"
                kept.write_bytes(data)
                how = f"{damage.__name__}, {protocol}: {status} in {seconds:.1f} s"
                print(f"{name} as {called}, {how}, {kept}: {text[:200]}")
    print(f"{sum(told.values())} damaged files: {dict(told)}")
    return told["WRONG"]


if __name__ == "__main__":
    sys.exit(main() != 0)
