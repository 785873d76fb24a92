"""What a Responses request may hold, as types: the first wrong field is named by its path."""

from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from wallas.codecs.fields import convert
from wallas.codecs.limits import payload
from wallas.errors import BadRequest

Id: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, pattern=r"^[^\x00]*\Z")]
"""A name or an id: looked up and stored, so never empty and without NUL."""


class ReasoningOptions(msgspec.Struct):
    """``reasoning``."""

    effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = None
    summary: Literal["auto", "concise", "detailed"] | None = None


class Format(msgspec.Struct):
    """``text.format``."""

    type: Literal["text", "json_object", "json_schema"]
    name: Id | None = None
    description: str | None = None
    schema: dict[str, Any] | None = None
    strict: bool | None = None


class TextOptions(msgspec.Struct):
    """``text``."""

    format: Format | None = None


class Body(msgspec.Struct):
    """The request itself; what is not here stays in ``extra``."""

    model: str | None = None
    input: str | list[Any] | None = None
    instructions: str | None = None
    previous_response_id: Id | None = None
    tools: Any = None
    """A list of objects, which is read apart: once, where it comes again."""
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    text: TextOptions | None = None
    reasoning: ReasoningOptions | None = None
    include: list[str] | None = None
    store: bool | None = None
    max_output_tokens: Annotated[int, msgspec.Meta(ge=1, le=2**53)] | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    top_logprobs: Annotated[int, msgspec.Meta(ge=0, le=20)] | None = None
    metadata: dict[str, Any] | None = None
    user: str | None = None
    service_tier: str | None = None
    stream: bool | None = None
    stream_options: dict[str, Any] | None = None
    conversation: Any = None
    background: bool | None = None
    truncation: Literal["auto", "disabled"] | None = None
    prompt: Any = None


class MessageItem(msgspec.Struct):
    """A message, in its easy form (``role`` and ``content``) or as an item with ``id`` and ``status``."""

    role: Literal["user", "assistant", "system", "developer"]
    content: str | list[Any]
    id: Id | None = None


class CallItem(msgspec.Struct):
    """``function_call``."""

    call_id: Id
    name: Id
    arguments: str | None = None
    id: Id | None = None


class CustomCallItem(msgspec.Struct):
    """``custom_tool_call``."""

    call_id: Id
    name: Id
    input: str | None = None
    id: Id | None = None


class ResultItem(msgspec.Struct):
    """``function_call_output`` and ``custom_tool_call_output``."""

    call_id: Id
    output: str | list[Any]
    name: Id | None = None
    id: Id | None = None


class Piece(msgspec.Struct):
    """A part of a reasoning item's ``summary`` or ``content``."""

    text: str


class ReasoningItem(msgspec.Struct):
    """``reasoning``; Codex sends it without ``id``."""

    summary: list[Piece] | None = None
    content: list[Piece] | None = None
    encrypted_content: str | None = None
    id: Id | None = None


class Annotation(msgspec.Struct):
    """A source of an answer's text, given back."""

    type: str | None = None
    start_index: int | None = None
    end_index: int | None = None
    url: str | None = None
    title: str | None = None
    filename: str | None = None
    cited_text: str | None = None


class Row(msgspec.Struct):
    """A token's log probability, given back."""

    token: str | None = None
    logprob: float | None = None
    bytes: list[int] | None = None
    top_logprobs: "list[Row] | None" = None


class TextPart(msgspec.Struct):
    """``input_text``, ``output_text``."""

    text: str
    annotations: list[Annotation] | None = None
    logprobs: list[Row] | None = None


class ImagePart(msgspec.Struct):
    """``input_image``."""

    image_url: str | None = None
    file_id: Id | None = None
    detail: str | None = None


class FilePart(msgspec.Struct):
    """``input_file``."""

    file_data: str | None = None
    file_url: str | None = None
    file_id: Id | None = None
    filename: str | None = None


class Sound(msgspec.Struct):
    """``input_audio.input_audio``."""

    data: str
    format: Id


class AudioPart(msgspec.Struct):
    """``input_audio``."""

    input_audio: Sound


class RefusalPart(msgspec.Struct):
    """``refusal``."""

    refusal: str


class FunctionTool(msgspec.Struct):
    """A function, in the flat form of this wire."""

    type: str
    name: Id
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class CustomTool(msgspec.Struct):
    """A tool that takes text; Codex's ``apply_patch`` is one."""

    type: str
    name: Id
    description: str | None = None
    format: dict[str, Any] | None = None


class Choice(msgspec.Struct):
    """A ``tool_choice`` that is an object."""

    type: str
    name: Id | None = None
    mode: Literal["auto", "required"] | None = None
    tools: list[dict[str, Any]] | None = None


ITEMS: dict[str, type[msgspec.Struct]] = {
    "message": MessageItem,
    "function_call": CallItem,
    "custom_tool_call": CustomCallItem,
    "function_call_output": ResultItem,
    "custom_tool_call_output": ResultItem,
    "reasoning": ReasoningItem,
}
"""Items with a canonical form; every other type is carried as it is."""

CONTENT: dict[str, type[msgspec.Struct]] = {
    "input_text": TextPart,
    "output_text": TextPart,
    "text": TextPart,
    "input_image": ImagePart,
    "input_file": FilePart,
    "input_audio": AudioPart,
    "refusal": RefusalPart,
}


def check_item(item: Any, *, at: str) -> str:
    """Return an input item's type; raise BadRequest naming the first field of it that is wrong."""
    if not isinstance(item, dict):
        raise BadRequest(f"{at}: expected an object", param=at)
    kind = item.get("type") or ("message" if "role" in item else "item_reference" if "id" in item else None)
    if not isinstance(kind, str):
        raise BadRequest(f"{at}.type is missing", param=f"{at}.type", code="missing_required_parameter")
    if kind.endswith("call_output") and item.get("call_id") is None and item.get("name"):
        return "named_output"
    if kind in ITEMS:
        convert({key: value for key, value in item.items() if value is not None}, ITEMS[kind], at=at)
        for place in ("content", "output"):
            if isinstance(parts := item.get(place), list) and kind != "reasoning":
                check_content(parts, at=f"{at}.{place}")
    return kind


def check_content(parts: list[Any], *, at: str) -> None:
    """Raise BadRequest naming the first part, or field of a part, that is wrong."""
    for number, part in enumerate(parts):
        place = f"{at}[{number}]"
        kind = part.get("type") if isinstance(part, dict) else None
        if not isinstance(kind, str) or kind not in CONTENT:
            known = ", ".join(CONTENT)
            raise BadRequest(f"{place}.type: expected one of {known}", param=f"{place}.type")
        said = convert(part, CONTENT[kind], at=place)
        match said:
            case ImagePart():
                check_image(said, at=place)
            case FilePart():
                check_file(said, at=place)
            case AudioPart():
                payload(said.input_audio.data, f"{place}.input_audio.data")


def check_image(image: ImagePart, *, at: str) -> None:
    """Raise BadRequest unless the image is somewhere, and an image where its data URL tells."""
    url = image.image_url
    if url is None and image.file_id is None:
        raise BadRequest(f"{at}.image_url is missing", param=f"{at}.image_url", code="missing_required_parameter")
    if url is None or url.startswith(("http://", "https://")):
        return
    param = f"{at}.image_url"
    if not url.startswith("data:") or ";base64," not in url:
        raise BadRequest(f"{param}: expected an http(s) URL or a base64 data URL", param=param)
    if not (payload(url, param).mime or "").startswith("image/"):
        raise BadRequest(f"{param}: expected an image", param=param)


def check_file(file: FilePart, *, at: str) -> None:
    """Raise BadRequest unless the file is somewhere and its data, if any, is base64."""
    if file.file_data is not None:
        payload(file.file_data, f"{at}.file_data")
    elif file.file_url is None and file.file_id is None:
        raise BadRequest(f"{at}.file_data is missing", param=f"{at}.file_data", code="missing_required_parameter")
