"""Errors of the Anthropic wire: what a provider's refusal says, and how a client is told of ours."""

import re
from collections.abc import Mapping
from typing import Any

from wallas.codecs.blame import classify
from wallas.codecs.framing import decode_body
from wallas.errors import GatewayError, ProviderError

STATUSES = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""The HTTP status that each error type of the wire goes with (providers.md 14)."""

TYPES = {status: word for word, status in STATUSES.items()} | {408: "timeout_error", 503: "overloaded_error"}

MESSAGE_CHARS = 2000

_PLACE = re.compile(r"([a-z_]+(?:\.\w+)*): ")
_TITLE = re.compile(r"<title[^>]*>\s*(.*?)\s*</title>", re.IGNORECASE | re.DOTALL)


def decode_error(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """Return what a refusal means; ``headers`` has lower-case names, ``body`` may be anything."""
    try:
        value = decode_body(body)
    except ProviderError:
        text = body.decode("utf-8", "replace")
        return classify(status, headers, message=plain_words(text), details={"raw": text})
    return failure(value, status=status, headers=headers)


def failure(value: Any, *, status: int | None = None, headers: Mapping[str, str] | None = None) -> ProviderError:
    """Return what an error body means; without ``status`` (an error inside a 200) its type tells the status."""
    error = value.get("error", value) if isinstance(value, dict) else value
    if not isinstance(error, dict):
        return classify(status or 200, headers or {}, message=plain_words(error if isinstance(error, str) else ""))
    message = next((text for key in ("message", "detail", "error") if isinstance(text := error.get(key), str)), "")
    kind = error.get("type") if isinstance(error.get("type"), str) else None
    code = error.get("code") if isinstance(error.get("code"), str | int) else None
    place = _PLACE.match(message)
    return classify(
        status or STATUSES.get(kind or "", 200),
        headers or {},
        message=message,
        code=code,
        type=kind,
        param=place[1] if place else None,
        details=value,
    )


def plain_words(text: str) -> str:
    """Return what a body that is no JSON says: a page's title, or its text, cut."""
    text = text.strip()
    if text.startswith("<"):
        title = _TITLE.search(text)
        return title[1][:MESSAGE_CHARS] if title else "an HTML page"
    return text[:MESSAGE_CHARS]


def encode_error(error: GatewayError) -> dict[str, Any]:
    """Return the error body for a client, with the request's id where it is known; ``error.attempts`` lists them."""
    message = error.message
    if error.param and error.param not in message:
        message = f"{error.param}: {message}"
    told: dict[str, Any] = {"type": error_type(error.status), "message": message}
    if error.details:
        told["attempts"] = error.details
    body: dict[str, Any] = {"type": "error", "error": told}
    return body if error.request_id is None else body | {"request_id": error.request_id}


def error_type(status: int) -> str:
    """Return the wire's word for an HTTP status."""
    return TYPES.get(status) or ("api_error" if status >= 500 else "invalid_request_error")
