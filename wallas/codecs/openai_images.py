"""OpenAI's pictures: generations, edits and variations, asked for in JSON or by form."""

import base64
import re
import time
from typing import Annotated, Any, Literal

import msgspec

from wallas.codecs.fields import convert
from wallas.errors import BadRequest
from wallas.types.image import ImageAnswer, ImageRequest, Picture, Size

VARIATION = "Make a variation of this picture: the same subject and style, drawn anew."
SIDE_MOST = 8192
NUMBERS = ("n", "output_compression", "partial_images", "seed")
_SIZE = re.compile(r"(\d{2,4})x(\d{2,4})")
Short = Annotated[str, msgspec.Meta(min_length=1, max_length=300)]


class ImageIn(msgspec.Struct):
    """What a request for pictures may say, whichever of the three it is."""

    prompt: Annotated[str, msgspec.Meta(max_length=32_000)] | None = None
    model: Short | None = None
    n: Annotated[int, msgspec.Meta(ge=1, le=10)] | None = None
    size: Short | None = None
    quality: Literal["standard", "hd", "low", "medium", "high", "auto"] | None = None
    background: Literal["transparent", "opaque", "auto"] | None = None
    style: Literal["vivid", "natural"] | None = None
    response_format: Literal["url", "b64_json"] | None = None
    output_format: Literal["png", "jpeg", "webp"] | None = None
    output_compression: Annotated[int, msgspec.Meta(ge=0, le=100)] | None = None
    stream: bool | None = None
    seed: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)] | None = None
    user: Short | None = None


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request and how its pictures are wanted: ``form`` is url, b64_json or both."""

    request: ImageRequest
    model: str | None
    form: str
    stream: bool


def decode_request(
    said: dict[str, Any],
    *,
    images: tuple[Picture, ...] = (),
    mask: Picture | None = None,
    variation: bool = False,
) -> Asked:
    """Return a client's request; raise BadRequest naming the field that is wrong. Forms' numbers may be texts."""
    said = {key: _number(value) if key in NUMBERS else value for key, value in said.items() if value is not None}
    if isinstance(said.get("stream"), str):
        said["stream"] = {"true": True, "false": False}.get(said["stream"].lower(), said["stream"])
    fields = convert(said, ImageIn)
    prompt = (fields.prompt or "").strip() or (VARIATION if variation else "")
    if not prompt:
        code = "missing_required_parameter" if fields.prompt is None else "invalid_value"
        raise BadRequest("prompt is missing", param="prompt", code=code)
    request = ImageRequest(
        model=fields.model or "auto",
        prompt=prompt,
        n=fields.n or 1,
        size=size_of(fields.size),
        quality=None if fields.quality == "auto" else fields.quality,
        background=None if fields.background == "auto" else fields.background,
        style=fields.style,
        format=fields.output_format,
        compression=fields.output_compression,
        seed=fields.seed,
        user=fields.user,
        images=images,
        mask=mask,
    )
    return Asked(request=request, model=fields.model, form=fields.response_format or "both", stream=bool(fields.stream))


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isdecimal() and len(value) < 12 else value


def size_of(text: str | None) -> Size | None:
    """Return a size that a client wrote, None for ``auto``; raise BadRequest for what is none."""
    if text is None or text == "auto":
        return None
    match = _SIZE.fullmatch(text)
    size = Size(int(match[1]), int(match[2])) if match else None
    if size is None or not (64 <= size.width <= SIDE_MOST and 64 <= size.height <= SIDE_MOST):
        raise BadRequest(
            f"size: expected auto, or a width and a height such as 1024x1024, up to {SIDE_MOST}", param="size"
        )
    return size


def encode_answer(answer: ImageAnswer, asked: Asked, urls: list[str], *, provider: str, model: str) -> dict[str, Any]:
    """Return the pictures as their client wants them; ``urls`` are their addresses here, empty where none is wanted."""
    data = []
    for number, picture in enumerate(answer.pictures):
        row: dict[str, Any] = {}
        if asked.form != "url":
            row["b64_json"] = base64.b64encode(picture.data).decode()
        if asked.form != "b64_json":
            row["url"] = urls[number]
        if picture.prompt:
            row["revised_prompt"] = picture.prompt
        data.append(row)
    told: dict[str, Any] = {
        "created": int(time.time()),
        "data": data,
        "output_format": answer.pictures[0].mime.partition("/")[2],
        "provider": provider,
        "model": model,
    }
    request = asked.request
    size = answer.size or request.size
    told |= {"size": str(size)} if size else {}
    told |= {"quality": request.quality} if request.quality else {}
    told |= {"background": request.background} if request.background else {}
    return told | ({"usage": usage} if (usage := _usage(answer, request)) else {})


def _usage(answer: ImageAnswer, request: ImageRequest) -> dict[str, Any] | None:
    usage = answer.usage
    if usage is None or usage.input is None:
        return None
    made = usage.output or 0
    told: dict[str, Any] = {"input_tokens": usage.input, "output_tokens": made, "total_tokens": usage.input + made}
    if not request.images:
        told["input_tokens_details"] = {"image_tokens": 0, "text_tokens": usage.input}
    return told


def encode_events(body: dict[str, Any], *, edit: bool) -> list[dict[str, Any]]:
    """Return what a stream tells: each picture when it is whole, none in parts."""
    kind = "image_edit.completed" if edit else "image_generation.completed"
    shared: dict[str, Any] = {
        key: body[key] for key in ("output_format", "size", "quality", "background", "usage") if key in body
    }
    return [{"type": kind, "created_at": body["created"], **shared, **row} for row in body["data"]]
