"""All tests of some files and folders, one after the other; and what they say together about each workflow."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from ee_core.definitions.unreadable import suggest, unreadable
from ee_core.errors import EngineError, NotFoundError
from ee_core.simulation.workflow_test.cases import read_tests
from ee_core.simulation.workflow_test.coverage import measure
from ee_core.simulation.workflow_test.expectations import check_run, to_way
from ee_core.simulation.workflow_test.python_tests import explain, find_functions
from ee_core.simulation.workflow_test.running import RECORDED, run_loaded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ee_core.config import Settings
    from ee_core.simulation.workflow_test.cases import Case, TestFile
    from ee_core.simulation.workflow_test.coverage import Coverage
    from ee_core.simulation.workflow_test.run import Run

_T = TypeVar("_T")

_PATTERNS: Final = ("*.test.yaml", "*.test.yml", "*.test.json", "test_*.py")
_SKIPPED: Final = frozenset({"node_modules", "site-packages", "__pycache__", "venv"})


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one test.

    Attributes:
        failure: Why it failed, by lines; none when it passed.
    """

    file: str
    line: int
    name: str
    took_s: float
    failure: tuple[str, ...] = ()


@dataclass(slots=True)
class Session:
    """Carries tests out.

    Attributes:
        settings: Of the activity types.
        wanted: Says whether a test is to be run, by ``file: name``.
        invalid: The files that cannot be used, and why.
    """

    settings: Settings
    wanted: Callable[[str], bool] = lambda title: True
    invalid: dict[str, EngineError] = field(default_factory=dict)
    _runs: dict[str, list[Run]] = field(default_factory=dict)  # by the workflow's file

    def run(self, files: Sequence[Path]) -> Iterator[Result]:
        """Carry out the tests of some files; a file that cannot be used is kept in `invalid`."""
        for path in files:
            try:
                yield from self._run_python(path) if path.suffix == ".py" else self._run_stated(path)
            except EngineError as error:
                self.invalid[str(path)] = error

    def coverage(self) -> list[Coverage]:
        """Say of each workflow that was run which pointers never were followed."""
        return [measure(runs[0].workflow, runs) for runs in self._runs.values()]

    def _run_stated(self, path: Path) -> Iterator[Result]:
        tests = read_tests(_read(path), str(path), self.settings)
        for case in tests.cases:
            if self.wanted(f"{path}: {case.name}"):
                began_s = time.perf_counter()
                failure = self._recorded(partial(_run_case, tests, case))
                yield Result(str(path), case.line, case.name, time.perf_counter() - began_s, tuple(failure))

    def _run_python(self, path: Path) -> Iterator[Result]:
        for name, function in find_functions(path).items():
            if not self.wanted(f"{path}: {name}"):
                continue
            began_s = time.perf_counter()
            failure: list[str] = []
            try:
                self._recorded(function)
            except Exception as error:  # noqa: BLE001 - a test may raise anything
                failure = explain(error, path)
            line = function.__code__.co_firstlineno
            yield Result(str(path), line, name, time.perf_counter() - began_s, tuple(failure))

    def _recorded(self, work: Callable[[], _T]) -> _T:
        recorded: list[tuple[str, Run]] = []
        token = RECORDED.set(recorded)
        try:
            return work()
        finally:
            RECORDED.reset(token)
            for place, run in recorded:
                self._runs.setdefault(str(Path(place).resolve()), []).append(run)


def _run_case(tests: TestFile, case: Case) -> list[str]:
    try:
        run = run_loaded(tests.loaded, case.inputs, case.answers)
    except (AssertionError, TimeoutError) as error:
        return [str(error)]
    failure = check_run(run, case.expected)
    return [*failure, f"the way it took: {to_way(run.path)}"] if failure else []


def find_files(paths: Sequence[str]) -> list[Path]:
    """Return the files of tests that are meant: each file that is named, and those in folders below.

    Raises:
        NotFoundError: A path is not there, or there are no tests in a folder.
    """
    found: dict[Path, None] = {}
    for path in map(Path, paths):
        if path.is_dir():
            inside = sorted(
                each for pattern in _PATTERNS for each in path.rglob(pattern) if _is_own(each, path)
            )
            if not inside:
                raise NotFoundError(f"there are no tests in {path}; they are files {', '.join(_PATTERNS)}")
            found.update(dict.fromkeys(inside))
        elif path.is_file():
            found[path] = None
        else:
            raise NotFoundError(f"{path} is not there; {suggest(path, _has_tests)}")
    return list(found)


def _has_tests(path: Path) -> bool:
    return path.is_dir() or any(fnmatch(path.name, pattern) for pattern in _PATTERNS)


def _is_own(path: Path, folder: Path) -> bool:
    parts = path.relative_to(folder).parts[:-1]
    return not any(part.startswith(".") or part in _SKIPPED for part in parts)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error
