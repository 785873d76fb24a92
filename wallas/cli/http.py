"""Speaks to the running server, as any client would."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPResponse
from typing import Any

from wallas.settings import Settings

OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Never through a proxy: the server is on this machine."""


def address(settings: Settings) -> str:
    """Return the server's base address."""
    host = settings.host.strip("[]")
    if host in ("0.0.0.0", "::", ""):
        host = "127.0.0.1"
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def answers(settings: Settings) -> bool:
    """Return whether something speaks HTTP on the server's port."""
    try:
        with OPENER.open(f"{address(settings)}/health", timeout=2):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def call(settings: Settings, path: str, *, body: dict[str, Any] | None = None, timeout: float = 600) -> HTTPResponse:
    """Return the open answer to a GET, or to a POST of ``body``; raise OSError with the server's own words."""
    request = urllib.request.Request(f"{address(settings)}{path}")
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    if settings.proxy_api_key:
        request.add_header("Authorization", f"Bearer {settings.proxy_api_key.reveal()}")
    try:
        answer: HTTPResponse = OPENER.open(request, timeout=timeout)
        return answer
    except urllib.error.HTTPError as error:
        raise OSError(f"{error.code}: {message(error.read())}") from error
    except urllib.error.URLError as error:
        raise OSError(f"no answer on {address(settings)} ({error.reason}); is it running? `wallas start`") from error


def message(body: bytes) -> str:
    """Return the text of an OpenAI error body, or the body itself."""
    try:
        return str(json.loads(body)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return body.decode(errors="replace")[:500]


def events(answer: HTTPResponse) -> Iterator[dict[str, Any]]:
    """Yield the JSON of each event of an OpenAI stream; raise OSError for an error event."""
    for line in answer:
        data = line.removeprefix(b"data:").strip()
        if line.startswith(b"data:") and data != b"[DONE]":
            event = json.loads(data)
            if "error" in event:
                raise OSError(message(data))
            yield event
