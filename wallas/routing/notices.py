"""Tells a provider's notice from an answer: words of the service itself, sent in place of what the model had to say.

A notice is the whole answer: nothing before it, no call beside it, little
after it. The beginning of a stream waits only as long as it could still
become one, which ordinary answers fail at their first or second word; for
notices that begin like every other answer it waits only where they come in
one piece, as a gateway on the way says them.
"""

import re
from collections.abc import Iterable, Iterator
from string import ascii_letters
from typing import NamedTuple

from wallas.errors import FailureKind, ProviderError
from wallas.routing.pattern import Beginning
from wallas.types.chat import ChatRequest, Part, Reasoning, Text, ToolResult
from wallas.types.events import Event, Finished, PartDelta, PartStarted

MOST = 700
"""A longer answer is none of these notices."""
NOTICE = "notice"
"""The code of the failure."""


class Notice(NamedTuple):
    """A known text: how it begins, its expression over ``simple`` words, and where it was seen.

    ``usual`` are beginnings that a stream does not wait for in pieces.
    """

    openings: tuple[str, ...]
    pattern: str
    source: str
    usual: tuple[str, ...] = ()


LATER = r"([.!,]? ?(please )?(try|retry)( your request)?( again)?[^.!]{0,60})?[.!]?"
THE_MODEL = ("the model ", "that model ", "this model ")
NOTICES = (
    Notice(
        ("important notice",),
        r"important notice[^a-z]{0,20}the pollinations legacy text api is being deprecated.*",
        "github.com/xtekky/gpt4free/issues/3392, github.com/aandrew-me/tgpt/issues/407 (2026)",
    ),
    Notice(
        ("model ",),
        rf"((the|that|this) )?model( [^ ]{{1,120}})? (is |is currently |is still )?loading{LATER}",
        "github.com/huggingface/transformers/issues/23793, github.com/huggingface/huggingface_hub/issues/1454 (2024)",
        usual=THE_MODEL,
    ),
    Notice(
        (),
        rf"(the|that|this) model is (currently |temporarily )?overloaded( with other requests)?{LATER}"
        r"( (you can retry your request|please contact us).*)?",
        "github.com/agi-merge/waggle-dance/issues/53: shown as an answer (2023)",
        usual=THE_MODEL,
    ),
    Notice(
        ("you have run", "you've run", "error: you have run"),
        r"(error: )?you('ve| have) run out of credits[^.!]{0,80}[.!]?( please .{0,200})?",
        "reference/routing.md 6 (2026-11)",
    ),
    Notice(
        ("you exceeded your", "error: you exceeded your"),
        r"(error: )?you exceeded your current quota, please check your plan and billing details.*",
        "github.com/kwaroran/Risuai/issues/206 (2023)",
    ),
    Notice(
        ("you have reached your",),
        r"you have reached your request limit for the (minute|hour|day)[^.!]{0,80}[.!]?( .{0,200})?",
        "github.com/aledipa/Free-GPT4-WEB-API/issues/69: given as the answer (2025)",
    ),
    Notice(
        ("provider rate limit",),
        r"provider rate limit reached\. please retry shortly\.( \(request_id=[^ )]{1,80}\))?",
        "github.com/Alishahryar1/free-claude-code/issues/425 (2026)",
    ),
)
OPENINGS = tuple({opening for notice in NOTICES for opening in notice.openings + notice.usual})
BEGINNINGS = frozenset(
    opening[:end] for notice in NOTICES for opening in notice.openings for end in range(len(opening)) if end != 1
)
"""What a stream waits behind; never behind a single letter, which says nothing yet."""


def _loosely(opening: str) -> str:
    """Return the expression of an opening before ``simple``: emphasis anywhere, any space, any apostrophe."""
    words = (r"\**".join("['’]" if sign == "'" else sign for sign in word) for word in opening.split(" "))
    return r"[\s*]+".join(words)


MAY_BE = re.compile(rf"[\W_]*(?:{'|'.join(map(_loosely, sorted(OPENINGS)))})", re.IGNORECASE)
"""Matches every text whose ``simple`` begins like an opening, and hardly any other."""
SIGNS = re.compile(r"^[\W_]+")
OTHER = frozenset(ascii_letters) - {letter for opening in OPENINGS for letter in (opening[0], opening[0].upper())}
"""First letters of texts that are no notice, whatever follows."""


def simple(text: str) -> str:
    """Return a text as the patterns have it: lower case, no signs before it, no emphasis, one space between words."""
    return SIGNS.sub("", " ".join(text.replace("’", "'").replace("*", "").lower().split()))


def is_notice(text: str, request: ChatRequest) -> bool:
    """Return whether a whole answer is a notice, and nothing that the caller spoke of."""
    if MAY_BE.match(text) is None:
        return False
    words = simple(text)
    if not words.startswith(OPENINGS) or len(words) > MOST:
        return False
    if not any(Beginning(notice.pattern).feed(words) for notice in _near(words)):
        return False
    said = (simple(text) for message in request.messages for text in _texts(message.parts))
    return not any(words.rstrip(".! ") in one for one in said)


def may_be_one(text: str) -> bool:
    """Return whether the beginning of an answer says nothing yet, or could still become a notice."""
    if text[:1] in OTHER:
        return False
    words = simple(text)
    if not words.startswith(OPENINGS):
        return words in BEGINNINGS
    near = (Beginning(notice.pattern) for notice in _near(words))
    return len(words) <= MOST and any(one.feed(words) is not None for one in near)


def _near(words: str) -> Iterator[Notice]:
    return (notice for notice in NOTICES if words.startswith(notice.openings + notice.usual))


def _texts(parts: Iterable[Part]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, Text):
            yield part.text
        elif isinstance(part, ToolResult):
            yield from _texts(part.parts)


class Notices:
    """Pass an answer on once it is certain that it is no notice; raise UNUSABLE at the end of one that is."""

    def __init__(self, request: ChatRequest, *, patient: bool = False) -> None:
        """Watch the answer to this request, of which nothing is shown before its end if ``patient``.

        Where several answers were asked for, each is what it is.
        """
        self.request = request
        self.patient = patient
        self.certain = (request.n or 1) > 1
        self.slot: tuple[int, int] | None = None
        self.text = ""
        self.held: list[Event] = []

    def feed(self, events: Iterable[Event]) -> Iterator[Event]:
        """Yield the events that may be shown."""
        for event in events:
            if self.certain:
                yield event
                continue
            self._hear(event)
            if self.slot is None:
                yield event
                continue
            self.held.append(event)
            if self.certain:
                held, self.held = self.held, []
                yield from held

    def _hear(self, event: Event) -> None:
        match event:
            case PartDelta() if (event.choice, event.index) == self.slot:
                self._weigh(event.text)
            case PartStarted(part=Text(text=text)):
                self.slot = (event.choice, event.index)
                if text:
                    self._weigh(text)
            case PartStarted(part=part):
                self.certain = not isinstance(part, Reasoning)
            case Finished():
                if is_notice(self.text, self.request):
                    raise ProviderError(FailureKind.UNUSABLE, "a notice in place of an answer", code=NOTICE)
                self.certain = True
            case _:
                pass

    def _weigh(self, text: str) -> None:
        self.text += text
        if self.patient:
            self.certain = len(self.text) > 2 * MOST
            return
        self.certain = not may_be_one(self.text)
