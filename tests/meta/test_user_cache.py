"""Our runs leave nothing in the user's home: stevedore would keep a list of entry points there, which grows stale."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

USE_REGISTRY = """
from ee_core.config import Settings
from ee_core.local.env import SystemEnv
from ee_core.registry import Registry
rows = Registry(Settings(), SystemEnv()).check_all()
assert [row.name for row in rows if row.state == "loaded"], rows
"""
USE_STEVEDORE = """
from stevedore import ExtensionManager
assert ExtensionManager("ee.activities").entry_points_names()
"""


@pytest.fixture
def run(tmp_path: Path) -> Callable[[str], list[str]]:
    """Run a program in a process of its own, with a home of its own; return the files it left there."""

    def run(program: str) -> list[str]:
        home = {"HOME": str(tmp_path), "XDG_CACHE_HOME": "", "LOCALAPPDATA": str(tmp_path)}
        subprocess.run([sys.executable, "-c", program], check=True, env=home, capture_output=True)
        return [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()]

    return run


def test_loading_plugins_writes_nothing_into_the_home(run: Callable[[str], list[str]]) -> None:
    assert run(USE_REGISTRY) == []


@pytest.mark.skipif(sys.executable.startswith("/tmp"), reason="stevedore keeps no cache for such a Python")
def test_stevedore_by_itself_would_have_written(run: Callable[[str], list[str]]) -> None:
    assert run(USE_STEVEDORE) != []
