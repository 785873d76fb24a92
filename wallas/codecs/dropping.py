"""Finds what a request holds that has no place on a wire, so that it can be dropped by name."""

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from operator import attrgetter

from wallas.types.chat import ChatRequest, Extra, Opaque, Part, Tool, ToolResult, only_words
from wallas.types.lasting import once

HARMLESS: dict[str, tuple[object, ...]] = {
    "parallel_tools": (True,),
    "n": (1,),
    "modalities": ((), ("text",)),
    "metadata": ({},),
    "logit_bias": ({},),
}
"""Values that ask for what every wire does anyway: nothing is lost with them."""

SHAPE = frozenset(
    {
        "apart",
        "document",
        "function",
        "generate",
        "id",
        "index",
        "parameters",
        "responseKey",
        "responseSchema",
        "role",
        "status",
        "stream_options",
        "thought",
        "tool_plan",
        "type",
    }
)
"""Keys of extras that only tell how a wire wrote something, or what the gateway itself does (``stream_options``).

What they hold travels in its own field; keys with a leading underscore are codecs' notes to themselves.
"""


class Dropped:
    """Collects names of what was left out, each once and in order, in the caller's list."""

    def __init__(self, names: list[str] | None = None) -> None:
        """Add to ``names``; None collects for nobody."""
        self.names = [] if names is None else names
        self.known = set(self.names)

    def add(self, *names: str) -> None:
        """Take names in."""
        for name in names:
            if name not in self.known:
                self.known.add(name)
                self.names.append(name)


@cache
def silence(fields: tuple[str, ...]) -> tuple[Callable[[ChatRequest], object], object]:
    """Return what gets these fields of a request, and what it gets where none of them says anything.

    Most requests leave most fields alone, and one comparison tells.
    """
    said = attrgetter(*fields)
    return said, said(ChatRequest(model=""))


def unplaced(request: ChatRequest, fields: tuple[str, ...]) -> Iterable[str]:
    """Return those of ``fields`` in which the request asks for something."""
    said, nothing = silence(fields)
    if said(request) == nothing:
        return ()
    values = ((field, getattr(request, field)) for field in fields)
    return [field for field, value in values if value is not None and value not in HARMLESS.get(field, ())]


def foreign(request: ChatRequest, wire: str) -> Iterable[str]:
    """Return the names of all extras in a request that belong to other wires than ``wire``."""
    if not (request.extra or request.tools) and only_words(request.messages):
        return ()
    return _foreign(request, wire)


def _foreign(request: ChatRequest, wire: str) -> Iterator[str]:
    if request.extra:
        yield from _alien(request.extra, wire)
    for message in request.messages:
        if message.extra:
            yield from _alien(message.extra, wire)
    if request.tools:
        yield from once(request.tools, _tools_alien, wire)
    within: list[str] = []
    for message in request.messages:
        _search(message.parts, wire, within)
    yield from within


def _alien(extra: Extra, wire: str) -> Iterator[str]:
    for owner, keys in extra.items():
        if owner != wire:
            yield from (key for key in keys if key not in SHAPE and not key.startswith("_"))


def _tools_alien(tools: Iterable[Tool | Opaque], wire: str) -> tuple[str, ...]:
    return tuple(key for tool in tools if tool.extra for key in _alien(tool.extra, wire))


def _search(parts: Iterable[Part], wire: str, found: list[str]) -> None:
    for part in parts:
        if part.extra:
            found += _alien(part.extra, wire)
        if type(part) is ToolResult:
            _search(part.parts, wire, found)
