"""Counts what is spent at each provider: reserved before the call, settled after it, never more than is there.

On the request's path nothing but memory is touched: a worker spends from
shares that it was granted. ``tick`` tells the authority what was spent and
fetches more before a share is empty; only ``reserve`` on an empty share waits.
"""

import logging
import math
import threading
from collections.abc import Sequence
from typing import NamedTuple

from wallas.quota.authority import ALIVE_SECONDS, MERGED, Authority, MemoryAuthority, View
from wallas.quota.clocks import Steady, clock_of
from wallas.quota.seats import KeyLike, ModelLike, Seat, Tokens, charges, covers, day_of, declared, window_key
from wallas.quota.shares import Ask, Grant, fair
from wallas.quota.spool import NoSpool, Spool
from wallas.quota.twins import Twins
from wallas.quota.windows import FADES_AFTER, SLOTS, USD, Limit, Window, WindowKey, clock_for

log = logging.getLogger(__name__)

EXPIRES_AFTER = 900.0
"""A reservation that nobody settles is booked as estimated: longer than any request may take."""
PATIENCE = 0.2
IN_USE_SECONDS = 60.0
IDLE_SECONDS = 5.0
HEARTBEAT_SECONDS = 4.0
MARGIN_SECONDS = 5.0
SEEN_AGAIN_SECONDS = 5.0
"""How far the clocks of machines that share a database may be apart."""
LOW = 0.5
"""A share is filled up when less than this part of what was granted is left."""


class Refusal(NamedTuple):
    """Why a call may not be made now: the window, and the instant at which it may (infinity: never)."""

    window: WindowKey
    until: float


class Reservation:
    """A call under way, with what it is expected to take of each window; settle it once."""

    __slots__ = ("at", "canary", "estimate", "parts", "seat", "settled")

    def __init__(self, seat: Seat, parts: list[tuple[Window, int, float, float]], at: float, estimate: int) -> None:
        """Keep (window, kind of amount, amount, the window's end) for each window."""
        self.seat = seat
        self.parts = parts
        self.at = at
        self.estimate = estimate
        self.canary: list[Window] = []
        self.settled = False


class Ledger:
    """The shares that this worker has of all windows; safe to use from many threads."""

    def __init__(
        self, authority: Authority | None = None, *, now: Steady | None = None, spool: Spool | NoSpool | None = None
    ) -> None:
        """Spend what ``authority`` grants, by default all there is; ``spool`` outlives a kill -9."""
        self.authority = authority or MemoryAuthority()
        self.now = now or Steady()
        self.spool = spool or NoSpool()
        self.windows: dict[WindowKey, Window] = {}
        self.by_provider: dict[str, list[Window]] = {}
        self.seats: dict[tuple[str, str, str], Seat] = {}
        self.tokens: dict[tuple[str, str], Tokens] = {}
        self.open: dict[int, Reservation] = {}
        self.twins = Twins(self.now)
        self.same: dict[tuple[str, str], str] = {}
        """(provider, account) that shares everything with another account, which is named."""
        self.seen: dict[WindowKey, View] = {}
        self.since = 0.0
        self.version = 0
        self.workers = 1
        self.trouble: str | None = None
        self.good_until = math.inf
        """Until when the others know that this worker lives, and leave it its shares."""
        self.beat = -math.inf
        self.lock = threading.Lock()
        self.exchanging = threading.Lock()

    def seat(self, model: ModelLike, key: KeyLike) -> Seat:
        """Return the seat of calls to a model with a key."""
        seat = self.seats.get((model.provider, model.id, key.id))
        if seat is not None and seat.version == self.version and seat.limits is model.limits:
            return seat
        with self.lock:
            return self._seated(model, key)

    def available(self, seat: Seat, tokens: int = 0, output: int = 0) -> tuple[Window, float] | None:
        """Return None if a call may be made now, else the window that refuses longest and for how many seconds.

        Infinity: the window never holds that much.
        """
        now = self.now()
        amounts = (1.0, seat.tokens.guess(tokens, output), 0.0)
        found: tuple[Window, float] | None = None
        for window, index in seat.charges:
            if window.left < amounts[index] or now >= window.ends:
                at = window.back_at(amounts[index], now)
                if at > now and now < window.canary_at and (found is None or at - now > found[1]):
                    found = (window, at - now)
        return found

    def headroom(self, seat: Seat) -> float:
        """Return the share of the tightest window that is still free, 0 to 1; 1 where no limit is known."""
        now, least = self.now(), 1.0
        for window, _ in seat.charges:
            if now < window.shut:
                return 0.0
            if window.ends > 0:
                least = min(least, (window.free + window.left) / max(window.most(now), 1.0))
        return max(least, 0.0)

    def reserve(
        self, seat: Seat, *, tokens: int = 0, output: int = 0, cost: float = 0.0, wait: bool = True
    ) -> Reservation | Refusal:
        """Take one request, its tokens and its cost from every window that applies, all or none.

        ``tokens`` is the estimated input, ``output`` the most that may come
        (0: not said). With ``wait`` an empty share is filled up first, which may block on the database.
        """
        amounts = (1.0, seat.tokens.guess(tokens, output), cost)
        if self.now() >= self.good_until:
            self._void()
        for again in (wait, False):
            with self.lock:
                now = self.now()
                short = [
                    (window, amounts[index])
                    for window, index in seat.charges
                    if (window.left < amounts[index] or now >= window.ends) and not window.passes
                ]
                if not short:
                    return self._spend(seat, amounts, now, tokens)
            if not again:
                break
            self._fill(short)
        window, at = max(((window, window.back_at(amount, now)) for window, amount in short), key=lambda one: one[1])
        return Refusal(window.key, max(at, now + PATIENCE))

    def settle(
        self,
        reservation: Reservation,
        *,
        input: int | None = None,
        output: int | None = None,
        cost: float | None = None,
        counted: bool = True,
        alive: bool = False,
    ) -> None:
        """Book what the call really took, or the estimate where the provider said nothing (None).

        A call that the provider did not count gives everything back; ``alive``
        says that it was answered. Settling twice does nothing the second time.
        """
        said = None if input is None and output is None else float((input or 0) + (output or 0))
        with self.lock:
            if reservation.settled:
                return
            reservation.settled = True
            self.open.pop(id(reservation), None)
            for window, index, amount, ends in reservation.parts:
                window.open -= 1
                real = (1.0, said, cost)[index] if counted and window.unit != SLOTS else 0.0
                if real is not None and real != amount:
                    self._correct(window, real - amount, ends)
            if counted and said is not None:
                reservation.seat.tokens.learn(reservation.estimate, input or 0, output or 0)
            for window in reservation.canary if alive else ():
                window.reopen = window.news = True
                window.shut, window.canary_at = 0.0, math.inf
        if alive:
            self.twins.alive(reservation.seat.provider, reservation.seat.model, reservation.seat.account)

    def window(self, key: WindowKey, *, reset: str | None = None, known: bool = False) -> Window:
        """Return the window of a key, a new one where there is none; call it with the lock held.

        Other seats look for their windows again, unless this one is ``known`` to be no concern of theirs.
        """
        window = self.windows.get(key)
        if window is None:
            clock = clock_for(key.kind, reset or day_of(key.provider))
            seen = self.seen.pop(key, None)
            if seen is not None and reset is None:
                clock = clock_of(seen.clock)
            window = self.windows[key] = Window(key, clock, slot=len(self.windows))
            self.by_provider.setdefault(key.provider, []).append(window)
            if seen is not None:
                self._see(window, seen)
            self.version += not known
        return window

    def merge(self, provider: str, account: str, other: str) -> None:
        """Count two accounts of a provider as one from now on, and say so."""
        log.warning(
            "%s: the keys of %s and %s meet every limit at the same moment: they are counted as one account",
            provider,
            account,
            other,
        )
        with self.lock:
            self._merged(provider, account, other)
        self.authority.note(WindowKey(provider, account, "*", "*", MERGED), other, now=self.now())

    def tick(self) -> None:
        """Tell the authority what was spent, learn what the others did, and fill shares up; may block."""
        self.now.catch_up()
        now = self.now()
        with self.lock:
            late = [one for one in self.open.values() if now - one.at >= EXPIRES_AFTER]
        for reservation in late:
            self.settle(reservation)
        self._take_in(now)
        with self.lock:
            due = [(window, 0.0) for window in self.windows.values() if self._due(window, now)]
        if due or now - self.beat >= HEARTBEAT_SECONDS:
            self._exchange(due)

    def close(self) -> None:
        """Give back what is left, and leave."""
        with self.lock:
            for window in self.windows.values():
                window.withdraw(0.0)
                window.news = True
        self._exchange([(window, -1.0) for window in self.windows.values() if window.ends > 0])
        self.authority.leave(now=self.now())
        self.spool.close(whole=self.trouble is None)

    def _seated(self, model: ModelLike, key: KeyLike) -> Seat:
        place = (model.provider, model.id)
        tokens = self.tokens.get(place)
        if tokens is None:
            tokens = self.tokens[place] = Tokens()
        account = self.same.get((model.provider, key.account), key.account)[:128]
        old = self.seats.get((model.provider, model.id, key.id))
        seat = Seat(model, key.id, account, tokens)
        if old is not None:
            seat.uses = old.uses
        limits = model.limits
        for kind, value in declared(limits).items():
            where = window_key(seat, kind, limits.scope)
            window = self.window(where, reset=limits.reset, known=where.model == seat.model[:200])
            self._declare(window, Limit(value, "user" if limits.source == "wallas.toml" else "catalog", 0.0), seat)
        near = self.by_provider.get(seat.provider, ())
        seat.charges = charges([window for window in near if covers(window.key, seat)])
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
        reservation = Reservation(seat, parts, now, estimate)
        spool = self.spool
        for window, index in seat.charges:
            amount = amounts[index]
            if window.left < amount or now >= window.ends:
                window.passes -= 1
                window.granted += amount - window.left
                window.left = amount
                reservation.canary.append(window)
            window.left -= amount
            window.spent += amount
            window.open += 1
            window.touched = now
            spool[window.slot] = window.spent
            parts.append((window, index, amount, window.ends))
        seat.uses.append(now)
        self.open[id(reservation)] = reservation
        return reservation

    def _correct(self, window: Window, more: float, ends: float) -> None:
        """Book the difference to what was reserved; what is given back is this worker's again, within its period."""
        window.spent += more
        if more > 0 or ends == window.ends:
            window.left = max(window.left - more, 0.0)
        window.granted = window.spent + window.left
        window.touched = self.now()
        self.spool[window.slot] = window.spent

    def _fill(self, short: Sequence[tuple[Window, float]]) -> None:
        now = self.now()
        worth = [one for one in short if now >= min(one[0].back_at(one[1], now), one[0].canary_at)]
        if len(worth) == len(short):
            self._exchange(worth)

    def _due(self, window: Window, now: float) -> bool:
        """Return whether a window is to be told of or filled up; gives back what others may need more."""
        if window.ends <= 0:
            return window.news
        if self.workers > 1 and window.left > 0 and now < window.ends:
            part = fair(window.free + window.left, self.workers, whole=window.unit != USD)
            idle = now - window.touched > IDLE_SECONDS
            if idle or window.left > max(part, 1.0):
                window.withdraw(0.0 if idle else max(part, 1.0))
                window.news = True
        if window.news or window.spent != window.told:
            return True
        if now - window.touched > IN_USE_SECONDS or now < max(window.shut, window.patience):
            return False
        room = window.free + sum(amount for at, amount in window.releases if at <= now)
        return now >= window.ends or (room >= 1 and window.left < LOW * (room + window.left))

    def _exchange(self, wanted: Sequence[tuple[Window, float]]) -> None:
        """Exchange totals for shares; a need below 0 asks for nothing."""
        with self.exchanging:
            now = self.now()
            with self.lock:
                still = [one for one in wanted if one[1] <= 0 or one[0].left < one[1] or now >= one[0].ends]
                asks = [self._ask(window, need, now) for window, need in still]
            if wanted and not asks:
                return
            try:
                grants, workers = self.authority.exchange(asks, now=now)
            except Exception as error:
                self._alone(still, now, error)
                return
            self.trouble = None
            with self.lock:
                self.workers, self.beat = workers, now
                if not isinstance(self.authority, MemoryAuthority):
                    self.good_until = now + ALIVE_SECONDS - MARGIN_SECONDS
                for (window, need), ask, grant in zip(still, asks, grants, strict=True):
                    self._take(window, ask, grant, need, now)

    def _ask(self, window: Window, need: float, now: float) -> Ask:
        if now >= window.ends or need < 0:
            window.withdraw(0.0)
        ask = Ask(
            key=window.key,
            clock=window.clock,
            declared=window.declared,
            learned=window.learned,
            granted=window.granted,
            spent=window.spent,
            need=need,
            slot=window.slot,
            observed=window.observed,
            shut=window.shut,
            refused=window.refused,
            reopen=window.reopen,
            canary=need > 0,
        )
        window.observed, window.refused, window.reopen, window.news = -1.0, 0, False, False
        return ask

    def _take(self, window: Window, ask: Ask, grant: Grant, need: float, now: float) -> None:
        window.granted = max(window.granted + grant.granted - ask.granted, window.spent)
        window.left = window.granted - window.spent
        window.told = ask.spent
        window.ends = window.clock.ends(now)
        window.used, window.free, window.held, window.releases = grant.used, grant.free, grant.held, grant.releases
        window.learned = grant.learned
        window.rate, window.rated = grant.rate, grant.rated
        window.shut, window.canary_at = grant.shut, grant.canary_at
        window.passes += grant.canary
        if need > window.left:
            window.patience = now + PATIENCE

    def _alone(self, wanted: Sequence[tuple[Window, float]], now: float, error: Exception) -> None:
        """Go on while the database is away: with an equal part of what was left when it was heard of last."""
        if self.trouble is None:
            log.warning("quota cannot be shared at the moment: %s", str(error).partition("\n")[0])
        self.trouble = type(error).__name__
        with self.lock:
            for window, need in wanted:
                window.news = True
                if need < 0 or now < window.shut:
                    continue
                if window.ends <= 0:
                    window.free = window.most(now)
                room = window.free + sum(amount for at, amount in window.releases if at <= now)
                window.releases = [one for one in window.releases if one[0] > now]
                part = min(max(math.floor(room / self.workers), need if need <= room else 0.0), room)
                window.free = room - part
                window.granted = window.spent + window.left + part
                window.left += part
                window.ends = window.clock.ends(now)
                window.patience = now + PATIENCE

    def _void(self) -> None:
        """Give up all shares: this worker was silent for so long that the others may have taken them."""
        with self.lock:
            self.good_until = math.inf
            for window in self.windows.values():
                window.withdraw(0.0)

    def _take_in(self, now: float) -> None:
        """Learn what other workers, and earlier runs, stored."""
        for view in self.authority.views(since=self.since):
            if view.key.kind == MERGED:
                if now - view.updated_at < FADES_AFTER:
                    with self.lock:
                        self._merged(view.key.provider, view.key.account, view.text)
                continue
            with self.lock:
                window = self.windows.get(view.key)
                if window is None:
                    if view.learned is None or len(self.seen) > 50_000:
                        self.seen[view.key] = view
                        continue
                    self.seen[view.key] = view
                    window = self.window(view.key)
                elif view.updated_at > self.beat or window.spent == window.told:
                    self._see(window, view)
        self.since = now - SEEN_AGAIN_SECONDS

    def _see(self, window: Window, view: View) -> None:
        """Take in how a window stands, without a share of it."""
        if view.learned is not None:
            window.learn(view.learned, self.now())
        now = self.now()
        window.shut = max(window.shut, view.state.shut)
        window.releases = [(window.clock.leaves(bucket), amount) for bucket, amount in view.state.uses]
        window.used = sum(amount for at, amount in window.releases if at > now)
        worker = self.authority.worker
        window.held = sum(one.granted - one.spent for name, one in view.state.shares.items() if name != worker)
        window.free = max(window.most(now) - window.used - window.left - window.held, 0.0)
        window.rate, window.rated = view.state.rate, view.state.rated

    def _merged(self, provider: str, account: str, other: str) -> None:
        root = self.same.get((provider, other), other)
        if root == account or (provider, account) in self.same:
            return
        self.same[provider, account] = root
        self.version += 1
