"""Kills workers and gateways with -9 under load, and counts losses: `python -m tests.state.crash --rounds 60`.

Clients chat and store responses all the time, one provider in three fails.
Each round a worker is killed, every third round everything, which then starts
anew. At the end every response that a client was told is stored must be
there, the counts of `circuits` must be the sums of `attempts`, no request may
be recorded twice, and the database must be whole.
"""

import argparse
import contextlib
import http.client
import json
import os
import random
import signal
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

from tests.fakes import FakeProvider, Request, Step, say, status
from tests.state.kit import Gateway, gateway, profile, provider
from wallas.storage.file import is_sqlite

CLIENTS = 4
STORED_BETWEEN, LOAD_SECONDS = 4, 10.0
"""So many responses are stored between two kills, however slow the machine is; and how long that is waited for."""


class Outcome(NamedTuple):
    """What a run found; ``lost`` and ``problems`` must be nothing."""

    kills: int
    answered: int
    broken: int
    stored: int
    lost: int
    problems: list[str]


class Clients:
    """Threads that ask without a break and note what they were told."""

    def __init__(self, port: int) -> None:
        """Start asking."""
        self.port = port
        self.stored: list[str] = []
        self.answered = 0
        self.broken = 0
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def end(self) -> None:
        """Let each finish what it is at."""
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def _ask(self, number: int) -> None:
        while not self.stop.is_set():
            try:
                self._one(number)
                self.answered += 1
            except (OSError, http.client.HTTPException, ValueError):
                self.broken += 1
                time.sleep(0.02)

    def _one(self, number: int) -> None:
        """Ask once, every other client by Responses; raise for anything but a whole answer."""
        path, body = "/v1/chat/completions", {"model": "mine", "messages": [{"role": "user", "content": "Hello"}]}
        if number % 2:
            path, body = "/v1/responses", {"model": "mine", "input": "Hello"}
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as connection:
            connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            told = json.loads(answer.read())
        if answer.status != 200:
            raise ValueError(answer.status)
        if told.get("store"):
            self.stored.append(told["id"])


def crash(url: str, *, rounds: int, folder: Path, seed: int = 1) -> Outcome:
    """Kill ``rounds`` times; return what was lost."""
    chance = random.Random(seed)
    asked = [0]

    def sometimes(request: Request) -> tuple[Step, ...]:
        asked[0] += 1
        return (status(500 if asked[0] % 2 else 404),) if asked[0] % 3 == 0 else (say("from one"),)

    with FakeProvider(otherwise=sometimes) as one, FakeProvider(otherwise=lambda request: (say("from two"),)) as two:
        config = provider("one", one.url, never_rest=True) + provider("two", two.url) + profile("one/m", "two/m")
        with gateway(folder, url, config) as running:
            clients = Clients(running.port)
            kills = sum(_kill(running, clients, number, chance) for number in range(rounds))
            time.sleep(0.3)
            clients.end()
            _settle(running)
            there = {row[0] for row in running.rows("SELECT id FROM responses")}
            lost = sum(id not in there for id in clients.stored)
            return Outcome(kills, clients.answered, clients.broken, len(clients.stored), lost, problems(running))


def _kill(running: Gateway, clients: Clients, number: int, chance: random.Random) -> int:
    enough = len(clients.stored) + STORED_BETWEEN
    time.sleep(chance.uniform(0.2, 0.6))
    limit = time.monotonic() + LOAD_SECONDS
    while len(clients.stored) < enough and time.monotonic() < limit:
        time.sleep(0.02)
    if number % 3 == 2:
        running.restart()
        return 2
    victims = sorted(running.workers())
    if not victims:
        return 0
    with contextlib.suppress(ProcessLookupError):
        os.kill(chance.choice(victims), signal.SIGKILL)
    return 1


def _settle(running: Gateway) -> None:
    """Wait until what is queued has been committed."""
    before = -1
    while before != (now := running.rows("SELECT count(*) FROM requests")[0][0]):
        before = now
        time.sleep(0.4)


COUNTED = "SELECT key, success_count, fail_count FROM circuits WHERE success_count + fail_count > 0"
SUMMED = """
SELECT provider || '/' || model,
    CAST(sum(CASE WHEN outcome = 'ok' THEN 1 ELSE 0 END) AS INTEGER),
    CAST(sum(CASE WHEN outcome IN ('ok', 'cancelled', 'answering', 'out_of_time') THEN 0 ELSE 1 END) AS INTEGER)
FROM attempts GROUP BY 1
"""


def problems(running: Gateway) -> list[str]:
    """Return what the tables say against each other, and what SQLite finds wrong with its file."""
    found = []
    counted = {tuple(row) for row in running.rows(COUNTED)}
    summed = {tuple(row) for row in running.rows(SUMMED)}
    if counted != summed:
        found.append(f"counted {sorted(counted)}, recorded {sorted(summed)}")
    for table, columns in (("requests", "request_id"), ("attempts", "request_id, number")):
        twice = running.rows(f"SELECT {columns} FROM {table} GROUP BY {columns} HAVING count(*) > 1")
        found += [f"{len(twice)} rows twice in {table}"] if twice else []
    short = running.rows(
        "SELECT count(*) FROM requests r WHERE attempts <> "
        "(SELECT count(*) FROM attempts a WHERE a.request_id = r.request_id)"
    )[0][0]
    found += [f"{short} requests without all of their attempts"] if short else []
    if is_sqlite(running.url):
        found += [row[0] for row in running.rows("PRAGMA integrity_check") if row[0] != "ok"]
    return found


def main() -> int:
    """Run, print the figures, return 1 if anything was lost."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=60)
    options.add_argument("--url", help="an empty database; by default a new SQLite file")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcome = crash(chosen.url or f"sqlite:///{folder}/wallas.sqlite", rounds=chosen.rounds, folder=Path(folder))
    print(", ".join(f"{name} {value}" for name, value in outcome._asdict().items()))
    return int(bool(outcome.lost or outcome.problems))


if __name__ == "__main__":
    raise SystemExit(main())
