"""Reads one provider's answer: head, refusal or body, stream or whole, as events."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from wallas import codecs
from wallas.codecs import StreamDecoder, WordsReader
from wallas.codecs.plain import PlainDecoder
from wallas.errors import FailureKind, ProviderError
from wallas.providers.base import Provider
from wallas.types.chat import ChatRequest, ChatResponse
from wallas.types.events import Event, PartDelta, before

REFUSAL_BYTES = 256 * 1024


class Reading:
    """A body under way; ``feed`` reads it once and yields the events that came, ``done`` tells when to stop."""

    def __init__(
        self,
        provider: Provider,
        body: Any,
        request: ChatRequest,
        *,
        heard: Callable[[Mapping[str, str]], object] = lambda headers: None,
    ) -> None:
        """Read the answer to ``request`` from ``body``; ``heard`` gets the headers as soon as they are here."""
        self.heard = heard
        self.provider = provider
        self.body = body
        self.request = request
        self.decoder: StreamDecoder | None = None
        self.refusal: bytearray | None = None
        self.done = False
        self.whole: ChatResponse | None = None
        """What ``gather`` found."""
        self.early: list[Event] = []
        """Events that were read before anybody wanted them."""
        self.ahead: bytes | ProviderError | None = None
        """What a read of the body gave that ``feed`` has not looked at."""

    @property
    def waits(self) -> bool:
        """Return whether the next ``feed`` has to wait for the socket."""
        return not (self.early or self.ahead is not None or self.body.ended or self.body.pending())

    @property
    def complete(self) -> bool:
        """Return whether the answer is whole, whatever may follow."""
        return self.decoder is not None and self.decoder.complete

    def feed(self) -> Iterable[Event]:
        """Return the events of one read; raise ProviderError for a refusal or a fault, behind what preceded it."""
        if self.early:
            early, self.early = self.early, []
            return early
        return self._read()

    def gather(self) -> Sequence[Event]:
        """Read once as ``feed`` does; an answer that comes whole is told by ``whole`` in the end, and by no events."""
        body, decoder = self.body, self.decoder
        try:
            data: bytes = body.read()
            if body.status is None:
                return ()
            if decoder is None and self.refusal is None:
                self._meet_head()
                decoder = self.decoder
        except ProviderError as error:
            self.ahead = error
            return tuple(self._read())
        if type(decoder) is not PlainDecoder:
            self.ahead = data
            return tuple(self._read())
        if body.ended:
            self.done = True
            self.whole = decoder.whole(data)
        elif data:
            decoder.add(data)
        return ()

    def words(self, words: PartDelta) -> WordsReader | None:
        """Return what reads more of these words, None where that takes ``feed``."""
        if self.decoder is None or self.done or self.early or self.decoder.complete:
            return None
        return self.decoder.words(words.index, words.choice)

    def look(self) -> Sequence[Event]:
        """Return the events so far, after one more read; ``feed`` gives them all later. Raises as ``feed`` does."""
        self.early += list(self._read())
        return self.early

    def _read(self) -> Iterable[Event]:
        """Return the events of one read, in a list where no fault follows them."""
        body, decoder, ahead, data = self.body, self.decoder, self.ahead, b""
        try:
            if ahead is None:
                data = body.read()
            elif type(ahead) is bytes:
                data, self.ahead = ahead, None
            else:
                self.ahead = None
                raise ahead  # type: ignore[misc]
        except ProviderError as error:
            return self._broken(error)
        if body.status is None:
            return []
        if decoder is None:
            if self.refusal is None:
                self._meet_head()
            if self.refusal is not None:
                self._refused(data)
                return []
            decoder = self.decoder
            assert decoder is not None
        events: list[Event] = []
        if data:
            try:
                events += decoder.feed(data)
            except ProviderError as error:
                # what goes wrong behind a whole answer is no fault of it
                return self._ended(decoder, events) if decoder.complete else before(events, error)
        if decoder.done:
            self.done = True
        elif body.ended and not self.done:
            return self._ended(decoder, events)
        return events

    def _broken(self, error: ProviderError) -> Iterable[Event]:
        """Return what is left to tell where the body broke; raise what that means for an answer that is not whole."""
        if self.body.status is not None and self.body.status >= 400:
            raise self._refusal() from error
        if self.decoder is None or not self.decoder.complete:
            raise error
        return self._ended(self.decoder, [])

    def _ended(self, decoder: StreamDecoder, events: list[Event]) -> Iterable[Event]:
        """Return events and what the end completes; an end mark missing behind a whole answer is no fault (U14)."""
        self.done = True
        whole = decoder.complete
        try:
            events += decoder.end()
        except ProviderError as error:
            return events if whole else before(events, error)
        return events

    def _meet_head(self) -> None:
        self.heard(self.body.headers)
        status, kind = self.body.status, self.body.headers.get("content-type", "")
        if status >= 400:
            self.refusal = bytearray()
        elif status != 200:
            raise ProviderError(FailureKind.MALFORMED, f"status {status} where an answer was due", status=status)
        elif kind[:9] == "text/html":
            raise ProviderError(FailureKind.MALFORMED, "HTML where an answer was due", status=status)
        elif self.request.stream and kind.startswith("application/json") and self.provider.wire != codecs.OLLAMA:
            self.decoder = PlainDecoder(*codecs.plain_readers(self.provider.wire))
        else:
            self.decoder = self.provider.decoder(self.request)

    def _refused(self, data: bytes) -> None:
        assert self.refusal is not None
        self.refusal += data
        if self.body.ended or len(self.refusal) > REFUSAL_BYTES:
            self.done = True
            raise self._refusal()

    def _refusal(self) -> ProviderError:
        """Return what a refusal means, as far as its words have come."""
        return self.provider.decode_error(self.body.status, self.body.headers, bytes(self.refusal or b""))
