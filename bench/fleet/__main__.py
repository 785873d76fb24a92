"""Run the gateway before a fleet and tell what came of it: ``python -m bench.fleet --seconds 300 --seed 7``."""

import argparse
import json
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.fleet import oracle, report
from bench.fleet.client import Client
from bench.fleet.gateway import Gateway, address
from bench.fleet.members import Fleet
from bench.fleet.tasks import day
from bench.fleet.world import claims, lied, world

REQUESTS = 1150
SETTLE_SECONDS = 2.0


def run(
    folder: Path,
    *,
    seconds: float,
    seed: int,
    requests: int,
    model: str = "auto",
    known: bool = False,
    workers: int = 1,
    settle: float = SETTLE_SECONDS,
) -> dict[str, Any]:
    """Return the figures of one run; the gateway's log and every answer are left in ``folder``."""
    true = world(seed, seconds)
    said = claims(true)
    true = lied(true, said)
    errands = day(random.Random(seed), requests=requests, seconds=seconds, model=model)
    rules = {"quickest": oracle.quickest, "balanced": oracle.balanced, "finest": oracle.finest}
    plans = {name: oracle.plan(true, errands, best=rule) for name, rule in rules.items()}
    fleet = Fleet(true)
    try:
        urls = {name: address(member.house, member.server.url) for name, member in fleet.members.items()}
        with Gateway(folder, true, said, urls, known=known, workers=workers) as gateway:
            time.sleep(settle)
            fleet.begin()
            client = Client(gateway.port, fleet.clock)
            client.run(errands)
            (folder / "quota.json").write_text(json.dumps(gateway.get("/v1/quota")))
            (folder / "stats.json").write_text(json.dumps(gateway.get("/v1/stats")))
        told = report.figures(fleet, client.got, plans)
        told["lies"] = said.lies
        told["deaths"] = [f"{one.what} {one.house} {one.name} {one.how} at {one.start:.0f} s" for one in true.deaths]
        report.keep(folder, fleet, client.got)
        return told
    finally:
        fleet.stop()


def main() -> int:
    """Run as the command line says; the exit status tells whether all targets were reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--requests", type=int, default=0, help="default: 1150 in 300 s")
    parser.add_argument("--model", default="auto")
    parser.add_argument("--known", action="store_true", help="known providers with their addresses moved")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="15 seconds")
    parser.add_argument("--folder", type=Path, help="where to leave logs and answers")
    asked = parser.parse_args()
    seconds = 15.0 if asked.quick else asked.seconds
    requests = asked.requests or round(REQUESTS * seconds / 300)
    folder = asked.folder or Path(tempfile.mkdtemp(prefix="wallas-fleet-"))
    folder.mkdir(parents=True, exist_ok=True)
    told = run(
        folder,
        seconds=seconds,
        seed=asked.seed,
        requests=requests,
        model=asked.model,
        known=asked.known,
        workers=asked.workers,
    )
    print(json.dumps(told, indent=1))
    missed = report.targets(told)
    print("missed: " + "; ".join(missed) if missed else "all targets reached", f"(in {folder})")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
