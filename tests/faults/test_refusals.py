"""U21, U36 to U44, U46 to U48 and U65: providers that refuse, and what rests for how long."""

import email.utils
import json
import time
from typing import Any

import pytest

from tests.faults.checks import PROMPT, TALE, is_tale, kept, passed_over, tidy
from tests.faults.clients import PROTOCOLS
from tests.faults.gateway import Gateway, Place
from wallas.errors import FailureKind, ProviderError
from wallas.health import BREAKER_REST, Health
from wallas.health import Place as Spot
from wallas.simulated.script import error_event, hang_up, say, status

HOUR = 3600.0


def fault(message: str, code: Any = None, type: str = "error") -> dict[str, Any]:
    """Return an OpenAI error body."""
    return {"error": {"message": message, "type": type, "code": code}}


def rests(place: Place, reason: str, seconds: float) -> None:
    """Assert that a provider rests for a reason, about so long."""
    rest = place.rest()
    assert rest is not None and rest[0] == reason
    assert seconds * 0.75 - 2 < rest[1] <= seconds * 1.25 + 0.5


INNER: dict[str, tuple[Any, str]] = {
    "U21-429": (fault("Rate limit exceeded", 429), "rate_limit"),
    "U21-502": (fault("Provider returned error", 502), "server"),
    "U21-529": (fault("Overloaded", 529), "overloaded"),
    "U21-text": ({"error": "model is overloaded, try again later"}, "overloaded"),
    "U21-401": (fault("No auth credentials found", 401), "credential"),
    "U21-detail": ({"detail": "Internal Server Error"}, "server"),
}


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("row", INNER)
def test_an_error_in_a_200_is_what_its_own_code_says(gateway: Gateway, row: str, stream: bool) -> None:
    said, kind = INNER[row]
    passed_over(gateway, status(200, said), kind=kind, stream=stream)


@pytest.mark.parametrize("stream", [True, False])
def test_U36_a_key_that_is_refused_is_off_and_the_others_of_its_provider_are_used(
    gateway: Gateway, stream: bool
) -> None:
    one = gateway.provider(kind="twokeys")
    one.will(status(401, fault("Incorrect API key provided: sk-canary-one", "invalid_api_key")))
    one.will(say(TALE))
    one.will(say(TALE))
    answer = gateway.ask(one, stream=stream)
    is_tale(answer)
    assert gateway.attempts(answer) == [(one.name, "credential"), (one.name, "ok")]
    refused, good = (request.headers["authorization"] for request in one.requests)
    assert refused != good
    rests(one, "credential", 600)
    is_tale(gateway.ask(one, stream=stream))
    assert one.requests[-1].headers["authorization"] == good
    assert f"{one.name}/m" in gateway.said()
    tidy(gateway)


MONEY: dict[str, tuple[int, Any]] = {
    "U37-402": (402, fault("Payment required", 402)),
    "U37-200": (200, fault("Insufficient credits. Add more using https://x", 402)),
    "U37-400": (400, fault("Your credit balance is too low to access the API", None, "invalid_request_error")),
    "U37-403": (403, fault("Your account has insufficient credits", "insufficient_credits")),
    "U37-429": (429, fault("You exceeded your current quota, please check your plan", "insufficient_quota")),
}


@pytest.mark.parametrize("row", MONEY)
def test_who_is_out_of_money_rests_for_an_hour_and_free_models_stay(gateway: Gateway, row: str) -> None:
    one, _ = passed_over(gateway, status(*MONEY[row]), kind="money")
    rests(one, "money", HOUR)
    assert gateway.rows("select model from circuits where provider = ? and rest_until > 0", one.name) == [
        {"model": "$paid"}
    ]


def test_U38_a_provider_that_serves_nobody_here_rests_for_a_day(gateway: Gateway) -> None:
    said = fault("Country, region, or territory not supported", "unsupported_country_region_territory")
    one, _ = passed_over(gateway, status(403, said), kind="region")
    rests(one, "region", 24 * HOUR)
    assert gateway.said().count(f"{one.name}/m") == 1
    two = gateway.provider(kind="steady")
    two.will(say(TALE))
    assert gateway.attempts(gateway.ask(one, two)) == [(two.name, "ok")]


GONE: dict[str, tuple[int, Any]] = {
    "U39-404": (404, fault("The model `m` does not exist or you do not have access to it.", "model_not_found")),
    "U39-400-Groq": (400, fault("The model `m` has been decommissioned", "model_decommissioned")),
    "U39-410": (410, fault("This model has been retired", "gone")),
}


@pytest.mark.parametrize("row", GONE)
def test_a_model_that_is_gone_rests_for_six_hours(gateway: Gateway, row: str) -> None:
    one, _ = passed_over(gateway, status(*GONE[row]), kind="model_gone")
    rests(one, "model_gone", 6 * HOUR)


VLLM = (
    "This model's maximum context length is 131072 tokens. However, you requested 140000 tokens in the messages. "
    "Please reduce the length of the messages."
)
CLAUDE = {"type": "invalid_request_error", "message": "prompt is too long: 210000 tokens > 200000 maximum"}
GOOGLE = "The input token count (140000) exceeds the maximum number of tokens allowed (131072)."
LONG: dict[str, tuple[str, Any]] = {
    "U40-OpenAI": ("openai", fault("This model's maximum context length is 131072.", "context_length_exceeded")),
    "U40-vLLM": ("openai", {"object": "error", "message": VLLM, "code": 400}),
    "U40-Anthropic": ("anthropic", {"type": "error", "error": CLAUDE}),
    "U40-Gemini": ("gemini", {"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": GOOGLE}}),
}


@pytest.mark.parametrize("row", LONG)
def test_a_window_that_is_too_small_leads_to_a_larger_one_only(gateway: Gateway, row: str) -> None:
    wire, said = LONG[row]
    one, same, large = gateway.provider(wire), gateway.provider(), gateway.provider(kind="large")
    one.will(status(400, said))
    large.will(say(TALE))
    answer = gateway.ask(one, same, large)
    is_tale(answer)
    assert gateway.attempts(answer) == [(one.name, "context_length"), (large.name, "ok")]
    assert one.rest() is None and one.counts() == (0, 0)
    assert not same.requests


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_U40_without_a_larger_window_the_caller_is_told(gateway: Gateway, protocol: str) -> None:
    one, same = gateway.provider(), gateway.provider()
    one.will(status(400, LONG["U40-OpenAI"][1]))
    answer = gateway.ask(one, same, protocol=protocol)
    assert answer.status == 400
    assert protocol != "openai" or answer.error["code"] == "context_length_exceeded"
    assert not same.requests


def test_U41_a_body_too_large_for_an_edge_is_no_page_and_no_failure(gateway: Gateway) -> None:
    page = status(413, b"<html><head><title>413 Request Entity Too Large</title></head>cloudflare</html>")
    one, _ = passed_over(gateway, page, kind="too_large", counted=False)
    assert one.rest() is None
    alone = gateway.provider()
    alone.will(page)
    answer = gateway.ask(alone)
    assert answer.status == 413 and b"<html" not in answer.data


def date(seconds: float) -> str:
    """Return an HTTP date so many seconds from now."""
    return email.utils.formatdate(time.time() + seconds, usegmt=True)


WAITS: dict[str, tuple[Any, float]] = {
    "U42-seconds": ({"Retry-After": "30"}, 30),
    "U42-date": ({"Retry-After": lambda: date(40)}, 40),
    "U42-milliseconds": ({"retry-after-ms": "25000"}, 25),
    "U42-go": ({"Retry-After": "47.66s"}, 47.66),
    "U42-minutes": ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "2m59.56s"}, 179.56),
    "U42-epoch": ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": lambda: str(int(time.time() + 50))}, 50),
    "U42-words": ("Rate limit reached. Please try again in 35.289s.", 35.289),
    "U42-ten-years": ({"Retry-After": "315360000"}, 24 * HOUR),
    "U42-negative": ({"Retry-After": "-5"}, 2),
    "U42-not-a-number": ({"Retry-After": "nan"}, 2),
    "U42-infinite": ({"Retry-After": "1e309"}, 2),
    "U42-garbage": ({"Retry-After": "soon, maybe"}, 2),
    "U42-nothing": ({}, 2),
    "U65-a-date-in-the-past": ({"Retry-After": lambda: date(-3000)}, 2),
}


@pytest.mark.parametrize("row", WAITS)
def test_a_rate_limit_rests_as_long_as_was_said(gateway: Gateway, row: str) -> None:
    said, seconds = WAITS[row]
    message, fields = (said, {}) if isinstance(said, str) else ("Too many requests", said)
    fields = {name: value() if callable(value) else value for name, value in fields.items()}
    body = fault(message, "rate_limit_exceeded", "rate_limit_error")
    one, _ = passed_over(gateway, status(429, body, fields), kind="rate_limit")
    rests(one, "rate_limit", seconds)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_U43_when_everybody_is_limited_nobody_is_called(gateway: Gateway, protocol: str) -> None:
    one, two = gateway.providers("openai", "openai")
    for place, seconds in ((one, 90), (two, 60)):
        place.will(status(429, fault("slow down"), {"Retry-After": str(seconds)}))
    first = gateway.ask(one, two, protocol=protocol)
    again = [gateway.ask(one, two, protocol=protocol) for _ in range(3)]
    for answer in (first, *again):
        assert answer.status == 429
        assert 50 <= int(answer.headers["retry-after"]) <= 60
    assert min(answer.seconds for answer in again) < 0.1
    assert (len(one.requests), len(two.requests)) == (1, 1)


CODES = {
    500: "server", 502: "server", 503: "overloaded", 504: "server", 520: "server", 521: "server", 522: "server",
    523: "server", 524: "server", 525: "server", 526: "server", 527: "server", 529: "overloaded",
    408: "transient", 409: "transient", 425: "transient",
}  # fmt: skip


@pytest.mark.parametrize("code", CODES, ids=[f"U44-{code}" for code in CODES])
def test_a_provider_in_trouble_is_passed_over(gateway: Gateway, code: int) -> None:
    one, answer = passed_over(gateway, status(code), kind=CODES[code])
    assert one.rest() is None
    (row,) = gateway.rows("select status from attempts where request_id = ? and number = 1", answer.id)
    assert row["status"] == code


def test_U46_a_provider_that_fails_every_second_call_is_rested(gateway: Gateway) -> None:
    one, two = gateway.provider(), gateway.provider(kind="steady")
    two.always(lambda request: (say(TALE),))
    for number in range(10):
        one.will(say(TALE) if number % 2 else hang_up)
        is_tale(gateway.ask(one, two))
    assert one.counts() == (5, 5)
    rest = one.rest()
    assert rest is None
    one.will(hang_up)
    is_tale(gateway.ask(one, two))
    rests(one, "connect", BREAKER_REST)
    assert gateway.attempts(gateway.ask(one, two)) == [(two.name, "ok")]


def test_U46_a_circuit_that_is_half_open_lets_one_probe_through_at_a_time() -> None:
    now = [0.0]
    health = Health(clock=lambda: now[0], jitter=lambda: 0.5)
    spot = Spot("p", "m", "k")
    for _ in range(5):
        health.failed(spot, ProviderError(FailureKind.CONNECT))
    assert health.resting(spot, free=True) is not None
    now[0] += BREAKER_REST + 1
    assert health.resting(spot, free=True) is None
    assert [health.claim(spot), health.claim(spot)] == [True, False]
    health.failed(spot, ProviderError(FailureKind.CONNECT))
    rest = health.resting(spot, free=True)
    assert rest is not None and rest.until - now[0] == 2 * BREAKER_REST


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_U47_when_five_fail_together_four_are_asked_and_each_is_told(gateway: Gateway, protocol: str) -> None:
    places = gateway.providers("openai", "anthropic", "gemini", "ollama", "openai")
    for place in places:
        place.will(status(503))
    answer = gateway.ask(*places, protocol=protocol)
    assert answer.status == (529 if protocol == "anthropic" else 503)
    assert gateway.attempts(answer) == [(place.name, "overloaded") for place in places[:4]]
    assert all(place.name in answer.data.decode() for place in places[:4])
    assert not places[4].requests
    assert answer.seconds < PROMPT
    tidy(gateway)


def opened(gateway: Gateway) -> Place:
    """Return a provider whose circuit is open: five failures in a row."""
    one = gateway.provider()
    one.always(lambda request: (hang_up,))
    while len(one.requests) < 5:  # alone: where somebody else is there, two failures are enough for doubt
        assert gateway.ask(one).status == 503
    rests(one, "connect", BREAKER_REST)
    return one


def test_U48_when_all_circuits_are_open_the_best_is_tried_once(gateway: Gateway) -> None:
    one = opened(gateway)
    one.will(say(TALE))
    is_tale(gateway.ask(one))
    assert one.rest() is None


@pytest.mark.parametrize("stream", [True, False])
def test_U48_when_that_fails_too_the_caller_is_told_when_to_come_back(gateway: Gateway, stream: bool) -> None:
    one = opened(gateway)
    before = len(one.requests)
    one.always(lambda request: (hang_up,))
    answer = gateway.ask(one, stream=stream)
    assert answer.status == 503 and int(answer.headers["retry-after"]) > 20
    assert len(one.requests) - before <= 2


def test_U23_an_error_before_the_first_word_of_a_stream_is_passed_over(gateway: Gateway) -> None:
    passed_over(
        gateway, say("", finish=None), error_event("overloaded_error", "x", 529), kind="overloaded", wire="anthropic"
    )


def test_a_refusal_for_the_request_itself_is_the_callers_to_see(gateway: Gateway) -> None:
    one, two = gateway.provider(), gateway.provider()
    one.will(status(400, fault("messages[0].content is odd", "invalid_value", "invalid_request_error")))
    answer = gateway.ask(one, two)
    assert answer.status == 400 and "is odd" in json.dumps(answer.error)
    assert not two.requests and one.counts() == (0, 0)


def test_a_parameter_that_is_refused_is_left_out_and_named(gateway: Gateway) -> None:
    one = gateway.provider()
    said = {"error": {"message": "Unsupported parameter: 'seed'", "param": "seed", "code": "unsupported_parameter"}}
    one.will(status(400, said))
    one.will(say(TALE))
    answer = gateway.ask(one, body={"seed": 7})
    is_tale(answer)
    assert "seed" in answer.headers["x-wallas-dropped"]
    assert one.counts() == (1, 0)
    is_tale(kept(gateway, say(TALE)))
