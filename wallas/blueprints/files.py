"""Files: clients' own, in OpenAI's shapes, and what was made for them, each under an address that nobody can guess."""

import re
import time
from collections.abc import Iterator
from typing import Any

import msgspec
from flask import Blueprint, Response, current_app, request
from werkzeug.datastructures import FileStorage

from wallas.blueprints.listing import number
from wallas.blueprints.multipart import form
from wallas.blueprints.respond import json_response
from wallas.codecs.fields import convert
from wallas.errors import BadRequest, GatewayError
from wallas.media.blobs import PIECE
from wallas.media.kinds import SHOWN, extension
from wallas.media.store import MediaStore
from wallas.storage.files import StoredFile

bp = Blueprint("files", __name__)

PURPOSES = ("assistants", "batch", "fine-tune", "vision", "user_data", "evals")
BATCH_SECONDS = 30 * 86400
FORM_BYTES = 1024 * 1024
"""What a form may have beside its file."""
LIMIT_MOST = 10_000
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def owner() -> str:
    """Return whose files the present caller sees: everybody's who has the gateway's one key."""
    return str(request.environ.get("wallas.owner", ""))


def store() -> MediaStore:
    """Return the store of this worker."""
    found: MediaStore = current_app.extensions["wallas"].media
    return found


class ExpiresAfter(msgspec.Struct):
    """When a file goes: so many seconds after it came."""

    anchor: str
    seconds: int


class UploadIn(msgspec.Struct):
    """What comes with a file."""

    purpose: str
    expires_after: ExpiresAfter | None = None


@bp.post("/v1/files")
def upload() -> Response:
    """Keep a file."""
    sent = form(request, most=store().limits.file + FORM_BYTES)
    said = sent.plain()
    after = said.get("expires_after")
    if isinstance(after, dict) and str(after.get("seconds", "")).isdecimal():
        after["seconds"] = int(after["seconds"])
    asked = convert(said, UploadIn)
    if asked.purpose not in PURPOSES:
        raise BadRequest(f"purpose: expected one of {', '.join(PURPOSES)}", param="purpose")
    file = sent.file("file")
    kept = store().upload(
        pieces(file),
        owner=owner(),
        purpose=asked.purpose,
        filename=file.filename or "",
        seconds=_seconds(asked),
    )
    return json_response(shown(kept))


def pieces(file: FileStorage) -> Iterator[bytes]:
    """Yield an uploaded file's bytes, a piece at a time."""
    while piece := file.stream.read(PIECE):
        yield piece


def _seconds(asked: UploadIn) -> float | None:
    after = asked.expires_after
    if after is None:
        return BATCH_SECONDS if asked.purpose == "batch" else None
    if after.anchor != "created_at":
        raise BadRequest("expires_after.anchor: expected created_at", param="expires_after.anchor")
    if not 3600 <= after.seconds <= BATCH_SECONDS:
        raise BadRequest("expires_after.seconds: expected 3600 to 2592000", param="expires_after.seconds")
    return float(after.seconds)


@bp.get("/v1/files")
def files() -> Response:
    """List the caller's files."""
    args = request.args
    order = args.get("order", "desc")
    if order not in ("asc", "desc"):
        raise BadRequest("order: expected asc or desc", param="order")
    most = min(max(number(request, "limit", LIMIT_MOST), 1), LIMIT_MOST)
    rows = store().list(
        owner=owner(),
        purpose=args.get("purpose"),
        newest_first=order == "desc",
        after=args.get("after"),
        limit=most + 1,
    )
    page = [shown(row) for row in rows[:most]]
    first, last = (page[0]["id"], page[-1]["id"]) if page else (None, None)
    return json_response(
        {"object": "list", "data": page, "first_id": first, "last_id": last, "has_more": len(rows) > most}
    )


@bp.get("/v1/files/<id>")
def file(id: str) -> Response:
    """Describe a file."""
    return json_response(shown(store().find(id, owner=owner())))


@bp.delete("/v1/files/<id>")
def delete(id: str) -> Response:
    """Forget a file."""
    store().delete(id, owner=owner())
    return json_response({"id": id, "object": "file", "deleted": True})


@bp.get("/v1/files/<id>/content")
def content(id: str) -> Response:
    """Give a file back as it came: to be saved, never to be shown."""
    found = store().find(id, owner=owner())
    return sent(found, mime="application/octet-stream", attached=True)


@bp.get("/media/<id>/<name>")
def media(id: str, name: str) -> Response:
    """Give what was made for a client to whoever knows its address."""
    found = store().made(id)
    safe = found.mime in SHOWN
    return sent(found, mime=found.mime if safe else "application/octet-stream", attached=not safe)


def address(file: StoredFile) -> str:
    """Return the address of made media, at the name by which the caller knows this gateway."""
    return f"{request.host_url}media/{file.id}/{file.purpose}{extension(file.mime)}"


def shown(file: StoredFile) -> dict[str, Any]:
    """Return a file as OpenAI's lists have it."""
    told: dict[str, Any] = {
        "id": file.id,
        "object": "file",
        "bytes": file.bytes,
        "created_at": int(file.created_at),
        "filename": file.filename,
        "purpose": file.purpose,
        "status": "processed",
        "mime_type": file.mime,
    }
    return told if file.expires_at is None else told | {"expires_at": int(file.expires_at)}


def sent(file: StoredFile, *, mime: str, attached: bool) -> Response:
    """Return a file's bytes, or the range of them that was asked for; a browser runs nothing that is in them."""
    start, size, status = asked_range(request.headers.get("Range", ""), file.bytes)
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Length": str(size),
        "ETag": f'"{file.sha256}"',
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cache-Control": f"private, max-age={max(int((file.expires_at or 0) - time.time()), 0)}, immutable",
    }
    if status == 206:
        headers["Content-Range"] = f"bytes {start}-{start + size - 1}/{file.bytes}"
    if attached:
        headers["Content-Disposition"] = disposition(file.filename)
    if request.headers.get("If-None-Match") == headers["ETag"]:
        del headers["Content-Length"]
        return Response(status=304, headers=headers)
    body = () if request.method == "HEAD" else store().pieces(file, start=start, size=size)
    return Response(body, status, headers, content_type=mime)


def asked_range(said: str, size: int) -> tuple[int, int, int]:
    """Return where a range begins, how long it is, and the status: 200 for the whole, also where several are asked for.

    Raise 416 for one that lies outside.
    """
    match = _RANGE.fullmatch(said.replace(" ", ""))
    if match is None or not (match[1] or match[2]):
        return 0, size, 200
    if not match[1]:
        start, end = max(size - int(match[2]), 0), size - 1
    else:
        start, end = int(match[1]), min(int(match[2]) if match[2] else size - 1, size - 1)
    if start >= size or end < start:
        raise GatewayError(f"Range: there are {size} bytes", param="Range", code="range_not_satisfiable", status=416)
    return start, end - start + 1, 206


def disposition(name: str) -> str:
    """Return the header that makes a browser save a file under its name."""
    from urllib.parse import quote

    plain = re.sub(r'[^ -~]|["\\]', "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
