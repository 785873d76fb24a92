"""Writes a Responses stream: numbered, named events around a response object that is sent whole three times."""

from typing import Any

from wallas.codecs.framing import comment, encode, sse
from wallas.codecs.openai_responses_answer import response_object, told_ending
from wallas.codecs.openai_responses_output import OutputItems, Slot, fresh, text_events
from wallas.codecs.words import MARK
from wallas.errors import GatewayError
from wallas.types.chat import ChatRequest, Text
from wallas.types.events import Event, Finished, PartDelta, Started

BEGUN = {"status": "in_progress", "incomplete_details": None}


class Words:
    """Writes more words of one text as numbered events."""

    __slots__ = ("after", "before", "between", "encoder", "index")
    around = None

    def __init__(self, encoder: "Encoder", slot: Slot, index: int) -> None:
        """Write for the part of this index."""
        self.encoder = encoder
        self.index = index
        event = next(text_events(slot, PartDelta(index, MARK))) | {"sequence_number": 0}
        self.before, rest = sse(encode(event), event["type"]).split(encode(MARK))
        self.between, _, self.after = rest.rpartition(b"0")

    def note(self, text: str) -> None:
        """Note nothing: all words are written here."""

    def write(self, text: str) -> bytes:
        """Return the event for these words."""
        encoder = self.encoder
        encoder.output.whole.add(PartDelta(self.index, text))
        number = encoder.number
        encoder.number = number + 1
        return b"%b%b%b%d%b" % (self.before, encode(text), self.between, number, self.after)


class Encoder:
    """Writes one answer for a client of this wire. Used once."""

    content_type = "text/event-stream"

    def __init__(self, request: ChatRequest | None = None) -> None:
        """Write as ``request`` wants it: the response object repeats what it asked for."""
        self.request = request
        self.output = OutputItems(request)
        self.number = 0
        self.noted = 0
        self.started: Started | None = None
        self.id = ""

    def encode(self, event: Event) -> bytes:
        """Return what the client gets for this event, perhaps nothing."""
        told = bytearray()
        if isinstance(event, Started):
            told += self._start(event)
        for value in self.output.events(event):
            told += self._event(value)
        if names := self.output.lost[self.noted :]:
            self.noted = len(self.output.lost)
            told += self.note(f"dropped {', '.join(names)}")
        if isinstance(event, Finished) and not event.choice:
            end = told_ending(event.reason, event.detail, event.extra)
            kind = "completed" if end["status"] == "completed" else "incomplete"
            told += self._event({"type": f"response.{kind}", "response": self._response(end)})
        return bytes(told)

    def words(self, index: int, choice: int) -> "Words | None":
        """Return what writes more words of this text."""
        slot = self.output.slots.get(index)
        return Words(self, slot, index) if choice == 0 and slot is not None and isinstance(slot.part, Text) else None

    def ping(self) -> bytes:
        """Return a comment: this wire has no keep-alive of its own that all clients know."""
        return comment("keep-alive")

    def note(self, text: str) -> bytes:
        """Return a comment that clients ignore."""
        return comment(text)

    def error(self, error: GatewayError) -> bytes:
        """Return an ``error`` event and a failed response, which end the stream: ``completed`` never comes."""
        begun = b"" if self.started else self._start(Started())
        code = error.code or error.type
        row: dict[str, Any] = {"type": "error", "code": code, "message": error.message, "param": error.param}
        if error.details:
            row["details"] = error.details
        failed = {"status": "failed", "incomplete_details": None, "error": {"code": code, "message": error.message}}
        return begun + self._event(row) + self._event({"type": "response.failed", "response": self._response(failed)})

    def _start(self, started: Started) -> bytes:
        self.started = started
        self.id = started.id or fresh("resp")
        response = self._response(BEGUN)
        created = self._event({"type": "response.created", "response": response})
        return created + self._event({"type": "response.in_progress", "response": response})

    def _response(self, end: dict[str, Any]) -> dict[str, Any]:
        whole = self.output.whole
        started = self.started or Started()
        return response_object(
            self.request,
            id=self.id,
            model=started.model,
            created=started.created,
            output=self.output.items,
            usage=whole.usage,
            extra=whole.extra,
            end=end,
        )

    def _event(self, value: dict[str, Any]) -> bytes:
        value["sequence_number"] = self.number
        self.number += 1
        return sse(encode(value), value["type"])
