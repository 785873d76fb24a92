"""Has what was said written down, one piece after the other, in a thread of its own beside the session."""

import logging
import queue
import threading
from collections.abc import Callable
from typing import NamedTuple

from msgspec.structs import replace

from wallas.codecs import OPENAI_CHAT
from wallas.errors import GatewayError
from wallas.ids import fresh
from wallas.media import pcm
from wallas.realtime.settings import Transcription
from wallas.routing import speech
from wallas.routing import transcription as writing
from wallas.routing.operation import Run, begin
from wallas.routing.router import Options, Router
from wallas.types.sound import TranscribeAnswer, TranscribeRequest

log = logging.getLogger(__name__)

WAITING = 16
"""Pieces that may wait to be written down."""


class Piece(NamedTuple):
    """Samples of 16 bit at a rate, who shall write them down, and who is told: the answer, or what went wrong."""

    samples: bytes
    rate: int
    wanted: Transcription
    tell: Callable[[TranscribeAnswer | GatewayError], None]


class Writer:
    """A session's transcriber; nothing runs before the first piece."""

    def __init__(self, router: Router, options: Options) -> None:
        """Ask through this router."""
        self.router = router
        self.over = False
        self.options = replace(options, wanted=lambda: not self.over)
        self.pieces: queue.Queue[Piece | None] = queue.Queue(WAITING + 1)
        self.thread: threading.Thread | None = None

    @property
    def full(self) -> bool:
        """Return whether too much waits already."""
        return self.pieces.qsize() >= WAITING

    def put(self, piece: Piece) -> None:
        """Have a piece written down."""
        if self.thread is None:
            self.thread = threading.Thread(target=self._run, name="wallas-writer", daemon=True)
            self.thread.start()
        self.pieces.put(piece)

    def stop(self) -> None:
        """Take no more; what waits is dropped, and who is being asked is let go."""
        self.over = True
        while not self.pieces.empty():
            try:
                self.pieces.get_nowait()
            except queue.Empty:
                break
        self.pieces.put(None)

    def _run(self) -> None:
        while (piece := self.pieces.get()) is not None:
            piece.tell(self._written(piece))

    def _written(self, piece: Piece) -> TranscribeAnswer | GatewayError:
        try:
            return self._ask(piece)
        except GatewayError as error:
            return error
        except Exception:
            log.exception("writing down broke")
            return GatewayError("the gateway failed; see its log", code="internal_error")

    def _ask(self, piece: Piece) -> TranscribeAnswer:
        audio = pcm.wave_header(len(piece.samples), rate=piece.rate) + piece.samples
        request = TranscribeRequest(
            model=piece.wanted.model,
            audio=audio,
            mime="audio/wav",
            filename="audio.wav",
            language=piece.wanted.language and piece.wanted.language.partition("-")[0].lower(),
            prompt=piece.wanted.prompt,
        )
        task = writing.task(self.router)
        run = begin(
            self.router, task, piece.wanted.model, self.options, request_id=fresh(), wire=OPENAI_CHAT, stream=False
        )
        with run:
            return writing.joined(list(writing.transcribe(run, request)))


def voice_of(router: Router, options: Options) -> Run:
    """Return the run by which an answer is spoken; raise GatewayError where nobody can speak."""
    task = speech.task(router)
    return begin(router, task, None, options, request_id=fresh(), wire=OPENAI_CHAT, stream=True)
