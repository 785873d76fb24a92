"""The clocks of one answer: when the client wants a sign of life, when an attempt is late, when all of it is."""

from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

from wallas.errors import FailureKind, ProviderError
from wallas.settings import Timeouts

HEAD_SECONDS = 10.0
PING_SECONDS = 10.0
LINGER_SECONDS = 1.0
LAST_SECONDS = 2.0
LEAST_FOR_CONTINUATION = 5.0
SHORT_PROMPT, READING_SPEED = 8000, 4000.0
"""Tokens that the limits are meant for, and how many a second of a longer prompt a slow provider reads."""
NOTHING_DUE = (FailureKind.TIMEOUT, "the request ran out of time")
NO_END = (FailureKind.STALLED, "no end of the body")
Further: TypeAlias = Callable[[], float]
"""Tells how many seconds an attempt that is late may still take; 0 gives it up."""
Due: TypeAlias = tuple[float, tuple[FailureKind, str], Further | None, float]
OUT_OF_TIME = "out_of_time"
"""The code of a timeout that is the whole request's: whoever was answering then is not to blame."""


class Deadlines:
    """Instants on one monotonic clock; content moves them, mere bytes do not."""

    __slots__ = (
        "clock",
        "end",
        "ending",
        "further",
        "gap",
        "late",
        "late_at",
        "limit_at",
        "ping_at",
        "stalled",
        "started",
        "stream",
    )

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        total: float,
        stream: bool,
        ending: Callable[[], float | None] = lambda: None,
    ) -> None:
        """Start the request's clocks now; ``ending`` tells the seconds until this process ends, None while it stays."""
        self.clock = clock
        self.ending = ending
        self.stream = stream
        self.started = clock()
        self.end = self.started + total
        self.ping_at = self.started + HEAD_SECONDS
        self.late_at = self.end
        self.late = NOTHING_DUE
        self.further: Further | None = None
        self.limit_at = self.end
        self.gap = 0.0
        self.stalled = NOTHING_DUE

    def attempt(self, timeouts: Timeouts, *, reasoning: bool, tokens: int = 0) -> None:
        """Start an attempt now: its first content is due (a plain one's whole answer), later for a long prompt."""
        if self.stream:
            limit = timeouts.first_token_reasoning if reasoning else timeouts.first_token
        else:
            limit = timeouts.whole_reasoning if reasoning else timeouts.whole
        if tokens > SHORT_PROMPT:
            limit += (tokens - SHORT_PROMPT) / READING_SPEED
        self.gap = timeouts.gap_reasoning if reasoning else timeouts.gap
        self.stalled = _stalled(self.gap)
        self.late_at, self.late, self.further = self.clock() + limit, _unanswered(limit), None

    def hurry(self, seconds: float, further: Further) -> None:
        """Ask after so many seconds how long to wait on for the first content of the attempt that has just begun."""
        now = self.clock()
        if now + seconds < self.late_at:
            self.limit_at, self.late_at, self.further = self.late_at, now + seconds, further

    @property
    def given_up_at(self) -> float:
        """Return the instant by which the attempt is given up at the latest."""
        return self.limit_at if self.further is not None else self.late_at

    @property
    def due(self) -> Due:
        """Return what is due now, to be set again later."""
        return self.late_at, self.late, self.further, self.limit_at

    @due.setter
    def due(self, due: Due) -> None:
        self.late_at, self.late, self.further, self.limit_at = due

    def content(self) -> None:
        """Note that the provider said something that counts: the next is due within the gap."""
        if self.stream:
            self.late_at, self.late, self.further = self.clock() + self.gap, self.stalled, None

    def unbound(self) -> None:
        """Note that no attempt is under way: nothing is due but the whole request."""
        self.late_at, self.late, self.further = self.end, NOTHING_DUE, None

    def linger(self) -> None:
        """Wait no longer than a moment for what may follow a whole answer."""
        self._due(LINGER_SECONDS, NO_END)

    def wake(self, seconds: float) -> None:
        """Wait for nothing but the clock."""
        self._due(seconds, (FailureKind.TIMEOUT, "the wait is over"))

    def sent(self) -> None:
        """Note that the client got something: the next sign of life is due later."""
        if self.stream:
            self.ping_at = self.clock() + PING_SECONDS

    def passed(self, at: float, *, shown: bool) -> None:
        """Note that words came at this instant, and went on to the client if ``shown``."""
        self.late_at, self.late = at + self.gap, self.stalled
        if shown:
            self.ping_at = at + PING_SECONDS

    @property
    def overdue(self) -> bool:
        """Return whether the whole request is out of time."""
        return self.over(self.clock())

    def over(self, now: float) -> bool:
        """Return whether the whole request is out of time by now."""
        left = self.ending()
        return now >= self.end or (left is not None and left < LAST_SECONDS)

    @property
    def closing(self) -> bool:
        """Return whether this process ends so soon that an answer had better end now, honestly."""
        left = self.ending()
        return left is not None and left < LAST_SECONDS

    def left(self) -> float:
        """Return the seconds left for the whole request."""
        return self.end - self.clock()

    def alarm(self) -> float:
        """Return the next instant at which something is due."""
        if self.stream:
            return min(self.late_at, self.end, self.ping_at)
        return self.late_at if self.late_at < self.end else self.end

    def lateness(self, now: float) -> ProviderError | None:
        """Return the fault of an attempt that is late by now, or None."""
        if now >= self.end:
            return ProviderError(FailureKind.TIMEOUT, "the request ran out of time", code=OUT_OF_TIME)
        if self.closing:
            return ProviderError(FailureKind.GATEWAY, "the gateway is stopping")
        return ProviderError(*self.late) if now >= self.late_at and not self._goes_on(now) else None

    def _goes_on(self, now: float) -> bool:
        """Return whether an attempt that is late may take longer, and set when it is looked at again."""
        if self.further is None or now >= self.limit_at:
            return False
        seconds = self.further()
        if seconds <= 0:
            self.late = (FailureKind.TIMEOUT, "no answer while others could give one")
            return False
        self.late_at = min(now + seconds, self.limit_at)
        return True

    def ping_due(self, now: float) -> bool:
        """Return whether the client has waited long enough for a sign of life."""
        return self.stream and now >= self.ping_at

    def _due(self, seconds: float, fault: tuple[FailureKind, str]) -> None:
        self.late_at = self.clock() + seconds
        self.late, self.further = fault, None


@lru_cache(maxsize=256)
def _stalled(seconds: float) -> tuple[FailureKind, str]:
    return FailureKind.STALLED, f"nothing for {seconds:g} s in mid-stream"


@lru_cache(maxsize=256)
def _unanswered(seconds: float) -> tuple[FailureKind, str]:
    return FailureKind.TIMEOUT, f"no answer within {seconds:g} s"
