"""The Anthropic protocol: messages and token counts."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, request

from wallas.blueprints.body import guarded_body
from wallas.blueprints.options import options
from wallas.blueprints.respond import json_response, respond, router
from wallas.codecs import anthropic
from wallas.errors import NotFound
from wallas.routing.needs import MARGIN, needs_of
from wallas.routing.router import Options
from wallas.types.chat import ChatRequest

bp = Blueprint("anthropic", __name__, url_prefix="/v1/messages")


@bp.post("")
def messages() -> Response:
    """Answer a conversation."""
    body = guarded_body(request)
    chat, said = asked_message(body, options(request.environ, body), request.environ)
    return respond(chat, said, codec=anthropic)


def asked_message(body: dict[str, Any], said: Options, environ: Mapping[str, Any]) -> tuple[ChatRequest, Options]:
    """Return what a request for a message says, and what is said beside it."""
    if betas := environ.get("HTTP_ANTHROPIC_BETA"):
        body.setdefault("betas", [flag.strip() for flag in betas.split(",") if flag.strip()])
    return anthropic.decode_request(body), said


@bp.post("/count_tokens")
def count_tokens() -> Response:
    """Estimate a conversation's tokens: never too low, so that a client does not overrun a window."""
    body = guarded_body(request)
    said = options(request.environ, body)
    chat = anthropic.decode_count_request(body)
    router().read(chat.model, said)
    return json_response({"input_tokens": int(needs_of(chat).tokens * MARGIN) + 1})


@bp.post("/batches")
def batches() -> Response:
    """Refuse batches, which no free provider has."""
    raise NotFound("message batches are not served here")
