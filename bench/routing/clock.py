"""The simulated time: a heap of things that are due, and a clock that jumps from one to the next."""

import heapq
from collections.abc import Callable, Generator
from datetime import UTC, datetime

EPOCH = datetime(2026, 11, 9, 6, tzinfo=UTC).timestamp()
"""A Monday without a change of summer time near it; Gemini's day begins two hours later."""

Life = Generator[float, None, None]
"""Something that goes on by itself: it yields the seconds until it wants to be woken."""


class Clock:
    """Seconds since the beginning, and what is to happen when; two at one instant keep their order."""

    def __init__(self) -> None:
        """Begin at 1000 s, as monotonic clocks begin anywhere."""
        self.now = 1000.0
        self.due: list[tuple[float, int, Callable[[], None]]] = []
        self.count = 0

    def __call__(self) -> float:
        """Return the monotonic time."""
        return self.now

    def wall(self) -> float:
        """Return the epoch second."""
        return EPOCH + self.now - 1000.0

    def at(self, when: float, what: Callable[[], None]) -> None:
        """Have something happen at an instant, now at the earliest."""
        self.count += 1
        heapq.heappush(self.due, (max(when, self.now), self.count, what))

    def live(self, life: Life) -> None:
        """Let something go on whenever it wants to be woken."""
        seconds = next(life, None)
        if seconds is not None:
            self.at(self.now + seconds, lambda: self.live(life))

    def run(self) -> None:
        """Let everything happen."""
        while self.due:
            self.now, _, what = heapq.heappop(self.due)
            what()
