"""Reads a chat completions request of a client: every dialect of messages, tools and controls, checked by path."""

from typing import Any, Literal

import msgspec

from wallas.codecs.fields import convert, leftover, names
from wallas.codecs.framing import encode
from wallas.codecs.limits import MESSAGES, TOOLS, at_most, small_schema, without_nul
from wallas.codecs.openai_chat_fields import (
    WIRE,
    AnyMessage,
    AnyTool,
    AssistantMessage,
    AudioField,
    Call,
    Choice,
    CustomInput,
    CustomTool,
    Function,
    FunctionMessage,
    FunctionTool,
    JsonSchema,
    Named,
    Picked,
    ReasoningField,
    Request,
    ResponseFormat,
    Seed,
    StreamOptions,
    Talk,
    ToolMessage,
)
from wallas.codecs.openai_chat_parts import decode_content, kept, rest
from wallas.codecs.openai_chat_turns import usual_turn
from wallas.errors import BadRequest
from wallas.types.chat import (
    ChatRequest,
    Media,
    Message,
    Opaque,
    Output,
    Part,
    Reasoning,
    Refusal,
    Seal,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Voice,
)
from wallas.types.lasting import LastingTuple, once

TALK = names(Talk)

MODES = {"auto": "auto", "none": "none", "required": "required", "any": "required"}
"""Words of ``tool_choice``; ``any`` is Mistral's."""


def decode_request(body: Any) -> ChatRequest:
    """Return a client's request; raise BadRequest whose ``param`` is the path of the field that is wrong.

    Null is absent. What no field takes stays in ``extra["openai_chat"]`` of
    whatever it sat on. The legacy ``functions``, ``function_call`` and role
    ``function`` become tools, calls and results, and stay such.
    """
    if (talk := _talk(body)) is not None:
        return talk
    _counted(body)
    asked = convert(body, Request)
    more = leftover(body, Request)
    if "stream_options" in more:
        convert(more["stream_options"], StreamOptions, at="stream_options")
    choice, allowed = _tool_choice(asked)
    return ChatRequest(
        model=asked.model or "",
        messages=_messages(asked.messages, body["messages"]),
        tools=_tools(asked, body),
        tool_choice=choice,
        allowed_tools=allowed,
        parallel_tools=asked.parallel_tool_calls,
        output=_output(asked.response_format, body, more),
        max_tokens=asked.max_completion_tokens or asked.max_tokens,
        stop=_stop(asked.stop),
        temperature=asked.temperature,
        top_p=asked.top_p,
        top_k=_top_k(more),
        seed=asked.seed,
        frequency_penalty=asked.frequency_penalty,
        presence_penalty=asked.presence_penalty,
        logit_bias=asked.logit_bias,
        thinking=_thinking(asked, body, more),
        logprobs=_logprobs(asked),
        modalities=tuple(asked.modalities or ()),
        voice=_voice(asked.audio, body, more),
        n=asked.n,
        user=asked.user,
        metadata=asked.metadata,
        service_tier=asked.service_tier,
        stream=bool(asked.stream),
        extra=kept(more),
    )


def _talk(body: Any) -> ChatRequest | None:
    """Return a request of nothing but words and numbers; None for one that has more, or is wrong."""
    if type(body) is not dict or not TALK.issuperset(body):
        return None
    try:
        asked = msgspec.convert(body, Talk)
    except msgspec.ValidationError:
        return None
    messages = []
    for said in asked.messages:
        text = said.content
        if not text or "\0" in text:
            return None
        messages.append(Message(role=said.role, parts=(Text(text=text),)))
    return ChatRequest(
        model=asked.model or "",
        messages=tuple(messages),
        max_tokens=asked.max_completion_tokens or asked.max_tokens,
        temperature=asked.temperature,
        top_p=asked.top_p,
        seed=asked.seed,
        frequency_penalty=asked.frequency_penalty,
        presence_penalty=asked.presence_penalty,
        user=asked.user,
        stream=bool(asked.stream),
    )


def _counted(body: Any) -> None:
    if isinstance(body, dict):
        for name, most in (("messages", MESSAGES), ("tools", TOOLS), ("functions", TOOLS)):
            if isinstance(body.get(name), list):
                at_most(most, body[name], name)


def _stop(stop: str | list[str] | None) -> tuple[str, ...]:
    return (stop,) if isinstance(stop, str) else tuple(stop or ())


def _top_k(more: dict[str, Any]) -> int | None:
    return None if more.get("top_k") is None else convert(more["top_k"], Seed, at="top_k")


def _logprobs(asked: Request) -> int | None:
    if asked.logprobs:
        return asked.top_logprobs or 0
    if asked.top_logprobs:
        raise BadRequest("top_logprobs: logprobs has to be true with it", param="top_logprobs")
    return None


def _voice(audio: AudioField | None, body: dict[str, Any], more: dict[str, Any]) -> Voice | None:
    if audio is None:
        return None
    left = leftover(body["audio"], AudioField)
    if isinstance(audio.voice, dict):
        left["voice"] = audio.voice
    if left:
        more["audio"] = left
    return Voice(name=audio.voice if isinstance(audio.voice, str) else None, format=audio.format)


def _output(form: ResponseFormat | None, body: dict[str, Any], more: dict[str, Any]) -> Output | None:
    if form is None or form.type == "text":
        return None
    raw = body["response_format"]
    left = leftover(raw, ResponseFormat)
    if form.type not in ("json_object", "json_schema"):
        more["response_format"] = raw
        return None
    asked = form.json_schema
    if asked is not None:
        inner = leftover(raw["json_schema"], JsonSchema)
        left |= {"json_schema": inner} if inner else {}
    if left:
        more["response_format"] = left
    if asked is not None and asked.name is None:
        more["_nameless"] = True
    if form.type == "json_object":
        return Output(kind="json")
    if asked is None:
        param = "response_format.json_schema"
        raise BadRequest(f"{param} is missing", param=param, code="missing_required_parameter")
    if asked.schema is not None:
        small_schema(asked.schema, "response_format.json_schema.schema")
    return Output(
        kind="schema", name=asked.name, description=asked.description, schema=asked.schema, strict=asked.strict
    )


def _thinking(asked: Request, body: dict[str, Any], more: dict[str, Any]) -> Thinking | None:
    """Return how to think; a note in ``extra`` tells which of three fields said it."""
    if asked.reasoning is not None:
        said = asked.reasoning
        left = leftover(body["reasoning"], ReasoningField)
        more.update({"_thinking": "reasoning"} | ({"reasoning": left} if left else {}))
        return Thinking(
            enabled=said.enabled,
            effort=said.effort or asked.reasoning_effort,
            budget=said.max_tokens,
            visible=None if said.exclude is None else not said.exclude,
        )
    match more.get("thinking"):
        case {"type": "enabled" | "disabled" as word, **switch}:
            del more["thinking"]
            given = switch.get("budget_tokens")
            budget = given if isinstance(given, int) else None
            if budget is not None:
                del switch["budget_tokens"]
            more.update({"_thinking": "thinking"} | ({"thinking": switch} if switch else {}))
            return Thinking(enabled=word == "enabled", budget=budget, effort=asked.reasoning_effort)
    return Thinking(effort=asked.reasoning_effort) if asked.reasoning_effort else None


def _tool_choice(asked: Request) -> tuple[ToolChoice | None, tuple[str, ...] | None]:
    choice = asked.tool_choice
    if choice is None:
        return _function_call(asked.function_call), None
    word = choice if isinstance(choice, str) else choice.type
    if word in MODES:
        return ToolChoice(mode=MODES[word]), None  # type: ignore[arg-type]
    if isinstance(choice, Choice) and choice.allowed_tools is not None:
        names_ = tuple(
            _picked(tool, f"tool_choice.allowed_tools.tools[{number}]")
            for number, tool in enumerate(choice.allowed_tools.tools)
        )
        return ToolChoice(mode=choice.allowed_tools.mode), names_
    if isinstance(choice, str):
        raise BadRequest(f"tool_choice: invalid value {choice!r}", param="tool_choice")
    return ToolChoice(mode="named", name=_picked(choice, "tool_choice")), None


def _picked(tool: Picked, at: str) -> str:
    named = tool.function or tool.custom
    name = named.name if named else tool.name
    if name is None:
        param = f"{at}.function"
        raise BadRequest(f"{param} is missing", param=param, code="missing_required_parameter")
    return name


def _function_call(choice: str | Named | None) -> ToolChoice | None:
    if choice is None:
        return None
    if isinstance(choice, Named):
        return ToolChoice(mode="named", name=choice.name)
    if choice not in ("auto", "none"):
        raise BadRequest(f"function_call: invalid value {choice!r}", param="function_call")
    return ToolChoice(mode=choice)  # type: ignore[arg-type]


def _tools(asked: Request, body: dict[str, Any]) -> tuple[Tool | Opaque, ...]:
    tools = once(asked.tools, _read_tools) if asked.tools is not None else ()
    if not asked.functions:
        return tools
    functions = enumerate(asked.functions)
    return (*tools, *(_function_tool(one, body["functions"][at], {}, f"functions[{at}]") for at, one in functions))


def _read_tools(raws: Any) -> tuple[Tool | Opaque, ...]:
    tools = convert(raws, list[AnyTool] | None, at="tools") or ()  # type: ignore[arg-type]
    return LastingTuple(_tool(tool, raws[number], f"tools[{number}]") for number, tool in enumerate(tools))


def _tool(tool: AnyTool, raw: dict[str, Any], at: str) -> Tool | Opaque:
    kind = tool.type or "function"
    if kind not in ("function", "custom"):
        small_schema(raw, at)
        return Opaque(wire=WIRE, data=raw)
    more = leftover(raw, AnyTool)
    if kind == "function" and tool.function is not None:
        return _function_tool(tool.function, raw["function"], more, f"{at}.function")
    if kind == "custom" and tool.custom is not None:
        inner = leftover(raw["custom"], CustomTool)
        return Tool(
            name=tool.custom.name,
            description=tool.custom.description,
            kind="custom",
            extra=kept(more | {"custom": inner} if inner else more),
        )
    raise BadRequest(f"{at}.{kind} is missing", param=f"{at}.{kind}", code="missing_required_parameter")


def _function_tool(function: FunctionTool, raw: dict[str, Any], more: dict[str, Any], at: str) -> Tool:
    if function.parameters is not None:
        small_schema(function.parameters, f"{at}.parameters")
    inner = leftover(raw, FunctionTool)
    return Tool(
        name=function.name,
        description=function.description,
        parameters=function.parameters,
        strict=function.strict,
        extra=kept(more | {"function": inner} if inner else more),
    )


def _messages(messages: list[AnyMessage], raws: list[dict[str, Any]]) -> tuple[Message, ...]:
    called: dict[str, str] = {}
    return tuple(
        [
            usual_turn(raws[number]) or _message(message, raws[number], number, called)
            for number, message in enumerate(messages)
        ]
    )


def _message(message: AnyMessage, raw: dict[str, Any], number: int, called: dict[str, str]) -> Message:
    at = f"messages[{number}]"
    content = decode_content(message.content, raw.get("content"), f"{at}.content")
    match message:
        case AssistantMessage():
            return _assistant(message, raw, content, number, called)
        case ToolMessage():
            more = rest(raw, ToolMessage)
            name = more.get("name")
            result = ToolResult(
                call_id=message.tool_call_id, parts=content, name=name if isinstance(name, str) else None
            )
            return Message(role="tool", parts=(result,), extra=kept(more))
        case FunctionMessage():
            call_id = called.pop(message.name, f"call_function_{number}")
            result = ToolResult(call_id=call_id, parts=content, name=message.name)
            return Message(
                role="tool", parts=(result,), extra=kept(rest(raw, FunctionMessage) | {"name": message.name})
            )
        case _:
            return Message(role=raw["role"], parts=content, name=message.name, extra=kept(rest(raw, type(message))))


def _assistant(
    message: AssistantMessage, raw: dict[str, Any], content: tuple[Part, ...], number: int, called: dict[str, str]
) -> Message:
    at = f"messages[{number}]"
    more = rest(raw, AssistantMessage)
    parts: list[Part] = [*_reasoning(message, more), *content]
    if message.refusal:
        parts.append(Refusal(text=without_nul(message.refusal)))
    if message.audio is not None:
        inner = {key: value for key, value in raw["audio"].items() if key != "id" and value is not None}
        parts.append(Media(kind="audio", file_id=message.audio.id, extra=kept({"audio": inner} if inner else {})))
    for place, call in enumerate(message.tool_calls or ()):
        parts.append(_call(call, raw["tool_calls"][place], f"{at}.tool_calls[{place}]"))
    if message.function_call is not None:
        call_id = called[message.function_call.name] = f"call_function_{number}"
        arguments = _arguments(message.function_call.arguments)
        parts.append(ToolCall(id=call_id, name=message.function_call.name, arguments=arguments))
    return Message(role="assistant", parts=tuple(parts), name=message.name, extra=kept(more))


def _reasoning(message: AssistantMessage, more: dict[str, Any]) -> list[Reasoning]:
    """Return the thoughts given back; what is no text, or told twice in different words, stays in ``more``."""
    told = {field: getattr(message, field) for field in ("reasoning", "reasoning_content")}
    texts = {field: value for field, value in told.items() if isinstance(value, str) and value}
    field = next(iter(texts), "")
    twice = len(texts) == 2 and len(set(texts.values())) == 1
    for other, value in told.items():
        if other != field and not twice and value not in (None, ""):
            more[other] = value
    note = {"_field": field, "_twice": True} if twice else {"_field": field}
    return [Reasoning(text=without_nul(texts[field]), extra=kept(note))] if field else []


def _call(call: Call, raw: dict[str, Any], at: str) -> ToolCall:
    more = leftover(raw, Call)
    kind: Literal["function", "custom"] = call.type or ("function" if call.custom is None else "custom")
    if kind == "function" and call.function is not None:
        inner = leftover(raw["function"], Function)
        name, arguments = call.function.name, _arguments(call.function.arguments)
    elif kind == "custom" and call.custom is not None:
        inner = leftover(raw["custom"], CustomInput)
        name, arguments = call.custom.name, without_nul(call.custom.input)
    else:
        raise BadRequest(f"{at}.{kind} is missing", param=f"{at}.{kind}", code="missing_required_parameter")
    seal, more = taken_seal(more | {kind: inner} if inner else more)
    return ToolCall(id=call.id, name=name, arguments=arguments, kind=kind, seal=seal, extra=kept(more))


def _arguments(value: str | dict[str, Any] | None) -> str:
    if isinstance(value, dict):
        return encode(value).decode()
    return without_nul(value or "") or "{}"


def taken_seal(more: dict[str, Any]) -> tuple[Seal | None, dict[str, Any]]:
    """Return a call's seal and its extra without it.

    Gemini's OpenAI-compatible endpoint keeps the thought signature in
    ``extra_content.google.thought_signature``; the emptied object stays, to
    tell where it goes.
    """
    match more.get("extra_content"):
        case {"google": {"thought_signature": str() as signature, **other} as google, **beside} if google and signature:
            return Seal.parse(signature), more | {"extra_content": {**beside, "google": other}}
        case _:
            return None, more
