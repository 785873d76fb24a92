"""The OpenAI protocol's chat completions, legacy completions and embeddings."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, request

from wallas.blueprints.body import guarded_body
from wallas.blueprints.drawing import drawn, draws
from wallas.blueprints.embedding import openai_embeddings
from wallas.blueprints.options import options
from wallas.blueprints.respond import respond
from wallas.codecs import openai_chat, openai_completions
from wallas.codecs.plain import PlainEncoder
from wallas.routing.router import Options
from wallas.types.chat import ChatRequest

bp = Blueprint("openai", __name__, url_prefix="/v1")


@bp.post("/chat/completions")
def chat_completions() -> Response:
    """Answer a conversation."""
    body = guarded_body(request, places=openai_chat.file_places)
    said = options(request.environ, body)
    found = asked_chat(body, said, request.environ)
    return drawn(body, said) if found is None else respond(*found, codec=openai_chat)


def asked_chat(body: dict[str, Any], said: Options, environ: Mapping[str, Any]) -> tuple[ChatRequest, Options] | None:
    """Return what a chat request says, and what is said beside it; None where the answer is pictures."""
    return None if "modalities" in body and draws(body) else (openai_chat.decode_request(body), said)


@bp.post("/completions")
def completions() -> Response:
    """Complete a text, the old way."""
    body = guarded_body(request)
    said = options(request.environ, body)
    chat = openai_completions.decode_request(body)
    plain = PlainEncoder(openai_completions.encode_response, openai_chat.encode_error)
    out = openai_completions.Encoder(chat) if chat.stream else plain
    return respond(chat, said, codec=openai_chat, out=out)


@bp.post("/embeddings")
def embeddings() -> Response:
    """Embed texts."""
    return openai_embeddings(guarded_body(request))
