"""Ranking of documents, and moderation."""

from flask import Blueprint, Response, request

from wallas.blueprints.body import guarded_body
from wallas.blueprints.leaving import watched
from wallas.blueprints.respond import json_response, request_id, router
from wallas.codecs import OPENAI_CHAT
from wallas.codecs.judging import decode_moderation, decode_rerank, encode_moderation, encode_rerank
from wallas.routing.operation import begin
from wallas.routing.verdicts import moderate, moderation_task, rerank, rerank_task

bp = Blueprint("judging", __name__)


@bp.post("/v1/rerank")
@bp.post("/v2/rerank")
def ranked() -> Response:
    """Rank documents by how well they answer a query."""
    body = guarded_body(request)
    said = watched(request.environ, body)
    asked = decode_rerank(body)
    here = router()
    with begin(here, rerank_task(here), asked.model, said, request_id=request_id(request), wire=OPENAI_CHAT) as run:
        answer = rerank(run, asked.request)
        assert run.last is not None
        told = encode_rerank(answer, asked, provider=run.last.model.provider, model=run.last.model.id)
    return json_response(told, headers=run.headers())


@bp.post("/v1/moderations")
def moderations() -> Response:
    """Say whether texts are harmful, by a model made for it; there is none inside."""
    body = guarded_body(request)
    said = watched(request.environ, body)
    asked, model = decode_moderation(body)
    here = router()
    with begin(here, moderation_task(here), model, said, request_id=request_id(request), wire=OPENAI_CHAT) as run:
        answer = moderate(run, asked)
        assert run.last is not None
        told = encode_moderation(answer, provider=run.last.model.provider, model=run.last.model.id)
    return json_response(told, headers=run.headers())
