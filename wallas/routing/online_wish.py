"""Says whether a caller wants the web searched before the answer; costs next to nothing where nobody does."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from wallas import codecs
from wallas.types.chat import ChatRequest, Opaque, Tool
from wallas.types.lasting import once

if TYPE_CHECKING:
    from wallas.routing.options import Options

RESULTS = 5
SUFFIX = ":online"
OPTIONS = "web_search_options"
SERVER_TOOLS = re.compile(r"(web_search|google_?search)", re.IGNORECASE)


def wanted(request: ChatRequest, options: "Options") -> int:
    """Return how many results a caller wants before the answer, 0 for no search; cheap for those who ask for none."""
    if options.web_search is not None:
        return (options.web_results or RESULTS) if options.web_search else 0
    if not (request.tools or request.extra or options.model or options.tier or options.models):
        return RESULTS if SUFFIX in request.model else 0
    names = (request.model, options.model or "", options.tier or "", *options.models)
    if any(SUFFIX in name for name in names) or own_options(request):
        return RESULTS
    alone: bool = once(request.tools, _server_tool_alone)
    return RESULTS if alone else 0


def own_options(request: ChatRequest) -> bool:
    """Return whether OpenAI's ``web_search_options`` are there."""
    return isinstance(request.extra.get(codecs.OPENAI_CHAT, {}).get(OPTIONS), dict)


def _server_tool_alone(tools: Sequence[Any]) -> bool:
    """Return whether a search tool of the server's is offered and no tool of the caller's.

    Agents offer it beside their own tools with every turn, and mean that the model may ask for it.
    """
    if any(isinstance(tool, Tool) for tool in tools):
        return False
    return any(isinstance(tool, Opaque) and SERVER_TOOLS.search(_tool_name(tool.data)) for tool in tools)


def _tool_name(data: Any) -> str:
    return " ".join([str(data.get("type", "")), *map(str, data)]) if isinstance(data, dict) else ""
