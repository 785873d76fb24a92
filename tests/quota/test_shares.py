"""The laws of the ledger, for any order of calls, workers, deaths and clocks."""

import math

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.quota.kit import NOON, FakeKey, Hands, Pages, Shared, ledger, model
from wallas.quota.clocks import DAY, Calendar, Rolling
from wallas.quota.ledger import Refusal, Reservation
from wallas.quota.shares import Ask, Share, State, exchange
from wallas.quota.windows import Limit, WindowKey, effective, stronger

RPM, TPM, RPD = 7, 900, 25
KEY = FakeKey()


class Workers(RuleBasedStateMachine):
    """Workers that come, call, settle, tell, die and wake, on one authority that has the last word."""

    @initialize()
    def start(self):
        self.hands = Hands()
        self.entries: dict = {}
        self.live: set[str] = set()
        self.pages: dict = {}
        self.names = 0
        self.workers: list = []
        self.calls: list = []
        self.join()

    @rule()
    def join(self):
        if len(self.workers) < 4:
            self.names += 1
            name = f"w{self.names}"
            authority = Shared(self.entries, self.live, name, self.pages)
            self.workers.append(ledger(self.hands, authority=authority, spool=Pages(self.pages, name)))

    @rule(which=some.integers(0, 3), tokens=some.integers(0, 200), times=some.integers(1, 12), wait=some.booleans())
    def call(self, which, tokens, times, wait):
        worker = self.workers[which % len(self.workers)]
        for _ in range(times):
            seat = worker.seat(model(rpm=RPM, tpm=TPM, rpd=RPD, reset="America/Los_Angeles", source="wallas.toml"), KEY)
            seat.tokens.output = seat.tokens.ratio = 1.0
            taken = worker.reserve(seat, tokens=tokens, wait=wait)
            if isinstance(taken, Reservation):
                self.calls.append([self.hands.now, taken.parts[-1][2], worker, taken])
            else:
                assert self.hands.now < taken.until < self.hands.now + 2 * DAY
                break
        under_way = {one[3] for one in self.calls if one[2] is worker and not one[3].settled}
        assert worker.under_way.keys() == under_way

    @rule(which=some.integers(0, 40), share=some.floats(0, 1), how=some.sampled_from(["real", "silent", "uncounted"]))
    def settle(self, which, share, how):
        open_calls = [one for one in self.calls if not one[3].settled and one[2] in self.workers]
        if not open_calls:
            return
        one = open_calls[which % len(open_calls)]
        real = int(one[1] * share)
        if how == "uncounted":
            one[2].settle(one[3], counted=False)
            self.calls.remove(one)
            return
        one[2].settle(one[3], **({"input": real} if how == "real" else {}))
        one[1] = real if how == "real" else one[1]

    @rule(which=some.integers(0, 3))
    def tick(self, which):
        self.workers[which % len(self.workers)].tick()

    @rule(seconds=some.sampled_from([0.1, 0.1, 1.0, 7.0, 31.0, 61.0, 61.0, 3600.0, 40_000.0]))
    def wait(self, seconds):
        self.hands.now += seconds
        for worker in self.workers:
            worker.tick()

    @rule(which=some.integers(0, 3))
    def leave(self, which):
        if len(self.workers) > 1:
            worker = self.workers.pop(which % len(self.workers))
            worker.close()

    @rule(which=some.integers(0, 3))
    def die(self, which):
        if len(self.workers) > 1:
            worker = self.workers.pop(which % len(self.workers))
            self.live.discard(worker.authority.worker)

    @invariant()
    def never_above_a_limit(self):
        calls = [one for one in self.calls if one[0] > self.hands.now - 60]
        assert len(calls) <= RPM
        assert sum(one[1] for one in calls) <= TPM
        day = Calendar("day", "America/Los_Angeles").bucket(self.hands.now)
        assert sum(one[0] >= day for one in self.calls) <= RPD

    @invariant()
    def never_negative(self):
        for worker in self.workers:
            for window in worker.windows.values():
                assert window.left >= 0 and window.granted >= window.spent - 1e-6 and window.free >= 0


Workers.TestCase.settings = settings(
    max_examples=100, stateful_step_count=50, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate]
)
test_workers_never_spend_more_than_there_is_whatever_happens = Workers.TestCase


@given(
    some.lists(some.tuples(some.integers(0, 3000), some.booleans()), min_size=1, max_size=30),
    some.randoms(use_true_random=False),
)
def test_what_is_left_does_not_depend_on_the_order_of_calls(calls, random):
    def left(order):
        hands = Hands()
        book = ledger(hands)
        seat = book.seat(model(rpm=1000, tpm=10**9, rpd=5000), KEY)
        taken = [(book.reserve(seat, tokens=tokens), tokens, counted) for tokens, counted in order]
        for reservation, tokens, counted in taken:
            book.settle(reservation, input=tokens, output=0, counted=counted)
        book.tick()
        return {key.kind: (window.used, window.left, window.spent) for key, window in book.windows.items()}

    shuffled = list(calls)
    random.shuffle(shuffled)
    assert left(calls) == left(shuffled)


@settings(max_examples=15, deadline=None)
@given(some.integers(1, 60), some.integers(1, 4), some.integers(0, 100))
def test_workers_share_fairly_and_in_the_end_use_everything(limit, count, seed):
    hands, entries, live = Hands(), {}, set()
    workers = [ledger(hands, authority=Shared(entries, live, f"w{n}")) for n in range(count)]
    made = 0
    for turn in range(limit * 4 + 40):
        worker = workers[(turn * 7 + seed) % count]
        made += isinstance(worker.reserve(worker.seat(model(rpd=limit, reset="utc"), KEY)), Reservation)
        hands.now += 0.5
        for one in workers:
            one.tick()
    assert made == limit


def test_one_worker_alone_gets_all_that_is_left_and_several_half_of_an_equal_part():
    def granted(workers, used=0.0):
        ask = Ask(WindowKey("p", "a", "*", "m", "rpd"), Rolling(DAY), Limit(100, "catalog", 0), None, used, used, 1, 0)
        state = State(shares={"me": Share(used, 0.0, 0)})
        live = frozenset(f"w{n}" for n in range(workers - 1)) | {"me"}
        return exchange(state, ask, worker="me", live=live, now=NOON, spooled=lambda *_: None).granted - used

    assert [granted(1), granted(2), granted(5), granted(1, used=40), granted(2, used=40)] == [100, 25, 10, 60, 15]


def test_telling_the_same_twice_books_it_once():
    state = State()
    ask = Ask(WindowKey("p", "a", "*", "m", "rpd"), Rolling(DAY), Limit(100, "catalog", 0), None, 0, 0, 1, 0)
    told = {"worker": "me", "live": frozenset({"me"}), "now": NOON, "spooled": lambda *_: None}
    exchange(state, ask, **told)
    for _ in range(2):
        grant = exchange(state, ask._replace(granted=100.0, spent=5.0), **told)
        assert (grant.used, grant.granted) == (5, 100)


def test_what_an_old_call_gives_back_hides_nothing_of_what_was_spent_since():
    state = State()
    key = WindowKey("p", "a", "*", "m", "tpm")
    ask = Ask(key, Rolling(60), Limit(900, "catalog", 0), None, 0, 0, 1, 0)
    told = {"worker": "me", "live": frozenset({"me"}), "spooled": lambda *_: None}
    exchange(state, ask, now=NOON, **told)
    exchange(state, ask._replace(granted=900.0, spent=700.0), now=NOON, **told)
    later = ask._replace(granted=1100.0, spent=900.0, back=200.0)
    assert exchange(state, later, now=NOON + 30, **told).used == 700
    assert exchange(state, later, now=NOON + 63, **told).used == 200


def test_a_worker_that_only_slept_is_neither_counted_twice_nor_keeps_its_share():
    state = State()
    key = WindowKey("p", "a", "*", "m", "rpd")
    ask = Ask(key, Rolling(DAY), Limit(100, "catalog", 0), None, 0, 0, 1, 0)
    spooled = {"a": 7.0}.get

    def tell(worker, live, **fields):
        return exchange(
            state,
            ask._replace(**fields),
            worker=worker,
            live=frozenset(live),
            now=NOON,
            spooled=lambda name, slot: spooled(name),
        )

    tell("a", {"a"})
    assert tell("b", {"b"}).used == 7
    woken = tell("a", {"a", "b"}, granted=100.0, spent=8.0, need=0.0)
    assert woken.used == 8 and woken.granted == 8


LIMITS = some.builds(
    Limit,
    some.floats(0, 1e6),
    some.sampled_from(["header", "body", "route", "user", "catalog", "observed", "proved"]),
    some.floats(NOON - 60 * DAY, NOON),
)


@given(some.none() | LIMITS, some.none() | LIMITS)
def test_of_two_limits_one_of_them_holds(one, other):
    for choose in (stronger, effective):
        assert choose(one, other, NOON) in (one, other, None)
    assert stronger(one, one, NOON) == one


@given(LIMITS, some.floats(0, 100 * DAY))
def test_confidence_only_fades(limit, after):
    assert 0 <= limit.confidence(NOON + after) <= limit.confidence(NOON) <= 1


@pytest.mark.parametrize(
    ("declared", "learned", "age", "value"),
    [
        (Limit(30, "catalog", 0), Limit(60, "header", NOON), 0, 60),
        (Limit(30, "catalog", 0), Limit(60, "header", NOON), 6 * DAY, 60),
        (Limit(30, "user", 0), Limit(60, "header", NOON), 12 * DAY, 30),
        (Limit(30, "catalog", 0), Limit(10, "body", NOON), 0, 10),
        (Limit(30, "user", 0), Limit(10, "observed", NOON), 0, 10),
        (Limit(30, "catalog", 0), Limit(50, "observed", NOON), 0, 30),
        (Limit(30, "catalog", 0), Limit(0, "body", NOON), 0.5 * DAY, 0),
        (Limit(30, "catalog", 0), Limit(0, "body", NOON), 1.1 * DAY, 30),
        (None, Limit(10, "observed", NOON), 1800, 10 * 1.05**3),
        (None, Limit(10, "header", NOON), 60 * DAY, None),
        (None, None, 0, None),
    ],
)
def test_the_best_believed_limit_holds_and_a_lower_refusal_at_once(declared, learned, age, value):
    limit = effective(declared, learned, NOON + age)
    told = None if limit is None else limit.now(NOON + age)
    assert told == value if value is None or told is None else math.isclose(told, value)


def test_a_refusal_is_not_reserved_at_all():
    hands = Hands()
    book = ledger(hands)
    seat = book.seat(model(rpm=100, tpm=500, rpd=100), KEY)
    assert isinstance(book.reserve(seat, tokens=90), Reservation)
    before = {key: window.spent for key, window in book.windows.items()}
    refused = book.reserve(seat, tokens=90)
    assert isinstance(refused, Refusal) and refused.window.kind == "tpm"
    assert {key: window.spent for key, window in book.windows.items()} == before
