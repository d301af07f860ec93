"""Each bad day of the page has tests that hold it, and what the page quotes is what the code says."""

from __future__ import annotations

import ast
import re
import tomllib
from functools import cache
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = REPOSITORY / "docs" / "howto" / "bad-days.md"
HELD = tomllib.loads(Path(__file__).with_name("bad_days.toml").read_text(encoding="utf-8"))
ROW = re.compile(r"^\| (?P<day>[^|]+) \|[^|]+\| (?P<said>[^|]+) \|[^|]+\|$", re.MULTILINE)
ROWS = [
    (row["day"], row["said"])
    for row in ROW.finditer(PAGE.read_text(encoding="utf-8"))
    if row["day"] not in {"bad day", "---"}
]


@cache
def functions_of(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(
        node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


@cache
def texts() -> str:
    """All literal texts of the code, one a line; a format's parts are texts of their own."""
    return "\n".join(
        node.value
        for folder in ("ee_core", "plugins")
        for path in sorted((REPOSITORY / folder).rglob("*.py"))
        if "tests" not in path.parts
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def test_each_bad_day_is_in_the_list_and_in_the_page():
    assert sorted(day for day, _ in ROWS) == sorted(HELD)


@pytest.mark.parametrize("day", HELD)
def test_each_bad_day_is_held_by_tests_that_exist(day):
    assert HELD[day]
    for test in HELD[day]:
        file, _, name = test.partition("::")
        assert name.startswith("test_"), test
        assert name in functions_of(REPOSITORY / file), test


@pytest.mark.parametrize(("day", "said"), ROWS, ids=[day for day, _ in ROWS])
def test_what_a_bad_day_is_told_with_stands_in_the_code(day, said):
    quoted = re.findall(r"`([^`]+)`", said)

    assert quoted or said == "nothing"
    assert [words for words in quoted if words not in texts()] == []
