"""What a window of quota is: whose, of what kind, how large and who said so."""

import math
from typing import NamedTuple

import msgspec

from wallas.quota.clocks import DAY, HOUR, MINUTE, WEEK, Calendar, Clock, Rolling, Stated, day_clock

ANY = "*"
FREE = "$free"
"""All models of an account that cost nothing."""

REQUESTS, TOKENS, USD, SLOTS = "requests", "tokens", "usd", "slots"

FADES_AFTER = 7 * DAY
HALVES_IN = 7 * DAY
RAISE_SECONDS = 600.0
RAISE = 1.05
ZERO_SECONDS = DAY
"""How long "this plan has none of it" is believed."""

UNLIMITED = 1e12
SLOT_SECONDS = 1.0
"""How soon a call under way may end, when nothing is known of it."""


class Kind(NamedTuple):
    """What a kind of window counts, and over how many seconds; None: a calendar's month, or no time at all."""

    unit: str
    seconds: float | None


KINDS: dict[str, Kind] = {
    "rpm": Kind(REQUESTS, MINUTE),
    "tpm": Kind(TOKENS, MINUTE),
    "rph": Kind(REQUESTS, HOUR),
    "tph": Kind(TOKENS, HOUR),
    "5h": Kind(REQUESTS, 5 * HOUR),
    "rpd": Kind(REQUESTS, DAY),
    "tpd": Kind(TOKENS, DAY),
    "rpw": Kind(REQUESTS, WEEK),
    "tpw": Kind(TOKENS, WEEK),
    "7d": Kind(REQUESTS, WEEK),
    "rpmonth": Kind(REQUESTS, None),
    "tpmonth": Kind(TOKENS, None),
    "usd_day": Kind(USD, DAY),
    "usd_week": Kind(USD, WEEK),
    "usd_month": Kind(USD, None),
    "concurrent": Kind(SLOTS, None),
}

CONFIDENCE = {"header": 0.95, "body": 0.9, "route": 0.9, "user": 0.8, "proved": 0.7, "catalog": 0.6, "observed": 0.4}
"""How far each source of a limit is believed while it is fresh, best first (routing.md 2).

``observed`` follows from a 429 that named no limit, ``proved`` from a call that succeeded beyond what the catalog says.
"""

SOFT = "observed"
"""The source of limits that nobody has named: they spread calls, and never keep anybody out."""

DECLARED = frozenset({"user", "catalog"})
"""Sources that are read anew at every start, and do not fade: a user changes them, not time."""

LONG = 5 * HOUR
"""Windows at least this long are worth a canary when they are said to be used up."""


def is_long(kind: str) -> bool:
    """Return whether a window lasts for hours: then it is worth a canary, and an hour's rest where no end is said."""
    unit, seconds = KINDS[kind]
    return unit != SLOTS and (seconds is None or seconds >= LONG)


class WindowKey(NamedTuple):
    """Whose window: ``*`` stands for any key, any model; ``$free`` for all models that cost nothing."""

    provider: str
    account: str
    key: str
    model: str
    kind: str


class Limit(NamedTuple):
    """How much a window holds, who said so (a word of ``CONFIDENCE``) and when."""

    value: float
    source: str
    at: float

    def now(self, now: float) -> float:
        """Return what it amounts to at ``now``: what was only observed grows by 5 % every ten minutes without a 429."""
        if self.source != SOFT:
            return self.value
        steps = max(int((now - self.at) / RAISE_SECONDS), 0)
        return min(self.value * float(RAISE ** min(steps, 1000)), UNLIMITED)

    def confidence(self, now: float) -> float:
        """Return how far it is believed, 0 to 1: what was learned fades after seven days."""
        base = CONFIDENCE.get(self.source, 0.5)
        if self.source in DECLARED:
            return base
        age = now - self.at
        if self.value <= 0 and age >= ZERO_SECONDS:
            return 0.0
        return base * float(0.5 ** (max(age - FADES_AFTER, 0.0) / HALVES_IN))


def stronger(known: Limit | None, said: Limit | None, now: float) -> Limit | None:
    """Return which of two learned limits holds: the better believed, and of equals the newer.

    A refusal that names less than is known holds at once, whoever said the more.
    """
    if known is None or said is None:
        return said if known is None else known
    if known == said or known.confidence(now) == 0.0:
        return said
    if said.source == SOFT and known.source == SOFT:
        return said if said.at >= known.at else known
    lower = said.source in ("body", SOFT) and said.value < known.now(now)
    if lower and said.at >= known.at:
        return said
    one, other = known.confidence(now), said.confidence(now)
    return said if other > one or (other == one and said.at >= known.at) else known


def effective(declared: Limit | None, learned: Limit | None, now: float) -> Limit | None:
    """Return the limit to keep to: what was learned while it is believed more, or as long as it is fresh and lower."""
    if learned is None or learned.confidence(now) <= 0.0:
        return declared
    if declared is None:
        return learned if learned.confidence(now) >= 0.05 else None
    fresh = now - learned.at < FADES_AFTER
    if fresh and learned.now(now) < declared.value:
        return learned
    return learned if learned.confidence(now) >= declared.confidence(now) else declared


def clock_for(kind: str, reset: str = "utc") -> Clock:
    """Return the usual clock of a kind; ``reset`` says when the provider's day begins."""
    unit, seconds = KINDS[kind]
    if kind == "concurrent":
        return Stated(0.0)
    if seconds is None:
        return Calendar("month", "UTC")
    if unit == USD:
        return Calendar("day" if seconds == DAY else "week", "UTC")
    if seconds == DAY:
        return day_clock(reset)
    return Rolling(seconds)


class Window:
    """One window as this worker knows it: its share, and what the authority last said of the whole.

    ``granted`` and ``spent`` only grow: their difference is what this worker may
    still spend without asking anybody. What was reserved and not used is counted in
    ``back`` (of slots it is taken from what is spent); ``told`` is what the authority
    knows of what was spent, and what was given back since: what it will hear is ``spent - told``.
    """

    __slots__ = (
        "back",
        "canary_at",
        "cap",
        "clock",
        "declared",
        "ends",
        "free",
        "granted",
        "held",
        "key",
        "learned",
        "left",
        "news",
        "observed",
        "open",
        "passes",
        "patience",
        "quiet",
        "rate",
        "rated",
        "refused",
        "releases",
        "reopen",
        "shut",
        "size",
        "slot",
        "soft",
        "spent",
        "stubborn",
        "told",
        "touched",
        "unit",
        "used",
    )

    def __init__(self, key: WindowKey, clock: Clock, *, slot: int, stubborn: bool = False) -> None:
        """Start with no share and no limit; a ``stubborn`` one heeds only what the user and the catalog say."""
        self.key = key
        self.unit = KINDS[key.kind].unit
        self.clock = clock
        self.slot = slot
        self.stubborn = stubborn
        self.soft = False
        """Whether the limit that holds was only guessed at: then it spreads calls and refuses none."""
        self.declared: Limit | None = None
        self.learned: Limit | None = None
        self.granted = self.spent = self.left = self.told = self.back = 0.0
        self.ends = 0.0
        self.quiet, self.cap = True, UNLIMITED
        """Whether nothing but what was declared is known, and that: nothing else need be looked at then."""
        self.size = UNLIMITED
        """How much it holds in all, as of the last time that a limit or a share was heard of."""
        self.used = self.free = self.held = 0.0
        """What is used by everybody, what nobody holds, and what the other workers hold, when last heard of."""
        self.open = 0
        self.releases: list[tuple[float, float]] = []
        self.rate = self.rated = 0.0
        self.shut = 0.0
        self.canary_at = math.inf
        self.patience = 0.0
        """Before this instant it is no use to ask again."""
        self.passes = 0
        """Canaries that were granted and not sent yet."""
        self.news = False
        """Whether the authority should hear of it though nothing was spent."""
        self.refused = 0
        self.observed = -1.0
        """What the provider says is used in all, until the authority has heard of it; below 0: nothing."""
        self.reopen = False
        self.touched = -math.inf

    def limit(self, now: float) -> Limit | None:
        """Return the limit that holds, None where none is known."""
        return effective(self.declared, self.learned, now)

    def most(self, now: float) -> float:
        """Return how much the window holds in all."""
        limit = self.limit(now)
        if limit is None:
            return UNLIMITED
        value = limit.now(now)
        return value if self.unit == USD else max(math.floor(value), 1 if value > 0 else 0)

    def learn(self, limit: Limit, now: float) -> None:
        """Take in a limit that somebody named, if it is believed more than what is known."""
        if self.stubborn:
            return
        before = self.most(now)
        learned = stronger(self.learned, limit, now)
        if learned == self.learned:
            return
        self.learned = learned
        self.soften(now)
        self.quiet = False
        self.news = True
        if self.ends > 0 or self.free > 0:
            self._fit(self.most(now), before)

    def declare(self, limit: Limit, now: float) -> None:
        """Set what the user or the catalog says."""
        before = self.most(now)
        self.declared = limit
        self.soften(now)
        self.cap = self.most(now)
        if self.ends > 0 or self.free > 0:
            self._fit(self.most(now), before)

    def yields(self, amount: float) -> bool:
        """Return whether ``amount`` may be taken though no share is left: its limit was only guessed at."""
        if not self.soft:
            return False
        return self.declared is None or self.used + self.spent - self.told + amount <= self.declared.value

    def soften(self, now: float) -> None:
        """See how large the limit is that holds, and whether it was named by anybody."""
        limit = self.limit(now)
        self.soft = limit is not None and limit.source == SOFT
        self.size = self.most(now)

    def _fit(self, most: float, before: float) -> None:
        """Follow a limit that has changed; nothing is granted beyond a lower one."""
        if most >= before:
            self.free = min(self.free + most - before, UNLIMITED)
            return
        room = max(most - self.used - self.held - max(self.spent - self.told, 0.0), 0.0)
        self.withdraw(room)
        self.free = max(room - self.left, 0.0)

    def close(self, until: float, *, refused: bool) -> None:
        """Keep everybody out until then: the provider says that nothing is left; ``refused`` if it was by a 429."""
        if self.stubborn:
            return
        self.quiet = False
        self.shut = max(self.shut, until)
        self.refused += refused
        self.news = True
        self.withdraw(0.0)

    def open_again(self, now: float) -> None:
        """Let calls in: one has just succeeded where nothing should be left. What there is, the authority says."""
        self.reopen = self.news = True
        self.free, self.releases = self.most(now), []
        self.shut, self.canary_at = 0.0, math.inf

    def withdraw(self, left: float) -> None:
        """Keep at most ``left`` of the share; the rest goes back with the next exchange."""
        kept = max(min(self.left, left), 0.0)
        if kept < self.left:
            self.free += self.left - kept
            self.left = kept
            self.news = True
        self.granted = self.spent + self.left

    def back_at(self, amount: float, now: float) -> float:
        """Return when ``amount`` may be had, at the earliest; infinity when the window never holds as much."""
        if now < self.shut:
            return self.shut
        most = self.most(now)
        if amount > most:
            limit = self.limit(now)
            zero = limit is not None and limit.value <= 0 and limit.source not in DECLARED
            return limit.at + ZERO_SECONDS if limit is not None and zero else math.inf
        if self.unit == SLOTS and self.open + amount > most:
            return now + SLOT_SECONDS
        room, at = self.free + self.left, now
        if self.held > 0 and room < amount <= room + self.held:
            return max(self.patience, now)
        for leaves, freed in self.releases:
            if room >= amount:
                break
            room += freed
            at = leaves
        return max(at if room >= amount else self.patience, now)


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider said of one of its windows; None is not said.

    ``resets_in`` is seconds until it is full again. ``scope`` overrides who
    shares it: ``model``, ``account``, ``key`` or ``provider``.
    """

    kind: str
    limit: float | None = None
    remaining: float | None = None
    used: float | None = None
    resets_in: float | None = None
    scope: str | None = None
    source: str = "header"
