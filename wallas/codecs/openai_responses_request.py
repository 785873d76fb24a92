"""Requests of the Responses wire: a client's body to canonical values, and these to a provider's body."""

from collections.abc import Iterable, Iterator
from typing import Any

from wallas.codecs.dropping import Dropped, foreign, unplaced
from wallas.codecs.fields import convert, leftover, names
from wallas.codecs.framing import encode
from wallas.codecs.limits import MESSAGES, TOOLS, at_most, small_schema, without_nul
from wallas.codecs.openai_responses_fields import (
    Body,
    Choice,
    CustomTool,
    Format,
    FunctionTool,
    ReasoningOptions,
    TextOptions,
    check_item,
)
from wallas.codecs.openai_responses_items import decode_items, encode_items
from wallas.codecs.openai_responses_parts import WIRE, kept, name_of, own, without
from wallas.errors import BadRequest
from wallas.types.chat import (
    ChatRequest,
    Message,
    Opaque,
    Output,
    Text,
    Thinking,
    Tool,
    ToolChoice,
)
from wallas.types.lasting import LastingList, LastingTuple, once

NAMES = names(Body)
"""The fields that have their own meaning here; all others a provider's row must accept by name."""

SAME = {
    "max_tokens": "max_output_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "parallel_tools": "parallel_tool_calls",
    "user": "user",
    "metadata": "metadata",
    "service_tier": "service_tier",
    "previous_id": "previous_response_id",
}
"""Canonical fields that this wire has as they are, by its own names."""

NO_PLACE = (
    "top_k",
    "seed",
    "frequency_penalty",
    "presence_penalty",
    "logit_bias",
    "modalities",
    "voice",
    "n",
)
"""Canonical fields that this wire cannot say."""

LOGPROBS = "message.output_text.logprobs"
ENCRYPTED = "reasoning.encrypted_content"

EFFORTS = ((0, "none"), (2048, "low"), (8192, "medium"), (2**63, "high"))
"""The effort that comes nearest to a budget of at most so many tokens."""

_TAKEN = ("tool_choice", "text", "reasoning", "include", "store", "top_logprobs")


def decode_request(body: Any) -> ChatRequest:
    """Return a client's request; raise BadRequest naming the field that is wrong."""
    said = convert(body, Body)
    refuse_state(said)
    choice, allowed = decode_choice(said.tool_choice)
    return ChatRequest(
        model=said.model or "",
        messages=(*instructed(said.instructions), *decode_input(said)),
        tools=once(said.tools, _read_tools) if said.tools is not None else (),
        tool_choice=choice,
        allowed_tools=allowed,
        parallel_tools=said.parallel_tool_calls,
        output=decode_output(said.text),
        max_tokens=said.max_output_tokens,
        temperature=said.temperature,
        top_p=said.top_p,
        thinking=decode_thinking(said.reasoning),
        logprobs=decode_logprobs(said),
        user=said.user,
        metadata=said.metadata,
        service_tier=said.service_tier,
        previous_id=said.previous_response_id,
        stream=bool(said.stream),
        extra=kept(decode_extra(body, said, plain=choice is not None)),
    )


def _read_tools(raws: Any) -> tuple[Tool | Opaque, ...]:
    tools = convert(raws, list[dict[str, Any]] | None, at="tools") or ()  # type: ignore[arg-type]
    read = LastingTuple(decode_tool(tool, at=f"tools[{number}]") for number, tool in enumerate(tools))
    at_most(TOOLS, read, "tools")
    return read


def refuse_state(said: Body) -> None:
    """Raise BadRequest for a body without a model or an input, and for what the gateway does not keep."""
    for name in ("conversation", "background"):
        if getattr(said, name):
            raise BadRequest(f"{name}: not supported by this gateway", param=name, code="unsupported_parameter")
    if said.model is None and said.prompt is None:
        raise BadRequest("model is missing", param="model", code="missing_required_parameter")
    if not said.input and said.previous_response_id is None and said.prompt is None:
        raise BadRequest("input is missing or empty", param="input", code="missing_required_parameter")


def instructed(instructions: str | None) -> Iterator[Message]:
    """Yield the message that ``instructions`` is."""
    if instructions is not None:
        text = Text(text=without_nul(instructions))
        yield Message(role="system", parts=(text,), extra=kept({"_instructions": True}))


def decode_input(said: Body) -> tuple[Message, ...]:
    """Return ``input`` as messages. ``_input`` notes that it was a bare string, ``_first`` a system item that leads."""
    if said.input is None:
        return ()
    if isinstance(said.input, str):
        text = Text(text=without_nul(said.input))
        return (Message(role="user", parts=(text,), extra=kept({"_input": True})),)
    at_most(MESSAGES, said.input, "input")
    kinds = [check_item(item, at=f"input[{number}]") for number, item in enumerate(said.input)]
    items = scrubbed(said.input) if b"\\u0000" in encode(said.input) else said.input
    messages = decode_items(zip(kinds, items, strict=True))
    first = messages[0]
    if first.role != "system" or said.instructions is not None:
        return messages
    led = Message(role="system", parts=first.parts, extra=kept(own(first.extra) | {"_first": True}))
    return (led, *messages[1:])


def scrubbed(value: Any) -> Any:
    """Return a JSON value without NUL in its strings: ids and names were refused for it before."""
    match value:
        case str():
            return without_nul(value)
        case list():
            return [scrubbed(inner) for inner in value]
        case dict():
            return {without_nul(key): scrubbed(inner) for key, inner in value.items()}
    return value


def decode_tool(tool: dict[str, Any], *, at: str) -> Tool | Opaque:
    """Return a function or custom tool, any other as it is.

    A function that does not speak of ``strict`` is strict on this wire alone;
    ``_strict`` notes the silence, so that it is not taken for another wire's.
    """
    match tool.get("type"):
        case "function":
            function = convert(tool, FunctionTool, at=at)
            small_schema(function.parameters or {}, f"{at}.parameters")
            return Tool(
                name=function.name,
                description=function.description,
                parameters=function.parameters,
                strict=function.strict,
                extra=kept(leftover(tool, FunctionTool) | {"_strict": False if function.strict is None else None}),
            )
        case "custom":
            custom = convert(tool, CustomTool, at=at)
            notes = leftover(tool, CustomTool) | {"format": custom.format}
            return Tool(name=custom.name, description=custom.description, kind="custom", extra=kept(notes))
        case str():
            small_schema(tool, at)
            return Opaque(wire=WIRE, data=tool)
    raise BadRequest(f"{at}.type is missing", param=f"{at}.type", code="missing_required_parameter")


def decode_choice(choice: str | dict[str, Any] | None) -> tuple[ToolChoice | None, tuple[str, ...] | None]:
    """Return ``tool_choice`` and the tools it allows; a hosted tool has no canonical form and stays in ``extra``."""
    match choice:
        case None:
            return None, None
        case "auto" | "none" | "required":
            return ToolChoice(mode=choice), None
        case str():
            raise BadRequest("tool_choice: expected auto, none or required", param="tool_choice")
    said = convert(choice, Choice, at="tool_choice")
    match said:
        case Choice(type="function" | "custom", name=None):
            raise BadRequest("tool_choice.name is missing", param="tool_choice.name", code="missing_required_parameter")
        case Choice(type="function" | "custom"):
            return ToolChoice(mode="named", name=said.name), None
        case Choice(type="allowed_tools"):
            chosen = [tool.get("name") for tool in said.tools or () if tool.get("type") in ("function", "custom")]
            return ToolChoice(mode=said.mode or "auto"), tuple(name for name in chosen if isinstance(name, str))
    return None, None


def decode_output(text: TextOptions | None) -> Output | None:
    """Return the asked form of the answer."""
    match text and text.format:
        case Format(type="json_object"):
            return Output(kind="json")
        case Format(type="json_schema") as form:
            if form.name is None:
                raise BadRequest(
                    "text.format.name is missing", param="text.format.name", code="missing_required_parameter"
                )
            schema = small_schema(form.schema or {}, "text.format.schema")
            return Output(
                kind="schema", name=form.name, description=form.description, schema=schema, strict=form.strict
            )
    return None


def decode_thinking(reasoning: ReasoningOptions | None) -> Thinking | None:
    """Return how hard to think; asking for a summary is asking to see it."""
    if reasoning is None or (reasoning.effort is None and reasoning.summary is None):
        return None
    return Thinking(
        enabled=False if reasoning.effort == "none" else None,
        effort=reasoning.effort,
        visible=True if reasoning.summary else None,
        summary=reasoning.summary,
    )


def decode_logprobs(said: Body) -> int | None:
    """Return how many runners-up are asked for; ``include`` alone asks for the chosen tokens."""
    return said.top_logprobs or (0 if LOGPROBS in (said.include or ()) else None)


def decode_extra(body: dict[str, Any], said: Body, *, plain: bool) -> dict[str, Any]:
    """Return what only this wire says; ``plain`` tells that ``tool_choice`` is said canonically."""
    extra = leftover(body, Body)
    for name in ("store", "truncation", "stream_options", "prompt", "background"):
        extra[name] = getattr(said, name)
    if said.include is not None:
        extra["include"] = [name for name in said.include if name != LOGPROBS]
    if said.top_logprobs == 0 and LOGPROBS not in (said.include or ()):
        extra["top_logprobs"] = 0
    extra["reasoning"] = leftover(body.get("reasoning") or {}, ReasoningOptions) or None
    text = leftover(body.get("text") or {}, TextOptions)
    form = (body.get("text") or {}).get("format") or {}
    rest = {"type": "text"} if form.get("type") == "text" else leftover(form, Format)
    extra["text"] = text | ({"format": rest} if rest else {}) or None
    if isinstance(said.tool_choice, dict) and not (plain and sayable(said.tool_choice)):
        extra["tool_choice"] = said.tool_choice
    return extra


def sayable(choice: dict[str, Any]) -> bool:
    """Tell whether a ``tool_choice`` names functions only, so that its canonical form says all of it."""
    named = choice["tools"] if choice.get("tools") else [choice]
    return all(tool.get("type") == "function" and not without(tool, "type", "name") for tool in named)


def encode_request(request: ChatRequest, dropped: list[str] | None = None) -> dict[str, Any]:
    """Return the body for a provider; append to ``dropped`` the name of whatever has no place on this wire.

    Stateless: ``store`` is false and encrypted reasoning is asked for, unless
    the client of this wire spoke of both itself. A ``previous_id`` that nobody
    resolved before is sent as it is: without it the answer would be wrong.
    """
    lost = Dropped(dropped)
    lost.add(*unplaced(request, NO_PLACE))
    lost.add(*(["stop"] if request.stop else []))
    lost.add(*(name for name in foreign(request, WIRE) if not name.startswith("_")))
    said = own(request.extra)
    instructions, messages = parted(request.messages)
    items = encode_input(messages, lost)
    tools, homeless = once(request.tools, _rows)
    lost.add(*homeless)
    body: dict[str, Any] = {
        "model": request.model,
        "instructions": instructions,
        "input": items,
        "tools": tools or None,
        "tool_choice": encode_choice(request),
        "text": encode_text_options(request),
        "reasoning": encode_thinking(request, lost),
        "include": encode_include(request),
        "top_logprobs": request.logprobs or said.get("top_logprobs"),
        "store": said.get("store", False),
        "stream": request.stream,
    }
    body |= {theirs: getattr(request, ours) for ours, theirs in SAME.items()}
    body |= without(said, *_TAKEN)
    return {key: value for key, value in body.items() if value is not None}


def _rows(tools: Iterable[Tool | Opaque]) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the tools as this wire has them, and the names of what has no place."""
    lost = Dropped()
    return LastingList(row for tool in tools if (row := encode_tool(tool, lost)) is not None), lost.names


def carried(messages: Iterable[Message]) -> tuple[Message, ...]:
    """Return what of a stored conversation the next response goes on from: all but its ``instructions``."""
    return tuple(message for message in messages if "_instructions" not in own(message.extra))


def parted(messages: tuple[Message, ...]) -> tuple[str | None, tuple[Message, ...]]:
    """Return the leading system message as instructions, and the rest; one that came as an item stays one."""
    match messages:
        case [Message(role="system", parts=parts) as first, *rest] if "_first" not in own(first.extra):
            texts = [part.text for part in parts if isinstance(part, Text)]
            if len(texts) == len(parts):
                return "\n\n".join(texts), tuple(rest)
    return None, messages


def encode_input(messages: tuple[Message, ...], lost: Dropped) -> str | list[dict[str, Any]] | None:
    """Return the messages as items; as a string where it was one, None where nothing was said."""
    match messages:
        case [Message(parts=[Text(text=text)]) as only] if "_input" in own(only.extra):
            return text
    names: list[str] = []
    items = encode_items(messages, provider=True, dropped=names)
    lost.add(*names)
    return items or None


def encode_tool(tool: Tool | Opaque, lost: Dropped | None = None) -> dict[str, Any] | None:
    """Return a tool, or None for another wire's own. Functions of other wires are not strict unless they say so."""
    match tool:
        case Opaque(wire=wire, data=dict() as data) if wire == WIRE:
            return data
        case Opaque():
            if lost is not None:
                lost.add(name_of(tool))
            return None
        case Tool():
            notes = own(tool.extra)
            told: dict[str, Any] = {"type": tool.kind, "name": tool.name}
            if tool.kind == "function":
                told["parameters"] = tool.parameters
                if tool.strict is not None or "_strict" not in notes:
                    told["strict"] = bool(tool.strict)
            if tool.description is not None:
                told["description"] = tool.description
            return told | {key: value for key, value in notes.items() if key != "_strict"}


def encode_choice(request: ChatRequest) -> str | dict[str, Any] | None:
    """Return ``tool_choice``, the client's own words first."""
    raw: dict[str, Any] | None = own(request.extra).get("tool_choice")
    if raw is not None:
        return raw
    kinds = {tool.name: tool.kind for tool in request.tools if isinstance(tool, Tool)}
    choice = request.tool_choice
    if request.allowed_tools is not None:
        tools = [{"type": kinds.get(name, "function"), "name": name} for name in request.allowed_tools]
        mode = "required" if choice and choice.mode == "required" else "auto"
        return {"type": "allowed_tools", "mode": mode, "tools": tools}
    if choice is None:
        return None
    if choice.mode == "named":
        return {"type": kinds.get(choice.name or "", "function"), "name": choice.name}
    return choice.mode


def encode_text_options(request: ChatRequest) -> dict[str, Any] | None:
    """Return ``text``."""
    said: dict[str, Any] = own(request.extra).get("text", {})
    output = request.output
    if output is None:
        return said or None
    form: dict[str, Any] = {"type": "json_object"}
    if output.kind == "schema":
        form = {
            "type": "json_schema",
            "name": output.name or "answer",
            "schema": output.schema or {},
            "description": output.description,
            "strict": output.strict,
        }
    form = {key: value for key, value in form.items() if value is not None}
    return said | {"format": without(said.get("format", {}), "type") | form}


def encode_thinking(request: ChatRequest, lost: Dropped | None = None) -> dict[str, Any] | None:
    """Return ``reasoning``. A budget becomes the effort that comes nearest, and is named as dropped."""
    said: dict[str, Any] = own(request.extra).get("reasoning", {})
    thinking = request.thinking or Thinking()
    effort = thinking.effort or ("none" if thinking.enabled is False else None)
    if thinking.budget is not None and lost is not None:
        lost.add("thinking.budget")
    if effort is None and thinking.budget is not None and thinking.budget >= 0:
        effort = next(word for most, word in EFFORTS if (thinking.budget or 0) <= most)
    summary = thinking.summary or ("auto" if thinking.visible else None)
    told = {"effort": effort, "summary": summary}
    return {key: value for key, value in told.items() if value is not None} | said or None


def encode_include(request: ChatRequest) -> list[str] | None:
    """Return ``include``: what the client said, encrypted reasoning unless it chose for itself, log probabilities."""
    said = own(request.extra)
    include = list(said.get("include", ()))
    if not ("store" in said and "include" in said) and ENCRYPTED not in include:
        include.append(ENCRYPTED)
    if request.logprobs is not None:
        include.append(LOGPROBS)
    return include or None
