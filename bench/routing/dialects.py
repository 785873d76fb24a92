"""What a refusal looks like on each provider's wire: eleven dialects of 429, and the headers of ordinary answers.

Forms as in the providers' public documentation and as gathered in this
project's tests of ``wallas/quota``; the words here are the simulator's own.
"""

import json
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from bench.routing.limits import Meter


class Refused(NamedTuple):
    """A refusal: status, headers (lower-case names) and body."""

    status: int
    headers: dict[str, str]
    body: bytes


WORDS = {
    "rpm": ("requests per minute", "RPM", "PerMinute"),
    "tpm": ("tokens per minute", "TPM", "PerMinute"),
    "rpd": ("requests per day", "RPD", "PerDay"),
    "tpd": ("tokens per day", "TPD", "PerDay"),
    "rpmonth": ("requests per month", "month", "PerMonth"),
    "concurrent": ("requests at once", "concurrent", ""),
}


class Full(NamedTuple):
    """A refusal to be worded: the meter, the seconds to wait, what was asked for, and the epoch."""

    meter: Meter
    wait: float
    model: str
    asked: int
    now: float

    @property
    def words(self) -> tuple[str, str, str]:
        """Return how the window is called: in words, in letters, and Gemini's way."""
        return WORDS[self.meter.kind]


def refusal(dialect: str, meter: Meter, *, model: str, wait: float, asked: int, now: float) -> Refused:
    """Return how a dialect says that a meter is full; ``now`` is the epoch, ``wait`` seconds."""
    if math.isinf(wait):
        return _too_large(dialect, meter, model=model, asked=asked)
    if dialect not in SAYINGS:
        return Refused(429, {"content-type": "text/plain"}, b"")
    said, headers = SAYINGS[dialect](Full(meter, wait, model, asked, now))
    return Refused(429, {"content-type": "application/json", **headers}, json.dumps(said).encode())


Saying = tuple[object, dict[str, str]]


def _gemini(full: Full) -> Saying:
    unit = "InputTokens" if full.meter.tokens else "Requests"
    delay = f"{math.ceil(min(full.wait, 40.0))}s"
    name = f"Generate{unit}{full.words[2]}PerProjectPerModel-FreeTier"
    quota = {
        "@type": "type.googleapis.com/google.rpc.QuotaFailure",
        "violations": [{"quotaId": name, "quotaValue": str(full.meter.limit)}],
    }
    retry = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}
    text = f"You exceeded your current quota. Please retry in {delay}."
    return {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": text, "details": [quota, retry]}}, {}


def _groq(full: Full) -> Saying:
    words, short, _ = full.words
    text = (
        f"Rate limit reached for model `{full.model}` on {words} ({short}): Limit {full.meter.limit}, "
        f"Used {int(full.meter.used)}, Requested {full.asked}. Please try again in {full.wait:.3f}s."
    )
    said = {"error": {"message": text, "type": "requests", "code": "rate_limit_exceeded"}}
    return said, {"retry-after": str(math.ceil(full.wait))}


def _openrouter(full: Full) -> Saying:
    inner = {
        "X-RateLimit-Limit": str(full.meter.limit),
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": str(int((full.now + full.wait) * 1000)),
    }
    text = f"Rate limit exceeded: free-models-per-{'day' if full.meter.kind == 'rpd' else 'min'}."
    return {"error": {"message": text, "code": 429, "metadata": {"headers": inner}}}, {}


def _cohere(full: Full) -> Saying:
    period = "month" if full.meter.kind == "rpmonth" else "minute"
    return {"message": f"You are using a Trial key, which is limited to {full.meter.limit} API calls / {period}."}, {}


def _cerebras(full: Full) -> Saying:
    said = {"message": f"{full.words[0].capitalize()} limit exceeded", "code": "request_quota_exceeded"}
    return said, stated("cerebras", [full.meter], full.now)


def _mistral(full: Full) -> Saying:
    message = f"{full.words[0].split()[0].capitalize()} rate limit exceeded"
    return {"object": "error", "message": message, "code": "1300"}, {}


def _retry_after(full: Full) -> Saying:
    return {"error": {"message": "Too many requests"}}, {"retry-after": str(math.ceil(full.wait))}


def _milliseconds(full: Full) -> Saying:
    text = f"Rate limit reached on {full.words[0]}. Limit: {full.meter.limit} / min."
    headers = {"retry-after-ms": str(math.ceil(full.wait * 1000)), **stated("milliseconds", [full.meter], full.now)}
    return {"error": {"message": text}}, headers


def _github(full: Full) -> Saying:
    seconds, limit = 86400 if full.meter.kind.endswith("d") else 60, full.meter.limit
    text = f"Rate limit of {limit} per {seconds}s exceeded. Please wait {math.ceil(full.wait)} seconds."
    if full.meter.tokens:
        text = f"The limit is {limit} tokens per minute. Please wait {math.ceil(full.wait)} seconds."
    return {"error": {"code": "RateLimitReached", "message": text}}, {}


def _titled(full: Full) -> Saying:
    return {"status": 429, "title": "Too Many Requests"}, {}


SAYINGS: dict[str, Callable[[Full], Saying]] = {
    "gemini": _gemini,
    "groq": _groq,
    "openrouter": _openrouter,
    "cohere": _cohere,
    "cerebras": _cerebras,
    "mistral": _mistral,
    "retry_after": _retry_after,
    "milliseconds": _milliseconds,
    "github": _github,
    "titled": _titled,
}
"""Who is not here says nothing at all."""


def _too_large(dialect: str, meter: Meter, *, model: str, asked: int) -> Refused:
    """Return how a request is refused that a window of tokens never holds: Groq says 413, others a 429 for a minute."""
    words, short, _ = WORDS[meter.kind]
    headers = {"content-type": "application/json"}
    if dialect == "groq":
        text = f"Request too large for model `{model}` on {words} ({short}): Limit {meter.limit}, Requested {asked}."
        said = {"error": {"message": text, "type": "tokens", "code": "rate_limit_exceeded"}}
        return Refused(413, headers, json.dumps(said).encode())
    return refusal(dialect, meter, model=model, wait=60.0, asked=asked, now=0.0)


def stated(dialect: str, meters: Sequence[Meter], now: float) -> dict[str, str]:
    """Return the headers in which a dialect tells of its limits with every answer."""
    told: dict[str, str] = {}
    for meter in meters:
        left = max(int(meter.limit - meter.used), 0)
        reset = meter.reset(now)
        match dialect, meter.kind:
            case "groq", "rpd":
                _tell(told, "x-ratelimit-%-requests", meter.limit, left, f"{86400 / meter.limit * meter.used:.2f}s")
            case "groq", "tpm":
                _tell(told, "x-ratelimit-%-tokens", meter.limit, left, f"{reset:.2f}s")
            case "cerebras", ("rpm" | "tpm" | "rpd" | "tpd") as kind:
                unit = "tokens" if meter.tokens else "requests"
                period = "minute" if kind[2] == "m" else "day"
                _tell(told, f"x-ratelimit-%-{unit}-{period}", meter.limit, left, f"{reset:.1f}")
            case "mistral", "rpm":
                _tell(told, "x-ratelimit-%-req-minute", meter.limit, left, "")
            case "mistral", "tpm":
                _tell(told, "x-ratelimit-%-tokens-minute", meter.limit, left, "")
            case "milliseconds", ("rpm" | "tpm"):
                unit = "tokens" if meter.tokens else "requests"
                _tell(told, f"x-ratelimit-%-{unit}", meter.limit, left, f"{reset * 1000:.0f}ms")
    return told


def _tell(told: dict[str, str], pattern: str, limit: int, left: int, reset: str) -> None:
    told[pattern.replace("%", "limit")] = str(limit)
    told[pattern.replace("%", "remaining")] = str(left)
    if reset:
        told[pattern.replace("%", "reset")] = reset
