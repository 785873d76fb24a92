"""Speech without network: espeak-ng, or pyttsx3 with whatever voices this machine has. It always works."""

import importlib.util
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wallas.errors import FailureKind, ProviderError
from wallas.media import programs
from wallas.media.words import language_of
from wallas.providers.program import Program
from wallas.providers.voices import MALE, OPENAI, sex_of
from wallas.settings import Key
from wallas.types.sound import SpeechAnswer, SpeechRequest

if TYPE_CHECKING:
    from wallas.providers.base import Line

WORDS_A_MINUTE = 170
SLOWEST, FASTEST = 80, 400
LANGUAGES = {"zh": "cmn", "pt": "pt-br", "en": "en-us"}
"""What espeak-ng calls a language where it is not its two letters."""
SECONDS = 60.0
MEMORY = 2048 * programs.MEGABYTE

PYTTSX3 = """
import json, sys, pyttsx3
asked = json.load(sys.stdin)
engine = pyttsx3.init()
engine.setProperty("rate", asked["rate"])
for voice in engine.getProperty("voices"):
    if asked["voice"] in (voice.id, voice.name) or voice.id.rpartition("/")[2] == asked["voice"]:
        engine.setProperty("voice", voice.id)
        break
engine.save_to_file(asked["text"], asked["path"])
engine.runAndWait()
"""
"""What the child does: pyttsx3 waits for ever where a driver is broken, so it is never run in a worker."""


class Espeak(Program):
    """The voices of this machine."""

    def operate(self, request: Any, *, key: Key, line: "Line") -> SpeechAnswer:
        """Speak a text."""
        if not isinstance(request, SpeechRequest):
            raise self._unable()
        rate = round(WORDS_A_MINUTE * request.speed)
        bounded = min(max(rate, SLOWEST), FASTEST)
        voice = voice_for(request)
        speak = {"espeak-ng": _espeak, "pyttsx3": _pyttsx3}[request.model]
        try:
            audio = speak(request.text, voice, bounded, min(line.left(), SECONDS))
        except programs.ProgramFailed as error:
            raise ProviderError(FailureKind.SERVER, f"{request.model}: {error}") from error
        except programs.Missing as error:
            raise ProviderError(FailureKind.FORBIDDEN_MODEL, error.message) from error
        if len(audio) <= 44:
            raise ProviderError(FailureKind.EMPTY, f"{request.model} said nothing")
        strange = request.voice is not None and request.voice.lower() not in OPENAI and voice != request.voice
        return SpeechAnswer(audio=audio, speed=rate / bounded, strange_voice=strange)


def voice_for(request: SpeechRequest) -> str:
    """Return the voice's name: the caller's if it is one of espeak-ng's, else one of the text's language."""
    wanted = request.voice or ""
    if wanted.partition("+")[0] in known_voices():
        return wanted
    language = request.language or language_of(request.text)
    variant = "+m3" if sex_of(wanted.lower()) == MALE else "+f3"
    return LANGUAGES.get(language, language) + variant


_known: frozenset[str] = frozenset()


def known_voices() -> frozenset[str]:
    """Return the names of espeak-ng's voices, asked for once; none where it is not installed."""
    global _known
    if not _known and programs.found("espeak-ng"):
        table = programs.run(["espeak-ng", "--voices"], seconds=10.0).decode("utf-8", "replace")
        _known = frozenset(row[1] for row in map(str.split, table.splitlines()[1:]) if len(row) > 1)
    return _known


def _espeak(text: str, voice: str, rate: int, seconds: float) -> bytes:
    espeak = programs.required("espeak-ng", "speech without network")
    arguments = [espeak, "-v", voice, "-s", str(rate), "-b", "1", "--stdin", "--stdout"]
    return programs.run(arguments, text.encode(), seconds=seconds, memory=MEMORY)


def _pyttsx3(text: str, voice: str, rate: int, seconds: float) -> bytes:
    if importlib.util.find_spec("pyttsx3") is None:
        raise programs.Missing('pyttsx3 is not installed here: pip install "wallas[audio]"')
    with tempfile.TemporaryDirectory(prefix="wallas-") as folder:
        path = Path(folder) / "speech.wav"
        asked = {"text": text, "voice": voice.partition("+")[0], "rate": rate, "path": str(path)}
        programs.run([sys.executable, "-c", PYTTSX3], json.dumps(asked).encode(), seconds=seconds, memory=MEMORY)
        return path.read_bytes() if path.exists() else b""
