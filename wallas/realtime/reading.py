"""Reads a client's messages: JSON into events, or the refusal that names what is wrong."""

import re
from typing import Any

import msgspec

from wallas.codecs.fields import bad_field, join
from wallas.errors import BadRequest
from wallas.realtime.fields import EVENTS, Event

DEPTH = 64
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<name>[^`]+)`(?: - at `\$\.?(?P<path>[^`]*)`)?")


def parsed(data: str | bytes) -> dict[str, Any]:
    """Return a message's JSON object; raise BadRequest for anything else."""
    try:
        body = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise BadRequest(f"the event is no valid JSON: {error}", code="invalid_json") from error
    if not isinstance(body, dict):
        raise BadRequest("an event must be a JSON object", code="invalid_json")
    return body


def event_of(body: dict[str, Any]) -> Event:
    """Return the event that a client sent; raise BadRequest naming the field that is wrong."""
    kind = body.get("type")
    if not isinstance(kind, str):
        raise BadRequest("the 'type' field is missing", param="type", code="invalid_event")
    if kind not in EVENTS:
        known = ", ".join(EVENTS)
        raise BadRequest(f"{kind[:100]!r} is no event that is taken here; those are {known}", param="type")
    try:
        return msgspec.convert(body, EVENTS[kind])
    except msgspec.ValidationError as error:
        unknown = _UNKNOWN.match(str(error))
        if unknown is None:
            raise bad_field(error) from error
        param = join(unknown["path"] or "", unknown["name"])
        raise BadRequest(f"Unknown parameter: {param!r}.", param=param, code="unknown_parameter") from error


def event_id_of(body: dict[str, Any]) -> str | None:
    """Return what a client calls its event, so that an error can name it."""
    said = body.get("event_id")
    return said[:512] if isinstance(said, str) else None
