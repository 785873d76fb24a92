"""The Anthropic messages wire: the eight names that every codec has, and ``decode_count_request``.

Requests come in through ``anthropic_requests`` and go out through
``anthropic_calls`` (turns and thinking in their own files); answers pass
``anthropic_answers`` whole, ``anthropic_decoder`` and ``anthropic_encoder`` streamed.
"""

from wallas.codecs.anthropic_answers import decode_response, encode_response
from wallas.codecs.anthropic_blocks import WIRE
from wallas.codecs.anthropic_calls import encode_request
from wallas.codecs.anthropic_decoder import Decoder
from wallas.codecs.anthropic_encoder import Encoder
from wallas.codecs.anthropic_errors import decode_error, encode_error
from wallas.codecs.anthropic_requests import decode_count_request, decode_request
from wallas.codecs.anthropic_said import decode_words

__all__ = [
    "WIRE",
    "Decoder",
    "Encoder",
    "decode_count_request",
    "decode_error",
    "decode_request",
    "decode_response",
    "decode_words",
    "encode_error",
    "encode_request",
    "encode_response",
]
