"""Values against schemas: the same verdict as another reading of the standard, and never a no for what may become a yes."""

from __future__ import annotations

import json
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from ee_core.definitions.fitting import find_misfits
from ee_core.definitions.holes import Hole, has_holes, with_holes

KEYS = st.sampled_from(["a", "b", "c"])
SCALARS = st.sampled_from([None, True, False, 0, 1, 2, 1.0, 2.5, "", "a", "b", "ab"])
TYPES = st.sampled_from(["null", "boolean", "integer", "number", "string", "array", "object"])


def jsons(leaves):
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
        max_leaves=6,
    )


VALUES = jsons(SCALARS)
WITH_HOLES = jsons(SCALARS | st.sampled_from([Hole.ANY, Hole.TEXT]))
COUNTS = st.integers(0, 3)
BOUNDS = st.sampled_from([0, 1, 2, 1.5])


def _keywords(schemas):
    parts = st.lists(schemas, min_size=1, max_size=3)
    named = st.dictionaries(KEYS, schemas, max_size=3)
    return st.fixed_dictionaries(
        {},
        optional={
            "type": TYPES | st.lists(TYPES, min_size=1, max_size=2, unique=True),
            "enum": st.lists(VALUES, min_size=1, max_size=3),
            "const": VALUES,
            "minimum": BOUNDS,
            "maximum": BOUNDS,
            "exclusiveMinimum": BOUNDS,
            "exclusiveMaximum": BOUNDS,
            "multipleOf": st.sampled_from([1, 2, 0.5]),
            "minLength": COUNTS,
            "maxLength": COUNTS,
            "pattern": st.sampled_from(["a", "^b", "b$"]),
            "minItems": COUNTS,
            "maxItems": COUNTS,
            "uniqueItems": st.booleans(),
            "minProperties": COUNTS,
            "maxProperties": COUNTS,
            "required": st.lists(KEYS, max_size=2, unique=True),
            "dependentRequired": st.dictionaries(KEYS, st.lists(KEYS, max_size=2, unique=True), max_size=2),
            "properties": named,
            "patternProperties": st.dictionaries(st.sampled_from(["^a", "[bc]"]), schemas, max_size=2),
            "additionalProperties": schemas,
            "propertyNames": schemas,
            "dependentSchemas": named,
            "items": schemas,
            "prefixItems": parts,
            "contains": schemas,
            "minContains": COUNTS,
            "maxContains": COUNTS,
            "allOf": parts,
            "anyOf": parts,
            "oneOf": parts,
            "not": schemas,
            "if": schemas,
            "then": schemas,
            "else": schemas,
            "$ref": st.sampled_from(["#/$defs/x", "#/$defs/y"]),
        },
    )


SCHEMAS = st.recursive(st.booleans() | st.just({}), _keywords, max_leaves=5)
ROOTS = st.builds(
    lambda schema, x, y: {"allOf": [schema], "$defs": {"x": x, "y": y}},
    SCHEMAS,
    st.fixed_dictionaries({}, optional={"type": TYPES}),
    st.fixed_dictionaries({"properties": st.just({"a": {"$ref": "#/$defs/x"}})}),
)


@settings(max_examples=300, deadline=None)
@given(ROOTS, VALUES)
def test_a_value_fits_where_another_reading_of_the_standard_says_so(schema, value):
    assert (find_misfits(value, schema) == []) == Draft202012Validator(schema).is_valid(value)


def fillings(value):
    """All JSON values that a value with holes may become, by a few fillings for each hole."""
    if value is Hole.ANY:
        return [None, 1, "a", {"a": 1}, [1]]
    if value is Hole.TEXT:
        return ["", "a", "ab"]
    if isinstance(value, list):
        return [list(each) for each in product(*map(fillings, value))]
    if isinstance(value, dict):
        return [dict(zip(value, each, strict=True)) for each in product(*map(fillings, value.values()))]
    return [value]


@settings(max_examples=150, deadline=None)
@given(ROOTS, WITH_HOLES)
def test_what_may_become_right_is_not_refused(schema, value):
    validator = Draft202012Validator(schema)

    if find_misfits(value, schema):
        assert not any(validator.is_valid(filled) for filled in fillings(value)[:500])


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        ("${inputs.a}", Hole.ANY),
        ("n ${inputs.a}", Hole.TEXT),
        ("$${inputs.a}", "${inputs.a}"),
        ("${", Hole.ANY),  # told as another fault
        ({"${a}": ["${inputs.a}"]}, {"${a}": [Hole.ANY]}),
    ],
)
def test_an_expression_is_a_hole_of_its_kind(written, seen):
    assert with_holes(written) == seen
    assert has_holes(with_holes(written)) == any(name in repr(seen) for name in ("ANY", "TEXT"))


def test_a_schema_that_refers_to_itself_ends():
    assert find_misfits({"a": 1}, {"$ref": "#"}) == []
    assert find_misfits(1, {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}) == []


def test_a_tree_is_followed_through_its_references():
    tree = {"type": "object", "properties": {"a": {"$ref": "#"}}, "additionalProperties": False}

    assert [each.path for each in find_misfits({"a": {"a": {"b": 1}}}, tree)] == [("a", "a", "b")]


@pytest.mark.parametrize("schema", [None, True, {}, {"$ref": "https://example.org/s.json"}, {"type": "date"}])
def test_what_says_nothing_refuses_nothing(schema):
    assert find_misfits({"a": 1}, schema) == []


def test_a_long_list_is_looked_through_in_time():
    schema = {"items": {"type": "integer"}, "uniqueItems": True}

    assert find_misfits(list(range(50_000)), schema) == []


def test_alternatives_of_a_type_are_told_together():
    [misfit] = find_misfits(5, {"anyOf": [{"type": "string"}, {"type": "null"}]})

    assert (misfit.said, misfit.expected) == ("is a number", ("text", "nothing"))


def test_of_alternatives_the_one_of_the_right_type_is_told():
    schema = {"anyOf": [{"type": "null"}, {"type": "object", "properties": {"a": {"type": "string"}}}]}

    [misfit] = find_misfits(json.loads('{"a": 5}'), schema)

    assert (misfit.path, misfit.said, misfit.expected) == (("a",), "is a number", ("text",))
