"""Asks for the words of pages: from programs of this machine, from Mistral's OCR, from any chat model that sees."""

import base64
import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from wallas.codecs import codec
from wallas.codecs.framing import decode_body
from wallas.content.guarded import Limits, Unreadable, run
from wallas.content.ocr.engines import packed
from wallas.errors import FailureKind, ProviderError
from wallas.types.chat import ChatRequest, Media, Message, Text
from wallas.types.media import OcrPage, OcrRequest

if TYPE_CHECKING:
    from wallas.providers.base import Line
    from wallas.settings import Key

MEGABYTE = 1024 * 1024
MEMORY = 3072 * MEGABYTE
THREADS = {"OMP_THREAD_LIMIT": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""One thread an engine: pages are read side by side, and the gateway is to stay quick."""
START_SECONDS = 15.0
PAGE_SECONDS = {"tesseract": 30.0, "rapidocr": 45.0}
LONGEST_PAGE = 60.0
"""What an engine may take of the clock to start and for each page; several times what docs/ocr.md measures."""
CHILD_CODES = {
    "too_slow": FailureKind.TIMEOUT,
    "too_large": FailureKind.CALLER_FAULT,
    "missing": FailureKind.UNSUPPORTED,
}
PROMPT = (
    "Transcribe all text on this page exactly as it stands, in reading order, as Markdown. "
    "Write tables as Markdown tables. Do not translate, explain, summarise or add anything. "
    "If there is no text on it, answer with the single word BLANK."
)
_FENCE = re.compile(r"\A```(?:markdown|md|text)?\n(.*?)\n?```\s*\Z", re.DOTALL)


def by_program(provider: Any, request: OcrRequest, key: "Key", line: "Line") -> list[OcrPage]:
    """Return the pages as a program of this machine reads them."""
    seconds = START_SECONDS + PAGE_SECONDS.get(provider.name, LONGEST_PAGE) * len(request.pictures)
    limits = Limits(seconds=max(min(line.left(), seconds), 0.1), cpu=1200, memory=MEMORY)
    options = {"language": request.language or "", "hint": request.hint or ""}
    try:
        found = run(
            f"wallas.content.ocr.engines:{provider.name}",
            packed(request.pictures),
            options,
            limits=limits,
            environ=THREADS,
            wanted=line.wanted,
        )
    except Unreadable as error:
        line.check()
        kind = CHILD_CODES.get(error.code, FailureKind.UNUSABLE)
        raise ProviderError(kind, f"{provider.row.label}: {error.message}") from error
    return [OcrPage(text=page["text"], confidence=page["confidence"]) for page in found.value["pages"]]


def by_mistral(provider: Any, request: OcrRequest, key: "Key", line: "Line") -> list[OcrPage]:
    """Return the pages as ``POST /ocr`` tells them, a call a page (providers.md, Mistral)."""
    pages = []
    for picture in request.pictures:
        body = {"model": request.model, "document": {"type": "image_url", "image_url": _data_url(picture)}}
        reply = line.reply(partial(provider.send, f"{provider.base(key)}/ocr", body, headers=provider.headers(key)))
        pages.append(OcrPage(text=_mistral_text(reply.data)))
    return pages


def by_chat(provider: Any, request: OcrRequest, key: "Key", line: "Line") -> list[OcrPage]:
    """Return the pages as a chat model sees them, a call a page."""
    pages = []
    for picture in request.pictures:
        reply = line.reply(partial(provider.chat, seen(request, picture), key=key))
        answer = codec(provider.wire).decode_response(decode_body(reply.data))
        pages.append(OcrPage(text=_said(answer)))
    return pages


def seen(request: OcrRequest, picture: bytes) -> ChatRequest:
    """Return the chat request that shows one page and asks for its words."""
    hint = f" The text is in: {request.language}." if request.language else ""
    shown = Media(kind="image", mime="image/png", data=base64.b64encode(picture).decode())
    return ChatRequest(
        model=request.model,
        messages=(Message(role="user", parts=(Text(text=PROMPT + hint), shown)),),
        temperature=0.0,
        stream=False,
    )


def _said(answer: Any) -> str:
    text = (
        "".join(part.text for part in answer.choices[0].message.parts if isinstance(part, Text))
        if answer.choices
        else ""
    )
    text = text.strip()
    fenced = _FENCE.match(text)
    text = fenced[1] if fenced else text
    return "" if text.strip(" .\n").upper() == "BLANK" else text


def _mistral_text(data: bytes) -> str:
    try:
        pages = msgspec.json.decode(data)["pages"]
        return "\n\n".join(str(page["markdown"]) for page in pages)
    except (msgspec.DecodeError, KeyError, TypeError) as error:
        raise ProviderError(FailureKind.MALFORMED, "an answer without pages") from error


def _data_url(picture: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(picture).decode()}"


DIALECTS: dict[str, Callable[..., list[OcrPage]]] = {"program": by_program, "mistral": by_mistral, "chat": by_chat}
