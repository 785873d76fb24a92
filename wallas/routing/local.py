"""Tells the gateway's own lack of a network from providers' faults: nobody is blamed when everybody is out of reach."""

import threading
from collections.abc import Callable

LOCAL_CODES = frozenset(
    {"dns_unknown", "dns_failed", "dns_timeout", "enetunreach", "enetdown", "ehostunreach", "eaddrnotavail"}
)
"""How a connection fails that has not left this machine's network."""
PROVIDERS = 3
SECONDS = 5.0


class Local:
    """Suspects this machine once PROVIDERS of them fail alike within SECONDS and nobody answers (faults 2.1)."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Start without suspicion."""
        self.clock = clock
        self.failed: dict[str, dict[str, float]] = {}
        self.lock = threading.Lock()

    def answered(self) -> None:
        """Note that somebody could be reached."""
        if self.failed:
            with self.lock:
                self.failed = {}

    def suspected(self, provider: str, code: str | None) -> bool:
        """Note a provider's failure; return whether it is this machine's own."""
        if code not in LOCAL_CODES:
            return False
        now = self.clock()
        with self.lock:
            seen = self.failed.setdefault(code, {})
            seen[provider] = now
            return sum(now - at <= SECONDS for at in seen.values()) >= PROVIDERS
