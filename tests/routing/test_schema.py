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
        {"not": {"$dynamicRef": "#a"}},
        {"format": "of-its-own"},
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


NAMED = {"properties": {"a": True}}
OTHER = {"properties": {"b": {"type": "integer"}}}


@pytest.mark.parametrize(
    ("schema", "value", "told"),
    [
        (NAMED, {"a": 1}, None),
        (NAMED, {"a": 1, "b": 1}, "$.b: nothing may stand here"),
        ({"patternProperties": {"^a": True}}, {"ab": 1, "b": 1}, "$.b: nothing may stand here"),
        ({"additionalProperties": True}, {"b": 1}, None),
        ({"allOf": [NAMED, OTHER]}, {"a": 1, "b": 2}, None),
        ({"allOf": [NAMED, OTHER]}, {"a": 1, "c": 2}, "$.c: nothing may stand here"),
        ({"anyOf": [NAMED, OTHER]}, {"a": 1, "b": "no integer"}, "$.b: nothing may stand here"),
        ({"oneOf": [OTHER | {"required": ["b"]}, NAMED | {"required": ["a"]}]}, {"b": 1}, None),
        ({"if": NAMED | {"required": ["a"]}, "then": OTHER}, {"a": 1, "b": 2}, None),
        ({"if": NAMED | {"required": ["a"]}, "then": OTHER}, {"b": 2}, "$.b: nothing may stand here"),
        ({"if": {"required": ["c"]}, "else": OTHER}, {"b": 2}, None),
        ({"not": OTHER | {"required": ["b", "d"]}}, {"b": 2}, "$.b: nothing may stand here"),
        ({"$ref": "#/$defs/named", "$defs": {"named": NAMED}}, {"a": 1, "b": 1}, "$.b: nothing may stand here"),
        ({"dependentSchemas": {"a": OTHER}, **NAMED}, {"a": 1, "b": 2}, None),
        ({"allOf": [NAMED | {"unevaluatedProperties": True}]}, {"a": 1, "b": 2}, None),
        ({"anyOf": [NAMED, {"patternProperties": {"(?=b)": True}}]}, {"a": 1, "b": 2}, None),
        ({"allOf": [{"$ref": "http://127.0.0.1:1/"}]}, {"a": 1}, None),
        ({"prefixItems": [True]}, {"a": 1}, "$.a: nothing may stand here"),
        (NAMED, [1], None),
    ],
)
def test_properties_that_no_part_of_the_schema_looks_at_are_told(schema, value, told):
    assert complaint(value, schema | {"unevaluatedProperties": False}) == told


@pytest.mark.parametrize(
    ("schema", "value", "told"),
    [
        ({"prefixItems": [True]}, [1], None),
        ({"prefixItems": [True]}, [1, 2], "$[1]: nothing may stand here"),
        ({"items": True}, [1, 2], None),
        ({"allOf": [{"prefixItems": [True, True]}]}, [1, 2], None),
        ({"contains": {"const": 2}}, [2, 2], None),
        ({"contains": {"const": 2}}, [2, 3], "$[1]: nothing may stand here"),
        ({"if": {"prefixItems": [{"const": 1}]}, "then": {"prefixItems": [True, True]}}, [1, 2], None),
        ({"prefixItems": [True]}, {"a": 1}, None),
    ],
)
def test_items_that_no_part_of_the_schema_looks_at_are_told(schema, value, told):
    assert complaint(value, schema | {"unevaluatedItems": False}) == told
    reference = Draft202012Validator(schema | {"unevaluatedItems": False})
    assert reference.is_valid(value) is (told is None)


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("date", ["2024-02-29", "0001-01-01"], ["2023-02-29", "2024-2-9", "20240229", "2024-W01-1", "tomorrow", ""]),
        ("time", ["23:59:60Z", "01:02:03.25+05:30", "01:02:03"], ["24:00:00Z", "1:2:3Z", "10:00Z", "noon"]),
        (
            "date-time",
            ["2026-11-21T15:00:00Z", "2026-11-21 15:00:00+01:00", "2026-11-21t15:00:00.5"],
            ["2026-11-21", "2026-13-01T00:00:00Z", "2026-11-21T25:00:00Z", "2026-11-21T00:00:00+24:00"],
        ),
        ("duration", ["P1Y2M3DT4H5M6S", "PT0.5S", "P3W"], ["P", "PT", "1D", "P1S", "P1W2D"]),
        ("email", ["a.b+c@example.org", "ñ@dominio.es", '"a b"@c.d', "a@[127.0.0.1]"], ["a", "a@", "@b", "a b@c.d"]),
        ("hostname", ["a", "api.example.org", "x" * 63], ["-a.b", "a_b", "a..b", "x" * 64, "a.b-", ""]),
        ("ipv4", ["127.0.0.1"], ["127.0.0", "256.1.1.1", "01.2.3.4", "::1"]),
        ("ipv6", ["::1", "2001:db8::ff00:42:8329"], ["1::2::3", "127.0.0.1", "fe80::1%eth0"]),
        ("uri", ["https://example.org/a?b=c#d", "urn:isbn:1", "mailto:a@b.c"], ["example.org", "//a/b", "https://a b"]),
        (
            "uuid",
            ["123e4567-e89b-12d3-a456-426614174000"],
            ["123e4567e89b12d3a456426614174000", "123e4567-e89b-12d3-a456-42661417400g"],
        ),
        ("of-its-own", ["anything"], []),
    ],
)
def test_a_text_has_the_form_that_is_asked_for(name, right, wrong):
    schema = {"format": name}
    assert [text for text in right if complaint(text, schema)] == []
    assert [text for text in wrong if complaint(text, schema) != f"$: not of the format {name}"] == []
    assert complaint(7, schema) is None


def test_the_form_of_a_long_text_takes_no_time():
    began = time.process_time()
    for name in ("email", "hostname", "uri", "duration", "date-time"):
        complaint("a." * 4999 + "@", {"format": name})
    assert time.process_time() - began < 1.0
