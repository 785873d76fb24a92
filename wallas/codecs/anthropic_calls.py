"""A canonical request as the body that a provider of the Anthropic wire takes, with the names of what has no place."""

from collections.abc import Iterable
from typing import Any

from wallas.codecs.anthropic_blocks import WIRE
from wallas.codecs.anthropic_thinking import FORCED, ThinkingStyle, allowed_sampling, settle_thinking
from wallas.codecs.anthropic_turns import write_turns
from wallas.codecs.dropping import silence
from wallas.types.chat import ChatRequest, Opaque, Tool, ToolChoice
from wallas.types.lasting import LastingList, once

HOMELESS: dict[str, Any] = {
    "seed": None,
    "frequency_penalty": 0,
    "presence_penalty": 0,
    "logit_bias": {},
    "logprobs": None,
    "n": 1,
    "modalities": ("text",),
    "voice": None,
    "previous_id": None,
    "metadata": {},
}
"""Fields that the wire has no place for, each with the value that asks for nothing (beside None)."""

_homeless, NO_HOMELESS = silence(tuple(HOMELESS))

TIERS = {"auto": "auto", "default": "standard_only", "standard_only": "standard_only"}

FREEFORM = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}
"""The schema under which a freeform (custom) tool is offered: its text is ``input``."""

_MODES = {"auto": "auto", "required": "any", "named": "tool", "none": "none"}


def encode_request(
    request: ChatRequest,
    dropped: list[str] | None = None,
    *,
    thinking_style: ThinkingStyle = "asked",
    system_turns: bool | None = None,
) -> dict[str, Any]:
    """Return the body for a provider; append to ``dropped`` the name of whatever has no place on this wire.

    ``thinking_style`` and ``system_turns`` say what the model understands
    (see ``anthropic_thinking`` and ``anthropic_turns.write_turns``).
    """
    lost: list[str] = []
    if _homeless(request) != NO_HOMELESS:
        lost += [name for name, nothing in HOMELESS.items() if _says(getattr(request, name), nothing)]
    system, turns = write_turns(request.messages, lost, system_turns=system_turns)
    body: dict[str, Any] = {"model": request.model}
    body |= settle_thinking(request, turns, lost, style=thinking_style)
    if system:
        body["system"] = system
    body["messages"] = turns
    if request.tools or request.tool_choice is not None or request.parallel_tools is not None:
        body |= _tools(request, lost)
    thinks = body.get("thinking", {}).get("type") in ("enabled", "adaptive")
    body |= allowed_sampling(request, lost, thinking=thinks)
    body |= _rest(request, lost)
    body["stream"] = request.stream
    if request.extra or request.output is not None:
        _add_own(body, request, lost)
    if dropped is not None and lost:
        known = set(dropped)
        dropped.extend(name for name in dict.fromkeys(lost) if name not in known)
    if not request.model:
        del body["model"]
    return body


def _says(value: Any, nothing: Any) -> bool:
    return value is not None and value != nothing and value != ()


def _tools(request: ChatRequest, lost: list[str]) -> dict[str, Any]:
    tools, homeless = once(request.tools, _rows)
    lost += homeless
    if request.allowed_tools is not None:
        tools = [tool for tool in tools if tool.get("name") in request.allowed_tools]
    choice = _choice(request.tool_choice, request.parallel_tools)
    if not tools and "mcp_servers" not in request.extra.get(WIRE, {}):
        if request.tool_choice is not None and request.tool_choice.mode in FORCED:
            lost.append("tool_choice")
        return {}
    return ({"tools": tools} if tools else {}) | ({"tool_choice": choice} if choice else {})


def _rows(tools: Iterable[Tool | Opaque]) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the tools as this wire has them, and the names of those it has not."""
    lost: list[str] = []
    return LastingList(written for tool in tools if (written := _tool(tool, lost)) is not None), lost


def _tool(tool: Tool | Opaque, lost: list[str]) -> dict[str, Any] | None:
    if isinstance(tool, Opaque):
        if tool.wire == WIRE and isinstance(tool.data, dict):
            return {**tool.data}
        kind = tool.data.get("type") if isinstance(tool.data, dict) else None
        lost.append(kind if isinstance(kind, str) else "tools")
        return None
    schema = FREEFORM if tool.kind == "custom" else tool.parameters or {}
    if "type" not in schema:  # the wire insists on it; other keys keep their order for the prompt cache
        schema = {"type": "object", **schema}
    written: dict[str, Any] = {"name": tool.name, "input_schema": schema}
    if tool.description is not None:
        written["description"] = tool.description
    if tool.strict is not None:
        written["strict"] = tool.strict
    return {**written, **tool.extra.get(WIRE, {})}


def _choice(choice: ToolChoice | None, parallel: bool | None) -> dict[str, Any] | None:
    if choice is None:
        return {"type": "auto", "disable_parallel_tool_use": True} if parallel is False else None
    written: dict[str, Any] = {"type": _MODES[choice.mode]}
    if choice.mode == "named":
        written["name"] = choice.name
    if parallel is not None and choice.mode != "none":
        written["disable_parallel_tool_use"] = not parallel
    return written


def _rest(request: ChatRequest, lost: list[str]) -> dict[str, Any]:
    body: dict[str, Any] = {}
    if request.stop:
        body["stop_sequences"] = [text for text in request.stop if text.strip()]
        if len(body["stop_sequences"]) < len(request.stop):  # the wire refuses those of white space alone
            lost.append("stop")
    if request.user is not None:
        body["metadata"] = {"user_id": request.user}
    if request.service_tier is not None:
        tier = TIERS.get(request.service_tier)
        if tier is None:
            lost.append("service_tier")
        else:
            body["service_tier"] = tier
    return body


def _add_own(body: dict[str, Any], request: ChatRequest, lost: list[str]) -> None:
    """Add the asked form of the answer, and what the client sent that only this wire knows."""
    mine = dict(request.extra.get(WIRE, {}))
    if request.output is None:
        mine.pop("output_format", None)
    elif "output_format" not in mine:
        if request.output.schema is None:
            lost.append("output")
        else:
            form = {"type": "json_schema", "schema": request.output.schema}
            body["output_config"] = body.get("output_config", {}) | {"format": form}
    for name, value in mine.items():
        known = body.get(name)
        if isinstance(known, dict) and isinstance(value, dict):
            body[name] = {**value, **known}
        elif known is None and not (name in _PIECES and "type" not in value):
            body[name] = value


_PIECES = ("thinking", "tool_choice")
"""Objects that are nothing without their ``type``: a kept rest of one that gave way is not sent alone."""
