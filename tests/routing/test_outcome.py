import pytest

from tests.routing.stations import model
from wallas.errors import VERDICTS, FailureKind, ProviderError
from wallas.routing import outcome
from wallas.routing.candidates import Excluded
from wallas.routing.trail import Hop, Record, trail

K = FailureKind


def hop(kind, *, retry_after=None, name="a"):
    return Hop(
        provider=name, model="m", key="k", outcome=kind.name.lower(), ms=12.34, retry_after=retry_after, status=418
    )


def failed(*kinds, excluded=(), overdue=False, waits=()):
    waits = [*waits, *[None] * len(kinds)]
    hops = [hop(kind, retry_after=wait) for kind, wait in zip(kinds, waits, strict=False)]
    return outcome.all_failed([ProviderError(kind) for kind in kinds], hops, list(excluded), overdue=overdue)


def out(reason, seconds=None, id="m"):
    return Excluded(model("b", id), None, reason, seconds)


@pytest.mark.parametrize(
    ("kinds", "status", "code"),
    [
        ([K.RATE_LIMIT, K.DAY_LIMIT, K.NO_QUOTA], 429, "rate_limit_exceeded"),
        ([K.SERVER, K.CONNECT, K.OVERLOADED, K.CREDENTIAL, K.MONEY, K.REGION], 503, "no_provider_available"),
        ([K.EMPTY, K.UNUSABLE, K.CUT, K.MALFORMED, K.NO_ANCHOR], 502, "bad_upstream_answer"),
        ([K.TIMEOUT, K.STALLED], 504, "timeout"),
        ([K.RATE_LIMIT, K.SERVER], 503, "no_provider_available"),
        ([K.CUT, K.TIMEOUT], 503, "no_provider_available"),
        ([K.UNSUPPORTED, K.RATE_LIMIT], 503, "no_provider_available"),
        ([K.GATEWAY], 503, "no_provider_available"),
    ],
)
def test_one_status_says_what_all_attempts_met(kinds, status, code):
    error = failed(*kinds)
    assert (error.status, error.code) == (status, code)
    assert [row["reason"] for row in error.details] == [kind.name.lower() for kind in kinds]


def test_every_kind_alone_has_the_status_of_its_verdict():
    for kind in FailureKind:
        assert failed(kind).status == VERDICTS[kind].status


def test_a_deadline_is_504_whatever_came_before_it():
    assert failed(K.RATE_LIMIT, K.CONTEXT_LENGTH, overdue=True).status == 504


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        (K.CONTEXT_LENGTH, 400, "context_length_exceeded"),
        (K.TOO_LARGE, 413, "request_too_large"),
        (K.UNSUPPORTED, 400, "unsupported_value"),
        (K.MAX_TOKENS, 400, "invalid_value"),
    ],
)
def test_a_request_that_nobody_can_take_is_the_callers_own_fault(kind, status, code):
    error = failed(kind, kind)
    assert (error.status, error.code, error.type) == (status, code, "invalid_request_error")
    assert len(error.details) == 2 and error.retry_after is None


@pytest.mark.parametrize(
    ("waits", "excluded", "retry_after"),
    [
        ([7.2, 3.01], [], 4.0),
        ([7.2], [out("resting: rate_limit", 2.5)], 3.0),
        ([0.05], [], 1.0),
        ([50.0], [out("costs money")], 50.0),
    ],
)
def test_the_soonest_return_is_told_rounded_up(waits, excluded, retry_after):
    error = failed(*[K.RATE_LIMIT] * len(waits), waits=waits, excluded=excluded)
    assert (error.status, error.retry_after) == (429, retry_after)


def test_mixed_causes_name_the_soonest_of_those_that_come_back():
    assert failed(K.RATE_LIMIT, K.CREDENTIAL, waits=[30.0, 600.0]).retry_after == 30.0
    assert failed(K.CONTEXT_LENGTH, K.RATE_LIMIT, waits=[None, 30.0]).retry_after == 30.0


def test_one_that_failed_and_does_not_rest_may_be_asked_again_at_once():
    assert failed(K.SERVER, K.FORBIDDEN_MODEL, waits=[None, 86400.0]).retry_after == 1.0


def test_no_time_is_told_for_answers_that_were_bad_or_late():
    assert failed(K.CUT, waits=[5.0]).retry_after is None
    assert failed(K.TIMEOUT, waits=[5.0]).retry_after is None


@pytest.mark.parametrize(
    ("reasons", "status"),
    [
        (["resting: rate_limit", "resting: day_limit"], 429),
        (["resting: no_quota"], 429),
        (["resting: server"], 503),
        (["resting: server", "resting: rate_limit"], 503),
    ],
)
def test_when_everybody_rests_the_reasons_decide(reasons, status):
    error = failed(excluded=[out(reason, 9.5) for reason in reasons] + [out("costs money")])
    assert (error.status, error.retry_after) == (status, 10.0)
    assert "b/m: " + reasons[0] in error.message and len(error.details) == len(reasons) + 1


def test_resting_ones_count_beside_those_that_were_tried():
    assert failed(K.RATE_LIMIT, excluded=[out("resting: server", 5)]).status == 503
    assert failed(K.RATE_LIMIT, excluded=[out("resting: quota", 5)]).status == 429
    assert failed(K.CONTEXT_LENGTH, excluded=[out("resting: server", 5)]).status == 503


def test_without_any_provider_the_first_steps_are_told():
    error = failed()
    assert (error.status, error.code) == (503, "no_provider_configured") and "wallas demo" in error.message


@pytest.mark.parametrize(
    ("reasons", "status", "code"),
    [
        (["context of 10 tokens is too small"], 400, "context_length_exceeded"),
        (["context of 10 tokens is too small", "cannot take: vision"], 400, "unsupported_value"),
        (["cannot take: vision", "costs money"], 503, "no_provider_available"),
    ],
)
def test_when_nobody_may_answer_it_is_said_why(reasons, status, code):
    error = failed(excluded=[out(reason) for reason in reasons])
    assert (error.status, error.code) == (status, code)
    assert all(reason in error.message for reason in reasons)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (ProviderError(K.CALLER_FAULT, "bad", status=422, param="tools[0]"), 422, "invalid_value"),
        (ProviderError(K.CALLER_FAULT, "bad", status=400, code="invalid_image"), 400, "invalid_image"),
        (ProviderError(K.CALLER_FAULT, "bad", status=401), 400, "invalid_value"),
        (ProviderError(K.CALLER_FAULT, "bad", status=403), 400, "invalid_value"),
        (ProviderError(K.CALLER_FAULT, "bad", status=402), 400, "invalid_value"),
        (ProviderError(K.CONTENT_FILTER, "no", status=403, code="x"), 400, "content_filter"),
        (ProviderError(K.TOO_LARGE, "big", status=413), 413, "request_too_large"),
    ],
)
def test_the_requests_own_fault_is_told_in_the_providers_words_and_never_as_a_bad_key(error, status, code):
    told = outcome.refused(error)
    assert (told.status, told.code, told.message, told.param) == (status, code, error.message, error.param)


def test_a_hop_tells_the_client_what_it_may_know():
    assert hop(K.RATE_LIMIT, retry_after=1.23456).row() == {
        "provider": "a",
        "model": "m",
        "reason": "rate_limit",
        "ms": 12.3,
        "status": 418,
        "retry_after_seconds": 1.235,
    }
    bare = Hop(provider="a", model="m", key="secret")
    assert bare.row() == {"provider": "a", "model": "m", "reason": "answering", "ms": 0.0}


def test_a_trail_fits_a_header():
    hops = [hop(K.RATE_LIMIT), Hop(provider="b", model="ñ", key="k", outcome="ok", ms=812)]
    assert trail(hops) == "a/m rate_limit 12ms, b/? ok 812ms"


def test_records_do_not_share_their_hops():
    one, other = (Record(id="r", at=0.0, wire="w", asked="m", profile=None, stream=True) for _ in range(2))
    one.hops.append(hop(K.CUT))
    assert other.hops == []
