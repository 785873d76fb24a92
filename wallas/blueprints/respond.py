"""Hands an answer to the server: a stream that WSGI can iterate, an error in the caller's own protocol."""

import math
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import msgspec
from flask import Response, current_app, request
from werkzeug.exceptions import HTTPException

from wallas import codecs
from wallas.blueprints.body import Asking
from wallas.codecs import Codec, StreamEncoder
from wallas.codecs.plain import PlainEncoder
from wallas.errors import BadRequest, GatewayError, MethodNotAllowed, NotFound
from wallas.ids import fresh
from wallas.routing.router import Options, Router
from wallas.routing.stream import Stream
from wallas.types.chat import ChatRequest, ChatResponse, Reasoning

ANTHROPIC_DOWN = 529
OPENAI_PATHS = (
    "/v1/chat/",
    "/v1/completions",
    "/v1/responses",
    "/v1/embeddings",
    "/v1/files",
    "/v1/audio/",
    "/v1/tts",
    "/v1/images/",
    "/v1/videos",
    "/v1/moderations",
    "/v1/rerank",
    "/v2/rerank",
    "/v1/realtime",
)
"""Paths that are OpenAI's alone, whatever headers come with them."""
SHOWS_BY_REQUEST = frozenset({codecs.ANTHROPIC, codecs.OLLAMA, codecs.OPENAI_RESPONSES})
"""Wires whose ``encode_response`` takes the request it answers."""


class StreamResponse(Response):
    """A Flask response whose WSGI call returns the stream itself, so that a server can park it."""

    default_mimetype = None

    def __init__(self, stream: Stream) -> None:
        """Wrap a stream; headers that hooks set on this response go into the stream's head."""
        super().__init__()
        self.answer = stream

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Return the stream, which calls ``start_response`` with its first bytes."""
        own = ("Content-Type", "Content-Length", "Cache-Control")
        self.answer.extra_headers = [(name, value) for name, value in self.headers.items() if name not in own]
        http10 = environ.get("SERVER_PROTOCOL") == "HTTP/1.0"
        return self.answer.bind(start_response, environ.get("gunicorn.socket"), http10=http10)


def router() -> Router:
    """Return this worker's router."""
    found: Router = current_app.extensions["wallas"].router
    return found


def request_id(incoming: Asking) -> str:
    """Return the id that the client gave this request, if it is usable, else a new one."""
    return id_said(incoming.environ) or fresh()


def id_said(environ: Mapping[str, Any]) -> str:
    """Return the id that the client gave this request, if it is usable, else ""."""
    said: str | None = environ.get("HTTP_X_REQUEST_ID")
    return said if said and said.isascii() and said.isprintable() and len(said) <= 100 else ""


def respond(chat: ChatRequest, options: Options, *, codec: Codec, out: Any = None) -> StreamResponse:
    """Answer a chat request on the codec's wire; ``out`` overrides the codec's own encoder."""
    stream = streamed(router(), chat, options, codec=codec, request_id=request_id(request), out=out)
    return StreamResponse(stream)


def streamed(
    router: Router, chat: ChatRequest, options: Options, *, codec: Codec, request_id: str, out: Any = None
) -> Stream:
    """Return the stream that answers a chat request; raise what can be refused before its first byte."""
    return router.chat(chat, options, codec=codec, out=out or encoder(codec, chat), request_id=request_id)


def encoder(codec: Codec, chat: ChatRequest) -> StreamEncoder | PlainEncoder:
    """Return what writes the answer; a whole one has no thoughts where the wire shows them only to who asked."""
    if chat.stream:
        return codec.Encoder(chat)
    encode_response: Callable[..., dict[str, Any]] = codec.encode_response
    if codec.WIRE in SHOWS_BY_REQUEST:
        encode_response = partial(encode_response, request=chat)
    elif codec.WIRE == codecs.GEMINI and not (chat.thinking and chat.thinking.visible):
        encode_response = _thoughtless(encode_response)
    return PlainEncoder(encode_response, codec.encode_error)


def _thoughtless(encode_response: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    def encode(response: ChatResponse) -> dict[str, Any]:
        choices = []
        for choice in response.choices:
            parts = tuple(part for part in choice.message.parts if not isinstance(part, Reasoning))
            message = msgspec.structs.replace(choice.message, parts=parts)
            choices.append(msgspec.structs.replace(choice, message=message))
        return encode_response(msgspec.structs.replace(response, choices=tuple(choices)))

    return encode


def json_response(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a JSON answer."""
    return Response(msgspec.json.encode(value), status, headers, content_type="application/json")


def error_response(error: GatewayError, codec: Codec) -> Response:
    """Return an error in one wire's form."""
    status = ANTHROPIC_DOWN if error.status == 503 and codec.WIRE == codecs.ANTHROPIC else error.status
    error.request_id = request_id(request)
    headers = {"X-Request-Id": error.request_id}
    if codec.WIRE == codecs.ANTHROPIC:
        headers["request-id"] = error.request_id
    if error.retry_after is not None:
        headers["Retry-After"] = str(max(math.ceil(error.retry_after), 1))
    if status < 429:
        headers["x-should-retry"] = "false"
    return json_response(codec.encode_error(error), status, headers)


def wire_of(path: str) -> str:
    """Return the wire in which a caller of this path expects its errors."""
    if path.startswith("/v1/messages"):
        return codecs.ANTHROPIC
    if path.startswith("/api/"):
        return codecs.OLLAMA
    if path.startswith("/v1beta/") or (path.startswith("/v1/models/") and ":" in path.rpartition("/")[2]):
        return codecs.GEMINI
    return codecs.OPENAI_CHAT


def wire_asked() -> str:
    """Return the wire in which the present caller expects its errors: by path, or by its protocol's own header."""
    if request.path.startswith(OPENAI_PATHS):
        return codecs.OPENAI_CHAT
    wire = wire_of(request.path)
    listing = request.method in ("GET", "HEAD") and request.path.startswith("/v1/models/")  # ids may hold a colon
    if wire != codecs.OPENAI_CHAT and not listing:
        return wire
    if "anthropic-version" in request.headers:
        return codecs.ANTHROPIC
    return codecs.GEMINI if "x-goog-api-key" in request.headers else codecs.OPENAI_CHAT


def on_gateway_error(error: GatewayError) -> Response:
    """Answer with an error in the caller's protocol."""
    return error_response(error, codecs.codec(wire_asked()))


def on_http_error(error: HTTPException) -> Response:
    """Answer a routing error (no such path, wrong method) in the caller's protocol."""
    status = error.code or 500
    kind = {404: NotFound, 405: MethodNotAllowed}.get(status)
    path = request.path[:200].encode("unicode_escape").decode()
    message = f"{request.method} {path}: {error.name.lower()}"
    told = kind(message) if kind else BadRequest(message, status=status)
    response = on_gateway_error(told)
    if status == 405 and (allowed := error.get_response().headers.get("Allow")):
        response.headers["Allow"] = allowed
    return response


def on_fault(error: Exception) -> Response:
    """Answer a fault of our own without showing its inside."""
    current_app.logger.exception("a request broke")
    return on_gateway_error(GatewayError("the gateway failed; see its log", code="internal_error"))
