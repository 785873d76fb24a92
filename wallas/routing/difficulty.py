"""Guesses from cheap features how hard a request is: what ``auto`` spends quality on. No model is asked."""

import re

import msgspec

from wallas.types.chat import ChatRequest, Media, Text, ToolCall

CODE = re.compile(r"```|\bdef \w+\(|\bclass \w+|[{};]\s*\n|=>|#include|\bSELECT\b.+\bFROM\b")
MATHEMATICS = re.compile(r"\\(?:frac|sum|int|sqrt|begin)|[∑∫√≤≥≠∀∃]|\b\d+\s*[-+*/^]\s*\d+\s*[-+*/^=]")
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


def features(request: ChatRequest, *, tokens: int) -> Features:
    """Return what of the request speaks for a hard one; ``tokens`` is its estimated size."""
    text = last_words(request)
    calls = sum(isinstance(part, ToolCall) for message in request.messages[-12:] for part in message.parts)
    media = any(isinstance(part, Media) for message in request.messages[-2:] for part in message.parts)
    return Features(
        size=min(tokens / 4000, 2.0),
        code=1.0 if CODE.search(text) else 0.0,
        mathematics=1.0 if MATHEMATICS.search(text) else 0.0,
        tools=min(len(request.tools), 10) * 0.1 + min(calls, 5) * 0.2,
        media=0.5 if media else 0.0,
        schema=0.5 if request.output is not None and request.output.kind == "schema" else 0.0,
        history=min(len(request.messages), 20) * 0.05,
    )


def level(request: ChatRequest, *, tokens: int) -> int:
    """Return 0 to 3: which of ``LEVELS`` a request is worth."""
    points = features(request, tokens=tokens).points
    return sum(points >= bound for bound in (0.5, 1.2, 2.2))


def last_words(request: ChatRequest) -> str:
    """Return the beginning of the last user turn's text."""
    for message in reversed(request.messages):
        if message.role == "user":
            words = "\n".join(part.text for part in message.parts if isinstance(part, Text))
            return words[:LOOKED_AT]
    return ""
