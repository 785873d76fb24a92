"""Whole bodies in the shape of streams, so that plain requests run through the same loop as streamed ones."""

from collections.abc import Callable, Iterator
from typing import Any

from wallas.codecs import not_short
from wallas.codecs.framing import Plain, decode_body, encode
from wallas.errors import GatewayError
from wallas.types.chat import ChatResponse
from wallas.types.events import Event, Fold, Ping, unfold


class PlainDecoder(Plain):
    """Collects a provider's whole body and tells it as events at its end."""

    def __init__(
        self,
        decode_response: Callable[[Any], ChatResponse],
        decode_words: Callable[[bytes], ChatResponse | None] = not_short,
    ) -> None:
        """Read answers of the wire whose functions these are; ``decode_words`` is asked first."""
        self.pieces: list[bytes] = []
        self.size = 0
        self.decode_response = decode_response
        self.decode_words = decode_words
        self.done = False
        self.complete = False

    def feed(self, data: bytes) -> Iterator[Event]:
        """Take bytes in; nothing can be told before the end."""
        self.add(data)
        return iter(())

    def words(self, index: int, choice: int) -> None:
        """Return None: all is told at once."""

    def end(self) -> Iterator[Event]:
        """Yield the events of the whole answer."""
        return unfold(self.whole(b""))

    def whole(self, data: bytes) -> ChatResponse:
        """Return the whole answer that these bytes end, in place of the events that ``end`` yields."""
        if self.pieces:
            self.add(data)
            data = self.data
        response = self.decode_words(data) or self.decode_response(decode_body(data))
        self.done = self.complete = True
        return response


class PlainEncoder:
    """Collects events and encodes the whole answer once the last choice has finished."""

    content_type = "application/json"

    def __init__(
        self,
        encode_response: Callable[[ChatResponse], dict[str, Any]],
        encode_error: Callable[[GatewayError], dict[str, Any]],
    ) -> None:
        """Write answers and errors of the wire whose functions these are."""
        self.encode_response = encode_response
        self.encode_error = encode_error
        self.whole: Fold | None = None

    def encode(self, event: Event) -> bytes:
        """Take an event in; ``finish`` gives the bytes."""
        if self.whole is None:
            self.whole = Fold()
        if not isinstance(event, Ping):
            self.whole.add(event)
        return b""

    def finish(self, response: ChatResponse | None = None) -> bytes:
        """Return the whole answer as JSON: the events' own, or ``response`` made from it."""
        if response is None:
            response = (self.whole or Fold()).result()
        return encode(self.encode_response(response))

    def words(self, index: int, choice: int) -> None:
        """Return None: words go through ``encode``."""

    def ping(self) -> bytes:
        """Return nothing: a plain body has no keep-alive."""
        return b""

    def note(self, text: str) -> bytes:
        """Return nothing: a plain body has no comments."""
        return b""

    def error(self, error: GatewayError) -> bytes:
        """Return the wire's error body."""
        return encode(self.encode_error(error))
