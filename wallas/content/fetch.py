"""The one way to fetch a URL that a request, or a provider's answer, names.

Whoever names a URL may want to look behind the firewall: so the name is resolved once, every address of it must be
public, exactly these are dialled, and every redirect starts over. Nothing of ours goes along, no proxy is asked, and
whatever is refused before a connection stands is refused in the same words.
"""

import logging
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple
from urllib.parse import unquote, urljoin, urlsplit

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from wallas.content.addresses import is_own, is_public
from wallas.errors import FailureKind, ProviderError, WallasError
from wallas.transport import Transport
from wallas.transport_body import Body
from wallas.transport_dial import Address, Resolver
from wallas.version import VERSION

log = logging.getLogger(__name__)

SECONDS = 15.0
MOST_BYTES = 20 * 1024 * 1024
REDIRECTS = 3
AT_ONCE = 8
URLS_A_REQUEST = 4
PORTS = {"http": 80, "https": 443}
CONNECT_SECONDS = 3.0
LOCAL_NAMES = (".localhost", ".local", ".internal", ".lan", ".home.arpa")
MOVED = frozenset({301, 302, 303, 307, 308})
REFUSED = "this URL is not fetched: only public http and https addresses are, on their usual ports"
"""One text for whatever is refused before a connection stands: it tells nothing of the network in here."""

_CLEAN = re.compile(r"[!-\[\]-~]+")
"""Printable ASCII without space and backslash, which parsers read in different ways."""
_URL = re.compile(r"(https?)://([^/?#]*)", re.IGNORECASE)
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?")
_PLAIN4 = re.compile(r"(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!\Z)|\Z)){4}", re.ASCII)
_NUMBER = re.compile(r"(?:0x[0-9a-f]*|\d+)", re.IGNORECASE | re.ASCII)
_NAMED = re.compile(r"filename\s*=\s*\"?([^\";]+)", re.IGNORECASE)


class FetchError(WallasError):
    """A URL was not fetched; the text may be told to whoever named it."""


class Fetched(NamedTuple):
    """What a URL gave: its bytes, the media type it claims, a name for it, and where it was found at last."""

    data: bytes
    mime: str | None
    name: str | None
    url: str


class Place(NamedTuple):
    """Where a URL leads, read in one way only."""

    url: str
    scheme: str
    host: str
    port: int


def place_of(url: str) -> Place:
    """Return where a URL leads; raise FetchError for whatever two parsers could read differently."""
    scheme = _URL.match(url)
    authority = _AUTHORITY.fullmatch(scheme[2]) if scheme else None
    if scheme is None or authority is None or not _CLEAN.fullmatch(url) or len(url) > 8192:
        raise FetchError(REFUSED)
    if url[scheme.end() :][:1] in ("?", "#") and "@" in url:  # to some, what follows the @ is the host
        raise FetchError(REFUSED)
    try:
        parsed = parse_url(url)
        port = int(authority[2]) if authority[2] else PORTS[scheme[1].lower()]
    except (LocationParseError, ValueError) as error:
        raise FetchError(REFUSED) from error
    host = authority[1].lower()
    if (parsed.host or "").lower() != host or parsed.auth or (parsed.port or port) != port:
        raise FetchError(REFUSED)
    bare = host.strip("[]")
    if host.endswith(".") or (_NUMBER.fullmatch(bare.rpartition(".")[2]) and not _PLAIN4.fullmatch(bare)):
        raise FetchError(REFUSED)
    return Place(parsed.url, scheme[1].lower(), bare, port)


class _Checked(Resolver):
    """Resolves a name once and gives only what may be dialled: every address, or the name is refused."""

    def __init__(self, resolver: Resolver, allowed: Collection[str], public: Callable[[str], bool]) -> None:
        self.resolver = resolver
        self.allowed = allowed
        self.public = public

    def addresses(self, host: str, port: int, *, within: float = CONNECT_SECONDS) -> list[Address]:
        """Return a host's addresses; raise ProviderError for one that leads inside."""
        found = self.resolver.addresses(host, port, within=within)
        if not is_allowed(host, port, self.allowed):
            for address in found:
                ip = str(address.address[0])
                if not self.public(ip) or is_own(ip):
                    raise ProviderError(FailureKind.CONNECT, "an address that is not public", code="inside")
        return found


def is_allowed(host: str, port: int, allowed: Collection[str]) -> bool:
    """Return whether the operator lists a host, with this port or, for the usual ports, without."""
    where = f"[{host}]" if ":" in host else host
    return f"{where}:{port}" in allowed or (port in PORTS.values() and (host in allowed or where in allowed))


class Fetcher:
    """Fetches files from the public internet, and from the hosts that the operator allows; one per process."""

    def __init__(
        self,
        *,
        allowed: Sequence[str] = (),
        cafile: str | None = None,
        resolver: Resolver | None = None,
        ports: Collection[int] = (80, 443),
        public: Callable[[str], bool] = is_public,
        seconds: float = SECONDS,
        most: int = MOST_BYTES,
    ) -> None:
        """Allow private addresses to the hosts in ``allowed`` (``host`` or ``host:port``) and to nobody else."""
        self.allowed = frozenset(name.lower() for name in allowed)
        self.ports = ports
        self.public = public
        self.seconds = seconds
        self.most = most
        self.slots = threading.Semaphore(AT_ONCE)
        self.transport = Transport(
            connect=min(CONNECT_SECONDS, seconds),
            tls=min(5.0, seconds),
            cafile=cafile,
            resolver=_Checked(resolver or Resolver(), self.allowed, public),
        )

    def check(self, url: str) -> None:
        """Raise FetchError for a URL that nobody shall be sent to: odd in form, or an address inside by its own word.

        For URLs that are passed on as they are; no name is resolved.
        """
        place = place_of(url)
        literal = ":" in place.host or _PLAIN4.fullmatch(place.host) is not None
        inside = literal and not self.public(place.host)
        local = place.host == "localhost" or place.host.endswith(LOCAL_NAMES)
        if (inside or local) and not is_allowed(place.host, place.port, self.allowed):
            raise FetchError(REFUSED)

    def fetch(self, url: str) -> Fetched:
        """Return what a URL gives within the limits of time, size and redirects; raise FetchError. Blocks."""
        until = time.monotonic() + self.seconds
        if not self.slots.acquire(timeout=self.seconds):
            raise FetchError("too many files are being fetched")
        try:
            return self._fetched(url, until)
        except ProviderError as error:
            log.info("a URL was not fetched: %s: %s", error.code, error.message)
            raise FetchError(REFUSED if error.code != "late" else error.message) from error
        finally:
            self.slots.release()

    def _fetched(self, url: str, until: float) -> Fetched:
        for _ in range(REDIRECTS + 1):
            place = self._checked(url)
            body = self._ask(place, until)
            try:
                data = self._read(body, until)
            except ProviderError as error:
                raise FetchError(f"the URL's server does not answer as it should: {error.message}") from error
            finally:
                body.abort()
            if data is not None:
                headers = body.headers
                mime = headers.get("content-type", "").partition(";")[0].strip().lower() or None
                return Fetched(data, mime, _name(place.url, headers.get("content-disposition", "")), place.url)
            url = urljoin(place.url, body.headers["location"])
        raise FetchError(f"the URL leads on more than {REDIRECTS} times")

    def _checked(self, url: str) -> Place:
        place = place_of(url)
        if place.port not in self.ports and not is_allowed(place.host, place.port, self.allowed):
            raise FetchError(REFUSED)
        return place

    def _ask(self, place: Place, until: float) -> Body:
        """Return the answer to be read, from an address that was checked and from no other."""
        left = until - time.monotonic()
        if left <= 0:
            raise ProviderError(FailureKind.TIMEOUT, f"the URL gave no file within {self.seconds:g} s", code="late")
        headers = {"Accept": "*/*", "User-Agent": f"wallas/{VERSION}", "Connection": "close"}
        limit = min(left, CONNECT_SECONDS)
        body = self.transport.send("GET", place.url, headers=headers, connect=limit, tls=min(left, 5.0))
        if not is_allowed(place.host, place.port, self.allowed) and not self.public(_peer(body)):
            body.abort()
            raise ProviderError(FailureKind.CONNECT, "the peer is not public", code="inside")
        return body

    def _read(self, body: Body, until: float) -> bytes | None:
        """Return the whole file, or None where the server says that it is elsewhere."""
        pieces: list[bytes] = []
        size, known = 0, False
        while not body.ended:
            if not body.wait(until - time.monotonic()):
                raise FetchError(f"the URL gave no file within {self.seconds:g} s")
            data = body.read()
            if not known and body.status is not None:
                known = True
                if body.status in MOVED and "location" in body.headers:
                    return None
                self._accept(body.status, body.headers.get("content-length", ""))
            size += len(data)
            if size > self.most:
                raise FetchError(f"the URL's file has more than {self.most} bytes")
            pieces.append(data)
        return b"".join(pieces)

    def _accept(self, status: int, length: str) -> None:
        """Raise FetchError for an answer that is no file, or is one that is too large by its own word."""
        if not 200 <= status < 300:
            raise FetchError(f"the URL's server answers with status {status}")
        if length.isdecimal() and int(length) > self.most:
            raise FetchError(f"the URL's file has more than {self.most} bytes")

    def close(self) -> None:
        """Let go of what is kept."""
        self.transport.close()


def _peer(body: Body) -> str:
    """Return the address at the other end; "" when the connection is gone, which is not public."""
    try:
        with socket.socket(fileno=os.dup(body.fileno())) as sock:
            return str(sock.getpeername()[0])
    except OSError:
        return ""


def _name(url: str, disposition: str) -> str | None:
    said = _NAMED.search(disposition)
    path = said[1].strip() if said else unquote(urlsplit(url).path)
    name = path.replace("\\", "/").rpartition("/")[2].strip()
    return name[:200] if name and name.isprintable() else None
