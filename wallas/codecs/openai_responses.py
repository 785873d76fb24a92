"""The OpenAI Responses wire, spoken by clients (Codex, the official SDKs) and by providers (OpenAI, Azure, xAI).

The names of every codec, and four more: ``responder(request)`` is
``encode_response`` for the answer to one request, ``encode_items(messages)``
lists stored messages, ``carried(messages)`` is what of them the next response
goes on from, ``NAMES`` are the request's own fields.
"""

from wallas.codecs.openai_responses_answer import decode_response, encode_response, responder
from wallas.codecs.openai_responses_decoder import Decoder
from wallas.codecs.openai_responses_encoder import Encoder
from wallas.codecs.openai_responses_errors import encode_error
from wallas.codecs.openai_responses_items import encode_items
from wallas.codecs.openai_responses_parts import WIRE
from wallas.codecs.openai_responses_request import NAMES, carried, decode_request, encode_request
from wallas.codecs.refusals import decode_error

__all__ = [
    "NAMES",
    "WIRE",
    "Decoder",
    "Encoder",
    "carried",
    "decode_error",
    "decode_request",
    "decode_response",
    "encode_error",
    "encode_items",
    "encode_request",
    "encode_response",
    "responder",
]
