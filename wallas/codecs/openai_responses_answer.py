"""Whole answers of the Responses wire: the response object around the output items."""

from functools import partial
from typing import Any, NamedTuple

from wallas.codecs.openai_responses_errors import cut, failure
from wallas.codecs.openai_responses_items import decode_item
from wallas.codecs.openai_responses_output import OutputItems, fresh
from wallas.codecs.openai_responses_parts import WIRE, kept, own, without
from wallas.codecs.openai_responses_request import (
    encode_choice,
    encode_text_options,
    encode_thinking,
    encode_tool,
)
from wallas.errors import FailureKind, ProviderError
from wallas.types.chat import (
    ChatRequest,
    ChatResponse,
    Choice,
    Extra,
    Message,
    Part,
    StopReason,
    Text,
    ToolCall,
    Usage,
)
from wallas.types.events import unfold

DEFAULTS: dict[str, Any] = {
    "error": None,
    "incomplete_details": None,
    "instructions": None,
    "max_output_tokens": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "reasoning": {"effort": None, "summary": None},
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_p": 1.0,
    "truncation": "disabled",
    "background": False,
}
"""What a response says of a request that said nothing; answers are given these, so they are not kept of any."""

LIMITS = {"max_output_tokens": StopReason.LENGTH, "content_filter": StopReason.CONTENT_FILTER}
WORDS = {reason: word for word, reason in LIMITS.items()} | {
    StopReason.PAUSE: "pause",
    StopReason.REFUSAL: "content_filter",
}
"""Words for what cut an answer short; a model that stops to refuse (Anthropic's ``refusal``) has not completed it."""

ECHOED = (
    "max_tool_calls",
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
    "truncation",
    "background",
    "prompt",
)
"""What only this wire asks for and repeats in its answer."""

_TAKEN = ("id", "object", "created_at", "status", "model", "output", "usage", "error", "incomplete_details")

LARGEST = 10**9
"""A count of tokens above this is no count."""


class Ending(NamedTuple):
    """Why an answer ended; ``extra`` keeps what the reason alone would not give back."""

    reason: StopReason
    detail: str | None
    extra: Extra


def decode_response(body: Any) -> ChatResponse:
    """Return a provider's whole answer; raise ProviderError for an error that came with a 200."""
    checked(body)
    parts = decode_output(body["output"] or [])
    end = ending(body, called=any(isinstance(part, ToolCall) for part in parts))
    return ChatResponse(
        id=body.get("id") or "",
        model=body.get("model") or "",
        created=created(body),
        choices=(
            Choice(
                message=Message(role="assistant", parts=parts),
                stop_reason=end.reason,
                stop_detail=end.detail,
                extra=end.extra,
            ),
        ),
        usage=decode_usage(body.get("usage")),
        extra=remaining(body),
    )


def checked(body: Any) -> None:
    """Raise ProviderError unless this is an answer, finished or limited."""
    if isinstance(body, dict) and (body.get("error") or body.get("status") == "failed"):
        raise failure(body)
    if not isinstance(body, dict) or not isinstance(body.get("output", ""), list | None):
        raise ProviderError(FailureKind.MALFORMED, "a body without output where a response was due")
    if body.get("status") == "cancelled":
        raise cut("the provider cancelled the response")


def decode_output(items: list[Any]) -> tuple[Part, ...]:
    """Return output items as parts of one message."""
    return tuple(
        part for item in items if isinstance(item, dict) for part in decode_item(item, item.get("type") or "message")
    )


def created(body: dict[str, Any]) -> int | None:
    """Return when the answer was begun, in epoch seconds; 0 is what is written where nobody said."""
    at = body.get("created_at")
    return int(at) or None if isinstance(at, int | float) else None


def remaining(body: dict[str, Any]) -> Extra:
    """Return what of a response has no field, but for what any response says."""
    rest = without(body, *_TAKEN)
    return kept({key: value for key, value in rest.items() if key not in DEFAULTS or DEFAULTS[key] != value})


def ending(body: dict[str, Any], *, called: bool) -> Ending:
    """Return why an answer ended: by its status, and by whether it holds calls."""
    status = body.get("status") or "completed"
    details = body.get("incomplete_details")
    word = details.get("reason") if isinstance(details, dict) else None
    if status == "completed":
        return Ending(StopReason.TOOL_CALLS if called else StopReason.STOP, status, {})
    if status == "incomplete" and word in LIMITS:
        return Ending(LIMITS[word], word, {})
    return Ending(StopReason.UNKNOWN, word or status, kept({"status": status, "incomplete_details": details}))


def decode_usage(usage: Any) -> Usage | None:
    """Return the counts; input includes cached tokens here as everywhere."""
    if not isinstance(usage, dict):
        return None
    read, wrote = (usage.get(f"{side}_tokens_details") for side in ("input", "output"))
    return Usage(
        input=count(usage, "input_tokens"),
        output=count(usage, "output_tokens"),
        cache_read=count(read, "cached_tokens"),
        cache_write=count(read, "cache_write_tokens"),
        reasoning=count(wrote, "reasoning_tokens"),
        raw={WIRE: usage},
    )


def count(counts: Any, name: str) -> int | None:
    """Return a count of tokens, or None for what is none."""
    number = counts.get(name) if isinstance(counts, dict) else None
    return number if type(number) is int and 0 <= number <= LARGEST else None


def encode_usage(usage: Usage | None) -> dict[str, Any] | None:
    """Return the counts, over those that a provider of this wire gave; others get every field that clients need."""
    if usage is None:
        return None
    given = usage.raw.get(WIRE)
    blank = {"cached_tokens": 0, "cache_write_tokens": 0, "reasoning_tokens": 0}
    known = {
        "cached_tokens": usage.cache_read,
        "cache_write_tokens": usage.cache_write,
        "reasoning_tokens": usage.reasoning,
    }
    details = ({} if given is not None else blank) | {name: value for name, value in known.items() if value is not None}
    total = (usage.input or 0) + (usage.output or 0)
    told: dict[str, Any] = (
        {"input_tokens": 0, "output_tokens": 0, "total_tokens": total} if given is None else {**given}
    )
    told |= {f"{side}_tokens": value for side in ("input", "output") if (value := getattr(usage, side)) is not None}
    for side, names in (("input", ("cached_tokens", "cache_write_tokens")), ("output", ("reasoning_tokens",))):
        place = f"{side}_tokens_details"
        more = {name: details[name] for name in names if name in details}
        if more:
            told[place] = (told.get(place) or {}) | more
    return told


def encode_response(response: ChatResponse, request: ChatRequest | None = None) -> dict[str, Any]:
    """Return the whole answer for a client; with its ``request``, what that asked for is repeated."""
    output = OutputItems(request)
    for event in unfold(response):
        for _ in output.events(event):
            pass
    choice = response.choices[0] if response.choices else Choice(message=Message(role="assistant"))
    return response_object(
        request,
        id=response.id or fresh("resp"),
        model=response.model,
        created=response.created,
        output=output.items,
        usage=response.usage,
        extra=response.extra,
        end=told_ending(choice.stop_reason, choice.stop_detail, choice.extra),
    )


def responder(request: ChatRequest | None) -> "partial[dict[str, Any]]":
    """Return ``encode_response`` for the answer to one request, as ``PlainEncoder`` wants it."""
    return partial(encode_response, request=request)


def told_ending(reason: StopReason | None, detail: str | None, extra: Extra) -> dict[str, Any]:
    """Return ``status`` and ``incomplete_details`` for a stop reason, the provider's own words first."""
    if noted := own(extra):
        return {"status": noted.get("status", "completed"), "incomplete_details": noted.get("incomplete_details")}
    if reason in WORDS:
        return {"status": "incomplete", "incomplete_details": {"reason": WORDS[reason]}}
    return {"status": "completed", "incomplete_details": None}


def response_object(
    request: ChatRequest | None,
    *,
    id: str,
    model: str,
    created: int | None,
    output: list[dict[str, Any]],
    end: dict[str, Any],
    usage: Usage | None = None,
    extra: Extra | None = None,
) -> dict[str, Any]:
    """Return the response object. What the client asked for stands before what the provider says it was asked.

    An answer that was to be stored and could not be has the mark ``_unkept``: then ``store`` is false.
    """
    said = own(extra or {})
    unkept = {"store": False} if "_unkept" in said else {}
    told = {
        "id": id,
        "object": "response",
        "created_at": created or 0,
        **DEFAULTS,
        **{name: value for name, value in said.items() if name != "_unkept"},
        **echo(request),
        **unkept,
        **end,
        "model": model,
        "output": output,
    }
    return told if usage is None else told | {"usage": encode_usage(usage)}


def echo(request: ChatRequest | None) -> dict[str, Any]:
    """Return what a response repeats of its request; nothing where the request is not known."""
    if request is None:
        return {}
    said = own(request.extra)
    always = {
        "instructions": instructions(request),
        "max_output_tokens": request.max_tokens,
        "metadata": request.metadata or {},
        "previous_response_id": request.previous_id,
        "store": said.get("store", True),
        "text": {"format": {"type": "text"}} | (encode_text_options(request) or {}),
        "tools": [told for tool in request.tools if (told := encode_tool(tool)) is not None],
        "tool_choice": encode_choice(request) or "auto",
    }
    asked: dict[str, Any] = {
        "user": request.user,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "parallel_tool_calls": request.parallel_tools,
        "top_logprobs": request.logprobs,
    }
    if reasoning := encode_thinking(request):
        asked["reasoning"] = {"effort": None, "summary": None} | reasoning
    asked |= {name: said.get(name) for name in ECHOED}
    return always | {key: value for key, value in asked.items() if value is not None}


def instructions(request: ChatRequest) -> str | None:
    """Return what the client gave as ``instructions``."""
    for message in reversed(request.messages):
        match message:
            case Message(parts=[Text(text=text)]) if "_instructions" in own(message.extra):
                return text
    return None
