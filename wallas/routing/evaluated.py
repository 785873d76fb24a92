"""Which properties and items of a value a schema looks at by itself: ``unevaluated*`` is about the others."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, TypeAlias

Places: TypeAlias = set[str | int]
"""Names of an object's properties, or places of an array's items."""


class Check(Protocol):
    """One value against one document."""

    def fits(self, value: Any, schema: Any, depth: int) -> bool | None:
        """Return whether a value fits a schema; None where nobody can tell."""

    def matches(self, pattern: Any, text: str) -> bool | None:
        """Return whether a pattern occurs in a text; None where nobody can tell."""

    def target(self, reference: Any) -> Any:
        """Return the schema that a reference means."""


class Unknown(Exception):
    """Nobody can tell."""


def evaluated(check: Check, value: Any, schema: Any, depth: int, *, but: str = "") -> Places | None:
    """Return what a schema that the value fits looks at; ``but`` is a keyword to leave out. None: nobody can tell."""
    try:
        return _evaluated(check, value, schema, depth, but)
    except Unknown:
        return None


def _evaluated(check: Check, value: Any, schema: Any, depth: int, but: str = "") -> Places:
    found: Places = set()
    for keyword, argument in schema.items() if isinstance(schema, dict) else ():
        if keyword != but and (looks := LOOKS.get(keyword)) is not None:
            found |= looks(check, value, argument, schema, depth + 1)
    return found


def _sure(told: bool | None) -> bool:
    if told is None:
        raise Unknown
    return told


def _all(check: Check, value: Any, argument: Any, schema: Any, depth: int) -> Places:
    return set(value) if isinstance(value, dict) else set()


def _all_items(check: Check, value: Any, argument: Any, schema: Any, depth: int) -> Places:
    return set(range(len(value))) if isinstance(value, list) else set()


def _named(check: Check, value: Any, argument: Any, schema: Any, depth: int) -> Places:
    return set(argument).intersection(value) if isinstance(value, dict) and isinstance(argument, dict) else set()


def _patterns(check: Check, value: Any, argument: Any, schema: Any, depth: int) -> Places:
    names = value if isinstance(value, dict) else ()
    return {name for name in names if any(_sure(check.matches(pattern, name)) for pattern in argument)}


def _first(check: Check, value: Any, argument: Any, schema: Any, depth: int) -> Places:
    both = isinstance(value, list) and isinstance(argument, list)
    return set(range(min(len(value), len(argument)))) if both else set()


def _items(check: Check, value: Any, argument: Any, schema: Any, depth: int) -> Places:
    looks = _first if isinstance(argument, list) else _all_items
    return looks(check, value, argument, schema, depth)


def _contained(check: Check, value: Any, argument: Any, schema: Any, depth: int) -> Places:
    items = value if isinstance(value, list) else ()
    return {place for place, one in enumerate(items) if _sure(check.fits(one, argument, depth))}


def _each(check: Check, value: Any, schemas: Iterable[Any], depth: int) -> Places:
    return set[str | int]().union(*(_evaluated(check, value, one, depth) for one in schemas))


def _everyone(check: Check, value: Any, argument: Any, schema: Any, depth: int) -> Places:
    return _each(check, value, argument, depth) if isinstance(argument, list) else set()


def _fitting(check: Check, value: Any, argument: Any, schema: Any, depth: int) -> Places:
    inner = argument if isinstance(argument, list) else ()
    return _each(check, value, [one for one in inner if _sure(check.fits(value, one, depth))], depth)


def _branch(check: Check, value: Any, argument: Any, schema: Mapping[str, Any], depth: int) -> Places:
    fits = _sure(check.fits(value, argument, depth))
    return _each(check, value, (argument, schema.get("then")) if fits else (schema.get("else"),), depth)


def _dependent(check: Check, value: Any, argument: Any, schema: Any, depth: int) -> Places:
    both = isinstance(value, dict) and isinstance(argument, dict)
    return _each(check, value, [one for name, one in argument.items() if name in value] if both else (), depth)


def _referred(check: Check, value: Any, argument: Any, schema: Any, depth: int) -> Places:
    target = check.target(argument)
    if target is True:
        raise Unknown
    return _evaluated(check, value, target, depth)


def _unread(check: Check, value: Any, argument: Any, schema: Any, depth: int) -> Places:
    raise Unknown


LOOKS: dict[str, Callable[[Check, Any, Any, Any, int], Places]] = {
    "properties": _named,
    "patternProperties": _patterns,
    "additionalProperties": _all,
    "unevaluatedProperties": _all,
    "prefixItems": _first,
    "items": _items,
    "additionalItems": _all_items,
    "contains": _contained,
    "unevaluatedItems": _all_items,
    "allOf": _everyone,
    "anyOf": _fitting,
    "oneOf": _fitting,
    "if": _branch,
    "dependentSchemas": _dependent,
    "$ref": _referred,
    "$dynamicRef": _unread,
    "$recursiveRef": _unread,
}
"""What each keyword looks at, by its name."""
