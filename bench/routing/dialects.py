"""What a refusal looks like on each provider's wire: eleven dialects of 429, and the headers of ordinary answers.

Forms as in the providers' public documentation and as gathered in this
project's tests of ``wallas/quota``; the words here are the simulator's own.
"""

import json
import math
from collections.abc import Sequence
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


def refusal(dialect: str, meter: Meter, *, model: str, wait: float, asked: int, now: float) -> Refused:
    """Return how a dialect says that a meter is full; ``now`` is the epoch, ``wait`` seconds."""
    if math.isinf(wait):
        return _too_large(dialect, meter, model=model, asked=asked)
    words, short, period = WORDS[meter.kind]
    headers = {"content-type": "application/json"}
    limit, used = meter.limit, int(meter.used)
    match dialect:
        case "gemini":
            unit = "InputTokens" if meter.tokens else "Requests"
            name = f"Generate{unit}{period}PerProjectPerModel-FreeTier"
            delay = f"{math.ceil(min(wait, 40.0))}s"
            said: object = {
                "error": {
                    "code": 429,
                    "status": "RESOURCE_EXHAUSTED",
                    "message": f"You exceeded your current quota. Please retry in {delay}.",
                    "details": [
                        {
                            "@type": "type.googleapis.com/google.rpc.QuotaFailure",
                            "violations": [{"quotaId": name, "quotaValue": str(limit)}],
                        },
                        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay},
                    ],
                }
            }
        case "groq":
            text = (
                f"Rate limit reached for model `{model}` on {words} ({short}): Limit {limit}, Used {used}, "
                f"Requested {asked}. Please try again in {wait:.3f}s."
            )
            headers["retry-after"] = str(math.ceil(wait))
            said = {"error": {"message": text, "type": "requests", "code": "rate_limit_exceeded"}}
        case "openrouter":
            day = "day" if meter.kind == "rpd" else "min"
            inner = {
                "X-RateLimit-Limit": str(limit),
                "X-RateLimit-Remaining": "0",
                "X-RateLimit-Reset": str(int((now + wait) * 1000)),
            }
            text = f"Rate limit exceeded: free-models-per-{day}."
            said = {"error": {"message": text, "code": 429, "metadata": {"headers": inner}}}
        case "cohere":
            said = {"message": f"You are using a Trial key, which is limited to {limit} API calls / minute."}
            if meter.kind == "rpmonth":
                said = {"message": f"You are using a Trial key, which is limited to {limit} API calls / month."}
        case "cerebras":
            said = {"message": f"{words.capitalize()} limit exceeded", "code": "request_quota_exceeded"}
            headers |= stated("cerebras", [meter], now)
        case "mistral":
            said = {"object": "error", "message": f"{words.split()[0].capitalize()} rate limit exceeded", "code": "1300"}
        case "retry_after":
            headers["retry-after"] = str(math.ceil(wait))
            said = {"error": {"message": "Too many requests"}}
        case "milliseconds":
            headers["retry-after-ms"] = str(math.ceil(wait * 1000))
            headers |= stated("milliseconds", [meter], now)
            said = {"error": {"message": f"Rate limit reached on {words}. Limit: {limit} / min."}}
        case "github":
            seconds = 86400 if meter.kind.endswith("d") else 60
            text = f"Rate limit of {limit} per {seconds}s exceeded. Please wait {math.ceil(wait)} seconds."
            if meter.tokens:
                text = f"The limit is {limit} tokens per minute. Please wait {math.ceil(wait)} seconds."
            said = {"error": {"code": "RateLimitReached", "message": text}}
        case "titled":
            said = {"status": 429, "title": "Too Many Requests"}
        case _:
            return Refused(429, {"content-type": "text/plain"}, b"")
    return Refused(429, headers, json.dumps(said).encode())


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
                _tell(told, f"x-ratelimit-%-{unit}-{'minute' if kind[2] == 'm' else 'day'}", meter.limit, left, f"{reset:.1f}")
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
