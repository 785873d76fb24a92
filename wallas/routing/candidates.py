"""Who may answer a request and who may not, and what the caller allows."""

from typing import NamedTuple

import msgspec

from wallas.catalog.entries import Model
from wallas.health import Place
from wallas.providers.base import Provider
from wallas.routing.strategies import Parts
from wallas.settings import Key


class Candidate(NamedTuple):
    """One model at one provider with one key: somebody who may answer."""

    model: Model
    provider: Provider
    key: Key
    parts: Parts = Parts()

    @property
    def place(self) -> Place:
        """Return where its health is kept."""
        return Place(self.model.provider, self.model.id, self.key.id)

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


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller allows: whose models, at what cost, and which model ids were asked for by name."""

    allow_paid: bool = False
    may_pay: bool = True
    named: frozenset[str] = frozenset()
    only: frozenset[str] = frozenset()
    ignore: frozenset[str] = frozenset()
    private: bool = False


class Selection(NamedTuple):
    """Who may answer, best first, and who may not."""

    candidates: list[Candidate]
    excluded: list[Excluded]


def is_shared(provider: Provider) -> bool:
    """Return whether a provider serves anybody without a key: its calls are shared with strangers, so it is last."""
    return provider.row.keyless and not provider.row.opt_in and not any(key.secret for key in provider.keys)


def preferred(candidates: list[Candidate], *, order: tuple[str, ...], issuers: frozenset[str]) -> list[Candidate]:
    """Return the candidates with the caller's own order first, then those whose seals the conversation carries."""
    if issuers:
        candidates = sorted(candidates, key=lambda candidate: candidate.issuer not in issuers)
    if order:
        rank = {provider: place for place, provider in enumerate(order)}
        candidates = sorted(candidates, key=lambda candidate: rank.get(candidate.model.provider, len(rank)))
    return candidates
