"""Whether a window lasts until it resets, and what follows for who spends it."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tests.quota.kit import KEY, Hands, ledger, model
from wallas.quota.clocks import DAY, HOUR, next_midnight
from wallas.quota.forecast import forecast, roominess


def used(count, *, at, over=600.0, **limits):
    """Return a ledger's one window after so many calls, evenly over the last ``over`` seconds before ``at``."""
    hands = Hands(at - over)
    book = ledger(hands)
    one = model(**limits)
    for _ in range(count):
        hands.now += over / count
        book.settle(book.reserve(book.seat(one, KEY)), input=1, output=1, alive=True)
        book.tick()
    hands.now = at
    book.tick()
    [window] = book.windows.values()
    return book, book.seat(one, KEY), window


MIDNIGHT = next_midnight(1_790_000_000.0, "America/Los_Angeles")
PACIFIC = {"rpd": 100, "reset": "America/Los_Angeles", "source": "wallas.toml"}


def test_a_day_that_outlasts_its_reset_is_free_to_spend():
    book, seat, window = used(90, at=MIDNIGHT - 300, **PACIFIC)
    assert forecast(window, MIDNIGHT - 300)[3] is None
    assert book.headroom(seat) == 1.0


def test_a_day_that_does_not_is_as_scarce_as_its_forecast():
    now = MIDNIGHT - 10 * HOUR
    book, seat, window = used(20, at=now, **PACIFIC)
    _, remaining, burn, out = forecast(window, now)
    assert remaining == 80 and 15 <= burn <= 20
    assert now + 4 * HOUR < out < now + 6 * HOUR
    assert 0.4 <= book.headroom(seat) <= 0.6
    book, seat, window = used(20, at=now, over=9 * HOUR, **PACIFIC)
    assert book.headroom(seat) == 1.0 and forecast(window, now)[3] is None


def test_what_was_used_up_long_ago_is_no_rate():
    book, seat, _ = used(50, at=MIDNIGHT - 20 * HOUR, **PACIFIC)
    assert book.headroom(seat) < 0.2
    book.now.monotonic.now += 8 * HOUR
    book.now.wall.now = book.now.monotonic.now
    assert book.headroom(seat) == 1.0


def test_a_rolling_day_lasts_at_any_rate_that_fits_into_it():
    now = 1_790_000_000.0
    book, seat, _ = used(900, at=now, over=23 * HOUR, rpd=1000, reset="rolling", source="wallas.toml")
    assert book.headroom(seat) == 1.0
    book, seat, _ = used(300, at=now, over=HOUR, rpd=1000, reset="rolling", source="wallas.toml")
    assert book.headroom(seat) < 0.5


def test_a_minute_counts_by_its_share_alone():
    book, seat, _ = used(15, at=1_790_000_000.0, over=10.0, rpm=20, source="wallas.toml")
    assert book.headroom(seat) == pytest.approx(0.25)


@given(
    some.integers(0, 100),
    some.floats(1.0, DAY),
    some.floats(0.0, DAY),
    some.sampled_from(["utc", "rolling", "America/Los_Angeles"]),
)
def test_headroom_is_a_share_and_nothing_left_is_nothing(count, over, later, reset):
    _, _, window = used(max(count, 1), at=1_790_000_000.0, over=over, rpd=100, reset=reset, source="wallas.toml")
    now = 1_790_000_000.0 + later
    assert 0.0 <= roominess(window, now) <= 1.0
    if window.free + window.left <= 0:
        assert roominess(window, now) == 0.0
