"""Microsoft Edge's voices, by the ``edge-tts`` package: good, free, without a key, and without a promise."""

import asyncio
import importlib
from typing import TYPE_CHECKING, Any

from wallas.errors import FailureKind, ProviderError
from wallas.media.words import language_of
from wallas.providers.program import Program
from wallas.providers.voices import EDGE, EDGE_NAME, MALE, OPENAI, sex_of
from wallas.settings import Key
from wallas.types.sound import SpeechAnswer, SpeechRequest

if TYPE_CHECKING:
    from wallas.providers.base import Line

SLOWEST, FASTEST = 0.5, 2.0
CONNECT_SECONDS = 10


class Edge(Program):
    """The voices of Microsoft Edge; sound comes as MP3."""

    def operate(self, request: Any, *, key: Key, line: "Line") -> SpeechAnswer:
        """Speak a text."""
        if not isinstance(request, SpeechRequest):
            raise self._unable()
        voice = voice_for(request)
        rate = min(max(request.speed, SLOWEST), FASTEST)
        audio = self._spoken(request.text, voice, rate, line)
        strange = request.voice is not None and request.voice.lower() not in OPENAI and voice != request.voice
        return SpeechAnswer(audio=audio, speed=request.speed / rate, strange_voice=strange)

    def _spoken(self, text: str, voice: str, rate: float, line: "Line") -> bytes:
        edge_tts = importlib.import_module("edge_tts")
        faults = importlib.import_module("edge_tts.exceptions")
        aiohttp = importlib.import_module("aiohttp")
        communicate = edge_tts.Communicate(
            text,
            voice,
            rate=f"{round((rate - 1) * 100):+d}%",
            connect_timeout=CONNECT_SECONDS,
            receive_timeout=max(int(line.left()), 1),
        )

        async def sound() -> bytes:
            pieces = [chunk["data"] async for chunk in communicate.stream() if chunk["type"] == "audio"]
            return b"".join(pieces)

        async def in_time() -> bytes:
            return await asyncio.wait_for(sound(), max(line.left(), 0.1))

        try:
            return asyncio.run(in_time())  # its own stream_sync waits for ever where the stream fails
        except faults.NoAudioReceived as error:
            raise ProviderError(FailureKind.EMPTY, "no sound came: perhaps there is no such voice") from error
        except faults.EdgeTTSException as error:
            raise ProviderError(FailureKind.MALFORMED, str(error)[:200]) from error
        except TimeoutError as error:
            raise ProviderError(FailureKind.TIMEOUT, "the sound did not come in time") from error
        except (aiohttp.ClientError, OSError) as error:
            raise ProviderError(FailureKind.CONNECT, str(error)[:200]) from error


def voice_for(request: SpeechRequest) -> str:
    """Return the voice's name: the caller's if it is one of Edge's, else one of the text's language."""
    wanted = request.voice or ""
    if EDGE_NAME.fullmatch(wanted):
        return wanted
    woman, man = EDGE.get(request.language or language_of(request.text), EDGE["en"])
    return man if sex_of(wanted) == MALE else woman
