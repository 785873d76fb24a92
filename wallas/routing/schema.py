"""Says whether a value is what a JSON Schema asks for, within bounds that no schema and no answer can pass.

Draft 2020-12 with the elder spellings of drafts 4 to 7. What a keyword says
here can be told exactly; of ``format`` the usual ones are heeded,
``$dynamicRef`` is not followed, references leave the document nowhere:
nothing is ever fetched. What cannot be told is let pass.
"""

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, TypeAlias
from urllib.parse import unquote

from wallas.routing.evaluated import evaluated
from wallas.routing.formats import has_format
from wallas.routing.pattern import matches, size

STEPS_MOST = 100_000
PATTERN_STEPS_MOST = 1_000_000
DEEPEST = 120
Path: TypeAlias = tuple[str | int, ...]


class Unsure(Exception):
    """The schema asks for more than there is time for."""


def complaint(value: Any, schema: Any) -> str | None:
    """Return what a decoded JSON value lacks of the schema, or None: it fits, or nobody can tell within the bounds."""
    try:
        return next(_Check(schema).faults(value, schema, (), 0), None)
    except (Unsure, RecursionError, OverflowError, ValueError):
        return None


class _Check:
    """One value against one document."""

    def __init__(self, document: Any) -> None:
        self.document = document
        said = document.get("$schema") if isinstance(document, dict) else None
        self.alone = isinstance(said, str) and any(draft in said for draft in ("draft-04", "draft-06", "draft-07"))
        """Whether ``$ref`` makes its neighbours void, as it did up to draft 7."""
        self.named: dict[str, Any] | None = None
        self.steps = 0
        self.pattern_steps = 0
        self.hazy = False
        """Whether something was let pass because nobody could tell."""
        self.allowed: dict[int, frozenset[Any]] = {}

    def faults(self, value: Any, schema: Any, path: Path, depth: int) -> Iterator[str]:
        """Yield what is wrong with a value, where it stands."""
        self.steps += 1
        if depth > DEEPEST or self.steps > STEPS_MOST:
            raise Unsure
        if schema is False:
            yield f"{_at(path)}: nothing may stand here"
        if not isinstance(schema, dict):
            return
        alone = self.alone and "$ref" in schema
        for keyword, argument in schema.items():
            if (rule := RULES.get(keyword)) is not None and (keyword == "$ref" or not alone):
                yield from rule(self, value, argument, schema, path, depth + 1)

    def fits(self, value: Any, schema: Any, depth: int) -> bool | None:
        """Return whether a value fits a schema; None where nobody can tell."""
        before, self.hazy = self.hazy, False
        fits = next(self.faults(value, schema, (), depth), None) is None
        hazy, self.hazy = self.hazy, before
        return None if fits and hazy else fits

    def matches(self, pattern: Any, text: str) -> bool | None:
        """Return whether a pattern occurs in a text; None where nobody can tell."""
        found = size(pattern) if isinstance(pattern, str) else None
        self.pattern_steps += (found or 0) * (len(text) + 1)
        if found is None or self.pattern_steps > PATTERN_STEPS_MOST:
            self.hazy = True
            return None
        return matches(pattern, text)

    def is_allowed(self, value: Any, values: list[Any]) -> bool:
        """Return whether a value is one of these."""
        if id(values) not in self.allowed:
            self.allowed[id(values)] = frozenset(map(key_of, values))
        return key_of(value) in self.allowed[id(values)]

    def target(self, reference: Any) -> Any:
        """Return the schema that a reference within the document means; True where it leads elsewhere."""
        try:
            return self._target(reference)
        except (KeyError, IndexError, TypeError, ValueError):
            self.hazy = True
            return True

    def _target(self, reference: str) -> Any:
        if reference == "#":
            return self.document
        if not reference.startswith("#/"):
            if self.named is None:
                self.named = dict(_names(self.document, 0))
            return self.named[reference]
        found = self.document
        for token in unquote(reference[2:]).split("/"):
            token = token.replace("~1", "/").replace("~0", "~")
            found = found[int(token)] if isinstance(found, list) else found[token]
        return found


def _names(schema: Any, depth: int) -> Iterator[tuple[str, Any]]:
    """Yield every subschema that has a name of its own, under each of its spellings."""
    if depth > DEEPEST:
        raise Unsure
    if isinstance(schema, dict):
        for key, prefix in (("$anchor", "#"), ("$dynamicAnchor", "#"), ("$id", ""), ("id", "")):
            if isinstance(name := schema.get(key), str):
                yield prefix + name, schema
    for inner in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from _names(inner, depth + 1)


def _at(path: Path) -> str:
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step[:50]}" for step in path[:20])


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "number": _number,
    "integer": lambda value: (
        _number(value) and float(value).is_integer() if isinstance(value, float) else _number(value)
    ),
}


def key_of(value: Any) -> Any:
    """Return a hashable key that two JSON values share if and only if they are equal: 1 is 1.0 and is not true."""
    match value:
        case bool():
            return "boolean", value
        case list():
            return "array", tuple(map(key_of, value))
        case dict():
            return "object", frozenset((name, key_of(inner)) for name, inner in value.items())
        case _:
            return value


Rule: TypeAlias = Callable[[_Check, Any, Any, dict[str, Any], Path, int], Iterator[str]]
RULES: dict[str, Rule] = {}
"""What each keyword asks, by its name."""


def _rule(*names: str) -> Callable[[Rule], Rule]:
    def add(rule: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, rule))
        return rule

    return add


def _simple(name: str, kind: str, holds: Callable[[Any, Any], bool], what: str) -> None:
    """Add a keyword that compares a value of one type with its argument."""

    def rule(check: _Check, value: Any, argument: Any, schema: Any, path: Path, depth: int) -> Iterator[str]:
        if TYPES[kind](value) and _number(argument) and not holds(value, argument):
            yield f"{_at(path)}: {what} {argument}"

    RULES[name] = rule


_simple("minLength", "string", lambda value, least: len(value) >= least, "shorter than")
_simple("maxLength", "string", lambda value, most: len(value) <= most, "longer than")
_simple("minItems", "array", lambda value, least: len(value) >= least, "fewer items than")
_simple("maxItems", "array", lambda value, most: len(value) <= most, "more items than")
_simple("minProperties", "object", lambda value, least: len(value) >= least, "fewer properties than")
_simple("maxProperties", "object", lambda value, most: len(value) <= most, "more properties than")
_simple("exclusiveMinimum", "number", lambda value, least: value > least, "not more than")
_simple("exclusiveMaximum", "number", lambda value, most: value < most, "not less than")


@_rule("minimum", "maximum")
def _bound(check: _Check, value: Any, argument: Any, schema: dict[str, Any], path: Path, depth: int) -> Iterator[str]:
    if not (_number(value) and _number(argument)):
        return
    if schema.get("minimum") is argument and (
        value < argument or (schema.get("exclusiveMinimum") is True and value == argument)
    ):
        yield f"{_at(path)}: less than {argument}"
    if schema.get("maximum") is argument and (
        value > argument or (schema.get("exclusiveMaximum") is True and value == argument)
    ):
        yield f"{_at(path)}: more than {argument}"


@_rule("type")
def _type(check: _Check, value: Any, argument: Any, schema: Any, path: Path, depth: int) -> Iterator[str]:
    names = argument if isinstance(argument, list) else [argument]
    if value is None and schema.get("nullable") is True:  # OpenAPI's way to say so
        return
    if any(not isinstance(name, str) or name not in TYPES for name in names):
        return
    if not any(TYPES[name](value) for name in names):
        yield f"{_at(path)}: not of the type {' or '.join(names)}"


@_rule("enum")
def _enum(check: _Check, value: Any, argument: Any, schema: Any, path: Path, depth: int) -> Iterator[str]:
    if isinstance(argument, list) and not check.is_allowed(value, argument):
        yield f"{_at(path)}: none of the values that are allowed"


@_rule("const")
def _const(check: _Check, value: Any, argument: Any, schema: Any, path: Path, depth: int) -> Iterator[str]:
    if key_of(value) != key_of(argument):
        yield f"{_at(path)}: not the value that is due"


@_rule("multipleOf")
def _multiple(check: _Check, value: Any, argument: Any, schema: Any, path: Path, depth: int) -> Iterator[str]:
    told = _number(value) and _number(argument) and argument > 0
    if told and (Fraction(str(value)) / Fraction(str(argument))).denominator != 1:
        yield f"{_at(path)}: no multiple of {argument}"


@_rule("pattern")
def _pattern(check: _Check, value: Any, argument: Any, schema: Any, path: Path, depth: int) -> Iterator[str]:
    if isinstance(value, str) and check.matches(argument, value) is False:
        yield f"{_at(path)}: does not match the pattern"


@_rule("uniqueItems")
def _unique(check: _Check, value: Any, argument: Any, schema: Any, path: Path, depth: int) -> Iterator[str]:
    if argument is True and isinstance(value, list) and len({key_of(one) for one in value}) < len(value):
        yield f"{_at(path)}: the same item twice"


@_rule("required")
def _required(check: _Check, value: Any, argument: Any, schema: Any, path: Path, depth: int) -> Iterator[str]:
    if isinstance(value, dict) and isinstance(argument, list):
        for name in argument:
            if isinstance(name, str) and name not in value:
                yield f"{_at((*path, name))}: missing"


@_rule("properties")
def _properties(check: _Check, value: Any, argument: Any, schema: Any, path: Path, depth: int) -> Iterator[str]:
    if isinstance(value, dict) and isinstance(argument, dict):
        for name, inner in argument.items():
            if name in value:
                yield from check.faults(value[name], inner, (*path, name), depth)


@_rule("patternProperties")
def _by_pattern(check: _Check, value: Any, argument: Any, schema: Any, path: Path, depth: int) -> Iterator[str]:
    if isinstance(value, dict) and isinstance(argument, dict):
        for pattern, inner in argument.items():
            for name, one in value.items():
                if check.matches(pattern, name):
                    yield from check.faults(one, inner, (*path, name), depth)


@_rule("additionalProperties")
def _more(check: _Check, value: Any, argument: Any, schema: dict[str, Any], path: Path, depth: int) -> Iterator[str]:
    if not isinstance(value, dict):
        return
    known, patterns = schema.get("properties"), schema.get("patternProperties")
    for name, one in value.items():
        if isinstance(known, dict) and name in known:
            continue
        if isinstance(patterns, dict) and any(check.matches(pattern, name) is not False for pattern in patterns):
            continue
        yield from check.faults(one, argument, (*path, name), depth)


@_rule("propertyNames")
def _names_fit(check: _Check, value: Any, argument: Any, schema: Any, path: Path, depth: int) -> Iterator[str]:
    for name in value if isinstance(value, dict) else ():
        yield from check.faults(name, argument, (*path, name), depth)


@_rule("dependentRequired", "dependentSchemas", "dependencies")
def _dependent(check: _Check, value: Any, argument: Any, schema: Any, path: Path, depth: int) -> Iterator[str]:
    if not (isinstance(value, dict) and isinstance(argument, dict)):
        return
    for name, due in argument.items():
        if name in value and isinstance(due, list):
            yield from _required(check, value, due, schema, path, depth)
        elif name in value:
            yield from check.faults(value, due, path, depth)


@_rule("prefixItems")
def _first_items(check: _Check, value: Any, argument: Any, schema: Any, path: Path, depth: int) -> Iterator[str]:
    if isinstance(value, list) and isinstance(argument, list):
        for place, (one, inner) in enumerate(zip(value, argument, strict=False)):
            yield from check.faults(one, inner, (*path, place), depth)


@_rule("items")
def _items(check: _Check, value: Any, argument: Any, schema: dict[str, Any], path: Path, depth: int) -> Iterator[str]:
    if isinstance(argument, list):
        yield from _first_items(check, value, argument, schema, path, depth)
    elif isinstance(value, list):
        first = schema.get("prefixItems")
        start = len(first) if isinstance(first, list) else 0
        for place, one in enumerate(value[start:], start):
            yield from check.faults(one, argument, (*path, place), depth)


@_rule("additionalItems")
def _more_items(
    check: _Check, value: Any, argument: Any, schema: dict[str, Any], path: Path, depth: int
) -> Iterator[str]:
    first = schema.get("items")
    if isinstance(value, list) and isinstance(first, list):
        for place, one in enumerate(value[len(first) :], len(first)):
            yield from check.faults(one, argument, (*path, place), depth)


@_rule("contains")
def _contains(
    check: _Check, value: Any, argument: Any, schema: dict[str, Any], path: Path, depth: int
) -> Iterator[str]:
    if not isinstance(value, list):
        return
    told = [check.fits(one, argument, depth) for one in value]
    sure, perhaps = told.count(True), len(value) - told.count(False)
    least: Any = schema.get("minContains", 1)
    most: Any = schema.get("maxContains")
    if (_number(least) and perhaps < least) or (_number(most) and sure > most):
        yield f"{_at(path)}: contains {sure} of what is due"


@_rule("$ref")
def _ref(check: _Check, value: Any, argument: Any, schema: Any, path: Path, depth: int) -> Iterator[str]:
    yield from check.faults(value, check.target(argument), path, depth)


@_rule("allOf")
def _all_of(check: _Check, value: Any, argument: Any, schema: Any, path: Path, depth: int) -> Iterator[str]:
    for inner in argument if isinstance(argument, list) else ():
        yield from check.faults(value, inner, path, depth)


@_rule("anyOf")
def _any_of(check: _Check, value: Any, argument: Any, schema: Any, path: Path, depth: int) -> Iterator[str]:
    if isinstance(argument, list) and all(check.fits(value, inner, depth) is False for inner in argument):
        yield f"{_at(path)}: fits none of the schemas"


@_rule("oneOf")
def _one_of(check: _Check, value: Any, argument: Any, schema: Any, path: Path, depth: int) -> Iterator[str]:
    told = [check.fits(value, inner, depth) for inner in argument] if isinstance(argument, list) else [True]
    if told.count(True) > 1 or told.count(False) == len(told):
        yield f"{_at(path)}: fits {told.count(True)} of the schemas in place of one"


@_rule("not")
def _not(check: _Check, value: Any, argument: Any, schema: Any, path: Path, depth: int) -> Iterator[str]:
    if isinstance(argument, dict | bool) and check.fits(value, argument, depth):
        yield f"{_at(path)}: fits what it must not"


@_rule("if")
def _if(check: _Check, value: Any, argument: Any, schema: dict[str, Any], path: Path, depth: int) -> Iterator[str]:
    fits = check.fits(value, argument, depth)
    if fits is not None:
        yield from check.faults(value, schema.get("then" if fits else "else", True), path, depth)


@_rule("format")
def _format(check: _Check, value: Any, argument: Any, schema: Any, path: Path, depth: int) -> Iterator[str]:
    if isinstance(value, str) and isinstance(argument, str) and not has_format(value, argument):
        yield f"{_at(path)}: not of the format {argument}"


@_rule("unevaluatedProperties")
def _other_properties(check: _Check, value: Any, argument: Any, schema: Any, path: Path, depth: int) -> Iterator[str]:
    if not isinstance(value, dict):
        return
    known = evaluated(check, value, schema, depth, but="unevaluatedProperties")
    check.hazy = check.hazy or known is None
    for name in sorted(value.keys() - known) if known is not None else ():
        yield from check.faults(value[name], argument, (*path, name), depth)


@_rule("unevaluatedItems")
def _other_items(check: _Check, value: Any, argument: Any, schema: Any, path: Path, depth: int) -> Iterator[str]:
    if not isinstance(value, list):
        return
    known = evaluated(check, value, schema, depth, but="unevaluatedItems")
    check.hazy = check.hazy or known is None
    for place in sorted(set(range(len(value))) - known) if known is not None else ():
        yield from check.faults(value[place], argument, (*path, place), depth)


@_rule("$dynamicRef", "$recursiveRef")
def _unread(check: _Check, value: Any, argument: Any, schema: Any, path: Path, depth: int) -> Iterator[str]:
    check.hazy = True
    yield from ()
