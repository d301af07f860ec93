"""An expression in the brackets of another language is told: it would be sent as a text."""

from __future__ import annotations

import pytest


@pytest.fixture
def warned(warnings_of):
    return lambda value: [(shown, each.hint) for shown, each in warnings_of("EE-W307", value)]


@pytest.mark.parametrize(
    "value",
    [
        "${inputs.name}",
        "$${inputs.name}",
        "inputs.name",
        "{name} {{name}} $name $(name)",
        "${'{inputs.name}'}",
        "f{inputs.name}",
        "{inputs}",
        "price: $5, nodes.",
    ],
)
def test_what_is_an_expression_or_plainly_none_is_not_told(warned, value):
    assert warned(value) == []


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("hello {inputs.name}", "{inputs.name}"),
        ("hello {{ inputs.name }}!", "{{ inputs.name }}"),
        (["$inputs.name"], "$inputs.name"),
        ({"a": "x $(inputs.name) y"}, "$(inputs.name)"),
        ("${inputs.name} and {inputs.name}", "{inputs.name}"),
    ],
)
def test_brackets_of_another_language_are_told_with_what_to_write(warned, value, shown):
    assert warned(value) == [(shown, "write ${inputs.name}")]
