"""Continues a text that broke off, at another provider, without a visible seam.

The next candidate gets the conversation, what was shown so far, and the
request to begin by repeating exactly the last words. Only when those words are
found at the beginning of its answer is the rest spliced on; overlap is never
guessed (lessons 3.1; faults 0, row 19).
"""

import re
import secrets

import msgspec

from wallas.types.chat import ChatRequest, Message, Text, ToolChoice

ANCHOR_MOST = 80
ANCHOR_LEAST = 24
LEAD = 120
SHOWN_MOST = 256 * 1024
CHARACTERS_PER_TOKEN = 3.6

PROMPT = (
    "Your previous message was cut off. Continue it. Start by repeating exactly the text between the marks, "
    "then go on without any comment.\n{mark}\n{anchor}\n{mark}"
)
_ASKED = re.compile(r"(⟦[0-9a-f]{12}⟧)\n(.*)\n\1", re.DOTALL)


def anchor_of(shown: str) -> str | None:
    """Return the last words of a text, starting at a word: 24 to 80 characters, None when there are too few."""
    text = shown.rstrip()
    if len(text) <= ANCHOR_MOST:
        anchor = text.lstrip()
    else:
        tail = text[-ANCHOR_MOST - 1 :]
        word = re.search(r"\s+(?=\S)", tail[: -ANCHOR_LEAST + 1])
        anchor = tail[word.end() :] if word else tail[1:]
    return anchor if len(re.sub(r"\s", "", anchor)) >= ANCHOR_LEAST or len(anchor) >= ANCHOR_LEAST else None


def remainder(request: ChatRequest, shown: str, anchor: str) -> ChatRequest:
    """Return the request for what is still missing: no system text is added, the caller's own stays first."""
    mark = f"⟦{secrets.token_hex(6)}⟧"
    messages = (
        *request.messages,
        Message(role="assistant", parts=(Text(text=shown.rstrip()),)),
        Message(role="user", parts=(Text(text=PROMPT.format(mark=mark, anchor=anchor)),)),
    )
    left = request.max_tokens
    if left is not None:
        left = max(left - int(len(shown) / CHARACTERS_PER_TOKEN) + int(len(anchor) / 2), 16)
    choice = request.tool_choice
    if choice is not None and choice.mode in ("required", "named"):
        choice = ToolChoice(mode="auto")
    return msgspec.structs.replace(request, messages=messages, max_tokens=left, tool_choice=choice)


def asked_anchor(text: str) -> str | None:
    """Return the words that a continuation request asks to repeat; None for any other message."""
    match = _ASKED.search(text)
    return match[2] if match else None


class AnchorSearch:
    """Finds the end of the anchor at the beginning of an answer that comes in pieces.

    White space is compared loosely and a short lead-in is allowed. Of what
    follows, only white space that the client already has is dropped.
    """

    def __init__(self, shown: str, anchor: str) -> None:
        """Look for the last words of ``shown``."""
        self.trailing = shown[len(shown.rstrip()) :]
        self.pattern = re.compile(r"\s+".join(re.escape(word) for word in anchor.split()))
        self.most = LEAD + 4 * len(anchor)
        self.held = ""
        self.end: int | None = None
        self.found = False

    def feed(self, text: str, *, last: bool = False) -> str:
        """Return what follows the anchor as far as it is certain; ``found`` and ``lost`` tell how the search stands."""
        if self.found:
            return text
        self.held += text
        if self.end is None:
            match = self.pattern.search(self.held)
            if match is None or match.start() > LEAD:
                return ""
            self.end = match.end()
        rest = self.held[self.end :]
        if not last and len(rest) <= len(self.trailing) and not rest.strip():
            return ""
        self.found = True
        common = 0
        while common < min(len(rest), len(self.trailing)) and rest[common] == self.trailing[common]:
            common += 1
        return rest[common:]

    @property
    def lost(self) -> bool:
        """Return whether the anchor can no longer come."""
        return self.end is None and len(self.held) > self.most
