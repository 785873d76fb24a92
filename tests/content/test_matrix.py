"""Each kind of file in each client protocol to each kind of model: what is in it reaches the model."""

import shutil
import struct
import subprocess
import wave
from io import BytesIO

import pytest

from tests.content import samples
from tests.content.bodies import PROTOCOLS, QUESTION
from tests.content.conftest import hearing, reading
from tests.content.samples import ANSWER

DOCUMENTS = {name: make for name, make in samples.DOCUMENTS.items() if name != "towns.zip"}
MIMES = {
    "pdf": "application/pdf", "html": "text/html", "csv": "text/csv", "py": "text/x-python", "rtf": "application/rtf",
    "eml": "message/rfc822", "epub": "application/epub+zip", "ipynb": "application/x-ipynb+json",
}  # fmt: skip


def mime_of(name: str) -> str:
    return MIMES.get(name.rpartition(".")[2], "application/octet-stream")


def ask(gate, protocol, model, name, mime, data):
    path, body, headers = PROTOCOLS[protocol](f"acme/{model}", name, mime, data)
    answer = gate.post(path, body, **headers)
    assert answer.status_code == 200, answer.text
    return answer


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_document_reaches_a_model_of_words_alone(gateway, protocol):
    gate = gateway("blind")
    lost = []
    for name, make in DOCUMENTS.items():
        answer = ask(gate, protocol, "blind", name, mime_of(name), make())
        sent = gate.sent()
        if ANSWER not in sent or QUESTION not in sent or not answer.headers.get("X-Wallas-Converted"):
            lost.append(name)
        gate.provider.will()
    assert lost == []


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("model", ["blind", "seeing", "native"])
def test_a_pdf_reaches_every_model(gateway, protocol, model):
    gate = gateway(model)
    answer = ask(gate, protocol, model, "towns.pdf", "application/pdf", samples.pdf())
    if model == "native":
        assert "X-Wallas-Converted" not in answer.headers
        assert gate.got("JVBERi0")
    else:
        assert gate.got(ANSWER) and "pdf to text (pdfium)" in answer.headers["X-Wallas-Converted"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("model", ["blind", "seeing", "native"])
def test_a_scanned_pdf_reaches_every_model(gateway, protocol, model):
    gate = gateway(model)
    gate.library.hooks.read_pages = read = reading()
    answer = ask(gate, protocol, model, "scan.pdf", "application/pdf", samples.scanned_pdf())
    told = answer.headers.get("X-Wallas-Converted", "")
    if model == "native":
        assert told == "" and gate.got("JVBERi0") and not read.asked
    elif model == "seeing":
        assert "3 pages as pictures" in told and gate.sent().count("image_url") >= 3 and not read.asked
    else:
        assert "3 pages by ocr (reader)" in told and gate.got("7307 | (page 3)")
        assert set(read.asked) <= {("application/pdf", (1, 2, 3))}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("model", ["blind", "seeing", "native"])
def test_a_picture_reaches_every_model(gateway, protocol, model):
    gate = gateway(model)
    gate.library.hooks.read_pages = reading()
    answer = ask(gate, protocol, model, "photo.png", "image/png", samples.page_picture(3))
    if model == "blind":
        assert "png to text (ocr (reader)" in answer.headers["X-Wallas-Converted"]
        assert gate.got(ANSWER) and not gate.got("image_url")
    else:
        assert "X-Wallas-Converted" not in answer.headers and gate.got("data:image/png;base64,")


def tone(seconds: float = 1.0) -> bytes:
    """Return a WAV file."""
    out = BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        count = int(8000 * seconds)
        file.writeframes(struct.pack(f"<{count}h", *(((n % 40) - 20) * 300 for n in range(count))))
    return out.getvalue()


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("model", ["blind", "native"])
def test_a_sound_reaches_every_model(gateway, protocol, model):
    gate = gateway(model)
    gate.library.hooks.transcribe = hearing
    answer = ask(gate, protocol, model, "note.wav", "audio/wav", tone())
    if model == "blind":
        assert "wav to text (transcript (ear))" in answer.headers["X-Wallas-Converted"]
        assert gate.got("[00:12] It is 7307 in Quito")
    else:
        assert "X-Wallas-Converted" not in answer.headers and gate.got("input_audio")


@pytest.fixture(scope="module")
def film(tmp_path_factory) -> bytes:
    """Return a video of three colours, two seconds each, with a tone."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed; test.sh installs it")
    path = tmp_path_factory.mktemp("film") / "x.mp4"
    colours = [("-f", "lavfi", "-i", f"color={name}:s=160x120:d=2:r=10") for name in ("red", "blue", "green")]
    words = [*(word for colour in colours for word in colour), "-f", "lavfi", "-i", "sine=440:d=6:r=8000"]
    joined = ["-filter_complex", "[0][1][2]concat=n=3[v]", "-map", "[v]", "-map", "3", str(path)]
    subprocess.run(["ffmpeg", "-loglevel", "error", *words, *joined], check=True)
    return path.read_bytes()


@pytest.mark.parametrize("protocol", ["openai", "gemini", "ollama"])
@pytest.mark.parametrize("model", ["blind", "seeing", "native"])
def test_a_video_reaches_every_model(gateway, film, protocol, model):
    gate = gateway(model)
    gate.library.hooks.read_pages, gate.library.hooks.transcribe = reading(), hearing
    answer = ask(gate, protocol, model, "film.mp4", "video/mp4", film)
    told = answer.headers.get("X-Wallas-Converted", "")
    if model == "native":
        assert told == "" and gate.got("data:video/mp4;base64,")
        return
    assert gate.got("[00:12] It is 7307 in Quito") and "and a transcript" in told
    if model == "seeing":
        assert gate.sent().count('"image_url"') >= 6 and gate.got("[Picture at 00:04 (4.0 s)]")
    else:
        assert gate.got("[00:00] | 7 | Quito | 7307 |") and not gate.got("image_url")


def test_a_sound_of_a_kind_that_models_do_not_take_is_made_another(gateway, film):
    gate = gateway("native")
    sound = subprocess.run(
        ["ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", "sine=440:d=1", "-f", "flac", "-"],
        capture_output=True,
        check=True,
    ).stdout
    answer = ask(gate, "gemini", "native", "x.flac", "audio/flac", sound)
    assert "flac to sound (ffmpeg, wav)" in answer.headers["X-Wallas-Converted"] and gate.got('"format":"wav"')
