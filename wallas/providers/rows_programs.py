"""What this machine can do itself, and services that are reached by a package of their own: no chat, no key."""

from typing import Any

from wallas.providers.row import PROGRAM, Row

DOCS = "its own documentation, read 2026-11-21"
READS = {"ocr": "program"}


def _program(name: str, label: str, operation: str, needs: tuple[str, ...], install: str, **more: Any) -> Row:
    """Return the row of a program of this machine that does one thing."""
    return Row(
        name=name,
        label=label,
        base_url="http://localhost",
        wire=PROGRAM,
        keyless=True,
        local=True,
        program=True,
        needs=needs,
        install=install,
        free="local",
        free_rule="all",
        limits="your own hardware",
        region="local",
        trains_on_data=False,
        date="2026-11-21",
        models_path=None,
        chats=False,
        operations=frozenset({operation}),
        **({"source": DOCS} | more),
    )


PROGRAMS: tuple[Row, ...] = (
    _program(
        "tesseract",
        "Tesseract",
        "ocr",
        ("tesseract+pytesseract.py+PIL.py",),
        'apt-get install tesseract-ocr tesseract-ocr-spa (a package a language) and pip install "wallas[ocr]"',
        makes=READS,
    ),
    _program(
        "rapidocr",
        "RapidOCR",
        "ocr",
        ("rapidocr.py+onnxruntime.py+PIL.py",),
        'pip install "wallas[ocr]"',
        note="PP-OCRv6 for Latin letters and Chinese; its models lie inside the wheel",
        makes=READS,
    ),
    _program(
        "easyocr",
        "EasyOCR",
        "ocr",
        ("easyocr.py+PIL.py",),
        "pip install easyocr",
        note="with models that are in ~/.EasyOCR already; none is fetched",
        status="unverified",
        makes=READS,
    ),
    _program(
        "espeak",
        "espeak-ng on this machine",
        "speech",
        ("espeak-ng", "pyttsx3.py"),
        'apt-get install espeak-ng, or pip install "wallas[audio]" for pyttsx3',
        note="speech without network, the last resort; pyttsx3 takes the voices that the system has",
        source="espeak-ng 1.51, pyttsx3 2.99",
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
    _program(
        "whisper",
        "Whisper on this machine",
        "transcription",
        ("faster_whisper.py",),
        'pip install "wallas[whisper]", and a model in WALLAS_WHISPER_MODELS',
        note="models as CTranslate2 writes them, each in a folder of its own with model.bin",
        source="faster-whisper 1.2",
    ),
)
