"""``POST /v1/search/web``: what the web has for a query, from whoever of the configured services answers."""

from typing import Annotated, Any

import msgspec
from flask import Blueprint, Response, current_app, request

from wallas.blueprints.body import guarded_body
from wallas.blueprints.respond import json_response
from wallas.codecs.fields import convert
from wallas.errors import BadRequest

bp = Blueprint("search", __name__)

QUERY_CHARACTERS = 1000


class SearchIn(msgspec.Struct, forbid_unknown_fields=True):
    """What is asked for."""

    query: Annotated[str, msgspec.Meta(min_length=1)]
    max_results: Annotated[int, msgspec.Meta(ge=1, le=20)] = 5
    backend: str | None = None
    language: Annotated[str, msgspec.Meta(pattern=r"^[a-z]{2,3}\Z")] = "en"


@bp.post("/v1/search/web")
def web() -> Response:
    """Search the web."""
    asked = convert(guarded_body(request), SearchIn)
    query = asked.query.strip()
    if not query or len(query) > QUERY_CHARACTERS:
        raise BadRequest(f"query: expected 1 to {QUERY_CHARACTERS} characters", param="query")
    backend = None if asked.backend in (None, "", "auto") else asked.backend
    found = current_app.extensions["wallas"].search.search(
        query, most=asked.max_results, backend=backend, language=asked.language
    )
    told: dict[str, Any] = {
        "object": "search.results",
        "query": query,
        "results": [one._asdict() for one in found.results],
        "total": len(found.results),
        "cached": found.cached,
        "backends": [one._asdict() for one in found.tried],
    }
    return json_response(told)
