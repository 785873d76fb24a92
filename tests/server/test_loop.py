"""The worker's loop around the gateway itself, turned by hand: providers' connections stay in its poll."""

from tests.fakes import say
from tests.test_performance import gateway, worked, worker  # noqa: F401

WARM = 6
"""Requests after which nothing needs a thread."""


def idle(gateway):  # noqa: F811
    """Return the one idle connection to a provider."""
    transport = gateway[0].extensions["wallas"].transport
    (link,) = [link for links in transport._idle.values() for link in links]
    return link


def warmed(gateway, worker):  # noqa: F811
    """Return the loop and the client after some requests."""
    for _ in range(WARM + 2):
        gateway[1].will(say("Well."))
    for _ in range(WARM):
        assert worked(*worker)[0].startswith(b"HTTP/1.1 200 OK")
    return worker


def test_a_providers_connection_stays_in_the_poll_between_answers(gateway, worker):  # noqa: F811
    loop, client = warmed(gateway, worker)
    link = idle(gateway)
    assert loop.inlets == {link.number: link} and link.watcher is loop and link.reader is None
    worked(loop, client)
    assert idle(gateway) is link


def test_one_that_its_provider_closes_is_dropped_and_the_next_request_has_another(gateway, worker):  # noqa: F811
    loop, client = warmed(gateway, worker)
    transport = gateway[0].extensions["wallas"].transport
    gateway[1].close_idle()
    while transport.idle:
        loop._turn()
    assert loop.inlets == {}
    assert worked(loop, client)[0].startswith(b"HTTP/1.1 200 OK")


def test_one_that_is_closed_in_the_same_moment_costs_the_client_nothing(gateway, worker):  # noqa: F811
    loop, client = warmed(gateway, worker)
    gateway[1].close_idle()
    assert gateway[1].wait_until(lambda: not gateway[1].open_connections)
    assert worked(loop, client)[0].startswith(b"HTTP/1.1 200 OK")


def test_the_first_wait_of_all_is_no_longer_than_until_the_sweep(worker):  # noqa: F811
    loop, _ = worker
    assert 0 <= loop.clocks.wakes - loop.now <= 1.0
