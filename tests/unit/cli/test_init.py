"""`eectl init`: each project is written, checked, tested and run as its README says, by processes as a user's."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
import yaml
from jsonschema import Draft7Validator, Draft202012Validator

from ee_core.cli.init import GITIGNORE, SCHEMA, TEMPLATES, read_template
from ee_core.cli.main import run_command
from ee_core.local.catalogue import FolderCatalogue

pytestmark = pytest.mark.slow  # all of them together

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE_S = 60


def eectl(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ee_core.cli", *arguments]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )


@pytest.fixture
def server(tmp_path):
    """What starts the project's server; returns its address."""
    started = []

    def start() -> str:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        process = subprocess.Popen(
            [sys.executable, "server.py", str(port)], cwd=tmp_path / "new", stderr=subprocess.DEVNULL
        )
        started.append(process)
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return f"http://127.0.0.1:{port}"
            time.sleep(0.05)
        raise AssertionError("the server does not listen")

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.timeout(240)
@pytest.mark.parametrize("template", TEMPLATES)
def test_a_project_is_checked_tested_and_run_as_it_is_written(template, tmp_path, server):
    made = eectl(tmp_path, "init", "new", "--template", template)
    assert (made.returncode, made.stderr) == (0, "")
    folder = tmp_path / "new"
    assert {path.name for path in folder.iterdir()} == {*read_template(template), SCHEMA, GITIGNORE}
    [workflow] = [path.name for path in folder.glob("*.ee.yaml")]

    checked = eectl(folder, "workflow", "check", workflow)
    tested = eectl(folder, "test")
    command = TEMPLATES[template].split("eectl ")[1].split()
    ran = eectl(folder, *command, *(["-i", f"shop={server()}"] if template == "http" else []))

    assert checked.returncode == 0, checked.stderr
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert "never:" not in tested.stdout
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "job succeeded" in ran.stdout
    assert workflow in (folder / "README.md").read_text()


@pytest.mark.parametrize("template", TEMPLATES)
def test_an_editor_finds_the_schema_that_the_workflow_names_and_it_fits(template, tmp_path):
    assert run_command(["init", str(tmp_path / "new"), "-t", template]) == 0

    [workflow] = (tmp_path / "new").glob("*.ee.yaml")
    first, _, rest = workflow.read_text().partition("\n")
    named = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
    schema = json.loads((workflow.parent / named[1]).read_text())
    for validator in (Draft7Validator, Draft202012Validator):  # editors read the one or the other
        validator.check_schema(schema)
        validator(schema).validate(yaml.safe_load(rest))
        broken = yaml.safe_load(rest.replace("start:", "strt:", 1))
        assert list(validator(schema).iter_errors(broken))


def test_the_schema_is_no_workflow_of_the_projects_catalogue(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run_command(["init"]) == 0

    entries = asyncio.run(FolderCatalogue(tmp_path).list())

    assert [(entry.name, entry.fault) for entry in entries] == [("hello", "")]


def test_nothing_is_written_over_without_a_word(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ee.toml").write_text("mine = 1\n")

    assert run_command(["init"]) == 10
    assert "nothing is written, for this is there already: ee.toml" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["ee.toml"]

    assert run_command(["init", "--force"]) == 0
    assert (tmp_path / "ee.toml").read_text() == read_template("hello")["ee.toml"]


def test_git_is_told_to_leave_out_what_is_kept_here_and_secrets(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run_command(["init", "new"]) == 0
    lines = (tmp_path / "new/.gitignore").read_text().splitlines()
    assert {".ee/", "secrets/", "__pycache__/"} <= set(lines)

    (tmp_path / ".gitignore").write_text("/.ee\n*.log\n")
    capsys.readouterr()
    assert run_command(["init", "--force"]) == 0

    assert "left .gitignore as it is; add to it secrets/, __pycache__/\n" in capsys.readouterr().out
    assert (tmp_path / ".gitignore").read_text() == "/.ee\n*.log\n"


def test_it_says_what_to_type_next(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    assert run_command(["init", "a b", "-t", "parallel"]) == 0

    expected = "next:\n  cd 'a b'\n  eectl run parcel.ee.yaml\n  eectl test\n"
    assert capsys.readouterr().out.endswith(expected)


def test_a_folder_that_cannot_be_made_is_named(tmp_path, capsys):
    (tmp_path / "file").write_text("")

    assert run_command(["init", str(tmp_path / "file" / "new")]) == 3
    assert "cannot be made" in capsys.readouterr().err
