"""Job inputs: defaults in, faults named."""

from __future__ import annotations

import math

import pytest

from ee_core.definitions import check_inputs
from ee_core.errors import InputError
from ee_core.model.workflow import InputSpec, Workflow

WORKFLOW = Workflow(
    name="w",
    start="a",
    nodes=(),
    inputs={
        "id": InputSpec(type="string"),
        "limit": InputSpec(type="integer", required=False, default=10),
        "note": InputSpec(type="string", required=False),
    },
)


def typed(kind):
    return Workflow(name="w", start="a", nodes=(), inputs={"x": InputSpec(type=kind)})


def test_defaults_are_filled_in():
    assert check_inputs(WORKFLOW, {"id": "a"}) == {"id": "a", "limit": 10, "note": None}
    assert check_inputs(WORKFLOW, {"id": "a", "limit": 3, "note": "n"}) == {
        "id": "a",
        "limit": 3,
        "note": "n",
    }
    assert check_inputs(WORKFLOW, {"id": "a", "note": None})["note"] is None


def test_they_stand_in_the_order_of_their_declaration():
    opened = Workflow(name="w", start="a", nodes=(), inputs=WORKFLOW.inputs, open_inputs=True)

    assert list(check_inputs(opened, {"more": 1, "note": "n", "id": "a"})) == ["id", "limit", "note", "more"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, ["input 'id' is missing", "expected string"]),
        ({"id": 5}, ["input 'id' is 5; expected string, as in -i 'id=\"5\"' of", '{"id": "5"} in a file']),
        ({"id": True}, ["input 'id' is True; expected string, as in -i 'id=\"true\"' of"]),
        ({"id": []}, ["input 'id' is []; expected string"]),
        ({"id": None}, ["input 'id' is None", "expected string"]),
        ({"id": "a", "limit": None}, ["input 'limit' is None", "expected integer"]),
        ({"id": "a", "limit": True}, ["input 'limit' is True", "expected integer"]),
        ({"id": "a", "limt": 5}, ["input 'limt' is unknown", "did you mean 'limit'?"]),
        (
            {"limit": "x", "y": 1},
            ["'id' is missing", "'limit' is 'x'", "'y' is unknown; there are: id, limit, note"],
        ),
    ],
)
def test_each_fault_is_named(given, words):
    with pytest.raises(InputError) as caught:
        check_inputs(WORKFLOW, given)

    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("string", ["", "x"], [1, None, [], {}, True]),
        ("integer", [0, -5, 2**62], [1.0, "1", True, None]),
        ("number", [0, 1.5], ["1", True, None]),
        ("boolean", [True, False], [0, "true", None]),
        ("object", [{}, {"a": 1}], [[], "x", None]),
        ("array", [[], [1]], [{}, "x", None, (1,)]),
        ("any", [None, 1, "x", [], {}], []),
    ],
)
def test_types_are_those_of_json(kind, good, bad):
    for value in good:
        assert check_inputs(typed(kind), {"x": value}) == {"x": value}
    for value in bad:
        with pytest.raises(InputError, match=f"expected {kind}"):
            check_inputs(typed(kind), {"x": value})


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (math.nan, "no number in JSON"),
        ([{"a": math.inf}], "no number in JSON"),
        (2**63, "64 bits"),
        ("\ud800", "no valid Unicode"),
        ({"\ud800": 1}, "no valid Unicode"),
        ({1: 2}, "the key 1"),
        (b"x", "bytes, which is no JSON"),
        ("x" * 200_000, "the limit is 131072"),
    ],
)
def test_what_no_record_could_hold_is_refused(value, word):
    with pytest.raises(InputError, match=word):
        check_inputs(typed("any"), {"x": value})


def test_deep_values_are_refused():
    value = []
    for _ in range(5000):
        value = [value]

    with pytest.raises(InputError, match="64 deep"):
        check_inputs(typed("any"), {"x": value})


def test_the_export_form_takes_any_input():
    workflow = Workflow(name="w", start="a", nodes=(), open_inputs=True, scope="export")

    assert check_inputs(workflow, {"amount": 5}) == {"amount": 5}
