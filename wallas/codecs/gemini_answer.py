"""Writes answers for Gemini clients: whole, as server-sent events, or as one JSON array that grows."""

from typing import Any

from wallas.codecs.framing import encode, sse
from wallas.codecs.gemini_citations import GROUNDING, SOURCES, metadata_of
from wallas.codecs.gemini_parts import Writer, client_seal
from wallas.codecs.gemini_words import WIRE, finish_of, logprobs_to, status_of, time_of, usage_to
from wallas.errors import GatewayError
from wallas.types.chat import (
    ChatRequest,
    ChatResponse,
    Choice,
    Citation,
    Extra,
    Media,
    Part,
    Reasoning,
    Refusal,
    Text,
)
from wallas.types.events import (
    Event,
    Finished,
    PartDelta,
    PartEnded,
    PartStarted,
    Ping,
    Started,
    extended,
    joined,
)

_RPC = "type.googleapis.com/google.rpc."


def encode_response(response: ChatResponse) -> dict[str, Any]:
    """Return the whole answer for a client."""
    body = {key: value for key, value in response.extra.get(WIRE, {}).items()}
    if response.created is not None:
        body.setdefault("createTime", time_of(response.created))
    if not _blocked(response):
        body["candidates"] = [_candidate(choice, number) for number, choice in enumerate(response.choices)]
    if response.usage is not None:
        body["usageMetadata"] = usage_to(response.usage)
    return body | _identity(response.id, response.model)


def _blocked(response: ChatResponse) -> bool:
    """Tell whether the prompt was refused: then Gemini sends no candidate at all."""
    return bool(_block_reason(response.extra)) and not any(choice.message.parts for choice in response.choices)


def _block_reason(extra: Extra) -> str | None:
    feedback = extra.get(WIRE, {}).get("promptFeedback")
    return feedback.get("blockReason") if isinstance(feedback, dict) else None


def _identity(id: str, model: str) -> dict[str, str]:
    return {key: value for key, value in (("modelVersion", model), ("responseId", id)) if value}


def _candidate(choice: Choice, number: int) -> dict[str, Any]:
    writer = Writer(client_seal, _unheard)
    parts: list[dict[str, Any]] = []
    cited: dict[int, tuple[str, list[Citation]]] = {}
    logprobs: list[Any] = []
    for place, part in enumerate(choice.message.parts):
        parts += writer.parts(part)
        if isinstance(part, Text):
            logprobs += part.logprobs
            if part.citations:
                cited[place] = (part.text, list(part.citations))
    content: dict[str, Any] = {"parts": parts, "role": "model"} if parts else {"role": "model"}
    candidate: dict[str, Any] = {"content": content}
    if finish := finish_of(choice.stop_reason, choice.stop_detail):
        candidate["finishReason"] = finish
    candidate |= {"index": number} | _beside(choice.extra, cited)
    if logprobs:
        left = dict(candidate.get("logprobsResult", {}))
        candidate["logprobsResult"] = logprobs_to(logprobs, left.pop("tokenIds", None)) | left
    return candidate


def _unheard(name: str) -> None:
    """Nothing is reported of an answer's part that only another wire understands."""


def _beside(extra: Extra, cited: dict[int, tuple[str, list[Citation]]]) -> dict[str, Any]:
    """Return what stands beside a candidate's content; citations of other wires become grounding."""
    own: dict[str, Any] = extra.get(WIRE, {})
    if cited and GROUNDING not in own and SOURCES not in own:
        return own | {GROUNDING: metadata_of(cited)}
    return own


class Open:
    """A part that is being written: what it began as and what came since."""

    def __init__(self, part: Part, place: int) -> None:
        """Begin with what is known of it."""
        self.part = part
        self.place = place
        self.deltas: list[PartDelta] = []
        self.written = False
        self.told = False


class Writing:
    """One candidate as it is written, and what its reader holds open."""

    def __init__(self) -> None:
        """Start before its first part."""
        self.open: dict[int, Open] = {}
        self.kind: type | None = None
        self.said = False
        self.cited: dict[int, tuple[str, list[Citation]]] = {}


class Encoder:
    """Writes a stream: each delta of words is a chunk, calls and files come whole, the last chunk says why it ended.

    ``array``: as the stream without ``alt=sse`` is, one JSON array. Thoughts
    are written only where the request asked to see them. There are no
    comments: google-genai takes a line that is no ``data:`` for the JSON of an
    error, so the keep-alive is an empty line.
    """

    def __init__(self, request: ChatRequest | None = None, *, array: bool = False) -> None:
        """Write as this request wants it; None: everything."""
        self.array = array
        self.content_type = "application/json" if array else "text/event-stream"
        self.thoughts = request is None or bool(request.thinking and request.thinking.visible)
        self.expected = (request.n if request else None) or 1
        self.begun = False
        self.closed = False
        self.identity: dict[str, str] = {}
        self.extra: dict[str, Any] = {}
        self.blocked = False
        self.finished = 0
        self.choices: dict[int, Writing] = {}
        self.writer = Writer(client_seal, _unheard)

    def encode(self, event: Event) -> bytes:
        """Return what the client gets for this event, perhaps nothing yet."""
        match event:
            case PartDelta():
                return self._delta(event)
            case PartStarted():
                return self._started(event)
            case PartEnded():
                writing = self._writing(event.choice)
                opened = writing.open.pop(event.index, None)
                return self._ended(event.choice, writing, opened) if opened else b""
            case Finished():
                return self._finished(event)
            case Started():
                return self._begin(event)
            case Ping():
                return self.ping()
        return b""

    def words(self, index: int, choice: int) -> None:
        """Return None: words go through ``encode``."""

    def ping(self) -> bytes:
        """Return an empty line, which is white space in an array and no event in a stream."""
        return b"\n"

    def note(self, text: str) -> bytes:
        """Return nothing: no line may stand here that is no ``data:``."""
        return b""

    def error(self, error: GatewayError) -> bytes:
        """Return the error that ends a running stream.

        In server-sent events it comes twice, as an event for google-genai and
        bare for Google's JavaScript SDKs, which pass over an event that is no
        answer but stop at bytes that are no event.
        """
        body = encode_error(error)
        return self._chunk(body) + self.end() if self.array else self._chunk(body) + encode(body)

    def end(self) -> bytes:
        """Return what closes an array that no last candidate has closed; nothing otherwise."""
        if not self.array or self.closed:
            return b""
        self.closed = True
        return b"]" if self.begun else b"[]"

    def _begin(self, event: Started) -> bytes:
        self.identity = _identity(event.id, event.model)
        self.extra = dict(event.extra.get(WIRE, {}))
        self.blocked = bool(_block_reason(event.extra))
        if event.created is not None:
            self.extra.setdefault("createTime", time_of(event.created))
        return b""

    def _started(self, event: PartStarted) -> bytes:
        self._writing(event.choice).open[event.index] = Open(event.part, event.index)
        return b""

    def _delta(self, event: PartDelta) -> bytes:
        writing = self._writing(event.choice)
        opened = writing.open.get(event.index)
        if opened is None:
            return b""
        match opened.part:
            case Text() | Refusal():
                return self._words(event, writing, opened, event.text)
            case Reasoning():
                opened.told = opened.told or bool(event.text)
                return self._words(event, writing, opened, event.text or ("" if opened.told else event.summary))
        opened.deltas.append(event)
        return b""

    def _words(self, event: PartDelta, writing: Writing, opened: Open, text: str) -> bytes:
        """Return words at once; what is not words waits for the part's end."""
        opened.deltas.append(event)
        if not text or (isinstance(opened.part, Reasoning) and not self.thoughts):
            return b""
        candidate = self._content(event.choice, self._spoken(writing, opened, {"text": text}))
        if event.logprobs:
            candidate["logprobsResult"] = logprobs_to(event.logprobs)
        return self._candidates(candidate)

    def _spoken(self, writing: Writing, opened: Open, part: dict[str, Any]) -> list[dict[str, Any]]:
        """Return a part of words; one that its reader would take for more of the last begins behind an empty one."""
        kind = Reasoning if isinstance(opened.part, Reasoning) else Text
        if kind is Reasoning:
            part["thought"] = True
        apart = not opened.written and writing.kind is kind
        opened.written, writing.kind = True, kind
        if not apart:
            return [part]
        return [{"text": "", "thought": True} if kind is Reasoning else {"text": ""}, part]

    def _ended(self, choice: int, writing: Writing, opened: Open) -> bytes:
        match opened.part:
            case Reasoning() if not self.thoughts:
                return b""
            case Text() | Reasoning() | Refusal():
                return self._sealed(choice, writing, opened)
        whole = extended(opened.part, joined(opened.deltas)) if opened.deltas else opened.part
        parts = list(self.writer.parts(whole))
        if isinstance(whole, Media) and whole.text and whole.data:
            parts.append({"text": whole.text})
        if not parts:
            return b""
        writing.kind = Text if "text" in parts[-1] else None
        return self._candidates(self._content(choice, parts))

    def _sealed(self, choice: int, writing: Writing, opened: Open) -> bytes:
        """Return what ends a part of words: its seal and what only Gemini knows, on empty words as Gemini has it."""
        whole = extended(opened.part, joined(opened.deltas)) if opened.deltas else opened.part
        if isinstance(whole, Text) and whole.citations:
            writing.cited[opened.place] = (whole.text, list(whole.citations))
        tail = next(self.writer.parts(whole))
        words = getattr(opened.part, "text", "") if not opened.written else ""
        if not words and whole.seal is None and not whole.extra.get(WIRE):
            return b""
        return self._candidates(self._content(choice, self._spoken(writing, opened, tail | {"text": words})))

    def _finished(self, event: Finished) -> bytes:
        writing = self._writing(event.choice)
        rest = b"".join(self._ended(event.choice, writing, opened) for opened in writing.open.values())
        self.finished += 1
        self.extra |= event.response_extra.get(WIRE, {})
        usage = {"usageMetadata": usage_to(event.usage)} if event.usage else {}
        if self.blocked and not writing.said:
            last = self._chunk(usage | self._beside())
        else:
            candidate: dict[str, Any] = {"index": event.choice}
            if writing.said:
                candidate = self._content(event.choice, [{"text": ""}])
            if finish := finish_of(event.reason, event.detail):
                candidate["finishReason"] = finish
            last = self._candidates(candidate | _beside(event.extra, writing.cited), usage)
        over = event.usage is not None or self.finished >= self.expected
        return rest + last + self.end() if over else rest + last

    def _writing(self, choice: int) -> Writing:
        writing = self.choices.get(choice)
        if writing is None:
            writing = self.choices[choice] = Writing()
        return writing

    def _content(self, choice: int, parts: list[dict[str, Any]]) -> dict[str, Any]:
        self._writing(choice).said = True
        return {"content": {"parts": parts, "role": "model"}, "index": choice}

    def _candidates(self, candidate: dict[str, Any], usage: dict[str, Any] | None = None) -> bytes:
        return self._chunk({"candidates": [candidate]} | (usage or {}) | self._beside())

    def _beside(self) -> dict[str, Any]:
        """Return what stands beside the candidates: who answers, and once what only Gemini knows of the answer."""
        extra, self.extra = self.extra, {}
        return extra | self.identity

    def _chunk(self, body: dict[str, Any]) -> bytes:
        data = encode(body)
        if not self.array:
            return sse(data)
        opening = b",\r\n" if self.begun else b"["
        self.begun = True
        return opening + data


def encode_error(error: GatewayError) -> dict[str, Any]:
    """Return Google's error body; how long to wait, the field at fault and the attempts are its ``details``."""
    details: list[dict[str, Any]] = []
    if error.retry_after is not None:
        details.append({"@type": f"{_RPC}RetryInfo", "retryDelay": f"{max(error.retry_after, 0):g}s"})
    if error.param is not None:
        field = {"field": error.param, "description": error.message}
        details.append({"@type": f"{_RPC}BadRequest", "fieldViolations": [field]})
    for row in error.details:
        metadata = {key: value if isinstance(value, str) else encode(value).decode() for key, value in row.items()}
        details.append({"@type": f"{_RPC}ErrorInfo", "reason": "ATTEMPT", "domain": "wallas", "metadata": metadata})
    status: dict[str, Any] = {"code": error.status, "message": error.message, "status": status_of(error.status)}
    return {"error": status | {"details": details} if details else status}
