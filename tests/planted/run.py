"""`poe planted`: plants each bug in a copy of the repository, and sees that the tests of its rule find it.

Beside the tests of the bug's rule run those of all other rules: which of them turn red too is told, and is no
failure. The exit code is 1 when a bug is not found by a test of its rule, or when the copy without bugs is not green.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from table import HERE, REPOSITORY, Bug, TableError, built_rules, read_bugs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

AT_ONCE = 2
LIMIT_S = 180.0  # of one run
TEST_LIMIT_S = 30  # of one test
_COPIED = ("ee_core", "plugins", "tests", "pyproject.toml")
_LEFT_OUT = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info")


@dataclass(frozen=True)
class Result:
    """What became of one run."""

    red: tuple[str, ...]
    passed: int
    seconds: float
    trouble: str = ""  # why the tests did not run to their end

    @property
    def is_green(self) -> bool:
        return not self.red and not self.trouble and self.passed > 0


class Copies:
    """Fresh copies of the repository; each takes the compiled files of the first along."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.first = folder / "unplanted"
        self.first.mkdir()
        for name in _COPIED:
            source = REPOSITORY / name
            if source.is_dir():
                shutil.copytree(source, self.first / name, ignore=_LEFT_OUT)
            else:
                shutil.copy2(source, self.first / name)

    @contextmanager
    def with_bug(self, bug: Bug) -> Iterator[Path]:
        """Give a copy that has this bug and no other.

        Raises:
            TableError: It cannot be planted.
        """
        root = self._folder / bug.place.replace(":", "-")
        shutil.copytree(self.first, root)
        try:
            bug.plant(root)
            changed = root / bug.file
            for compiled in (changed.parent / "__pycache__").glob(f"{changed.stem}.*.pyc"):
                compiled.unlink()  # were it of the same second and size, it would be believed
            yield root
        finally:
            shutil.rmtree(root)


def run_tests(root: Path, tests: Sequence[str]) -> Result:
    """Run tests in a copy, on its own code."""
    report = root / "red-tests.json"
    sources = [root, root / "tests" / "planted", *root.glob("plugins/*/src")]
    command = [sys.executable, "-m", "pytest", "-q", "--tb=no", "-p", "no:cacheprovider", "-p", "own_tree"]
    command += [f"--red-tests={report}", f"--timeout={TEST_LIMIT_S}", *tests]
    began = time.monotonic()
    try:
        done = subprocess.run(
            command,
            cwd=root,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, sources))},
            check=False,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
        )
    except subprocess.TimeoutExpired:
        return Result((), 0, time.monotonic() - began, f"not done within {LIMIT_S:.0f} s")
    seconds = time.monotonic() - began
    if done.returncode not in {0, 1, 2} or not report.is_file():
        return Result((), 0, seconds, (done.stdout + done.stderr)[-2000:])
    told = json.loads(report.read_text(encoding="utf-8"))
    return Result(tuple(told["red"]), told["passed"], seconds)


def judge(bug: Bug, result: Result, rules: dict[str, str]) -> tuple[list[str], list[str]]:
    """Return the red tests of the bug's rule, and the other rules that have some."""
    own = [test for test in result.red if test.startswith(rules[bug.rule]) or _is_named(bug, test)]
    others = [
        rule
        for rule, file in rules.items()
        if rule != bug.rule and any(test.startswith(file) for test in result.red)
    ]
    return own, others


def _is_named(bug: Bug, test: str) -> bool:
    return test.split("[", maxsplit=1)[0] in bug.tests


def _tell(bug: Bug, result: Result, rules: dict[str, str]) -> bool:
    """Print what became of a bug, and return whether it was found."""
    own, others = judge(bug, result, rules)
    print(
        f"{bug.rule:<4} {'found' if own else 'NOT FOUND':<9} {result.seconds:5.1f} s  {bug.place}  {bug.says}"
    )
    for test in own:
        print(f"       {test.partition('::')[2] or test}")
    if others:
        print(f"       (red too: {', '.join(others)})")
    if result.trouble:
        print(f"       {result.trouble}")
    return bool(own)


def _plant(copies: Copies, bug: Bug, rules: dict[str, str]) -> Result:
    with copies.with_bug(bug) as root:
        return run_tests(root, (*rules.values(), *bug.tests))


def _run_all(bugs: Sequence[Bug], rules: dict[str, str]) -> bool:
    missed = []
    with tempfile.TemporaryDirectory(prefix="ee-planted-") as folder:
        copies = Copies(Path(folder))
        named = dict.fromkeys(test for bug in bugs for test in bug.tests)
        unplanted = run_tests(copies.first, (*rules.values(), *named))
        print(f"without a bug: {unplanted.passed} tests passed, {len(unplanted.red)} failed")
        if not unplanted.is_green:
            print("\n".join(unplanted.red), unplanted.trouble)
            return False
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for bug, result in zip(bugs, pool.map(lambda bug: _plant(copies, bug, rules), bugs), strict=True):
                if not _tell(bug, result, rules):
                    missed.append(bug.place)
    print(f"{len(bugs) - len(missed)} of {len(bugs)} bugs were found")
    if missed:
        print(f"not found by a test of their rule: {', '.join(missed)}")
    return not missed


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=str(__doc__))
    parser.add_argument("--rule", action="append", default=[], help="only the bugs of this rule, as R4")
    parser.add_argument("--list", action="store_true", help="only say which bugs there are")
    wanted = parser.parse_args()
    rules = built_rules()
    bugs = [bug for bug in read_bugs() if not wanted.rule or bug.rule in wanted.rule]
    if not bugs:
        parser.error(f"no bug is known for {', '.join(wanted.rule)}; there are bugs in {HERE / 'bugs'}")
    if wanted.list:
        for bug in bugs:
            print(f"{bug.rule:<4} {bug.place:<12} {bug.file}: {bug.says}")
        return 0
    try:
        return 0 if _run_all(bugs, rules) else 1
    except TableError as error:
        print(error)
        return 1


if __name__ == "__main__":
    sys.exit(main())
