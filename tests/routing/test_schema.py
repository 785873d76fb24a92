"""Whether a value fits a JSON Schema: told as the reference validator tells it, within bounds, and fetching nothing."""

import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from wallas.routing.pattern import matches, size
from wallas.routing.schema import complaint

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"name": "Ada", "age": 36}, None),
        ({"name": "Ada", "age": 36.0}, None),
        ({"name": "Ada"}, "$.age: missing"),
        ({"name": "Ada", "age": "36"}, "$.age: not of the type integer"),
        ({"name": "Ada", "age": True}, "$.age: not of the type integer"),
        ({"name": "Ada", "age": -1}, "$.age: less than 0"),
        ({"name": "Ada", "age": 1, "sex": "f"}, "$.sex: nothing may stand here"),
        ([], "$: not of the type object"),
    ],
)
def test_a_complaint_names_the_place_and_the_want(value, told):
    assert complaint(value, PERSON) == told


SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, 1.0, "", "a", "ab", "b1", "é"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c1"]), inner, max_size=3),
    max_leaves=6,
)
TYPES = st.sampled_from(["object", "array", "string", "integer", "number", "boolean", "null"])
PATTERNS = st.sampled_from(["^a", "b$", "^[a-c]+$", r"\d", "^(a|b1)?$", "[^a]", "a{2,3}", "^.$"])
FLAT = {
    "type": TYPES | st.lists(TYPES, min_size=1, max_size=3, unique=True),
    "enum": st.lists(VALUES, min_size=1, max_size=3),
    "const": VALUES,
    "multipleOf": st.integers(1, 3),
    "minimum": st.integers(-2, 2),
    "maximum": st.integers(-2, 2),
    "exclusiveMinimum": st.integers(-2, 2),
    "exclusiveMaximum": st.integers(-2, 2),
    "minLength": st.integers(0, 2),
    "maxLength": st.integers(0, 2),
    "pattern": PATTERNS,
    "minItems": st.integers(0, 2),
    "maxItems": st.integers(0, 2),
    "uniqueItems": st.booleans(),
    "minProperties": st.integers(0, 2),
    "maxProperties": st.integers(0, 2),
    "required": st.lists(st.sampled_from(["a", "b"]), unique=True, max_size=2),
    "dependentRequired": st.dictionaries(st.just("a"), st.just(["b"]), max_size=1),
    "$ref": st.sampled_from(["#/$defs/one", "#/$defs/two", "#here"]),
}


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return schemas that hold other schemas."""
    some = st.lists(inner, min_size=1, max_size=2)
    return st.fixed_dictionaries(
        {},
        optional=FLAT
        | {
            "properties": st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2),
            "patternProperties": st.dictionaries(PATTERNS, inner, max_size=1),
            "additionalProperties": inner,
            "propertyNames": inner,
            "dependentSchemas": st.dictionaries(st.just("a"), inner, max_size=1),
            "items": inner,
            "prefixItems": some,
            "contains": inner,
            "minContains": st.integers(0, 2),
            "maxContains": st.integers(0, 2),
            "allOf": some,
            "anyOf": some,
            "oneOf": some,
            "not": inner,
            "if": inner,
            "then": inner,
            "else": inner,
        },
    )


SCHEMAS = st.recursive(st.booleans() | st.fixed_dictionaries({}, optional=FLAT), nested, max_leaves=5)
DEFS = {"one": {"type": "string"}, "two": {"$anchor": "here", "minItems": 1, "minimum": 1}}


@given(SCHEMAS, VALUES)
def test_it_says_what_the_reference_validator_says(schema, value):
    document = schema if isinstance(schema, bool) else schema | {"$defs": DEFS}
    assert (complaint(value, document) is None) is Draft202012Validator(document).is_valid(value)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "http://127.0.0.1:1/schema.json"},
        {"$ref": "file:///etc/passwd"},
        {"$ref": "#/nowhere"},
        {"$ref": "#"},
        {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
        {"type": "strange"},
        {"properties": 3, "required": "a", "items": 1, "enum": {}, "pattern": 7, "multipleOf": 0, "anyOf": 1},
        {"not": {"pattern": "(?=a)"}},
        {"not": {"unevaluatedProperties": False}},
        {"not": {"$ref": "http://127.0.0.1:1/"}},
        {"oneOf": [{"pattern": "(?=a)"}, {"type": "string"}]},
        "nonsense",
        None,
    ],
)
def test_what_nobody_can_tell_is_let_pass_and_nothing_is_fetched(schema):
    assert complaint("text", schema) is None


def test_the_elder_spellings_are_understood():
    assert complaint([1, "a"], {"items": [{"type": "string"}]}) == "$[0]: not of the type string"
    assert complaint([1, 2], {"items": [True], "additionalItems": False}) == "$[1]: nothing may stand here"
    assert complaint(3, {"minimum": 3, "exclusiveMinimum": True}) == "$: less than 3"
    assert complaint({"a": 1}, {"dependencies": {"a": ["b"]}}) == "$.b: missing"
    draft7 = {"$schema": "http://json-schema.org/draft-07/schema#", "$ref": "#/definitions/x", "type": "string"}
    assert complaint(1, draft7 | {"definitions": {"x": {"type": "integer"}}}) is None
    assert complaint(None, {"type": "string", "nullable": True}) is None


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"pattern": "(a+)+$"}, "a" * 50_000 + "b"),
        ({"pattern": "(a|a)*b" * 20}, "a" * 50_000),
        ({"pattern": "((a{0,99}){0,99}){0,99}"}, "a" * 5000),
        ({"items": {"pattern": "(a+)+$"}}, ["a" * 1000 + "b"] * 1000),
        ({"allOf": [{"$ref": "#"}, {"$ref": "#"}]}, 1),
        ({"items": {"anyOf": [{"enum": [*range(1000), f"{n}"]} for n in range(100)]}}, ["x"] * 10_000),
        ({"uniqueItems": True}, [[n] for n in range(100_000)]),
    ],
)
def test_no_schema_and_no_answer_takes_long(schema, value):
    began = time.process_time()
    complaint(value, schema)
    assert time.process_time() - began < 5


def test_a_deep_value_breaks_nothing():
    value: Any = 1
    for _ in range(900):
        value = [value]
    assert complaint(value, {"uniqueItems": True}) is None
    assert complaint(value, {"items": {"$ref": "#"}}) is None


@given(
    st.recursive(
        st.sampled_from(["a", "b", ".", "[ab]", "[^a]", r"\d", r"\w", "^", "$", r"\b", "[b-d]", "é"]),
        lambda inner: st.one_of(
            st.lists(inner, min_size=1, max_size=3).map("".join),
            st.lists(inner, min_size=1, max_size=3).map(lambda ways: f"({'|'.join(ways)})"),
            st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "{1,}"])).map(
                lambda pair: f"(?:{pair[0]}){pair[1]}"
            ),
        ),
        max_leaves=6,
    ),
    st.text("abcd1é -", max_size=8),
)
def test_a_pattern_matches_where_pythons_own_engine_finds_it(pattern, text):
    told = re.search(pattern.replace("$", r"\Z"), text, re.ASCII) is not None
    assert size(pattern) is not None and matches(pattern, text) is told


@pytest.mark.parametrize("pattern", ["(?=a)", "(?!a)", r"(a)\1", "a**", "(", "[a", "a{5,2}", r"\q", "[b-a]", "a{9999}"])
def test_a_pattern_that_no_automaton_follows_has_no_size(pattern):
    assert size(pattern) is None


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        (r"^\p{Lu}\p{L}*$", "Élan", True),
        (r"^\P{L}$", "x", False),
        (r"^[\w.+-]+@[\w-]+\.[a-z]{2,}$", "ada.l@math.org", True),
        (r"^\u00e9\x41\u{1F600}$", "éA😀", True),
        (r"^[^\s]+$", "a\xa0b", False),
        (r"^[\S]$", "a", True),
        (r"^\s$", "\ufeff", True),
        ("^a{,2}$", "a{,2}", True),
        ("^(?<year>[0-9]{4})-(?:0[1-9]|1[0-2])$", "2026-11", True),
        (r"^[\]\-a]+$", "a-]", True),
        ("^[a-]+$", "a-", True),
        (r"a\.b", "axb", False),
        ("^$", "", True),
        ("^.$", "\n", False),
    ],
)
def test_the_expressions_of_javascript_are_read_as_it_reads_them(pattern, text, found):
    assert matches(pattern, text) is found
