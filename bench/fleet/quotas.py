"""True quotas: windows that count what is used, and the dialects in which members refuse what is beyond them."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

SECONDS = {"rpm": 60.0, "tpm": 60.0, "rph": 3600.0, "rpd": 86400.0, "tpd": 86400.0, "rpmonth": 30 * 86400.0}


@dataclass
class Window:
    """One limit over a rolling time; requests (rpm, rpd) or tokens (tpm, tpd)."""

    kind: str
    limit: int
    uses: deque[tuple[float, int]] = field(default_factory=deque)
    used: int = 0

    @property
    def seconds(self) -> float:
        """Return how long a use counts."""
        return SECONDS[self.kind]

    def amount(self, tokens: int) -> int:
        """Return what a call of so many tokens takes."""
        return tokens if self.kind.startswith("t") else 1

    def wait(self, amount: int, now: float) -> float:
        """Return the seconds until so much fits; 0 when it does."""
        while self.uses and self.uses[0][0] <= now - self.seconds:
            self.used -= self.uses.popleft()[1]
        short = self.used + amount - self.limit
        if short <= 0:
            return 0.0
        for at, some in self.uses:
            short -= some
            if short <= 0:
                return max(at + self.seconds - now, 0.01)
        return self.seconds

    def take(self, amount: int, now: float) -> None:
        """Count a use."""
        self.uses.append((now, amount))
        self.used += amount


@dataclass(frozen=True)
class Refusal:
    """What is said of a window that is empty, or too small for this call (``never``)."""

    window: Window
    wait: float
    wanted: int
    model: str
    never: bool = False


Answer = tuple[int, Any, dict[str, str]]


class Meter:
    """All windows of one place that calls share; safe to use from many threads."""

    def __init__(self, limits: dict[str, int]) -> None:
        """Start with empty windows."""
        self.windows = [Window(kind, limit) for kind, limit in limits.items()]
        self.lock = threading.Lock()

    def take(self, model: str, tokens: int, now: float) -> Refusal | None:
        """Count a call, or say why it may not be made."""
        with self.lock:
            waits = [(window.wait(window.amount(tokens), now), window) for window in self.windows]
            worst = max(waits, key=lambda one: one[0], default=None)
            if worst is not None and worst[0] > 0:
                wanted = worst[1].amount(tokens)
                return Refusal(worst[1], worst[0], wanted, model, wanted > worst[1].limit)
            for _, window in waits:
                window.take(window.amount(tokens), now)
        return None

    def correct(self, tokens: int, now: float) -> None:
        """Count the tokens of an answer, too."""
        with self.lock:
            for window in self.windows:
                if window.kind.startswith("t"):
                    window.take(tokens, now)

    def free(self, tokens: int, now: float) -> bool:
        """Return whether a call would be let in."""
        with self.lock:
            return all(window.wait(window.amount(tokens), now) == 0 for window in self.windows)

    def state(self, now: float) -> dict[str, tuple[int, int, float]]:
        """Return limit, remaining and seconds until all is free again, by kind of window."""
        with self.lock:
            for window in self.windows:
                window.wait(0, now)
            return {
                window.kind: (
                    window.limit,
                    max(window.limit - window.used, 0),
                    (window.uses[-1][0] + window.seconds - now) if window.uses else 0.0,
                )
                for window in self.windows
            }


def duration(seconds: float) -> str:
    """Return seconds as Go writes them."""
    if seconds < 1:
        return f"{max(int(seconds * 1000), 1)}ms"
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes)}m{rest:.2f}s" if minutes else f"{rest:.3f}s"


WORDS = {
    "rpm": "requests per minute (RPM)",
    "rpd": "requests per day (RPD)",
    "tpm": "tokens per minute (TPM)",
    "tpd": "tokens per day (TPD)",
}


def groq(refusal: Refusal) -> Answer:
    """Refuse as Groq does: the window in words, ``retry-after``; 413 for what can never fit."""
    window = refusal.window
    if refusal.never:
        said = f"Request too large for model `{refusal.model}` on {WORDS[window.kind]}: Limit {window.limit}, "
        said += f"Requested {refusal.wanted}, please reduce your message size and try again."
        return 413, {"error": {"message": said, "type": "tokens", "code": "rate_limit_exceeded"}}, {}
    said = f"Rate limit reached for model `{refusal.model}` in organization `org` on {WORDS[window.kind]}: "
    said += f"Limit {window.limit}, Used {window.used}, Requested {refusal.wanted}. "
    said += f"Please try again in {duration(refusal.wait)}."
    error = {"message": said, "type": "tokens", "code": "rate_limit_exceeded"}
    return 429, {"error": error}, {"retry-after": str(int(refusal.wait) + 1)}


def gemini(refusal: Refusal) -> Answer:
    """Refuse as Gemini does: the window in ``quotaId``, a ``retryDelay`` that misleads for a day."""
    kind = refusal.window.kind
    per = "PerDay" if kind.endswith("d") else "PerMinute"
    what = "InputTokensPerModel" if kind.startswith("t") else "Requests"
    said = {
        "quotaMetric": "generativelanguage.googleapis.com/generate_content_free_tier_requests",
        "quotaId": f"GenerateContent{what}{per}" + ("" if kind.startswith("t") else "PerProjectPerModel") + "-FreeTier",
        "quotaDimensions": {"model": refusal.model, "location": "global"},
        "quotaValue": str(refusal.window.limit),
    }
    delay = 13.0 if per == "PerDay" else refusal.wait
    details = [
        {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [said]},
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{delay:.0f}s"},
    ]
    error = {"code": 429, "message": "You exceeded your current quota.", "status": "RESOURCE_EXHAUSTED"}
    return 429, {"error": {**error, "details": details}}, {}


def openrouter(refusal: Refusal) -> Answer:
    """Refuse as OpenRouter does: an instant in milliseconds, for all free models of the account."""
    day = refusal.window.kind == "rpd"
    reset = str(int((time.time() + refusal.wait) * 1000))
    fields = {"X-RateLimit-Limit": str(refusal.window.limit), "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}
    said = f"Rate limit exceeded: free-models-per-{'day' if day else 'min'}. "
    error = {"code": 429, "message": said, "metadata": {"error_type": "rate_limit_exceeded", "headers": fields}}
    return 429, {"error": error, "user_id": "u1"}, fields


def mistral(refusal: Refusal) -> Answer:
    """Refuse as Mistral does: nothing but its own form of words."""
    said = {"object": "error", "message": "Rate limit exceeded", "type": "rate_limited", "param": None, "code": "1300"}
    return 429, said, {}


def cohere(refusal: Refusal) -> Answer:
    """Refuse as Cohere does to trial keys."""
    window = refusal.window
    said = f"You are using a Trial key, which is limited to {window.limit} API calls / minute. You can continue..."
    if window.kind != "rpm":
        said = f"You are using a Trial key, which is limited to {window.limit} API calls / month."
    fields = {"x-trial-endpoint-call-limit": str(window.limit), "x-trial-endpoint-call-remaining": "0"}
    return 429, {"id": "e1", "message": said}, fields


def cerebras(refusal: Refusal) -> Answer:
    """Refuse as Cerebras does: an error without an envelope."""
    code = "token_quota_exceeded" if refusal.window.kind.startswith("t") else "request_quota_exceeded"
    said = f"{WORDS.get(refusal.window.kind, 'Requests').partition(' (')[0].capitalize()} limit exceeded"
    return 429, {"message": said, "type": "too_many_requests_error", "param": "quota", "code": code}, {}


def azure(refusal: Refusal) -> Answer:
    """Refuse as Azure does: the window's seconds in the text."""
    window = refusal.window
    said = f"Rate limit of {window.limit} per {int(window.seconds)}s exceeded for UserByModel. "
    said += f"Please wait {int(refusal.wait) + 1} seconds before retrying."
    error = {"code": "RateLimitReached", "message": said, "details": said}
    return 429, {"error": error}, {"retry-after": str(int(refusal.wait) + 1)}


def dated(refusal: Refusal) -> Answer:
    """Refuse with a date to come back at."""
    error = {"message": "Too many requests", "type": "rate_limit_error", "param": None, "code": "rate_limit_exceeded"}
    return 429, {"error": error}, {"Retry-After": formatdate(time.time() + refusal.wait + 1, usegmt=True)}


def bare(refusal: Refusal) -> Answer:
    """Refuse without a word."""
    return 429, b"Too Many Requests", {"Content-Type": "text/plain"}


def ollama(refusal: Refusal) -> Answer:
    """Refuse as Ollama's cloud does."""
    return (
        429,
        {"error": "you've reached your hourly usage limit, please upgrade to continue"},
        {"Retry-After": str(int(refusal.wait) + 1)},
    )


DIALECTS: dict[str, Callable[[Refusal], Answer]] = {
    "groq": groq,
    "gemini": gemini,
    "openrouter": openrouter,
    "mistral": mistral,
    "cohere": cohere,
    "cerebras": cerebras,
    "azure": azure,
    "dated": dated,
    "bare": bare,
    "ollama": ollama,
}


def told(dialect: str, state: dict[str, tuple[int, int, float]]) -> dict[str, str]:
    """Return the headers with which a member tells of its windows in every answer; most tell nothing."""
    fields: dict[str, str] = {}
    if dialect == "groq":
        for kind, name in (("rpd", "requests"), ("tpm", "tokens")):
            if kind in state:
                limit, left, reset = state[kind]
                fields |= {
                    f"x-ratelimit-limit-{name}": str(limit),
                    f"x-ratelimit-remaining-{name}": str(left),
                    f"x-ratelimit-reset-{name}": duration(reset / max(limit, 1) if kind == "rpd" else reset),
                }
    if dialect == "mistral":
        for kind, name in (("rpm", "req-minute"), ("tpm", "tokens-minute")):
            if kind in state:
                limit, left, _ = state[kind]
                fields |= {f"x-ratelimit-limit-{name}": str(limit), f"x-ratelimit-remaining-{name}": str(left)}
    if dialect == "cerebras":
        for kind, name in (("rpm", "requests-minute"), ("rpd", "requests-day"), ("tpm", "tokens-minute")):
            if kind in state:
                limit, left, reset = state[kind]
                fields |= {
                    f"x-ratelimit-limit-{name}": str(limit),
                    f"x-ratelimit-remaining-{name}": str(left),
                    f"x-ratelimit-reset-{name}": f"{reset:.2f}",
                }
    if dialect == "cohere" and "rpm" in state:
        limit, left, _ = state["rpm"]
        fields |= {"x-trial-endpoint-call-limit": str(limit), "x-trial-endpoint-call-remaining": str(left)}
    return fields
