"""Reads a request's body whole and as JSON, or refuses it in the client's words before anyone is asked."""

from typing import Any

import msgspec
from flask import Request

from wallas.errors import BadRequest, GatewayError, TooLarge

BODY_BYTES = 32 * 1024 * 1024
DEPTH = 64
FIELDS = 1_000
"""Fields of a body itself; no protocol has a tenth of them."""

_decode = msgspec.json.Decoder().decode


def guarded_body(request: Request, *, most: int = BODY_BYTES, data: bytes | None = None) -> dict[str, Any]:
    """Return the body's JSON object; raise a 4xx for anything else, whatever content type it claims."""
    data = raw_body(request, most=most) if data is None else data
    try:
        body = _decode(data.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        what = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise BadRequest(f"the body is no valid JSON: {what}", code="invalid_json") from error
    if not isinstance(body, dict):
        raise BadRequest("the body must be a JSON object", code="invalid_json")
    if len(body) > FIELDS:
        raise BadRequest(f"the body has {len(body)} fields, at most {FIELDS} are taken", code="invalid_json")
    if data.count(b"{") + data.count(b"[") > DEPTH and nested_deeper(body, DEPTH):
        raise BadRequest(f"the body is nested deeper than {DEPTH} levels", code="invalid_json")
    return body


def raw_body(request: Request, *, most: int = BODY_BYTES) -> bytes:
    """Return the body's bytes; raise TooLarge before reading more than ``most``, 415 for a packed body."""
    environ = request.environ
    packed = environ.get("HTTP_CONTENT_ENCODING", "identity").lower()
    if packed not in ("", "identity"):
        raise GatewayError(
            f"Content-Encoding: {packed[:20]!r} is not taken; send the body as it is",
            param="Content-Encoding",
            code="unsupported_media_type",
            status=415,
        )
    said = environ.get("CONTENT_LENGTH") or ""
    length = int(said) if said.isdecimal() and "HTTP_TRANSFER_ENCODING" not in environ else None
    if length is not None and length > most:
        raise TooLarge(f"the body has {length} bytes, {most} are taken")
    try:
        data: bytes = environ["wsgi.input"].read(most + 1)
    except OSError as error:
        raise BadRequest("the body could not be read", code="invalid_body") from error
    except Exception as error:  # gunicorn raises its own parse errors (ChunkMissingTerminator, ...) from read()
        if type(error).__module__.startswith("gunicorn"):
            raise BadRequest("the body is not sent as HTTP wants it", code="invalid_body") from error
        raise
    if len(data) > most:
        raise TooLarge(f"the body has more than {most} bytes")
    if length is not None and len(data) < length:
        raise BadRequest(f"the body ended after {len(data)} of {length} bytes", code="invalid_body", status=408)
    return data


def nested_deeper(value: Any, depth: int) -> bool:
    """Return whether a JSON value is nested more than ``depth`` levels deep."""
    level = [value]
    for _ in range(depth):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True
