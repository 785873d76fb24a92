"""Writes requests for an Ollama daemon or Ollama Cloud, and messages as this wire has them."""

from collections.abc import Iterator
from typing import Any

from wallas.codecs import OLLAMA as WIRE
from wallas.codecs.arguments import arguments_object
from wallas.codecs.dropping import Dropped, foreign, unplaced
from wallas.codecs.ollama_requests import EMPTY, GENERATE_ONLY, Schema
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
from wallas.types.span import Base64

LEVELS: dict[str, bool | str] = {
    "none": False,
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "max",
    "max": "max",
}
"""Canonical efforts as values of ``think``."""
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


def encode_request(request: ChatRequest, dropped: list[str] | None = None) -> dict[str, Any]:
    """Return the body of /api/chat for a daemon or for Ollama Cloud; name in ``dropped`` what has no place there."""
    lost = Dropped(dropped)
    own = dict(request.extra.get(WIRE, {}))
    lost.add(*(key for key in GENERATE_ONLY if own.pop(key, None) is not None))
    options = own.pop("options", {}) | _options(request)
    body = own | {"model": request.model, "messages": _messages(request, lost), "stream": request.stream}
    tools = _tools(request, lost)
    think = _think(request.thinking, lost)
    optional = {
        "tools": tools or None,
        "options": options or None,
        "format": _format(request.output, lost),
        "think": think,
        "logprobs": True if request.logprobs is not None else None,
        "top_logprobs": request.logprobs or None,
    }
    body |= {key: value for key, value in optional.items() if value is not None}
    lost.add(*unplaced(request, UNPLACED), *foreign(request, WIRE))
    return body


def _options(request: ChatRequest) -> Schema:
    options = {
        "num_predict": request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "top_k": request.top_k,
        "seed": request.seed,
        "stop": list(request.stop) or None,
        "frequency_penalty": request.frequency_penalty,
        "presence_penalty": request.presence_penalty,
    }
    return {key: value for key, value in options.items() if value is not None}


def _format(output: Output | None, lost: Dropped) -> str | Schema | None:
    if output is None:
        return None
    if output.strict:
        lost.add("output.strict")
    return "json" if output.schema is None else output.schema


def _think(thinking: Thinking | None, lost: Dropped) -> bool | str | None:
    if thinking is None:
        return None
    if thinking.summary is not None:
        lost.add("thinking.summary")
    if thinking.enabled is False or thinking.budget == 0:
        return False
    if thinking.visible is False:
        lost.add("thinking.visible")
    if thinking.budget is not None and thinking.budget > 0:
        lost.add("thinking.budget")
    if thinking.effort is not None:
        return LEVELS.get(thinking.effort, True)
    return True if thinking.enabled or thinking.budget else None


def _tools(request: ChatRequest, lost: Dropped) -> list[Schema]:
    """Return the tools that may be called: this wire has no tool_choice, but what is not offered is not called."""
    choice = request.tool_choice
    if choice is not None and choice.mode == "none":
        return []
    if choice is not None and choice.mode in ("required", "named"):
        lost.add("tool_choice")
    allowed = request.allowed_tools
    if choice is not None and choice.mode == "named":
        allowed = (choice.name or "",)
    offered = []
    for tool in request.tools:
        match tool:
            case Opaque(wire=wire, data=data) if wire == WIRE:
                offered.append(data)
            case Tool(kind="function") if allowed is None or tool.name in allowed:
                offered.append(_declaration(tool, lost))
            case Tool(kind="function"):
                pass
            case Tool():
                lost.add(f"tools.{tool.name}")
            case Opaque(data=data):
                lost.add(f"tools.{_kind(data)}")
    return offered


def _kind(data: Any) -> str:
    return str(data.get("type", "opaque")) if isinstance(data, dict) else "opaque"


def _declaration(tool: Tool, lost: Dropped) -> Schema:
    if tool.strict:
        lost.add("tools.strict")
    own = dict(tool.extra.get(WIRE, {}))
    function = own.pop("function", {}) | {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    return {"type": "function"} | own | {"function": function | {"parameters": tool.parameters or EMPTY}}


def _messages(request: ChatRequest, lost: Dropped) -> list[Schema]:
    names: dict[str, str] = {}
    said: list[Schema] = []
    for number, message in enumerate(request.messages):
        names |= {part.id: part.name for part in message.parts if isinstance(part, ToolCall)}
        if message.name is not None:
            lost.add(f"messages[{number}].name")
        said += _turns(message, names=names, at=f"messages[{number}]", lost=lost)
    return said


def _turns(message: Message, *, names: dict[str, str], at: str, lost: Dropped) -> Iterator[Schema]:
    """Yield a canonical message as messages of this wire: each tool result is one, what stands beside them another."""
    own = message.extra.get(WIRE, {})
    for part in message.parts:
        if isinstance(part, ToolResult):
            if part.is_error:
                lost.add(f"{at}.is_error")
            name = part.name or names.get(part.call_id)
            yield (
                own
                | {"role": "tool"}
                | said_by(part.parts, between="\n\n", at=at, lost=lost)
                | {"tool_call_id": part.call_id}
                | ({"tool_name": name} if name else {})
            )
    rest = tuple(part for part in message.parts if not isinstance(part, ToolResult))
    role = {"developer": "system", "tool": "user"}.get(message.role, message.role)
    said = said_by(rest, between="" if role == "assistant" else "\n\n", at=at, lost=lost)
    if not message.parts or any(said.values()):
        yield own | {"role": role} | said


def said_by(parts: tuple[Part, ...], *, between: str = "", at: str = "", lost: Dropped | None = None) -> Schema:
    """Return parts as the fields of one message; ``between`` joins texts, ``content`` is always there."""
    words: list[str] = []
    thoughts: list[str] = []
    images: list[Base64] = []
    calls: list[Schema] = []
    for part in parts:
        match part:
            case Text(text=text) | Refusal(text=text):
                words.append(text)
            case Reasoning(redacted=False) if part.text or part.summary:
                thoughts.append(part.text or part.summary)
            case ToolCall():
                calls.append(call_of(part))
            case Media(kind="image", data=data) if data is not None:
                images.append(data)
            case Media(text=str() as text):
                words.append(text)
            case _ if lost is not None:
                lost.add(f"{at}.{_what(part)}")
    said: Schema = {"content": between.join(words)}
    found = {"thinking": "\n\n".join(thoughts), "images": images, "tool_calls": calls}
    return said | {key: value for key, value in found.items() if value}


def call_of(call: ToolCall) -> Schema:
    """Return a tool call as this wire has it: its arguments an object, its id where there is one."""
    own = dict(call.extra.get(WIRE, {}))
    arguments = {"input": call.arguments} if call.kind == "custom" else arguments_object(call.arguments)
    function = own.pop("function", {}) | {"name": call.name, "arguments": arguments}
    return own | ({"id": call.id} if call.id else {}) | {"function": function}


def _what(part: Part) -> str:
    match part:
        case Media(kind=kind):
            return kind
        case Opaque(data=data):
            return _kind(data)
        case _:
            return "reasoning"
