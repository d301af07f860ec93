from __future__ import annotations

import pytest

from ee_core.model.compiled import compile_workflow
from ee_core.model.references import MAX_NAME, find_part, find_references, name_of, replace_parts, to_text
from ee_core.model.template import parse
from ee_core.model.workflow import from_content
from name_program import Name

CONTENT = b"""{"name": "w", "start": "a", "nodes": [
  {"id": "a", "kind": "activity", "activity": {"type": "t", "input": {"x": "${x}", "k": ["secret:KEY"]}}},
  {"id": "b", "kind": "activity", "activity": {"type": "t", "input": {"k": "secret:OTHER"}}},
  {"id": "c", "kind": "activity", "activity": {"type": "t"}},
  {"id": "d", "kind": "end"}]}"""


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("secret:KEY", "KEY"),
        ("secret:_a.b-c_9", "_a.b-c_9"),
        ("secret:", None),
        ("secret:9", None),
        ("secret:a b", None),
        ("secret:../x", None),
        ("secret:a\n", None),
        ("secret:ä", None),
        (" secret:KEY", None),
        ("Secret:KEY", None),
        ("Bearer secret:KEY", None),
        (f"secret:{'x' * MAX_NAME}", "x" * MAX_NAME),
        (f"secret:{'x' * (MAX_NAME + 1)}", None),
        (7, None),
        (None, None),
    ],
)
def test_only_the_word_and_a_name_are_a_reference(text, name):
    assert name_of(text) == name
    assert name is None or to_text(name) == text


def test_references_are_found_in_lists_and_objects_by_their_paths_and_never_in_keys():
    value = {"a": ["x", "secret:A", {"b": "secret:B"}], "secret:KEY": 1, "c": "secret:C"}

    assert list(find_references(value)) == [("a", 1), ("a", 2, "b"), ("c",)]
    assert list(find_references("secret:A")) == [()]


def test_a_reference_beside_expressions_keeps_its_path():
    template = parse({"a": "${x}", "b": ["${x}", "secret:B"], "c": {"d": "secret:D"}, "e": "secret:E"})

    assert template.references == (("b", 1), ("c", "d"), ("e",))
    assert template.bind(Name).references == template.references


@pytest.mark.parametrize("written", ["${x}", "secret:${x}", "${x}KEY", "${x}:KEY", "$${secret:KEY}"])
def test_what_an_expression_has_a_part_in_is_no_reference_whatever_it_becomes(written):
    bound = parse({"a": written, "b": [written]}).bind(Name)

    assert bound.references == ()
    rendered = bound.render({"x": "secret:KEY"})
    assert written != "${x}" or rendered == {"a": "secret:KEY", "b": ["secret:KEY"]}


def test_a_compiled_workflow_knows_the_paths_of_each_node_with_and_without_expressions():
    compiled = compile_workflow(from_content(CONTENT), "h", Name)

    assert compiled.secrets == ((("k", 0),), (("k",),), (), ())


def test_parts_are_replaced_at_their_paths_and_the_value_itself_stays_as_it_is():
    value = {"a": ["secret:A", {"b": "secret:B"}], "c": 1}

    made = replace_parts(value, {("a", 0): "one", ("a", 1, "b"): "two"})

    assert made == {"a": ["one", {"b": "two"}], "c": 1}
    assert value == {"a": ["secret:A", {"b": "secret:B"}], "c": 1}
    assert replace_parts("secret:A", {(): "one"}) == "one"
    assert replace_parts(value, {}) == value


def test_a_path_that_leads_nowhere_finds_nothing():
    value = {"a": ["x"]}

    assert find_part(value, ("a", 0)) == "x"
    for path in (("b",), ("a", 1), ("a", -1), ("a", "0"), ("a", 0, "c"), (0,)):
        assert find_part(value, path) is None
