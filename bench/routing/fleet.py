"""Makes fleets: 13 free providers, a priced one and 41 models, with what is true of them and what a catalogue says.

Everything follows from a seed: sizes of quotas, speeds, slow spells, outages, deaths, and the catalogue's lies.
"""

import math
from dataclasses import dataclass, field
from random import Random
from typing import Any

GONE = math.inf


@dataclass(eq=False)
class Brain:
    """One model at one provider as it truly is; ``told`` is what the catalogue says of it instead."""

    house: str
    id: str
    quality: float
    first: float
    """Seconds to the first token of a short prompt, usually."""
    speed: float
    prefill: float
    """Prompt tokens read in a second where no cache helps."""
    context: int
    abilities: frozenset[str]
    limits: dict[str, int]
    errors: float
    spread: float
    size: float
    """Its tokenizer's tokens for each of a usual one."""
    told: dict[str, Any] = field(default_factory=dict)
    lie: str = ""
    dies: float = GONE

    @property
    def key(self) -> str:
        """Return ``provider/model``."""
        return f"{self.house}/{self.id}"


@dataclass(eq=False)
class House:
    """One provider: its keys as (secret, account), its models, and what befalls it (seconds since the beginning)."""

    name: str
    wire: str
    dialect: str
    keys: list[tuple[str, str]]
    limits: dict[str, int]
    """What an account may use over all models."""
    free: bool = True
    models: list[Brain] = field(default_factory=list)
    spells: list[tuple[float, float, float]] = field(default_factory=list)
    outages: list[tuple[float, float, str]] = field(default_factory=list)
    dies: float = GONE
    dies_how: str = "connect"
    key_dies: dict[str, float] = field(default_factory=dict)

    def slow(self, now: float) -> float:
        """Return how many times slower than usual it is."""
        return max((factor for begin, end, factor in self.spells if begin <= now < end), default=1.0)

    def out(self, now: float) -> str | None:
        """Return how calls fail now, None when they do not."""
        if now >= self.dies:
            return self.dies_how
        return next((how for begin, end, how in self.outages if begin <= now < end), None)


@dataclass(frozen=True)
class Plan:
    """How kind a fleet is: for how many seconds, whether things die, and how good the catalogue is."""

    seconds: float
    deaths: bool = False
    known: float = 1.0
    lies: float = 0.0
    exhausted: bool = False
    calm: bool = False
    tight: float = 0.5
    """How much of the usual quotas there is."""


STRONG, MIDDLE, SMALL = (78, 92), (62, 78), (42, 62)
QUICK, USUAL, SLOW = (0.2, 0.45), (0.5, 1.0), (1.0, 2.6)

OPENROUTER = [(3, STRONG, SLOW, 60), (2, MIDDLE, USUAL, 80)]
MISTRAL = [(2, STRONG, USUAL, 80), (2, SMALL, QUICK, 150)]

# name, wire, dialect, keys, models (how many, quality, first token, speed), limits of a model, limits of an account
HOUSES: tuple[tuple[Any, ...], ...] = (
    ("gemini", "gemini", "gemini", 1, [(2, STRONG, USUAL, 150)], {"rpm": 10, "rpd": 40, "tpm": 250_000}, {}),
    ("groq", "openai", "groq", 2, [(3, MIDDLE, QUICK, 300)], {"rpm": 30, "rpd": 1000, "tpm": 10_000}, {}),
    ("openrouter", "openai", "openrouter", 1, OPENROUTER, {}, {"rpm": 20, "rpd": 300}),
    ("cerebras", "openai", "cerebras", 1, [(2, MIDDLE, QUICK, 900)], {"rpm": 10, "tpm": 60_000, "tpd": 1_000_000}, {}),
    ("mistral", "openai", "mistral", 2, MISTRAL, {"rpm": 30, "tpm": 500_000}, {}),
    ("cohere", "openai", "cohere", 1, [(3, MIDDLE, USUAL, 70)], {"rpm": 20}, {"rpmonth": 1000}),
    ("sambanova", "openai", "github", 1, [(3, STRONG, USUAL, 200)], {"rpm": 20, "rpd": 60}, {}),
    ("nvidia", "openai", "titled", 1, [(2, STRONG, SLOW, 50), (3, MIDDLE, SLOW, 60)], {}, {"rpm": 40}),
    ("copse", "openai", "github", 1, [(4, STRONG, SLOW, 70)], {"rpm": 12, "rpd": 120, "tpm": 120_000}, {}),
    ("acme", "openai", "retry_after", 1, [(3, MIDDLE, USUAL, 90)], {"rpm": 20}, {}),
    ("bolt", "openai", "milliseconds", 1, [(2, SMALL, QUICK, 250)], {"rpm": 30, "tpm": 100_000}, {}),
    ("citro", "openai", "bare", 1, [(2, MIDDLE, USUAL, 90)], {"rpm": 15}, {}),
    ("delta", "openai", "retry_after", 1, [(1, SMALL, USUAL, 60)], {"concurrent": 3, "rpm": 30}, {}),
    ("flash", "gemini", "gemini", 1, [(2, MIDDLE, QUICK, 180)], {"rpm": 15, "rpd": 500, "tpm": 250_000}, {}),
    ("gilt", "openai", "retry_after", 1, [(1, (93, 97), QUICK, 120)], {"rpm": 500}, {}),
)
"""Tiers like those of real services in 2026; ``flash`` is the second kind of models at gemini, ``gilt`` costs money."""


def fleet(seed: int, plan: Plan) -> list[House]:
    """Return the fleet of a seed."""
    random = Random(f"fleet {seed}")
    houses = [_house(random, row, plan.tight) for row in HOUSES]
    flash = next(house for house in houses if house.name == "flash")
    gemini = next(house for house in houses if house.name == "gemini")
    houses.remove(flash)
    for brain in flash.models:
        brain.house, brain.id = "gemini", f"lite-{brain.id}"
        gemini.models.append(brain)
    for house in houses:
        _weather(random, house, plan)
    if plan.deaths:
        _deaths(random, houses, plan)
    for house in houses:
        for brain in house.models:
            _tell(random, brain, house, plan)
    if plan.exhausted:
        gemini.models[0].limits["rpd"] = 0
        gemini.models[0].told["limits"] = {"rpm": 10, "rpd": 40, "tpm": 250_000}
    return houses


def _house(random: Random, row: tuple[Any, ...], tight: float) -> House:
    name, wire, dialect, keys, groups, limits, shared = row
    accounts = [f"{name}-{number}" for number in range(keys)]
    pairs = [(f"sk-{account}", account) for account in accounts]
    house = House(name, wire, dialect, pairs, _scaled(random, shared, tight), name != "gilt")
    for count, quality, first, speed in groups:
        for _ in range(count):
            house.models.append(_brain(random, house, len(house.models), quality, first, speed, limits, tight))
    return house


def _scaled(random: Random, limits: dict[str, int], tight: float) -> dict[str, int]:
    """Return quotas around the usual ones; tokens are never so few that no ordinary prompt fits."""
    factors = {kind: random.uniform(0.6, 1.5) * (1.0 if kind == "concurrent" else tight) for kind in limits}
    least = {kind: 8000 if kind.startswith("t") else 1 for kind in limits}
    return {kind: max(round(most * factors[kind]), least[kind]) for kind, most in limits.items()}


def _brain(
    random: Random,
    house: House,
    number: int,
    quality: tuple[float, float],
    first: tuple[float, float],
    speed: float,
    limits: dict[str, int],
    tight: float,
) -> Brain:
    abilities = {"chat", "json_object", "json_schema"}
    abilities |= {word for word, odds in (("tools", 0.85), ("vision", 0.4)) if random.random() < odds}
    return Brain(
        house=house.name,
        id=f"{house.name[:3]}-{number}",
        quality=round(random.uniform(*quality), 1),
        first=random.uniform(*first),
        speed=speed * random.uniform(0.6, 1.5),
        prefill=random.uniform(3000, 20000),
        context=random.choice([65_536, 131_072, 131_072, 262_144]),
        abilities=frozenset(abilities),
        limits=_scaled(random, limits, tight),
        errors=random.choice([0.001, 0.002, 0.005, 0.01, 0.02]),
        spread=random.uniform(0.2, 0.45),
        size=random.uniform(0.85, 1.2),
    )


def _weather(random: Random, house: House, plan: Plan) -> None:
    """Let a provider have its slow spells and outages: in five minutes few and short, in a day many and long."""
    if plan.calm:
        return
    day = plan.seconds > 7200
    for _ in range(_poisson(random, 5.0 if day else 0.5)):
        begin = random.uniform(0, plan.seconds)
        lasts = random.uniform(300, 2400) if day else random.uniform(25, 90)
        house.spells.append((begin, begin + lasts, random.uniform(2.5, 10.0)))
    for _ in range(_poisson(random, 0.4 if day else 0.12)):
        begin = random.uniform(0, plan.seconds)
        lasts = random.uniform(300, 1800) if day else random.uniform(20, 70)
        house.outages.append((begin, begin + lasts, random.choice(["connect", "server", "overloaded", "hang"])))


def _poisson(random: Random, mean: float) -> int:
    count, left = 0, math.exp(-mean)
    product = random.random()
    while product > left:
        count += 1
        product *= random.random()
    return count


def _deaths(random: Random, houses: list[House], plan: Plan) -> None:
    """Let a provider, a model and a key die, each for good and somewhere in the first half."""
    mortal = [house for house in houses if house.free and house.name not in ("gemini", "groq", "mistral")]
    first, second = random.sample(mortal, 2)
    first.dies, first.dies_how = plan.seconds * random.uniform(0.15, 0.5), random.choice(["connect", "server"])
    random.choice(second.models).dies = plan.seconds * random.uniform(0.15, 0.5)
    keyed = random.choice([house for house in houses if len(house.keys) > 1])
    keyed.key_dies[keyed.keys[0][0]] = plan.seconds * random.uniform(0.15, 0.5)


LIES = ("limits", "quality", "tools", "context", "absent")


def _tell(random: Random, brain: Brain, house: House, plan: Plan) -> None:
    """Write the catalogue's line of a model: mostly true, sometimes silent on limits, sometimes wrong."""
    limits = {**house.limits, **brain.limits} if random.random() < plan.known else None
    brain.told = {
        "quality": brain.quality,
        "context": brain.context,
        "abilities": brain.abilities,
        "limits": limits,
    }
    if random.random() >= plan.lies or not house.free:
        return
    brain.lie = random.choice(LIES)
    match brain.lie:
        case "limits":
            factor = random.choice([0.4, 2.0, 4.0])
            true = limits or brain.limits
            brain.told["limits"] = {kind: max(round(most * factor), 1) for kind, most in true.items()}
        case "quality":
            brain.told["quality"] = min(max(brain.quality + random.choice([-15, 15]), 5), 99)
        case "tools":
            brain.abilities -= {"tools"}
            brain.told["abilities"] = brain.abilities | {"tools"}
        case "context":
            brain.context = 16_384
        case "absent":
            brain.dies = 0.0
