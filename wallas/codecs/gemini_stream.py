"""Reads a Gemini provider's answers: every GenerateContentResponse, streamed or whole, is told as events.

A whole answer is a stream of one chunk. Words of one kind (answer or thought)
that follow each other are one part; only where one chunk holds several of them
do they stay apart, as they were sent.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from wallas.codecs import blame
from wallas.codecs.framing import JsonEvents, Plain, Sse, encode
from wallas.codecs.gemini_array import JsonArray
from wallas.codecs.gemini_calls import Pieces, in_pieces
from wallas.codecs.gemini_chunk import Chunk, Usual
from wallas.codecs.gemini_citations import SOURCES, citations_of
from wallas.codecs.gemini_parts import minted, noted, part_of
from wallas.codecs.gemini_words import logprobs_of, reason_of, seconds_of, usage_of
from wallas.codecs.reading import read as checked
from wallas.codecs.words import Reader
from wallas.errors import FailureKind, ProviderError
from wallas.types.chat import ChatResponse, Extra, Logprob, Reasoning, Seal, StopReason, Text, ToolCall
from wallas.types.events import Event, Finished, PartDelta, PartEnded, PartStarted, Started, fold, halved

_BODY = frozenset({"candidates", "usageMetadata", "modelVersion", "responseId", "error"})
_CANDIDATE = frozenset({"content", "finishReason", "index", "logprobsResult"})


def decode_response(body: Any) -> ChatResponse:
    """Return a provider's whole answer; raise ProviderError for an error that came with a 200, or for no answer.

    A list of chunks (the stream without ``alt=sse``, collected) is one answer too.
    """
    chunks = body if isinstance(body, list) else [body]
    answers = Answers()
    events = [event for chunk in chunks for event in answers.read(chunk)]
    if not answers.seen:
        raise ProviderError(FailureKind.EMPTY, "an answer without candidates")
    return fold([*events, *answers.ended()])


class Decoder:
    """Reads a streamed body: server-sent events, or the JSON array that comes without ``alt=sse``."""

    def __init__(self) -> None:
        """Start before the first byte."""
        self.done = False
        self.complete = False
        self.answers = Answers()
        self.head = b""
        self.chunks: Callable[[bytes], Iterator[Any]] | None = None
        self.sse = JsonEvents(Sse())
        self.whole = Plain()

    def feed(self, data: bytes) -> Iterator[Event]:
        """Yield the events in these bytes; the first byte tells the framing."""
        if self.chunks is None:
            self.head += data
            start = self.head.removeprefix(b"\xef\xbb\xbf").lstrip()
            if not start:
                return
            self.chunks = self._framing(start[:1])
            data, self.head = self.head, b""
        for chunk in self.chunks(data):
            yield from self.answers.read(chunk)
            self.complete = self.answers.complete

    def words(self, index: int, choice: int) -> "Words | None":
        """Return what reads more words of this text, if it is open; a JSON array has no such way."""
        answer = self.answers.answers.get(choice)
        opened = answer is not None and answer.open is Text and answer.count == index
        usual = opened and self.chunks == self._sent and self.sse.between
        return Words(self.answers, answer) if answer is not None and usual else None

    def end(self) -> Iterator[Event]:
        """Yield what the end completes; raise CUT when a candidate has no ``finishReason``."""
        yield from self._rest()
        if self.whole.pieces:
            yield from self.answers.read(self.whole.value())
        self.complete = self.answers.complete
        if not self.complete:
            raise ProviderError(FailureKind.CUT, "the stream ended without a finishReason")
        self.done = True
        yield from self.answers.ended()

    def _rest(self) -> Iterator[Event]:
        """Yield a last event that had no blank line after it; half of one is a cut, or nothing once all is said."""
        try:
            for _, chunk in self.sse.end():
                yield from self.answers.read(chunk)
        except ProviderError as error:
            if error.kind is not FailureKind.MALFORMED:
                raise

    def _framing(self, first: bytes) -> Callable[[bytes], Iterator[Any]]:
        if first == b"[":
            return JsonArray().feed
        return self._collected if first == b"{" else self._sent

    def _collected(self, data: bytes) -> Iterator[Any]:
        self.whole.add(data)
        return iter(())

    def _sent(self, data: bytes) -> Iterator[Any]:
        return (chunk for _, chunk in self.sse.feed(data) if chunk != "[DONE]")


class Answer:
    """One candidate as it comes: which part is open, and what was said beside the parts."""

    def __init__(self, number: int) -> None:
        """Start before the candidate's first chunk."""
        self.number = number
        self.count = 0
        self.texts = 0
        self.open: type[Text] | type[Reasoning] | None = None
        self.sealed = False
        self.words: list[str] = []
        self.pieces: Pieces | None = None
        self.called = False
        self.finish: str | None = None
        self.extra: dict[str, Any] = {}
        self.logprobs: dict[str, Any] = {}
        self.ids: list[Any] = []

    def text(
        self, part: dict[str, Any], *, seal: Seal | None, first: bool, logprobs: tuple[Logprob, ...]
    ) -> Iterator[Event]:
        """Yield what a part of words adds to the open part, or the part that it opens."""
        text = part["text"]
        kind = Reasoning if part.get("thought") else Text
        extra = _beside(part, spoken=kind is Text) if len(part) > 1 else {}
        if self.open is not kind or not (first or (seal and not text and not self.sealed)):
            if not text and seal is None:
                return
            yield from self.close()
            yield PartStarted(self.count, kind(text="", extra=extra), self.number)
            self.open, self.sealed, self.words, extra = kind, False, [], {}
            self.texts += kind is Text
        if text or seal or logprobs or extra:
            self.words.append(text)
            self.sealed = self.sealed or seal is not None
            yield PartDelta(self.count, text, self.number, seal=seal, logprobs=logprobs, extra=extra)

    def close(self) -> Iterator[Event]:
        """Yield the end of the open part, if one is."""
        if self.open is not None:
            self.open = None
            yield PartEnded(self.count, self.number)
            self.count += 1

    def other(self, part: dict[str, Any], *, id: str, seal: Seal | None) -> Iterator[Event]:
        """Yield a part that comes whole."""
        yield from self.close()
        whole = part_of(part, id=id, seal=seal)
        self.called = self.called or isinstance(whole, ToolCall)
        start, delta = halved(whole, index=self.count, choice=self.number)
        yield PartStarted(self.count, start, self.number)
        if delta is not None:
            yield delta
        yield PartEnded(self.count, self.number)
        self.count += 1

    def piece(self, part: dict[str, Any], *, id: str, seal: Seal | None) -> Iterator[Event]:
        """Yield what a piece of a call begins or completes."""
        call = part["functionCall"]
        if self.pieces is None or call.get("name"):
            yield from self.close()
            yield from self.whole_call()
            start = ToolCall(id=call.get("id") or id, name=call.get("name") or "", seal=seal)
            yield PartStarted(self.count, start, self.number)
            self.called = True
            self.pieces = Pieces(self.count)
            self.count += 1
        elif seal is not None:
            yield PartDelta(self.pieces.index, choice=self.number, seal=seal)
        if self.pieces.add(call):
            yield from self.whole_call()

    def whole_call(self) -> Iterator[Event]:
        """Yield the arguments and the end of a call that came in pieces, if one is open."""
        if self.pieces is not None:
            pieces, self.pieces = self.pieces, None
            yield PartDelta(pieces.index, encode(pieces.args).decode(), self.number)
            yield PartEnded(pieces.index, self.number)

    def keep(self, candidate: dict[str, Any]) -> None:
        """Keep what a chunk says beside the parts; a later word replaces an earlier one, sources add up."""
        for key, value in candidate.items():
            if key in _CANDIDATE or value is None:
                continue
            if key == SOURCES and isinstance(value, dict):
                self.extra[key] = _added(self.extra.get(key, {}), value)
            else:
                self.extra[key] = value
        if finish := candidate.get("finishReason"):
            self.finish = finish

    def tokens(self, result: Any, *, spoken: bool) -> tuple[Logprob, ...]:
        """Return a chunk's logprobs for its words; without words, and what has no field, stays beside the parts."""
        if not isinstance(result, dict):
            return ()
        known = ("chosenCandidates", "topCandidates") if spoken else ()
        self.logprobs |= {key: value for key, value in result.items() if key not in known}
        if not spoken:
            return ()
        logprobs, ids = logprobs_of(result)
        self.ids += ids
        return logprobs

    def ended(self) -> Iterator[Event]:
        """Yield the end of what is open, with the citations that its whole text can be given."""
        if self.open is Text and (found := citations_of(self.extra, "".join(self.words), alone=self.texts == 1)):
            yield PartDelta(self.count, choice=self.number, citations=found)
        yield from self.close()
        yield from self.whole_call()
        if any(id is not None or any(tops) for id, tops in self.ids):
            self.logprobs["tokenIds"] = self.ids
        if self.logprobs:
            self.extra["logprobsResult"] = self.logprobs


class Answers:
    """Everything a body says: its candidates, its usage and what stands beside them."""

    def __init__(self) -> None:
        """Start before the first chunk."""
        self.answers: dict[int, Answer] = {}
        self.started = False
        self.stem = ""
        self.calls = 0
        self.ids: set[str] = set()
        self.usage: dict[str, Any] | None = None
        self.extra: dict[str, Any] = {}
        self.blocked: str | None = None

    @property
    def seen(self) -> bool:
        """Tell whether there is an answer, if only that the prompt was refused."""
        return bool(self.answers) or self.blocked is not None

    @property
    def complete(self) -> bool:
        """Tell whether every candidate seen so far has ended."""
        return self.seen and all(answer.finish for answer in self.answers.values())

    def read(self, body: Any) -> Iterator[Event]:
        """Yield the events of one chunk; raise for an error in its place, and MALFORMED for what has another shape."""
        if isinstance(body, dict) and body.get("error"):
            raise error_of(body["error"], 200, {})
        checked(body, Chunk)
        beside = {key: value for key, value in body.items() if key not in _BODY and value is not None}
        if not self.started:
            self.started = True
            self.stem = body.get("responseId") or ""
            yield Started(
                self.stem, body.get("modelVersion") or "", seconds_of(beside.get("createTime")), noted(beside)
            )
        elif beside:
            self.extra |= beside
        feedback = beside.get("promptFeedback") or {}
        self.blocked = feedback.get("blockReason") or self.blocked
        if usage := body.get("usageMetadata"):
            self.count(usage)
        for place, candidate in enumerate(body.get("candidates") or ()):
            yield from self._candidate(candidate, place)

    def count(self, usage: dict[str, Any]) -> None:
        """Take in what a chunk says of usage; later words replace earlier ones."""
        self.usage = usage if self.usage is None else self.usage | usage

    def _candidate(self, candidate: dict[str, Any], place: int) -> Iterator[Event]:
        number = candidate.get("index")
        if number is None:
            number = place
        answer = self.answers.get(number)
        if answer is None:
            answer = self.answers[number] = Answer(number)
        parts = (candidate.get("content") or {}).get("parts") or ()
        words = next((n for n, part in enumerate(parts) if part.get("text") and not part.get("thought")), -1)
        result = candidate.get("logprobsResult")
        logprobs = () if result is None else answer.tokens(result, spoken=words >= 0)
        for position, part in enumerate(parts):
            seal = Seal(value=part["thoughtSignature"]) if part.get("thoughtSignature") else None
            if isinstance(part.get("text"), str):
                told = logprobs if position == words else ()
                yield from answer.text(part, seal=seal, first=position == 0, logprobs=told)
            elif isinstance(call := part.get("functionCall"), dict):
                yield from self._call(answer, part, call, seal)
            elif part:
                yield from self._other(answer, part, seal)
        answer.keep(candidate)

    def _other(self, answer: Answer, part: dict[str, Any], seal: Seal | None) -> Iterator[Event]:
        if part.keys() == {"thoughtSignature"}:
            return answer.text({"text": "", **part}, seal=seal, first=True, logprobs=())
        return answer.other(part, id="", seal=seal)

    def _call(self, answer: Answer, part: dict[str, Any], call: dict[str, Any], seal: Seal | None) -> Iterator[Event]:
        id = ""
        if call.get("name") or answer.pieces is None:
            id = call.get("id") or ""
            if not id or id in self.ids:
                id = minted(self.calls, self.stem or call.get("name") or "")
                call = {key: value for key, value in call.items() if key != "id"}
                part = part | {"functionCall": call}
            self.ids.add(id)
            self.calls += 1
        if answer.pieces is not None or in_pieces(call):
            return answer.piece(part, id=id, seal=seal)
        return answer.other(part, id=id, seal=seal)

    def ended(self) -> Iterator[Event]:
        """Yield the end of each candidate; the usage rides on the last."""
        usage = None if self.usage is None else usage_of(self.usage)
        extra = noted(self.extra)
        if not self.answers:
            yield Finished(StopReason.CONTENT_FILTER, self.blocked, usage, response_extra=extra)
        numbers = sorted(self.answers)
        for number in numbers:
            answer = self.answers[number]
            yield from answer.ended()
            reason = reason_of(answer.finish, called=answer.called)
            last = number == numbers[-1]
            yield Finished(
                reason,
                answer.finish,
                usage if last else None,
                number,
                noted(answer.extra),
                extra if last else {},
            )


class Words(Reader):
    """Reads more words of one candidate's open text."""

    __slots__ = ("answer", "answers")
    head = b"data: "
    decode = staticmethod(msgspec.json.Decoder(Usual).decode)

    def __init__(self, answers: Answers, answer: Answer) -> None:
        """Read for this one of the candidates."""
        self.answers = answers
        self.answer = answer

    def take(self, event: Usual) -> str | None:
        """Return the words of a chunk that brings nothing else but counts."""
        if len(event.candidates) != 1 or event.candidates[0].index != self.answer.number:
            return None
        parts = event.candidates[0].content.parts
        if len(parts) != 1 or not parts[0].text:
            return None
        if event.usageMetadata:
            self.answers.count(event.usageMetadata)
        return parts[0].text

    def keep(self, said: Sequence[str]) -> None:
        """Note what was said, from which places of citations are told."""
        self.answer.words.extend(said)


def _beside(part: dict[str, Any], *, spoken: bool) -> Extra:
    known = ("text", "thoughtSignature") if spoken else ("text", "thoughtSignature", "thought")
    return noted({key: value for key, value in part.items() if key not in known and value is not None})


def _added(sources: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """Return citation metadata with more of it: each chunk of a stream brings only its own sources."""
    whole = sources | more
    for key in sources.keys() & more.keys():
        if isinstance(sources[key], list) and isinstance(more[key], list):
            whole[key] = sources[key] + [row for row in more[key] if row not in sources[key]]
    return whole


def error_of(error: Any, status: int, headers: Mapping[str, str]) -> ProviderError:
    """Return what an ``error`` object means; ``status`` is that of the reply, 200 where it came inside an answer."""
    if not isinstance(error, dict):
        return blame.classify(status, headers, message=str(error))
    code, message = error.get("code"), error.get("message")
    if status == 200 and type(code) is int and 400 <= code < 600:
        status = code
    return blame.classify(
        status,
        headers,
        message=message if isinstance(message, str) else "",
        code=error.get("status") or code,
        details=error,
    )
