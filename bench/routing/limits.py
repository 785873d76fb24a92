"""How the simulated providers count: exact sliding minutes, calendar days, calls at once. Not the gateway's ledger."""

import math
from collections import deque
from datetime import datetime
from zoneinfo import ZoneInfo

SECONDS = {"rpm": 60.0, "tpm": 60.0, "rpd": 86400.0, "tpd": 86400.0, "rpmonth": 30 * 86400.0}
ZONES = {"gemini": "America/Los_Angeles"}
SLIDING_DAYS = frozenset({"groq", "cerebras"})


class Meter:
    """One limit of one account, as its provider counts it."""

    def __init__(self, provider: str, kind: str, limit: int) -> None:
        """Start unused."""
        self.kind = kind
        self.limit = limit
        self.zone = ZoneInfo(ZONES.get(provider, "UTC"))
        self.sliding = kind in ("rpm", "tpm") or (kind in ("rpd", "tpd") and provider in SLIDING_DAYS)
        self.uses: deque[tuple[float, float]] = deque()
        self.used = 0.0
        self.period = ""

    @property
    def tokens(self) -> bool:
        """Return whether it counts tokens rather than requests."""
        return self.kind.startswith("t")

    def look(self, now: float) -> float:
        """Forget what time has given back; return what is used."""
        if self.kind == "concurrent":
            while self.uses and self.uses[0][0] <= now:
                self.used -= self.uses.popleft()[1]
        elif self.sliding:
            while self.uses and self.uses[0][0] <= now - SECONDS[self.kind]:
                self.used -= self.uses.popleft()[1]
        elif (period := self._period(now)) != self.period:
            self.period, self.used = period, 0.0
        return self.used

    def _period(self, now: float) -> str:
        day = datetime.fromtimestamp(now, self.zone)
        return day.strftime("%Y-%m" if self.kind == "rpmonth" else "%Y-%m-%d")

    def wait(self, amount: float, now: float) -> float:
        """Return the seconds until this much fits, 0 if it does, infinity if it never will."""
        if self.look(now) + amount <= self.limit:
            return 0.0
        if amount > self.limit:
            return math.inf
        if not self.sliding and self.kind != "concurrent":
            return self.reset(now)
        room = self.limit - self.used
        for at, freed in self.uses:
            room += freed
            if room >= amount:
                return max(at + SECONDS.get(self.kind, 0.0) - now, 0.01)
        return 1.0

    def reset(self, now: float) -> float:
        """Return the seconds until everything is free again."""
        if self.sliding:
            return max(self.uses[-1][0] + SECONDS[self.kind] - now, 0.0) if self.uses else 0.0
        if self.kind == "rpmonth":
            return 20 * 86400.0
        today = datetime.fromtimestamp(now, self.zone)
        return 86400.0 - (today.hour * 3600 + today.minute * 60 + today.second)

    def take(self, amount: float, now: float, seconds: float) -> None:
        """Count a call that lasts so long."""
        self.look(now)
        self.used += amount
        if self.kind == "concurrent":
            self.uses.append((now + seconds, amount))
            self.uses = deque(sorted(self.uses))
        elif self.sliding:
            self.uses.append((now, amount))
