"""What is read of each kind of file, and what the readers say when they cannot."""

import io
import zipfile

import pytest

from tests.content import samples
from tests.content.samples import ANSWER, DOCUMENTS, TOWN
from wallas.content.guarded import Limits, Unreadable
from wallas.content.opening import opened
from wallas.content.sniff import sniff


def read(name: str, data: bytes, **options):
    limits = Limits(seconds=30, cpu=20)
    return opened(data, sniff(data, name=name), name=name, options=options, limits=limits)


def refusal(name: str, data: bytes) -> Unreadable:
    with pytest.raises(Unreadable) as caught:
        read(name, data)
    return caught.value


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    return {name: read(name, make())["markdown"] for name, make in DOCUMENTS.items()}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_seventh_row_of_the_third_part_is_read_as_a_row(texts, name):
    lines = [line for line in texts[name].splitlines() if ANSWER in line]
    assert len(lines) == 1 and TOWN in lines[0]


@pytest.mark.parametrize("kind", ["pdf", "docx", "xlsx", "pptx", "odt", "ods", "html", "epub", "csv", "rtf"])
def test_tables_are_tables(texts, kind):
    assert f"| 7 | {TOWN} | {ANSWER} |" in texts[f"towns.{kind}"]


@pytest.mark.parametrize("name", ["towns.docx", "towns.html", "towns.odt", "towns.epub", "towns.pptx", "towns.pdf"])
def test_headings_are_headings_in_their_order(texts, name):
    places = [texts[name].index(f"# Chapter {part}") for part in (1, 2, 3)]
    assert places == sorted(places)


def test_pages_sheets_and_slides_are_numbered(texts):
    assert (
        "## Page 3" in texts["towns.pdf"] and "## Slide 3" in texts["towns.pptx"] and "## Part 3" in texts["towns.xlsx"]
    )
    assert texts["towns.pdf"].index("## Page 3") < texts["towns.pdf"].index(ANSWER)


def test_what_stands_beside_the_text_is_read_too(texts):
    assert "Annual report" in texts["towns.docx"]
    assert "Notes: Say something of part 3" in texts["towns.pptx"]
    assert "[values](https://example.com/v)" in texts["towns.html"] and "    - inner" in texts["towns.html"]
    assert "scripted" not in texts["towns.html"] and "hidden" not in texts["towns.html"]
    assert "Málaga" in texts["towns.csv"]
    assert "**From:** Ana <ana@example.com>" in texts["towns.eml"] and "Ciudades y más" in texts["towns.eml"]
    assert texts["towns.py"].startswith("```python\n")


def test_what_is_left_out_is_said():
    [told] = read("towns.eml", samples.eml())["warnings"]
    assert told == "the attachment añexo.pdf was left out: it is damaged: PDFium cannot open it"
    assert "only the list of its members" in read("towns.zip", samples.archive())["warnings"][0]


@pytest.mark.parametrize(
    "charset", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "iso-8859-15"]
)
def test_text_of_any_charset_is_read(charset):
    text = "El pingüino añoraba las mañanas de otoño en Málaga. " * 3
    assert read("x.txt", text.encode(charset))["markdown"] == text.strip()


@pytest.mark.parametrize(
    ("charset", "text"),
    [("gb18030", "中文的文本很长，足以被认出来。" * 8), ("shift_jis", "これは日本語の文章です。読めますか。" * 8),
     ("cp1251", "Это русский текст, и он довольно длинный. " * 4),
     ("iso-8859-7", "Αυτό είναι ένα ελληνικό κείμενο. " * 4)],
)  # fmt: skip
def test_text_of_other_scripts_is_read(charset, text):
    assert read("x.txt", text.encode(charset))["markdown"] == text.strip()


def test_a_page_of_a_pdf_can_be_asked_for():
    value = read("x.pdf", samples.pdf(), pages=[3])
    assert value["numbers"] == [3] and ANSWER in value["markdown"] and "Chapter 1" not in value["markdown"]


def test_scanned_pages_are_found():
    value = read("x.pdf", samples.scanned_pdf())
    assert value["scanned"] == [1, 2, 3] and value["pages"] == 3


def bomb(name: str = "word/document.xml", size: int = 40_000_000) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        file.writestr("[Content_Types].xml", "<Types/>")
        with file.open(name, "w", force_zip64=True) as member:
            for _ in range(size // 10_000_000):
                member.write(b"\0" * 10_000_000)
    return out.getvalue()


LAUGHS = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c SYSTEM "file:///etc/passwd">]>'


def package(**members: str | bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("[Content_Types].xml", "<Types/>")
        for name, text in members.items():
            file.writestr(name.replace("__", "/").replace("_xml", ".xml"), text)
    return out.getvalue()


HARMFUL = {
    "a bomb.docx": (lambda: bomb(), "too_large"),
    "a bomb.xlsx": (lambda: bomb("xl/workbook.xml"), "too_large"),
    "laughs.docx": (lambda: package(word__document_xml=f"{LAUGHS}<x>&b;&c;</x>"), "unsafe"),
    "wide laughs.docx": (lambda: package(word__document_xml=f"{LAUGHS}<x>&b;</x>".encode("utf-16")), "unsafe"),
    "deep.docx": (lambda: package(word__document_xml="<a>" * 200_000 + "</a>" * 200_000), "too_large"),
    "cut.docx": (lambda: samples.docx()[:3000], "broken"),
    "cut.xlsx": (lambda: samples.xlsx()[:3000], "broken"),
    "cut.pdf": (lambda: b"%PDF-1.7\n" + b"x" * 100, "broken"),
    "empty.txt": (lambda: b"", "empty"),
    "noise.bin": (lambda: bytes(range(256)) * 50, "unsupported"),
    "cut.tar.gz": (lambda: b"\x1f\x8b\x08\0" + b"\0" * 20, "broken"),
    "deep.html": (lambda: b"<!doctype html><body>" + b"<div>" * 100_000, "broken"),
    "bad.ipynb": (lambda: b'{"cells": 3}', "broken"),
}


@pytest.mark.parametrize("name", HARMFUL)
def test_harmful_and_damaged_files_are_refused_in_words(name):
    make, code = HARMFUL[name]
    error = refusal(name, make())
    assert error.code == code and "Traceback" not in error.message


def test_a_pdf_behind_a_password_is_refused_by_that_word():
    from reportlab.lib import pdfencrypt
    from reportlab.pdfgen.canvas import Canvas

    out = io.BytesIO()
    canvas = Canvas(out, encrypt=pdfencrypt.StandardEncryption("secret", canPrint=0))
    canvas.drawString(100, 100, "x")
    canvas.save()
    assert refusal("x.pdf", out.getvalue()).code == "locked"


def test_an_archive_with_a_path_that_leads_out_is_only_listed(tmp_path):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("../../evil.txt", "x")
    assert "../../evil.txt" in read("x.zip", out.getvalue())["markdown"]
