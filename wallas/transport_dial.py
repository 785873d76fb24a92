"""Opens connections to providers: names to addresses, addresses to sockets, proxies and TLS, each with its limit."""

import errno
import ipaddress
import re
import select
import socket
import ssl
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast
from urllib.parse import unquote, urlsplit

from urllib3.connection import HTTPSConnection

from wallas.errors import FailureKind, ProviderError
from wallas.transport_http import Answer, Target

DNS_SECONDS = 3.0
DNS_KEPT = 60.0
DNS_FAILURE_KEPT = 5.0
DNS_THREADS = 16
STAGGER_SECONDS = 0.25
"""How long one address is waited for before the next is tried beside it (RFC 8305, "happy eyeballs")."""

Lookup = Callable[..., Sequence[tuple[Any, ...]]]

_OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EADDRNOTAVAIL})
_UNDER_WAY = frozenset({0, errno.EINPROGRESS, errno.EWOULDBLOCK})
_HOST = re.compile(r"[A-Za-z0-9._:-]+")


class Address(NamedTuple):
    """One of a host's addresses, as ``socket`` wants it."""

    family: int
    address: tuple[Any, ...]


def connect_failure(error: OSError, host: str) -> ProviderError:
    """Return what a socket's error means: ours where this machine ran out of something, else the provider's.

    ``code`` is the errno's name, so that the same local fault at several
    providers can be told from several providers' faults.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        return ProviderError(FailureKind.CONNECT, f"{host}: {error.verify_message}", code="tls_certificate")
    if isinstance(error, TimeoutError) and error.errno is None:
        return ProviderError(FailureKind.CONNECT, f"{host}: no connection in time", code="connect_timeout")
    if isinstance(error, ssl.SSLError):
        return ProviderError(FailureKind.CONNECT, f"{host}: TLS failed: {error.reason or 'closed'}", code="tls")
    kind = FailureKind.GATEWAY if error.errno in _OURS else FailureKind.CONNECT
    name = errno.errorcode.get(error.errno or 0, "closed").lower()
    return ProviderError(kind, f"{host}: {error.strerror or 'closed'}", code=name)


class _Lookup:
    """One question to the system's resolver, for everybody who asks it meanwhile."""

    def __init__(self) -> None:
        self.answered = threading.Event()
        self.addresses: list[Address] = []
        self.failure: ProviderError | None = None
        self.until = 0.0


class Resolver:
    """Finds hosts' addresses in bounded time: ``getaddrinfo`` itself knows no limit, so a thread waits for it."""

    def __init__(self, lookup: Lookup = socket.getaddrinfo, clock: Callable[[], float] = time.monotonic) -> None:
        """Start with nothing known."""
        self._lookup = lookup
        self._clock = clock
        self._known: dict[tuple[str, int], _Lookup] = {}
        self._lock = threading.Lock()
        self._slots = threading.Semaphore(DNS_THREADS)

    def addresses(self, host: str, port: int, *, within: float = DNS_SECONDS) -> list[Address]:
        """Return the addresses; raise CONNECT for a name that is unknown or not answered for in ``within`` seconds."""
        lookup = self._shared(host, port)
        if not lookup.answered.wait(within):
            raise ProviderError(FailureKind.CONNECT, f"{host}: the name was not resolved in time", code="dns_timeout")
        if failure := lookup.failure:
            raise ProviderError(failure.kind, failure.message, code=failure.code)
        return lookup.addresses

    def _shared(self, host: str, port: int) -> _Lookup:
        with self._lock:
            known = self._known.get((host, port))
            if known and (not known.answered.is_set() or known.until > self._clock()):
                return known
            if not self._slots.acquire(blocking=False):
                raise ProviderError(FailureKind.GATEWAY, "the resolver is busy", code="dns_busy")
            lookup = self._known[host, port] = _Lookup()
        thread = threading.Thread(target=self._ask, args=(lookup, host, port), daemon=True, name="wallas-dns")
        try:
            thread.start()
        except RuntimeError as error:
            self._failed(lookup, ProviderError(FailureKind.GATEWAY, "no thread for the resolver", code="threads"))
            self._slots.release()
            raise ProviderError(FailureKind.GATEWAY, "no thread for the resolver", code="threads") from error
        return lookup

    def _ask(self, lookup: _Lookup, host: str, port: int) -> None:
        try:
            found = self._lookup(host, port, type=socket.SOCK_STREAM)
            lookup.addresses = list(dict.fromkeys(Address(row[0], tuple(row[4])) for row in found))
            lookup.until = self._clock() + DNS_KEPT
            lookup.answered.set()
        except (OSError, UnicodeError) as error:
            self._failed(lookup, _name_failure(error, host))
        finally:
            self._slots.release()
            if not lookup.answered.is_set():
                self._failed(lookup, ProviderError(FailureKind.GATEWAY, "the resolver broke", code="dns_broken"))

    def _failed(self, lookup: _Lookup, failure: ProviderError) -> None:
        lookup.failure, lookup.until = failure, self._clock() + DNS_FAILURE_KEPT
        lookup.answered.set()


def _name_failure(error: OSError | UnicodeError, host: str) -> ProviderError:
    if isinstance(error, OSError) and error.errno in _OURS:
        return connect_failure(error, host)
    if isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN:
        return ProviderError(FailureKind.CONNECT, f"{host}: the name could not be resolved", code="dns_failed")
    return ProviderError(FailureKind.CONNECT, f"{host}: the name is unknown", code="dns_unknown")


def connect_any(addresses: Sequence[Address], *, within: float) -> socket.socket:
    """Return a connected socket to the first address that answers; raise OSError of the last that refused.

    An address that keeps silent is joined by the next one after STAGGER_SECONDS,
    so that a broken IPv6 route costs a quarter of a second, not the whole limit.
    """
    deadline = time.monotonic() + within
    waiting = list(addresses)
    open_: dict[int, socket.socket] = {}
    poll = select.poll()
    failure: OSError = TimeoutError()
    try:
        while waiting or open_:
            if waiting:
                try:
                    sock = _begin(waiting.pop(0))
                except OSError as error:
                    if error.errno in _OURS:
                        raise
                    failure = error
                    continue
                open_[sock.fileno()] = sock
                poll.register(sock, select.POLLOUT)
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            for descriptor, _ in poll.poll(1000 * (min(left, STAGGER_SECONDS) if waiting else left)):
                poll.unregister(descriptor)
                sock = open_.pop(descriptor)
                code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if not code:
                    return sock
                sock.close()
                failure = OSError(code, errno.errorcode.get(code, ""))
        raise failure
    finally:
        for sock in open_.values():
            sock.close()


def _begin(address: Address) -> socket.socket:
    sock = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        code = sock.connect_ex(address.address)
        if code not in _UNDER_WAY:
            raise OSError(code, errno.errorcode.get(code, ""))
    except BaseException:
        sock.close()
        raise
    return sock


class Proxy(NamedTuple):
    """An HTTP proxy for TLS connections; its credentials appear in no message."""

    host: str
    port: int
    authorization: str


def parse_proxy(url: str | None) -> Proxy | None:
    """Return the proxy that a setting names; raise ValueError, without its credentials, for one we cannot use."""
    if not url:
        return None
    parts = urlsplit(url if "://" in url else f"http://{url}")
    try:
        port = parts.port or 3128
    except ValueError:
        port = 0
    if parts.scheme != "http" or not port or not _HOST.fullmatch(parts.hostname or ""):
        raise ValueError("HTTPS_PROXY: expected http://[user:password@]host:port")
    secret = ""
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        secret = f"Proxy-Authorization: Basic {b64encode(pair.encode()).decode()}\r\n"
    return Proxy(parts.hostname or "", port, secret)


def bypasses(host: str, rules: Sequence[str]) -> bool:
    """Return whether NO_PROXY's rules (hosts, domains, networks, ``*``) or loopback keep a host off the proxy."""
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    address = _ip(name)
    if address is not None and address.is_loopback:
        return True
    return any(_matches(name, address, rule.strip().lower()) for rule in rules)


def _matches(name: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address | None, rule: str) -> bool:
    if rule == "*":
        return True
    if address is not None:
        try:
            return address in ipaddress.ip_network(rule, strict=False)
        except ValueError:
            return False
    domain = rule.removeprefix("*").lstrip(".").partition(":")[0]
    return bool(domain) and (name == domain or name.endswith(f".{domain}"))


def _ip(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


class _Tls(HTTPSConnection):
    """urllib3's TLS connection, which verifies, over a socket that is already open."""

    opened: socket.socket

    def _new_conn(self) -> socket.socket:
        return self.opened


class Dialler:
    """Opens a verified connection to a target, through the proxy where there is one."""

    def __init__(
        self,
        *,
        connect: float,
        tls: float,
        context: Callable[[], ssl.SSLContext],
        proxy: Proxy | None,
        no_proxy: Sequence[str],
        resolver: Resolver,
    ) -> None:
        """Keep the limits, in seconds, and the ways out."""
        self.connect = connect
        self.tls = tls
        self.context = context
        self.proxy = proxy
        self.no_proxy = no_proxy
        self.resolver = resolver

    def open(self, target: Target, *, connect: float | None = None, tls: float | None = None) -> socket.socket:
        """Return a connected socket, never verified less than asked; raise CONNECT, or GATEWAY for our own faults."""
        limit = self.connect if connect is None else connect
        handshake = self.tls if tls is None else tls
        proxy = self.proxy
        if proxy is None or target.scheme != "https" or bypasses(target.host, self.no_proxy):
            sock = self._reach(target.host, target.port, limit)
        else:
            sock = self._reach(proxy.host, proxy.port, limit)
            self._tunnel(sock, proxy, target, handshake)
        return self._wrapped(sock, target, handshake) if target.scheme == "https" else sock

    def _reach(self, host: str, port: int, limit: float) -> socket.socket:
        until = time.monotonic() + limit
        addresses = self.resolver.addresses(host, port, within=min(limit, DNS_SECONDS))
        try:
            return connect_any(addresses, within=max(until - time.monotonic(), 0.05))
        except OSError as error:
            raise connect_failure(error, host) from error

    def _tunnel(self, sock: socket.socket, proxy: Proxy, target: Target, limit: float) -> None:
        """Ask the proxy for a way through; its own errors are nobody's at the provider."""
        host = f"[{target.host}]" if ":" in target.host else target.host
        where = f"{host}:{target.port}"
        head = f"CONNECT {where} HTTP/1.1\r\nHost: {where}\r\n{proxy.authorization}\r\n"
        answer, until = Answer("HEAD"), time.monotonic() + limit
        try:
            sock.send(head.encode("latin-1"))
            while answer.status is None and answer.fault is None:
                sock.settimeout(max(until - time.monotonic(), 0.001))
                data = sock.recv(1)  # not one byte of what follows the head
                if not data:
                    break
                answer.feed(data)
        except OSError as error:
            sock.close()
            raise ProviderError(FailureKind.CONNECT, "the proxy does not answer", code="proxy") from error
        if answer.status is None or not 200 <= answer.status < 300:
            sock.close()
            said = f"the proxy says {answer.status}" if answer.status else "the proxy does not speak HTTP"
            raise ProviderError(FailureKind.CONNECT, said, code="proxy")

    def _wrapped(self, sock: socket.socket, target: Target, limit: float) -> socket.socket:
        sock.settimeout(limit)
        connection = _Tls(target.host, target.port, timeout=limit, ssl_context=self.context())
        connection.opened = sock
        try:
            connection.connect()
        except OSError as error:
            sock.close()
            connection.close()
            if isinstance(error, TimeoutError):
                said = f"{target.host}: no TLS handshake in {limit:g} s"
                raise ProviderError(FailureKind.CONNECT, said, code="tls_timeout") from error
            raise connect_failure(error, target.host) from error
        wrapped, connection.sock = connection.sock, None
        secured = cast(socket.socket, wrapped)
        secured.setblocking(False)
        return secured
