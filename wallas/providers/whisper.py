"""Whisper on this machine, by the ``faster-whisper`` package and models that lie in a folder."""

import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wallas.catalog.entries import Model
from wallas.codecs.framing import decode_body
from wallas.errors import FailureKind, ProviderError
from wallas.media import programs
from wallas.providers.program import Program
from wallas.providers.transcription_calls import read
from wallas.settings import Key
from wallas.types.sound import TranscribeAnswer, TranscribeRequest

if TYPE_CHECKING:
    from wallas.providers.base import Line

MEMORY = 8 * 1024 * programs.MEGABYTE

CHILD = """
import json, sys
from faster_whisper import WhisperModel
asked = json.load(sys.stdin)
model = WhisperModel(asked["model"], device="auto", compute_type="default", local_files_only=True)
segments, info = model.transcribe(
    asked["path"], language=asked["language"], initial_prompt=asked["prompt"], task=asked["task"],
    temperature=asked["temperature"], word_timestamps=asked["words"], vad_filter=False,
)
rows, words = [], []
for segment in segments:
    rows.append({
        "start": segment.start, "end": segment.end, "text": segment.text, "seek": segment.seek,
        "tokens": list(segment.tokens), "temperature": segment.temperature, "avg_logprob": segment.avg_logprob,
        "compression_ratio": segment.compression_ratio, "no_speech_prob": segment.no_speech_prob,
    })
    words += [{"word": word.word, "start": word.start, "end": word.end} for word in segment.words or ()]
json.dump({
    "text": "".join(row["text"] for row in rows).strip(), "language": info.language, "duration": info.duration,
    "segments": rows, "words": words,
}, sys.stdout)
"""
"""What the child does: the model's memory goes when it ends, and what breaks, breaks there."""


class Whisper(Program):
    """Models in the folder that is the provider's address."""

    def operate(self, request: Any, *, key: Key, line: "Line") -> TranscribeAnswer:
        """Write down what was said."""
        if not isinstance(request, TranscribeRequest):
            raise self._unable()
        folder = model_folder(Path(self.base_url), request.model)
        with tempfile.TemporaryDirectory(prefix="wallas-") as place:
            path = Path(place) / request.filename.rpartition("/")[2]
            path.write_bytes(request.audio)
            asked = {
                "model": str(folder),
                "path": str(path),
                "language": request.language,
                "prompt": request.prompt,
                "task": "translate" if request.translate else "transcribe",
                "temperature": request.temperature or 0.0,
                "words": request.words,
            }
            try:
                arguments = [sys.executable, "-c", CHILD]
                said = programs.run(
                    arguments, json.dumps(asked).encode(), seconds=line.left(), memory=MEMORY, wanted=line.wanted
                )
            except programs.ProgramFailed as error:
                line.check()
                raise ProviderError(FailureKind.SERVER, f"whisper: {str(error)[-300:]}") from error
        return read(decode_body(said))

    def list_models(self, key: Key) -> list[Model]:
        """Return the models that lie in the folder."""
        return [
            Model(
                provider=self.name,
                id=name,
                kind="transcription",
                capabilities=frozenset({"transcription"}),
                free=True,
                source=f"models in {self.base_url}",
            )
            for name in models_in(Path(self.base_url))
        ]


def model_folder(folder: Path, model: str) -> Path:
    """Return where a model lies; raise MODEL_GONE where it does not."""
    path = folder / model
    if "/" in model or model.startswith(".") or not (path / "model.bin").is_file():
        raise ProviderError(FailureKind.MODEL_GONE, f"there is no model {model[:60]!r} in {folder}")
    return path


def models_in(folder: Path) -> list[str]:
    """Return the names of the models in a folder: its folders that have a ``model.bin``, as CTranslate2 writes them."""
    return sorted(path.parent.name for path in folder.glob("*/model.bin")) if folder.is_dir() else []
