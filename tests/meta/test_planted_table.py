"""The planted bugs fit today's code: `poe planted` itself takes minutes, `poe planted-storm` hours."""

from __future__ import annotations

import importlib.util
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType


@pytest.fixture(scope="module")
def table(repository: Path) -> ModuleType:
    """`tests/planted/table.py`; test folders are no packages."""
    spec = importlib.util.spec_from_file_location(
        "planted_table", repository / "tests" / "planted" / "table.py"
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_every_bug_can_be_planted_in_the_code_as_it_is(table: ModuleType, repository: Path) -> None:
    faults = [fault for bug in table.read_bugs() if (fault := bug.find_fault(repository))]

    assert not faults, "write them anew for today's code"


def test_every_rule_that_has_tests_has_a_bug(table: ModuleType) -> None:
    assert {bug.rule for bug in table.read_bugs()} == set(table.built_rules())


def test_a_bug_whose_text_is_not_there_exactly_once_is_refused(table: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("one two two\n")
    bug = table.Change("r01.toml:1", "", "a.py", "two", "three")

    assert bug.find_fault(tmp_path) == "r01.toml:1: its old text occurs 2 times in a.py"
    with pytest.raises(table.TableError, match="occurs 2 times"):
        bug.plant(tmp_path)


def test_every_shell_bug_can_be_planted_in_the_code_as_it_is(table: ModuleType, repository: Path) -> None:
    bugs = table.read_shell_bugs()

    assert not [fault for bug in bugs if (fault := bug.find_fault(repository))], (
        "write them anew for today's code"
    )
    assert len({bug.name for bug in bugs}) == len(bugs) >= 18
