"""Laws of reservations and of rests: all or none, ends that only move back, and nothing that lasts for ever."""

from hypothesis import given, settings
from hypothesis import strategies as some

from tests.quota.kit import KEY, Hands, ledger, model
from wallas.errors import HOUR, FailureKind, ProviderError, Scope
from wallas.health import LONGEST_REST, Health, Place
from wallas.quota.clocks import DAY
from wallas.quota.learning import take
from wallas.quota.ledger import Refusal
from wallas.quota.windows import KINDS, Said

AMOUNTS = some.tuples(some.integers(0, 400), some.floats(0, 30), some.booleans())


@given(some.integers(1, 9), some.integers(50, 900), some.integers(1, 15), some.lists(AMOUNTS, max_size=40))
def test_a_reservation_takes_from_every_window_or_from_none(rpm, tpm, rpd, calls):
    hands = Hands()
    book = ledger(hands)
    one = model(rpm=rpm, tpm=tpm, rpd=rpd, reset="utc", source="wallas.toml")
    seat = book.seat(one, KEY)
    for tokens, seconds, settled in calls:
        hands.now += seconds
        before = {window.key.kind: (window.spent, window.open) for window, _ in seat.charges}
        taken = book.reserve(seat, tokens=tokens)
        after = {window.key.kind: (window.spent, window.open) for window, _ in seat.charges}
        if isinstance(taken, Refusal):
            assert after == before
        else:
            assert {kind: after[kind][1] - before[kind][1] for kind in after} == {"rpm": 1, "tpm": 1, "rpd": 1}
            assert all(after[kind][0] > before[kind][0] for kind in after)
            if settled:
                book.settle(taken, input=tokens // 2, output=1)
        assert all(window.left >= 0 for window, _ in seat.charges)


KINDS_OF_FAILURE = some.sampled_from(
    [kind for kind in FailureKind if kind is not FailureKind.GATEWAY],
)
SCOPES = some.one_of(some.none(), some.sampled_from(list(Scope)))
FAILURES = some.tuples(
    KINDS_OF_FAILURE,
    SCOPES,
    some.one_of(some.none(), some.floats(0.01, 200_000)),
    some.floats(0, 4000),
    some.sampled_from("ab"),
)


@given(some.lists(FAILURES, min_size=1, max_size=40), some.floats(0, 1))
def test_a_rest_only_moves_back_and_every_rest_ends(failures, jitter):
    hands = Hands()
    health = Health(
        clock=hands, wall=hands, jitter=lambda: jitter, siblings={("p", "a"): ("a", "b"), ("p", "b"): ("a", "b")}
    )
    for kind, scope, retry_after, seconds, key in failures:
        hands.now += seconds
        known = {place: rest.until for place, rest in health.rests.items() if rest.until > hands.now}
        health.failed(Place("p", "m", key), ProviderError(kind, scope=scope, retry_after=retry_after))
        assert all(health.rests[place].until >= until for place, until in known.items())
        assert all(rest.until <= hands.now + LONGEST_REST for rest in health.rests.values())
    hands.now += LONGEST_REST + 1
    assert all(health.resting(Place("p", "m", key), free=free) is None for key in "ab" for free in (True, False))


SAID = some.builds(
    Said,
    kind=some.sampled_from(sorted(set(KINDS) - {"concurrent", "usd_day", "usd_week", "usd_month"})),
    limit=some.one_of(some.none(), some.integers(0, 1000).map(float)),
    remaining=some.one_of(some.none(), some.just(0.0), some.integers(0, 1000).map(float)),
    used=some.one_of(some.none(), some.integers(0, 1000).map(float)),
    resets_in=some.one_of(some.none(), some.floats(0, 90_000)),
    scope=some.sampled_from([None, "model", "account", "key", "provider"]),
    source=some.sampled_from(["header", "body", "route"]),
)


@settings(deadline=None)
@given(some.lists(some.tuples(SAID, some.booleans(), some.floats(0, 2 * HOUR)), min_size=1, max_size=12))
def test_whatever_a_provider_says_is_over_one_day_and_nothing_is_negative(told):
    hands = Hands()
    book = ledger(hands)
    one = model("acme", "m")
    for said, refusal, seconds in told:
        hands.now += seconds
        take(book, book.seat(one, KEY), [said], refusal=refusal)
        book.tick()
        for window in book.windows.values():
            assert window.left >= 0 and window.free >= 0 and window.shut <= hands.now + 32 * DAY
    hands.now += 63 * DAY
    book.tick()
    seat = book.seat(one, KEY)
    tight = min((window.most(hands.now) for window, index in seat.charges if index == 1), default=1e9)
    seat.tokens.output = 0.0
    assert book.available(seat, 0) is None or tight < 1


OUTCOMES = some.lists(some.tuples(some.booleans(), some.booleans(), FAILURES), max_size=25)


@given(OUTCOMES, some.floats(0, 1))
def test_who_is_clear_neither_rests_nor_is_doubted_and_has_nothing_to_claim(outcomes, jitter):
    hands = Hands()
    health = Health(clock=hands, wall=hands, jitter=lambda: jitter)
    for good, claims, (kind, scope, retry_after, seconds, key) in outcomes:
        hands.now += seconds / 100
        place = Place("p", "m", key)
        if health.clear(place, free=True, now=hands.now):
            assert health.resting(place, free=True) is None and health.doubted("p", "m") is None
            before = [breaker.probing for breaker in health.breakers.values()]
            assert health.claim(place) and not health.finding
            assert before == [breaker.probing for breaker in health.breakers.values()]
        if claims and not health.claim(place):
            continue
        if good:
            health.succeeded(place, latency=1.0)
        else:
            health.failed(place, ProviderError(kind, scope=scope, retry_after=retry_after))
