"""In which language a page is read where nobody said one; Tesseract is the real program."""

import shutil

import pytest

from tests.content import samples
from tests.content.made import made
from wallas.content.contents import Contents
from wallas.content.fetch import Fetcher
from wallas.content.guarded import run
from wallas.content.hooks import Hooks
from wallas.content.ocr.engines import packed
from wallas.content.works import Works
from wallas.routing.ocr import installed
from wallas.types.chat import Message, Text

needs_tesseract = pytest.mark.skipif(shutil.which("tesseract") is None, reason="apt-get install tesseract-ocr")


def read(*pictures: bytes, **options: str) -> list[dict]:
    environ = {"OMP_THREAD_LIMIT": "1"}
    return run("wallas.content.ocr.engines:tesseract", packed(pictures), options, environ=environ).value["pages"]


@needs_tesseract
@pytest.mark.parametrize("hint", ["", "en"])
def test_a_sparse_table_is_not_taken_for_another_script(hint):
    [found] = read(samples.page_picture(3), hint=hint)
    assert "Quito" in found["text"] and "7307" in found["text"] and found["confidence"] > 0.75


@needs_tesseract
@pytest.mark.skipif("spa" not in installed(), reason="apt-get install tesseract-ocr-spa")
@pytest.mark.parametrize("hint", ["", "ar"])
def test_a_spanish_page_has_its_accents_whatever_is_thought_likely(hint):
    [scan] = run("wallas.content.ocr.document:show", made("contrato.pdf"), {"pages": [1]}).blobs
    [found] = read(scan, hint=hint)
    assert "CLÁUSULAS" in found["text"] and "en los primeros siete días de cada" in found["text"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("¿De cuánto es la fianza?", "es"),
        ("What is the deposit?", "en"),
        ("Wie hoch ist die Kaution?", "de"),
        ("?", None),
    ],
)
def test_the_language_of_a_request_is_guessed_from_few_words(words, expected):
    messages = [Message(role="user", parts=(Text(text=words),))]
    works = Works()
    contents = Contents(messages, works=works, fetcher=Fetcher(), hooks=Hooks())
    assert contents.spoken == expected
    works.close()
