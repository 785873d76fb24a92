"""Every dialect of 429 of routing.md 2, as bytes on a socket, through the real adapters to what is kept and told."""

import datetime
import math
import time
from email.utils import formatdate
from typing import Any, NamedTuple

import pytest
from sqlalchemy import text

from tests.fakes import FakeProvider, status
from tests.quota.inside import inside
from wallas.quota.clocks import next_midnight, next_month
from wallas.storage.engine import writing

NAMES = ("gemini", "groq", "openrouter", "mistral", "cohere", "openai", "nvidia", "cerebras", "anthropic")
DAY_ID = "GenerateRequestsPerDayPerProjectPerModel-FreeTier"
MINUTE_ID = "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"


class Row(NamedTuple):
    """A refusal as it comes, and what it means: for how long nobody is asked there, and the window that is shown."""

    name: str
    provider: str
    body: Any
    seconds: float
    headers: dict[str, str] = {}
    window: tuple[str, float | None, str] | None = None
    """Kind, limit, source."""
    others: bool = False
    """Whether the provider's other free model is out as well."""
    code: int = 429
    slack: float = 1.5


def gemini(quota: str, value: str, delay: str = "13s") -> dict[str, Any]:
    violation = {
        "quotaMetric": "generativelanguage.googleapis.com/generate_content_free_tier_requests",
        "quotaId": quota,
        "quotaDimensions": {"model": "m", "location": "global"},
        "quotaValue": value,
    }
    details = [
        {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]},
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay},
    ]
    text = "You exceeded your current quota, please check your plan and billing details."
    return {"error": {"code": 429, "message": text, "status": "RESOURCE_EXHAUSTED", "details": details}}


def openai(message: str, **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, "type": "rate_limit_error", **more}}


def to_pacific_midnight() -> float:
    return next_midnight(time.time(), "America/Los_Angeles") - time.time()


def to_utc_midnight() -> float:
    return next_midnight(time.time()) - time.time()


GROQ_DAY = (
    "Rate limit reached for model `m` in organization `o` on tokens per day (TPD): Limit 200000, Used 199000, "
    "Requested 2000. Please try again in 7m12.5s."
)
GROQ_MINUTE = (
    "Rate limit reached for model `m` on tokens per minute (TPM): Limit 8000, Used 7900, Requested 500. "
    "Please try again in 3s."
)
MONTH = "You are using a Trial key, which is limited to 1000 API calls / month."
MINUTE = "You are using a Trial key, which is limited to 20 API calls / minute. You can continue to use it."
PER_DAY = "Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000 free model requests per day"


def dialects() -> list[Row]:
    """Return the table, as of now."""
    now = time.time()
    reset = {
        "X-RateLimit-Limit": "50",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": f"{int((now + 20_000) * 1000)}",
    }
    return [
        Row(
            "Gemini's day, whatever the delay says",
            "gemini",
            gemini(DAY_ID, "20"),
            to_pacific_midnight(),
            window=("rpd", 20, "body"),
        ),
        Row("Gemini's minute", "gemini", gemini(MINUTE_ID, "5", "13s"), 13, window=("rpm", 5, "body")),
        Row("Gemini's 0: not in the free tier", "gemini", gemini(DAY_ID, "0"), 86_400, window=("rpd", 0, "body")),
        Row("Gemini's bare words", "gemini", {"error": {"code": 429, "message": "Resource has been exhausted"}}, 2),
        Row("Groq's Retry-After", "groq", openai(GROQ_MINUTE), 7, {"retry-after": "7"}, window=("tpm", 8000, "body")),
        Row("Groq's words", "groq", openai(GROQ_DAY), 432.5, window=("tpd", 200_000, "body")),
        Row(
            "Groq's headers",
            "groq",
            openai("Rate limit reached"),
            179.56,
            {
                "x-ratelimit-limit-requests": "1000",
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-requests": "2m59.56s",
            },
            window=("rpd", 1000, "header"),
        ),
        Row(
            "OpenRouter's headers, epoch milliseconds",
            "openrouter",
            openai(PER_DAY, code=429, metadata={"error_type": "rate_limit_exceeded"}),
            20_000,
            reset,
            window=("rpd", 50, "header"),
            others=True,
        ),
        Row(
            "OpenRouter's headers in the body",
            "openrouter",
            openai(PER_DAY, code=429, metadata={"headers": reset}),
            20_000,
            window=("rpd", 50, "body"),
            others=True,
        ),
        Row(
            "OpenRouter's provider behind it",
            "openrouter",
            openai("Provider returned error", code=429, metadata={"raw": "m is temporarily rate-limited upstream"}),
            2,
        ),
        Row(
            "Mistral's 0: no quota on this plan",
            "mistral",
            {"object": "error", "message": "Rate limit exceeded", "type": "rate_limited", "code": "1300"},
            86_400,
            {"x-ratelimit-limit-req-minute": "0"},
        ),
        Row(
            "Mistral's minute",
            "mistral",
            {"object": "error", "message": "Rate limit exceeded", "type": "rate_limited", "code": "1300"},
            2,
            {"x-ratelimit-limit-req-minute": "60", "x-ratelimit-remaining-req-minute": "12"},
            window=("rpm", 60, "header"),
        ),
        Row(
            "Cohere's trial month",
            "cohere",
            {"id": "x", "message": MONTH},
            min(next_month(now) - now, 31 * 86_400),
            window=("rpmonth", 1000, "body"),
            others=True,
            slack=3,
        ),
        Row("Cohere's trial minute", "cohere", {"id": "x", "message": MINUTE}, 2, window=("rpm", 20, "body"), slack=60),
        Row("OpenAI's Retry-After in ms", "openai", openai("Slow down"), 2.5, {"retry-after-ms": "2500"}),
        Row(
            "OpenAI's reset header",
            "openai",
            openai("Rate limit reached"),
            360,
            {
                "x-ratelimit-limit-requests": "60",
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-requests": "6m0s",
            },
        ),
        Row(
            "a date to retry after", "nvidia", {"title": "Too Many Requests"}, 90, {"retry-after": formatdate(now + 90)}
        ),
        Row("nothing at all", "nvidia", {"status": 429, "title": "Too Many Requests"}, 2),
        Row(
            "Cerebras' day of tokens",
            "cerebras",
            {
                "message": "Tokens per day limit exceeded",
                "type": "too_many_tokens_error",
                "code": "token_quota_exceeded",
            },
            5000,
            {"retry-after": "5000", "x-ratelimit-limit-tokens-day": "1000000", "x-ratelimit-remaining-tokens-day": "0"},
            window=("tpd", 1_000_000, "header"),
        ),
        Row(
            "Anthropic's instant",
            "anthropic",
            {"type": "error", "error": {"type": "rate_limit_error", "message": "Number of requests exceeded"}},
            40,
            {
                "anthropic-ratelimit-requests-limit": "50",
                "anthropic-ratelimit-requests-remaining": "0",
                "anthropic-ratelimit-requests-reset": datetime.datetime.fromtimestamp(
                    math.ceil(now) + 40, datetime.UTC
                ).strftime("%Y-%m-%dT%H:%M:%SZ"),
            },
            window=("rpm", 50, "header"),
            slack=40,
        ),
    ]


@pytest.fixture
def gate(tmp_path):
    """Yield a whole gateway in this process whose providers, by their real names, are scripted ones."""
    with inside(tmp_path, NAMES) as one:
        yield one


def asked(fake: FakeProvider) -> int:
    return sum(request.method == "POST" for request in fake.requests)


def test_each_dialect_is_heeded_for_as_long_as_it_means_and_shown(gate):
    problems = []
    for row in dialects():
        fake, name = gate.fakes[row.provider], f"{row.provider}/m"
        forget(gate.service)
        before = asked(fake)
        fake.will(status(row.code, row.body, row.headers))
        first, second = gate.ask(name), gate.ask(name)
        wait = float(second.headers.get("Retry-After", "nan"))
        if (first.status_code, second.status_code) != (429, 429):
            problems.append((row.name, "status", first.status_code, second.status_code))
        if asked(fake) - before != 1:
            problems.append((row.name, "asked", asked(fake) - before))
        if not row.seconds - 3 <= wait <= row.seconds + 1 + row.slack:
            problems.append((row.name, "wait", wait, row.seconds))
        if row.window is not None:
            kind, limit, source = row.window
            shown = gate.rows().get((row.provider, kind))
            if shown is None or (shown["limit"], shown["source"]) != (limit, source):
                problems.append((row.name, "window", shown and (shown["limit"], shown["source"])))
        other = gate.ask(f"{row.provider}/n").status_code
        if other != (429 if row.others else 200):
            problems.append((row.name, "the other model", other))
    assert not problems, problems


MONEY = [
    (
        "openai",
        429,
        openai("You exceeded your current quota, please check your plan.", code="insufficient_quota"),
    ),
    ("openrouter", 402, openai("Insufficient credits. Add more using https://openrouter.ai/credits", code=402)),
    ("mistral", 429, {"object": "error", "message": "Monthly spend limit reached", "type": "rate_limited"}),
]


@pytest.mark.parametrize(("provider", "code", "body"), MONEY)
def test_without_money_the_keys_paid_models_rest_an_hour_and_its_free_ones_answer(gate, provider, code, body):
    fake = gate.fakes[provider]
    fake.will(status(code, body))
    before = asked(fake)
    gate.ask(f"{provider}/p")
    refused = gate.ask(f"{provider}/p")
    assert asked(fake) - before == 1
    assert refused.status_code == 503 and 3595 <= float(refused.headers["Retry-After"]) <= 3601
    below_zero = provider == "openrouter"  # there a debt blocks the free models too (routing.md 2)
    assert gate.ask(f"{provider}/m").status_code == (503 if below_zero else 200)


def forget(service: Any) -> None:
    """Begin with an empty ledger and with everybody in health: each row is a day of its own."""
    service.health.rests.clear()
    service.health.circuits.clear()
    ledger = service.quota.ledger
    with ledger.lock:
        ledger.windows.clear()
        ledger.places.clear()
        ledger.seats.clear()
        ledger.seen.clear()
        ledger.version += 1
        with writing(service.engine) as connection:
            connection.execute(text("DELETE FROM quota"))
