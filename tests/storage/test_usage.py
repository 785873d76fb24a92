"""What was used adds up, on both databases, by UTC days."""

import time

from tests.storage import kit
from wallas.storage.plain import Writing
from wallas.storage.usage import DAY, Used, load_usage


def request(at, *, provider="groq", model="m", outcome="ok"):
    return kit.request(started_at=at, outcome=outcome, provider=provider, model=model)


def attempt(at, *, tokens=(None, None), **more):
    return kit.attempt(started_at=at, input_tokens=tokens[0], output_tokens=tokens[1], **more)


def test_requests_and_attempts_add_up_by_day_provider_and_model(engine):
    with Writing(engine) as to:
        kit.save_requests(to, [request(10.2 * DAY), request(10.9 * DAY, outcome="timeout"), request(11.0 * DAY)])
        kit.save_requests(to, [request(11.5 * DAY, provider=None, model=None, outcome="not_found")])
        kit.save_attempts(
            to,
            [
                attempt(10.2 * DAY, tokens=(5, 7), cost=0.25, cached_tokens=3, reasoning_tokens=2),
                attempt(10.99999 * DAY, tokens=(1, 1)),
                attempt(10.9 * DAY, outcome="timeout"),
                attempt(11.0 * DAY, tokens=(100, 50), cost=0.5),
                attempt(11.1 * DAY, provider="gemini", model="flash", tokens=(9, 9), cost=0.0),
            ],
        )
    assert load_usage(engine, since=0) == [
        Used(10, "groq", "m", 2, 1, 3, 6, 8, 3, 2, 0.25, 1),
        Used(11, None, None, 1, 1),
        Used(11, "gemini", "flash", 0, 0, 1, 9, 9, 0, 0, 0.0, 0),
        Used(11, "groq", "m", 1, 0, 1, 100, 50, 0, 0, 0.5, 0),
    ]


def test_what_lies_before_is_left_out(engine):
    with Writing(engine) as to:
        kit.save_requests(to, [request(9.999 * DAY), request(10.0 * DAY)])
        kit.save_attempts(to, [attempt(9.999 * DAY, cost=0.0), attempt(10.0 * DAY, cost=0.0)])
    assert load_usage(engine, since=10 * DAY) == [Used(10, "groq", "m", 1, 0, 1)]
    assert load_usage(engine, since=12 * DAY) == []


def test_a_day_among_a_month_is_found_by_the_index(engine):
    with Writing(engine) as to:
        for day in range(30):
            kit.save_attempts(to, [attempt((day + part / 1000) * DAY, tokens=(1, 1)) for part in range(1000)])
    began = time.perf_counter()
    (row,) = load_usage(engine, since=29 * DAY)
    assert (row.attempts, row.input) == (1000, 1000) and time.perf_counter() - began < 0.5
