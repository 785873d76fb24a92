"""Ways to a provider: names, addresses, TLS and proxies, each failing in its own way and in bounded time."""

import datetime
import errno
import os
import select
import socket
import ssl
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import trustme

from tests.fakes import FakeProvider
from wallas.errors import FailureKind, ProviderError
from wallas.transport import Transport
from wallas.transport_dial import (
    DNS_FAILURE_KEPT,
    DNS_KEPT,
    DNS_THREADS,
    Address,
    Resolver,
    bypasses,
    connect_any,
    connect_failure,
    parse_proxy,
)

AUTHORITY = trustme.CA()
YESTERDAY = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
HERE = socket.AF_INET


@pytest.fixture(scope="session")
def cafile(tmp_path_factory):
    """Return the file of an authority that nobody else knows."""
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    AUTHORITY.cert_pem.write_to_path(str(path))
    return str(path)


def server_context(certificate):
    """Return a server's TLS context with this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def found(*ports):
    """Return what a resolver answers: 127.0.0.1 at these ports."""
    return [(HERE, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in ports]


def refusal(call, *arguments, **more):
    """Return the failure that a call raises, and how long it took."""
    start = time.monotonic()
    with pytest.raises(ProviderError) as caught:
        call(*arguments, **more)
    return caught.value, time.monotonic() - start


def free_port():
    """Return a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@contextmanager
def black_hole():
    """Yield a port that drops every new connection: its queue is full and nobody accepts."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for sock in waiting:
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", port))
        yield port
        for sock in waiting:
            sock.close()


def open_descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


def test_u01_a_refused_connection_is_known_at_once():
    error, took = refusal(Transport().send, "GET", f"http://127.0.0.1:{free_port()}/", headers={})
    assert (error.kind, error.code) == (FailureKind.CONNECT, "econnrefused")
    assert took < 0.05


def test_u02_a_black_hole_costs_the_limit_and_no_more():
    before = open_descriptors()
    with black_hole() as port:
        error, took = refusal(Transport(connect=9).send, "GET", f"http://127.0.0.1:{port}/", headers={}, connect=0.2)
    assert (error.kind, error.code) == (FailureKind.CONNECT, "connect_timeout")
    assert 0.15 < took < 0.6
    assert open_descriptors() <= before


def test_u02_a_dead_address_before_a_living_one_costs_a_quarter_second():
    with black_hole() as port, socket.create_server(("127.0.0.1", 0)) as living:
        start = time.monotonic()
        addresses = [Address(HERE, ("127.0.0.1", port)), Address(HERE, living.getsockname())]
        sock = connect_any(addresses, within=3)
        assert 0.2 < time.monotonic() - start < 0.6
        assert sock.getpeername() == living.getsockname()
        sock.close()


def test_refused_and_unroutable_addresses_are_passed_over_at_once():
    with socket.create_server(("127.0.0.1", 0)) as living:
        start = time.monotonic()
        addresses = [
            Address(HERE, ("127.0.0.1", free_port())),
            Address(HERE, ("255.255.255.255", 9)),
            Address(HERE, living.getsockname()),
        ]
        sock = connect_any(addresses, within=3)
        assert time.monotonic() - start < 0.2
        sock.close()


def test_when_every_address_refuses_the_last_reason_is_told():
    with pytest.raises(OSError) as caught:
        connect_any([Address(HERE, ("127.0.0.1", free_port()))] * 2, within=1)
    assert caught.value.errno == errno.ECONNREFUSED


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (socket.gaierror(socket.EAI_NONAME, "unknown"), "dns_unknown"),
        (socket.gaierror(socket.EAI_AGAIN, "again"), "dns_failed"),
        (UnicodeError("label too long"), "dns_unknown"),
    ],
)
def test_u03_an_unknown_name_is_remembered_for_five_seconds(fault, code):
    asked, now = [], [0.0]

    def lookup(host, port, **more):
        asked.append(host)
        raise fault

    resolver = Resolver(lookup, clock=lambda: now[0])
    for now[0] in (0.0, DNS_FAILURE_KEPT - 0.1, DNS_FAILURE_KEPT + 0.1):
        error, _ = refusal(resolver.addresses, "none.example", 443)
        assert (error.kind, error.code) == (FailureKind.CONNECT, code)
    assert len(asked) == 2
    assert DNS_FAILURE_KEPT <= 5


def test_u03_a_transport_says_which_name_it_was():
    def lookup(host, port, **more):
        raise socket.gaierror(socket.EAI_NONAME, "no")

    error, _ = refusal(Transport(resolver=Resolver(lookup)).send, "GET", "https://none.example/", headers={})
    assert "none.example" in error.message and error.code == "dns_unknown"


def test_u04_a_resolver_that_hangs_costs_its_limit_and_is_asked_once():
    asked, gate = [], threading.Event()

    def lookup(host, port, **more):
        asked.append(host)
        gate.wait(5)
        return found(1)

    resolver = Resolver(lookup)
    for _ in range(3):
        error, took = refusal(resolver.addresses, "slow.example", 443, within=0.05)
        assert error.code == "dns_timeout"
        assert took < 0.3
    gate.set()
    assert resolver.addresses("slow.example", 443, within=1) == [Address(HERE, ("127.0.0.1", 1))]
    assert len(asked) == 1


def test_u04_hanging_names_hold_a_bounded_number_of_threads():
    gate = threading.Event()
    resolver = Resolver(lambda *_, **__: found(gate.wait(5)))
    for number in range(DNS_THREADS):
        refusal(resolver.addresses, f"h{number}.example", 443, within=0)
    error, _ = refusal(resolver.addresses, "one-more.example", 443, within=0)
    assert (error.kind, error.code) == (FailureKind.GATEWAY, "dns_busy")
    gate.set()


def test_no_thread_for_the_resolver_is_our_own_fault(monkeypatch):
    def start(thread):
        raise RuntimeError("can't start new thread")

    resolver = Resolver()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        error, _ = refusal(resolver.addresses, "127.0.0.1", 80)
    assert error.kind is FailureKind.GATEWAY


def test_a_name_is_asked_for_once_a_minute():
    asked, now = [], [0.0]

    def lookup(host, port, **more):
        asked.append(host)
        return found(port, port)

    resolver = Resolver(lookup, clock=lambda: now[0])
    for now[0] in (0.0, DNS_KEPT - 1, DNS_KEPT + 1):
        assert resolver.addresses("h.example", 443) == [Address(HERE, ("127.0.0.1", 443))]
    assert len(asked) == 2


def test_a_resolver_without_descriptors_is_our_own_fault():
    def lookup(host, port, **more):
        raise OSError(errno.EMFILE, "too many")

    error, _ = refusal(Resolver(lookup).addresses, "h.example", 443)
    assert (error.kind, error.code) == (FailureKind.GATEWAY, "emfile")


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EADDRNOTAVAIL])
def test_what_this_machine_lacks_is_our_own_fault(number):
    error = connect_failure(OSError(number, os.strerror(number)), "h")
    assert (error.kind, error.code) == (FailureKind.GATEWAY, errno.errorcode[number].lower())


def test_u05_tls_works_when_the_certificate_is_right(cafile):
    with FakeProvider(tls=server_context(AUTHORITY.issue_cert("127.0.0.1"))) as provider:
        transport = Transport(cafile=cafile)
        for _ in range(2):
            assert transport.fetch("GET", f"{provider.url}/v1/models", headers={})[0] == 200
        assert provider.accepted == 1
        transport.close()


@pytest.mark.parametrize(
    ("certificate", "trusted"),
    [
        (lambda: AUTHORITY.issue_cert("127.0.0.1", not_after=YESTERDAY), True),
        (lambda: AUTHORITY.issue_cert("other.example"), True),
        (lambda: trustme.CA().issue_cert("127.0.0.1"), True),
        (lambda: AUTHORITY.issue_cert("127.0.0.1"), False),
    ],
    ids=["expired", "wrong name", "other authority", "system's authorities"],
)
def test_u05_a_wrong_certificate_is_refused_and_nothing_is_sent(cafile, certificate, trusted):
    before = open_descriptors()
    with FakeProvider(tls=server_context(certificate())) as provider:
        transport = Transport(cafile=cafile if trusted else None)
        error, took = refusal(transport.send, "POST", f"{provider.url}/v1/x", headers={"X": "key"}, body=b"secret")
        assert (error.kind, error.code) == (FailureKind.CONNECT, "tls_certificate")
        assert took < 1
        assert not provider.requests
    assert open_descriptors() <= before + 1


def test_u05_a_handshake_that_hangs_costs_its_limit(cafile):
    with FakeProvider(tls=server_context(AUTHORITY.issue_cert("127.0.0.1"))) as provider:
        provider.door = "mute"
        error, took = refusal(Transport(cafile=cafile, tls=0.1).send, "GET", provider.url, headers={})
    assert error.code == "tls_timeout"
    assert took < 0.5


def test_u05_a_handshake_that_breaks_is_a_failure(cafile):
    with FakeProvider() as provider:
        provider.door = "slam"
        error, _ = refusal(Transport(cafile=cafile).send, "GET", f"https://127.0.0.1:{provider.port}/", headers={})
    assert error.kind is FailureKind.CONNECT
    assert error.code in ("tls", "econnreset")


def test_u05_a_server_without_tls_is_a_failure(cafile):
    proxy = Proxy(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    error, _ = refusal(Transport(cafile=cafile).send, "GET", f"https://127.0.0.1:{proxy.port}/", headers={})
    assert (error.kind, error.code) == (FailureKind.CONNECT, "tls")
    proxy.close()


def test_a_missing_file_of_authorities_fails_at_the_start(tmp_path):
    with pytest.raises(OSError):
        Transport(cafile=str(tmp_path / "none.pem"))


class Proxy:
    """A CONNECT proxy that keeps the heads it gets, and answers them with ``says``."""

    def __init__(self, says=b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n"):
        self.says = says
        self.heads = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.socks = []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with suppress(OSError):
            while True:
                sock, _ = self.listener.accept()
                self.socks.append(sock)
                self.heads.append(sock.recv(4096))
                sock.sendall(self.says)
                if b" 200 " in self.says:
                    port = self.heads[-1].split(b" ")[1].rpartition(b":")[2]
                    self.relay(sock, socket.create_connection(("127.0.0.1", int(port))))

    def relay(self, one, other):
        self.socks.append(other)
        while True:
            for sock in select.select([one, other], [], [])[0]:
                data = sock.recv(65536)
                if not data:
                    return
                (other if sock is one else one).sendall(data)

    def close(self):
        for sock in (self.listener, *self.socks):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()


@pytest.fixture
def proxied(cafile):
    """Return a function that fetches from a TLS provider called by name, through a proxy."""
    with FakeProvider(tls=server_context(AUTHORITY.issue_cert("provider.example"))) as provider:

        def fetch(proxy_url, no_proxy=""):
            resolver = Resolver(lambda host, port, **_: found(port))
            transport = Transport(cafile=cafile, proxy=proxy_url, no_proxy=no_proxy, resolver=resolver)
            try:
                return transport.fetch(
                    "GET", f"https://provider.example:{provider.port}/v1/models", headers={}, timeout=2
                )
            finally:
                transport.close()

        yield fetch


def test_a_proxy_that_does_not_get_through_says_so(proxied):
    proxy = Proxy(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 3\r\n\r\nno.")
    error, _ = refusal(proxied, f"http://127.0.0.1:{proxy.port}")
    assert (error.kind, error.code) == (FailureKind.CONNECT, "proxy")
    assert "502" in error.message
    proxy.close()


def test_tls_goes_through_a_proxy_and_is_verified_at_its_end(proxied):
    proxy = Proxy()
    status, _, _ = proxied(f"http://user:p%40ss@127.0.0.1:{proxy.port}")
    assert status == 200
    assert proxy.heads[0].startswith(b"CONNECT provider.example:")
    assert b"Proxy-Authorization: Basic dXNlcjpwQHNz\r\n" in proxy.heads[0]
    proxy.close()


def test_loopback_never_goes_through_the_proxy(cafile):
    with FakeProvider(tls=server_context(AUTHORITY.issue_cert("127.0.0.1"))) as provider:
        transport = Transport(cafile=cafile, proxy=f"http://127.0.0.1:{free_port()}")
        assert transport.fetch("GET", f"{provider.url}/v1/models", headers={})[0] == 200
        transport.close()


@pytest.mark.parametrize("says", [b"SSH-2.0\r\n", b"", b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"])
def test_a_proxy_that_refuses_or_babbles_is_told_from_the_provider(proxied, says):
    proxy = Proxy(says)
    threading.Timer(0.05, proxy.close).start()
    error, _ = refusal(proxied, f"http://user:secret@127.0.0.1:{proxy.port}")
    assert (error.kind, error.code) == (FailureKind.CONNECT, "proxy")
    assert "secret" not in f"{error}{error.__cause__!r}"
    assert b"Proxy-Authorization: Basic dXNlcjpzZWNyZXQ=" in proxy.heads[0]


def test_no_proxy_is_obeyed(proxied):
    assert proxied(f"http://127.0.0.1:{free_port()}", no_proxy="example")[0] == 200
    error, _ = refusal(proxied, f"http://127.0.0.1:{free_port()}", no_proxy="other")
    assert error.code == "econnrefused"


@pytest.mark.parametrize(
    ("host", "rules", "past"),
    [
        ("api.example.com", "", False),
        ("api.example.com", "example.com", True),
        ("api.example.com", ".example.com", True),
        ("api.example.com", "*.example.com", True),
        ("api.example.com", " EXAMPLE.com , other", True),
        ("api.example.com", "example.com:443", True),
        ("badexample.com", "example.com", False),
        ("example.com.", "example.com", True),
        ("anything", "*", True),
        ("localhost", "", True),
        ("a.localhost", "", True),
        ("127.0.0.9", "", True),
        ("::1", "", True),
        ("10.1.2.3", "10.0.0.0/8", True),
        ("10.1.2.3", "10.1.2.3", True),
        ("11.1.2.3", "10.0.0.0/8", False),
        ("11.1.2.3", "example.com", False),
        ("api.example.com", "10.0.0.0/8", False),
    ],
)
def test_no_proxy_rules(host, rules, past):
    assert bypasses(host, rules.split(",")) is past


@pytest.mark.parametrize(
    "url",
    ["https://u:secret@p:1", "socks5://u:secret@p", "http://u:secret@", "http://u:secret@p:x", "http://u:secret@a b"],
)
def test_a_proxy_that_cannot_be_used_fails_at_the_start_without_showing_its_password(url):
    with pytest.raises(ValueError) as caught:
        Transport(proxy=url)
    assert "secret" not in str(caught.value)


def test_a_proxy_is_read_from_its_setting():
    assert parse_proxy(None) is None
    assert parse_proxy("p.example")[:2] == ("p.example", 3128)
    assert parse_proxy("http://p.example:8080/")[:2] == ("p.example", 8080)
