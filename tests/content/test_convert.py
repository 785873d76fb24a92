"""``POST /v1/files/convert``: a file given in any way, as Markdown."""

import io
import json

import pytest

from tests.content import samples
from tests.content.conftest import b64, hearing, reading
from tests.content.kinds import tone
from tests.content.samples import ANSWER
from tests.content.web import page, serving

PATH = "/v1/files/convert"


@pytest.fixture
def gate(gateway):
    return gateway("blind")


def test_a_file_in_a_form_is_converted(gate):
    form = {"file": (io.BytesIO(samples.pdf()), "towns.pdf")}
    answer = gate.client.post(PATH, data=form, headers={"Host": "127.0.0.1"})
    told = answer.get_json()
    assert answer.status_code == 200 and ANSWER in told["markdown"]
    assert (told["converter"], told["mime"], told["pages"], told["warnings"]) == ("pdfium", "application/pdf", 3, [])
    assert "[Begin of attached file" not in told["markdown"]


@pytest.mark.parametrize("field", ["file", "image", "document"])
@pytest.mark.parametrize("form", ["base64", "data URL", "object"])
def test_a_file_in_json_is_converted(gate, field, form):
    text = b64(samples.html())
    given = {"base64": text, "data URL": f"data:text/html;base64,{text}", "object": {"data": text}}[form]
    told = gate.post(PATH, {field: given}).get_json()
    assert ANSWER in told["markdown"] and told["mime"] == "text/html"


def test_a_file_at_a_url_is_fetched_and_converted(gateway):
    with serving() as web:
        gate = gateway("blind", WALLAS_FETCH_HOSTS=f"127.0.0.1:{web.port}")
        web.pages["/towns.csv"] = page(samples.csv(), "Content-Type: text/csv")
        told = gate.post(PATH, {"file": web.url("/towns.csv")}).get_json()
        assert f"| 7 | Quito | {ANSWER} |" in told["markdown"] and told["name"] == "towns.csv"


def test_an_uploaded_file_is_converted_by_its_id(gate):
    form = {"file": (io.BytesIO(samples.docx()), "towns.docx"), "purpose": "user_data"}
    id = gate.client.post("/v1/files", data=form, headers={"Host": "127.0.0.1"}).get_json()["id"]
    assert ANSWER in gate.post(PATH, {"file_id": id}).get_json()["markdown"]


def test_pictures_and_sounds_are_words_too(gate):
    gate.library.hooks.read_pages, gate.library.hooks.transcribe = reading(), hearing
    seen = gate.post(PATH, {"image": b64(samples.page_picture(2))}).get_json()
    heard = gate.post(PATH, {"file": b64(tone(0.5))}).get_json()
    assert "7307" in seen["markdown"] and seen["converter"].startswith("ocr (reader)") and seen["warnings"]
    assert "[00:12] It is 7307" in heard["markdown"] and heard["converter"] == "transcript (ear)"


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({}, 400, "file"),
        ({"file": "!!!"}, 400, "file"),
        ({"file": ""}, 400, "file"),
        ({"file": 3}, 400, "file"),
        ({"document": {"x": 1}}, 400, "document"),
        ({"file": "aGk=", "image": "aGk="}, 400, "image"),
        ({"file_id": "file-none"}, 404, "file_id"),
        ({"file_id": 7}, 400, "file_id"),
        ({"file": "http://169.254.169.254/latest"}, 400, "file"),
        ({"file": "aGk=", "filename": 7}, 400, "filename"),
        ({"file": b64(b"\0\1\2" * 99)}, 400, "file"),
        ({"file": b64(b"%PDF-1.4 nothing")}, 400, "file"),
    ],
)
def test_what_cannot_be_converted_is_refused_by_name(gate, body, status, param):
    answer = gate.post(PATH, body)
    assert (answer.status_code, json.loads(answer.data)["error"]["param"]) == (status, param)


def test_what_nobody_here_can_do_is_said_to_be_missing(gate):
    gate.library.hooks.transcribe = None
    answer = gate.post(PATH, {"file": b64(tone(0.3))})
    assert answer.status_code == 503 and answer.get_json()["error"]["code"] == "not_installed"
