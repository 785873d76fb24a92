"""Providers that speak OpenAI's chat completions, each with the differences that its row tells."""

from typing import Any

from wallas.codecs import StreamDecoder
from wallas.codecs.openai_chat import Decoder, decode_response, decode_words, encode_request
from wallas.codecs.plain import PlainDecoder
from wallas.providers.base import Setup
from wallas.providers.http import MOST_KEPT, HttpProvider, continues
from wallas.providers.quirks import Asked, Manner, manner
from wallas.settings import Key
from wallas.types.chat import ChatRequest


class OpenAICompatible(HttpProvider):
    """A provider of the OpenAI chat wire."""

    def __init__(self, setup: Setup) -> None:
        """Make the provider that ``setup`` describes."""
        super().__init__(setup)
        self._manners: dict[str, Manner] = {}

    def body(self, request: ChatRequest, dropped: list[str]) -> dict[str, Any]:
        """Return the JSON body: the wire's, then what the row drops, renames, bounds and rearranges."""
        row, model = self.row, request.model
        manner = self._manners.get(model) or self._manner(model)
        body = encode_request(request, dropped, reasoning_field=manner.reasoning_field, accepts=row.accepts)
        if request.extra:
            body.pop("stream_options", None)
        if request.n == 1:
            body.pop("n", None)
        refused = not manner.drops.isdisjoint(body)
        if refused or manner.rules:
            asked = Asked(row, model, dropped)
            if refused:
                body = asked.drop(body, *sorted(manner.drops))
            for rule in manner.rules:
                body = rule(body, asked)
        if request.stream and row.usage_option:
            body["stream_options"] = {"include_usage": True}
        return body

    def decoder(self, request: ChatRequest) -> StreamDecoder:
        """Return a fresh decoder; a stream's knows whether this provider forgets its finish reason."""
        if request.stream:
            return Decoder(sloppy_end=self.row.sloppy_end)
        return PlainDecoder(decode_response, decode_words)

    def url(self, request: ChatRequest, key: Key) -> str:
        """Return where a chat request goes; a continuation may have an address of its own."""
        if self.goes_on_elsewhere and continues(request):
            return f"{self.base(key).removesuffix('/v1').removesuffix('/beta')}/beta{self.row.path}"
        return super().url(request, key)

    def _manner(self, model: str) -> Manner:
        if len(self._manners) >= MOST_KEPT:
            self._manners = {}
        made = self._manners[model] = manner(self.row, model)
        return made
