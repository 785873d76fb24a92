"""What one decision costs in CPU: `python -m bench.routing.decide`.

Fleets of 600 and of 2000 candidates (models times keys) at 15 providers, every one with its windows of quota, under
the real chooser, health and ledger, on a clock of its own. Requests, each a conversation of its own, come at a steady
rate; each is decided and booked, answered a second later, and every answer is heard by health and ledger: nothing
that a running gateway makes again is left warm. Timed is all that a request pays before it is sent: needs, name,
difficulty, terms, the walk down the ranked list, the quota of each candidate on the way, the last look at the first
one, and its reservation. The mean holds what is done every now and then for all requests, such as ranking what moved.
"""

import argparse
import gc
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from wallas.catalog.entries import Limits, Model
from wallas.catalog.snapshot import Catalog
from wallas.health import Health, Place
from wallas.providers.row import Row
from wallas.quota.clocks import Steady
from wallas.quota.ledger import Ledger, Reservation
from wallas.routing.admission import doubtful, held, reserve
from wallas.routing.candidates import Candidate
from wallas.routing.desk import Desk
from wallas.routing.enrich import Memory
from wallas.routing.needs import Needs, needs_of
from wallas.routing.router import Options, Router
from wallas.routing.sight import sight_of
from wallas.settings import Key, Secret, Timeouts, load_settings
from wallas.types.chat import ChatRequest, Message, Text, Tool

PROVIDERS = 15
LIMITS = {600: 50.0, 2000: 120.0}
"""Microseconds that a decision may take, by candidates (issue 3)."""
DECISIONS, FIRST, RUNS = 600, 50, 3
"""Decisions of a run, how many of them make the lists and are not counted, and runs, of which the least counts:
what other programs do to the caches is not this one's."""
TICK_SECONDS = 0.4
TOKENS = 900
ANSWER_SECONDS = 0.8
RATES = (20.0, 1.0)
"""Requests a second."""


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        """Start anywhere."""
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self.now

    def wall(self) -> float:
        """Return them as an instant since 1970."""
        return 1.8e9 + self.now


class Silent(NamedTuple):
    """A provider that nobody calls: what choosing reads of one."""

    name: str
    row: Row
    keys: tuple[Key, ...]
    wire: str = "openai_chat"
    timeouts: Timeouts = Timeouts()
    never_rest: bool = False


class Figures(NamedTuple):
    """Microseconds of CPU of the decisions of one run."""

    median: float
    mean: float
    worst: float
    """The 99th percentile."""


def fleet(candidates: int, *, seed: int = 1) -> tuple[list[Model], dict[str, Any]]:
    """Return models and providers that make so many candidates; every third provider has two keys."""
    some = random.Random(seed)
    providers: dict[str, Any] = {}
    models: list[Model] = []
    made = 0
    for number in range(PROVIDERS):
        name = f"p{number:02}"
        keys = tuple(
            Key(secret=Secret(f"s{n}"), account=f"a{n}", id=f"k{n}") for n in range(2 if number % 3 == 0 else 1)
        )
        providers[name] = Silent(name, Row(name=name, label=name, base_url="http://127.0.0.1:9"), keys)
    while made < candidates:
        name = f"p{len(models) % PROVIDERS:02}"
        models.append(_model(name, f"m{len(models):04}", some))
        made += len(providers[name].keys)
    return models, providers


def _model(provider: str, id: str, some: random.Random) -> Model:
    shared = int(provider[1:]) % 5 == 4
    able = {"chat", "json_object"} | {word for word in ("tools", "vision", "reasoning") if some.random() < 0.7}
    limits = Limits(
        rpm=600 if shared else some.choice((5, 15, 30, 60)),
        rpd=5000 if shared else some.choice((20, 200, 1000, 14400)),
        tpm=None if shared else some.choice((8000, 250_000, None)),
        scope="account" if shared else "model",
        reset=("utc", "rolling", "America/Los_Angeles")[int(provider[1:]) % 3],
        source="bench",
    )
    quality = some.uniform(20, 95)
    return Model(
        provider=provider,
        id=id,
        context=some.choice((8192, 32_768, 131_072, 1_000_000)),
        capabilities=frozenset(able),
        free=some.random() < 0.95,
        limits=limits,
        quality=quality,
        coding=quality,
    )


class Notes:
    """A journal that keeps nothing."""

    def record(self, record: Any) -> None:
        """Forget it."""

    def keep_seals(self, kept: Any) -> None:
        """Forget them."""

    def keep_response(self, request: Any, response: Any) -> None:
        """Forget it."""


def router(candidates: int, clock: Clock) -> Router:
    """Return the real router over a fleet."""
    models, providers = fleet(candidates)
    ledger = Ledger(now=Steady(clock, clock.wall))
    desk = Desk(health=Health(clock=clock, wall=clock.wall), ledger=ledger, journal=Notes(), clock=clock)
    memory = Memory(conversation=lambda id: None, seals=lambda ids: {})
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings({}, directory=Path(folder))
    return Router(settings, catalog=Catalog(models), providers=providers, desk=desk, memory=memory)


def ask(words: str, *, tools: int = 0) -> ChatRequest:
    """Return a request of one turn."""
    functions = tuple(Tool(name=f"f{n}", parameters={"type": "object"}) for n in range(tools))
    return ChatRequest(model="auto", messages=(Message(role="user", parts=(Text(text=words),)),), tools=functions)


def spend(at: Router, part: float, *, seed: int = 2) -> None:
    """Call every model once, the best ``part`` of them until their day is empty; let a tenth of them rest."""
    some = random.Random(seed)
    ledger, health = at.desk.ledger, at.desk.health
    ranked = sorted(at.catalog.models, key=lambda model: -model.quality)
    for place, model in enumerate(ranked):
        for key in at.providers[model.provider].keys:
            seat = ledger.seat(model, key)
            taken = ledger.reserve(seat, tokens=TOKENS)
            if isinstance(taken, Reservation):
                ledger.settle(taken, input=TOKENS, output=100, alive=True)
            if place < part * len(ranked):
                for window, _ in seat.charges:
                    window.close(ledger.now() + 20_000.0, refused=True)
            where = Place(model.provider, model.id, key.id)
            health.succeeded(where, ttft=some.uniform(0.2, 3.0), latency=4.0, tokens=200)
            if some.random() < 0.1:
                health.learn(where, seconds=20_000.0, reason="server", breaker=False)
    ledger.tick()


def decide(at: Router, request: ChatRequest, options: Options) -> tuple[Candidate, Needs, Reservation] | None:
    """Do what a live request pays for before anything is sent."""
    desk, chooser = at.desk, at.chooser
    sight = sight_of(request)
    needs = needs_of(request, sight=sight)
    selection = chooser.select(chooser.choose(request, options, needs, sight=sight))
    at.selector.advance()
    for one in selection.candidates:
        if (
            held(desk.health, desk.ledger, one.model, one.key, needs) is None
            and doubtful(desk.health, one.model) is None
        ):
            desk.health.claim(one.place)
            taken = reserve(desk.ledger, one.model, one.key, needs)
            if isinstance(taken, Reservation):
                return one, needs, taken
    return None


def measured(at: Router, clock: Clock, request: ChatRequest, rate: float, *, decisions: int = DECISIONS) -> Figures:
    """Return what decisions cost; the collector of garbage is off, as its work is of other requests too."""
    some, options = random.Random(3), Options()
    times: list[float] = []
    under_way: list[tuple[float, Candidate, Reservation]] = []
    ticked = clock.now
    gc.disable()
    try:
        for number in range(decisions):
            clock.now += 1 / rate
            while under_way and under_way[0][0] <= clock.now:
                _answered(at, *under_way.pop(0)[1:], first=some.uniform(0.2, 1.5))
            if clock.now - ticked >= TICK_SECONDS:
                ticked = clock.now
                at.desk.ledger.tick()
            one = renamed(request, number)
            started = time.thread_time_ns()
            made = decide(at, one, options)
            times.append((time.thread_time_ns() - started) / 1000)
            if made is not None:
                under_way.append((clock.now + ANSWER_SECONDS, made[0], made[2]))
    finally:
        gc.enable()
    del times[:FIRST]
    return Figures(statistics.median(times), statistics.fmean(times), statistics.quantiles(times, n=100)[98])


def renamed(request: ChatRequest, number: int) -> ChatRequest:
    """Return the request with words of its own: another conversation."""
    words = request.messages[0].parts[0].text + f" {number}"
    return msgspec.structs.replace(request, messages=(Message(role="user", parts=(Text(text=words),)),))


def _answered(at: Router, one: Candidate, taken: Reservation, *, first: float) -> None:
    at.desk.health.succeeded(one.place, ttft=first, latency=ANSWER_SECONDS + first, tokens=150)
    at.desk.ledger.settle(taken, input=TOKENS, output=150, alive=True)


GREETING = "Good morning, and how are you today?"
LONG = "The quick brown fox jumps over the lazy dog - and 3 more. " * 90
CASES = (
    ("untouched", -1.0, ask(GREETING)),
    ("in use", 0.0, ask(GREETING)),
    ("code, 5 tools", 0.0, ask("def f(x): return x\n" * 40, tools=5)),
    ("5000 characters", 0.0, ask(LONG)),
    ("best tenth empty", 0.1, ask(GREETING)),
)
"""Name, the part of the best that has nothing left today (below 0: nobody was ever called), request."""


def run(count: int, part: float, request: ChatRequest, rate: float) -> Figures:
    """Return what decisions cost in one run over a fleet of its own."""
    clock = Clock()
    at = router(count, clock)
    if part >= 0:
        spend(at, part)
    return measured(at, clock, request, rate)


def main() -> int:
    """Print the table; return 1 if a limit is not kept."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    over = 0
    head = f"{'median us':>11}{'mean us':>9}{'p99 us':>9}{'limit us':>10}"
    print(f"{'candidates':>10}  {'case':<18}{'a second':>9}{head}")
    for count, limit in LIMITS.items():
        for name, part, request in CASES:
            for rate in RATES:
                one = Figures(*map(min, *(run(count, part, request, rate) for _ in range(RUNS))))
                over += one.median > limit
                told = f"{one.median:>11.1f}{one.mean:>9.1f}{one.worst:>9.0f}{limit:>10.0f}"
                print(f"{count:>10}  {name:<18}{rate:>9.0f}{told}", flush=True)
    return int(over > 0)


if __name__ == "__main__":
    raise SystemExit(main())
