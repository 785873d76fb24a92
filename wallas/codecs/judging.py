"""Ranking in Cohere's and Jina's shape, moderation in OpenAI's."""

from typing import Annotated, Any

import msgspec

from wallas.codecs.fields import convert
from wallas.errors import BadRequest
from wallas.ids import fresh
from wallas.types.judging import ModerationAnswer, ModerationRequest, RerankAnswer, RerankRequest

DOCUMENTS_MOST = 10_000
INPUTS_MOST = 1_000
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=300)]


class RerankIn(msgspec.Struct):
    """A body of /v1/rerank."""

    query: Annotated[str, msgspec.Meta(min_length=1)]
    documents: list[Any]
    model: Name | None = None
    top_n: Annotated[int, msgspec.Meta(ge=1)] | None = None
    top_k: Annotated[int, msgspec.Meta(ge=1)] | None = None
    return_documents: bool | None = None
    max_tokens_per_doc: Annotated[int, msgspec.Meta(ge=1)] | None = None


class ModerationIn(msgspec.Struct):
    """A body of /v1/moderations."""

    input: Any
    model: Name | None = None


class RerankAsked(msgspec.Struct, frozen=True):
    """A request, the model by its name, and whether the documents shall come back."""

    request: RerankRequest
    model: str | None
    documents: bool


def decode_rerank(body: dict[str, Any]) -> RerankAsked:
    """Return a client's request; raise BadRequest naming the field that is wrong."""
    fields = convert(body, RerankIn)
    if not fields.documents or len(fields.documents) > DOCUMENTS_MOST:
        raise BadRequest(f"documents: expected 1 to {DOCUMENTS_MOST} of them", param="documents")
    request = RerankRequest(
        model=fields.model or "auto",
        query=fields.query,
        documents=tuple(_document(one, f"documents[{place}]") for place, one in enumerate(fields.documents)),
        top=fields.top_n or fields.top_k,
        tokens_each=fields.max_tokens_per_doc,
    )
    return RerankAsked(request, fields.model, bool(fields.return_documents))


def _document(given: Any, param: str) -> str:
    text = given.get("text") if isinstance(given, dict) else given
    if not isinstance(text, str):
        raise BadRequest(f"{param}: expected a text, or an object with one", param=param)
    return text


def encode_rerank(answer: RerankAnswer, asked: RerankAsked, *, provider: str, model: str) -> dict[str, Any]:
    """Return a ranking for a client."""
    results: list[dict[str, Any]] = []
    for one in answer.ranked:
        row: dict[str, Any] = {"index": one.index, "relevance_score": one.score}
        if asked.documents:
            row["document"] = {"text": asked.request.documents[one.index]}
        results.append(row)
    told: dict[str, Any] = {"id": fresh(), "object": "list", "model": model, "provider": provider, "results": results}
    if answer.usage is not None and answer.usage.input is not None:
        told["usage"] = {"total_tokens": answer.usage.input}
    return told


def decode_moderation(body: dict[str, Any]) -> tuple[ModerationRequest, str | None]:
    """Return a client's request and its model's name; raise BadRequest naming the field that is wrong."""
    fields = convert(body, ModerationIn)
    given = fields.input
    if isinstance(given, str):
        inputs: tuple[Any, ...] = (given,)
    elif isinstance(given, list) and given and all(isinstance(one, str) for one in given):
        inputs = tuple(given)
    elif isinstance(given, list) and given and all(isinstance(one, dict) for one in given):
        inputs = ([_part(one, f"input[{place}]") for place, one in enumerate(given)],)
    else:
        raise BadRequest("input: expected a text, a list of texts, or a list of parts", param="input")
    if len(inputs) > INPUTS_MOST:
        raise BadRequest(f"input: at most {INPUTS_MOST} texts are taken", param="input")
    return ModerationRequest(model=fields.model or "auto", inputs=inputs), fields.model


def _part(part: dict[str, Any], param: str) -> dict[str, Any]:
    match part:
        case {"type": "text", "text": str(text)}:
            return {"type": "text", "text": text}
        case {"type": "image_url", "image_url": {"url": str(url)}}:
            return {"type": "image_url", "image_url": {"url": url}}
        case _:
            raise BadRequest(f"{param}: expected a part of the type text or image_url", param=param)


def encode_moderation(answer: ModerationAnswer, *, provider: str, model: str) -> dict[str, Any]:
    """Return the verdicts for a client; what a model does not judge is left out."""
    results = []
    for one in answer.verdicts:
        row: dict[str, Any] = {"flagged": one.flagged, "categories": one.categories, "category_scores": one.scores}
        results.append(row if one.applied is None else row | {"category_applied_input_types": one.applied})
    return {"id": f"modr-{fresh()}", "model": model, "provider": provider, "results": results}
