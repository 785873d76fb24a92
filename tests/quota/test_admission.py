"""Quota is taken by one look: nobody waits for a share that is known to stay empty."""

import pytest

from tests.quota.kit import KEY, Hands, Shared, ledger, model
from wallas import waits
from wallas.quota.ledger import Reservation
from wallas.routing.admission import Held, refused, reserve
from wallas.routing.needs import Needs
from wallas.waits import NotNow, may_wait

NEEDS = Needs(frozenset(), 100, 50)


class Far(Shared):
    """What several workers share, in a database."""

    def exchange(self, asks, *, now):
        may_wait()
        return super().exchange(asks, now=now)


@pytest.fixture
def here():
    """Let nothing wait in this thread."""
    waits.never_here()
    yield
    waits.anywhere()


def two_of(limits):
    """Return a model, and the ledgers of two workers that share its limits."""
    entries, live = {}, set()
    hands = Hands()
    books = [ledger(hands, authority=Far(entries, live, name)) for name in ("one", "two")]
    for book in books:
        book.tick()
    return model(**limits), books


def test_what_is_known_to_be_used_up_is_refused_without_asking_anybody(here):
    waits.anywhere()
    one, (book, _) = two_of({"rpm": 2})
    assert all(isinstance(reserve(book, one, KEY, NEEDS), Reservation) for _ in range(2))
    waits.never_here()
    assert reserve(book, one, KEY, NEEDS) == refused_for("rpm used up", book, one)


def refused_for(reason, book, one):
    """Return why a ledger says that a call may not be made, after a look at the reason."""
    _, seconds = book.available(book.seat(one, KEY), NEEDS.tokens, NEEDS.output)
    return Held(f"quota: {reason}", pytest.approx(seconds))


def test_a_share_that_may_be_filled_up_is_not_waited_for_here(here):
    one, (book, _) = two_of({"rpm": 40})
    with pytest.raises(NotNow):
        reserve(book, one, KEY, NEEDS)
    waits.anywhere()
    assert isinstance(reserve(book, one, KEY, NEEDS), Reservation)


def test_it_says_what_explain_says():
    one, (book, other) = two_of({"tpm": 1000})
    answers = []
    for worker in (book, other) * 8:
        told = refused(worker, one, KEY, NEEDS)
        taken = reserve(worker, one, KEY, NEEDS)
        assert (told is None) == isinstance(taken, Reservation)
        answers.append(told is None)
    assert answers.count(True) == 6 and not answers[-1]
