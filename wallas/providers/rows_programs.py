"""What this machine can do itself, and services that are reached by a package of their own: no chat, no key."""

from typing import Any

from wallas.providers.row import PROGRAM, Row


def _reader(name: str, label: str, needs: str, install: str, **more: Any) -> Row:
    """Return the row of a program that reads pages."""
    return Row(
        name=name,
        label=label,
        base_url="http://localhost",
        wire=PROGRAM,
        keyless=True,
        local=True,
        program=True,
        needs=(needs,),
        install=install,
        free="local",
        free_rule="all",
        limits="your own hardware",
        region="local",
        trains_on_data=False,
        source="its own documentation, read 2026-11-21",
        date="2026-11-21",
        models_path=None,
        chats=False,
        operations=frozenset({"ocr"}),
        makes={"ocr": "program"},
        **more,
    )


PROGRAMS: tuple[Row, ...] = (
    _reader(
        "tesseract",
        "Tesseract",
        "tesseract+pytesseract.py+PIL.py",
        'apt-get install tesseract-ocr tesseract-ocr-spa (a package a language) and pip install "wallas[ocr]"',
    ),
    _reader(
        "rapidocr",
        "RapidOCR",
        "rapidocr.py+onnxruntime.py+PIL.py",
        'pip install "wallas[ocr]"',
        note="PP-OCRv6 for Latin letters and Chinese; its models lie inside the wheel",
    ),
    _reader(
        "easyocr",
        "EasyOCR",
        "easyocr.py+PIL.py",
        "pip install easyocr",
        note="with models that are in ~/.EasyOCR already; none is fetched",
        status="unverified",
    ),
    Row(
        name="espeak",
        label="espeak-ng on this machine",
        base_url="http://localhost",
        wire=PROGRAM,
        keyless=True,
        local=True,
        program=True,
        needs=("espeak-ng", "pyttsx3.py"),
        install='apt-get install espeak-ng, or pip install "wallas[audio]" for pyttsx3',
        free="local",
        free_rule="all",
        limits="your own hardware",
        region="local",
        trains_on_data=False,
        note="speech without network, the last resort; pyttsx3 takes the voices that the system has",
        source="espeak-ng 1.51, pyttsx3 2.99",
        date="2026-11-21",
        models_path=None,
        chats=False,
        operations=frozenset({"speech"}),
    ),
    Row(
        name="edge-tts",
        label="Microsoft Edge's voices",
        base_url="https://speech.platform.bing.com",
        wire=PROGRAM,
        keyless=True,
        needs=("edge_tts.py",),
        install='pip install "wallas[audio]"',
        free="yes",
        free_rule="all",
        status="unverified",
        limits="unpublished; an unofficial use of the browser's service",
        region="US",
        note="used where the package edge-tts is installed; the service may change or vanish any day",
        source="edge-tts 7.3.1, read 2026-11-21",
        date="2026-11-21",
        models_path=None,
        chats=False,
        operations=frozenset({"speech"}),
    ),
)
