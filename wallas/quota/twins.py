"""Finds keys that share one pool: two that always meet the same limit at the same moment are one account."""

import time
from collections.abc import Callable

MOMENT = 5.0
"""Seconds within which two refusals are the same moment: failover asks the next key at once."""
TIMES = 3


class Twins:
    """Counts how often two accounts were refused together; one answer where the other was refused ends the count."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Start with nothing suspected."""
        self.clock = clock
        self.last: dict[tuple[str, str, str], dict[str, float]] = {}
        self.pairs: dict[tuple[str, str, str], int] = {}

    def refused(self, provider: str, model: str, account: str, signature: str) -> str | None:
        """Note a refusal; return the account that this one turns out to share everything with, if any."""
        now = self.clock()
        seen = self.last.setdefault((provider, model, signature), {})
        again = now - seen.get(account, -MOMENT) < MOMENT
        seen[account] = now
        if again:
            return None
        for other, at in seen.items():
            if other == account or now - at >= MOMENT:
                continue
            pair = _pair(provider, account, other)
            self.pairs[pair] = self.pairs.get(pair, 0) + 1
            if self.pairs[pair] >= TIMES:
                return other
        return None

    def alive(self, provider: str, model: str, account: str) -> None:
        """Note an answer: whoever was refused at this moment at the same model has a pool of its own."""
        now = self.clock()
        for (name, where, _), seen in self.last.items():
            if (name, where) != (provider, model):
                continue
            for other, at in seen.items():
                if other != account and now - at < MOMENT:
                    self.pairs.pop(_pair(provider, account, other), None)


def _pair(provider: str, one: str, other: str) -> tuple[str, str, str]:
    return (provider, min(one, other), max(one, other))
