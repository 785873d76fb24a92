"""Ranks models for each virtual model: one cost in seconds with named parts, a row a profile, a function a strategy."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from wallas.catalog.entries import Model
from wallas.health import Health
from wallas.routing.difficulty import LEVELS
from wallas.types.chat import ChatRequest


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What a virtual model cares for.

    ``quality`` is the seconds that one point of quality is worth (None: by
    the request's difficulty), ``sticky`` how much a warm cache counts, ``roomy``
    how many times the estimated tokens the window shall hold.
    """

    quality: float | None
    about: str
    needs: frozenset[str] = frozenset()
    floor: float = 0.0
    hold: str = "part"
    prior: str = "quality"
    roomy: float = 1.0
    sticky: float = 1.0


PROFILES: dict[str, Profile] = {
    "auto": Profile(quality=None, about="good and quick; hard requests go to better models"),
    "rapido": Profile(quality=0.01, floor=35, about="the first word soonest"),
    "standard": Profile(quality=0.08, about="between speed and quality"),
    "razonamiento": Profile(quality=0.5, needs=frozenset({"reasoning"}), about="models that think"),
    "agentico": Profile(
        quality=0.3, needs=frozenset({"tools"}), hold="turn", sticky=2.0, about="tool callers; every failover is exact"
    ),
    "codigo": Profile(quality=0.3, prior="coding", about="quality at code"),
    "vista": Profile(quality=0.1, needs=frozenset({"vision"}), about="models that see"),
    "multimodal": Profile(quality=0.1, about="models that take the request's media as they are"),
    "contexto-largo": Profile(quality=0.1, roomy=2.0, about="a window of twice the estimate"),
}

PROFILE_ALIASES = {
    "fast": "rapido",
    "balanced": "standard",
    "equilibrado": "standard",
    "reasoning": "razonamiento",
    "agentic": "agentico",
    "code": "codigo",
    "vision": "vista",
    "long-context": "contexto-largo",
}

FIRST_TOKEN = {
    "groq": 0.3,
    "cerebras": 0.3,
    "sambanova": 0.6,
    "gemini": 0.8,
    "mistral": 0.6,
    "nvidia": 2.5,
    "ollama": 1.5,
}
SPEED = {"groq": 300.0, "cerebras": 900.0, "sambanova": 200.0, "gemini": 150.0, "nvidia": 40.0, "ollama": 25.0}
"""First guesses, in seconds and tokens a second, until real answers teach better (own estimate, 2026-11)."""

USUAL_FIRST_TOKEN = 1.0
USUAL_SPEED = 60.0
USUAL_OUTPUT = 400
FELT_OUTPUT = 50
"""Tokens whose time counts: who reads along feels the first lines, not the last (bench/routing: 400 cost quality)."""
FAILURE_SECONDS = 3.0
BEST_QUALITY = 100.0
LAST_SECONDS = 1000.0
"""What a model costs more that was named and that its strategy would not take by itself."""
AUXILIARY_REQUESTS = 100
"""A day's limit up to this many requests is too scarce for auxiliary calls."""


class Parts(NamedTuple):
    """What a candidate is expected to cost the caller, in seconds; a negative part speaks for it."""

    first_token: float = 0.0
    generation: float = 0.0
    failure: float = 0.0
    quality: float = 0.0
    scarcity: float = 0.0
    wait: float = 0.0
    price: float = 0.0
    session: float = 0.0
    exploration: float = 0.0

    @property
    def total(self) -> float:
        """Return the sum: what candidates are ranked by."""
        return sum(self)

    def scarcer(self, seconds: float) -> "Parts":
        """Return them with so much more for scarcity; quicker than ``_replace``, and made for every candidate."""
        first, generation, failure, quality, scarcity, *rest = self
        return Parts(first, generation, failure, quality, scarcity + seconds, *rest)


class Ranked(NamedTuple):
    """A model with what it costs, before the request's own terms; ``total`` is kept because it is sorted by often."""

    total: float
    model: Model
    parts: Parts


class Expected(NamedTuple):
    """What health makes of a model, in seconds: to the first token, for the tokens that count, for the odds to fail.

    ``cached`` is how likely it keeps a prompt's beginning, 0 to 1.
    """

    first: float
    generation: float
    failure: float
    cached: float = 0.0


Cost = tuple[float, Parts]
"""By what a model is ranked, and its parts."""


class Strategy(NamedTuple):
    """Ranks models: those that are ``able``, by what each ``cost``s at its place in the list.

    ``live``: the cost moves with health.
    """

    cost: Callable[[int, Model, Expected], Cost]
    able: Callable[[Model], bool] = lambda model: True
    live: bool = True

    def __call__(self, request: ChatRequest | None, models: Sequence[Model], health: Health) -> list[Ranked]:
        """Return the able models as they rank now; equal ones by their key."""
        found = []
        for place, model in enumerate(filter(self.able, models)):
            total, parts = self.cost(place, model, expected_of(model, health))
            found.append(Ranked(total, model, parts))
        return sorted(found, key=_by_total)


def expected_first(model: Model, health: Health) -> float:
    """Return the seconds to a model's first token, for a short prompt."""
    return health.first_token(model.provider, model.id, FIRST_TOKEN.get(model.provider, USUAL_FIRST_TOKEN))


def expected_of(model: Model, health: Health) -> Expected:
    """Return what health makes of a model now."""
    speed = health.generation_speed(model.provider, model.id, SPEED.get(model.provider, USUAL_SPEED))
    success = health.probability(model.provider, model.id)
    return Expected(
        expected_first(model, health),
        FELT_OUTPUT / max(speed, 1.0),
        (1.0 - success) / success * FAILURE_SECONDS,
        health.caches.chance(model.key),
    )


def parts_of(model: Model, expected: Expected, *, weight: float, prior: str = "quality") -> Parts:
    """Return what calling this model is expected to cost, whatever is asked (routing.md 1)."""
    return Parts(
        expected.first,
        expected.generation,
        expected.failure,
        weight * (BEST_QUALITY - (model.coding if prior == "coding" else model.quality)),
    )


def by_cost(profile: Profile, *, weight: float) -> Strategy:
    """Return the strategy that ranks able models by cost, at this many seconds a point of quality."""

    def cost(place: int, model: Model, expected: Expected) -> Cost:
        parts = parts_of(model, expected, weight=weight, prior=profile.prior)
        return sum(parts), parts

    return Strategy(cost, lambda model: model.capabilities >= profile.needs and model.quality >= profile.floor)


def _small(place: int, model: Model, expected: Expected) -> Cost:
    parts = parts_of(model, expected, weight=-0.02)
    return sum(parts), parts


in_order = Strategy(lambda place, model, expected: (float(place), Parts()), live=False)
"""As listed: the list is the order."""

by_price = Strategy(lambda place, model, expected: (price_of(model), Parts()), live=False)
"""What costs least first; an unknown price comes last."""

for_auxiliary = Strategy(_small, lambda model: not _scarce(model))
"""The smallest models first, and none whose day is short: for titles, tags and pings."""


def _lenient(strategy: Strategy) -> Strategy:
    """Return a strategy that takes everybody, those last that it would not take by itself."""

    def cost(place: int, model: Model, expected: Expected) -> Cost:
        total, parts = strategy.cost(place, model, expected)
        return (total, parts) if strategy.able(model) else (total + LAST_SECONDS, parts.scarcer(LAST_SECONDS))

    return Strategy(cost, live=strategy.live)


def _by_total(ranked: Ranked) -> tuple[float, str]:
    return ranked.total, ranked.model.key


def price_of(model: Model) -> float:
    """Return what a million tokens in and out cost together; infinity where nobody knows."""
    known = model.price
    if model.free:
        return 0.0
    if known is None or known.input is None or known.output is None:
        return math.inf
    return known.input + known.output


def _scarce(model: Model) -> bool:
    limits = model.limits
    return limits is not None and any(n is not None and n <= AUXILIARY_REQUESTS for n in (limits.rpd, limits.rpmonth))


STRATEGIES: dict[str, Strategy] = {
    **{
        name: by_cost(profile, weight=LEVELS[1] if profile.quality is None else profile.quality)
        for name, profile in PROFILES.items()
    },
    "order": in_order,
    "price": by_price,
    "auxiliary": for_auxiliary,
}
BY_LEVEL: tuple[Strategy, ...] = tuple(by_cost(PROFILES["auto"], weight=weight) for weight in LEVELS)
"""``auto`` by the difficulty of the request."""


LENIENT = {
    "": _lenient(STRATEGIES["standard"]),
    "nitro": _lenient(STRATEGIES["rapido"]),
    "floor": _lenient(STRATEGIES["price"]),
}
"""How models that were asked for by name are ranked, by the name's suffix."""


def profile_name(name: str) -> str | None:
    """Return the virtual model that a name or an alias of one means, or None."""
    name = PROFILE_ALIASES.get(name, name)
    return name if name in PROFILES else None
