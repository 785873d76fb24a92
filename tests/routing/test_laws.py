"""Laws of choosing, tried on thousands of random states: what is explained is done, and no order of a table decides."""

import random
from typing import Any

import msgspec
import pytest

from tests.routing.scenes import Clock
from tests.routing.scripted import Notes, ask
from tests.routing.stations import ABLE, Station, model, router
from wallas import codecs
from wallas.catalog.entries import Limits, Price
from wallas.errors import FailureKind, ProviderError
from wallas.health import Health, Place
from wallas.quota.clocks import Steady
from wallas.quota.ledger import Ledger, Refusal
from wallas.routing.desk import Desk
from wallas.routing.explain import explain
from wallas.routing.options import Options
from wallas.routing.selector import EXPLORE_EVERY
from wallas.routing.sessions import session_key
from wallas.routing.strategies import PROFILES
from wallas.routing.wishes import Wishes
from wallas.settings import ProfileSettings
from wallas.types.chat import Media, Message, Output, Text, Tool

STATES = 1600
HOUSES = ("a", "b", "c", "d", "e")
FAULTS = [kind for kind in FailureKind if kind is not FailureKind.GATEWAY]


class Refusing(Station):
    """A provider that calls every request wrong, which tells who was asked first and blames nobody."""

    def chat(self, request: Any, **more: Any) -> Any:
        raise ProviderError(FailureKind.CALLER_FAULT, "no")


def houses() -> list[Station]:
    wires = ("openai_chat", "anthropic", "gemini", "ollama", "openai_chat")
    return [
        Refusing(name, wire=wire, keys=1 + number % 3)
        for number, (name, wire) in enumerate(zip(HOUSES, wires, strict=True))
    ]


def catalog(dice: random.Random) -> list[Any]:
    extras = [frozenset(), frozenset({"vision"}), frozenset({"reasoning"}), frozenset({"reasoning", "vision", "pdf"})]
    found = []
    for number in range(60):
        free = dice.random() < 0.8
        limits = Limits(
            scope="model",
            rpm=dice.choice([None, 2, 5]),
            rpd=dice.choice([None, 20, 200]),
            tpm=dice.choice([None, 9000]),
        )
        found.append(
            model(
                dice.choice(HOUSES),
                f"m{number % 23}",
                quality=float(dice.choice([30, 50, 50, 70, 90])),
                free=free,
                price=None if dice.random() < 0.2 else Price(input=dice.random(), output=2.0),
                context=dice.choice([2000, 16_000, 128_000]),
                capabilities=ABLE | dice.choice(extras),
                limits=limits if dice.random() < 0.5 else None,
                trains_on_data=dice.choice([True, False, None]),
            )
        )
    return list({one.key: one for one in found}.values())


def request(dice: random.Random, models: list[Any]) -> tuple[Any, Options]:
    """Return a random request with random options."""
    one = dice.choice(models)
    names = [
        *PROFILES,
        one.key,
        one.id,
        f"{one.id}:nitro",
        f"{one.id}:floor",
        "auto:free",
        "auto:private",
        "mine",
        "auto",
    ]
    parts: list[Any] = [Text(text="word " * dice.choice([1, 40, 2000, 9000]))]
    if dice.random() < 0.1:
        parts.append(Media(kind="image", mime="image/png", data="aaaa"))
    fields: dict[str, Any] = {"messages": (Message(role="user", parts=tuple(parts)),), "stream": dice.random() < 0.5}
    if dice.random() < 0.2:
        fields["tools"] = (Tool(name="look", parameters={"type": "object"}),)
    if dice.random() < 0.1:
        fields["output"] = Output(kind="json")
    if dice.random() < 0.1:
        fields["seed"] = 7
    wishes = Wishes()
    if dice.random() < 0.2:
        wishes = dice.choice(
            [
                Wishes(sort="price"),
                Wishes(sort="latency"),
                Wishes(throughput=80.0),
                Wishes(require_parameters=True),
                Wishes(max_price=(("prompt", 0.5),)),
            ]
        )
    options = Options(
        wait=0.0,
        cost_mode=dice.choice([None, None, "allow_paid", "free_only"]),
        private=dice.random() < 0.1,
        ignore=frozenset(dice.sample(HOUSES, 1)) if dice.random() < 0.1 else frozenset(),
        order=tuple(dice.sample(HOUSES, 2)) if dice.random() < 0.1 else (),
        models=(dice.choice(models).id,) if dice.random() < 0.1 else (),
        session=dice.choice([None, "s1", "s2", "s3"]),
        wishes=wishes,
    )
    name = dice.choice(names)
    if options.ignore.intersection(options.order) or (wishes.sort and name.endswith((":nitro", ":floor"))):
        options = Options(wait=0.0)  # these contradict each other
    return ask(model=name, **fields), options


class World:
    """A router whose health, quotas, sessions and clock change at random."""

    def __init__(self, tmp_path: Any, seed: int) -> None:
        self.dice = random.Random(seed)
        self.clock = Clock()
        self.models = catalog(self.dice)
        self.desk = Desk(
            health=Health(clock=self.clock, wall=lambda: 1.8e9 + self.clock.now, jitter=lambda: 0.5),
            ledger=Ledger(now=Steady(self.clock, lambda: 1.8e9 + self.clock.now)),
            journal=Notes(),
            clock=self.clock,
        )
        self.at = self.router(tmp_path, self.models, houses())

    def router(self, tmp_path: Any, models: list[Any], stations: list[Station]) -> Any:
        at = router(tmp_path, models, *stations, desk=self.desk)
        at.names.profiles = {"mine": ProfileSettings(models=("a/*", "m3", "b/*"), strategy="order")}
        at.selector.clock = self.clock
        return at

    def turn(self) -> None:
        """Let time pass and something happen somewhere."""
        dice, desk = self.dice, self.desk
        self.clock.now += dice.choice([0.0, 0.0, 0.3, 2.0, 40.0, 400.0])
        for _ in range(dice.randrange(4)):
            one = dice.choice(self.models)
            key = dice.choice(self.at.providers[one.provider].keys)
            place = Place(one.provider, one.id, key.id)
            match dice.randrange(4):
                case 0:
                    fault = ProviderError(dice.choice(FAULTS), retry_after=dice.choice([None, 3.0, 50.0]))
                    desk.health.failed(place, fault)
                case 1:
                    desk.health.succeeded(place, ttft=dice.random() * 3, latency=4.0, tokens=dice.randrange(400))
                case 2:
                    taken = desk.ledger.reserve(desk.ledger.seat(one, key), tokens=dice.randrange(3000))
                    if not isinstance(taken, Refusal):
                        desk.ledger.settle(taken, input=dice.randrange(3000), output=100)
                case _:
                    named = session_key(ask(), dice.choice(["s1", "s2", "s3"]))
                    desk.sessions.remember(named, one.key, dice.choice([100, 5000, 30_000]))
        if dice.random() < 0.5:
            desk.ledger.refresh()  # what the thread beside the requests does twice a second
        self.at.selector.served = dice.randrange(2 * EXPLORE_EVERY)


def asked_first(at: Any, chat: Any, options: Options) -> str | None:
    """Return whom the router really asks first, None where it asks nobody."""
    codec = codecs.codec("openai_chat")
    out = codec.Encoder(chat) if chat.stream else None
    if out is None:
        from wallas.codecs.plain import PlainEncoder

        out = PlainEncoder(codec.encode_response, codec.encode_error)
    stream = at.chat(chat, options, codec=codec, out=out, request_id="r")
    while stream.want != "end":
        stream.step()
    stream.close()
    record = at.desk.journal.records.pop()
    return f"{record.hops[0].provider}/{record.hops[0].model}" if record.hops else None


@pytest.mark.parametrize("seed", [1, 2])
def test_whom_explain_tells_first_is_asked_first(tmp_path, seed):
    world = World(tmp_path, seed)
    decided = 0
    for _ in range(STATES // 2):
        world.turn()
        chat, options = request(world.dice, world.models)
        told = explain(world.at, chat, options, wire="openai_chat")
        assert asked_first(world.at, chat, options) == told["decision"], (chat.model, options)
        decided += told["decision"] is not None
    assert decided > STATES // 6
    assert world.desk.ledger.open == 0


def planned(at: Any, chat: Any, options: Options) -> list[tuple[str, str]]:
    """Return whom the router would ask, best first."""
    codec = codecs.codec("openai_chat")
    plan = at.plan(chat, options, codec=codec, out=codec.Encoder(chat), request_id="r")
    return [(one.model.key, one.key.id) for one in plan.candidates]


def forget(at: Any) -> int:
    """Forget whom the last requests found; return how many sorts of them had found somebody."""
    fronts = [sort for said in at.sayings.said.values() for sort in said.sorts.values() if sort.front]
    for sort in fronts:
        sort.front = None
    return len(fronts)


@pytest.mark.parametrize("seed", [4, 5])
def test_whoever_comes_next_finds_whom_a_walk_of_its_own_would_find(tmp_path, seed):
    world = World(tmp_path, seed)
    kept = 0
    for _ in range(STATES // 4):
        world.turn()
        chat, options = request(world.dice, world.models)
        forget(world.at)
        planned(world.at, chat, msgspec.structs.replace(options, session=None))
        found = planned(world.at, chat, options)
        kept += forget(world.at)
        assert found[:5] == planned(world.at, chat, options)[:5], (chat.model, options)
    assert kept > STATES // 12


def test_the_order_of_models_and_providers_decides_nothing(tmp_path):
    world = World(tmp_path, 3)
    others = []
    for _ in range(2):
        models, stations = world.models[:], houses()
        world.dice.shuffle(models)
        world.dice.shuffle(stations)
        others.append(world.router(tmp_path, models, stations))
    for _ in range(STATES // 4):
        world.turn()
        chat, options = request(world.dice, world.models)
        plans: list[Any] = []
        if chat.model == "mine":
            continue  # whose list is its order
        for at in (world.at, *others):
            at.selector.served = world.at.selector.served
            plans.append(planned(at, chat, options))
        assert plans[0][:8] == plans[1][:8] == plans[2][:8], (chat.model, options)
