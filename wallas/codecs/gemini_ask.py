"""Writes a request for a Gemini provider, and names what has no place there."""

from collections.abc import Iterator
from typing import Any, Literal, TypeAlias

from wallas.codecs.dropping import Dropped, foreign, unplaced
from wallas.codecs.gemini_parts import Writer, provider_seal
from wallas.codecs.gemini_schema import json_schema
from wallas.codecs.gemini_words import WIRE
from wallas.errors import BadRequest
from wallas.types.chat import (
    ChatRequest,
    Message,
    Opaque,
    Part,
    Refusal,
    Text,
    Thinking,
    Tool,
)

Json: TypeAlias = dict[str, Any]
ThinkingStyle: TypeAlias = Literal["budget", "level"]

MOST_STOPS = 5
FIRST = "Go on."
"""What a conversation that begins with the model's words is begun with: Gemini wants a user's turn first."""

BUDGETS = {"none": 0, "minimal": 512, "low": 1024, "medium": 8192, "high": 24576, "xhigh": 24576, "max": 24576}
"""``thinkingBudget`` of an effort, as Google's OpenAI-compatible endpoint maps it for 2.5 (2026-10)."""

LEVELS = {
    "none": "MINIMAL",
    "minimal": "MINIMAL",
    "low": "LOW",
    "medium": "MEDIUM",
    "high": "HIGH",
    "xhigh": "XHIGH",
    "max": "XHIGH",
}

_FREEFORM = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}
_UNPLACED = ("parallel_tools", "logit_bias", "user", "metadata", "service_tier", "previous_id")


def encode_request(
    request: ChatRequest,
    dropped: list[str] | None = None,
    *,
    thinking_style: ThinkingStyle | None = None,
    placeholder: str | None = None,
) -> Json:
    """Return the body for a Gemini provider; append to ``dropped`` the name of whatever has no place.

    The model and whether to stream belong into the URL. ``thinking_style``:
    ``budget`` for Gemini 2.5, ``level`` for 3 and later (never both: a 400);
    None writes what was said as it was said. ``placeholder`` is put as
    ``thoughtSignature`` on the first call of each model turn that has lost its
    own, as Google documents for foreign history
    (``skip_thought_signature_validator``); Gemini 3 refuses such turns without.
    """
    lost = Dropped(dropped)
    extra: Json = dict(request.extra.get(WIRE, {}))
    system, contents = _turns(request.messages, Writer(provider_seal, lost.add), lost)
    if placeholder is not None:
        _hold_places(contents, placeholder)
    body: Json = {"contents": contents}
    if system is not None:
        body["systemInstruction"] = system
    if tools := list(_tools(request.tools, lost)):
        body["tools"] = tools
    if config := _tool_config(request, extra.pop("toolConfig", {})):
        body["toolConfig"] = config
    if config := _config(request, extra, thinking_style, lost):
        body["generationConfig"] = config
    lost.add(*unplaced(request, _UNPLACED), *foreign(request, WIRE))
    return body | extra


def _turns(messages: tuple[Message, ...], writer: Writer, lost: Dropped) -> tuple[Json | None, list[Json]]:
    """Return the system instruction and the turns: like roles merged, the user's first, none empty."""
    leading = next((n for n, message in enumerate(messages) if not _instructs(message)), len(messages))
    system: Json = {"parts": []}
    for message in messages[:leading]:
        system |= message.extra.get(WIRE, {})
        system["parts"] += [written for part in message.parts for written in writer.parts(part)]
    contents: list[Json] = []
    for message in messages[leading:]:
        if message.name is not None:
            lost.add("name")
        _add(contents, message, writer)
    if not contents and system["parts"]:
        return None, [{"role": "user", "parts": system["parts"]}]
    return system if system["parts"] else None, contents


def _instructs(message: Message) -> bool:
    return message.role in ("system", "developer")


def _add(contents: list[Json], message: Message, writer: Writer) -> None:
    role = "model" if message.role == "assistant" else "user"
    parts = [written for part in _telling(message.parts) for written in writer.parts(part)]
    if not parts:
        return
    own: Json = dict(message.extra.get(WIRE, {}))
    apart = own.pop("apart", False)
    if not contents and role == "model" and not apart:
        contents.append({"role": "user", "parts": [{"text": FIRST}]})
    if contents and contents[-1]["role"] == role and not apart:
        contents[-1]["parts"] += parts
    else:
        contents.append({"role": role, "parts": parts} | own)


def _telling(parts: tuple[Part, ...]) -> list[Part]:
    """Return the parts that say something, or the first where none does: Gemini refuses empty words among others."""
    telling = [part for part in parts if not isinstance(part, Text | Refusal) or part.text or part.seal]
    return telling or list(parts[:1])


def _hold_places(contents: list[Json], placeholder: str) -> None:
    for content in contents:
        if content["role"] == "model":
            call = next((part for part in content["parts"] if "functionCall" in part), None)
            if call is not None:
                call.setdefault("thoughtSignature", placeholder)


def _tools(tools: tuple[Tool | Opaque, ...], lost: Dropped) -> Iterator[Json]:
    """Yield the tools, neighbouring functions in one."""
    functions: list[Json] = []
    for tool in tools:
        match tool:
            case Tool():
                if tool.strict:
                    lost.add("tools.strict")
                functions.append(_declared(tool))
            case Opaque(wire=wire, data=data) if wire == WIRE and isinstance(data, dict):
                if functions:
                    yield {"functionDeclarations": functions}
                    functions = []
                yield data
            case Opaque(wire=wire, data=data):
                lost.add(f"tools.{data.get('type', wire) if isinstance(data, dict) else wire}")
    if functions:
        yield {"functionDeclarations": functions}


def _declared(tool: Tool) -> Json:
    extra: Json = dict(tool.extra.get(WIRE, {}))
    raw = extra.pop("parameters", None)
    declared: Json = {"name": tool.name}
    if tool.description is not None:
        declared["description"] = tool.description
    schema = _FREEFORM if tool.kind == "custom" else tool.parameters
    if raw is not None and _same(raw, schema):
        declared["parameters"] = raw
    elif schema is not None:
        declared["parametersJsonSchema"] = schema
    return declared | extra


def _same(raw: Json, schema: Json | None) -> bool:
    """Tell whether a schema is still what was read from the client's own."""
    try:
        return bool(json_schema(raw, at="") == schema)
    except BadRequest:
        return False


def _tool_config(request: ChatRequest, extra: Json) -> Json:
    calling: Json = dict(extra.get("functionCallingConfig", {}))
    choice, allowed = request.tool_choice, request.allowed_tools
    match choice.mode if choice else None:
        case "named" if choice is not None:
            calling |= {"mode": "ANY", "allowedFunctionNames": [choice.name]}
            allowed = None
        case "required":
            calling["mode"] = "ANY"
        case "none":
            calling["mode"] = "NONE"
        case "auto":
            calling = {"mode": "AUTO"} | calling
    if allowed:
        calling["allowedFunctionNames"] = list(allowed)
        if choice is None or choice.mode == "auto":
            calling["mode"] = "VALIDATED"
    return extra | {"functionCallingConfig": calling} if calling else extra


def _config(request: ChatRequest, own: Json, style: ThinkingStyle | None, lost: Dropped) -> Json:
    """Return the ``generationConfig``, taking out of ``own``, what only Gemini knows, all that belongs there."""
    extra: Json = own.pop("generationConfig", {})
    raw = own.pop("responseSchema", None)
    if len(request.stop) > MOST_STOPS:
        lost.add("stop")
    fields = {
        "temperature": request.temperature,
        "topP": request.top_p,
        "topK": request.top_k,
        "candidateCount": request.n,
        "maxOutputTokens": request.max_tokens,
        "stopSequences": list(request.stop[:MOST_STOPS]) or None,
        "seed": request.seed,
        "presencePenalty": request.presence_penalty,
        "frequencyPenalty": request.frequency_penalty,
        "responseModalities": [word.upper() for word in request.modalities] or None,
        "responseLogprobs": None if request.logprobs is None else True,
        "logprobs": request.logprobs or None,
    }
    config = extra | {key: value for key, value in fields.items() if value is not None}
    config |= _output(request, raw, lost)
    if thinking := _thinking(request.thinking, style, extra.get("thinkingConfig", {})):
        config["thinkingConfig"] = thinking
    if request.voice is not None:
        config["speechConfig"] = _speech(request, extra.get("speechConfig", {}), lost)
    return config


def _output(request: ChatRequest, raw: Json | None, lost: Dropped) -> Json:
    output = request.output
    if output is None:
        return {}
    if output.strict:
        lost.add("output.strict")
    config: Json = {"responseMimeType": "application/json"}
    if output.schema is None:
        return config
    if raw is not None and _same(raw, output.schema):
        return config | {"responseSchema": raw}
    return config | {"responseJsonSchema": output.schema}


def _speech(request: ChatRequest, extra: Json, lost: Dropped) -> Json:
    voice = request.voice
    if voice is not None and voice.format is not None:
        lost.add("voice.format")
    if voice is None or voice.name is None:
        return extra
    return extra | {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": voice.name}}}


def _thinking(thinking: Thinking | None, style: ThinkingStyle | None, extra: Json) -> Json:
    if thinking is None:
        return extra
    config = dict(extra)
    if thinking.visible is not None:
        config["includeThoughts"] = thinking.visible
    if style == "level" or (style is None and thinking.budget is None and thinking.effort is not None):
        level = _level(thinking)
        return config | {"thinkingLevel": level} if level else config
    budget = _budget(thinking)
    return config if budget is None else config | {"thinkingBudget": budget}


def _budget(thinking: Thinking) -> int | None:
    if thinking.enabled is False:
        return 0
    if thinking.budget is not None:
        return thinking.budget
    if thinking.effort is not None:
        return BUDGETS.get(thinking.effort)
    return -1 if thinking.enabled else None


def _level(thinking: Thinking) -> str | None:
    """Return the level of an effort, or the one whose budget on 2.5 is the nearest from above."""
    if thinking.enabled is False:
        return "MINIMAL"
    if thinking.effort is not None:
        return LEVELS.get(thinking.effort)
    if thinking.budget is None or thinking.budget < 0:
        return None
    return next(
        (LEVELS[effort] for effort in ("minimal", "low", "medium") if thinking.budget <= BUDGETS[effort]), "HIGH"
    )
