"""Connections that stay in a server's poll between answers: who may take them, and what stirs them."""

import socket
import threading

import pytest

from tests.fakes import FakeProvider, hang_up, say
from tests.transport_kit import failure, read_all
from wallas import waits
from wallas.transport import Transport
from wallas.transport_body import Link

ORIGIN = ("http", "127.0.0.1", 80)


class Poll:
    """A server's poll, as far as a connection knows it."""

    def __init__(self):
        self.known = []

    def watch(self, link):
        """Wait for a connection."""
        link.watcher = self
        self.known.append(link)

    def forget(self, inlet):
        """Wait for it no more."""
        inlet.reader = inlet.watcher = None
        self.known.remove(inlet)


@pytest.fixture
def here():
    """Let nothing wait in this thread."""
    waits.never_here()
    yield
    waits.anywhere()


@pytest.fixture
def kept():
    """Return (a transport, its one idle connection, the other end, the poll that has the connection)."""
    transport, poll = Transport(), Poll()
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    link = Link(transport, ours, ORIGIN)
    transport.put_back(link)
    poll.watch(link)
    yield transport, link, theirs, poll
    transport.close()
    ours.close()
    theirs.close()


def elsewhere(call):
    """Return what a call returns in another thread."""
    found = []
    thread = threading.Thread(target=lambda: found.append(call()))
    thread.start()
    thread.join(5)
    return found[0]


def test_the_thread_of_the_poll_takes_a_connection_and_leaves_it_there(here, kept):
    transport, link, _, poll = kept
    assert transport._take_idle(ORIGIN) is link
    assert poll.known == [link] and transport.idle == 0


def test_any_other_thread_takes_it_out_of_the_poll_first(here, kept):
    transport, link, _, poll = kept
    assert elsewhere(lambda: transport._take_idle(ORIGIN)) is link
    assert poll.known == [] and link.watcher is None


def test_any_other_thread_looks_whether_it_lives(here, kept):
    transport, link, theirs, poll = kept
    theirs.close()
    assert elsewhere(lambda: transport._take_idle(ORIGIN)) is None
    assert poll.known == [] and link.number == -1


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 408 Request Timeout\r\n\r\n"], ids=["the end", "junk"])
def test_an_idle_connection_that_stirs_is_closed(kept, said):
    transport, link, theirs, poll = kept
    if said:
        theirs.send(said)
    else:
        theirs.close()
    link.stirred()
    assert transport.idle == 0 and poll.known == [] and link.sock.fileno() == -1


def test_an_idle_connection_that_stirs_for_nothing_stays(kept):
    transport, link, _, poll = kept
    link.stirred()
    assert transport.idle == 1 and poll.known == [link]


def test_a_connection_that_was_taken_is_not_read_from_by_whoever_sees_it_stir(here, kept):
    transport, link, theirs, _ = kept
    taken = transport._take_idle(ORIGIN)
    theirs.send(b"HTTP/1.1 200 OK")
    link.stirred()
    assert taken.sock.recv(100) == b"HTTP/1.1 200 OK"


def test_one_that_dies_unnoticed_is_stale_there_too(here):
    transport, poll = Transport(), Poll()
    with FakeProvider() as provider:
        provider.will(say("Hello."), hang_up)

        def send():
            return transport.send("POST", f"{provider.url}/v1/chat/completions", headers={}, body=b'{"messages":[]}')

        body = elsewhere(send)
        elsewhere(lambda: read_all(body))
        poll.watch(body.link)
        body.release()
        again = send()
        assert again.reused and again.link is body.link
        assert elsewhere(lambda: failure(again))[1].code == "stale"
        again.abort()
        assert poll.known == []
    transport.close()


def test_what_is_closed_leaves_the_poll_before_its_socket_closes(here, kept):
    transport, link, _, poll = kept
    open_when_left = []
    forget = poll.forget

    def forgetting(inlet):
        open_when_left.append(inlet.sock.fileno() >= 0)
        forget(inlet)

    poll.forget = forgetting
    transport.close()
    assert open_when_left == [True] and link.sock.fileno() == -1
