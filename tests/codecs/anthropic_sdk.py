"""What the official Anthropic client makes of bytes: a played-back transport, and answers as plain dictionaries."""

import json
from typing import Any

import anthropic
import httpx2

ASK: dict[str, Any] = {"model": "m", "max_tokens": 64, "messages": [{"role": "user", "content": "Hello"}]}


def client(body: bytes, *, status: int = 200, kind: str = "application/json") -> anthropic.Anthropic:
    """Return a client whose server answers every request with these bytes."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(status, content=body, headers={"content-type": kind})

    transport = httpx2.MockTransport(answer)
    return anthropic.Anthropic(api_key="k", max_retries=0, http_client=httpx2.Client(transport=transport))


def streamed(data: bytes) -> dict[str, Any]:
    """Return the message that the client gathers from a stream (its beta form, which knows more blocks)."""
    with client(data, kind="text/event-stream") as sdk, sdk.beta.messages.stream(**ASK) as stream:
        return stream.get_final_message().to_dict(warnings=False)


def plain(body: dict[str, Any]) -> dict[str, Any]:
    """Return the message that the client reads from a whole answer."""
    with client(json.dumps(body).encode()) as sdk:
        return sdk.beta.messages.create(**ASK).to_dict(warnings=False)


def without_nothing(value: Any) -> Any:
    """Return JSON without nulls and empty containers, at any depth."""
    if isinstance(value, dict):
        kept = {key: without_nothing(inner) for key, inner in value.items()}
        return {key: inner for key, inner in kept.items() if inner not in (None, [], {})}
    if isinstance(value, list):
        return [without_nothing(inner) for inner in value]
    return value
