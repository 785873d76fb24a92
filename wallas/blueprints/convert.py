"""``POST /v1/files/convert``: any file as Markdown, as the router makes it for models that read words only."""

import select
from typing import Any

from flask import Blueprint, Response, current_app, request

from wallas.blueprints.files import owner
from wallas.blueprints.multipart import body_or_form
from wallas.blueprints.ocr import FORM_BYTES, SOURCES, file_of
from wallas.blueprints.respond import json_response
from wallas.content.contents import Contents, Item
from wallas.content.fetch import FetchError
from wallas.content.forms import convert
from wallas.content.guarded import Unreadable
from wallas.errors import BadRequest, GatewayError, NotFound
from wallas.types.chat import Media

bp = Blueprint("convert", __name__)

NOT_HERE = frozenset({"missing_extra", "no_transcription"})
"""What the caller can do nothing about: a part of this gateway is not installed."""


@bp.post("/v1/files/convert")
def converted() -> Response:
    """Convert a file."""
    body, sent = body_or_form(request, most=FORM_BYTES)
    library = current_app.extensions["wallas"].library
    contents = Contents((), works=library.works, fetcher=library.fetcher, hooks=library.hooks, owner=owner())
    given = [name for name in (*SOURCES, "file_id") if body.get(name) is not None or name in sent.files]
    if len(given) != 1:
        what = f"only one of {' and '.join(given)} can be read" if given else "file is missing"
        code = None if given else "missing_required_parameter"
        raise BadRequest(what, param=(given or ["file"])[-1], code=code)
    try:
        item = _item(contents, given[0], body, sent)
        job = library.works.start(lambda job: convert(contents, item, job))
        poll = select.poll()
        poll.register(job.fileno(), select.POLLIN)
        try:
            poll.poll()
        finally:
            job.abort()
        if job.error is not None:
            raise job.error
    except Unreadable as error:
        raise refused(error, given[0]) from error
    form = item.forms["text"]
    look = item.look
    return json_response(
        {
            "object": "file.conversion",
            "markdown": form.text,
            "converter": form.converter,
            "mime": look.sort.mime if look is not None else None,
            "pages": look.pages if look is not None else None,
            "language": look.language if look is not None else None,
            "name": item.name,
            "warnings": list(form.warnings),
        }
    )


def refused(error: Unreadable, param: str) -> GatewayError:
    """Return what a caller is told of a file that cannot be read."""
    if error.code in NOT_HERE:
        return GatewayError(f"{param}: {error.message}", param=param, status=503, code="not_installed")
    if error.code == "unknown_file":
        return NotFound(error.message, param=param, code="file_not_found")
    return BadRequest(f"{param}: {error.message}", param=param, code="unreadable_file")


def _item(contents: Contents, param: str, body: dict[str, Any], sent: Any) -> Item:
    """Return the file that a request brings or names."""
    name = body.get("filename") or body.get("name")
    if name is not None and not isinstance(name, str):
        raise BadRequest("filename: expected a text", param="filename")
    if param == "file_id":
        if not isinstance(body["file_id"], str):
            raise BadRequest("file_id: expected a text", param="file_id")
        return Item(Media(kind="document", file_id=body["file_id"], name=name), param)
    if param in sent.files:
        file = sent.file(param)
        item = Item(Media(kind="document", name=file.filename or name, mime=file.mimetype or None), param)
        item.hold(file.read())
        return item
    source = body[param]
    if isinstance(source, dict):
        name = name or next((source[key] for key in ("filename", "name") if isinstance(source.get(key), str)), None)
    inner = source.values() if isinstance(source, dict) else (source,)
    text = next((value for value in inner if isinstance(value, str)), "")
    if text.lower().startswith(("http://", "https://")):
        item = Item(Media(kind="document", url=text, name=name), param)
        try:
            contents.fetcher.check(text)
        except FetchError as error:
            raise BadRequest(f"{param}: {error}", param=param, code="refused_url") from error
        return item
    item = Item(Media(kind="document", name=name), param)
    item.hold(file_of(source, param))
    return item
