"""What looks as if it referred to a secret and does not is told; a reference is held against no schema of text."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator

from ee_core.definitions.holes import Hole, with_holes
from ee_core.definitions.schema_inputs import EXPRESSION


@pytest.fixture
def warned(warnings_of):
    return lambda value: [(shown, each.message) for shown, each in warnings_of("EE-W421", value)]


@pytest.mark.parametrize(
    "value",
    [
        "secret:KEY",
        {"a": ["secret:KEY", "secret:_x.y-z"]},
        "${'secret:KEY'}",
        '${"secret:KEY"} and ${ "secret:" + inputs.name }',
        "top-secret:KEY",
        "the secret: do not tell",
        "Secret: do not tell",
        "secret: do not tell",
        "Secret: ${inputs.name}",
        "sector:KEY",
        "secrecy: KEY",
        "Secretary: Smith",
        "secure:KEY",
        "https://secret.example",
        "the key is Secret: KEY",
        {"secret:9": 1},
    ],
)
def test_references_and_what_does_not_look_like_one_are_not_told(warned, value):
    assert warned(value) == []


@pytest.mark.parametrize(
    ("value", "shown", "said"),
    [
        ("secret:9x", "secret:9x", "'secret:9x' has no name"),
        ("secret:", "secret:", "'secret:' has no name"),
        ("secret:a b", "secret:a b", "'secret:a b' has no name"),
        ("secret:${inputs.name}", "secret:${inputs.name}", "made by an expression"),
        ("Bearer Secret:KEY", "Secret:KEY", "'Secret:KEY' stands inside a longer text"),
        ("Bearer secret:KEY", "secret:KEY", "'secret:KEY' stands inside a longer text"),
        ("${inputs.name}:secret:KEY", "secret:KEY", "stands inside a longer text"),
        ({"a": [1, "x=secret:KEY;"]}, "secret:KEY", "stands inside a longer text"),
    ],
)
def test_what_looks_like_a_reference_and_is_none_is_told_at_its_place(warned, value, shown, said):
    [(place, message)] = warned(value)

    assert place == shown
    assert said in message
    assert "is sent as it is" in message


@pytest.mark.parametrize(
    "value",
    [
        "Secret:SEAL_KEY",
        "SECRET:SEAL_KEY",
        "secret: SEAL_KEY",
        "secret :SEAL_KEY",
        "Secret : SEAL_KEY",
        " secret:SEAL_KEY",
        "secret:SEAL_KEY ",
        "secret:SEAL_KEY\n",
        "secrets:SEAL_KEY",
        "secert:SEAL_KEY",
        "scret:SEAL_KEY",
    ],
)
def test_a_near_miss_of_a_reference_is_told_with_how_it_is_written(warnings_of, value):
    [(shown, found)] = warnings_of("EE-W421", {"key": value})

    assert (found.code, found.severity) == ("EE-W421", "warning")
    assert found.message == f"{value.strip()!r} refers to no secret, and is sent as it is"
    assert found.hint == "did you mean secret:SEAL_KEY? small letters, no blank, nothing around it"
    assert json.loads(f'"{shown}"') == value


def test_a_reference_is_a_text_that_is_not_known_yet():
    assert with_holes({"a": "secret:KEY", "b": "secret:9", "c": ["${x}"]}) == {
        "a": Hole.TEXT,
        "b": "secret:9",
        "c": [Hole.ANY],
    }


def test_an_editor_takes_a_reference_where_it_takes_an_expression():
    reader = Draft202012Validator(EXPRESSION)

    assert [reader.is_valid(each) for each in ("secret:KEY", "x ${y}", "secret:9", "a secret:KEY", "x")] == [
        True,
        True,
        False,
        False,
        False,
    ]
