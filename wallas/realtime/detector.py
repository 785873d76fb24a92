"""Tells when somebody speaks, by loudness alone: what ``server_vad`` is here.

Sound is looked at in frames of 20 ms. A frame is loud when its root mean square is above -60 dBFS plus 40 dB times the
threshold (0.5: -40 dBFS). Three loud frames in a row begin a turn; ``silence_duration_ms`` without one ends it.
"""

import sys
from array import array
from operator import mul
from typing import Literal, NamedTuple

from wallas.media.pcm import SAMPLE_BYTES
from wallas.realtime.settings import TurnDetection

FRAME_MS = 20
BEGIN_FRAMES = 3
FLOOR_DB, SPAN_DB = -60.0, 40.0
FULL = 32768.0


class Turned(NamedTuple):
    """The user began or ended to speak; ``ms`` counts from the first sound of the session."""

    what: Literal["started", "stopped"]
    ms: float


class Detector:
    """Listens to one session's sound, a frame at a time."""

    def __init__(self, turns: TurnDetection, *, rate: int) -> None:
        """Listen for turns in so many samples a second."""
        self.turns = turns
        self.frame_bytes = rate * FRAME_MS // 1000 * SAMPLE_BYTES
        level = FULL * 10 ** ((FLOOR_DB + SPAN_DB * turns.threshold) / 20)
        self.energy = level * level * (self.frame_bytes // SAMPLE_BYTES)
        self.reset()

    def reset(self) -> None:
        """Forget what was going on: nobody speaks."""
        self.speaking = False
        self.loud = self.quiet = 0

    def hear(self, frame: bytes, *, ends_at: float) -> Turned | None:
        """Take in a frame that ends at so many milliseconds; return what it changes."""
        loud = self._is_loud(frame)
        if self.speaking:
            self.quiet = 0 if loud else self.quiet + 1
            if self.quiet * FRAME_MS < max(self.turns.silence_duration_ms, FRAME_MS):
                return None
            self.reset()
            return Turned("stopped", ends_at)
        self.loud = self.loud + 1 if loud else 0
        if self.loud < BEGIN_FRAMES:
            return None
        self.speaking, self.quiet = True, 0
        return Turned("started", max(ends_at - BEGIN_FRAMES * FRAME_MS - self.turns.prefix_padding_ms, 0.0))

    def _is_loud(self, frame: bytes) -> bool:
        numbers = array("h", frame)
        if sys.byteorder == "big":
            numbers.byteswap()
        return bool(sum(map(mul, numbers, numbers)) > self.energy)
