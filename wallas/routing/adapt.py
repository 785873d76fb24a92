"""Fits a request to one candidate, and names what had to stay behind.

Seals go home and nowhere else, freeform tools become functions where a wire
has none, the output is clamped to what the model can say. What is left out is
named in ``dropped``, which becomes ``X-Wallas-Dropped``.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from dataclasses import replace as replaced

import msgspec

from wallas import codecs
from wallas.catalog.entries import Model
from wallas.content.contents import Contents
from wallas.routing.fitting import Fitting
from wallas.routing.namespaces import flat_call, flat_tools, is_namespace
from wallas.types.chat import (
    ChatRequest,
    Media,
    Message,
    Opaque,
    Part,
    Reasoning,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    only_words,
)
from wallas.types.lasting import LastingTuple, once

CUSTOM_INPUT = "input"
CUSTOM_SCHEMA = {
    "type": "object",
    "properties": {CUSTOM_INPUT: {"type": "string"}},
    "required": [CUSTOM_INPUT],
    "additionalProperties": False,
}

ENCRYPTED = "reasoning.encrypted_content"
LEAST_OUTPUT = 16
"""OpenAI answers 400 to a smaller ``max_output_tokens`` on the Responses wire."""

OPTIONAL: dict[str, dict[str, object]] = {
    "temperature": {"temperature": None},
    "top_p": {"top_p": None},
    "top_k": {"top_k": None},
    "seed": {"seed": None},
    "random_seed": {"seed": None},
    "frequency_penalty": {"frequency_penalty": None},
    "presence_penalty": {"presence_penalty": None},
    "logit_bias": {"logit_bias": None},
    "user": {"user": None},
    "metadata": {"metadata": None},
    "service_tier": {"service_tier": None},
    "parallel_tool_calls": {"parallel_tools": None},
    "reasoning_effort": {"thinking": None},
    "reasoning": {"thinking": None},
    "thinking": {"thinking": None},
    "stop": {"stop": ()},
    "logprobs": {"logprobs": None},
    "top_logprobs": {"logprobs": None},
    "max_tokens": {"max_tokens": None},
    "max_completion_tokens": {"max_tokens": None},
}
"""What may be left out when a provider refuses it: the wire's name for it, and the fields that say nothing instead."""


@dataclass(frozen=True, kw_only=True)
class Lessons:
    """What refusals taught about one candidate, for this request or for longer: what not to send it again."""

    dropped: frozenset[str] = frozenset()
    no_seals: bool = False
    most_output: int | None = None

    def without(self, name: str) -> "Lessons":
        """Return these lessons and that a parameter is refused."""
        return replaced(self, dropped=self.dropped | {name})

    def clamped(self, most_output: int) -> "Lessons":
        """Return these lessons and that no more output than this may be asked for."""
        return replaced(self, most_output=most_output)

    def unsealed(self) -> "Lessons":
        """Return these lessons and that no seals are taken."""
        return replaced(self, no_seals=True)


NO_LESSONS = Lessons()


def says(request: ChatRequest, name: str) -> bool:
    """Return whether the request says anything that a provider would read as this parameter."""
    return any(getattr(request, field) != silent for field, silent in OPTIONAL[name].items())


class Fitted(msgspec.Struct, kw_only=True):
    """A request fitted to a candidate, the names of what was left out, and what became of its files."""

    request: ChatRequest
    dropped: list[str] = []
    converted: list[str] = []


def adapt(
    request: ChatRequest,
    *,
    model: Model,
    wire: str,
    issuer: str,
    asked_on: str,
    lessons: Lessons | None = None,
    contents: Contents | None = None,
) -> Fitted:
    """Return the request as this model at this provider can take it; ``asked_on`` is the client's wire.

    ``contents`` are its files, in the forms that this candidate needs.
    """
    lessons = lessons or NO_LESSONS
    fitted = Fitted(request=request)
    changes: dict[str, object] = {"model": model.id}
    if request.max_tokens is not None:
        wanted = request.max_tokens
        for most in (model.max_output, lessons.most_output):
            if most and wanted > most:
                changes["max_tokens"] = wanted = most
    if wire == codecs.OPENAI_RESPONSES:
        changes.update(_for_responses(request, model, fitted.dropped))
    thinking = request.thinking
    if thinking is not None and model.capabilities and "reasoning" not in model.capabilities:
        changes["thinking"] = None
        if thinking.enabled is not False and thinking.effort != "none":
            fitted.dropped.append("thinking")
    for name in sorted(lessons.dropped) if lessons.dropped else ():
        if says(request, name):
            changes.update(OPTIONAL[name])
            fitted.dropped.append(name)
    if request.tools or not only_words(request.messages):
        _refit(fitted, changes, model, wire, issuer, asked_on, lessons, contents)
    fitted.request = msgspec.structs.replace(request, **changes)
    return fitted


def _refit(
    fitted: Fitted,
    changes: dict[str, object],
    model: Model,
    wire: str,
    issuer: str,
    asked_on: str,
    lessons: Lessons,
    contents: Contents | None,
) -> None:
    """Fit the parts of the conversation and the tools."""
    own = not lessons.no_seals and wire == asked_on
    fit = _Parts(
        wire=wire,
        issuer=issuer,
        no_seals=lessons.no_seals,
        unsigned=own,
        documents="pdf" in model.capabilities,
        files=Fitting(contents, model=model, wire=wire) if contents is not None else None,
    )
    changes["messages"] = fit.messages(fitted.request.messages)
    if fitted.request.tools and not fit.custom:
        changes["tools"], lost = once(fitted.request.tools, _plain_tools)
        fit.dropped += lost
    fitted.dropped.extend(dict.fromkeys(fit.dropped))
    if fit.files is not None:
        fitted.converted.extend(dict.fromkeys(fit.files.converted))


def _for_responses(request: ChatRequest, model: Model, dropped: list[str]) -> dict[str, object]:
    """Return what the Responses wire wants otherwise: a model that cannot think has no thoughts to encrypt."""
    changes: dict[str, object] = {}
    if request.max_tokens is not None and request.max_tokens < LEAST_OUTPUT:
        changes["max_tokens"] = LEAST_OUTPUT
        dropped.append(f"max_tokens<{LEAST_OUTPUT}")
    if model.capabilities and "reasoning" not in model.capabilities:
        own = request.extra.get(codecs.OPENAI_RESPONSES, {})
        include = [word for word in own.get("include") or () if word != ENCRYPTED]
        told = {"store": False} | own | {"include": include}
        changes["extra"] = request.extra | {codecs.OPENAI_RESPONSES: told}
    return changes


class _Parts:
    """Fits the parts of a conversation to a wire and an issuer; what is already fit is kept as it is."""

    def __init__(
        self, *, wire: str, issuer: str, no_seals: bool, unsigned: bool, documents: bool, files: Fitting | None = None
    ) -> None:
        self.wire = wire
        self.issuer = issuer
        self.no_seals = no_seals
        self.unsigned = unsigned
        self.documents = documents
        self.files = files
        self.custom = wire == codecs.OPENAI_RESPONSES
        self.dropped: list[str] = []

    def messages(self, messages: Iterable[Message]) -> tuple[Message, ...]:
        return tuple(fitted for message in messages if (fitted := self.message(message)) is not None)

    def message(self, message: Message) -> Message | None:
        if _fits_everywhere(message.parts):
            return message
        parts = tuple(fitted for part in message.parts for fitted in self.spread(part))
        if all(new is old for new, old in zip(parts, message.parts, strict=False)) and len(parts) == len(message.parts):
            return message
        return msgspec.structs.replace(message, parts=parts) if parts else None

    def spread(self, part: Part) -> Iterator[Part]:
        """Yield what stands for a part: nothing, itself, or the several parts that a file has become."""
        if self.files is not None and isinstance(part, Media) and self.files.contents.of(part) is not None:
            yield from self.files.parts(part)
        elif (fitted := self.part(part)) is not None:
            yield fitted

    def part(self, part: Part) -> Part | None:
        if part.seal is not None and not self._at_home(part):
            if isinstance(part, Reasoning) and part.redacted:
                self.dropped.append("redacted reasoning")
                return None
            part = msgspec.structs.replace(part, seal=None)
        match part:
            case ToolCall(kind="function") if not self.custom:
                return flat_call(part)
            case ToolCall(kind="custom") if not self.custom:
                arguments = msgspec.json.encode({CUSTOM_INPUT: part.arguments}).decode()
                return msgspec.structs.replace(part, kind="function", arguments=arguments)
            case ToolResult(parts=inner):
                fitted = tuple(new for old in inner for new in self.spread(old))
                kind = part.kind if self.custom else "function"
                same = len(fitted) == len(inner) and all(new is old for new, old in zip(fitted, inner, strict=True))
                if kind == part.kind and same:
                    return part
                return msgspec.structs.replace(part, parts=fitted, kind=kind)
            case Media(kind="document", text=str(text)) if not self.documents:
                return Text(text=f"{part.name}\n\n{text}" if part.name else text)
            case _:
                return part

    def _at_home(self, part: Part) -> bool:
        assert part.seal is not None
        if self.no_seals:
            return False
        return part.seal.issuer == self.issuer if part.seal.issuer else self.unsigned


def _fits_everywhere(parts: Iterable[Part]) -> bool:
    """Return whether parts are nothing but words, calls of functions and results in words, without seals."""
    for part in parts:
        if part.seal is not None:
            return False
        match part:
            case Text():
                pass
            case ToolCall(kind="function", extra=extra) if not extra:
                pass
            case ToolResult(kind="function", parts=inner) if not inner or (len(inner) == 1 and type(inner[0]) is Text):
                if inner and inner[0].seal is not None:
                    return False
            case _:
                return False
    return True


def _plain_tools(tools: tuple[Tool | Opaque, ...]) -> tuple[tuple[Tool | Opaque, ...], list[str]]:
    """Return the tools as a wire without freeform tools and namespaces has them, and the names of what has no place."""
    lost: list[str] = []
    if all(isinstance(tool, Tool) and tool.kind == "function" for tool in tools):
        return tools, lost
    plain: list[Tool | Opaque] = []
    for tool in tools:
        if isinstance(tool, Tool):
            plain.append(tool if tool.kind == "function" else _as_function(tool))
        elif is_namespace(tool):
            plain += flat_tools(tool, lost)
        else:
            plain.append(tool)
    return LastingTuple(plain), lost


def _as_function(tool: Tool) -> Tool:
    """Return the function that stands for a freeform tool; the form of its text becomes part of the description."""
    schema = CUSTOM_SCHEMA
    if rules := _rules(tool):
        schema = CUSTOM_SCHEMA | {"properties": {CUSTOM_INPUT: {"type": "string", "description": rules}}}
    return msgspec.structs.replace(tool, kind="function", parameters=schema, strict=None, extra={})


def _rules(tool: Tool) -> str:
    """Return the grammar of a freeform tool's text in words; "" where any text will do."""
    for own in tool.extra.values():
        form = own.get("format") or own.get("custom", {}).get("format")
        if isinstance(form, dict) and form.get("type") == "grammar":
            grammar = form.get("grammar", form)
            return f"Text in this {grammar.get('syntax', '')} grammar:\n{grammar.get('definition', '')}"
    return ""


def unwrapped(arguments: str) -> str:
    """Return the freeform text that a model put into the function which stands for a custom tool."""
    try:
        value = msgspec.json.decode(arguments)
    except (msgspec.DecodeError, RecursionError):
        return arguments
    text = value.get(CUSTOM_INPUT) if isinstance(value, dict) else None
    return text if isinstance(text, str) else arguments
