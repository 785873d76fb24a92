"""Reads a provider's error body, whatever its shape, and writes a gateway error as one sentence."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from wallas.codecs.blame import classify
from wallas.codecs.framing import decode_body
from wallas.errors import GatewayError, ProviderError

TEXT = 500
"""Characters kept of an error body that is no JSON."""
ATTEMPTS = 8
"""Attempts told in a sentence; the log has them all."""

_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.DOTALL | re.IGNORECASE)


class Told(NamedTuple):
    """What an error body says; "" and None where it says nothing."""

    message: str = ""
    code: str | int | None = None
    type: str | None = None
    param: str | None = None


def told(value: Any) -> Told:
    """Return what a decoded error body says.

    Seen in recordings: ``{error: {...}}``, ``{error: "text"}``, the same in a
    list, flat ``{message, code, type}``, ``{id, message, error_type}``,
    ``{detail}``, ``{title, detail}``, and plain text.
    """
    match value:
        case str():
            return Told(_short(value))
        case [first, *_]:
            return told(first)
        case {"error": dict() as error}:
            return _flat(error)
        case {"error": str() as text}:
            return _flat(value)._replace(message=text)
        case dict():
            return _flat(value)
        case _:
            return Told()


def refusal(status: int, headers: Mapping[str, str], value: Any) -> ProviderError:
    """Return the failure that a decoded error body stands for."""
    said = told(value)
    return classify(
        status,
        headers,
        message=said.message,
        code=said.code,
        type=said.type,
        param=said.param,
        details=value,
    )


def decode_error(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """Return what a refusal means; any body will do, also HTML, text, nothing or half a JSON."""
    try:
        value = decode_body(body)
    except ProviderError:
        value = body.decode("utf-8", "replace")
    return refusal(status, headers, value)


def sentence(error: GatewayError) -> str:
    """Return an error as text for wires that have nothing else: the field at fault first, the attempts last."""
    text = error.message
    if error.param and error.param not in text:
        text = f"{error.param}: {text}"
    rows = [said for row in error.details if (said := _attempt(row, text))]
    if len(rows) > ATTEMPTS:
        rows[ATTEMPTS:] = [f"and {len(rows) - ATTEMPTS} more"]
    return f"{text} ({'; '.join(rows)})" if rows else text


def _attempt(row: dict[str, Any], text: str) -> str:
    """Return a row as ``provider/model: key value, ...``, or nothing where the text already tells of it."""
    said = {key: value for key, value in row.items() if value is not None and value != ""}
    name = "/".join(str(said.pop(key)) for key in ("provider", "model") if key in said)
    rest = ", ".join(f"{key} {value}" for key, value in said.items())
    if "/" in name and name in text:
        return ""
    return f"{name}: {rest}" if name and rest else name or rest


def _flat(error: dict[str, Any]) -> Told:
    message = _words(error, "message", "detail", "error_description", "title")
    code = next((error[key] for key in ("code", "error_type") if isinstance(error.get(key), str | int)), None)
    kind = _words(error, "type", "status")
    return Told(message, code, kind or None, _words(error, "param") or None)


def _words(error: dict[str, Any], *keys: str) -> str:
    for key in keys:
        match error.get(key):
            case str() as text if text:
                return text
            case {"detail": [{"msg": str() as text}, *_]} | [{"msg": str() as text}, *_]:
                return text
    return ""


def _short(text: str) -> str:
    title = _TITLE.search(text)
    return " ".join((title[1] if title else text).split())[:TEXT]
