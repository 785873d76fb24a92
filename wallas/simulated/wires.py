"""How a simulated provider reads requests and which wire each path speaks; model lists, embeddings and counts."""

import json
import re
import time
from collections.abc import Callable
from typing import Any, BinaryIO, Protocol
from urllib.parse import parse_qs, urlsplit

from wallas.simulated.script import Call, Request
from wallas.simulated.wires_chat import ChatWriter, CohereWriter, GeminiWriter, OllamaWriter
from wallas.simulated.wires_items import AnthropicWriter, ResponsesWriter

HEAD_LINES = 200
CREATED = 1_790_000_000

PATHS = (
    (re.compile(r"/api/(?:chat|generate)$"), "ollama"),
    (re.compile(r"/chat/completions$"), "openai_chat"),
    (re.compile(r"/responses$"), "openai_responses"),
    (re.compile(r"/messages$"), "anthropic"),
    (re.compile(r":(?:stream)?[gG]enerateContent$"), "gemini"),
    (re.compile(r"/v2/chat$"), "cohere"),
)
"""Which wire a path speaks, whatever stands before it; all others are side routes."""


class Writer(Protocol):
    """Says things on one wire: as frames of a stream, and kept for the plain answer."""

    stream_type: str
    usage: tuple[int, int, int, int]
    calls: list[Call]
    begun: bool
    seal: str

    def text(self, piece: str) -> list[bytes]:
        """Return the frames of a piece of text."""

    def think(self, piece: str) -> list[bytes]:
        """Return the frames of a piece of reasoning."""

    def call(self, call: Call, fragments: list[str]) -> list[bytes]:
        """Return the frames of a tool call."""

    def finish(self, reason: str) -> list[bytes]:
        """Return the frames that end the answer, the end mark last."""

    def error(self, code: str | int, message: str, status: int) -> list[bytes]:
        """Return the frames of an error inside a stream."""

    def plain(self, reason: str | None) -> bytes:
        """Return everything said as a plain answer."""

    def plain_error(self, code: str | int, message: str, status: int) -> bytes:
        """Return an error body."""


_WRITERS: dict[str, Callable[[Request], Writer]] = {
    "openai_chat": ChatWriter,
    "openai_responses": ResponsesWriter,
    "anthropic": AnthropicWriter,
    "gemini": GeminiWriter,
    "ollama": OllamaWriter,
    "cohere": CohereWriter,
    "side": ChatWriter,
}


def writer(request: Request) -> Writer:
    """Return a fresh writer of the request's wire."""
    return _WRITERS[request.wire](request)


def read_request(reader: BinaryIO) -> Request | None:
    """Return the next request of a connection; None at its end. Raise ValueError for what is no HTTP."""
    line = reader.readline(65536)
    if not line.strip():
        return None
    method, target, _ = line.decode("latin-1").split(" ", 2)
    headers: dict[str, str] = {}
    for _ in range(HEAD_LINES):
        field = reader.readline(65536).decode("latin-1").strip()
        if not field:
            break
        name, _, value = field.partition(":")
        headers[name.lower()] = value.strip()
    body = _body(reader, headers)
    parts = urlsplit(target)
    wire = next((name for path, name in PATHS if path.search(parts.path)), "side") if method == "POST" else "side"
    request = Request(method, parts.path, parts.query, headers, body, _json(body), wire, time.monotonic())
    request.stream = _streams(request)
    return request


def _body(reader: BinaryIO, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() != "chunked":
        return reader.read(int(headers.get("content-length", 0)))
    pieces: list[bytes] = []
    while size := int(reader.readline(100).split(b";")[0], 16):
        pieces.append(reader.read(size))
        reader.readline(10)
    while reader.readline(65536).strip():
        pass
    return b"".join(pieces)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _streams(request: Request) -> bool:
    if request.wire == "gemini":
        return "stream" in request.path.rpartition(":")[2]
    body = request.json if isinstance(request.json, dict) else {}
    return bool(body.get("stream", request.wire == "ollama"))


def last_user_text(request: Request) -> str:
    """Return the text of a request's last user message, on any wire; empty where there is none."""
    body = request.json if isinstance(request.json, dict) else {}
    turns = body.get("messages") or body.get("contents") or body.get("input") or body.get("prompt") or ""
    if isinstance(turns, str):
        return turns
    for turn in reversed(turns):
        if isinstance(turn, dict) and turn.get("role") == "user":
            return _text_of(turn.get("content", turn.get("parts")))
    return ""


def _text_of(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "".join(str(part.get("text", "")) for part in parts if isinstance(part, dict))


def side(request: Request, models: list[str], context: int) -> tuple[int, Any]:
    """Return status and JSON of a route that is no chat: lists, embeddings, counts, a daemon's own."""
    last = re.split(r"[/:]", request.path)[-1]
    if last == "models":
        return 200, _list(request, models, context)
    if last in _SIDES:
        return 200, _SIDES[last](request, models, context)
    if "/models/" in request.path and request.method == "GET":
        name = request.path.partition("/models/")[2]
        found = {"id": name, "object": "model", "created": CREATED, "owned_by": "simulated"}
        return (200, found) if name in models else (404, {"error": {"message": f"The model `{name}` does not exist"}})
    return 404, {"error": {"message": f"no such route: {request.path}", "type": "invalid_request_error"}}


def _list(request: Request, models: list[str], context: int) -> Any:
    """Return the models as the wire of whoever asks has them."""
    if "x-goog-api-key" in request.headers or "/v1beta" in request.path:
        methods = ["generateContent", "countTokens", "embedContent"]
        limits: dict[str, Any] = {
            "inputTokenLimit": context,
            "outputTokenLimit": 4096,
            "supportedGenerationMethods": methods,
        }
        return {"models": [{"name": f"models/{name}", "displayName": name, **limits} for name in models]}
    if "anthropic-version" in request.headers:
        rows = [{"id": name, "type": "model", "display_name": name, "created_at": _now()} for name in models]
        return {"data": rows, "has_more": False, "first_id": models[0], "last_id": models[-1]}
    if "endpoint" in parse_qs(request.query) or "page_size" in parse_qs(request.query):
        return {"models": [{"name": name, "endpoints": ["chat"], "context_length": context} for name in models]}
    plain = [{"id": name, "object": "model", "created": CREATED, "owned_by": "simulated"} for name in models]
    return {"object": "list", "data": plain}


def _vectors(request: Request) -> list[list[float]]:
    body = request.json if isinstance(request.json, dict) else {}
    inputs = body.get("input") or body.get("texts") or body.get("requests") or [body.get("content")]
    inputs = [inputs] if isinstance(inputs, str) else inputs
    return [[round(len(str(text)) / 100, 4), 0.25, -0.5] for text in inputs]


def _embeddings(request: Request, models: list[str], context: int) -> Any:
    vectors = _vectors(request)
    if request.path.endswith("/api/embeddings"):
        return {"embedding": vectors[0]}
    rows: list[dict[str, Any]] = [
        {"object": "embedding", "index": at, "embedding": vector} for at, vector in enumerate(vectors)
    ]
    counts = {"prompt_tokens": len(vectors), "total_tokens": len(vectors)}
    return {"object": "list", "data": rows, "model": request.model, "usage": counts}


def _embed(request: Request, models: list[str], context: int) -> Any:
    vectors = _vectors(request)
    if "/api/" in request.path:
        return {"model": request.model, "embeddings": vectors, "prompt_eval_count": len(vectors)}
    return {"id": "e1", "embeddings": {"float": vectors}, "meta": {"billed_units": {"input_tokens": len(vectors)}}}


def _tags(request: Request, models: list[str], context: int) -> Any:
    details = {"format": "gguf", "family": "simulated", "parameter_size": "8B", "quantization_level": "Q4_0"}
    row: dict[str, Any] = {"modified_at": _now(), "size": 1, "digest": "0" * 64, "details": details}
    return {"models": [{"name": name, "model": name, **row} for name in models]}


def _show(request: Request, models: list[str], context: int) -> Any:
    info = {"general.architecture": "simulated", "simulated.context_length": context}
    return {"model_info": info, "capabilities": ["completion", "tools"], "details": {"family": "simulated"}}


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(CREATED))


_SIDES: dict[str, Callable[[Request, list[str], int], Any]] = {
    "embeddings": _embeddings,
    "embed": _embed,
    "tags": _tags,
    "ps": _tags,
    "show": _show,
    "version": lambda request, models, context: {"version": "0.12.6"},
    "embedContent": lambda request, models, context: {"embedding": {"values": _vectors(request)[0]}},
    "batchEmbedContents": lambda request, models, context: {
        "embeddings": [{"values": vector} for vector in _vectors(request)]
    },
    "countTokens": lambda request, models, context: {"totalTokens": len(request.body) // 4},
    "count_tokens": lambda request, models, context: {"input_tokens": len(request.body) // 4},
}
