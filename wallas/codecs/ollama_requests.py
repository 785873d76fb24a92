"""Reads the chat and generate requests of Ollama clients."""

from typing import Annotated, Any, Literal

import msgspec

from wallas.codecs import OLLAMA as WIRE
from wallas.codecs.arguments import arguments_text
from wallas.codecs.fields import convert, leftover
from wallas.codecs.limits import MESSAGES, TOOLS, Name, at_most, payload, small_schema, without_nul
from wallas.errors import BadRequest
from wallas.types.chat import (
    ChatRequest,
    Extra,
    Media,
    Message,
    Opaque,
    Output,
    Reasoning,
    Role,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
)

Count = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Schema = dict[str, Any]

EMPTY: Schema = {"type": "object", "properties": {}}
"""The parameters of a tool that takes none: the wire wants some."""
GENERATE_ONLY = ("suffix", "template", "context", "raw", "width", "height", "steps")
"""Keys that /api/generate has and /api/chat has not."""
ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
}


class FunctionIn(msgspec.Struct):
    """What a tool call calls."""

    name: Name
    arguments: Any = None


class CallIn(msgspec.Struct):
    """One of ``tool_calls``."""

    function: FunctionIn
    id: Name | None = None


class MessageIn(msgspec.Struct):
    """One of ``messages``."""

    role: str
    content: str | None = None
    thinking: str | None = None
    images: list[str] | None = None
    tool_calls: list[CallIn] | None = None
    tool_name: Name | None = None
    tool_call_id: Name | None = None


class DeclarationIn(msgspec.Struct):
    """The function of a tool that may be called."""

    name: Name
    description: str | None = None
    parameters: Schema | None = None


class ToolIn(msgspec.Struct):
    """One of ``tools``."""

    function: DeclarationIn
    type: str | None = None


class OptionsIn(msgspec.Struct):
    """Those ``options`` that other wires have too."""

    num_predict: Annotated[int, msgspec.Meta(ge=-2, lt=2**31)] | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0)] | None = None
    top_p: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    top_k: Count | None = None
    seed: Count | None = None
    stop: str | list[str] | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None


class SettingsIn(msgspec.Struct):
    """What chat and generate have in common."""

    model: Name
    options: Schema | None = None
    format: Literal["", "json"] | Schema | None = None
    think: bool | Literal["", "low", "medium", "high", "max"] | None = None
    stream: bool | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, msgspec.Meta(ge=0, le=20)] | None = None


class ChatIn(SettingsIn):
    """A body of /api/chat."""

    messages: list[MessageIn] | None = None
    tools: list[Schema] | None = None


class GenerateIn(SettingsIn):
    """A body of /api/generate."""

    prompt: str | None = None
    system: str | None = None
    images: list[str] | None = None


def decode_request(body: Any) -> ChatRequest:
    """Return a client's request to /api/chat; raise BadRequest naming the field that is wrong.

    No messages is legal here: it asks to load the model (``done_reason: load``). A body with a
    prompt in their place is read as one of /api/generate.
    """
    if isinstance(body, dict) and "prompt" in body and "messages" not in body:
        return decode_generate(body)
    fields = convert(body, ChatIn)
    given = fields.messages or []
    at_most(MESSAGES, given, "messages")
    at_most(TOOLS, fields.tools or [], "tools")
    calls = Calls(given)
    messages = tuple(
        _message(said, body["messages"][number], at=f"messages[{number}]", calls=calls)
        for number, said in enumerate(given)
    )
    tools = tuple(_tool(tool, at=f"tools[{number}]") for number, tool in enumerate(fields.tools or []))
    return _request(fields, leftover(body, ChatIn), messages=messages, tools=tools)


def decode_generate(body: Any) -> ChatRequest:
    """Return a client's request to /api/generate as one user message; no prompt asks to load the model.

    What only /api/generate has (``suffix``, ``template``, ``context``, ``raw``) is kept in ``extra``.
    """
    fields = convert(body, GenerateIn)
    images = _images(fields.images, at="images")
    prompt = without_nul(fields.prompt or "")
    messages: list[Message] = []
    if prompt or images:
        if fields.system:
            messages.append(Message(role="system", parts=(Text(text=without_nul(fields.system)),)))
        messages.append(Message(role="user", parts=(*images, *_text(prompt))))
    rest = leftover(body, GenerateIn)
    rest = {key: value for key, value in rest.items() if value or key not in GENERATE_ONLY}
    return _request(fields, rest, messages=tuple(messages), tools=())


def _request(
    fields: SettingsIn, rest: Schema, *, messages: tuple[Message, ...], tools: tuple[Tool | Opaque, ...]
) -> ChatRequest:
    given = {key: value for key, value in (fields.options or {}).items() if value is not None}
    options = convert(given, OptionsIn, at="options")
    spare = leftover(given, OptionsIn)
    for key in ("num_predict", "top_k"):  # 0 and less mean "no limit" here and nothing on other wires
        if given.get(key, 1) <= 0:
            spare[key] = given[key]
    if spare:
        rest = rest | {"options": spare}
    stop = (options.stop,) if isinstance(options.stop, str) else tuple(options.stop or ())
    return ChatRequest(
        model=fields.model,
        messages=messages,
        tools=tools,
        output=_output(fields.format),
        max_tokens=None if "num_predict" in spare else options.num_predict,
        top_k=None if "top_k" in spare else options.top_k,
        stop=stop,
        temperature=options.temperature,
        top_p=options.top_p,
        seed=options.seed,
        frequency_penalty=options.frequency_penalty,
        presence_penalty=options.presence_penalty,
        thinking=_thinking(fields.think),
        logprobs=(fields.top_logprobs or 0) if fields.logprobs else None,
        stream=fields.stream is not False,
        extra=_own(rest),
    )


def _own(rest: Schema) -> Extra:
    return {WIRE: rest} if rest else {}


def _output(asked: str | Schema | None) -> Output | None:
    if isinstance(asked, dict):
        return Output(kind="schema", schema=small_schema(asked, "format"))
    return Output(kind="json") if asked else None


def _thinking(think: bool | str | None) -> Thinking | None:
    if think is None or think == "":
        return None
    return Thinking(enabled=think) if isinstance(think, bool) else Thinking(enabled=True, effort=think)


class Calls:
    """The tool calls of a conversation as it is read: gives ids to those without, and finds the call of each result.

    Minted ids name the place of the call, so they stay the same as the conversation grows.
    """

    def __init__(self, messages: list[MessageIn]) -> None:
        """Keep clear of the ids that the client uses itself."""
        self.taken = {call.id for said in messages for call in said.tool_calls or ()}
        self.taken |= {said.tool_call_id for said in messages}
        self.minted: set[str] = set()
        self.open: list[tuple[str, str]] = []
        self.names: dict[str, str] = {}

    def mint(self, place: str) -> str:
        """Return an id that nobody uses."""
        made = f"call_{place}"
        while made in self.taken:
            made += "_"
        self.taken.add(made)
        self.minted.add(made)
        return made

    def made(self, call: CallIn, place: str) -> str:
        """Return the id of a call, which now waits for its result."""
        made = call.id or self.mint(place)
        self.open.append((made, call.function.name))
        self.names[made] = call.function.name
        return made

    def answered(self, said: MessageIn, place: str) -> str:
        """Return the id of the call that a result answers: the one it names, else the first open one of its tool."""
        found = self._by_id(said.tool_call_id) or self._by_name(said) or said.tool_call_id or self.mint(place)
        self.open = [call for call in self.open if call[0] != found]
        return found

    def _by_id(self, asked: str | None) -> str | None:
        return asked if asked in self.names else None

    def _by_name(self, said: MessageIn) -> str | None:
        for made, name in self.open:
            fits = said.tool_name in (None, name)
            if fits and (said.tool_call_id is None or made in self.minted):
                return made
        return None


def _message(said: MessageIn, raw: Schema, *, at: str, calls: Calls) -> Message:
    role = ROLES.get(said.role.lower())
    if role is None:
        raise BadRequest(f"{at}.role: expected one of {', '.join(ROLES)}", param=f"{at}.role")
    place = at[len("messages[") : -1]
    media = _images(said.images, at=f"{at}.images")
    words = _text(without_nul(said.content or ""))
    rest = leftover(raw, MessageIn)
    if role == "tool":
        found = calls.answered(said, place)
        result = ToolResult(call_id=found, name=said.tool_name or calls.names.get(found), parts=(*media, *words))
        rest |= {key: raw[key] for key in ("thinking", "tool_calls") if raw.get(key)}
        return Message(role="tool", parts=(result,), extra=_own(rest))
    thought = (Reasoning(text=without_nul(said.thinking)),) if said.thinking else ()
    made = tuple(
        _call(call, raw["tool_calls"][number], place=f"{place}_{number}", calls=calls)
        for number, call in enumerate(said.tool_calls or ())
    )
    rest |= {key: raw[key] for key in ("tool_name", "tool_call_id") if raw.get(key)}
    return Message(role=role, parts=(*thought, *media, *words, *made), extra=_own(rest))


def _text(words: str) -> tuple[Text, ...]:
    return (Text(text=words),) if words else ()


def _images(images: list[str] | None, *, at: str) -> tuple[Media, ...]:
    read = [payload(image, f"{at}[{number}]") for number, image in enumerate(images or ())]
    return tuple(Media(kind="image", mime=image.mime, data=image.data) for image in read)


def _call(call: CallIn, raw: Schema, *, place: str, calls: Calls) -> ToolCall:
    rest = leftover(raw, CallIn)
    inner = leftover(raw["function"], FunctionIn)
    return ToolCall(
        id=calls.made(call, place),
        name=call.function.name,
        arguments=arguments_text(call.function.arguments),
        extra=_own(rest | ({"function": inner} if inner else {})),
    )


def _tool(raw: Schema, *, at: str) -> Tool | Opaque:
    if raw.get("type") not in (None, "function"):
        return Opaque(wire=WIRE, data=raw)
    tool = convert(raw, ToolIn, at=at)
    rest = leftover(raw, ToolIn)
    inner = leftover(raw["function"], DeclarationIn)
    return Tool(
        name=tool.function.name,
        description=tool.function.description,
        parameters=small_schema(tool.function.parameters or EMPTY, f"{at}.function.parameters"),
        extra=_own(rest | ({"function": inner} if inner else {})),
    )
