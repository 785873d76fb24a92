"""When windows reset: days of 23, 24 and 25 hours, months, rolling windows, stated instants, clocks that are set."""

import math
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as some

from wallas.quota.clocks import (
    DAY,
    HOUR,
    Calendar,
    Rolling,
    Stated,
    Steady,
    clock_of,
    day_clock,
    next_midnight,
    next_month,
)

PACIFIC = "America/Los_Angeles"
INSTANTS = some.floats(1_600_000_000, 2_200_000_000)
ZONES = some.sampled_from(["UTC", PACIFIC, "Asia/Shanghai", "Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Beirut"])
CLOCKS = some.one_of(
    some.builds(Rolling, some.sampled_from([60.0, HOUR, 5 * HOUR, DAY, 7 * DAY])),
    some.builds(Calendar, some.sampled_from(["day", "week", "month"]), ZONES),
    some.builds(Stated, INSTANTS),
)


def at(zone, *parts):
    return datetime(*parts, tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(
    ("day", "hours"), [((2026, 3, 8), 23), ((2026, 11, 1), 25), ((2026, 3, 7), 24), ((2026, 11, 2), 24)]
)
def test_a_pacific_day_has_as_many_hours_as_the_clocks_say(day, hours):
    clock = day_clock(PACIFIC)
    begins = at(PACIFIC, *day)
    for after in (0.0, 1.0, 3.5 * HOUR, hours * HOUR - 0.001):
        assert clock.bucket(begins + after) == begins
        assert clock.ends(begins + after) == clock.leaves(begins) == begins + hours * HOUR
    assert clock.bucket(begins + hours * HOUR) == begins + hours * HOUR


def test_an_hour_that_comes_twice_belongs_to_one_day():
    first = datetime(2026, 11, 1, 1, 30, tzinfo=ZoneInfo(PACIFIC)).timestamp()
    second = datetime(2026, 11, 1, 1, 30, fold=1, tzinfo=ZoneInfo(PACIFIC)).timestamp()
    assert second == first + HOUR
    assert next_midnight(first, PACIFIC) == next_midnight(second, PACIFIC) == at(PACIFIC, 2026, 11, 2)


def test_a_day_whose_midnight_does_not_exist_begins_when_it_begins():
    clock = Calendar("day", "Asia/Beirut")
    noon = at("Asia/Beirut", 2026, 3, 29, 12)
    assert clock.ends(noon) - clock.bucket(noon) in (23 * HOUR, 24 * HOUR)


def test_months_begin_on_the_first_in_utc():
    assert next_month(datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()) == at("UTC", 2027, 1, 1)
    assert next_month(at("UTC", 2028, 2, 1)) == at("UTC", 2028, 3, 1)
    assert next_midnight(at("UTC", 2026, 1, 1), "utc") == at("UTC", 2026, 1, 2)


def test_a_week_begins_on_monday():
    clock = Calendar("week")
    sunday = at("UTC", 2026, 11, 22, 12)
    assert (clock.bucket(sunday), clock.ends(sunday)) == (at("UTC", 2026, 11, 16), at("UTC", 2026, 11, 23))


@given(CLOCKS, INSTANTS)
def test_every_use_leaves_in_the_future_and_within_the_length_of_its_window(clock, now):
    bucket = clock.bucket(now)
    assert clock.ends(now) > now
    leaves = clock.leaves(bucket)
    if isinstance(clock, Rolling):
        assert now + clock.seconds <= leaves <= now + clock.seconds * (1 + 1 / 30) + 1e-6
        assert clock.ends(now) == math.inf
    elif isinstance(clock, Calendar):
        assert bucket <= now < leaves <= bucket + 31 * DAY + HOUR
        assert clock.bucket(leaves) == leaves and leaves == clock.ends(now)
    else:
        assert leaves == (clock.until if now < clock.until else now)


@given(CLOCKS, INSTANTS, some.floats(0, 3 * DAY))
def test_a_later_use_is_never_in_an_earlier_bucket(clock, now, after):
    if not isinstance(clock, Stated):
        assert clock.bucket(now + after) >= clock.bucket(now)
        assert clock.leaves(clock.bucket(now + after)) >= clock.leaves(clock.bucket(now))


@given(CLOCKS.filter(lambda clock: not isinstance(clock, Stated)))
def test_a_clock_is_read_back_as_it_was_written(clock):
    assert clock_of(str(clock)) == clock


def test_what_is_no_clock_is_refused():
    with pytest.raises(ValueError, match="no clock"):
        clock_of("sundial:3")
    assert clock_of(str(Stated(5.0))) == Stated(5.0)


def test_a_wall_clock_that_is_set_back_does_not_turn_time_back_and_one_that_is_ahead_is_followed():
    clocks = {"monotonic": 100.0, "wall": 5000.0}
    steady = Steady(lambda: clocks["monotonic"], lambda: clocks["wall"])
    clocks.update(monotonic=110.0, wall=1000.0)
    steady.catch_up()
    assert steady() == 5010
    clocks.update(monotonic=111.0, wall=9000.0)
    steady.catch_up()
    assert steady() == 9000
