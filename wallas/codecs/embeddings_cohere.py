"""Cohere's embeddings wire, /v2/embed; answers of /v1/embed are read too."""

from typing import Annotated, Any, Literal

import msgspec

from wallas.codecs import COHERE as WIRE
from wallas.codecs.dropping import Dropped
from wallas.codecs.embeddings_values import Body, kept, listed, packed, some, task_of, text, vectors, words
from wallas.codecs.fields import convert, leftover
from wallas.codecs.limits import Name, payload, without_nul
from wallas.codecs.reading import tokens
from wallas.errors import BadRequest, FailureKind, ProviderError
from wallas.types.chat import Media, Text, Usage
from wallas.types.media import EmbedInput, EmbedRequest, EmbedResponse, EmbedTask, Mixed

TASKS: dict[EmbedTask, str] = {
    "query": "search_query",
    "document": "search_document",
    "classification": "classification",
    "clustering": "clustering",
    "image": "image",
}
DEFAULT = "search_document"
"""The wire insists on a task; without one, a text is taken for what is searched."""
KINDS = ("float", "base64", "int8", "uint8", "binary", "ubinary")
"""Types of vectors, the most exact first: that one is read where several came."""
LIST = "list"
"""How /v1/embed answers: no type, only a list of vectors."""
WHOLE = frozenset({"int8", "uint8", "binary", "ubinary"})


class ImageIn(msgspec.Struct):
    """An image of an input."""

    url: str


class PartIn(msgspec.Struct):
    """One of an input's ``content``."""

    type: Literal["text", "image_url"]
    text: str | None = None
    image_url: ImageIn | None = None


class InputIn(msgspec.Struct):
    """One of ``inputs``."""

    content: list[PartIn]


class EmbedIn(msgspec.Struct):
    """A body of /v2/embed: exactly one of ``texts``, ``images`` and ``inputs``."""

    model: Name
    input_type: Literal["search_document", "search_query", "classification", "clustering", "image"]
    texts: list[Any] | None = None
    images: list[str] | None = None
    inputs: list[InputIn] | None = None
    output_dimension: Annotated[int, msgspec.Meta(ge=1, le=65_536)] | None = None
    embedding_types: list[str] | None = None
    truncate: Literal["NONE", "START", "END"] | None = None


def decode_request(body: Any) -> EmbedRequest:
    """Return a client's request; raise BadRequest naming the field that is wrong."""
    fields = convert(body, EmbedIn)
    types = fields.embedding_types
    rest = leftover(body, EmbedIn) | ({"embedding_types": types} if types and types != ["float"] else {})
    ends: dict[str, Literal["none", "start", "end"]] = {"NONE": "none", "START": "start", "END": "end"}
    return EmbedRequest(
        model=fields.model,
        inputs=_inputs(fields),
        dimensions=fields.output_dimension,
        task=task_of(fields.input_type, TASKS),
        truncate=ends.get(fields.truncate or ""),
        extra=kept(WIRE, rest),
    )


def _inputs(fields: EmbedIn) -> tuple[EmbedInput, ...]:
    given = [key for key in ("texts", "images", "inputs") if getattr(fields, key)]
    if len(given) != 1:
        raise BadRequest("texts: expected one of texts, images and inputs, not empty", param="texts")
    items = list(enumerate(some(getattr(fields, given[0]), given[0])))
    match given[0]:
        case "texts":
            return tuple(text(one, f"texts[{number}]") for number, one in items)
        case "images":
            return tuple(Mixed(parts=(_image(one, at=f"images[{number}]"),)) for number, one in items)
        case _:
            return tuple(_mixed(one, at=f"inputs[{number}]") for number, one in items)


def _mixed(one: InputIn, *, at: str) -> Mixed:
    return Mixed(parts=tuple(_part(part, at=f"{at}.content[{number}]") for number, part in enumerate(one.content)))


def _image(url: str, *, at: str) -> Media:
    data = payload(url, at)
    return Media(kind="image", mime=data.mime, data=data.data)


def _part(part: PartIn, *, at: str) -> Text | Media:
    if part.type == "text":
        return Text(text=without_nul(part.text or ""))
    if part.image_url is None:
        raise BadRequest(f"{at}.image_url is missing", param=f"{at}.image_url", code="missing_required_parameter")
    return _image(part.image_url.url, at=f"{at}.image_url.url")


def encode_request(request: EmbedRequest, dropped: list[str] | None = None) -> dict[str, Any]:
    """Return the body of /v2/embed; name in ``dropped`` what has no place there."""
    lost = Dropped(dropped)
    task = TASKS.get(request.task) if request.task else DEFAULT
    if task is None:
        lost.add("task")
    body: Body = {"embedding_types": ["float"]} | request.extra.get(WIRE, {})
    body |= {"model": request.model, "input_type": task or DEFAULT} | _asked(request)
    if request.dimensions is not None:
        body["output_dimension"] = request.dimensions
    if request.truncate is not None:
        body["truncate"] = request.truncate.upper()
    lost.add(*(["user"] if request.user is not None else []))
    lost.add(*(key for owner, keys in request.extra.items() if owner != WIRE for key in keys))
    return body


def _asked(request: EmbedRequest) -> Body:
    if not any(isinstance(one, Mixed) for one in request.inputs):
        return {"texts": [words(one) for one in request.inputs]}
    mixed = [one if isinstance(one, Mixed) else Mixed(parts=(Text(text=words(one)),)) for one in request.inputs]
    if all(len(one.parts) == 1 and isinstance(one.parts[0], Media) for one in mixed):
        return {"images": [_url(one.parts[0]) for one in mixed]}
    return {"inputs": [{"content": [_item(part) for part in one.parts]} for one in mixed]}


def _item(part: Text | Media) -> Body:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    return {"type": "image_url", "image_url": {"url": _url(part)}}


def _url(part: Text | Media) -> str:
    match part:
        case Media(kind="image", data=str() as data):
            return f"data:{part.mime or 'image/png'};base64,{data}"
        case _:
            raise ProviderError(FailureKind.UNSUPPORTED, "only images in base64 are embedded here", param="input")


def decode_response(body: Any, *, count: int | None = None, dimensions: int | None = None) -> EmbedResponse:
    """Return the vectors, of the most exact type that came; ``count`` and ``dimensions`` are what was asked."""
    told = body.get("embeddings") if isinstance(body, dict) else None
    rest: Body = {"kind": LIST}
    if isinstance(told, dict):
        came = {kind: value for kind, value in told.items() if value}
        kind = next((kind for kind in KINDS if kind in came), "float")
        found = listed(came, kind)
        others = {other: value for other, value in came.items() if other != kind}
        rest = {"kind": kind} | ({"others": others} if others else {})
    else:
        found = listed(body, "embeddings")
    rest |= {key: value for key, value in body.items() if key != "embeddings" and value is not None}
    match body:
        case {"meta": {"billed_units": {"input_tokens": billed}}}:
            spent = tokens(billed)
        case _:
            spent = None
    return EmbedResponse(
        vectors=vectors(found, count=count, dimensions=dimensions),
        usage=None if spent is None else Usage(input=spent),
        extra=kept(WIRE, rest),
    )


def encode_response(response: EmbedResponse, request: EmbedRequest | None = None) -> dict[str, Any]:
    """Return the vectors for a client, of the type that the provider gave."""
    own = dict(response.extra.get(WIRE, {}))
    kind = own.pop("kind", "float")
    others = own.pop("others", {})
    values = [_written(vector, kind) for vector in response.vectors]
    body = own | {"embeddings": values if kind == LIST else others | {kind: values}}
    if "meta" not in body and response.usage is not None and response.usage.input is not None:
        body["meta"] = {"billed_units": {"input_tokens": response.usage.input}}
    return body


def _written(vector: tuple[float, ...], kind: str) -> Any:
    if kind == "base64":
        return packed(vector)
    return [int(value) for value in vector] if kind in WHOLE else list(vector)
