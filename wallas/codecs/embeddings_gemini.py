"""Gemini's embeddings wire: embedContent for one input, batchEmbedContents for many."""

from typing import Annotated, Any

import msgspec

from wallas.codecs import GEMINI as WIRE
from wallas.codecs.dropping import Dropped
from wallas.codecs.embeddings_values import Body, kept, listed, some, task_of, vectors, words
from wallas.codecs.fields import convert, join, leftover
from wallas.codecs.limits import Name, payload, without_nul
from wallas.codecs.reading import tokens
from wallas.errors import BadRequest, FailureKind, ProviderError
from wallas.types.chat import Media, Text, Usage
from wallas.types.media import EmbedInput, EmbedRequest, EmbedResponse, EmbedTask, Mixed

TASKS: dict[EmbedTask, str] = {
    "query": "RETRIEVAL_QUERY",
    "document": "RETRIEVAL_DOCUMENT",
    "similarity": "SEMANTIC_SIMILARITY",
    "classification": "CLASSIFICATION",
    "clustering": "CLUSTERING",
    "question_answering": "QUESTION_ANSWERING",
    "fact_verification": "FACT_VERIFICATION",
    "code_query": "CODE_RETRIEVAL_QUERY",
}
SNAKE = {
    "task_type": "taskType",
    "output_dimensionality": "outputDimensionality",
    "inline_data": "inlineData",
    "mime_type": "mimeType",
    "file_data": "fileData",
    "file_uri": "fileUri",
}
"""The wire takes both spellings; these are the ones that mean something here."""


class BlobIn(msgspec.Struct):
    """Media in base64."""

    data: str
    mimeType: str | None = None


class FileIn(msgspec.Struct):
    """Media by address."""

    fileUri: Name
    mimeType: str | None = None


class PartIn(msgspec.Struct):
    """One of ``parts``."""

    text: str | None = None
    inlineData: BlobIn | None = None
    fileData: FileIn | None = None


class ContentIn(msgspec.Struct):
    """What is embedded as one."""

    parts: list[PartIn]


class OneIn(msgspec.Struct):
    """A body of embedContent, or one of ``requests``."""

    content: ContentIn
    model: str | None = None
    taskType: str | None = None
    outputDimensionality: Annotated[int, msgspec.Meta(ge=1, le=65_536)] | None = None


def decode_request(body: Any, model: str = "") -> EmbedRequest:
    """Return a client's request to either action; ``model`` is the one of the path, "" takes the body's."""
    body = _spelled(body)
    single = not (isinstance(body, dict) and "requests" in body)
    given = [body] if single else body["requests"]
    if not isinstance(given, list):
        raise BadRequest("requests: expected a list", param="requests")
    places = [""] if single else [f"requests[{number}]" for number in range(len(some(given, "requests")))]
    read = [convert(one, OneIn, at=at) for one, at in zip(given, places, strict=True)]
    same = {(one.model, one.taskType, one.outputDimensionality) for one in read}
    if len(same) > 1:
        raise BadRequest("requests: model, taskType and outputDimensionality must be the same in all", param="requests")
    name, task, size = same.pop()
    own: Body = {"single": True} if single else {}
    if task is not None and task_of(task, TASKS) is None:
        own["taskType"] = task
    spare = [leftover(one, OneIn) | _role(one) for one in given]
    if any(spare):
        own["requests"] = spare
    return EmbedRequest(
        model=model or (name or "").removeprefix("models/"),
        inputs=tuple(_input(one.content, at=join(at, "content")) for one, at in zip(read, places, strict=True)),
        dimensions=size,
        task=task_of(task, TASKS),
        extra=kept(WIRE, own),
    )


def _spelled(value: Any) -> Any:
    if isinstance(value, dict):
        return {SNAKE.get(key, key): _spelled(inner) for key, inner in value.items()}
    return [_spelled(inner) for inner in value] if isinstance(value, list) else value


def _role(one: Body) -> Body:
    rest = leftover(one["content"], ContentIn)
    return {"content": rest} if rest else {}


def _input(content: ContentIn, *, at: str) -> EmbedInput:
    parts = tuple(_part(part, at=f"{at}.parts[{number}]") for number, part in enumerate(content.parts))
    if not parts:
        raise BadRequest(f"{at}.parts: expected at least one part", param=f"{at}.parts")
    first = parts[0]
    return first.text if len(parts) == 1 and isinstance(first, Text) else Mixed(parts=parts)


def _part(part: PartIn, *, at: str) -> Text | Media:
    if part.text is not None:
        return Text(text=without_nul(part.text))
    if part.inlineData is not None:
        data = payload(part.inlineData.data, f"{at}.inlineData.data")
        return _media(part.inlineData.mimeType or data.mime, data=data.data)
    if part.fileData is not None:
        return _media(part.fileData.mimeType, url=part.fileData.fileUri)
    raise BadRequest(f"{at}: expected text, inlineData or fileData", param=at)


def _media(mime: str | None, *, data: str | None = None, url: str | None = None) -> Media:
    kind = (mime or "").partition("/")[0]
    match kind:
        case "image" | "audio" | "video":
            return Media(kind=kind, mime=mime, data=data, url=url)
        case _:
            return Media(kind="document", mime=mime, data=data, url=url)


def action(request: EmbedRequest) -> str:
    """Return the action of the path for which ``encode_request`` writes the body."""
    single = request.extra.get(WIRE, {}).get("single") and len(request.inputs) == 1
    return "embedContent" if single else "batchEmbedContents"


def encode_request(request: EmbedRequest, dropped: list[str] | None = None) -> dict[str, Any]:
    """Return the body for the action that ``action`` names; name in ``dropped`` what has no place there."""
    lost = Dropped(dropped)
    own = request.extra.get(WIRE, {})
    task = TASKS.get(request.task) if request.task else own.get("taskType")
    if request.task and task is None:
        lost.add("task")
    settings = {"model": f"models/{request.model}", "taskType": task, "outputDimensionality": request.dimensions}
    settings = {key: value for key, value in settings.items() if value is not None}
    spare = own.get("requests") or [{} for _ in request.inputs]
    bodies = [
        more | settings | {"content": more.get("content", {}) | {"parts": _parts(one)}}
        for one, more in zip(request.inputs, spare, strict=True)
    ]
    lost.add(*(name for name in ("truncate", "user") if getattr(request, name) is not None))
    lost.add(*(key for owner, keys in request.extra.items() if owner != WIRE for key in keys))
    return bodies[0] if action(request) == "embedContent" else {"requests": bodies}


def _parts(one: EmbedInput) -> list[Body]:
    if not isinstance(one, Mixed):
        return [{"text": words(one)}]
    return [{"text": part.text} if isinstance(part, Text) else _blob(part) for part in one.parts]


def _blob(media: Media) -> Body:
    mime = {"mimeType": media.mime} if media.mime else {}
    if media.data is not None:
        return {"inlineData": mime | {"data": media.data}}
    if media.url is not None:
        return {"fileData": mime | {"fileUri": media.url}}
    raise ProviderError(FailureKind.UNSUPPORTED, "a file of another provider cannot be embedded here", param="input")


def decode_response(body: Any, *, count: int | None = None, dimensions: int | None = None) -> EmbedResponse:
    """Return the vectors of either action; ``count`` and ``dimensions`` are what was asked."""
    single = isinstance(body, dict) and "embedding" in body
    found = [body["embedding"]] if single else listed(body, "embeddings")
    told = body.get("usageMetadata") if isinstance(body.get("usageMetadata"), dict) else {}
    known = ("embedding", "embeddings", "usageMetadata")
    rest = {key: value for key, value in body.items() if key not in known and value is not None}
    return EmbedResponse(
        vectors=vectors([listed(one, "values") for one in found], count=count, dimensions=dimensions),
        usage=Usage(input=tokens(told.get("promptTokenCount")), raw=kept(WIRE, told)) if told else None,
        extra=kept(WIRE, rest | ({"single": True} if single else {})),
    )


def encode_response(response: EmbedResponse, request: EmbedRequest | None = None) -> dict[str, Any]:
    """Return the vectors for a client, in the form of the action that ``request`` came from."""
    own = dict(response.extra.get(WIRE, {}))
    single = own.pop("single", False) if request is None else action(request) == "embedContent"
    made = [{"values": list(vector)} for vector in response.vectors]
    body = own | ({"embedding": made[0]} if single and made else {"embeddings": made})
    usage = response.usage
    if usage is not None:
        spent = {} if usage.input is None else {"promptTokenCount": usage.input}
        told = spent | usage.raw.get(WIRE, {})
        body |= {"usageMetadata": told} if told else {}
    return body
