"""Providers of Anthropic's messages wire."""

import re
from typing import Any

from wallas.codecs import anthropic
from wallas.codecs.anthropic_thinking import ThinkingStyle
from wallas.providers.http import HttpProvider, accepted
from wallas.settings import Key
from wallas.transport_body import Body
from wallas.types.chat import ChatRequest

BETA = re.compile(r"[a-z0-9][a-z0-9.-]{1,79}")
BETAS_MOST = 30

SYSTEM_TURNS: dict[ThinkingStyle, bool | None] = {"adaptive": True, "budget": False, "asked": None}
"""Whether a model takes ``role: "system"`` in mid-conversation: Claude up to 4.5 does not; None: as the client did."""

GENERATION = re.compile(r"claude-(?:[a-z]+-)?(\d+)(?:-(\d{1,2}))?(?:-|$)")


class Anthropic(HttpProvider):
    """A provider of the Anthropic wire: betas travel in a header, thinking is said as the model understands it."""

    def chat(self, request: ChatRequest, *, key: Key, dropped: list[str] | None = None) -> Body:
        """Send a request; see ``Provider.chat``."""
        body = self.body(request, [] if dropped is None else dropped)
        betas = body.pop("betas", None)
        if betas is None or not (betas := checked_betas(betas)):
            return self.deliver(request, body, key)
        headers = self.headers(key, request.stream) | {"anthropic-beta": ",".join(betas)}
        return self.send(self.url(request, key), body, headers=headers)

    def body(self, request: ChatRequest, dropped: list[str]) -> dict[str, Any]:
        """Return the JSON body for a model of its generation."""
        style = thinking_style(request.model)
        return anthropic.encode_request(
            accepted(request, self.row, dropped),
            dropped,
            thinking_style=style,
            system_turns=SYSTEM_TURNS[style],
        )


def generation(model: str) -> tuple[int, int] | None:
    """Return the version in a Claude id (``claude-haiku-4-5-20251001`` is 4, 5), None where there is none."""
    match = GENERATION.search(model.replace(".", "-"))
    return (int(match[1]), int(match[2] or 0)) if match else None


def thinking_style(model: str) -> ThinkingStyle:
    """Return how to tell a model to think: a budget up to Claude 4.5, adaptive from 4.6 on, as asked for others."""
    version = generation(model)
    if version is None:
        return "asked"
    return "adaptive" if version >= (4, 6) else "budget"


def checked_betas(betas: Any) -> list[str]:
    """Return the beta flags that are words; anything else must not get into a header."""
    if isinstance(betas, str):
        betas = betas.split(",")
    if not isinstance(betas, list | tuple):
        return []
    words = (beta.strip() for beta in betas if isinstance(beta, str))
    return [word for word in dict.fromkeys(words) if BETA.fullmatch(word)][:BETAS_MOST]
