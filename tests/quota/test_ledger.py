from concurrent.futures import ThreadPoolExecutor

from wallas.quota.ledger import Ledger

PLACE = ("groq", "m", "acc")


def test_a_reservation_is_open_until_it_is_settled():
    ledger = Ledger()
    reservation = ledger.reserve(*PLACE, tokens=50)
    assert (ledger.open, ledger.requests) == (1, {})
    ledger.settle(reservation, tokens=70)
    assert (ledger.open, ledger.requests[PLACE], ledger.tokens[PLACE]) == (0, 1, 70)


def test_what_the_provider_did_not_say_is_booked_as_estimated():
    ledger = Ledger()
    ledger.settle(ledger.reserve(*PLACE, tokens=50), tokens=None)
    ledger.settle(ledger.reserve(*PLACE, tokens=50), tokens=0)
    assert (ledger.requests[PLACE], ledger.tokens[PLACE]) == (2, 50)


def test_models_and_accounts_are_booked_apart():
    ledger = Ledger()
    for place in (PLACE, ("groq", "n", "acc"), ("groq", "m", "other")):
        ledger.settle(ledger.reserve(*place, tokens=1), tokens=None)
    assert set(ledger.requests.values()) == {1} and len(ledger.requests) == 3


def test_many_threads_lose_nothing():
    ledger = Ledger()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: ledger.settle(ledger.reserve(*PLACE, tokens=1), tokens=2), range(4000)))
    assert (ledger.open, ledger.requests[PLACE], ledger.tokens[PLACE]) == (0, 4000, 8000)
