"""Reserve, settle, expire: what one worker does on the request's path, and how it starts, stops and stands alone."""

import math
import threading
import time

import msgspec
import pytest
from sqlalchemy.exc import OperationalError

from tests.quota.kit import NOON, FakeKey, Hands, ledger, model, took
from wallas.quota.authority import DatabaseAuthority, MemoryAuthority
from wallas.quota.clocks import DAY, next_month
from wallas.quota.learning import take
from wallas.quota.ledger import EXPIRES_AFTER, Refusal, Reservation
from wallas.quota.rows import merged, rows
from wallas.quota.windows import Said
from wallas.storage.quota import load_quota
from wallas.types.chat import Usage

KEY = FakeKey()


def window(book, kind):
    return next(one for one in book.windows.values() if one.key.kind == kind)


def took_in_all(book, kind):
    """Return what calls really took of a window: what was reserved less what was given back."""
    return window(book, kind).spent - window(book, kind).back


def test_a_call_is_settled_with_what_it_really_took_and_once():
    book = ledger(Hands())
    seat = book.seat(model(tpm=10_000, rpm=10), KEY)
    reservation = book.reserve(seat, tokens=3000)
    assert window(book, "tpm").spent == 3400
    usage = Usage(input=1000, output=500)
    for _ in range(2):
        book.settle(reservation, input=usage.input, output=usage.output, alive=True)
    assert (took_in_all(book, "tpm"), took_in_all(book, "rpm"), book.open) == (1500, 1, 0)


def test_a_call_of_which_nothing_is_said_is_settled_as_estimated_and_an_uncounted_one_as_nothing():
    book = ledger(Hands())
    seat = book.seat(model(tpm=10_000, rpm=10), KEY)
    book.settle(book.reserve(seat, tokens=600))
    assert (took_in_all(book, "tpm"), took_in_all(book, "rpm")) == (1000, 1)
    book.settle(book.reserve(seat, tokens=600), counted=False)
    assert (took_in_all(book, "tpm"), took_in_all(book, "rpm")) == (1000, 1)


def test_a_reservation_that_nobody_settles_expires():
    hands = Hands()
    book = ledger(hands)
    one = model(concurrent=1, scope="account")
    assert [took(book, one), took(book, one)] == [True, False]
    hands.now += EXPIRES_AFTER
    book.tick()
    assert took(book, one) and book.open == 1


def test_calls_at_once_are_limited_and_come_free_as_they_end():
    book = ledger(Hands())
    seat = book.seat(model(concurrent=2), KEY)
    first, second = book.reserve(seat), book.reserve(seat)
    refused = book.reserve(seat)
    assert isinstance(refused, Refusal) and refused.window.kind == "concurrent"
    assert book.available(seat) is not None
    book.settle(first, input=1, output=1)
    assert book.available(seat) is None
    third = book.reserve(seat)
    assert not isinstance(third, Refusal)
    for one in (second, third):
        book.settle(one)
    assert window(book, "concurrent").spent == 0


def test_a_request_larger_than_its_window_is_never_waited_for():
    book = ledger(Hands())
    seat = book.seat(model(tpm=8000), KEY)
    found = book.available(seat, 9000)
    assert found is not None and found[1] == math.inf
    assert book.available(seat, 1000) is None


def test_a_minute_is_free_again_when_its_oldest_use_is_a_minute_old():
    hands = Hands()
    book = ledger(hands)
    one = model(rpm=2)
    assert took(book, one)
    book.tick()
    hands.now += 30
    assert [took(book, one), took(book, one)] == [True, False]
    _, seconds = book.available(book.seat(one, KEY))
    assert 30 <= seconds <= 32
    hands.now += seconds
    assert [took(book, one), took(book, one)] == [True, False]


def test_estimates_follow_what_a_model_really_takes():
    book = ledger(Hands())
    seat = book.seat(model(tpm=10**9), KEY)
    for _ in range(40):
        book.settle(book.reserve(seat, tokens=1000), input=1500, output=100, alive=True)
    assert 1590 <= seat.tokens.guess(1000) <= 1610
    assert seat.tokens.guess(1000, 10) < 1520


def test_a_seat_without_limits_is_never_refused():
    book = ledger(Hands())
    seat = book.seat(model(), KEY)
    assert book.available(seat, 10**9) is None and all(took(book, model()) for _ in range(1000))
    assert book.headroom(seat) == 1.0


def test_a_limit_that_the_catalog_raises_or_lowers_holds_at_once():
    book = ledger(Hands())
    assert [took(book, model(rpd=2, reset="utc")) for _ in range(3)] == [True, True, False]
    assert [took(book, model(rpd=4, reset="utc")) for _ in range(3)] == [True, True, False]
    assert not took(book, model(rpd=3, reset="utc"))


def test_what_was_settled_is_known_after_a_restart(engine):
    hands = Hands()
    one = model(rpd=20, reset="utc")
    first = ledger(hands, authority=DatabaseAuthority(engine, worker="first"))
    assert all(took(first, one) for _ in range(15))
    first.close()
    second = ledger(hands, authority=DatabaseAuthority(engine, worker="second"))
    second.tick()
    seat = second.seat(one, KEY)
    assert second.available(seat) is None
    assert [took(second, one) for _ in range(6)] == [True] * 5 + [False]
    assert [entry.kind for entry in load_quota(engine)] == ["rpd"]


def test_an_empty_window_is_known_to_be_empty_before_anything_is_asked(engine):
    hands = Hands()
    one = model(rpd=3, reset="utc")
    first = ledger(hands, authority=DatabaseAuthority(engine, worker="first"))
    assert all(took(first, one) for _ in range(3))
    first.close()
    second = ledger(hands, authority=DatabaseAuthority(engine, worker="second"))
    second.tick()
    found = second.available(second.seat(one, KEY))
    assert found is not None and found[0].key.kind == "rpd"
    assert hands.now + found[1] == found[0].clock.ends(hands.now)


class Broken(MemoryAuthority):
    """A database that goes away."""

    away = False

    def exchange(self, asks, *, now):
        if self.away:
            raise OperationalError("SELECT", {}, Exception("gone"))
        return super().exchange(asks, now=now)


def test_a_worker_goes_on_within_its_limits_while_the_database_is_away_and_tells_afterwards():
    hands = Hands()
    authority = Broken()
    book = ledger(hands, authority=authority)
    one = model(rpm=10, rpd=40, reset="utc")
    assert all(took(book, one) for _ in range(5))
    authority.away = True
    made = 0
    for _ in range(400):
        hands.now += 1
        made += took(book, one)
        book.tick()
    assert book.trouble == "OperationalError" and 5 <= made <= 35
    authority.away = False
    hands.now += 100
    book.tick()
    assert book.trouble is None
    assert window(book, "rpd").used == 5 + made


@pytest.mark.parametrize("away", [False, True])
def test_what_a_provider_says_is_used_is_shown_before_the_database_heard_it_and_outlasts_its_absence(away):
    authority = Broken()
    book = ledger(Hands(), authority=authority)
    said = [Said(kind="rpd", limit=50, remaining=1, used=49, scope="account", source="route")]
    take(book, book.seat(model(), KEY), said, refusal=False)

    def shown():
        return [(row["used"], row["remaining"]) for row in rows(book, ["p"]) if row["window"] == "rpd"]

    assert shown() == [(49, 1)]
    authority.away = away
    book.tick()
    assert shown() == [(49, 1)] and (window(book, "rpd").used == 49) is not away
    authority.away = False
    book.tick()
    assert shown() == [(49, 1)] and window(book, "rpd").used == 49


def test_a_worker_that_was_silent_too_long_gives_up_its_shares(engine):
    hands = Hands()
    one = model(rpd=10, reset="utc")
    sleeper = ledger(hands, authority=DatabaseAuthority(engine, worker="sleeper"))
    heir = ledger(hands, authority=DatabaseAuthority(engine, worker="heir"))
    assert took(sleeper, one)
    hands.now += 100
    made = 0
    for _ in range(20):
        made += took(heir, one) + took(sleeper, one)
        hands.now += 0.5
        for book in (heir, sleeper):
            book.tick()
    assert made == 9


def test_threads_that_call_at_once_never_make_one_call_too_many():
    book = ledger(Hands())
    one = model(rpm=500, tpm=10**9)
    made = []

    def run():
        made.append(sum(took(book, one) for _ in range(200)))

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(made) == 500


def test_rows_tell_the_truth_and_when_a_window_runs_out():
    hands = Hands()
    book = ledger(hands)
    one = model("groq", "m", rpd=100, rpm=30, reset="utc", source="wallas.toml")
    for _ in range(20):
        assert took(book, one)
        hands.now += 60
        book.tick()
    told = {row["window"]: row for row in rows(book, ["groq", "gemini"])}
    day, minute = told["rpd"], told["rpm"]
    assert (day["limit"], day["used"], day["remaining"], day["source"], day["confidence"]) == (100, 20, 80, "user", 0.8)
    assert day["resets_at"] == window(book, "rpd").clock.ends(hands.now)
    assert 9 <= day["burn_rate_per_hour"] <= 60
    assert day["runs_out_at"] is not None and hands.now < day["runs_out_at"] < day["resets_at"]
    assert minute["runs_out_at"] is None and minute["unit"] == "requests"
    assert rows(book, ["gemini"]) == [] and merged(book) == []


@pytest.mark.parametrize("limits", [{}, {"rpm": 10**9, "tpm": 10**12, "rpd": 10**9, "tpd": 10**12}])
def test_a_call_costs_microseconds(limits):
    book = ledger(Hands())
    one = model(**limits)
    seat = book.seat(one, KEY)
    book.settle(book.reserve(seat))

    def best(work):
        times = []
        for _ in range(20):
            started = time.perf_counter()
            for _ in range(100):
                work()
            times.append((time.perf_counter() - started) / 100)
        return min(times)

    assert best(lambda: book.available(book.seat(one, KEY), 500)) < 10e-6
    assert best(lambda: book.settle(book.reserve(seat, tokens=500), input=400, output=9, alive=True)) < 60e-6


def test_noon_is_in_the_middle_of_a_month_for_the_tests():
    assert 5 < time.gmtime(NOON).tm_mday < 25


def test_a_month_of_dollars_holds_what_calls_are_expected_to_cost_until_they_told():
    hands = Hands()
    book = ledger(hands)
    dear = msgspec.structs.replace(model(usd_month=1.0, source="wallas.toml"), free=False)
    seat = book.seat(dear, KEY)
    first = book.reserve(seat, cost=0.6)
    assert isinstance(first, Reservation)
    assert isinstance(book.reserve(seat, cost=0.6), Refusal)
    window, seconds = book.available(seat, cost=0.6)
    assert window.key.kind == "usd_month" and hands.now + seconds == next_month(hands.now)
    book.settle(first, input=1, output=1, cost=0.1)
    assert book.available(seat, cost=0.6) is None
    assert took(book, dear, cost=0.9) and not took(book, dear, cost=0.01)


def test_what_costs_nothing_is_in_no_window_of_money():
    book = ledger(Hands())
    assert book.seat(model(usd_month=1.0, rpm=5), KEY).charges[0].window.key.kind == "rpm"
    assert len(book.seat(model(usd_month=1.0, rpm=5), KEY).charges) == 1


def test_a_week_five_hours_and_seven_days_roll():
    hands = Hands()
    for kind, seconds in (("rpw", 7 * DAY), ("h5", 5 * 3600), ("d7", 7 * DAY)):
        book = ledger(hands)
        one = model(**{kind: 2, "source": "wallas.toml"})
        assert [took(book, one) for _ in range(3)] == [True, True, False]
        hands.now += seconds * 0.99
        book.tick()
        assert not took(book, one)
        hands.now += seconds * 0.03
        book.tick()
        assert took(book, one)
