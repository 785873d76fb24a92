"""Ranks models for each virtual model: one cost in seconds, one row a profile, one function a strategy."""

import math
from collections.abc import Callable, Sequence

import msgspec

from wallas.catalog.entries import Model
from wallas.health import Health
from wallas.types.chat import ChatRequest


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What a virtual model cares for: ``quality`` is the seconds that one point of quality is worth."""

    quality: float
    needs: frozenset[str] = frozenset()
    floor: float = 0.0
    hold: str = "part"
    prior: str = "quality"
    roomy: float = 1.0  # how many times the estimated tokens the window shall hold


PROFILES: dict[str, Profile] = {
    "auto": Profile(quality=0.1),
    "rapido": Profile(quality=0.01, floor=35),
    "standard": Profile(quality=0.08),
    "razonamiento": Profile(quality=0.5, needs=frozenset({"reasoning"})),
    "agentico": Profile(quality=0.3, needs=frozenset({"tools"}), hold="turn"),
    "codigo": Profile(quality=0.3, prior="coding"),
    "vista": Profile(quality=0.1, needs=frozenset({"vision"})),
    "multimodal": Profile(quality=0.1),
    "contexto-largo": Profile(quality=0.1, roomy=2.0),
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
FAILURE_SECONDS = 3.0
BEST_QUALITY = 100.0

Strategy = Callable[[ChatRequest, Sequence[Model], Health], Sequence[Model]]


def cost(model: Model, health: Health, *, weight: float, prior: str = "quality") -> float:
    """Return what calling this model is expected to cost the caller, in seconds (routing.md 1)."""
    first = health.first_token(model.provider, model.id, FIRST_TOKEN.get(model.provider, USUAL_FIRST_TOKEN))
    speed = SPEED.get(model.provider, USUAL_SPEED)
    success = health.probability(model.provider, model.id)
    failure = (1.0 - success) / success * FAILURE_SECONDS
    quality = model.coding if prior == "coding" else model.quality
    return first + USUAL_OUTPUT / speed + failure + weight * (BEST_QUALITY - quality)


def by_cost(profile: Profile) -> Strategy:
    """Return the strategy that ranks able models by cost, as one profile weighs it."""

    def ranked(request: ChatRequest, models: Sequence[Model], health: Health) -> Sequence[Model]:
        able = [model for model in models if model.capabilities >= profile.needs and model.quality >= profile.floor]
        return sorted(
            able, key=lambda model: (cost(model, health, weight=profile.quality, prior=profile.prior), model.key)
        )

    return ranked


def in_order(request: ChatRequest, models: Sequence[Model], health: Health) -> Sequence[Model]:
    """Rank as listed: the list is the order."""
    return models


def by_price(request: ChatRequest, models: Sequence[Model], health: Health) -> Sequence[Model]:
    """Rank what costs least first; an unknown price comes last."""
    return sorted(models, key=_price)


def _price(model: Model) -> tuple[float, str]:
    known = model.price
    if model.free:
        return 0.0, model.key
    if known is None or known.input is None or known.output is None:
        return math.inf, model.key
    return known.input + known.output, model.key


STRATEGIES: dict[str, Strategy] = {
    **{name: by_cost(profile) for name, profile in PROFILES.items()},
    "order": in_order,
    "price": by_price,
}


def profile_name(name: str) -> str | None:
    """Return the virtual model that a name or an alias of one means, or None."""
    name = PROFILE_ALIASES.get(name, name)
    return name if name in PROFILES else None
