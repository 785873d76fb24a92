"""Who is tried next: the candidates still worth trying, reordered by what each failure says of the others."""

from collections.abc import Callable, Sequence

from wallas.errors import FailureKind, ProviderError
from wallas.routing.candidates import Candidate
from wallas.routing.trail import Hop

Unlike = Callable[[Candidate, Candidate], bool]


def _other_key(failed: Candidate, other: Candidate) -> bool:
    return other.model.provider != failed.model.provider or other.key.id != failed.key.id


def _other_model(failed: Candidate, other: Candidate) -> bool:
    return other.model.key != failed.model.key


def _other_provider(failed: Candidate, other: Candidate) -> bool:
    return other.model.provider != failed.model.provider


def _other_account(failed: Candidate, other: Candidate) -> bool:
    return other.model.provider != failed.model.provider or other.key.account != failed.key.account


def _same_paid_key(failed: Candidate, other: Candidate) -> bool:
    return _other_key(failed, other) or other.model.free


REMOVES: dict[FailureKind, Unlike] = {
    FailureKind.CREDENTIAL: _other_key,
    FailureKind.MONEY: _same_paid_key,
    FailureKind.REGION: _other_provider,
    FailureKind.MODEL_GONE: _other_model,
    FailureKind.UNSUPPORTED: _other_model,
    FailureKind.MAX_TOKENS: _other_model,
    FailureKind.TOO_LARGE: _other_model,
    FailureKind.SEAL: _other_model,
}
"""After which failure which candidates are not worth trying: those for which the function is false."""

REPEATABLE = frozenset(
    {
        FailureKind.CONNECT,
        FailureKind.CUT,
        FailureKind.MALFORMED,
        FailureKind.SERVER,
        FailureKind.OVERLOADED,
        FailureKind.TRANSIENT,
        FailureKind.STALLED,
        FailureKind.UNUSABLE,
        FailureKind.NO_ANCHOR,
    }
)
"""After which failure the last candidate is asked once more, when nobody else is left and it named no time."""


MOST_ATTEMPTS = 4
MOST_HOPS = 8
LEARNED = frozenset(
    kind.name.lower()
    for kind in (
        FailureKind.MODEL_GONE,
        FailureKind.CREDENTIAL,
        FailureKind.FORBIDDEN_MODEL,
        FailureKind.NO_QUOTA,
        FailureKind.UNSUPPORTED,
        FailureKind.CONTEXT_LENGTH,
        FailureKind.TOO_LARGE,
    )
)
"""Outcomes by which only the gateway learned that somebody was none to ask: none of a request's attempts."""


def spent(hops: Sequence[Hop]) -> bool:
    """Return whether a request has had its attempts."""
    if not hops:
        return False
    return len(hops) >= MOST_HOPS or sum(hop.outcome not in LEARNED for hop in hops) >= MOST_ATTEMPTS


class Queue:
    """Candidates in order; every failure may remove, demote or repeat some."""

    __slots__ = ("repeated", "waiting")

    def __init__(self, candidates: Sequence[Candidate]) -> None:
        """Start with the ranked candidates."""
        self.waiting = list(candidates)
        self.repeated: Sequence[Candidate] = ()

    def next(self) -> Candidate | None:
        """Return the next candidate, or None."""
        return self.waiting.pop(0) if self.waiting else None

    def again(self, candidate: Candidate) -> None:
        """Try this one again at once: its refusal taught how to ask better."""
        self.waiting.insert(0, candidate)

    def failed(self, candidate: Candidate, error: ProviderError) -> bool:
        """Heed a failure; return whether the candidate itself comes again, after a short pause."""
        if error.kind is FailureKind.CONTEXT_LENGTH:
            self._longer_than(candidate, error.limit)
        elif unlike := REMOVES.get(error.kind):
            self.waiting = [other for other in self.waiting if unlike(candidate, other)]
        if error.verdict.strike:
            self.waiting.sort(key=lambda other: not _other_provider(candidate, other))
        elif error.kind is FailureKind.RATE_LIMIT and (error.scope, error.retry_after, error.limit) == (None,) * 3:
            self.waiting.sort(key=lambda other: not _other_account(candidate, other))
        timed = error.retry_after is not None and error.retry_after > 0
        if not self.waiting and error.kind in REPEATABLE and not timed and candidate not in self.repeated:
            self.repeated = (*self.repeated, candidate)
            self.waiting.append(candidate)
            return True
        return False

    def _longer_than(self, failed: Candidate, limit: int | None) -> None:
        """Drop windows no longer than the length that was told; those no longer than a claim come last."""
        if limit is not None:
            self.waiting = [other for other in self.waiting if (other.model.context or limit + 1) > limit]
        claimed = failed.model.context or 0
        self.waiting.sort(key=lambda other: (other.model.context or claimed + 1) <= claimed)

    def prefer_same(self, name: str) -> None:
        """Put the same model at other providers first: a text that goes on should keep its voice."""
        self.waiting.sort(key=lambda other: other.model.name != name)
