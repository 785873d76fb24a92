"""One look at what is said in a request: whether it is words alone, and how long they are."""

from collections.abc import Sequence

import msgspec

from wallas.types.chat import ChatRequest, Part, Text, ToolCall


class Sight(msgspec.Struct, frozen=True):
    """What was seen of a request's messages.

    ``words``: they are nothing but text, as ``types.chat.only_words`` says; ``size`` is that of all text parts, in
    bytes. ``odd`` are the parts that are more than words.
    """

    words: bool
    size: int
    odd: Sequence[Part] = ()

    @property
    def issuers(self) -> frozenset[str]:
        """Return whose seals the conversation carries."""
        return frozenset([part.seal.issuer for part in self.odd if part.seal is not None])

    @property
    def bare(self) -> bool:
        """Return whether it has calls without a seal."""
        return any(type(part) is ToolCall and part.seal is None for part in self.odd)


def sight_of(request: ChatRequest) -> Sight:
    """Look at each part of a request's messages once."""
    size, words = 0, True
    odd: list[Part] | None = None
    for message in request.messages:
        if message.extra:
            words = False
        for part in message.parts:
            if type(part) is Text:
                text = part.text
                size += len(text) if text.isascii() else len(text.encode())
                if not part.extra and part.seal is None:
                    continue
            odd = odd or []
            odd.append(part)
    return Sight(words, size) if odd is None else Sight(False, size, odd)
