"""A pytest plugin for one planted run: the code under test is the copy's own, and red tests are written down."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take the file to write to."""
    parser.addoption("--red-tests", type=Path, required=True, help="where the names of red tests are written")


def pytest_configure(config: pytest.Config) -> None:
    """Refuse to run on another tree: the environment's editable install points at the repository."""
    config.pluginmanager.register(_RedTests(config.getoption("--red-tests")))
    for name in ("ee_core", *(path.name for path in config.rootpath.glob("plugins/*/src/ee_*"))):
        place = Path(str(importlib.import_module(name).__file__))
        assert place.is_relative_to(config.rootpath), f"{name} comes from {place}, not from {config.rootpath}"


class _RedTests:
    """Collects names."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._red: dict[str, None] = {}
        self._passed = 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._red[report.nodeid] = None
        elif report.when == "call" and report.passed:
            self._passed += 1

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._red[report.nodeid] = None

    def pytest_sessionfinish(self) -> None:
        self._place.write_text(json.dumps({"red": list(self._red), "passed": self._passed}), encoding="utf-8")
