"""The shares that one worker has of all windows, and how they are exchanged with the authority for what was spent.

What is told are running totals: an exchange that was lost, or whose answer
was, is made good by the next one.
"""

import logging
import math
import threading
from collections.abc import Iterable, Sequence

from wallas.quota.authority import ALIVE_SECONDS, MERGED, Authority, MemoryAuthority, View
from wallas.quota.clocks import Steady, clock_of
from wallas.quota.seats import day_of
from wallas.quota.shares import Ask, Grant, fair
from wallas.quota.windows import FADES_AFTER, USD, Window, WindowKey, clock_for
from wallas.waits import here

log = logging.getLogger(__name__)

PATIENCE = 0.2
IN_USE_SECONDS = 60.0
IDLE_SECONDS = 5.0
HEARTBEAT_SECONDS = 4.0
MARGIN_SECONDS = 5.0
SEEN_AGAIN_SECONDS = 5.0
"""How far the clocks of machines that share a database may be apart."""
LOW = 0.5
"""A share is filled up when less than this part of what was granted is left."""


class Purse:
    """The shares of one worker; what is public here may be called from any thread."""

    def __init__(self, authority: Authority | None, now: Steady | None, *, never_rest: Iterable[str] = ()) -> None:
        """Hold nothing yet of what ``authority`` divides; without one, of all there is.

        What providers that ``never_rest`` say of their limits is not heeded, only what the user and the catalog say.
        """
        self.never_rest = frozenset(never_rest)
        self.authority = authority or MemoryAuthority()
        self.now = now or Steady()
        self.windows: dict[WindowKey, Window] = {}
        self.places: dict[tuple[str, str], list[Window]] = {}
        """Windows by provider and model (or `*`, or `$free`)."""
        self.same: dict[tuple[str, str], str] = {}
        """(provider, account) that shares everything with another account, which is named."""
        self.seen: dict[WindowKey, View] = {}
        self.guesses = False
        """Whether any window's limit was ever only guessed at: most know of none."""
        self.since = 0.0
        self.unread = True
        """Whether others may have stored what was not read here yet."""
        self.version = 0
        self.workers = 1
        self.trouble: str | None = None
        self.good_until = math.inf
        """Until when the others know that this worker lives, and leave it its shares."""
        self.beat = -math.inf
        self.untold: list[tuple[WindowKey, str]] = []
        """What was found out of accounts and is not stored yet."""
        self.lock = threading.Lock()
        self.exchanging = threading.Lock()

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
            window = self.windows[key] = Window(
                key, clock, slot=len(self.windows), stubborn=key.provider in self.never_rest
            )
            self.places.setdefault((key.provider, key.model), []).append(window)
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
            self.untold.append((WindowKey(provider, account, "*", "*", MERGED), other))
        if not here.barred:
            self._tell()

    def _tell(self) -> None:
        """Store what was found out of accounts, now or when it can be; in a thread that may wait."""
        while self.untold:
            key, other = self.untold[0]
            try:
                self.authority.note(key, other, now=self.now())
            except Exception as error:
                log.warning("that two accounts are one cannot be stored yet: %s", type(error).__name__)
                return
            with self.lock:
                self.untold = self.untold[1:]

    def refresh(self) -> None:
        """Learn what others stored, tell what was spent, and fill up shares that run low; may block."""
        self.now.catch_up()
        self._tell()
        now = self.now()
        self.unread = self.authority.heard() or self.unread
        if self.unread:
            self._take_in(now)
            self.unread = False
        with self.lock:
            due = [(window, 0.0) for window in self.windows.values() if self._due(window, now)]
        if due or now - self.beat >= HEARTBEAT_SECONDS:
            self.exchange(due)

    def give_back(self) -> None:
        """Give back all shares, and leave."""
        self.exchange([(window, -1.0) for window in self.windows.values() if window.ends > 0])
        self.authority.leave(now=self.now())

    def exchange(self, wanted: Sequence[tuple[Window, float]]) -> None:
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
                self._alone(still, asks, now, error)
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
            back=window.back,
            observed=window.observed,
            shut=window.shut,
            refused=window.refused,
            reopen=window.reopen,
            canary=need > 0,
            stubborn=window.stubborn,
        )
        window.refused, window.reopen, window.news = 0, False, False
        return ask

    def _take(self, window: Window, ask: Ask, grant: Grant, need: float, now: float) -> None:
        window.granted = max(window.granted + grant.granted - ask.granted, window.spent)
        window.left = window.granted - window.spent
        window.told = ask.spent + window.back - ask.back
        if window.observed == ask.observed:
            window.observed = -1.0
        window.quiet = False
        window.ends = window.clock.ends(now)
        window.used, window.free, window.held, window.releases = grant.used, grant.free, grant.held, grant.releases
        window.learned = grant.learned
        window.soften(now)
        self.guesses = self.guesses or window.soft
        window.rate, window.rated = grant.rate, grant.rated
        window.shut, window.canary_at = grant.shut, grant.canary_at
        window.passes += grant.canary
        if need > window.left:
            window.patience = now + PATIENCE

    def _alone(self, wanted: Sequence[tuple[Window, float]], asks: Sequence[Ask], now: float, error: Exception) -> None:
        """Go on while the database is away: with an equal part of what was left when it was heard of last.

        What the asks would have told is told next time.
        """
        if self.trouble is None:
            log.warning("quota cannot be shared at the moment: %s", str(error).partition("\n")[0])
        self.trouble = type(error).__name__
        with self.lock:
            for (window, need), ask in zip(wanted, asks, strict=True):
                window.news = True
                window.refused += ask.refused
                window.reopen = window.reopen or ask.reopen
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

    def void(self) -> None:
        """Give up all shares: this worker was silent for so long that the others may have taken them."""
        with self.lock:
            self.good_until = math.inf
            for window in self.windows.values():
                window.withdraw(0.0)

    def fill(self, short: Sequence[tuple[Window, float]]) -> None:
        now = self.now()
        worth = [one for one in short if now >= min(one[0].back_at(one[1], now), one[0].canary_at)]
        if len(worth) == len(short):
            self.exchange(worth)

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
            self.guesses = self.guesses or window.soft
        now = self.now()
        window.quiet = False
        if not window.stubborn:
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
