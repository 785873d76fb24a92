"""The command for the whole matrix: ``python -m tests.faults.matrix --all``; its figures stand in docs/faults.md.

Every case runs without sockets; a part of them, and clients that leave, also
through a real gunicorn. Without ``--all`` it runs what CI runs; with
``--sockets`` only the part that needs them.
"""

import datetime
import os
import platform
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TypeVar

from tests.faults import leaving, over_sockets
from tests.faults.cases import Case, Verdict, cases, run
from tests.faults.families import FAMILIES
from tests.faults.gateway import Board, Gateway, serving, tables

SAMPLE = 29
"""One case in so many is run in CI; a prime, so that no fault or wire is passed over."""
SOCKETS = 23
"""One in so many is run in CI over sockets."""
DEPARTURES = 400
CHUNK = 2000

Counts = dict[str, Counter[str]]
Found = TypeVar("Found")


def numbered(part: tuple[int, int, int]) -> tuple[Counter[tuple[str, str]], list[str]]:
    """Return what came of the cases from one number to another, every n-th of them, and what was wrong."""
    first, last, step = part
    results: Counter[tuple[str, str]] = Counter()
    wrong: list[str] = []
    for number, case in enumerate(cases()):
        if number >= last:
            break
        if number >= first and number % step == 0:
            verdict = run(case)
            results[case.family, verdict.result] += 1
            if verdict.wrong:
                wrong.append(f"{case}: {verdict.wrong}")
    return results, wrong


def without_sockets(step: int) -> tuple[Counts, list[str]]:
    """Run every n-th case, on all processors."""
    count = sum(1 for _ in cases())
    parts = [(start, start + CHUNK * step, step) for start in range(0, count, CHUNK * step)]
    counts: Counts = {name: Counter() for name in FAMILIES}
    wrong: list[str] = []
    with ProcessPoolExecutor() as pool:
        for results, said in pool.map(numbered, parts):
            wrong += said
            for (family, result), times in results.items():
                counts[family][result] += times
    return counts, wrong


def with_sockets(gateway: Gateway, chosen: Iterable[Case]) -> tuple[Counter[str], list[str]]:
    """Run these cases through a real gunicorn."""
    counts: Counter[str] = Counter()
    wrong: list[str] = []

    def tell(case: Case, verdict: Verdict) -> None:
        counts[verdict.result] += 1
        if verdict.wrong:
            wrong.append(f"over sockets: {case}: {verdict.wrong}")

    over_sockets.run_all(gateway, list(chosen), tell)
    return counts, wrong


def departures(gateway: Gateway, count: int) -> tuple[str, list[str]]:
    """Let clients leave; return the figures, and those that were seen too late."""
    gone = leaving.many(gateway, count)
    late = [str(row) for row in gone if row.seconds is None or row.seconds >= leaving.KINDS[row.kind][2]]
    took = sorted(row.seconds for row in gone if row.seconds is not None)
    middle, most = took[len(took) // 2] * 1000, took[-1] * 1000
    return f"{len(took)} of {count} seen, median {middle:.1f} ms, at most {most:.0f} ms", late


def timed(work: Callable[[], tuple[Found, list[str]]], say: Callable[[Found], str]) -> list[str]:
    """Do something, print its figures and the seconds it took; return what was wrong."""
    began = time.monotonic()
    found, wrong = work()
    print(f"{say(found)} [{time.monotonic() - began:.0f} s]", flush=True)
    return wrong


def figures(counts: Counter[str]) -> str:
    """Return one row of figures."""
    said = f"{counts['exact']} exact, {counts['honest']} honest errors, {counts['wrong']} wrong"
    return f"{counts.total()} runs, {said}"


def table_of(counts: Counts) -> str:
    """Return the figures of all families."""
    rows = [f"without sockets: {figures(sum(counts.values(), Counter()))}"]
    return "\n".join([*rows, *(f"  {name}: {figures(one)}" for name, one in counts.items())])


def main() -> int:
    """Run the cases and print the figures; return 1 when any is wrong."""
    everything = "--all" in sys.argv
    print(f"{datetime.date.today()}, {platform.machine()}, {os.cpu_count()} processors, {platform.python_version()}")
    wrong: list[str] = []
    if "--sockets" not in sys.argv:
        wrong += timed(lambda: without_sockets(1 if everything else SAMPLE), table_of)
    chosen = list(over_sockets.sample(every=1 if everything else SOCKETS))
    with (
        tempfile.TemporaryDirectory() as folder,
        Board() as board,
        serving(Path(folder), board, config=tables(board)) as gateway,
    ):
        count = DEPARTURES if everything else 48
        wrong += timed(lambda: departures(gateway, count), lambda found: f"clients that left: {found}")
        wrong += timed(lambda: with_sockets(gateway, chosen), lambda found: f"over sockets: {figures(found)}")
    for said in wrong[:60]:
        print(said[:400])
    return int(bool(wrong))


if __name__ == "__main__":
    raise SystemExit(main())
