"""The decision without the call."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, request

from wallas.blueprints.body import guarded_body
from wallas.blueprints.options import options
from wallas.blueprints.respond import json_response, router
from wallas.codecs import anthropic, gemini, ollama, openai_chat, openai_responses
from wallas.errors import BadRequest
from wallas.routing.enrich import enrich
from wallas.routing.explain import explain, profiles
from wallas.types.chat import ChatRequest

bp = Blueprint("explain", __name__, url_prefix="/v1")

WIRES: dict[str, tuple[str, Callable[[dict[str, Any]], ChatRequest]]] = {
    "openai": (openai_chat.WIRE, openai_chat.decode_request),
    "openai_chat": (openai_chat.WIRE, openai_chat.decode_request),
    "responses": (openai_responses.WIRE, openai_responses.decode_request),
    "openai_responses": (openai_responses.WIRE, openai_responses.decode_request),
    "anthropic": (anthropic.WIRE, anthropic.decode_count_request),
    "ollama": (ollama.WIRE, ollama.decode_request),
    "gemini": (gemini.WIRE, gemini.decode_request),
}


@bp.post("/route/explain")
@bp.post("/routing/explain")
def explained() -> Response:
    """Tell who would answer a chat body of any protocol (``?wire=``), in what order and why."""
    name = request.args.get("wire", "openai")
    if name not in WIRES:
        raise BadRequest(f"wire: expected one of {', '.join(WIRES)}", param="wire")
    wire, decode = WIRES[name]
    body = guarded_body(request)
    said = options(request.environ, body)
    chat = enrich(decode(body), router().memory)
    return json_response(explain(router(), chat, said, wire=wire))


@bp.get("/routing/profiles")
def listed() -> Response:
    """List the virtual models and what each cares for."""
    own = {
        name: {"models": list(profile.models), "strategy": profile.strategy}
        for name, profile in router().settings.profiles.items()
    }
    return json_response({"object": "list", "data": profiles(own)})
