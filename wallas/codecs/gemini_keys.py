"""One spelling of Gemini's keys: the REST API reads camelCase and snake_case alike."""

from functools import lru_cache
from typing import Any

from wallas.errors import BadRequest

DEPTH = 64
"""As deep as our own walks go into a client's body."""

FREE = frozenset(
    {
        "args",
        "response",
        "parameters",
        "parametersJsonSchema",
        "responseSchema",
        "responseJsonSchema",
        "labels",
        "partMetadata",
        "metadata",
        "wallas",
    }
)
"""Keys whose values are the client's own: nothing below them is respelled."""


@lru_cache(maxsize=1024)
def camel(key: str) -> str:
    """Return a key in camelCase; one that begins with an underscore stays as it is."""
    first, *rest = key.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest) if first else key


def respelled(value: Any, depth: int = 0) -> Any:
    """Return a body with its keys in camelCase and without its nulls, which mean "absent"."""
    if isinstance(value, dict):
        if depth > DEPTH:
            raise BadRequest(f"the body is nested deeper than {DEPTH} levels")
        found = {}
        for key, item in value.items():
            name = camel(key)
            if item is not None:
                found[name] = item if name in FREE else respelled(item, depth + 1)
        return found
    if isinstance(value, list):
        if depth > DEPTH:
            raise BadRequest(f"the body is nested deeper than {DEPTH} levels")
        return [respelled(item, depth + 1) for item in value]
    return value
