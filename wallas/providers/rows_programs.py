"""Programs of this machine that do what services do: no network, no key, no quota. Used when they are installed."""

from wallas.providers.row import PROGRAM, Row


def program(name: str, label: str, *needs: str, makes: dict[str, str], note: str) -> Row:
    """Return the row of a program; ``needs`` are commands and Python modules (``python:NAME``) that it is made of."""
    return Row(
        name=name,
        label=label,
        base_url="",
        wire=PROGRAM,
        keyless=True,
        local=True,
        program=True,
        needs=needs,
        free="local",
        free_rule="all",
        models_path=None,
        makes=makes,
        limits="your own hardware",
        region="local",
        trains_on_data=False,
        note=note,
        source="its own documentation, read 2026-11-21",
        date="2026-11-21",
    )


PROGRAMS: tuple[Row, ...] = (
    program(
        "tesseract",
        "Tesseract",
        "tesseract",
        "python:pytesseract",
        "python:PIL",
        makes={"ocr": "program"},
        note="apt-get install tesseract-ocr tesseract-ocr-spa (a package a language), and the extra wallas[ocr]",
    ),
    program(
        "rapidocr",
        "RapidOCR",
        "python:rapidocr",
        "python:onnxruntime",
        "python:PIL",
        makes={"ocr": "program"},
        note="the extra wallas[ocr]; PP-OCRv6 for Latin letters and Chinese, its models lie inside the wheel",
    ),
    program(
        "easyocr",
        "EasyOCR",
        "python:easyocr",
        "python:PIL",
        makes={"ocr": "program"},
        note="pip install easyocr, with its models in ~/.EasyOCR: none is fetched by the gateway",
    ),
)
