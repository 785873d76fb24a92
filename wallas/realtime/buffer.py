"""The input audio buffer: sound that is no item yet, and the detector that listens to it."""

from collections.abc import Iterator

from wallas.errors import BadRequest
from wallas.ids import fresh
from wallas.media.pcm import SAMPLE_BYTES
from wallas.realtime.detector import Detector, Turned
from wallas.realtime.settings import Hearing
from wallas.realtime.sounds import RATES, ms_of, samples_of

MOST_MS = 10 * 60_000.0
"""What one item may hold."""
KEPT_MS = 60_000.0
"""What is kept while a detector waits for somebody to speak."""


class Buffer:
    """Sound since the last commit, as samples of 16 bit at ``rate``."""

    def __init__(self, hearing: Hearing) -> None:
        """Listen as the session wants it."""
        self.samples = bytearray()
        self.ended_ms = 0.0
        """How much was heard in all since the session began: the end of the buffer."""
        self.use(hearing)

    def use(self, hearing: Hearing) -> None:
        """Listen in another way from here on; what another format left behind is dropped."""
        if getattr(self, "format", hearing.format) != hearing.format:
            self.samples.clear()
        self.format = hearing.format
        self.rate = RATES[hearing.format]
        self.detector = Detector(hearing.turns, rate=self.rate) if hearing.turns else None
        self.unheard, self.place = b"", 0
        """What the detector has not looked at from ``place`` on: less than a frame, or what came behind a turn."""
        self.item_id = ""

    @property
    def begun_ms(self) -> float:
        """Return when the first sound in the buffer was heard."""
        return self.ended_ms - ms_of(self.samples, self.rate)

    @property
    def speaking(self) -> bool:
        """Return whether somebody speaks."""
        return self.detector is not None and self.detector.speaking

    def append(self, audio: str) -> Iterator[Turned]:
        """Take sound in, in base64; yield the turns that it brings. At a turn's end the buffer holds that turn.

        Raises BadRequest for what is no sound, or more than one item may hold.
        """
        new = samples_of(audio, self.format)
        if ms_of(self.samples, self.rate) + ms_of(new, self.rate) > MOST_MS:
            raise BadRequest(
                f"audio: the buffer holds {MOST_MS / 60_000:g} minutes; commit or clear it",
                param="audio",
                code="input_audio_buffer_full",
            )
        if self.detector is None:
            self._take(new)
            return
        self.unheard, self.place = self.unheard + new, 0
        yield from self._listen(self.detector)
        self.unheard, self.place = self.unheard[self.place :], 0
        if not self.speaking:
            self._forget_before(self.ended_ms - KEPT_MS)

    def _listen(self, detector: Detector) -> Iterator[Turned]:
        while len(self.unheard) - self.place >= detector.frame_bytes:
            frame = self.unheard[self.place : self.place + detector.frame_bytes]
            self.place += detector.frame_bytes
            self._take(frame)
            if (turned := detector.hear(frame, ends_at=self.ended_ms)) is not None:
                if turned.what == "started":
                    self._forget_before(turned.ms)
                yield turned

    def taken(self) -> bytes:
        """Return what is in the buffer and empty it; b"" where there is nothing.

        Up to 20 ms that the detector has not looked at stay behind.
        """
        taken = bytes(self.samples)
        self.clear()
        return taken

    def clear(self) -> None:
        """Forget what is in the buffer; what comes behind a turn's end is still to be looked at."""
        self.samples.clear()
        self.item_id = ""
        if self.detector is not None:
            self.detector.reset()

    def item(self) -> str:
        """Return the id of the item that the buffer will become."""
        self.item_id = self.item_id or f"item_{fresh()[:24]}"
        return self.item_id

    def _take(self, samples: bytes) -> None:
        self.samples += samples
        self.ended_ms += ms_of(samples, self.rate)

    def _forget_before(self, ms: float) -> None:
        count = int((ms - self.begun_ms) / 1000 * self.rate) * SAMPLE_BYTES
        if count > 0:
            del self.samples[:count]
