"""Measures what each hop of a plain request takes of the worker's thread, beside what it may take.

usage: python bench/hops.py [ROUNDS]    (of 500 requests each; default 6)

The worker's loop is turned in this process, with one client, and the clock of the thread's CPU is read where a hop
begins and ends, less what reading it takes. It is the loop at its calmest: other threads and processes make it dearer.
"""

import importlib
import statistics
import sys
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
sys.path.insert(0, str(HERE))

import calls  # noqa: E402

REQUESTS = 500
WARM_UP = 200


class Hop(NamedTuple):
    """A part of a request's way: ``budget`` microseconds for the functions named, without the hops that they call."""

    name: str
    budget: int
    functions: tuple[str, ...]


HOPS = (
    Hop("the loop waits", 8, ("wallas.server:Worker._turn",)),
    Hop("read, frame", 6, ("wallas.server_reception:Reception.hear",)),
    Hop("the app's call, watching", 6, ("wallas.server_exchange:Exchange.at_once",)),
    Hop("body, canonical request", 8, ("wallas.blueprints.direct:Direct.at_once",)),
    Hop("who may answer", 16, ("wallas.routing.router:Router.chat",)),
    Hop(
        "may it be asked, quota", 8, ("wallas.routing.attempts:Attempts.next", "wallas.routing.attempt:Attempt.reserve")
    ),
    Hop("fit, encode, send", 16, ("wallas.routing.attempt:Attempt.send",)),
    Hop("read the head, decode, check", 12, ("wallas.routing.attempt:Attempt.gather",)),
    Hop(
        "encode, headers",
        6,
        (
            "wallas.routing.tally:Tally.usage",
            "wallas.codecs.plain:PlainEncoder.finish",
            "wallas.routing.closing:Closing.open",
        ),
    ),
    Hop(
        "book",
        8,
        (
            "wallas.routing.attempt:Attempt.succeeded",
            "wallas.routing.closing:Closing.book",
            "wallas.routing.attempts:Attempts.abandon",
        ),
    ),
    Hop("the attempt loop itself", 6, ("wallas.routing.stream:Stream.step", "wallas.routing.stream:Stream.close")),
    Hop("sent, connection taken back", 8, ("wallas.server_exchange:Exchange.advance",)),
)
"""Together 108 us; the writer's thread has the other 12 of a request's 120."""


class Meter:
    """Counts the thread's CPU time by hop, each without those inside it."""

    def __init__(self) -> None:
        """Start with nothing, and find out what a look at the clock takes."""
        self.spent: dict[str, int] = {hop.name: 0 for hop in HOPS}
        self.inside: list[int] = []
        """What hops inside took, of each hop under way."""
        clock = time.thread_time_ns
        self.look = min(-clock() + clock() for _ in range(1000))

    def watch(self, hop: Hop) -> None:
        """Measure a hop from now on."""
        for name in hop.functions:
            owner, attribute = found(name)
            setattr(owner, attribute, self._timed(hop.name, getattr(owner, attribute)))

    def _timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        clock, inside, spent, look = time.thread_time_ns, self.inside, self.spent, self.look

        @wraps(function)
        def timed(*given: Any, **named: Any) -> Any:
            inside.append(0)
            began = clock()
            try:
                return function(*given, **named)
            finally:
                took = clock() - began
                spent[name] += took - look - inside.pop()
                if inside:
                    inside[-1] += took + look

        return timed


def found(name: str) -> tuple[Any, str]:
    """Return the class and the name of one of its functions, given as ``module:Class.function``."""
    module, _, path = name.partition(":")
    owner, _, attribute = path.partition(".")
    return getattr(importlib.import_module(module), owner), attribute


def main(rounds: int) -> None:
    """Print the table."""
    with calls.app_here() as app:
        worker, client = calls.loop(app)
        meter = Meter()
        for hop in HOPS:
            meter.watch(hop)
        for _ in range(WARM_UP):
            calls.turned(worker, client)
        taken: dict[str, list[float]] = {hop.name: [] for hop in HOPS}
        for _ in range(rounds):
            before = dict(meter.spent)
            for _ in range(REQUESTS):
                calls.turned(worker, client)
            for hop, spent in meter.spent.items():
                taken[hop].append((spent - before[hop]) / REQUESTS / 1000)
    print("| Hop | us | budget |\n|---|---:|---:|")
    for hop in HOPS:
        print(f"| {hop.name} | {statistics.median(taken[hop.name]):.1f} | {hop.budget} |")
    print(
        f"| all | {sum(statistics.median(each) for each in taken.values()):.1f} | {sum(hop.budget for hop in HOPS)} |"
    )


if __name__ == "__main__":
    if len(sys.argv) > 2 or not all(word.isdigit() for word in sys.argv[1:]):
        sys.exit(__doc__)
    main(int(sys.argv[1]) if len(sys.argv) == 2 else 6)
