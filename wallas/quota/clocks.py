"""When a window of quota resets: pure functions of an instant, in epoch seconds.

Every window keeps what was used in buckets. A clock says into which bucket a
use falls and when that bucket's content may be used again; nothing else
differs between a rolling minute and a Pacific day.
"""

import math
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Protocol
from zoneinfo import ZoneInfo

import msgspec

MINUTE = 60.0
HOUR = 3600.0
DAY = 86400.0
WEEK = 7 * DAY

FEW_BUCKETS, MANY_BUCKETS = 30, 96
"""A rolling window frees its uses by the bucket: 2 s late at most for a minute, a quarter of an hour for a day."""

ZONES = {
    "gemini": "America/Los_Angeles",
    "groq": "rolling",
    "cerebras": "rolling",
    "modelscope": "Asia/Shanghai",
    "zhipu": "Asia/Shanghai",
}
"""Where a provider's day begins, if not at midnight UTC (routing.md 2); ``rolling`` is a day without a beginning."""

STEP_SECONDS = 2.0
"""A wall clock that is this much ahead has been set, or the machine has slept."""


class Clock(Protocol):
    """Sorts uses into buckets; a bucket is named by the instant at which it begins."""

    def bucket(self, now: float) -> float:
        """Return the bucket of a use at ``now``."""

    def leaves(self, bucket: float) -> float:
        """Return when what was used in a bucket may be used again."""

    def ends(self, now: float) -> float:
        """Return when everything left unused at ``now`` is void, infinity where nothing is lost by waiting."""


class Rolling(msgspec.Struct, frozen=True):
    """Any ``seconds`` long: a use is free again that long after it."""

    seconds: float

    def bucket(self, now: float) -> float:
        """Return the beginning of the slice of time around ``now``."""
        width = self.seconds / (FEW_BUCKETS if self.seconds <= HOUR else MANY_BUCKETS)
        return math.floor(now / width) * width

    def leaves(self, bucket: float) -> float:
        """Return when the bucket's last use is older than the window."""
        return bucket + self.seconds + self.seconds / (FEW_BUCKETS if self.seconds <= HOUR else MANY_BUCKETS)

    def ends(self, now: float) -> float:
        """Return infinity."""
        return math.inf

    def __str__(self) -> str:
        return f"rolling:{self.seconds:g}"


class Calendar(msgspec.Struct, frozen=True):
    """A ``day``, a ``week`` from Monday or a ``month``, in a time zone."""

    period: str
    zone: str = "UTC"

    def bucket(self, now: float) -> float:
        """Return the beginning of the period that ``now`` is in."""
        return period(self.period, self.zone, now)[0]

    def leaves(self, bucket: float) -> float:
        """Return the beginning of the next period."""
        return period(self.period, self.zone, bucket)[1]

    def ends(self, now: float) -> float:
        """Return the beginning of the next period."""
        return period(self.period, self.zone, now)[1]

    def __str__(self) -> str:
        return f"{self.period}:{self.zone}"


class Stated(msgspec.Struct, frozen=True):
    """Until the instant that the provider named; after it nothing is known to be used."""

    until: float

    def bucket(self, now: float) -> float:
        """Return the one bucket there is; behind the end, ``now``."""
        return 0.0 if now < self.until else now

    def leaves(self, bucket: float) -> float:
        """Return the stated instant; what is used behind it is not held against anybody."""
        return self.until if bucket == 0.0 else bucket

    def ends(self, now: float) -> float:
        """Return the stated instant while it is ahead."""
        return self.until if now < self.until else math.inf

    def __str__(self) -> str:
        return f"stated:{self.until:g}"


def clock_of(text: str) -> Clock:
    """Return the clock that ``str`` wrote; raise ValueError for anything else."""
    word, _, rest = text.partition(":")
    match word:
        case "rolling":
            return Rolling(float(rest))
        case "stated":
            return Stated(float(rest))
        case "day" | "week" | "month":
            return Calendar(word, rest)
    raise ValueError(f"{text!r} is no clock")


def day_clock(reset: str) -> Clock:
    """Return the clock of a day that begins anew as ``reset`` says: ``rolling``, ``utc`` or a time zone."""
    return Rolling(DAY) if reset == "rolling" else Calendar("day", _zone_name(reset))


@lru_cache(maxsize=4096)
def _midnight(day: date, zone: str) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=_zone(zone)).timestamp()


def period(word: str, zone: str, now: float) -> tuple[float, float]:
    """Return when the day, week or month around ``now`` began and when the next one begins, across summer time too."""
    today = datetime.fromtimestamp(now, _zone(zone)).date()
    match word:
        case "day":
            first, following = today, today + timedelta(days=1)
        case "week":
            first = today - timedelta(days=today.weekday())
            following = first + timedelta(days=7)
        case _:
            first = today.replace(day=1)
            following = (first + timedelta(days=32)).replace(day=1)
    return _midnight(first, zone), _midnight(following, zone)


def next_midnight(now: float, zone: str = "UTC") -> float:
    """Return the epoch second at which the next day begins in ``zone``, also across a change of summer time."""
    return period("day", _zone_name(zone), now)[1]


def next_month(now: float) -> float:
    """Return the epoch second at which the next month begins, UTC."""
    return period("month", "UTC", now)[1]


def _zone_name(zone: str) -> str:
    return "UTC" if zone.lower() == "utc" else zone


def _zone(name: str) -> tzinfo:
    return UTC if name == "UTC" else ZoneInfo(name)


class Steady:
    """Tells epoch seconds that never run backwards: a wall clock set back cannot refill a window, or block it."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        """Start at the wall clock's time and go on with the monotonic one."""
        self.monotonic = monotonic
        self.wall = wall
        self.offset = wall() - monotonic()

    def __call__(self) -> float:
        """Return the time now."""
        return self.monotonic() + self.offset

    def catch_up(self) -> None:
        """Follow a wall clock that is ahead: the machine slept, or its clock was late."""
        ahead = self.wall() - self()
        if ahead > STEP_SECONDS:
            self.offset += ahead
