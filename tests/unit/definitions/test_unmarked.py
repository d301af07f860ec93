"""An expression in the brackets of another language is told: it would be sent as a text."""

from __future__ import annotations

import json

import pytest

HEAD = "ee: 1\nname: w\ninputs: {name: {type: string}}\nstart: a\nnodes:\n  z: {end: succeeded}\n"


@pytest.fixture
def warned(load_text):
    def load(value):
        text = f"{HEAD}  a: {{activity: noop, with: {{output: {json.dumps(value)}}}, next: z}}\n"
        found = load_text(text).diagnostics
        assert {(each.code, each.severity) for each in found} <= {("EE-W307", "warning")}
        return [(each.shown[each.column - 1 :][: each.span], each.hint) for each in found]

    return load


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
