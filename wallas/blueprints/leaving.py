"""Tells whether a client still waits, for routes whose thread waits for a provider; streams see to it themselves."""

import socket
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from wallas.blueprints.options import options
from wallas.routing.router import Options

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
"""Means nothing before an answer: a client that is gone answers it with a reset, one that half-closed does not."""


def watched(environ: Mapping[str, Any], body: dict[str, Any]) -> Options:
    """Return what ``options`` returns, and in it what tells whether the client still waits."""
    return watching(options(environ, body), environ)


def watching(said: Options, environ: Mapping[str, Any]) -> Options:
    """Return options with what tells whether the client still waits."""
    wanted = environ.get("wallas.wanted") or still_there(environ)
    return said if wanted is None else msgspec.structs.replace(said, wanted=wanted)


def still_there(environ: Mapping[str, Any]) -> Callable[[], bool] | None:
    """Return what tells whether the client of gunicorn's socket still waits; None where there is no plain socket."""
    sock = environ.get("gunicorn.socket")
    if type(sock) is not socket.socket:
        return None
    interim = environ.get("SERVER_PROTOCOL") == "HTTP/1.1"
    asked: list[bool] = []

    def wanted() -> bool:
        try:
            if sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) or not interim:
                return True
            sock.send(b"" if asked else CONTINUE, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
            asked.append(True)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0

    return wanted
