"""Errors as OpenAI's chat and completions wires have them, in answers with an error status and inside a 200."""

from typing import Any

from wallas.codecs.refusals import decode_error, refusal
from wallas.errors import FailureKind, GatewayError, ProviderError

__all__ = ["decode_error", "encode_error", "failure", "malformed"]


def encode_error(error: GatewayError) -> dict[str, Any]:
    """Return the error body; ``attempts`` lists each attempt where there were any."""
    told: dict[str, Any] = {
        "message": error.message,
        "type": error.type,
        "param": error.param,
        "code": error.code,
    }
    if error.details:
        told["attempts"] = error.details
    return {"error": told}


def failure(value: Any) -> ProviderError:
    """Return what an error means that came with a 200: its own code tells the status, not the head.

    Groq gives the status beside the code (``status_code``), OpenRouter as the code.
    """
    inner = value.get("error", value) if isinstance(value, dict) else value
    status = inner.get("status_code") if isinstance(inner, dict) else None
    known = isinstance(status, int) and 400 <= status < 600
    return refusal(status if known and isinstance(status, int) else 200, {}, value)


def malformed(what: str) -> ProviderError:
    """Return the failure of an answer that is not what the wire allows."""
    return ProviderError(FailureKind.MALFORMED, what)
