"""Gemini's own schema dialect, a subset of OpenAPI 3.0, read as JSON Schema."""

from typing import Any

from wallas.codecs.gemini_keys import DEPTH, camel
from wallas.errors import BadRequest

_NUMBERS = frozenset({"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"})
_MAPS = frozenset({"properties", "defs", "$defs", "patternProperties", "definitions"})
_PLAIN = frozenset({"enum", "example", "default", "required", "const", "examples"})
_OURS = frozenset({"nullable", "propertyOrdering"})


def json_schema(schema: Any, *, at: str, depth: int = 0) -> Any:
    """Return an OpenAPI schema as JSON Schema: lower-case types, ``nullable`` as a type, numbers that were text.

    What is JSON Schema already comes out as it was. ``at`` is the field's path, for the client's error.
    """
    if isinstance(schema, list):
        return [json_schema(item, at=at, depth=depth + 1) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if depth > DEPTH:
        raise BadRequest(f"{at}: nested deeper than {DEPTH} levels", param=at)
    found: dict[str, Any] = {}
    for key, value in schema.items():
        name = key if key.startswith("$") else camel(key)
        if name in _OURS or value is None or value == "TYPE_UNSPECIFIED":
            continue
        found[name] = _value(name, value, at=at, depth=depth)
    return _nullable(found) if schema.get("nullable") is True else found


def _value(name: str, value: Any, *, at: str, depth: int) -> Any:
    if name == "type":
        return _types(value)
    if name in _PLAIN:
        return value
    if name in _NUMBERS and isinstance(value, str) and value.isdecimal():
        return int(value[:18])
    if name in _MAPS and isinstance(value, dict):
        return {key: json_schema(item, at=at, depth=depth + 1) for key, item in value.items()}
    return json_schema(value, at=at, depth=depth + 1)


def _types(value: Any) -> Any:
    if isinstance(value, list):
        return [_types(item) for item in value]
    return value.lower() if isinstance(value, str) else value


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    kind = schema.get("type")
    if isinstance(kind, str):
        schema["type"] = [kind, "null"]
    elif isinstance(schema.get("anyOf"), list):
        schema["anyOf"] = [*schema["anyOf"], {"type": "null"}]
    if isinstance(schema.get("enum"), list) and None not in schema["enum"]:
        schema["enum"] = [*schema["enum"], None]
    return schema
