"""Who may come in: the first thing every request meets, whatever its route (faults 5.6, rules 1 to 3; 5.1).

A page in a browser on this machine can reach a loopback port. So the Host must
be ours, a foreign Origin or cross-site fetch is refused, and without a client
key only callers on this machine are served.
"""

import hashlib
import hmac
import ipaddress
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from flask import Flask, Response, request

from wallas.errors import BadRequest, Forbidden, Misdirected, Unauthorized
from wallas.settings import Settings, is_loopback

OUR_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
FOREIGN_SITES = ("cross-site", "same-site")
FORWARDED = ("HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST", "HTTP_X_REAL_IP", "HTTP_VIA")
CREDENTIALS = ("HTTP_AUTHORIZATION", "HTTP_X_API_KEY", "HTTP_X_GOOG_API_KEY")
KEY_SUBPROTOCOL = "openai-insecure-api-key."
"""What stands before the key where a browser opens OpenAI's WebSocket, to which it can give no headers."""
REALTIME_BETA = "openai-beta.realtime-v1"
OPEN_PATHS = ("/health", "/health/ready")
OPEN_FOLDER = "/media/"
"""Where each address is a secret of its own, for programs that are given no key: `<img src=...>`."""
_HOST = re.compile(r"(?P<name>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?")


HOSTS_KNOWN = 64
HARDENED = (("X-Content-Type-Options", "nosniff"), ("Cross-Origin-Resource-Policy", "same-origin"))
"""Headers of every answer."""
HOOKS = frozenset({"install.<locals>.check", "install.<locals>.harden"})
"""What ``install`` hangs on the app."""


class Guard:
    """The rules of one gateway; ``check`` raises what the client is told."""

    def __init__(self, settings: Settings) -> None:
        """Guard by these settings."""
        self.settings = settings
        self.names = OUR_NAMES | {name.lower() for name in settings.allowed_hosts}
        self.origins = frozenset(origin.lower().rstrip("/") for origin in settings.allowed_origins)
        self.key = _digest(settings.proxy_api_key.reveal().encode()) if settings.proxy_api_key else None
        self.hosts: dict[str, str] = {}
        """Hosts that were found to be ours, as they were said."""
        self.open_to_all = not is_loopback(settings.host)

    def check(self, environ: Mapping[str, Any]) -> None:
        """Raise 400, 401, 403 or 421 for a request that may not come in; ``environ`` is WSGI's."""
        path, method = environ.get("PATH_INFO", ""), environ["REQUEST_METHOD"]
        said = environ.get("HTTP_HOST", "")
        host = self.hosts.get(said) or self._host(said)
        if path == "/health" and method == "GET":
            return
        if "HTTP_ORIGIN" in environ or "HTTP_SEC_FETCH_SITE" in environ:
            self._origin(environ, host)
        if path not in OPEN_PATHS and method != "OPTIONS" and not _is_given(path, method):
            self._credential(environ)

    def _host(self, said: str) -> str:
        match = _HOST.fullmatch(said)
        if match is None:
            raise BadRequest("the Host header is missing or malformed", param="Host", code="invalid_host")
        name = match["name"].lower().strip("[]")
        if name in self.names or (self.open_to_all and _is_address(name)):
            if len(self.hosts) < HOSTS_KNOWN:
                self.hosts[said] = said.lower()
            return said.lower()
        raise Misdirected(
            f"this gateway does not answer for the host {name!r}; add it to WALLAS_ALLOWED_HOSTS", param="Host"
        )

    def _origin(self, environ: Mapping[str, Any], host: str) -> None:
        origin = environ.get("HTTP_ORIGIN")
        if origin is not None:
            said = origin.lower().rstrip("/")
            if said in self.origins:
                return
            if said not in (f"http://{host}", f"https://{host}"):
                raise Forbidden(
                    f"the origin {origin[:100]!r} is foreign; add it to WALLAS_ALLOWED_ORIGINS", param="Origin"
                )
        if environ.get("HTTP_SEC_FETCH_SITE", "").lower() in FOREIGN_SITES:
            raise Forbidden("a page of another site asks; requests across sites are refused", param="Sec-Fetch-Site")

    def _credential(self, environ: Mapping[str, Any]) -> None:
        if self.key is None:
            self._anonymous(environ)
            return
        shown = credential(environ)
        if shown is None:
            raise Unauthorized("this gateway wants its key: send it as 'Authorization: Bearer ...' or 'x-api-key'")
        if not hmac.compare_digest(_digest(shown.encode("latin-1", "replace")), self.key):
            raise Unauthorized("the key is not this gateway's")

    def _anonymous(self, environ: Mapping[str, Any]) -> None:
        if self.settings.allow_anon:
            return
        peer = environ.get("REMOTE_ADDR", "")
        if peer and not is_loopback(peer):
            raise Unauthorized("without PROXY_API_KEY only callers on this machine are served")
        if peer not in self.settings.trusted_proxies and not environ.keys().isdisjoint(FORWARDED):
            raise Unauthorized("a proxy is in front and no PROXY_API_KEY is set: anonymous access is off")


def _is_given(path: str, method: str) -> bool:
    """Return whether a request asks for made media, whose address is its key."""
    return path.startswith(OPEN_FOLDER) and method in ("GET", "HEAD")


def credential(environ: Mapping[str, Any]) -> str | None:
    """Return the one key that a request shows, in whichever header its protocol has for it."""
    bearer = environ.get("HTTP_AUTHORIZATION", "")
    scheme, _, token = bearer.partition(" ")
    shown = {
        value.strip()
        for value in (
            token if scheme.lower() == "bearer" else "",
            environ.get("HTTP_X_API_KEY", ""),
            environ.get("HTTP_X_GOOG_API_KEY", ""),
            _key_in_subprotocols(environ),
        )
        if value.strip()
    }
    if len(shown) > 1:
        raise BadRequest("two different keys in one request", param="Authorization", code="invalid_value")
    return shown.pop() if shown else None


def subprotocols(environ: Mapping[str, Any]) -> list[str]:
    """Return what a WebSocket's client offers to speak."""
    return [word.strip() for word in environ.get("HTTP_SEC_WEBSOCKET_PROTOCOL", "").split(",")]


def _key_in_subprotocols(environ: Mapping[str, Any]) -> str:
    if "HTTP_SEC_WEBSOCKET_PROTOCOL" not in environ:
        return ""
    shown = (word for word in subprotocols(environ) if word.startswith(KEY_SUBPROTOCOL))
    return next(shown, "").removeprefix(KEY_SUBPROTOCOL)


def client_id(environ: Mapping[str, Any]) -> str:
    """Return an id of whoever asks, made of the key that the request shows; "" where it shows none."""
    for name in CREDENTIALS:
        if (said := environ.get(name)) is not None:
            return _id_of(said)
    return _id_of(_key_in_subprotocols(environ))


@lru_cache(maxsize=1024)
def _id_of(said: str) -> str:
    scheme, _, token = said.partition(" ")
    key = (token if scheme.lower() == "bearer" else said).strip()
    return _digest(key.encode("utf-8", "replace")).hex()[:12] if key else ""


def install(app: Flask, settings: Settings) -> None:
    """Put the guard before every route, and the headers that browsers heed on every answer."""
    guard = app.extensions["guard"] = Guard(settings)

    @app.before_request
    def check() -> Response | None:
        environ = request.environ
        guard.check(environ)
        if environ["REQUEST_METHOD"] == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ:
            return Response(status=204)
        return None

    @app.after_request
    def harden(response: Response) -> Response:
        headers = response.headers
        if request.method == "OPTIONS" and response.status_code == 200:
            response.status_code = 204
        for name, value in HARDENED:
            headers.add(name, value)
        if "Cache-Control" not in headers:
            headers.add("Cache-Control", "no-store")
        origin = request.environ.get("HTTP_ORIGIN")
        if origin is not None and origin.lower().rstrip("/") in guard.origins:
            headers["Access-Control-Allow-Origin"] = origin
            headers["Vary"] = "Origin"
            headers["Cross-Origin-Resource-Policy"] = "cross-origin"
            headers["Access-Control-Allow-Methods"] = "GET, POST, DELETE, OPTIONS"
            headers["Access-Control-Allow-Headers"] = request.headers.get("Access-Control-Request-Headers", "*")
        return response


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
