"""What headers, refusals and silence teach: every dialect, and what the ledger makes of it."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from tests.quota.kit import KEY, NOON, FakeKey, Hands, Shared, ledger, model, took
from wallas import codecs
from wallas.errors import FailureKind, ProviderError
from wallas.quota.authority import MemoryAuthority
from wallas.quota.headers import heard, silent
from wallas.quota.learning import counts, learn_refusal, listen, settle_failure
from wallas.quota.ledger import Refusal
from wallas.quota.refusals import refused
from wallas.quota.routes import openrouter_key

DAY = "GenerateRequestsPerDayPerProjectPerModel-FreeTier"
MINUTE = "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"
TOKENS = "GenerateContentInputTokensPerModelPerMinute-FreeTier"


def gemini(quota, value, delay="36s"):
    """Return Google's refusal."""
    violation = {"quotaMetric": "x/generate_content_free_tier_requests", "quotaId": quota, "quotaValue": value}
    details = [
        {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]},
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay},
    ]
    error = {"code": 429, "message": "You exceeded your current quota", "status": "RESOURCE_EXHAUSTED"}
    return {"error": error | {"details": details}}


def said(message, **fields):
    return {"error": {"message": message} | fields}


HEADERS = [
    (
        "groq",
        {
            "x-ratelimit-limit-requests": "1000",
            "x-ratelimit-remaining-requests": "998",
            "x-ratelimit-reset-requests": "2m52.8s",
            "x-ratelimit-limit-tokens": "8000",
            "x-ratelimit-remaining-tokens": "7900",
            "x-ratelimit-reset-tokens": "750ms",
        },
        [("rpd", 1000, 998, 172.8), ("tpm", 8000, 7900, 0.75)],
    ),
    (
        "cerebras",
        {
            "x-ratelimit-limit-requests-day": "14400",
            "x-ratelimit-remaining-requests-day": "14390",
            "x-ratelimit-reset-requests-day": "11726.28",
            "x-ratelimit-limit-tokens-minute": "60000",
            "x-ratelimit-remaining-tokens-minute": "59000",
            "x-ratelimit-reset-tokens-minute": "1m26.4s",
        },
        [("rpd", 14400, 14390, 11726.28), ("tpm", 60000, 59000, 86.4)],
    ),
    (
        "sambanova",
        {
            "x-ratelimit-limit-requests": "20",
            "x-ratelimit-remaining-requests": "19",
            "x-ratelimit-limit-requests-day": "20",
            "x-ratelimit-remaining-requests-day": "3",
        },
        [("rpm", 20, 19, None), ("rpd", 20, 3, None)],
    ),
    (
        "mistral",
        {
            "x-ratelimit-limit-req-minute": "50",
            "x-ratelimit-remaining-req-minute": "49",
            "x-ratelimit-limit-tokens-minute": "50000",
            "x-ratelimitbysize-limit-month": "4000000",
            "x-ratelimitbysize-remaining-month": "3999000",
        },
        [("rpm", 50, 49, None), ("tpm", 50000, None, None), ("tpmonth", 4_000_000, 3_999_000, None)],
    ),
    ("mistral", {"x-ratelimit-limit-req-minute": "0"}, [("rpm", 0, None, None)]),
    (
        "cohere",
        {
            "x-endpoint-monthly-call-limit": "1000",
            "x-trial-endpoint-call-limit": "20",
            "x-trial-endpoint-call-remaining": "19",
        },
        [("rpm", 20, 19, None), ("rpmonth", 1000, None, None)],
    ),
    (
        "anthropic",
        {
            "anthropic-ratelimit-requests-limit": "50",
            "anthropic-ratelimit-requests-remaining": "49",
            "anthropic-ratelimit-requests-reset": "2026-09-21T14:13:21Z",
            "anthropic-ratelimit-tokens-limit": "40000",
            "anthropic-ratelimit-tokens-remaining": "39000",
        },
        [("rpm", 50, 49, 1.0), ("tpm", 40000, 39000, None)],
    ),
    (
        "openrouter",
        {
            "x-ratelimit-limit": "50",
            "x-ratelimit-remaining": "0",
            "x-ratelimit-reset": f"{int((NOON + 40000) * 1000)}",
        },
        [("rpd", 50, 0, 40000)],
    ),
    (
        "openai",
        {
            "x-ratelimit-limit-requests": "10000",
            "x-ratelimit-remaining-requests": "9999",
            "x-ratelimit-reset-requests": "8.64s",
            "x-ratelimit-limit-tokens": "200000",
            "x-ratelimit-remaining-tokens": "199000",
            "x-ratelimit-reset-tokens": "300ms",
        },
        [("rpd", 10000, 9999, 8.64), ("tpm", 200000, 199000, 0.3)],
    ),
    (
        "other",
        {"ratelimit-limit": "100", "ratelimit-remaining": "5", "ratelimit-policy": "100;w=60"},
        [("rpm", 100, 5, None)],
    ),
    ("gemini", {"content-type": "application/json"}, []),
    ("groq", {"x-ratelimit-limit-requests": "banana"}, []),
    ("other", {"x-ratelimit-limit": "7"}, []),
]


@pytest.mark.parametrize(("provider", "headers", "told"), HEADERS, ids=lambda one: one if isinstance(one, str) else "")
def test_headers_are_read_as_their_provider_means_them(provider, headers, told):
    found = heard(provider, headers, now=NOON)
    assert [(one.kind, one.limit, one.remaining, one.resets_in) for one in found] == [
        (kind, limit, remaining, pytest.approx(reset) if reset is not None else None)
        for kind, limit, remaining, reset in told
    ]


@given(
    some.sampled_from(["groq", "openai", "cerebras", "anthropic", "mistral", "cohere", "nobody"]),
    some.dictionaries(
        some.sampled_from(sorted({name for _, headers, _ in HEADERS for name in headers})), some.text(max_size=20)
    ),
)
def test_no_header_whatever_breaks_the_reader(provider, headers):
    said = heard(provider, headers, now=NOON)
    assert all((one.limit or 0) >= 0 and (one.remaining or 0) >= 0 for one in said)
    assert not (said and silent(provider, headers))


BODIES = [
    ("gemini", 429, gemini(DAY, "20"), [("rpd", 20, 0, None)]),
    ("gemini", 429, [gemini(MINUTE, "5", "13s")], [("rpm", 5, 0, 13)]),
    ("gemini", 429, gemini(TOKENS, "250000", "0.3s"), [("tpm", 250000, 0, 1)]),
    ("gemini", 429, gemini(DAY, "0"), [("rpd", 0, 0, None)]),
    (
        "groq",
        429,
        said(
            "Rate limit reached for model `m` in organization `o` on tokens per day (TPD): Limit 200000, Used 199000, "
            "Requested 2000. Please try again in 7m12.5s."
        ),
        [("tpd", 200000, 0, 432.5)],
    ),
    (
        "groq",
        429,
        said(
            "Rate limit reached on requests per minute (RPM): Limit 30, Used 30, Requested 1. Please try again in 2s."
        ),
        [("rpm", 30, 0, 2)],
    ),
    (
        "groq",
        413,
        said("Request too large for model `m` on tokens per minute (TPM): Limit 8000, Requested 33476"),
        [("tpm", 8000, None, None)],
    ),
    (
        "openrouter",
        429,
        said(
            "Rate limit exceeded: free-models-per-day. ",
            metadata={
                "headers": {
                    "X-RateLimit-Limit": "50",
                    "X-RateLimit-Remaining": "0",
                    "X-RateLimit-Reset": f"{int((NOON + 40000) * 1000)}",
                }
            },
        ),
        [("rpd", 50, 0, 40000)],
    ),
    ("openrouter", 429, said("Rate limit exceeded: free-models-per-min. "), [("rpm", None, 0, None)]),
    (
        "cohere",
        429,
        {"message": "You are using a Trial key, which is limited to 20 API calls / minute. You can ..."},
        [("rpm", 20, 0, None)],
    ),
    (
        "cohere",
        429,
        {"message": "You are using a Trial key, which is limited to 1000 API calls / month."},
        [("rpmonth", 1000, 0, None)],
    ),
    (
        "cohere",
        429,
        {"message": "trial token rate limit exceeded, limit is 100000 tokens per minute"},
        [("tpm", 100000, 0, None)],
    ),
    (
        "cerebras",
        429,
        {"message": "Tokens per day limit exceeded", "type": "too_many_tokens_error", "code": "token_quota_exceeded"},
        [("tpd", None, 0, None)],
    ),
    (
        "openai",
        429,
        said(
            "Rate limit reached for gpt in organization org on requests per min (RPM): Limit 3, Used 3, Requested 1. "
            "Please try again in 20s."
        ),
        [("rpm", 3, 0, 20)],
    ),
    (
        "anthropic",
        429,
        said("This request would exceed your organization's rate limit of 40,000 input tokens per minute"),
        [("tpm", 40000, 0, None)],
    ),
    (
        "github",
        429,
        said("Rate limit of 50 per 86400s exceeded for UserByModelByDay. Please wait 43150 seconds"),
        [("rpd", 50, 0, 43150)],
    ),
    ("nvidia", 429, {"status": 429, "title": "Too Many Requests"}, []),
    ("groq", 400, said("maximum context length is 8192 tokens per minute"), []),
]


@pytest.mark.parametrize(("provider", "status", "body", "told"), BODIES)
def test_refusals_are_read_in_every_dialect(provider, status, body, told):
    found = refused(provider, status, {}, msgspec.json.encode(body), now=NOON)
    assert [(one.kind, one.limit, one.remaining, one.resets_in) for one in found] == [
        (kind, limit, remaining, pytest.approx(reset) if reset is not None else None)
        for kind, limit, remaining, reset in told
    ]


@given(some.binary(max_size=200), some.text(max_size=100))
def test_no_body_whatever_breaks_the_reader(body, message):
    assert isinstance(refused("groq", 429, {}, body, message=message, now=NOON), list)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"is_free_tier": True}, [("rpd", 50, None)]),
        ({"is_free_tier": False}, [("rpd", 1000, None)]),
        ({"free_model_daily_requests": {"limit": 50, "remaining": 12, "used": 38}}, [("rpd", 50, 12)]),
        ({"limit": 10, "limit_remaining": 2.5, "limit_reset": "monthly"}, [("usd_month", 10, 2.5)]),
        ({"limit": 10, "limit_remaining": -0.5, "limit_reset": "monthly"}, [("usd_month", 10, 0)]),
        (
            {"limit": 2, "limit_remaining": 2, "limit_reset": "daily", "usage_monthly": 7.5},
            [("usd_day", 2, 2), ("usd_month", None, None)],
        ),
        ({"limit": 20, "limit_remaining": 5, "limit_reset": None, "usage_monthly": 3}, [("usd_month", 8, 5)]),
        ({"limit": None, "limit_remaining": None, "usage_monthly": 0}, [("usd_month", None, None)]),
        ({"limit": None, "limit_reset": 5}, []),
        (None, []),
    ],
)
def test_openrouters_key_route_is_read(data, told):
    assert [(one.kind, one.limit, one.remaining) for one in openrouter_key({"data": data})] == told


def refuse(book, one, body, key=KEY, status=429):
    """Reserve a call and let the provider refuse it; return whether the ledger keeps the model out."""
    seat = book.seat(one, key)
    reservation = book.reserve(seat)
    assert not isinstance(reservation, Refusal)
    data = msgspec.json.encode(body)
    codec = codecs.codec(codecs.GEMINI if one.provider == "gemini" else codecs.OPENAI_CHAT)
    error = codec.decode_error(status, {}, data)
    settle_failure(book, reservation, error)
    return learn_refusal(book, book.seat(one, key), error, {}, data)


def test_a_used_up_gemini_day_costs_at_most_five_calls_whatever_the_delay_says():
    hands = Hands()
    book = ledger(hands)
    one = model("gemini", "g", rpm=5, rpd=500, reset="America/Los_Angeles")
    calls = 0
    started = hands.now
    until = next(iter([book.seat(one, KEY)])).charges[0].window.clock.ends(hands.now)
    while hands.now < until - 60:
        if took(book, one):
            calls += 1
            for reservation in list(book.under_way):
                book.settle(reservation, counted=False)
            learn_refusal(
                book,
                book.seat(one, KEY),
                ProviderError(FailureKind.DAY_LIMIT, status=429, limit=20),
                {},
                msgspec.json.encode(gemini(DAY, "20")),
            )
        else:
            window, seconds = book.available(book.seat(one, KEY)) or (None, 0.0)
            if window is not None:
                assert window.key.kind == "rpd" and hands.now + seconds == until
        book.tick()
        hands.now += 30
    assert hands.now - started > 4 * 3600 and 2 <= calls <= 5
    hands.now = until + 1
    assert book.available(book.seat(one, KEY)) is None and took(book, one)


def test_a_canary_that_comes_back_alive_opens_the_window_again():
    hands = Hands()
    book = ledger(hands)
    one = model("gemini", "g", rpd=500, reset="America/Los_Angeles")
    assert refuse(book, one, gemini(DAY, "20"))
    book.tick()
    assert not took(book, one)
    hands.now += 901
    assert book.available(book.seat(one, KEY)) is None
    canary = book.reserve(book.seat(one, KEY))
    assert not took(book, one)
    book.settle(canary, input=1, output=1, alive=True)
    assert [took(book, one) for _ in range(21)] == [True] * 20 + [False]


def test_two_workers_send_one_canary_between_them():
    hands, entries, live = Hands(), {}, set()
    books = [ledger(hands, authority=Shared(entries, live, name)) for name in ("a", "b")]
    one = model("gemini", "g", rpd=500, reset="America/Los_Angeles")
    assert refuse(books[0], one, gemini(DAY, "20"))
    for book in books:
        book.seat(one, KEY)
        book.tick()
    hands.now += 901
    assert [took(book, one) for book in books] == [True, False]


def test_a_limit_of_nothing_is_believed_for_a_day_and_gets_no_canary():
    hands = Hands()
    book = ledger(hands)
    one = model("gemini", "g", rpm=5, rpd=20, reset="America/Los_Angeles")
    refuse(book, one, gemini(DAY, "0"))
    for _ in range(23):
        assert not took(book, one)
        hands.now += 3600
        book.tick()
    hands.now += 3700
    assert took(book, one)


def test_what_only_the_catalog_calls_used_up_is_tried_again_and_learned_to_be_more():
    hands = Hands()
    book = ledger(hands)
    one = model(rpd=4, reset="America/Los_Angeles")
    assert [took(book, one) for _ in range(5)] == [True] * 4 + [False]
    hands.now += 901
    canary = book.reserve(book.seat(one, KEY))
    book.settle(canary, input=1, output=1, alive=True)
    book.tick()
    assert [took(book, one) for _ in range(3)] == [True, False, False]


def test_a_429_that_says_nothing_teaches_four_fifths_of_the_rate_which_rises_while_all_is_well():
    hands = Hands()
    book = ledger(hands)
    one = model("nvidia", "n")
    for _ in range(29):
        hands.now += 2
        assert took(book, one)
    refuse(book, one, {"status": 429, "title": "Too Many Requests"})
    window = book.seat(one, KEY).charges[0].window
    assert window.key.kind == "rpm" and window.most(hands.now) == 23
    assert took(book, one), "what nobody named keeps nobody out"
    book.tick()
    assert book.headroom(book.seat(one, KEY)) == 0
    hands.now += 601
    assert window.most(hands.now) == 24
    hands.now += 600 * 20
    assert window.most(hands.now) == 64
    assert window.limit(hands.now).confidence(hands.now) < 0.5


@pytest.mark.parametrize(("wait", "learned"), [(50.0, 10), (52.5, 10), (20.0, 8), (None, 8)])
def test_a_429_whose_wait_a_minutes_window_explains_teaches_the_whole_rate(wait, learned):
    hands = Hands()
    book = ledger(hands)
    one = model("boreal", "n")
    for _ in range(10):
        assert took(book, one)
        hands.now += 1
    error = ProviderError(FailureKind.RATE_LIMIT, status=429, retry_after=wait)
    learn_refusal(book, book.seat(one, KEY), error, {}, b"")
    window = book.seat(one, KEY).charges[0].window
    assert window.key.kind == "rpm" and window.most(hands.now) == learned


def test_a_lower_limit_in_a_refusal_holds_at_once_for_all_workers():
    hands, entries, live = Hands(), {}, set()
    books = [ledger(hands, authority=Shared(entries, live, name)) for name in ("a", "b")]
    one = model("groq", "m", rpm=30)
    refuse(books[0], one, said("on requests per minute (RPM): Limit 3, Used 3, Requested 1. Please try again in 2s."))
    for book in books:
        book.tick()
    hands.now += 62
    made = 0
    for _ in range(5):
        for book in books:
            made += took(book, one)
            book.tick()
    assert made == 3


def test_what_somebody_else_used_of_the_same_key_is_counted():
    hands = Hands()
    book = ledger(hands)
    one = model("sambanova", "m", rpd=20, reset="utc")
    assert took(book, one)
    listen(
        book,
        book.seat(one, KEY),
        {"x-ratelimit-limit-requests-day": "20", "x-ratelimit-remaining-requests-day": "3"},
    )
    book.tick()
    assert [took(book, one) for _ in range(5)] == [True, True, True, False, False]


def test_a_minute_that_headers_call_empty_is_waited_for():
    hands = Hands()
    book = ledger(hands)
    one = model("openai", "m")
    assert took(book, one)
    empty = {
        "x-ratelimit-limit-requests": "500",
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "12s",
    }
    listen(book, book.seat(one, KEY), empty)
    window, seconds = book.available(book.seat(one, KEY))
    assert (window.key.kind, seconds) == ("rpm", 12)
    hands.now += 12.1
    assert book.available(book.seat(one, KEY)) is None


def test_openrouters_day_is_all_free_models_and_no_paid_one():
    book = ledger(Hands())
    free = [model("openrouter", f"{name}:free", rpd=2, scope="account", reset="utc") for name in "ab"]
    paid = model("openrouter", "c")
    paid = msgspec.structs.replace(paid, free=False)
    assert [took(book, free[0]), took(book, free[1]), took(book, free[0]), took(book, free[1])] == [
        True,
        True,
        False,
        False,
    ]
    assert took(book, paid)


@pytest.mark.parametrize(
    ("provider", "kind", "status", "counted"),
    [
        ("groq", FailureKind.RATE_LIMIT, 429, False),
        ("openrouter", FailureKind.RATE_LIMIT, 429, True),
        ("groq", FailureKind.CONNECT, None, False),
        ("openrouter", FailureKind.CONNECT, None, False),
        ("groq", FailureKind.SERVER, 500, True),
        ("groq", FailureKind.CUT, None, True),
        ("groq", FailureKind.CALLER_FAULT, 400, False),
    ],
)
def test_a_failure_counts_where_the_provider_counts_it(provider, kind, status, counted):
    assert counts(provider, ProviderError(kind, status=status)) is counted


def test_keys_of_one_account_share_and_those_of_others_do_not():
    book = ledger(Hands())
    one = model(rpd=2, scope="account", reset="utc")
    keys = [FakeKey("k1", "acc"), FakeKey("k2", "acc"), FakeKey("k3", "other")]
    assert [took(book, one, key) for key in keys] == [True, True, True]
    assert [took(book, one, key) for key in keys] == [False, False, True]


def test_keys_that_always_meet_the_same_limit_at_once_are_merged_and_said_so(caplog):
    hands, entries, live = Hands(), {}, set()
    book = ledger(hands, authority=Shared(entries, live, "a"))
    one = model("groq", "m")
    keys = [FakeKey("k1", "a1"), FakeKey("k2", "a2")]
    for _ in range(3):
        for key in keys:
            refuse(
                book,
                one,
                said("on requests per minute (RPM): Limit 2, Used 2, Requested 1. Please try again in 2s."),
                key,
            )
        book.tick()
        hands.now += 130
    assert book.same == {("groq", "a2"): "a1"} and "counted as one account" in caplog.text
    assert [took(book, one, key) for key in (*keys, *keys)] == [True, True, False, False]
    later = ledger(hands, authority=Shared(entries, live, "b"))
    later.tick()
    assert later.same == book.same


def test_keys_of_which_one_answers_while_the_other_is_refused_are_not_merged():
    hands = Hands()
    book = ledger(hands)
    one = model("groq", "m")
    keys = [FakeKey("k1", "a1"), FakeKey("k2", "a2")]
    full = said("on requests per minute (RPM): Limit 9, Used 9, Requested 1. Please try again in 2s.")
    for turn in range(8):
        for key in keys if turn % 2 else keys[:1]:
            refuse(book, one, full, key)
        if turn % 2 == 0:
            book.settle(book.reserve(book.seat(one, keys[1])), input=1, output=1, alive=True)
        book.tick()
        hands.now += 130
    assert book.same == {}


@pytest.mark.parametrize("calls", [0, 1])
def test_a_429_that_says_nothing_teaches_no_rate_where_hardly_anything_was_asked(calls):
    hands = Hands()
    book = ledger(hands)
    one = model("nvidia", "n")
    for _ in range(calls):
        book.settle(book.reserve(book.seat(one, KEY)), input=1, output=1, alive=True)
    refuse(book, one, {"status": 429, "title": "Too Many Requests"})
    assert book.seat(one, KEY).charges == ()


def test_a_guessed_rate_yields_to_calls_that_succeed_beyond_it_and_never_to_what_the_catalog_says():
    hands = Hands()
    book = ledger(hands)
    one = model("nvidia", "n", rpm=10)
    for _ in range(3):
        assert took(book, one)
    refuse(book, one, {"status": 429, "title": "Too Many Requests"})
    book.tick()
    window = book.seat(one, KEY).charges[0].window
    assert window.most(hands.now) == 2
    for _ in range(6):
        book.settle(book.reserve(book.seat(one, KEY)), input=1, output=1, alive=True)
        book.tick()
    assert window.most(hands.now) >= 8
    assert sum(took(book, one) for _ in range(9)) == 1, "ten a minute, says the catalog"


def test_what_a_provider_that_never_rests_says_of_its_limits_keeps_nobody_out():
    hands = Hands()
    authority = MemoryAuthority()
    strict, patient = (ledger(hands, authority=authority, never_rest=names) for names in ((), ("groq",)))
    one = model("groq", "m", rpm=30)
    body = said("on requests per day (RPD): Limit 3, Used 3, Requested 1. Please try again in 2h.")
    assert refuse(strict, one, body)
    strict.tick()
    assert not took(strict, one)
    assert not refuse(patient, one, body)
    listen(patient, patient.seat(one, KEY), {"x-ratelimit-limit-requests": "5", "x-ratelimit-remaining-requests": "0"})
    patient.tick()
    assert sum(took(patient, one) for _ in range(40)) == 30, "the catalog holds"


def test_a_cloud_that_counts_by_session_and_week_names_neither_figure_and_is_kept_to_both():
    hands = Hands()
    book = ledger(hands)
    one = model("ollama-cloud", "big")
    assert took(book, one)
    assert {window.key.kind for window, _ in book.seat(one, KEY).charges} == {"5h", "7d"}
    refuse(book, one, {"error": "you have reached your session usage limit, upgrade for higher limits"})
    window, seconds = book.available(book.seat(one, KEY))
    assert window.key.kind == "5h" and seconds == 3600
    refuse_week = ledger(hands)
    refuse(refuse_week, one, {"error": "you have reached your weekly usage limit (ref: 1)"})
    window, seconds = refuse_week.available(refuse_week.seat(one, FakeKey("k2", "acc")))
    assert window.key.kind == "7d" and seconds == 3600
