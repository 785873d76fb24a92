"""Speaks an answer while it is still being written: sentence after sentence, in a thread of its own."""

import logging
import queue
import re
import threading
from collections.abc import Callable

from wallas.errors import GatewayError
from wallas.media import pcm
from wallas.realtime.settings import Saying
from wallas.realtime.sounds import DELTA_BYTES, encoded
from wallas.routing.operation import Run
from wallas.routing.speech import speak
from wallas.types.sound import SpeechRequest

log = logging.getLogger(__name__)

SENTENCE = re.compile(r"[.!?…][\"'”’»)\]]*\s+|[。！？]|\n+")
LEAST_CHARS = 20
"""Shorter sentences are spoken with the next one."""
SPEAKABLE = re.compile(r"\w")


class Speaker:
    """One answer's voice: ``feed`` it text, ``finish`` and wait; ``hear`` gets its sound, a sentence's end as None."""

    def __init__(
        self,
        begin: Callable[[Callable[[], bool]], Run],
        saying: Saying,
        hear: Callable[[bytes, int | None], None],
    ) -> None:
        """Speak by the run that ``begin`` returns, given what tells whether that is still wanted.

        ``hear(sound, chars)``: so many characters are spoken by its end.
        """
        self.begin = begin
        self.saying = saying
        self.hear = hear
        self.rest = ""
        self.chars = 0
        self.over = False
        self.fault: GatewayError | None = None
        self.texts: queue.SimpleQueue[tuple[str, int] | None] = queue.SimpleQueue()
        self.thread = threading.Thread(target=self._run, name="wallas-voice", daemon=True)
        self.thread.start()

    def feed(self, text: str) -> None:
        """Take more of the answer."""
        self.rest += text
        ends = [match.end() for match in SENTENCE.finditer(self.rest) if match.end() >= LEAST_CHARS]
        if ends:
            self._give(ends[-1])

    def finish(self) -> None:
        """Say that this was all, and wait until it is spoken."""
        self._give(len(self.rest))
        self.texts.put(None)
        self.thread.join()

    def stop(self) -> None:
        """Speak no more; from any thread."""
        self.over = True
        self.texts.put(None)

    def _give(self, end: int) -> None:
        text, self.rest = self.rest[:end], self.rest[end:]
        self.chars += len(text)
        if text:
            self.texts.put((text, self.chars))

    def _run(self) -> None:
        try:
            self._speak()
        except GatewayError as error:
            self.fault = error
        except Exception:
            log.exception("speaking broke")
            self.fault = GatewayError("the gateway failed; see its log", code="internal_error")

    def _speak(self) -> None:
        first = self.texts.get()
        if first is None or self.over:
            return
        with self.begin(lambda: not self.over) as run:
            given: tuple[str, int] | None = first
            while given is not None and not self.over:
                self._say(run, *given)
                given = self.texts.get()

    def _say(self, run: Run, text: str, chars: int) -> None:
        if not SPEAKABLE.search(text):
            self.hear(b"", chars)
            return
        saying = self.saying
        asked = SpeechRequest(model="auto", text=text.strip(), voice=saying.voice, speed=saying.speed, format="pcm")
        left = b""
        for piece in speak(run, asked):
            left += piece
            while len(left) > DELTA_BYTES and not self.over:
                self.hear(left[:DELTA_BYTES], None)
                left = left[DELTA_BYTES:]
            if self.over:
                return
        self.hear(left[: len(left) - len(left) % pcm.SAMPLE_BYTES], chars)


def written(sound: bytes, saying: Saying) -> bytes:
    """Return samples as the client wants them."""
    return encoded(sound, saying.format)
