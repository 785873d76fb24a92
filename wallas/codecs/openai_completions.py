"""OpenAI's legacy text completions, for clients only: a prompt is one user message, an answer is its text."""

import secrets
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from wallas.codecs.fields import convert, leftover
from wallas.codecs.framing import comment, encode, sse
from wallas.codecs.limits import Name, without_nul
from wallas.codecs.openai_chat_encoder import DONE, KEEP_ALIVE
from wallas.codecs.openai_chat_fields import Count, Penalty, Seed, StreamOptions
from wallas.codecs.openai_chat_words import encode_stopped, encode_usage
from wallas.codecs.openai_errors import decode_error, encode_error
from wallas.errors import BadRequest, GatewayError
from wallas.types.chat import ChatRequest, ChatResponse, Choice, Logprob, Message, Text, Usage
from wallas.types.events import Event, Finished, PartDelta, PartStarted, Started

WIRE = "openai_completions"

REFUSED = {
    "suffix": "text cannot be filled in before a suffix here",
    "echo": "the prompt is not repeated here",
}
"""Wishes without which the answer would be wrong."""


class Request(msgspec.Struct, kw_only=True):
    """A text completion request."""

    prompt: str | list[Any]
    model: Name | None = None
    max_tokens: Count | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    n: Annotated[int, msgspec.Meta(ge=1, le=128)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    logprobs: Annotated[int, msgspec.Meta(ge=0, le=5)] | None = None
    stop: str | list[str] | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    logit_bias: dict[str, float] | None = None
    seed: Seed | None = None
    user: str | None = None


def decode_request(body: Any) -> ChatRequest:
    """Return the request; raise BadRequest for token arrays, several prompts, ``suffix`` and ``echo``.

    What else has no field (``best_of``) stays in ``extra`` and is dropped by
    name, because no provider is asked in this wire.
    """
    asked = convert(body, Request)
    more = leftover(body, Request)
    for name, reason in REFUSED.items():
        if more.pop(name, None):
            raise BadRequest(f"{name}: {reason}", param=name, code="unsupported_parameter")
    stop = (asked.stop,) if isinstance(asked.stop, str) else tuple(asked.stop or ())
    options = asked.stream_options
    return ChatRequest(
        model=asked.model or "",
        messages=(Message(role="user", parts=(Text(text=_prompt(asked.prompt)),)),),
        max_tokens=asked.max_tokens,
        stop=stop,
        temperature=asked.temperature,
        top_p=asked.top_p,
        seed=asked.seed,
        frequency_penalty=asked.frequency_penalty,
        presence_penalty=asked.presence_penalty,
        logit_bias=asked.logit_bias,
        logprobs=asked.logprobs,
        n=asked.n,
        user=asked.user,
        stream=bool(asked.stream),
        extra=_extra(more, options is not None and bool(options.include_usage)),
    )


def _extra(more: dict[str, Any], usage: bool) -> dict[str, dict[str, Any]]:
    extra = {WIRE: more} if more else {}
    return extra | ({"openai_chat": {"stream_options": {"include_usage": True}}} if usage else {})


def _prompt(prompt: str | list[Any]) -> str:
    if isinstance(prompt, list):
        if len(prompt) != 1:
            raise BadRequest(f"prompt: expected one text, got {len(prompt)} items", param="prompt")
        prompt = prompt[0]
    if not isinstance(prompt, str):
        raise BadRequest("prompt: expected text; tokens belong to one model's vocabulary", param="prompt")
    text = without_nul(prompt)
    if not text:
        raise BadRequest("prompt: expected text, got none", param="prompt")
    return text


def encode_response(response: ChatResponse) -> dict[str, Any]:
    """Return the whole answer for a client: thoughts, calls and media have no place in it."""
    body: dict[str, Any] = {
        **_head(response.id, response.created, response.model),
        "choices": [_whole(choice, number) for number, choice in enumerate(response.choices)],
    }
    if response.usage is not None:
        body["usage"] = encode_usage(response.usage)
    if response.provider is not None:
        body["provider"] = response.provider
    return body


def _head(id_: str, created: int | None, model: str) -> dict[str, Any]:
    id_ = id_ or f"cmpl-{secrets.token_hex(12)}"
    return {"id": id_, "object": "text_completion", "created": created or 0, "model": model}


def _whole(choice: Choice, number: int) -> dict[str, Any]:
    texts = [part for part in choice.message.parts if isinstance(part, Text)]
    rows = tuple(row for text in texts for row in text.logprobs)
    said = "".join(text.text for text in texts)
    return _choice(number, said, encode_logprobs(rows)) | encode_stopped(choice.stop_reason, choice.stop_detail)


def _choice(number: int, text: str, logprobs: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {"text": text, "index": number, "logprobs": logprobs, "finish_reason": None}


def encode_logprobs(rows: tuple[Logprob, ...], offset: int = 0) -> dict[str, Any] | None:
    """Return log probabilities in four lists; ``offset`` is how much text stands before the first token."""
    if not rows:
        return None
    offsets = []
    for row in rows:
        offsets.append(offset)
        offset += len(row.token)
    return {
        "tokens": [row.token for row in rows],
        "token_logprobs": [row.logprob for row in rows],
        "top_logprobs": [{top.token: top.logprob for top in row.top} for row in rows],
        "text_offset": offsets,
    }


class Encoder:
    """Writes events as a stream of text completions; what is no text is left out."""

    content_type = "text/event-stream"

    def __init__(self, request: ChatRequest | None = None) -> None:
        """Write for the client who sent ``request``; None: usage is told."""
        options = {} if request is None else request.extra.get("openai_chat", {}).get("stream_options", {})
        self.usage_wanted = request is None or bool(options.get("include_usage"))
        self.expected = 1 if request is None else request.n or 1
        self.head: dict[str, Any] = {}
        self.texts: set[tuple[int, int]] = set()
        self.lengths: dict[int, int] = {}
        self.finished: set[int] = set()
        self.usage: Usage | None = None
        self.done = False

    def encode(self, event: Event) -> bytes:
        """Return the chunks for an event."""
        match event:
            case Started():
                self.head = _head(event.id, event.created, event.model)
            case PartStarted(part=Text() as part):
                self.texts.add((event.choice, event.index))
                return self._text(event.choice, part.text, part.logprobs)
            case PartDelta() if (event.choice, event.index) in self.texts:
                return self._text(event.choice, event.text, event.logprobs)
            case Finished():
                return self._finish(event)
            case _:
                pass
        return b""

    def words(self, index: int, choice: int) -> None:
        """Return None: words go through ``encode``."""

    def ping(self) -> bytes:
        """Return a comment, which clients skip."""
        return KEEP_ALIVE

    def note(self, text: str) -> bytes:
        """Return a comment."""
        return comment(text)

    def error(self, error: GatewayError) -> bytes:
        """Return the error chunk, which is followed by nothing."""
        return sse(encode(encode_error(error)))

    def end(self) -> bytes:
        """Return what ends the stream, once: usage where it was asked for, and ``[DONE]``."""
        if self.done:
            return b""
        self.done = True
        if not self.usage_wanted or self.usage is None:
            return DONE
        return self._chunk({"choices": [], "usage": encode_usage(self.usage)}) + DONE

    def _text(self, choice: int, text: str, rows: tuple[Logprob, ...]) -> bytes:
        if not text and not rows:
            return b""
        offset = self.lengths.get(choice, 0)
        self.lengths[choice] = offset + len(text)
        return self._chunk({"choices": [_choice(choice, text, encode_logprobs(rows, offset))]})

    def _finish(self, event: Finished) -> bytes:
        self.finished.add(event.choice)
        self.usage = event.usage or self.usage
        row = _choice(event.choice, "") | encode_stopped(event.reason, event.detail)
        data = self._chunk({"choices": [row]})
        whole = len(self.finished) >= self.expected or event.usage is not None
        return data + self.end() if whole and self.finished >= self.lengths.keys() else data

    def _chunk(self, body: Mapping[str, Any]) -> bytes:
        self.head = self.head or _head("", None, "")
        return sse(encode({**self.head, **body}))


__all__ = [
    "WIRE",
    "Encoder",
    "decode_error",
    "decode_request",
    "encode_error",
    "encode_response",
]
