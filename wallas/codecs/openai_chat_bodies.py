"""Writes a chat completions request for a provider, and names what has no place in it."""

from collections.abc import Iterable, Mapping
from operator import attrgetter
from typing import Any

from wallas.codecs.dropping import Dropped, foreign, silence
from wallas.codecs.openai_chat_fields import WIRE
from wallas.codecs.openai_chat_messages import Outlet, encode_messages, encode_words
from wallas.codecs.openai_chat_parts import overlaid, own
from wallas.types.chat import ChatRequest, Opaque, Output, Thinking, Tool
from wallas.types.lasting import LastingList, once

PLAIN = {
    "parallel_tool_calls": "parallel_tools",
    "max_completion_tokens": "max_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "seed": "seed",
    "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty",
    "logit_bias": "logit_bias",
    "n": "n",
    "user": "user",
    "metadata": "metadata",
    "service_tier": "service_tier",
}
"""Wire names whose value is the field's own; providers that only know ``max_tokens`` are told so by their row."""

_plain = attrgetter(*PLAIN.values())

_more, NO_MORE = silence(
    (
        "extra",
        "tools",
        "tool_choice",
        "allowed_tools",
        "output",
        "stop",
        "logprobs",
        "modalities",
        "top_k",
        "thinking",
        "voice",
        "previous_id",
    )
)
"""What takes more than a number or a word to write."""

BUDGETS = ((1024, "low"), (8192, "medium"))
"""Up to how many tokens of thinking an effort stands for (Gemini's own table); beyond is ``high``."""


def encode_request(
    request: ChatRequest,
    dropped: list[str] | None = None,
    *,
    reasoning_field: str | None = None,
    accepts: frozenset[str] | None = None,
) -> dict[str, Any]:
    """Return the body for a provider; append to ``dropped`` the name of whatever has no place in it.

    ``reasoning_field`` says where thoughts of earlier turns go: ``reasoning``
    or ``reasoning_content``, ``reasoning_details`` (OpenRouter's, with the
    seals in them), ``content`` (Mistral's thinking parts), "" nowhere; None
    gives back to its field what came by this wire and drops the rest.
    ``accepts`` names the extras of this wire that may leave, at any depth; None lets all out.

    Names: a field (``top_k``, ``thinking.budget``, ``output.strict``), an
    extra's own key, ``tools.NAME`` and ``messages[3].image``. Seals that have
    no place are not named: the vault keeps them.
    """
    body: dict[str, Any] = {"model": request.model} if request.model else {}
    if _more(request) == NO_MORE and (messages := encode_words(request.messages)) is not None:
        body["messages"] = messages
        return _with_settings(body, request)
    out = Outlet(Dropped(dropped), reasoning_field, accepts)
    notes = own(request.extra)
    more = out.extra(request.extra)
    body["messages"] = encode_messages(request.messages, out)
    if request.tools or request.tool_choice is not None or request.allowed_tools is not None:
        body |= _tools(request, out)
    body |= {} if request.output is None else {"response_format": _output(request.output, notes)}
    body = _with_settings(body, request)
    body |= _sampling(request, more, out)
    if request.thinking is not None or notes:
        body |= _thinking(request.thinking, notes.get("_thinking"), more, out)
    if request.voice is not None:
        voice = {"voice": request.voice.name, "format": request.voice.format}
        body["audio"] = {key: value for key, value in voice.items() if value is not None}
    if request.previous_id is not None:
        out.dropped.add("previous_id")
    out.dropped.add(*foreign(request, WIRE))
    return overlaid(more, body)


def _with_settings(body: dict[str, Any], request: ChatRequest) -> dict[str, Any]:
    for name, value in zip(PLAIN, _plain(request), strict=True):
        if value is not None:
            body[name] = value
    if request.stream:
        body["stream"] = True
    return body


def _sampling(request: ChatRequest, more: Mapping[str, Any], out: Outlet) -> dict[str, Any]:
    body: dict[str, Any] = {}
    if request.stop:
        body["stop"] = list(request.stop)
    if request.logprobs is not None:
        body["logprobs"] = True
        body |= {"top_logprobs": request.logprobs} if request.logprobs else {}
    if request.modalities:
        body["modalities"] = list(request.modalities)
    if request.top_k is not None and "top_k" not in more:
        if out.accepts is not None and "top_k" in out.accepts:
            body["top_k"] = request.top_k
        else:
            out.dropped.add("top_k")
    return body


def _output(output: Output, notes: Mapping[str, Any]) -> dict[str, Any]:
    if output.kind == "json":
        return {"type": "json_object"}
    name = output.name or (None if notes.get("_nameless") else "answer")
    schema = {"name": name, "description": output.description, "schema": output.schema, "strict": output.strict}
    return {
        "type": "json_schema",
        "json_schema": {key: value for key, value in schema.items() if value is not None},
    }


def _thinking(thinking: Thinking | None, note: str | None, more: dict[str, Any], out: Outlet) -> dict[str, Any]:
    accepts = out.accepts
    offered = [field for field in ("reasoning", "thinking") if field in (accepts or ())]
    field = note if note and (accepts is None or note in accepts) else next(iter(offered), None)
    if note and note != field and more.pop(note, None) is not None:
        out.dropped.add(note)
    if thinking is None:
        return {}
    if thinking.summary is not None:
        out.dropped.add("thinking.summary")
    if field == "reasoning":
        hidden = None if thinking.visible is None else not thinking.visible
        said = {
            "effort": thinking.effort,
            "max_tokens": thinking.budget,
            "exclude": hidden,
            "enabled": thinking.enabled,
        }
        return {"reasoning": {key: value for key, value in said.items() if value is not None}}
    if thinking.visible is False:
        out.dropped.add("thinking.visible")
    if field == "thinking":
        return _switch(thinking)
    if thinking.budget is not None:
        out.dropped.add("thinking.budget")
    effort = _effort(thinking)
    return {"reasoning_effort": effort} if effort else {}


def _switch(thinking: Thinking) -> dict[str, Any]:
    """Return DeepSeek's and Z.ai's switch, with the effort beside it."""
    on = thinking.effort != "none" if thinking.enabled is None else thinking.enabled
    budget = {} if thinking.budget is None else {"budget_tokens": thinking.budget}
    body: dict[str, Any] = {"thinking": {"type": "enabled" if on else "disabled", **budget}}
    return body | ({"reasoning_effort": thinking.effort} if thinking.effort else {})


def _effort(thinking: Thinking) -> str | None:
    if thinking.effort:
        return thinking.effort
    if thinking.enabled is False or thinking.budget == 0:
        return "none"
    if thinking.budget is not None and thinking.budget > 0:
        return next((word for most, word in BUDGETS if thinking.budget <= most), "high")
    return "medium" if thinking.enabled else None


def _tools(request: ChatRequest, out: Outlet) -> dict[str, Any]:
    rows, lost = once(request.tools, _rows, out.accepts)
    out.dropped.add(*lost)
    body: dict[str, Any] = {"tools": rows} if rows else {}
    choice = request.tool_choice
    if request.allowed_tools is not None:
        mode = choice.mode if choice is not None and choice.mode in ("auto", "required") else "auto"
        picked = [_pick(request, name) for name in request.allowed_tools]
        body["tool_choice"] = {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": picked}}
    elif choice is not None:
        body["tool_choice"] = _pick(request, choice.name or "") if choice.mode == "named" else choice.mode
    return body


def _rows(tools: Iterable[Tool | Opaque], accepts: frozenset[str] | None) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the tools as this wire has them, and the names of what may not leave."""
    out = Outlet(Dropped(), accepts=accepts)
    return LastingList(row for tool in tools if (row := _tool(tool, out)) is not None), out.dropped.names


def _pick(request: ChatRequest, name: str) -> dict[str, Any]:
    kinds = {tool.name: tool.kind for tool in request.tools if isinstance(tool, Tool)}
    kind = kinds.get(name, "function")
    return {"type": kind, kind: {"name": name}}


def _tool(tool: Tool | Opaque, out: Outlet) -> dict[str, Any] | None:
    if isinstance(tool, Opaque):
        if tool.wire == WIRE:
            return dict(tool.data)
        kind = tool.data.get("type") if isinstance(tool.data, dict) else None
        out.dropped.add(f"tools.{kind or tool.wire}")
        return None
    said = {"name": tool.name, "description": tool.description, "parameters": tool.parameters, "strict": tool.strict}
    if tool.kind == "custom":
        said = {"name": tool.name, "description": tool.description}
    row = {"type": tool.kind, tool.kind: {key: value for key, value in said.items() if value is not None}}
    return overlaid(out.extra(tool.extra, f"tools.{tool.name}."), row) if tool.extra else row
