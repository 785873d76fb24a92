"""Writes canonical turns as chat completions messages: one tool message a result, its pictures in a user turn."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from wallas.codecs.dropping import Dropped
from wallas.codecs.openai_chat_fields import WIRE
from wallas.codecs.openai_chat_parts import encode_part, overlaid, own
from wallas.codecs.openai_chat_turns import usual_row
from wallas.types.chat import Extra, Media, Message, Opaque, Part, Reasoning, Refusal, Text, ToolCall, ToolResult

SHOWN = "The result of tool call {id} holds this:"
"""Leads media out of a tool result into the user message that this wire needs for it."""
ELSEWHERE = "The result is in the next user message."


class Outlet(NamedTuple):
    """What may leave for a provider, and where the names go of what may not."""

    dropped: Dropped
    reasoning_field: str | None = None
    accepts: frozenset[str] | None = None

    def extra(self, extra: Extra, at: str = "") -> dict[str, Any]:
        """Return this wire's extra as far as the provider takes it, without the codec's notes."""
        if not extra:
            return {}
        values = {key: value for key, value in own(extra).items() if not key.startswith("_")}
        if self.accepts is None:
            return values
        self.dropped.add(*(f"{at}{key}" for key in values if key not in self.accepts and key != "stream_options"))
        return {key: value for key, value in values.items() if key in self.accepts}


def encode_words(messages: Iterable[Message]) -> list[dict[str, Any]] | None:
    """Return the turns of a conversation that is nothing but words, as most are; None for any other."""
    rows = []
    for message in messages:
        try:
            (part,) = message.parts
        except ValueError:
            return None
        if message.role == "tool" or message.extra or message.name is not None:
            return None
        if type(part) is not Text or part.extra:
            return None
        rows.append({"role": message.role, "content": part.text})
    return rows


def encode_messages(messages: Iterable[Message], out: Outlet) -> list[dict[str, Any]]:
    """Return the turns in order; media of tool results follows the tool messages of its turn."""
    rows: list[dict[str, Any]] = []
    shown: list[dict[str, Any]] = []
    for number, message in enumerate(messages):
        if not shown and (usual := usual_row(message)) is not None:
            rows.append(usual)
            continue
        at = f"messages[{number}]"
        results = [part for part in message.parts if isinstance(part, ToolResult)]
        parts = [part for part in message.parts if not isinstance(part, ToolResult)]
        for result in results:
            row, media = _result(result, at, out)
            rows.append(overlaid(out.extra(message.extra, f"{at}."), row) if message.role == "tool" else row)
            shown += media
        if parts or not results:
            rows += _user(shown)
            shown = []
            rows.append(_assistant(message, at, out) if message.role == "assistant" else _said(message, parts, at, out))
    return rows + _user(shown)


def _user(content: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"role": "user", "content": content}] if content else []


def _result(result: ToolResult, at: str, out: Outlet) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    if result.is_error:
        out.dropped.add(f"{at}.is_error")
    here = [part for part in result.parts if not isinstance(part, Media)]
    media = _content([part for part in result.parts if isinstance(part, Media)], at, out)
    shown = [{"type": "text", "text": SHOWN.format(id=result.call_id)}, *media] if media else []
    content = _words(here, at, out)
    if shown and not content:
        content = ELSEWHERE
    return {"role": "tool", "tool_call_id": result.call_id, "content": content}, shown


def _said(message: Message, parts: Sequence[Part], at: str, out: Outlet) -> dict[str, Any]:
    role = "user" if message.role == "tool" else message.role
    row: dict[str, Any] = {"role": role, "content": _words(parts, at, out)}
    if message.name is not None:
        row["name"] = message.name
    return overlaid(out.extra(message.extra, f"{at}."), row)


def _words(parts: Sequence[Part], at: str, out: Outlet) -> str | list[dict[str, Any]]:
    if len(parts) == 1 and isinstance(parts[0], Text) and not parts[0].extra:
        return parts[0].text
    content = _content(parts, at, out)
    if not content:
        return ""
    if len(content) == 1 and content[0].keys() == {"type", "text"}:
        return str(content[0]["text"])
    return content


def _content(parts: Iterable[Part], at: str, out: Outlet) -> list[dict[str, Any]]:
    content = []
    for part in parts:
        row = encode_part(part)
        if row is None:
            out.dropped.add(f"{at}.{_what(part)}")
        else:
            content.append(overlaid(out.extra(part.extra, f"{at}."), row))
    return content


def _what(part: Part) -> str:
    match part:
        case Media():
            return part.kind
        case Opaque():
            kind = part.data.get("type") if isinstance(part.data, dict) else None
            return str(kind or part.wire)
        case _:
            return str(type(part).__struct_config__.tag)


def _assistant(message: Message, at: str, out: Outlet) -> dict[str, Any]:
    more = out.extra(message.extra, f"{at}.")
    if out.reasoning_field not in (None, "reasoning_details") and more.pop("reasoning_details", None) is not None:
        out.dropped.add(f"{at}.reasoning_details")
    content, fields = _thoughts(message.parts, more, at, out)
    row: dict[str, Any] = {"role": "assistant", **_spoken(content, at, out), **fields}
    calls = [_call(part, at, out) for part in message.parts if isinstance(part, ToolCall)]
    if calls:
        row["tool_calls"] = calls
    elif row.keys() == {"role", "content"} and row["content"] is None:
        row["content"] = ""
    if message.name is not None:
        row["name"] = message.name
    return overlaid(more, row)


def _spoken(content: Sequence[Part], at: str, out: Outlet) -> dict[str, Any]:
    if len(content) == 1 and isinstance(content[0], Refusal) and not content[0].extra:
        return {"content": None, "refusal": content[0].text}
    row: dict[str, Any] = {}
    words: list[Part] = []
    for part in content:
        if not isinstance(part, Media):
            words.append(part)
        elif part.kind == "audio" and part.file_id and not row:
            row["audio"] = overlaid(own(part.extra).get("audio", {}), {"id": part.file_id})
        else:
            out.dropped.add(f"{at}.{part.kind}")
    return {"content": _words(words, at, out) or None, **row}


def _thoughts(parts: Sequence[Part], more: dict[str, Any], at: str, out: Outlet) -> tuple[list[Part], dict[str, str]]:
    """Return what stands in the content, thoughts that belong there included, and the fields of the other thoughts."""
    fields: dict[str, str] = {}
    content: list[Part] = []
    for part in parts:
        match part:
            case Reasoning():
                field = _field(part, more, out)
                text = part.text or part.summary
                if field == "content" and text:
                    content.append(Reasoning(text=text, extra={WIRE: {**own(part.extra), "_field": "content"}}))
                elif field and text:
                    fields[field] = f"{fields[field]}\n\n{text}" if field in fields else text
                    if out.reasoning_field is None and own(part.extra).get("_twice"):
                        fields["reasoning_content"] = text
                elif field != "":
                    out.dropped.add(f"{at}.reasoning")
            case ToolCall():
                pass
            case _:
                content.append(part)
    return content, fields


def _field(part: Reasoning, more: dict[str, Any], out: Outlet) -> str | None:
    """Return the field for a thought; None: it has none, "": it travels in ``reasoning_details`` already."""
    match out.reasoning_field:
        case None:
            field = own(part.extra).get("_field")
            return field if isinstance(field, str) else None
        case "reasoning_details":
            return "" if "reasoning_details" in more else "reasoning"
        case field:
            return field or None


def _call(call: ToolCall, at: str, out: Outlet) -> dict[str, Any]:
    if call.kind == "custom":
        row: dict[str, Any] = {"id": call.id, "type": "custom", "custom": {"name": call.name, "input": call.arguments}}
    else:
        function = {"name": call.name, "arguments": call.arguments or "{}"}
        row = {"id": call.id, "type": "function", "function": function}
    more = out.extra(call.extra, f"{at}.")
    if call.seal is not None and "extra_content" in more:
        row["extra_content"] = {"google": {"thought_signature": call.seal.value}}
    return overlaid(more, row)
