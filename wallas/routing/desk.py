"""What every answer shares in one worker: health, quota, the retry budget, lessons, and where outcomes go."""

import time
from collections.abc import Callable, Mapping
from typing import Protocol

from wallas.catalog.findings import Findings
from wallas.errors import FailureKind, ProviderError
from wallas.health import Health
from wallas.quota.ledger import Ledger
from wallas.routing.adapt import NO_LESSONS, OPTIONAL, Lessons, says
from wallas.routing.admission import Rooms
from wallas.routing.candidates import Candidate
from wallas.routing.enrich import Kept
from wallas.routing.inability import Inabilities, inability
from wallas.routing.local import Local
from wallas.routing.needs import MARGIN, Needs
from wallas.routing.selector import Quota
from wallas.routing.sessions import Sessions
from wallas.routing.trail import Record
from wallas.routing.waiting import WaitingRoom
from wallas.types.chat import ChatRequest, ChatResponse

RETRY_SHARE = 0.2
RETRY_RATE = 10.0
RETRY_WINDOW = 10.0
EARNED_MOST = 16
"""Requests that are counted before the credit is made up, unless somebody spends of it."""
LEAST_WINDOW = 2000
"""Tokens of a request from which a refusal as too long, without a number, tells of the window and not of a mistake."""


HEDGED_SHARE = 0.1
"""Of the requests that ask for it, at most so many get a second call (routing.md 1), and the first of them may."""


class Hedges:
    """Counts requests that may be hedged, and those that were."""

    def __init__(self) -> None:
        """Start with none."""
        self.asked = 0
        self.made = 0

    def may(self) -> bool:
        """Return whether one more second call keeps within the share."""
        return self.made < 1.0 + HEDGED_SHARE * self.asked


class RetryBudget:
    """Lets retries be a fifth of the requests and ten a second beside; what is unused expires after ten seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Start with a full window's minimum."""
        self.clock = clock
        self.most = RETRY_RATE * RETRY_WINDOW
        self.credit = self.most
        self.at = clock()
        self.refused = 0
        self.earned = 0
        """Requests since the credit was made up last."""

    def request(self) -> None:
        """Count a request, which earns a fifth of a retry."""
        self.earned += 1
        if self.earned >= EARNED_MOST:
            self._refill()

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
        passed, self.at = now - self.at, now
        self.credit, self.earned = min(self.credit + RETRY_SHARE * self.earned, self.most * 4), 0
        if self.credit < self.most:
            self.credit = min(self.credit + passed * RETRY_RATE, self.most)
        else:
            self.credit -= (self.credit - self.most) * min(passed / RETRY_WINDOW, 1.0)


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
        quota: Quota | None = None,
        findings: Findings | None = None,
        clock: Callable[[], float] = time.monotonic,
        ending: Callable[[], float | None] = lambda: None,
    ) -> None:
        """Share these among all answers; ``ending`` tells the seconds until this process ends, None while it stays."""
        self.health = health
        self.ledger = ledger
        self.journal = journal
        self.findings = findings or Findings()
        self.clock = clock
        self.quota = quota or Rooms(ledger)
        self.sessions = Sessions(clock)
        self.room = WaitingRoom()
        self.ending = ending
        self.budget = RetryBudget(clock)
        self.hedges = Hedges()
        self.local = Local(clock)
        self.lessons: dict[tuple[str, str], Lessons] = {}
        self.windows: dict[tuple[str, str], int] = {}
        self.single: set[str] = set()
        """Models, by key, that gave one answer where several were asked for."""
        self.inabilities = Inabilities(clock)

    def lessons_of(self, candidate: Candidate) -> Lessons:
        """Return what refusals taught about a model at a provider."""
        if not self.lessons:
            return NO_LESSONS
        return self.lessons.get((candidate.model.provider, candidate.model.id), NO_LESSONS)

    def learn(
        self, candidate: Candidate, error: ProviderError, *, request: ChatRequest, known: Lessons, needs: Needs
    ) -> Lessons | None:
        """Return better lessons when this refusal teaches something that a repeat of the request could heed, else None.

        ``known`` are the lessons that the refused request heeded already. What the model lacks for good, an
        ability of ``needs`` or the length of its window, is kept from later requests.
        """
        place = (candidate.model.provider, candidate.model.id)
        kept = self.lessons.get(place, Lessons())
        most, param = request.max_tokens, error.param or ""
        match error.kind:
            case FailureKind.UNSUPPORTED if param in OPTIONAL and param not in known.dropped and says(request, param):
                self.lessons[place] = kept.without(param)
                return known.without(param)
            case FailureKind.MAX_TOKENS if most and error.limit and error.limit < min(most, known.most_output or most):
                if _is_round(error.limit):
                    self.lessons[place] = kept.clamped(error.limit)
                return known.clamped(error.limit)
            case FailureKind.MAX_TOKENS if most and "max_tokens" not in known.dropped:
                return known.without("max_tokens")
            case FailureKind.SEAL if not known.no_seals:
                return known.unsealed()
            case FailureKind.UNSUPPORTED if (lacks := inability(error, needs.capabilities)) is not None:
                self.inabilities.learn(place, lacks)
            case FailureKind.CONTEXT_LENGTH if error.limit or needs.tokens >= LEAST_WINDOW:
                self._window(place, error.limit or int(needs.tokens * MARGIN) + needs.output - 1)
        return None

    def _window(self, place: tuple[str, str], tokens: int) -> None:
        """Note that a model's window holds no more than this, if it is not known to hold even less."""
        self.windows[place] = min(tokens, self.windows.get(place, tokens))


def _is_round(limit: int) -> bool:
    """Return whether a limit is a model's own: what a long prompt left of its window would hardly be a round number."""
    return limit % 256 == 0 or limit % 1000 == 0
