"""OpenAI itself: chat completions, and the Responses wire for the models that speak nothing else."""

import re
from functools import lru_cache
from typing import Any

import msgspec

from wallas.codecs import OPENAI_RESPONSES, StreamDecoder, codec
from wallas.codecs.plain import PlainDecoder
from wallas.providers.base import Setup
from wallas.providers.extras import RESPONSES_EXTRAS
from wallas.providers.http import accepted
from wallas.providers.openai_compatible import OpenAICompatible
from wallas.settings import Key
from wallas.types.chat import ChatRequest

RESPONSES_ONLY = re.compile(r"-pro(-|$)|codex|deep-research|computer-use")
"""As of 2026-11 these answer 404 or 400 ("only supported in v1/responses") on chat completions."""


@lru_cache(maxsize=4096)
def speaks_responses(model: str) -> bool:
    """Return whether a model of OpenAI's is asked on the Responses wire."""
    return RESPONSES_ONLY.search(model) is not None


class OpenAI(OpenAICompatible):
    """OpenAI: two wires behind one name, chosen by the model."""

    def __init__(self, setup: Setup) -> None:
        """Make the provider that ``setup`` describes."""
        super().__init__(setup)
        self.other = msgspec.structs.replace(setup.row, wire=OPENAI_RESPONSES, accepts=RESPONSES_EXTRAS)

    def body(self, request: ChatRequest, dropped: list[str]) -> dict[str, Any]:
        """Return the JSON body in the wire that the model speaks."""
        if not speaks_responses(request.model):
            return OpenAICompatible.body(self, request, dropped)
        return codec(OPENAI_RESPONSES).encode_request(accepted(request, self.other, dropped), dropped)

    def url(self, request: ChatRequest, key: Key) -> str:
        """Return where the model is asked."""
        if speaks_responses(request.model):
            return self.base(key) + "/responses"
        return super().url(request, key)

    def decoder(self, request: ChatRequest) -> StreamDecoder:
        """Return a fresh decoder of the wire that the model speaks."""
        if not speaks_responses(request.model):
            return OpenAICompatible.decoder(self, request)
        wire = codec(OPENAI_RESPONSES)
        return wire.Decoder() if request.stream else PlainDecoder(wire.decode_response)
