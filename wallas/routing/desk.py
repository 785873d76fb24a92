"""What every answer shares in one worker: health, quota, the retry budget, lessons, and where outcomes go."""

import time
from collections.abc import Callable, Mapping
from typing import Protocol

from wallas.errors import FailureKind, ProviderError
from wallas.health import Health
from wallas.quota.ledger import Ledger
from wallas.routing.adapt import OPTIONAL, Lessons
from wallas.routing.candidates import Candidate
from wallas.routing.enrich import Kept
from wallas.routing.trail import Record
from wallas.types.chat import ChatRequest, ChatResponse

RETRY_SHARE = 0.2
RETRY_RATE = 10.0
RETRY_WINDOW = 10.0


class RetryBudget:
    """Lets retries be a fifth of the requests and ten a second beside; what is unused expires after ten seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Start with a full window's minimum."""
        self.clock = clock
        self.most = RETRY_RATE * RETRY_WINDOW
        self.credit = self.most
        self.at = clock()
        self.refused = 0

    def request(self) -> None:
        """Count a request, which earns a fifth of a retry."""
        self._refill()
        self.credit = min(self.credit + RETRY_SHARE, self.most * 4)

    def spend(self) -> bool:
        """Return whether one more retry is within the budget, and spend it."""
        self._refill()
        if self.credit < 1:
            self.refused += 1
            return False
        self.credit -= 1
        return True

    def _refill(self) -> None:
        now = self.clock()
        if self.credit < self.most:
            self.credit = min(self.credit + (now - self.at) * RETRY_RATE, self.most)
        self.at = now


class Journal(Protocol):
    """Where outcomes are kept; ``record`` only queues, ``keep`` is a commit that the answer waits for."""

    def record(self, record: Record) -> None:
        """Queue one request's history."""

    def keep_seals(self, kept: Mapping[str, Kept]) -> None:
        """Commit seals, so that the next turn finds them whichever worker it meets."""

    def keep_response(self, request: ChatRequest, response: ChatResponse) -> None:
        """Commit a stored response; raise when that is not possible."""


class Desk:
    """One worker's shared state; everything here is safe to use from many threads."""

    def __init__(
        self,
        *,
        health: Health,
        ledger: Ledger,
        journal: Journal,
        clock: Callable[[], float] = time.monotonic,
        ending: Callable[[], float | None] = lambda: None,
    ) -> None:
        """Share these among all answers; ``ending`` tells the seconds until this process ends, None while it stays."""
        self.health = health
        self.ledger = ledger
        self.journal = journal
        self.clock = clock
        self.ending = ending
        self.budget = RetryBudget(clock)
        self.lessons: dict[tuple[str, str], Lessons] = {}
        self.windows: dict[tuple[str, str], int] = {}

    def lessons_of(self, candidate: Candidate) -> Lessons:
        """Return what refusals taught about a model at a provider."""
        return self.lessons.get((candidate.model.provider, candidate.model.id), Lessons())

    def learn(self, candidate: Candidate, error: ProviderError) -> Lessons | None:
        """Return better lessons when this refusal teaches something a repeat could heed; None when it does not."""
        known = self.lessons_of(candidate)
        place = (candidate.model.provider, candidate.model.id)
        match error.kind:
            case FailureKind.UNSUPPORTED if error.param in OPTIONAL and error.param not in known.dropped:
                lessons = known.without(error.param)
            case FailureKind.MAX_TOKENS if error.limit and error.limit != known.most_output:
                lessons = Lessons(dropped=known.dropped, most_output=error.limit)
            case FailureKind.MAX_TOKENS if "max_tokens" not in known.dropped:
                lessons = known.without("max_tokens")
            case FailureKind.SEAL if not known.no_seals:
                return Lessons(dropped=known.dropped, most_output=known.most_output, no_seals=True)
            case FailureKind.CONTEXT_LENGTH if error.limit:
                self.windows[place] = error.limit
                return None
            case _:
                return None
        self.lessons[place] = lessons
        return lessons
