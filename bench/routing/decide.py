"""What one decision costs in CPU: `python -m bench.routing.decide`.

Fleets of 600 and of 2000 candidates (models times keys) at 15 providers, every one with its windows of quota,
under the real chooser, health and ledger. Timed is what `Router.plan` does between the request's needs and the first
attempt: the name, the difficulty, the walk down the ranked list, the ledger of each candidate on the way. The lists
are ranked anew at most every 250 ms: that is timed apart, and counted in at 20 requests a second in the last column.
"""

import argparse
import gc
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from wallas.catalog.entries import Limits, Model
from wallas.catalog.snapshot import Catalog
from wallas.health import Health, Place
from wallas.providers.row import Row
from wallas.quota.ledger import Ledger, Reservation
from wallas.routing.desk import Desk
from wallas.routing.enrich import Memory
from wallas.routing.needs import needs_of
from wallas.routing.router import Options, Router
from wallas.settings import Key, Secret, Timeouts, load_settings
from wallas.types.chat import ChatRequest, Message, Text, Tool

PROVIDERS = 15
LIMITS = {600: 50.0, 2000: 120.0}
"""Microseconds that a decision may take, by candidates (issue 3)."""
BATCH, BATCHES = 200, 40
RANKED_AGAIN, REQUESTS = 4.0, 20.0
"""Times a second that lists are ranked anew at most, and requests a second that share the cost of it."""
TOKENS = 900


class Silent(NamedTuple):
    """A provider that nobody calls: what choosing reads of one."""

    name: str
    row: Row
    keys: tuple[Key, ...]
    wire: str = "openai_chat"
    timeouts: Timeouts = Timeouts()
    never_rest: bool = False


class Figures(NamedTuple):
    """Microseconds of CPU: one decision with its ranked list at hand (the best batch), and one list ranked."""

    decision: float
    ranking: float


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


def router(candidates: int) -> Router:
    """Return the real router over a fleet."""
    models, providers = fleet(candidates)
    desk = Desk(health=Health(), ledger=Ledger(), journal=Notes())
    memory = Memory(conversation=lambda id: None, seals=lambda ids: {})
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings({}, directory=Path(folder))
    return Router(settings, catalog=Catalog(models), providers=providers, desk=desk, memory=memory)


def ask(words: str, *, tools: int = 0) -> ChatRequest:
    """Return a request of one turn."""
    functions = tuple(Tool(name=f"f{n}", parameters={"type": "object"}) for n in range(tools))
    return ChatRequest(model="auto", messages=(Message(role="user", parts=(Text(text=words),)),), tools=functions)


def spend(at: Router, part: float, *, seed: int = 2) -> None:
    """Call every model once, the best ``part`` of them until their minute is empty; let a tenth of them rest."""
    some = random.Random(seed)
    ledger, health = at.desk.ledger, at.desk.health
    ranked = sorted(at.catalog.models, key=lambda model: -model.quality)
    for place, model in enumerate(ranked):
        for key in at.providers[model.provider].keys:
            seat = ledger.seat(model, key)
            for _ in range(200 if place < part * len(ranked) else 1):
                taken = ledger.reserve(seat, tokens=TOKENS)
                if not isinstance(taken, Reservation):
                    break
                ledger.settle(taken, input=TOKENS, output=100, alive=True)
            if some.random() < 0.1:
                health.learn(Place(model.provider, model.id, key.id), seconds=600.0, reason="server", breaker=False)
    ledger.tick()


def measured(at: Router, request: ChatRequest, options: Options) -> Figures:
    """Return what a decision costs; the collector of garbage is off, as its work is of other requests too."""
    needs = needs_of(request)
    chooser, selector = at.chooser, at.selector

    def decide() -> None:
        chooser.select(request, chooser.choose(request, options, needs), needs)
        selector.advance()

    decide()
    times = []
    gc.disable()
    try:
        for _ in range(BATCHES):
            selector.clock = _standing(selector.clock())
            decide()
            times.append(_timed(decide, BATCH))
        ranking = min(_timed(lambda: _again(at, decide), 1) for _ in range(5))
    finally:
        gc.enable()
    decision = min(times)  # what other programs do to the caches is not this one's
    return Figures(decision, max(ranking - decision, 0.0))


def _again(at: Router, decide: Callable[[], None]) -> None:
    at.selector.rankings.clear()
    decide()


def _standing(now: float) -> Callable[[], float]:
    return lambda: now


def _timed(action: Callable[[], None], times: int) -> float:
    started = time.thread_time_ns()
    for _ in range(times):
        action()
    return (time.thread_time_ns() - started) / times / 1000


CASES: tuple[tuple[str, float, ChatRequest], ...] = (
    ("untouched", -1.0, ask("Good morning, and how are you today?")),
    ("in use", 0.0, ask("Good morning, and how are you today?")),
    ("in use, 5 tools", 0.0, ask("def f(x): return x\n" * 40, tools=5)),
    ("best tenth empty", 0.1, ask("Good morning, and how are you today?")),
)
"""Name, the part of the best that has no minute left (below 0: nobody was ever called), request."""


def main() -> int:
    """Print the table; return 1 if a limit is not kept."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    over = 0
    print(f"{'candidates':>10}  {'case':<18}{'decision us':>12}{'limit us':>10}{'ranking us':>12}{'with it us':>12}")
    for count, limit in LIMITS.items():
        for name, part, request in CASES:
            at = router(count)
            if part >= 0:
                spend(at, part)
            one = measured(at, request, Options())
            share = one.ranking * min(RANKED_AGAIN / REQUESTS, 1.0)
            over += one.decision > limit
            told = f"{one.decision:>12.1f}{limit:>10.0f}{one.ranking:>12.0f}{one.decision + share:>12.1f}"
            print(f"{count:>10}  {name:<18}{told}")
    return int(over > 0)


if __name__ == "__main__":
    raise SystemExit(main())
