"""OpenAI's chat completions, the wire that most providers and most clients speak, in all their dialects."""

from wallas.codecs.openai_chat_bodies import encode_request
from wallas.codecs.openai_chat_decoder import Decoder
from wallas.codecs.openai_chat_encoder import Encoder
from wallas.codecs.openai_chat_fields import WIRE
from wallas.codecs.openai_chat_parts import file_places
from wallas.codecs.openai_chat_request import decode_request
from wallas.codecs.openai_chat_response import decode_response, encode_response
from wallas.codecs.openai_chat_said import decode_words
from wallas.codecs.openai_errors import decode_error, encode_error

__all__ = [
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
    "file_places",
]
