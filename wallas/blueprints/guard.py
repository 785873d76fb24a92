"""Who may come in: the first thing every request meets, whatever its route (faults 5.6, rules 1 to 3; 5.1).

A page in a browser on this machine can reach a loopback port. So the Host must
be ours, a foreign Origin or cross-site fetch is refused, and without a client
key only callers on this machine are served.
"""

import hashlib
import hmac
import ipaddress
import re

from flask import Flask, Request, Response, request

from wallas.errors import BadRequest, Forbidden, Misdirected, Unauthorized
from wallas.settings import Settings, is_loopback

OUR_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
FOREIGN_SITES = ("cross-site", "same-site")
FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via")
OPEN_PATHS = ("/health", "/health/ready")
_HOST = re.compile(r"(?P<name>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?")


class Guard:
    """The rules of one gateway; ``check`` raises what the client is told."""

    def __init__(self, settings: Settings) -> None:
        """Guard by these settings."""
        self.settings = settings
        self.names = OUR_NAMES | {name.lower() for name in settings.allowed_hosts}
        self.origins = frozenset(origin.lower().rstrip("/") for origin in settings.allowed_origins)
        self.key = _digest(settings.proxy_api_key.reveal()) if settings.proxy_api_key else None
        self.open_to_all = not is_loopback(settings.host)

    def check(self, incoming: Request) -> None:
        """Raise 400, 401, 403 or 421 for a request that may not come in."""
        host = self._host(incoming)
        if incoming.path == "/health" and incoming.method == "GET":
            return
        self._origin(incoming, host)
        if incoming.path not in OPEN_PATHS and incoming.method != "OPTIONS":
            self._credential(incoming)

    def _host(self, incoming: Request) -> str:
        said: str = incoming.environ.get("HTTP_HOST", "")
        match = _HOST.fullmatch(said)
        if match is None:
            raise BadRequest("the Host header is missing or malformed", param="Host", code="invalid_host")
        name = match["name"].lower().strip("[]")
        if name in self.names or (self.open_to_all and _is_address(name)):
            return said.lower()
        raise Misdirected(
            f"this gateway does not answer for the host {name!r}; add it to WALLAS_ALLOWED_HOSTS", param="Host"
        )

    def _origin(self, incoming: Request, host: str) -> None:
        origin = incoming.headers.get("Origin")
        if origin is not None:
            said = origin.lower().rstrip("/")
            if said in self.origins:
                return
            if said not in (f"http://{host}", f"https://{host}"):
                raise Forbidden(
                    f"the origin {origin[:100]!r} is foreign; add it to WALLAS_ALLOWED_ORIGINS", param="Origin"
                )
        if incoming.headers.get("Sec-Fetch-Site", "").lower() in FOREIGN_SITES:
            raise Forbidden("a page of another site asks; requests across sites are refused", param="Sec-Fetch-Site")

    def _credential(self, incoming: Request) -> None:
        if self.key is None:
            self._anonymous(incoming)
            return
        shown = credential(incoming)
        if shown is None:
            raise Unauthorized("this gateway wants its key: send it as 'Authorization: Bearer ...' or 'x-api-key'")
        if not hmac.compare_digest(_digest(shown), self.key):
            raise Unauthorized("the key is not this gateway's")

    def _anonymous(self, incoming: Request) -> None:
        if self.settings.allow_anon:
            return
        peer = incoming.environ.get("REMOTE_ADDR", "")
        if peer and not is_loopback(peer):
            raise Unauthorized("without PROXY_API_KEY only callers on this machine are served")
        if peer not in self.settings.trusted_proxies and any(name in incoming.headers for name in FORWARDED):
            raise Unauthorized("a proxy is in front and no PROXY_API_KEY is set: anonymous access is off")


def credential(incoming: Request) -> str | None:
    """Return the one key that a request shows, in whichever header its protocol has for it."""
    bearer = incoming.headers.get("Authorization", "")
    scheme, _, token = bearer.partition(" ")
    shown = {
        value.strip()
        for value in (
            token if scheme.lower() == "bearer" else "",
            incoming.headers.get("x-api-key", ""),
            incoming.headers.get("x-goog-api-key", ""),
        )
        if value.strip()
    }
    if len(shown) > 1:
        raise BadRequest("two different keys in one request", param="Authorization", code="invalid_value")
    return shown.pop() if shown else None


def install(app: Flask, settings: Settings) -> None:
    """Put the guard before every route, and the headers that browsers heed on every answer."""
    guard = Guard(settings)

    @app.before_request
    def check() -> Response | None:
        guard.check(request)
        if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            return Response(status=204)
        return None

    @app.after_request
    def harden(response: Response) -> Response:
        headers = response.headers
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Cross-Origin-Resource-Policy"] = "same-origin"
        headers.setdefault("Cache-Control", "no-store")
        origin = request.headers.get("Origin")
        if origin is not None and origin.lower().rstrip("/") in guard.origins:
            headers["Access-Control-Allow-Origin"] = origin
            headers["Vary"] = "Origin"
            headers["Cross-Origin-Resource-Policy"] = "cross-origin"
            headers["Access-Control-Allow-Methods"] = "GET, POST, DELETE, OPTIONS"
            headers["Access-Control-Allow-Headers"] = request.headers.get("Access-Control-Request-Headers", "*")
        return response


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
