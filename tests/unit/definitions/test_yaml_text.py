"""Whatever is written as YAML reads back, here and by a reader of YAML 1.1."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ee_core.definitions.durations import parse_duration_ms, to_duration
from ee_core.definitions.source import read
from ee_core.definitions.yaml_text import WIDTH, Tree, to_tree, write_yaml

ODD = ["", " ", "~", "null", "yes", "No", "1", "-1", "0x1F", "1e3", "1_000", "12:30", "2026-11-25", "a: b", "a #b", "#a", "- a", "? a", "{a}", "[a]", "'a'", '"a"', "a'b\"c", "a\\b", "<<", "=", "!t", "&a", "*a", "@a", "%a", "|", ">", "...", "---", "a:", "a\nb", "a\n", "\na", " a\nb", "a\n\n", "a\tb", "\ta", "\r\n", "\x85", "\u2028", "\ufeff", "é", "日本", "😀", "a, b", "a]", "${inputs.n}", "x\x00y"]  # fmt: skip
TEXTS = st.sampled_from(ODD) | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


def same(value):
    """A value with the types of its numbers."""
    if isinstance(value, dict):
        return {key: same(member) for key, member in value.items()}
    return [same(item) for item in value] if isinstance(value, list) else (type(value), value)


@settings(max_examples=400, deadline=None)
@given(VALUES, st.integers(0, 4))
def test_a_value_reads_back(value, flow_from):
    text = write_yaml(to_tree(value, lambda path: len(path) >= flow_from))

    assert same(read(text.encode(), "w.yaml", may_be_empty=True).plain()) == same(value)


@pytest.mark.parametrize("text", ODD)
@pytest.mark.parametrize("is_flow", [True, False])
def test_a_text_is_a_text_to_every_reader(text, is_flow):
    written = write_yaml(to_tree({"a": [text], text: 1}, lambda _path: is_flow))

    assert yaml.safe_load(written) == {"a": [text], text: 1}


def test_what_does_not_fit_into_a_line_becomes_a_block():
    written = write_yaml(to_tree({"a": ["x" * 30] * 4, "b": ["x"]}, bool))

    assert written == "a:\n" + ("  - " + "x" * 30 + "\n") * 4 + "b: [x]\n"
    assert max(map(len, written.split("\n"))) <= WIDTH


def test_comments_stand_where_they_belong():
    item = Tree({"b": Tree(1, beside="# one"), "c": Tree([Tree(2, before=["# two"])], is_flow=True)})
    tree = Tree(
        {
            "a": Tree([item], beside="# list"),
            "d": Tree(3, has_gap=True, before=["# above"], behind=["# below"]),
        }
    )

    assert write_yaml(tree, ("# end",)) == (
        "a: # list\n  - b: 1 # one\n    c:\n      # two\n      - 2\n\n# above\nd: 3\n# below\n# end\n"
    )


@settings(deadline=None)
@given(st.integers(1, 2**53 - 1))
def test_a_duration_reads_back(duration_ms):
    assert parse_duration_ms(to_duration(duration_ms)) == duration_ms
