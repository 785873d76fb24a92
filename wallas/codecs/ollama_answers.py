"""Reads the answers of an Ollama daemon or Ollama Cloud: NDJSON lines, whole bodies, chat and generate shapes."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from wallas.codecs import OLLAMA as WIRE
from wallas.codecs.arguments import arguments_text
from wallas.codecs.fields import leftover
from wallas.codecs.framing import JsonEvents, Lines
from wallas.codecs.reading import call_id, read, tokens
from wallas.codecs.refusals import refusal
from wallas.codecs.words import Reader
from wallas.errors import FailureKind, ProviderError
from wallas.types.chat import ChatResponse, Extra, Logprob, Media, Part, Reasoning, StopReason, Text, ToolCall, Usage
from wallas.types.events import Event, Finished, PartDelta, PartEnded, PartStarted, Started, fold

REASONS = {
    "stop": StopReason.STOP,
    "length": StopReason.LENGTH,
    "load": StopReason.STOP,
    "unload": StopReason.STOP,
    "content_filter": StopReason.CONTENT_FILTER,
    "refusal": StopReason.REFUSAL,
    "pause": StopReason.PAUSE,
}
"""``done_reason`` in canonical words. A daemon says the first four; the others are what our own encoder adds."""
DURATIONS = ("total_duration", "load_duration", "prompt_eval_duration", "eval_duration")
"""Nanoseconds beside the counts; they have no canonical field and stay in ``Usage.raw``."""

Body = dict[str, Any]


class FunctionOut(msgspec.Struct):
    """What a tool call calls."""

    name: str
    arguments: Any = None


class CallOut(msgspec.Struct):
    """One of ``tool_calls``; old daemons give no id."""

    function: FunctionOut
    id: str | None = None


class LogprobOut(msgspec.Struct):
    """One token's log probability."""

    token: str
    logprob: float
    bytes: list[int] | None = None
    top_logprobs: list["LogprobOut"] | None = None


class MessageOut(msgspec.Struct):
    """``message`` of a chat line."""

    role: str | None = None
    content: str | None = None
    thinking: str | None = None
    images: list[str] | None = None
    tool_calls: list[Body] | None = None


class Counts(msgspec.Struct):
    """What a last line says of its cost: tokens and nanoseconds."""

    prompt_eval_count: Any = None
    eval_count: Any = None
    total_duration: Any = None
    load_duration: Any = None
    prompt_eval_duration: Any = None
    eval_duration: Any = None


class LineOut(Counts):
    """One line, or a whole body. /api/generate has ``response`` where chat has ``message``."""

    model: str | None = None
    created_at: str | None = None
    message: MessageOut | None = None
    response: str | None = None
    thinking: str | None = None
    image: str | None = None
    tool_calls: list[Body] | None = None
    logprobs: list[LogprobOut] | None = None
    done: bool | None = None
    done_reason: str | None = None


class Said(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """``message`` of a usual line."""

    content: str
    role: str | None = None


class Usual(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A usual line of a chat: words and nothing else."""

    message: Said
    model: str | None = None
    created_at: str | None = None
    done: bool | None = None


class Words(Reader):
    """Reads more words of the open text."""

    __slots__ = ()
    apart = staticmethod(Lines.apart)
    decode = staticmethod(msgspec.json.Decoder(Usual).decode)

    def take(self, event: Usual) -> str | None:
        """Return the words of a line that is not the last."""
        return None if event.done else event.message.content


class Decoder:
    """Reads a stream of lines, of chat or generate; ``done: true`` is its end mark."""

    def __init__(self) -> None:
        """Start before the first line."""
        self.done = False
        self.complete = False
        self.lines = JsonEvents(Lines())
        self.answer = Answer()

    def feed(self, data: bytes) -> Iterator[Event]:
        """Yield the events in these bytes."""
        if not self.done:
            for _, value in self.lines.feed(data):
                yield from self._line(value)

    def words(self, index: int, choice: int) -> Words | None:
        """Return what reads more words of this text, if it is open."""
        answer = self.answer
        opened = answer.open is Text and answer.next == index + 1 and self.lines.between
        return Words() if opened and not self.done else None

    def end(self) -> Iterator[Event]:
        """Yield what the last line, without line end, says; raise CUT when no line said ``done``."""
        if self.done:
            return
        begun = self.lines.frames.buffer.lstrip()[:1] == b"{"
        try:
            values = [value for _, value in self.lines.end()]
        except ProviderError as error:
            if begun or self.answer.begun:
                raise ProviderError(FailureKind.CUT, "the stream broke off inside a line") from error
            raise
        for value in values:
            yield from self._line(value)
        if not self.done:
            raise ProviderError(FailureKind.CUT, "the stream ended before a line said done")

    def _line(self, value: Any) -> Iterator[Event]:
        if self.done or value == "[DONE]":
            return
        yield from self.answer.line(value)
        self.done = self.complete = self.answer.done


class Answer:
    """An answer as its lines tell it: knows which part is open and gives ids to calls without one."""

    def __init__(self) -> None:
        """Start before the first line."""
        self.begun = False
        self.done = False
        self.created = ""
        self.next = 0
        self.open: type[Part] | None = None
        self.ids: set[str] = set()
        self.called = False
        self.extra: Body = {}
        self.message: Body = {}
        self.spare: list[Body] = []

    def line(self, value: Any) -> Iterator[Event]:
        """Yield the events of one line; raise ProviderError for an error, and MALFORMED for what is no line."""
        if isinstance(value, dict) and value.get("error"):
            raise refusal(200, {}, value)
        line = read(value, LineOut)
        if not self.begun:
            yield self._begin(line)
        said = line.message or MessageOut(
            content=line.response,
            thinking=line.thinking,
            images=[line.image] if line.image else None,
            tool_calls=line.tool_calls,
        )
        yield from self._say(said, logprobs=line.logprobs or [])
        if not said.content:
            self.spare += value.get("logprobs") or []
        self.extra |= leftover(value, LineOut)
        self.message |= leftover(value.get("message") or {}, MessageOut)
        if line.done:
            yield from self._finish(line)

    def _begin(self, line: LineOut) -> Started:
        self.begun = True
        self.created = line.created_at or ""
        own: Body = {"created_at": line.created_at} if line.created_at else {}
        if line.message is None and line.response is not None:
            own["generate"] = True
        return Started(model=line.model or "", created=seconds(self.created), extra=kept(own))

    def _say(self, said: MessageOut, *, logprobs: list[LogprobOut]) -> Iterator[Event]:
        if said.thinking:
            yield from self._opened(Reasoning())
            yield PartDelta(self.next - 1, said.thinking)
        if said.content:
            yield from self._opened(Text(text=""))
            yield PartDelta(self.next - 1, said.content, logprobs=tuple(_logprob(one) for one in logprobs))
        for image in said.images or ():
            yield from self._whole(Media(kind="image", data=image))
        for call in said.tool_calls or ():
            yield from self._call(call)

    def _opened(self, part: Part) -> Iterator[Event]:
        if self.open is not type(part):
            yield from self._closed()
            yield PartStarted(self.next, part)
            self.next += 1
            self.open = type(part)

    def _closed(self) -> Iterator[Event]:
        if self.open is not None:
            self.open = None
            yield PartEnded(self.next - 1)

    def _whole(self, part: Part) -> Iterator[Event]:
        yield from self._closed()
        yield PartStarted(self.next, part)
        yield PartEnded(self.next)
        self.next += 1

    def _call(self, raw: Body) -> Iterator[Event]:
        """Yield a call, which comes whole, in the three events that any call comes in."""
        yield from self._closed()
        call = read(raw, CallOut)
        arguments = arguments_text(call.function.arguments)
        inner = leftover(raw["function"], FunctionOut)
        extra = kept(leftover(raw, CallOut) | ({"function": inner} if inner else {}))
        seed = f"{self.created}\0{call.function.name}\0{arguments}"
        made = ToolCall(id=call_id(call.id, taken=self.ids, seed=seed), name=call.function.name, extra=extra)
        yield PartStarted(self.next, made)
        yield PartDelta(self.next, arguments)
        yield PartEnded(self.next)
        self.next += 1
        self.called = True

    def _finish(self, line: LineOut) -> Iterator[Event]:
        yield from self._closed()
        self.done = True
        word = line.done_reason or None
        reason = REASONS.get(word or "", StopReason.UNKNOWN)
        if reason is StopReason.STOP and self.called:
            reason = StopReason.TOOL_CALLS
        own = {"logprobs": self.spare, "message": self.message}
        yield Finished(
            reason=reason,
            detail=word,
            usage=usage(line),
            extra=kept({key: value for key, value in own.items() if value}),
            response_extra=kept(self.extra),
        )


def decode_response(body: Any) -> ChatResponse:
    """Return a whole answer of /api/chat or /api/generate; raise ProviderError for an error that came with a 200."""
    if isinstance(body, dict) and body.get("done") is None:
        body = body | {"done": True}
    answer = Answer()
    whole = fold(answer.line(body))
    if not answer.done:
        raise ProviderError(FailureKind.CUT, "a body that says of itself that it is not done")
    return whole


def kept(own: Body) -> Extra:
    """Return what only this wire knows as ``extra``."""
    return {WIRE: own} if own else {}


def seconds(moment: str) -> int | None:
    """Return an RFC 3339 moment in epoch seconds, or None when it is none."""
    try:
        when = datetime.fromisoformat(moment)
        return int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return None


def usage(line: Counts) -> Usage | None:
    """Return the counts of a last line, or None when it has none; a cached prompt may be left uncounted."""
    times = {key: value for key in DURATIONS if (value := getattr(line, key)) is not None}
    prompt, answer = tokens(line.prompt_eval_count), tokens(line.eval_count)
    if prompt is None and answer is None and not times:
        return None
    return Usage(input=prompt, output=answer, raw=kept(times))


def _logprob(one: LogprobOut) -> Logprob:
    top = tuple(_logprob(other) for other in one.top_logprobs or ())
    return Logprob(token=one.token, logprob=one.logprob, bytes=one.bytes, top=top)
