"""Reads a provider's chat completions stream: chunks in any dialect become events, one part after the other."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

from wallas.codecs.framing import JsonEvents, Sse, encode
from wallas.codecs.openai_chat_answer import Answer
from wallas.codecs.openai_chat_chunk import Arguments, Thoughts, Words
from wallas.codecs.openai_chat_parts import kept, overlaid
from wallas.codecs.openai_chat_response import BODY, created, decode_response, is_error
from wallas.codecs.openai_chat_usual import Chunk, usual
from wallas.codecs.openai_chat_words import decode_usage, minted
from wallas.codecs.openai_errors import failure, malformed
from wallas.codecs.plain import PlainDecoder
from wallas.errors import FailureKind, ProviderError
from wallas.types.chat import StopReason
from wallas.types.events import Event, Finished, Started, before

READERS = {"text": Words, "reasoning": Thoughts}
"""What reads more words of an open part, by its kind."""


class Decoder:
    """Tells a stream as events.

    Complete at the ``finish_reason`` of every choice seen, done at ``[DONE]``;
    the Finished events wait for that, because usage and a second finish chunk
    may follow. ``sloppy_end`` takes a ``[DONE]`` after content for a stop, for
    providers known to leave ``finish_reason`` out. A plain body where a stream
    was due is read as what it is.
    """

    def __init__(self, *, sloppy_end: bool = False) -> None:
        """Start before the first byte."""
        self.sloppy_end = sloppy_end
        self.done = False
        self.complete = False
        self.frames = Sse()
        self.events = JsonEvents(self.frames)
        self.plain: PlainDecoder | None = None
        self.head = b""
        self.sniffed = False
        self.started: Started | None = None
        self.id = ""
        self.model = ""
        self.extra: dict[str, Any] = {}
        self.usage: dict[str, Any] = {}
        self.answers: dict[int, Answer] = {}

    def feed(self, data: bytes) -> Iterable[Event]:
        """Return the events in these bytes; raise ProviderError for a fault after those that precede it."""
        if not self.sniffed:
            if data.startswith(b"data:") and not self.head:
                self.sniffed = self.frames.started = True
            else:
                data = self._sniff(data)
        if self.plain is not None:
            return self.plain.feed(data)
        if self.done or not data:
            return ()
        told = usual(data) if self.events.between else None
        return self._told(self.events.feed(data)) if told is None else self._known(told)

    def words(self, index: int, choice: int) -> Words | None:
        """Return what reads more words of this text, thought or call, if it is open."""
        answer = self.answers.get(choice)
        if answer is None or self.done or not self.events.between:
            return None
        if answer.kind:
            reader = READERS.get(answer.kind) if answer.open == index else None
            return reader(answer, self.extra) if reader is not None else None
        for place, call in answer.calls.places.items() if answer.calls is not None else ():
            if call.index == index and not call.ended and call.part.kind == "function" and type(place) is int:
                return Arguments(answer, self.extra, call, place)
        return None

    def end(self) -> Iterator[Event]:
        """Yield the end of the answer; raise CUT when it is not whole."""
        if self.plain is None and self.head:
            yield from self._told(self.events.feed(self.head))
            self.head = b""
        if self.plain is not None:
            yield from self.plain.end()
            self.done = self.complete = True
            return
        if not self.done:
            try:
                yield from self._told(self.events.end())
            except ProviderError:
                if not self.complete:
                    raise
        if not self.done:
            if not self.complete:
                raise ProviderError(FailureKind.CUT, "the stream ended without finish_reason")
            out: list[Event] = []
            try:
                self._finish(out)
            except ProviderError:
                yield from out
                raise
            yield from out

    def _sniff(self, data: bytes) -> bytes:
        """Return the bytes to read, none while it is unknown whether they are a stream, JSON or HTML."""
        self.head += data
        begun = self.head.removeprefix(b"\xef\xbb\xbf").lstrip()
        if not begun or self.head in b"\xef\xbb\xbf":
            return b""
        self.sniffed = True
        if begun[:1] == b"<":
            raise malformed("HTML where a stream was due")
        if begun[:1] in b"{[":
            self.plain = PlainDecoder(decode_response)
        data, self.head = self.head, b""
        self.frames.started = data[:1] != b"\xef"
        return data

    def _known(self, chunks: Sequence[Chunk | Literal["[DONE]"]]) -> Iterable[Event]:
        """Return the events of usual chunks; raise as ``feed`` does."""
        out: list[Event] = []
        try:
            for chunk in chunks:
                if chunk == "[DONE]":
                    self._close()
                    self._finish(out)
                    break
                self._usual(chunk, out)
        except ProviderError as error:
            return before(out, error)
        return out

    def _told(self, values: Iterable[tuple[str, Any]]) -> Iterator[Event]:
        for name, value in values:
            out: list[Event] = []
            try:
                if value == "[DONE]":
                    self._close()
                    self._finish(out)
                else:
                    self._chunk(name, value, out)
            except ProviderError:
                yield from out
                raise
            yield from out
            if self.done:
                return

    def _usual(self, chunk: Chunk, out: list[Event]) -> None:
        """Append what ``_chunk`` finds in a chunk that can say nothing else."""
        if chunk.system_fingerprint is not None:
            self.extra["system_fingerprint"] = chunk.system_fingerprint
        if chunk.service_tier is not None:
            self.extra["service_tier"] = chunk.service_tier
        if chunk.provider is not None:
            self.extra["provider"] = chunk.provider
        if chunk.usage:
            self._count(chunk.usage)
        if not chunk.choices:
            self.id, self.model = chunk.id or self.id, chunk.model or self.model
            return
        choice = chunk.choices[0]
        if self.started is None:
            at = chunk.created
            out.append(self._start(chunk.id, chunk.model, int(at) if at is not None and at > 0 else None))
        answer = self.answers.get(0) or self._answer(0)
        if choice.delta.content:
            answer.say(choice.delta.content, out)
        if choice.finish_reason is not None:
            answer.end(choice.finish_reason, out)
            self._ended()

    def _chunk(self, name: str, chunk: Any, out: list[Event]) -> None:
        if type(chunk) is not dict or name == "error":
            if name == "error" or isinstance(chunk, list):
                raise failure(chunk)
            return
        if chunk.get("error"):
            raise failure(chunk)
        if not chunk.keys() <= BODY:
            self._more(chunk)
        usage = chunk.get("usage")
        if usage:
            self._count(usage)
        choices = chunk.get("choices")
        if not choices or type(choices) is not list:
            self._without(chunk)
            return
        if self.started is None:
            id = str(chunk.get("id") or self.id or minted("chatcmpl-", encode(chunk)))
            out.append(self._start(id, chunk.get("model"), created(chunk)))
        for choice in choices:
            self._choice(choice, out)

    def _choice(self, choice: Any, out: list[Event]) -> None:
        if type(choice) is not dict:
            raise malformed("a choice that is no object")
        if choice.get("error"):
            raise failure(choice)
        number = choice.get("index")
        if type(number) is not int:
            number = 0
        answer = self.answers.get(number) or self._answer(number)
        answer.take(choice, out)
        if answer.word and not self.complete:
            self._ended()

    def _ended(self) -> None:
        """Take in that a choice has ended."""
        for answer in self.answers.values():
            if not answer.word:
                return
        self.complete = True

    def _answer(self, number: int) -> Answer:
        answer = self.answers[number] = Answer(number, f"{self.id}.{number}")
        self.complete = False
        return answer

    def _more(self, chunk: dict[str, Any]) -> None:
        """Keep what else a chunk says; of objects told in pieces (``x_groq``), all pieces."""
        for key, value in chunk.items() if "choices" in chunk else ():
            if key in BODY or value is None:
                continue
            before = self.extra.get(key)
            if isinstance(value, dict) and isinstance(before, dict):
                value = before | value
            self.extra[key] = value
        groq = chunk.get("x_groq")
        if isinstance(groq, dict):
            if groq.get("error"):
                raise failure({"error": groq["error"]})
            if not chunk.get("usage"):
                self._count(groq.get("usage"))

    def _count(self, usage: Any) -> None:
        """Take a report of usage in: what it says replaces what earlier ones said, field by field."""
        if isinstance(usage, dict):
            self.usage = overlaid(self.usage, {key: value for key, value in usage.items() if value is not None})

    def _without(self, chunk: dict[str, Any]) -> None:
        """Take a chunk without choices in: usage, a filter's report, an event of no concern, or an error."""
        self.id = str(chunk.get("id") or self.id)
        self.model = str(chunk.get("model") or self.model)
        if is_error(chunk):
            raise failure(chunk)
        choices = chunk.get("choices", [])
        if not isinstance(choices, list) and (choices is not None or not chunk.get("usage")):
            raise malformed("a chunk whose choices are no list")

    def _start(self, id: str, model: Any, at: int | None) -> Started:
        self.id, self.model = id, str(model or self.model)
        self.started = Started(id=id, model=self.model, created=at, extra=kept(dict(self.extra)))
        return self.started

    def _close(self) -> None:
        """See that the answer is whole at ``[DONE]``; some tell the end of one of several choices only."""
        if self.complete:
            return
        answers = self.answers.values()
        if not any(answer.word for answer in answers) and not (
            self.sloppy_end and any(answer.parts for answer in answers)
        ):
            raise ProviderError(FailureKind.CUT, "[DONE] without finish_reason")

    def _finish(self, out: list[Event]) -> None:
        """Append the ends of all choices."""
        sloppy = not self.complete and not any(answer.word for answer in self.answers.values())
        self.done = self.complete = True
        began = self.started.extra.get("openai_chat", {}) if self.started else {}
        late: dict[str, Any] = {}
        if self.extra != began:
            late = {key: value for key, value in self.extra.items() if began.get(key) != value}
        numbers = sorted(self.answers)
        for number in numbers:
            answer = self.answers[number]
            if answer.kind or answer.calls is not None:
                answer.close(out)
            reason, detail, extra = answer.stopped()
            last = number == numbers[-1]
            ended = Finished(
                reason=StopReason.STOP if sloppy else reason,
                detail=detail,
                usage=decode_usage(self.usage) if last else None,
                choice=number,
                extra=kept(extra) if extra else {},
                response_extra=kept(late) if last and late else {},
            )
            out.append(ended)
