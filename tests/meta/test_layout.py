"""The shape of the repository: what lies where, how large, and with which bounds."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

MAX_MODULE_LINES = 500
TOP_LEVEL = {
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "README.md",
    "docs",
    "ee_core",
    "mkdocs.yml",
    "plugins",
    "pyproject.toml",
    "tests",
}
GENERATED = {"build", "dist", "site", "uv.lock"}


def read_project(distribution: Path) -> dict[str, Any]:
    return tomllib.loads((distribution / "pyproject.toml").read_text(encoding="utf-8"))


def find_packages(distribution: Path) -> list[Path]:
    """The import packages that a distribution's wheel holds."""
    wheel = read_project(distribution)["tool"]["hatch"]["build"]["targets"]["wheel"]
    return [distribution / name for name in wheel["packages"]]


def list_tracked(repository: Path) -> list[str]:
    """What git tracks, relative to the root; skips the test outside a checkout."""
    if not (repository / ".git").exists():
        pytest.skip("not a git checkout")
    command = ["git", "ls-files", "-z"]
    listing = subprocess.run(command, cwd=repository, check=True, capture_output=True, text=True)
    return [name for name in listing.stdout.split("\0") if name]


def test_top_level_holds_only_the_agreed_names(repository: Path) -> None:
    names = {path.name for path in repository.iterdir() if not path.name.startswith(".")}

    assert names >= TOP_LEVEL
    assert names - TOP_LEVEL - GENERATED == set()


def test_tracked_top_level_holds_nothing_generated(repository: Path) -> None:
    names = {name.split("/")[0] for name in list_tracked(repository)}

    assert {name for name in names if not name.startswith(".")} <= TOP_LEVEL


def test_no_lock_file_is_tracked(repository: Path) -> None:
    assert [name for name in list_tracked(repository) if Path(name).name == "uv.lock"] == []


def test_modules_are_small(distributions: list[Path]) -> None:
    modules = [
        module
        for distribution in distributions
        for package in find_packages(distribution)
        for module in package.rglob("*.py")
    ]
    lengths = {str(module): len(module.read_text(encoding="utf-8").splitlines()) for module in modules}

    assert lengths
    assert {name: lines for name, lines in lengths.items() if lines > MAX_MODULE_LINES} == {}


def test_each_distribution_is_complete(distributions: list[Path]) -> None:
    expected = [distribution / "README.md" for distribution in distributions]
    expected += [
        package / name
        for distribution in distributions
        for package in find_packages(distribution)
        for name in ("__init__.py", "py.typed")
    ]

    assert [str(path) for path in expected if not path.is_file()] == []


def test_each_plugin_folder_is_a_distribution(repository: Path, distributions: list[Path]) -> None:
    tracked = {name.split("/")[1] for name in list_tracked(repository) if name.startswith("plugins/")}

    assert {path.name for path in distributions[1:]} >= tracked
    assert [
        path.name for path in distributions[1:] if read_project(path)["project"]["name"] != path.name
    ] == []


def test_each_plugin_admits_the_current_core(distributions: list[Path]) -> None:
    core = Version(read_project(distributions[0])["project"]["version"])

    for plugin in distributions[1:]:
        requirements = map(Requirement, read_project(plugin)["project"]["dependencies"])
        bounds = [requirement.specifier for requirement in requirements if requirement.name == "ee-core"]
        assert len(bounds) == 1, f"{plugin.name} must name ee-core once"
        assert core in bounds[0], f"{plugin.name} wants ee-core{bounds[0]}, the core is {core}"
        assert f"{core.major}.{core.minor + 1}.0" not in bounds[0], f"{plugin.name} has no upper bound"


def test_each_plugin_is_in_the_development_environment(distributions: list[Path]) -> None:
    root = read_project(distributions[0])
    names = {plugin.name for plugin in distributions[1:]}
    wanted = {Requirement(line).name for line in root["dependency-groups"]["dev"]}

    assert names <= wanted
    assert names <= set(root["tool"]["uv"]["sources"])


def test_each_plugin_is_under_the_import_contracts(distributions: list[Path]) -> None:
    linter = read_project(distributions[0])["tool"]["importlinter"]
    packages = {package.name for plugin in distributions[1:] for package in find_packages(plugin)}

    assert packages <= set(linter["root_packages"])
    for contract in linter["contracts"]:
        if contract["id"].startswith("plugin-"):
            assert packages == set(contract.get("source_modules") or contract["modules"])


def test_all_distributions_support_the_same_python(distributions: list[Path]) -> None:
    assert {read_project(path)["project"]["requires-python"] for path in distributions} == {">=3.11"}


def test_no_test_folder_is_a_package(distributions: list[Path]) -> None:
    found = [
        str(path)
        for distribution in distributions
        for folder in [distribution / "tests"]
        for path in folder.rglob("__init__.py")
    ]

    assert found == []


def test_ruff_exceptions_carry_their_reason(repository: Path) -> None:
    text = (repository / "pyproject.toml").read_text(encoding="utf-8")
    ignored = re.search(r"^ignore = \[\n(.*?)^\]", text, re.MULTILINE | re.DOTALL)

    assert ignored is not None
    assert [line for line in ignored[1].splitlines() if "#" not in line] == []
