"""Tool arguments between wires that carry them as JSON text and wires that carry them as an object."""

from typing import Any

import msgspec

from wallas.codecs.framing import encode

INVALID = "INVALID_JSON"
"""The one key of an object that stands for arguments that are no JSON object; their text is its value."""

_decode = msgspec.json.Decoder().decode


def arguments_text(value: Any) -> str:
    """Return arguments that came as a JSON value as compact text; text that is no JSON object stays as it is."""
    if value is None or value == "":
        return "{}"
    if isinstance(value, str):
        parsed = _parsed(value)
        return value if parsed is None else encode(parsed).decode()
    match value:
        case {"INVALID_JSON": str() as text} if len(value) == 1:
            return text
        case _:
            return encode(value).decode()


def arguments_object(text: str) -> dict[str, Any]:
    """Return arguments as an object; text that is none goes under ``INVALID_JSON``, empty text is ``{}``."""
    if not text.strip():
        return {}
    parsed = _parsed(text)
    return {INVALID: text} if parsed is None else parsed


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        value = _decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
