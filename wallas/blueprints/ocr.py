"""``POST /v1/ocr/process``: a picture's or a document's words, from a form or from JSON."""

import base64
import binascii
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, current_app, request

from wallas import codecs
from wallas.blueprints.files import owner, store
from wallas.blueprints.leaving import watched
from wallas.blueprints.multipart import body_or_form
from wallas.blueprints.respond import json_response, request_id, router
from wallas.codecs.framing import encode, sse
from wallas.errors import BadRequest, GatewayError
from wallas.routing.router import Options

if TYPE_CHECKING:
    from wallas.routing.ocr import Asked, Document, Read

bp = Blueprint("ocr", __name__)

MOST_BYTES = 50 * 1024 * 1024
FORM_BYTES = MOST_BYTES + 1024 * 1024
JSON_BYTES = MOST_BYTES * 4 // 3 + 64 * 1024
SOURCES = ("file", "image", "document")
FIELDS = frozenset({*SOURCES, "engine", "language", "pages", "stream", "model", "file_id"})

_RANGE = re.compile(r"(\d{1,6})(?:\s*-\s*(\d{1,6}))?")
_DATA_URL = re.compile(r"data:[^,;]{0,100}(?:;[^,;]{0,100})*;base64,", re.IGNORECASE)


@bp.post("/v1/ocr/process")
def process() -> Response:
    """Read a document."""
    from wallas.routing.ocr import Asked, read

    said, data = _sent()
    chosen = watched(request.environ, {key: value for key, value in said.items() if key not in FIELDS})
    asked = Asked(
        data,
        pages=page_numbers(said.get("pages")),
        language=_language(said.get("language")),
        engine=_word(said, "engine") or _word(said, "model") or "auto",
    )
    if _flag(said.get("stream")):
        return _streamed(asked, chosen)
    headers: dict[str, str] = {}
    found = read(
        router(),
        asked,
        chosen,
        request_id=request_id(request),
        wire=codecs.OPENAI_CHAT,
        told=lambda run: headers.update(run.headers()),
    )
    return json_response(shown(found), headers=headers)


def shown(document: "Document") -> dict[str, Any]:
    """Return a document as the route tells it."""
    engines = list(dict.fromkeys(page.engine for page in document.pages if page.engine != "none"))
    return {
        "object": "ocr.document",
        "text": document.text,
        "engine": engines[0] if len(engines) == 1 else "+".join(engines) or "none",
        "pages": [_page(page) for page in document.pages],
        "warnings": document.warnings,
    }


def _page(page: "Read") -> dict[str, Any]:
    told = {"page": page.page, "text": page.text, "confidence": page.confidence, "engine": page.engine}
    return told | ({"warning": page.warning} if page.warning else {})


def _streamed(asked: "Asked", chosen: Options) -> Response:
    """Answer with events: how many pages there are, each page as it is read, then the whole."""
    from wallas.routing.ocr import Document, Read, reading

    steps = reading(router(), asked, chosen, request_id=request_id(request), wire=codecs.OPENAI_CHAT)
    total = next(steps)  # what can be refused is refused before the first byte

    def events() -> Iterator[bytes]:
        pages: list[Read] = []
        try:
            for step in steps:
                if isinstance(step, Read):
                    pages.append(step)
                    yield sse(encode({"object": "ocr.page", **_page(step), "done": len(pages), "total": total}))
            yield sse(encode(shown(Document(tuple(pages), len(pages))))) + b"data: [DONE]\n\n"
        except GatewayError as error:
            yield sse(encode(codecs.codec(codecs.OPENAI_CHAT).encode_error(error)))

    return Response(events(), content_type="text/event-stream")


def page_numbers(said: Any) -> tuple[int, ...]:
    """Return the pages that ``[1, 3]`` or ``"1-3,7"`` means; raise BadRequest for anything else."""
    if said is None or said == "":
        return ()
    if isinstance(said, list) and all(isinstance(one, int) and not isinstance(one, bool) for one in said):
        return tuple(said)
    if isinstance(said, int) and not isinstance(said, bool):
        return (said,)
    numbers: list[int] = []
    for piece in said.split(",") if isinstance(said, str) else [""]:
        match = _RANGE.fullmatch(piece.strip())
        if match is None or len(numbers) > 10_000:
            raise BadRequest('pages: expected numbers from 1, such as [1, 3] or "1-3,7"', param="pages")
        first, last = int(match[1]), int(match[2] or match[1])
        numbers += range(first, min(last, first + 10_000) + 1)
    return tuple(numbers)


def _sent() -> tuple[dict[str, Any], bytes]:
    """Return the fields and the file of a request."""
    body, sent = body_or_form(request, most=JSON_BYTES)
    if sent.files:
        return body, sent.file(*SOURCES).read()
    given = [name for name in (*SOURCES, "file_id") if body.get(name) is not None]
    if len(given) != 1:
        missing = "file is missing" if not given else f"only one of {' and '.join(given)} can be read"
        raise BadRequest(
            missing, param=(given or ["file"])[-1], code="missing_required_parameter" if not given else None
        )
    if given == ["file_id"]:
        return body, _uploaded(body["file_id"])
    return body, file_of(body[given[0]], given[0])


def _uploaded(id: Any) -> bytes:
    """Return the bytes of an upload of the caller's own; raise NotFound."""
    if not isinstance(id, str):
        raise BadRequest("file_id: expected a text", param="file_id")
    return store().read(store().find(id, owner=owner()))


def file_of(source: Any, param: str) -> bytes:
    """Return the bytes that base64, a data URL or a URL stands for."""
    if isinstance(source, dict):  # OpenAI's and Mistral's shapes
        source = next(
            (source[key] for key in ("data", "url", "file_data", "image_url", "document_url") if key in source), None
        )
    if not isinstance(source, str) or not source.strip():
        raise BadRequest(f"{param}: expected base64, a data URL or a URL", param=param)
    if re.match(r"https?://", source, re.IGNORECASE):
        return _fetched(source, param)
    match = _DATA_URL.match(source)
    try:
        data = base64.b64decode("".join(source[match.end() if match else 0 :].split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadRequest(f"{param}: this is no base64, data URL or URL", param=param) from error
    if not data or len(data) > MOST_BYTES:
        raise BadRequest(f"{param}: " + ("it is empty" if not data else f"more than {MOST_BYTES} bytes"), param=param)
    return data


def _fetched(url: str, param: str) -> bytes:
    from wallas.content.fetch import FetchError

    try:
        fetched = current_app.extensions["wallas"].library.fetcher.fetch(url)
    except FetchError as error:
        raise BadRequest(f"{param}: {error}", param=param, code="unreachable_url") from error
    data: bytes = fetched.data
    return data


def _language(said: Any) -> str | None:
    from wallas.content.ocr.languages import languages

    if isinstance(said, list) and all(isinstance(one, str) for one in said):
        said = "+".join(said)
    if said in (None, "", "auto"):
        return None
    if not isinstance(said, str):
        raise BadRequest("language: expected a code such as es, or eng+deu", param="language")
    try:
        return "+".join(one.code for one in languages(said)) or None
    except KeyError as error:
        raise BadRequest(
            f"language: {error.args[0][:40]!r} is no language that is known here", param="language"
        ) from error


def _word(said: dict[str, Any], name: str) -> str | None:
    value = said.get(name)
    if value is not None and (not isinstance(value, str) or not value.strip()):
        raise BadRequest(f"{name}: expected a name", param=name)
    return value.strip() if value else None


def _flag(said: Any) -> bool:
    if said in (None, False, "false", "False", "0", ""):
        return False
    if said in (True, "true", "True", "1"):
        return True
    raise BadRequest("stream: expected true or false", param="stream")
