"""Cohere's v2 chat requests, as they are read."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import msgspec

from wallas.codecs import COHERE as WIRE
from wallas.codecs.fields import convert, join, leftover
from wallas.codecs.framing import encode
from wallas.codecs.limits import MESSAGES, TOOLS, Name, at_most, payload, small_schema, without_nul
from wallas.errors import BadRequest
from wallas.types.chat import (
    ChatRequest,
    Extra,
    Media,
    Message,
    Opaque,
    Output,
    Part,
    Reasoning,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)

Schema = dict[str, Any]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]

PLAN = {WIRE: {"tool_plan": True}}
"""Marks a Reasoning that stands in ``tool_plan``, not among the content."""
CHOICES = {"REQUIRED": ToolChoice(mode="required"), "NONE": ToolChoice(mode="none")}


class FunctionIn(msgspec.Struct):
    """What a tool call calls; ``arguments`` is JSON text."""

    name: Name
    arguments: str | None = None


class CallIn(msgspec.Struct):
    """One of ``tool_calls``."""

    id: Name
    function: FunctionIn


class MessageIn(msgspec.Struct):
    """One of ``messages``."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[Schema] | None = None
    tool_plan: str | None = None
    tool_calls: list[CallIn] | None = None
    tool_call_id: Name | None = None


class PartIn(msgspec.Struct):
    """Any part of ``content``."""

    type: str
    text: str | None = None
    thinking: str | None = None
    image_url: Schema | None = None
    document: Schema | None = None


class ImageIn(msgspec.Struct):
    """Where an image is: a data URL or a web address."""

    url: Name
    detail: str | None = None


class DeclarationIn(msgspec.Struct):
    """The function of a tool that may be called."""

    name: Name
    description: str | None = None
    parameters: Schema | None = None


class ToolIn(msgspec.Struct):
    """One of ``tools``."""

    function: DeclarationIn
    type: str | None = None


class FormatIn(msgspec.Struct):
    """``response_format``; ``schema`` is the older name of ``json_schema``."""

    type: Literal["text", "json_object"]
    json_schema: Schema | None = None
    schema: Schema | None = None


class ThinkingIn(msgspec.Struct):
    """``thinking``."""

    type: Literal["enabled", "disabled"]
    token_budget: Count | None = None


class ChatIn(msgspec.Struct):
    """A body of /v2/chat."""

    model: Name
    messages: list[MessageIn]
    tools: list[Schema] | None = None
    tool_choice: Literal["REQUIRED", "NONE"] | None = None
    strict_tools: bool | None = None
    response_format: FormatIn | None = None
    max_tokens: Count | None = None
    stop_sequences: list[str] | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0)] | None = None
    p: Share | None = None
    k: Count | None = None
    seed: Count | None = None
    frequency_penalty: Share | None = None
    presence_penalty: Share | None = None
    logprobs: bool | None = None
    thinking: ThinkingIn | None = None
    stream: bool | None = None


def decode_request(body: Any) -> ChatRequest:
    """Return a client's request to /v2/chat; raise BadRequest naming the field that is wrong.

    ``documents``, ``safety_mode`` and what else only this wire has is kept in ``extra``.
    """
    fields = convert(body, ChatIn)
    at_most(MESSAGES, fields.messages, "messages")
    at_most(TOOLS, fields.tools or [], "tools")
    if not fields.messages:
        raise BadRequest("messages: expected at least one", param="messages")
    rest = {key: value for key, value in leftover(body, ChatIn).items() if value != []}
    if fields.strict_tools is not None and not fields.tools:
        rest["strict_tools"] = fields.strict_tools
    return ChatRequest(
        model=fields.model,
        messages=tuple(
            _message(said, body["messages"][number], at=f"messages[{number}]")
            for number, said in enumerate(fields.messages)
        ),
        tools=tuple(
            _tool(tool, strict=fields.strict_tools, at=f"tools[{number}]")
            for number, tool in enumerate(fields.tools or ())
        ),
        tool_choice=CHOICES.get(fields.tool_choice or ""),
        output=_output(fields.response_format),
        max_tokens=fields.max_tokens,
        stop=tuple(fields.stop_sequences or ()),
        temperature=fields.temperature,
        top_p=fields.p,
        top_k=fields.k,
        seed=fields.seed,
        frequency_penalty=fields.frequency_penalty,
        presence_penalty=fields.presence_penalty,
        logprobs=0 if fields.logprobs else None,
        thinking=_thinking(fields.thinking),
        stream=bool(fields.stream),
        extra=own(rest),
    )


def own(rest: Schema) -> Extra:
    """Return what only this wire knows as ``extra``."""
    return {WIRE: rest} if rest else {}


def _output(asked: FormatIn | None) -> Output | None:
    if asked is None or asked.type == "text":
        return None
    schema = asked.json_schema or asked.schema
    if schema is None:
        return Output(kind="json")
    return Output(kind="schema", schema=small_schema(schema, "response_format.json_schema"))


def _thinking(asked: ThinkingIn | None) -> Thinking | None:
    return None if asked is None else Thinking(enabled=asked.type == "enabled", budget=asked.token_budget)


def _tool(raw: Schema, *, strict: bool | None, at: str) -> Tool | Opaque:
    if raw.get("type") not in (None, "function"):
        return Opaque(wire=WIRE, data=raw)
    tool = convert(raw, ToolIn, at=at)
    inner = leftover(raw["function"], DeclarationIn)
    parameters = tool.function.parameters
    return Tool(
        name=tool.function.name,
        description=tool.function.description,
        parameters=None if parameters is None else small_schema(parameters, f"{at}.function.parameters"),
        strict=strict,
        extra=own(leftover(raw, ToolIn) | ({"function": inner} if inner else {})),
    )


def _message(said: MessageIn, raw: Schema, *, at: str) -> Message:
    content = tuple(_content(said.content, at=join(at, "content")))
    rest = leftover(raw, MessageIn)
    if said.role == "tool":
        if said.tool_call_id is None:
            param = join(at, "tool_call_id")
            raise BadRequest(f"{param} is missing", param=param, code="missing_required_parameter")
        rest |= {key: raw[key] for key in ("tool_plan", "tool_calls") if raw.get(key)}
        return Message(role="tool", parts=(ToolResult(call_id=said.tool_call_id, parts=content),), extra=own(rest))
    plan = (Reasoning(text=without_nul(said.tool_plan), extra=PLAN),) if said.tool_plan else ()
    calls = tuple(_call(call, raw["tool_calls"][number]) for number, call in enumerate(said.tool_calls or ()))
    rest |= {key: raw[key] for key in ("tool_call_id",) if raw.get(key)}
    role = "system" if said.role == "developer" else said.role
    return Message(role=role, parts=(*plan, *content, *calls), extra=own(rest))


def _call(call: CallIn, raw: Schema) -> ToolCall:
    rest = {key: value for key, value in leftover(raw, CallIn).items() if (key, value) != ("type", "function")}
    inner = leftover(raw["function"], FunctionIn)
    return ToolCall(
        id=call.id,
        name=call.function.name,
        arguments=call.function.arguments or "{}",
        extra=own(rest | ({"function": inner} if inner else {})),
    )


def _content(content: str | list[Schema] | None, *, at: str) -> Iterator[Part]:
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    for number, raw in enumerate(content or ()):
        part = _part(raw, at=f"{at}[{number}]")
        if part is not None:
            yield part


def _part(raw: Schema, *, at: str) -> Part | None:
    part = convert(raw, PartIn, at=at)
    rest = leftover(raw, PartIn)
    match part:
        case PartIn(type="text"):
            text = without_nul(_due(part.text, at=at, key="text"))
            return Text(text=text, extra=own(rest)) if text else None
        case PartIn(type="thinking"):
            text = without_nul(_due(part.thinking, at=at, key="thinking"))
            return Reasoning(text=text, extra=own(rest)) if text else None
        case PartIn(type="image_url"):
            return _image(_due(part.image_url, at=at, key="image_url"), rest, at=join(at, "image_url"))
        case PartIn(type="document"):
            document = _due(part.document, at=at, key="document")
            return Text(text=without_nul(document_text(document)), extra=own(rest | {"document": document}))
        case _:
            raise BadRequest(f"{at}.type: {part.type!r} is not known", param=f"{at}.type")


def _due(value: Any, *, at: str, key: str) -> Any:
    if value is None:
        raise BadRequest(f"{at}.{key} is missing", param=f"{at}.{key}", code="missing_required_parameter")
    return value


def _image(raw: Schema, rest: Schema, *, at: str) -> Media:
    image = convert(raw, ImageIn, at=at)
    inner = leftover(raw, ImageIn)
    if inner:
        rest["image_url"] = inner
    if not image.url.startswith("data:"):
        return Media(kind="image", url=image.url, detail=image.detail, extra=own(rest))
    read = payload(image.url, f"{at}.url")
    return Media(kind="image", mime=read.mime, data=read.data, detail=image.detail, extra=own(rest))


def document_text(document: Schema) -> str:
    """Return a document's words for those who know text only: its data if that is text, else the JSON of it."""
    data = document.get("data", document)
    return data if isinstance(data, str) else encode(data).decode()
