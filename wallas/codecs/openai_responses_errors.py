"""Errors of the Responses wire: what a failed answer says, and how a client is told of ours."""

from typing import Any

from wallas.codecs.refusals import refusal
from wallas.errors import FailureKind, GatewayError, ProviderError

STATUSES = {
    "server_error": 500,
    "server_is_overloaded": 503,
    "slow_down": 503,
    "overloaded_error": 503,
    "rate_limit_exceeded": 429,
    "insufficient_quota": 429,
    "invalid_api_key": 401,
    "model_not_found": 404,
    "vector_store_timeout": 500,
    "failed_to_download_image": 400,
    "data_residency_mismatch": 403,
    "bio_policy": 400,
    "context_length_exceeded": 400,
    "unsupported_parameter": 400,
    "unsupported_value": 400,
}
"""The HTTP status that an error inside a 200 stands for, by its code (providers.md 13; ``ResponseErrorCode``)."""

REQUEST = ("invalid_", "image_", "unsupported_", "empty_")
"""How the codes begin that blame the request."""


def failure(value: Any) -> ProviderError:
    """Return what an error that came with a 200 means: an ``error`` event, a failed response, ``{"error": ...}``."""
    response = value.get("response") if isinstance(value, dict) else None
    source = response if isinstance(response, dict) else value
    error = source.get("error") if isinstance(source, dict) else None
    said = {"error": error} if error else source if isinstance(source, dict) and "message" in source else {}
    known = refusal(inner_status(said.get("error", said)), {}, said)
    if not said:
        known.message = "the answer failed without a reason"
    return known


def inner_status(error: Any) -> int:
    """Return the HTTP status that an error's code stands for, 200 when it says none."""
    if not isinstance(error, dict):
        return 200
    for key in ("code", "type", "status"):
        match error.get(key):
            case int() as number if 400 <= number < 600:
                return number
            case str() as word if word.isdecimal() and 400 <= int(word) < 600:
                return int(word)
            case str() as word if word in STATUSES:
                return STATUSES[word]
            case str() as word if word.startswith(REQUEST):
                return 400
    return 200


def cut(message: str) -> ProviderError:
    """Return the failure of an answer that broke off."""
    return ProviderError(FailureKind.CUT, message)


def encode_error(error: GatewayError) -> dict[str, Any]:
    """Return OpenAI's error body; ``details`` lists the attempts, if any were made."""
    told: dict[str, Any] = {
        "message": error.message,
        "type": error.type,
        "param": error.param,
        "code": error.code,
    }
    if error.details:
        told["details"] = error.details
    return {"error": told}
