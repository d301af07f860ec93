"""The built wheels in a clean environment: what a user gets, without this repository on the path."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(900)]

PLUGINS = {
    "ee-nats": "ee_nats.broker",
    "ee-cel": "ee_cel",
    "ee-activity-http": "ee_activity_http",
    "ee-activity-python": "ee_activity_python",
    "ee-activity-shell": "ee_activity_shell",
    "ee-example": "ee_example",
    "ee-keyring": "ee_keyring",
}


@pytest.fixture(scope="module")
def wheels(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a wheel of each distribution."""
    folder = tmp_path_factory.mktemp("wheels")
    uv("build", "--all-packages", "--wheel", "--out-dir", str(folder), cwd=repository)
    return folder


@pytest.fixture(scope="module")
def installed(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the environment into which all of them are installed."""
    names = [
        "ee-core",
        "ee-nats[server]",
        "ee-cel",
        "ee-activity-http",
        "ee-activity-python",
        "ee-activity-shell",
        "ee-example",
        "ee-keyring",
    ]
    return make_environment(tmp_path_factory.mktemp("all"), wheels, names)


def uv(*arguments: str, cwd: Path | None = None) -> None:
    done = subprocess.run(["uv", *arguments], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def make_environment(folder: Path, wheels: Path, names: list[str]) -> Path:
    uv("venv", "--python", sys.executable, str(folder / "venv"))
    python = folder / "venv" / "bin" / "python"
    uv("pip", "install", "--python", str(python), "--find-links", str(wheels), *names)
    return python.parent


def run(command: list[str | Path], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def test_the_first_example_runs(installed: Path, repository: Path, tmp_path: Path):
    done = run([installed / "eectl", "run", repository / "docs" / "examples" / "hello.ee.yaml"], tmp_path)

    assert done.returncode == 0, done.stderr
    assert "job succeeded" in done.stdout


def test_a_new_project_is_written_tested_and_run(installed: Path, tmp_path: Path):
    done = run([installed / "eectl", "init", "new", "-t", "bot"], tmp_path)
    assert done.returncode == 0, done.stderr

    tested = run([installed / "eectl", "test"], tmp_path / "new")
    ran = run([installed / "eectl", "run", "letter.ee.yaml", "--bot", "writer.py"], tmp_path / "new")

    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert ran.returncode == 0, ran.stderr
    assert "job succeeded" in ran.stdout


def test_every_plugin_is_found_and_works(installed: Path, tmp_path: Path):
    done = run([installed / "eectl", "plugin", "list", "-o", "json"], tmp_path)

    rows = json.loads(done.stdout)
    assert {row["distribution"] for row in rows} == {"ee-core", *PLUGINS}
    assert [row for row in rows if row["state"] != "loaded"] == []


def test_no_stray_top_level_package_is_installed(installed: Path, tmp_path: Path):
    code = "import importlib.util as u; print([n for n in ('tests', 'plugins', 'docs') if u.find_spec(n)])"

    assert run([installed / "python", "-c", code], tmp_path).stdout.strip() == "[]"


@pytest.mark.parametrize("name", PLUGINS)
def test_a_plugin_works_alone_with_the_core(name: str, wheels: Path, tmp_path: Path):
    binaries = make_environment(tmp_path, wheels, ["ee-core", name])

    done = run([binaries / "python", "-c", f"import {PLUGINS[name]}"], tmp_path)

    assert done.returncode == 0, done.stderr
