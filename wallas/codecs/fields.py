"""Reads client bodies into typed fields and says, in the client's own words, which field is wrong."""

import re
from functools import cache
from typing import Any, TypeVar

import msgspec

from wallas.errors import BadRequest

T = TypeVar("T")

_PLACE = re.compile(r"^(?P<what>.*?)(?: - at `(?P<key>key )?\$?(?P<path>[^`]*)`)?$", re.DOTALL)


def convert(body: Any, kind: type[T], *, at: str = "") -> T:
    """Return ``body`` as ``kind``; raise BadRequest whose ``param`` is the path of the first wrong field.

    ``at`` is the path of ``body`` itself inside the request (``messages[2]``).
    """
    try:
        return msgspec.convert(body, kind)
    except msgspec.ValidationError as error:
        raise bad_field(error, at=at) from error


def bad_field(error: msgspec.ValidationError, *, at: str = "") -> BadRequest:
    """Return the client's error for a validation error: ``$.messages[0].role`` becomes ``messages[0].role``."""
    match = _PLACE.match(str(error))
    what, path = (match["what"], match["path"] or "") if match else (str(error), "")
    missing = re.match(r"Object missing required field `([^`]+)`", what)
    if missing:
        param = join(at, f"{path}.{missing[1]}")
        return BadRequest(f"{param} is missing", param=param, code="missing_required_parameter")
    param = join(at, path)
    return BadRequest(f"{param or 'the body'}: {what[0].lower()}{what[1:]}", param=param or None)


def join(at: str, path: str) -> str:
    """Return the path of a field inside a field; either may be empty."""
    path = path.removeprefix(".")
    if not at or not path:
        return at or path
    return at + path if path.startswith("[") else f"{at}.{path}"


@cache
def names(kind: type[msgspec.Struct]) -> frozenset[str]:
    """Return the keys that a struct takes from JSON."""
    return frozenset(field.encode_name for field in msgspec.structs.fields(kind))


def leftover(body: dict[str, Any], kind: type[msgspec.Struct]) -> dict[str, Any]:
    """Return what of ``body`` no field of ``kind`` took, nulls left out: the ``extra`` of this wire."""
    taken = names(kind)
    if taken.issuperset(body):
        return {}
    return {key: value for key, value in body.items() if key not in taken and value is not None}
