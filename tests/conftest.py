"""Fixtures of all tests of the core.

Keep this short: a fixture belongs into the conftest nearest to its users.
Test folders are not packages, so test modules cannot import each other: what several use stands in `tests/shared`, which
is on the path, or in `ee_core.testing`, if authors of plugins want it too.
"""

from __future__ import annotations

import gc
import signal
from pathlib import Path

import pytest

# A shell has those it starts in the background ignore Ctrl-C and Ctrl-\, and whatever the tests start would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGQUIT") and signal.getsignal(signal.SIGQUIT) is signal.SIG_IGN:
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)


def pytest_collection_finish() -> None:
    """Spare the garbage collector what collection made: it lives until the end, and was looked through again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the repository."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def distributions(repository: Path) -> list[Path]:
    """The folder of each distribution: the core first, then the plugins by name."""
    return [repository, *sorted(path.parent for path in repository.glob("plugins/*/pyproject.toml"))]
