"""OpenAI's embeddings wire and its dialects: Mistral, NVIDIA and Voyage differ in keys only."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple

import msgspec

from wallas.codecs import OPENAI_CHAT as WIRE
from wallas.codecs.dropping import Dropped
from wallas.codecs.embeddings_values import Body, kept, listed, packed, some, text, vectors, words
from wallas.codecs.fields import convert, leftover
from wallas.codecs.limits import Name
from wallas.codecs.reading import read, tokens
from wallas.errors import BadRequest, FailureKind, ProviderError
from wallas.types.chat import Usage
from wallas.types.media import EmbedInput, EmbedRequest, EmbedResponse, EmbedTask

Dimensions = Annotated[int, msgspec.Meta(ge=1, le=65_536)]
Token = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]


class Dialect(NamedTuple):
    """How a provider of this shape names what OpenAI names otherwise, or not at all."""

    dimensions: str = "dimensions"
    task: str | None = None
    tasks: Mapping[EmbedTask, str] = {}
    default_task: str | None = None
    """Sent when no task was asked, where a provider refuses requests without one."""
    truncate: Mapping[str, Any] = {}


ENDS = {"none": "NONE", "start": "START", "end": "END"}
OPENAI = Dialect()
MISTRAL = Dialect(dimensions="output_dimension")
NVIDIA = Dialect(
    task="input_type", tasks={"query": "query", "document": "passage"}, default_task="passage", truncate=ENDS
)
VOYAGE = Dialect(dimensions="output_dimension", task="input_type", tasks={"query": "query", "document": "document"})

INPUT_TYPES: dict[str, EmbedTask] = {
    "query": "query",
    "search_query": "query",
    "passage": "document",
    "document": "document",
    "search_document": "document",
    "classification": "classification",
    "clustering": "clustering",
}
"""What clients of this wire write in ``input_type``, which OpenAI itself has not."""


class RequestIn(msgspec.Struct):
    """A body of /v1/embeddings."""

    model: Name
    input: Any
    dimensions: Dimensions | None = None
    encoding_format: Literal["float", "base64"] | None = None
    user: str | None = None


class VectorOut(msgspec.Struct):
    """One of ``data``."""

    embedding: list[Any] | str
    index: int | None = None
    object: str | None = None


def decode_request(body: Any) -> EmbedRequest:
    """Return a client's request; raise BadRequest naming the field that is wrong.

    ``input`` is a text, token numbers, or a list of either.
    """
    fields = convert(body, RequestIn)
    rest = leftover(body, RequestIn)
    asked = rest.get("input_type")
    return EmbedRequest(
        model=fields.model,
        inputs=_inputs(fields.input),
        dimensions=fields.dimensions,
        encoding_format=fields.encoding_format,
        task=INPUT_TYPES.get(asked) if isinstance(asked, str) else None,
        user=fields.user,
        extra=kept(WIRE, rest),
    )


def _inputs(given: Any) -> tuple[EmbedInput, ...]:
    if given is None:
        raise BadRequest("input is missing", param="input", code="missing_required_parameter")
    if not isinstance(given, list):
        return (text(given, "input"),)
    if given and isinstance(given[0], int) and not isinstance(given[0], bool):
        return (_tokens(given, at="input"),)
    return tuple(
        _tokens(one, at=f"input[{number}]") if isinstance(one, list) else text(one, f"input[{number}]")
        for number, one in enumerate(some(given, "input"))
    )


def _tokens(given: list[Any], *, at: str) -> tuple[int, ...]:
    if not given:
        raise BadRequest(f"{at}: expected at least one token", param=at)
    return convert(given, tuple[Token, ...], at=at)


def encode_request(
    request: EmbedRequest, dropped: list[str] | None = None, *, dialect: Dialect = OPENAI
) -> dict[str, Any]:
    """Return the body for a provider that speaks ``dialect``; name in ``dropped`` what has no place there."""
    lost = Dropped(dropped)
    own = dict(request.extra.get(WIRE, {}))
    body = own | {"model": request.model, "input": [_input(one) for one in request.inputs]}
    optional = {
        dialect.dimensions: request.dimensions,
        "encoding_format": request.encoding_format,
        "user": request.user,
    }
    body |= {key: value for key, value in optional.items() if value is not None}
    if dialect.task is not None:
        word = dialect.tasks.get(request.task) if request.task else None
        if word or dialect.default_task:
            body[dialect.task] = word or dialect.default_task
        if request.task and not word:
            lost.add("task")
    elif request.task and "input_type" not in own:
        lost.add("task")
    if request.truncate is not None and request.truncate in dialect.truncate:
        body["truncate"] = dialect.truncate[request.truncate]
    elif request.truncate is not None:
        lost.add("truncate")
    lost.add(*(key for owner, keys in request.extra.items() if owner != WIRE for key in keys))
    return body


def _input(one: EmbedInput) -> str | list[int]:
    return list(one) if isinstance(one, tuple) else words(one)


def decode_response(body: Any, *, count: int | None = None, dimensions: int | None = None) -> EmbedResponse:
    """Return a provider's vectors in the order of the inputs; ``count`` and ``dimensions`` are what was asked."""
    data = [read(one, VectorOut) for one in listed(body, "data")]
    ordered = _ordered(data)
    told = body.get("usage") if isinstance(body.get("usage"), dict) else {}
    rest = {key: value for key, value in body.items() if key not in ("data", "model", "usage", "object", "provider")}
    spent = tokens(told.get("prompt_tokens", told.get("total_tokens")))
    if told and spent is not None:  # Voyage says total_tokens only
        told = {"prompt_tokens": spent, "total_tokens": spent} | told
    if data and isinstance(data[0].embedding, str):
        rest["encoding_format"] = "base64"
    provider = body.get("provider")
    return EmbedResponse(
        model=body["model"] if isinstance(body.get("model"), str) else "",
        vectors=vectors([one.embedding for one in ordered], count=count, dimensions=dimensions),
        usage=Usage(input=spent, raw=kept(WIRE, told)) if told else None,
        provider=provider if isinstance(provider, str) else None,
        extra=kept(WIRE, {key: value for key, value in rest.items() if value is not None}),
    )


def _ordered(data: list[VectorOut]) -> list[VectorOut]:
    """Return the vectors by index; where all have the same or none, as they came."""
    places = [one.index for one in data]
    if len(set(places)) <= 1 and len(places) != 1:
        return data
    if sorted(place for place in places if place is not None) == list(range(len(data))):
        return sorted(data, key=lambda one: one.index or 0)
    if len(data) == 1:
        return data
    raise ProviderError(FailureKind.MALFORMED, f"vectors numbered {places[:8]}")


def encode_response(response: EmbedResponse, request: EmbedRequest | None = None) -> dict[str, Any]:
    """Return the vectors for a client, as base64 if ``request`` asked so; without a request as they came.

    The wire insists on ``usage``: a count that is not known is written as 0.
    """
    own = dict(response.extra.get(WIRE, {}))
    came = own.pop("encoding_format", None)
    base64 = (came if request is None else request.encoding_format) == "base64"
    data = [
        {"object": "embedding", "index": number, "embedding": packed(vector) if base64 else list(vector)}
        for number, vector in enumerate(response.vectors)
    ]
    body = own | {"object": "list", "data": data, "model": response.model, "usage": _usage(response.usage)}
    return body | ({"provider": response.provider} if response.provider else {})


def _usage(usage: Usage | None) -> Body:
    spent = (usage.input if usage else None) or 0
    told: Body = usage.raw.get(WIRE, {}) if usage else {}
    return {"prompt_tokens": spent, "total_tokens": spent} | told
