"""The truth about a fleet: 14 providers, 41 models, what they can, how fast they are, when and how they fail."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from bench.fleet.tasks import SHORT

CHAT = frozenset({"chat"})
TOOLS = CHAT | {"tools", "json_object", "json_schema"}
SEES = TOOLS | {"vision"}
LONG = 131_072


@dataclass(frozen=True)
class Kind:
    """One model as it really is; times in seconds, speed in tokens a second, limits of its own."""

    id: str
    quality: float
    ttft: float
    speed: float
    context: int = LONG
    can: frozenset[str] = TOOLS
    caches: bool = False
    limits: dict[str, int] = field(default_factory=dict)
    broken_json: float = 0.0


@dataclass(frozen=True)
class House:
    """One provider as it really is; ``limits`` are shared by all its models, per account."""

    name: str
    wire: str
    dialect: str
    models: tuple[Kind, ...]
    limits: dict[str, int] = field(default_factory=dict)
    keys: int = 1
    free: bool = True
    known: str | None = None
    """The name by which the gateway knows such a provider, if it does."""


def m(id: str, quality: float, ttft: float, speed: float, **more: Any) -> Kind:
    """Return one model."""
    return Kind(id, quality, ttft, speed, **more)


def houses() -> tuple[House, ...]:
    """Return the fleet before chance has its say."""
    return (
        House(
            "groq",
            "openai",
            "groq",
            (
                m("openai/gpt-oss-120b", 78, 0.25, 320, caches=True, limits={"rpm": 30, "tpm": 24_000, "rpd": 1000}),
                m("openai/gpt-oss-20b", 62, 0.2, 500, caches=True, limits={"rpm": 30, "tpm": 24_000, "rpd": 1000}),
                m("qwen/qwen3.8-27b", 74, 0.3, 300, can=SEES, limits={"rpm": 20, "tpm": 16_000, "rpd": 500}),
                m("llama/fast-8b", 45, 0.15, 600, context=8192, limits={"rpm": 30, "tpm": 12_000, "rpd": 1000}),
            ),
            known="groq",
        ),
        House(
            "gemini",
            "gemini",
            "gemini",
            (
                m(
                    "gemini-3.6-flash",
                    84,
                    0.7,
                    180,
                    context=1_048_576,
                    can=SEES,
                    caches=True,
                    limits={"rpm": 8, "tpm": 400_000, "rpd": 30},
                ),
                m(
                    "gemini-3.6-flash-lite",
                    72,
                    0.45,
                    250,
                    context=1_048_576,
                    can=SEES,
                    caches=True,
                    limits={"rpm": 15, "tpm": 400_000, "rpd": 500},
                ),
                m(
                    "gemini-2.5-pro",
                    88,
                    1.4,
                    120,
                    context=1_048_576,
                    can=SEES,
                    caches=True,
                    limits={"rpm": 5, "tpm": 250_000, "rpd": 20},
                ),
                m("gemma-4-31b", 66, 0.6, 90, limits={"rpm": 20, "tpm": 60_000}),
            ),
            known="gemini",
        ),
        House(
            "openrouter",
            "openai",
            "openrouter",
            (
                m("deepseek/deepseek-v4:free", 86, 1.2, 60),
                m("qwen/qwen4-80b:free", 80, 0.9, 80, can=SEES),
                m("meta/llama-5-70b:free", 75, 0.8, 90),
                m("google/gemma-4-31b:free", 67, 0.7, 90, can=SEES),
                m("z/glm-6:free", 83, 1.1, 70),
            ),
            limits={"rpm": 20, "rpd": 80},
            known="openrouter",
        ),
        House(
            "mistral",
            "openai",
            "mistral",
            (
                m("mistral-large-latest", 80, 0.6, 90, can=SEES, caches=True, limits={"rpm": 20, "tpm": 500_000}),
                m("mistral-medium-latest", 77, 0.5, 110, can=SEES, caches=True, limits={"rpm": 20, "tpm": 500_000}),
                m("mistral-small-latest", 66, 0.35, 160, limits={"rpm": 40, "tpm": 500_000}),
                m("codestral-latest", 64, 0.35, 160, limits={"rpm": 30, "tpm": 300_000}),
            ),
            limits={"rpm": 60},
            known="mistral",
        ),
        House(
            "cohere",
            "cohere",
            "cohere",
            (
                m("command-b-08-2026", 73, 0.6, 80),
                m("command-r7b", 50, 0.4, 120, can=CHAT),
                m("command-vision", 65, 0.8, 70, can=SEES),
            ),
            limits={"rpm": 20, "rpmonth": 1000},
            known="cohere",
        ),
        House(
            "cerebras",
            "openai",
            "cerebras",
            (
                m("gpt-oss-120b", 78, 0.25, 900, limits={"rpm": 10, "tpm": 60_000, "rpd": 300}),
                m("gemma-4-31b", 66, 0.25, 900, can=SEES, limits={"rpm": 10, "tpm": 60_000, "rpd": 300}),
            ),
            known="cerebras",
        ),
        House(
            "sambanova",
            "openai",
            "azure",
            (
                m("DeepSeek-V4", 85, 0.9, 150, limits={"rpm": 10, "rpd": 40}),
                m("Llama-5-70B", 75, 0.5, 250, limits={"rpm": 20, "rpd": 80}),
                m("MiniMax-M4", 76, 0.6, 200, limits={"rpm": 20, "rpd": 80}),
            ),
            known="sambanova",
        ),
        House(
            "nvidia",
            "openai",
            "bare",
            (
                m("nvidia/nemotron-4-ultra", 82, 1.8, 50, caches=True),
                m("nvidia/llama-nemotron-49b", 70, 1.0, 60),
                m("moonshot/kimi-k4", 85, 2.0, 45, context=262_144, caches=True),
                m("mistralai/nemo-12b", 52, 0.7, 80, context=32_768),
            ),
            limits={"rpm": 40},
            known="nvidia",
        ),
        House(
            "ollama-cloud",
            "ollama",
            "ollama",
            (m("gpt-oss:120b", 78, 1.0, 90), m("qwen4:235b", 81, 1.3, 60)),
            limits={"rph": 60},
            known="ollama-cloud",
        ),
        House(
            "azul",
            "openai",
            "azure",
            (
                m("azul-large", 79, 0.5, 120, caches=True),
                m("azul-medium", 71, 0.4, 150),
                m("azul-small", 58, 0.3, 200),
            ),
            limits={"rpm": 30},
        ),
        House(
            "boreal",
            "anthropic",
            "dated",
            (m("boreal-opus", 87, 1.2, 70, can=SEES, caches=True), m("boreal-haiku", 70, 0.5, 150, caches=True)),
            limits={"rpm": 15, "tpm": 120_000},
        ),
        House(
            "cumbre",
            "openai",
            "dated",
            (
                m("cumbre-1", 76, 0.6, 110, broken_json=0.2),
                m("cumbre-mini", 60, 0.3, 180),
                m("cumbre-vision", 72, 0.7, 100, can=SEES),
            ),
            limits={"rpm": 25},
        ),
        House(
            "delta",
            "openai",
            "bare",
            (m("delta-70b", 74, 0.5, 140, caches=True),),
            limits={"rpm": 12},
            keys=2,
        ),
        House("oro", "openai", "dated", (m("oro-max", 95, 0.4, 200, can=SEES, caches=True),), free=False),
    )


@dataclass(frozen=True)
class Spell:
    """A time in which a provider, or one model of it, is not itself: slow, or failing in one way."""

    house: str
    start: float
    end: float
    how: str
    """slow, 500, reset, or hang"""


@dataclass(frozen=True)
class Death:
    """What is gone for good from a moment on: a provider, a model of one, or one of its keys.

    A provider that is ``reset`` takes connections and resets them at once: refused ones could not be counted.
    """

    what: str
    house: str
    start: float
    name: str = ""
    """The model's id, or the key's number."""
    how: str = ""


@dataclass(frozen=True)
class World:
    """One fleet with its fate."""

    seed: int
    seconds: float
    houses: tuple[House, ...]
    spells: tuple[Spell, ...]
    deaths: tuple[Death, ...]
    cut: float
    empty: float
    slowness: float
    """How many times later a first token comes in a slow spell."""

    def spell(self, house: str, now: float) -> str | None:
        """Return how a provider fails now, None when it is well."""
        return next((one.how for one in self.spells if one.house == house and one.start <= now < one.end), None)

    def dead(self, house: str, model: str, key: int, now: float) -> Death | None:
        """Return what is dead of a provider, its model or its key by now."""
        for one in self.deaths:
            if one.house == house and one.start <= now and one.name in ("", model, str(key)):
                return one
        return None

    def models(self) -> Iterator[tuple[House, Kind]]:
        """Yield every model with its provider."""
        for house in self.houses:
            for kind in house.models:
                yield house, kind


def world(seed: int, seconds: float) -> World:
    """Return the fleet of a seed: qualities, speeds and quotas a little moved, fates drawn."""
    rng = random.Random(seed)
    slowness = 8.0 if seconds >= SHORT else 2.0
    built = tuple(_moved(house, rng) for house in houses())
    spells: list[Spell] = []
    for house in built:
        for how, share, lasts in (("slow", 0.9, (20, 45)), ("fail", 0.6, (10, 25))):
            if rng.random() < share:
                start = rng.uniform(0.05, 0.85) * seconds
                way = "slow" if how == "slow" else rng.choice(("500", "reset", "hang"))
                spells.append(Spell(house.name, start, start + rng.uniform(*lasts) * seconds / 300, way))
    dying = rng.choice(("azul", "cumbre"))
    deaths = (
        Death("provider", dying, rng.uniform(0.2, 0.4) * seconds, how=rng.choice(("reset", "reset", "410"))),
        Death(
            "model", "groq", rng.uniform(0.1, 0.4) * seconds, rng.choice(("qwen/qwen3.8-27b", "openai/gpt-oss-120b"))
        ),
        Death("model", "openrouter", 0.0, "meta/llama-5-70b:free"),
        Death("key", "delta", rng.uniform(0.2, 0.5) * seconds, "0"),
    )
    return World(seed, seconds, built, tuple(spells), deaths, cut=0.015, empty=0.004, slowness=slowness)


def _moved(house: House, rng: random.Random) -> House:
    models = tuple(
        replace(
            kind,
            quality=round(kind.quality + rng.uniform(-4, 4), 1),
            ttft=kind.ttft * rng.uniform(0.8, 1.3),
            speed=kind.speed * rng.uniform(0.8, 1.2),
            limits={name: max(int(n * rng.uniform(0.8, 1.2)), 1) for name, n in kind.limits.items()},
        )
        for kind in house.models
    )
    limits = {name: max(int(n * rng.uniform(0.8, 1.2)), 1) for name, n in house.limits.items()}
    return replace(house, models=models, limits=limits)


@dataclass(frozen=True)
class Claim:
    """What the catalogue says of one model."""

    context: int
    can: frozenset[str]
    quality: float


@dataclass(frozen=True)
class Claims:
    """The catalogue that the gateway gets: mostly true, with some of the limits."""

    models: dict[tuple[str, str], Claim]
    limits: frozenset[tuple[str, str]]
    """(provider, model or "") whose limits are told."""
    lies: tuple[str, ...]


def claims(true: World) -> Claims:
    """Return a catalogue that lies about one model in ten and knows 60 % of the limits."""
    rng = random.Random(true.seed + 1)
    models = {(house.name, kind.id): Claim(kind.context, kind.can, kind.quality) for house, kind in true.models()}
    free = [(house.name, kind) for house, kind in true.models() if house.free]
    lies: list[str] = []
    able = [(name, kind) for name, kind in free if "vision" not in kind.can and kind.context == LONG]
    ways = ("context", "tools", "quality", "vision")
    for way in ways:
        name, kind = able.pop(rng.randrange(len(able)))
        told = models[name, kind.id]
        if way == "quality":
            models[name, kind.id] = replace(told, quality=min(told.quality + 20, 92.0))
        if way == "vision":
            models[name, kind.id] = replace(told, can=told.can | {"vision"})
        lies.append(f"{way} {name}/{kind.id}")
    places = [(house.name, "") for house, _ in true.models() if house.limits]
    places += [(house.name, kind.id) for house, kind in true.models() if kind.limits]
    places = list(dict.fromkeys(places))
    return Claims(models, frozenset(rng.sample(places, round(len(places) * 0.6))), tuple(lies))


def lied(true: World, said: Claims) -> World:
    """Return the world in which the catalogue's lies about windows and tools are lies: the models have less."""
    ways = {tuple(lie.split(" ", 1)[1].split("/", 1)): lie.split(" ", 1)[0] for lie in said.lies}

    def told(house: House, kind: Kind) -> Kind:
        way = ways.get((house.name, kind.id))
        if way == "context":
            return replace(kind, context=16_384)
        if way == "tools":
            return replace(kind, can=CHAT)
        return kind

    built = tuple(replace(house, models=tuple(told(house, kind) for kind in house.models)) for house in true.houses)
    return replace(true, houses=built)
