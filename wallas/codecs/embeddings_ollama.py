"""Ollama's embeddings wire: /api/embed, and /api/embeddings, its older form with one prompt."""

from typing import Annotated, Any

import msgspec

from wallas.codecs import OLLAMA as WIRE
from wallas.codecs.dropping import Dropped
from wallas.codecs.embeddings_values import kept, listed, some, text, vectors, words
from wallas.codecs.fields import convert, leftover
from wallas.codecs.limits import Name
from wallas.codecs.reading import tokens
from wallas.errors import BadRequest
from wallas.types.chat import Usage
from wallas.types.media import EmbedRequest, EmbedResponse

TIMES = ("total_duration", "load_duration")


class EmbedIn(msgspec.Struct):
    """A body of /api/embed."""

    model: Name
    input: Any = None
    truncate: bool | None = None
    dimensions: Annotated[int, msgspec.Meta(ge=1, le=65_536)] | None = None


class PromptIn(msgspec.Struct):
    """A body of /api/embeddings."""

    model: Name
    prompt: str


def decode_request(body: Any) -> EmbedRequest:
    """Return a client's request to /api/embed; ``keep_alive`` and ``options`` are kept in ``extra``."""
    fields = convert(body, EmbedIn)
    if fields.input is None:
        raise BadRequest("input is missing", param="input", code="missing_required_parameter")
    given = some(fields.input, "input") if isinstance(fields.input, list) else None
    listed_texts = () if given is None else tuple(text(one, f"input[{at}]") for at, one in enumerate(given))
    return EmbedRequest(
        model=fields.model,
        inputs=listed_texts or (text(fields.input, "input"),),
        dimensions=fields.dimensions,
        truncate=None if fields.truncate is None else "end" if fields.truncate else "none",
        extra=kept(WIRE, leftover(body, EmbedIn)),
    )


def decode_prompt(body: Any) -> EmbedRequest:
    """Return a client's request to /api/embeddings."""
    fields = convert(body, PromptIn)
    prompt = text(fields.prompt, "prompt")
    return EmbedRequest(model=fields.model, inputs=(prompt,), extra=kept(WIRE, leftover(body, PromptIn)))


def encode_request(request: EmbedRequest, dropped: list[str] | None = None) -> dict[str, Any]:
    """Return the body of /api/embed; name in ``dropped`` what has no place there."""
    lost = Dropped(dropped)
    body = request.extra.get(WIRE, {}) | {"model": request.model, "input": [words(one) for one in request.inputs]}
    if request.dimensions is not None:
        body["dimensions"] = request.dimensions
    if request.truncate is not None:
        body["truncate"] = request.truncate != "none"
    if request.truncate == "start":  # the daemon cuts the end off
        lost.add("truncate")
    lost.add(*(name for name in ("task", "user") if getattr(request, name) is not None))
    lost.add(*(key for owner, keys in request.extra.items() if owner != WIRE for key in keys))
    return body


def decode_response(body: Any, *, count: int | None = None, dimensions: int | None = None) -> EmbedResponse:
    """Return a daemon's vectors, from either route; ``count`` and ``dimensions`` are what was asked."""
    older = isinstance(body, dict) and "embedding" in body
    found = [listed(body, "embedding")] if older else listed(body, "embeddings")
    known = ("model", "embedding", "embeddings", "prompt_eval_count", *TIMES)
    rest = {key: value for key, value in body.items() if key not in known and value is not None}
    times = {key: body[key] for key in TIMES if body.get(key) is not None}
    told = Usage(input=tokens(body.get("prompt_eval_count")), raw=kept(WIRE, times))
    return EmbedResponse(
        model=body["model"] if isinstance(body.get("model"), str) else "",
        vectors=vectors(found, count=count, dimensions=dimensions),
        usage=None if told == Usage() else told,
        extra=kept(WIRE, rest | ({"older": True} if older else {})),
    )


def encode_response(response: EmbedResponse, request: EmbedRequest | None = None) -> dict[str, Any]:
    """Return the vectors for a client of /api/embed; counts that are not known are left out."""
    own = dict(response.extra.get(WIRE, {}))
    if own.pop("older", False):
        return own | encode_prompt_response(response)
    body = own | {"model": response.model, "embeddings": [list(vector) for vector in response.vectors]}
    if response.usage is not None:
        body |= response.usage.raw.get(WIRE, {})
        if response.usage.input is not None:
            body["prompt_eval_count"] = response.usage.input
    return body


def encode_prompt_response(response: EmbedResponse) -> dict[str, Any]:
    """Return the vector for a client of /api/embeddings."""
    return {"embedding": list(response.vectors[0]) if response.vectors else []}
