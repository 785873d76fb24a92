"""Guesses from cheap features how hard a request is: what ``auto`` spends quality on. No model is asked."""

import re
from collections.abc import Iterable

import msgspec

from wallas.types.chat import ChatRequest, Media, Text, ToolCall

Sign = tuple[str, re.Pattern[str] | None]
"""A piece of text, and what has to be found where it occurs (None: nothing more).

To look for a piece is a hundred times quicker than to look for a pattern.
"""

CODE: tuple[Sign, ...] = (
    ("```", None),
    ("=>", None),
    ("#include", None),
    ("def ", re.compile(r"\bdef \w+\(")),
    ("class ", re.compile(r"\bclass \w")),
    ("SELECT", re.compile(r"\bSELECT\b.+\bFROM\b")),
    ("\n", re.compile(r"[{};]\s*\n")),
)
MATHEMATICS: tuple[Sign, ...] = (
    ("\\", re.compile(r"\\(?:frac|sum|int|sqrt|begin)")),
    *((sign, None) for sign in "∑∫√≤≥≠∀∃"),
)
OPERATOR = re.compile(r"[-+*/^]\s*\d+\s*[-+*/^=]")
TERM = re.compile(r"\b\d+\s*[-+*/^]\s*\d+\s*[-+*/^=]")
"""Arithmetic; the first is the second's end, and quicker to rule out."""
LOOKED_AT = 4000
"""Characters of the last turn that are read: the rest tells by its length alone."""
LEVELS = (0.4, 0.55, 0.6, 0.6)
"""Seconds that a point of quality is worth, from the easiest to the hardest."""
SPARING = (2.0, 1.5, 1.0, 0.5)
"""How much a quota that runs low keeps a request away, from easy to hard: what is scarce is for hard ones."""


class Features(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen of a request, each as points; the sum says the level."""

    size: float = 0.0
    code: float = 0.0
    mathematics: float = 0.0
    tools: float = 0.0
    media: float = 0.0
    schema: float = 0.0
    history: float = 0.0

    @property
    def points(self) -> float:
        """Return the sum of all points."""
        return self.size + self.code + self.mathematics + self.tools + self.media + self.schema + self.history


def features(request: ChatRequest, *, tokens: int, words: str | None = None) -> Features:
    """Return what of the request speaks for a hard one; ``tokens`` is its estimated size, ``words`` its last ones."""
    text = last_words(request) if words is None else words
    messages, calls, media = request.messages, 0, False
    for message in messages[-12:]:
        for part in message.parts:
            calls += type(part) is ToolCall
    for message in messages[-2:]:
        for part in message.parts:
            media = media or type(part) is Media
    return Features(
        size=min(tokens / 4000, 2.0),
        code=1.0 if _shows(text, CODE) else 0.0,
        mathematics=1.0 if _reckons(text) else 0.0,
        tools=min(len(request.tools), 10) * 0.1 + min(calls, 5) * 0.2 if request.tools or calls else 0.0,
        media=0.5 if media else 0.0,
        schema=0.5 if request.output is not None and request.output.kind == "schema" else 0.0,
        history=min(len(messages), 20) * 0.05,
    )


def _shows(text: str, signs: Iterable[Sign]) -> bool:
    patterns = [pattern for piece, pattern in signs if piece in text]
    return bool(patterns) and any(pattern is None or pattern.search(text) for pattern in patterns)


def _reckons(text: str) -> bool:
    signs = MATHEMATICS[:1] if text.isascii() else MATHEMATICS
    return _shows(text, signs) or bool(OPERATOR.search(text) and TERM.search(text))


def level(request: ChatRequest, *, tokens: int, words: str | None = None) -> int:
    """Return 0 to 3: which of ``LEVELS`` a request is worth; ``words`` are its last ones, if they are at hand."""
    points = features(request, tokens=tokens, words=words).points
    return (points >= 0.5) + (points >= 1.2) + (points >= 2.2)


def last_words(request: ChatRequest) -> str:
    """Return the beginning of the last user turn's text."""
    for message in reversed(request.messages):
        if message.role == "user":
            if len(message.parts) == 1 and type(only := message.parts[0]) is Text:
                return only.text[:LOOKED_AT]
            words = "\n".join(part.text for part in message.parts if isinstance(part, Text))
            return words[:LOOKED_AT]
    return ""
