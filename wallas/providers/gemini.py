"""Providers of Gemini's native wire."""

import re
from typing import Any

import msgspec

from wallas.codecs import gemini
from wallas.codecs.gemini_ask import ThinkingStyle
from wallas.errors import FailureKind, ProviderError
from wallas.providers.http import HttpProvider, accepted
from wallas.settings import Key
from wallas.types.chat import ChatRequest, Thinking

PLACEHOLDER = "skip_thought_signature_validator"
"""Google's documented value for calls whose signature is lost or was another model's (Gemini 3 refuses bare ones)."""

GENERATION = re.compile(r"gemini-(?:[a-z]+-)*(\d+)(?:\.(\d+))?")
OLD_GEMMA = re.compile(r"gemma-3")
"""Answers 400 ("Developer instruction is not enabled") to a system instruction; knows neither tools nor JSON mode."""


class Gemini(HttpProvider):
    """A provider of the Gemini wire: the model and the way of answering are in the address."""

    def url(self, request: ChatRequest, key: Key) -> str:
        """Return where the model is asked, streamed as server-sent events or whole."""
        how = "streamGenerateContent?alt=sse" if request.stream else "generateContent"
        return f"{self.base(key)}/models/{request.model}:{how}"

    def body(self, request: ChatRequest, dropped: list[str]) -> dict[str, Any]:
        """Return the JSON body for a model of its generation; raise UNSUPPORTED for what it is known to refuse."""
        version = generation(request.model)
        refuse(request, version)
        body = gemini.encode_request(
            accepted(settled(request, version), self.row, dropped),
            dropped,
            thinking_style=style(version),
            placeholder=PLACEHOLDER if version is not None and version >= (3, 0) else None,
        )
        return without_system(body) if OLD_GEMMA.search(request.model) else body


def generation(model: str) -> tuple[int, int] | None:
    """Return the version in a Gemini id (``gemini-2.5-flash`` is 2, 5), None for Gemma and names without one."""
    match = GENERATION.match(model)
    if match:
        return int(match[1]), int(match[2] or 0)
    return (3, 0) if model.startswith("gemini-") and model.endswith("-latest") else None


def style(version: tuple[int, int] | None) -> ThinkingStyle | None:
    """Return how a model is told to think: a budget up to 2.5, a level from 3 on (both together are refused)."""
    if version is None:
        return None
    return "level" if version >= (3, 0) else "budget"


def settled(request: ChatRequest, version: tuple[int, int] | None) -> ChatRequest:
    """Return the request with a thinking budget that the model allows: 2.5 Pro cannot stop thinking, 2.0 cannot start.

    Gemma takes none at all. Who switches thinking on, as clients of Anthropic
    and Ollama do, gets to see it there; Gemini hides it unless told otherwise.
    """
    thinking = request.thinking
    if thinking is None:
        return request
    if version is None or version < (2, 5):
        return msgspec.structs.replace(request, thinking=None)
    off = thinking.enabled is False or thinking.effort == "none" or thinking.budget == 0
    if version == (2, 5) and "pro" in request.model and off:
        return msgspec.structs.replace(request, thinking=Thinking(budget=LEAST_OF_PRO, visible=thinking.visible))
    if thinking.enabled and thinking.visible is None and not off:
        return msgspec.structs.replace(request, thinking=msgspec.structs.replace(thinking, visible=True))
    return request


LEAST_OF_PRO = 128


def without_system(body: dict[str, Any]) -> dict[str, Any]:
    """Return the body as Gemma 3 takes it: the instructions lead the first turn."""
    system = body.get("systemInstruction", {}).get("parts")
    rest = {key: value for key, value in body.items() if key != "systemInstruction"}
    if system and rest["contents"]:
        first, *others = rest["contents"]
        rest["contents"] = [first | {"parts": [*system, *first["parts"]]}, *others]
    return rest


def refuse(request: ChatRequest, version: tuple[int, int] | None) -> None:
    """Raise UNSUPPORTED for what a model is known to answer 400 to, and whose loss would make the answer wrong."""
    if request.output is not None and request.tools and version is not None and version < (3, 0):
        raise unsupported(f"{request.model} takes no response format together with tools", "response_format")
    if OLD_GEMMA.search(request.model):
        if request.tools:
            raise unsupported(f"{request.model} takes no tools", "tools")
        if request.output is not None:
            raise unsupported(f"{request.model} has no JSON mode", "response_format")


def unsupported(message: str, param: str) -> ProviderError:
    """Return the failure of a request that this model cannot serve."""
    return ProviderError(FailureKind.UNSUPPORTED, message, param=param)
