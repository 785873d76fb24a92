from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallas.quota.clocks import next_midnight, next_month

PACIFIC = "America/Los_Angeles"


def instant(*when, zone=PACIFIC):
    return datetime(*when, tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(
    ("now", "hours"),
    [
        (instant(2026, 6, 1), 24),
        (instant(2026, 3, 8), 23),
        (instant(2026, 11, 1), 25),
        (instant(2026, 3, 8, 3, 30), 20.5),
        (instant(2026, 11, 1, 23), 1),
        (instant(2024, 2, 28), 24),
    ],
)
def test_midnight_in_california_comes_after_23_24_or_25_hours(now, hours):
    assert next_midnight(now, PACIFIC) - now == hours * 3600


@pytest.mark.parametrize("zone", ["UTC", "utc", "Etc/UTC"])
def test_midnight_is_utc_unless_told(zone):
    now = instant(2026, 12, 31, 23, 59, 59, zone="UTC")
    assert next_midnight(now, zone) == next_midnight(now) == now + 1


def test_a_midnight_that_the_clocks_leap_over_is_the_moment_they_leap():
    now = instant(2026, 4, 23, 12, zone="Africa/Cairo")
    midnight = next_midnight(now, "Africa/Cairo")
    assert datetime.fromtimestamp(midnight, ZoneInfo("Africa/Cairo")).hour in (0, 1)
    assert datetime.fromtimestamp(midnight - 1, ZoneInfo("Africa/Cairo")).day == 23


@given(st.integers(0, 4_000_000_000), st.sampled_from(["UTC", PACIFIC, "Asia/Shanghai", "Europe/Madrid"]))
def test_midnight_is_ahead_and_within_25_hours(now, zone):
    midnight = next_midnight(now, zone)
    assert now < midnight <= now + 25 * 3600
    local = datetime.fromtimestamp(midnight, UTC if zone == "UTC" else ZoneInfo(zone))
    assert (local.minute, local.second) == (0, 0)


@pytest.mark.parametrize(
    ("now", "first"),
    [((2026, 1, 31, 23), (2026, 2, 1)), ((2026, 12, 1), (2027, 1, 1)), ((2026, 11, 30, 1), (2026, 12, 1))],
)
def test_a_month_ends_on_the_first_of_the_next(now, first):
    assert next_month(instant(*now, zone="UTC")) == instant(*first, zone="UTC")
