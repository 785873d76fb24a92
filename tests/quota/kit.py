"""What the tests of the ledger share: a clock moved by hand, models and keys, ledgers that share an authority."""

from typing import Any, NamedTuple

from wallas.catalog.entries import Limits, Model
from wallas.quota.authority import MemoryAuthority, answer
from wallas.quota.clocks import Steady
from wallas.quota.ledger import Ledger, Reservation
from wallas.quota.spool import NoSpool

NOON = 1_790_000_000.0


class Hands:
    """A clock that stands still until it is moved."""

    def __init__(self, now: float = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def steady(self) -> Steady:
        return Steady(self, self)


class FakeKey(NamedTuple):
    """A key, as far as quota goes."""

    id: str = "k1"
    account: str = "acc"


KEY = FakeKey()


def model(provider: str = "p", id: str = "m", **limits: Any) -> Model:
    """Return a free model with these limits."""
    said = Limits(**({"scope": "model", "source": "test"} | limits)) if limits else None
    return Model(provider=provider, id=id, free=True, limits=said)


class Pages(NoSpool):
    """A spool in memory that all workers can read."""

    def __init__(self, pages: dict[tuple[str, int], float], worker: str) -> None:
        self.pages = pages
        self.worker = worker

    def __setitem__(self, slot: int, spent: float) -> None:
        self.pages[self.worker, slot] = spent


class Shared(MemoryAuthority):
    """One of several workers on the same memory; ``pages`` is what their spools hold."""

    def __init__(self, entries: dict[Any, Any], live: set[str], worker: str, pages: Any = None) -> None:
        self.entries = entries
        self.live = live
        self.worker = worker
        self.pages = {} if pages is None else pages
        live.add(worker)

    def exchange(self, asks: Any, *, now: float) -> Any:
        grants = []
        for ask in asks:
            self.entries[ask.key], grant = answer(
                self.entries.get(ask.key),
                ask,
                worker=self.worker,
                live=frozenset(self.live),
                now=now,
                spooled=lambda worker, slot: self.pages.get((worker, slot)),
            )
            grants.append(grant)
        return grants, len(self.live)

    def leave(self, *, now: float) -> None:
        self.live.discard(self.worker)


def ledger(hands: Hands, **parts: Any) -> Ledger:
    """Return a ledger on a clock that is moved by hand."""
    return Ledger(now=hands.steady(), **parts)


def took(ledger: Ledger, model: Model, key: FakeKey = KEY, **fields: Any) -> bool:
    """Return whether a call could be reserved."""
    return isinstance(ledger.reserve(ledger.seat(model, key), **fields), Reservation)
