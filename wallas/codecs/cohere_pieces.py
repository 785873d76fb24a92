"""Pieces of Cohere's answers, the same in whole answers and in streams."""

import msgspec

from wallas.codecs import COHERE as WIRE
from wallas.codecs.cohere_requests import Schema, own
from wallas.codecs.fields import leftover
from wallas.codecs.reading import call_id, read, tokens
from wallas.codecs.refusals import refusal
from wallas.types.chat import Citation, Logprob, Opaque, Part, Reasoning, StopReason, Text, ToolCall, Usage

REASONS = {
    "COMPLETE": StopReason.STOP,
    "STOP_SEQUENCE": StopReason.STOP_SEQUENCE,
    "MAX_TOKENS": StopReason.LENGTH,
    "TOOL_CALL": StopReason.TOOL_CALLS,
    "CONTENT_FILTER": StopReason.CONTENT_FILTER,
    "REFUSAL": StopReason.REFUSAL,
    "PAUSE": StopReason.PAUSE,
}
"""``finish_reason`` in canonical words. Cohere says the first four; the others are what our own encoder adds."""
FAULTS = {"ERROR": 200, "TIMEOUT": 504}
"""Finish reasons that are failures, with the HTTP status they stand for (200: they say none)."""


class FunctionOut(msgspec.Struct):
    """What a tool call calls."""

    name: str
    arguments: str | None = None


class CallOut(msgspec.Struct):
    """One of ``tool_calls``."""

    function: FunctionOut
    id: str | None = None


class CitationOut(msgspec.Struct):
    """One of ``citations``."""

    start: int | None = None
    end: int | None = None
    text: str | None = None


class LogprobOut(msgspec.Struct):
    """The log probabilities of one chunk of text, which may be several tokens."""

    text: str | None = None
    logprobs: list[float] | None = None


def refuse_fault(finish_reason: str | None, said: Schema) -> None:
    """Raise ProviderError for a finish reason that is a failure; ``said`` may hold its ``error`` text."""
    if finish_reason in FAULTS:
        message = said.get("error") or f"the answer ended with {finish_reason}"
        raise refusal(FAULTS[finish_reason], {}, {"message": message, "code": finish_reason})


def stop_reason(word: str | None, *, called: bool) -> StopReason:
    """Return why an answer ended; with calls in it a plain end is for their sake."""
    reason = REASONS.get(word or "", StopReason.UNKNOWN)
    return StopReason.TOOL_CALLS if called and reason is StopReason.STOP else reason


def usage(told: Schema | None) -> Usage | None:
    """Return the tokens (not the billed units) of an answer; the rest stays in ``raw``. Input includes cached ones."""
    if not told:
        return None
    found: Schema = told["tokens"] if isinstance(told.get("tokens"), dict) else {}
    return Usage(
        input=tokens(found.get("input_tokens")),
        output=tokens(found.get("output_tokens")),
        reasoning=tokens(found.get("reasoning_tokens")),
        cache_read=tokens(told.get("cached_tokens")),
        raw={WIRE: told},
    )


def call(raw: Schema, *, taken: set[str], answer: str) -> ToolCall:
    """Return a tool call of an answer whose other calls have the ids ``taken``; null arguments are empty text."""
    told = read(raw, CallOut)
    rest = {key: value for key, value in leftover(raw, CallOut).items() if (key, value) != ("type", "function")}
    inner = leftover(raw["function"], FunctionOut)
    return ToolCall(
        id=call_id(told.id, taken=taken, seed=f"{answer}\0{told.function.name}"),
        name=told.function.name,
        arguments=told.function.arguments or "",
        extra=own(rest | ({"function": inner} if inner else {})),
    )


def citation(raw: Schema) -> Citation:
    """Return a citation; its sources stay in ``extra``, the first with an address or a title gives these."""
    told = read(raw, CitationOut)
    given = [source for source in raw.get("sources") or () if isinstance(source, dict)]
    found = [source.get(key) for source in given for key in ("document", "tool_output")]
    sources = [source for source in found if isinstance(source, dict)]
    return Citation(
        start=told.start,
        end=told.end,
        text=told.text,
        url=_first(sources, "url"),
        title=_first(sources, "title"),
        extra=own(leftover(raw, CitationOut)),
    )


def _first(sources: list[Schema], key: str) -> str | None:
    return next((source[key] for source in sources if isinstance(source.get(key), str)), None)


def logprob(raw: Schema) -> Logprob:
    """Return the log probability of a chunk of text: the sum of its tokens'."""
    told = read(raw, LogprobOut)
    return Logprob(token=told.text or "", logprob=sum(told.logprobs or ()))


def content_part(raw: Schema) -> Part:
    """Return one item of an answer's content."""
    rest = own({key: value for key, value in raw.items() if key not in ("type", "text", "thinking") and value})
    match raw:
        case {"type": "text"}:
            return Text(text=text_of(raw, "text"), extra=rest)
        case {"type": "thinking"}:
            return Reasoning(text=text_of(raw, "thinking"), extra=rest)
        case _:
            return Opaque(wire=WIRE, data=raw)


def text_of(raw: Schema, key: str) -> str:
    """Return a text that may be missing."""
    value = raw.get(key)
    if value is None:
        return ""
    return read(value, str)
