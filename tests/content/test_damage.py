"""Files that lie, are locked, cut off or carry more than one thinks: read as far as they go, or refused in words."""

import datetime
import io
import random
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from tests.content import samples
from tests.content.bodies import PROTOCOLS
from tests.content.kinds import tone
from tests.content.made import made
from tests.content.samples import ANSWER
from wallas.content.guarded import Unreadable
from wallas.content.opening import opened
from wallas.content.sniff import sniff


def read(name: str, data: bytes) -> dict[str, Any]:
    return opened(data, sniff(data, name=name), name=name)


def packed(**members: str | bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in members.items():
            file.writestr(name.replace("__", "/").replace("_xml", ".xml"), text)
    return out.getvalue()


def ole(stream: str) -> bytes:
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600 + stream.encode("utf-16-le") + b"\0" * 500


def locked_odt() -> bytes:
    entry = '<m:file-entry xmlns:m="urn:m"><m:encryption-data/></m:file-entry>'
    kind = "application/vnd.oasis.opendocument.text"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr(zipfile.ZipInfo("mimetype"), kind)
        file.writestr("content.xml", random.Random(1).randbytes(400))
        file.writestr("META-INF/manifest.xml", entry)
    return out.getvalue()


def locked_zip(data: bytes) -> bytes:
    """Return a zip whose members say that they are encrypted."""
    out = bytearray(data)
    for mark, flag in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = out.find(mark)
        while at >= 0:
            out[at + flag] |= 1
            at = out.find(mark, at + 4)
    return bytes(out)


LOCKED: dict[str, Callable[[], bytes]] = {
    "x.docx": lambda: ole("EncryptedPackage"),
    "y.docx": lambda: locked_zip(samples.docx()),
    "x.odt": locked_odt,
}


@pytest.mark.parametrize("name", LOCKED)
def test_a_file_behind_a_password_is_refused_by_that_word(name):
    with pytest.raises(Unreadable, match="protected by a password"):
        read(name, LOCKED[name]())


def test_the_list_of_an_archive_behind_a_password_is_read():
    assert ANSWER in read("x.zip", locked_zip(samples.archive()))["markdown"]


def workbook() -> bytes:
    """Return a workbook as programs write it that reckon nothing: formulas without results, and a note."""
    import openpyxl
    from openpyxl.comments import Comment

    book = openpyxl.Workbook()
    sheet = book.active
    sheet.merge_cells("A1:C1")
    sheet["A1"] = "Prices"
    sheet.append(["oak", 310, datetime.date(2026, 3, 4)])
    sheet.append(["pine", 120, datetime.datetime(2026, 3, 5, 14, 30)])
    sheet["B4"] = "=SUM(B2:B3)"
    sheet["A2"].comment = Comment("Ask Inés", "me")
    book.create_sheet("Secret").sheet_state = "hidden"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_formulas_without_results_notes_dates_and_hidden_sheets_of_a_workbook_are_told():
    found = read("x.xlsx", workbook())
    assert "| oak | 310 | 2026-03-04 |" in found["markdown"] and "2026-03-05 14:30:00" in found["markdown"]
    assert "|  | =SUM(B2:B3) |  |" in found["markdown"] and "- A2: Ask Inés" in found["markdown"]
    assert "## Secret (hidden)" in found["markdown"]
    assert found["warnings"] == ["formulas of sheet Sheet without a result in the file stand as they are written (1)"]


HIDING = """<html><head><style>.x, em.n {display:none} #y { visibility : hidden } @media print {.p{display:none}}
/* .c{display:none} */ .z{font-size:0} div p.w {opacity:0}</style></head><body><p>Open</p>
<p class=x>no1</p><p id=y>no2</p>
<span class="a z">no3</span><p style="opacity:0">no4</p><p style="position:absolute;left:-9999px">no5</p>
<p style="visibility:hidden"><b>no6</b></p><em class=n>no7</em><p class=p>yes1</p><p class=c>yes2</p>
<p style="opacity:0.5">yes3</p><p class=w>yes4</p><p hidden>no8</p></body></html>"""


def test_what_a_page_hides_is_left_out_and_that_is_said():
    found = read("x.html", HIDING.encode())
    assert "Open" in found["markdown"] and "no" not in found["markdown"]
    assert all(f"yes{number}" in found["markdown"] for number in range(1, 5))
    assert found["warnings"] == ["text that the page hides was left out (8 places)"]


def test_documents_that_are_attached_to_a_message_are_read_and_the_rest_is_named():
    from email.message import EmailMessage

    message = EmailMessage()
    message["From"], message["Subject"] = "ana@example.com", "Figures"
    message.set_content("See the attachments.")
    kind = "vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    message.add_attachment(samples.xlsx(), maintype="application", subtype=kind, filename="towns.xlsx")
    message.add_attachment(samples.docx()[:900], maintype="application", subtype="x", filename="cut.docx")
    message.add_attachment(b"\x89PNG\r\n\x1a\n", maintype="image", subtype="png", filename="logo.png")
    found = read("x.eml", bytes(message))
    assert "## Attachment: towns.xlsx" in found["markdown"] and "| 7 | Quito | 7307 |" in found["markdown"]
    assert [told.partition(":")[0] for told in found["warnings"]] == [
        "the attachment cut.docx was left out",
        "the attachment logo.png was left out",
    ]


def test_a_table_in_text_with_zero_bytes_is_read_and_they_are_told():
    found = read("x.csv", b"a,b\r\n1,\0\0x\r\n7,7307\r\n")
    assert "| 1 | x |" in found["markdown"] and "| 7 | 7307 |" in found["markdown"]
    assert found["warnings"] == ["2 zero bytes in it were left out"]


@pytest.mark.parametrize(("name", "data"), [("x.txt", b" \n\t\n"), ("x.html", b"<html><body></body></html>")])
def test_a_file_without_words_says_so(gateway, name, data):
    gate = gateway("blind")
    path, body, headers = PROTOCOLS["openai"]("acme/blind", name, "text/plain", data)
    answer = gate.post(path, body, **headers)
    assert answer.status_code == 200 and "there are no words in it" in answer.headers["X-Wallas-Converted"]


def test_headers_and_footers_of_an_opendocument_text_are_read():
    styles = '<s xmlns:style="u:s"><style:header><p>Ana &amp; sons</p></style:header></s>'
    body = "<d><body><text><p>Hello</p></text></body></d>"
    kind = "application/vnd.oasis.opendocument.text"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr(zipfile.ZipInfo("mimetype"), kind)
        file.writestr("content.xml", body)
        file.writestr("styles.xml", styles)
    assert read("x.odt", out.getvalue())["markdown"] == "Ana & sons\n\nHello"


@pytest.mark.parametrize("word", ["doc", "ppt"])
def test_an_old_office_file_that_nobody_can_read_is_refused_with_what_would_help(word, monkeypatch):
    stream = {"doc": "WordDocument", "ppt": "PowerPoint Document"}[word]
    monkeypatch.setattr("wallas.content.guarded.PATH", "/nonexistent")
    with pytest.raises(Unreadable, match=rf"apt-get install libreoffice.*or save it as \.{word}x") as caught:
        read(f"x.{word}", ole(stream))
    assert caught.value.code == "missing_extra"


@pytest.mark.parametrize("begin", [b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\7\1\0", b"(\xb5/\xfd"])
def test_an_archive_that_no_program_here_lists_names_the_program(begin, monkeypatch):
    monkeypatch.setattr("wallas.content.guarded.PATH", "/nonexistent")
    with pytest.raises(Unreadable, match="apt-get install libarchive-tools"):
        read("x", begin + bytes(100))


@pytest.mark.skipif(shutil.which("bsdtar") is None, reason="apt-get install libarchive-tools")
def test_an_archive_that_bsdtar_knows_is_listed(tmp_path):
    import subprocess

    (tmp_path / "Quito 7307.txt").write_text("x" * 12)
    subprocess.run(["bsdtar", "-acf", "x.7z", "Quito 7307.txt"], cwd=tmp_path, check=True)
    assert "| Quito 7307.txt | 12 |" in read("x.7z", (tmp_path / "x.7z").read_bytes())["markdown"]


def tiff() -> bytes:
    from PIL import Image

    pages = [Image.open(io.BytesIO(samples.page_picture(number, (200, 280)))) for number in (1, 2, 3)]
    out = io.BytesIO()
    pages[0].save(out, "TIFF", save_all=True, append_images=pages[1:])
    return out.getvalue()


def test_every_page_of_a_tiff_reaches_a_model_that_sees(gateway):
    gate = gateway("seeing")
    path, body, headers = PROTOCOLS["openai"]("acme/seeing", "x.tiff", "image/tiff", tiff())
    answer = gate.post(path, body, **headers)
    assert answer.status_code == 200 and "3 pages, 200x280 png" in answer.headers["X-Wallas-Converted"]
    assert gate.sent().count("data:image/png") == 3 and gate.got("[Page 3 of")


def lying_png() -> bytes:
    """Return a PNG that says it has 2500 million pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 50_000, 50_000, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def test_no_model_that_describes_pictures_is_sent_a_bomb(gateway):
    gate = gateway("blind", "seeing")
    path, body, headers = PROTOCOLS["openai"]("acme/blind", "x.png", "image/png", lying_png())
    answer = gate.post(path, body, **headers)
    assert answer.status_code == 400 and "too many pixels" in answer.text and gate.provider.requests == []


DAMAGES: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "cut": lambda data, rng: data[: rng.randrange(8, len(data))],
    "flipped": lambda data, rng: bytes(byte if rng.random() > 0.01 else rng.randrange(256) for byte in data),
    "holed": lambda data, rng: data[: (at := rng.randrange(len(data)))] + data[at + 700 :],
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_read_or_refused_by_its_place_and_a_reason(gateway, damage):
    rng = random.Random(damage)
    gate = gateway("blind")
    odd = {}
    for name, make in samples.DOCUMENTS.items():
        protocol = rng.choice(list(PROTOCOLS))
        data = DAMAGES[damage](make(), rng)
        path, body, headers = PROTOCOLS[protocol]("acme/blind", name, "application/octet-stream", data)
        answer = gate.post(path, body, **headers)
        told = answer.status_code == 400 and "cannot be read: " in answer.text
        if answer.status_code != 200 and not told:
            odd[name] = (answer.status_code, answer.text[:200])
        gate.provider.will()
    assert odd == {}


def test_a_file_that_breaks_the_gateway_itself_is_named_in_a_400(gateway):
    def broken(data, **said):
        raise KeyError("a mistake of our own")

    gate = gateway("blind")
    gate.library.hooks.transcribe = broken
    path, body, headers = PROTOCOLS["openai"]("acme/blind", "x.wav", "audio/wav", tone(0.7))
    answer = gate.post(path, body, **headers)
    assert answer.status_code == 400 and "reading it failed here (KeyError)" in answer.text


def test_outlooks_messages_are_read_with_their_date_their_tables_and_the_messages_in_them():
    found = read("mail.msg", made("mail.msg"))
    text = found["markdown"]
    assert "**From:** Ana Núñez <ana@example.com>" in text and "**Date:** 2026-03-15 10:30 UTC" in text
    assert "| 7 | Quito | 7307 |" in text and "Inner body says pier twelve." in text
    assert found["warnings"] == ["the attachment logo.png was left out"]


@pytest.mark.skipif(not any(map(shutil.which, ("soffice", "antiword"))), reason="apt-get install antiword")
def test_a_word_file_from_before_2007_is_read_by_whatever_is_here():
    found = read("towns.doc", made("towns.doc"))
    assert "Quito" in found["markdown"] and ANSWER in found["markdown"]
    assert found["converter"].startswith(("LibreOffice", "antiword"))


@pytest.mark.skipif(shutil.which("antiword") is None, reason="apt-get install antiword")
def test_a_word_file_from_before_2007_is_read_without_libreoffice(monkeypatch, tmp_path):
    (tmp_path / "antiword").symlink_to(str(shutil.which("antiword")))
    monkeypatch.setattr("wallas.content.guarded.PATH", str(tmp_path))
    found = read("towns.doc", made("towns.doc"))
    assert ANSWER in found["markdown"] and found["converter"] == "antiword"
    assert found["warnings"] == ["only its words were taken: no headings, no pictures"]
