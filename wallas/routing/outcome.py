"""Says what a client is told when nobody could answer: one status for many causes, and every cause by name."""

import math
from typing import TYPE_CHECKING

from wallas.errors import (
    VERDICTS,
    AllAttemptsFailed,
    BadRequest,
    FailureKind,
    GatewayError,
    ProviderError,
    StreamInterrupted,
)
from wallas.health import BLAMELESS
from wallas.routing.candidates import Excluded
from wallas.routing.trail import Hop

if TYPE_CHECKING:
    from wallas.routing.attempts import Attempts

CODES = {
    400: "invalid_value",
    413: "request_too_large",
    429: "rate_limit_exceeded",
    502: "bad_upstream_answer",
    503: "no_provider_available",
    504: "timeout",
}
KIND_CODES = {
    FailureKind.CONTEXT_LENGTH: "context_length_exceeded",
    FailureKind.CONTENT_FILTER: "content_filter",
    FailureKind.UNSUPPORTED: "unsupported_value",
}
OWN_STATUSES = (400, 409, 413, 415, 422)
FAULTS = frozenset(kind.name.lower() for kind in BLAMELESS)
"""Outcomes of hops that waiting would not change."""
LIMIT_REASONS = ("rate_limit", "day_limit", "no_quota", "quota")


def refused(error: ProviderError) -> GatewayError:
    """Return the client's error for a request that is itself at fault, in the provider's own words."""
    status = error.status if error.status in OWN_STATUSES else error.verdict.status
    code = KIND_CODES.get(error.kind) or error.code or CODES.get(status, "invalid_value")
    return BadRequest(error.message, param=error.param, code=code, status=status)


def all_failed(
    failures: list[ProviderError], hops: list[Hop], excluded: list[Excluded], *, overdue: bool
) -> GatewayError:
    """Return the client's error when every attempt failed and everyone else was left out."""
    statuses = {VERDICTS[error.kind].status for error in failures}
    limited = [row for row in excluded if row.seconds is not None]
    statuses |= {429 if _limit(row.reason) else 503 for row in limited}
    details = [hop.row() for hop in hops] + [row.row() for row in excluded]
    if overdue:
        return AllAttemptsFailed("the answer did not come in time", status=504, code="timeout", details=details)
    if failures and statuses <= {400, 413}:
        error = refused(failures[-1])
        error.details = details
        return error
    if not failures and not limited:
        return _nobody(excluded, details)
    status = statuses.pop() if len(statuses) == 1 else 503
    waits = [row.seconds for row in limited if row.seconds is not None]
    waits += [hop.retry_after or 0.0 for hop in hops if hop.outcome not in FAULTS]
    retry_after = float(math.ceil(max(min(waits), 1.0))) if waits and status in (429, 503) else None
    told = "; ".join(f"{hop.provider}/{hop.model}: {hop.outcome.replace('_', ' ')}" for hop in hops)
    told = told or "; ".join(f"{row.model.key}: {row.reason}" for row in limited[:8])
    return AllAttemptsFailed(
        f"no provider could answer ({told})",
        status=status,
        code=CODES.get(status, "no_provider_available"),
        retry_after=retry_after,
        details=details,
    )


def unanswered(attempts: "Attempts") -> GatewayError:
    """Return the client's error where nobody could answer."""
    hops, failures = attempts.record.hops, attempts.failures
    if attempts.unreadable is not None and not hops:
        return attempts.unreadable
    if failures and not failures[-1].verdict.next_candidate and failures[-1].kind is not FailureKind.GATEWAY:
        error = refused(failures[-1])
    else:
        told = {row.model.key for row in attempts.excluded} | {f"{hop.provider}/{hop.model}" for hop in hops}
        excluded = [*attempts.excluded, *(row for row in attempts.plan.unfit() if row.model.key not in told)]
        error = all_failed(failures, hops, excluded, overdue=attempts.deadlines.overdue)
    if attempts.shown.started and not attempts.whole_turn:
        return StreamInterrupted(f"the answer broke off: {error.message}", details=error.details)
    return error


def _nobody(excluded: list[Excluded], details: list[dict[str, object]]) -> GatewayError:
    if not excluded:
        return AllAttemptsFailed(
            "no provider is configured: put a key into instance/.env (for example GROQ_API_KEY), "
            "start a local Ollama, or try `wallas demo`",
            code="no_provider_configured",
        )
    reasons = {row.reason for row in excluded}
    text = "; ".join(f"{row.model.key}: {row.reason}" for row in excluded[:8])
    if all(reason.startswith(("cannot take", "context of", "does not take")) for reason in reasons):
        longest = all(reason.startswith("context of") for reason in reasons)
        code = "context_length_exceeded" if longest else "unsupported_value"
        return BadRequest(f"no model here can take this request ({text})", param="messages", code=code, details=details)
    return AllAttemptsFailed(f"nobody may answer this request ({text})", details=details)


def _limit(reason: str) -> bool:
    return any(word in reason for word in LIMIT_REASONS)
