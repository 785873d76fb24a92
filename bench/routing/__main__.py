"""Compares Wallas with other rules and with who knows everything: ``python -m bench.routing``, see docs/routing.md."""

import argparse
import logging
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor

from bench.routing import report
from bench.routing.results import Figures
from bench.routing.run import SCENARIOS, STRATEGIES, run

TRAINED = (1, 2, 3, 4, 5, 6, 7, 8, 9)
"""Seeds that weights were chosen on."""
UNSEEN = (101, 102, 103, 104)
"""Seeds that nothing was chosen on: what is reported unless told otherwise."""
QUICK = ("chat", "mixed")
QUICK_RULES = ("wallas", "litellm usage-based-v2", "oracle")


def main() -> int:
    """Run what was asked for, print the tables, keep them; return 1 if a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.routing", description=__doc__)
    parser.add_argument("--seeds", default=",".join(map(str, UNSEEN)), help="numbers, by commas; `trained` for 1 to 9")
    parser.add_argument("--fleet", help=f"scenarios, by commas: {', '.join(SCENARIOS)}")
    parser.add_argument("--rules", help=f"rules, by commas: {', '.join(STRATEGIES)}")
    parser.add_argument("--quick", action="store_true", help=f"{', '.join(QUICK)}, three rules and one seed")
    parser.add_argument("--keep", action="store_true", help="keep the tables in bench/results/, dated")
    asked = parser.parse_args()
    seeds = TRAINED if asked.seeds == "trained" else tuple(int(word) for word in asked.seeds.split(","))
    names = asked.fleet.split(",") if asked.fleet else list(SCENARIOS)
    rules = asked.rules.split(",") if asked.rules else list(STRATEGIES)
    if asked.quick:
        seeds, names, rules = seeds[:1], list(QUICK), list(QUICK_RULES)
    unknown = sorted({*names} - {*SCENARIOS} | {*rules} - {*STRATEGIES})
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}")
    began = time.monotonic()
    runs = measured(names, rules, seeds)
    text = report.tables(runs, names, rules, seeds)
    print(text)
    print(f"{time.monotonic() - began:.0f} s")
    if asked.keep:
        print(f"kept: {report.keep(text)}")
    return 0 if report.reached(runs, names, seeds) else 1


def measured(names: list[str], rules: list[str], seeds: tuple[int, ...]) -> report.Runs:
    """Return the figures of every (scenario, rule, seed); the machine's cores share the work."""
    tasks = [(name, rule, seed) for name in names for rule in rules for seed in seeds]
    with ProcessPoolExecutor(os.cpu_count(), initializer=logging.disable) as pool:
        return dict(zip(tasks, pool.map(one, tasks), strict=True))


def one(task: tuple[str, str, int]) -> Figures:
    """Return the figures of one run."""
    name, rule, seed = task
    figures = Figures()
    run(SCENARIOS[name], seed, rule, figures)
    return figures


if __name__ == "__main__":
    sys.exit(main())
