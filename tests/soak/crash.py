"""Kills writing processes with -9, over and over, and counts what was lost: `python -m tests.soak.crash --rounds 100`.

Three processes each commit "one row in `requests`, one more in `circuits`" through
the write-behind queue, and tell a file once `flush` has said that it is
committed. At the end every row that was told of must be there, the counters
must agree with the rows, and the database must be whole.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import text

from tests.storage.kit import request, save_requests
from wallas.settings import ROOT
from wallas.storage.circuits import CircuitChange, save_circuits
from wallas.storage.engine import open_database, reading
from wallas.storage.file import is_sqlite
from wallas.storage.migrate import upgrade
from wallas.storage.plain import Writing
from wallas.storage.writer import Writer

WRITERS = 3


class Outcome(NamedTuple):
    """What a run found; ``lost`` and ``problems`` must be nothing."""

    kills: int
    told: int
    lost: int
    problems: list[str]


def save_both(to: Writing, numbers: "list[str]") -> None:
    """Write one row and one count for each number, in one transaction."""
    save_requests(to, [request(request_id=number) for number in numbers])
    save_circuits(to, [CircuitChange("p", "m", "k", len(numbers), 0, None, None, None, None, None, 0)])


def write(url: str, told: Path, name: str) -> None:
    """Write rows until killed."""
    writer = Writer(open_database(url), seconds=0.005)
    file = os.open(told, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    number = 0
    while True:
        batch = [f"{name}-{number + step}" for step in range(20)]
        number += len(batch)
        for row in batch:
            writer.put(save_both, row)
        if writer.flush():
            os.write(file, "".join(f"{row}\n" for row in batch).encode())


def crash(url: str, *, rounds: int, folder: Path, seed: int = 1) -> Outcome:
    """Start the writers and kill them ``rounds`` times; return what was lost."""
    chance = random.Random(seed)
    upgrade(url)
    told, kills, problems = folder / "told", 0, []
    for round_number in range(rounds):
        writers = [
            subprocess.Popen(
                [sys.executable, "-m", "tests.soak.crash", "--write", url, str(told), f"{round_number}-{n}"], cwd=ROOT
            )
            for n in range(WRITERS)
        ]
        seen = told.stat().st_size if told.exists() else 0
        limit = time.monotonic() + 20
        while (told.stat().st_size if told.exists() else 0) == seen and time.monotonic() < limit:
            time.sleep(0.01)
        time.sleep(chance.uniform(0.15, 0.4))
        for process in writers:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
        if is_sqlite(url) and round_number % 10 == 9:
            problems += whole(url)
    lost, wrong = count(url, told)
    told_rows = len(told.read_text().splitlines())
    return Outcome(kills, told_rows, lost, problems + wrong + (whole(url) if is_sqlite(url) else []))


def whole(url: str) -> list[str]:
    """Return what SQLite finds wrong with its file."""
    engine = open_database(url)
    with reading(engine) as connection:
        found = [str(row[0]) for row in connection.execute(text("PRAGMA integrity_check"))]
    engine.dispose()
    return [row for row in found if row != "ok"]


def count(url: str, told: Path) -> tuple[int, list[str]]:
    """Return how many rows that were told of are missing, and whether rows and counter disagree."""
    engine = open_database(url)
    with reading(engine) as connection:
        there = {row[0] for row in connection.execute(text("SELECT request_id FROM requests"))}
        rows = connection.execute(text("SELECT count(*) FROM requests")).scalar()
        total = connection.execute(text("SELECT sum(success_count) FROM circuits")).scalar()
    engine.dispose()
    missing = [number for number in told.read_text().splitlines() if number not in there]
    return len(missing), [] if rows == total else [f"{rows} rows, counted {total}"]


def main() -> int:
    """Run, print the figures, return 1 if anything was lost."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=100)
    options.add_argument("--url", help="a database that may be filled; by default a new SQLite file")
    options.add_argument("--write", nargs=3, metavar=("URL", "TOLD", "NAME"), help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.write:
        write(chosen.write[0], Path(chosen.write[1]), chosen.write[2])
    with tempfile.TemporaryDirectory() as folder:
        url = chosen.url or f"sqlite:///{folder}/wallas.sqlite"
        outcome = crash(url, rounds=chosen.rounds, folder=Path(folder))
    print(f"kills {outcome.kills}, rows told of {outcome.told}, lost {outcome.lost}, problems {outcome.problems}")
    return int(bool(outcome.lost or outcome.problems))


if __name__ == "__main__":
    raise SystemExit(main())
