"""The same request at several providers at once: the best answer, or all of them beside each other."""

from functools import partial
from typing import Any

from flask import Blueprint, Response, request

from wallas.blueprints.body import guarded_body
from wallas.blueprints.options import options
from wallas.blueprints.respond import StreamResponse, encoder, request_id, router
from wallas.codecs import openai_chat
from wallas.errors import BadRequest
from wallas.routing.contest import BRANCHES_MOST, BRANCHES_USUAL
from wallas.routing.diligence import CRITERIA, Comparison
from wallas.routing.fork import Fork

bp = Blueprint("fork", __name__, url_prefix="/v1")


@bp.post("/chat/completions/fork")
def forked() -> Response:
    """Answer a conversation with the best of several providers' answers."""
    body = guarded_body(request)
    most = width(body)
    all_of_them = flag(body, "return_all")
    said = options(request.environ, body)
    chat = openai_chat.decode_request(body)
    out = encoder(openai_chat, chat)
    held = partial(Fork, most=most, all_of_them=all_of_them)
    return StreamResponse(
        router().contest(chat, said, codec=openai_chat, out=out, request_id=request_id(request), held=held)
    )


@bp.post("/diligence/compare")
def compared() -> Response:
    """Rank several providers' answers to one task by quality, speed or cost."""
    body = guarded_body(request)
    most = width(body)
    judge = flag(body, "judge")
    task, criterion = body.pop("task", None), body.pop("criteria", "calidad")
    if not isinstance(task, str) or not task.strip():
        raise BadRequest("task: expected a text", param="task")
    if not isinstance(criterion, str) or criterion not in CRITERIA:
        raise BadRequest(f"criteria: expected one of {', '.join(CRITERIA)}", param="criteria")
    if judge and CRITERIA[criterion] != "calidad":
        raise BadRequest(f"judge: what a model judges is quality, and criteria is {criterion}", param="judge")
    said = options(request.environ, body)
    if "messages" in body:
        raise BadRequest("messages: the task is the message", param="messages")
    chat = openai_chat.decode_request(
        {"model": "auto", **body, "messages": [{"role": "user", "content": task}]},
    )
    out = encoder(openai_chat, chat)
    held = partial(Comparison, most=most, criterion=CRITERIA[criterion], task=task, judge=judge)
    return StreamResponse(
        router().contest(chat, said, codec=openai_chat, out=out, request_id=request_id(request), held=held)
    )


def width(body: dict[str, Any]) -> int:
    """Return how many providers are asked and take it out of the body; more than five are five."""
    value = body.pop("max_parallel", None)
    if value is None:
        return BRANCHES_USUAL
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise BadRequest(f"max_parallel: expected a whole number of 1 to {BRANCHES_MOST}", param="max_parallel")
    return min(value, BRANCHES_MOST)


def flag(body: dict[str, Any], name: str) -> bool:
    """Return a truth value and take it out of the body."""
    value = body.pop(name, None)
    if value is not None and not isinstance(value, bool):
        raise BadRequest(f"{name}: expected true or false", param=name)
    return bool(value)
