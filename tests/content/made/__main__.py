"""``python -m tests.content.made``: makes these files anew with the programs of this machine.

Needs soffice (LibreOffice), pandoc, convert (ImageMagick), ffmpeg and espeak-ng; says which is missing. The files lie
beside this program, so that tests need none of the programs but those that read.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
PROGRAMS = ("soffice", "pandoc", "convert", "ffmpeg", "espeak-ng")

PAGES = (
    (
        "CONTRATO DE ARRENDAMIENTO",
        "En la ciudad de Málaga, a tres de noviembre, se reúnen de una parte doña Inés Muñoz y de otra don Óscar "
        "Ibáñez. Ambos declaran que conocen el estado de la vivienda y que están conformes con él.",
    ),
    (
        "CLÁUSULAS",
        "El inquilino pagará la renta en los primeros siete días de cada mes. La vivienda se usará solo como "
        "residencia habitual. No se permiten obras sin permiso por escrito de la propietaria.",
    ),
    (
        "FIANZA Y DURACIÓN",
        "La fianza es de 1850 euros y se devolverá al final del contrato. El contrato dura cinco años y empieza el "
        "día quince de diciembre. Firmado en Málaga por las dos partes.",
    ),
)
"""A contract of three pages; the deposit, 1850 euros, stands on the third."""

SHEET = """<?xml version="1.0" encoding="UTF-8"?>
<office:document xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"
 xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0" xmlns:of="urn:oasis:names:tc:opendocument:xmlns:of:1.2"
 xmlns:number="urn:oasis:names:tc:opendocument:xmlns:datastyle:1.0"
 office:mimetype="application/vnd.oasis.opendocument.spreadsheet" office:version="1.3">
<office:automatic-styles>
<number:date-style style:name="N1"><number:year number:style="long"/><number:text>-</number:text>
<number:month number:style="long"/><number:text>-</number:text><number:day number:style="long"/></number:date-style>
<style:style style:name="date" style:family="table-cell" style:data-style-name="N1"/></office:automatic-styles>
<office:body><office:spreadsheet>
<table:table table:name="Ventas"><table:table-column table:number-columns-repeated="4"/>
<table:table-row><table:table-cell office:value-type="string" table:number-columns-spanned="4">
<text:p>Sales of 2026</text:p></table:table-cell></table:table-row>
<table:table-row>{head}</table:table-row>{rows}
<table:table-row>{total}</table:table-row></table:table>
</office:spreadsheet></office:body></office:document>"""
TOWNS = ("Lugo", "Soria", "Teruel", "Huesca", "Quito", "Cuenca", "Zamora")


def _text(text: str) -> str:
    return f'<table:table-cell office:value-type="string"><text:p>{text}</text:p></table:table-cell>'


def _number(value: float) -> str:
    return f'<table:table-cell office:value-type="float" office:value="{value}"/>'


def sheet() -> str:
    """Return a flat OpenDocument sheet: a merged title, dates, and sums that only a spreadsheet program knows."""
    head = "".join(map(_text, ("Day", "Town", "Pieces", "Euros")))
    rows = []
    for number, town in enumerate(TOWNS, 3):
        kind = 'table:style-name="date" office:value-type="date"'
        date = f'<table:table-cell {kind} office:date-value="2026-03-{number:02}"/>'
        sum_ = f'<table:table-cell table:formula="of:=[.C{number}]*12.5"/>'
        rows.append(f"<table:table-row>{date}{_text(town)}{_number(number * 11)}{sum_}</table:table-row>")
    total = _text("Total") + _text("") + '<table:table-cell table:formula="of:=SUM([.C3:.C9])"/>'
    total += '<table:table-cell table:formula="of:=SUM([.D3:.D9])"/>'
    return SHEET.format(head=head, rows="".join(rows), total=total)


def run(*words: str) -> None:
    """Run a program; raise where it fails."""
    subprocess.run(words, check=True, capture_output=True, env=os.environ | {"SOURCE_DATE_EPOCH": "1"})


def picture(path: Path, text: str, *, size: str, points: int, more: tuple[str, ...] = ()) -> None:
    """Draw a text."""
    words = ("-background", "white", "-fill", "gray15", "-font", "DejaVu-Sans", "-pointsize", str(points))
    run("convert", *words, "-size", size, f"caption:{text}", *more, str(path))


def scan(folder: Path) -> None:
    """Make a scanned contract: grey, a little askew and grainy, JPEGs in a PDF."""
    pages = []
    for number, (title, text) in enumerate(PAGES, 1):
        page = folder / f"page{number}.jpg"
        body = f"{title}\n\n{text}\n\nPágina {number}"
        more = ("-bordercolor", "white", "-border", "120x150", "-gravity", "north", "-extent", "1240x1650")
        worn = ("-rotate", "0.6", "-attenuate", "0.15", "+noise", "Gaussian", "-colorspace", "Gray", "-quality", "40")
        picture(page, body, size="1000x700", points=30, more=(*more, *worn))
        pages.append(str(page))
    (folder / "contrato.md").write_text("\n\n".join(f"![]({page}){{width=6in}}\\ " for page in pages))
    run("pandoc", str(folder / "contrato.md"), "-o", str(folder / "contrato.odt"))
    saved(folder, "contrato.odt", "pdf")


def photo(folder: Path) -> None:
    """Make a photo of a sign, seen a little from the side."""
    sign = folder / "sign.png"
    picture(sign, "FERRY TO ISLA VERDE\nDeparts 16:45\nPier 12", size="700x320", points=54)
    seen = ("-bordercolor", "white", "-border", "30", "-bordercolor", "steelblue", "-border", "90x60")
    turned = (
        "-virtual-pixel",
        "edge",
        "-distort",
        "Perspective",
        "0,0 12,8  880,0 872,2  0,500 6,496  880,500 866,489",
    )
    run("convert", str(sign), *seen, *turned, "-quality", "80", str(HERE / "sign.jpg"))


def speech(path: Path, text: str) -> None:
    """Have a text spoken."""
    run("espeak-ng", "-v", "en-us", "-s", "135", "-w", str(path), text)


def note(folder: Path) -> None:
    """Make a voice note as messengers send it: Opus in Ogg."""
    speech(folder / "note.wav", "Hello. Please bring the green folder to the library on Thursday morning.")
    run("ffmpeg", "-y", "-i", str(folder / "note.wav"), "-c:a", "libopus", "-b:a", "24k", str(HERE / "note.ogg"))
    run("ffmpeg", "-y", "-i", str(folder / "note.wav"), "-b:a", "32k", str(HERE / "note.mp3"))


def film(folder: Path) -> None:
    """Make a video of fifteen seconds: three boards, the last one from second ten on, and a voice."""
    inputs = []
    for number, text in enumerate(("Welcome to the tour", "First the harbour", "Gate code 4816"), 1):
        picture(folder / f"board{number}.png", text, size="640x360", points=52, more=("-gravity", "center"))
        inputs += ["-loop", "1", "-t", "5", "-i", str(folder / f"board{number}.png")]
    speech(folder / "voice.wav", "Good morning everybody. The tour begins at the old lighthouse.")
    joined = "[0][1][2]concat=n=3[v]"
    words = ("-filter_complex", joined, "-map", "[v]", "-map", "3:a", "-r", "5", "-pix_fmt", "yuv420p", "-crf", "30")
    sound = ("-c:a", "aac", "-b:a", "32k", "-ac", "1")
    run("ffmpeg", "-y", *inputs, "-i", str(folder / "voice.wav"), *words, *sound, str(HERE / "tour.mp4"))


def office(folder: Path) -> None:
    """Have LibreOffice make a workbook, whose sums it reckons, and a Word file as before 2007."""
    (folder / "sales.fods").write_text(sheet())
    saved(folder, "sales.fods", "xlsx")
    (folder / "towns.md").write_text("# Towns\n\n|Row|Town|Value|\n|-|-|-|\n|7|Quito|7307|\n")
    run("pandoc", str(folder / "towns.md"), "-o", str(folder / "towns.odt"))
    saved(folder, "towns.odt", "doc")


def saved(folder: Path, name: str, kind: str) -> None:
    """Have LibreOffice save a document as another kind, here."""
    home = f"-env:UserInstallation=file://{folder}/profile"
    run("soffice", home, "--headless", "--convert-to", kind, "--outdir", str(HERE), str(folder / name))


def main() -> None:
    """Make all of them."""
    if missing := [name for name in PROGRAMS if shutil.which(name) is None]:
        sys.exit(f"not installed: {', '.join(missing)}")
    with tempfile.TemporaryDirectory() as place:
        for make in (scan, photo, note, film, office):
            make(Path(place))
    for path in sorted(HERE.iterdir()):
        if path.suffix not in (".py", "") and path.is_file():
            print(f"{path.stat().st_size:8} {path.name}")


if __name__ == "__main__":
    main()
