"""The shortest way of plain words from a provider to a client: a read, the words in it, the client's bytes.

Nearly all that a stream brings are more words of a part that the client sees
already. Such words pass every stage of an attempt as they are, so they need
not go through them; whatever else a read brings takes the whole way. Why it
is one object, and one method: what a chunk costs is the memory that it touches
(docs/performance.md).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from wallas.codecs import StreamEncoder, WordsReader, WordsWriter
from wallas.codecs.framing import encode
from wallas.codecs.words import words_in
from wallas.errors import ProviderError
from wallas.routing.loops import LEAST, Watch
from wallas.transport_body import READ_BYTES
from wallas.types.events import Event, PartDelta
from wallas.types.flow import Want

if TYPE_CHECKING:
    from wallas.routing.attempt import Attempt
    from wallas.routing.attempts import Attempts

LINES = (b"%x\r\n", b"%X\r\n")
"""How servers write a chunk's size."""
TWO_DIGITS = 0xFF + 6
"""Bytes of the longest chunk, its line and end included, whose size has two digits; three up to 4 kB."""
TRIES = 4
"""So many events in a row that are not alike are enough to see that a provider's never are."""
NOWHERE = b"\0"


class Encoded:
    """Writes words of a wire whose encoder has no shorter way than ``encode``."""

    __slots__ = ("encoder", "words")
    around = None

    def __init__(self, encoder: StreamEncoder, words: PartDelta) -> None:
        """Write for the part of these words."""
        self.encoder = encoder
        self.words = words

    def write(self, text: str) -> bytes:
        """Return what the client gets for these words."""
        return self.encoder.encode(PartDelta(self.words.index, text, self.words.choice))

    def note(self, text: str) -> None:
        """Note nothing: all words are written here."""


class Unwritten:
    """Writes nothing: the client gets words that are kept when they are whole."""

    __slots__ = ()
    around = None

    def write(self, text: str) -> bytes:
        """Return nothing."""
        return b""

    def note(self, text: str) -> None:
        """Note nothing."""


class Shortcut:
    """A READ of an attempt that knows its way: good for one part, until it is ``over``.

    A chunk whose event differs from an earlier one in nothing but its words is
    known by the bytes around them, the ``head`` and the ``tail`` of a mould.
    """

    __slots__ = (
        "after",
        "before",
        "behind",
        "body",
        "choice",
        "fresh",
        "head",
        "heard",
        "held",
        "index",
        "line",
        "misses",
        "over",
        "reader",
        "reading",
        "room",
        "said",
        "shows",
        "sock",
        "start",
        "tail",
        "tally",
        "texts",
        "unit",
        "watch",
        "writer",
    )

    def __init__(
        self,
        attempts: "Attempts",
        attempt: "Attempt",
        reader: WordsReader,
        words: PartDelta,
        *,
        watch: Watch,
        unit: list[PartDelta] | None,
    ) -> None:
        """Follow these words, which ``watch`` has taken in and which are shown, or are in ``unit`` among others."""
        assert attempt.reading is not None
        shown = attempts.shown
        self.index, self.choice = words.index, words.choice
        self.reading = attempt.reading
        self.body = attempt.reading.body
        self.sock = self.body.tap()
        """Where chunks are taken from as they are; None where the body has to look at every byte."""
        self.reader = reader
        self.watch = watch
        self.texts = shown.texts if (words.choice, words.index) == shown.text_slot else []
        self.tally = attempts.tally
        self.unit = unit
        self.held = attempt.held if attempts.whole_turn else None
        """What waits for the end of the turn."""
        self.shows = unit is None and self.held is None
        self.writer: WordsWriter = Unwritten()
        if self.shows:
            self.writer = attempts.out.words(words.index, words.choice) or Encoded(attempts.out, words)
        self.before, self.after = self.writer.around or (b"", b"")
        self.line, self.head, self.tail = b"", b"", NOWHERE
        self.start = self.behind = self.misses = 0
        self.fresh = ""
        """Words that went to the client and that nobody was told of yet."""
        self.said: list[str] = []
        """The words before them, of which only the watch knows."""
        self.room = 0 if self.watch.period else LEAST - len(self.watch.fresh)
        """How many more characters need not be looked at for a loop."""
        self.heard = 0.0
        """When words came last that went on to the client, until ``Stream`` has told the deadlines."""
        self.over = False
        """Whether what was read last, or what is held now, takes the whole way."""

    def step(self, now: float) -> bytes:
        """Read once and return what the client gets of it at once; what is left for the whole way, the reading has."""
        sock = self.sock
        if sock is None:
            return self._read(None, now)
        try:
            data = sock.recv(READ_BYTES)
        except OSError as error:
            return self._read(error, now)
        size = len(data)
        more = size > TWO_DIGITS
        start, end = self.start + more, size - self.behind
        if data[end:] != self.tail or data[:start] != self.line % (size - 6 - more) + self.head:
            return self._read(data, now)
        string = data[start - 1 : end + 1]
        try:
            text = words_in(string)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return self._read(data, now)
        if not text:
            return self._read(data, now)
        self.misses = 0
        self.room = room = self.room + start - end
        if room <= 0:
            return self._looked_at(text, now)
        self.fresh += text
        self.heard = now
        before = self.before
        return before + string + self.after if before else self.writer.write(text)

    def note(self) -> None:
        """Tell all who follow the words what went to the client since they were told last."""
        self.watch.fresh += self.fresh
        text = "".join([*self.said, self.fresh])
        self.said, self.fresh = [], ""
        if not text:
            return
        self.reader.keep((text,))
        if self.unit is not None:
            self.unit.append(PartDelta(self.index, text, self.choice))
            return
        if self.held is not None:
            self.held.append(PartDelta(self.index, text, self.choice))
        self.texts.append(text)
        self.tally.count(text)
        if self.before:
            self.writer.note(text)

    def _read(self, received: bytes | OSError | None, now: float) -> bytes:
        """Return what the client gets of any read, whose outcome may be here already."""
        body = self.body
        try:
            data = body.read() if received is None else body.read(received)
        except ProviderError as error:
            return self._leave(error)
        self.sock = body.tap()
        if not (data or body.ended or body.pending()):
            return b""
        said = None if body.ended else self.reader.read(data)
        if said is None or (self.sock is None and body.pending()):
            return self._leave(data)
        self._learn(received, data, said)
        told = b""
        for text in said:
            told += self._told(text, now)
        return told

    def _leave(self, ahead: bytes | ProviderError) -> bytes:
        """Leave the rest to the whole way: what was read, or the fault that reading met."""
        self.note()
        self.reading.ahead, self.over = ahead, True
        return b""

    def _learn(self, received: bytes | OSError | None, event: bytes, said: Sequence[str]) -> None:
        """Make a mould of an event that came as a chunk of its own, unless such events are never alike."""
        if self.misses > TRIES or not isinstance(received, bytes) or len(said) != 1:
            return
        self.misses += 1
        size, mould = len(event), self.reader.mould(event, said[0])
        if mould is None:
            return
        head, tail = mould
        for line in LINES:
            if received == line % size + event + b"\r\n":
                self.line, self.head, self.tail = line, head, tail + b"\r\n"
                self.start, self.behind = 4 + len(head), 2 + len(tail)
                break

    def _told(self, text: str, now: float) -> bytes:
        """Return what the client gets for words."""
        self.room -= len(text)
        if self.room <= 0 or self.over:
            return self._looked_at(text, now)
        self.fresh += text
        self.heard = now
        return self.before + encode(text) + self.after if self.before else self.writer.write(text)

    def _looked_at(self, text: str, now: float) -> bytes:
        """Return what the client gets for words once it is known whether they are a loop.

        Those that may be one wait, and all behind.
        """
        if self.over:
            return self._later(text, self.reading.early)
        watch, fresh = self.watch, self.fresh
        watch.fresh += fresh
        self.said.append(fresh)
        self.fresh = ""
        try:
            shows = watch.shows(text)
        except ProviderError as error:
            self.note()
            self.reader.keep((text,))
            return self._leave(error)
        if not shows:
            self._later(text, watch.held)
            return self._leave(b"")
        self.said.append(text)
        self.room = 0 if watch.period else LEAST - len(watch.fresh)
        self.heard = now
        return self.before + encode(text) + self.after if self.before else self.writer.write(text)

    def _later(self, text: str, held: list[Event]) -> bytes:
        """Keep words that the client gets later, if at all."""
        self.note()
        self.reader.keep((text,))
        held.append(PartDelta(self.index, text, self.choice))
        return b""


Move: TypeAlias = bytes | Want | Shortcut
"""What an attempt loop yields: bytes for the client, or what it will do next."""
