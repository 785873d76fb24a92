"""Providers of Cohere's v2 wire."""

from typing import Any

from wallas.codecs import cohere
from wallas.providers.http import HttpProvider, accepted
from wallas.types.chat import ChatRequest

UNIT = ("frequency_penalty", "presence_penalty")


class Cohere(HttpProvider):
    """A provider of the Cohere wire, whose penalties go from 0 to 1 only."""

    def body(self, request: ChatRequest, dropped: list[str]) -> dict[str, Any]:
        """Return the JSON body, penalties within bounds."""
        body = cohere.encode_request(accepted(request, self.row, dropped), dropped)
        for name in UNIT:
            value = body.get(name)
            if value is not None and not 0 <= value <= 1:
                body[name] = min(max(value, 0.0), 1.0)
                dropped.append(f"{name} outside 0..1")
        return body
