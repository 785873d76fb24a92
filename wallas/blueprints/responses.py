"""The OpenAI protocol's Responses, stateless and stateful."""

from collections.abc import Mapping
from typing import Any

import msgspec
from flask import Blueprint, Response, request

from wallas.blueprints.body import guarded_body
from wallas.blueprints.gateway import service
from wallas.blueprints.listing import number
from wallas.blueprints.options import options
from wallas.blueprints.respond import json_response, respond, router
from wallas.codecs import openai_responses
from wallas.errors import BadRequest, NotFound
from wallas.routing.enrich import enrich
from wallas.routing.needs import MARGIN, needs_of
from wallas.routing.router import Options
from wallas.types.chat import ChatRequest, ChatResponse

bp = Blueprint("responses", __name__, url_prefix="/v1/responses")


@bp.post("")
def create() -> Response:
    """Answer; store the answer unless ``store`` is false."""
    body = guarded_body(request)
    chat, said = asked_response(body, options(request.environ, body), request.environ)
    return respond(chat, said, codec=openai_responses)


def asked_response(body: dict[str, Any], said: Options, environ: Mapping[str, Any]) -> tuple[ChatRequest, Options]:
    """Return what a request for a response says, and what is said beside it."""
    store = body.get("store")
    if store is not None and not isinstance(store, bool):
        raise BadRequest("store: expected true or false", param="store")
    said = msgspec.structs.replace(said, store=store is not False)
    return openai_responses.decode_request(body), said


@bp.post("/input_tokens")
def input_tokens() -> Response:
    """Estimate the tokens of a request's input, never too low."""
    body = guarded_body(request)
    options(request.environ, body)
    chat = enrich(openai_responses.decode_request(body), router().memory)
    return json_response({"object": "response.input_tokens", "input_tokens": int(needs_of(chat).tokens * MARGIN) + 1})


@bp.get("/<id>")
def get(id: str) -> Response:
    """Return a stored response."""
    asked, answered = _stored(id)
    return json_response(openai_responses.responder(asked)(answered))


@bp.delete("/<id>")
def delete(id: str) -> Response:
    """Forget a stored response."""
    if not service().delete_response(id):
        raise _missing(id)
    return json_response({"id": id, "object": "response", "deleted": True})


@bp.post("/<id>/cancel")
def cancel(id: str) -> Response:
    """Refuse: only background responses could be cancelled, and those are not served."""
    _stored(id)
    raise BadRequest("only a background response can be cancelled, and this one was not", param="response_id")


@bp.get("/<id>/input_items")
def input_items(id: str) -> Response:
    """List the items that a stored response answered, the newest first unless ``order=asc``."""
    asked, _ = _stored(id)
    items = [_listed(item) for item in openai_responses.encode_items(asked.messages, stem=id)]
    order = request.args.get("order", "desc")
    if order not in ("asc", "desc"):
        raise BadRequest("order: expected asc or desc", param="order")
    rows = items if order == "asc" else items[::-1]
    after = request.args.get("after")
    if after is not None:
        place = next((index for index, row in enumerate(rows) if row["id"] == after), None)
        if place is None:
            raise BadRequest("after: no such item", param="after")
        rows = rows[place + 1 :]
    most = min(max(number(request, "limit", 20), 1), 100)
    page = rows[:most]
    first, last = (page[0]["id"], page[-1]["id"]) if page else (None, None)
    return json_response(
        {"object": "list", "data": page, "first_id": first, "last_id": last, "has_more": len(rows) > most}
    )


def _listed(item: dict[str, Any]) -> dict[str, Any]:
    """Return an item as a listing has it: a message has a status there, and content that is always a list."""
    if item["type"] != "message":
        return item
    item = {"status": "completed"} | item
    content = item.get("content")
    if not isinstance(content, str):
        return item
    if item["role"] == "assistant":
        return item | {"content": [{"type": "output_text", "text": content, "annotations": []}]}
    return item | {"content": [{"type": "input_text", "text": content}]}


def _stored(id: str) -> tuple[ChatRequest, ChatResponse]:
    found: tuple[ChatRequest, ChatResponse] | None = service().journal.stored(id)
    if found is None:
        raise _missing(id)
    return found


def _missing(id: str) -> NotFound:
    return NotFound(f"no response {id[:100]!r} is stored here", param="response_id", code="response_not_found")
