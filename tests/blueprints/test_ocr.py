"""``/v1/ocr/process`` with the real Tesseract, scripted services behind it, and pages that nobody reads."""

import base64
import io
import json

import pytest
from PIL import Image, ImageDraw, ImageFont

from tests.fakes import say, status

WORDS = "The harbour office opens at seven in the morning."
SPANISH = "El señor Núñez compró piñas en Málaga."


def picture(*lines: str, turned: int = 0) -> Image.Image:
    """Return a page with some lines on it."""
    font = ImageFont.load_default(36)
    image = Image.new("L", (1300, 120 + 90 * len(lines)), 255)
    draw = ImageDraw.Draw(image)
    for number, text in enumerate(lines):
        draw.text((60, 60 + 90 * number), text, font=font, fill=10)
    return image.rotate(turned, expand=True)


def png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def pdf(*images: Image.Image) -> bytes:
    out = io.BytesIO()
    images[0].save(out, "PDF", save_all=True, append_images=images[1:], resolution=110)
    return out.getvalue()


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_a_picture_is_read_and_the_answer_says_by_whom(client, provider):
    answer = client.post("/v1/ocr/process", json={"image": encoded(png(picture(WORDS))), "language": "en"})
    told = answer.get_json()
    assert answer.status_code == 200, told
    assert told["text"] == WORDS and told["engine"] == "tesseract" and told["warnings"] == []
    (page,) = told["pages"]
    assert (page["page"], page["text"], page["engine"]) == (1, WORDS, "tesseract") and page["confidence"] > 0.8
    assert answer.headers["X-Wallas-Provider"] == "tesseract" and answer.headers["X-Wallas-Attempts"] == "1"
    assert provider.requests == []


def test_a_form_brings_a_whole_document_and_pages_may_be_chosen(client):
    pages = [picture(WORDS), picture("The second page has other words."), picture("And this is the third one.")]
    sent = {"file": (io.BytesIO(pdf(*pages)), "scan.pdf"), "pages": "2-3", "language": "en"}
    told = client.post("/v1/ocr/process", data=sent).get_json()
    assert [(page["page"], page["text"]) for page in told["pages"]] == [
        (2, "The second page has other words."),
        (3, "And this is the third one."),
    ]
    assert told["text"] == "The second page has other words.\n\nAnd this is the third one."


def test_a_page_that_lies_on_its_side_is_turned(client):
    lines = [WORDS, "Every boat that enters must show its papers.", "Visitors pay a lower price from the fourth night."]
    told = client.post(
        "/v1/ocr/process", json={"image": encoded(png(picture(*lines, turned=90))), "language": "en"}
    ).get_json()
    assert told["text"].split() == " ".join(lines).split()


def test_a_blank_page_is_empty_and_no_fault(client):
    told = client.post("/v1/ocr/process", json={"file": encoded(pdf(picture(WORDS), picture()))}).get_json()
    assert [(page["text"], page["engine"]) for page in told["pages"]] == [(WORDS, "tesseract"), ("", "none")]
    assert told["warnings"] == []


def test_a_data_url_is_taken_and_events_tell_each_page(client):
    url = f"data:application/pdf;base64,{encoded(pdf(picture(WORDS), picture('Page two.')))}"
    answer = client.post("/v1/ocr/process", json={"document": url, "stream": True, "language": "en"})
    events = [line[6:] for line in answer.get_data(as_text=True).split("\n\n") if line]
    told = [json.loads(event) for event in events[:-1]]
    assert [(one["page"], one["done"], one["total"]) for one in told[:-1]] == [(1, 1, 2), (2, 2, 2)]
    assert told[-1]["text"] == f"{WORDS}\n\nPage two." and events[-1] == "[DONE]"


def test_an_upload_is_read_by_its_id(client):
    sent = {"file": (io.BytesIO(png(picture(WORDS))), "scan.png"), "purpose": "user_data"}
    id = client.post("/v1/files", data=sent).get_json()["id"]
    told = client.post("/v1/ocr/process", json={"file_id": id, "language": "en"}).get_json()
    assert told["text"] == WORDS
    assert client.post("/v1/ocr/process", json={"file_id": "file-nobody"}).status_code == 404
    assert client.post("/v1/ocr/process", json={"file_id": 7}).get_json()["error"]["param"] == "file_id"


def test_a_model_that_sees_reads_when_it_is_asked_to(client, provider):
    provider.will(say(f"```markdown\n{SPANISH}\n```"))
    told = client.post("/v1/ocr/process", json={"image": encoded(png(picture("x"))), "engine": "vision"}).get_json()
    assert told["text"] == SPANISH and told["pages"][0]["confidence"] is None
    (request,) = provider.requests
    parts = request["messages"][0]["content"]
    assert parts[1]["image_url"]["url"].startswith("data:image/png;base64,")
    assert told["engine"].endswith(request["model"])


def test_a_page_that_came_back_garbled_goes_to_the_next_engine(client, provider):
    provider.will(say("~^¬ ¦| ;:' °» .,-_ ~~ }{ «» ;;"))
    told = client.post("/v1/ocr/process", json={"image": encoded(png(picture(WORDS))), "engine": "best"})
    assert told.get_json()["text"] == WORDS and told.get_json()["engine"] == "tesseract"
    trail = told.headers["X-Wallas-Trail"]
    assert trail.startswith("acme/m unusable") and "tesseract/tesseract ok" in trail


def test_a_doubtful_page_is_better_than_none_and_is_named(client, provider):
    provider.will(say("~^¬ ¦| ;:' °» .,-_ ~~ }{ «» ;;"))
    told = client.post("/v1/ocr/process", json={"image": encoded(png(picture(WORDS))), "engine": "vision"}).get_json()
    assert told["warnings"] == ["page 1: what was read is no text"]


def test_a_service_that_fails_is_followed_by_this_machine(client, provider):
    provider.will(status(500))
    answer = client.post("/v1/ocr/process", json={"image": encoded(png(picture(WORDS))), "engine": "best"})
    assert answer.get_json()["text"] == WORDS and "tesseract/tesseract ok" in answer.headers["X-Wallas-Trail"]


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({}, 400, "file"),
        ({"file": "AAAA", "image": "AAAA"}, 400, "image"),
        ({"file": "%%%"}, 400, "file"),
        ({"file": 7}, 400, "file"),
        ({"file": encoded(b"no picture and no document")}, 400, "file"),
        ({"file": encoded(b"%PDF-1.7 broken")}, 400, "file"),
        ({"image": encoded(png(picture("x"))), "pages": "2"}, 400, "pages"),
        ({"image": encoded(png(picture("x"))), "pages": "a"}, 400, "pages"),
        ({"image": encoded(png(picture("x"))), "pages": [0]}, 400, "pages"),
        ({"image": encoded(png(picture("x"))), "language": "klingon"}, 400, "language"),
        ({"image": encoded(png(picture("x"))), "language": 3}, 400, "language"),
        ({"image": encoded(png(picture("x"))), "engine": ""}, 400, "engine"),
        ({"image": encoded(png(picture("x"))), "engine": "nobody"}, 404, "model"),
        ({"image": encoded(png(picture("x"))), "stream": "perhaps"}, 400, "stream"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name_and_nobody_is_asked(client, provider, body, code, param):
    answer = client.post("/v1/ocr/process", json=body)
    assert (answer.status_code, answer.get_json()["error"]["param"]) == (code, param)
    assert provider.requests == []


def test_the_engines_are_models_like_others(client):
    listed = client.get("/v1/models?capability=ocr").get_json()["data"]
    assert "tesseract/tesseract" in {row["id"] for row in listed}
