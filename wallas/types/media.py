"""Requests and answers of operations that are no chat: embeddings, the words of pages."""

from typing import ClassVar, Literal, TypeAlias

from wallas.types.chat import Extra, Media, Text, Usage, Value

EmbedTask: TypeAlias = Literal[
    "query",
    "document",
    "similarity",
    "classification",
    "clustering",
    "question_answering",
    "fact_verification",
    "code_query",
    "image",
]
"""What the vectors are for; models made for search embed a query in another way than a document."""


class Mixed(Value, frozen=True, kw_only=True, tag="mixed"):
    """One input that is more than text: an image, or words and images embedded as one."""

    parts: tuple[Text | Media, ...]


EmbedInput: TypeAlias = str | tuple[int, ...] | Mixed
"""A text, a text as token numbers of the asked model, or a mixed input."""


class EmbedRequest(Value, frozen=True, kw_only=True):
    """What shall be embedded, one vector for each of ``inputs``. None is always "not said"."""

    model: str
    inputs: tuple[EmbedInput, ...]
    dimensions: int | None = None
    encoding_format: Literal["float", "base64"] | None = None
    """How the client wants its vectors written; a provider may be asked for the same."""
    task: EmbedTask | None = None
    truncate: Literal["none", "start", "end"] | None = None
    """Which end of a too long input is cut off; ``none``: it is refused."""
    user: str | None = None
    extra: Extra = {}


class EmbedResponse(Value, frozen=True, kw_only=True):
    """The vectors, in the order of the inputs and all of one length."""

    model: str = ""
    vectors: tuple[tuple[float, ...], ...] = ()
    usage: Usage | None = None
    provider: str | None = None
    extra: Extra = {}


class OcrRequest(Value, frozen=True, kw_only=True):
    """Pages to be read: PNGs, and the languages on them (``es``, ``eng+deu``; None: to be found out).

    ``hint`` is a language that is likely where none was asked for.
    """

    OPERATION: ClassVar[str] = "ocr"

    model: str
    pictures: tuple[bytes, ...]
    language: str | None = None
    hint: str | None = None


class OcrPage(Value, frozen=True, kw_only=True):
    """What stands on one page, as Markdown; ``confidence`` from 0 to 1 where the engine says one."""

    text: str
    confidence: float | None = None
