"""One look at what is said in a request: whether it is words alone, how long they are, and how it begins."""

from collections.abc import Sequence

import msgspec

from wallas.types.chat import ChatRequest, Part, Text, ToolCall


class Sight(msgspec.Struct, frozen=True):
    """What was seen of a request's messages.

    ``words``: they are nothing but text, as ``types.chat.only_words`` says; ``size`` is that of all text parts, in
    bytes. ``opening`` are the texts up to the first turn of the user's, ``odd`` the parts that are more than words.
    """

    words: bool
    size: int
    opening: Sequence[str]
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
    size, words, begins = 0, True, True
    opening: list[str] = []
    odd: list[Part] | None = None
    for message in request.messages:
        if message.extra:
            words = False
        for part in message.parts:
            if type(part) is Text:
                text = part.text
                size += len(text) if text.isascii() else len(text.encode())
                if begins:
                    opening.append(text)
                if not part.extra and part.seal is None:
                    continue
            odd = odd or []
            odd.append(part)
        if begins and message.role == "user":
            begins = False
    return Sight(words, size, opening) if odd is None else Sight(False, size, opening, odd)
