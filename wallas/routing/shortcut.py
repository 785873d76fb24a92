"""The shortest way of plain words from a provider to a client: a read, the words in it, the client's bytes.

Nearly all that a stream brings are more words of a part that the client sees
already. Such words pass every stage of an attempt as they are, so they need
not go through them; whatever else a read brings takes the whole way.
"""

from typing import TYPE_CHECKING, TypeAlias

from wallas.codecs import StreamEncoder, WordsReader, WordsWriter
from wallas.errors import ProviderError
from wallas.types.events import PartDelta
from wallas.types.flow import Want

if TYPE_CHECKING:
    from wallas.routing.attempt import Attempt
    from wallas.routing.attempts import Attempts


class Encoded:
    """Writes words of a wire whose encoder has no shorter way than ``encode``."""

    __slots__ = ("encoder", "words")

    def __init__(self, encoder: StreamEncoder, words: PartDelta) -> None:
        """Write for the part of these words."""
        self.encoder = encoder
        self.words = words

    def write(self, text: str) -> bytes:
        """Return what the client gets for these words."""
        return self.encoder.encode(PartDelta(self.words.index, text, self.words.choice))


class Shortcut:
    """A READ of an attempt that knows its way: good for one part, until it is ``over``."""

    __slots__ = (
        "body",
        "choice",
        "deadlines",
        "index",
        "over",
        "reader",
        "reading",
        "tally",
        "texts",
        "watch",
        "writer",
    )

    def __init__(self, attempts: "Attempts", attempt: "Attempt", reader: WordsReader, words: PartDelta) -> None:
        """Follow these words, which have just passed every stage."""
        assert attempt.reading is not None
        shown = attempt.stages.shown
        self.index, self.choice = words.index, words.choice
        self.reading = attempt.reading
        self.body = attempt.reading.body
        self.reader = reader
        self.watch = attempt.stages.loops.watches[words.choice, words.index]
        self.texts = shown.texts if (words.choice, words.index) == shown.text_slot else []
        self.tally = attempts.tally
        self.deadlines = attempts.deadlines
        self.writer: WordsWriter = attempts.out.words(words.index, words.choice) or Encoded(attempts.out, words)
        self.over = False
        """Whether what was read last, or what is held now, takes the whole way."""

    def step(self) -> bytes:
        """Read once and return what the client gets of it at once; what is left for the whole way, the reading has."""
        reading = self.reading
        try:
            data = self.body.read()
        except ProviderError as error:
            reading.ahead, self.over = error, True
            return b""
        said = None if self.body.ended else self.reader.read(data)
        if said is None:
            reading.ahead, self.over = data, True
            return b""
        told = b""
        for text in said:
            if self._shows(text):
                told += self.writer.write(text)
        if told:
            self.deadlines.passed()
        return told

    def _shows(self, text: str) -> bool:
        """Note words, and return whether the client gets them now; those that may be a loop wait, and all behind."""
        if self.over:
            self.reading.early.append(PartDelta(self.index, text, self.choice))
            return False
        try:
            shows = self.watch.shows(text)
        except ProviderError as error:
            self.reading.ahead, self.over = error, True
            return False
        if not shows:
            self.watch.held.append(PartDelta(self.index, text, self.choice))
            self.reading.ahead, self.over = b"", True
            return False
        self.texts.append(text)
        self.tally.count(text)
        return True


Move: TypeAlias = bytes | Want | Shortcut
"""What an attempt loop yields: bytes for the client, or what it will do next."""
