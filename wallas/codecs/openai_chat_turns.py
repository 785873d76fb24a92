"""The usual turns of an agent, there and back: words, calls and results with nothing beside them.

A conversation of an agent comes with every one of its turns, and has hundreds of them. What is more than this goes
field by field (``openai_chat_request``, ``openai_chat_messages``), with the same result.
"""

from typing import Any

from wallas.types.chat import Message, Text, ToolCall, ToolResult

SAID = frozenset({"role", "content"})
FIELDS = {
    "system": SAID,
    "developer": SAID,
    "user": SAID,
    "assistant": SAID | {"tool_calls"},
    "tool": SAID | {"tool_call_id"},
}
CALL, FUNCTION = frozenset({"id", "type", "function"}), frozenset({"name", "arguments"})


def usual_turn(raw: dict[str, Any]) -> Message | None:
    """Return a turn of a request, which was checked already, if it is a usual one; None for any other."""
    role, words = raw["role"], raw.get("content")
    if role not in FIELDS or not FIELDS[role].issuperset(raw):
        return None
    if words is None:
        parts: tuple[Any, ...] = ()
    elif type(words) is str and "\0" not in words:
        parts = (Text(text=words),) if words else ()
    else:
        return None
    if role == "tool":
        return Message(role=role, parts=(ToolResult(call_id=raw["tool_call_id"], parts=parts),))
    for call in raw.get("tool_calls") or ():
        function = call.get("function")
        if call.keys() != CALL or call["type"] != "function" or not function or function.keys() != FUNCTION:
            return None
        arguments = function["arguments"]
        if type(arguments) is not str or "\0" in arguments:
            return None
        parts = (*parts, ToolCall(id=call["id"], name=function["name"], arguments=arguments or "{}"))
    return Message(role=role, parts=parts)


def usual_row(message: Message) -> dict[str, Any] | None:
    """Return a turn for a provider, if it is a usual one; None for any other."""
    if message.extra or message.name is not None:
        return None
    role, parts = message.role, message.parts
    words: str | None = None
    calls: list[dict[str, Any]] = []
    for part in parts:
        if part.extra:
            return None
        match part:
            case Text() if words is None and not calls:
                words = part.text
            case ToolCall(kind="function") if role == "assistant":
                function = {"name": part.name, "arguments": part.arguments or "{}"}
                calls.append({"id": part.id, "type": "function", "function": function})
            case ToolResult() if role == "tool" and len(parts) == 1:
                return _result(part)
            case _:
                return None
    if calls:
        return {"role": role, "content": words or None, "tool_calls": calls}
    return None if words is None or role == "tool" else {"role": role, "content": words}


def _result(result: ToolResult) -> dict[str, Any] | None:
    parts = result.parts
    if result.is_error or len(parts) > 1:
        return None
    words = ""
    if parts:
        only = parts[0]
        if type(only) is not Text or only.extra:
            return None
        words = only.text
    return {"role": "tool", "tool_call_id": result.call_id, "content": words}
