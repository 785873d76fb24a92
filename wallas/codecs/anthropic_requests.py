"""What a client of the Anthropic wire asks for, as a canonical request: checked, and nothing of it lost."""

from typing import Annotated, Any, Literal, NamedTuple

import msgspec

from wallas.codecs.anthropic_blocks import WIRE, Blocks, Name, clean, own, read_content
from wallas.codecs.fields import convert, join, leftover
from wallas.codecs.framing import encode
from wallas.errors import BadRequest
from wallas.types.chat import (
    ChatRequest,
    Extra,
    Json,
    Message,
    Opaque,
    Output,
    Part,
    Role,
    Thinking,
    Tool,
    ToolChoice,
    ToolResult,
)
from wallas.types.lasting import LastingTuple, once

MESSAGES = 4000
TOOLS = 256
SCHEMA_BYTES = 256 * 1024

IN_PLACE = {"role": "system"}
"""Marks (in ``extra``) a system message that stood among the others, so that it can go back there."""

DYNAMIC = -1
"""The thinking budget that means: as much as the model sees fit (``adaptive``)."""

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class BodyIn(msgspec.Struct):
    """The body of ``POST /v1/messages``; every optional field may be null, which is the same as absent."""

    messages: Blocks
    model: Name | None = None
    max_tokens: Count | None = None
    system: str | Blocks | None = None
    tools: Any = None
    """``Blocks``, which are read apart: once, where they come again."""
    tool_choice: dict[str, Any] | None = None
    thinking: dict[str, Any] | None = None
    output_config: dict[str, Any] | None = None
    output_format: dict[str, Any] | None = None
    stop_sequences: list[str] | None = None
    temperature: Share | None = None
    top_p: Share | None = None
    top_k: Count | None = None
    metadata: dict[str, Any] | None = None
    service_tier: str | None = None
    stream: bool | None = None
    anthropic_version: str | None = None


class MessageIn(msgspec.Struct):
    """One message."""

    role: Literal["user", "assistant", "system"]
    content: str | Blocks


class ToolIn(msgspec.Struct):
    """A tool of the client's own; server tools have another ``type`` and are carried unread."""

    name: Name
    input_schema: dict[str, Any]
    description: str | None = None
    strict: bool | None = None


class ChoiceIn(msgspec.Struct):
    """``tool_choice``."""

    type: Literal["auto", "any", "tool", "none"]
    name: Name | None = None
    disable_parallel_tool_use: bool | None = None


class ThinkingIn(msgspec.Struct):
    """``thinking`` of type ``enabled``, ``adaptive`` or ``disabled``."""

    type: str
    budget_tokens: Count | None = None
    display: str | None = None


class OutputIn(msgspec.Struct):
    """``output_config``."""

    effort: str | None = None
    format: dict[str, Any] | None = None


class FormatIn(msgspec.Struct):
    """``output_config.format``."""

    type: Literal["json_schema"]
    schema: dict[str, Any]


class MetadataIn(msgspec.Struct):
    """``metadata``."""

    user_id: str | None = None


def decode_request(body: Any) -> ChatRequest:
    """Return a client's request; raise BadRequest naming the field that is wrong.

    Neighbouring messages of one role are one turn, as the API itself takes them.
    """
    return _request(body, needs_max_tokens=True)


def decode_count_request(body: Any) -> ChatRequest:
    """Return the request whose tokens a client wants counted: the same body, without ``max_tokens``."""
    return _request(body, needs_max_tokens=False)


def _request(body: Any, *, needs_max_tokens: bool) -> ChatRequest:
    if not isinstance(body, dict):
        raise BadRequest("the body must be a JSON object")
    shape = convert(body, BodyIn)
    # Vertex and Bedrock bodies name the model in their path and say which API version they speak.
    if shape.model is None and shape.anthropic_version is None:
        raise _missing("model")
    if shape.max_tokens is None and needs_max_tokens:
        raise _missing("max_tokens")
    extra: dict[str, Json] = leftover(body, BodyIn)
    for name in ("anthropic_version", "output_format"):
        if body.get(name) is not None:
            extra[name] = body[name]
    choice, parallel = _tool_choice(shape.tool_choice, extra)
    thinking, output = _thinking(shape, extra), _output(shape)
    user, metadata = _metadata(shape.metadata)
    return ChatRequest(
        model=shape.model or "",
        messages=_messages(shape),
        tools=once(shape.tools, _tools) if shape.tools is not None else (),
        tool_choice=choice,
        parallel_tools=parallel,
        output=output,
        max_tokens=shape.max_tokens,
        stop=tuple(clean(text) for text in shape.stop_sequences or ()),
        temperature=shape.temperature,
        top_p=shape.top_p,
        top_k=shape.top_k,
        thinking=thinking,
        user=user,
        metadata=metadata,
        service_tier=shape.service_tier,
        stream=bool(shape.stream),
        extra={WIRE: extra} if extra else {},
    )


def _missing(name: str) -> BadRequest:
    return BadRequest(f"{name} is missing", param=name, code="missing_required_parameter")


class Turn(NamedTuple):
    """A message being gathered."""

    role: Role
    parts: list[Part]
    extra: dict[str, Json]


def _messages(body: BodyIn) -> tuple[Message, ...]:
    if len(body.messages) > MESSAGES:
        raise BadRequest(f"messages: more than {MESSAGES}", param="messages")
    lead = Turn("system", list(read_content(body.system or "", at="system", role="system")), {})
    turns: list[Turn] = []
    for number, raw in enumerate(body.messages):
        at = f"messages[{number}]"
        shape = convert(raw, MessageIn, at=at)
        parts = read_content(shape.content, at=f"{at}.content", role=shape.role)
        if not parts:
            continue
        extra = leftover(raw, MessageIn)
        if shape.role == "system" and not turns:
            _extend(lead, parts, extra)
        elif shape.role == "system":
            turns.append(Turn("system", list(parts), extra | IN_PLACE))
        elif turns and turns[-1].role == shape.role:
            _extend(turns[-1], parts, extra)
        else:
            turns.append(Turn(shape.role, list(parts), extra))
    if not turns and not lead.parts:
        raise BadRequest("messages: at least one with content is needed", param="messages")
    return tuple(message for turn in ([lead] if lead.parts else []) + turns for message in _split(turn))


def _extend(turn: Turn, parts: tuple[Part, ...], extra: dict[str, Json]) -> None:
    turn.parts.extend(parts)
    turn.extra.update(extra)


def _split(turn: Turn) -> list[Message]:
    """Return a turn as messages: tool results are a message of their own, before what else the user said."""
    extra: Extra = {WIRE: turn.extra} if turn.extra else {}
    results = tuple([part for part in turn.parts if type(part) is ToolResult])
    if not results:
        return [Message(role=turn.role, parts=tuple(turn.parts), extra=extra)]
    rest = tuple(part for part in turn.parts if not isinstance(part, ToolResult))
    if not rest:
        return [Message(role="tool", parts=results, extra=extra)]
    return [Message(role="tool", parts=results), Message(role=turn.role, parts=rest, extra=extra)]


def _tools(raws: Any) -> tuple[Tool | Opaque, ...]:
    tools: Blocks = convert(raws, Blocks | None, at="tools") or []  # type: ignore[arg-type]
    if len(tools) > TOOLS:
        raise BadRequest(f"tools: more than {TOOLS}", param="tools")
    return LastingTuple(_tool(tool, at=f"tools[{number}]") for number, tool in enumerate(tools))


def _tool(tool: dict[str, Any], *, at: str) -> Tool | Opaque:
    if tool.get("type") not in (None, "custom"):
        return Opaque(wire=WIRE, data=tool)
    shape = convert(tool, ToolIn, at=at)
    if len(encode(shape.input_schema)) > SCHEMA_BYTES:
        param = join(at, "input_schema")
        raise BadRequest(f"{param}: more than {SCHEMA_BYTES // 1024} kB", param=param)
    return Tool(
        name=shape.name,
        description=shape.description,
        parameters=shape.input_schema,
        strict=shape.strict,
        extra=own(tool, ToolIn),
    )


_MODES: dict[str, Literal["auto", "required", "named", "none"]] = {
    "auto": "auto",
    "any": "required",
    "tool": "named",
    "none": "none",
}


def _tool_choice(raw: dict[str, Any] | None, extra: dict[str, Json]) -> tuple[ToolChoice | None, bool | None]:
    if raw is None:
        return None, None
    shape = convert(raw, ChoiceIn, at="tool_choice")
    if shape.type == "tool" and shape.name is None:
        raise _missing("tool_choice.name")
    _keep(extra, "tool_choice", leftover(raw, ChoiceIn))
    parallel = None if shape.disable_parallel_tool_use is None else not shape.disable_parallel_tool_use
    name = shape.name if shape.type == "tool" else None
    return ToolChoice(mode=_MODES[shape.type], name=name), parallel


_DISPLAYS = {"summarized": True, "omitted": False}


def _thinking(body: BodyIn, extra: dict[str, Json]) -> Thinking | None:
    """Return how hard to think; what of it has no field (new types, new keys) is kept in ``extra``."""
    effort = None
    if body.output_config is not None:
        effort = convert(body.output_config, OutputIn, at="output_config").effort
        _keep(extra, "output_config", leftover(body.output_config, OutputIn))
    if body.thinking is None:
        return Thinking(effort=effort) if effort else None
    shape = convert(body.thinking, ThinkingIn, at="thinking")
    rest = leftover(body.thinking, ThinkingIn)
    if shape.display is not None and shape.display not in _DISPLAYS:
        rest["display"] = shape.display
    visible = _DISPLAYS.get(shape.display or "")
    match shape.type:
        case "enabled" if shape.budget_tokens is None:
            raise _missing("thinking.budget_tokens")
        case "enabled":
            thinking = Thinking(enabled=True, budget=shape.budget_tokens, effort=effort, visible=visible)
        case "adaptive":
            thinking = Thinking(enabled=True, budget=DYNAMIC, effort=effort, visible=visible)
        case "disabled":
            thinking = Thinking(enabled=False, effort=effort, visible=visible)
        case _:
            extra["thinking"] = body.thinking
            return Thinking(effort=effort) if effort else None
    _keep(extra, "thinking", rest)
    return thinking


def _output(body: BodyIn) -> Output | None:
    """Return the asked form: ``output_config.format``, or ``output_format`` as the older beta called it."""
    raw, at = (body.output_config or {}).get("format"), "output_config.format"
    if raw is None:
        raw, at = body.output_format, "output_format"
    if raw is None:
        return None
    return Output(kind="schema", schema=convert(raw, FormatIn, at=at).schema)


def _metadata(raw: dict[str, Any] | None) -> tuple[str | None, dict[str, Json] | None]:
    if raw is None:
        return None, None
    user = convert(raw, MetadataIn, at="metadata").user_id
    return (None if user is None else clean(user)), leftover(raw, MetadataIn) or None


def _keep(extra: dict[str, Json], name: str, rest: dict[str, Any]) -> None:
    if rest:
        extra[name] = rest
