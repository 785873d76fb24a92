"""Reads a form with files (``multipart/form-data``): fields in memory, files on disk, everything bounded."""

import tempfile
from typing import IO, Any, NamedTuple

from flask import Request, Response, after_this_request
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import MultiPartParser
from werkzeug.http import parse_options_header

from wallas.blueprints.body import guarded_body, read_body
from wallas.errors import BadRequest, TooLarge

FILE_MEMORY = 1024 * 1024
"""A larger file waits on disk."""
FIELD_BYTES = 1024 * 1024
PARTS = 200
MB = 1024 * 1024


class Form(NamedTuple):
    """A form's texts and files, by their names as they were sent; both may have several of a name."""

    fields: "MultiDict[str, str]"
    files: "MultiDict[str, FileStorage]"

    def file(self, *names: str) -> FileStorage:
        """Return the one file of the first of these names; raise BadRequest when there is none, or more than one."""
        found = [file for name in names for file in self.files.getlist(name)]
        if not found:
            if any(name in self.fields for name in names):
                raise BadRequest(f"{names[0]}: expected a file, not a text", param=names[0])
            raise BadRequest(f"{names[0]} is missing", param=names[0], code="missing_required_parameter")
        if len(found) > 1:
            raise BadRequest(f"{names[0]}: expected one file, not {len(found)}", param=names[0])
        return found[0]

    def all(self, *names: str) -> list[FileStorage]:
        """Return the files of these names."""
        return [file for name in names for file in self.files.getlist(name)]

    def plain(self, *lists: str) -> dict[str, Any]:
        """Return the texts as an object: ``a[b]`` is an object's field; ``a[]`` and those in ``lists`` are lists."""
        told: dict[str, Any] = {}
        for key, values in self.fields.lists():
            name, bracket, inner = key.partition("[")
            if bracket and inner not in ("]", ""):
                told.setdefault(name, {})
                if isinstance(told[name], dict):
                    told[name][inner.rstrip("]")] = values[-1]
            elif bracket or name in lists:
                told[name] = [*told[name], *values] if isinstance(told.get(name), list) else list(values)
            else:
                told[name] = values[-1]
        return told


def is_form(request: Request) -> bool:
    """Return whether a request says that it brings a form."""
    return parse_options_header(request.content_type or "")[0] == "multipart/form-data"


def form(request: Request, *, most: int) -> Form:
    """Return the form of a request of at most ``most`` bytes; raise a 4xx for whatever else it brings."""
    kind, options = parse_options_header(request.content_type or "")
    if kind != "multipart/form-data":
        raise BadRequest(
            "send this as multipart/form-data", param="Content-Type", code="unsupported_media_type", status=415
        )
    boundary = options.get("boundary", "").encode("latin-1", "replace")
    if not 0 < len(boundary) <= 200:
        raise BadRequest("multipart/form-data without a boundary", param="Content-Type", code="invalid_body")
    held: list[IO[bytes]] = []

    def container(*told: Any, **more: Any) -> IO[bytes]:
        held.append(tempfile.SpooledTemporaryFile(max_size=FILE_MEMORY))  # noqa: SIM115
        return held[-1]

    @after_this_request
    def let_go(response: Response) -> Response:
        for file in held:
            file.close()
        return response

    parser = MultiPartParser(container, max_form_memory_size=FIELD_BYTES, max_form_parts=PARTS)

    def read(stream: Any) -> Form:
        return Form(*parser.parse(_Counted(stream, most), boundary, None))  # type: ignore[arg-type]

    try:
        return read_body(request, read, most=most)
    except RequestEntityTooLarge as error:
        raise TooLarge(f"a form of at most {PARTS} parts is taken, its texts of at most {FIELD_BYTES} bytes") from error
    except ValueError as error:
        raise BadRequest(f"the form is damaged: {error}", code="invalid_body") from error


def body_or_form(request: Request, *, most: int, lists: tuple[str, ...] = ()) -> tuple[dict[str, Any], Form]:
    """Return what a request says, sent as a form or as JSON; JSON brings no files."""
    if not is_form(request):
        return guarded_body(request, most=most), Form(MultiDict(), MultiDict())
    sent = form(request, most=most)
    return sent.plain(*lists), sent


class _Counted:
    """A stream that raises TooLarge once it has given more than is taken."""

    def __init__(self, stream: Any, most: int) -> None:
        self.stream = stream
        self.left = most
        self.most = most

    def read(self, size: int = -1) -> bytes:
        data = bytes(self.stream.read(min(size, self.left + 1) if size >= 0 else self.left + 1))
        self.left -= len(data)
        if self.left < 0:
            raise TooLarge(f"the body has more than {self.most} bytes")
        return data
