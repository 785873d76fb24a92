"""Offers the tools in a namespace, which only the Responses wire has, to other providers as functions, and back.

Codex puts the tools of each MCP server into a namespace. Elsewhere
``find`` in ``mcp__notes`` is the function ``mcp__notes__find``; a call to that
reaches the client with its namespace again.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from wallas.codecs import OPENAI_RESPONSES
from wallas.types.chat import Opaque, Tool, ToolCall
from wallas.types.events import Event, PartStarted, merged

NAME_MOST = 64
"""Every wire takes names of letters, digits, ``_`` and ``-`` up to this length."""

_ODD = re.compile(r"[^a-zA-Z0-9_-]")


def is_namespace(tool: object) -> bool:
    """Return whether a tool is a namespace of the Responses wire."""
    return (
        isinstance(tool, Opaque)
        and tool.wire == OPENAI_RESPONSES
        and isinstance(tool.data, dict)
        and tool.data.get("type") == "namespace"
    )


def flat_name(space: str, name: str) -> str:
    """Return the name under which other wires know a tool of a namespace."""
    joined = _ODD.sub("_", f"{space.rstrip('_')}__{name}")
    if len(joined) <= NAME_MOST:
        return joined
    mark = hashlib.sha256(joined.encode()).hexdigest()[:8]
    return f"{joined[: NAME_MOST - 9]}_{mark}"


def flat_tools(namespace: Opaque, dropped: list[str]) -> Iterator[Tool]:
    """Yield a namespace's functions as tools; what else is in it is named in ``dropped``."""
    for space, inner in _inner(namespace):
        if inner.get("type") != "function":
            dropped.append(f"tools.{space}.{inner.get('name', '')}")
            continue
        description, parameters = inner.get("description"), inner.get("parameters")
        yield Tool(
            name=flat_name(space, inner["name"]),
            description=description if isinstance(description, str) else None,
            parameters=parameters if isinstance(parameters, dict) else None,
        )


def flat_call(call: ToolCall) -> ToolCall:
    """Return an earlier call under its flat name, where it was made in a namespace."""
    space = call.extra.get(OPENAI_RESPONSES, {}).get("namespace")
    if not isinstance(space, str) or not space:
        return call
    return msgspec.structs.replace(call, name=flat_name(space, call.name), extra={})


def spaces_of(tools: Iterable[Tool | Opaque]) -> dict[str, tuple[str, str]]:
    """Return, by flat name, the namespace and the name of every function that was offered in one."""
    return {
        flat_name(space, inner["name"]): (space, inner["name"])
        for tool in tools
        if isinstance(tool, Opaque) and is_namespace(tool)
        for space, inner in _inner(tool)
        if inner.get("type") == "function"
    }


def restored(events: Iterable[Event], spaces: Mapping[str, tuple[str, str]]) -> Iterable[Event]:
    """Return the events with calls to flat names as the client knows them."""
    return (_restored(event, spaces) for event in events) if spaces else events


def _restored(event: Event, spaces: Mapping[str, tuple[str, str]]) -> Event:
    if not (isinstance(event, PartStarted) and isinstance(event.part, ToolCall) and event.part.name in spaces):
        return event
    space, name = spaces[event.part.name]
    extra = merged(event.part.extra, {OPENAI_RESPONSES: {"namespace": space}})
    return msgspec.structs.replace(event, part=msgspec.structs.replace(event.part, name=name, extra=extra))


def _inner(namespace: Opaque) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the namespace's name with each of its tools that has one itself."""
    space, tools = namespace.data.get("name"), namespace.data.get("tools")
    for tool in tools if isinstance(space, str) and isinstance(tools, list) else ():
        if isinstance(tool, dict) and isinstance(tool.get("name"), str):
            yield space, tool
