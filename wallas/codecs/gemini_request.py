"""Reads what a Gemini client asks for."""

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from wallas.codecs.fields import convert, leftover, names
from wallas.codecs.gemini_body import (
    Body,
    Calling,
    Config,
    Content,
    Declaration,
    Json,
    Speech,
    System,
    ThinkingConfig,
    ToolConfig,
)
from wallas.codecs.gemini_keys import respelled
from wallas.codecs.gemini_parts import extra_of, minted, noted, part_of, result_of, sent_back, standard
from wallas.codecs.gemini_schema import json_schema
from wallas.codecs.gemini_words import WIRE
from wallas.codecs.limits import MESSAGES, TOOLS, at_most, payload, small_schema, without_nul
from wallas.errors import BadRequest
from wallas.types.chat import (
    ChatRequest,
    Message,
    Opaque,
    Output,
    Part,
    Reasoning,
    Role,
    Text,
    Thinking,
    Tool,
    ToolChoice,
    ToolResult,
    Voice,
)

_LEVELS = frozenset({"minimal", "low", "medium", "high", "xhigh"})
_MODES: dict[str, Literal["auto", "none", "required"]] = {
    "AUTO": "auto",
    "VALIDATED": "auto",
    "ANY": "required",
    "NONE": "none",
}

_SIGNS = frozenset({"thought", "thoughtSignature"})
_KINDS = frozenset(
    {
        "audioMetadata",
        "audioTranscription",
        "codeExecutionResult",
        "documentMetadata",
        "executableCode",
        "fileData",
        "inlineData",
        "mediaProcessing",
        "mediaResolution",
        "partMetadata",
        "speechMetadata",
        "spreadsheetMetadata",
        "toolCall",
        "toolResponse",
        "videoMetadata",
    }
)
"""What a user's part may be beside text and results, as Google's SDK (2026-11) has it; a model's may be anything."""
_RESPONSE = ("responseMimeType", "responseSchema", "responseJsonSchema")
_READ = ("contents", "model", "stream", "systemInstruction", "tools", "toolConfig", "generationConfig")


def decode_request(body: Any) -> ChatRequest:
    """Return a client's request; raise BadRequest naming the field that is wrong.

    Keys may be camelCase or snake_case; the error names them in camelCase.
    The model and whether to stream are in the URL: the caller puts them into
    the body as ``model`` and ``stream``.
    """
    if not isinstance(body, dict):
        raise BadRequest("the body must be a JSON object")
    said: Json = respelled(body)
    if isinstance(said.get("contents"), dict):
        said["contents"] = [said["contents"]]
    said |= {key: _turns(said[key]) for key in ("contents", "systemInstruction") if key in said}
    whole = convert(said, Body)
    at_most(MESSAGES, whole.contents, "contents")
    config, extra = _config(said.get("generationConfig", {}))
    choice, tool_extra = _choice(said.get("toolConfig", {}))
    extra |= tool_extra | {key: value for key, value in said.items() if key not in _READ}
    messages = tuple(_messages(said["contents"]))
    if not messages:
        raise BadRequest("contents: there is nothing to answer", param="contents")
    return ChatRequest(
        model=whole.model.removeprefix("models/"),
        stream=whole.stream,
        messages=(*_system(said.get("systemInstruction")), *messages),
        tools=tuple(_tools(said.get("tools", []))),
        extra=noted(extra),
        **config,
        **choice,
    )


def _turns(value: Any) -> Any:
    """Return turns with lists of parts, however short they were said: a text, a part, or as they should be."""
    if isinstance(value, str):
        return {"parts": [{"text": value}]}
    if isinstance(value, list):
        return [_turns(item) for item in value]
    if isinstance(value, dict) and isinstance(value.get("parts"), dict):
        return value | {"parts": [value["parts"]]}
    return value


def _system(content: Json | None) -> Iterator[Message]:
    parts = tuple(_parts(content or {}, at="systemInstruction", calls=Calls()))
    if content and parts:
        left = leftover(content, System) | ({"role": content["role"]} if "role" in content else {})
        yield Message(role="system", parts=parts, extra=noted(left))


class Calls:
    """The calls of a conversation, so that a result without an id finds its own."""

    def __init__(self) -> None:
        """Start before the first turn."""
        self.count = 0
        self.names: dict[str, str] = {}
        self.open: list[tuple[str, str]] = []

    def called(self, part: Json) -> str:
        """Return the id of a call: its own, or one made of its number and name."""
        call = part["functionCall"]
        id: str = call.get("id") or minted(self.count, call["name"])
        self.count += 1
        self.names[id] = call["name"]
        self.open.append((id, call["name"]))
        return id

    def answered(self, result: Json, *, at: str) -> tuple[str, str]:
        """Return the id and the name of the call that a result answers: by id, else the oldest open one of its name."""
        id, name = result.get("id"), result.get("name")
        if id is None or (id not in self.names and any(other == name for _, other in self.open)):
            id = next((open for open, other in self.open if name in (None, other)), id)
        name = name or self.names.get(id or "")
        if not name:
            raise BadRequest(f"{at}.name is missing", param=f"{at}.name", code="missing_required_parameter")
        if id is None:
            id = minted(self.count, name)
            self.count += 1
        self.open = [row for row in self.open if row[0] != id]
        return id, name


def _messages(contents: list[Json]) -> Iterator[Message]:
    calls = Calls()
    before = ""
    for number, content in enumerate(contents):
        role = "model" if content.get("role") == "model" else "user"
        parts = list(_parts(content, at=f"contents[{number}]", calls=calls))
        if not parts:
            continue
        extra = leftover(content, Content) | ({"apart": True} if _apart(role, before) else {})
        before = role
        results = tuple(part for part in parts if isinstance(part, ToolResult))
        others = tuple(part for part in parts if not isinstance(part, ToolResult))
        if results:
            yield Message(role="tool", parts=results, extra=noted(extra))
            extra = {}
        if others:
            told: Role = "assistant" if role == "model" else "user"
            yield Message(role=told, parts=others, extra=noted(extra))


def _apart(role: str, before: str) -> bool:
    """Tell whether a turn stands by itself where we would merge it, or begins where we would not."""
    return role == before or (role == "model" and not before)


def _parts(content: Json, *, at: str, calls: Calls) -> Iterator[Part]:
    parts = [(number, part) for number, part in enumerate(content.get("parts", ())) if part]
    telling = [(number, part) for number, part in parts if _tells(part)]
    for number, part in telling or parts[:1]:
        yield _part(part, at=f"{at}.parts[{number}]", calls=calls, role=content.get("role"))


def _tells(part: Json) -> bool:
    """Tell whether a part is more than empty words."""
    if part.get("text") or part.get("thoughtSignature"):
        return True
    return "text" not in part and bool(part.keys() - _SIGNS)


def _part(part: Json, *, at: str, calls: Calls, role: str | None) -> Part:
    seal = sent_back(part["thoughtSignature"]) if part.get("thoughtSignature") else None
    if "functionCall" in part:
        if role != "model":
            raise BadRequest(f"{at}.functionCall: only a model turn can call", param=f"{at}.functionCall")
        return part_of(part, id=calls.called(part), seal=seal)
    if "functionResponse" in part:
        return _result(part, at=f"{at}.functionResponse", calls=calls, role=role)
    if "text" in part:
        extra = extra_of(part, "text", ())
        if not part.get("thought"):
            return Text(text=without_nul(part["text"]), seal=seal, extra=noted(extra))
        del extra["thought"]
        return Reasoning(text=without_nul(part["text"]), seal=seal, extra=noted(extra))
    if "inlineData" in part:
        _checked(part["inlineData"], at=f"{at}.inlineData")
    if not part.keys() - _SIGNS:
        return Text(text="", seal=seal)
    if role != "model" and not part.keys() & _KINDS:
        kinds = ", ".join(sorted(part.keys()))[:100]
        raise BadRequest(f"{at}: no part of kind {kinds!r} is known here", param=at)
    return part_of(part, id="", seal=seal)


def _result(part: Json, *, at: str, calls: Calls, role: str | None) -> ToolResult:
    if role == "model":
        raise BadRequest(f"{at}: only a user turn can answer a call", param=at)
    result = part["functionResponse"]
    for number, item in enumerate(result.get("parts", ())):
        if "inlineData" in item:
            _checked(item["inlineData"], at=f"{at}.parts[{number}].inlineData")
    id, name = calls.answered(result, at=at)
    seal = sent_back(part["thoughtSignature"]) if part.get("thoughtSignature") else None
    return result_of(part, call_id=id, name=name, seal=seal)


def _checked(blob: Json, *, at: str) -> None:
    payload(standard(blob["data"]), f"{at}.data")


def _tools(tools: list[Json]) -> Iterator[Tool | Opaque]:
    at_most(TOOLS, [one for tool in tools for one in tool.get("functionDeclarations", ())], "tools")
    for number, tool in enumerate(tools):
        for place, declared in enumerate(tool.get("functionDeclarations", ())):
            yield _tool(declared, at=f"tools[{number}].functionDeclarations[{place}]")
        for key, value in tool.items():
            if key != "functionDeclarations":
                yield Opaque(wire=WIRE, data={key: value})


def _tool(declared: Json, *, at: str) -> Tool:
    extra = leftover(declared, Declaration)
    schema = declared.get("parametersJsonSchema")
    if schema is not None:
        _sized(schema, at=f"{at}.parametersJsonSchema")
    elif (raw := declared.get("parameters")) is not None:
        _sized(raw, at=f"{at}.parameters")
        schema = json_schema(raw, at=f"{at}.parameters")
        extra["parameters"] = raw
    return Tool(name=declared["name"], description=declared.get("description"), parameters=schema, extra=noted(extra))


def _sized(schema: Json, *, at: str) -> Json:
    try:
        return small_schema(schema, at)
    except RecursionError as error:
        raise BadRequest(f"{at}: nested too deep", param=at) from error


def _choice(config: Json) -> tuple[Json, Json]:
    """Return the fields that a ``toolConfig`` says, and what of it stays ``extra``."""
    calling = config.get("functionCallingConfig", {})
    word = str(calling.get("mode", "")).upper()
    allowed = tuple(calling.get("allowedFunctionNames", ()))
    if word not in ("", "MODE_UNSPECIFIED", *_MODES):
        param = "toolConfig.functionCallingConfig.mode"
        raise BadRequest(f"{param}: expected one of {', '.join(_MODES)}", param=param)
    mode = _MODES.get(word) or ("auto" if allowed else None)
    left = leftover(calling, Calling)
    if word == "VALIDATED" and not allowed:
        left["mode"] = word
    rest = leftover(config, ToolConfig) | ({"functionCallingConfig": left} if left else {})
    extra = {"toolConfig": rest} if rest else {}
    if mode is None:
        return {}, extra
    if mode == "required" and len(allowed) == 1:
        return {"tool_choice": ToolChoice(mode="named", name=allowed[0])}, extra
    return {"tool_choice": ToolChoice(mode=mode), "allowed_tools": allowed or None}, extra


def _config(config: Json) -> tuple[Json, Json]:
    """Return the fields that a ``generationConfig`` says, and what of it stays ``extra``."""
    left = {key: value for key, value in config.items() if key not in names(Config)}
    top_k = config.get("topK")
    fields: Json = {
        "temperature": _number(config.get("temperature")),
        "top_p": _number(config.get("topP")),
        "top_k": None if top_k is None else int(top_k),
        "n": config.get("candidateCount"),
        "max_tokens": config.get("maxOutputTokens"),
        "stop": tuple(config.get("stopSequences", ())),
        "seed": config.get("seed"),
        "presence_penalty": _number(config.get("presencePenalty")),
        "frequency_penalty": _number(config.get("frequencyPenalty")),
        "modalities": tuple(word.lower() for word in config.get("responseModalities", ())),
    }
    if config.get("responseLogprobs"):
        fields["logprobs"] = config.get("logprobs", 0)
    elif "logprobs" in config:
        left["logprobs"] = config["logprobs"]
    fields |= _output(config, left) | _thinking(config.get("thinkingConfig", {}), left)
    fields |= _voice(config.get("speechConfig", {}), left)
    return fields, _schema_said(config, left) | ({"generationConfig": left} if left else {})


def _schema_said(config: Json, left: Json) -> Json:
    """Return the client's own schema, to be sent as it was said; beside another one it stays where it was."""
    raw = config.get("responseSchema")
    if raw is None or "responseSchema" in left:
        return {}
    if "responseJsonSchema" not in config:
        return {"responseSchema": raw}
    left["responseSchema"] = raw
    return {}


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)


def _output(config: Json, left: Json) -> Json:
    at = "generationConfig"
    mime, raw = config.get("responseMimeType"), config.get("responseSchema")
    if mime not in (None, "application/json"):
        left |= {
            key: config[key] for key in ("responseMimeType", "responseSchema", "responseJsonSchema") if key in config
        }
        return {}
    schema = config.get("responseJsonSchema")
    if schema is None and raw is not None:
        _sized(raw, at=f"{at}.responseSchema")
        schema = json_schema(raw, at=f"{at}.responseSchema")
    if schema is not None:
        _sized(schema, at=f"{at}.responseJsonSchema")
        return {"output": Output(kind="schema", schema=schema)}
    return {"output": Output(kind="json")} if mime else {}


def _thinking(config: Json, left: Json) -> Json:
    budget, level = config.get("thinkingBudget"), config.get("thinkingLevel")
    rest = leftover(config, ThinkingConfig)
    effort = level.lower() if level and level.lower() in _LEVELS else None
    if level and not effort:
        rest["thinkingLevel"] = level
    if rest:
        left["thinkingConfig"] = rest
    visible = config.get("includeThoughts")
    if budget is None and effort is None and visible is None:
        return {}
    enabled = False if budget == 0 else None
    return {"thinking": Thinking(enabled=enabled, effort=effort, budget=budget, visible=visible)}


def _voice(config: Json, left: Json) -> Json:
    speech = msgspec.convert(config, Speech)
    named = speech.voiceConfig and speech.voiceConfig.prebuiltVoiceConfig
    if named and named.voiceName:
        rest = leftover(config, Speech)
        if rest:
            left["speechConfig"] = rest
        return {"voice": Voice(name=named.voiceName)}
    if config:
        left["speechConfig"] = config
    return {}
