"""Reads the planted bugs: small wrong changes, each with the rule that it breaks.

A file of `bugs/` holds the bugs of one rule, written from its sentences in the design: what would a plausible mistake
in this sentence be? Each ``[[bug]]`` says in one sentence what is wrong, and gives a file, text of it that occurs
there exactly once, and the text that takes its place. A rule that lives in the shell names in ``tests`` what checks
it beside its own file in `tests/rules`.

A file of `shell/` holds bugs of one part of the shell, each with a name; they are for simulated storms.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
_RULE = re.compile(r"r(\d\d)([a-z]?)")
_MEMBERS = {"says", "file", "old", "new", "tests"}
_SHELL_MEMBERS = {"name", "says", "file", "old", "new", "not_found"}


class TableError(Exception):
    """A bug that cannot be planted."""


@dataclass(frozen=True)
class Change:
    """One wrong change of one file."""

    place: str  # where it is written: ``r04.toml:2`` is the second of its file
    says: str
    file: str  # below the repository
    old: str
    new: str

    def plant(self, root: Path) -> None:
        """Change a copy of the repository.

        Raises:
            TableError: The old text is not there exactly once: the bug must be written anew.
        """
        path = root / self.file
        text = path.read_text(encoding="utf-8")
        if text.count(self.old) != 1:
            raise TableError(
                f"{self.place}: its old text occurs {text.count(self.old)} times in {self.file};"
                " write the bug anew for today's code"
            )
        path.write_text(text.replace(self.old, self.new), encoding="utf-8")

    def find_fault(self, root: Path) -> str:
        """Return why it cannot be planted, "" when it can."""
        path = root / self.file
        count = path.read_text(encoding="utf-8").count(self.old) if path.is_file() else 0
        if count != 1:
            return f"{self.place}: its old text occurs {count} times in {self.file}"
        return f"{self.place}: it changes nothing" if self.old == self.new else ""


@dataclass(frozen=True)
class Bug(Change):
    """A change that breaks a rule, to be found by the tests of that."""

    rule: str  # as the design names it: R4, R9a
    tests: tuple[str, ...]  # pytest ids beside the rule's own file

    def find_fault(self, root: Path) -> str:
        """Return why it cannot be planted, or cannot be found, "" when it can."""
        for test in self.tests:
            name, _, function = test.partition("::")
            source = (root / name).read_text(encoding="utf-8") if (root / name).is_file() else ""
            if f"def {function}(" not in source:
                return f"{self.place}: there is no test {test}"
        return super().find_fault(root)


@dataclass(frozen=True)
class ShellBug(Change):
    """A change in the shell around the model, to be found by simulated storms."""

    name: str
    not_found: str = ""  # why storms do not find it; "": they do


def rule_of(stem: str) -> str:
    """Return the rule that a file's name begins with: R9a for ``r09a_stateless``."""
    found = _RULE.fullmatch(stem.split("_", maxsplit=1)[0])
    if found is None:
        raise TableError(f"{stem!r} names no rule; expected a name like r04 or r09a")
    return f"R{int(found[1])}{found[2]}"


def built_rules(root: Path = REPOSITORY) -> dict[str, str]:
    """Return the rules that are built, each with the file of its tests."""
    files = sorted((root / "tests" / "rules").glob("test_r*.py"))
    return {rule_of(path.stem.removeprefix("test_")): f"tests/rules/{path.name}" for path in files}


def read_bugs() -> list[Bug]:
    """Read all bugs, by rule."""
    return [bug for path in sorted((HERE / "bugs").glob("*.toml")) for bug in _read_file(path)]


def _read_file(path: Path) -> list[Bug]:
    written = tomllib.loads(path.read_text(encoding="utf-8"))
    bugs = []
    for number, each in enumerate(written["bug"], start=1):
        place = f"{path.name}:{number}"
        if not {"says", "file", "old", "new"} <= each.keys() <= _MEMBERS:
            raise TableError(f"{place} has {sorted(each)}; expected says, file, old, new, and perhaps tests")
        members = {"tests": ()} | each
        bugs.append(Bug(rule=rule_of(path.stem), place=place, **members | {"tests": tuple(members["tests"])}))
    return bugs


def read_shell_bugs() -> list[ShellBug]:
    """Read the bugs for storms, by part."""
    bugs = []
    for path in sorted((HERE / "shell").glob("*.toml")):
        for each in tomllib.loads(path.read_text(encoding="utf-8"))["bug"]:
            place = f"{path.name}:{each.get('name')}"
            if not _SHELL_MEMBERS - {"not_found"} <= each.keys() <= _SHELL_MEMBERS:
                raise TableError(
                    f"{place} has {sorted(each)}; expected name, says, file, old, new, and perhaps not_found"
                )
            bugs.append(ShellBug(place=place, **each))
    return bugs
