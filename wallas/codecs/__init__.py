"""One codec per wire: the same eight names in every module, and a ninth in some, used from both sides of the gateway.

Codecs are sans-IO. JSON values and bytes go in, canonical values come out, and
the other way round; no sockets, clock, Flask or SQL.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Any, Protocol, cast

from wallas.errors import GatewayError, ProviderError
from wallas.types.chat import ChatRequest, ChatResponse
from wallas.types.events import Event

OPENAI_CHAT = "openai_chat"
OPENAI_RESPONSES = "openai_responses"
ANTHROPIC = "anthropic"
OLLAMA = "ollama"
GEMINI = "gemini"
COHERE = "cohere"
SHORT = frozenset({OPENAI_CHAT, ANTHROPIC, OLLAMA, GEMINI})
"""Wires that read whole answers of words in a way of their own, with ``decode_words``."""
WIRES = (OPENAI_CHAT, OPENAI_RESPONSES, ANTHROPIC, OLLAMA, GEMINI, COHERE)


class WordsReader(Protocol):
    """Reads more words of one open part, until its decoder is fed again."""

    def read(self, data: bytes) -> Sequence[str] | None:
        """Return the words of each event in these bytes; None if they say anything else. They count once kept."""

    def keep(self, said: Sequence[str]) -> None:
        """Tell the decoder that these words were read, here or by their ``mould``."""

    def mould(self, event: bytes, words: str) -> tuple[bytes, bytes] | None:
        """Return what stands around the words of an event that was read, quotes included; None where it may change.

        Whatever JSON string stands between them, such an event says its words and nothing else.
        """


class WordsWriter(Protocol):
    """Writes more words of one open part, until its encoder is given something else."""

    @property
    def around(self) -> tuple[bytes, bytes] | None:
        """Return what the client gets around words as a JSON string, None where that is never the same."""

    def write(self, text: str) -> bytes:
        """Return what the client gets for these words."""

    def note(self, text: str) -> None:
        """Note words that were not written here but put between what is ``around``."""


class StreamDecoder(Protocol):
    """A provider's streamed body, pushed in; events come out. Used once."""

    @property
    def done(self) -> bool:
        """Return whether the wire's last word was read: nothing more will come."""

    @property
    def complete(self) -> bool:
        """Return whether the answer is whole: a cut from here on is no fault, though usage may still follow."""

    def feed(self, data: bytes) -> Iterable[Event]:
        """Return the events in these bytes; a fault among them is raised while they are iterated, behind the others."""

    def words(self, index: int, choice: int) -> WordsReader | None:
        """Return what reads more words of this part; None where it takes ``feed``."""

    def end(self) -> Iterator[Event]:
        """Yield what the end of the body completes; raise ProviderError(CUT) when the end mark was not seen."""


class StreamEncoder(Protocol):
    """A client's answer, streamed or whole, as bytes. Used once."""

    @property
    def content_type(self) -> str:
        """Return the type of what ``encode`` gives."""

    def encode(self, event: Event) -> bytes:
        """Return what the client gets for this event, perhaps nothing yet."""

    def words(self, index: int, choice: int) -> WordsWriter | None:
        """Return what writes more words of this part; None where it takes ``encode``."""

    def ping(self) -> bytes:
        """Return the wire's own keep-alive."""

    def note(self, text: str) -> bytes:
        """Return a comment that clients ignore, or nothing where the wire has none."""

    def error(self, error: GatewayError) -> bytes:
        """Return the wire's own error event, which ends a running stream without an end mark."""


class Codec(Protocol):
    """What every codec module has."""

    @property
    def WIRE(self) -> str:
        """Return the wire's name."""

    @property
    def Decoder(self) -> Callable[[], StreamDecoder]:
        """Return the class that reads a provider's stream."""

    @property
    def Encoder(self) -> Callable[[ChatRequest | None], StreamEncoder]:
        """Return the class that writes a client's stream, as the client's request (None: defaults) wants it."""

    def decode_request(self, body: Any) -> ChatRequest:
        """Return a client's request; raise BadRequest naming the field that is wrong."""

    def encode_request(self, request: ChatRequest, dropped: list[str] | None = None) -> dict[str, Any]:
        """Return the body for a provider; append to ``dropped`` the name of whatever has no place on this wire."""

    def decode_response(self, body: Any) -> ChatResponse:
        """Return a provider's whole answer; raise ProviderError for an error that came with a 200."""

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """Return what a refusal means; ``headers`` has lower-case names, ``body`` may be anything."""

    def encode_response(self, response: ChatResponse) -> dict[str, Any]:
        """Return the whole answer for a client."""

    def encode_error(self, error: GatewayError) -> dict[str, Any]:
        """Return the wire's error body."""


@cache
def codec(wire: str) -> Codec:
    """Return the codec module of a wire, imported when first asked for."""
    if wire not in WIRES:
        raise KeyError(wire)
    return cast(Codec, import_module(f"wallas.codecs.{wire}"))


def not_short(data: bytes) -> None:
    """Return None: a wire without a short way reads every answer as a whole."""


@cache
def plain_readers(wire: str) -> tuple[Callable[[Any], ChatResponse], Callable[[bytes], ChatResponse | None]]:
    """Return what reads a whole answer of a wire, as ``PlainDecoder`` wants it: its long way and its short one."""
    module: Any = codec(wire)
    return module.decode_response, module.decode_words if wire in SHORT else not_short


def pulled(decoder: StreamDecoder, chunks: Iterable[bytes]) -> Iterator[Event]:
    """Yield the events of a body given as chunks: the pull form of a decoder."""
    for chunk in chunks:
        yield from decoder.feed(chunk)
    if not decoder.done:
        yield from decoder.end()
