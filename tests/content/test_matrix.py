"""Each kind of file in each client protocol to each kind of model: what is in it reaches the model."""

import struct
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
