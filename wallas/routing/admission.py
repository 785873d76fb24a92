"""Keeps out who rests or has no quota left, and books calls with both: health and the ledger, seen as one."""

import math
from typing import NamedTuple

from wallas.catalog.entries import Model
from wallas.errors import FailureKind, ProviderError, Scope
from wallas.health import Health, Place
from wallas.quota.learning import learn_refusal, settle_failure
from wallas.quota.ledger import Ledger, Refusal, Reservation
from wallas.quota.windows import Window, WindowKey
from wallas.routing.reading import Reading
from wallas.settings import Key


class Held(NamedTuple):
    """Why somebody is kept out, for how many seconds (None: for ever); only a ``breaker``'s rest may be overridden."""

    reason: str
    seconds: float | None
    breaker: bool = False


def held(health: Health, ledger: Ledger, model: Model, key: Key, *, tokens: int, output: int) -> Held | None:
    """Return what keeps a model with a key out longest, None if it may be called now."""
    seat = ledger.seat(model, key)
    found = None
    if seat.charges and (empty := ledger.available(seat, tokens, output)) is not None:
        found = _empty(*empty)
        if found.seconds is None:
            return found
    if not health.rests:
        return found
    rest = health.resting(Place(model.provider, model.id, key.id), free=model.free)
    if rest is None:
        return found
    left = rest.until - health.clock()
    if found is not None and found.seconds is not None and found.seconds > left:
        return found
    return Held(f"resting: {rest.reason}", left, rest.breaker and found is None)


def reserve(ledger: Ledger, model: Model, key: Key, *, tokens: int, output: int) -> Reservation | Held:
    """Take what a call is expected to use, or say why not; may block on an empty share."""
    taken = ledger.reserve(ledger.seat(model, key), tokens=tokens, output=output)
    if isinstance(taken, Refusal):
        return _refused(taken.window, taken.until - ledger.now())
    return taken


def refuse(kept: Held) -> ProviderError:
    """Return the failure of an attempt that was never made; it says nothing of the provider's health."""
    return ProviderError(FailureKind.RATE_LIMIT, kept.reason, status=429, retry_after=kept.seconds)


def book_failure(
    ledger: Ledger, reservation: Reservation | None, error: ProviderError, reading: Reading | None
) -> None:
    """Settle a failed call as its provider counts it, and learn from what was said.

    Where the ledger now keeps the model out until its window begins anew, nothing else needs to rest.
    """
    if reservation is None:
        return
    body = bytes(reading.refusal or b"") if reading is not None else b""
    book_refusal(ledger, reservation, error, reading.body.headers if reading is not None else {}, body)


def book_refusal(
    ledger: Ledger, reservation: Reservation, error: ProviderError, headers: dict[str, str], body: bytes
) -> None:
    """Do the same for a call whose whole answer is at hand."""
    settle_failure(ledger, reservation, error)
    if learn_refusal(ledger, reservation.seat, error, headers, body):
        error.scope = Scope.NOTHING


def _empty(window: Window, seconds: float) -> Held:
    return _refused(window.key, seconds)


def _refused(key: WindowKey, seconds: float) -> Held:
    if math.isinf(seconds):
        return Held(f"quota: {key.kind} is less than this request takes", None)
    return Held(f"quota: {key.kind} used up", max(seconds, 0.0))
