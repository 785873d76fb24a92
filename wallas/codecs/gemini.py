"""Gemini's generateContent wire, for its clients and for its providers.

``decode_request`` and ``Encoder`` face clients, ``encode_request`` and
``Decoder`` providers. How each field travels: ``docs/wires/gemini.md``.
"""

from collections.abc import Mapping

from wallas.codecs.framing import decode_body
from wallas.codecs.gemini_answer import Encoder, encode_error, encode_response
from wallas.codecs.gemini_ask import encode_request
from wallas.codecs.gemini_request import decode_request
from wallas.codecs.gemini_said import decode_words
from wallas.codecs.gemini_stream import Decoder, decode_response, error_of
from wallas.codecs.gemini_words import UNUSABLE, WIRE
from wallas.codecs.refusals import refusal
from wallas.errors import ProviderError


def decode_error(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """Return what a refusal means: an ``error`` object, a list that holds one, or any text."""
    try:
        told = decode_body(body)
    except ProviderError:
        told = body.decode("utf-8", "replace")
    one = next(iter(told), None) if isinstance(told, list) else told
    if isinstance(one, dict) and isinstance(one.get("error"), dict):
        return error_of(one["error"], status, headers)
    return refusal(status, headers, told)


__all__ = [
    "UNUSABLE",
    "WIRE",
    "Decoder",
    "Encoder",
    "decode_error",
    "decode_request",
    "decode_response",
    "decode_words",
    "encode_error",
    "encode_request",
    "encode_response",
]
