"""Files of many kinds, made by other people's libraries: each has a table whose third page or sheet has a seventh row.

The seventh row of the third part always says ``Quito`` and ``7307``.
"""

import io
import zipfile
from functools import cache

PARTS = 3
ROWS = 10
ANSWER = "7307"
TOWN = "Quito"


def rows(part: int) -> list[list[str]]:
    """Return one part's table: head, then ten rows."""
    body = [[str(row), TOWN if (part, row) == (3, 7) else f"Town {part}-{row}", str(row * 1000 + part * 100 + row)]
            for row in range(1, ROWS + 1)]  # fmt: skip
    return [["Row", "Town", "Value"], *body]


@cache
def pdf(pages: int = PARTS, words: int = 30) -> bytes:
    """Return a PDF with a text layer, by reportlab."""
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.styles import getSampleStyleSheet
    from reportlab.platypus import PageBreak, Paragraph, SimpleDocTemplate, Table

    styles = getSampleStyleSheet()
    flow = []
    for page in range(1, pages + 1):
        flow += [
            Paragraph(f"Chapter {page}", styles["Heading1"]),
            Paragraph("The towns and their values. " * words, styles["BodyText"]),
        ]
        flow += [Table(rows(page)), PageBreak()]
    out = io.BytesIO()
    SimpleDocTemplate(out, pagesize=A4, title="Towns").build(flow)
    return out.getvalue()


@cache
def scanned_pdf(pages: int = PARTS) -> bytes:
    """Return a PDF whose pages are pictures only."""
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.utils import ImageReader
    from reportlab.pdfgen.canvas import Canvas

    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4)
    for page in range(1, pages + 1):
        canvas.drawImage(ImageReader(io.BytesIO(page_picture(page))), 0, 0, *A4)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


@cache
def illustrated_pdf() -> bytes:
    """Return a PDF of words whose first and third page have a picture each, by reportlab."""
    from reportlab.lib.styles import getSampleStyleSheet
    from reportlab.platypus import Image, PageBreak, Paragraph, SimpleDocTemplate, Table

    styles = getSampleStyleSheet()
    flow = []
    for page in range(1, PARTS + 1):
        flow += [Paragraph(f"Chapter {page}", styles["Heading1"]), Table(rows(page))]
        if page != 2:
            flow.append(Image(io.BytesIO(page_picture(page, (400, 300))), 300, 225))
        flow.append(PageBreak())
    out = io.BytesIO()
    SimpleDocTemplate(out).build(flow)
    return out.getvalue()


@cache
def page_picture(page: int, size: tuple[int, int] = (827, 1169), form: str = "PNG") -> bytes:
    """Return one part's table as a picture."""
    from PIL import Image, ImageDraw

    picture = Image.new("L", size, 255)
    draw = ImageDraw.Draw(picture)
    for number, row in enumerate(rows(page)):
        draw.text((80, 80 + 60 * number), "     ".join(row), fill=0, font_size=32)
    return saved(picture, form)


def saved(picture, form: str = "PNG", **options) -> bytes:
    """Return a picture's file."""
    out = io.BytesIO()
    picture.save(out, form, **options)
    return out.getvalue()


@cache
def docx() -> bytes:
    """Return a Word document, by python-docx."""
    from docx import Document

    document = Document()
    document.add_heading("Towns", 0)
    document.sections[0].header.paragraphs[0].text = "Annual report"
    for part in range(1, PARTS + 1):
        document.add_heading(f"Chapter {part}", 1)
        paragraph = document.add_paragraph("The towns and their ")
        paragraph.add_run("values").bold = True
        for item in ("first", "second"):
            document.add_paragraph(item, style="List Number" if part == 2 else "List Bullet")
        grid = document.add_table(rows=0, cols=3)
        for row in rows(part):
            for cell, text in zip(grid.add_row().cells, row, strict=True):
                cell.text = text
        document.add_page_break()
    return _saved(document)


@cache
def xlsx() -> bytes:
    """Return a workbook, by openpyxl."""
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.active)
    for part in range(1, PARTS + 1):
        sheet = book.create_sheet(f"Part {part}")
        for row in rows(part):
            sheet.append([int(text) if text.isdecimal() else text for text in row])
    return _saved(book)


@cache
def pptx() -> bytes:
    """Return a presentation, by python-pptx."""
    from pptx import Presentation
    from pptx.util import Inches

    show = Presentation()
    for part in range(1, PARTS + 1):
        slide = show.slides.add_slide(show.slide_layouts[5])
        slide.shapes.title.text = f"Chapter {part}"
        frame = slide.shapes.add_table(ROWS + 1, 3, Inches(1), Inches(2), Inches(8), Inches(4))
        for number, row in enumerate(rows(part)):
            for column, text in enumerate(row):
                frame.table.cell(number, column).text = text
        slide.notes_slide.notes_text_frame.text = f"Say something of part {part}"
    return _saved(show)


@cache
def odt() -> bytes:
    """Return an OpenDocument text, by odfpy."""
    from odf.opendocument import OpenDocumentText
    from odf.table import Table, TableCell, TableRow
    from odf.text import H, List, ListItem, P

    document = OpenDocumentText()
    for part in range(1, PARTS + 1):
        document.text.addElement(H(outlinelevel=1, text=f"Chapter {part}"))
        document.text.addElement(P(text="The towns and their values."))
        items = List()
        item = ListItem()
        item.addElement(P(text=f"item of {part}"))
        items.addElement(item)
        document.text.addElement(items)
        document.text.addElement(_grid(Table, TableRow, TableCell, P, part))
    return _saved(document)


@cache
def ods() -> bytes:
    """Return an OpenDocument workbook, by odfpy."""
    from odf.opendocument import OpenDocumentSpreadsheet
    from odf.table import Table, TableCell, TableRow
    from odf.text import P

    document = OpenDocumentSpreadsheet()
    for part in range(1, PARTS + 1):
        document.spreadsheet.addElement(_grid(Table, TableRow, TableCell, P, part))
    return _saved(document)


def _grid(table, table_row, table_cell, paragraph, part):
    grid = table(name=f"Part {part}")
    for row in rows(part):
        line = table_row()
        for text in row:
            cell = table_cell(valuetype="string")
            cell.addElement(paragraph(text=text))
            line.addElement(cell)
        grid.addElement(line)
    return grid


def html() -> bytes:
    """Return a web page with a script that nobody should read."""
    head = "<head><title>Towns</title><style>p{}</style></head>"
    return f"<!doctype html><html>{head}<body>{_body()}</body></html>".encode()


def _body(parts: range = range(1, PARTS + 1)) -> str:
    text = "<script>var x = 'scripted';</script><p hidden>hidden</p>"
    for part in parts:
        lines = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows(part))
        text += (
            f"<h1>Chapter {part}</h1><p>The <b>towns</b> &amp; their <a href='https://example.com/v'>values</a>.</p>"
        )
        text += f"<ul><li>one<ul><li>inner</li></ul></li><li>two</li></ul><table>{lines}</table>"
    return text


@cache
def epub() -> bytes:
    """Return a book as the standard has it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(zipfile.ZipInfo("mimetype"), "application/epub+zip")
        file.writestr(
            "META-INF/container.xml",
            '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
            '<rootfile full-path="OEBPS/content.opf"/></rootfiles></container>',
        )
        items = "".join(f'<item id="c{part}" href="c%20{part}.xhtml"/>' for part in range(1, PARTS + 1))
        spine = "".join(f'<itemref idref="c{part}"/>' for part in range(1, PARTS + 1))
        file.writestr(
            "OEBPS/content.opf",
            '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata>'
            f"<dc:title>The towns</dc:title></metadata><manifest>{items}</manifest><spine>{spine}</spine></package>",
        )
        for part in range(1, PARTS + 1):
            head = '<?xml version="1.0"?><!DOCTYPE html><html xmlns="http://www.w3.org/1999/xhtml"><head><title>x</title></head>'
            file.writestr(f"OEBPS/c {part}.xhtml", f"{head}<body>{_body(range(part, part + 1))}</body></html>")
    return out.getvalue()


def csv() -> bytes:
    """Return the three tables as semicolon-separated values of another charset."""
    lines = [";".join(row) for part in range(1, PARTS + 1) for row in rows(part)[part > 1 :]]
    return ("\r\n".join([*lines, "x;Málaga;1"]) + "\r\n").encode("cp1252")


def rtf() -> bytes:
    """Return a rich text file."""
    lines = [
        "\\trowd " + "".join(cell + "\\cell " for cell in row) + "\\row " for part in range(1, 4) for row in rows(part)
    ]
    text = "".join(lines) + "\\pard\\par "
    return ("{\\rtf1\\ansi{\\fonttbl\\f0 Arial;}\\f0 The towns\\par " + text + "}").encode()


def eml() -> bytes:
    """Return a message with an attachment."""
    from email.message import EmailMessage

    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "Ana <ana@example.com>", "bo@example.com", "Ciudades y más"
    message["Date"], message["Message-ID"] = "Mon, 02 Nov 2026 10:00:00 +0000", "<1@example.com>"
    message.set_content("Hola:\n\n" + "\n".join(" ".join(row) for part in range(1, PARTS + 1) for row in rows(part)))
    message.add_attachment(b"%PDF-1.4", maintype="application", subtype="pdf", filename="añexo.pdf")
    return bytes(message)


def code() -> bytes:
    """Return a program."""
    return ("TOWNS = {\n" + "\n".join(f'    "{row[1]}": {row[2]},' for row in rows(3)[1:]) + "\n}\n").encode()


def notebook() -> bytes:
    """Return a notebook."""
    import json

    cells = [
        {"cell_type": "markdown", "source": ["# Towns\n", "Values"]},
        {"cell_type": "code", "source": "print(7)", "outputs": [{"text": "\n".join(" ".join(row) for row in rows(3))}]},
    ]
    return json.dumps({"cells": cells, "nbformat": 4}).encode()


def archive() -> bytes:
    """Return a zip of two files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("Quito/7307.txt", "x")
        file.writestr("b.bin", b"\0" * 10)
    return out.getvalue()


def _saved(document) -> bytes:
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


DOCUMENTS = {
    "towns.pdf": pdf, "towns.docx": docx, "towns.xlsx": xlsx, "towns.pptx": pptx, "towns.odt": odt, "towns.ods": ods,
    "towns.html": html, "towns.epub": epub, "towns.csv": csv, "towns.rtf": rtf, "towns.eml": eml, "towns.py": code,
    "towns.ipynb": notebook, "towns.zip": archive,
}  # fmt: skip
"""By file name: what makes it."""
