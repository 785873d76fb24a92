from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from tests.routing.scenes import Clock
from wallas.errors import HOUR, VERDICTS, FailureKind, ProviderError, Scope
from wallas.health import (
    ANY,
    BLAMELESS,
    FREE,
    GONE_SECONDS,
    LIFTED,
    LONGEST_REST,
    PAID,
    SOFT,
    Health,
    Place,
)

HERE = Place("p", "m", "k")
MODEL = Place("p", "m")
RESTING_PLACES = {
    Scope.KEY_MODEL: HERE,
    Scope.MODEL: MODEL,
    Scope.KEY: Place("p", ANY, "k"),
    Scope.KEY_PAID: Place("p", PAID, "k"),
    Scope.ACCOUNT: Place("p", FREE, "k"),
    Scope.PROVIDER: Place("p"),
}
STRIKES = [kind for kind in FailureKind if VERDICTS[kind].strike]


def at(*when, zone="America/Los_Angeles"):
    return datetime(*when, tzinfo=ZoneInfo(zone)).timestamp()


def healthy(**parts):
    clock = Clock()
    return clock, Health(**{"clock": clock, "wall": lambda: at(2026, 6, 1, 12), "jitter": lambda: 0.5} | parts)


def left(health, place=HERE, *, free=True):
    """Return the seconds for which a place still rests, 0 when it does not."""
    rest = health.resting(place, free=free)
    return rest.until - health.clock() if rest else 0.0


def fail(health, kind, times=1, place=HERE, **more):
    for _ in range(times):
        health.failed(place, ProviderError(kind, **more))


def test_nobody_rests_at_first():
    _, health = healthy()
    assert health.resting(HERE, free=True) is None and health.claim(HERE)
    assert health.probability("p", "m") == pytest.approx(8 / 9)
    assert health.first_token("p", "m", 0.7) == 0.7 and health.speed(HERE) is None


@pytest.mark.parametrize("kind", [kind for kind in FailureKind if not VERDICTS[kind].strike])
def test_what_rests_after_a_failure_and_for_how_long_is_the_tables(kind):
    _, health = healthy()
    fail(health, kind)
    verdict = VERDICTS[kind]
    if verdict.scope is Scope.NOTHING:
        assert not health.rests
    else:
        assert set(health.rests) == {RESTING_PLACES[verdict.scope]}
        (rest,) = health.rests.values()
        assert rest.reason == kind.name.lower() and not rest.breaker
        expected = 5 * HOUR if kind is FailureKind.DAY_LIMIT else verdict.rest
        assert rest.until - health.clock() == pytest.approx(expected)


@pytest.mark.parametrize("kind", sorted(BLAMELESS, key=lambda kind: kind.value))
def test_the_requests_own_faults_and_ours_never_touch_health(kind):
    _, health = healthy()
    fail(health, kind, 20)
    assert not health.rests and not health.circuits
    assert health.probability("p", "m") == pytest.approx(8 / 9)


@pytest.mark.parametrize("kind", sorted(SOFT, key=lambda kind: kind.value))
def test_answers_that_cannot_be_used_count_softly(kind):
    _, health = healthy()
    fail(health, kind, 20)
    assert not health.rests
    assert health.circuits[HERE].failures == 20
    assert health.probability("p", "m") == pytest.approx(8 / 19)


def test_a_transient_refusal_counts_nothing_but_itself():
    _, health = healthy()
    fail(health, FailureKind.TRANSIENT, 20)
    assert not health.rests and health.circuits[HERE].last_error == "transient"
    assert health.probability("p", "m") == pytest.approx(8 / 9)


@pytest.mark.parametrize("scope", sorted(RESTING_PLACES, key=lambda scope: scope.value))
def test_a_provider_may_say_how_far_its_refusal_reaches(scope):
    _, health = healthy()
    fail(health, FailureKind.RATE_LIMIT, scope=scope, retry_after=7.0)
    assert set(health.rests) == {RESTING_PLACES[scope]}
    assert left(health, free=scope is not Scope.KEY_PAID) == pytest.approx(7)


def test_a_rest_reaches_as_far_as_its_scope_and_no_further():
    _, health = healthy()
    fail(health, FailureKind.CREDENTIAL)
    assert left(health, Place("p", "other", "k")) and not left(health, Place("p", "m", "k2"))
    _, health = healthy()
    fail(health, FailureKind.MODEL_GONE)
    assert left(health, Place("p", "m", "k2")) and not left(health, Place("p", "other", "k"))
    _, health = healthy()
    fail(health, FailureKind.REGION)
    assert left(health, Place("p", "other", "k2")) and not left(health, Place("q", "m", "k"))


def test_what_rests_an_account_rests_all_its_keys_and_nobody_elses():
    _, health = healthy(siblings={("p", "k"): ("k", "k2"), ("p", "k2"): ("k", "k2"), ("p", "k3"): ("k3",)})
    fail(health, FailureKind.DAY_LIMIT, scope=Scope.ACCOUNT, retry_after=60)
    assert left(health, Place("p", "other", "k2")) == 60 and not left(health, Place("p", "other", "k2"), free=False)
    assert not left(health, Place("p", "m", "k3"))


def test_without_money_free_models_go_on():
    _, health = healthy()
    fail(health, FailureKind.MONEY)
    assert left(health, free=False) == HOUR and not left(health, free=True)
    fail(health, FailureKind.DAY_LIMIT, scope=Scope.ACCOUNT, retry_after=60)
    assert left(health, free=False) == HOUR and left(health, free=True) == 60


def test_a_rest_ends():
    clock, health = healthy()
    fail(health, FailureKind.RATE_LIMIT, retry_after=5.0)
    clock.now += 4.9
    assert left(health)
    clock.now += 0.2
    assert health.resting(HERE, free=True) is None


def test_a_rests_end_is_the_later_of_two():
    _, health = healthy()
    fail(health, FailureKind.RATE_LIMIT, retry_after=100.0)
    fail(health, FailureKind.RATE_LIMIT, retry_after=5.0)
    assert left(health) == pytest.approx(100)
    fail(health, FailureKind.RATE_LIMIT, retry_after=200.0)
    assert left(health) == pytest.approx(200)


def test_the_longest_of_several_rests_is_told_and_only_the_breakers_own_may_be_overridden():
    _, health = healthy()
    fail(health, FailureKind.SERVER, retry_after=300.0)
    assert health.resting(HERE, free=True).breaker
    fail(health, FailureKind.RATE_LIMIT, retry_after=20.0)
    rest = health.resting(HERE, free=True)
    assert (rest.reason, rest.breaker) == ("server", False)
    assert left(health) == pytest.approx(300)


def test_a_breakers_rest_does_not_hide_a_limit_at_the_same_place():
    clock, health = healthy()
    fail(health, FailureKind.SERVER, retry_after=300.0)
    fail(health, FailureKind.RATE_LIMIT, retry_after=20.0, scope=Scope.MODEL)
    assert not health.rests[MODEL].breaker and left(health) == pytest.approx(300)
    clock.now += 301
    fail(health, FailureKind.SERVER, retry_after=10.0)
    assert health.rests[MODEL].breaker and left(health) == pytest.approx(10)


def test_no_rest_is_longer_than_a_day():
    _, health = healthy()
    fail(health, FailureKind.RATE_LIMIT, retry_after=1e9)
    assert left(health) == LONGEST_REST
    health.learn(Place("q", "m", "k"), seconds=1e9, reason="money", breaker=False)
    assert left(health, Place("q", "m", "k")) == LONGEST_REST
    fail(health, FailureKind.SERVER, retry_after=1e9, place=Place("r", "m", "k"))
    assert left(health, Place("r", "m", "k")) == LONGEST_REST


def test_limits_without_a_time_double_up_to_five_minutes():
    clock, health = healthy()
    waits = []
    for _ in range(10):
        fail(health, FailureKind.RATE_LIMIT)
        waits.append(left(health))
        clock.now += waits[-1] + 0.1
    assert waits == pytest.approx([2, 4, 8, 16, 32, 64, 128, 256, 300, 300])


def test_limits_that_come_while_it_rests_already_double_nothing():
    _, health = healthy()
    fail(health, FailureKind.RATE_LIMIT, 10)
    assert left(health) == pytest.approx(2)


def test_limits_of_one_key_do_not_lengthen_anothers():
    clock, health = healthy()
    for _ in range(4):
        fail(health, FailureKind.RATE_LIMIT)
        clock.now += left(health) + 0.1
    other = Place("p", "m", "k2")
    fail(health, FailureKind.RATE_LIMIT, place=other)
    assert left(health, other) == pytest.approx(2)


def test_a_success_ends_the_doubling():
    clock, health = healthy()
    for _ in range(3):
        fail(health, FailureKind.RATE_LIMIT)
        clock.now += left(health) + 0.1
    health.succeeded(HERE)
    fail(health, FailureKind.RATE_LIMIT)
    assert left(health) == pytest.approx(2)


@pytest.mark.parametrize("said", [0.0, None])
def test_a_time_of_nothing_is_no_time(said):
    _, health = healthy()
    fail(health, FailureKind.RATE_LIMIT, retry_after=said)
    assert left(health) == pytest.approx(2)


def test_a_moment_is_at_least_a_moment():
    _, health = healthy()
    fail(health, FailureKind.RATE_LIMIT, retry_after=0.001)
    assert left(health) == pytest.approx(0.05)


@pytest.mark.parametrize("jitter", [0.0, 0.25, 1.0])
def test_jitter_is_a_fifth_either_way(jitter):
    _, health = healthy(jitter=lambda: jitter)
    fail(health, FailureKind.RATE_LIMIT)
    assert left(health) == pytest.approx(2 * (0.8 + 0.4 * jitter))
    fail(health, FailureKind.SERVER, 5, place=Place("q", "m", "k"))
    assert left(health, Place("q", "m", "k")) == pytest.approx(30 * (0.8 + 0.4 * jitter))


@pytest.mark.parametrize(
    ("now", "midnight"),
    [
        (at(2026, 6, 1, 23, 59), at(2026, 6, 2)),
        (at(2026, 3, 8, 0, 30), at(2026, 3, 9)),
        (at(2026, 3, 7, 12), at(2026, 3, 8)),
        (at(2026, 10, 31, 12), at(2026, 11, 1)),
        (at(2026, 11, 1, 3), at(2026, 11, 2)),
        (at(2026, 12, 31, 18), at(2027, 1, 1)),
    ],
)
def test_a_days_limit_rests_until_midnight_where_the_providers_day_begins(now, midnight):
    _, health = healthy(wall=lambda: now, zones={"p": "America/Los_Angeles"})
    fail(health, FailureKind.DAY_LIMIT)
    assert left(health) == pytest.approx(midnight - now)


def test_a_day_of_25_hours_rests_24():
    _, health = healthy(wall=lambda: at(2026, 11, 1, 0, 1), zones={"p": "America/Los_Angeles"})
    fail(health, FailureKind.DAY_LIMIT)
    assert left(health) == LONGEST_REST


def test_a_day_is_utc_unless_told_and_a_rolling_one_is_asked_again_after_an_hour():
    _, health = healthy(wall=lambda: at(2026, 6, 1, 23, zone="UTC"), zones={"q": "rolling"})
    fail(health, FailureKind.DAY_LIMIT)
    assert left(health) == pytest.approx(HOUR)
    fail(health, FailureKind.DAY_LIMIT, place=Place("q", "m", "k"))
    assert left(health, Place("q", "m", "k")) == pytest.approx(HOUR)
    fail(health, FailureKind.DAY_LIMIT, place=Place("r", "m", "k"), retry_after=77.0)
    assert left(health, Place("r", "m", "k")) == pytest.approx(77)


def test_a_refused_key_is_tried_after_ten_minutes_and_then_hourly():
    clock, health = healthy()
    fail(health, FailureKind.CREDENTIAL)
    assert left(health) == 600
    fail(health, FailureKind.CREDENTIAL)
    assert left(health) == 600
    clock.now += 601
    fail(health, FailureKind.CREDENTIAL)
    assert left(health) == HOUR
    clock.now += HOUR + 1
    health.succeeded(HERE)
    fail(health, FailureKind.CREDENTIAL)
    assert left(health) == 600


@pytest.mark.parametrize("kind", STRIKES)
def test_five_failures_in_a_row_open_the_breaker_for_every_key(kind):
    _, health = healthy()
    fail(health, kind, 4)
    assert not health.rests
    fail(health, kind)
    assert left(health, Place("p", "m", "k2")) == pytest.approx(30)
    rest = health.resting(HERE, free=True)
    assert rest.breaker and rest.reason == kind.name.lower()
    assert not left(health, Place("p", "other", "k"))


def test_a_success_between_them_breaks_the_row():
    _, health = healthy()
    fail(health, FailureKind.SERVER, 4)
    health.succeeded(HERE)
    fail(health, FailureKind.SERVER, 4)
    assert not health.rests


def test_half_of_ten_within_a_minute_open_it_too():
    _, health = healthy()
    for _ in range(4):
        fail(health, FailureKind.SERVER)
        health.succeeded(HERE)
    health.succeeded(HERE)
    assert not health.rests
    fail(health, FailureKind.SERVER)
    assert left(health) == pytest.approx(30)


def test_what_is_older_than_a_minute_does_not_count():
    clock, health = healthy()
    for _ in range(4):
        fail(health, FailureKind.SERVER)
        health.succeeded(HERE)
    clock.now += 61
    health.succeeded(HERE)
    fail(health, FailureKind.SERVER)
    assert not health.rests


def test_each_opening_rests_longer_up_to_five_minutes():
    clock, health = healthy()
    fail(health, FailureKind.SERVER, 4)
    waits = []
    for _ in range(12):
        fail(health, FailureKind.SERVER)
        waits.append(left(health))
        clock.now += waits[-1] + 0.1
    assert waits == pytest.approx([30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 300, 300])


def test_failures_that_were_under_way_when_it_opened_open_it_once():
    _, health = healthy()
    fail(health, FailureKind.SERVER, 30)
    assert left(health) == pytest.approx(30)
    assert health.breakers["p", "m"].opened == 1


def test_a_server_that_names_a_time_rests_at_once_and_at_least_as_long():
    _, health = healthy()
    fail(health, FailureKind.OVERLOADED, retry_after=12.0)
    assert left(health) == pytest.approx(12)
    _, health = healthy()
    fail(health, FailureKind.SERVER, 4)
    fail(health, FailureKind.SERVER, retry_after=100.0)
    assert left(health) == pytest.approx(100)


def test_a_half_open_circuit_lets_one_probe_through():
    clock, health = healthy()
    fail(health, FailureKind.SERVER, 5)
    clock.now += 31
    assert health.resting(HERE, free=True) is None
    assert health.claim(HERE)
    assert not health.claim(Place("p", "m", "k2"))
    assert health.claim(Place("p", "other", "k"))
    health.succeeded(HERE)
    assert health.claim(HERE) and health.claim(HERE)


@pytest.mark.parametrize("kind", [FailureKind.SERVER, FailureKind.CALLER_FAULT, FailureKind.RATE_LIMIT])
def test_a_probe_that_failed_makes_room_for_the_next(kind):
    clock, health = healthy()
    fail(health, FailureKind.SERVER, 5)
    clock.now += 31
    assert health.claim(HERE)
    fail(health, kind)
    assert health.claim(HERE)


def test_a_probe_that_was_given_back_blames_nobody():
    clock, health = healthy()
    fail(health, FailureKind.SERVER, 5)
    clock.now += 31
    health.claim(HERE)
    health.release(HERE)
    assert health.claim(HERE)
    health.release(Place("never", "seen", "k"))


def test_a_success_ends_the_breakers_rest_and_no_other():
    _, health = healthy()
    fail(health, FailureKind.SERVER, 5)
    health.succeeded(HERE)
    assert not left(health)
    fail(health, FailureKind.DAY_LIMIT, scope=Scope.MODEL, retry_after=500.0)
    fail(health, FailureKind.CREDENTIAL)
    health.succeeded(HERE)
    assert health.rests.keys() == {MODEL, Place("p", ANY, "k")}


def test_a_provider_that_never_rests_is_counted_and_not_benched():
    clock, health = healthy(never_rest=["p"])
    for kind in FailureKind:
        fail(health, kind, 6)
    assert not health.rests and health.circuits[HERE].failures
    clock.now += 31
    assert health.claim(HERE) and health.claim(HERE)


def test_odds_fall_with_failures_and_recover_with_time():
    clock, health = healthy()
    fail(health, FailureKind.SERVER, 3)
    low = health.probability("p", "m")
    assert low == pytest.approx(8 / 12)
    clock.now += 600
    assert health.probability("p", "m") == pytest.approx(8 / 10.5)
    health.succeeded(HERE)
    assert health.probability("p", "m") == pytest.approx(9 / 11.5)


def test_a_worse_first_token_is_believed_at_once_and_a_better_one_slowly():
    clock, health = healthy()
    health.succeeded(HERE, ttft=1.0)
    health.succeeded(HERE, ttft=9.0)
    assert health.first_token("p", "m", 1.0) == pytest.approx(9)
    health.succeeded(HERE, ttft=1.0)
    assert 1 < health.first_token("p", "m", 1.0) < 9
    clock.now += 60
    before = health.first_token("p", "m", 1.0)
    clock.now += 600
    assert health.first_token("p", "m", 1.0) < before


def test_what_is_usual_outlasts_the_prior():
    clock, health = healthy()
    for _ in range(40):
        health.succeeded(HERE, ttft=0.3)
    clock.now += 3600
    assert health.first_token("p", "m", 1.0) == pytest.approx(0.3)


def test_a_long_prompts_first_token_says_less_of_a_short_ones():
    _, health = healthy()
    health.succeeded(HERE, ttft=3.0, read=16_000)
    assert health.first_token("p", "m", 1.0) == pytest.approx(1.0)


def test_an_answer_that_came_whole_tells_its_first_token_by_the_known_speed():
    _, health = healthy()
    health.succeeded(HERE, latency=9.0, tokens=100)
    assert health.first_token("p", "m", 1.0) == 1.0
    health.succeeded(HERE, ttft=1.0, latency=2.0, tokens=100)
    health.succeeded(HERE, latency=6.0, tokens=100)
    assert health.first_token("p", "m", 1.0) == pytest.approx(5.0)


def test_who_waits_already_is_expected_to_wait_on():
    clock, health = healthy()
    call = health.sent(HERE, prior=1.0)
    clock.now += 4
    assert health.first_token("p", "m", 1.0) == pytest.approx(4)
    assert health.first_token("p", "other", 1.0) == 1.0
    clock.now += 1
    assert health.first_token("p", "other", 1.0) == pytest.approx(5), "nothing has come from this provider since"
    health.spoke(HERE, call)
    assert health.first_token("p", "m", 1.0) == health.first_token("p", "other", 1.0) == 1.0


def test_two_failures_in_a_row_make_a_model_and_its_silent_provider_doubtful():
    clock, health = healthy()
    fail(health, FailureKind.SERVER)
    assert health.doubted("p", "m") is None
    fail(health, FailureKind.SERVER)
    assert health.doubted("p", "m") == (45.0, 2) and health.doubted("p", "other") == (45.0, 2)
    assert not health.rests and health.doubted("q", "m") is None
    clock.now += 45
    assert health.doubted("p", "m") is None
    fail(health, FailureKind.SERVER)
    assert health.doubted("p", "m") == (270.0, 3)
    health.succeeded(Place("p", "other", "k"))
    assert health.doubted("p", "other") is None and health.doubted("p", "m") == (270.0, 3)
    health.succeeded(HERE)
    assert health.doubted("p", "m") is None


def test_who_was_only_slow_is_doubted_for_less():
    clock, health = healthy()
    fail(health, FailureKind.TIMEOUT, 2)
    assert health.doubted("p", "m") == (15.0, 2)
    clock.now += 15
    assert health.doubted("p", "m") is None
    fail(health, FailureKind.STALLED)
    assert health.doubted("p", "m") == (30.0, 3)


def test_failures_of_calls_that_were_under_way_do_not_prolong_a_doubt():
    clock, health = healthy()
    fail(health, FailureKind.TIMEOUT, 6)
    clock.now += 5
    fail(health, FailureKind.TIMEOUT, 4)
    assert health.doubted("p", "m") == (10.0, 2)


def test_one_call_finds_out_whether_doubt_is_still_right():
    clock, health = healthy()
    fail(health, FailureKind.CONNECT, 2)
    clock.now += 46
    assert health.claim(HERE) and health.doubted("p", "m").seconds == 45


def test_one_call_at_a_time_finds_out_whether_a_limit_is_over():
    clock, health = healthy()
    fail(health, FailureKind.RATE_LIMIT)
    clock.now += left(health) + 0.1
    assert health.resting(HERE, free=True) is None and health.claim(HERE)
    assert health.resting(HERE, free=True).reason == "rate_limit"
    call = health.sent(HERE)
    health.spoke(HERE, call)
    assert health.resting(HERE, free=True) is None


def test_speed_and_latency_are_averages_of_whole_answers():
    _, health = healthy()
    health.succeeded(HERE, ttft=1.0, latency=3.0, tokens=100)
    assert health.speed(HERE) == pytest.approx(50)
    health.succeeded(HERE, ttft=1.0, latency=2.0, tokens=100)
    assert health.speed(HERE) == pytest.approx(60)
    health.succeeded(HERE, latency=0.001, tokens=5)
    health.succeeded(HERE)
    circuit = health.circuits[HERE]
    assert (circuit.successes, circuit.ttft, circuit.speed) == (4, 1.0, pytest.approx(60))


def test_what_is_new_is_told_once():
    _, health = healthy()
    assert health.drain() == ([], [])
    fail(health, FailureKind.RATE_LIMIT, retry_after=5.0)
    opened, circuits = health.drain()
    assert [(place, rest.reason) for place, rest in opened] == [(HERE, "rate_limit")]
    (circuit,) = circuits
    assert (circuit.place, circuit.failures, circuit.last_error) == (HERE, 1, "rate_limit")
    assert circuit is not health.circuits[HERE]
    assert health.drain() == ([], [])


def test_a_shorter_rest_is_no_news():
    _, health = healthy()
    fail(health, FailureKind.RATE_LIMIT, retry_after=50.0)
    health.drain()
    fail(health, FailureKind.RATE_LIMIT, retry_after=5.0)
    assert health.drain()[0] == []


def test_what_others_learned_is_obeyed_and_not_told_on():
    _, health = healthy()
    health.learn(HERE, seconds=40.0, reason="rate_limit", breaker=False)
    assert left(health) == pytest.approx(40)
    assert health.drain() == ([], [])
    health.learn(MODEL, seconds=90.0, reason="server", breaker=True)
    assert not health.resting(HERE, free=True).breaker and left(health) == pytest.approx(90)
    health.learn(MODEL, seconds=-5.0, reason="server", breaker=True)
    assert left(health) == pytest.approx(90)


def test_a_rest_that_a_success_disproved_is_told_as_lifted_and_lifted_elsewhere():
    told = []
    _, health = healthy()
    health.news = lambda: told.append(True)
    fail(health, FailureKind.SERVER, 5)
    health.succeeded(HERE)
    (_, opened), (place, lifted) = health.drain()[0]
    assert opened.breaker and (place, lifted) == (MODEL, LIFTED) and len(told) == 2
    _, other = healthy()
    other.learn(MODEL, seconds=30, reason="server", breaker=True)
    other.lift(MODEL)
    other.lift(MODEL)
    assert not left(other)


def test_no_other_workers_success_lifts_a_limit():
    _, health = healthy()
    fail(health, FailureKind.MODEL_GONE)
    health.lift(MODEL)
    assert left(health) == 6 * HOUR


def test_an_earlier_runs_speed_is_remembered():
    _, health = healthy()
    health.remember(HERE, latency=3.0, ttft=1.0, speed=50.0)
    assert health.speed(HERE) == 50 and health.drain() == ([], [])


def test_a_success_that_was_under_way_when_a_breaker_opened_does_not_end_its_rest():
    clock = [100.0]
    health = Health(clock=lambda: clock[0])
    health.learn(Place("p", "m"), seconds=60, reason="breaker", breaker=True)
    clock[0] += 1
    health.succeeded(Place("p", "m", "k"), latency=2.0)
    assert health.resting(Place("p", "m", "k"), free=False) is not None
    health.succeeded(Place("p", "m", "k"), latency=0.5)
    assert health.resting(Place("p", "m", "k"), free=False) is None


def test_a_provider_that_says_that_it_is_shut_down_rests_as_a_whole_at_once():
    _, health = healthy()
    gone(health, "m", "This service has been shut down.")
    assert left(health, Place("p", "other", "k")) == GONE_SECONDS


def gone(health, model, message="Gone"):
    fail(health, FailureKind.MODEL_GONE, place=Place("p", model, "k"), message=message)


def test_a_provider_of_which_two_models_are_gone_without_a_word_of_models_rests_as_a_whole():
    clock, health = healthy()
    gone(health, "m")
    gone(health, "m")
    assert not left(health, Place("p", "other", "k"))
    gone(health, "n")
    assert left(health, Place("p", "other", "k")) == GONE_SECONDS
    clock.now += GONE_SECONDS
    assert not left(health, Place("p", "other", "k"))


def test_models_that_are_gone_are_not_their_provider():
    _, health = healthy()
    gone(health, "m", "The model `m` has been decommissioned")
    gone(health, "n", "The model `n` has been decommissioned")
    gone(health, "o")
    health.succeeded(HERE)
    gone(health, "n")
    assert not left(health, Place("p", "other", "k"))


def test_a_model_that_was_gone_rests_no_longer_once_its_list_has_it_again_and_that_is_stored():
    _, health = healthy()
    fail(health, FailureKind.MODEL_GONE)
    health.drain()
    health.returned(MODEL)
    assert left(health) == 0
    (told, _) = health.drain()
    assert told == [(MODEL, LIFTED)]
    fail(health, FailureKind.RATE_LIMIT)
    health.returned(MODEL)
    health.returned(HERE)
    assert left(health) > 0
