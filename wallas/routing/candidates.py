"""Who may answer a request and who may not, and what the caller allows."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from wallas import codecs
from wallas.catalog.entries import Model
from wallas.health import Place
from wallas.providers.base import Provider
from wallas.routing.strategies import Parts
from wallas.settings import Key

N_WIRES = (codecs.OPENAI_CHAT, codecs.GEMINI)
"""Wires that have a field for several answers."""


class Candidate(NamedTuple):
    """One model at one provider with one key: somebody who may answer."""

    model: Model
    provider: Provider
    key: Key
    place: Place
    """Where its health is kept."""
    base: Parts = Parts()
    """What it costs, but for its quota."""
    scarcity: float = 0.0
    """What its quota adds, in seconds."""

    @classmethod
    def of(cls, model: Model, provider: Provider, key: Key) -> "Candidate":
        """Return a candidate of which nothing is known that could set it against others."""
        return cls(model, provider, key, Place(model.provider, model.id, key.id))

    @property
    def parts(self) -> Parts:
        """Return what it is expected to cost."""
        return self.base.scarcer(self.scarcity) if self.scarcity else self.base

    @property
    def issuer(self) -> str:
        """Return whose seals are its own: ``provider/model@account``."""
        return f"{self.model.provider}/{self.model.id}@{self.key.account}"


class Excluded(NamedTuple):
    """Somebody who may not answer now: why, and for how many more seconds (None: no end known).

    A ``breaker``'s reason may be overridden where nobody else is left; a ``guess`` is no more than that.
    """

    model: Model
    key: Key | None
    reason: str
    seconds: float | None = None
    breaker: bool = False
    guess: bool = False

    def row(self) -> dict[str, object]:
        """Return this exclusion as the client is told of it."""
        told: dict[str, object] = {"provider": self.model.provider, "model": self.model.id, "reason": self.reason}
        if self.seconds is not None:
            told["retry_after_seconds"] = round(self.seconds, 3)
        return told


class Terms(msgspec.Struct, frozen=True, kw_only=True, cache_hash=True):
    """What the caller allows: whose models, at what cost, and which model ids were asked for by name."""

    allow_paid: bool = False
    may_pay: bool = True
    named: frozenset[str] = frozenset()
    only: frozenset[str] = frozenset()
    ignore: frozenset[str] = frozenset()
    private: bool = False
    max_price: tuple[tuple[str, float], ...] = ()
    """USD at most by what is paid for: ``prompt``, ``completion``, ``request``, ``image``."""
    quantizations: frozenset[str] = frozenset()
    """How finely weights may be stored, ``unknown`` among them; empty: any way."""


class Selection(NamedTuple):
    """Who may answer, best first, and who may not."""

    candidates: Sequence[Candidate]
    excluded: Sequence[Excluded]


def gives_n(provider: Provider) -> bool:
    """Return whether a provider takes ``n``: its wire has it, and nothing says that it is refused there."""
    return provider.wire in N_WIRES and "n" not in provider.row.drops


def too_dear(model: Model, ceilings: Iterable[tuple[str, float]]) -> str | None:
    """Return why a model costs more than is wanted, None when it does not."""
    if model.free:
        return None
    known = model.price
    prices = {"prompt": known.input, "completion": known.output} if known else {}
    for name, most in ceilings:
        if name in ("request", "image"):
            unit = known.unit if known is not None and known.per == name else None
            if unit is not None and unit > most:
                return f"costs {unit:g} USD a {name}, more than max_price.{name}"
        elif (own := prices.get(name)) is None:
            return f"price is not known, and max_price.{name} was asked for"
        elif own > most:
            return f"costs {own:g} USD a million tokens, more than max_price.{name}"
    return None


def is_shared(provider: Provider) -> bool:
    """Return whether a provider serves anybody without a key: its calls are shared with strangers, so it is last."""
    return provider.row.keyless and not provider.row.opt_in and not any(key.secret for key in provider.keys)


def preferred(
    candidates: Sequence[Candidate], *, order: tuple[str, ...], issuers: frozenset[str]
) -> Sequence[Candidate]:
    """Return the candidates with the caller's own order first, then those whose seals the conversation carries."""
    if issuers:
        candidates = sorted(candidates, key=lambda candidate: candidate.issuer not in issuers)
    if order:
        rank = {provider: place for place, provider in enumerate(order)}
        candidates = sorted(candidates, key=lambda candidate: rank.get(candidate.model.provider, len(rank)))
    return candidates
