"""What whole and streamed chat completions share: why an answer ended, usage, log probabilities, citations, ids."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import msgspec

from wallas.codecs.fields import leftover
from wallas.codecs.openai_chat_fields import WIRE
from wallas.codecs.openai_chat_parts import kept, overlaid, own
from wallas.codecs.reading import MOST_TOKENS, tokens
from wallas.errors import FailureKind, ProviderError
from wallas.types.chat import Citation, Logprob, StopReason, ToolCall, Usage

PADDING = frozenset({"obfuscation", "p", "padding"})
"""Keys that only hide the length of what is said (OpenAI, Copilot, AI21, as of 2026-11)."""

REASONS = {
    "": StopReason.STOP,
    "stop": StopReason.STOP,
    "eos": StopReason.STOP,
    "end_turn": StopReason.STOP,
    "stop_sequence": StopReason.STOP_SEQUENCE,
    "length": StopReason.LENGTH,
    "max_tokens": StopReason.LENGTH,
    "model_length": StopReason.LENGTH,
    "tool_calls": StopReason.TOOL_CALLS,
    "tool_use": StopReason.TOOL_CALLS,
    "function_call": StopReason.TOOL_CALLS,
    "content_filter": StopReason.CONTENT_FILTER,
    "refusal": StopReason.REFUSAL,
}
"""``finish_reason`` of all providers: ``""`` is Snowflake's, ``eos`` Together's, ``model_length`` Mistral's."""

FINISHES = {
    StopReason.STOP: "stop",
    StopReason.STOP_SEQUENCE: "stop",
    StopReason.LENGTH: "length",
    StopReason.TOOL_CALLS: "tool_calls",
    StopReason.CONTENT_FILTER: "content_filter",
    StopReason.REFUSAL: "content_filter",
    StopReason.PAUSE: "stop",
}
"""The wire's word for each reason that it has one for."""

NATIVES = {
    ("stop", "stop_sequence"): StopReason.STOP_SEQUENCE,
    ("stop", "pause_turn"): StopReason.PAUSE,
    ("content_filter", "refusal"): StopReason.REFUSAL,
}
"""What ``native_finish_reason`` tells beyond ``finish_reason`` (OpenRouter, and this codec's own answers)."""

CUT_SHORT = frozenset({"length", "max_tokens", "max_output_tokens", "MAX_TOKENS"})
"""Native words that say that the answer was cut; OpenRouter calls it ``tool_calls`` when a call was cut."""

FAILED = {
    "error": FailureKind.SERVER,
    "abort": FailureKind.SERVER,
    "insufficient_system_resource": FailureKind.OVERLOADED,
}
"""Ends that are failures: OpenRouter's and Mistral's ``error``, vLLM's ``abort``, DeepSeek's third."""

_decode = msgspec.json.Decoder().decode


def stopped(
    word: str | None, extra: dict[str, Any], calls: Sequence[ToolCall]
) -> tuple[StopReason | None, str | None, dict[str, Any]]:
    """Return why a choice ended, the wire's own word for it, and the choice's extra without that word.

    Raise ProviderError for an end that is a failure. A word of None is "not said".
    """
    if word in FAILED:
        raise ProviderError(FAILED[word], f"the answer ended with {word}")
    if word is None:
        match extra.get("finish_details"):
            case {"type": str() as word}:
                pass
            case _:
                return None, None, extra
    reason = REASONS.get(word, StopReason.UNKNOWN)
    if not extra and not calls and word and reason is not StopReason.UNKNOWN:
        return reason, word, extra
    if reason is StopReason.UNKNOWN:
        return reason, word, extra
    match extra:
        case {"stop_reason": str() as matched, **more} if reason is StopReason.STOP and matched:
            return StopReason.STOP_SEQUENCE, matched, more
    native = given if isinstance(given := extra.get("native_finish_reason"), str) else None
    reason = NATIVES.get((FINISHES[reason], native or ""), reason)
    if reason is StopReason.STOP and calls:
        reason = StopReason.TOOL_CALLS
    if reason is StopReason.TOOL_CALLS and native in CUT_SHORT and not all(map(is_whole, calls)):
        reason = StopReason.LENGTH
    if native and native != FINISHES[reason]:
        return reason, native, {key: value for key, value in extra.items() if key != "native_finish_reason"}
    return reason, (not native and word) or FINISHES[reason], extra


def is_whole(call: ToolCall) -> bool:
    """Return whether a call's arguments are complete: JSON, nothing at all, or freeform text."""
    return call.kind == "custom" or not call.arguments or is_json(call.arguments)


def is_json(text: str) -> bool:
    """Return whether a text is one whole JSON value."""
    try:
        _decode(text)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


@lru_cache(maxsize=256)
def encode_stopped(reason: StopReason | None, detail: str | None) -> dict[str, Any]:
    """Return ``finish_reason``, and beside it the provider's own word where that is another one. Do not change it.

    The other wires' words go where OpenRouter has them (``native_finish_reason``),
    a stop sequence that matched where vLLM has it (``stop_reason``).
    """
    if reason is None:
        return {"finish_reason": None}
    if reason is StopReason.UNKNOWN or detail == "function_call":
        return {"finish_reason": detail or "unknown"}
    finish = FINISHES[reason]
    if reason is StopReason.STOP_SEQUENCE and detail not in (None, "stop_sequence"):
        return {"finish_reason": finish, "stop_reason": detail}
    default = {
        (StopReason.STOP_SEQUENCE): "stop_sequence",
        StopReason.PAUSE: "pause_turn",
        StopReason.REFUSAL: "refusal",
    }
    native = detail or default.get(reason)
    if not native or native == finish:
        return {"finish_reason": finish}
    return {"finish_reason": finish, "native_finish_reason": native}


COUNTS = {
    "input": ("prompt_tokens", "input_tokens"),
    "output": ("completion_tokens", "output_tokens"),
    "cache_read": ("cached_tokens", "prompt_cache_hit_tokens", "cache_read_input_tokens", "num_cached_tokens"),
    "cache_write": ("cache_write_tokens", "cache_creation_input_tokens"),
    "reasoning": ("reasoning_tokens",),
}
"""Where usage says its counts; the names after the first are single providers', at its top."""
DETAILS = {
    "prompt_tokens_details": ("cached_tokens", "cache_write_tokens"),
    "completion_tokens_details": ("reasoning_tokens",),
}


TAKEN = frozenset({"prompt_tokens", "completion_tokens", "total_tokens"})


def decode_usage(raw: Any) -> Usage | None:
    """Return usage, impossible counts as not said; what no count took stays in ``raw``."""
    if type(raw) is not dict or not raw:
        return None
    if len(raw) == 3 and (usage := _bare_usage(raw)) is not None:
        return usage
    inner = raw
    for key, known in DETAILS.items():
        details = raw.get(key)
        if isinstance(details, dict) and not details.keys().isdisjoint(known):
            inner = inner | {name: details[name] for name in known if details.get(name) is not None}
    said = {name: _first(inner, places) for name, places in COUNTS.items()}
    left = {key: value for key, value in raw.items() if value is not None and key not in TAKEN}
    for key, taken in DETAILS.items():
        if isinstance(left.get(key), dict):
            left[key] = {name: value for name, value in left[key].items() if value is not None and name not in taken}
            if not left[key]:
                del left[key]
    total = tokens(raw.get("total_tokens"))
    if total is not None and total > (said["input"] or 0) + (said["output"] or 0):
        left["total_tokens"] = total
    if not left and all(count is None for count in said.values()):
        return None
    return Usage(**said, raw={WIRE: left} if left else {})


def _bare_usage(raw: dict[str, Any]) -> Usage | None:
    """Return usage of nothing but the three usual counts, as most tell it; None where one of them is odd."""
    try:
        prompt, output, total = raw["prompt_tokens"], raw["completion_tokens"], raw["total_tokens"]
    except KeyError:
        return None
    if not (type(prompt) is type(output) is type(total) is int and total == prompt + output):
        return None
    if not (0 <= prompt <= MOST_TOKENS and 0 <= output <= MOST_TOKENS):
        return None
    return Usage(input=prompt, output=output)


def _first(counts: dict[str, Any], places: Iterable[str]) -> int | None:
    for place in places:
        if place in counts:
            count = counts[place]
            if type(count) is int and 0 <= count <= MOST_TOKENS:
                return count
            if (count := tokens(count)) is not None:
                return count
    return None


def encode_usage(usage: Usage) -> dict[str, Any]:
    """Return usage as this wire has it; a count that nobody said is left out."""
    left = usage.raw.get(WIRE, {})
    body: dict[str, Any] = {}
    if usage.input is not None:
        body["prompt_tokens"] = usage.input
    if usage.output is not None:
        body["completion_tokens"] = usage.output
    if usage.input is not None and usage.output is not None:
        body["total_tokens"] = usage.input + usage.output
        if "total_tokens" in left and left["total_tokens"] > body["total_tokens"]:
            body["total_tokens"] = left["total_tokens"]
    if usage.cache_read is not None or usage.cache_write is not None:
        details = {"cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write}
        body["prompt_tokens_details"] = {name: value for name, value in details.items() if value is not None}
    if usage.reasoning is not None:
        body["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning}
    return overlaid(left, body) if left else body


def decode_logprobs(rows: Any) -> tuple[Logprob, ...] | None:
    """Return log probabilities; None when they are of another shape than OpenAI's."""
    if not isinstance(rows, list):
        return None
    read = [_logprob(row) for row in rows]
    known = tuple(row for row in read if row is not None)
    return known if len(known) == len(rows) else None


def _logprob(row: Any) -> Logprob | None:
    match row:
        case {"token": str() as token, "logprob": int() | float() as logprob}:
            top = decode_logprobs(row.get("top_logprobs") or [])
            return None if top is None else Logprob(token=token, logprob=logprob, bytes=row.get("bytes"), top=top)
        case _:
            return None


def encode_logprob(logprob: Logprob) -> dict[str, Any]:
    """Return one token's log probability."""
    top = [{"token": row.token, "logprob": row.logprob, "bytes": row.bytes} for row in logprob.top]
    return {"token": logprob.token, "logprob": logprob.logprob, "bytes": logprob.bytes, "top_logprobs": top}


def split_logprobs(raw: Any) -> tuple[tuple[Logprob, ...], dict[str, Any]]:
    """Return the text's log probabilities, and what else a choice's ``logprobs`` holds (of refusals, of thoughts)."""
    if not isinstance(raw, dict):
        return (), {}
    rows = decode_logprobs(raw.get("content"))
    left = {key: value for key, value in raw.items() if value and not (key == "content" and rows is not None)}
    return rows or (), left


def added(logprobs: dict[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Return two chunks' log probabilities as one: lists grow, all else is replaced."""
    grown = {key: logprobs[key] + value for key, value in more.items() if _both_lists(logprobs.get(key), value)}
    return {**logprobs, **more, **grown}


def _both_lists(one: Any, other: Any) -> bool:
    return isinstance(one, list) and isinstance(other, list)


class UrlCitation(msgspec.Struct):
    """The source that an annotation names."""

    url: str
    title: str | None = None
    start_index: int | None = None
    end_index: int | None = None
    content: str | None = None


def decode_citation(annotation: Any, offset: int = 0) -> Citation | None:
    """Return an annotation as a citation of a text that begins at ``offset``; None for other kinds."""
    try:
        source = msgspec.convert(annotation["url_citation"], UrlCitation)
    except (msgspec.ValidationError, KeyError, TypeError):
        return None
    more = {
        key: value for key, value in annotation.items() if key not in ("type", "url_citation") and value is not None
    }
    inner = leftover(annotation["url_citation"], UrlCitation)
    return Citation(
        start=None if source.start_index is None else source.start_index - offset,
        end=None if source.end_index is None else source.end_index - offset,
        url=source.url,
        title=source.title,
        text=source.content,
        extra=kept(more | {"url_citation": inner} if inner else more),
    )


def encode_citation(citation: Citation, offset: int = 0) -> dict[str, Any] | None:
    """Return a citation as an annotation; None when it has no URL, without which this wire has no place for it."""
    if citation.url is None:
        return None
    source = {
        "start_index": None if citation.start is None else citation.start + offset,
        "end_index": None if citation.end is None else citation.end + offset,
        "url": citation.url,
        "title": citation.title,
        "content": citation.text,
    }
    said = {key: value for key, value in source.items() if value is not None}
    return overlaid(own(citation.extra), {"type": "url_citation", "url_citation": said})


def minted(kind: str, *seeds: object) -> str:
    """Return an id made from what is known of an answer: the same bytes give the same id."""
    return kind + blake2b("\n".join(map(str, seeds)).encode(), digest_size=12).hexdigest()
