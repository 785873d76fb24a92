"""Knows lists of tools by their bytes: an agent sends the same eighty with every turn, as nine tenths of the request.

Found in a body, they are cut out before it is decoded, and the list that was
decoded once is put in their place. They are never passed on as bytes: what
leaves was read here.
"""

import re
import secrets
from typing import Any, NamedTuple

import msgspec

from wallas.types.lasting import LastingList

FIELD = "tools"
LEAST_BYTES = 2_000
"""Shorter lists are decoded as quickly as they are found."""
MOST_BYTES = 4_000_000
"""Of all lists that are known; what was made of them takes some ten times as much."""
MOST = 32
BODY_BYTES = 1_000_000
"""Larger bodies are not searched: they hold files, or a list that would throw out all others."""

_FIELD = re.compile(rb'"tools"[ \t\r\n]*:[ \t\r\n]*(?=\[)')
_raws = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Known(NamedTuple):
    """A list: its bytes, and as it was decoded."""

    text: bytes
    items: LastingList


class Found(NamedTuple):
    """A body whose tools are known: what is left of it to decode, and where they go then."""

    data: bytes
    stand_in: str
    items: LastingList

    def fits(self, body: Any) -> bool:
        """Return whether what was cut out was the body's own ``tools``, and not some field's further in."""
        return type(body) is dict and body.get(FIELD) == self.stand_in


class Again:
    """The lists of tools that came last."""

    def __init__(self) -> None:
        """Know none."""
        self.known: tuple[Known, ...] = ()
        """The last one first; replaced whole, for several threads read it."""
        self.stand_in = secrets.token_hex(16)

    def find(self, data: bytes) -> Found | None:
        """Return a body without its tools, if they are known.

        A list's text stands for a value wherever it stands behind a colon: what is left is JSON if the whole was.
        """
        if not self.known or len(data) > BODY_BYTES:
            return None
        spot = _FIELD.search(data)
        if spot is None:
            return None
        start = spot.end()
        for place, one in enumerate(known := self.known):
            if data.startswith(one.text, start):
                if place:
                    self.known = (one, *known[:place], *known[place + 1 :])
                rest = b'%b"%b"%b' % (data[:start], self.stand_in.encode(), data[start + len(one.text) :])
                return Found(rest, self.stand_in, one.items)
        return None

    def learn(self, data: bytes, body: dict[str, Any]) -> None:
        """Know the tools of a body, which was decoded and found good, from now on; if they are, take theirs."""
        items = body.get(FIELD)
        if type(items) is not list or not items or len(data) > BODY_BYTES:
            return
        text = bytes(_raws(data)[FIELD])
        if len(text) < LEAST_BYTES:
            return
        same = [one for one in self.known if one.text == text]  # not found where another list stands before it
        first = same[0] if same else Known(text, LastingList(items))
        body[FIELD] = first.items
        size, known = 0, [first, *(one for one in self.known if one.text != text)][:MOST]
        for place, one in enumerate(known):
            size += len(one.text)
            if size > MOST_BYTES:
                del known[place:]
                break
        self.known = tuple(known)
