"""Content blocks of the Anthropic wire as canonical parts, and the pieces that every writer of blocks shares."""

import binascii
import re
from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

import msgspec

from wallas.codecs.fields import convert, join, leftover
from wallas.codecs.framing import encode
from wallas.codecs.limits import MEDIA_BYTES, is_base64
from wallas.errors import BadRequest
from wallas.types.chat import (
    Citation,
    Extra,
    Media,
    MediaKind,
    Opaque,
    Part,
    Reasoning,
    Seal,
    Text,
    ToolCall,
    ToolResult,
)

WIRE = "anthropic"

INVALID = "INVALID_JSON"
"""The one key of a tool's input that stands for arguments that are no JSON object; their text is its value."""

Name = Annotated[str, msgspec.Meta(min_length=1, pattern=r"^[^\x00]*\Z")]
"""A word that is looked up or stored: not empty, and without NUL, which databases refuse."""

Blocks = list[dict[str, Any]]

_SPACE = re.compile(r"\s+")
_TITLE_KEYS = {"web_search_result_location": "title", "search_result_location": "title"}


class TextIn(msgspec.Struct):
    """``text``."""

    type: str
    text: str
    citations: Blocks | None = None


class SourceIn(msgspec.Struct):
    """Where an image or document is: ``base64``, ``url``, ``file``, ``text`` or ``content``."""

    type: str
    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    file_id: Name | None = None
    content: str | Blocks | None = None


class MediaIn(msgspec.Struct):
    """``image`` or ``document``."""

    type: str
    source: dict[str, Any]
    title: str | None = None


class CallIn(msgspec.Struct):
    """``tool_use``."""

    type: str
    id: Name
    name: Name
    input: dict[str, Any] | None = None


class ResultIn(msgspec.Struct):
    """``tool_result``."""

    type: str
    tool_use_id: Name
    content: str | Blocks | None = None
    is_error: bool | None = None


class ThoughtIn(msgspec.Struct):
    """``thinking``."""

    type: str
    thinking: str = ""
    signature: str | None = None


class RedactedIn(msgspec.Struct):
    """``redacted_thinking``."""

    type: str
    data: str


class Block(NamedTuple):
    """How one type of block is checked and read; ``role`` is the only one that may have it."""

    shape: type[msgspec.Struct]
    read: Callable[[Any, Extra, str, dict[str, Any]], Part]
    role: str | None = None


def read_block(block: dict[str, Any], *, at: str = "", role: str | None = None) -> Part:
    """Return a block as a part; one of a type not known here is Opaque. ``at`` is its path in the request.

    With ``role``, a block that only another role may have is a BadRequest, and
    so is one of a type that nobody knows, unless the model itself may have said it.
    """
    kind = block.get("type")
    if not isinstance(kind, str):
        raise BadRequest(f"{join(at, 'type')}: expected `str`", param=join(at, "type"))
    known = BLOCKS.get(kind)
    if known is None:
        if role not in (None, "assistant") and not carried(kind):
            raise _unknown(join(at, "type"), kind)
        return Opaque(wire=WIRE, data=block)
    if role is not None and known.role not in (None, role):
        param = join(at, "type")
        raise BadRequest(f"{param}: `{kind}` belongs in a message of role `{known.role}`", param=param)
    return known.read(convert(block, known.shape, at=at), own(block, known.shape), at, block)


def carried(kind: str) -> bool:
    """Return whether a user's or a system turn may hold blocks of this type, which are carried unread."""
    return kind in CARRIED or kind.endswith("_tool_result")


def _unknown(param: str, kind: str) -> BadRequest:
    return BadRequest(f"{param}: no content of type {kind[:100]!r} is known here", param=param)


def own(block: dict[str, Any], shape: type[msgspec.Struct]) -> Extra:
    """Return what only this wire knows of a block, as its part's ``extra``."""
    rest = leftover(block, shape)
    return {WIRE: rest} if rest else {}


def clean(text: str) -> str:
    """Return text without NUL, which databases refuse and nobody means."""
    return text.replace("\0", "") if "\0" in text else text


def _read_text(block: TextIn, extra: Extra, _at: str, _raw: dict[str, Any]) -> Text:
    citations = tuple(read_citation(citation) for citation in block.citations or ())
    return Text(text=clean(block.text), citations=citations, extra=extra)


def _read_thought(block: ThoughtIn, extra: Extra, _at: str, _raw: dict[str, Any]) -> Reasoning:
    seal = Seal.parse(block.signature) if block.signature else None
    return Reasoning(text=clean(block.thinking), seal=seal, extra=extra)


def _read_redacted(block: RedactedIn, extra: Extra, _at: str, _raw: dict[str, Any]) -> Reasoning:
    return Reasoning(redacted=True, seal=Seal.parse(block.data) if block.data else None, extra=extra)


def _read_call(block: CallIn, extra: Extra, _at: str, _raw: dict[str, Any]) -> ToolCall:
    return ToolCall(id=block.id, name=block.name, arguments=arguments_text(block.input or {}), extra=extra)


def _read_result(block: ResultIn, extra: Extra, at: str, _raw: dict[str, Any]) -> ToolResult:
    parts = read_content(block.content or "", at=join(at, "content"), kinds=INSIDE_RESULTS)
    return ToolResult(call_id=block.tool_use_id, parts=parts, is_error=bool(block.is_error), extra=extra)


def _read_image(block: MediaIn, extra: Extra, at: str, raw: dict[str, Any]) -> Part:
    return _read_media("image", block, extra=extra, at=at, raw=raw)


def _read_document(block: MediaIn, extra: Extra, at: str, raw: dict[str, Any]) -> Part:
    return _read_media("document", block, extra=extra, at=at, raw=raw)


def _read_media(kind: MediaKind, block: MediaIn, *, extra: Extra, at: str, raw: dict[str, Any]) -> Part:
    at = join(at, "source")
    source = convert(block.source, SourceIn, at=at)
    rest = leftover(block.source, SourceIn)
    if rest:
        extra = {WIRE: extra.get(WIRE, {}) | {"source": rest}}
    media = Media(kind=kind, name=block.title, mime=source.media_type, extra=extra)
    match source.type:
        case "base64":
            data = checked_data(kind, source, at=at)
            return msgspec.structs.replace(media, data=data)
        case "url":
            return msgspec.structs.replace(media, url=checked_url(source.url, at=at))
        case "file":
            return msgspec.structs.replace(media, file_id=present(source.file_id, at=at, name="file_id"))
        case "text" if kind == "document":
            return msgspec.structs.replace(media, text=clean(present(source.data, at=at, name="data")))
        case "content" if kind == "document" and (text := words_of(source.content)) is not None:
            mine = extra.get(WIRE, {}) | {"source": block.source}
            return msgspec.structs.replace(media, text=clean(text), extra={WIRE: mine})
        case "content" if kind == "document":
            return Opaque(wire=WIRE, data=raw)
        case _:
            param = join(at, "type")
            raise BadRequest(f"{param}: no {kind} comes from a source of type {source.type[:100]!r}", param=param)


def words_of(content: str | Blocks | None) -> str | None:
    """Return the text of a document given as blocks, or None when it is not text alone."""
    if content is None or isinstance(content, str):
        return content
    texts = [block.get("text") for block in content if block.get("type") == "text"]
    words = [text for text in texts if isinstance(text, str)]
    return "\n\n".join(words) if len(words) == len(content) else None


def present(value: str | None, *, at: str, name: str) -> str:
    """Return a source's field that its type needs."""
    if value:
        return value
    param = join(at, name)
    raise BadRequest(f"{param} is missing", param=param, code="missing_required_parameter")


def checked_data(kind: MediaKind, source: SourceIn, *, at: str) -> str:
    """Return base64 without white space; raise BadRequest when it is none, or not of an image where one is due."""
    data = present(source.data, at=at, name="data")
    if len(data) > MEDIA_BYTES * 4 // 3 + 4:
        param = join(at, "data")
        raise BadRequest(f"{param}: more than {MEDIA_BYTES} bytes", param=param)
    if kind == "image" and not (source.media_type or "").startswith("image/"):
        param = join(at, "media_type")
        raise BadRequest(f"{param}: expected an image type such as image/png", param=param)
    if is_base64(data):
        return data
    try:
        binascii.a2b_base64(data, strict_mode=True)
    except ValueError:
        data = _SPACE.sub("", data)
        try:
            binascii.a2b_base64(data, strict_mode=True)
        except ValueError as error:
            param = join(at, "data")
            raise BadRequest(f"{param}: no valid base64 ({error})", param=param) from error
    return data


def checked_url(url: str | None, *, at: str) -> str:
    """Return a URL that a provider could fetch; raise BadRequest for any other."""
    url = present(url, at=at, name="url")
    if url.startswith(("https://", "http://")) and "\0" not in url:
        return url
    param = join(at, "url")
    raise BadRequest(f"{param}: expected an http or https URL", param=param)


BLOCKS: dict[str, Block] = {
    "text": Block(TextIn, _read_text),
    "image": Block(MediaIn, _read_image, "user"),
    "document": Block(MediaIn, _read_document, "user"),
    "tool_use": Block(CallIn, _read_call, "assistant"),
    "tool_result": Block(ResultIn, _read_result, "user"),
    "thinking": Block(ThoughtIn, _read_thought, "assistant"),
    "redacted_thinking": Block(RedactedIn, _read_redacted, "assistant"),
}

CARRIED = frozenset(
    {
        "advisor_redacted_result",
        "compaction",
        "container_upload",
        "fallback",
        "mcp_tool_listing",
        "mcp_tool_use",
        "search_result",
        "server_tool_use",
        "tool_addition",
        "tool_removal",
    }
)
"""Types beside ``..._tool_result`` that Anthropic's SDK (2026-11) lets a client send."""
INSIDE_RESULTS = frozenset({"text", "image", "document"})
CARRIED_INSIDE = frozenset({"search_result", "tool_reference", "browser_state"})
"""Types that a tool's result may hold and that are carried unread."""


def read_content(
    content: str | Blocks, *, at: str, role: str | None = None, kinds: frozenset[str] | None = None
) -> tuple[Part, ...]:
    """Return a message's or a tool result's content as parts, empty texts left out (the wire refuses them).

    With ``kinds`` (inside a tool's result), other blocks are carried unread if the wire has them there.
    """
    if isinstance(content, str):
        text = clean(content)
        return (Text(text=text),) if text else ()
    parts: list[Part] = []
    for number, block in enumerate(content):
        if kinds is not None and isinstance(kind := block.get("type"), str) and kind not in kinds:
            if kind not in CARRIED_INSIDE:
                raise _unknown(f"{at}[{number}].type", kind)
            parts.append(Opaque(wire=WIRE, data=block))
        else:
            parts.append(usual_part(block, role) or read_block(block, at=f"{at}[{number}]", role=role))
    return tuple([part for part in parts if type(part) is not Text or part.text])


def usual_part(block: dict[str, Any], role: str | None) -> Part | None:
    """Return a block that is words, a call or a result in words with nothing beside it, as nearly all of an agent's.

    None for any other, and for whatever may be wrong: ``read_block`` reads those, to the same result.
    """
    kind = block.get("type")
    shape = USUAL.get(kind) if type(kind) is str else None
    if shape is None or block.keys() != shape[0] or (role is not None and shape[1] not in (None, role)):
        return None
    if kind == "text":
        text = block["text"]
        return Text(text=text) if type(text) is str and "\0" not in text else None
    id = block["id" if kind == "tool_use" else "tool_use_id"]
    if type(id) is not str or not id or "\0" in id:
        return None
    if kind == "tool_use":
        name, given = block["name"], block["input"]
        if type(name) is not str or not name or "\0" in name or type(given) is not dict:
            return None
        return ToolCall(id=id, name=name, arguments=arguments_text(given))
    text = block["content"]
    if type(text) is not str or "\0" in text:
        return None
    return ToolResult(call_id=id, parts=(Text(text=text),) if text else ())


USUAL: dict[str, tuple[frozenset[str], str | None]] = {
    "text": (frozenset({"type", "text"}), None),
    "tool_use": (frozenset({"type", "id", "name", "input"}), "assistant"),
    "tool_result": (frozenset({"type", "tool_use_id", "content"}), "user"),
}
"""All keys of usual blocks, and who may say them."""


def arguments_text(input: dict[str, Any]) -> str:
    """Return a tool's input as JSON text; the text of arguments that were no JSON comes back as it was."""
    text = input.get(INVALID) if len(input) == 1 else None
    return text if isinstance(text, str) else encode(input).decode()


def arguments_object(call: ToolCall) -> dict[str, Any]:
    """Return a call's arguments as the object that the wire wants: {} for empty text, ``INVALID_JSON`` for bad text.

    A freeform (custom) tool's text is the ``input`` of the object, as the tool is offered.
    """
    if call.kind == "custom":
        return {"input": call.arguments}
    try:
        value = msgspec.json.decode(call.arguments) if call.arguments.strip() else None
    except (msgspec.DecodeError, RecursionError):
        return {INVALID: call.arguments}
    if value is None:
        return {}
    return value if isinstance(value, dict) else {INVALID: call.arguments}


def read_citation(citation: dict[str, Any]) -> Citation:
    """Return a citation. The wire's indexes count the *source*, so they stay in ``extra``."""
    rest = {key: value for key, value in citation.items() if value is not None}
    texts = {key: rest.pop(key) for key in ("cited_text", "url", title_key(rest)) if isinstance(rest.get(key), str)}
    title = texts.get(title_key(rest))
    return Citation(url=texts.get("url"), title=title, text=texts.get("cited_text"), extra={WIRE: rest})


def write_citation(citation: Citation) -> dict[str, Any]:
    """Return a citation in this wire's form; one of another wire becomes a web or a search result."""
    mine = citation.extra.get(WIRE)
    if mine is None:
        return foreign_citation(citation)
    written: dict[str, Any] = {title_key(mine): citation.title, **mine}
    if citation.text is not None:
        written["cited_text"] = citation.text
    if citation.url is not None:
        written["url"] = citation.url
    return written


def foreign_citation(citation: Citation) -> dict[str, Any]:
    """Return another wire's citation as the nearest that this one has; indexes that nobody gave are 0."""
    written: dict[str, Any] = {"cited_text": citation.text or "", "title": citation.title}
    if citation.url is not None:
        return {"type": "web_search_result_location", "url": citation.url, "encrypted_index": "", **written}
    zeros = {"search_result_index": 0, "start_block_index": 0, "end_block_index": 0}
    return {"type": "search_result_location", "source": citation.title or "", **zeros, **written}


def title_key(citation: dict[str, Any]) -> str:
    """Return where a citation of this type has its title."""
    return _TITLE_KEYS.get(str(citation.get("type")), "document_title")
