"""Requests and answers of ranking documents and of moderation."""

from typing import Any, ClassVar

from wallas.types.chat import Usage, Value


class RerankRequest(Value, frozen=True, kw_only=True):
    """Which of ``documents`` answer a query best; None is "not said"."""

    OPERATION: ClassVar[str] = "rerank"

    model: str
    query: str
    documents: tuple[str, ...]
    top: int | None = None
    tokens_each: int | None = None


class Ranked(Value, frozen=True, kw_only=True):
    """One document by its place in the request, and how well it answers: more is better, the scale its model's."""

    index: int
    score: float


class RerankAnswer(Value, frozen=True, kw_only=True):
    """The documents, best first."""

    ranked: tuple[Ranked, ...]
    usage: Usage | None = None


class ModerationRequest(Value, frozen=True, kw_only=True):
    """Texts, and pictures by their address, that may be harmful; each input is judged alone."""

    OPERATION: ClassVar[str] = "moderation"

    model: str
    inputs: tuple[Any, ...]
    """A text each, or a list of OpenAI's parts (``text``, ``image_url``) that are judged together."""


class Verdict(Value, frozen=True, kw_only=True):
    """What a model says of one input, in OpenAI's words for kinds of harm."""

    flagged: bool
    categories: dict[str, bool]
    scores: dict[str, float]
    applied: dict[str, list[str]] | None = None


class ModerationAnswer(Value, frozen=True, kw_only=True):
    """A verdict for each input."""

    verdicts: tuple[Verdict, ...]
    usage: Usage | None = None
