"""Recognises calls that a client makes beside the conversation: titles, tags, pings. They go to small, roomy models.

Only shapes that a known program sends are recognised, never ordinary prompts
by guess. Each line of the table has its source.
"""

import re
from typing import NamedTuple

from wallas.routing.difficulty import last_words
from wallas.types.chat import ChatRequest, Message, Text

PING_TOKENS = 5
PING_CHARACTERS = 20


class Shape(NamedTuple):
    """What an auxiliary call looks like: a pattern in the last user turn or in the system text."""

    name: str
    where: str
    pattern: re.Pattern[str]
    source: str


SHAPES = (
    Shape(
        "task", "user", re.compile(r"\s*### Task:\s*\n"), "Open WebUI's prompts for titles, tags, follow-ups, queries"
    ),
    Shape("title", "system", re.compile(r"\s*You are a title generator\b"), "opencode's title call"),
    Shape(
        "title", "user", re.compile(r"\s*Please write a 5-10 word title for the following conversation:"), "Claude Code"
    ),
    Shape(
        "topic", "system", re.compile(r"\s*Analyze if this message indicates a new conversation topic\."), "Claude Code"
    ),
)
LOOKS = {
    where: re.compile("|".join(f"(?P<{one.name}>{one.pattern.pattern})" for one in SHAPES if one.where == where))
    for where in ("user", "system")
}
"""All shapes of one place in one look."""
PINGS = frozenset({"hi", "ping", "test", "quota", "count", "."})


def auxiliary(request: ChatRequest, words: str | None = None) -> str | None:
    """Return the name of the shape that a request has, or None for an ordinary one; ``words`` are its last ones."""
    if request.tools:
        return None
    words = last_words(request) if words is None else words
    found = LOOKS["user"].match(words) or LOOKS["system"].match(_system(request.messages))
    if found is not None:
        return found.lastgroup
    small = request.max_tokens is not None and request.max_tokens <= PING_TOKENS
    if small and len(request.messages) <= 2 and (request.max_tokens == 1 or words.strip().lower() in PINGS):
        return "ping" if len(words) <= PING_CHARACTERS or words.strip().lower() in PINGS else None
    return None


def _system(messages: tuple[Message, ...]) -> str:
    first = messages[0] if messages else None
    if first is None or first.role not in ("system", "developer"):
        return ""
    if len(first.parts) == 1 and type(only := first.parts[0]) is Text:
        return only.text
    return "\n".join(part.text for part in first.parts if isinstance(part, Text))
