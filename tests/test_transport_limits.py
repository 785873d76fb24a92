"""What the transport may hold: idle connections, descriptors, threads, half-sent requests."""

import os
import resource
import socket
import threading
import time
from pathlib import Path

import pytest

from tests.fakes import (
    FakeProvider,
    close,
    finish,
    flush,
    half_chunk,
    hang_up,
    lying_length,
    never,
    not_http,
    pause,
    say,
)
from tests.transport_kit import read_all
from wallas.errors import FailureKind, ProviderError
from wallas.transport import IDLE_CONNECTIONS, IDLE_SECONDS, Transport

CHAT = b'{"model": "m", "stream": true}'
PLAIN = b'{"model": "m"}'
DESCRIPTORS = Path("/proc/self/fd")


@pytest.fixture
def provider():
    with FakeProvider() as fake:
        yield fake


@pytest.fixture
def transport():
    made = Transport()
    yield made
    made.close()


def chat(transport, provider):
    """Send a streamed chat request."""
    return transport.send("POST", f"{provider.url}/v1/chat/completions", headers={}, body=CHAT)


def descriptors():
    """Return how many descriptors this process has open."""
    return len(list(DESCRIPTORS.iterdir()))


def test_idle_connections_are_bounded_and_swept(provider, transport):
    provider.otherwise = lambda request: (finish("stop"),)
    bodies = [chat(transport, provider) for _ in range(IDLE_CONNECTIONS + 6)]
    for body in bodies:
        read_all(body)
    for body in bodies:
        body.release()
    assert transport.idle == IDLE_CONNECTIONS
    assert provider.wait_until(lambda: provider.open_connections == IDLE_CONNECTIONS)
    transport.sweep(time.monotonic() + IDLE_SECONDS / 2)
    assert transport.idle == IDLE_CONNECTIONS
    transport.sweep(time.monotonic() + IDLE_SECONDS + 1)
    assert transport.idle == 0
    assert provider.wait_until(lambda: provider.open_connections == 0)


def test_a_closed_transport_keeps_nothing(provider, transport):
    first, second = chat(transport, provider), chat(transport, provider)
    read_all(first)
    first.release()
    transport.close()
    read_all(second)
    second.release()
    assert transport.idle == 0


def half_server(answer):
    """Return the port of a server that reads a request's beginning, says ``answer`` and reads no more."""
    listener = socket.create_server(("127.0.0.1", 0))
    kept = []

    def serve():
        sock, _ = listener.accept()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.recv(1000)
        sock.sendall(answer)
        kept.append(sock)

    threading.Thread(target=serve, daemon=True).start()
    return listener, kept


def test_an_early_answer_to_a_large_request_is_heard(transport):
    listener, kept = half_server(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    body = transport.send("POST", url, headers={}, body=b"x" * 30_000_000)
    assert read_all(body) == b"no" and body.status == 413
    body.release()
    assert transport.idle == 0
    listener.close()
    kept[0].close()


def test_no_descriptors_left_is_our_own_fault(transport):
    with FakeProvider() as provider:
        transport.fetch("GET", f"{provider.url}/models", headers={})
        transport.close()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(int(path.name) for path in DESCRIPTORS.iterdir()), hard))
        spare = []
        try:
            while True:
                spare.append(os.dup(0))
        except OSError:
            pass
        try:
            with pytest.raises(ProviderError) as caught:
                transport.send("GET", f"{provider.url}/models", headers={})
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            for descriptor in spare:
                os.close(descriptor)
        assert caught.value.kind is FailureKind.GATEWAY
        assert caught.value.code == "emfile"


def test_nothing_is_left_open_after_faults_of_every_kind(transport):
    with FakeProvider() as provider:
        faults = (hang_up, close, not_http, half_chunk, lying_length(5), never)
        before = descriptors()
        for fault in faults * 3:
            provider.will(say("x", finish=None), fault)
            body = transport.send("POST", f"{provider.url}/v1/chat/completions", headers={}, body=PLAIN)
            body.wait(0.05)
            try:
                while body.wait(0.02):
                    body.read()
            except ProviderError:
                pass
            body.abort()
        assert provider.wait_until(lambda: provider.open_connections == 0)
        assert descriptors() <= before


def test_three_hundred_answers_are_waited_for_by_one_thread(transport):
    with FakeProvider() as provider:
        provider.otherwise = lambda request: (flush, pause(0.2), say("late"))
        url = f"{provider.url}/v1/chat/completions"
        threads = threading.active_count()
        bodies = [transport.send("POST", url, headers={}, body=CHAT) for _ in range(300)]
        ours = threading.active_count() - threads
        assert sum(b"[DONE]" in read_all(body, limit=10) for body in bodies) == 300
        for body in bodies:
            body.release()
        assert ours <= 300 + 1  # the simulated provider's own
