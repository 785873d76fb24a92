"""Gemini's generateContent wire, for its clients and for its providers.

``decode_request`` and ``Encoder`` face clients, ``encode_request`` and
``Decoder`` providers. How each field travels: ``docs/wires/gemini.md``.
"""

from collections.abc import Mapping

from wallas.codecs import blame
from wallas.codecs.framing import decode_body
from wallas.codecs.gemini_answer import Encoder, encode_error, encode_response
from wallas.codecs.gemini_ask import encode_request
from wallas.codecs.gemini_request import decode_request
from wallas.codecs.gemini_stream import Decoder, decode_response, error_of
from wallas.codecs.gemini_words import UNUSABLE, WIRE
from wallas.errors import ProviderError

MESSAGE = 500
"""As much as is kept of a refusal that is no JSON, in characters."""


def decode_error(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """Return what a refusal means: an ``error`` object, a list that holds one, or any text."""
    try:
        told = decode_body(body)
    except ProviderError:
        return blame.classify(status, headers, message=body.decode("utf-8", "replace").strip()[:MESSAGE])
    if isinstance(told, list):
        told = next((item for item in told if isinstance(item, dict) and "error" in item), {})
    error = told.get("error") if isinstance(told, dict) else None
    if error is None:
        return blame.classify(status, headers, message=body.decode("utf-8", "replace").strip()[:MESSAGE])
    return error_of(error, status, headers)


__all__ = [
    "UNUSABLE",
    "WIRE",
    "Decoder",
    "Encoder",
    "decode_error",
    "decode_request",
    "decode_response",
    "encode_error",
    "encode_request",
    "encode_response",
]
