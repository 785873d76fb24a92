"""Writes requests for Cohere's v2 chat."""

import base64
import binascii
from collections.abc import Iterator
from typing import Any

from wallas.codecs import COHERE as WIRE
from wallas.codecs.cohere_requests import PLAN, Schema
from wallas.codecs.dropping import Dropped, foreign, unplaced
from wallas.types.chat import (
    ChatRequest,
    Media,
    Message,
    Opaque,
    Output,
    Part,
    Reasoning,
    Refusal,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
)

UNPLACED = (
    "parallel_tools",
    "logit_bias",
    "modalities",
    "voice",
    "n",
    "user",
    "metadata",
    "service_tier",
    "previous_id",
)
EMPTY: Schema = {"type": "object", "properties": {}}
"""The parameters of a tool that takes none."""


def encode_request(request: ChatRequest, dropped: list[str] | None = None) -> dict[str, Any]:
    """Return the body of /v2/chat; name in ``dropped`` what has no place there."""
    lost = Dropped(dropped)
    own = dict(request.extra.get(WIRE, {}))
    messages, documents = _messages(request, lost)
    documents = [*own.pop("documents", ()), *documents]
    tools = _tools(request, lost)
    optional = {
        "tools": tools or None,
        "tool_choice": _tool_choice(request, lost, offered=bool(tools)),
        "strict_tools": _strict(request, lost),
        "response_format": _format(request.output, lost),
        "documents": documents or None,
        "max_tokens": request.max_tokens,
        "stop_sequences": list(request.stop) or None,
        "temperature": request.temperature,
        "p": request.top_p,
        "k": request.top_k,
        "seed": request.seed,
        "frequency_penalty": _penalty(request, "frequency_penalty", lost),
        "presence_penalty": _penalty(request, "presence_penalty", lost),
        "logprobs": True if request.logprobs is not None else None,
        "thinking": _thinking(request.thinking, lost),
    }
    if request.logprobs:
        lost.add("logprobs.top")
    lost.add(*unplaced(request, UNPLACED), *foreign(request, WIRE))
    body = own | {"model": request.model, "messages": messages, "stream": request.stream}
    return body | {key: value for key, value in optional.items() if value is not None}


def _penalty(request: ChatRequest, name: str, lost: Dropped) -> float | None:
    """Return a penalty inside 0 to 1, all that this wire takes."""
    value: float | None = getattr(request, name)
    if value is None or 0 <= value <= 1:
        return value
    lost.add(name)
    return min(1.0, max(0.0, value))


def _thinking(thinking: Thinking | None, lost: Dropped) -> Schema | None:
    if thinking is None:
        return None
    for name in ("summary", "visible"):
        if getattr(thinking, name) not in (None, True):
            lost.add(f"thinking.{name}")
    if thinking.enabled is False or thinking.effort == "none":
        return {"type": "disabled"}
    if thinking.effort not in (None, "high"):  # Cohere's own OpenAI layer knows none and high only
        lost.add("thinking.effort")
    if thinking.budget is not None and thinking.budget >= 0:
        return {"type": "enabled", "token_budget": thinking.budget}
    asked = thinking.enabled or thinking.effort is not None or thinking.budget is not None
    return {"type": "enabled"} if asked else None


def _format(output: Output | None, lost: Dropped) -> Schema | None:
    if output is None:
        return None
    if output.strict:
        lost.add("output.strict")
    return {"type": "json_object"} | ({} if output.schema is None else {"json_schema": output.schema})


def _tool_choice(request: ChatRequest, lost: Dropped, *, offered: bool) -> str | None:
    """Return the choice in this wire's words; ``auto`` is said by saying nothing."""
    match request.tool_choice:
        case None:
            return None
        case choice if choice.mode == "none":
            return "NONE"
        case choice if choice.mode == "auto":
            return None
        case choice if offered or (choice.mode == "required" and not request.tools):
            return "REQUIRED"
        case _:
            lost.add("tool_choice")
            return None


def _strict(request: ChatRequest, lost: Dropped) -> bool | None:
    """Return ``strict_tools``, which holds for all tools or for none."""
    asked = {tool.strict for tool in request.tools if isinstance(tool, Tool) and tool.kind == "function"}
    if asked in ({True}, {False}):
        return asked.pop()
    if True in asked:
        lost.add("tools.strict")
    return None


def _tools(request: ChatRequest, lost: Dropped) -> list[Schema]:
    """Return the tools that may be called: a named one is the only one offered, so that REQUIRED means it."""
    allowed = request.allowed_tools
    if request.tool_choice is not None and request.tool_choice.mode == "named":
        allowed = (request.tool_choice.name or "",)
        lost.add(*(["tool_choice"] if len(request.tools) > 1 else []))
    offered: list[Schema] = []
    for tool in request.tools:
        match tool:
            case Tool(kind="function") if allowed is None or tool.name in allowed:
                offered.append(_declaration(tool))
            case Tool(kind="function"):
                pass
            case Tool():
                lost.add(f"tools.{tool.name}")
            case Opaque(wire=wire, data=data) if wire == WIRE:
                offered.append(data)
            case Opaque(data=data):
                lost.add(f"tools.{_kind(data)}")
    return offered


def _kind(data: Any) -> str:
    return str(data.get("type", "opaque")) if isinstance(data, dict) else "opaque"


def _declaration(tool: Tool) -> Schema:
    own = dict(tool.extra.get(WIRE, {}))
    function = own.pop("function", {}) | {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    if tool.parameters is not None:
        function["parameters"] = tool.parameters
    return {"type": "function"} | own | {"function": function}


def _messages(request: ChatRequest, lost: Dropped) -> tuple[list[Schema], list[Schema]]:
    """Return the messages, and the documents in them, which this wire keeps beside the messages."""
    messages: list[Schema] = []
    documents: list[Schema] = []
    for number, message in enumerate(request.messages):
        at = f"messages[{number}]"
        if message.name is not None:
            lost.add(f"{at}.name")
        messages += _turns(message, documents=documents, at=at, lost=lost)
    return messages, documents


def _turns(message: Message, *, documents: list[Schema], at: str, lost: Dropped) -> Iterator[Schema]:
    """Yield a canonical message as messages of this wire: each tool result is one, what stands beside them another."""
    own = message.extra.get(WIRE, {})
    for part in message.parts:
        if isinstance(part, ToolResult):
            yield own | _result(part, at=at, lost=lost)
    rest = tuple(part for part in message.parts if not isinstance(part, ToolResult))
    role = {"developer": "system", "tool": "user"}.get(message.role, message.role)
    said = _said(rest, documents=documents, at=at, lost=lost)
    if said:
        yield own | {"role": role} | said
    elif not message.parts:
        yield own | {"role": role, "content": ""}


def _result(result: ToolResult, *, at: str, lost: Dropped) -> Schema:
    if result.is_error:
        lost.add(f"{at}.is_error")
    content: list[Schema] = []
    for part in result.parts:
        match part:
            case Text() | Refusal() | Media(text=str()):
                content.append(text_item(part))
            case _:
                lost.add(f"{at}.{_what(part)}")
    return {"role": "tool", "tool_call_id": result.call_id, "content": shortest(content)}


def _said(parts: tuple[Part, ...], *, documents: list[Schema], at: str, lost: Dropped) -> Schema:
    content: list[Schema] = []
    plans: list[str] = []
    calls: list[Schema] = []
    for part in parts:
        match part:
            case Reasoning(redacted=False) if part.extra.get(WIRE) == PLAN[WIRE]:
                plans.append(part.text)
            case Reasoning(redacted=False) if part.text or part.summary:
                content.append(thinking_item(part))
            case Text() | Refusal():
                content.append(text_item(part))
            case ToolCall():
                calls.append(call_item(part))
            case Media(kind="image") if part.url or part.data:
                content.append(_image_item(part))
            case Media() if document := _document(part):
                documents.append(document)
            case _:
                lost.add(f"{at}.{_what(part)}")
    found = {"tool_plan": "".join(plans), "content": shortest(content) if content else None, "tool_calls": calls}
    return {key: value for key, value in found.items() if value}


def shortest(content: list[Schema]) -> str | list[Schema]:
    """Return content as plain text where it is one text without anything else."""
    if not content:
        return ""
    first = content[0]
    return first["text"] if len(content) == 1 and first.keys() == {"type", "text"} else content


def text_item(part: Part) -> Schema:
    """Return words as a content item; a document that came from this wire is given back as it was."""
    own = dict(part.extra.get(WIRE, {}))
    if "document" in own:
        return own | {"type": "document"}
    return own | {"type": "text", "text": getattr(part, "text", None) or ""}


def thinking_item(part: Reasoning) -> Schema:
    """Return reasoning as a content item."""
    return part.extra.get(WIRE, {}) | {"type": "thinking", "thinking": part.text or part.summary}


def call_item(call: ToolCall, *, empty: str = "{}") -> Schema:
    """Return a tool call; arguments that are empty text are written as ``empty``."""
    own = dict(call.extra.get(WIRE, {}))
    function = own.pop("function", {}) | {"name": call.name, "arguments": call.arguments or empty}
    return {"type": "function"} | own | {"id": call.id, "function": function}


def _image_item(image: Media) -> Schema:
    own = dict(image.extra.get(WIRE, {}))
    url = image.url or f"data:{image.mime or 'image/png'};base64,{image.data}"
    place = own.pop("image_url", {}) | {"url": url} | ({} if image.detail is None else {"detail": image.detail})
    return own | {"type": "image_url", "image_url": place}


def _document(media: Media) -> Schema | None:
    """Return a document of text as one of ``documents``; this wire reads no files, and finds nothing by address."""
    text = media.text
    if text is None and media.kind == "document" and (media.mime or "").startswith("text/") and media.data:
        try:
            text = base64.b64decode(str(media.data)).decode("utf-8", "replace")
        except binascii.Error:
            return None
    if not text:
        return None
    return {"data": ({"title": media.name} if media.name else {}) | {"text": text}}


def _what(part: Part) -> str:
    match part:
        case Media(kind=kind):
            return kind
        case Opaque(data=data):
            return _kind(data)
        case _:
            return "reasoning"
