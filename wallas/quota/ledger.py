"""Counts what is spent at each provider: reserved before the call, settled after it."""

import threading
from typing import NamedTuple


class Reservation(NamedTuple):
    """A call that is under way, with the tokens it is expected to take."""

    provider: str
    model: str
    account: str
    tokens: int


class Ledger:
    """What this worker has spent and has under way, by (provider, model, account). It knows no limits yet."""

    def __init__(self) -> None:
        """Start with nothing spent."""
        self.open = 0
        self.requests: dict[tuple[str, str, str], int] = {}
        self.tokens: dict[tuple[str, str, str], int] = {}
        self.lock = threading.Lock()

    def reserve(self, provider: str, model: str, account: str, *, tokens: int) -> Reservation:
        """Return a reservation of one request and its tokens; settle it exactly once."""
        with self.lock:
            self.open += 1
        return Reservation(provider, model, account, tokens)

    def settle(self, reservation: Reservation, *, tokens: int | None) -> None:
        """Book the call with its real tokens, or the estimate where the provider said nothing (None)."""
        place = reservation[:3]
        with self.lock:
            self.open -= 1
            self.requests[place] = self.requests.get(place, 0) + 1
            spent = reservation.tokens if tokens is None else tokens
            self.tokens[place] = self.tokens.get(place, 0) + spent
