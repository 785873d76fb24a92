"""Counts what is spent at each provider: reserved before the call, settled after it, never more than is there.

On the request's path nothing but memory is touched: a worker spends from
shares that it was granted. ``tick`` tells the authority what was spent and
fetches more before a share is empty; only ``reserve`` on an empty share waits.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from wallas.quota.authority import Authority
from wallas.quota.clocks import Rolling, Steady
from wallas.quota.forecast import roominess
from wallas.quota.purse import PATIENCE, Purse
from wallas.quota.seats import COUNTED, KeyLike, ModelLike, Seat, Settled, Tokens, charges, covers, declared, window_key
from wallas.quota.spool import NoSpool, Spool
from wallas.quota.twins import Twins
from wallas.quota.windows import ANY, FREE, SLOTS, SOFT, USD, Limit, Window, WindowKey

EXPIRES_AFTER = 900.0
"""A reservation that nobody settles is booked as estimated: longer than any request may take."""

GUESS_SECONDS = 300.0
"""For how long after a refusal that named no limit its guessed one is kept to, while others can be asked."""
LOOK_SECONDS, IDLE_LOOK_SECONDS = 0.25, 5.0
"""For how long it is known how free a seat is, and one that nobody used; whether a call fits is always looked at."""

PLENTY = 4.0
"""A window that holds so many times what a call takes needs no second look for a moment; the reservation decides."""

REFUND_MARGIN = 1.0
"""Seconds before a use leaves a rolling window within which nothing is given back: the others hear of it later."""


class Refusal(NamedTuple):
    """Why a call may not be made now: the window, and the instant at which it may (infinity: never)."""

    window: WindowKey
    until: float


class Reservation(msgspec.Struct, eq=False):
    """A call under way since ``at``, with what it is expected to take of each window; settle it once."""

    seat: Seat
    at: float
    estimate: int
    parts: list[tuple[Window, int, float, float]]
    """(window, kind of amount, amount, the window's end) for each window."""
    beyond: list[Window] = []
    """Windows that should have had nothing left."""
    settled: bool = False


class Ledger(Purse):
    """What this worker may spend and has under way, by seat; safe to use from many threads."""

    def __init__(
        self,
        authority: Authority | None = None,
        *,
        now: Steady | None = None,
        spool: Spool | NoSpool | None = None,
        never_rest: Iterable[str] = (),
    ) -> None:
        """Spend what ``authority`` grants, by default all there is; ``spool`` outlives a kill -9."""
        super().__init__(authority, now, never_rest=never_rest)
        self.spool = spool or NoSpool()
        self.seats: dict[tuple[str, str, str], Seat] = {}
        self.sizes: dict[tuple[str, str], Tokens] = {}
        self.under_way: dict[Reservation, None] = {}
        self.twins = Twins(self.now)

    @property
    def open(self) -> int:
        """Return how many calls are under way."""
        return len(self.under_way)

    @property
    def settled(self) -> dict[tuple[str, str, str], Settled]:
        """Return what this run has settled, by (provider, model, account)."""
        found: dict[tuple[str, str, str], Settled] = {}
        for seat in list(self.seats.values()):
            if seat.settled.calls:
                one = found.setdefault((seat.provider, seat.model, seat.account), Settled())
                one.calls += seat.settled.calls
                one.tokens += seat.settled.tokens
        return found

    def seat(self, model: ModelLike, key: KeyLike) -> Seat:
        """Return the seat of calls to a model with a key."""
        seat = self.seats.get((model.provider, model.id, key.id))
        if seat is not None and seat.version == self.version and seat.limits is model.limits:
            return seat
        with self.lock:
            return self._seated(model, key)

    def available(
        self, seat: Seat, tokens: int = 0, output: int = 0, cost: float = 0.0, *, now: float | None = None
    ) -> tuple[Window, float] | None:
        """Return None if a call may be made now, else the window that refuses longest and for how many seconds.

        Infinity: the window never holds that much.
        """
        now = self.now() if now is None else now
        amounts = (1.0, seat.tokens.guess(tokens, output), cost)
        found: tuple[Window, float] | None = None
        for window, index in seat.charges:
            if window.left < amounts[index] or now >= window.ends:
                amount = amounts[index]
                if (window.quiet and amount <= window.cap) or window.yields(amount):
                    continue
                at = window.back_at(amounts[index], now)
                if at > now and now < window.canary_at and (found is None or at - now > found[1]):
                    found = (window, at - now)
        return found

    def guessed(self, seat: Seat) -> float:
        """Return for how many seconds a call had better not be made, by limits that were only guessed at of late."""
        if not self.guesses:
            return 0.0
        now, longest = self.now(), 0.0
        for window, index in seat.charges:
            if window.soft and index == 0 and window.left < 1.0:
                learned = window.learned
                if learned is not None and now - learned.at < GUESS_SECONDS:
                    longest = max(longest, window.back_at(1.0, now) - now)
        return longest

    def headroom(self, seat: Seat, *, now: float | None = None) -> float:
        """Return how free the tightest window is to be spent, 0 to 1, as of a moment ago.

        That is the share that is left; of a window for hours it is 1 where that will outlast its reset (routing.md 2).
        """
        now = self.now() if now is None else now
        if now - seat.looked >= LOOK_SECONDS or now < seat.looked:
            seat.looked = now
            left = 0.0
            for window, _ in seat.charges:
                left += window.left + window.free
            if left != seat.left or not seat.looked <= now < seat.due:
                seat.left, seat.due, seat.memo = left, now + IDLE_LOOK_SECONDS, None
                seat.soft = any(window.soft for window, _ in seat.charges)
                seat.headroom = min((roominess(window, now) for window, _ in seat.charges), default=1.0)
                seat.plenty, seat.plenty_until = _plenty(seat)
        return seat.headroom

    def reserve(
        self, seat: Seat, *, tokens: int = 0, output: int = 0, cost: float = 0.0, wait: bool = True
    ) -> Reservation | Refusal:
        """Take one request, its tokens and its cost from every window that applies, all or none.

        ``tokens`` is the estimated input, ``output`` the most that may come
        (0: not said). With ``wait`` an empty share is filled up first, which may block on the database.
        """
        amounts = (1.0, seat.tokens.guess(tokens, output), cost)
        clock = self.now
        now = clock.monotonic() + clock.offset
        if now >= self.good_until:
            self.void()
        for again in (wait, False):
            with self.lock:
                for window, index in seat.charges:
                    if window.left < amounts[index] or now >= window.ends:
                        short = _short(seat, amounts, now)
                        break
                else:
                    short = []
                if not short:
                    return self._spend(seat, amounts, now, tokens)
            if not again:
                break
            self.fill(short)
            now = clock()
        return _refusal(short, now)

    def refused(self, seat: Seat, *, tokens: int = 0, output: int = 0, cost: float = 0.0) -> Refusal | None:
        """Return why ``reserve`` would refuse a call now, None if it would not; takes nothing, and may block as it may.

        ``available`` goes by what is known here; this fills up an empty share, in which the other workers have a say.
        """
        amounts = (1.0, seat.tokens.guess(tokens, output), cost)
        if self.now() >= self.good_until:
            self.void()
        if short := _short(seat, amounts, self.now()):
            self.fill(short)
            short = _short(seat, amounts, self.now())
        return _refusal(short, self.now()) if short else None

    def settle(
        self,
        reservation: Reservation | None,
        *,
        input: int | None = None,
        output: int | None = None,
        cost: float | None = None,
        counted: bool = True,
        alive: bool = False,
    ) -> None:
        """Book what the call really took, or the estimate where the provider said nothing (None).

        A call that the provider did not count gives everything back; ``alive``
        says that it was answered. Settling twice, or nothing, does nothing.
        """
        if reservation is None:
            return
        said = None if input is None and output is None else float((input or 0) + (output or 0))
        with self.lock:
            if reservation.settled:
                return
            reservation.settled = True
            del self.under_way[reservation]
            seat = reservation.seat
            seat.settled.calls += 1
            seat.settled.tokens += int(reservation.estimate if said is None else said)
            for window, index, amount, ends in reservation.parts:
                window.open -= 1
                real = (1.0, said, cost)[index] if counted and window.unit != SLOTS else 0.0
                if real is not None and real != amount:
                    self._correct(window, real - amount, reservation.at, ends)
            if counted and said is not None:
                seat.tokens.learn(reservation.estimate, input or 0, output or 0)
            for window in reservation.beyond if alive else ():
                self._disprove(window, seat)
            if not counted and reservation.at in seat.uses:
                seat.uses.remove(reservation.at)
        if alive and self.twins.last:
            self.twins.alive(seat.provider, seat.model, seat.account)

    def tick(self) -> None:
        """Book what nobody settled, then ``refresh``; may block."""
        now = self.now()
        with self.lock:
            late = [one for one in self.under_way if now - one.at >= EXPIRES_AFTER]
        for reservation in late:
            self.settle(reservation)
        self.refresh()

    def close(self) -> None:
        """Give back what is left, and leave."""
        self.give_back()
        self.spool.close(whole=self.trouble is None)

    def _seated(self, model: ModelLike, key: KeyLike) -> Seat:
        place = (model.provider, model.id)
        tokens = self.sizes.get(place)
        if tokens is None:
            tokens = self.sizes[place] = Tokens()
        account = self.same.get((model.provider, key.account), key.account)[:128]
        old = self.seats.get((model.provider, model.id, key.id))
        seat = Seat(model, key.id, account, tokens)
        if old is not None:
            seat.uses, seat.settled = old.uses, old.settled
        limits = model.limits
        for kind, value in declared(limits).items():
            where = window_key(seat, kind, limits.scope)
            window = self.window(where, reset=limits.reset, known=where.model == seat.model[:200])
            self._declare(window, Limit(value, "user" if limits.source == "wallas.toml" else "catalog", 0.0), seat)
        for kind in COUNTED.get(seat.provider, ()):
            self.window(window_key(seat, kind))
        near = [self.places.get((seat.provider, where), []) for where in (seat.model[:200], ANY, FREE)]
        seat.charges = charges([window for windows in near for window in windows if covers(window.key, seat)])
        seat.priced = any(window.unit == USD for window, _ in seat.charges)
        seat.version = self.version
        self.seats[model.provider, model.id, key.id] = seat
        return seat

    def _declare(self, window: Window, limit: Limit, seat: Seat) -> None:
        """Set what the catalog or the user says; of models that share a window the tightest counts."""
        known = window.declared
        shared = window.key.model != seat.model[:200] and known is not None and known.source == limit.source
        limit = min(known, limit) if shared and known is not None else limit
        if limit != known:
            window.declare(limit, self.now())

    def _spend(self, seat: Seat, amounts: tuple[float, float, float], now: float, estimate: int) -> Reservation:
        parts: list[tuple[Window, int, float, float]] = []
        reservation = Reservation(seat, now, estimate, parts)
        spool = self.spool
        for window, index in seat.charges:
            amount = amounts[index]
            if window.left < amount or now >= window.ends:
                window.passes -= not window.soft
                reservation.beyond.append(window)
                window.granted += amount - window.left
                window.left = amount
            window.left -= amount
            window.spent += amount
            window.open += 1
            window.touched = now
            spool[window.slot] = window.spent
            parts.append((window, index, amount, window.ends))
        seat.uses.append(now)
        self.under_way[reservation] = None
        return reservation

    def _disprove(self, window: Window, seat: Seat) -> None:
        """Open a window again, or raise a limit that was only guessed at: a call has succeeded beyond it."""
        now = self.now()
        if not window.soft:
            window.open_again(now)
        elif window.key.kind == "rpm" and (rate := float(seat.rate(now))) > window.most(now):
            window.learn(Limit(rate, SOFT, now), now)

    def _correct(self, window: Window, more: float, at: float, ends: float) -> None:
        """Book the difference to what was reserved ``at`` an instant, in a period that ``ends``.

        What is given back is this worker's again, unless time has given it back already.
        """
        now = self.now()
        if more < 0 and window.unit != SLOTS:
            clock = window.clock
            if ends != window.ends or (isinstance(clock, Rolling) and now - at >= clock.seconds - REFUND_MARGIN):
                return
            window.back -= more
            window.told -= more
            window.news = True
        else:
            window.spent += more
        window.left = max(window.left - more, 0.0)
        window.granted = window.spent + window.left
        window.touched = now
        self.spool[window.slot] = window.spent


def _short(seat: Seat, amounts: tuple[float, float, float], now: float) -> list[tuple[Window, float]]:
    """Return the windows of which this worker holds less than a call takes."""
    return [
        (window, amounts[index])
        for window, index in seat.charges
        if (window.left < amounts[index] or now >= window.ends)
        and not window.passes
        and not window.yields(amounts[index])
    ]


def _refusal(short: Iterable[tuple[Window, float]], now: float) -> Refusal:
    window, at = max(((window, window.back_at(amount, now)) for window, amount in short), key=lambda one: one[1])
    return Refusal(window.key, max(at, now + PATIENCE))


def _plenty(seat: Seat) -> tuple[float, float]:
    """Return how many tokens a call may take that surely fits, and until when, if every window holds many more."""
    tokens, ends = math.inf, math.inf
    for window, index in seat.charges:
        ends = min(ends, window.ends)
        if index == 1:
            tokens = min(tokens, window.left / PLENTY)
        elif window.left < PLENTY:
            ends = -math.inf
    return tokens, -math.inf if seat.soft else ends
