"""The Ollama protocol: virtual and cloud models beside the local daemon's own, which get their calls unread."""

import time
from functools import partial
from typing import Any

from flask import Blueprint, Response, redirect, request

from wallas.blueprints.body import guarded_body, raw_body
from wallas.blueprints.embedding import ollama_embed, ollama_embeddings
from wallas.blueprints.gateway import service
from wallas.blueprints.listing import usable, virtual
from wallas.blueprints.options import options
from wallas.blueprints.respond import StreamResponse, json_response, request_id, respond, router
from wallas.catalog.entries import Model
from wallas.codecs import ollama
from wallas.codecs.plain import PlainEncoder
from wallas.errors import BadRequest, Forbidden
from wallas.routing.relay import Relay
from wallas.routing.stream import Stream

bp = Blueprint("ollama", __name__)

CAPABILITIES = {"chat": "completion", "tools": "tools", "vision": "vision", "reasoning": "thinking"}
MODIFIED = "2026-01-01T00:00:00Z"
CONTEXT = 131072
VIRTUAL_CAPABILITIES = ["completion", "tools", "vision", "thinking"]


@bp.route("/", methods=["GET", "HEAD"])
def root() -> Response:
    """Greet: Ollama's clients look for these words."""
    if "text/html" in request.headers.get("Accept", "") and "dashboard" in service().pages:
        return redirect("/dashboard")  # type: ignore[return-value]
    return Response("Ollama is running", content_type="text/plain; charset=utf-8")


@bp.get("/api/version")
def version() -> Response:
    """Tell a version that clients accept: numeric and at least 0.6.4."""
    return json_response({"version": router().settings.ollama_version})


@bp.get("/api/tags")
def tags() -> Response:
    """List the daemon's own models first, then everything else that can be called here."""
    local = service().local.tags()
    names = {row.get("name") for row in local}
    rows = [*local, *(_tag(name, None) for name in virtual())]
    rows += [_tag(model.key, model) for model in usable() if model.kind == "chat" and model.provider != "ollama"]
    return json_response({"models": [row for row in rows if row in local or row["name"] not in names]})


@bp.get("/api/ps")
def ps() -> Response:
    """List what the daemon has loaded; nothing where there is no daemon."""
    return json_response({"models": service().local.loaded()})


@bp.post("/api/show")
def show() -> Response:
    """Describe a model: capabilities and context length, as editors ask for them."""
    data, body = _body()
    name = body.get("model") or body.get("name")
    if not isinstance(name, str) or not name:
        raise BadRequest("model is missing", param="model", code="missing_required_parameter")
    if service().local.has(name):
        return _relay("/api/show", data)
    asked = router().names.read(name)
    return json_response(_shown(name, asked.models[0] if asked.models else None))


@bp.post("/api/chat")
def chat() -> Response:
    """Answer a conversation."""
    data, body = _body()
    if service().local.has(body.get("model")):
        return _relay("/api/chat", data)
    said = options(request.environ, body)
    asked = ollama.decode_request(body)
    if not asked.messages:
        return _loaded(asked.model, {"message": {"role": "assistant", "content": ""}})
    return respond(asked, said, codec=ollama)


@bp.post("/api/generate")
def generate() -> Response:
    """Complete a prompt."""
    data, body = _body()
    if service().local.has(body.get("model")):
        return _relay("/api/generate", data)
    said = options(request.environ, body)
    asked = ollama.decode_generate(body)
    if not asked.messages:
        return _loaded(asked.model, {"response": ""})
    plain = PlainEncoder(partial(ollama.encode_response, request=asked, generate=True), ollama.encode_error)
    return respond(asked, said, codec=ollama, out=ollama.Encoder(asked, generate=True) if asked.stream else plain)


@bp.post("/api/embed")
def embed() -> Response:
    """Embed texts."""
    data, body = _body()
    return _relay("/api/embed", data) if service().local.has(body.get("model")) else ollama_embed(body)


@bp.post("/api/embeddings")
def embeddings() -> Response:
    """Embed one text, the old way."""
    data, body = _body()
    return _relay("/api/embeddings", data) if service().local.has(body.get("model")) else ollama_embeddings(body)


@bp.route("/api/pull", methods=["POST"])
@bp.route("/api/push", methods=["POST"])
@bp.route("/api/create", methods=["POST"])
@bp.route("/api/copy", methods=["POST"])
@bp.route("/api/delete", methods=["DELETE", "POST"])
@bp.route("/api/blobs/<digest>", methods=["HEAD", "POST"])
def manage(digest: str = "") -> Response:
    """Refuse what changes the daemon."""
    raise Forbidden("changing the local daemon's models through this gateway is for its administrator only")


def _body() -> tuple[bytes, dict[str, Any]]:
    """Return the body as it came and as JSON."""
    data = raw_body(request)
    return data, guarded_body(request, data=data)


def _relay(path: str, data: bytes) -> Response:
    here, local = router(), service().local
    relay = Relay(
        lambda: local.send(path, data),
        codec=ollama,
        out=ollama.Encoder(None),
        clock=here.desk.clock,
        total=here.settings.request_timeout,
        request_id=request_id(request),
        provider="ollama",
    )
    return StreamResponse(Stream(relay))


def _loaded(name: str, said: dict[str, Any]) -> Response:
    """Answer a request without words, which only asks that the model be loaded."""
    router().names.read(name)
    now = ollama.moment(int(time.time()))
    return json_response({"model": name, "created_at": now, **said, "done": True, "done_reason": "load"})


def _tag(name: str, model: Model | None) -> dict[str, Any]:
    details = {
        "format": "",
        "family": "simulated" if router().settings.demo else model.provider if model else "wallas",
        "parameter_size": "",
        "quantization_level": "",
    }
    return {
        "name": name,
        "model": name,
        "modified_at": f"{model.date}T00:00:00Z" if model and len(model.date) == 10 else MODIFIED,
        "size": 0,
        "digest": "",
        "details": details,
    }


def _shown(name: str, model: Model | None) -> dict[str, Any]:
    words = VIRTUAL_CAPABILITIES
    if model is not None:
        words = [word for capability, word in CAPABILITIES.items() if capability in model.capabilities]
    context = (model.context if model else None) or CONTEXT
    return {
        "modelfile": "",
        "parameters": "",
        "template": "{{ .Prompt }}",
        "details": _tag(name, model)["details"],
        "model_info": {"general.architecture": "wallas", "general.basename": name, "wallas.context_length": context},
        "capabilities": words,
        "modified_at": MODIFIED,
    }
