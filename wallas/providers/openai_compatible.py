"""Providers that speak OpenAI's chat completions, each with the differences that its row tells."""

from typing import Any

from wallas.codecs import StreamDecoder
from wallas.codecs.openai_chat import Decoder, encode_request
from wallas.providers.http import HttpProvider
from wallas.providers.quirks import QUIRKS, Asked, fitted_effort, plain_roles
from wallas.settings import Key
from wallas.types.chat import ChatRequest


class OpenAICompatible(HttpProvider):
    """A provider of the OpenAI chat wire."""

    def body(self, request: ChatRequest, dropped: list[str]) -> dict[str, Any]:
        """Return the JSON body: the wire's, then what the row drops, renames, bounds and rearranges."""
        row = self.row
        body = encode_request(
            request, dropped, reasoning_field=self.reasoning_field(request.model), accepts=row.accepts
        )
        asked = Asked(row, request.model, dropped)
        body.pop("stream_options", None)
        if body.get("n") == 1:
            del body["n"]
        if row.drops:
            body = asked.drop(body, *row.drops)
        if row.renames:
            body = renamed(body, row.renames)
        if row.most:
            body = bounded(body, row.most, dropped)
        if row.efforts:
            body = fitted_effort(body, asked)
        if not row.developer:
            body = plain_roles(body, asked)
        for name in row.quirks:
            body = QUIRKS[name](body, asked)
        if request.stream and row.usage_option:
            body["stream_options"] = {"include_usage": True}
        return body

    def decoder(self, request: ChatRequest) -> StreamDecoder:
        """Return a fresh decoder; a stream's knows whether this provider forgets its finish reason."""
        return Decoder(sloppy_end=self.row.sloppy_end) if request.stream else super().decoder(request)

    def reasoning_field(self, model: str) -> str | None:
        """Return where earlier reasoning is sent back to a model; Magistral keeps it among the content."""
        if self.row.tool_ids == "mistral9" and "magistral" in model:
            return "content"
        return self.row.reasoning_field

    def url(self, request: ChatRequest, key: Key) -> str:
        """Return where a chat request goes; a continuation may have an address of its own."""
        prefill = self.row.prefill
        if prefill is not None and prefill.how == "beta" and continues(request):
            return f"{self.base(key).removesuffix('/v1').removesuffix('/beta')}/beta{self.row.path}"
        return super().url(request, key)


def continues(request: ChatRequest) -> bool:
    """Return whether the last turn is an answer to be gone on with."""
    return bool(request.messages) and request.messages[-1].role == "assistant"


def renamed(body: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """Return the body with other names for some parameters; one that has the new name already stays."""
    if not any(name in body for name in names):
        return body
    return {names.get(name, name): value for name, value in body.items() if names.get(name) not in body}


def bounded(body: dict[str, Any], most: dict[str, float], dropped: list[str]) -> dict[str, Any]:
    """Return the body with numbers no larger than the provider takes; those made smaller are named ``name>most``."""
    for name, bound in most.items():
        value = body.get(name)
        if isinstance(value, int | float) and value > bound:
            body = body | {name: bound}
            dropped.append(f"{name}>{bound:g}")
    return body
