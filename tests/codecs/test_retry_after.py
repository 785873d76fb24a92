"""Every dialect of "come back later", and that no text whatever breaks the reader."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallas.codecs.retry_after import LONGEST, retry_after, until_next_month

NOW = 1_790_000_000.0  # 2026-09-21T14:13:20Z

HEADERS = [
    ({"retry-after": "7"}, 7),
    ({"retry-after": " 26.284 "}, 26.284),
    ({"retry-after": "7.66s"}, 7.66),
    ({"retry-after": "2m59.56s"}, 179.56),
    ({"retry-after": "120ms"}, 0.12),
    ({"retry-after": "1h 5m"}, 3900),
    ({"retry-after": "0"}, 0),
    ({"retry-after": "Mon, 21 Sep 2026 14:14:20 GMT"}, 60),
    ({"retry-after": "Mon, 21 Sep 2026 14:14:20 -0000"}, 60),
    ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
    ({"retry-after": "2026-09-21T14:13:50Z"}, 30),
    ({"retry-after": "1790000060"}, 60),
    ({"retry-after": "1790000060000"}, 60),
    ({"retry-after": "315360000"}, LONGEST),
    ({"retry-after": "99999999999999999999"}, None),
    ({"retry-after": "-5"}, None),
    ({"retry-after": "nan"}, None),
    ({"retry-after": "inf"}, None),
    ({"retry-after": "1e309"}, None),
    ({"retry-after": "soon"}, None),
    ({"retry-after": "Mon, 99 Foo 2026"}, None),
    ({"retry-after": ""}, None),
    ({"retry-after": "\u0663"}, None),
    ({"retry-after": "nan", "x-ratelimit-retry-after": "3"}, 3),
    ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
    ({"retry-after-ms": "soon", "retry-after": "9"}, 9),
    ({"x-ratelimit-reset": "1790000060000", "x-ratelimit-remaining": "0"}, 60),
    ({"x-ratelimit-reset-requests": "1m26.4s", "x-ratelimit-remaining-requests": "0"}, 86.4),
    ({"x-ratelimit-reset-requests": "1m26.4s", "x-ratelimit-remaining-requests": "3"}, None),
    ({"x-ratelimit-reset-requests": "1m26.4s"}, None),
    ({"x-ratelimit-reset-tokens": "6h0m0s", "x-ratelimit-remaining-tokens": "0"}, 21600),
    ({"x-ratelimit-reset-requests-day": "11726.28", "x-ratelimit-remaining-requests-day": "0.0"}, 11726.28),
    ({"x-ratelimit-reset-tokens": "2s", "x-ratelimit-remaining-tokens": "-12"}, 2),
    (
        {
            "anthropic-ratelimit-requests-reset": "2026-09-21T14:13:40Z",
            "anthropic-ratelimit-requests-remaining": "0",
            "anthropic-ratelimit-tokens-reset": "2026-09-21T14:23:40Z",
            "anthropic-ratelimit-tokens-remaining": "8000",
        },
        20,
    ),
    (
        {
            "x-ratelimit-reset-requests": "5s",
            "x-ratelimit-remaining-requests": "0",
            "x-ratelimit-reset-tokens": "50s",
            "x-ratelimit-remaining-tokens": "0",
        },
        50,
    ),
    ({"x-ratelimit-reset": "garbage", "x-ratelimit-remaining": "0"}, None),
    ({"ratelimit": '"api";r=0;t=55'}, 55),
    ({"ratelimit": '"api";r=12;t=55'}, None),
    ({}, None),
]

TEXTS = [
    ("Please try again in 5.289s.", 5.289),
    ("Please try again in 7m12.5s. Need more tokens? Upgrade", 432.5),
    ("Please retry in 48.939935699s.", 48.939935699),
    ("Please wait 43150 seconds before retrying.", 43150),
    ("Try again in 1:02:03", 3723),
    ("Your quota resets at 2026-09-21T14:13:30Z", 10),
    ("Rate limit resets in 5h", 18000),
    ("Try again in 2 minutes and 3 seconds", 123),
    ("retry after 30.", 30),
    ("Please try again in 6 days", LONGEST),
    ("try again later. 20 calls are left", None),
    ("You are limited to 20 API calls / minute", None),
    ("wait for 2 models", None),
    ("", None),
]

DETAILS = [
    ([{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "13s"}], 13),
    ({"metadata": {"headers": {"X-RateLimit-Reset": "1790000030000", "X-RateLimit-Remaining": "0"}}}, 30),
    ({"error": "Model is loading", "estimated_time": 20}, 20),
    ({"error": {"retry_after": 4.5}}, 4.5),
    ({"retryDelay": None}, None),
    ({"retryDelay": "-1s"}, None),
    ([[[[[[[[[{"retryDelay": "13s"}]]]]]]]]], None),
    ("text", None),
]


@pytest.mark.parametrize(("headers", "seconds"), HEADERS)
def test_headers_say_how_long(headers, seconds):
    found = retry_after(headers, now=NOW)
    assert found == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(("text", "seconds"), TEXTS)
def test_a_sentence_says_how_long(text, seconds):
    found = retry_after({}, message=text, now=NOW)
    assert found == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(("details", "seconds"), DETAILS)
def test_the_body_says_how_long(details, seconds):
    assert retry_after({}, details=details, now=NOW) == seconds


def test_headers_are_believed_before_bodies():
    assert retry_after({"retry-after": "2"}, message="try again in 9s", details={"retryDelay": "7s"}, now=NOW) == 2


def test_without_a_clock_the_real_one_is_used():
    assert retry_after({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0


@pytest.mark.parametrize(
    ("now", "seconds"),
    [(1_790_800_000, 12_800), (NOW, LONGEST), (1_798_761_500, 100)],
    ids=["september", "far", "december"],
)
def test_a_month_ends_on_the_first_utc(now, seconds):
    assert until_next_month(now) == seconds


def test_a_month_ends_by_the_real_clock_too():
    assert 0 < until_next_month() <= LONGEST


PIECES = st.one_of(
    st.text(max_size=40),
    st.from_regex(r"\A-?[0-9]{0,25}[.:eE+-]{0,2}[0-9]{0,9} ?(ms|s|m|h|d|days|Z|GMT)?\Z"),
    st.from_regex(r"\A(try again|retry|wait|resets) (in|at|after) [0-9.:TZ-]{0,30}(s|m|h| minutes)?\Z"),
    st.datetimes().map(str),
    st.floats().map(repr),
)
NAMES = st.sampled_from(
    [
        "retry-after",
        "retry-after-ms",
        "x-ratelimit-reset",
        "x-ratelimit-remaining",
        "ratelimit",
        "x-ratelimit-reset-day",
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | PIECES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["retryDelay", "headers", "X-RateLimit-Reset", "estimated_time", "a"]), inner)
    ),
    max_leaves=8,
)


@given(st.dictionaries(NAMES, PIECES), PIECES, JSON, st.floats(min_value=0, max_value=4e9))
def test_nothing_that_a_provider_may_say_raises_or_leaves_the_range(headers, message, details, now):
    found = retry_after(headers, message=message, details=details, now=now)
    assert found is None or (math.isfinite(found) and 0 <= found <= LONGEST)
