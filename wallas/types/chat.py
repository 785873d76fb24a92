"""One chat request and its answer, in the words that every wire can be translated into.

What two wires share is a typed field. What only one wire has stays in
``extra[wire]`` on the request, message, part or tool it sat on, and leaves
only through the same wire. Blocks nobody else understands are ``Opaque``.
"""

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Literal, TypeAlias

import msgspec

from wallas.types.span import Base64

Json: TypeAlias = Any
Extra: TypeAlias = dict[str, dict[str, Json]]
"""Keyed by wire name (``openai_chat``, ``anthropic``, ...), then by that wire's own key."""

Role: TypeAlias = Literal["system", "developer", "user", "assistant", "tool"]
MediaKind: TypeAlias = Literal["image", "audio", "video", "document"]

SEAL = re.compile(r"([a-z0-9_.-]+/\S+?@[\w.-]*):(.*)", re.DOTALL)


class Value(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of all canonical values: immutable, compared by content, written as compact JSON for storage."""


class Seal(Value, frozen=True, kw_only=True):
    """A token that its issuer wants back unread; ``issuer`` is ``provider/model@account``, "" when not known."""

    issuer: str = ""
    value: str

    def __str__(self) -> str:
        """Return the form in which clients carry a seal: ``issuer:value``, or the bare value without issuer."""
        return f"{self.issuer}:{self.value}" if self.issuer else self.value

    @classmethod
    def parse(cls, text: str) -> "Seal":
        """Return the seal that a client sent back; a value that never passed through here has no issuer."""
        match = SEAL.fullmatch(text)
        return cls(issuer=match[1], value=match[2]) if match else cls(value=text)


class Citation(Value, frozen=True, kw_only=True):
    """A claim's source. ``start`` and ``end`` count characters of the answer's text part; None: not said."""

    start: int | None = None
    end: int | None = None
    url: str | None = None
    title: str | None = None
    text: str | None = None
    extra: Extra = {}


class Logprob(Value, frozen=True, kw_only=True):
    """One token's log probability, with the runners-up; ``bytes`` is its UTF-8 as a list of integers."""

    token: str
    logprob: float
    bytes: list[int] | None = None
    top: tuple["Logprob", ...] = ()


class Text(Value, frozen=True, kw_only=True, tag="text"):
    """Words, in or out."""

    text: str
    citations: tuple[Citation, ...] = ()
    logprobs: tuple[Logprob, ...] = ()
    seal: Seal | None = None
    extra: Extra = {}


class Media(Value, frozen=True, kw_only=True, tag="media"):
    """An image, sound, video or document: exactly one of ``data`` (base64 text), ``url`` and ``file_id``.

    ``mime`` is None when the sender did not say. ``text`` is the transcript of
    a spoken answer, or a document given as plain text.
    """

    kind: MediaKind
    mime: str | None = None
    data: Base64 | None = None
    url: str | None = None
    file_id: str | None = None
    name: str | None = None
    detail: str | None = None
    text: str | None = None
    seal: Seal | None = None
    extra: Extra = {}


class Reasoning(Value, frozen=True, kw_only=True, tag="reasoning"):
    """The model's thinking: its ``text``, a ``summary`` of it, or ``redacted`` (only the seal is left)."""

    text: str = ""
    summary: str = ""
    redacted: bool = False
    seal: Seal | None = None
    extra: Extra = {}


class ToolCall(Value, frozen=True, kw_only=True, tag="tool_call"):
    """A call the model wants made; ``arguments`` is JSON text as it came (freeform text if ``kind`` is custom)."""

    id: str
    name: str
    arguments: str = ""
    kind: Literal["function", "custom"] = "function"
    seal: Seal | None = None
    extra: Extra = {}


class ToolResult(Value, frozen=True, kw_only=True, tag="tool_result"):
    """What a call returned. ``name`` is the tool's, where the sender gave it (Gemini and Ollama need it)."""

    call_id: str
    parts: tuple["Part", ...] = ()
    is_error: bool = False
    name: str | None = None
    kind: Literal["function", "custom"] = "function"
    seal: Seal | None = None
    extra: Extra = {}


class Refusal(Value, frozen=True, kw_only=True, tag="refusal"):
    """The model's words of refusal, on wires that set them apart from text."""

    text: str
    seal: Seal | None = None
    extra: Extra = {}


class Opaque(Value, frozen=True, kw_only=True, tag="opaque"):
    """A block of one wire, carried unread and given back to that wire only."""

    wire: str
    data: Json
    seal: Seal | None = None
    extra: Extra = {}


Part: TypeAlias = Text | Media | Reasoning | ToolCall | ToolResult | Refusal | Opaque


class Message(Value, frozen=True, kw_only=True):
    """One turn of the conversation, where it stood: nothing is hoisted, merged or reordered."""

    role: Role
    parts: tuple[Part, ...] = ()
    name: str | None = None
    extra: Extra = {}


class Tool(Value, frozen=True, kw_only=True, tag="tool"):
    """A tool the model may call. ``parameters`` is a JSON Schema; None means the wire gave none."""

    name: str
    description: str | None = None
    parameters: dict[str, Json] | None = None
    strict: bool | None = None
    kind: Literal["function", "custom"] = "function"
    extra: Extra = {}


class ToolChoice(Value, frozen=True, kw_only=True):
    """Whether to call: ``auto``, ``none``, ``required``, or ``named`` with the tool's ``name``."""

    mode: Literal["auto", "none", "required", "named"]
    name: str | None = None


class Output(Value, frozen=True, kw_only=True):
    """The asked form of the answer: any JSON, or JSON of a ``schema``. Text needs no Output."""

    kind: Literal["json", "schema"]
    name: str | None = None
    description: str | None = None
    schema: dict[str, Json] | None = None
    strict: bool | None = None


class Thinking(Value, frozen=True, kw_only=True):
    """How hard to think. ``effort``: none, minimal, low, medium, high, xhigh, max; ``budget`` in tokens (-1: dynamic).

    ``enabled`` False forbids thinking. ``visible`` asks for the thoughts or a
    summary in the answer (``summary``: auto, concise, detailed). None is "not said".
    """

    enabled: bool | None = None
    effort: str | None = None
    budget: int | None = None
    visible: bool | None = None
    summary: str | None = None


class Voice(Value, frozen=True, kw_only=True):
    """The voice and the container of a spoken answer."""

    name: str | None = None
    format: str | None = None


class ChatRequest(Value, frozen=True, kw_only=True):
    """What a client asks for. None is always "not said", never a default."""

    model: str
    messages: tuple[Message, ...] = ()
    tools: tuple[Tool | Opaque, ...] = ()
    tool_choice: ToolChoice | None = None
    allowed_tools: tuple[str, ...] | None = None
    parallel_tools: bool | None = None
    output: Output | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logit_bias: dict[str, float] | None = None
    thinking: Thinking | None = None
    logprobs: int | None = None
    """None: not asked; 0: the chosen tokens only; n: with n runners-up."""
    modalities: tuple[str, ...] = ()
    voice: Voice | None = None
    n: int | None = None
    user: str | None = None
    metadata: dict[str, Json] | None = None
    service_tier: str | None = None
    previous_id: str | None = None
    stream: bool = False
    extra: Extra = {}


def only_words(messages: Iterable[Message]) -> bool:
    """Return whether a conversation is nothing but text: no calls, files or thoughts, no seals, and nothing extra."""
    for message in messages:
        if message.extra:
            return False
        for part in message.parts:
            if type(part) is not Text or part.extra or part.seal is not None:
                return False
    return True


class StopReason(StrEnum):
    """Why an answer ended; the wire's own word is kept beside it as ``stop_detail``."""

    STOP = "stop"
    STOP_SEQUENCE = "stop_sequence"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"
    CONTENT_FILTER = "content_filter"
    REFUSAL = "refusal"
    PAUSE = "pause"
    UNKNOWN = "unknown"


class Usage(Value, frozen=True, kw_only=True):
    """Tokens. ``input`` includes cached ones, ``output`` includes reasoning; None is "not said", not zero.

    ``raw`` holds, by wire, the provider's own usage object for what has no field.
    """

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None
    raw: Extra = {}

    def updated(self, later: "Usage | None") -> "Usage":
        """Return this usage with what a later report says instead, field by field."""
        if later is None:
            return self
        said = {name: value for name in COUNTS if (value := getattr(later, name)) is not None}
        raw = {wire: self.raw.get(wire, {}) | later.raw.get(wire, {}) for wire in self.raw | later.raw}
        return msgspec.structs.replace(self, raw=raw, **said)


COUNTS = ("input", "output", "cache_read", "cache_write", "reasoning")


class Choice(Value, frozen=True, kw_only=True):
    """One of the answers. ``stop_detail`` is the wire's own word, or the stop sequence that matched."""

    message: Message
    stop_reason: StopReason | None = None
    stop_detail: str | None = None
    extra: Extra = {}


class ChatResponse(Value, frozen=True, kw_only=True):
    """A whole answer. ``choices`` has one member unless ``n`` asked for more; ``created`` is epoch seconds."""

    id: str = ""
    model: str = ""
    provider: str | None = None
    created: int | None = None
    choices: tuple[Choice, ...] = ()
    usage: Usage | None = None
    extra: Extra = {}

    @property
    def message(self) -> Message:
        """Return the first answer's message."""
        return self.choices[0].message

    @property
    def stop_reason(self) -> StopReason | None:
        """Return why the first answer ended."""
        return self.choices[0].stop_reason
