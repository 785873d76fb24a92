"""The Gemini protocol: generate, stream and count, under ``/v1beta`` and ``/v1``; the action follows the last colon."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, request

from wallas.blueprints.body import guarded_body
from wallas.blueprints.drawing import drawn_for_gemini
from wallas.blueprints.embedding import gemini_embed, gemini_embed_batch
from wallas.blueprints.options import options
from wallas.blueprints.respond import json_response, respond, router
from wallas.codecs import gemini
from wallas.errors import BadRequest, NotFound
from wallas.routing.needs import MARGIN, needs_of

bp = Blueprint("gemini", __name__)


@bp.post("/v1beta/models/<path:target>")
@bp.post("/v1/models/<path:target>")
@bp.post("/v1beta/tunedModels/<path:target>")
def act(target: str) -> Response:
    """Do what the path asks of a model."""
    model, colon, action = target.rpartition(":")
    if not colon or action not in ACTIONS:
        raise NotFound(f"no action {action[:50]!r}: expected {', '.join(ACTIONS)}")
    return ACTIONS[action](model, guarded_body(request))


def _generate(model: str, body: dict[str, Any]) -> Response:
    said = options(request.environ, body)
    chat = gemini.decode_request(body | {"model": model, "stream": False})
    if "image" in chat.modalities:
        return drawn_for_gemini(chat, body, said)
    return respond(chat, said, codec=gemini)


def _stream(model: str, body: dict[str, Any]) -> Response:
    said = options(request.environ, body)
    chat = gemini.decode_request(body | {"model": model, "stream": True})
    framing = request.args.get("alt", "")
    if framing not in ("", "sse", "json"):
        raise BadRequest(f"alt: expected sse or json, got {framing[:20]!r}", param="alt")
    if "image" in chat.modalities:
        return drawn_for_gemini(chat, body, said, array=framing != "sse")
    return respond(chat, said, codec=gemini, out=gemini.Encoder(chat, array=framing != "sse"))


def _count(model: str, body: dict[str, Any]) -> Response:
    inner = body.get("generateContentRequest")
    asked = inner if isinstance(inner, dict) else body
    said = options(request.environ, asked)
    chat = gemini.decode_request(asked | {"model": model, "stream": False})
    router().read(chat.model, said)
    return json_response({"totalTokens": int(needs_of(chat).tokens * MARGIN) + 1})


ACTIONS: dict[str, Callable[[str, dict[str, Any]], Response]] = {
    "generateContent": _generate,
    "streamGenerateContent": _stream,
    "countTokens": _count,
    "embedContent": gemini_embed,
    "batchEmbedContents": gemini_embed_batch,
}
