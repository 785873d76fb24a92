"""Ranks documents and moderates: one call each over the attempt loop."""

from functools import partial
from typing import Any

import msgspec

from wallas.routing.candidates import Candidate
from wallas.routing.line import Line
from wallas.routing.needs import BYTES_PER_TOKEN
from wallas.routing.operation import Run, Task
from wallas.routing.router import Router
from wallas.routing.speech import able
from wallas.types.judging import ModerationAnswer, ModerationRequest, RerankAnswer, RerankRequest


def rerank_task(router: Router) -> Task:
    """Return the task of ranking documents."""
    return Task(
        name="rerank",
        noun="rerank",
        able=partial(able, router, "rerank", "rerank"),
        foreign=("rerank-*", "jina-reranker-*"),
    )


def moderation_task(router: Router) -> Task:
    """Return the task of moderation."""
    return Task(
        name="moderation",
        noun="moderation",
        able=partial(able, router, "moderation", "moderation"),
        foreign=("omni-moderation-*", "text-moderation-*"),
    )


def rerank(run: Run, request: RerankRequest) -> RerankAnswer:
    """Return the documents by how well they answer the query."""
    words = len(request.query) * len(request.documents) + sum(map(len, request.documents))
    answer: RerankAnswer = run.answer(
        partial(_ask, request), tokens=int(words / BYTES_PER_TOKEN), usage=lambda one: one.usage
    )
    run.note_unheard(request)
    return answer


def moderate(run: Run, request: ModerationRequest) -> ModerationAnswer:
    """Return what a model says of each input."""
    words = sum(len(one) for one in request.inputs if isinstance(one, str))
    answer: ModerationAnswer = run.answer(partial(_ask, request), tokens=int(words / BYTES_PER_TOKEN))
    return answer


def _ask(request: RerankRequest | ModerationRequest, candidate: Candidate, line: Line) -> Any:
    asked = msgspec.structs.replace(request, model=candidate.model.id)
    return candidate.provider.operate(asked, key=candidate.key, line=line)
