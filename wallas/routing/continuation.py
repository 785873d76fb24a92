"""Continues a text that broke off, at another provider, without a visible seam.

The next candidate gets the conversation, what was shown so far, and the
request to begin by repeating exactly the last words. Only when those words are
found at the beginning of its answer is the rest spliced on; overlap is never
guessed (lessons 3.1; faults 0, row 19).
"""

import re
import secrets
from collections.abc import Sequence

import msgspec

from wallas.types.chat import ChatRequest, Message, Text

ANCHOR_MOST = 80
ANCHOR_LEAST = 24
WORDS_LEAST = 12
"""So many characters of an anchor are no white space: the rest is compared too loosely to find a place by."""
LEAD = 120
SHOWN_MOST = 256 * 1024
CHARACTERS_PER_TOKEN = 3.6

PROMPT = (
    "Your previous message was cut off. Continue it. Start by repeating exactly the text between the marks, "
    "then go on without any comment.\n{mark}\n{anchor}\n{mark}"
)
_ASKED = re.compile(r"(⟦[0-9a-f]{12}⟧)\n(.*)\n\1", re.DOTALL)

MARK = "⟦"
FENCE = "```"
QUOTES = (('"', '"'), ("'", "'"), ("`", "`"), ("“", "”"), ("„", "“"), ("«", "»"), ("‘", "’"))


def anchor_of(shown: str) -> str | None:
    """Return the last words of a text, starting at a word: 24 to 80 characters, None when there are too few."""
    text = shown.rstrip()
    if len(text) <= ANCHOR_MOST:
        anchor = text.lstrip()
    else:
        tail = text[-ANCHOR_MOST - 1 :]
        word = re.search(r"\s+(?=\S)", tail[: -ANCHOR_LEAST + 1])
        anchor = tail[word.end() :] if word else tail[1:]
    told = len(anchor) >= ANCHOR_LEAST and len(re.sub(r"\s", "", anchor)) >= WORDS_LEAST
    return anchor if told else None


def remainder(request: ChatRequest, said: Sequence[str], anchor: str) -> ChatRequest:
    """Return the request for what is still missing of the text parts ``said``.

    No system text is added, the caller's own stays first.
    """
    mark = f"{MARK}{secrets.token_hex(6)}⟧"
    spoken = [*said[:-1], said[-1].rstrip()]
    messages = (
        *request.messages,
        Message(role="assistant", parts=tuple(Text(text=text) for text in spoken if text.strip())),
        Message(role="user", parts=(Text(text=PROMPT.format(mark=mark, anchor=anchor)),)),
    )
    left = request.max_tokens
    if left is not None:
        left = max(left - int(sum(map(len, said)) / CHARACTERS_PER_TOKEN) + int(len(anchor) / 2), 16)
    return msgspec.structs.replace(request, messages=messages, max_tokens=left)


def asked_anchor(text: str) -> str | None:
    """Return the words that a continuation request asks to repeat; None for any other message."""
    match = _ASKED.search(text)
    return match[2] if match else None


class AnchorSearch:
    """Finds the end of the anchor at the beginning of an answer that comes in pieces.

    White space is compared loosely and a short lead-in is allowed. Of what
    follows, only white space that the client already has is dropped. Where the
    anchor was put between marks, quotes or fences, what closes them was no part
    of the text, and where it goes on is not known: such an answer is lost.
    ``skipped`` counts the characters of the answer that were cut away.
    """

    def __init__(self, shown: str, anchor: str) -> None:
        """Look for the last words of ``shown``."""
        self.trailing = shown[len(shown.rstrip()) :]
        self.inside_fence = shown.count(FENCE) % 2 == 1
        self.pattern = re.compile(r"\s+".join(re.escape(word) for word in anchor.split()))
        self.most = LEAD + 4 * len(anchor)
        self.held = ""
        self.span: tuple[int, int] | None = None
        self.skipped = 0
        self.found = False
        self.lost = False

    def feed(self, text: str, *, last: bool = False) -> str:
        """Return what follows the anchor as far as it is certain; ``found`` and ``lost`` tell how the search stands."""
        if self.found or self.lost:
            return text if self.found else ""
        self.held += text
        if self.span is None:
            match = self.pattern.search(self.held)
            if match is None or match.start() > LEAD:
                self.lost = last or len(self.held) > self.most
                return ""
            self.span = match.span()
        start, end = self.span
        rest = self.held[end:]
        if len(rest.strip()) < len(FENCE) and not last:
            return ""
        self.lost = self._wrapped(self.held[:start].rstrip(), rest.lstrip())
        self.found = not self.lost
        return self._new(rest, end) if self.found else ""

    def _wrapped(self, lead: str, rest: str) -> bool:
        if rest.startswith(MARK):
            return True
        if FENCE in lead:
            return not self.inside_fence and rest.startswith(FENCE)
        return any(lead.endswith(opening) and rest.startswith(closing) for opening, closing in QUOTES)

    def _new(self, rest: str, end: int) -> str:
        """Return the rest without the white space that the client has."""
        common = 0
        while common < min(len(rest), len(self.trailing)) and rest[common] == self.trailing[common]:
            common += 1
        self.skipped = end + common
        return rest[common:]
