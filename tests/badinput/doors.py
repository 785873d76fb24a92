"""The doors of the gateway: each route to a model, a good body for it, and the form of its errors."""

import copy
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
MODEL = "acme/m"
VECTORS = "acme/vectors"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


class Door(NamedTuple):
    """One route. ``path`` has ``{model}`` where the model is not in the body; ``words`` leads to a user's text."""

    name: str
    protocol: str
    path: str
    body: dict[str, Any]
    words: tuple[str | int, ...]
    model: str = MODEL

    def url(self, model: str | None = None) -> str:
        """Return the path for a model."""
        return self.path.format(model=model or self.model)

    def good(self, **more: Any) -> dict[str, Any]:
        """Return a body of one's own that is served, with these fields replaced."""
        return copy.deepcopy(self.body) | more


def _chat(**more: Any) -> dict[str, Any]:
    return {"model": MODEL, "messages": [{"role": "user", "content": "hi"}], **more}


def _contents() -> dict[str, Any]:
    return {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}


DOORS = {
    door.name: door
    for door in (
        Door("chat", "openai", "/v1/chat/completions", _chat(), ("messages", 0, "content")),
        Door("completions", "openai", "/v1/completions", {"model": MODEL, "prompt": "hi"}, ("prompt",)),
        Door("responses", "openai", "/v1/responses", {"model": MODEL, "input": "hi", "store": False}, ("input",)),
        Door("embeddings", "openai", "/v1/embeddings", {"model": VECTORS, "input": "hi"}, ("input",), VECTORS),
        Door("messages", "anthropic", "/v1/messages", _chat(max_tokens=64), ("messages", 0, "content")),
        Door("count_tokens", "anthropic", "/v1/messages/count_tokens", _chat(), ("messages", 0, "content")),
        Door(
            "generate",
            "gemini",
            "/v1beta/models/{model}:generateContent",
            _contents(),
            ("contents", 0, "parts", 0, "text"),
        ),
        Door(
            "stream",
            "gemini",
            "/v1beta/models/{model}:streamGenerateContent",
            _contents(),
            ("contents", 0, "parts", 0, "text"),
        ),
        Door("count", "gemini", "/v1beta/models/{model}:countTokens", _contents(), ("contents", 0, "parts", 0, "text")),
        Door(
            "embed",
            "gemini",
            "/v1beta/models/{model}:embedContent",
            {"content": {"parts": [{"text": "hi"}]}},
            ("content", "parts", 0, "text"),
            VECTORS,
        ),
        Door("ollama_chat", "ollama", "/api/chat", _chat(stream=False), ("messages", 0, "content")),
        Door(
            "ollama_generate",
            "ollama",
            "/api/generate",
            {"model": MODEL, "prompt": "hi", "stream": False},
            ("prompt",),
        ),
        Door("ollama_embed", "ollama", "/api/embed", {"model": VECTORS, "input": "hi"}, ("input",), VECTORS),
        Door(
            "ollama_embeddings", "ollama", "/api/embeddings", {"model": VECTORS, "prompt": "hi"}, ("prompt",), VECTORS
        ),
    )
}
"""By name. ``stream`` answers as a stream, the others whole."""

ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    408: "timeout_error",
    413: "request_too_large",
    415: "invalid_request_error",
    421: "invalid_request_error",
}
GOOGLE_WORDS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    408: "DEADLINE_EXCEEDED",
    413: "INVALID_ARGUMENT",
    415: "INVALID_ARGUMENT",
    421: "INVALID_ARGUMENT",
}


class Told(NamedTuple):
    """What an error body says: its sentence, the field at fault ("" where none), OpenAI's code (None elsewhere)."""

    message: str
    param: str = ""
    code: str | None = None


def _openai(status: int, value: dict[str, Any]) -> Told:
    assert value.keys() == {"error"}
    error = value["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert isinstance(error["type"], str)
    return Told(error["message"], error["param"] or "", error["code"])


def _anthropic(status: int, value: dict[str, Any]) -> Told:
    assert value.keys() == {"type", "error", "request_id"}
    assert value["type"] == "error"
    assert value["error"].keys() == {"type", "message"}
    assert value["error"]["type"] == ANTHROPIC_TYPES[status]
    assert value["request_id"]
    return Told(value["error"]["message"], _leading(value["error"]["message"]))


def _gemini(status: int, value: dict[str, Any]) -> Told:
    assert value.keys() == {"error"}
    error = value["error"]
    assert error.keys() <= {"code", "message", "status", "details"}
    assert (error["code"], error["status"]) == (status, GOOGLE_WORDS[status])
    fields = [row["fieldViolations"][0]["field"] for row in error.get("details", ()) if "fieldViolations" in row]
    return Told(error["message"], fields[0] if fields else "")


def _ollama(status: int, value: dict[str, Any]) -> Told:
    assert value.keys() == {"error"}
    return Told(value["error"], _leading(value["error"]))


def _leading(message: str) -> str:
    """Return the field that a sentence begins with, as wires without a place for it are told."""
    first = message.partition(" ")[0]
    return first.rstrip(":") if first.endswith(":") or " is missing" in message else ""


READERS: Mapping[str, Callable[[int, dict[str, Any]], Told]] = {
    "openai": _openai,
    "anthropic": _anthropic,
    "gemini": _gemini,
    "ollama": _ollama,
}


def told(protocol: str, status: int, content_type: str | None, data: bytes) -> Told:
    """Return what an error says; fail when it is not in its protocol's own form."""
    assert content_type == "application/json"
    said = READERS[protocol](status, json.loads(data))
    assert said.message
    assert len(said.message) < 1000
    return said


def at(path: tuple[str | int, ...], value: Any, body: dict[str, Any]) -> dict[str, Any]:
    """Return a body with this value at this place."""
    changed = copy.deepcopy(body)
    *way, last = path
    place: Any = changed
    for step in way:
        place = place[step]
    place[last] = value
    return changed
