"""Distributions made for one test: their metadata and modules in a folder that stands on the path."""

from __future__ import annotations

import importlib
import sys
import textwrap
from importlib import metadata
from typing import TYPE_CHECKING, Protocol

import pytest

from ee_core.config import Settings
from ee_core.local.env import SystemEnv
from ee_core.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Install(Protocol):
    def __call__(
        self, distribution: str, entries: dict[str, str], *, version: str = "1.0", **modules: str
    ) -> Path: ...


class MakeRegistry(Protocol):
    def __call__(self, core: object | None = None, **settings: object) -> Registry: ...


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path; no other place on the path holds distributions."""
    folder = tmp_path / "site"
    folder.mkdir()
    empty = [entry for entry in sys.path if not list(metadata.distributions(path=[entry]))]
    monkeypatch.setattr(sys, "path", [str(folder), *empty])
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.fixture
def install(place: Path) -> Install:
    """Install a distribution.

    Args:
        entries: ``{"group:name": "module"}``.
        modules: Source text by module name.
    """

    def make(distribution: str, entries: dict[str, str], *, version: str = "1.0", **modules: str) -> Path:
        info = place / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        lines = []
        for key, value in entries.items():
            group, _, name = key.partition(":")
            lines += [f"[{group}]", f"{name} = {value}"]
        (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
        for name, source in modules.items():
            (place / f"{name}.py").write_text(textwrap.dedent(source))
        importlib.invalidate_caches()
        return info

    return make


@pytest.fixture
def make_registry(place: Path) -> MakeRegistry:
    def make(core: object | None = None, **settings: object) -> Registry:
        return Registry(Settings.model_validate(settings), SystemEnv(), core=core)

    return make
