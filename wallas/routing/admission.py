"""Keeps out who rests or has no quota left, and books calls with both: health and the ledger, seen as one."""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

from wallas.catalog.entries import Model
from wallas.errors import ProviderError, Scope
from wallas.health import Health, Place
from wallas.quota.learning import learn_refusal, settle_failure
from wallas.quota.ledger import LOOK_SECONDS, Ledger, Refusal, Reservation
from wallas.quota.seats import Seat
from wallas.quota.windows import REQUESTS, WindowKey
from wallas.routing.moment import why_doubted
from wallas.routing.needs import Needs
from wallas.routing.reading import Reading
from wallas.routing.selector import AMPLE, Room
from wallas.routing.strategies import USUAL_OUTPUT
from wallas.routing.tally import price
from wallas.settings import Key
from wallas.waits import may_wait


class Held(NamedTuple):
    """Why somebody is kept out, for how many seconds (None: for ever); only a ``breaker``'s rest may be overridden."""

    reason: str
    seconds: float | None
    breaker: bool = False


class Rooms:
    """What the ledger says to whoever ranks and chooses."""

    def __init__(self, ledger: Ledger) -> None:
        """Ask this ledger."""
        self.ledger = ledger

    def rooms(self, *, tokens: int, output: int, sure: bool = False) -> Callable[[Place, Model, Key], Room]:
        """Return what tells whether one more call of this size fits, and how much is free, as of now.

        It costs half a microsecond where there was plenty a moment ago, which is believed unless it shall be
        ``sure``, and never blocks.
        """
        ledger, clock = self.ledger, self.ledger.now
        seats, version, now = ledger.seats, ledger.version, clock.monotonic() + clock.offset

        def room(place: Place, model: Model, key: Key) -> Room:
            seat = seats.get(place)
            if seat is None or seat.version != version or seat.limits is not model.limits:
                seat = ledger.seat(model, key)
            headroom = seat.headroom if 0.0 <= now - seat.looked < LOOK_SECONDS else ledger.headroom(seat, now=now)
            if not sure and now < seat.plenty_until and seat.tokens.guess(tokens, output) <= seat.plenty:
                told: Room | None = seat.memo
                if told is None:
                    told = seat.memo = Room(0.0, headroom)
                return told
            return self._look(seat, model, tokens, output, now)

        return room

    def _look(self, seat: Seat, model: Model, tokens: int, output: int, now: float) -> Room:
        if not seat.charges:
            return AMPLE
        ledger = self.ledger
        cost = _cost(model, tokens, output) if seat.priced else 0.0
        empty = ledger.available(seat, tokens, output, cost, now=now)
        if empty is not None:
            window, seconds = empty
            short = (window, 1.0) if window.unit == REQUESTS else None
            return Room(seconds, 0.0, _why(window.key, seconds), short=short)
        headroom = ledger.headroom(seat, now=now)
        if seat.soft and (guessed := ledger.guessed(seat)) > 0:
            return Room(guessed, 0.0, "rpm probably used up", guess=True)
        return Room(0.0, headroom)


def held(health: Health, ledger: Ledger, model: Model, key: Key, needs: Needs) -> Held | None:
    """Return what keeps a model with a key out longest, None if it may be called now."""
    found = _empty(ledger, ledger.seat(model, key), model, needs)
    rest = health.resting(Place(model.provider, model.id, key.id), free=model.free) if health.rests else None
    if rest is None or (found is not None and found.seconds is None):
        return found
    left = rest.until - health.clock()
    if found is not None and found.seconds is not None and found.seconds > left:
        return found
    return Held(f"resting: {rest.reason}", left, rest.breaker and found is None)


def doubtful(health: Health, model: Model) -> Held | None:
    """Return why a model is better passed over though nothing forbids to ask it, None if it is not."""
    doubt = health.doubted(model.provider, model.id)
    return None if doubt is None else Held(why_doubted(doubt), doubt.seconds, breaker=True)


def reserve(ledger: Ledger, model: Model, key: Key, needs: Needs) -> Reservation | Held:
    """Take what a call is expected to use, or say why not.

    Only where a share is empty and nothing says that it has to stay so, more of it is asked for, which may block;
    in a thread that must not, NotNow is raised.
    """
    seat, tokens, output = ledger.seat(model, key), needs.tokens, needs.output
    cost = _cost(model, tokens, output) if seat.priced else 0.0
    taken = ledger.reserve(seat, tokens=tokens, output=output, cost=cost, wait=False)
    if type(taken) is Reservation:
        return taken
    if (empty := _empty(ledger, seat, model, needs)) is not None:
        return empty
    may_wait()
    taken = ledger.reserve(seat, tokens=tokens, output=output, cost=cost)
    return _refused(taken.window, taken.until - ledger.now()) if isinstance(taken, Refusal) else taken


def refused(ledger: Ledger, model: Model, key: Key, needs: Needs) -> Held | None:
    """Return why ``reserve`` would take nothing now, None if it would; takes nothing, and may block as it may."""
    seat, tokens, output = ledger.seat(model, key), needs.tokens, needs.output
    cost = _cost(model, tokens, output) if seat.priced else 0.0
    found = ledger.refused(seat, tokens=tokens, output=output, cost=cost)
    return None if found is None else _refused(found.window, found.until - ledger.now())


def _cost(model: Model, tokens: int, output: int) -> float:
    """Return what a call is expected to cost in USD, with the usual output where none is said; 0 if not known."""
    return price(model, tokens, output or USUAL_OUTPUT) or 0.0


def _empty(ledger: Ledger, seat: Seat, model: Model, needs: Needs) -> Held | None:
    """Return why quota keeps a call out, as far as that is known here; None if it may be made."""
    cost = _cost(model, needs.tokens, needs.output) if seat.priced else 0.0
    empty = ledger.available(seat, needs.tokens, needs.output, cost)
    return None if empty is None else _refused(empty[0].key, empty[1])


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
    ledger: Ledger, reservation: Reservation, error: ProviderError, headers: Mapping[str, str], body: bytes
) -> None:
    """Do the same for a call whose whole answer is at hand."""
    settle_failure(ledger, reservation, error)
    if learn_refusal(ledger, reservation.seat, error, headers, body):
        error.scope = Scope.NOTHING


def _refused(key: WindowKey, seconds: float) -> Held:
    return Held(f"quota: {_why(key, seconds)}", max(seconds, 0.0) if math.isfinite(seconds) else None)


def _why(key: WindowKey, seconds: float) -> str:
    return f"{key.kind} used up" if math.isfinite(seconds) else f"{key.kind} is less than this request takes"
