import pytest

from tests.routing.scenes import Clock
from wallas.errors import FailureKind
from wallas.routing.deadlines import HEAD_SECONDS, LINGER_SECONDS, OUT_OF_TIME, PING_SECONDS, Deadlines
from wallas.settings import Timeouts

LIMITS = Timeouts(first_token=20, first_token_reasoning=90, gap=30, gap_reasoning=120, whole=120, whole_reasoning=300)


def started(*, total=600.0, stream=True, reasoning=False, **parts):
    clock = Clock()
    deadlines = Deadlines(clock=clock, total=total, stream=stream, **parts)
    deadlines.attempt(LIMITS, reasoning=reasoning)
    return clock, deadlines


@pytest.mark.parametrize(
    ("stream", "reasoning", "limit"),
    [(True, False, 20), (True, True, 90), (False, False, 120), (False, True, 300)],
)
def test_an_answer_is_due_within_its_limit(stream, reasoning, limit):
    clock, deadlines = started(stream=stream, reasoning=reasoning)
    assert deadlines.lateness(clock.now + limit - 0.1) is None
    late = deadlines.lateness(clock.now + limit)
    assert late.kind is FailureKind.TIMEOUT and f"{limit} s" in late.message


@pytest.mark.parametrize(("reasoning", "gap"), [(False, 30), (True, 120)])
def test_content_puts_off_the_limit_to_the_gap(reasoning, gap):
    clock, deadlines = started(reasoning=reasoning)
    clock.now += 15
    deadlines.content()
    assert deadlines.lateness(clock.now + gap - 0.1) is None
    assert deadlines.lateness(clock.now + gap).kind is FailureKind.STALLED


def test_a_plain_answer_has_no_gaps():
    clock, deadlines = started(stream=False)
    clock.now += 100
    deadlines.content()
    assert deadlines.lateness(clock.now + 20).kind is FailureKind.TIMEOUT


def test_the_whole_requests_time_ends_whatever_comes_and_says_so():
    clock, deadlines = started(total=5)
    assert not deadlines.overdue and deadlines.left() == 5
    clock.now += 5
    deadlines.content()
    late = deadlines.lateness(clock.now)
    assert deadlines.overdue and (late.kind, late.code) == (FailureKind.TIMEOUT, OUT_OF_TIME)


def test_an_end_of_the_body_is_waited_for_a_moment_only():
    clock, deadlines = started()
    deadlines.linger()
    assert deadlines.alarm() == clock.now + LINGER_SECONDS
    assert deadlines.lateness(clock.now + LINGER_SECONDS).kind is FailureKind.STALLED


def test_a_client_hears_something_every_ten_seconds():
    clock, deadlines = started()
    assert deadlines.alarm() == clock.now + HEAD_SECONDS
    assert not deadlines.ping_due(clock.now + 9.9) and deadlines.ping_due(clock.now + 10)
    clock.now += 5
    deadlines.sent()
    assert deadlines.alarm() == clock.now + PING_SECONDS


def test_a_plain_answer_is_not_pinged():
    clock, deadlines = started(stream=False)
    assert not deadlines.ping_due(clock.now + 1000)
    assert deadlines.alarm() == clock.now + 120


def test_before_an_attempt_only_the_whole_request_can_be_late():
    clock = Clock()
    deadlines = Deadlines(clock=clock, total=50, stream=False)
    assert deadlines.alarm() == clock.now + 50
    assert deadlines.lateness(clock.now + 49) is None


def test_an_answer_ends_before_the_process_does():
    left = [None, 10.0, 1.9]
    clock, deadlines = started(ending=lambda: left[0])
    assert not deadlines.closing and deadlines.lateness(clock.now) is None
    left.pop(0)
    assert not deadlines.overdue
    left.pop(0)
    assert deadlines.closing and deadlines.overdue
    assert deadlines.lateness(clock.now).kind is FailureKind.GATEWAY
