"""YAML and JSON become plain values with places, and what is dangerous or unclear is refused by name."""

from __future__ import annotations

import json
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ee_core.definitions.source import read
from ee_core.errors import WorkflowError


def refuse(text: str | bytes, file: str = "w.yaml"):
    with pytest.raises(WorkflowError) as caught:
        read(text.encode() if isinstance(text, str) else text, file)
    return caught.value.diagnostics[0]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("False", False),
        ("on", "on"),
        ("no", "no"),
        ("12:30:00", "12:30:00"),
        ("2026-01-01", "2026-01-01"),
        ("010", 10),
        ("0o17", 15),
        ("0x1F", 31),
        ("-7", -7),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("~", None),
        ("", None),
        ("'true'", "true"),
        ('"1"', "1"),
        ("1_000", "1_000"),
        ("9223372036854775807", 2**63 - 1),
    ],
)
def test_plain_scalars_follow_the_core_schema_of_yaml_1_2(text, value):
    found = read(f"a: {text}\n".encode(), "w.yaml").plain()["a"]

    assert found == value
    assert type(found) is type(value)


def test_keys_are_what_they_look_like():
    assert read(b"{on: 1, 1: 2, null: 3, true: 4}", "w.yaml").plain() == {
        "on": 1,
        "1": 2,
        "null": 3,
        "true": 4,
    }


BOMBS = {
    "billion laughs": (
        "a: &a [x, x]\n"
        + "".join(f"{c}: &{c} [*{p}, *{p}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True)),
        "EE-W005",
        "&a",
    ),
    "alias": ("a: *b\n", "EE-W005", "*b"),
    "recursion": ("a: &a [*a]\n", "EE-W005", "&a"),
    "tag": ("a: !!python/object/apply:os.system [x]\n", "EE-W006", "!!python/object/apply:os.system"),
    "own tag": ("a: !x 1\n", "EE-W006", "!x"),
    "nan": ("a: .nan\n", "EE-W007", ".nan"),
    "infinity": ("a: -.inf\n", "EE-W007", "-.inf"),
    "overflow": ("a: 1e999\n", "EE-W007", "1e999"),
    "long number": (f"a: {'9' * 100_000}\n", "EE-W007", "64 bits"),
    "deep list": ("[" * 100_000, "EE-W008", "64 deep"),
    "deep mapping": ("".join(" " * depth + "a:\n" for depth in range(500)), "EE-W008", "64 deep"),
    "documents": ("a: 1\n---\nb: 2\n", "EE-W009", "several documents"),
    "tab": ("a:\n\tb: 1\n", "EE-W010", "tab"),
    "empty": ("  \n", "EE-W011", "empty"),
    "comment": ("# nothing\n", "EE-W011", "empty"),
    "key": ("? [a]\n: 1\n", "EE-W012", "must be text"),
    "duplicate": ("a: 1\nb: 2\na: 3\n", "EE-W004", "'a' comes twice"),
    "large": (b"a: " + b"x" * 1024 * 1024, "EE-W001", "1048576"),
    "latin": ("a: é".encode("latin-1"), "EE-W002", "not UTF-8"),
    "utf-16": ("a: 1".encode("utf-16"), "EE-W002", "not UTF-8"),
    "control": ("a: \x01", "EE-W003", "must not be in the file"),
    "unclosed": ('a: "x', "EE-W003", "no YAML"),
    "merge": ("a: {b: 1}\nc: {<<: *a}\n", "EE-W005", "*a"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_by_name_at_once(name):
    text, code, word = BOMBS[name]
    start = time.perf_counter()

    found = refuse(text)

    assert time.perf_counter() - start < 0.1
    assert found.code == code
    assert word in found.message


JSON_FAULTS = {
    "nan": ('{"a": NaN}', "EE-W007", 7),
    "infinity": ('{"a": -Infinity}', "EE-W007", 7),
    "duplicate": ('{"a": 1, "a": 2}', "EE-W004", 10),
    "half a pair": ('{"a": "x\\ud800"}', "EE-W014", 7),
    "comma": ('{"a": 1,}', "EE-W003", 9 if sys.version_info < (3, 13) else 8),  # Python names the place
    "single quotes": ("{'a': 1}", "EE-W003", 2),
    "more behind": ("[1] x", "EE-W003", 5),
    "unclosed": ('{"a": 1', "EE-W003", 8),
    "yaml": ("a: 1", "EE-W003", 1),
    "deep": ("[" * 90 + "]" * 90, "EE-W008", 65),
    "very deep": ("[" * 200_000, "EE-W008", 1001),
    "large number": ('{"a": 99999999999999999999}', "EE-W007", 7),
    "empty": ("", "EE-W011", 1),
}


@pytest.mark.parametrize("name", JSON_FAULTS)
def test_json_is_held_to_its_grammar(name):
    text, code, column = JSON_FAULTS[name]

    found = refuse(text, "w.json")

    assert (found.code, found.line, found.column) == (code, 1, column)


def test_json_with_tabs_pairs_and_a_byte_order_mark_is_read():
    text = (
        '\ufeff{\r\n\t"a": "\\ud83d\\ude00 \\"x\\" \\/ \u0085 \x7f",\r\n\t"b": [-1, 2.5e3, null, true]\r\n}'
    )

    root = read(text.encode(), "w.json")

    assert root.plain() == {"a": '😀 "x" / \u0085 \x7f', "b": [-1, 2500.0, None, True]}
    assert root.keys["b"].place[1:3] == (3, 2)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(json_values, st.booleans(), st.sampled_from([None, 1, "\t"]))
def test_all_of_json_comes_out_as_it_went_in(value, is_ascii, indent):
    text = json.dumps(value, ensure_ascii=is_ascii, indent=indent)

    if value is None:
        assert refuse(text, "w.json").code == "EE-W011"
    else:
        assert read(text.encode(), "w.json").plain() == value


@pytest.mark.parametrize(
    "line",
    [
        "when: a: b",
        "when: !done",
        "when: {a",
        "when: 'a' == b",
        'when: "a" == b',
        "when: [1].size() > 0",
        "when: > 3",
        "when: *x",
        "when: @a",
        "when: %a",
        "{when: a ? b: c: d, next: x}",
    ],
)
def test_a_condition_that_yaml_breaks_says_quote_the_condition(line):
    found = refuse(f"nodes:\n  a:\n    - {line}\n")

    assert (found.code, found.line) == ("EE-W013", 3)
    assert found.hint.startswith("quote the condition")


def test_an_expression_that_yaml_breaks_says_quote_the_text():
    found = refuse("with: {invoice: ${nodes.read.output}}\n")

    assert found.code == "EE-W003"
    assert found.hint == "quote the text that holds ${ }"


@pytest.mark.parametrize(
    ("text", "word", "line", "column"),
    [
        ("a: x word y\n", "word", 1, 6),
        ("a: 'it''s a word'\n", "word", 1, 13),
        ('a: "\\u00e9 \\"q\\" \\x41 word"\n', "word", 1, 23),
        ('a: "x \\\n   y word"\n', "word", 2, 6),
        ("a: |\n  first\n  x word\n", "word", 3, 5),
        ("a: >-\n  first\n  x word\n", "word", 3, 5),
        ("a: first\n  x word\n", "word", 2, 5),
        ("a: 'first\n  x word'\n", "word", 2, 5),
        ("a: 'é😀 word'\n", "word", 1, 8),
        ("a: |2\n    deep word\n", "word", 2, 10),
    ],
)
def test_a_character_of_a_text_is_found_where_it_was_written(text, word, line, column):
    item = read(text.encode(), "w.yaml").value["a"]

    place = item.place_in(item.value.index(word), len(word))

    assert (place.line, place.column, place.span) == (line, column, len(word))


@pytest.mark.parametrize("escape", ["\\ud83d\\ude00", "\\u00e9", "\\n", "\\/", "😀"])
def test_a_character_of_a_json_text_is_found_behind_escapes(escape):
    item = read(f'{{"a": "{escape} word"}}'.encode(), "w.json").value["a"]

    assert item.place_in(item.value.index("word"), 4)[1:] == (1, 8 + len(escape) + 1, 4)
